"""Whether a table keeps to the contract: one aggregate over all its rows, made from the contract.

A breach stops with one sentence that names the file, the column and how many rows are wrong, and
never shows a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.datatypes as dt
from ibis.expr.types import BooleanColumn, IntegerScalar, Table
from ibis.expr.types import Column as Values

from pacte_eval.definitions.errors import InputError, counted, nearest
from pacte_eval.tables.contract import Column, columns
from pacte_eval.tables.fingerprint import measures_of

_SPANS = {"registrations", "trainings", "contracts", "missions_locales"}
TYPES = {"text": "string", "integer": "int64", "boolean": "boolean", "date": "date"}
WRITTEN = {
    "integer": (r"^[+-]?\d+$", "a value that is not a whole number"),
    "boolean": (r"^(true|false|TRUE|FALSE|True|False|0|1)$", "a value other than true or false"),
    "date": (r"^\d{4}-\d\d-\d\d$", "a value that is not a day written like 2019-12-31"),
}


@dataclass(frozen=True)
class Checked:
    """A table that keeps to the contract.

    Attributes
    ----------
    table : ibis Table
        Every column of the contract, in its order; an optional one that is absent is null.
    rows : int
        Rows read, exact duplicates included.
    values : dict of str to int
        For each column, how many rows hold a value.
    measures : dict of str to int
        Row count and measures of every column, where they were asked for.
    """

    table: Table
    rows: int
    values: dict[str, int]
    measures: dict[str, int]


def check_table(
    table: Table, name: str, place: str | Path, texts: bool = False, measured: bool = False
) -> Checked:
    """Check every row of a table against the contract, in one aggregate.

    Parameters
    ----------
    table : ibis Table
        The table as read.
    name : str
        Its name in the contract.
    place : str or Path
        Where it lies, for messages.
    texts : bool
        Whether every column was read as text, as CSV files are: numbers, dates and booleans are
        then parsed.
    measured : bool
        Whether to compute the measures of a fingerprint, in the same aggregate.

    Raises
    ------
    InputError
        At the first breach: missing column, wrong type, no row, missing or empty value, unknown
        code, pattern, out of range, end before start.
    """
    expected = columns(name)
    read = {column.name: _values(table, column, place, texts) for column in expected.values()}
    written = {_written(column): table[column] for column in expected if column in table.columns}
    rows = table.select(**read, **(written if texts else {}))
    breaches = [*_misread(rows, expected), *_breaches(rows, name, expected)]
    aggregates: dict[str, IntegerScalar] = {"rows": rows.count()}
    aggregates |= {f"breach {i}": test.sum() for i, (_, test, _) in enumerate(breaches)}
    aggregates |= {f"values {column}": rows[column].count() for column in expected}
    if measured:
        for column in expected.values():
            aggregates |= measures_of(column, rows[column.name])
    counts = _counts(rows, aggregates)
    if not counts["rows"]:
        raise InputError(f"{place}: the table has no row")
    for index, (breached, _, words) in enumerate(breaches):
        wrong = counts[f"breach {index}"]
        if wrong:
            raise InputError(f"{place}: column '{breached}': {counted(wrong)} with {words}")
    return Checked(
        table=rows.select(*expected),
        rows=counts["rows"],
        values={column: counts[f"values {column}"] for column in expected},
        measures={key: n for key, n in counts.items() if measured and "breach " not in key},
    )


def _written(column: str) -> str:
    """The name, while a table is checked, of a column as its file writes it."""
    return f"{column} as written"


def _counts(table: Table, aggregates: Mapping[str, IntegerScalar]) -> dict[str, int]:
    """The values of aggregates over a table; one over no value is 0."""
    (row,) = table.aggregate(**aggregates).to_pyarrow().to_pylist()
    return {name: int(value or 0) for name, value in row.items()}


def _values(table: Table, column: Column, place: str | Path, texts: bool) -> Values:
    """A column of the contract as its kind, whatever near type it was read as."""
    wanted = TYPES[column.kind]
    if column.name not in table.columns:
        if column.required:
            hint = nearest(column.name, table.columns)
            raise InputError(f"{place}: column '{column.name}' is missing ({hint})")
        return ibis.null(wanted).name(column.name)
    values = table[column.name]
    found = values.type()
    if texts:
        return values if column.kind == "text" else values.try_cast(wanted)
    if column.kind == "integer" and _is_whole(found):
        return values if isinstance(found, (dt.Int32, dt.Int64)) else values.cast(wanted)
    if column.kind == "date" and isinstance(found, dt.Timestamp):
        raise InputError(
            f"{place}: column '{column.name}' holds moments ({found}), the contract wants days "
            "without a time: cast it to a date"
        )
    fits = {"text": dt.String, "integer": dt.Integer, "boolean": dt.Boolean, "date": dt.Date}
    if not isinstance(found, fits[column.kind]):
        raise InputError(
            f"{place}: column '{column.name}' is of type {found}, the contract wants {column.kind}"
        )
    return values


def _is_whole(found: dt.DataType) -> bool:
    return isinstance(found, dt.Integer) or (isinstance(found, dt.Decimal) and found.scale == 0)


def _misread(
    rows: Table, expected: Mapping[str, Column]
) -> Iterator[tuple[str, BooleanColumn, str]]:
    """The texts that their kind cannot be read from."""
    for column in expected.values():
        if column.kind in WRITTEN and _written(column.name) in rows.columns:
            pattern, words = WRITTEN[column.kind]
            text = rows[_written(column.name)]
            unread = text.notnull() & (~text.re_search(pattern) | rows[column.name].isnull())
            yield column.name, unread, words


def _breaches(
    rows: Table, name: str, expected: Mapping[str, Column]
) -> Iterator[tuple[str, BooleanColumn, str]]:
    for column in expected.values():
        values = rows[column.name]
        empty = values == "" if column.kind == "text" else ibis.literal(False)
        if not column.nullable:
            yield column.name, values.isnull() | empty, "no value; the contract requires one"
        elif column.kind == "text" and not column.codes and not column.pattern:
            yield column.name, empty, "an empty text; what is missing is left without a value"
        if column.codes:
            known = ", ".join(column.codes)
            yield column.name, ~values.isin(column.codes), f"an unknown code (known: {known})"
        if column.pattern:
            yield (
                column.name,
                ~values.re_search(f"^({column.pattern})$"),
                f"a value that does not follow the pattern {column.pattern}",
            )
        if column.minimum is not None:
            yield column.name, values < column.minimum, f"a value under {column.minimum}"
        if column.maximum is not None:
            yield column.name, values > column.maximum, f"a value over {column.maximum}"
    if name in _SPANS:
        yield "end", rows.end < rows.start, "an end before the start; correct or remove them"
