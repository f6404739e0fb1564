"""The memory told before a build, and the build that spills."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.cohorts import build_cohort
from pacte_eval.cohorts.memory import Memory, memory_needed
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.machine import Machine
from pacte_eval.definitions.project import Project
from pacte_eval.tables.source import Source, open_source


@pytest.fixture
def source(write_source: Any) -> Source:
    people = [f"p{i:02d}" for i in range(30)]
    registrations = [{"person": name, "start": date(2018, 10, 1)} for name in people]
    trainings = [
        {"training": f"t{i}", "person": name, "start": date(2019, 3, 4)}
        for i, name in enumerate(people[:4])
    ]
    contracts = [
        {"contract": f"c{i}", "person": name, "start": date(2018, 1, 5), "end": date(2018, 9, 30)}
        for i, name in enumerate(people)
    ]
    folder = write_source(registrations=registrations, trainings=trainings, contracts=contracts)
    return open_source(folder)


def machine(memory: str, spill: Path = Path("spill")) -> Machine:
    return Machine.model_validate({"memory": memory, "spill": spill})


def test_memory_grows_with_the_definition(source: Source) -> None:
    definition = Project(shipped_library()).cohort("entrants-2019")
    more = definition.model_copy(
        update={"window": definition.window.model_copy(update={"after": 60})}
    )
    needed, longer = memory_needed(definition, source), memory_needed(more, source)
    assert longer.outcome > needed.outcome
    assert needed.total > needed.least > 0
    assert needed.contracts > 0


def test_what_cannot_spill_is_refused_beyond_what_is_allowed() -> None:
    needed = Memory(register=10**9, units=10**9, contracts=10**9, calendar=10**9, outcome=10**9)
    needed.refuse_beyond(machine("3GB"))
    with pytest.raises(InputError, match=r"raise memory in machine\.yml"):
        needed.refuse_beyond(machine("2GB"))
    assert "spill to disk" in needed.sentence(machine("3GB"))
    assert "spill" not in needed.sentence(machine("6GB"))


def test_a_cohort_that_spills_is_the_same(source: Source, tmp_path: Path) -> None:
    definition = Project(shipped_library()).cohort("entrants-2019")
    kept = build_cohort(definition, source)
    spilled = build_cohort(
        definition,
        source,
        spill=memory_needed(definition, source).spill(machine("300MB", tmp_path / "spill")),
    )
    assert list((tmp_path / "spill").rglob("*.npy"))
    pd.testing.assert_frame_equal(kept.units, spilled.units)
    pd.testing.assert_frame_equal(kept.covariates, spilled.covariates)
    for name in kept.outcomes:
        np.testing.assert_array_equal(kept.outcomes[name].values, spilled.outcomes[name].values)
