"""Nearest neighbours on a line, without replacement: no source is taken twice.

Free sources are kept in two forests of disjoint sets (Tarjan 1975, *J. ACM* 22(2), 215–225), one
looking down the line and one looking up, so that the nearest free source of a target is found in
almost constant time however many are taken around it.
"""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit

from pacte_eval.designs.line import SLACK, Line, levelled
from pacte_eval.designs.neighbours import sets_of
from pacte_eval.designs.sets import MatchedSets


def nearest_in_order(
    line: Line, targets: np.ndarray, order: np.ndarray, count: int, *, caliper: float = np.inf
) -> MatchedSets:
    """Each target in turn takes the nearest free source, in `count` rounds.

    Parameters
    ----------
    line : Line
    targets : int array, shape (m,)
        Rows of the units. A target is no neighbour of its person's other rows.
    order : int array, shape (m,)
        Positions in `targets`, in the order served.
    count : int
        Sources of each target: a round gives one more to each.
    caliper : float
        Largest distance on the score.

    Returns
    -------
    MatchedSets
        Sets of fewer than `count` units, or empty, where no more were free.
    """
    chosen, size = _in_order(line, targets, order, count, float(caliper))
    return sets_of(line, targets, chosen, size)


def closest_first(
    line: Line, targets: np.ndarray, count: int, *, caliper: float = np.inf
) -> MatchedSets:
    """The closest pair of a target and a free source, then the closest of what remains.

    Among equally close pairs, the target that comes first in `targets` is served first. A round
    ends when each target has one more source, or none is free for it.

    Parameters
    ----------
    line, targets, count, caliper
        As for `nearest_in_order`.
    """
    chosen, size = _closest_first(line, targets, count, float(caliper))
    return sets_of(line, targets, chosen, size)


@njit(cache=True, nogil=True)
def _root(parent: np.ndarray, place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place


@njit(cache=True, nogil=True)
def _nearest_free(
    line: Line, unit: int, lower: np.ndarray, upper: np.ndarray, caliper: float
) -> tuple[int, float]:
    """Place of the nearest free source of a unit and its distance; −1 where there is none.

    upper[p] leads to the first free place from p on; lower[p + 1], to one more than the last free
    place up to p.
    """
    at, who = line.score[unit], line.person[unit]
    start, end = line.first[line.cell[unit]], line.first[line.cell[unit] + 1]
    below = -1
    down = _root(lower, line.before[unit]) - 1
    while down >= start and below < 0:
        place = _root(upper, line.head[down])
        while place <= down and line.who[place] == who:
            place = _root(upper, place + 1)
        if place <= down:
            below = place
        down = _root(lower, line.head[down]) - 1
    above = _root(upper, line.before[unit])
    while above < end and line.who[above] == who:
        above = _root(upper, above + 1)

    limit = caliper + SLACK * (abs(at) + caliper)
    down = at - line.at[below] if below >= 0 else np.inf
    up = line.at[above] - at if above < end else np.inf
    if min(down, up) > limit or (below < 0 and above >= end):
        return -1, np.inf
    down, up = levelled(down, abs(at)), levelled(up, abs(at))
    if up < down or (up == down and _preferred(line, unit, above, below)):
        return above, up
    return below, down


@njit(cache=True, nogil=True)
def _preferred(line: Line, unit: int, above: int, below: int) -> bool:
    """Whether the source above, as near as the one below, comes first."""
    one, other = line.rank[line.rows[above]], line.rank[line.rows[below]]
    if line.ranked:
        return one < other
    return abs(one - line.rank[unit]) < abs(other - line.rank[unit])


@njit(cache=True, nogil=True)
def _in_order(
    line: Line, targets: np.ndarray, order: np.ndarray, count: int, caliper: float
) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.zeros((len(targets), count), dtype=np.int64)
    size = np.zeros(len(targets), dtype=np.int64)
    lower, upper = np.arange(len(line.rows) + 1), np.arange(len(line.rows) + 1)
    for turn in range(count):
        for i in order:
            if size[i] < turn:
                continue
            place, _ = _nearest_free(line, targets[i], lower, upper, caliper)
            if place >= 0:
                chosen[i, turn] = line.rows[place]
                size[i] += 1
                lower[place + 1], upper[place] = place, place + 1
    return chosen, size


@njit(cache=True, nogil=True)
def _closest_first(
    line: Line, targets: np.ndarray, count: int, caliper: float
) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.zeros((len(targets), count), dtype=np.int64)
    size = np.zeros(len(targets), dtype=np.int64)
    lower, upper = np.arange(len(line.rows) + 1), np.arange(len(line.rows) + 1)
    for turn in range(count):
        pairs = [(0.0, 0, 0) for _ in range(0)]
        for i in range(len(targets)):
            if size[i] == turn:
                place, distance = _nearest_free(line, targets[i], lower, upper, caliper)
                if place >= 0:
                    pairs.append((distance, i, place))
        heapq.heapify(pairs)
        while len(pairs) > 0:
            _, i, place = heapq.heappop(pairs)
            if upper[place] == place:
                chosen[i, turn] = line.rows[place]
                size[i] += 1
                lower[place + 1], upper[place] = place, place + 1
                continue
            place, distance = _nearest_free(line, targets[i], lower, upper, caliper)
            if place >= 0:
                heapq.heappush(pairs, (distance, i, place))
    return chosen, size
