"""Which declared characteristics of people and of places go with a larger effect: associations.

Public names
------------
``multilevel(design, outcomes, month, *, persons, within, places=None, labels=None, unit="points",
level=0.95) -> Multilevel``
``unit_contrasts(design, outcomes, month) -> UnitContrasts``
"""

from pacte_eval.effects.heterogeneity.contrasts import UnitContrasts, unit_contrasts
from pacte_eval.effects.heterogeneity.multilevel import Multilevel, multilevel

__all__ = ["Multilevel", "UnitContrasts", "multilevel", "unit_contrasts"]
