"""A source is written whole or not at all, and twice alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.synthetic import Population, simulate, write, writing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def small() -> Population:
    return simulate(1_000, 11)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, small: Population) -> None:
    write(small, tmp_path / "once")
    write(simulate(1_000, 11), tmp_path / "again")
    for suffix in ("", "-truth"):
        once, again = (contents(tmp_path / (name + suffix)) for name in ("once", "again"))
        assert once == again
    other = simulate(1_000, 12)
    assert not np.array_equal(other.employed, small.employed)


def test_an_earlier_simulation_is_replaced(tmp_path: Path, small: Population) -> None:
    out = tmp_path / "region"
    write(simulate(1_000, 12), out)
    before = contents(out)
    write(small, out)
    assert contents(out).keys() == before.keys()
    assert contents(out) != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["region", "region-truth"]


@pytest.mark.parametrize("name", ["region", "region-truth"])
def test_a_folder_that_is_not_ours_is_left_alone(
    tmp_path: Path, small: Population, name: str
) -> None:
    foreign = tmp_path / name
    foreign.mkdir()
    (foreign / "source.yml").write_text("nature: confidential\n", encoding="utf-8")
    with pytest.raises(InputError, match="not written by 'pacte simulate'"):
        write(small, tmp_path / "region")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in foreign.iterdir()] == ["source.yml"]


def test_a_place_that_cannot_hold_a_folder_is_refused(tmp_path: Path, small: Population) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        write(small, tmp_path / "file" / "region")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_target_is_checked_before_simulating(tmp_path: Path) -> None:
    (tmp_path / "region").mkdir()
    with pytest.raises(InputError, match="give another folder"):
        writing.check_target(tmp_path / "region")
    writing.check_target(tmp_path / "elsewhere")


def test_too_few_people_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1000"):
        simulate(999, 1)


def test_progress_reaches_the_end(tmp_path: Path, small: Population) -> None:
    told: list[float] = []
    write(small, tmp_path / "region", progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
