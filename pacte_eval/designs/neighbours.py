"""Nearest neighbours on one score inside exact cells: each cell's sources are sorted once, and a
neighbourhood is then a run of that order around the target, found by bisection.

Nothing of size targets × sources is ever held. Targets of equal score in a cell share one set, so
that large groups of ties cost no more than the group itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.designs.partial_sort import partial_sort
from pacte_eval.designs.sets import MatchedSets

TIE_DIGITS = 12
_SLACK = 2.0 * 10.0 ** (1 - TIE_DIGITS)
_BLOCK_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class _Line:
    """Scores rounded to 12 significant digits, exact cells from 0, and persons: shape (n,) each."""

    score: np.ndarray
    cell: np.ndarray
    person: np.ndarray


def significant(score: np.ndarray) -> np.ndarray:
    """Scores rounded to 12 significant digits."""
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log10(np.abs(score)))
    unit = 10.0 ** (TIE_DIGITS - 1 - np.where(np.isfinite(exponent), exponent, 0.0))
    return np.asarray(np.round(score * unit) / unit)


def nearest_with_ties(
    score: np.ndarray,
    cell: np.ndarray,
    person: np.ndarray,
    targets: np.ndarray,
    sources: np.ndarray,
    count: int,
    *,
    caliper: float = np.inf,
    tolerance: float = 0.0,
) -> MatchedSets:
    """All sources as near as the `count`-th nearest, ties included.

    Parameters
    ----------
    score : float array, shape (n,)
        Rounded to 12 significant digits (`significant`).
    cell : int array, shape (n,)
        Exact cell of each unit, from 0.
    person : int array, shape (n,)
    targets, sources : int arrays
        Rows of the units. A target is no neighbour of itself nor of its person's other rows.
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
    space = _Line(score, cell, person)
    own = _own_sources(space, targets, sources)
    first, like = _representatives(space, targets, own == own.min(initial=0))
    seekers, width = targets[first], own[first] + count

    arm = _Arm.of(space, sources, np.zeros(len(space.score)))
    start, end = arm.segment(space.cell[seekers])
    at = space.score[seekers]
    boundary = _bisect(arm.score, at, start, end, after=False)
    farthest = np.full(len(seekers), -np.inf)
    for block in _blocks(width):
        distance = arm.candidates(space, seekers[block], boundary[block], width[block].max())[1]
        distance.sort(axis=1)
        number = np.minimum(np.isfinite(distance).sum(axis=1), count)
        some = number > 0
        farthest[block[some]] = distance[some, number[some] - 1]
    slack = _SLACK * (np.abs(at) + np.maximum(farthest, 0.0))
    reach = np.sqrt(np.maximum(farthest, 0.0) ** 2 + tolerance)
    reach = np.where(np.isinf(farthest), -np.inf, np.minimum(reach, caliper) + slack)
    low = _bisect(arm.score, at - reach, start, end, after=False)
    high = np.maximum(low, _bisect(arm.score, at + reach, start, end, after=True))

    runs, run = np.unique(np.column_stack([low, high]), axis=0, return_inverse=True)
    of = run.ravel()[like]
    row, place = _expand(runs[:, 0], runs[:, 1])
    return MatchedSets(
        targets,
        of,
        _indicator(row, arm.rows[place], len(runs), len(space.score)),
        _own_members(space, targets, arm, runs[of], own),
    )


def nearest_exactly(
    score: np.ndarray,
    cell: np.ndarray,
    person: np.ndarray,
    targets: np.ndarray,
    sources: np.ndarray,
    count: int,
    *,
    caliper: float = np.inf,
    rank: np.ndarray | None = None,
) -> MatchedSets:
    """The `count` nearest sources, those equally near chosen by a rule.

    Parameters
    ----------
    score, cell, person, targets, sources, count, caliper
        As for `nearest_with_ties`.
    rank : float array, shape (n,), optional
        Among equally near sources the lowest rank comes first. Without it, all units are sorted
        by score then row; with one neighbour the nearest position in that order comes first, with
        several the choice among the equally near is that of `partial_sort`.
    """
    space = _Line(score, cell, person)
    own = _own_sources(space, targets, sources)
    if rank is None:
        position = np.empty(len(space.score), dtype=np.int64)
        position[np.lexsort((space.score, space.cell))] = np.arange(len(position))
        left = right = _Arm.of(space, sources, position)
        boundary = np.searchsorted(position[right.rows], position[targets])
    else:
        left, right = _Arm.of(space, sources, -rank), _Arm.of(space, sources, rank)
        start, end = right.segment(space.cell[targets])
        boundary = _bisect(right.score, space.score[targets], start, end, after=False)

    rows, members = [], []
    for block in _blocks(own + count):
        seekers = targets[block]
        units, distance = right.candidates(
            space, seekers, boundary[block], own[block].max() + count, left
        )
        size = np.abs(space.score[seekers])[:, np.newaxis]
        distance[distance > caliper + _SLACK * (size + caliper)] = np.inf
        equal = np.where(np.isfinite(distance), _levelled(distance, size), np.inf)
        if rank is None:
            order = _as_sorted(equal, position[units] - position[seekers][:, np.newaxis], count)
        else:
            order = np.lexsort((rank[units], equal), axis=1)[:, :count]
        chosen = np.take_along_axis(units, order, axis=1)
        found = np.isfinite(np.take_along_axis(distance, order, axis=1))
        rows.append(np.broadcast_to(block[:, np.newaxis], found.shape)[found])
        members.append(chosen[found])
    return MatchedSets(
        targets,
        np.arange(len(targets)),
        _indicator(np.concatenate(rows), np.concatenate(members), len(targets), len(space.score)),
    )


def seeded_rank(unit: pd.Index, seed: int) -> np.ndarray:
    """A rank of units drawn from a seed and their identifiers, whatever their order."""
    drawn = [hashlib.md5(f"{seed}:{name}".encode()).digest() for name in unit]
    rank = np.empty(len(drawn))
    rank[np.argsort(np.array(drawn), kind="stable")] = np.arange(len(drawn))
    return rank


@dataclass(frozen=True, eq=False)
class _Arm:
    """Sources sorted by cell, score and rank; `first` holds where each cell starts."""

    rows: np.ndarray
    score: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, space: _Line, sources: np.ndarray, rank: np.ndarray) -> _Arm:
        rows = sources[np.lexsort((rank[sources], space.score[sources], space.cell[sources]))]
        cells = np.arange(space.cell.max() + 2)
        return cls(rows, space.score[rows], np.searchsorted(space.cell[rows], cells))

    def segment(self, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.first[cell], self.first[cell + 1]

    def candidates(
        self,
        space: _Line,
        seekers: np.ndarray,
        boundary: np.ndarray,
        width: int,
        left: _Arm | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """`width` units on each side of a boundary, and their distance, infinite where refused."""
        before = left or self
        start, end = self.segment(space.cell[seekers])
        step = np.arange(width)
        down = boundary[:, np.newaxis] - 1 - step
        up = boundary[:, np.newaxis] + step
        last = len(self.rows) - 1
        units = np.concatenate(
            [before.rows[np.clip(down, 0, last)], self.rows[np.clip(up, 0, last)]], axis=1
        )
        refused = np.concatenate([down < start[:, np.newaxis], up >= end[:, np.newaxis]], axis=1)
        refused |= space.person[units] == space.person[seekers][:, np.newaxis]
        distance = np.abs(space.score[units] - space.score[seekers][:, np.newaxis])
        distance[refused] = np.inf
        return units, distance


def _levelled(distance: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Distances rounded to what scores of that size can tell apart."""
    finite = np.where(np.isfinite(distance), distance, 0.0)
    unit = _SLACK * 10.0 ** np.floor(np.log10(np.maximum(size + finite, 1e-280)))
    return np.asarray(np.rint(finite / unit) * unit)


def _as_sorted(distance: np.ndarray, steps: np.ndarray, count: int) -> np.ndarray:
    """Columns of the `count` nearest of each row, met by going out one position at a time."""
    met = np.lexsort((steps > 0, np.abs(steps), np.isinf(distance)), axis=1)
    distance = np.take_along_axis(distance, met, axis=1)
    chosen = np.argsort(distance, axis=1, kind="stable")[:, : count + 1]
    if count < distance.shape[1]:
        edge = np.take_along_axis(distance, chosen[:, count - 1 : count + 1], axis=1)
        tied = (edge[:, 0] == edge[:, 1]) & np.isfinite(edge[:, 0])
        for row in np.flatnonzero(tied):
            chosen[row, :count] = partial_sort(distance[row], count)
    return np.take_along_axis(met, chosen[:, :count], axis=1)


def _person_cell(space: _Line) -> np.ndarray:
    return space.cell.astype(np.int64) * (np.int64(space.person.max()) + 1) + space.person


def _own_sources(space: _Line, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """How many sources of a target's cell are the target's own person."""
    key = _person_cell(space)
    known = np.sort(key[sources])
    return np.searchsorted(known, key[targets], "right") - np.searchsorted(known, key[targets])


def _own_members(
    space: _Line, targets: np.ndarray, arm: _Arm, run: np.ndarray, own: np.ndarray
) -> sparse.csr_matrix | None:
    """Sources of a target's own person inside its run of the sorted arm."""
    if not own.any():
        return None
    key = _person_cell(space)
    place = np.argsort(key[arm.rows], kind="stable")
    low = np.searchsorted(key[arm.rows][place], key[targets])
    row, step = _expand(low, low + own)
    inside = place[step]
    kept = (inside >= run[row, 0]) & (inside < run[row, 1])
    return _indicator(row[kept], arm.rows[inside[kept]], len(targets), len(space.score))


def _representatives(
    space: _Line, targets: np.ndarray, alone: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One target for each cell and score, but each of those with own sources for itself."""
    apart = np.where(alone, 0, np.arange(1, len(targets) + 1))
    order = np.lexsort((apart, space.score[targets], space.cell[targets]))
    sorted_targets, sorted_apart = targets[order], apart[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (
        (np.diff(space.cell[sorted_targets]) != 0)
        | (np.diff(space.score[sorted_targets]) != 0)
        | (np.diff(sorted_apart) != 0)
    )
    of = np.empty(len(order), dtype=np.int64)
    of[order] = np.cumsum(new) - 1
    return order[new], of


def _blocks(width: np.ndarray) -> list[np.ndarray]:
    """Positions in blocks of like width, small enough for their candidates to fit in cache."""
    order = np.argsort(width, kind="stable")
    blocks, start = [], 0
    while start < len(order):
        size = max(1, _BLOCK_CELLS // int(2 * width[order[start]]))
        block = order[start : start + size]
        size = max(1, _BLOCK_CELLS // int(2 * width[block[-1]]))
        blocks.append(block[:size])
        start += len(blocks[-1])
    return blocks


def _bisect(
    values: np.ndarray, x: np.ndarray, start: np.ndarray, end: np.ndarray, *, after: bool
) -> np.ndarray:
    """Where each x belongs in the sorted run values[start:end], after or before equal values."""
    low, high = start.copy(), end.copy()
    last = max(len(values) - 1, 0)
    while True:
        open_ = low < high
        if not open_.any():
            return low
        middle = (low + high) // 2
        value = values[np.minimum(middle, last)]
        right = open_ & ((value <= x) if after else (value < x))
        low = np.where(right, middle + 1, low)
        high = np.where(open_ & ~right, middle, high)


def _expand(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and value of every whole number of the runs low[i] … high[i] − 1."""
    length = high - low
    row = np.repeat(np.arange(len(low)), length)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(length) - length - low, length)


def _indicator(row: np.ndarray, column: np.ndarray, rows: int, columns: int) -> sparse.csr_matrix:
    order = np.lexsort((column, row))
    pointer = np.searchsorted(row[order], np.arange(rows + 1))
    return sparse.csr_matrix((np.ones(len(order)), column[order], pointer), shape=(rows, columns))
