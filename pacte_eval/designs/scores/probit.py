"""A propensity score by probit regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from pacte_eval.definitions.errors import check_kind
from pacte_eval.designs.scores.regression import FittedRegression, fit_regression
from pacte_eval.frames import Comparison

_LOG_ROOT_2PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class ProbitLink:
    """The index is the normal quantile of the score."""

    name: str = "probit"

    def score(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(ndtr(index))

    def index(self, score: float) -> float:
        return float(ndtri(score))

    def slope(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(-0.5 * index**2 - _LOG_ROOT_2PI))

    def likelihood(
        self, index: np.ndarray, treated: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        sign = np.where(treated, 1.0, -1.0)
        agreement = sign * index
        likelihood = log_ndtr(agreement)
        ratio = np.exp(-0.5 * index**2 - _LOG_ROOT_2PI - likelihood)
        return likelihood, sign * ratio, np.maximum(ratio * (ratio + agreement), 0.0)


@dataclass(frozen=True)
class Probit:
    """Propensity score by a probit on covariates, factors coded against their first level.

    Parameters
    ----------
    squares : sequence of str
        Covariates whose square is added.
    interactions : sequence of sequences of str
        Products added; a name may be repeated.
    within : sequence of str
        Strata, covariates or cells in whose crossings the score is fitted apart.

    Notes
    -----
    The propensity score is that of Rosenbaum and Rubin (1983, *Biometrika* 70, 41–55). The second
    derivative of the likelihood is the observed one, in Newton's method and in
    `FittedRegression.influence`.
    """

    squares: Sequence[str] = ()
    interactions: Sequence[Sequence[str]] = ()
    within: Sequence[str] = ()

    def fit(self, comparison: Comparison) -> FittedRegression:
        """Fit on all units, with sampling weights.

        Raises
        ------
        InputError
            If there is no covariate, a name is unknown, a covariate separates the arms, or a cell
            of `within` has units of one arm only.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        return fit_regression(
            ProbitLink(), comparison, self.squares, self.interactions, self.within
        )
