"""Whether a table keeps to the contract: one aggregate over all its rows, made from the contract.

A breach stops with one sentence that names the file, the column and how many rows are wrong, and
never shows a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ibis
import ibis.expr.datatypes as dt

from pacte_eval.definitions.errors import InputError, counted, nearest
from pacte_eval.tables.contract import Column, columns

_SPANS = {"registrations", "trainings", "contracts"}


def check_table(table: ibis.Table, name: str, path: Path) -> list[str]:
    """Check a table against the contract and return the columns that the contract knows.

    Parameters
    ----------
    table : ibis.Table
        The table as read.
    name : str
        Its name in the contract.
    path : Path
        Its file, for messages.

    Raises
    ------
    InputError
        At the first breach: missing column, wrong type, no row, empty key, unknown code, pattern,
        out of range, end before start.
    """
    expected = columns(name)
    for column in expected.values():
        _check_type(table, column, path)
    breaches = list(_breaches(table, name, expected))
    sums = {f"breach_{i}": test.sum().fill_null(0) for i, (_, test, _) in enumerate(breaches)}
    counts = table.aggregate(rows=table.count(), **sums).execute()
    if counts["rows"].item() == 0:
        raise InputError(f"{path}: the table has no row")
    for index, (breached, _, words) in enumerate(breaches):
        wrong = int(counts[f"breach_{index}"].item())
        if wrong:
            raise InputError(f"{path}: column '{breached}': {counted(wrong)} with {words}")
    return list(expected)


def _check_type(table: ibis.Table, column: Column, path: Path) -> None:
    if column.name not in table.columns:
        hint = nearest(column.name, table.columns)
        raise InputError(f"{path}: column '{column.name}' is missing ({hint})")
    found = table[column.name].type()
    fits = {
        "text": isinstance(found, dt.String),
        "integer": isinstance(found, dt.Integer),
        "boolean": isinstance(found, dt.Boolean),
        "date": isinstance(found, dt.Date),
    }[column.kind]
    if not fits:
        raise InputError(
            f"{path}: column '{column.name}' is of type {found}, the contract wants {column.kind}"
        )


def _breaches(
    table: ibis.Table, name: str, expected: dict[str, Column]
) -> Iterator[tuple[str, ibis.expr.types.BooleanColumn, str]]:
    for column in expected.values():
        values = table[column.name]
        if not column.nullable:
            yield column.name, values.isnull(), "no value; the contract requires one"
        if column.codes:
            known = ", ".join(column.codes)
            yield column.name, ~values.isin(column.codes), f"an unknown code (known: {known})"
        if column.pattern:
            yield (
                column.name,
                ~values.re_search(f"^{column.pattern}$"),
                f"a value that does not follow the pattern {column.pattern}",
            )
        if column.minimum is not None:
            yield column.name, values < column.minimum, f"a value under {column.minimum}"
        if column.maximum is not None:
            yield column.name, values > column.maximum, f"a value over {column.maximum}"
    if name in _SPANS:
        yield "end", table.end < table.start, "an end before the start; correct or remove them"
