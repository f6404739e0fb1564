"""Pay and hours of those in work: training changes who works, so that only bounds can be had."""

from __future__ import annotations

import pandas as pd

from pacte_eval.effects.certified.lee import lee_bounds
from pacte_eval.studies.analysis import Analysis, Designed, lost

EMPLOYED = "emploi"
GIVEN_EMPLOYMENT = ("salaire", "heures")


def given_employment(analysis: Analysis, whole: Designed) -> pd.DataFrame:
    """Lee's bounds at the horizons, for each outcome of people in work that the cohort has.

    Returns
    -------
    DataFrame
        ``outcome``, ``month``, ``low``, ``high``, ``ci_low``, ``ci_high``, ``naive``,
        ``sentence``, ``n_treated``, ``n_lost``; empty where the cohort has none.
    """
    outcomes, horizons = analysis.cohort.outcomes, analysis.study.horizons
    if EMPLOYED not in outcomes:
        return pd.DataFrame()
    parts = [
        lee_bounds(
            whole.level, outcomes[EMPLOYED].at(horizons), outcomes[name].at(horizons)
        ).assign(outcome=name)
        for name in GIVEN_EMPLOYMENT
        if name in outcomes
    ]
    if not parts:
        return pd.DataFrame()
    names = ["outcome", "month", "low", "high", "ci_low", "ci_high", "naive", "sentence"]
    rows = pd.concat(parts, ignore_index=True)[names]
    return rows.assign(n_treated=whole.level.n_treated, n_lost=lost(whole.level))
