"""How unequal may the chances of training be within a pair before the effect could be chance?

Rosenbaum (2002, *Observational Studies*, chapter 4): of two people of a pair, the odds that it
is one rather than the other who enters are at most Γ. The p-value then lies between two bounds: of
Wilcoxon's signed ranks, by the normal law; of McNemar's discordant pairs, exactly by the binomial,
where all differences are equally large, as of zeros and ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import THIN, number, percent
from pacte_eval.designs import Design, NearestNeighbour
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.frames import Comparison, Outcomes

NAME = "bornes de Rosenbaum"
RISK = 0.05
GAMMAS = (1.0, 1.1, 1.2, 1.3, 1.5, 2.0)


def companion_pairs(comparison: Comparison, exact: Sequence[str] = ()) -> Design:
    """The companion design of the bounds: pairs by a logit on all covariates, each control once.

    Parameters
    ----------
    comparison : Comparison
    exact : sequence of str
        Strata, covariates or cells within which pairs are made.

    Returns
    -------
    Design
        Of kind ``"pairs"``, the largest scores served first, within 0.2 standard deviations.

    Raises
    ------
    InputError
        As the fit of `NearestNeighbour`.
    """
    return NearestNeighbour(replace=False, caliper=0.2, exact=exact).fit(comparison)


def rosenbaum_bounds(
    design: Design, outcomes: Outcomes, month: Period, gammas: Sequence[float] = GAMMAS
) -> pd.DataFrame:
    """Bounds of the one-sided p-value of no effect on anybody, when a hidden bias is up to Γ.

    Pairs observed on both sides count, each once whatever its sampling weight: outcomes are taken
    as they are, and only who of the two entered is random. The side is that of the mean difference
    observed; pairs without difference are left out of the test, as by R's rbounds.

    Parameters
    ----------
    design : Design
        Of pairs, one control each: `companion_pairs`.
    outcomes : Outcomes
    month : int or str
    gammas : sequence of float
        From 1 (no hidden bias).

    Returns
    -------
    DataFrame
        ``gamma``, ``p_low``, ``p_high``, ``n_pairs`` (observed, with or without a difference).
        Both bounds are 1 where no pair differs.

    Raises
    ------
    InputError
        If the design is not of pairs, the month is not observed, no pair is observed, or a gamma is
        under 1.
    """
    if not all(np.isfinite(gamma) and gamma >= 1 for gamma in gammas):
        raise InputError(f"gammas={list(gammas)} must be finite numbers from 1")
    differences = _differences(design, outcomes, month)
    test = _SignedPairs.of(differences)
    return pd.DataFrame(
        {
            "gamma": [float(gamma) for gamma in gammas],
            "p_low": [test.p_value(1 / gamma) for gamma in gammas],
            "p_high": [test.p_value(gamma) for gamma in gammas],
            "n_pairs": len(differences),
        }
    )


def critical_gamma(design: Design, outcomes: Outcomes, month: Period) -> float:
    """The largest Γ at which the upper p-value is at most 5 %.

    Returns
    -------
    float
        NaN where the p-value without hidden bias is already above.

    Raises
    ------
    InputError
        As `rosenbaum_bounds`.
    """
    return _critical(_SignedPairs.of(_differences(design, outcomes, month)))


def rosenbaum_verdict(
    design: Design, outcomes: Outcomes, month: Period, min_gamma: float = 1.2
) -> Verdicts:
    """Whether the effect found on the companion pairs withstands a hidden bias of `min_gamma`.

    Returns
    -------
    Verdicts
        ``value`` is the critical Γ: pass from `min_gamma`, else a warning; non concluant where
        the pairs show no effect at 5 % to begin with, non testable where no pair differs.

    Raises
    ------
    InputError
        As `rosenbaum_bounds`, or if `min_gamma` is not above 1.
    """
    if not (np.isfinite(min_gamma) and min_gamma > 1):
        raise InputError(f"min_gamma={min_gamma} must be a number above 1")
    test = _SignedPairs.of(_differences(design, outcomes, month))
    start = "Sur un plan compagnon (paires sans remise)"
    if not len(test.ranks):
        sentence = (
            f"{start}, aucune paire ne diffère par le résultat{THIN}: la sensibilité à un facteur "
            "inobservé n’est pas testable."
        )
        return Verdicts.single(NAME, np.nan, min_gamma, "non testable", sentence)
    found = _critical(test)
    if np.isnan(found):
        sentence = (
            f"{start}, l’effet ne se distingue déjà pas du hasard sans aucun facteur inobservé "
            f"(p{THIN}= {number(test.p_value(1.0), 3)}, d’un seul côté){THIN}: sa sensibilité ne "
            "dit rien de plus."
        )
        return Verdicts.single(NAME, found, min_gamma, "non concluant", sentence)
    verdict: Verdict = "pass" if found >= min_gamma else "warning"
    sentence = (
        f"{start}, l’effet reste établi au seuil de {percent(RISK, 0)} tant que, entre deux "
        "personnes appariées, un facteur inobservé ne multiplie pas la cote d’entrer en formation "
        f"par plus de {number(found, 2)} "
        f"(seuil{THIN}: {number(min_gamma, 2)})."
    )
    return Verdicts.single(NAME, found, min_gamma, verdict, sentence)


@dataclass(frozen=True, eq=False)
class _SignedPairs:
    """Pairs that differ: the rank of each (1 where all are equal), and the sum on one side.

    Attributes
    ----------
    ranks : float array, shape (pairs that differ,)
    side : float
        Sum of the ranks of the pairs that differ in the direction of the mean.
    alike : bool
        Whether all differences are equally large, so that the sum is a binomial count.
    """

    ranks: np.ndarray
    side: float
    alike: bool

    @classmethod
    def of(cls, differences: np.ndarray) -> _SignedPairs:
        direction = -1.0 if differences.mean() < 0 else 1.0
        kept = direction * differences[differences != 0]
        size = np.abs(kept)
        alike = len(np.unique(size)) <= 1
        ranks = np.ones(len(kept)) if alike else stats.rankdata(size)
        return cls(ranks, float(ranks[kept > 0].sum()), alike)

    def p_value(self, gamma: float) -> float:
        """Chances of a sum as large, the odds of the favoured side being `gamma`."""
        if not len(self.ranks):
            return 1.0
        share = gamma / (1 + gamma)
        if self.alike:
            return float(stats.binom.sf(self.side - 1, len(self.ranks), share))
        spread = np.sqrt(share * (1 - share) * (self.ranks @ self.ranks))
        return float(stats.norm.sf((self.side - share * self.ranks.sum()) / spread))


def _critical(test: _SignedPairs) -> float:
    """The upper p-value grows with Γ, to 1/2 at least: what is sought lies between 1 and some Γ."""
    if test.p_value(1.0) > RISK:
        return np.nan
    high = 2.0
    while test.p_value(high) <= RISK:
        high *= 2
    return float(optimize.bisect(lambda gamma: test.p_value(gamma) - RISK, 1.0, high, xtol=1e-10))


def _differences(design: Design, outcomes: Outcomes, month: Period) -> np.ndarray:
    """Outcome of the treated minus that of the control, in pairs observed: shape (pairs,)."""
    check_kind(design, Design, use="companion_pairs(comparison)")
    if design.kind != "pairs" or design.matches is None or (design.matches.size != 1).any():
        raise InputError(
            f"a design of {design.settings['design']} has no pairs of one treated and one control "
            "without replacement: give companion_pairs(comparison)"
        )
    values = outcomes.at([month]).aligned(design.comparison.unit)[:, 0].astype(np.float64)
    target, other = design.matches.target, design.matches.each().indices
    sign = np.where(design.comparison.treated[target], 1.0, -1.0)
    found = sign * (values[target] - values[other])
    found = found[np.isfinite(found)]
    if not len(found):
        raise InputError(f"no pair is observed on both sides at month {month!r}")
    return found
