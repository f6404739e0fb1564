"""Columns of any dtype become one of two things: float numbers, or a factor with known levels."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api import types

from pacte_eval.definitions.errors import InputError, counted, nearest


def select(frame: pd.DataFrame, names: list[str], role: str) -> pd.DataFrame:
    """The columns `names` of `frame`, in that order.

    Raises
    ------
    InputError
        If a column is missing (the nearest known name is suggested) or asked for twice.
    """
    for name in names:
        if name not in frame.columns:
            hint = nearest(str(name), [str(column) for column in frame.columns])
            raise InputError(f"{role} '{name}' is not a column of the frame: {hint}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{role} '{twice}' is named twice: name it once")
    return frame[names]


def is_factor(column: pd.Series) -> bool:
    """Whether a column made by `normalise` is a factor."""
    return isinstance(column.dtype, pd.CategoricalDtype)


def normalise(column: pd.Series, role: str) -> pd.Series:
    """A column as float64 numbers, or as a categorical whose unused levels are dropped.

    Booleans, integers and floats of numpy, pandas or Arrow become numbers. Text, categories and
    other objects become factors: a categorical keeps the order of its levels, anything else is
    sorted, so that the first level in that order is the reference.

    Raises
    ------
    InputError
        If values are missing or infinite (the count is given), or are dates.
    """
    name = column.name
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return _numbers(column, role)
    missing = int(column.isna().sum())
    if missing:
        raise InputError(_missing(missing, name, role))
    if column.dtype == object:
        column = column.infer_objects()
    if types.is_datetime64_any_dtype(column) or types.is_timedelta64_dtype(column):
        raise InputError(f"{role} '{name}' holds dates: give a number or a category")
    if types.is_numeric_dtype(column) or types.is_bool_dtype(column):
        return _numbers(column, role)
    if isinstance(column.dtype, pd.CategoricalDtype):
        factor = column.cat.remove_unused_categories()
        return factor.cat.rename_categories([str(level) for level in factor.cat.categories])
    codes, found = pd.factorize(column)
    texts = [str(level) for level in found]
    levels = pd.Index(sorted(set(texts)))
    codes = levels.get_indexer(pd.Index(texts))[codes]
    coded = pd.Categorical.from_codes(codes, categories=levels)
    return pd.Series(coded, index=column.index, name=name, copy=False)


def _numbers(column: pd.Series, role: str) -> pd.Series:
    numbers = column.to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        missing = int(np.count_nonzero(np.isnan(numbers)))
        if missing:
            raise InputError(_missing(missing, column.name, role))
        infinite = int(np.count_nonzero(np.isinf(numbers)))
        raise InputError(
            f"{role} '{column.name}' has {counted(infinite, 'infinite value')}: correct them"
        )
    return pd.Series(numbers, index=column.index, name=column.name, copy=False)


def _missing(count: int, name: object, role: str) -> str:
    return (
        f"{role} '{name}' has {counted(count, 'missing value')}: code them as a level or "
        "impute them"
    )


def flags(column: pd.Series, role: str) -> np.ndarray:
    """A column of yes and no (booleans, or 0 and 1) as a boolean array.

    Raises
    ------
    InputError
        If it holds anything else.
    """
    numbers = normalise(column, role)
    if is_factor(numbers) or not numbers.isin([0.0, 1.0]).all():
        raise InputError(f"{role} '{column.name}' must hold 0 and 1, or true and false")
    return numbers.to_numpy() == 1.0
