"""How far apart two arms lie on one variable: moments in one pass, distribution functions in one
walk along the sorted values, before and after weighting together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True, eq=False)
class ArmShares:
    """Two arms and what each unit weighs in its own, before a design and after it.

    Attributes
    ----------
    treated : bool array, shape (r,)
    shares : float array, shape (r, 2)
        Weights before and after, each summing to one over the treated and over the controls; NaN
        in an arm where nobody weighs anything.
    signed : float array, shape (r, 2)
        The same, negative for controls.
    freedom : float array, shape (2, 2)
        1 − Σ share² of the treated (first row) and controls, before and after (columns).
    """

    treated: np.ndarray
    shares: np.ndarray
    signed: np.ndarray
    freedom: np.ndarray

    @classmethod
    def of(cls, treated: np.ndarray, before: np.ndarray, after: np.ndarray) -> ArmShares:
        """ArmShares from raw weights: arrays of shape (r,)."""
        shares = np.empty((len(treated), 2))
        freedom = np.empty((2, 2))
        control = ~treated
        for column, weights in enumerate((before, after)):
            total = weights @ treated, weights @ control
            with np.errstate(invalid="ignore", divide="ignore"):
                shares[:, column] = weights / np.where(treated, *total)
            squares = shares[:, column] ** 2
            freedom[:, column] = [
                1 - squares[arm].sum() if mass else np.nan
                for arm, mass in zip((treated, control), total, strict=True)
            ]
        sign = np.where(treated, 1.0, -1.0)[:, np.newaxis]
        return cls(_frozen(treated), shares, sign * shares, freedom)


@dataclass(frozen=True, eq=False)
class Gaps:
    """What separates two arms on one variable.

    Attributes
    ----------
    mean, variance : float arrays, shape (2, 2)
        Of the treated (first row) and controls, before and after (columns).
    largest, average : float arrays, shape (2,)
        Largest and average distance between the distribution functions of the arms, before and
        after; the average is over the distinct values of the variable.
    binary : bool
        All values are 0 or 1: the variance is p (1 − p), both distances are |p₁ − p₀|.
    """

    mean: np.ndarray
    variance: np.ndarray
    largest: np.ndarray
    average: np.ndarray
    binary: bool


def gaps(values: np.ndarray, arms: ArmShares) -> Gaps:
    """Compare the arms on a variable, float array of shape (r,).

    With equal weights the variance divides by n − 1; it is missing in an arm of one unit.
    """
    values = _frozen(values)
    mean, square, binary = _moments(values, arms.treated, arms.shares)
    empty = np.isnan(arms.freedom)
    mean[empty] = np.nan
    if binary:
        distance = np.abs(mean[0] - mean[1])
        return Gaps(mean, np.maximum(mean * (1 - mean), 0.0), distance, distance, True)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(arms.freedom > 1e-12, square / arms.freedom, np.nan)
    largest, average = _distances(values, np.argsort(values), arms.signed)
    largest[empty.any(axis=0)] = average[empty.any(axis=0)] = np.nan
    return Gaps(mean, variance, largest, average, False)


def _frozen(values: np.ndarray) -> np.ndarray:
    """A contiguous read-only view, the one form that the loops below are compiled for."""
    view = np.ascontiguousarray(values).view()
    view.setflags(write=False)
    return view


@njit(cache=True, nogil=True)
def _moments(
    values: np.ndarray, treated: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Means and mean squares around them. Sums start from a value that weighs something, so that a
    variable constant in an arm has exactly that mean, and no variance."""
    start = np.zeros((2, 2))
    for row in range(len(values) - 1, -1, -1):
        for column in range(2):
            if shares[row, column] != 0.0:
                start[0 if treated[row] else 1, column] = values[row]
    mean = np.zeros((2, 2))
    square = np.zeros((2, 2))
    binary = True
    for row in range(len(values)):
        value = values[row]
        binary &= value == 0.0 or value == 1.0
        arm = 0 if treated[row] else 1
        mean[arm, 0] += shares[row, 0] * (value - start[arm, 0])
        mean[arm, 1] += shares[row, 1] * (value - start[arm, 1])
    mean += start
    if not binary:
        for row in range(len(values)):
            arm = 0 if treated[row] else 1
            square[arm, 0] += shares[row, 0] * (values[row] - mean[arm, 0]) ** 2
            square[arm, 1] += shares[row, 1] * (values[row] - mean[arm, 1]) ** 2
    return mean, square, binary


@njit(cache=True, nogil=True)
def _distances(
    values: np.ndarray, order: np.ndarray, signed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    below = np.zeros(2)
    largest = np.zeros(2)
    average = np.zeros(2)
    distinct = 0
    following = values[order[0]]
    for place in range(len(order)):
        row, value = order[place], following
        below[0] += signed[row, 0]
        below[1] += signed[row, 1]
        last = place + 1 == len(order)
        if not last:
            following = values[order[place + 1]]
        if last or following != value:
            distinct += 1
            for column in range(2):
                distance = abs(below[column])
                average[column] += distance
                largest[column] = max(largest[column], distance)
    return largest, average / distinct
