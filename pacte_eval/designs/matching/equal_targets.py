"""Targets alike in every respect have the same neighbours: looked for once, held once."""

from __future__ import annotations

import numpy as np
from numba import njit

from pacte_eval.designs.matching.multivariate import Neighbourhoods
from pacte_eval.designs.matching.pool import Pool


def groups(
    points: np.ndarray, cell: np.ndarray, score: np.ndarray, targets: np.ndarray, apart: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Targets of one cell, score and point.

    Parameters
    ----------
    points : float array, shape (n, d)
    cell : int array, shape (n,)
    score : float array, shape (n,)
    targets : int array, shape (m,)
    apart : bool array, shape (m,)
        Targets that are each a group of their own.

    Returns
    -------
    first : int array, shape (number of groups,)
        Position of a target of each group, by cell and score.
    of : int array, shape (m,)
        Group of each target.
    """
    mark = np.empty(len(targets), dtype=np.uint64)
    _fingerprint(points, targets, mark)
    alone = np.where(apart, np.arange(1, len(targets) + 1), 0)
    order = np.lexsort((alone, mark, score[targets], cell[targets]))
    new = np.ones(len(targets), dtype=np.bool_)
    _differ(points, cell, score, targets[order], alone[order], new)
    of = np.empty(len(targets), dtype=np.int64)
    of[order] = np.cumsum(new) - 1
    return order[new], of


def own_members(
    pool: Pool, found: Neighbourhoods, looking: np.ndarray, person: np.ndarray, of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Units of a target's own person in the set it shares.

    Parameters
    ----------
    pool : Pool
    found : Neighbourhoods
    looking : int array, shape (m,)
        Positions of targets, ascending.
    person : int array, shape (m,)
    of : int array, shape (m,)
        The sets of `found` they share.

    Returns
    -------
    int arrays
        Positions of targets, ascending, and places in the pool.
    """
    by_person = np.argsort(pool.person, kind="stable")
    persons = pool.person[by_person]
    low = np.searchsorted(persons, person)
    size = np.searchsorted(persons, person, "right") - low
    which = np.repeat(np.arange(len(looking)), size)
    step = np.arange(len(which)) - np.repeat(np.cumsum(size) - size, size)
    place = by_person[low[which] + step]
    inside = np.zeros(len(which), dtype=np.bool_)
    _held(found.pointer, found.place, of[which], place, inside)
    return looking[which[inside]], place[inside]


@njit(cache=True, nogil=True)
def _fingerprint(points: np.ndarray, rows: np.ndarray, mark: np.ndarray) -> None:
    """A hash of the bits of each point (Fowler, Noll and Vo's, by words)."""
    bits = points.view(np.uint64)
    for i in range(len(rows)):
        hashed = np.uint64(14695981039346656037)
        for k in range(points.shape[1]):
            hashed = (hashed ^ bits[rows[i], k]) * np.uint64(1099511628211)
            hashed ^= hashed >> np.uint64(32)
        mark[i] = hashed


@njit(cache=True, nogil=True)
def _differ(
    points: np.ndarray,
    cell: np.ndarray,
    score: np.ndarray,
    rows: np.ndarray,
    own: np.ndarray,
    new: np.ndarray,
) -> None:
    """Whether each row differs from the one before by cell, score, point or group of its own."""
    for i in range(1, len(rows)):
        here, before = rows[i], rows[i - 1]
        same = cell[here] == cell[before] and score[here] == score[before] and own[i] == own[i - 1]
        for k in range(points.shape[1]):
            same = same and points[here, k] == points[before, k]
        new[i] = not same


@njit(cache=True, nogil=True)
def _held(
    pointer: np.ndarray, places: np.ndarray, of: np.ndarray, place: np.ndarray, inside: np.ndarray
) -> None:
    """Whether each place is in a set, whose places ascend."""
    for i in range(len(of)):
        members = places[pointer[of[i]] : pointer[of[i] + 1]]
        at = np.searchsorted(members, place[i])
        inside[i] = at < len(members) and members[at] == place[i]
