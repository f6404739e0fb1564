"""A regression's columns are made from covariates by three rules: numbers as they are, factors as
one column a level but the first, and products of those for squares and interactions.

The columns are an operator, never a matrix: a row is a few numbers and, for each factor or product
with one, the one column in which it is not zero. Rows are made in blocks when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from multiprocessing.pool import ThreadPool
from typing import TypeVar

import numpy as np
import pandas as pd
from numba import njit
from threadpoolctl import ThreadpoolController

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.frames.columns import is_factor

_BLOCK = 16_384
_THREADS = 2
_BLAS = ThreadpoolController()
_DETERMINED = 1e-12
_Result = TypeVar("_Result")


@dataclass(frozen=True, eq=False)
class Term:
    """A product of covariates: numbers multiplied, factors crossed.

    Attributes
    ----------
    numbers : tuple of float arrays, shape (n,)
    codes : tuple of int arrays, shape (n,)
        Levels of each factor, from 0.
    column : int array, as many axes as factors
        The column of each crossing of levels; p, the number of columns, where it has none (a
        first level, or a column dropped).
    """

    numbers: tuple[np.ndarray, ...]
    codes: tuple[np.ndarray, ...]
    column: np.ndarray

    def values(self, rows: slice) -> np.ndarray | float:
        """The product of the numbers of some rows, 1 where there are none."""
        if not self.numbers:
            return 1.0
        first, *others = (numbers[rows] for numbers in self.numbers)
        for numbers in others:
            first = first * numbers
        return first

    def columns(self, rows: slice) -> np.ndarray:
        """The column of each row."""
        if len(self.codes) == 1:
            return np.asarray(self.column.take(self.codes[0][rows]))
        return np.asarray(self.column[tuple(codes[rows] for codes in self.codes)])


@dataclass(frozen=True, eq=False)
class Rows:
    """A block of m rows.

    Attributes
    ----------
    numbers : float array, shape (m, q)
        The intercept and the columns made of numbers alone.
    places : int array, shape (q,)
        Which of the p columns those are.
    column : int32 array, shape (m, s)
        Column of each of the s other terms; p where it has none.
    value : float array, shape (m, s)
        Its value in that column.
    size : int
        p.
    """

    numbers: np.ndarray
    places: np.ndarray
    column: np.ndarray
    value: np.ndarray
    size: int

    def times(self, coefficients: np.ndarray) -> np.ndarray:
        """Shape (p, t) to (m, t)."""
        result = self.numbers @ coefficients[self.places]
        extended = np.vstack([coefficients, np.zeros((1, coefficients.shape[1]))])
        for column, value in zip(self.column.T, self.value.T, strict=True):
            result += extended.take(column, axis=0) * value[:, np.newaxis]
        return np.asarray(result)

    def transposed_times(self, values: np.ndarray) -> np.ndarray:
        """Shape (m, t) to (p, t)."""
        result = np.zeros((self.size + 1, values.shape[1]))
        _add_to_columns(self.column, self.value, values, result)
        result[self.places] = self.numbers.T @ values
        return result[:-1]

    def moments(self, weights: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Σ weight × z zᵀ and Σ value × z over rows z, side by side: shape (p, p + 1)."""
        right = np.empty((len(weights), len(self.places) + 1))
        np.multiply(self.numbers, weights[:, np.newaxis], out=right[:, :-1])
        right[:, -1] = values
        sums = self.transposed_times(right)
        result = np.zeros((self.size + 1, self.size + 1))
        _add_to_pairs(self.column, self.value, weights, result)
        result[:-1, self.places] = sums[:, :-1]
        result[self.places, :-1] = sums[:, :-1].T
        result[:-1, -1] = sums[:, -1]
        return result[:-1]


@njit(cache=True, nogil=True)
def _add_to_columns(
    column: np.ndarray, value: np.ndarray, values: np.ndarray, out: np.ndarray
) -> None:
    for i in range(column.shape[0]):
        for s in range(column.shape[1]):
            line, factor = column[i, s], value[i, s]
            for j in range(values.shape[1]):
                out[line, j] += factor * values[i, j]


@njit(cache=True, nogil=True)
def _add_to_pairs(
    column: np.ndarray, value: np.ndarray, weights: np.ndarray, out: np.ndarray
) -> None:
    for i in range(column.shape[0]):
        for s in range(column.shape[1]):
            factor = weights[i] * value[i, s]
            for r in range(column.shape[1]):
                out[column[i, s], column[i, r]] += factor * value[i, r]


@dataclass(frozen=True, eq=False)
class Terms:
    """The p columns of a regression over n rows, in units in which they are all of one size.

    The first is the intercept, 1. Columns made of numbers alone have mean 0 and standard deviation
    1; the others, mostly zeros, have mean square 1. Operators are in these units; `in_units` gives
    coefficients in those of the covariates.

    Attributes
    ----------
    names : tuple of str
        ``"age"``, ``"race[white]"``, ``"age:educ"``.
    covariates : tuple of str
        The covariate (or product of covariates) that each column comes from.
    dropped : dict of str to str
        Columns left out, with the reason.
    centre, scale : float arrays, shape (p,)
        What is taken from a column, and what it is then divided by.
    length : int
        n.
    parts : tuple of Term
    """

    names: tuple[str, ...]
    covariates: tuple[str, ...]
    dropped: dict[str, str]
    centre: np.ndarray
    scale: np.ndarray
    length: int
    parts: tuple[Term, ...] = field(repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """n and p."""
        return self.length, len(self.names)

    def times(self, coefficients: np.ndarray) -> np.ndarray:
        """Shape (p,) or (p, t) to (n,) or (n, t)."""
        several = coefficients.reshape(len(coefficients), -1)
        result = np.concatenate(list(self.each(lambda rows, _: rows.times(several))))
        return result.reshape(self.length, *coefficients.shape[1:])

    def transposed_times(self, values: np.ndarray) -> np.ndarray:
        """Shape (n,) or (n, t) to (p,) or (p, t)."""
        several = np.ascontiguousarray(values, dtype=np.float64).reshape(self.length, -1)
        total = np.zeros((len(self.names), several.shape[1]))
        for sums in self.each(lambda rows, block: rows.transposed_times(several[block])):
            total += sums
        return total.reshape(-1, *values.shape[1:])

    def gram(self, weights: np.ndarray) -> np.ndarray:
        """Σ weight × z zᵀ over rows z: shape (n,) to (p, p)."""
        total = np.zeros((len(self.names), len(self.names) + 1))
        for sums in self.each(lambda rows, block: rows.moments(weights[block], weights[block])):
            total += sums
        return total[:, :-1]

    def column(self, position: int) -> np.ndarray:
        """One column: float array, shape (n,)."""
        return self.times(np.eye(len(self.names))[position])

    def in_units(self, coefficients: np.ndarray) -> np.ndarray:
        """Coefficients of the columns in the units of their covariates: shape (p,) to (p,)."""
        slopes = coefficients / self.scale
        slopes[0] -= slopes @ self.centre
        return np.asarray(slopes)

    def each(self, work: Callable[[Rows, slice], _Result]) -> Iterator[_Result]:
        """What `work` makes of each block of rows, in their order.

        Results do not depend on the number of threads: blocks are of one size, and each is worked
        on alone.
        """
        blocks = [slice(i, min(i + _BLOCK, self.length)) for i in range(0, self.length, _BLOCK)]
        with _BLAS.limit(limits=1):
            if len(blocks) == 1:
                yield work(self._rows(blocks[0]), blocks[0])
                return
            with ThreadPool(_THREADS) as pool:
                yield from pool.imap(lambda block: work(self._rows(block), block), blocks)

    def _rows(self, block: slice) -> Rows:
        count, size = block.stop - block.start, len(self.names)
        dense = [part for part in self.parts if not part.codes]
        coded = [part for part in self.parts if part.codes]
        numbers = np.empty((count, 1 + len(dense)))
        numbers[:, 0] = 1.0
        for j, part in enumerate(dense, start=1):
            place = int(part.column)
            values = part.values(block) - self.centre[place]
            np.divide(values, self.scale[place], out=numbers[:, j])
        places = np.array([0, *(int(part.column) for part in dense)])
        shares = np.append(1 / self.scale, 0.0)
        column = np.empty((count, len(coded)), dtype=np.int32)
        value = np.empty((count, len(coded)))
        for s, part in enumerate(coded):
            column[:, s] = part.columns(block)
            value[:, s] = shares.take(column[:, s])
            if part.numbers:
                value[:, s] *= part.values(block)
        return Rows(numbers, places, column, value, size)


@dataclass(frozen=True, eq=False)
class _Covariate:
    """A covariate as numbers, or as the codes of its levels, with the labels of its columns."""

    name: str
    labels: tuple[str, ...]
    numbers: np.ndarray | None
    codes: np.ndarray | None

    @classmethod
    def of(cls, column: pd.Series) -> _Covariate:
        name = str(column.name)
        if not is_factor(column):
            return cls(name, (name,), column.to_numpy(dtype=np.float64), None)
        levels = column.cat.categories
        labels = tuple(f"{name}[{level}]" for level in levels)
        return cls(name, labels, None, column.cat.codes.to_numpy())


def model_terms(
    covariates: pd.DataFrame,
    squares: Sequence[str] = (),
    interactions: Sequence[Sequence[str]] = (),
) -> Terms:
    """Columns of the linear index of a score.

    Constant columns, and columns that earlier ones already determine, are dropped and reported:
    neither changes a fitted score.

    Raises
    ------
    InputError
        If a square or an interaction names no covariate, or a square names a factor.
    """
    known = {str(name): _Covariate.of(covariates[name]) for name in covariates.columns}
    if isinstance(squares, str):
        raise InputError(f"squares='{squares}' must be a list of names: ['{squares}']")
    for name in squares:
        _check_known(name, known, "square")
        if known[name].codes is not None:
            raise InputError(f"square of '{name}': a factor has no square")
    for group in interactions:
        if isinstance(group, str):
            raise InputError(
                f"interaction '{group}' must be a list of names: interactions=[['{group}', …]]"
            )
        if len(group) < 2:
            raise InputError(f"interaction {tuple(group)} needs at least two covariates")
        for name in group:
            _check_known(name, known, "interaction")
    groups = [*((name,) for name in known), *((name, name) for name in squares), *interactions]
    terms = _all_columns([[known[name] for name in group] for group in groups], len(covariates))
    return _without_redundant(_spread(terms))


def _check_known(name: str, known: dict[str, _Covariate], role: str) -> None:
    if name not in known:
        raise InputError(f"{role} '{name}' is not a covariate: {nearest(name, known)}")


def _all_columns(groups: Sequence[Sequence[_Covariate]], length: int) -> Terms:
    """Every column, in the order of the groups and of the levels, none dropped yet."""
    names, covariates, parts = ["intercept"], ["intercept"], []
    for group in groups:
        factors = [one for one in group if one.codes is not None]
        column = np.full([len(one.labels) for one in factors], -1)
        for levels in product(*(range(len(one.labels)) for one in group)):
            place = tuple(
                level for one, level in zip(group, levels, strict=True) if one.codes is not None
            )
            if 0 in place:
                continue
            column[place] = len(names)
            names.append(
                ":".join(one.labels[level] for one, level in zip(group, levels, strict=True))
            )
            covariates.append(":".join(one.name for one in group))
        parts.append(
            Term(
                tuple(one.numbers for one in group if one.numbers is not None),
                tuple(one.codes for one in factors if one.codes is not None),
                column,
            )
        )
    size = len(names)
    for part in parts:
        part.column[part.column < 0] = size
    return Terms(
        names=tuple(names),
        covariates=tuple(covariates),
        dropped={},
        centre=np.zeros(size),
        scale=np.ones(size),
        length=length,
        parts=tuple(parts),
    )


def _spread(terms: Terms) -> Terms:
    """The same columns with their centre and scale, constant ones dropped."""
    size = len(terms.names)
    centre, scale = np.zeros(size), np.zeros(size + 1)
    scale[0] = 1.0
    for part in terms.parts:
        values = part.values(slice(None))
        if not part.codes:
            place = int(part.column)
            if np.ptp(values) > 0:
                centre[place], scale[place] = np.mean(values), np.std(values)
        else:
            squares = np.broadcast_to(np.square(values), terms.length)
            sums = np.bincount(part.columns(slice(None)), squares, size + 1)
            scale += np.sqrt(sums / terms.length)
    constant = dict.fromkeys(np.flatnonzero(scale[:-1] == 0).tolist(), "constant")
    return _without(replace(terms, centre=centre, scale=scale[:-1]), constant)


def _without_redundant(terms: Terms) -> Terms:
    """The columns that the ones before them do not determine, by sweeping their correlations."""
    left = terms.gram(np.full(terms.length, 1 / terms.length))
    left = left - np.outer(left[0], left[0])
    deviation = np.sqrt(np.maximum(np.diag(left), _DETERMINED))
    deviation[0] = 1.0
    left /= np.outer(deviation, deviation)
    redundant = {}
    for place in range(1, len(left)):
        if left[place, place] <= _DETERMINED:
            redundant[place] = "collinear with earlier columns"
        else:
            left = left - np.outer(left[place], left[place]) / left[place, place]
    return _without(terms, redundant)


def _without(terms: Terms, dropped: dict[int, str]) -> Terms:
    """The terms without the columns at some places, the reasons recorded."""
    kept = [place for place in range(len(terms.names)) if place not in dropped]
    renumbered = np.full(len(terms.names) + 1, len(kept))
    renumbered[kept] = np.arange(len(kept))
    parts = [replace(part, column=renumbered[part.column]) for part in terms.parts]
    return replace(
        terms,
        names=tuple(terms.names[place] for place in kept),
        covariates=tuple(terms.covariates[place] for place in kept),
        dropped=terms.dropped | {terms.names[place]: why for place, why in dropped.items()},
        centre=terms.centre[kept],
        scale=terms.scale[kept],
        parts=tuple(part for part in parts if (part.column < len(kept)).any()),
    )
