"""Attributes as compact columns: a text is a position in a list, a flag or a number a small array.

What is known of people is read once from the engine and then taken row by row, so that a million
people on their eve cost a few bytes each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from ibis.expr.types import BooleanValue, IntegerValue, Table, Value

from pacte_eval.cohorts.days import month_of_days
from pacte_eval.tables.contract import Column

Texts = pd.Categorical
Values = Texts | np.ndarray
"""A text as a categorical with sorted levels; a flag as int8, -1 where unknown; a number as
float32, NaN where unknown."""

UNKNOWN_FLAG = -1


def coded(table: Table, column: Column) -> Value:
    """How the engine should send a column: codes and flags as small integers, dates as days."""
    values = table[column.name]
    if column.codes:
        branches = (
            (values == code, ibis.literal(i, "int8")) for i, code in enumerate(column.codes)
        )
        return ibis.cases(*branches, else_=ibis.literal(-1, "int8"))
    if column.kind == "boolean":
        return flag(values)
    if column.kind == "date":
        return values.epoch_days().cast("int32")
    return values


def flag(values: BooleanValue) -> IntegerValue:
    """A Boolean as 1 or 0, `UNKNOWN_FLAG` where it is missing."""
    known = ((values, ibis.literal(1, "int8")), (~values, ibis.literal(0, "int8")))
    return ibis.cases(*known, else_=ibis.literal(UNKNOWN_FLAG, "int8"))


def decoded(sent: pa.ChunkedArray, column: Column) -> Values:
    """A column sent as `coded` says, as a compact array; dates become months."""
    if column.codes:
        levels = sorted(column.codes)
        order = np.array([*(levels.index(code) for code in column.codes), -1], np.int8)
        return categorical(order[sent.to_numpy()], levels)
    if column.kind == "text":
        return texts(sent)
    if column.kind == "boolean":
        return sent.to_numpy().astype(np.int8)
    numbers = sent.cast(pa.float32(), safe=False).to_numpy()
    if column.kind == "integer":
        return numbers
    months = month_of_days(np.nan_to_num(numbers, nan=0).astype(np.int64)).astype(np.float32)
    return np.where(np.isnan(numbers), np.float32(np.nan), months)


def texts(column: pa.ChunkedArray) -> pd.Categorical:
    """Texts as a categorical whose levels are in the order of their bytes."""
    held = column.combine_chunks().dictionary_encode()
    held = held.combine_chunks() if isinstance(held, pa.ChunkedArray) else held
    levels = held.dictionary
    order = pc.sort_indices(levels).to_numpy()
    rank = np.empty(len(order) + 1, np.int32)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    codes = held.indices.fill_null(-1).to_numpy()
    return pd.Categorical.from_codes(
        rank[codes], categories=levels.take(pa.array(order)).to_pandas()
    )


def categorical(codes: np.ndarray, levels: Sequence[str]) -> pd.Categorical:
    """A categorical from positions in a list of levels, -1 where missing."""
    categories: Any = list(levels)
    return pd.Categorical.from_codes(codes, categories=categories)


def taken(values: Values, rows: np.ndarray) -> Values:
    """The values at some rows; unknown where a row is negative."""
    if isinstance(values, pd.Categorical):
        return texts_taken(values, rows)
    unknown = UNKNOWN_FLAG if values.dtype == np.int8 else np.nan
    return np.append(values, values.dtype.type(unknown))[rows]


def texts_taken(values: pd.Categorical, rows: np.ndarray) -> pd.Categorical:
    """Texts at some rows; missing where a row is negative."""
    codes = np.append(values.codes, values.codes.dtype.type(-1))
    return pd.Categorical.from_codes(codes[rows], categories=values.categories)


def text_in(values: Values) -> pd.Categorical:
    """Values that are known to be texts."""
    if not isinstance(values, pd.Categorical):
        raise TypeError("these values are numbers or flags, not texts")
    return values


def numbers_in(values: Values) -> np.ndarray:
    """Values that are known to be numbers or flags."""
    if isinstance(values, pd.Categorical):
        raise TypeError("these values are texts, not numbers or flags")
    return values
