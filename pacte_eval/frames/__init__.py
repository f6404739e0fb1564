"""What the estimators take, wherever it comes from: two arms side by side, and their outcomes.

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
"""

from pacte_eval.frames.arms import Arms
from pacte_eval.frames.comparison import Comparison
from pacte_eval.frames.outcomes import Outcomes

__all__ = ["Arms", "Comparison", "Outcomes"]
