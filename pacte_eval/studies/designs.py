"""From a declared estimator to the design it names, and to its twin for the difference contrast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pacte_eval.definitions.study import EstimatorDefinition, ScoreDefinition
from pacte_eval.designs import Logit, NearestNeighbour
from pacte_eval.frames import Comparison

Period = int | str


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
        seed=estimator.seed,
    )


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
    late = [name for name, (_, last) in history.items() if order[last] >= order[start]]
    return comparison.without([name for name in late if name in comparison.covariates.columns])
