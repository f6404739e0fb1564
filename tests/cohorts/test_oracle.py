"""The engine gives the cohort of the oracle on random populations: units, months, flow, weights."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import Phase, given, settings

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.definitions.cells import PublicDefinition
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.errors import InputError
from pacte_eval.tables.source import open_source
from tests.cohorts.comparing import differences, write_folder
from tests.cohorts.oracle import Expected, build
from tests.cohorts.people import rows_in_words
from tests.cohorts.populations import PUBLICS, Case, cases, fewest

# How many populations: PACTE_ORACLE_EXAMPLES=2000 looks further, and elsewhere each time.
ASKED = os.environ.get("PACTE_ORACLE_EXAMPLES")
EXAMPLES = int(ASKED or 30)


def engine(case: Case, folder: Path) -> Cohort:
    """The cohort that the engine makes."""
    publics = [
        PublicDefinition.model_validate({"id": name, "label": name, "description": "", "where": w})
        for name, w in PUBLICS.items()
    ]
    source = open_source(write_folder(folder, case.tables, case.coverage))
    return build_cohort(CohortDefinition.model_validate(case.definition), source, publics)


def is_refused(expected: Expected) -> bool:
    """Whether an arm of a cohort is empty."""
    return any(not chart[-1].remaining for chart in expected.flow.values())


def disagreements(case: Case) -> list[str]:
    """Where the engine and the oracle differ; both refuse a cohort with an empty arm."""
    expected = build(case.definition, case.tables, case.coverage, PUBLICS)
    with TemporaryDirectory() as folder:
        try:
            cohort = engine(case, Path(folder))
        except InputError as error:
            return [] if is_refused(expected) else [f"the engine refuses: {error}"]
        if is_refused(expected):
            return ["the engine makes a cohort with an empty arm"]
        return differences(expected, cohort, case.definition)


@pytest.mark.slow
def test_random_populations() -> None:
    made = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=ASKED is None,
        database=None,
        phases=[Phase.generate],
    )
    @given(cases())
    def agree(case: Case) -> None:
        nonlocal made
        if disagreements(case):
            smaller = fewest(case, lambda other: bool(disagreements(other)))
            raise AssertionError(in_words(smaller))
        made += not is_refused(build(case.definition, case.tables, case.coverage, PUBLICS))

    agree()
    assert made >= EXAMPLES / 2, f"{made} populations of {EXAMPLES} give a cohort"


def in_words(case: Case) -> str:
    """What differs, the definition, what the tables cover and their rows."""
    definition = yaml.safe_dump(case.definition, sort_keys=False, default_flow_style=None)
    rows = rows_in_words(case.tables)
    return "\n".join(["", *disagreements(case), "", definition, str(case.coverage), "", rows])
