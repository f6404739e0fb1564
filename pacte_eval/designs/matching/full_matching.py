"""Full matching of least total distance on a line, in each exact cell: every unit is in one set,
each set one treated unit with its controls or one control with its treated (Rosenbaum 1991, *JRSS
B* 53, 597–610; Hansen 2004, *JASA* 99, 609–618).

Such sets are an edge cover of least cost, hence a flow on the line where each target sends out at
least one unit and each source takes in at least one. Going up the line, let j be what was sent
less what was taken: a gap g costs g |j|, and the least cost of every j is convex, held by its kinks
on either side of its minimum in two heaps. A target moves the function one step to the right and
flattens what rises, for it may send more; a source does the same to the left; a gap adds a kink at
0. The minima met on the way up give the best flow on the way down. O(n log n).
"""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np
from numba import njit

from pacte_eval.designs.matching.optimal_pairs import MergedArms

_FAR = 2**62


def full_match_links(
    score: np.ndarray, cell: np.ndarray, targets: np.ndarray, sources: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Links of targets and sources that leave nobody out and whose distances have the least sum.

    Parameters
    ----------
    score : float array, shape (n,)
    cell : int array, shape (n,)
    targets, sources : int arrays
        Rows of the units of each arm. Cells without one of the arms have no links.

    Returns
    -------
    int arrays of the same length
        Rows of linked targets and sources, sorted by cell. One end of every link has no other.
    """
    line = MergedArms.of(score, cell, targets, sources)
    links = _links(line.score, line.target, line.bounds)
    left = np.repeat(line.rows[line.target], links[line.target])
    right = np.repeat(line.rows[~line.target], links[~line.target])
    kept = _needed(left, right, np.bincount(left), np.bincount(right))
    return left[kept], right[kept]


@njit(cache=True, nogil=True)
def _links(score: np.ndarray, target: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """How many links each unit of sorted cells has: int array."""
    links = np.zeros(len(score), dtype=np.int64)
    lowest = np.zeros(len(score), dtype=np.int64)
    highest = np.zeros(len(score), dtype=np.int64)
    for place in range(len(bounds) - 1):
        start, end = bounds[place], bounds[place + 1]
        treated = 0
        for i in range(start, end):
            treated += target[i]
        if treated == 0 or treated == end - start:
            continue
        below = [(0, np.inf)]
        above = [(0, np.inf)]
        moved = 0
        for i in range(start, end):
            lowest[i] = moved - below[0][0] if below else -_FAR
            highest[i] = moved + above[0][0] if above else _FAR
            if target[i]:
                above.clear()
                moved += 1
            else:
                below.clear()
                moved -= 1
            gap = score[i + 1] - score[i] if i + 1 < end else 0.0
            if gap > 0:
                heappush(below, (moved, gap))
                _pass(below, above, gap)
                heappush(above, (-moved, gap))
                _pass(above, below, gap)
        balance = 0
        for i in range(end - 1, start - 1, -1):
            before = min(balance - 1, highest[i]) if target[i] else max(balance + 1, lowest[i])
            links[i] = abs(balance - before)
            balance = before
    return links


@njit(cache=True, nogil=True)
def _pass(giver: list[tuple[int, float]], taker: list[tuple[int, float]], weight: float) -> None:
    """Move a weight of kinks from the top of one heap to the other."""
    while weight > 0:
        position, held = heappop(giver)
        given = min(held, weight)
        heappush(taker, (-position, given))
        weight -= given
        if held > given:
            heappush(giver, (position, held - given))


@njit(cache=True, nogil=True)
def _needed(
    left: np.ndarray, right: np.ndarray, left_links: np.ndarray, right_links: np.ndarray
) -> np.ndarray:
    """Which links are left once those whose both ends have another are taken away: bool array."""
    kept = np.ones(len(left), dtype=np.bool_)
    for i in range(len(left)):
        if left_links[left[i]] > 1 and right_links[right[i]] > 1:
            left_links[left[i]] -= 1
            right_links[right[i]] -= 1
            kept[i] = False
    return kept
