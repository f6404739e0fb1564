"""Weights calibrated to moments: those nearest to the sampling weights, in relative entropy, under
which the means of some units equal those of a target, and what their estimation contributes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pacte_eval.designs.scores.newton import NoMinimumError, Point, minimise
from pacte_eval.designs.scores.terms import Rows, Terms

_DETERMINED = 1e-10
_ROUNDING = 1e-13
_BALANCED = 1e-9


class OutOfReachError(Exception):
    """No weights have the target's means.

    Attributes
    ----------
    column : int
        Of the terms: one that cannot be balanced.
    """

    def __init__(self, column: int) -> None:
        super().__init__("means out of reach")
        self.column = column


@dataclass(frozen=True, eq=False)
class EstimatedWeights:
    """Weights of some units that solve Σ moment(i) x(i) = 0, as an M-estimator.

    Attributes
    ----------
    rows : int array, shape (m,)
        The units, by their row in the comparison.
    terms : Terms
        The columns x(i), m rows.
    columns : int array, shape (q,)
        Those that determine the parameters; the others follow from them.
    derivative : float array, shape (m,)
        Of each weight by its linear index.
    moment : float array, shape (m,)
    information : float array, shape (q, q)
        Minus the derivative of Σ moment(i) x(i) by the parameters.
    """

    rows: np.ndarray
    terms: Terms
    columns: np.ndarray
    derivative: np.ndarray
    moment: np.ndarray
    information: np.ndarray

    def influence(self, residual: np.ndarray) -> np.ndarray:
        """Contributions of the parameters to Σ residual(i) weight(i): shape (m, t)."""
        gradient = self.terms.transposed_times(residual * self.derivative[:, np.newaxis])
        coefficients = np.zeros_like(gradient)
        coefficients[self.columns] = np.linalg.solve(self.information, gradient[self.columns])
        return self.terms.times(coefficients) * self.moment[:, np.newaxis]


@dataclass(frozen=True, eq=False)
class CalibratedWeights:
    """Weights estimated apart in several groups of units.

    Attributes
    ----------
    groups : tuple of EstimatedWeights
        A unit may be in several, as one that is weighted and one of a target.
    """

    groups: tuple[EstimatedWeights, ...]

    def influence(self, residual: np.ndarray) -> np.ndarray:
        """Contributions of the parameters to Σ residual(i) weight(i): shape (n, t)."""
        contributions = np.zeros_like(residual)
        for group in self.groups:
            contributions[group.rows] += group.influence(residual[group.rows])
        return contributions


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Calibrated weights.

    Attributes
    ----------
    weights : float array, shape (m,)
        base × exp(index), with the total of the target.
    index : float array, shape (m,)
        The linear index of every unit, those without base weight included.
    model : EstimatedWeights
    """

    weights: np.ndarray
    index: np.ndarray
    model: EstimatedWeights


def calibrate(rows: np.ndarray, terms: Terms, base: np.ndarray, target: np.ndarray) -> Calibrated:
    """Weights w = base × exp(xᵀθ) with Σ w x = Σ target x, x with its intercept.

    Parameters
    ----------
    rows : int array, shape (m,)
        The units, by their row in the comparison.
    terms : Terms
        Their columns.
    base, target : float arrays, shape (m,)
        Sampling weights of the units to weigh, and of those whose means are wanted; 0 elsewhere.

    Raises
    ------
    OutOfReachError
        If the means wanted lie outside, or on the edge of, the convex hull of the units to weigh.

    Notes
    -----
    Newton's method on the dual of Hainmueller (2012, *Political Analysis* 20, 25–46): the minimum
    of log Σ base exp(xᵀλ) − λᵀ m, m the means wanted.
    """
    wanted = terms.transposed_times(target)
    means = wanted[1:] / wanted[0]
    dual = _Dual(terms, base, means, np.arange(len(means)))
    kept = _independent(dual.at(np.zeros(len(means))).hessian)
    dual = replace(dual, kept=kept)
    try:
        parameters = minimise(dual, np.zeros(len(kept)))
    except NoMinimumError as failure:
        raise OutOfReachError(_culprit(dual, failure)) from None
    index = terms.times(dual.coefficients(parameters))
    tilted, top = _tilt(index, base)
    mass = wanted[0] / tilted.sum()
    weights = tilted * mass
    gram = terms.gram(weights)
    gap = np.abs(gram[0, 1:] / gram[0, 0] - means)
    if gap.max(initial=0.0) > _BALANCED:
        raise OutOfReachError(1 + int(np.argmax(gap)))
    columns = np.concatenate([[0], 1 + kept])
    model = EstimatedWeights(
        rows,
        terms,
        columns,
        derivative=weights,
        moment=target - weights,
        information=gram[np.ix_(columns, columns)],
    )
    return Calibrated(weights, index - top + np.log(mass), model)


@dataclass(frozen=True, eq=False)
class _Dual:
    """log Σ base exp(xᵀλ) − λᵀ means, λ zero but at the columns kept."""

    terms: Terms
    base: np.ndarray
    means: np.ndarray
    kept: np.ndarray

    def coefficients(self, parameters: np.ndarray) -> np.ndarray:
        """Of all columns, the intercept first."""
        coefficients = np.zeros(1 + len(self.means))
        coefficients[1 + self.kept] = parameters
        return coefficients

    def at(self, parameters: np.ndarray) -> Point:
        """In one pass over the rows, the largest index of each block being factored out."""
        coefficients = self.coefficients(parameters)[:, np.newaxis]

        def part(rows: Rows, block: slice) -> tuple[np.ndarray, float]:
            weights, top = _tilt(rows.times(coefficients)[:, 0], self.base[block])
            return rows.moments(weights, weights)[:, :-1], top

        blocks, tops = zip(*self.terms.each(part), strict=True)
        top = max(tops)
        gram = sum(block * np.exp(own - top) for block, own in zip(blocks, tops, strict=True))
        total = gram[0, 0]
        gram = gram / total
        gradient = (gram[0, 1:] - self.means)[self.kept]
        covariance = gram[1:, 1:] - np.outer(gram[0, 1:], gram[0, 1:])
        return Point(
            value=float(top + np.log(total) - parameters @ self.means[self.kept]),
            gradient=gradient,
            hessian=covariance[np.ix_(self.kept, self.kept)],
        )


def _tilt(index: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, float]:
    """base × exp(index − top), and top, the largest index where base is positive."""
    top = float(index[base > 0].max(initial=-np.inf))
    if top == -np.inf:
        return np.zeros_like(index), top
    return base * np.exp(np.minimum(index - top, 0.0)), top


def _independent(covariance: np.ndarray) -> np.ndarray:
    """Columns that vary and that those before them do not determine."""
    least = np.maximum(_DETERMINED * np.diag(covariance), _ROUNDING)
    left, kept = covariance, []
    for column in range(len(left)):
        if left[column, column] > least[column]:
            kept.append(column)
            left = left - np.outer(left[column], left[column]) / left[column, column]
    return np.array(kept, dtype=np.int64)


def _culprit(dual: _Dual, failure: NoMinimumError) -> int:
    """A column whose mean wanted no unit reaches, else the one that weighs most in the failure."""
    inside = dual.base > 0
    for column, mean in enumerate(dual.means, start=1):
        values = dual.terms.column(column)[inside]
        low, high = values.min(), values.max()
        alike = high - low <= _BALANCED and abs(mean - low) <= _BALANCED
        if not (alike or low + _BALANCED < mean < high - _BALANCED):
            return column
    return 1 + int(dual.kept[np.argmax(np.abs(failure.direction))])
