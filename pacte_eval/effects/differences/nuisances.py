"""What difference-in-differences is adjusted by: odds of treatment, and regressions of outcomes,
each with what its estimation contributes to a linear function of its coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import expit

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.scores.newton import NoMinimumError, Point, minimise
from pacte_eval.effects.differences.panel_scores import (
    NO_OVERLAP_FROM,
    TRIMMED_FROM,
    NotIdentifiedError,
)

_DETERMINED = 1e-9
_SEPARATED = 1e-9
# Twice √ε: from where a step lowers the objective by no more than R's `trust` looks for.
_TILTED = 3e-8


class UndeterminedError(NotIdentifiedError):
    """Coefficients that the rows at hand do not determine.

    Attributes
    ----------
    column : int
        Position of the column that is most to blame.
    """

    def __init__(self, sentence: str, reason: str, column: int) -> None:
        super().__init__(sentence.format(column=f"column {column}"), reason)
        self.column = column
        self._sentence = sentence

    def named(self, name: str) -> InputError:
        """The same, with the name of the covariate that the column comes from."""
        return InputError(self._sentence.format(column=f"covariate '{name}'"))


@dataclass(frozen=True, eq=False)
class Odds:
    """Fitted odds of treatment, the exponential of a linear index.

    Attributes
    ----------
    columns : float array, shape (n, p)
    coefficients : float array, shape (p,)
    surprise : float array, shape (n,)
        Derivative of the objective of each unit by its index.
    information : float array, shape (n,)
        Minus the second one.
    """

    columns: np.ndarray
    coefficients: np.ndarray
    surprise: np.ndarray
    information: np.ndarray

    @cached_property
    def values(self) -> np.ndarray:
        """Float array, shape (n,)."""
        return np.exp(self.columns @ self.coefficients)

    @property
    def overlapping(self) -> np.ndarray:
        """Where the score is under 0.995: bool array, shape (n,)."""
        return np.asarray(self.values < TRIMMED_FROM / (1 - TRIMMED_FROM))

    def influence(self, derivative: np.ndarray) -> np.ndarray:
        """What the coefficients contribute to an estimate.

        Parameters
        ----------
        derivative : float array, shape (n,)
            Of the estimate by the index of each unit.

        Returns
        -------
        float array, shape (n,)
        """
        scaled, _ = _scaled(self.columns)
        hessian = scaled.T @ (self.information[:, np.newaxis] * scaled)
        along = np.linalg.solve(hessian, scaled.T @ derivative)
        return np.asarray(self.surprise * (scaled @ along))


def logit_odds(treated: np.ndarray, columns: np.ndarray, weights: np.ndarray) -> Odds:
    """Odds by maximum weighted likelihood of a logit.

    Parameters
    ----------
    treated : bool array, shape (n,)
    columns : float array, shape (n, p)
        An intercept among them.
    weights : float array, shape (n,)

    Raises
    ------
    UndeterminedError
        If columns separate the treated from the controls, or the score of a unit is 0.999 or more.
    """
    found = _logit(treated, columns, weights)
    score = expit(columns @ found)
    if score.max() >= NO_OVERLAP_FROM:
        raise UndeterminedError(
            f"some units have a score of {NO_OVERLAP_FROM} or more and nobody to be compared with, "
            "{column} most of all: coarsen it or leave it out",
            "score sans recouvrement",
            _most(found, columns),
        )
    return Odds(columns, found, weights * (treated - score), weights * score * (1 - score))


def tilted_odds(treated: np.ndarray, columns: np.ndarray, weights: np.ndarray) -> Odds:
    """Odds by which the controls have the means of the treated in every column.

    Parameters
    ----------
    treated, columns, weights
        As for `logit_odds`.

    Raises
    ------
    UndeterminedError
        If no positive weights of the controls have the means of the treated.

    Notes
    -----
    Inverse probability tilting (Graham, Pinto and Egel 2012, *Review of Economic Studies* 79,
    1053–1079) for the treated, as Sant'Anna and Zhao (2020, section 3.1): the maximum of
    Σ weight × (treated × index − control × exp(index)), by Newton's method from the logit. It ends
    where a step raises the mean by under 1.5e-8, as R's `trust` does, on which the last digits of
    published standard errors depend; the means then agree to about seven digits. The estimate, of
    null derivative by these odds, agrees to more.
    """
    scaled, scale = _scaled(columns)
    _check_rank(scaled[~treated] / np.sqrt(len(scaled)))
    start = _logit(treated, columns, weights) * scale
    function = _Tilting(treated, scaled, weights / weights.sum())
    try:
        found = minimise(function, start, flat=_SEPARATED, precision=_TILTED) / scale
    except NoMinimumError as failure:
        raise UndeterminedError(
            "no weighting of the controls has the means of the treated, {column} most of all: "
            "coarsen it or leave it out",
            "score sans recouvrement",
            _most(failure.direction, scaled),
        ) from None
    odds = np.exp(columns @ found)
    return Odds(columns, found, weights * np.where(treated, 1.0, -odds), weights * ~treated * odds)


def _logit(treated: np.ndarray, columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Coefficients of a logit."""
    scaled, scale = _scaled(columns)
    share = float(weights @ treated / weights.sum())
    # The index that is constant, whichever column is the intercept.
    level = np.full(len(scaled), np.log(share / (1 - share)))
    start = np.linalg.lstsq(scaled, level, rcond=None)[0]
    function = _Deviance(treated, scaled, weights / weights.sum())
    try:
        return np.asarray(minimise(function, start, flat=_SEPARATED) / scale)
    except NoMinimumError as failure:
        raise UndeterminedError(
            "{column} separates the treated from the controls: coarsen it or leave it out",
            "score sans recouvrement",
            _most(failure.direction, scaled),
        ) from None


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """A regression by weighted least squares.

    Attributes
    ----------
    fitted : float array, shape (n,)
        Of every unit, those of weight 0 too.
    """

    columns: np.ndarray
    weights: np.ndarray
    residual: np.ndarray
    fitted: np.ndarray
    root: np.ndarray

    @classmethod
    def fit(cls, columns: np.ndarray, values: np.ndarray, weights: np.ndarray) -> LeastSquares:
        """Fit on the units of positive weight.

        Parameters
        ----------
        columns : float array, shape (n, p)
        values : float array, shape (n,)
            Any where the weight is 0.
        weights : float array, shape (n,)

        Raises
        ------
        UndeterminedError
            If those units do not determine every coefficient.
        """
        used = weights > 0
        half = np.sqrt(weights[used])
        weighted = columns[used] * half[:, np.newaxis]
        size = np.maximum(np.linalg.norm(weighted, axis=0), np.finfo(float).tiny)
        _check_rank(weighted / size)
        orthonormal, root = np.linalg.qr(weighted)
        slopes = solve_triangular(root, orthonormal.T @ (values[used] * half))
        fitted = columns @ slopes
        residual = np.zeros(len(values))
        residual[used] = values[used] - fitted[used]
        return cls(columns, weights, residual, fitted, root)

    def influence(self, derivative: np.ndarray) -> np.ndarray:
        """What the coefficients contribute to an estimate: shape (n,).

        Parameters
        ----------
        derivative : float array, shape (p,)
            Of the estimate by the coefficients.
        """
        half = solve_triangular(self.root, derivative, trans="T")
        along = solve_triangular(self.root, half)
        return np.asarray(self.weights * self.residual * (self.columns @ along))


def _check_rank(columns: np.ndarray) -> None:
    """Refuse columns (of norm 1) that determine one another, or are fewer rows than columns."""
    count, size = columns.shape
    root = np.zeros((size, size))
    root[: min(count, size)] = np.linalg.qr(columns, mode="r")
    left = np.abs(np.diag(root))
    place = int(np.argmin(left))
    if left[place] < _DETERMINED:
        raise UndeterminedError(
            f"a regression is not determined by its {count} units, {{column}} following from the "
            "others: leave it out",
            "covariables colinéaires",
            place,
        )


def _scaled(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of mean square 1, independent of each other, and what they were divided by."""
    scale = np.sqrt(np.mean(columns**2, axis=0))
    scaled = columns / np.where(scale > 0, scale, 1.0)
    _check_rank(scaled / np.sqrt(len(scaled)))
    return scaled, scale


def _most(direction: np.ndarray, columns: np.ndarray) -> int:
    """The column that varies most along a direction."""
    return int(np.argmax(np.abs(direction) * np.std(columns, axis=0)))


@dataclass(frozen=True, eq=False)
class _Deviance:
    """Minus the weighted mean log-likelihood of a logit."""

    treated: np.ndarray
    columns: np.ndarray
    weights: np.ndarray

    def at(self, parameters: np.ndarray) -> Point:
        index = self.columns @ parameters
        score = expit(index)
        value = self.weights @ (np.logaddexp(0.0, index) - self.treated * index)
        gradient = self.columns.T @ (self.weights * (score - self.treated))
        curvature = (self.weights * score * (1 - score))[:, np.newaxis]
        return Point(float(value), gradient, self.columns.T @ (curvature * self.columns))


@dataclass(frozen=True, eq=False)
class _Tilting:
    """Weighted mean of exp(index) over controls less that of the index over the treated."""

    treated: np.ndarray
    columns: np.ndarray
    weights: np.ndarray

    def at(self, parameters: np.ndarray) -> Point:
        index = self.columns @ parameters
        with np.errstate(over="ignore", invalid="ignore"):
            odds = np.where(self.treated, 0.0, np.exp(np.minimum(index, 700.0))) * self.weights
            value = odds.sum() - (self.weights * self.treated) @ index
        gradient = self.columns.T @ (odds - self.weights * self.treated)
        return Point(float(value), gradient, self.columns.T @ (odds[:, np.newaxis] * self.columns))
