"""The same rows for the engine and for the oracle, and what differs between their cohorts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from pacte_eval.cohorts import Cohort
from pacte_eval.tables.contract import columns
from tests.cohorts.oracle import Expected, ExpectedUnit

Rows = Sequence[Mapping[str, Any]]
Units = dict[tuple[str, str, str, str], dict[str, Any]]
ARROW = {
    "text": pa.string(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}
FLOW = ("arm", "rule", "excluded", "remaining")
# Of what is known on the eve, what the covariates of the engine say in the same words.
EVE = (
    "age",
    "sex",
    "category",
    "benefit",
    "unemployment_duration",
    "unemployment_band",
    "previous_spells",
    "departement",
)
UNKNOWN = "inconnu"
THREE_YEARS = 36


def write_folder(
    folder: Path, tables: Mapping[str, Rows], coverage: Mapping[str, tuple[date, date]]
) -> Path:
    """Write rows as a source; a column that no row holds is written empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        table = pa.table(
            {
                column.name: pa.array([row.get(column.name) for row in rows], ARROW[column.kind])
                for column in columns(name).values()
            }
        )
        pq.write_table(table, folder / f"{name}.parquet")
    described = {
        "nature": "synthetic",
        "label": "Personnes inventées",
        "coverage": {name: list(dates) for name, dates in coverage.items()},
    }
    (folder / "source.yml").write_text(yaml.safe_dump(described), encoding="utf-8")
    return folder


def told_by_engine(cohort: Cohort, publics: Iterable[str] = ()) -> Units:
    """What the engine says of each unit, in plain values; the publics that were asked for."""
    units: Units = {}
    for index, row in cohort.units.iterrows():
        training = "" if pd.isna(row["training"]) else row["training"]
        key = (row["arm"], row["person"], str(row["time_zero"])[:10], training)
        assert key not in units, f"the engine gives {key} twice"
        units[key] = {
            "entry_month": int(row["entry_month"]),
            "origin_month": int(row["origin_month"]),
            "weight": float(row["weight"]),
            "eve": {
                name: _known(cohort.covariates, index, name)
                for name in (*EVE, *cohort.covariate_months)
                if name in cohort.covariates and not name.endswith("_missing")
            },
            "publics": {name for name in publics if cohort.cells.at[index, name]},
            "after_entry": {arm for arm in cohort.after_entry if cohort.after_entry.at[index, arm]},
            "outcomes": {},
        }
    for name in cohort.outcomes:
        outcome = cohort.outcomes[name]
        for unit, values in zip(units.values(), outcome.aligned(cohort.units.index), strict=True):
            unit["outcomes"][name] = {
                month: _plain(value) for month, value in zip(outcome.periods, values, strict=True)
            }
    return units


def told_by_oracle(expected: Expected, before: int) -> Units:
    """What the oracle expects of each unit, in the same shape; `before` is the window's."""
    return {
        (unit.arm, unit.person, str(unit.time_zero), unit.training or ""): {
            "entry_month": unit.entry_month,
            "origin_month": unit.origin_month,
            "weight": unit.weight,
            "eve": {name: _as_covariate(unit, name) for name in EVE} | unit.history,
            "publics": {name for name, belongs in unit.publics.items() if belongs},
            "after_entry": set(unit.after_entry),
            "outcomes": {
                name: dict(enumerate(values, start=-before))
                for name, values in unit.outcomes.items()
            },
        }
        for unit in expected.units
    }


def _as_covariate(unit: ExpectedUnit, name: str) -> Any:
    """What is known on the eve; the covariate of unemployment stops at three years."""
    value = unit.attributes.get(name)
    if name == "unemployment_duration" and value is not None:
        return min(value, THREE_YEARS)
    return value


def differences(expected: Expected, cohort: Cohort, case: Mapping[str, Any]) -> list[str]:
    """Where a cohort is not what the oracle expects, one sentence each."""
    publics = {name for unit in expected.units for name in unit.publics}
    engine = told_by_engine(cohort, publics)
    oracle = told_by_oracle(expected, case["window"]["before"])
    found = [*_flow_differences(expected, cohort)]
    found += [f"{key}: the oracle expects no such unit" for key in engine.keys() - oracle.keys()]
    found += [f"{key}: the engine has no such unit" for key in oracle.keys() - engine.keys()]
    for key in sorted(engine.keys() & oracle.keys()):
        got, wanted = dict(_leaves(engine[key])), dict(_leaves(oracle[key]))
        found += [
            f"{key}: {name} is {got[name]!r}, expected {wanted.get(name)!r}"
            for name in got
            if not same(got[name], wanted.get(name))
        ]
    return found


def flow_of(cohort: Cohort) -> dict[str, list[tuple[str, int, int]]]:
    """By arm, each rule with how many it excludes and how many remain."""
    flow = cohort.flow.sort_values("order", kind="stable")
    chart: dict[str, list[tuple[str, int, int]]] = {arm: [] for arm in flow["arm"]}
    for arm, *row in zip(*(flow[name] for name in FLOW), strict=True):
        rule, excluded, remaining = row
        chart[arm].append((rule, int(excluded), int(remaining)))
    return chart


def _flow_differences(expected: Expected, cohort: Cohort) -> Iterator[str]:
    engine = flow_of(cohort)
    for arm, rows in expected.flow.items():
        oracle = [(row.rule, row.excluded, row.remaining) for row in rows]
        if engine.get(arm) != oracle:
            yield f"flow of {arm}:\n    engine {engine.get(arm)}\n    oracle {oracle}"


def _leaves(unit: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is said of a unit, one value at a time."""
    for name, value in unit.items():
        if isinstance(value, Mapping):
            yield from ((f"{name} {key}", leaf) for key, leaf in _leaves(value))
        else:
            yield str(name), value


def _known(covariates: pd.DataFrame, unit: Any, name: str) -> Any:
    """A covariate, none where the engine writes that it is not known."""
    value, flag = covariates.at[unit, name], f"{name}_missing"
    if value == UNKNOWN or (flag in covariates and covariates.at[unit, flag] == "oui"):
        return None
    return _plain(value)


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def same(got: Any, wanted: Any) -> bool:
    """Whether two values are the same, numbers but for their rounding."""
    if isinstance(got, float) and isinstance(wanted, (int, float)):
        return math.isclose(got, wanted, rel_tol=1e-6)
    return bool(got == wanted)
