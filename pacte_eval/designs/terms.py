"""A regression's columns are made from covariates by three rules: numbers as they are, factors as
one column a level but the first, and products of those for squares and interactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from threadpoolctl import ThreadpoolController

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.frames.columns import is_factor

_BLOCK = 8_192
_BLAS = ThreadpoolController()
_DETERMINED = 1e-12


@dataclass(frozen=True, eq=False)
class Terms:
    """The columns of a regression.

    Attributes
    ----------
    matrix : float array, shape (n, p)
        The intercept first.
    names : tuple of str
        ``"age"``, ``"race[white]"``, ``"age:educ"``.
    covariates : tuple of str
        The covariate (or product of covariates) that each column comes from.
    dropped : dict of str to str
        Columns left out, with the reason.
    """

    matrix: np.ndarray
    names: tuple[str, ...]
    covariates: tuple[str, ...]
    dropped: dict[str, str]


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
    blocks = {str(name): _columns(covariates[name]) for name in covariates.columns}
    named: list[tuple[str, str, np.ndarray]] = [
        (name, label, values) for name, block in blocks.items() for label, values in block
    ]
    for name in squares:
        _known(name, blocks, "square")
        if is_factor(covariates[name]):
            raise InputError(f"square of '{name}': a factor has no square")
    for group in [*((name, name) for name in squares), *(tuple(group) for group in interactions)]:
        if len(group) < 2:
            raise InputError(f"interaction {tuple(group)} needs at least two covariates")
        for name in group:
            _known(name, blocks, "interaction")
        for parts in product(*(blocks[name] for name in group)):
            values = np.prod([values for _, values in parts], axis=0)
            named.append((":".join(group), ":".join(label for label, _ in parts), values))

    dropped = {label: "constant" for _, label, values in named if np.ptp(values) == 0}
    named = [entry for entry in named if entry[1] not in dropped]
    intercept = np.ones(len(covariates))
    matrix = np.column_stack([intercept, *(values for _, _, values in named)])
    for position in _redundant(matrix):
        dropped[named[position - 1][1]] = "collinear with earlier columns"
    kept = [i for i, (_, label, _) in enumerate(named) if label not in dropped]
    return Terms(
        matrix=matrix[:, [0, *(i + 1 for i in kept)]],
        names=("intercept", *(named[i][1] for i in kept)),
        covariates=("intercept", *(named[i][0] for i in kept)),
        dropped=dropped,
    )


def _columns(column: pd.Series) -> list[tuple[str, np.ndarray]]:
    if not is_factor(column):
        return [(str(column.name), column.to_numpy(dtype=np.float64))]
    codes = column.cat.codes.to_numpy()
    return [
        (f"{column.name}[{level}]", (codes == code).astype(np.float64))
        for code, level in enumerate(column.cat.categories)
        if code > 0
    ]


def _known(name: str, blocks: dict[str, list[tuple[str, np.ndarray]]], role: str) -> None:
    if name not in blocks:
        raise InputError(f"{role} '{name}' is not a covariate: {nearest(name, blocks)}")


def cross_products(
    matrix: np.ndarray, weights: np.ndarray, centre: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Σ weight × z zᵀ over rows z = (row − centre) / scale, in blocks that fit the cache."""
    total = np.zeros((matrix.shape[1], matrix.shape[1]))
    with _BLAS.limit(limits=1):
        for start in range(0, len(matrix), _BLOCK):
            rows = (matrix[start : start + _BLOCK] - centre) / scale
            total += rows.T @ (rows * weights[start : start + _BLOCK, np.newaxis])
    return total


def centre_and_scale(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, but 0 and 1 of the intercept, the first."""
    centre, scale = matrix.mean(axis=0), matrix.std(axis=0)
    centre[0], scale[0] = 0.0, 1.0
    return centre, scale


def _redundant(matrix: np.ndarray) -> list[int]:
    """Columns that the ones before them determine, by sweeping their correlation matrix."""
    centre, scale = centre_and_scale(matrix)
    left = cross_products(matrix, np.full(len(matrix), 1 / len(matrix)), centre, scale)
    redundant = []
    for column in range(len(left)):
        if left[column, column] <= _DETERMINED:
            redundant.append(column)
        else:
            left = left - np.outer(left[column], left[column]) / left[column, column]
    return redundant
