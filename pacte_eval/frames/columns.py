"""Columns of any dtype become one of two things: float numbers, or a factor with known levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api import types

from pacte_eval.definitions.errors import InputError, counted, nearest


def select(frame: pd.DataFrame, names: Sequence[str], role: str) -> pd.DataFrame:
    """The columns `names` of `frame`, in that order.

    Raises
    ------
    InputError
        If a column is missing (the nearest known name is suggested), asked for twice or held
        twice by the frame, or `names` is one text rather than a list.
    """
    if isinstance(names, str):
        raise InputError(f"{role} '{names}' must be a list of names: ['{names}']")
    names = list(names)
    for name in names:
        if name not in frame.columns:
            hint = nearest(str(name), [str(column) for column in frame.columns])
            raise InputError(f"{role} '{name}' is not a column of the frame: {hint}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{role} '{twice}' is named twice: name it once")
    for name in names:
        if isinstance(frame[name], pd.DataFrame):
            raise InputError(f"the frame has several columns '{name}': rename or drop the others")
    return frame[names]


def identifiers(frame: pd.DataFrame, unit: str | None) -> pd.Index:
    """The identifiers of the rows: a column, or the index of the frame.

    Raises
    ------
    InputError
        If some are missing.
    """
    found = frame.index if unit is None else pd.Index(frame[unit])
    nameless = int(found.to_frame().isna().to_numpy().any(axis=1).sum())
    if nameless:
        raise InputError(f"{counted(nameless, 'unit')} without identifier")
    return found.rename("unit") if found.nlevels == 1 else found


def sampling_weights(frame: pd.DataFrame, name: str | None) -> np.ndarray:
    """A column of weights, or ones: float array, shape (n,).

    Raises
    ------
    InputError
        If the column does not hold numbers.
    """
    if name is None:
        return np.ones(len(frame))
    try:
        return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"weights '{name}' must be numbers") from error


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
