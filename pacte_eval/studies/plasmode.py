"""The study's estimators on outcomes simulated onto its own people, before any outcome is read."""

from __future__ import annotations

from functools import partial

import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.estimators import DoublyRobustDefinition, GroupTimeDefinition
from pacte_eval.definitions.estimators_in_french import alternative_in_french, estimator_in_french
from pacte_eval.designs import Design
from pacte_eval.diagnostics.plasmode import Applied, plasmode
from pacte_eval.effects import DoublyRobust
from pacte_eval.frames import Outcomes
from pacte_eval.studies.alternatives import alternative_design, with_strata
from pacte_eval.studies.analysis import Analysis, Designed


def simulated(analysis: Analysis, whole: Designed) -> pd.DataFrame:
    """Bias and root mean square error of every estimator the study declares.

    The chances are those of the primary outcome in the last month held out, or in the last month
    before entry. Group-time effects, whose people are others, are left out.

    Returns
    -------
    DataFrame
        As `pacte_eval.diagnostics.plasmode.plasmode`, with ``main``; empty where the study
        declares no simulation or its outcome is no rate.
    """
    study, comparison = analysis.study, whole.comparison
    asked = study.plasmode
    outcome = analysis.cohort.outcomes[study.primary.outcome]
    months = [month for month in outcome.periods if isinstance(month, int) and month < 0]
    if asked is None or outcome.measure != "part" or not months:
        return pd.DataFrame()
    month = max(analysis.held_out or months)
    main = estimator_in_french(study.estimators.main)
    estimators: dict[str, Design | Applied] = {main: whole.level}
    for alternative in study.estimators.alternatives:
        label = alternative_in_french(alternative)
        match alternative:
            case GroupTimeDefinition():
                continue
            case DoublyRobustDefinition():
                robust = DoublyRobust(folds=alternative.folds, seed=alternative.seed)
                applied = partial(robust.fit, with_strata(comparison))
                if _fits(applied, outcome.at([month])):
                    estimators.setdefault(label, applied)
            case _:
                try:
                    estimators.setdefault(label, alternative_design(alternative, comparison))
                except InputError:
                    continue
    table = plasmode(
        comparison,
        estimators,
        outcome.at([month]),
        asked.effects,
        draws=asked.draws,
        seed=asked.seed,
    )
    return table.assign(main=table["label"] == main)


def _fits(applied: Applied, before: Outcomes) -> bool:
    """Whether an estimator can be fitted on these people, tried on an outcome before entry."""
    try:
        applied(before)
    except InputError:
        return False
    return True
