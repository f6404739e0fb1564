"""The people of `assurance/`, whose cohort was worked out by hand, in the engine and the oracle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from pacte_eval.cohorts import build_cohort
from pacte_eval.definitions.cells import PublicDefinition
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.months import parse_month
from pacte_eval.tables.source import open_source
from tests.cohorts.comparing import (
    Units,
    differences,
    same,
    told_by_engine,
    told_by_oracle,
    write_folder,
)
from tests.cohorts.oracle import build

FILES = sorted((Path(__file__).parent / "assurance").glob("*.yml"))
TABLES = ("registrations", "trainings", "contracts", "certifications", "missions_locales")


def read(path: Path) -> dict[str, Any]:
    """A file of people, with the names that the definition of its cohort needs."""
    case: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    case["cohort"] = {"id": path.stem.replace("_", "-"), "label": case["about"], **case["cohort"]}
    case.setdefault("publics", {})
    return case


def tables_of(case: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows of everyone, each with what it does not say; keys are made where none is given."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for person, facts in [(None, case.get("unlinked", {})), *case["people"].items()]:
        for name in TABLES:
            for row in facts.get(name, ()):
                rows = tables.setdefault(name, [])
                owner = {} if name == "certifications" else {"person": person}
                key = {"trainings": "training", "contracts": "contract"}.get(name)
                made = {key: f"{person}-{name}-{len(rows)}"} if key else {}
                rows.append({**made, **owner, **case["defaults"].get(name, {}), **row})
    tables.setdefault(
        "contracts", [{"contract": "nobody", "start": date(2017, 1, 1), "nature": "cdd"}]
    )
    return tables


def months(outcome: Mapping[Any, Any]) -> Iterator[tuple[int, Any]]:
    """The months that a file names, one by one: ``0..3`` is four of them."""
    for named, value in outcome.items():
        first, _, last = str(named).partition("..")
        for month in range(int(first), int(last or first) + 1):
            yield month, value


def checked(case: Mapping[str, Any], told: Units) -> list[str]:
    """Where a cohort is not what a file says, person by person."""
    wrong = []
    for person, facts in case["people"].items():
        found = {key[:3]: {"training": key[3], **told[key]} for key in told if key[1] == person}
        wanted = {(unit["arm"], person, str(unit["time_zero"])): unit for unit in facts["units"]}
        if found.keys() != wanted.keys():
            wrong.append(f"{person}: {sorted(found)}, not {sorted(wanted)} ({facts['why']})")
        for key in found.keys() & wanted.keys():
            wrong += [
                f"{key}: {what} is {got}, not {value} ({facts['why']})"
                for what, got, value in _compared(case, found[key], wanted[key])
                if not same(got, value)
            ]
    return wrong


def _compared(
    case: Mapping[str, Any], told: Mapping[str, Any], unit: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    yield "weight", told["weight"], unit.get("weight", 1)
    origin = unit.get("origin", str(unit["time_zero"])[:7])
    yield "origin", told["origin_month"], parse_month(origin)
    if "training" in unit:
        yield "training", told["training"], unit["training"]
    for name, value in unit.get("eve", {}).items():
        if name in told["eve"]:
            yield name, told["eve"][name], value
    if "publics" in unit:
        yield "publics", told["publics"], set(unit["publics"])
    if "after_entry" in unit:
        yield "after_entry", told["after_entry"], set(unit["after_entry"])
    for name, outcome in unit.get("outcomes", {}).items():
        for month, value in months(outcome):
            yield f"{name} of month {month}", told["outcomes"][name][month], value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_oracle_says_what_was_worked_out(path: Path) -> None:
    case = read(path)
    expected = build(case["cohort"], tables_of(case), case["coverage"], case["publics"])
    assert not checked(case, told_by_oracle(expected, case["cohort"]["window"]["before"]))
    for arm, rows in case.get("flow", {}).items():
        assert [[row.rule, row.remaining] for row in expected.flow[arm]] == rows, arm


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_engine_says_what_was_worked_out(path: Path, tmp_path: Path) -> None:
    case = read(path)
    tables = tables_of(case)
    publics = [
        PublicDefinition.model_validate({"id": name, "label": name, "description": "", "where": w})
        for name, w in case["publics"].items()
    ]
    cohort = build_cohort(
        CohortDefinition.model_validate(case["cohort"]),
        open_source(write_folder(tmp_path / "source", tables, case["coverage"])),
        publics,
    )
    assert not checked(case, told_by_engine(cohort, case["publics"]))
    for arm, rows in case.get("flow", {}).items():
        chart = cohort.flow[cohort.flow["arm"] == arm].sort_values("order")
        assert [list(row) for row in zip(chart["rule"], chart["remaining"], strict=True)] == rows
    expected = build(case["cohort"], tables, case["coverage"], case["publics"])
    assert not differences(expected, cohort, case["cohort"])


def test_enough_people_are_told() -> None:
    people = [facts for path in FILES for facts in read(path)["people"].values()]
    assert len(people) >= 40
    assert all(facts["why"].strip() for facts in people)
