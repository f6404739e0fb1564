"""Whether a mapping fits the contract: every column said to come from somewhere, or not held."""

from __future__ import annotations

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.mapping import ColumnMapping, MappingDefinition, TableMapping
from pacte_eval.tables.contract import REQUIRED_TABLES, Column, columns


def check_mapping(mapping: MappingDefinition) -> None:
    """Whether a mapping says of every column of the contract where it comes from.

    Raises
    ------
    InputError
        Naming the table and the column.
    """
    for table in REQUIRED_TABLES:
        if table not in mapping.tables:
            raise _wrong(mapping, f"tables.{table} is missing; the contract requires it")
    for table, first in mapping.tables.items():
        for part in first.chain():
            _check_table(mapping, table, part)


def _check_table(mapping: MappingDefinition, table: str, part: TableMapping) -> None:
    expected = columns(table)
    made = {"benefit"} if part.benefits is not None else set()
    made |= {"training"} if part.entry is not None else set()
    for key, only in (
        ("reduced_activity", "registrations"),
        ("benefits", "registrations"),
        ("entry", "certifications"),
    ):
        if getattr(part, key) is not None and table != only:
            raise _wrong(mapping, f"tables.{table}.{key}: only {only} may have it")
    for name in (*part.columns, *part.not_held, *((part.latest,) if part.latest else ())):
        if name not in expected:
            hint = nearest(name, expected)
            raise _wrong(mapping, f"tables.{table}: the contract has no column '{name}': {hint}")
    for name, column in expected.items():
        places = (name in part.columns) + (name in part.not_held) + (name in made)
        where = f"tables.{table}"
        if places == 0:
            raise _wrong(mapping, f"{where}: column '{name}' is neither mapped nor in not_held")
        if places > 1:
            raise _wrong(mapping, f"{where}: column '{name}' is mapped and said not to be held")
        if name in part.not_held and not column.nullable:
            raise _wrong(mapping, f"{where}: column '{name}' is required by the contract")
    for name, column_mapping in part.columns.items():
        column = expected[name]
        _check_values(mapping, f"tables.{table}.columns.{name}", column_mapping, column)


def _check_values(
    mapping: MappingDefinition, where: str, column_mapping: ColumnMapping, column: Column
) -> None:
    translated = column_mapping.codes is not None or column_mapping.constant is not None
    if (column.codes or column.kind == "boolean") and not translated:
        raise _wrong(mapping, f"{where}: give codes: the contract knows a fixed list of values")
    values = [column_mapping.constant, *(column_mapping.codes or {}).values()]
    for value in (value for value in values if value is not None):
        if column.codes and value not in column.codes:
            hint = nearest(str(value), column.codes)
            raise _wrong(mapping, f"{where}: the contract has no value '{value}': {hint}")
        if (column.kind == "boolean") != isinstance(value, bool):
            raise _wrong(mapping, f"{where}: '{value}' is not of the type {column.kind}")


def _wrong(mapping: MappingDefinition, what: str) -> InputError:
    return InputError(f"mapping '{mapping.id}': {what}")
