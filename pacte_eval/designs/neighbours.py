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

from pacte_eval.designs.line import SLACK, Line, counting_sort, levelled
from pacte_eval.designs.partial_sort import partial_sort
from pacte_eval.designs.sets import MatchedSets


def nearest_with_ties(
    line: Line,
    targets: np.ndarray,
    count: int,
    *,
    caliper: float = np.inf,
    tolerance: float = 0.0,
) -> MatchedSets:
    """All sources as near as the `count`-th nearest, ties included.

    Parameters
    ----------
    line : Line
    targets : int array, shape (m,)
        Rows of the units, each once. A target is no neighbour of itself nor of its person's other
        rows.
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
    low, high = _runs(line, targets, _along(line, targets), count, float(caliper), float(tolerance))
    places = len(line.rows)
    runs, of = np.unique(low * (places + 1) + high, return_inverse=True)
    start, end = np.divmod(runs, places + 1)
    pointer = np.concatenate([[0], np.cumsum(end - start)])
    place = np.arange(pointer[-1]) + np.repeat(start - pointer[:-1], end - start)
    sets = _ones(line.rows[place], pointer, len(line.score))
    return MatchedSets(targets, of, sets, _own_members(line, targets, low, high))


def nearest_exactly(
    line: Line, targets: np.ndarray, count: int, *, caliper: float = np.inf
) -> MatchedSets:
    """The `count` nearest sources, those equally near chosen by their rank on the line.

    On a line without ranks, one neighbour is the nearest position; among several, the choice of
    the last is that of `partial_sort`.

    Parameters
    ----------
    line, targets, count, caliper
        As for `nearest_with_ties`.
    """
    chosen, size = _chosen(line, targets, _along(line, targets), count, float(caliper))
    return sets_of(line, targets, chosen, size)


def sets_of(line: Line, targets: np.ndarray, chosen: np.ndarray, size: np.ndarray) -> MatchedSets:
    """Sets of each target's own: the first size[i] rows of chosen[i]."""
    members = chosen[np.arange(chosen.shape[1]) < size[:, np.newaxis]]
    pointer = np.concatenate([[0], np.cumsum(size)])
    return MatchedSets(
        targets, np.arange(len(targets)), _ones(members, pointer, len(line.score)), None
    )


def seeded_rank(unit: pd.Index, seed: int) -> np.ndarray:
    """A rank of units drawn from a seed and their identifiers, whatever their order."""
    drawn = b"".join(hashlib.md5(f"{seed}:{name}".encode()).digest()[:8] for name in unit)
    rank = np.empty(len(unit))
    rank[np.argsort(np.frombuffer(drawn, dtype=">u8"), kind="stable")] = np.arange(len(unit))
    return rank


def _along(line: Line, targets: np.ndarray) -> np.ndarray:
    """Targets in the order of the line, so that each finds its neighbours in cache."""
    return np.argsort(line.before[targets])


@njit(cache=True, nogil=True)
def _runs(
    line: Line,
    targets: np.ndarray,
    along: np.ndarray,
    count: int,
    caliper: float,
    tolerance: float,
) -> tuple[np.ndarray, np.ndarray]:
    """First place, and place after the last, of the sources near enough to each target."""
    low = np.zeros(len(targets), dtype=np.int64)
    high = np.zeros(len(targets), dtype=np.int64)
    for i in along:
        unit = targets[i]
        at = line.score[unit]
        start, end = line.first[line.cell[unit]], line.first[line.cell[unit] + 1]
        down, up = line.before[unit] - 1, line.before[unit]
        found, farthest = 0, 0.0
        while found < count and (down >= start or up < end):
            if up >= end or (down >= start and at - line.at[down] <= line.at[up] - at):
                place = down
                down -= 1
            else:
                place = up
                up += 1
            if line.who[place] != line.person[unit]:
                found += 1
                farthest = abs(line.at[place] - at)
        if found == 0:
            continue
        reach = min(np.sqrt(farthest**2 + tolerance), caliper)
        reach += SLACK * (abs(at) + reach)
        low[i] = start + np.searchsorted(line.at[start:end], at - reach, side="left")
        high[i] = start + np.searchsorted(line.at[start:end], at + reach, side="right")
    return low, high


@njit(cache=True, nogil=True)
def _chosen(
    line: Line, targets: np.ndarray, along: np.ndarray, count: int, caliper: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the sources taken by each target, and their number."""
    chosen = np.zeros((len(targets), count), dtype=np.int64)
    size = np.zeros(len(targets), dtype=np.int64)
    place = np.empty(2 * count, dtype=np.int64)
    distance = np.empty(2 * count)
    met = np.empty(2 * count)
    for i in along:
        unit = targets[i]
        at = line.score[unit]
        start, end = line.first[line.cell[unit]], line.first[line.cell[unit] + 1]
        limit = caliper + SLACK * (abs(at) + caliper)
        found, down = 0, line.before[unit] - 1
        while found < count and down >= start and at - line.at[down] <= limit:
            for p in range(line.head[down], down + 1):
                if found < count and line.who[p] != line.person[unit]:
                    place[found] = p
                    found += 1
            down = line.head[down] - 1
        below, up = found, line.before[unit]
        while found < below + count and up < end and line.at[up] - at <= limit:
            if line.who[up] != line.person[unit]:
                place[found] = up
                found += 1
            up += 1
        for k in range(found):
            rank = line.rank[line.rows[place[k]]]
            met[k] = rank if line.ranked else abs(rank - line.rank[unit])
            distance[k] = levelled(abs(line.at[place[k]] - at), abs(at))
        size[i] = min(found, count)
        order = np.argsort(met[:found], kind="mergesort")
        if line.ranked:
            order = order[np.argsort(distance[:found][order], kind="mergesort")]
        else:
            order = order[partial_sort(distance[:found][order], size[i])]
        for k in range(size[i]):
            chosen[i, k] = line.rows[place[order[k]]]
    return chosen, size


def _own_members(
    line: Line, targets: np.ndarray, low: np.ndarray, high: np.ndarray
) -> sparse.csr_matrix | None:
    """Sources of a target's own person inside its run."""
    people = int(line.person.max()) + 1
    rows_of = np.bincount(line.who, minlength=people)
    if not rows_of[line.person[targets]].any():
        return None
    places = counting_sort(np.arange(len(line.who)), line.who, people)
    first = np.concatenate([[0], np.cumsum(rows_of)])
    begin, size = _inside(line.person[targets], places, first, low, high)
    pointer = np.concatenate([[0], np.cumsum(size)])
    step = np.arange(pointer[-1]) + np.repeat(begin - pointer[:-1], size)
    return _ones(line.rows[places[step]], pointer, len(line.score))


@njit(cache=True, nogil=True)
def _inside(
    person: np.ndarray, places: np.ndarray, first: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where each person's places inside a run begin in `places`, and how many they are."""
    begin = np.zeros(len(person), dtype=np.int64)
    size = np.zeros(len(person), dtype=np.int64)
    for i in range(len(person)):
        own = places[first[person[i]] : first[person[i] + 1]]
        skipped = np.searchsorted(own, low[i])
        begin[i] = first[person[i]] + skipped
        size[i] = np.searchsorted(own, high[i]) - skipped
    return begin, size


def _ones(columns: np.ndarray, pointer: np.ndarray, width: int) -> sparse.csr_matrix:
    return sparse.csr_matrix(
        (np.ones(len(columns)), columns, pointer), shape=(len(pointer) - 1, width)
    )
