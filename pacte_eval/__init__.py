"""Counterfactual evaluation of a regional training pact, from administrative tables to pages.

The public names are importable from here and loaded when first asked for, so that importing
`pacte_eval` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_DESIGNS = (
    "Boosting",
    "CoarsenedExact",
    "CovariateBalancingScore",
    "Crump",
    "Design",
    "EntropyBalancing",
    "ExactMatching",
    "InverseProbability",
    "KernelMatching",
    "Logit",
    "MinMax",
    "NearestNeighbour",
    "OptimalMatching",
    "Pairwise",
    "Probit",
    "Quantile",
    "RadiusMatching",
    "Subclassification",
)
_DIFFERENCES = (
    "DifferenceInDifferences",
    "EventStudy",
    "ExtendedTwoWay",
    "GroupTimeATT",
    "GroupTimeEffects",
    "HonestDiD",
    "Imputation",
    "SunAbraham",
    "TwoWayFixedEffects",
    "goodman_bacon",
    "pretest_power",
)
_ZONES = (
    "DoseResponse",
    "MatchedZones",
    "SyntheticControl",
    "SyntheticDifference",
    "decompose_funders",
)
_HOMES = {
    **dict.fromkeys(_DESIGNS, "designs"),
    **dict.fromkeys(_DIFFERENCES, "effects.differences"),
    **dict.fromkeys(_ZONES, "effects.zones"),
    "Arms": "frames",
    "Cohort": "cohorts",
    "Comparison": "frames",
    "DoublyRobust": "effects",
    "Effects": "effects",
    "CrossSections": "frames",
    "Outcomes": "frames",
    "Panel": "frames",
    "ProtectedTable": "results",
    "ResultSet": "results",
    "Verdicts": "diagnostics",
    "ConcurrentPolicy": "frames",
    "ZonePanel": "frames",
    "estimate": "effects",
    "estimate_spells": "effects",
    "first_spell": "effects",
    "simulate": "synthetic",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("pacte-eval")
    if name in _HOMES:
        return getattr(import_module(f"pacte_eval.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'pacte_eval' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*globals(), *_HOMES, "__version__"]
