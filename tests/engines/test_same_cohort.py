"""The same definition gives the same cohort whatever engine holds the tables, sampling included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.definitions.cells import PublicDefinition
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.tables.source import open_source
from tests.cohorts.comparing import write_folder
from tests.cohorts.people import dirty_person, plain_person, tables_of
from tests.cohorts.populations import ALL_OUTCOMES, ALWAYS_COVERED, PUBLICS

AsEngine = Callable[[Path, str], Path]
SEED = 2019
ARMS: dict[str, Any] = {
    "certifiante": {"objective": "certification"},
    "non_certifiante": {"objective": {"not": ["certification"]}},
    "en_attente": {"controls": "not-yet-trained"},
    "jamais": {"controls": "never-trained"},
    "certifiee": {"of": "certifiante", "certified": True, "after_entry": True},
    "abandon": {"of": "certifiante", "dropped_out": True, "after_entry": True},
}


def definition(clock: str, keep: str) -> CohortDefinition:
    """Every kind of rule, and fewer controls than people at risk."""
    return CohortDefinition.model_validate(
        {
            "id": "essai",
            "label": "Essai",
            "entry": {
                "table": "trainings",
                "period": ["2019-12", "2020-03"],
                "keep": keep,
                "clock": clock,
                "where": {"formacode": ["31", "32"]},
            },
            "arms": ARMS,
            "population": [
                {"rule": "linked"},
                {"rule": "registered", "categories": ["A", "B", "C"]},
                {
                    "rule": "any",
                    "of": [
                        {"rule": "age", "between": [16, 60]},
                        {"rule": "lives_in", "territory": "region-93"},
                        {"rule": "level", "in": ["aucun"]},
                        {"rule": "public", "public": "fragiles"},
                        {"rule": "cumulated_unemployment", "between": [6, 12], "months_before": 12},
                    ],
                },
                {"rule": "elapsed_unemployment", "between": [0, 60]},
                {"rule": "no_training", "months_before": 6},
                {"rule": "covered", "months_before": 12, "months_after": 6},
            ],
            "controls": {"per_treated": 1, "seed": SEED},
            "contracts": {"min_days": 31},
            "window": {"before": 12, "after": 18},
            "outcomes": ALL_OUTCOMES,
            "covariates": [
                "age",
                "sex",
                "diploma",
                "category",
                "benefit",
                "unemployment_duration",
                "previous_spells",
                "departement",
                "zone",
                "employment_history",
                "earnings_history",
            ],
            "history": {"match": [-12, -1], "step": 6},
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three hundred people, accents in their keys, as files."""
    random = Random(SEED)
    people = [
        *(plain_person(random, trained=number % 3 == 0) for number in range(150)),
        *(dirty_person(random) for _ in range(150)),
    ]
    tables = tables_of(people, random)
    for row in (row for rows in tables.values() for row in rows):
        if row.get("person") is not None:
            row["person"] = accented(row["person"])
    return write_folder(tmp_path / "files", tables, dict.fromkeys(tables, ALWAYS_COVERED))


def accented(person: str) -> str:
    """A key whose order is not the same by bytes and in French."""
    return person.replace("p", "éP" if person[-1] in "147" else "Z" if person[-1] in "258" else "e")


def built(folder: Path, clock: str, keep: str) -> Cohort:
    """The cohort of a source."""
    publics = [
        PublicDefinition.model_validate({"id": name, "label": name, "description": "", "where": w})
        for name, w in PUBLICS.items()
    ]
    return build_cohort(definition(clock, keep), open_source(folder), publics)


@pytest.mark.parametrize(("clock", "keep"), [("entry", "first"), ("end", "every")])
def test_the_same_cohort(
    folder: Path, as_engine: AsEngine, engine: str, clock: str, keep: str
) -> None:
    files = built(folder, clock, keep)
    moved = built(as_engine(folder, engine), clock, keep)
    drawn = files.flow[files.flow["rule"] == "drawn"]
    assert (drawn["excluded"] > 0).all(), "there is something to draw from"
    assert files.units["arm"].nunique() == 4
    for part in ("units", "covariates", "strata", "cells", "after_entry", "flow"):
        pd.testing.assert_frame_equal(
            getattr(moved, part), getattr(files, part), check_exact=True, obj=part
        )
    assert list(moved.outcomes) == list(files.outcomes)
    for name in files.outcomes:
        one, other = files.outcomes[name], moved.outcomes[name]
        pd.testing.assert_frame_equal(
            pd.DataFrame(other.values, other.units, list(other.periods)),
            pd.DataFrame(one.values, one.units, list(one.periods)),
            check_exact=True,
            obj=name,
        )
    pd.testing.assert_frame_equal(moved.history(after_entry=True), files.history(after_entry=True))
