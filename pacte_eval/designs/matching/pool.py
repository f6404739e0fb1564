"""Who may be matched in many dimensions, sorted by exact cell and score, and who looks for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from pacte_eval.designs.matching.line import SLACK

NOBODY = -1


@dataclass(frozen=True, eq=False)
class Pool:
    """Units that may be matched, sorted by cell and score.

    Attributes
    ----------
    points : float array, shape (n, d)
        Of all units, whose Euclidean distance counts.
    rows : int array, shape (m,)
        The units of the pool.
    person : int array, shape (m,)
    cell : int array, shape (m,)
    score : float array, shape (m,)
    bound : float32 array, shape (m, d + 1)
        Each point, then its squared length less what rounding may add.
    """

    points: np.ndarray
    rows: np.ndarray
    person: np.ndarray
    cell: np.ndarray
    score: np.ndarray
    bound: np.ndarray

    @classmethod
    def of(
        cls,
        points: np.ndarray,
        person: np.ndarray,
        cell: np.ndarray,
        score: np.ndarray,
        sources: np.ndarray,
    ) -> Pool:
        rows = sources[np.lexsort((sources, score[sources], cell[sources]))]
        bound = np.empty((len(rows), points.shape[1] + 1), dtype=np.float32)
        _lower_bounds(points, rows, rounding_error(points), bound)
        return cls(points, rows, person[rows], cell[rows], score[rows], bound)

    def runs(
        self, cell: np.ndarray, score: np.ndarray, caliper: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Places of the pool within a cell and a caliper: first and after the last, int arrays."""
        low = np.empty(len(cell), dtype=np.int64)
        high = np.empty(len(cell), dtype=np.int64)
        _runs(self.cell, self.score, cell, score, caliper, low, high)
        return low, high


@dataclass(frozen=True, eq=False)
class Seekers:
    """Who looks for neighbours, sorted by cell and score where runs are narrow.

    Attributes
    ----------
    rows : int array, shape (m,)
    person : int array, shape (m,)
        Whose units are refused, or `NOBODY`.
    low, high : int arrays, shape (m,)
        The run of the pool each may be matched in.
    """

    rows: np.ndarray
    person: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def take(self, chosen: np.ndarray | slice) -> Seekers:
        return Seekers(self.rows[chosen], self.person[chosen], self.low[chosen], self.high[chosen])


def rounding_error(points: np.ndarray) -> float:
    """Relative rounding error of a squared distance in single precision, at most."""
    return 2.0 * (points.shape[1] + 8) * 2.0**-24


@njit(cache=True, nogil=True)
def _lower_bounds(points: np.ndarray, rows: np.ndarray, worst: float, bound: np.ndarray) -> None:
    dimensions = points.shape[1]
    for i in range(len(rows)):
        square = 0.0
        for k in range(dimensions):
            value = points[rows[i], k]
            bound[i, k] = value
            square += value * value
        bound[i, dimensions] = square * (1.0 - worst)


@njit(cache=True, nogil=True)
def _bisect(values: np.ndarray, low: int, high: int, x: float, after: bool) -> int:
    while low < high:
        middle = (low + high) // 2
        if values[middle] < x or (after and values[middle] == x):
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _runs(
    cells: np.ndarray,
    scores: np.ndarray,
    cell: np.ndarray,
    score: np.ndarray,
    caliper: float,
    low: np.ndarray,
    high: np.ndarray,
) -> None:
    for i in range(len(cell)):
        start = _bisect(cells, 0, len(cells), cell[i], False)
        stop = _bisect(cells, start, len(cells), cell[i], True)
        width = caliper + SLACK * (abs(score[i]) + caliper)
        low[i] = _bisect(scores, start, stop, score[i] - width, False)
        high[i] = _bisect(scores, start, stop, score[i] + width, True)
