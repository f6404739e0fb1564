"""Inverse-probability weighting: each unit weighs the inverse of its chance of being in its arm,
so that both arms look like one target population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from pacte_eval.definitions.errors import InputError, check_kind, counted
from pacte_eval.designs.design import WEIGHTED, Design, support_table
from pacte_eval.designs.scores.scored import FittedScore, Score, Support, read_score
from pacte_eval.designs.settings import check_choice
from pacte_eval.frames import Comparison

Target = Literal["ATT", "ATC", "ATE", "ATO"]
_FORMULAS: dict[str, str] = {
    "ATT": "1, p / (1 − p)",
    "ATC": "(1 − p) / p, 1",
    "ATE": "1 / p, 1 / (1 − p)",
    "ATO": "1 − p, p",
}


@dataclass(frozen=True, eq=False)
class InverseProbabilityWeights:
    """How the weights depend on the coefficients of the score.

    Attributes
    ----------
    score : FittedScore
    derivative : float array, shape (n,)
        Of each weight by the linear index of its unit.
    """

    score: FittedScore
    derivative: np.ndarray

    def influence(self, residual: np.ndarray) -> np.ndarray:
        """Contributions of the coefficients to Σ residual(i) weight(i): shape (n, t)."""
        return self.score.influence(residual * self.derivative[:, np.newaxis])


@dataclass(frozen=True)
class InverseProbability:
    """Weighting by the inverse of the propensity score p, times the sampling weight s.

    Parameters
    ----------
    estimand : ``"ATT"``, ``"ATC"``, ``"ATE"`` or ``"ATO"``
        Weights of a treated unit and of a control: s and s p / (1 − p) for the effect on the
        treated; s (1 − p) / p and s on the controls; s / p and s / (1 − p) on all; s (1 − p) and
        s p on the overlap (Li, Morgan and Zaslavsky 2018, *JASA* 113, 390–400, table 1).
    score : str, score model or float array of shape (n,)
        ``"logit"`` is a logit on all covariates.
    support : MinMax, Crump or Quantile, optional
        Rule of common support on the score; units outside weigh nothing.

    Notes
    -----
    Weights are not normalised: the effect of a design is the difference of weighted means (Hájek).
    With a score given as an array, or estimated without an influence function (boosting), the
    design has no `weight_model`: its settings say that weights are taken as known.
    """

    estimand: Target = "ATT"
    score: Score = "logit"
    support: Support | None = None

    def fit(self, comparison: Comparison) -> Design:
        """Weight the units of a comparison.

        Raises
        ------
        InputError
            If the estimand is unknown, the score cannot be fitted, or a supported unit has a
            score of 0 or 1.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        check_choice("estimand", self.estimand, get_args(Target))
        scored = read_score(self.score, self.support, comparison)
        kept, treated = scored.kept, comparison.treated
        extreme = kept & ~((scored.values > 0) & (scored.values < 1))
        if extreme.any():
            raise InputError(
                f"{counted(int(extreme.sum()), 'unit')} with a score not strictly between 0 and 1: "
                "their weights would be zero or infinite; give support= or fewer covariates"
            )
        p = np.where(kept, scored.values, 0.5)
        sampling = np.where(kept, comparison.weights, 0.0)
        weights, by_score = _weights(self.estimand, treated, p)
        model = None
        if scored.model is not None and scored.model.coefficients is not None:
            model = InverseProbabilityWeights(
                scored.model, sampling * by_score * scored.model.slope
            )
        return Design(
            comparison=comparison,
            weights=sampling * weights,
            support=support_table(comparison, kept, [(~kept, scored.reason)], word=WEIGHTED),
            settings={
                "design": "InverseProbability",
                "estimand": self.estimand,
                **scored.settings,
                "weights": f"{_FORMULAS[self.estimand]} (treated, controls)",
                "estimated": "by M-estimation" if model else "no: weights are taken as known",
            },
            kind="weights",
            estimand=self.estimand,
            score=scored.values,
            model=scored.model,
            weight_model=model,
            estimator=self,
        )


def _weights(estimand: Target, treated: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight of each unit, and its derivative by the score: two float arrays, shape (n,)."""
    one, none = np.ones_like(p), np.zeros_like(p)
    odds, against = p / (1 - p), (1 - p) / p
    by_arm = {
        "ATT": ((one, none), (odds, (1 + odds) ** 2)),
        "ATC": ((against, -((1 + against) ** 2)), (one, none)),
        "ATE": ((1 + against, -((1 + against) ** 2)), (1 + odds, (1 + odds) ** 2)),
        "ATO": ((1 - p, -one), (p, one)),
    }[estimand]
    weights, derivative = (np.where(treated, *pair) for pair in zip(*by_arm, strict=True))
    return weights, derivative
