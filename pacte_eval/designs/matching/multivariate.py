"""Nearest neighbours in many dimensions, inside runs of units sorted by exact cell and score.

All distances of a block of targets to the units of their run are bounded from below by one matrix
product in single precision, |y|² − 2 x·y less its worst rounding error; only pairs whose bound does
not exceed the reach found so far are measured in double precision. So the result is that of
measuring every pair, and nothing of size targets × units is held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numba import njit, vectorize
from threadpoolctl import ThreadpoolController

from pacte_eval.designs.matching.line import SLACK
from pacte_eval.designs.matching.pool import NOBODY, Pool, Seekers, rounding_error

_BLAS = ThreadpoolController()
_THREADS = 2
_BLOCK = 4_000_000
_SMALL = 100_000
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


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

    def followed_by(self, others: Neighbourhoods) -> Neighbourhoods:
        """These and then others, of other seekers of the same pool."""
        return Neighbourhoods(
            np.concatenate([self.pointer, self.pointer[-1] + others.pointer[1:]]),
            np.concatenate([self.place, others.place]),
            np.concatenate([self.square, others.square]),
        )


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
            *(count, tolerance, rounding_error(pool.points)),
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
            *(rounding_error(pool.points), given[part]),
        )
    return given


def chosen(
    pool: Pool,
    found: Neighbourhoods,
    rows: np.ndarray,
    of: np.ndarray,
    count: int,
    precedence: Precedence,
) -> np.ndarray:
    """The `count` nearest, those as near as the last of them by precedence.

    Parameters
    ----------
    found : Neighbourhoods
    rows : int array, shape (m,)
        Targets.
    of : int array, shape (m,)
        Whose neighbourhood of `found` is theirs.

    Returns
    -------
    int array, shape (m, count)
        Places of the pool, `NOBODY` where there are fewer.
    """
    members = np.full((len(rows), count), NOBODY, dtype=np.int64)
    _choose(
        *(found.pointer, found.place, found.square, of, pool.points, rows),
        *(precedence.rank, precedence.at, precedence.span, members),
    )
    return members


def in_threads(work: Callable[[_Task], _Result], tasks: Sequence[_Task]) -> list[_Result]:
    """Results of independent tasks, in their order; each keeps to one thread of BLAS."""
    with _BLAS.limit(limits=1):
        if len(tasks) < 2:
            return [work(task) for task in tasks]
        with ThreadPoolExecutor(_THREADS) as threads:
            return list(threads.map(work, tasks))


class _Block(NamedTuple):
    """Consecutive seekers and the part of the pool that holds all their runs."""

    start: int
    stop: int
    low: int
    high: int


def _blocks(seekers: Seekers) -> list[_Block]:
    return [_Block(*block) for block in _cut(seekers.low, seekers.high).tolist()]


def _products(pool: Pool, rows: np.ndarray, block: _Block) -> np.ndarray:
    """Lower bounds of |y|² − 2 x·y: float32 array, seekers × part of the pool."""
    seekers = np.empty((len(rows), pool.bound.shape[1]), dtype=np.float32)
    seekers[:, :-1] = -2.0 * pool.points[rows]
    seekers[:, -1] = 1.0
    return seekers @ pool.bound[block.low : block.high].T


@njit(cache=True, nogil=True)
def _cut(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Blocks small enough to stay in cache, of which half at least is asked for."""
    blocks = np.empty((len(low), 4), dtype=np.int64)
    number = start = useful = first = last = 0
    for i in range(len(low)):
        width = high[i] - low[i]
        joint_first, joint_last = first, last
        if first == last:
            joint_first, joint_last = low[i], high[i]
        elif width > 0:
            joint_first, joint_last = min(first, low[i]), max(last, high[i])
        cost = (i + 1 - start) * (joint_last - joint_first)
        if i > start and (cost > _BLOCK or cost > max(_SMALL, 2 * (useful + width))):
            blocks[number, 0], blocks[number, 1] = start, i
            blocks[number, 2], blocks[number, 3] = first, last
            number += 1
            start, useful = i, 0
            joint_first, joint_last = low[i], high[i]
        first, last = joint_first, joint_last
        useful += width
    if len(low):
        blocks[number, 0], blocks[number, 1] = start, len(low)
        blocks[number, 2], blocks[number, 3] = first, last
        number += 1
    return blocks[:number]


@njit(cache=True, nogil=True)
def _length(points: np.ndarray, row: int) -> float:
    square = 0.0
    for k in range(points.shape[1]):
        square += points[row, k] ** 2
    return np.sqrt(square)


@njit(cache=True, nogil=True)
def _insert(smallest: np.ndarray, value: float) -> int:
    """Put a value in its place among the smallest, in ascending order; len(smallest) if none."""
    position = len(smallest)
    while position > 0 and smallest[position - 1] > value:
        if position < len(smallest):
            smallest[position] = smallest[position - 1]
        position -= 1
    if position < len(smallest):
        smallest[position] = value
    return position


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
    norm = _length(points, seeker)
    base = norm * norm * (1.0 - worst)
    met, limit = 0, np.inf
    best[:] = np.inf
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
        if _insert(best, square) < len(best) and best[-1] < np.inf:
            farthest = best[-1]
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
            place, shorter = np.empty(2 * (total + met), dtype=np.int64), place
            place[:total] = shorter[:total]
            square, brief = np.empty(2 * (total + met)), square
            square[:total] = brief[:total]
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
def _choose(
    pointer: np.ndarray,
    place: np.ndarray,
    square: np.ndarray,
    of: np.ndarray,
    points: np.ndarray,
    rows: np.ndarray,
    rank: np.ndarray,
    at: np.ndarray,
    span: float,
    members: np.ndarray,
) -> None:
    count = members.shape[1]
    nearest, choices = np.empty(count), np.empty(count)
    for i in range(len(of)):
        start, stop = pointer[of[i]], pointer[of[i] + 1]
        if stop - start <= count:
            members[i, : stop - start] = place[start:stop]
            continue
        nearest[:] = np.inf
        for j in range(start, stop):
            _insert(nearest, square[j])
        last = np.sqrt(nearest[count - 1])
        nearer = max(last - SLACK * (_length(points, rows[i]) + last), 0.0) ** 2
        choices[:] = np.inf
        for j in range(start, stop):
            choice = preferred(rank[place[j]], at[i], span)
            position = _insert(choices, -np.inf if square[j] < nearer else choice)
            for k in range(count - 1, position, -1):
                members[i, k] = members[i, k - 1]
            if position < count:
                members[i, position] = place[j]
