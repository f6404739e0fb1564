"""Raw extracts turned into a source in the shape of the contract, as a mapping says.

Whole or nothing: everything is made in a folder beside the target, which takes its place at the
end. What is not understood and every row lost are counted and told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar

import duckdb
import ibis
import yaml
from ibis.expr.types import Table
from pydantic import Field

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.machine import Machine
from pacte_eval.definitions.mapping import (
    Benefits,
    ColumnMapping,
    EntryMatch,
    MappingDefinition,
    ReducedActivity,
    TableMapping,
    TableName,
)
from pacte_eval.definitions.reading import Definition, read_definition
from pacte_eval.tables import episodes
from pacte_eval.tables.contract import REQUIRED_TABLES, TABLES, Column, columns
from pacte_eval.tables.extracts import FILE
from pacte_eval.tables.mapped_rows import Loss, Progress, RowReader
from pacte_eval.tables.mapping_checks import check_mapping
from pacte_eval.tables.translation import TYPES

MAPPING_FILE = "mapping.yml"
"""The mapping that a source was adapted with, kept beside its tables."""

P = TypeVar("P", ReducedActivity, Benefits)

_START = Column("start", "date", nullable=False, required=True, description="First day")
_HOURS = {
    "month": Column("month", "date", nullable=False, required=True, description="Month"),
    "minutes": Column("minutes", "integer", nullable=False, required=True, description="Worked"),
}
_DRAWN = {
    "start": _START,
    "end": Column("end", "date", nullable=True, required=True, description="Last day"),
    "benefit": Column("benefit", "text", nullable=True, required=True, description="Benefit"),
}
_ENTRY = {
    "person": Column("person", "text", nullable=False, required=True, description="Person"),
    "start": _START,
}


class RawDescription(Definition):
    """What an optional `source.yml` beside the extracts declares."""

    nature: Literal["synthetic", "public", "confidential"] = "confidential"
    label: str | None = None
    coverage: dict[TableName, tuple[date, date]] = Field(default_factory=dict)
    seed: int | None = None
    people: int | None = None
    variant: str | None = None
    confounding: float | None = None
    version: str | None = None


def adapt(
    raw: Path,
    mapping: MappingDefinition,
    out: Path,
    progress: Progress = lambda _: None,
    machine: Machine | None = None,
) -> Path:
    """Turn a folder of raw extracts into a source in the shape of the contract.

    Parameters
    ----------
    raw : Path
        The folder of the extracts. A `source.yml` there may say their nature (confidential unless
        it does), their label and the days they cover.
    mapping : MappingDefinition
    out : Path
        A folder that does not exist, is empty, or that an earlier call wrote, which is replaced.
    progress : callable
        Told what is done, what is not understood, and the rows lost.
    machine : Machine, optional
        Bounds of memory and threads; the machine's own by default.

    Returns
    -------
    Path
        `out`, that holds a Parquet file per table, `source.yml` and the mapping.

    Raises
    ------
    InputError
        If the mapping does not fit the contract, or the extracts do not fit the mapping; `out` is
        then left as it was.
    """
    if not raw.is_dir():
        raise InputError(f"{raw}: no such folder; give the folder of the raw extracts")
    _check_target(out)
    check_mapping(mapping)
    described = _description(raw, mapping)
    bounds = machine or Machine()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as name:
            scratch = Path(name)
            made = scratch / "source"
            made.mkdir()
            connection = ibis.duckdb.connect(
                memory_limit=f"{bounds.engine_memory}B",
                threads=bounds.threads,
                temp_directory=str(scratch / "spill"),
            )
            try:
                reader = RowReader(raw, mapping, connection, scratch, progress)
                work = _Adaptation(reader, described, made)
                work.all()
            finally:
                connection.disconnect()
            _write_yaml(_source(described, mapping, work.written), made / "source.yml")
            _write_yaml(
                mapping.model_dump(mode="json", by_alias=True, exclude_defaults=True),
                made / MAPPING_FILE,
            )
            if out.exists():
                out.rename(scratch / "old")
            made.rename(out)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror or error}") from error
    return out


@dataclass
class _Adaptation:
    """One adaptation under way: tables are written to the folder `made`."""

    reader: RowReader
    described: RawDescription
    made: Path
    written: list[TableName] = field(default_factory=list)

    def all(self) -> None:
        """Make every table of the mapping whose extracts are given, then tell the rows lost."""
        reader = self.reader
        for name, extract in reader.mapping.extracts.items():
            if extract.required and not reader.files[name]:
                raise InputError(
                    f"{reader.folder}: no file of the extract '{name}' "
                    f"({', '.join(extract.files)}, in CSV, Parquet or SAS7BDAT); put it there, or "
                    "correct its names in the mapping"
                )
        for table in (name for name in TABLES if name in reader.mapping.tables):
            first = reader.mapping.tables[table]
            part = next((part for part in first.chain() if reader.files[part.from_]), None)
            if part is not None:
                with self._reading(part.from_):
                    self._table(table, part)
                self.written.append(table)
            elif table in REQUIRED_TABLES:
                raise InputError(
                    f"{reader.folder}: no file of the extract '{first.from_}', from which the "
                    f"table {table} comes; put it there, or correct its names in the mapping"
                )
            else:
                reader.progress(f"{table}: no extract is given; the table is left out")
        for loss in reader.losses:
            reader.progress(loss.sentence())

    def _table(self, table: TableName, part: TableMapping) -> None:
        """Write one table of the contract, its rows in the order of the files or sorted."""
        expected = columns(table)
        activity = self._if_given(part.reduced_activity)
        benefits = self._if_given(part.benefits)
        specified = _specified(part.columns, expected)
        keys = {}
        if activity is not None:
            keys["activity_key"] = activity.keys
        if benefits is not None:
            keys["benefit_key"] = benefits.keys
        if part.entry is not None:
            specified |= _specified(part.entry.columns, _ENTRY)
        rows = self.reader.rows(part.from_, f"tables.{table}.columns", specified, keys)
        repeated = part.latest is not None and len(self.reader.files[part.from_]) > 1
        in_order = not (repeated or keys or part.entry)
        if part.latest is not None and repeated:
            rows = self._latest(part.from_, rows, part.latest)
        rows = rows.drop(FILE)
        if activity is not None:
            rows = self._by_hours(table, rows, activity)
        if benefits is not None:
            rows = self._with_benefit(table, rows, benefits)
        if part.entry is not None:
            rows = self._of_entries(part.from_, rows, part.entry)
        whole = rows.select(
            **{
                name: rows[name] if name in rows.columns else ibis.null().cast(TYPES[column.kind])
                for name, column in expected.items()
            }
        )
        self.reader.progress(f"writing {table}")
        self.reader.connection.to_parquet(
            whole if in_order else whole.order_by(list(expected)),
            self.made / f"{table}.parquet",
            compression="zstd",
        )

    def _if_given(self, part: P | None) -> P | None:
        return part if part is not None and self.reader.files[part.from_] else None

    def _latest(self, name: str, rows: Table, key: str) -> Table:
        """The rows of the last file that holds their key."""
        newest = rows.group_by(key).aggregate(newest=rows[FILE].max())
        marked = rows.join(newest, key)
        kept = marked.filter(marked[FILE] == marked.newest).drop("newest")
        total, left = int(rows.count().execute()), int(kept.count().execute())
        if total > left:
            self.reader.losses.append(Loss(name, total, total - left, "said again in a later file"))
        return kept

    def _by_hours(self, table: TableName, rows: Table, activity: ReducedActivity) -> Table:
        where = f"tables.{table}.reduced_activity"
        specified = _specified(activity.columns, _HOURS)
        hours = self.reader.rows(activity.from_, where, specified, {"activity_key": activity.keys})
        last = self.described.coverage[table][1]
        return self.reader.kept(episodes.by_hours(rows, hours, activity, last))

    def _with_benefit(self, table: TableName, rows: Table, benefits: Benefits) -> Table:
        where = f"tables.{table}.benefits"
        specified = _specified(benefits.columns, _DRAWN)
        drawn = self.reader.rows(benefits.from_, where, specified, {"benefit_key": benefits.keys})
        return episodes.with_benefit(rows, drawn, benefits.otherwise)

    def _of_entries(self, name: str, said: Table, entry: EntryMatch) -> Table:
        trainings = self.reader.connection.read_parquet(str(self.made / "trainings.parquet"))
        found, lost = episodes.entries_found(said, trainings, entry.within_days)
        number = int(lost.count().execute())
        if number:
            rows, reason = int(said.count().execute()), "no entry into training near that date"
            self.reader.losses.append(Loss(name, rows, number, reason))
        return found

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """One sentence for what the engine cannot do, without the values that it quotes."""
        try:
            yield
        except duckdb.OutOfMemoryException:
            raise InputError(
                f"extract '{name}' needs more memory: raise memory in machine.yml"
            ) from None
        except duckdb.Error as error:
            raise InputError(
                f"{self.reader.folder}: extract '{name}' cannot be read ({type(error).__name__})"
            ) from None


def _specified(
    mappings: dict[str, ColumnMapping], expected: dict[str, Column]
) -> dict[str, tuple[ColumnMapping, Column]]:
    return {name: (mapping, expected[name]) for name, mapping in mappings.items()}


def _description(raw: Path, mapping: MappingDefinition) -> RawDescription:
    """What is declared of the extracts, coverage included."""
    path = raw / "source.yml"
    described = read_definition(path, RawDescription) if path.is_file() else RawDescription()
    coverage = {
        table: dates
        for table, dates in (mapping.coverage | described.coverage).items()
        if table in mapping.tables
    }
    missing = [table for table in REQUIRED_TABLES if table not in coverage]
    if missing:
        raise InputError(
            f"{path}: coverage dates of {', '.join(missing)} are missing; write there the first "
            "and last day that the extracts cover, table by table"
        )
    return described.model_copy(update={"coverage": coverage})


def _source(
    described: RawDescription, mapping: MappingDefinition, written: Iterable[TableName]
) -> dict[str, Any]:
    """The `source.yml` of what was made."""
    said = described.model_dump(exclude_none=True)
    coverage = {
        table: list(described.coverage[table]) for table in written if table in described.coverage
    }
    return said | {"label": described.label or mapping.label, "coverage": coverage}


def _check_target(out: Path) -> None:
    if not out.exists():
        return
    ours = (out / "source.yml").is_file() and (out / MAPPING_FILE).is_file()
    if not out.is_dir() or (any(out.iterdir()) and not ours):
        raise InputError(f"{out} exists and was not written by 'pacte adapt': give another folder")


def _write_yaml(content: dict[str, Any], file: Path) -> None:
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    file.write_text(text, encoding="utf-8")
