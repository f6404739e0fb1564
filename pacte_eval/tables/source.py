"""A source: administrative tables where they lie, checked against the contract, as Ibis tables.

A folder with a `source.yml` that says what the data are (`nature`), what period each table covers,
how to name them on a page, and where they lie when they are not files of that folder (`at`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table
from pydantic import AfterValidator, model_validator

from pacte_eval.definitions.errors import InputError, counted
from pacte_eval.definitions.machine import Machine
from pacte_eval.definitions.reading import Definition, read_definition
from pacte_eval.tables.checks import Checked, check_table
from pacte_eval.tables.contract import REQUIRED_TABLES, TABLES, key_of
from pacte_eval.tables.engines import Store, check_place, open_store, reading
from pacte_eval.tables.fingerprint import fingerprint_of, fingerprint_of_measures

Coverage = tuple[date, date]
Nature = Literal["synthetic", "public", "confidential"]
TableName = Literal[
    "registrations", "trainings", "contracts", "certifications", "missions_locales", "communes"
]

LARGE = {"contracts"}


class SourceDescription(Definition):
    """What `source.yml` declares."""

    nature: Nature
    label: str
    coverage: dict[TableName, Coverage]
    at: Annotated[str, AfterValidator(check_place)] | None = None
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
        The folder of `source.yml`.
    tables : dict of str to ibis Table
        By name of the contract, with every column of it; exact duplicate rows removed.
    coverage : dict of str to (date, date)
        First and last day that each table covers.
    losses : DataFrame
        For each table, ``rows`` read, exact ``duplicates`` removed, and rows ``unlinked``, without
        a person key.
    fingerprint : str
        sha256 over the bytes of the files, or over measures of the tables of a database.
    held : dict of str to frozenset of str
        For each table of the contract, the columns that hold at least one value: what is not in it
        cannot be measured.
    """

    folder: Path
    nature: Nature
    label: str
    tables: dict[str, Table]
    coverage: dict[str, Coverage]
    losses: pd.DataFrame
    fingerprint: str
    held: dict[str, frozenset[str]]


def read_description(folder: Path) -> SourceDescription:
    """What a source says of itself; its tables are not read.

    Raises
    ------
    InputError
        If the folder or its description is missing or wrong.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder of the tables with --source")
    return read_definition(folder / "source.yml", SourceDescription)


def open_source(
    folder: Path,
    progress: Callable[[str], None] = lambda _: None,
    machine: Machine | None = None,
) -> Source:
    """Open the tables that a folder holds or points at, and check every row against the contract.

    Parameters
    ----------
    folder : Path
        The folder of `source.yml`.
    progress : callable
        Told what is being done.
    machine : Machine, optional
        Bounds of memory and threads; the machine's own by default.

    Raises
    ------
    InputError
        If the folder or a required table is missing, if the tables cannot be reached, or if one
        breaks the contract.
    """
    description = read_description(folder)
    store = open_store(folder, description.at, machine or Machine())
    for name in REQUIRED_TABLES:
        if name not in store.tables:
            raise InputError(
                f"{store.places[name]}: no such file or table, or no right to read it; "
                "the contract requires it"
            )
    if "missions_locales" in store.tables and "missions_locales" not in description.coverage:
        raise InputError(
            f"{folder / 'source.yml'}: coverage of missions_locales is missing; the table is there"
        )
    checks, tables, losses = {}, {}, []
    for name, table in store.tables.items():
        place = store.places[name]
        progress(f"checking {place}")
        with reading(place):
            checks[name] = check_table(
                table, name, place, texts=store.is_text(name), measured=not store.files
            )
            tables[name], lost = _without_duplicates(name, checks[name])
            _refuse_repeated(name, tables[name], place)
        losses.append((name, *lost))
    return Source(
        folder=folder,
        nature=description.nature,
        label=description.label,
        tables=tables,
        coverage={str(name): dates for name, dates in description.coverage.items()},
        losses=pd.DataFrame(losses, columns=["table", "rows", "duplicates", "unlinked"]),
        fingerprint=_fingerprint(folder, description, store, checks),
        held={
            name: frozenset(column for column, count in checks[name].values.items() if count)
            if name in checks
            else frozenset()
            for name in TABLES
        },
    )


def _without_duplicates(name: str, checked: Checked) -> tuple[Table, tuple[int, int, int]]:
    """A table without exact duplicates, and its rows read, duplicates, and kept but unlinked.

    A small table is held in memory. A large one stays where it lies; in files, only its rows whose
    keys have the same hash are compared with one another, which takes a third of the time.
    """
    table, rows = checked.table, checked.rows
    key = key_of(name)
    if name not in LARGE or key is None:
        table = table.distinct().cache()
        return table, _losses(table, rows)
    if table.get_backend().name != "duckdb":
        table = table.distinct()
        return table, _losses(table, rows)
    hashed = table.mutate(hashed=table[key].hash().cast("int64"))
    repeated = ibis.memtable(pa.table({"hashed": _repeated(hashed.select("hashed"))}))
    several = hashed.semi_join(repeated, "hashed").drop("hashed").cache()
    once = several.distinct().cache()
    found, kept = (int(part.count().execute()) for part in (several, once))
    if found == kept:
        return table, (rows, 0, rows - checked.values["person"])
    others = hashed.anti_join(repeated, "hashed").drop("hashed")
    unlinked = [int(part.person.isnull().sum().execute()) for part in (several, once)]
    lost = rows - checked.values["person"] - unlinked[0] + unlinked[1]
    return others.union(once), (rows, found - kept, lost)


def _repeated(hashes: Table) -> np.ndarray:
    """The values that come several times in a column of integers."""
    batches = hashes.to_pyarrow_batches(chunk_size=1_000_000)
    found = [batch.column(0).to_numpy(zero_copy_only=False) for batch in batches]
    values = np.concatenate(found) if found else np.empty(0, np.int64)
    values.sort()
    return np.unique(values[1:][values[1:] == values[:-1]])


def _refuse_repeated(name: str, table: Table, place: str | Path) -> None:
    """Refuse a list of communes that says two things of one: places of residence come from it."""
    if name != "communes":
        return
    found = table.aggregate(rows=table.count(), communes=table.commune.nunique()).to_pyarrow()
    rows, communes = found["rows"][0].as_py(), found["communes"][0].as_py()
    if rows != communes:
        raise InputError(
            f"{place}: column 'commune': {counted(rows - communes)} with a commune that an earlier "
            "row has already; keep one row per commune"
        )


def _losses(kept: Table, rows: int) -> tuple[int, int, int]:
    counts = {"kept": kept.count()}
    if "person" in kept.columns:
        counts["unlinked"] = kept.person.isnull().sum()
    (row,) = kept.aggregate(**counts).to_pyarrow().to_pylist()
    return rows, rows - row["kept"], row.get("unlinked") or 0


def _fingerprint(
    folder: Path, description: SourceDescription, store: Store, checks: dict[str, Checked]
) -> str:
    if store.files:
        return fingerprint_of([folder / "source.yml", *store.files.values()])
    declared = description.model_dump(mode="json", exclude={"at"})
    return fingerprint_of_measures(declared, {name: c.measures for name, c in checks.items()})
