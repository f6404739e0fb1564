"""Difference-in-differences: who is treated when, against who is not yet, period by period.

Public names
------------
``DifferenceInDifferences(method).fit(panel)`` : two periods, one group.
``GroupTimeATT(control, method, base, anticipation).fit(panel) -> GroupTimeEffects``
``SunAbraham(…)``, ``ExtendedTwoWay(…)``, ``Imputation(…)`` : the same effects by regression.
``TwoWayFixedEffects(…)``, ``EventStudy(…)``, ``goodman_bacon(panel)``
``HonestDiD(restriction).fit(effects)``, ``pretest_power(effects)``
"""

from pacte_eval.effects.differences.group_time.effects import GroupTimeEffects
from pacte_eval.effects.differences.group_time.estimator import GroupTimeATT
from pacte_eval.effects.differences.honest.intervals import HonestDiD
from pacte_eval.effects.differences.honest.pretest_power import pretest_power
from pacte_eval.effects.differences.staggered.extended import ExtendedTwoWay
from pacte_eval.effects.differences.staggered.imputation import Imputation, ImputationEffects
from pacte_eval.effects.differences.staggered.interaction_weighted import SunAbraham
from pacte_eval.effects.differences.two_by_two import DifferenceInDifferences
from pacte_eval.effects.differences.two_way.bacon import Decomposition, goodman_bacon
from pacte_eval.effects.differences.two_way.fixed_effects import (
    EventStudy,
    TwoWayEffects,
    TwoWayFixedEffects,
)

__all__ = [
    "Decomposition",
    "DifferenceInDifferences",
    "EventStudy",
    "ExtendedTwoWay",
    "GroupTimeATT",
    "GroupTimeEffects",
    "HonestDiD",
    "Imputation",
    "ImputationEffects",
    "SunAbraham",
    "TwoWayEffects",
    "TwoWayFixedEffects",
    "goodman_bacon",
    "pretest_power",
]
