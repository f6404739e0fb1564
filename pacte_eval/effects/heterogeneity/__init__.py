"""Which declared characteristics of people and of places go with a larger effect: associations.

Public names
------------
``multilevel(design, outcomes, month, *, persons, within, places=None, labels=None, unit="points",
level=0.95) -> Multilevel``
``forest(design, outcomes, month, *, persons, labels=None, unit="points", trees=500, folds=5,
seed=0, level=0.95) -> ForestResult``
``unit_contrasts(design, outcomes, month) -> UnitContrasts``
"""

from pacte_eval.effects.heterogeneity.contrasts import UnitContrasts, unit_contrasts
from pacte_eval.effects.heterogeneity.forest import ForestResult, forest
from pacte_eval.effects.heterogeneity.multilevel import Multilevel, multilevel

__all__ = [
    "ForestResult",
    "Multilevel",
    "UnitContrasts",
    "forest",
    "multilevel",
    "unit_contrasts",
]
