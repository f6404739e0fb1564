"""Raw text to the values of the contract: one function for each way a mapping reads a column.

What cannot be understood is left empty and flagged, so that it is counted; nothing is guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import ibis
from ibis.expr.types import BooleanValue, DateValue, StringValue, Table, Value

from pacte_eval.definitions.mapping import ColumnMapping, Extract, UnitOfColumn
from pacte_eval.tables.contract import Column

TYPES = {"text": "string", "integer": "int64", "boolean": "boolean", "date": "date"}

_SAS_EPOCH = -3653  # 1960-01-01 in days since 1970-01-01
_SAS_DAYS = (-40_000, 80_000)  # from 1850 to 2179: a date such as 20190101 is no number of days
_LARGEST = 1e15
_TOKENS = (("YYYY", "%Y"), ("MON", "%b"), ("MM", "%m"), ("DD", "%d"))


Codes = Mapping[str, str | bool | float | None]


@ibis.udf.scalar.builtin
def trim(text: str) -> str:  # type: ignore[empty-body]
    """A text without the spaces around it: `strip` looks for more and takes four times as long."""


@ibis.udf.scalar.builtin
def try_strptime(text: str, form: str) -> datetime:  # type: ignore[empty-body]
    """The date of a text in a format, empty where it is not one."""


@ibis.udf.scalar.builtin(name="make_date")
def _make_date(number: ibis.dtype("int32")) -> ibis.dtype("date"):  # type: ignore[valid-type]
    """The date of a number of days since 1970."""


def day_of(number: Value) -> DateValue:
    """The date of a number of days since 1970; empty beyond what a date can be."""
    return _make_date(number.try_cast("int32"))


@ibis.udf.scalar.builtin(name="md5")
def md5_hex(text: str) -> str:
    """The md5 of a text, in hexadecimal digits."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Reading(NamedTuple):
    """A column as read: its value, and whether something was given, and not understood."""

    value: Value
    given: BooleanValue
    unknown: BooleanValue


def text_of(raw: Table, mapping: ColumnMapping, extract: Extract) -> StringValue:
    """What the raw columns of a mapping say: one text, empty where it does not count."""
    texts = [_without(raw[name], mapping.missing) for name in mapping.from_]
    if mapping.constant is not None:
        text = ibis.null().cast("string")
    elif mapping.codes is not None and len(texts) > 1:
        text = joined(texts)
    else:
        text = ibis.coalesce(*texts)
    if not mapping.where:
        return text
    met = ibis.and_(*(raw[name].isin(codes) for name, codes in mapping.where.items()))
    return ibis.cases((met, text), else_=ibis.null().cast("string"))


def read_text(
    text: StringValue,
    unit: StringValue | None,
    mapping: ColumnMapping,
    column: Column,
    extract: Extract,
) -> Reading:
    """The value of a column of the contract that a text means.

    Parameters
    ----------
    text : ibis string
        Trimmed, empty where it holds a missing code.
    unit : ibis string or None
        The unit of a number, when another column gives it.
    mapping : ColumnMapping
    column : Column
        What the value must be.
    extract : Extract
        Its decimal mark.
    """
    kind = TYPES[column.kind]
    if mapping.constant is not None:
        never = ibis.literal(False)
        return Reading(ibis.literal(mapping.constant).cast(kind), never, never)
    given = text.notnull()
    if mapping.codes is not None:
        value = coded(text, mapping.codes, kind)
        return Reading(value, given, given & ~_known(text, mapping.codes))
    if column.kind == "date":
        value = day(text, mapping.formats or ())
        if mapping.month:
            value = ibis.date(value.year(), value.month(), 1)
    elif column.kind == "integer":
        value = _integer(text, unit, mapping, extract)
    else:
        value = text
    value = _conforming(value, column)
    unknown = given & value.isnull()
    return Reading(md5_hex(value) if mapping.hashed else value, given, unknown)


def cleaned(raw: StringValue, missing: tuple[str, ...]) -> StringValue:
    """A raw column trimmed, empty where it holds a missing code."""
    return _without(trim(raw), ("", *missing))


def joined(texts: Sequence[StringValue]) -> StringValue:
    """Texts joined by ``/``; empty where all are."""
    whole = texts[0].fill_null("")
    for text in texts[1:]:
        whole = whole + "/" + text.fill_null("")
    empty = ibis.and_(*(text.isnull() for text in texts))
    return ibis.cases((empty, ibis.null().cast("string")), else_=whole)


def coded(text: StringValue, codes: Codes, kind: str) -> Value:
    """Codes looked up: whole ones first, then by how they begin, the longest first."""
    branches = [
        (condition, ibis.literal(value, kind) if value is not None else ibis.null().cast(kind))
        for condition, value in _conditions(text, codes)
    ]
    return ibis.cases(*branches, else_=ibis.null().cast(kind))


def day(text: StringValue, formats: tuple[str, ...]) -> DateValue:
    """Dates written YYYY-MM-DD, or in one of the formats."""
    readings = [text.substr(0, 10).try_cast("date")]
    for form in formats:
        if form == "SAS":
            number = text.try_cast("float64").try_cast("int64")
            plausible = number.between(*_SAS_DAYS)
            readings.append(day_of(ibis.cases((plausible, number + _SAS_EPOCH))))
        else:
            for token, directive in _TOKENS:
                form = form.replace(token, directive)
            readings.append(try_strptime(text, form).date())
    return ibis.coalesce(*readings)


def _without(text: StringValue, values: tuple[str, ...]) -> StringValue:
    if not values:
        return text
    return ibis.cases((text.isin(values), ibis.null().cast("string")), else_=text)


def _conditions(
    text: StringValue, codes: Codes
) -> list[tuple[BooleanValue, str | bool | float | None]]:
    whole = [(text == code, value) for code, value in codes.items() if not code.endswith("*")]
    prefixes = sorted((code for code in codes if code.endswith("*")), key=len, reverse=True)
    return whole + [(text.startswith(code[:-1]), codes[code]) for code in prefixes]


def _known(text: StringValue, codes: Codes) -> BooleanValue:
    return ibis.or_(*(condition for condition, _ in _conditions(text, codes)))


def _integer(
    text: StringValue, unit: StringValue | None, mapping: ColumnMapping, extract: Extract
) -> Value:
    number = text.replace(extract.decimal, ".").try_cast("float64")
    if isinstance(mapping.times, UnitOfColumn):
        number = number * coded(unit, mapping.times.codes, "float64")
    elif mapping.times is not None:
        number = number * mapping.times
    finite = ibis.cases((number.abs() < _LARGEST, number))
    return finite.round().cast("int64")


def _conforming(value: Value, column: Column) -> Value:
    """The value, empty where the contract does not allow it."""
    wrong = []
    if column.codes:
        wrong.append(~value.isin(column.codes))
    if column.pattern:
        wrong.append(~value.re_search(f"^{column.pattern}$"))
    if column.minimum is not None:
        wrong.append(value < column.minimum)
    if column.maximum is not None:
        wrong.append(value > column.maximum)
    if not wrong:
        return value
    return ibis.cases((ibis.or_(*wrong), ibis.null().cast(value.type())), else_=value)
