"""Pairs of least total distance on a line, without replacement, in each exact cell.

The smaller arm of a cell is served whole. Going up the line, let j be the number of its units met
less the number of units of the larger arm already paired: each gap g of the line costs g |j|, and
the least cost of every j is a convex function, held by its slopes on either side of j = 0 in two
heaps. A unit of the smaller arm moves the function one step; one of the larger arm inserts a slope
0, for it may be paired or not; a gap adds g to the slopes on the right and takes it from those on
the left. The slopes on the right at the end are those of the units to pair. As pairs need not
cross, the k-th of one arm then goes with the k-th of the other. Each unit enters and leaves a heap
a bounded number of times: O(n log n), as in the slope trick for convex transport on a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numba import njit

from pacte_eval.designs.matching.line import order_of


def optimal_pairs(
    score: np.ndarray, cell: np.ndarray, targets: np.ndarray, sources: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs whose distances on the score have the least sum.

    Parameters
    ----------
    score : float array, shape (n,)
    cell : int array, shape (n,)
    targets, sources : int arrays
        Rows of the units of each arm.

    Returns
    -------
    int arrays of the same length
        Rows of paired targets and sources, sorted by cell then score. A cell has as many pairs
        as its smaller arm has units.
    """
    line = MergedArms.of(score, cell, targets, sources)
    chosen = _chosen(line.score, line.target, line.bounds)
    return line.rows[chosen & line.target], line.rows[chosen & ~line.target]


@dataclass(frozen=True, eq=False)
class MergedArms:
    """Units of both arms sorted by cell, then score, then row.

    Attributes
    ----------
    rows : int64 array, shape (m,)
    score : float array, shape (m,)
    target : bool array, shape (m,)
    bounds : int64 array, shape (cells + 1,)
        Where each cell starts, and m.
    """

    rows: np.ndarray
    score: np.ndarray
    target: np.ndarray
    bounds: np.ndarray

    @classmethod
    def of(
        cls, score: np.ndarray, cell: np.ndarray, targets: np.ndarray, sources: np.ndarray
    ) -> MergedArms:
        target, member = np.zeros((2, len(score)), dtype=bool)
        target[targets] = True
        member[targets] = member[sources] = True
        order = order_of(score, cell)
        rows = order[member[order]]
        starts = np.flatnonzero(np.diff(cell[rows], prepend=-1))
        return cls(rows, score[rows], target[rows], np.append(starts, len(rows)))


@njit(cache=True, nogil=True)
def _chosen(score: np.ndarray, target: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Which units of sorted cells are paired: bool array."""
    chosen = np.zeros(len(score), dtype=np.bool_)
    for place in range(len(bounds) - 1):
        start, end = bounds[place], bounds[place + 1]
        treated = 0
        for i in range(start, end):
            treated += target[i]
        smaller = 2 * treated <= end - start
        left = [(0.0, 0)]
        right = [(0.0, 0)]
        left.pop()
        right.pop()
        moved = 0.0
        for i in range(start, end):
            if i > start:
                moved += score[i] - score[i - 1]
            if target[i] == smaller:
                chosen[i] = True
                if left:
                    slope, unit = heappop(left)
                    heappush(right, (-slope - 2 * moved, -unit))
                else:
                    heappush(right, (-np.inf, -1))
            else:
                heappush(right, (-moved, i))
                slope, unit = heappop(right)
                heappush(left, (-slope - 2 * moved, -unit))
        for _, unit in right:
            if unit >= 0:
                chosen[unit] = True
    return chosen


def parted(
    left: np.ndarray, right: np.ndarray, cell: np.ndarray, person: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of different persons.

    Parameters
    ----------
    left, right : int arrays of the same length
        Rows of paired units, sorted by cell.
    cell, person : int arrays, shape (n,)

    Returns
    -------
    int arrays of the same length
        The pairs. Those of one person have exchanged one unit with the nearest pair of their cell
        that parts both, or are left out where there is none.
    """
    if not np.any(person[left] == person[right]):
        return left, right
    right = right.copy()
    kept = _exchange(cell[left], person[left], person[right], right)
    return left[kept], right[kept]


@njit(cache=True, nogil=True)
def _exchange(
    cell: np.ndarray, left: np.ndarray, right: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Exchange right units in place until persons differ; where they do: bool array."""
    kept = np.ones(len(left), dtype=np.bool_)
    for i in range(len(left)):
        if left[i] != right[i]:
            continue
        kept[i] = False
        for step in range(1, len(left)):
            inside = False
            for j in (i - step, i + step):
                if j < 0 or j >= len(left) or cell[j] != cell[i]:
                    continue
                inside = True
                if kept[j] and right[j] != left[i] and left[j] != right[i]:
                    right[i], right[j] = right[j], right[i]
                    rows[i], rows[j] = rows[j], rows[i]
                    kept[i] = True
                    break
            if kept[i] or not inside:
                break
    return kept
