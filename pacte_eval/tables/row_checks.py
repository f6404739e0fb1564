"""What can be wrong with a row of a source, as one true-or-false expression a check.

The expressions count breaches where `pacte_eval.tables.checks` refuses them: the quality report
reads a source that a study would not. A row is dated by the first day of what it tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.datatypes as dt
from ibis.expr.types import BooleanColumn, DateColumn, IntegerColumn, Table, Value

from pacte_eval.tables.checks import TYPES, WRITTEN
from pacte_eval.tables.contract import Column, columns

DAY = {
    "registrations": "start",
    "trainings": "start",
    "contracts": "start",
    "missions_locales": "start",
    "certifications": "date",
}
YOUNGEST, OLDEST = 14, 75
LONGEST_YEARS = {"contracts": 10, "trainings": 3}

MISREAD = "misread_"

_TYPES: dict[str, type[dt.DataType]] = {
    "text": dt.String,
    "integer": dt.Integer,
    "boolean": dt.Boolean,
    "date": dt.Date,
}
_WHOLE_ROW = {"person": "unlinked", "end": "open"}


@dataclass(frozen=True)
class Check:
    """A question asked of every row; `column` is empty when it is about the row as a whole."""

    name: str
    column: str
    test: BooleanColumn


def month_number(day: DateColumn) -> IntegerColumn:
    """The month integer of a column of days."""
    return day.year() * 12 + day.month() - 1


def unusable_columns(table: Table, name: str, texts: bool = False) -> dict[str, str]:
    """Columns of the contract that a table does not hold as it should, by what is wrong.

    Parameters
    ----------
    table : ibis Table
        The table as read.
    name : str
        Its name in the contract.
    texts : bool
        Whether every column was read as text, as CSV files are.

    Returns
    -------
    dict of str to {"absent", "type"}
        A column that may be absent, and is, is not there.
    """
    wrong = {}
    for column in columns(name).values():
        if column.name not in table.columns:
            if column.required:
                wrong[column.name] = "absent"
        elif not texts and not _fits(table[column.name].type(), column.kind):
            wrong[column.name] = "type"
    return wrong


def contract_shaped(table: Table, name: str, texts: bool = False) -> Table:
    """The contract's columns, those that the table lacks or holds in another type being empty.

    Texts that their kind cannot be read from are empty too, and told by columns named `MISREAD` and
    the column. Parameters are those of `unusable_columns`.
    """
    expected = columns(name).values()
    shaped = {column.name: _as_its_kind(table, column, texts) for column in expected}
    if texts:
        for column in expected:
            if column.kind in WRITTEN and column.name in table.columns:
                text = table[column.name]
                unread = ~text.re_search(WRITTEN[column.kind][0]) | shaped[column.name].isnull()
                shaped[MISREAD + column.name] = text.notnull() & unread
    return table.select(**shaped)


def _as_its_kind(table: Table, column: Column, texts: bool) -> Value:
    kind = TYPES[column.kind]
    if column.name not in table.columns:
        return ibis.null(kind)
    values = table[column.name]
    if texts:
        return values if column.kind == "text" else values.try_cast(kind)
    if not _fits(values.type(), column.kind):
        return ibis.null(kind)
    return values.cast(kind) if isinstance(values.type(), dt.Decimal) else values


def _fits(found: dt.DataType, kind: str) -> bool:
    whole = isinstance(found, dt.Decimal) and found.scale == 0 and kind == "integer"
    return whole or isinstance(found, _TYPES[kind] | dt.Null)


def row_checks(
    table: Table, name: str, skipped: frozenset[str], coverage: tuple[date, date] | None
) -> list[Check]:
    """Every check of a table that one row answers alone.

    Parameters
    ----------
    table : ibis Table
        In the contract's shape.
    name : str
        Its name in the contract.
    skipped : frozenset of str
        Columns that the source does not hold; nothing is asked of them.
    coverage : (date, date), optional
        First and last day that the table covers.
    """
    kept = {key: column for key, column in columns(name).items() if key not in skipped}
    checks = [Check(*found) for column in kept.values() for found in _of_column(table, column)]
    checks += [Check(*found) for found in _of_dates(table, name, kept, coverage)]
    return checks


def _of_column(table: Table, column: Column) -> Iterator[tuple[str, str, BooleanColumn]]:
    values = table[column.name]
    blank = values == "" if column.kind == "text" else ibis.literal(False)
    if not column.nullable:
        yield "required", column.name, values.isnull() | blank
    elif column.name in _WHOLE_ROW:
        yield _WHOLE_ROW[column.name], "", values.isnull()
    else:
        yield "missing", column.name, values.isnull()
    if MISREAD + column.name in table.columns:
        yield "misread", column.name, table[MISREAD + column.name]
    if column.codes:
        yield "code", column.name, ~values.isin(column.codes)
    elif column.pattern:
        yield "pattern", column.name, ~values.re_search(f"^({column.pattern})$")
    elif column.kind == "text" and column.nullable:
        yield "blank", column.name, blank
    bounds = []
    if column.minimum is not None:
        bounds.append(values < column.minimum)
    if column.maximum is not None:
        bounds.append(values > column.maximum)
    if bounds:
        yield "bounds", column.name, ibis.or_(*bounds)


def _of_dates(
    table: Table,
    name: str,
    kept: Mapping[str, Column],
    coverage: tuple[date, date] | None,
) -> Iterator[tuple[str, str, BooleanColumn]]:
    day = DAY.get(name)
    if day in kept and coverage is not None:
        yield "before", "", table[day] < ibis.literal(coverage[0])
        yield "after", "", table[day] > ibis.literal(coverage[1])
    if {"start", "end"} <= set(kept):
        yield "reversed", "", table.end < table.start
        if name in LONGEST_YEARS:
            length = month_number(table.end) - month_number(table.start)
            yield "long", "", length > 12 * LONGEST_YEARS[name]
    if {"start", "birth_month"} <= set(kept):
        months = month_number(table.start) - month_number(table.birth_month)
        young, old = months < 12 * YOUNGEST, months >= 12 * (OLDEST + 1)
        yield "birth", "", table.birth_month > table.start
        yield "age", "", (young & (table.birth_month <= table.start)) | old
