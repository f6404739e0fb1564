"""What if the odds of training, as the covariates tell them, were wrong by a factor Λ for anybody?

The marginal sensitivity model of Tan (2006, *JASA* 101, 1619–1637) for the effect on the treated by
weighting: the weight of each control may be multiplied by anything between 1 / Λ and Λ. At the
extremes of the normalised (Hájek) mean all controls above some outcome are at one end and all
others at the other (Zhao, Small and Bhattacharya 2019, *JRSS B* 81, 735–761), so that sorting
outcomes finds them exactly; percentiles of the extremes over resampled persons bound the effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import THIN, number, percent
from pacte_eval.designs import Design
from pacte_eval.designs.settings import is_whole
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects.shares import outcome_weights
from pacte_eval.frames import Outcomes

NAME = "modèle de sensibilité marginale"
RISK = 0.05
LAMBDAS = (1.0, 1.1, 1.2, 1.3, 1.5, 2.0)
KIND = "percentiles des extrêmes, personnes rééchantillonnées, plan fixe"
_LARGEST = 1e6


def marginal_sensitivity(
    design: Design,
    outcomes: Outcomes,
    month: Period,
    lambdas: Sequence[float] = LAMBDAS,
    draws: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """Range of the effect on the treated when odds of training are known up to a factor.

    Parameters
    ----------
    design : Design
        Of the effect on the treated. Controls' weights are those of the design: odds by the score
        where it weights; where it matches, they stand for them.
    outcomes : Outcomes
    month : int or str
    lambdas : sequence of float
        From 1 (odds as they are).
    draws : int
        Persons are drawn with replacement, the design and its weights held fixed.
    seed : int

    Returns
    -------
    DataFrame
        ``lambda``; ``low``, ``high``, the range of the estimate; ``ci_low``, ``ci_high``, the
        quantile at 2.5 % of its lower end and at 97.5 % of its upper end over draws, which hold
        every effect of the range at 95 %; ``ci_kind`` says so.

    Raises
    ------
    InputError
        If the design is not of the effect on the treated, the month is not observed, an arm is not
        observed at it, or a number is out of range.
    """
    if not all(np.isfinite(one) and one >= 1 for one in lambdas):
        raise InputError(f"lambdas={list(lambdas)} must be finite numbers from 1")
    sample = _Resampled.of(design, outcomes, month, draws, seed)
    rows = []
    for one in lambdas:
        ranges = sample.ranges(float(one))
        low, high = ranges[0]
        rows.append((float(one), low, high, *_union(ranges), KIND))
    return pd.DataFrame(rows, columns=["lambda", "low", "high", "ci_low", "ci_high", "ci_kind"])


def critical_lambda(
    design: Design, outcomes: Outcomes, month: Period, draws: int = 200, seed: int = 0
) -> float:
    """The Λ from which the interval holds no effect.

    Returns
    -------
    float
        NaN where it does at Λ = 1; infinite where no factor is enough.

    Raises
    ------
    InputError
        As `marginal_sensitivity`.
    """
    sample = _Resampled.of(design, outcomes, month, draws, seed)

    def distance(factor: float) -> float:
        """From no effect to the nearest limit: negative once the interval holds no effect."""
        low, high = _union(sample.ranges(factor))
        return max(low, -high)

    if not distance(1.0) > 0:
        return np.nan
    high = 2.0
    while distance(high) > 0:
        high *= 2
        if high > _LARGEST:
            return np.inf
    return float(optimize.brentq(distance, 1.0, high, xtol=1e-6))


def marginal_verdict(
    design: Design,
    outcomes: Outcomes,
    month: Period,
    min_lambda: float = 1.2,
    draws: int = 200,
    seed: int = 0,
) -> Verdicts:
    """Whether the interval still excludes no effect when odds are wrong by `min_lambda`.

    Returns
    -------
    Verdicts
        ``value`` is the critical Λ: pass from `min_lambda`, else a warning; non concluant where
        the interval holds no effect with odds as they are.

    Raises
    ------
    InputError
        As `marginal_sensitivity`, or if `min_lambda` is not above 1.
    """
    if not (np.isfinite(min_lambda) and min_lambda > 1):
        raise InputError(f"min_lambda={min_lambda} must be a number above 1")
    found = critical_lambda(design, outcomes, month, draws, seed)
    if np.isnan(found):
        sentence = (
            f"L’intervalle à {percent(1 - RISK, 0)} contient déjà l’absence d’effet avec les cotes "
            f"d’entrée telles qu’estimées{THIN}: leur sensibilité à un facteur inobservé ne dit "
            "rien de plus."
        )
        return Verdicts.single(NAME, found, min_lambda, "non concluant", sentence)
    verdict: Verdict = "pass" if found >= min_lambda else "warning"
    if np.isinf(found):
        reach = "aucune erreur sur les cotes d’entrée en formation, si grande soit-elle, ne suffit"
    else:
        reach = (
            "les cotes d’entrée en formation devraient être fausses d’un facteur "
            f"{number(found, 2)} au moins"
        )
    sentence = (
        f"Pour que l’intervalle à {percent(1 - RISK, 0)} atteigne l’absence d’effet, {reach} "
        f"(seuil{THIN}: {number(min_lambda, 2)}{THIN}; personnes rééchantillonnées, plan fixe)."
    )
    return Verdicts.single(NAME, found, min_lambda, verdict, sentence)


@dataclass(frozen=True, eq=False)
class _Resampled:
    """Mean of the treated, and weight of controls at each value of the outcome: a row per draw.

    Attributes
    ----------
    treated : float array, shape (1 + draws,)
        The sample itself first.
    levels : float array, shape (v,)
        Values of the outcome among controls, ascending, from that of one of them.
    mass : float array, shape (1 + draws, v)
    """

    treated: np.ndarray
    levels: np.ndarray
    mass: np.ndarray

    @classmethod
    def of(
        cls, design: Design, outcomes: Outcomes, month: Period, draws: int, seed: int
    ) -> _Resampled:
        check_kind(design, Design, use="the fit() of a design on a comparison")
        if design.estimand != "ATT":
            raise InputError(
                f"the marginal model is for the effect on the treated, not {design.estimand}"
            )
        if not is_whole(draws, 1):
            raise InputError(f"draws={draws!r} must be a whole number from 1")
        comparison = design.comparison
        values = outcomes.at([month]).aligned(comparison.unit).astype(np.float64)
        observed = np.isfinite(values)
        weights = np.where(observed, outcome_weights(design, observed), 0.0)[:, 0]
        used = weights > 0
        weights, treated = weights[used], comparison.treated[used]
        if not treated.any() or treated.all():
            raise InputError(f"nobody of an arm of the design is observed at month {month!r}")
        outcome = values[used, 0]
        # From one outcome rather than from zero, constants leave no rounding behind.
        outcome = outcome - outcome[~treated][0]
        levels, code = np.unique(outcome[~treated], return_inverse=True)
        people, person = np.unique(comparison.person[used], return_inverse=True)
        size, random = len(people), np.random.default_rng(seed)
        means, masses = [], []
        for draw in range(1 + draws):
            drawn = random.integers(size, size=size) if draw else np.arange(size)
            times = np.bincount(drawn, minlength=size)
            own = weights * times[person]
            total = own[treated].sum()
            means.append(own[treated] @ outcome[treated] / total if total else np.nan)
            masses.append(np.bincount(code, own[~treated], len(levels)))
        return cls(np.array(means), levels, np.array(masses))

    def ranges(self, factor: float) -> np.ndarray:
        """Lower and upper end of the effect in each draw: shape (1 + draws, 2)."""
        ends = [
            self.treated - _largest_mean(self.levels[::-1], self.mass[:, ::-1], factor),
            self.treated + _largest_mean(-self.levels, self.mass, factor),
        ]
        return np.column_stack(ends)


def _largest_mean(levels: np.ndarray, mass: np.ndarray, factor: float) -> np.ndarray:
    """Largest weighted mean when each weight may change by a factor: shape (draws,).

    Parameters
    ----------
    levels : float array, shape (v,), descending
    mass : float array, shape (draws, v)
    factor : float
    """
    best = np.empty(len(mass))
    for row, own in enumerate(mass):
        count, total = np.cumsum(own), np.cumsum(own * levels)
        # Those up to each level weigh `factor` times, those below a `factor`-th.
        above, below = factor, 1 / factor
        weight = above * count + below * (count[-1] - count)
        value = above * total + below * (total[-1] - total)
        inside = weight > 0
        best[row] = np.max(value[inside] / weight[inside], initial=-np.inf)
        if not inside.any():
            best[row] = np.nan
    return best


def _union(ranges: np.ndarray) -> tuple[float, float]:
    """Quantiles of the ends over draws, the sample itself left out and empty draws with it."""
    low, high = ranges[1:].T
    return float(np.nanquantile(low, RISK / 2)), float(np.nanquantile(high, 1 - RISK / 2))
