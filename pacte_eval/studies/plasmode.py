"""The study's estimators on outcomes simulated onto its own people, before any outcome is read."""

from __future__ import annotations

import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.estimators import GroupTimeDefinition
from pacte_eval.definitions.estimators_in_french import alternative_in_french, estimator_in_french
from pacte_eval.designs import Design
from pacte_eval.diagnostics.plasmode import Applied, plasmode
from pacte_eval.studies.alternatives import fitted
from pacte_eval.studies.analysis import Analysis, Designed


def simulated(analysis: Analysis, whole: Designed) -> pd.DataFrame:
    """Bias and root mean square error of every estimator the study declares.

    The chances are those of the primary outcome in the last month held out, or in the last month
    before entry. Group-time effects, whose people are others, are left out, as is what cannot be
    fitted on these.

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
    before = outcome.at([month])
    for alternative in study.estimators.alternatives:
        if isinstance(alternative, GroupTimeDefinition):
            continue
        try:
            made = fitted(alternative, comparison)
            if not isinstance(made, Design):
                made(before)
        except InputError:
            continue
        estimators.setdefault(alternative_in_french(alternative), made)
    table = plasmode(
        comparison,
        estimators,
        before,
        asked.effects,
        draws=asked.draws,
        seed=asked.seed,
    )
    return table.assign(main=table["label"] == main)
