"""Verdicts that follow the effects: refuters, sensitivity to what is not observed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.diagnostics import Verdicts
from pacte_eval.diagnostics.refutation import refutation_verdicts, refute
from pacte_eval.frames import Comparison
from pacte_eval.studies.analysis import Analysis, Designed

DRAWS = 10
SEED = 2019
MOST = 8_000


def robustness(analysis: Analysis, whole: Designed) -> Verdicts:
    """Verdicts on the primary effect in the whole population, none of which seals it."""
    parts = [_refuted(analysis, whole)]
    return Verdicts.joined([part for part in parts if part is not None])


def _refuted(analysis: Analysis, whole: Designed) -> Verdicts | None:
    month = analysis.study.primary.month
    outcome = analysis.cohort.outcomes[analysis.study.primary.outcome].at([month])
    people = of_equal_weight(whole.comparison)
    try:
        return refutation_verdicts(refute(people, outcome, month, draws=DRAWS, seed=SEED))
    except InputError:
        return None


def of_equal_weight(comparison: Comparison) -> Comparison:
    """At most 8,000 units or so, drawn in proportion to their weights in each arm, weighing one.

    The refuters know no weight: each unit is kept with the chance that its weight has beside the
    largest of its arm, so that those kept stand for the same people.
    """
    weights = comparison.weights
    largest = np.where(
        comparison.treated,
        weights[comparison.treated].max(),
        weights[~comparison.treated].max(),
    )
    chances = weights / largest
    chances *= min(1.0, MOST / chances.sum())
    kept = np.random.default_rng(SEED).random(len(weights)) < chances
    if not kept[comparison.treated].any() or not kept[~comparison.treated].any():
        return comparison
    drawn = comparison.subset(kept)
    return replace(drawn, weights=np.ones(len(drawn)))
