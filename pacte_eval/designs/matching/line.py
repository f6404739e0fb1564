"""Units on a line: sorted once by exact cell and score, so that the neighbours of a unit stand just
before and just after it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

TIE_DIGITS = 12
SLACK = 2.0 * 10.0 ** (1 - TIE_DIGITS)
"""Distances that differ by no more than this share of the scores' size are equal."""


class Line(NamedTuple):
    """Sources in the order of cell, score and preference, and where each target stands among them.

    Attributes
    ----------
    units : int
        n, those of the comparison.
    ranked : bool
        Whether, among equally near sources, the lowest rank comes first; else ranks are positions
        in the ascending order of cell, score and row, and the nearest position comes first.
    targets : int array, shape (m,)
        Row of each target.
    at, who : float and int arrays, shape (m,)
        Score and person of each target.
    place : int array, shape (m,)
        Position of each target in the order of cell, score and row; unused if `ranked`.
    before : int array, shape (m,)
        Number of sources before each target: of lower score if `ranked`, else of lower position.
    start, end : int arrays, shape (m,)
        Sources start … end − 1 are those of the cell of each target.
    sources : int array, shape (s,)
        Row of each source.
    score, person, rank : float, int and float arrays, shape (s,)
        Of each source.
    head : int array, shape (s,)
        From which source on, those as near as this one are met in order of preference when going
        down the line: the first of its score if `ranked`, else itself.
    """

    units: int
    ranked: bool
    targets: np.ndarray
    at: np.ndarray
    who: np.ndarray
    place: np.ndarray
    before: np.ndarray
    start: np.ndarray
    end: np.ndarray
    sources: np.ndarray
    score: np.ndarray
    person: np.ndarray
    rank: np.ndarray
    head: np.ndarray


def significant(score: np.ndarray) -> np.ndarray:
    """Scores rounded to 12 significant digits."""
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log10(np.abs(score)))
    unit = 10.0 ** np.minimum(TIE_DIGITS - 1 - np.where(np.isfinite(exponent), exponent, 0.0), 308)
    return np.asarray(np.round(score * unit) / unit)


class Sorted(NamedTuple):
    """Units sorted by cell, score and preference.

    Attributes
    ----------
    order : int array, shape (n,)
        Rows in that order.
    position : int array, shape (n,)
        Where each row stands in it.
    first : int array, shape (cells + 1,)
        Position at which each cell starts.
    """

    order: np.ndarray
    position: np.ndarray
    first: np.ndarray


def order_of(score: np.ndarray, cell: np.ndarray, rank: np.ndarray | None = None) -> np.ndarray:
    """Rows sorted by cell, then score, then rank (the row itself by default)."""
    order = np.argsort(score)
    new = np.diff(score[order], prepend=np.nan) != 0
    if not new.all():
        level = np.empty(len(order), dtype=np.int64)
        level[order] = np.cumsum(new) - 1
        start = np.arange(len(order)) if rank is None else np.argsort(rank, kind="stable")
        order = counting_sort(start, level, int(np.count_nonzero(new)))
    cells = int(cell.max()) + 1
    return order if cells == 1 else counting_sort(order, cell, cells)


def sorted_units(score: np.ndarray, cell: np.ndarray, rank: np.ndarray | None = None) -> Sorted:
    """Units in their order (`order_of`), and where each one and each cell stands in it."""
    order = order_of(score, cell, rank)
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    return Sorted(order, position, np.concatenate([[0], np.cumsum(np.bincount(cell))]))


def line_of(
    score: np.ndarray,
    cell: np.ndarray,
    person: np.ndarray,
    units: Sorted,
    targets: np.ndarray,
    sources: np.ndarray,
    rank: np.ndarray | None = None,
) -> Line:
    """The line on which targets look for sources.

    Parameters
    ----------
    score : float array, shape (n,)
        Rounded to 12 significant digits (`significant`).
    cell, person : int arrays, shape (n,)
        Codes from 0.
    units : Sorted
        By these scores, cells and rank.
    targets, sources : int arrays
        Rows, each once.
    rank : float array, shape (n,), optional
        Preference among equally near sources, lowest first; position on the line by default.
    """
    offered = np.zeros(len(score), dtype=np.bool_)
    offered[sources] = True
    offered = offered[units.order]
    before = np.concatenate([[0], np.cumsum(offered)])
    rows = units.order[offered]
    place = units.position[targets]
    head, preference = np.arange(len(rows)), np.flatnonzero(offered)
    if rank is not None:
        new = np.ones(len(score), dtype=np.bool_)
        new[1:] = np.diff(score[units.order]) != 0
        new[units.first[:-1]] = True
        run = np.maximum.accumulate(np.where(new, np.arange(len(score)), 0))
        head, preference, place = before[run[offered]], rank[rows], run[place]
    return Line(
        units=len(score),
        ranked=rank is not None,
        targets=targets,
        at=score[targets],
        who=person[targets],
        place=place,
        before=before[place],
        start=before[units.first[cell[targets]]],
        end=before[units.first[cell[targets] + 1]],
        sources=rows,
        score=score[rows],
        person=person[rows],
        rank=preference.astype(np.float64),
        head=head,
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
