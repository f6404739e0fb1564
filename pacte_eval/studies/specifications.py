"""The primary effect by the main estimator, in difference, and by each alternative."""

from __future__ import annotations

import pandas as pd

from pacte_eval.definitions.estimators import GroupTimeDefinition
from pacte_eval.definitions.estimators_in_french import estimator_in_french
from pacte_eval.effects import Effects, estimate
from pacte_eval.studies.alternatives import alternative_effects
from pacte_eval.studies.analysis import Analysis, Designed, lost

_COLUMNS = [
    *["month", "estimand", "target_population", "estimate", "se", "ci_low", "ci_high", "p"],
    *["n_treated", "n_control"],
]


def specifications(analysis: Analysis, whole: Designed, main: Effects) -> pd.DataFrame:
    """The primary outcome at the horizons, one block of rows for each estimator.

    Parameters
    ----------
    analysis : Analysis
        Of the main comparison.
    whole : Designed
        Its designs on the whole population.
    main : Effects
        The main effects at the horizons; other outcomes are left aside.

    Returns
    -------
    DataFrame
        ``label``, ``main``, ``same_question`` (false for a difference and for group-time effects,
        which rest on another assumption), what effects say, ``n_lost``. An estimator that could
        not be fitted on these people has one row without estimate.
    """
    study = analysis.study
    outcome = analysis.cohort.outcomes[study.primary.outcome]
    difference = estimate(
        whole.difference,
        outcome,
        contrast="difference",
        reference=list(study.difference.reference),
        cluster="person",
    )
    name = estimator_in_french(study.estimators.main)
    everyone = int(whole.comparison.treated.sum())
    parts = [
        _rows(analysis, name, main, lost(whole.level), main=True),
        _rows(analysis, f"{name}, en différence", difference, lost(whole.difference), same=False),
    ]
    asked = study.estimators.alternatives
    found = alternative_effects(analysis, whole.comparison)
    for alternative, (label, effects) in zip(asked, found, strict=True):
        same = not isinstance(alternative, GroupTimeDefinition)
        if effects is None:
            parts.append(_without_estimate(analysis, label, everyone, same))
            continue
        gone = everyone - int(effects.table["n_treated"].max()) if same else 0
        parts.append(_rows(analysis, label, effects, max(gone, 0), same=same))
    rows = pd.concat(parts, ignore_index=True)
    twice = rows.groupby(["label", "month"]).cumcount()
    rows["label"] = rows["label"].where(
        twice == 0, rows["label"] + " (" + (twice + 1).astype(str) + ")"
    )
    return rows.assign(outcome=study.primary.outcome)


def _rows(
    analysis: Analysis,
    label: str,
    effects: Effects,
    gone: int,
    *,
    main: bool = False,
    same: bool = True,
) -> pd.DataFrame:
    study, table = analysis.study, effects.table
    kept = table[table["month"].isin(study.horizons) & (table["outcome"] == study.primary.outcome)]
    estimand = kept["estimand"] if not same else analysis.asked.estimand
    return kept[_COLUMNS].assign(
        label=label, main=main, same_question=same, n_lost=gone, estimand=estimand
    )


def _without_estimate(analysis: Analysis, label: str, everyone: int, same: bool) -> pd.DataFrame:
    return pd.DataFrame({"month": list(analysis.study.horizons)}).assign(
        label=label,
        main=False,
        same_question=same,
        estimand=analysis.asked.estimand,
        target_population="n’a pu être ajusté sur ces personnes",
        n_treated=everyone,
        n_control=0,
        n_lost=0,
    )
