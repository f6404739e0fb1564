"""Nearest neighbours in many dimensions, inside runs of units sorted by exact cell and score.

All distances of a block of targets to the units of their run are bounded from below by one matrix
product in single precision, |y|² − 2 x·y less its worst rounding error; only pairs whose bound does
not exceed the reach found so far are measured in double precision. So the result is that of
measuring every pair, and nothing of size targets × units is held.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numba import njit, vectorize
from threadpoolctl import ThreadpoolController

from pacte_eval.designs.line import SLACK

NOBODY = -1
_BLAS = ThreadpoolController()
_THREADS = 2
_BLOCK = 2_000_000
_SMALL = 100_000
_LIST = 16
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


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
        _lower_bounds(points, rows, _worst(points), bound)
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


@dataclass(frozen=True, eq=False)
class Precedence:
    """Which of several units equally near a seeker comes first.

    Attributes
    ----------
    rank : float array, shape (m,)
        Of places of the pool: the lowest comes first, where `span` is 0.
    at : float array
        Positions of seekers among `rank`, where `span` is not 0.
    span : float
        Where it is not 0, more than the gap of any two ranks: units that rank below the seeker
        come first, then the farthest by rank.
    """

    rank: np.ndarray
    at: np.ndarray
    span: float

    def of(self, seeker: np.ndarray, place: np.ndarray) -> np.ndarray:
        """The lower, the earlier: for positions of seekers and places, one by one."""
        return np.asarray(preferred(self.rank[place], self.at[seeker], self.span))

    def take(self, seekers: np.ndarray) -> Precedence:
        return Precedence(self.rank, self.at[seekers], self.span)


@vectorize(["float64(float64, float64, float64)"], cache=True)
def preferred(rank: float, at: float, span: float) -> float:
    """The rule of `Precedence`: the lower, the earlier."""
    gap = rank - at
    return rank if span == 0.0 else gap if gap < 0.0 else span - gap


@dataclass(frozen=True, eq=False)
class Neighbourhoods:
    """Near units of each seeker, in the order of the pool.

    Attributes
    ----------
    pointer : int array, shape (m + 1,)
    place : int array
        Places in the pool: those of seeker i are place[pointer[i]:pointer[i + 1]].
    square : float array
        Squared distances.
    """

    pointer: np.ndarray
    place: np.ndarray
    square: np.ndarray


def neighbourhoods(
    pool: Pool,
    seekers: Seekers,
    count: int,
    *,
    tolerance: float = 0.0,
    taken: np.ndarray | None = None,
) -> Neighbourhoods:
    """All units as near as the `count`-th nearest of each seeker, ties included.

    Parameters
    ----------
    pool : Pool
    seekers : Seekers
    count : int
    tolerance : float
        Squared distances that differ by no more than this are equal.
    taken : bool array, shape (m,), optional
        Places of the pool that nobody may have.
    """
    unavailable = np.zeros(len(pool.rows), dtype=np.bool_) if taken is None else taken

    def search(block: _Block) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        few = seekers.take(slice(block.start, block.stop))
        return _search(
            _products(pool, few.rows, block),
            *(pool.points, pool.rows, pool.person, unavailable, block.low),
            *(few.rows, few.person, few.low, few.high),
            *(count, tolerance, _worst(pool.points)),
        )

    found = in_threads(search, _blocks(seekers))
    sizes = np.concatenate([np.zeros(1, np.int64), *(size for size, _, _ in found)])
    return Neighbourhoods(
        np.cumsum(sizes),
        np.concatenate([np.zeros(0, np.int64), *(place for _, place, _ in found)]),
        np.concatenate([np.zeros(0), *(square for _, _, square in found)]),
    )


def served_in_order(
    pool: Pool, seekers: Seekers, precedence: Precedence, taken: np.ndarray
) -> np.ndarray:
    """The nearest unit that is still free, one seeker after the other.

    Parameters
    ----------
    pool : Pool
    seekers : Seekers
        In the order served.
    precedence : Precedence
        Between units equally near.
    taken : bool array, shape (m,)
        Places of the pool already taken; those given here are added.

    Returns
    -------
    int array
        The place given to each seeker, `NOBODY` where none is left.
    """
    given = np.full(len(seekers.rows), NOBODY, dtype=np.int64)
    for block in _blocks(seekers):
        part = slice(block.start, block.stop)
        few = seekers.take(part)
        _serve(
            _products(pool, few.rows, block),
            *(pool.points, pool.rows, pool.person, taken, block.low),
            *(few.rows, few.person, few.low, few.high),
            *(precedence.rank, precedence.at[part], precedence.span),
            *(_worst(pool.points), given[part]),
        )
    return given


def served_closest_first(
    pool: Pool, seekers: Seekers, precedence: Precedence, taken: np.ndarray
) -> np.ndarray:
    """The closest remaining pair first; parameters and result as for `served_in_order`.

    Pairs equally close go by the position of the seeker, then by precedence. Each seeker holds a
    list of its nearest free units; those whose list is used up get a new one together, as soon as
    the next pair may be one of theirs.
    """
    given = np.full(len(seekers.rows), NOBODY, dtype=np.int64)
    first, last = np.zeros_like(given), np.zeros_like(given)
    more = seekers.high > seekers.low
    place, level = np.zeros(0, dtype=np.int64), np.zeros(0)
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
        choice = precedence.of(owner, found.place)
        order = np.lexsort((choice, levels, np.repeat(np.arange(len(waiting)), size)))
        first[waiting] = len(place) + found.pointer[:-1]
        last[waiting] = len(place) + found.pointer[1:]
        more[waiting] = size >= _LIST
        place = np.append(place, found.place[order])
        level = np.append(level, levels[order])
        _pair_off(place, level, first, last, more, taken, given)


def in_threads(work: Callable[[_Task], _Result], tasks: Iterable[_Task]) -> list[_Result]:
    """Results of independent tasks, in their order; each keeps to one thread of BLAS."""
    with _BLAS.limit(limits=1), ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(work, tasks))


class _Block(NamedTuple):
    """Consecutive seekers and the part of the pool that holds all their runs."""

    start: int
    stop: int
    low: int
    high: int


def _blocks(seekers: Seekers) -> list[_Block]:
    return [_Block(*block) for block in _cut(seekers.low, seekers.high).tolist()]


def _worst(points: np.ndarray) -> float:
    """Relative rounding error of a squared distance in single precision, at most."""
    return 2.0 * (points.shape[1] + 8) * 2.0**-24


def _products(pool: Pool, rows: np.ndarray, block: _Block) -> np.ndarray:
    """Lower bounds of |y|² − 2 x·y: float32 array, seekers × part of the pool."""
    seekers = np.empty((len(rows), pool.bound.shape[1]), dtype=np.float32)
    seekers[:, :-1] = -2.0 * pool.points[rows]
    seekers[:, -1] = 1.0
    return seekers @ pool.bound[block.low : block.high].T


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


@njit(cache=True, nogil=True)
def _cut(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Blocks small enough to stay in cache, of which half at least is asked for."""
    blocks = np.empty((len(low), 4), dtype=np.int64)
    number = start = useful = 0
    first, last = len(low) and low[0], len(low) and low[0]
    for i in range(len(low)):
        joint_first, joint_last = first, last
        if high[i] > low[i]:
            joint_first = low[i] if first == last else min(first, low[i])
            joint_last = high[i] if first == last else max(last, high[i])
        cost = (i + 1 - start) * (joint_last - joint_first)
        wasted = cost > _SMALL and cost > 2 * (useful + high[i] - low[i])
        if i > start and (cost > _BLOCK or wasted):
            blocks[number, 0], blocks[number, 1] = start, i
            blocks[number, 2], blocks[number, 3] = first, last
            number += 1
            start, useful = i, 0
            joint_first, joint_last = low[i], high[i]
        first, last = joint_first, joint_last
        useful += high[i] - low[i]
    if len(low):
        blocks[number, 0], blocks[number, 1] = start, len(low)
        blocks[number, 2], blocks[number, 3] = first, last
        number += 1
    return blocks[:number]


@njit(cache=True, nogil=True)
def _reach(
    product: np.ndarray,
    points: np.ndarray,
    rows: np.ndarray,
    person: np.ndarray,
    taken: np.ndarray,
    offset: int,
    seeker: int,
    who: int,
    low: int,
    high: int,
    tolerance: float,
    worst: float,
    best: np.ndarray,
    near: np.ndarray,
    squares: np.ndarray,
) -> tuple[int, float]:
    """Units met on the way to the nearest ones, and the squared distance that bounds these."""
    norm = 0.0
    for k in range(points.shape[1]):
        norm += points[seeker, k] ** 2
    base = norm * (1.0 - worst)
    norm = np.sqrt(norm)
    count, filled, met, limit = len(best), 0, 0, np.inf
    for place in range(low, high):
        if product[place - offset] + base > limit or taken[place] or person[place] == who:
            continue
        square = 0.0
        for k in range(points.shape[1]):
            square += (points[seeker, k] - points[rows[place], k]) ** 2
        if square > limit:
            continue
        near[met], squares[met] = place, square
        met += 1
        if filled < count:
            filled += 1
        elif square >= best[count - 1]:
            continue
        position = filled - 1
        while position > 0 and best[position - 1] > square:
            best[position] = best[position - 1]
            position -= 1
        best[position] = square
        if filled == count:
            farthest = best[count - 1]
            reach = np.sqrt(farthest + tolerance) + SLACK * (norm + np.sqrt(farthest))
            limit = reach * reach
    return met, limit


@njit(cache=True, nogil=True)
def _search(
    products: np.ndarray,
    points: np.ndarray,
    rows: np.ndarray,
    person: np.ndarray,
    taken: np.ndarray,
    offset: int,
    seekers: np.ndarray,
    who: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    count: int,
    tolerance: float,
    worst: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of near units of each seeker, their places and squared distances."""
    sizes = np.zeros(len(seekers), dtype=np.int64)
    place = np.empty(2 * count * len(seekers) + 64, dtype=np.int64)
    square = np.empty(len(place))
    near = np.empty(products.shape[1], dtype=np.int64)
    squares = np.empty(products.shape[1])
    best = np.empty(count)
    total = 0
    for i in range(len(seekers)):
        met, limit = _reach(
            products[i], points, rows, person, taken, offset, seekers[i], who[i], low[i], high[i],
            tolerance, worst, best, near, squares,
        )  # fmt: skip
        if total + met > len(place):
            room = 2 * (total + met)
            place = np.append(place[:total], np.empty(room - total, dtype=np.int64))
            square = np.append(square[:total], np.empty(room - total))
        for j in range(met):
            if squares[j] <= limit:
                place[total], square[total] = near[j], squares[j]
                total += 1
                sizes[i] += 1
    return sizes, place[:total].copy(), square[:total].copy()


@njit(cache=True, nogil=True)
def _serve(
    products: np.ndarray,
    points: np.ndarray,
    rows: np.ndarray,
    person: np.ndarray,
    taken: np.ndarray,
    offset: int,
    seekers: np.ndarray,
    who: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    rank: np.ndarray,
    at: np.ndarray,
    span: float,
    worst: float,
    given: np.ndarray,
) -> None:
    """Give each seeker in turn the first by precedence of its nearest free units."""
    near = np.empty(products.shape[1], dtype=np.int64)
    squares = np.empty(products.shape[1])
    best = np.empty(1)
    for i in range(len(seekers)):
        met, limit = _reach(
            products[i], points, rows, person, taken, offset, seekers[i], who[i], low[i], high[i],
            0.0, worst, best, near, squares,
        )  # fmt: skip
        least = np.inf
        for j in range(met):
            if squares[j] <= limit:
                place = preferred(rank[near[j]], at[i], span)
                if place < least:
                    least, given[i] = place, near[j]
        if given[i] != NOBODY:
            taken[given[i]] = True


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
        (level[first[i]], i) for i in range(len(given)) if given[i] == NOBODY and first[i] < last[i]
    ]
    heapq.heapify(heap)
    while heap:
        seen, i = heapq.heappop(heap)
        if first[i] == last[i]:
            return
        if not taken[place[first[i]]]:
            given[i] = place[first[i]]
            taken[given[i]] = True
            continue
        while first[i] < last[i] and taken[place[first[i]]]:
            seen = level[first[i]]
            first[i] += 1
        if first[i] < last[i]:
            heapq.heappush(heap, (level[first[i]], i))
        elif more[i]:
            heapq.heappush(heap, (seen, i))
