"""Placebos: the same estimator where, or when, nothing more was done; and without each donor.

In space (Abadie, Diamond and Hainmueller 2010, *JASA* 105, 493–505): every zone, or region, is in
turn taken for treated, the true one being put back among the donors. In time (Abadie, Diamond and
Hainmueller 2015, *American Journal of Political Science* 59, 495–510): the start is moved to
earlier periods, on what precedes the true one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.definitions.numerals import THIN
from pacte_eval.effects.zones.assignments import Exchange
from pacte_eval.effects.zones.block import Gaps, ZoneBlock, ratio
from pacte_eval.effects.zones.intensity import few_clusters

Fit = Callable[[ZoneBlock], Gaps]
_NAMED = 6
_TIES = 1e-9


@dataclass(frozen=True, eq=False)
class SpacePlacebos:
    """The estimator on every set of zones that might have been treated, the true one first.

    Attributes
    ----------
    table : DataFrame
        ``zones``, ``observed``, ``estimate``, ``rmspe_before``, ``rmspe_after``, ``statistic``.
    period_p : float array, shape (t,)
        Rank of the true gap of each period, in units of the gaps before the start.
    complete : bool
        Whether every set was fitted, or 999 drawn.
    """

    table: pd.DataFrame
    period_p: np.ndarray
    complete: bool

    @property
    def p(self) -> float:
        """Rank of the true statistic over the number of sets; NaN where it has none."""
        return float(_ranked(self.table["statistic"].to_numpy()[:, np.newaxis])[0])

    @property
    def smallest_p(self) -> float:
        """The least value that the rank can give."""
        return 1 / len(self.table)


def placebos_in_space(
    fit: Fit, block: ZoneBlock, exchange: Exchange, names: np.ndarray, *, by_ratio: bool
) -> SpacePlacebos:
    """Fit every set of zones that might have been treated.

    Parameters
    ----------
    fit : callable
    block : ZoneBlock
    exchange : Exchange
    names : array, shape (n,)
        Of the unit exchanged, zone by zone.
    by_ratio : bool
        The statistic is the ratio of the root mean squares after and before the start; else the
        absolute mean gap after it.
    """
    sets, complete = exchange.all_sets()
    scale = float(np.abs(block.values).max())
    rows, paths = [], []
    for treated in sets:
        gaps = fit(block.pretending(treated))
        before, after = gaps.rmspe(block.before)
        estimate = gaps.mean_after(block.before)
        paths.append([ratio(abs(gap), before, scale) for gap in gaps.path])
        rows.append(
            {
                "zones": _listed(names[treated]),
                "observed": False,
                "estimate": estimate,
                "rmspe_before": before,
                "rmspe_after": after,
                "statistic": ratio(after, before, scale) if by_ratio else abs(estimate),
            }
        )
    rows[0]["observed"] = True
    return SpacePlacebos(pd.DataFrame(rows), _ranked(np.array(paths)), complete)


def placebos_in_time(fit: Fit, block: ZoneBlock, relative: np.ndarray, fewest: int) -> pd.DataFrame:
    """Fit with each earlier start that leaves `fewest` periods before it.

    Returns
    -------
    DataFrame
        ``month`` (the start pretended), ``estimate``, ``rmspe_before``, ``rmspe_after``.
    """
    rows = []
    for before in range(fewest, block.before):
        gaps = fit(block.starting(before))
        own = dict(zip(("rmspe_before", "rmspe_after"), gaps.rmspe(before), strict=True))
        rows.append({"month": int(relative[before]), "estimate": gaps.mean_after(before)} | own)
    names = ["month", "estimate", "rmspe_before", "rmspe_after"]
    return pd.DataFrame(rows, columns=names)


def without_each_donor(
    fit: Fit, block: ZoneBlock, gaps: Gaps, exchange: Exchange, names: np.ndarray
) -> pd.DataFrame:
    """Fit without each donor that has a weight, or each region of them.

    Returns
    -------
    DataFrame
        ``left_out``, ``weight``, ``estimate``; empty where there is one donor only.
    """
    weight = np.zeros(len(block.treated))
    weight[~block.treated] = gaps.donor_weights
    rows = []
    for unit in np.unique(exchange.unit[~block.treated & (weight > 0)]):
        kept = exchange.unit != unit
        if (kept & ~block.treated).any():
            rows.append(
                {
                    "left_out": names[~kept][0],
                    "weight": float(weight[~kept].sum()),
                    "estimate": fit(block.keeping(kept)).mean_after(block.before),
                }
            )
    return pd.DataFrame(rows, columns=["left_out", "weight", "estimate"])


def placebo_errors(fit: Fit, block: ZoneBlock, exchange: Exchange) -> tuple[np.ndarray, int]:
    """Standard errors from untreated zones taken for treated, the treated being left out.

    Algorithm 4 of Arkhangelsky and others (2021, *American Economic Review* 111, 4088–4118), on
    every set of controls where they are at most 1,000, else on 999.

    Returns
    -------
    errors : float array, shape (t + 1,)
        Of each gap, then of their mean from the start on; NaN with fewer than two sets.
    number : int
        Sets used.
    """
    sets, _ = exchange.control_sets()
    if len(sets) < 2:
        return np.full(block.values.shape[1] + 1, np.nan), len(sets)
    rest = block.keeping(~block.treated)
    found = [estimates(fit(rest.pretending(one[~block.treated])), block.before) for one in sets]
    return np.std(found, axis=0), len(sets)


def placebo_sentence(number_of_sets: int, by_region: bool) -> tuple[str, str]:
    """The kind of the errors of `placebo_errors`, and what they rest on, in French."""
    which = "régions" if by_region else "zones"
    if number_of_sets < 2:
        return (
            "non calculable (trop peu de zones comparées)",
            f"Erreur type non calculable{THIN}: trop peu de {which} à prendre pour traitées.",
        )
    return (
        f"placebo ({which} comparées prises pour traitées){few_clusters(number_of_sets)}",
        f"Erreur type{THIN}: dispersion de {number_of_sets} placebos parmi les {which} comparées, "
        "tenues pour aussi variables que les zones d’intensité forte.",
    )


def estimates(gaps: Gaps, before: int) -> np.ndarray:
    """The gaps, then their mean from the start on: float array, shape (t + 1,)."""
    return np.append(gaps.path, gaps.mean_after(before))


def _ranked(statistics: np.ndarray) -> np.ndarray:
    """Share of the rows at least as large as the first, by column; NaN where that has none."""
    first = statistics[0]
    near = np.isclose(statistics, first, rtol=_TIES, atol=0)
    reached = near | (statistics > first) | np.isnan(statistics)
    return np.where(np.isnan(first), np.nan, reached.mean(axis=0))


def _listed(names: np.ndarray) -> str:
    found = [str(name) for name in pd.unique(names)]
    more = len(found) - _NAMED
    return ", ".join(found[:_NAMED]) + (f" et {more} autres" if more > 0 else "")
