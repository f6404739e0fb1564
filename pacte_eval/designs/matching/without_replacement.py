"""Nearest neighbours on a line, without replacement: no source is taken twice.

Free sources are kept in two forests of disjoint sets (Tarjan 1975, *J. ACM* 22(2), 215–225), one
looking down the line and one looking up, so that the nearest free source of a target is found in
almost constant time however many are taken around it.
"""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit

from pacte_eval.designs.matching.line import SLACK, Line
from pacte_eval.designs.matching.neighbours import sets_of
from pacte_eval.designs.matching.sets import MatchedSets


def nearest_in_order(line: Line, count: int, *, caliper: float = np.inf) -> MatchedSets:
    """Each target in turn takes the nearest free source, in `count` rounds.

    Parameters
    ----------
    line : Line
        Targets in the order served. A target is no neighbour of itself nor of its person's other
        rows.
    count : int
        Sources of each target: a round gives one more to each.
    caliper : float
        Largest distance on the score.

    Returns
    -------
    MatchedSets
        Sets of fewer than `count` units, or empty, where no more were free.
    """
    return sets_of(line, *_in_order(line, count, float(caliper)))


def closest_first(line: Line, count: int, *, caliper: float = np.inf) -> MatchedSets:
    """The closest pair of a target and a free source, then the closest of what remains.

    Among equally close pairs (to 12 digits of the largest score), the target that comes first is
    served first. A round ends when each target has one more source, or none is free for it.

    Parameters
    ----------
    line, count, caliper
        As for `nearest_in_order`.
    """
    size = np.abs(np.concatenate([line.at, line.score])).max(initial=0)
    unit = SLACK * (float(size) or 1.0)
    return sets_of(line, *_closest_first(line, count, float(caliper), unit))


@njit(cache=True, nogil=True)
def _root(parent: np.ndarray, j: int) -> int:
    while parent[j] != j:
        parent[j] = parent[parent[j]]
        j = parent[j]
    return j


@njit(cache=True, nogil=True)
def _nearest_free(
    line: Line, i: int, lower: np.ndarray, upper: np.ndarray, caliper: float
) -> tuple[int, float]:
    """The nearest free source of target i and its distance; −1 where there is none.

    upper[j] leads to the first free source from j on; lower[j + 1], to one more than the last free
    source up to j.
    """
    at, who = line.at[i], line.who[i]
    below, down = -1, _root(lower, line.before[i]) - 1
    while down >= line.start[i] and below < 0:
        head = line.head[down] if line.ranked else down
        j = _root(upper, head)
        while j <= down and line.person[j] == who:
            j = _root(upper, j + 1)
        if j <= down:
            below = j
        down = _root(lower, head) - 1
    above = _root(upper, line.before[i])
    while above < line.end[i] and line.person[above] == who:
        above = _root(upper, above + 1)

    fall = at - line.score[below] if below >= 0 else np.inf
    rise = line.score[above] - at if above < line.end[i] else np.inf
    nearest = min(fall, rise)
    if np.isinf(nearest) or nearest > caliper + SLACK * (abs(at) + caliper):
        return -1, np.inf
    equal = abs(rise - fall) <= SLACK * (abs(at) + nearest)
    if _preferred(line, i, above, below) if equal else rise < fall:
        return above, nearest
    return below, nearest


@njit(cache=True, nogil=True)
def _preferred(line: Line, i: int, above: int, below: int) -> bool:
    """Whether the source above, as near as the one below, comes first."""
    one, other = line.rank[above], line.rank[below]
    if line.ranked:
        return one < other
    return abs(one - line.place[i]) < abs(other - line.place[i])


@njit(cache=True, nogil=True)
def _in_order(line: Line, count: int, caliper: float) -> tuple[np.ndarray, np.ndarray]:
    """The sources taken by each target, and their number."""
    chosen = np.zeros((len(line.targets), count), dtype=np.int64)
    size = np.zeros(len(line.targets), dtype=np.int64)
    lower = np.arange(len(line.sources) + 1, dtype=np.int32)
    upper = lower.copy()
    for turn in range(count):
        for i in range(len(line.targets)):
            if size[i] == turn:
                j, _ = _nearest_free(line, i, lower, upper, caliper)
                if j >= 0:
                    chosen[i, turn] = j
                    size[i] += 1
                    lower[j + 1], upper[j] = j, j + 1
    return chosen, size


@njit(cache=True, nogil=True)
def _closest_first(
    line: Line, count: int, caliper: float, unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """The sources taken by each target, and their number."""
    chosen = np.zeros((len(line.targets), count), dtype=np.int64)
    size = np.zeros(len(line.targets), dtype=np.int64)
    lower = np.arange(len(line.sources) + 1, dtype=np.int32)
    upper = lower.copy()
    for turn in range(count):
        pairs = [(0.0, 0, 0) for _ in range(0)]
        for i in range(len(line.targets)):
            if size[i] == turn:
                j, distance = _nearest_free(line, i, lower, upper, caliper)
                if j >= 0:
                    pairs.append((np.rint(distance / unit), i, j))
        heapq.heapify(pairs)
        while len(pairs) > 0:
            _, i, j = heapq.heappop(pairs)
            if upper[j] == j:
                chosen[i, turn] = j
                size[i] += 1
                lower[j + 1], upper[j] = j, j + 1
                continue
            j, distance = _nearest_free(line, i, lower, upper, caliper)
            if j >= 0:
                heapq.heappush(pairs, (np.rint(distance / unit), i, j))
    return chosen, size
