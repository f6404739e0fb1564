"""A source: administrative tables where they lie, checked against the contract, as Ibis tables.

A folder of Parquet files, one per table of the contract, with a `source.yml` that says what the
data are (`nature`), what period each table covers, and how to name them on a page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb
import ibis
import pandas as pd
from ibis.expr.types import Table
from pydantic import model_validator

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.reading import Definition, read_definition
from pacte_eval.tables.checks import check_table
from pacte_eval.tables.contract import REQUIRED_TABLES, TABLES
from pacte_eval.tables.fingerprint import fingerprint_of

Coverage = tuple[date, date]
Nature = Literal["synthetic", "public", "confidential"]


class SourceDescription(Definition):
    """What `source.yml` declares."""

    nature: Nature
    label: str
    coverage: dict[Literal["registrations", "trainings", "contracts", "certifications"], Coverage]
    seed: int | None = None
    people: int | None = None
    variant: str | None = None
    confounding: float | None = None
    version: str | None = None

    @model_validator(mode="after")
    def _covers_required(self) -> SourceDescription:
        missing = [table for table in REQUIRED_TABLES if table not in self.coverage]
        if missing:
            raise ValueError(f"coverage dates of {', '.join(missing)} are missing")
        for table, (first, last) in self.coverage.items():
            if first > last:
                raise ValueError(f"coverage of {table} ends ({last}) before it starts ({first})")
        return self


@dataclass(frozen=True)
class Source:
    """Checked administrative tables.

    Attributes
    ----------
    folder : Path
        Where the tables lie.
    tables : dict of str to ibis Table
        By name of the contract; exact duplicate rows removed.
    coverage : dict of str to (date, date)
        First and last day that each table covers.
    losses : DataFrame
        For each table, ``rows`` read, exact ``duplicates`` removed, and rows ``unlinked``, without
        a person key.
    fingerprint : str
        sha256 over the bytes of the files.
    """

    folder: Path
    nature: Nature
    label: str
    tables: dict[str, Table]
    coverage: dict[str, Coverage]
    losses: pd.DataFrame
    fingerprint: str


def open_source(folder: Path, progress: Callable[[str], None] = lambda _: None) -> Source:
    """Open a folder of tables and check every row against the contract.

    Raises
    ------
    InputError
        If the folder or a required table is missing, or if a table breaks the contract.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder of the tables with --source")
    description = read_definition(folder / "source.yml", SourceDescription)
    files = {name: folder / f"{name}.parquet" for name in TABLES}
    for name in REQUIRED_TABLES:
        if not files[name].is_file():
            raise InputError(f"{files[name]}: no such file; the contract requires this table")
    present = {name: path for name, path in files.items() if path.is_file()}
    connection = ibis.duckdb.connect()
    tables, losses = {}, []
    for name, path in present.items():
        progress(f"checking {path.name}")
        try:
            raw = connection.read_parquet(str(path))
        except duckdb.Error as error:
            raise InputError(f"{path}: not a readable Parquet file") from error
        columns = check_table(raw, name, path)
        distinct = raw.select(columns).distinct()
        tables[name] = distinct.cache()
        losses.append((name, *_losses(raw, tables[name])))
    return Source(
        folder=folder,
        nature=description.nature,
        label=description.label,
        tables=tables,
        coverage={str(name): dates for name, dates in description.coverage.items()},
        losses=pd.DataFrame(losses, columns=["table", "rows", "duplicates", "unlinked"]),
        fingerprint=fingerprint_of([folder / "source.yml", *present.values()]),
    )


def _losses(raw: Table, kept: Table) -> tuple[int, int, int]:
    """Rows read, exact duplicates removed, and rows kept without a person key."""
    rows, left = int(raw.count().execute()), int(kept.count().execute())
    unlinked = kept.person.isnull().sum().execute() if "person" in kept.columns else 0
    return rows, rows - left, int(unlinked)
