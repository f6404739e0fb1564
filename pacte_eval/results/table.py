"""What a published table is: typed columns, a key, and rows from which nothing small can be read.

A `Schema` says, beside the columns, which numbers of persons a reader could compute from a row
(`Persons`): that list is all the disclosure rules need to know. A `ProtectedTable` is the proof
that the rules were applied: it cannot be built directly, only by `protection.protect` or by
opening a result set, and pages, figures and exports accept nothing else.

Public names: `Column(name, kind, title, unit="", note="")`,
`Persons(count, share="", minus="", unless=(), hides=())`,
`Schema(name, title, columns, key, shown=(), persons=(), group=(), partition=(), secret=(),
merge="")`,
`ProtectedTable` (`.frame`, `.schema`, `.profile`, `.withheld`, `.select(**equals)`, `len`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

Kind = Literal["text", "integer", "number", "boolean"]

DTYPES: dict[str, Any] = {
    "text": pd.StringDtype(),
    "integer": pd.Int64Dtype(),
    "number": pd.Float64Dtype(),
    "boolean": pd.BooleanDtype(),
}


@dataclass(frozen=True)
class Column:
    """One column: its name, kind, French title, unit of measure and French note."""

    name: str
    kind: Kind
    title: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Persons:
    """A number of persons that a reader can compute from one row, and what goes when it is small.

    Parameters
    ----------
    count
        The column that counts persons.
    share
        When given, the number is ``share × count``, and so is its complement; a mean that does
        not lie strictly between 0 and 1 is no share and is left alone.
    minus
        When given, the number is ``count − minus``, one count being nested in the other.
    unless
        ``(column, value)``: the rule spares the rows that hold this value.
    hides
        The columns emptied; by default every column that the schema does not keep shown.
    """

    count: str
    share: str = ""
    minus: str = ""
    unless: tuple[str, str] | tuple[()] = ()
    hides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """The columns of a published table and the rules that protect it.

    Parameters
    ----------
    key
        The columns that identify a row. They are never emptied.
    shown
        Columns that describe the key (a label, a unit) and are never emptied either.
    persons
        The numbers of persons a row gives away.
    group
        Rows that agree on these columns repeat the same persons, and are hidden together.
    partition
        Rows that agree on these columns are levels whose shares add up to one: a hidden level
        must not be the remainder of the others.
    secret
        Columns that the rules read and that are never published.
    merge
        ``"chain"`` for nested counts (flow chart), ``"bins"`` for a binned distribution; empty
        for independent rows.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    shown: tuple[str, ...] = ()
    persons: tuple[Persons, ...] = ()
    group: tuple[str, ...] = ()
    partition: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    merge: Literal["", "chain", "bins"] = ""

    def column(self, name: str) -> Column:
        """The column of that name; `KeyError` when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def published(self) -> Schema:
        """The schema without its secret columns."""
        columns = tuple(column for column in self.columns if column.name not in self.secret)
        return replace(self, columns=columns, secret=())

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def hideable(self) -> tuple[str, ...]:
        """The columns that may be emptied."""
        return tuple(name for name in self.names if name not in (*self.key, *self.shown))


@dataclass(frozen=True)
class Profile:
    """The thresholds of statistical secrecy under which a table was made.

    Parameters
    ----------
    min_persons
        Smallest number of persons that may be read from a table; zero may always be.
    min_establishments, dominance
        For figures about employers: how many there must be, and the largest share of one.
    reliability
        Number of persons under which an estimate is flagged as fragile.
    """

    min_persons: int = 11
    min_establishments: int = 3
    dominance: float = 0.85
    reliability: int = 60
    name: str = "defaut"

    def reliable(self, persons: int) -> bool:
        """Whether an estimate over so many persons goes without the flag."""
        return persons >= self.reliability


class ProtectedTable:
    """A table that may be published. Made by `protect` or by opening a result set, never directly.

    `frame` holds the schema's columns, then `suppressed` (a value of the row was withheld) and
    `withheld` (the names of the columns withheld, separated by spaces), which tells a withheld
    value from one that does not apply.
    """

    _frame: pd.DataFrame
    schema: Schema
    profile: Profile

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise TypeError(
            "a ProtectedTable is made by protect(frame, schema, profile) or read from a result set"
        )

    @property
    def frame(self) -> pd.DataFrame:
        """A copy of the rows, sorted by key."""
        return self._frame.copy()

    @property
    def withheld(self) -> pd.DataFrame:
        """For each row and each column of the schema, whether the value was withheld."""
        named = self._frame["withheld"].fillna("").str.split().map(frozenset)
        return pd.DataFrame(
            {name: [name in row for row in named] for name in self.schema.names},
            index=self._frame.index,
            dtype=bool,
        )

    def select(self, **equals: Any) -> ProtectedTable:
        """The rows whose columns equal the values given.

        A list accepts any of its values; `None` stands for an empty cell.
        """
        keep = pd.Series(True, index=self._frame.index)
        for name, wanted in equals.items():
            values = self._frame[self.schema.column(name).name]
            accepted = wanted if isinstance(wanted, list | tuple | set | range) else [wanted]
            found = values.isin([value for value in accepted if value is not None])
            keep &= found | values.isna() if None in accepted else found
        return sealed(self._frame[keep].reset_index(drop=True), self.schema, self.profile)

    def __len__(self) -> int:
        return len(self._frame)

    def __repr__(self) -> str:
        return f"<ProtectedTable {self.schema.name}: {len(self)} rows>"


def typed(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The frame with the schema's columns and types, sorted by key.

    Columns that the frame lacks are empty, and so is a text without a character, since a CSV file
    does not tell them apart.

    Raises
    ------
    ValueError
        If the frame has a column that the schema does not know, a value of the wrong kind, an
        empty key or two rows with the same key.
    """
    unknown = sorted(set(map(str, frame.columns)) - set(schema.names))
    if unknown:
        raise ValueError(f"table '{schema.name}' knows no column {', '.join(unknown)}")
    columns = {}
    for column in schema.columns:
        values = frame[column.name] if column.name in frame else pd.Series(pd.NA, frame.index)
        try:
            columns[column.name] = values.astype(DTYPES[column.kind]).reset_index(drop=True)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"column '{column.name}' of table '{schema.name}' must be {column.kind}"
            ) from error
        if column.kind == "text":
            columns[column.name] = columns[column.name].mask(columns[column.name] == "")
    rows = pd.DataFrame(columns)
    key = list(schema.key)
    if rows[key].isna().all(axis=1).any():
        raise ValueError(f"table '{schema.name}' has rows without a key ({', '.join(key)})")
    if rows.duplicated(key).any():
        raise ValueError(f"table '{schema.name}' has several rows for one key ({', '.join(key)})")
    return rows.sort_values(key, kind="stable", na_position="first", ignore_index=True)


def sealed(frame: pd.DataFrame, schema: Schema, profile: Profile) -> ProtectedTable:
    """Wrap rows already protected; only `protect` and the reader of result sets may say so."""
    table = object.__new__(ProtectedTable)
    table._frame = frame
    table.schema = schema
    table.profile = profile
    return table
