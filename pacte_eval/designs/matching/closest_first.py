"""Matching without replacement, the closest remaining pair first, in many dimensions."""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit

from pacte_eval.designs.matching.line import SLACK
from pacte_eval.designs.matching.multivariate import Precedence, neighbourhoods
from pacte_eval.designs.matching.pool import NOBODY, Pool, Seekers

_LIST = 16


def served_closest_first(
    pool: Pool, seekers: Seekers, precedence: Precedence, taken: np.ndarray
) -> np.ndarray:
    """The closest remaining pair first; parameters and result as for
    `pacte_eval.designs.matching.multivariate.served_in_order`.

    Pairs equally close go by the position of the seeker, then by precedence. Each seeker holds a
    list of its nearest free units; those whose list is used up get a new one together, as soon as
    the next pair may be one of theirs.
    """
    given = np.full(len(seekers.rows), NOBODY, dtype=np.int64)
    first, last = np.zeros_like(given), np.zeros_like(given)
    more = seekers.high > seekers.low
    place = np.empty((len(given), _LIST), dtype=np.int64)
    level = np.empty((len(given), _LIST))
    unit = SLACK * np.sqrt(pool.points.shape[1])
    while True:
        waiting = np.flatnonzero((given == NOBODY) & (first == last) & more)
        if not len(waiting):
            return given
        waiting = waiting[np.argsort(seekers.low[waiting], kind="stable")]
        found = neighbourhoods(pool, seekers.take(waiting), _LIST, taken=taken)
        size = np.diff(found.pointer)
        owner = np.repeat(waiting, size)
        levels = np.rint(np.sqrt(found.square) / unit)
        position = np.repeat(np.arange(len(waiting)), size)
        order = np.lexsort((precedence.of(owner, found.place), levels, position))
        step = np.arange(len(order)) - found.pointer[position]
        listed = order[step < _LIST], owner[step < _LIST], step[step < _LIST]
        place[listed[1:]], level[listed[1:]] = found.place[listed[0]], levels[listed[0]]
        first[waiting], last[waiting] = 0, np.minimum(size, _LIST)
        more[waiting] = size >= _LIST
        _pair_off(place, level, first, last, more, taken, given)


@njit(cache=True, nogil=True)
def _pair_off(
    place: np.ndarray,
    level: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    more: np.ndarray,
    taken: np.ndarray,
    given: np.ndarray,
) -> None:
    """Make pairs from sorted lists, closest first, until the next may be on no list."""
    heap = [
        (level[i, first[i]], i)
        for i in range(len(given))
        if given[i] == NOBODY and first[i] < last[i]
    ]
    heapq.heapify(heap)
    while heap:
        seen, i = heapq.heappop(heap)
        if first[i] == last[i]:
            return
        if not taken[place[i, first[i]]]:
            given[i] = place[i, first[i]]
            taken[given[i]] = True
            continue
        while first[i] < last[i] and taken[place[i, first[i]]]:
            seen = level[i, first[i]]
            first[i] += 1
        if first[i] < last[i]:
            heapq.heappush(heap, (level[i, first[i]], i))
        elif more[i]:
            heapq.heappush(heap, (seen, i))
