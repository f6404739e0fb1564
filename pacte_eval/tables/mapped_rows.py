"""The rows of an extract as a mapping reads them, and the count of all that is not right with them.

A row without what the contract requires is lost; a value that is not understood is left empty. Both
are counted and told, never shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import ibis
from ibis.expr.types import StringValue, Table

from pacte_eval.definitions.errors import SMALLEST_SHOWN, InputError, counted
from pacte_eval.definitions.mapping import ColumnMapping, MappingDefinition, UnitOfColumn
from pacte_eval.tables.contract import Column
from pacte_eval.tables.extracts import FILE, RawExtract, files_of, read_extract
from pacte_eval.tables.translation import cleaned, joined, read_text, text_of

Progress = Callable[[str], None]
Read = dict[str, tuple[ColumnMapping, Column]]

_REVERSED = "end before start"


class Loss(NamedTuple):
    """Rows of an extract that no table keeps."""

    extract: str
    rows: int
    lost: int
    reason: str

    def sentence(self) -> str:
        """The loss in words, small counts masked."""
        why = f" ({self.reason})" if self.reason else ""
        return f"{self.extract}: {counted(self.rows)} read, {counted(self.lost)} lost{why}"


@dataclass
class RowReader:
    """Reads the extracts of a folder by a mapping, and keeps account of what is lost.

    Attributes
    ----------
    folder : Path
        Of the extracts.
    connection : Ibis backend
        DuckDB.
    scratch : Path
        Folder for copies.
    files : dict of str to tuple of Path
        Of each extract.
    losses : list of Loss
        One or several for each extract read.
    """

    folder: Path
    mapping: MappingDefinition
    connection: Any
    scratch: Path
    progress: Progress
    files: dict[str, tuple[Path, ...]] = field(init=False)
    losses: list[Loss] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        self.files = {
            name: files_of(self.folder, extract) for name, extract in self.mapping.extracts.items()
        }

    def view(self, rows: Table) -> Table:
        """The same rows under a name, which keeps the expressions built on them short."""
        self.steps += 1
        return self.connection.create_view(f"step_{self.steps}", rows)

    def kept(self, rows: Table) -> Table:
        """The rows written to the scratch folder, so that they are worked out once."""
        self.steps += 1
        path = self.scratch / f"step-{self.steps}.parquet"
        self.connection.to_parquet(rows, path)
        return self.connection.read_parquet(str(path))

    def rows(self, name: str, where: str, read: Read, keys: dict[str, tuple[str, ...]]) -> Table:
        """The rows of an extract that hold what they must.

        Parameters
        ----------
        name : str
            The extract.
        where : str
            Where in the mapping its columns are, for messages.
        read : dict
            For each column made, how it is read and what it must be.
        keys : dict of str to tuple of str
            Columns made by joining raw ones, to join extracts on.

        Returns
        -------
        ibis Table
            `FILE`, then the columns of `read` and `keys`.

        Raises
        ------
        InputError
            If a file does not fit the mapping, or none of the values of a column is understood.
        """
        extract = self.mapping.extracts[name]
        wanted: dict[str, bool] = {}
        for column_mapping, _ in read.values():
            for raw_name in column_mapping.raw:
                wanted[raw_name] = wanted.get(raw_name, False) or not column_mapping.optional
        wanted |= dict.fromkeys((raw_name for names in keys.values() for raw_name in names), True)
        source = read_extract(
            self.connection, name, extract, self.files[name], wanted, self.scratch, self.progress
        )
        raw = self.view(
            source.table.select(
                FILE, **{raw: cleaned(source.table[raw], extract.missing) for raw in wanted}
            )
        )
        units = {
            f"unit_{target}": raw[column_mapping.times.by]
            for target, (column_mapping, _) in read.items()
            if isinstance(column_mapping.times, UnitOfColumn)
        }
        texts = self.view(
            raw.select(
                FILE,
                **{target: text_of(raw, column, extract) for target, (column, _) in read.items()},
                **units,
                **{key: joined([raw[name] for name in names]) for key, names in keys.items()},
            )
        )
        readings = [
            read_text(
                texts[target],
                texts[f"unit_{target}"] if f"unit_{target}" in units else None,
                *specified,
                extract,
            )
            for target, specified in read.items()
        ]
        made = texts.select(
            FILE,
            *keys,
            **{target: reading.value for target, reading in zip(read, readings, strict=True)},
            **{f"given_{i}": reading.given for i, reading in enumerate(readings)},
            **{f"unknown_{i}": reading.unknown for i, reading in enumerate(readings)},
        )
        made = self.view(made)
        made = self.kept(made.mutate(lost=_why_lost(made, read)))
        self._tell(source, where, read, made)
        return made.filter(made.lost.isnull()).select(FILE, *read, *keys)

    def _tell(self, source: RawExtract, where: str, read: Read, made: Table) -> None:
        """Count, file by file, what was not understood, and the rows lost."""
        reasons = _reasons(read)
        sums = {f"lost_{i}": (made.lost == reason).sum() for i, reason in enumerate(reasons)}
        sums |= {
            f"{what}_{i}": made[f"{what}_{i}"].sum()
            for what in ("given", "unknown")
            for i in range(len(read))
        }
        counts = made.group_by(FILE).aggregate(rows=made.count(), **sums).order_by(FILE).execute()
        for i, (target, (column_mapping, column)) in enumerate(read.items()):
            unknown, values = counts[f"unknown_{i}"], int(counts[f"given_{i}"].sum())
            what, remedy = _not_understood(f"{where}.{target}", column_mapping, column)
            names = " / ".join(column_mapping.from_)
            if values >= SMALLEST_SHOWN and int(unknown.sum()) == values:
                files = ", ".join(path.name for path in source.files)
                raise InputError(
                    f"{self.folder}: {files}: column '{names}': not one of "
                    f"{counted(values, 'value')} is understood, each with {what}; "
                    f"{remedy} of the mapping"
                )
            for number, count in zip(counts[FILE], unknown, strict=True):
                if count:
                    self.progress(
                        f"{source.files[number].name}: column '{names}': {counted(int(count))} "
                        f"with {what}, left empty; {remedy} of the mapping"
                    )
        total = int(counts["rows"].sum())
        lost = [int(counts[f"lost_{i}"].sum()) for i in range(len(reasons))]
        if not any(lost):
            self.losses.append(Loss(source.name, total, 0, ""))
        for reason, number in zip(reasons, lost, strict=True):
            if number:
                self.losses.append(Loss(source.name, total, number, reason))


def _reasons(read: Read) -> list[str]:
    reasons = [f"no usable {name}" for name, (_, column) in read.items() if not column.nullable]
    return reasons + ([_REVERSED] if {"start", "end"} <= read.keys() else [])


def _why_lost(made: Table, read: Read) -> StringValue:
    """Why the contract cannot hold a row; empty when it can."""
    branches = [
        (made[name].isnull(), f"no usable {name}")
        for name, (_, column) in read.items()
        if not column.nullable
    ]
    if {"start", "end"} <= read.keys():
        branches.append((made.end < made.start, _REVERSED))
    if not branches:
        return ibis.null().cast("string")
    return ibis.cases(*branches, else_=ibis.null().cast("string"))


def _not_understood(where: str, column_mapping: ColumnMapping, column: Column) -> tuple[str, str]:
    """What is wrong with a value that is left empty, and what to do."""
    if column_mapping.codes is not None:
        return "a code that the mapping does not know", f"add it under {where}.codes"
    if column.kind == "date":
        return "a value that is no date in a known form", f"add its form to {where}.formats"
    return "a value that the contract does not allow", f"add it to {where}.missing or correct it"
