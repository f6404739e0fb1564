"""Sums of a kernel over all units of a cell, without pairs.

The points where sums are wanted are taken in boxes about as wide as the kernel. The sources that
every point of a box reaches are summed once, as moments about the middle of their segment; those
that only some points reach enter running moments one by one, as the points are walked. No sum is
the difference of two others.

A polynomial kernel needs as many moments as it has coefficients, and is exact. The Gaussian is the
product of a factor of the point, a factor of the source, and exp(s δ), where s and δ, distances in
bandwidths to the middles of the segment and of the box, are at most ½: thirteen terms of the series
are exact to rounding. It is the fast Gauss transform of Greengard and Strain (1991, *SIAM Journal
on Scientific and Statistical Computing* 12(1), 79–94) but for the two factors, kept as they are so
that the sums of far sources are as accurate, relative to themselves, as those of near ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.polynomial import polynomial

from pacte_eval.designs.matching.line import counting_sort

GAUSSIAN_REACH = 8.5
"""Bandwidths beyond which the Gaussian, under 2e-16 of its greatest value, is zero."""

_COLUMNS = 8
_SERIES = 1.0 / np.cumprod([1.0, *range(1, 13)])


@dataclass(frozen=True, eq=False)
class Kernel:
    """A function of the gap u = (source − point) / bandwidth, zero from `reach` on.

    Attributes
    ----------
    bandwidth : float
        In units of the score.
    reach : float
        In units of the score: only gaps less than this have weight.
    coefficients : float array
        Of the polynomial in u, lowest degree first; of the series of exp for a Gaussian.
    gaussian : bool
    """

    bandwidth: float
    reach: float
    coefficients: np.ndarray
    gaussian: bool = False

    @classmethod
    def epanechnikov(cls, bandwidth: float) -> Kernel:
        """¾ (1 − u²), zero from a millionth of the bandwidth before its end."""
        return cls(bandwidth, (1 - 1e-6) * bandwidth, np.array([0.75, 0.0, -0.75]))

    @classmethod
    def gaussian_of(cls, bandwidth: float) -> Kernel:
        """exp(−u² / 2)."""
        return cls(bandwidth, GAUSSIAN_REACH * bandwidth, _SERIES, gaussian=True)

    def at(self, gap: np.ndarray) -> np.ndarray:
        """Values at gaps in units of the score."""
        u = gap / self.bandwidth
        values = np.exp(-(u**2) / 2) if self.gaussian else polynomial.polyval(u, self.coefficients)
        return np.where(np.abs(gap) < self.reach, values, 0.0)

    def times(self, power: int) -> Kernel:
        """The kernel times a power of u (of a polynomial)."""
        return replace(self, coefficients=np.append(np.zeros(power), self.coefficients))

    def mirrored(self) -> Kernel:
        """The kernel seen from the source: a function of −u."""
        if self.gaussian:
            return self
        signs = (-1.0) ** np.arange(len(self.coefficients))
        return replace(self, coefficients=self.coefficients * signs)

    def __mul__(self, other: Kernel) -> Kernel:
        """The product of two polynomials of one bandwidth, or of a Gaussian with itself."""
        if self.gaussian:
            return replace(self, bandwidth=self.bandwidth / np.sqrt(2))
        return replace(self, coefficients=polynomial.polymul(self.coefficients, other.coefficients))


@dataclass(frozen=True, eq=False)
class Points:
    """Units sorted by cell, then score.

    Attributes
    ----------
    score : float array
    cell : int array
    place : int array
        Where the values of each unit stand.
    """

    score: np.ndarray
    cell: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, score: np.ndarray, cell: np.ndarray, rows: np.ndarray) -> Points:
        """Some rows of units with these scores and cells, of shape (n,); values stand in rows."""
        ordered = rows[np.argsort(score[rows])]
        cells = int(cell.max()) + 1
        if cells > 1:
            ordered = counting_sort(ordered, cell, cells)
        return cls(score[ordered], cell[ordered], ordered)


def runs(at: Points, sources: Points, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """First and past-the-last place, in the order of the sources, nearer than `reach`."""
    low, high = np.empty((2, len(at.score)), dtype=np.int64)
    _runs(at.score, at.cell, sources.score, sources.cell, reach, low, high)
    return low, high


def add_kernel_sums(
    out: np.ndarray,
    at: Points,
    factor: np.ndarray,
    sources: Points,
    weight: np.ndarray,
    values: np.ndarray,
    kernel: Kernel,
) -> None:
    """Add factor(i) Σ kernel(j − i) weight(j) values(j), over sources j of the cell, to out(i).

    Parameters
    ----------
    out : float array, shape (places of the points, t)
        Written in place.
    at, sources : Points
    factor, weight : float arrays
        By place of the points and of the sources.
    values : float array, shape (places of the sources, t)
    kernel : Kernel
    """
    for start in range(0, values.shape[1], _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        given = values[sources.place, columns] * weight[sources.place, np.newaxis]
        sums = np.zeros((len(at.score), given.shape[1]))
        _sweep(
            at.score,
            at.cell,
            sources.score,
            sources.cell,
            given,
            kernel.bandwidth,
            kernel.reach,
            kernel.coefficients,
            kernel.gaussian,
            sums,
        )
        sums *= factor[at.place, np.newaxis]
        out[at.place, columns] += sums


@njit(cache=True, nogil=True)
def _runs(
    x: np.ndarray,
    x_cell: np.ndarray,
    y: np.ndarray,
    y_cell: np.ndarray,
    reach: float,
    low: np.ndarray,
    high: np.ndarray,
) -> None:
    first, last = 0, 0
    for i in range(len(x)):
        first = _skip(y, y_cell, x_cell[i], x[i], -reach, first)
        last = _skip(y, y_cell, x_cell[i], x[i], reach, max(first, last))
        low[i], high[i] = first, last


@njit(cache=True, nogil=True)
def _skip(
    y: np.ndarray, y_cell: np.ndarray, cell: int, origin: float, distance: float, p: int
) -> int:
    """The first source from p that is in the cell and lies beyond origin + distance.

    Beyond means by the gap y − origin: more than a negative distance, no less than a positive one,
    so that the two ends of a run are those of |y − origin| < |distance|.
    """
    while p < len(y) and (
        y_cell[p] < cell
        or (
            y_cell[p] == cell
            and (y[p] - origin <= distance if distance < 0 else y[p] - origin < distance)
        )
    ):
        p += 1
    return p


@njit(cache=True, nogil=True)
def _sweep(
    x: np.ndarray,
    x_cell: np.ndarray,
    y: np.ndarray,
    y_cell: np.ndarray,
    values: np.ndarray,
    bandwidth: float,
    reach: float,
    coefficients: np.ndarray,
    gaussian: bool,
    out: np.ndarray,
) -> None:
    """Add the sums to `out`, box of points by box of points."""
    scale = 1.0 / bandwidth
    width = min(bandwidth, reach) if gaussian else reach
    moments = np.zeros((len(coefficients), values.shape[1]))
    basis = np.empty(len(coefficients))
    start, low = 0, 0
    while start < len(x):
        cell, first = x_cell[start], x[start]
        end = start + 1
        while end < len(x) and x_cell[end] == cell and x[end] - first < width:
            end += 1
        last = x[end - 1]
        middle = first + (last - first) / 2

        low = _skip(y, y_cell, cell, first, -reach, low)
        shared = _skip(y, y_cell, cell, last, -reach, low)
        partly = _skip(y, y_cell, cell, first, reach, shared)
        high = _skip(y, y_cell, cell, last, reach, partly)

        if low < shared:
            centre = y[low] + (y[shared - 1] - y[low]) / 2
            offset = (centre - middle) * scale
            moments[:] = 0.0
            p = shared
            for i in range(end - 1, start - 1, -1):
                while p > low and x[i] - y[p - 1] < reach:
                    p -= 1
                    _add(moments, values, p, (y[p] - centre) * scale, offset, gaussian)
                if p < shared:
                    _point(basis, (x[i] - middle) * scale, offset, coefficients, gaussian)
                    _collect(out, i, basis, moments)

        p = shared
        while p < partly:
            q = p + 1
            while q < partly and (not gaussian or y[q] - y[p] < width):
                q += 1
            centre = y[p] + (y[q - 1] - y[p]) / 2
            offset = (centre - middle) * scale
            moments[:] = 0.0
            for j in range(p, q):
                _add(moments, values, j, (y[j] - centre) * scale, offset, gaussian)
            for i in range(start, end):
                _point(basis, (x[i] - middle) * scale, offset, coefficients, gaussian)
                _collect(out, i, basis, moments)
            p = q

        if partly < high:
            centre = y[partly] + (y[high - 1] - y[partly]) / 2
            offset = (centre - middle) * scale
            moments[:] = 0.0
            p = partly
            for i in range(start, end):
                while p < high and y[p] - x[i] < reach:
                    _add(moments, values, p, (y[p] - centre) * scale, offset, gaussian)
                    p += 1
                if p > partly:
                    _point(basis, (x[i] - middle) * scale, offset, coefficients, gaussian)
                    _collect(out, i, basis, moments)
        start = end


@njit(cache=True, nogil=True)
def _add(
    moments: np.ndarray,
    values: np.ndarray,
    row: int,
    s: float,
    offset: float,
    gaussian: bool,
) -> None:
    """Add to each moment what a source at s of the middle of its segment brings."""
    factor = np.exp(-s * (offset + s / 2)) if gaussian else 1.0
    for q in range(moments.shape[0]):
        for t in range(moments.shape[1]):
            moments[q, t] += factor * values[row, t]
        factor *= s


@njit(cache=True, nogil=True)
def _point(
    basis: np.ndarray,
    delta: float,
    offset: float,
    coefficients: np.ndarray,
    gaussian: bool,
) -> None:
    """What each moment counts for a point at δ of the middle of its box; u = offset + s − δ."""
    if gaussian:
        factor = np.exp(-((offset - delta) ** 2) / 2)
        for q in range(len(basis)):
            basis[q] = factor * coefficients[q]
            factor *= delta
    else:
        shift = offset - delta
        basis[:] = coefficients
        for i in range(len(basis) - 1):
            for q in range(len(basis) - 2, i - 1, -1):
                basis[q] += shift * basis[q + 1]


@njit(cache=True, nogil=True)
def _collect(out: np.ndarray, row: int, basis: np.ndarray, moments: np.ndarray) -> None:
    for t in range(moments.shape[1]):
        total = 0.0
        for q in range(moments.shape[0]):
            total += basis[q] * moments[q, t]
        out[row, t] += total
