"""What each unit contributes to a difference of weighted means, with or without regression.

Each arm a has a fit f_a of the outcome (its weighted mean without adjustment), residuals
e = Y − f_a and a multiplier g: the mean of the arm is Σ q f_a + Σ_a w g e, with q the shares of the
target population, and the estimate the difference of the two. Without adjustment g = 1 / Σ w. With
regression by the weights of the design, g = x' A⁻¹ x̄ for A = Σ w x x' and x̄ = Σ q x: the residual
terms then sum to zero, and the estimate is g-computation. Augmented, f_a is fitted by sampling
weights and g = 1 / Σ of the targets' weights: the doubly robust estimator of Robins, Rotnitzky and
Zhao (1994, *JASA* 89, 846–866).

Weights held fixed, ±w g e are the terms of the sandwich of White (1980, *Econometrica* 48) for the
regression of the outcome on treatment, alone or crossed with covariates. M-estimation (Stefanski
and Boos 2002, *The American Statistician* 56, 29–38) adds the sampling of the targets,
q (f₁ − f₀ − τ̂), the estimation of the weights (`WeightModel.influence` of ±g e, the derivative
of the estimate by each weight), and that of an augmented fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pacte_eval.designs.design import Design
from pacte_eval.effects.block import Block, filled
from pacte_eval.effects.regression import Regression
from pacte_eval.effects.shares import outcome_weights

LEVERAGE_POWER = {"HC2": 0.5, "HC3": 1.0}


@dataclass(frozen=True, eq=False)
class _Arm:
    """The fit of an arm: one row where it is a mean."""

    member: np.ndarray
    sign: float
    fit: np.ndarray
    multiplier: np.ndarray
    rank: np.ndarray
    nuisance: np.ndarray | None = None


class WeightedOperator:
    """The operator of a weighted design, ready to be applied to blocks of outcomes.

    Parameters
    ----------
    design : Design
    error : ``"HC0"`` … ``"HC3"``, ``"m-estimation"`` or ``"influence-function"``
        The last is M-estimation with weights and regression taken as known.
    clustered : bool
        Whether contributions are summed by cluster, which scales them by √(G / (G − 1)).
    regression : Regression, optional
    """

    def __init__(
        self, design: Design, error: str, *, clustered: bool, regression: Regression | None
    ) -> None:
        self._design = design
        self._error = error
        self._clustered = clustered
        self._regression = regression

    @np.errstate(invalid="ignore", divide="ignore")
    def __call__(self, values: np.ndarray) -> Block:
        """Apply to outcomes of shape (n, t), NaN where censored.

        Everything is missing at a period where nobody of an arm is observed.
        """
        outcome, observed = filled(values)
        weights = outcome_weights(self._design, observed)
        share = self._target(weights)
        total = share.sum(axis=0)
        share = share / total
        arms = [self._arm(side, outcome, weights, observed, share, total) for side in (True, False)]
        residual = np.zeros(outcome.shape)
        means = []
        for arm in arms:
            gap = arm.multiplier * (outcome - arm.fit) * observed
            residual[arm.member] = arm.sign * gap[arm.member]
            part = (weights * gap)[arm.member].sum(axis=0)
            means.append((share * arm.fit).sum(axis=0) + part)
        estimate = means[0] - means[1]
        counts = [np.count_nonzero(weights[arm.member], axis=0) for arm in arms]
        contributions = weights * residual * self._factor(weights, arms, counts)
        if not self._error.startswith("HC"):
            if self._regression is not None:
                contributions += share * (arms[0].fit - arms[1].fit - estimate)
            if self._error == "m-estimation":
                contributions += self._estimated(arms, residual)
        return Block(
            estimate=estimate,
            treated_mean=means[0],
            control_mean=means[1],
            n_treated=np.broadcast_to(counts[0], estimate.shape),
            n_control=np.broadcast_to(counts[1], estimate.shape),
            contributions=contributions,
            varies=np.broadcast_to(
                np.all([n > arm.rank for n, arm in zip(counts, arms, strict=True)], axis=0),
                estimate.shape,
            ),
        )

    def _target(self, weights: np.ndarray) -> np.ndarray:
        """Weight of each unit in the target population: shape (n, t) or (n, 1)."""
        comparison, estimand = self._design.comparison, self._design.estimand
        if estimand in ("ATT", "ATC"):
            return weights * (comparison.treated == (estimand == "ATT"))[:, np.newaxis]
        return comparison.weights[:, np.newaxis] * (weights != 0)

    def _arm(
        self,
        side: bool,
        outcome: np.ndarray,
        weights: np.ndarray,
        observed: np.ndarray,
        share: np.ndarray,
        total: np.ndarray,
    ) -> _Arm:
        comparison, regression = self._design.comparison, self._regression
        member, sign = comparison.treated == side, 1.0 if side else -1.0
        known = not self._error.startswith("HC") and self._design.estimand == (
            "ATT" if side else "ATC"
        )
        if regression is None or known:
            own = weights[member]
            mass = own.sum(axis=0)
            mean = (own * outcome[member]).sum(axis=0) / mass
            return _Arm(member, sign, mean[np.newaxis], 1 / mass[np.newaxis], np.ones(1))
        if not regression.augmented:
            fit = regression.fit(outcome, weights * member[:, np.newaxis])
            toward = fit.along(regression.sums(share))
            return _Arm(member, sign, fit.values, toward, fit.rank)
        sampling = comparison.weights[:, np.newaxis] * observed * member[:, np.newaxis]
        fit = regression.fit(outcome, sampling)
        values = fit.values
        short = regression.sums(share) - regression.sums(weights * member[:, np.newaxis]) / total
        nuisance = sign * sampling * (outcome - values) * fit.along(short)
        return _Arm(member, sign, values, 1 / total[np.newaxis], fit.rank, nuisance)

    def _factor(
        self, weights: np.ndarray, arms: list[_Arm], counts: list[np.ndarray]
    ) -> np.ndarray | float:
        """What makes the sandwich less short of the truth in small samples."""
        if self._error == "HC1":
            number = counts[0] + counts[1]
            freedom = np.maximum(number - arms[0].rank - arms[1].rank, 1)
            return np.sqrt((number - self._clustered) / freedom)
        if self._error in LEVERAGE_POWER:
            mass = [weights[arm.member].sum(axis=0) for arm in arms]
            leverage = weights / np.where(arms[0].member[:, np.newaxis], *mass)
            left = np.maximum(1 - leverage, np.finfo(float).eps)
            return left ** -LEVERAGE_POWER[self._error]
        return 1.0

    def _estimated(self, arms: list[_Arm], residual: np.ndarray) -> np.ndarray:
        """What the estimation of weights, and of augmented fits, adds."""
        added = np.zeros(residual.shape)
        if self._design.weight_model is not None:
            added += self._design.weight_model.influence(residual)
        for arm in arms:
            if arm.nuisance is not None:
                added += arm.nuisance
        return added
