"""The main effect by other estimators, side by side.

An estimator that does not compare within the cells controls are drawn in (the month of entry, the
length of unemployment) has these cells among its covariates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.estimators import (
    AlternativeDefinition,
    DoublyRobustDefinition,
    EstimatorDefinition,
    GroupTimeDefinition,
)
from pacte_eval.definitions.estimators_in_french import alternative_in_french
from pacte_eval.designs import Design
from pacte_eval.diagnostics.plasmode import Applied
from pacte_eval.effects import DoublyRobust, Effects, estimate
from pacte_eval.effects.differences import GroupTimeATT
from pacte_eval.frames import Comparison
from pacte_eval.studies.analysis import Analysis
from pacte_eval.studies.designs import named_design


def with_strata(comparison: Comparison) -> Comparison:
    """The comparison with the cells that controls are drawn in among its covariates."""
    covariates = comparison.covariates
    added = {name: comparison.strata[name] for name in comparison.strata if name not in covariates}
    return replace(comparison, covariates=pd.concat([covariates, pd.DataFrame(added)], axis=1))


def fitted(
    alternative: EstimatorDefinition | DoublyRobustDefinition, comparison: Comparison
) -> Design | Applied:
    """The design of an alternative, or what gives its effects where it has no design.

    Raises
    ------
    InputError
        If the design cannot be fitted on these people.
    """
    if isinstance(alternative, DoublyRobustDefinition):
        robust = DoublyRobust(folds=alternative.folds, seed=alternative.seed)
        return partial(robust.fit, with_strata(comparison))
    if not set(comparison.strata.columns) <= set(alternative.cells):
        comparison = with_strata(comparison)
    return named_design(alternative, comparison).fit(comparison)


def alternative_effects(
    analysis: Analysis, comparison: Comparison
) -> Iterator[tuple[str, Effects | None]]:
    """The primary outcome at the horizons by each alternative, with its name in French.

    None stands for what could not be estimated on these people.
    """
    for alternative in analysis.study.estimators.alternatives:
        try:
            effects: Effects | None = _effects(analysis, alternative, comparison)
        except InputError:
            effects = None
        yield alternative_in_french(alternative), effects


def _effects(
    analysis: Analysis, alternative: AlternativeDefinition, comparison: Comparison
) -> Effects:
    study = analysis.study
    outcome = analysis.cohort.outcomes[study.primary.outcome].at(study.horizons)
    if isinstance(alternative, GroupTimeDefinition):
        panel = analysis.cohort.panel(study.primary.outcome, arm=analysis.asked.treated)
        bare = replace(panel, covariates=panel.covariates.iloc[:, :0])
        return GroupTimeATT(control="not-yet-treated").fit(bare).aggregate("dynamic")
    made = fitted(alternative, comparison)
    return estimate(made, outcome, cluster="person") if isinstance(made, Design) else made(outcome)
