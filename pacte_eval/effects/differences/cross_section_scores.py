"""The effect on the treated from repeated cross-sections of two periods: who is seen before is not
who is seen after.

With D and C the treated and the controls, t the period, w sampling weights, f_D,t and f_C,t
regressions of the outcome of each group at each period, and o(x) the odds of treatment,

    τ = Σ_t ±{ E_D[f_D,t − f_C,t] + E_D,t[y − f_D,t] − E_C,t,o[y − f_C,t] },   + after, − before,

each E a weighted mean over the units named, that over controls by w o(x): the locally efficient
doubly robust estimator of Sant'Anna and Zhao (2020, *Journal of Econometrics* 219, 101–122,
equation 3.4). Outcome regression (Heckman, Ichimura and Todd 1997, *Review of Economic Studies* 64,
605–654) has neither a regression of the treated nor the last mean; weighting has no regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pacte_eval.effects.differences.nuisances import (
    LeastSquares,
    Odds,
    logit_odds,
    tilted_odds,
)
from pacte_eval.effects.differences.panel_scores import TRIMMED_FROM, NotIdentifiedError

Method = Literal["reg", "ipw", "ipw-ht", "dr", "dr-improved"]


@dataclass(frozen=True, eq=False)
class LevelScores:
    """An estimate, and what each row contributes to it.

    Attributes
    ----------
    estimate : float
    contributions : float array, shape (n,)
        Their squares sum to the variance, rows being independent.
    treated_mean : float
        Mean of the treated after, less their mean before.
    trimmed, trimmed_after : int
        Controls set aside for a score of 0.995 or more; those of them seen after.
    """

    estimate: float
    contributions: np.ndarray
    treated_mean: float
    trimmed: int
    trimmed_after: int


def att_of_levels(
    values: np.ndarray,
    post: np.ndarray,
    treated: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    method: Method,
) -> LevelScores:
    """Average effect on the treated, from levels of different units before and after.

    Parameters
    ----------
    values : float array, shape (n,)
    post, treated : bool arrays, shape (n,)
        Seen after the treatment; in the group that is treated then.
    columns : float array, shape (n, p)
        Covariates, an intercept among them.
    weights : float array, shape (n,)
        Sampling weights.
    method : str
        ``"reg"``, outcome regression; ``"ipw"``, normalised weights (Hájek); ``"ipw-ht"``, weights
        of Abadie (2005, *Review of Economic Studies* 72, 1–19); ``"dr"``, doubly robust by logit
        and ordinary least squares; ``"dr-improved"``, by tilting and weighted least squares.

    Returns
    -------
    LevelScores

    Raises
    ------
    NotIdentifiedError
        If a group is not seen at one of the periods, or a nuisance is not determined.

    Notes
    -----
    Contributions count the estimation of odds and regressions; those of ``"dr-improved"`` do not
    depend on it in the limit, the sampling of periods being independent of groups and covariates
    (Sant'Anna and Zhao 2020, theorem 3). For ``"dr"`` they are the derivative of the estimate by
    the weight of each row, which differs from some programs by the sign of the term of the
    regression before treatment; that term is small where odds balance the covariates.
    """
    _check_groups(post, treated)
    odds, trimmed = None, np.zeros(len(values), dtype=bool)
    if method != "reg":
        fitted = tilted_odds if method == "dr-improved" else logit_odds
        odds = fitted(treated, columns, weights)
        trimmed = ~odds.overlapping & ~treated
    sample = _Sample(values, treated, columns, weights, method, odds)
    side = sample.unnormalised if method == "ipw-ht" else sample.normalised
    after, before = side(post), side(~post)
    inside = weights * treated
    return LevelScores(
        after.value - before.value,
        after.contributions - before.contributions,
        _mean(inside * post, values).value - _mean(inside * ~post, values).value,
        int(trimmed.sum()),
        int((trimmed & post).sum()),
    )


@dataclass(frozen=True, eq=False)
class _Mean:
    """A weighted mean, and what each row contributes to it."""

    value: float
    contributions: np.ndarray


@dataclass(frozen=True, eq=False)
class _Sample:
    """The rows of both periods, with the odds that weigh controls (none for a regression)."""

    values: np.ndarray
    treated: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    method: Method
    odds: Odds | None

    def normalised(self, now: np.ndarray) -> _Mean:
        """The terms of one period in braces at the head of this page."""
        columns, odds, improved = self.columns, self.odds, self.method == "dr-improved"
        targets = self.weights * self.treated
        inside, outside = targets * now, self._weighing() * now
        fit_treated = fit_controls = None
        change, own, other = np.zeros(len(self.values)), self.values, self.values
        if self.method != "ipw":
            base = self.weights * odds.values if odds is not None and improved else self.weights
            fit_controls = LeastSquares.fit(columns, self.values, base * ~self.treated * now)
            change, other = change - fit_controls.fitted, other - fit_controls.fitted
        if self.method in ("dr", "dr-improved"):
            fit_treated = LeastSquares.fit(columns, self.values, inside)
            change, own = change + fit_treated.fitted, own - fit_treated.fitted
        first, second = _mean(targets, change), _mean(inside, own)
        value = first.value + second.value
        contributions = first.contributions + second.contributions
        gap = -_share(targets)
        if odds is not None:
            _check_overlap(outside)
            third = _mean(outside, other)
            value -= third.value
            contributions -= third.contributions
            gap += _share(outside)
            if not improved:
                contributions -= odds.influence(third.contributions)
        if fit_controls is not None and not improved:
            contributions += fit_controls.influence(columns.T @ gap)
        if fit_treated is not None and not improved:
            gap = _share(targets) - _share(inside)
            contributions += fit_treated.influence(columns.T @ gap)
        return _Mean(value, contributions)

    def unnormalised(self, now: np.ndarray) -> _Mean:
        """A sum over the shares of the treated and of the period (Abadie 2005)."""
        targets = self.weights * self.treated
        mass = targets.sum() * (self.weights * now).sum() / self.weights.sum()
        terms = (targets - self._weighing()) * now * self.values / mass
        value = float(terms.sum())
        shares = _share(self.weights) - _share(targets) - _share(self.weights * now)
        contributions = terms + value * shares
        if self.odds is not None:
            contributions += self.odds.influence(np.where(self.treated, 0.0, terms))
        return _Mean(value, contributions)

    def _weighing(self) -> np.ndarray:
        """Weights of the controls by their odds."""
        if self.odds is None:
            return np.zeros(len(self.values))
        weighs = self.odds.overlapping & ~self.treated
        return np.where(weighs, self.weights * self.odds.values, 0.0)


def _share(weights: np.ndarray) -> np.ndarray:
    return np.asarray(weights / weights.sum())


def _mean(weights: np.ndarray, values: np.ndarray) -> _Mean:
    share = _share(weights)
    mean = float(share @ values)
    return _Mean(mean, share * (values - mean))


def _check_groups(post: np.ndarray, treated: np.ndarray) -> None:
    groups = ((treated, "treated", "traité"), (~treated, "control", "témoin"))
    for group, label, french in groups:
        for now, when, quand in ((~post, "before", "avant"), (post, "after", "après")):
            if not (group & now).any():
                raise NotIdentifiedError(
                    f"no {label} row is seen {when} treatment: give cross-sections where each "
                    "group is seen at both periods",
                    f"aucun {french} {quand} l'entrée",
                )


def _check_overlap(outside: np.ndarray) -> None:
    if not outside.any():
        raise NotIdentifiedError(
            f"all controls of a period have a score of {TRIMMED_FROM} or more: leave out the "
            "covariates that tell the treated apart",
            "score sans recouvrement",
        )
