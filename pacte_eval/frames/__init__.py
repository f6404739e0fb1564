"""What the estimators take, wherever it comes from: arms side by side, outcomes, panels.

Public names
------------
``Comparison`` : units of two arms with what is known of them before entry.
``Comparison.from_frame(frame, *, treated, covariates, strata=(), cells=(), unit=None,
cluster=None, weights=None, treated_label="formés", control_label="en attente")``
``Comparison.subset(mask)``, ``Comparison.without(covariates)``, ``len(comparison)``
``Arms.from_frame(frame, *, arm, covariates, strata=(), cells=(), unit=None, cluster=None,
weights=None, labels=None)``, ``Arms.compare(treated, control) -> Comparison``
``Outcomes(name, values, periods, units, measure="", coverage="")``
``Outcomes.aligned(units)``
``Panel.from_frame(long, *, unit, period, first_treated, outcome, covariates=(), cluster=None,
weights=None)``, ``Panel.as_cross_sections()``, ``Panel.subset(mask)``
``CrossSections.from_frame(frame, *, period, first_treated, outcome, covariates=(), cluster=None,
weights=None)``
``ZonePanel.from_frame(…)`` : zones by quarter, with what they did and ``ConcurrentPolicy``.
"""

from pacte_eval.frames.arms import Arms
from pacte_eval.frames.comparison import Comparison
from pacte_eval.frames.outcomes import Outcomes
from pacte_eval.frames.panel import CrossSections, Panel
from pacte_eval.frames.zones import ConcurrentPolicy, ZonePanel

__all__ = [
    "Arms",
    "Comparison",
    "ConcurrentPolicy",
    "CrossSections",
    "Outcomes",
    "Panel",
    "ZonePanel",
]
