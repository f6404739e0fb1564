"""A propensity score by logistic regression: Newton's method on the weighted likelihood, which
either converges or says which covariate prevents it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.linalg import eigh
from scipy.special import expit, log_expit

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.terms import Terms, centre_and_scale, cross_products, model_terms
from pacte_eval.frames import Comparison

_ITERATIONS = 60
_PRECISION = 1e-13
_SEPARATED = 1e-9


@dataclass(frozen=True, eq=False)
class FittedLogit:
    """A fitted score.

    Attributes
    ----------
    scores : float array, shape (n,)
        Probabilities of treatment.
    index : float array, shape (n,)
        Log-odds.
    coefficients : pandas.Series
        One per column of the linear index, in units of the covariates.
    loglikelihood : float
    dropped : dict of str to str
        Columns left out, with the reason.
    terms : Terms
        The columns of the linear index.
    treated, weights : arrays, shape (n,)
        What the score was fitted on.
    """

    scores: np.ndarray
    index: np.ndarray
    coefficients: pd.Series
    loglikelihood: float
    dropped: dict[str, str]
    terms: Terms = field(repr=False)
    treated: np.ndarray = field(repr=False)
    weights: np.ndarray = field(repr=False)

    @property
    def name(self) -> str:
        return f"logit, {len(self.coefficients)} coefficients"

    @property
    def slope(self) -> np.ndarray:
        return self.scores * (1 - self.scores)

    def influence(self, direction: np.ndarray) -> np.ndarray:
        """Contributions of the estimated coefficients to Σ direction(i) index(i): shape (n, t)."""
        scale = np.maximum(np.abs(self.terms.matrix).max(axis=0), 1e-300)
        matrix = self.terms.matrix / scale
        information = matrix.T @ (matrix * (self.weights * self.slope)[:, None])
        likelihood = matrix * (self.weights * (self.treated - self.scores))[:, None]
        return np.asarray(likelihood @ np.linalg.solve(information, matrix.T @ direction))


@dataclass(frozen=True)
class Logit:
    """Propensity score by a logit on covariates, factors coded against their first level.

    Parameters
    ----------
    squares : sequence of str
        Covariates whose square is added.
    interactions : sequence of sequences of str
        Products added; a name may be repeated: ``("age", "age", "age")`` is a cube.
    """

    squares: Sequence[str] = ()
    interactions: Sequence[Sequence[str]] = ()

    def fit(self, comparison: Comparison) -> FittedLogit:
        """Fit on all units, with sampling weights.

        Raises
        ------
        InputError
            If there is no covariate, a name is unknown, or a covariate separates the arms.
        """
        if comparison.covariates.shape[1] == 0:
            raise InputError("a score needs at least one covariate: the comparison has none")
        terms = model_terms(comparison.covariates, self.squares, self.interactions)
        return _newton(terms, comparison.treated, comparison.weights)


def _newton(terms: Terms, treated: np.ndarray, weights: np.ndarray) -> FittedLogit:
    matrix = terms.matrix
    centre, scale = centre_and_scale(matrix)
    share = np.average(treated, weights=weights)
    at_start = cross_products(matrix, weights * share * (1 - share), centre, scale)

    coefficients = np.zeros(matrix.shape[1])
    coefficients[0] = np.log(share / (1 - share))
    index = np.full(len(matrix), coefficients[0])
    likelihood = _loglikelihood(index, treated, weights)
    for _ in range(_ITERATIONS):
        scores = expit(index)
        spread = weights * scores * (1 - scores)
        information = cross_products(matrix, spread, centre, scale)
        shrinkage, directions = eigh(information, at_start)
        if shrinkage[0] < _SEPARATED:
            raise InputError(_culprit(terms, directions[:, 0], treated, "separates the arms"))
        surprise = weights * (treated - scores)
        gradient = (matrix.T @ surprise - centre * surprise.sum()) / scale
        step = np.linalg.solve(information, gradient)
        previous = likelihood
        while True:
            index = _index(matrix, coefficients + step, centre, scale)
            likelihood = _loglikelihood(index, treated, weights)
            if likelihood >= previous - _PRECISION * abs(previous):
                break
            step /= 2
        coefficients += step
        if likelihood - previous <= _PRECISION * abs(previous):
            break
    else:
        raise InputError(_culprit(terms, step, treated, "keeps the logit from converging"))

    slopes = coefficients / scale
    slopes[0] -= slopes[1:] @ centre[1:]
    return FittedLogit(
        scores=expit(index),
        index=index,
        coefficients=pd.Series(slopes, index=list(terms.names)),
        loglikelihood=likelihood,
        dropped=terms.dropped,
        terms=terms,
        treated=treated,
        weights=weights,
    )


def _index(
    matrix: np.ndarray, coefficients: np.ndarray, centre: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    slopes = coefficients / scale
    return np.asarray(matrix @ slopes - centre @ slopes)


def _loglikelihood(index: np.ndarray, treated: np.ndarray, weights: np.ndarray) -> float:
    return float(weights @ log_expit(np.where(treated, index, -index)))


def _culprit(terms: Terms, direction: np.ndarray, treated: np.ndarray, what: str) -> str:
    """A sentence naming the covariate that weighs most in a direction the arms do not share."""
    column = 1 + int(np.argmax(np.abs(direction[1:])))
    name = terms.covariates[column]
    values = terms.matrix[:, column]
    for arm, label in ((treated, "control"), (~treated, "treated")):
        if np.ptp(values[~arm]) == 0 and np.ptp(values[arm]) > 0:
            return (
                f"covariate '{name}' {what}: '{terms.names[column]}' does not vary among "
                f"{label} units; group its levels or leave it out"
            )
    return f"covariate '{name}' {what}: coarsen it or leave it out"
