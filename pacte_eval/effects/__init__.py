"""A design applied to outcomes: effects period by period, with errors that account for the design.

Public names
------------
``estimate(design, outcomes, *, contrast="level", reference=None, se=None, cluster=None,
adjust=None, periods=None, level=0.95) -> Effects``
``full_att_bounds(design, outcomes, limits=(0, 1)) -> DataFrame``
``Effects`` : ``table``, ``covariance(mask=None)``, ``bands(level=0.95, multiplier="gaussian")``,
``contrast(a, b)``, ``pool(weights, over)``, ``cumulate(first, last)``, ``beside(*others)``,
``by(cell)``, ``tie_span()``, ``summary()``
"""

from pacte_eval.effects.bounds import full_att_bounds
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.estimation import estimate

__all__ = ["Effects", "estimate", "full_att_bounds"]
