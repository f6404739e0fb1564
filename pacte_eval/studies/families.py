"""Tests grouped in the families that the protocol fixes, before any disclosure control.

The primary effect is one test. Horizons and outcomes of the main comparison on its whole population
are held together by Romano–Wolf; publics, territories and crossings by Benjamini–Hochberg, with
Benjamini–Yekutieli beside it. Robustness is in no family.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pacte_eval.definitions.study import StudyDefinition
from pacte_eval.effects.detectable import minimum_detectable
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.false_coverage import false_coverage_intervals
from pacte_eval.effects.multiplicity import from_p_values
from pacte_eval.results.schemas import WHOLE
from pacte_eval.studies.analysis import Estimated

PRIMARY, JOINT = "effet principal", "horizons et résultats"
OF_CELLS = {"public": "publics", "territoire": "territoires", "croisement": "croisements"}
BH, BY, ROMANO_WOLF = "Benjamini–Hochberg", "Benjamini–Yekutieli", "Romano–Wolf"
RISK = 0.05
_SHOWN = [
    *["cell", "outcome", "month", "estimate", "se", "ci_low", "ci_high", "p"],
    *["n_treated", "n_control"],
]


def families(study: StudyDefinition, estimated: Sequence[Estimated]) -> pd.DataFrame:
    """Every test of the main comparison, in its family.

    Parameters
    ----------
    estimated : sequence of Estimated
        The whole population, the publics, the territories and the crossings.

    Returns
    -------
    DataFrame
        ``family``, ``method``, ``cell``, ``label``, ``outcome``, ``month``, ``estimate``, ``se``,
        ``ci_low``, ``ci_high``, ``p``, ``p_adjusted``, ``p_by`` (Benjamini–Yekutieli, for cells),
        ``fcr_low`` and ``fcr_high`` (for the effects retained at 5 %), ``mde`` (80 % power at the
        level of the family's first step), ``balance``, ``n_treated``, ``n_control``, ``n_lost``.
        A cell that its design does not balance has no estimate.
    """
    whole = next(one for one in estimated if one.cell.id == WHOLE)
    parts = [_primary(study, whole), _joint(whole)]
    for kind, name in OF_CELLS.items():
        own = [one for one in estimated if one.cell.kind == kind]
        if own:
            parts.append(_of_cells(name, own))
    return pd.concat(parts, ignore_index=True)


def _primary(study: StudyDefinition, whole: Estimated) -> pd.DataFrame:
    rows = _rows(whole)
    asked = study.primary
    rows = rows[(rows["outcome"] == asked.outcome) & (rows["month"] == asked.month)]
    return rows.assign(
        family=PRIMARY,
        method="un seul test",
        p_adjusted=rows["p"],
        mde=_detectable(rows["se"], 1),
    )


def _joint(whole: Estimated) -> pd.DataFrame:
    effects, method = whole.effects, ROMANO_WOLF
    testable = effects.table["p"].notna().to_numpy()
    if effects.contributions is None:
        effects, method = _adjusted(effects, testable, "holm"), "Holm"
    else:
        effects = _adjusted(effects, testable, "romano-wolf")
    rows = _rows(whole).assign(family=JOINT, method=method)
    rows["p_adjusted"] = effects.table.get("p_adjusted", np.nan)
    return rows.assign(mde=_detectable(rows["se"], int(testable.sum())))


def _adjusted(effects: Effects, testable: np.ndarray, method: str) -> Effects:
    if not testable.any():
        return effects
    return effects.adjusted("holm" if method == "holm" else "romano-wolf", testable)


def _of_cells(family: str, cells: Sequence[Estimated]) -> pd.DataFrame:
    rows = pd.concat([_rows(one) for one in cells], ignore_index=True)
    rows = rows.assign(family=family, method=BH, p_adjusted=np.nan, p_by=np.nan)
    rows[["fcr_low", "fcr_high"]] = np.nan
    tested = np.flatnonzero(rows["p"].notna())
    p = rows["p"].to_numpy(dtype=float)[tested]
    if len(tested):
        adjusted = from_p_values(p, "bh")
        rows.loc[tested, "p_adjusted"] = adjusted
        rows.loc[tested, "p_by"] = from_p_values(p, "by")
        own = rows.loc[tested]
        intervals = false_coverage_intervals(
            own["estimate"].to_numpy(dtype=float),
            own["se"].to_numpy(dtype=float),
            adjusted <= RISK,
            level=1 - RISK,
        )
        rows.loc[tested, ["fcr_low", "fcr_high"]] = intervals[["ci_low", "ci_high"]].to_numpy()
    return rows.assign(mde=_detectable(rows["se"], max(len(tested), 1)))


def _rows(one: Estimated) -> pd.DataFrame:
    """The estimates of a cell, none where its design does not balance it."""
    rows = one.effects.table[_SHOWN].copy()
    if one.balance == "fail" and one.cell.id != WHOLE:
        rows[["estimate", "se", "ci_low", "ci_high", "p"]] = np.nan
    return rows.assign(label=one.cell.label, balance=one.balance, n_lost=one.lost)


def _detectable(error: pd.Series, tests: int) -> np.ndarray:
    """Smallest effects found with a power of 80 % at the level of the first step."""
    values = error.to_numpy(dtype=float)
    found = np.full(len(values), np.nan)
    known = np.isfinite(values) & (values > 0)
    found[known] = [minimum_detectable(one, level=1 - RISK, tests=tests) for one in values[known]]
    return found
