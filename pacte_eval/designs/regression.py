"""A propensity score by a regression of the arm: Newton's method on the weighted likelihood, which
either converges or says which covariate prevents it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeVar

import numpy as np
import pandas as pd
from scipy.linalg import eigh

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.terms import Rows, Terms, model_terms
from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import is_factor

_ITERATIONS = 60
_PRECISION = 1e-12
_ROUNDING = 1e-13
_SEPARATED = 1e-9


class Link(Protocol):
    """How a score depends on its linear index."""

    @property
    def name(self) -> str: ...

    def score(self, index: np.ndarray) -> np.ndarray:
        """Probability of treatment."""
        ...

    def index(self, score: float) -> float:
        """The index whose score is given."""
        ...

    def slope(self, index: np.ndarray) -> np.ndarray:
        """Derivative of the score by the index."""
        ...

    def likelihood(
        self, index: np.ndarray, treated: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log-likelihood of each unit, its derivative by the index, and minus the second one."""
        ...


@dataclass(frozen=True, eq=False)
class FittedRegression:
    """A fitted score.

    Attributes
    ----------
    scores : float array, shape (n,)
        Probabilities of treatment.
    index : float array, shape (n,)
        The linear index.
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

    link: ClassVar[Link]

    @property
    def name(self) -> str:
        return f"{self.link.name}, {len(self.coefficients)} coefficients"

    @property
    def slope(self) -> np.ndarray:
        return self.link.slope(self.index)

    def influence(self, direction: np.ndarray) -> np.ndarray:
        """Contributions of the estimated coefficients to Σ direction(i) index(i): shape (n, t)."""
        _, surprise, information = self.link.likelihood(self.index, self.treated)
        total = self.terms.gram(self.weights * information)
        gradient = self.terms.transposed_times(direction)
        contributions = self.terms.times(np.linalg.solve(total, gradient))
        return np.asarray(contributions * (self.weights * surprise)[:, np.newaxis])


Fitted = TypeVar("Fitted", bound=FittedRegression)


@dataclass(frozen=True, eq=False)
class _Point:
    """The log-likelihood at some coefficients, its gradient, and minus its second derivative."""

    likelihood: float
    gradient: np.ndarray
    information: np.ndarray


@dataclass(frozen=True, eq=False)
class _Likelihood:
    terms: Terms
    link: Link
    treated: np.ndarray
    weights: np.ndarray

    def at(self, coefficients: np.ndarray) -> _Point:
        """One pass over the rows."""
        value, total = 0.0, np.zeros((len(coefficients), len(coefficients) + 1))

        def part(rows: Rows, block: slice) -> tuple[float, np.ndarray]:
            weights = self.weights[block]
            likelihood, surprise, information = self.link.likelihood(
                rows.times(coefficients[:, np.newaxis])[:, 0], self.treated[block]
            )
            return weights @ likelihood, rows.moments(weights * information, weights * surprise)

        for likelihood, moments in self.terms.each(part):
            value += likelihood
            total += moments
        return _Point(value, total[:, -1], total[:, :-1])


def fit_regression(
    kind: type[Fitted],
    comparison: Comparison,
    squares: Sequence[str],
    interactions: Sequence[Sequence[str]],
) -> Fitted:
    """A regression of the arm on all covariates, their squares and interactions.

    Raises
    ------
    InputError
        If there is no covariate, a name is unknown, or a covariate separates the arms.
    """
    if comparison.covariates.shape[1] == 0:
        raise InputError("a score needs at least one covariate: the comparison has none")
    return regress(kind, model_terms(comparison.covariates, squares, interactions), comparison)


def regress(kind: type[Fitted], terms: Terms, comparison: Comparison) -> Fitted:
    """The maximum of the weighted likelihood.

    Parameters
    ----------
    kind : FittedLogit or FittedProbit
    terms : Terms
        Of the units of the comparison.
    comparison : Comparison

    Raises
    ------
    InputError
        If a covariate separates the arms, or keeps the likelihood from converging.
    """
    link, treated, weights = kind.link, comparison.treated, comparison.weights
    function = _Likelihood(terms, link, treated, weights)
    coefficients = np.zeros(len(terms.names))
    coefficients[0] = link.index(float(np.average(treated, weights=weights)))
    point = start = function.at(coefficients)
    for _ in range(_ITERATIONS):
        left, directions = eigh(point.information, start.information)
        if left[0] < _SEPARATED:
            raise InputError(_culprit(terms, comparison, directions[:, 0], "separates the arms"))
        along = directions.T @ point.gradient
        step = directions @ (along / left)
        if along @ (along / left) <= _PRECISION * abs(point.likelihood):
            break
        reached = function.at(coefficients + step)
        while reached.likelihood < point.likelihood - _ROUNDING * abs(point.likelihood):
            step /= 2
            reached = function.at(coefficients + step)
        coefficients, point = coefficients + step, reached
    else:
        what = f"keeps the {link.name} from converging"
        raise InputError(_culprit(terms, comparison, step, what))
    coefficients = coefficients + step
    index = terms.times(coefficients)
    likelihood, *_ = link.likelihood(index, treated)
    return kind(
        scores=link.score(index),
        index=index,
        coefficients=pd.Series(terms.in_units(coefficients), index=list(terms.names)),
        loglikelihood=float(weights @ likelihood),
        dropped=terms.dropped,
        terms=terms,
        treated=treated,
        weights=weights,
    )


def _culprit(terms: Terms, comparison: Comparison, direction: np.ndarray, what: str) -> str:
    """A sentence naming the covariate that weighs most in a direction the arms do not share."""
    place = 1 + int(np.argmax(np.abs(direction[1:])))
    name = terms.covariates[place]
    covariates = comparison.covariates
    arms = (comparison.treated, "treated"), (~comparison.treated, "control")
    if name in covariates and is_factor(covariates[name]):
        codes, levels = covariates[name].cat.codes.to_numpy(), covariates[name].cat.categories
        for arm, label in arms:
            absent = np.setdiff1d(codes, codes[arm])
            if len(absent):
                return (
                    f"covariate '{name}' {what}: no {label} unit has '{name}[{levels[absent[0]]}]'"
                    "; group its levels or leave it out"
                )
    values = terms.column(place)
    for arm, label in arms:
        if np.ptp(values[arm]) == 0 and np.ptp(values[~arm]) > 0:
            return (
                f"covariate '{name}' {what}: '{terms.names[place]}' does not vary among "
                f"{label} units; coarsen it or leave it out"
            )
    return f"covariate '{name}' {what}: coarsen it or leave it out"
