"""What the static two-way coefficient compares: Goodman-Bacon's decomposition.

On a balanced panel it is a weighted mean of two-by-two differences between cohorts (Goodman-Bacon
2021, *Journal of Econometrics* 225, theorem 1): each cohort against the never treated; an earlier
against a later one before the latter is treated; and a later against an earlier one that is already
treated, where an effect that still grows enters with a minus sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind, counted
from pacte_eval.effects.differences.timing import cohort_codes
from pacte_eval.frames import Panel

NEVER_TREATED = "jamais traités"
UNTREATED = "traités contre jamais traités"
EARLIER = "traités plus tôt contre traités plus tard"
LATER = "traités plus tard contre déjà traités"


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Two-by-two comparisons and what each weighs in the static two-way coefficient.

    Attributes
    ----------
    table : DataFrame
        One row per comparison: ``type`` (in French), ``treated`` and ``control`` (period of first
        treatment, or ``"jamais traités"``), ``weight`` (they sum to 1), ``estimate``.
    """

    table: pd.DataFrame

    @property
    def estimate(self) -> float:
        """The coefficient of `TwoWayFixedEffects`: Σ weight × estimate."""
        return float((self.table["weight"] * self.table["estimate"]).sum())

    @property
    def totals(self) -> pd.DataFrame:
        """By type: ``type, weight, estimate``, the mean by weight of its comparisons."""
        product = self.table.assign(estimate=self.table["weight"] * self.table["estimate"])
        summed = product.groupby("type", sort=False)[["weight", "estimate"]].sum()
        return summed.assign(estimate=summed["estimate"] / summed["weight"]).reset_index()


def goodman_bacon(panel: Panel) -> Decomposition:
    """Decompose the static two-way coefficient of a balanced panel.

    Parameters
    ----------
    panel : Panel
        Covariates that do not vary play no part, as in the regression; sampling weights do.

    Raises
    ------
    InputError
        If the panel has gaps or covariates that vary, units are treated by the first period, or
        there are not two cohorts to compare.
    """
    check_kind(panel, Panel, use="Panel.from_frame(…)")
    gaps = int(np.count_nonzero(np.isnan(panel.values).any(axis=1)))
    if gaps:
        raise InputError(
            f"the decomposition needs a balanced panel: {counted(gaps, 'unit')} with gaps, keep "
            "the others with panel.subset()"
        )
    if panel.varying:
        raise InputError(
            "the decomposition is of a regression without covariates: "
            f"'{next(iter(panel.varying))}' varies within units, make the panel without it"
        )
    starts, codes, _ = cohort_codes(panel, panel.periods)
    if len(starts) < 2:
        raise InputError("the decomposition compares cohorts: all units are of one")
    mass = np.bincount(codes, panel.weights)
    means = np.stack(
        [
            panel.weights[codes == place] @ panel.values[codes == place] / mass[place]
            for place in range(len(starts))
        ]
    )
    share = mass / mass.sum()
    after = panel.periods >= starts[:, np.newaxis]
    time = after.mean(axis=1)
    rows = []
    for early, late in combinations(range(len(starts)), 2):
        pair = share[early] * share[late]
        label = _period(starts[early]), _period(starts[late])
        gap = means[early] - means[late]
        before, since = ~after[early], after[early]
        if np.isnan(starts[late]):
            size = pair * time[early] * (1 - time[early])
            rows.append((UNTREATED, *label, size, gap[since].mean() - gap[before].mean()))
            continue
        between, last = since & ~after[late], after[late]
        apart = time[early] - time[late]
        rows += [
            (
                EARLIER,
                *label,
                pair * apart * (1 - time[early]),
                gap[between].mean() - gap[before].mean(),
            ),
            (
                LATER,
                *label[::-1],
                pair * time[late] * apart,
                gap[between].mean() - gap[last].mean(),
            ),
        ]
    table = pd.DataFrame(rows, columns=["type", "treated", "control", "weight", "estimate"])
    table["weight"] /= table["weight"].sum()
    return Decomposition(table.sort_values("type", key=_rank, kind="stable").reset_index(drop=True))


def _rank(types: pd.Series) -> pd.Series:
    return types.map({UNTREATED: 0, EARLIER: 1, LATER: 2})


def _period(start: float) -> object:
    return NEVER_TREATED if np.isnan(start) else int(start)
