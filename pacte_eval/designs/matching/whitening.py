"""Covariates become points whose plain Euclidean distance is the distance asked for.

A number is one column, a factor of two levels one column of zeros and ones, a factor of more levels
one column a level. With z a difference of columns, the squared distance is z' P z, P being

- ``"mahalanobis"``: the pseudo-inverse of the covariance pooled within arms, Rubin's (1980,
  *Biometrics* 36, 293–298) and MatchIt's (Matching's ``Weight = 2`` is that of all units);
- ``"robust-mahalanobis"``: columns are replaced by their ranks, whose covariance is rescaled to the
  variance of ranks without ties, so that rare levels and outliers weigh no more than the others
  (Rosenbaum 2010, *Design of Observational Studies*, section 8.3);
- ``"scaled-euclidean"``: the diagonal of inverse variances of all units, Matching's ``Weight = 1``
  (Abadie and Imbens 2006).

Sampling weights enter means and covariances. Columns that do not vary are left out, and
combinations of columns that do not vary are given no weight, as a pseudo-inverse does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit
from scipy.linalg import qr
from scipy.stats import rankdata
from threadpoolctl import ThreadpoolController

from pacte_eval.frames.columns import is_factor

_BLOCK = 8_192
_BLAS = ThreadpoolController()
_REDUNDANT = 1e-9


@dataclass(frozen=True, eq=False)
class _Column:
    """A number, or where a factor has one level, times a height."""

    values: np.ndarray
    level: int | None = None
    height: float = 1.0

    def rows(self, block: slice) -> np.ndarray:
        values = self.values[block]
        return values if self.level is None else (values == self.level) * self.height


def whitened(
    covariates: pd.DataFrame, treated: np.ndarray, weights: np.ndarray, kind: str
) -> np.ndarray:
    """Points whose Euclidean distance is the distance `kind` between units.

    Parameters
    ----------
    covariates : DataFrame, n rows
        Numbers (float64) or factors (categorical).
    treated : bool array, shape (n,)
    weights : float array, shape (n,)
        Sampling weights.
    kind : str
        ``"mahalanobis"``, ``"robust-mahalanobis"`` or ``"scaled-euclidean"``.

    Returns
    -------
    float array, shape (n, d)
        Equal rows of covariates give equal points, bit for bit. The first coordinate is the column
        of largest precision given the others, by which MatchIt sorts units. All zeros, d = 1, where
        nothing varies.
    """
    ranked = kind == "robust-mahalanobis"
    columns = [
        column for name in covariates for column in _columns(covariates[name], ranked=ranked)
    ]
    size = len(covariates)
    if not columns:
        return np.zeros((size, 1))
    share = weights * (size / weights.sum())
    arms = np.column_stack([share * treated, share * ~treated])
    blocks = [slice(start, start + _BLOCK) for start in range(0, size, _BLOCK)]
    with _BLAS.limit(limits=1):
        sums = sum(arms[block].T @ _rows(columns, block) for block in blocks)
        centre = sums.sum(axis=0) / size
        products = np.zeros((len(columns), len(columns)))
        for block in blocks:
            rows = _rows(columns, block) - centre
            products += rows.T @ (rows * share[block, np.newaxis])
    deviation = np.sqrt(np.diag(products) / max(size - 1, 1))
    gaps = sums - arms.sum(axis=0)[:, np.newaxis] * centre
    if kind == "mahalanobis":
        products = products - (gaps / arms.sum(axis=0)[:, np.newaxis]).T @ gaps
    freedom = max(size - 1 - (kind == "mahalanobis"), 1)
    correlation = products / (np.outer(deviation, deviation) * freedom)
    if kind == "scaled-euclidean":
        turn = np.diag(1 / deviation)
    elif ranked:
        turn = _root(correlation) / np.sqrt(size * (size + 1) / 12)
    else:
        turn = _root(correlation) / deviation[:, np.newaxis]
    turn = np.ascontiguousarray(turn)
    points = np.zeros((size, turn.shape[1]))
    for block in blocks:
        _turn(_rows(columns, block) - centre, turn, points[block])
    return points


def _columns(values: pd.Series, *, ranked: bool) -> list[_Column]:
    if not is_factor(values):
        numbers = values.to_numpy(dtype=np.float64)
        if not np.ptp(numbers):
            return []
        return [_Column(rankdata(numbers) if ranked else numbers)]
    count = len(values.cat.categories)
    codes = values.cat.codes.to_numpy()
    used = range(count) if count > 2 else range(1, count)
    return [_Column(codes, level, len(codes) / 2 if ranked else 1.0) for level in used]


def _rows(columns: list[_Column], block: slice) -> np.ndarray:
    return np.column_stack([column.rows(block) for column in columns])


def _root(matrix: np.ndarray) -> np.ndarray:
    """R' of shape (p, d) with R' R the pseudo-inverse, first the column of largest precision."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > _REDUNDANT * max(values[-1], _REDUNDANT)
    if not kept.any():
        return np.zeros((len(matrix), 1))
    half = (vectors[:, kept] / np.sqrt(values[kept])).T
    upper, pivot = qr(half, mode="r", pivoting=True)
    root = np.empty_like(half)
    root[:, pivot] = upper * np.where(np.diag(upper) < 0, -1.0, 1.0)[:, np.newaxis]
    return root.T


@njit(cache=True, nogil=True)
def _turn(rows: np.ndarray, turn: np.ndarray, points: np.ndarray) -> None:
    """points = rows × turn, summed in one order whatever the row, unlike a BLAS product."""
    for i in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            for j in range(turn.shape[1]):
                points[i, j] += rows[i, k] * turn[k, j]
