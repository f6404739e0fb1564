"""Units on a line: sorted once by exact cell and score, so that the neighbours of a unit stand just
before and just after it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

TIE_DIGITS = 12
SLACK = 2.0 * 10.0 ** (1 - TIE_DIGITS)
"""Distances that differ by no more than this share of the scores' size are equal."""

_BITS = 35


class Line(NamedTuple):
    """Sources in the order of cell, score and preference, and where each unit stands among them.

    The n units carry `score`, `cell`, `person` and `rank`; the s sources are known by their place
    in the order, from 0.

    Attributes
    ----------
    score : float array, shape (n,)
        Rounded to 12 significant digits.
    cell, person : int arrays, shape (n,)
    rank : float array, shape (n,)
        Among equally near sources, the lowest rank comes first; without `ranked`, the position of
        each unit in the ascending order of cell, score and row, the nearest position coming first.
    ranked : bool
    before : int array, shape (n,)
        Number of sources before each unit: of lower score if `ranked`, else of lower position.
    rows : int array, shape (s,)
        Row of each source.
    first : int array, shape (cells + 1,)
        Place where the sources of each cell start.
    head : int array, shape (s,)
        Place from which sources as near as this one are met in order of preference when walking
        down: the first of its score if `ranked`, else its own.
    at : float array, shape (s,)
        Score of each source.
    who : int array, shape (s,)
        Person of each source.
    """

    score: np.ndarray
    cell: np.ndarray
    person: np.ndarray
    rank: np.ndarray
    ranked: bool
    before: np.ndarray
    rows: np.ndarray
    first: np.ndarray
    head: np.ndarray
    at: np.ndarray
    who: np.ndarray


def significant(score: np.ndarray) -> np.ndarray:
    """Scores rounded to 12 significant digits."""
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log10(np.abs(score)))
    unit = 10.0 ** (TIE_DIGITS - 1 - np.where(np.isfinite(exponent), exponent, 0.0))
    return np.asarray(np.round(score * unit) / unit)


def line_of(
    score: np.ndarray,
    cell: np.ndarray,
    person: np.ndarray,
    sources: np.ndarray,
    rank: np.ndarray | None = None,
) -> Line:
    """The line of some units.

    Parameters
    ----------
    score : float array, shape (n,)
        Rounded to 12 significant digits (`significant`).
    cell, person : int arrays, shape (n,)
        Codes from 0.
    sources : int array
        Rows of those who may be neighbours.
    rank : float array, shape (n,), optional
        Preference among equally near sources, lowest first; position on the line by default.
    """
    size = len(score)
    start = np.arange(size) if rank is None else np.argsort(rank, kind="stable")
    by_score = np.argsort(score)
    level = np.empty(size, dtype=np.int64)
    level[by_score] = np.cumsum(np.diff(score[by_score], prepend=score[by_score[0]]) != 0)
    order = counting_sort(start, level, int(level.max()) + 1)
    cells = int(cell.max()) + 1
    if cells > 1:
        order = counting_sort(order, cell, cells)
    position = np.empty(size)
    position[order] = np.arange(size)
    offered = np.zeros(size, dtype=np.bool_)
    offered[sources] = True
    before, head = _stand(order, level, cell, offered, rank is not None)
    rows = order[offered[order]]
    return Line(
        score=score,
        cell=cell,
        person=person,
        rank=position if rank is None else np.asarray(rank, dtype=np.float64),
        ranked=rank is not None,
        before=before,
        rows=rows,
        first=np.searchsorted(cell[rows], np.arange(cells + 1)),
        head=head,
        at=score[rows],
        who=person[rows],
    )


@njit(cache=True, nogil=True)
def counting_sort(order: np.ndarray, code: np.ndarray, codes: int) -> np.ndarray:
    """Rows of `order` sorted by their code, those of one code left in the order they had."""
    end = np.zeros(codes + 1, dtype=np.int64)
    for row in order:
        end[code[row] + 1] += 1
    for k in range(codes):
        end[k + 1] += end[k]
    out = np.empty(len(order), dtype=np.int64)
    for row in order:
        out[end[code[row]]] = row
        end[code[row]] += 1
    return out


@njit(cache=True, nogil=True)
def _stand(
    order: np.ndarray, level: np.ndarray, cell: np.ndarray, offered: np.ndarray, ranked: bool
) -> tuple[np.ndarray, np.ndarray]:
    before = np.empty(len(order), dtype=np.int64)
    head = np.empty(len(order), dtype=np.int64)
    count, start, last = 0, 0, -1
    for row in order:
        if not ranked or last < 0 or level[row] != level[last] or cell[row] != cell[last]:
            start = count
        before[row] = start
        if offered[row]:
            head[count] = start
            count += 1
        last = row
    return before, head[:count]


@njit(cache=True, nogil=True, inline="always")
def levelled(distance: float, size: float) -> float:
    """A distance rounded to what scores of that size can tell apart."""
    if not np.isfinite(distance):
        return distance
    exponent = math.frexp(size + distance)[1] - _BITS
    return math.ldexp(np.rint(math.ldexp(distance, -exponent)), exponent)
