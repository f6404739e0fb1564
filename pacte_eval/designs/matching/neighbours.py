"""Nearest neighbours on a line, with replacement: each target walks out from where it stands.

Nothing of size targets × sources is ever held. Targets of equal neighbourhood share one set, so
that large groups of ties cost no more than the group itself.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from numba import njit
from scipy import sparse

from pacte_eval.designs.matching.line import SLACK, Line, counting_sort
from pacte_eval.designs.matching.partial_sort import partial_sort
from pacte_eval.designs.matching.sets import MatchedSets


def nearest_with_ties(
    line: Line, count: int, *, caliper: float = np.inf, tolerance: float = 0.0
) -> MatchedSets:
    """All sources as near as the `count`-th nearest, ties included.

    Parameters
    ----------
    line : Line
        A target is no neighbour of itself nor of its person's other rows.
    count : int
    caliper : float
        Largest distance on the score.
    tolerance : float
        Squared distances that differ by no more than this are equal.

    Returns
    -------
    MatchedSets
        Sets of fewer than `count` units, or empty, where the cell or the caliper holds no more.
    """
    low, high = _runs(line, _along(line), count, float(caliper), float(tolerance))
    several = len(line.sources) + 1
    runs, of = np.unique(low * several + high, return_inverse=True)
    start, end = np.divmod(runs, several)
    pointer = np.concatenate([[0], np.cumsum(end - start)])
    member = np.arange(pointer[-1]) + np.repeat(start - pointer[:-1], end - start)
    sets = _ones(line.sources[member], pointer, line.units)
    return MatchedSets(line.targets, of, sets, _own_members(line, low, high))


def nearest_exactly(line: Line, count: int, *, caliper: float = np.inf) -> MatchedSets:
    """The `count` nearest sources, those equally near chosen by their rank on the line.

    On a line without ranks, one neighbour is the nearest position; among several, the choice of
    the last is that of `partial_sort`.

    Parameters
    ----------
    line, count, caliper
        As for `nearest_with_ties`.
    """
    return sets_of(line, *_chosen(line, _along(line), count, float(caliper)))


def sets_of(line: Line, chosen: np.ndarray, size: np.ndarray) -> MatchedSets:
    """Sets of each target's own: the rows of the first size[i] sources of chosen[i]."""
    members = line.sources[chosen[np.arange(chosen.shape[1]) < size[:, np.newaxis]]]
    pointer = np.concatenate([[0], np.cumsum(size)])
    return MatchedSets(line.targets, np.arange(len(size)), _ones(members, pointer, line.units))


def seeded_rank(unit: pd.Index, seed: int) -> np.ndarray:
    """A rank of units drawn from a seed and their identifiers, whatever their order."""
    drawn = b"".join(hashlib.md5(f"{seed}:{name}".encode()).digest()[:8] for name in unit)
    rank = np.empty(len(unit))
    rank[np.argsort(np.frombuffer(drawn, dtype=">u8"), kind="stable")] = np.arange(len(unit))
    return rank


def _along(line: Line) -> np.ndarray:
    """Targets in the order of the line, so that each finds its neighbours in cache."""
    return np.argsort(line.before)


@njit(cache=True, nogil=True)
def _runs(
    line: Line, along: np.ndarray, count: int, caliper: float, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Sources low[i] … high[i] − 1 are those near enough to target i."""
    low = np.zeros(len(along), dtype=np.int64)
    high = np.zeros(len(along), dtype=np.int64)
    for i in along:
        at, start, end = line.at[i], line.start[i], line.end[i]
        down, up = line.before[i] - 1, line.before[i]
        found, farthest = 0, 0.0
        while found < count and (down >= start or up < end):
            if up >= end or (down >= start and at - line.score[down] <= line.score[up] - at):
                j = down
                down -= 1
            else:
                j = up
                up += 1
            if line.person[j] != line.who[i]:
                found += 1
                farthest = abs(line.score[j] - at)
        if found == 0:
            continue
        reach = min(np.sqrt(farthest**2 + tolerance), caliper)
        reach += SLACK * (abs(at) + reach)
        width = 1
        while down >= start and line.score[down] >= at - reach:
            down, width = down - width, 2 * width
        width = 1
        while up < end and line.score[up] <= at + reach:
            up, width = up + width, 2 * width
        start, end = max(start, down), min(end, up)
        low[i] = start + np.searchsorted(line.score[start:end], at - reach, side="left")
        high[i] = start + np.searchsorted(line.score[start:end], at + reach, side="right")
    return low, high


@njit(cache=True, nogil=True)
def _chosen(
    line: Line, along: np.ndarray, count: int, caliper: float
) -> tuple[np.ndarray, np.ndarray]:
    """The sources taken by each target, and their number."""
    chosen = np.zeros((len(along), count), dtype=np.int64)
    size = np.zeros(len(along), dtype=np.int64)
    near = np.empty(2 * count, dtype=np.int64)
    distance = np.empty(2 * count)
    met = np.empty(2 * count)
    for i in along:
        at = line.at[i]
        limit = caliper + SLACK * (abs(at) + caliper)
        found, down = 0, line.before[i] - 1
        while found < count and down >= line.start[i] and at - line.score[down] <= limit:
            j = line.head[down]
            while found < count and j <= down:
                if line.person[j] != line.who[i]:
                    near[found] = j
                    found += 1
                j += 1
            down = line.head[down] - 1
        below, up = found, line.before[i]
        while found < below + count and up < line.end[i] and line.score[up] - at <= limit:
            if line.person[up] != line.who[i]:
                near[found] = up
                found += 1
            up += 1
        for k in range(found):
            rank = line.rank[near[k]]
            met[k] = rank if line.ranked else abs(rank - line.place[i])
            distance[k] = abs(line.score[near[k]] - at)
        _level(distance[:found], abs(at))
        size[i] = min(found, count)
        order = np.argsort(met[:found], kind="mergesort")
        if line.ranked:
            order = order[np.argsort(distance[:found][order], kind="mergesort")]
        else:
            order = order[partial_sort(distance[:found][order], size[i])]
        for k in range(size[i]):
            chosen[i, k] = near[order[k]]
    return chosen, size


@njit(cache=True, nogil=True)
def _level(distance: np.ndarray, size: float) -> None:
    """Make distances equal that scores of that size cannot tell apart, in place."""
    least = -1.0
    for k in np.argsort(distance, kind="mergesort"):
        if least < 0 or distance[k] - least > SLACK * (size + distance[k]):
            least = distance[k]
        distance[k] = least


def _own_members(line: Line, low: np.ndarray, high: np.ndarray) -> sparse.csr_matrix | None:
    """Sources of a target's own person inside its run."""
    people = int(np.concatenate([line.who, line.person]).max(initial=0)) + 1
    rows_of = np.bincount(line.person, minlength=people)
    if not rows_of[line.who].any():
        return None
    theirs = counting_sort(np.arange(len(line.person)), line.person, people)
    first = np.concatenate([[0], np.cumsum(rows_of)])
    begin, size = _inside(line.who, theirs, first, low, high)
    pointer = np.concatenate([[0], np.cumsum(size)])
    member = np.arange(pointer[-1]) + np.repeat(begin - pointer[:-1], size)
    return _ones(line.sources[theirs[member]], pointer, line.units)


@njit(cache=True, nogil=True)
def _inside(
    who: np.ndarray, theirs: np.ndarray, first: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where each person's sources inside a run begin in `theirs`, and how many they are."""
    begin = np.zeros(len(who), dtype=np.int64)
    size = np.zeros(len(who), dtype=np.int64)
    for i, person in enumerate(who):
        own = theirs[first[person] : first[person + 1]]
        skipped = np.searchsorted(own, low[i])
        begin[i] = first[person] + skipped
        size[i] = np.searchsorted(own, high[i]) - skipped
    return begin, size


def _ones(columns: np.ndarray, pointer: np.ndarray, width: int) -> sparse.csr_matrix:
    return sparse.csr_matrix(
        (np.ones(len(columns)), columns, pointer), shape=(len(pointer) - 1, width)
    )
