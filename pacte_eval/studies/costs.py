"""The cost of an additional job at each horizon, and of a month of work up to the last."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.cohorts.outcomes import TRAINED_SINCE
from pacte_eval.definitions.study import Cost as CostDefinition
from pacte_eval.effects import Effects, estimate
from pacte_eval.effects.cost import Cost, cost_of, net_cost
from pacte_eval.studies.analysis import Analysis, Designed, lost

A_JOB, A_MONTH = "emploi", "mois de travail"
UNKNOWN = "Aucun coût ne peut être donné : le coût net ou l'intervalle de l'effet manque."


def costs(analysis: Analysis, whole: Designed) -> pd.DataFrame:
    """Costs per additional job at the horizons, and per month of work up to the last of them.

    Returns
    -------
    DataFrame
        ``what``, ``month``, ``net_cost``, ``estimate`` (the effect), ``ci_low``, ``ci_high``,
        ``cost``, ``cost_low``, ``cost_high``, ``bounded``, ``sentence``, ``n_treated``,
        ``n_lost``; empty where the primary outcome is no rate or the study declares no cost.
    """
    study, declared = analysis.study, analysis.study.cost
    outcome = analysis.cohort.outcomes[study.primary.outcome]
    if declared is None or outcome.measure != "part":
        return pd.DataFrame()
    months = [month for month in outcome.periods if isinstance(month, int) and month >= 1]
    effects = estimate(whole.level, outcome.at(months), cluster="person")
    horizons = [month for month in study.horizons if isinstance(month, int) and month in months]
    since = _trained_since(analysis, whole)
    rows = [_row(A_JOB, declared, effects, month, since) for month in horizons]
    if horizons:
        summed = effects.cumulate(1, max(horizons))
        rows.append(_row(A_MONTH, declared, summed, max(horizons), since))
    return pd.DataFrame(rows).assign(n_lost=lost(whole.level), outcome=outcome.name)


def _trained_since(analysis: Analysis, whole: Designed) -> pd.Series:
    """Share of those compared with who trained since, by month."""
    if TRAINED_SINCE not in analysis.cohort.outcomes:
        return pd.Series(dtype=float)
    table = estimate(whole.level, analysis.cohort.outcomes[TRAINED_SINCE]).table
    return table.set_index("month")["control_mean"]


def _row(
    what: str, declared: CostDefinition, effects: Effects, month: int, since: pd.Series
) -> dict[str, object]:
    row = effects.table[effects.table["month"] == month].iloc[0]
    share = float(since.get(month, 0.0))
    spent = net_cost(declared.unit, declared.later, min(max(share, 0.0), 1.0))
    found, sentence = Cost(np.nan, np.nan, np.nan, False), UNKNOWN
    if spent > 0 and pd.notna(row["ci_low"]):
        found = cost_of(spent, float(row["estimate"]), float(row["ci_low"]), float(row["ci_high"]))
        sentence = found.sentence(what)
    high = found.high if found.bounded else float("nan")
    return {
        "what": what,
        "month": month,
        "net_cost": spent,
        "estimate": row["estimate"],
        "ci_low": row["ci_low"],
        "ci_high": row["ci_high"],
        "cost": found.estimate,
        "cost_low": found.low,
        "cost_high": high,
        "bounded": found.bounded,
        "sentence": sentence,
        "n_treated": row["n_treated"],
    }
