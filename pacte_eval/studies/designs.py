"""From a declared estimator to the design it names, and to its twin for the difference contrast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.study import EstimatorDefinition, ScoreDefinition
from pacte_eval.designs import Logit, NearestNeighbour
from pacte_eval.frames import Comparison

FEWEST = 5
RARE = "modalités rares"


def named_design(estimator: EstimatorDefinition, comparison: Comparison) -> NearestNeighbour:
    """The design an estimator names; terms of its score on absent covariates are left out."""
    present = set(comparison.covariates.columns)
    score: str | Logit = "logit"
    if isinstance(estimator.score, ScoreDefinition):
        score = Logit(
            squares=tuple(name for name in estimator.score.squares if name in present),
            interactions=tuple(
                names for names in estimator.score.interactions if set(names) <= present
            ),
        )
    return NearestNeighbour(
        score=score,
        neighbours=estimator.neighbours,
        caliper=estimator.caliper,
        exact=estimator.exact,
        ties=estimator.ties,
        tie_tolerance=estimator.tie_tolerance,
        seed=estimator.seed,
    )


def check_score(estimator: EstimatorDefinition, covariates: Sequence[str]) -> None:
    """Refuse a term of the score that names no covariate of the cohort.

    Raises
    ------
    InputError
        Suggesting the nearest covariate.
    """
    if isinstance(estimator.score, ScoreDefinition):
        named = [
            *estimator.score.squares,
            *(n for term in estimator.score.interactions for n in term),
        ]
        for name in named:
            if name not in covariates:
                raise InputError(
                    f"estimators.main.score names '{name}', which is no covariate: "
                    f"{nearest(name, covariates)}"
                )


def pool_rare_levels(comparison: Comparison, keep: Sequence[str]) -> Comparison:
    """The comparison with the rare levels of each factor put together, so that a score exists.

    A level with fewer than five units in an arm becomes «modalités rares»; where these are still
    fewer than five together, they join the most frequent level. The factors of `keep`, matched
    exactly, stay as they are.
    """
    pooled = {
        name: _pooled(comparison.covariates[name].astype(str), comparison.treated)
        for name in comparison.covariates.columns
        if name not in keep and not pd.api.types.is_numeric_dtype(comparison.covariates[name])
    }
    return replace(comparison, covariates=comparison.covariates.assign(**pooled))


def _pooled(values: pd.Series, treated: np.ndarray) -> pd.Series:
    counts = pd.crosstab(values, treated).min(axis=1)
    rare = counts.index[counts < FEWEST]
    gathered = values.where(~values.isin(rare), RARE)
    lone = pd.crosstab(gathered, treated).min(axis=1).get(RARE, FEWEST) < FEWEST
    return gathered.replace(RARE, str(counts.idxmax())) if lone else gathered


def without_history_from(
    comparison: Comparison,
    history: Mapping[str, tuple[Period, Period]],
    start: Period,
    periods: Sequence[Period],
) -> Comparison:
    """The comparison without covariates that summarise outcomes from a period onward.

    A difference from a reference window would otherwise be taken on months that the design has
    already made equal.
    """
    order = {period: place for place, period in enumerate(periods)}
    late = [
        name for name, (_, last) in history.items() if last in order and order[last] >= order[start]
    ]
    return comparison.without([name for name in late if name in comparison.covariates.columns])
