"""From a declared estimator to the design it names, and to its twin for the difference contrast."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd

from pacte_eval import designs
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.estimators import (
    BoostingDefinition,
    CoarsenedExactDefinition,
    CrumpDefinition,
    EstimatorDefinition,
    QuantileDefinition,
    Score,
    ScoreDefinition,
)
from pacte_eval.definitions.estimators import Support as SupportRule
from pacte_eval.definitions.months import Period
from pacte_eval.designs import Design
from pacte_eval.designs.scores.scored import ScoreModel, Support
from pacte_eval.frames import Comparison

FEWEST = 5
RARE = "modalités rares"


class NamedDesign(Protocol):
    """Any design: what is fitted on a comparison."""

    def fit(self, comparison: Comparison) -> Design: ...


def named_design(estimator: EstimatorDefinition, comparison: Comparison) -> NamedDesign:
    """The design an estimator names; terms on absent covariates are left out."""
    present = set(comparison.covariates.columns)
    settings = {name: getattr(estimator, name) for name in type(estimator).model_fields}
    kind = getattr(designs, settings.pop("design"))
    if "score" in settings:
        settings["score"] = _score(settings["score"], present)
    if "support" in settings:
        settings["support"] = _support(settings["support"])
    if "interactions" in settings:
        settings["interactions"] = _products(settings["interactions"], present)
    if "mahalanobis_on" in settings:
        settings["mahalanobis_on"] = tuple(n for n in settings["mahalanobis_on"] if n in present)
    if isinstance(settings.get("cutpoints"), Mapping):
        cuts = settings["cutpoints"].items()
        settings["cutpoints"] = {name: cut for name, cut in cuts if name in present}
    made: NamedDesign = kind(**settings)
    return made


def _score(declared: Score, present: Collection[str]) -> str | ScoreModel:
    if isinstance(declared, BoostingDefinition):
        return designs.Boosting(declared.folds, declared.seed)
    if isinstance(declared, ScoreDefinition):
        kind = designs.Logit if declared.model == "logit" else designs.Probit
        return kind(
            squares=tuple(name for name in declared.squares if name in present),
            interactions=_products(declared.interactions, present),
            within=declared.within,
        )
    return declared


def _products(
    declared: Sequence[tuple[str, ...]], present: Collection[str]
) -> tuple[tuple[str, ...], ...]:
    return tuple(names for names in declared if set(names) <= set(present))


def _support(declared: SupportRule | None) -> Support | None:
    match declared:
        case None:
            return None
        case CrumpDefinition():
            return designs.Crump(declared.crump)
        case QuantileDefinition():
            return designs.Quantile(declared.quantile)
        case "min-max":
            return designs.MinMax()


def check_terms(estimator: EstimatorDefinition, covariates: Sequence[str]) -> None:
    """Refuse a term of the estimator that names no covariate of the cohort.

    Raises
    ------
    InputError
        Suggesting the nearest covariate.
    """
    terms = {
        "interactions": [n for term in getattr(estimator, "interactions", ()) for n in term],
        "mahalanobis_on": getattr(estimator, "mahalanobis_on", ()),
        "cutpoints": _names(getattr(estimator, "cutpoints", ())),
        "score": [],
    }
    score = getattr(estimator, "score", None)
    if isinstance(score, ScoreDefinition):
        terms["score"] = [*score.squares, *(n for term in score.interactions for n in term)]
    for setting, names in terms.items():
        for name in names:
            if name not in covariates:
                raise InputError(
                    f"estimators.main.{setting} names '{name}', which is no covariate: "
                    f"{nearest(name, covariates)}"
                )


def _names(cutpoints: object) -> Sequence[str]:
    return list(cutpoints) if isinstance(cutpoints, Mapping) else ()


def prepared(comparison: Comparison, estimator: EstimatorDefinition) -> Comparison:
    """The comparison an estimator is fitted on: rare levels put together where there is a model.

    Coarsened exact matching has none, and would hold people of different rare levels for equal.
    """
    if isinstance(estimator, CoarsenedExactDefinition):
        return comparison
    return pool_rare_levels(comparison, keep=estimator.cells)


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
