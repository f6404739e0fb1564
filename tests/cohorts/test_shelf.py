"""Arrays kept in files are those kept in memory, and leave nothing behind."""

from __future__ import annotations

import gc
from datetime import date
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from pacte_eval.cohorts.lives import read_lives
from pacte_eval.cohorts.register import read_register
from pacte_eval.cohorts.shelf import Shelf
from pacte_eval.definitions.cohort import OutcomeName
from tests.cohorts.registers import source_of


def test_arrays_on_disk_are_those_in_memory(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.int32).reshape(3, 4)
    for shelf in (Shelf(), Shelf.on_disk(tmp_path / "new")):
        kept = shelf.keep(array)
        assert kept.dtype == array.dtype
        np.testing.assert_array_equal(kept, array)
        blank = shelf.zeros((3, 4), np.int8)
        assert blank.dtype == np.int8
        assert not blank.any()
        blank[1, 2] = 5
        assert blank.sum() == 5


@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_empty_arrays_need_no_file(tmp_path: Path, shape: tuple[int, int]) -> None:
    shelf = Shelf.on_disk(tmp_path)
    assert shelf.zeros(shape, np.int8).shape == shape
    assert shelf.keep(np.empty(shape, np.int8)).shape == shape
    assert not list(tmp_path.rglob("*.npy"))


def test_files_go_with_their_shelf(tmp_path: Path) -> None:
    shelf = Shelf.on_disk(tmp_path)
    shelf.keep(np.arange(3))
    assert list(tmp_path.rglob("*.npy"))
    del shelf
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_lives_read_to_files_give_the_same_outcomes(tmp_path: Path) -> None:
    people = [f"p{i}" for i in range(6)]
    contracts: list[dict[str, Any]] = [
        {
            "contract": f"c{i}",
            "person": people[i % 6],
            "start": date(2019, 1 + i % 12, 1 + i),
            "end": None if i % 5 == 0 else date(2020, 1 + i % 12, 28),
            "full_time": [True, False, None][i % 3],
            "monthly_minutes": None if i % 4 == 0 else 4000 + i,
            "monthly_pay": None if i % 7 == 0 else 100_000 + i,
        }
        for i in range(20)
    ]
    source = source_of(
        registrations=[{"person": who, "start": date(2018, 1, 1)} for who in people],
        trainings=[{"training": "f", "person": "p0", "start": date(2019, 3, 4)}],
        contracts=contracts,
    )
    register = read_register(source, {"category"}, 0)
    persons = np.arange(6, dtype=np.int32)
    in_memory = read_lives(source, register, persons, 31, Shelf())
    on_disk = read_lives(source, register, persons, 31, Shelf.on_disk(tmp_path))
    for name in get_args(OutcomeName):
        if name != "acces_emploi":
            expected, found = in_memory.calendar(name), on_disk.calendar(name)
            np.testing.assert_array_equal(found.values, expected.values, err_msg=name)
            assert (found.first, found.unit) == (expected.first, expected.unit)
    assert list(tmp_path.rglob("*.npy"))
