"""A propensity score by logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from pacte_eval.definitions.errors import check_kind
from pacte_eval.designs.scores.regression import FittedRegression, fit_regression
from pacte_eval.frames import Comparison


@dataclass(frozen=True)
class LogitLink:
    """The index is the log-odds of treatment."""

    name: str = "logit"

    def score(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(expit(index))

    def index(self, score: float) -> float:
        return float(np.log(score / (1 - score)))

    def slope(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(expit(index) * expit(-index))

    def likelihood(
        self, index: np.ndarray, treated: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        small = np.exp(-np.abs(index))
        least = small / (1 + small)
        score = np.where(index > 0, 1 - least, least)
        agreement = np.where(treated, index, -index)
        likelihood = np.minimum(agreement, 0.0) - np.log1p(small)
        return likelihood, treated - score, least * (1 - least)


@dataclass(frozen=True)
class Logit:
    """Propensity score by a logit on covariates, factors coded against their first level.

    Parameters
    ----------
    squares : sequence of str
        Covariates whose square is added.
    interactions : sequence of sequences of str
        Products added; a name may be repeated: ``("age", "age", "age")`` is a cube.
    within : sequence of str
        Strata, covariates or cells in whose crossings the score is fitted apart.

    Notes
    -----
    Rosenbaum and Rubin (1983, *Biometrika* 70, 41–55): units of one propensity score are
    comparable on all covariates it is fitted on. Squares and interactions are those by which
    Dehejia and Wahba (1999, *JASA* 94, 1053–1062) balance theirs. Columns that are constant, or
    that earlier ones determine, are left out and reported.
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
        return fit_regression(LogitLink(), comparison, self.squares, self.interactions, self.within)
