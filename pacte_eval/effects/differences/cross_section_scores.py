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

from typing import Literal, NamedTuple

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.differences.nuisances import (
    LeastSquares,
    Odds,
    logit_odds,
    tilted_odds,
)

Method = Literal["reg", "ipw", "ipw-ht", "dr", "dr-improved"]


class LevelScores(NamedTuple):
    """An estimate, and what each row contributes to it.

    Attributes
    ----------
    estimate : float
    contributions : float array, shape (n,)
        Their squares sum to the variance, rows being independent.
    """

    estimate: float
    contributions: np.ndarray


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
    InputError
        If a group is not seen at one of the periods, or a nuisance is not determined.

    Notes
    -----
    Contributions count the estimation of odds and regressions; those of ``"dr-improved"`` do not
    depend on it in the limit, the sampling of periods being independent of groups and covariates
    (Sant'Anna and Zhao 2020, theorem 3). For ``"dr"`` they are the derivative of the estimate by
    the weight of each row, which differs from that paper's programs by the sign of the term of the
    regression before treatment; that term is small where odds balance the covariates.
    """
    _check_groups(post, treated)
    if method == "ipw-ht":
        return _unnormalised(values, post, treated, columns, weights)
    improved = method == "dr-improved"
    odds: Odds | None = None
    outside = np.zeros(len(values))
    if method != "reg":
        odds = (tilted_odds if improved else logit_odds)(treated, columns, weights)
        outside = np.where(odds.overlapping & ~treated, weights * odds.values, 0.0)
    targets = weights * treated
    estimate, contributions = 0.0, np.zeros(len(values))
    for sign, now in ((1.0, post), (-1.0, ~post)):
        change, own = np.zeros(len(values)), values
        inside = targets * now
        fit_treated = fit_controls = None
        if method != "ipw":
            base = weights * odds.values if improved and odds is not None else weights
            fit_controls = LeastSquares.fit(columns, values, base * ~treated * now)
            change = change - fit_controls.fitted
        if method in ("dr", "dr-improved"):
            fit_treated = LeastSquares.fit(columns, values, inside)
            change, own = change + fit_treated.fitted, values - fit_treated.fitted
        made = [_mean(targets, change), _mean(inside, own)]
        if odds is not None:
            other = values if fit_controls is None else values - fit_controls.fitted
            last = _mean(outside * now, other)
            made.append(LevelScores(-last.estimate, -last.contributions))
            if not improved:
                contributions -= sign * odds.influence(last.contributions)
        if not improved:
            if fit_controls is not None:
                gap = -_share(targets)
                if odds is not None:
                    gap = gap + _share(outside * now)
                contributions += sign * fit_controls.influence(columns.T @ gap)
            if fit_treated is not None:
                gap = _share(targets) - _share(inside)
                contributions += sign * fit_treated.influence(columns.T @ gap)
        for one in made:
            estimate += sign * one.estimate
            contributions += sign * one.contributions
    return LevelScores(estimate, contributions)


def _unnormalised(
    values: np.ndarray,
    post: np.ndarray,
    treated: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
) -> LevelScores:
    """Weights over the product of the shares of the treated and of the period."""
    odds = logit_odds(treated, columns, weights)
    controls = np.where(odds.overlapping & ~treated, odds.values, 0.0)
    signed = weights * (treated - controls)
    total, inside = weights.sum(), (weights * treated).sum()
    estimate, contributions = 0.0, np.zeros(len(values))
    for sign, now in ((1.0, post), (-1.0, ~post)):
        seen = (weights * now).sum()
        terms = signed * now * values * total / (inside * seen)
        one = float(terms.sum())
        shares = _share(weights) - _share(weights * treated) - _share(weights * now)
        estimate += sign * one
        contributions += sign * (terms + one * shares)
        contributions += sign * odds.influence(np.where(treated, 0.0, terms))
    return LevelScores(estimate, contributions)


def _share(weights: np.ndarray) -> np.ndarray:
    return np.asarray(weights / weights.sum())


def _mean(weights: np.ndarray, values: np.ndarray) -> LevelScores:
    """A weighted mean, and its contributions."""
    share = _share(weights)
    mean = float(share @ values)
    return LevelScores(mean, share * (values - mean))


def _check_groups(post: np.ndarray, treated: np.ndarray) -> None:
    for group, label in ((treated, "treated"), (~treated, "control")):
        for now, when in ((~post, "before"), (post, "after")):
            if not (group & now).any():
                raise InputError(
                    f"no {label} row is seen {when} treatment: give cross-sections where each "
                    "group is seen at both periods"
                )
