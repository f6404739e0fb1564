"""What training did: a design applied to outcomes, or differences over time, with honest errors.

Every result is an `Effects` or one of its kinds: a tidy table, and contributions from which bands,
contrasts, pooled and cumulated effects and adjusted p-values follow.

Public names
------------
``estimate(design, outcomes, *, contrast="level", reference=None, se=None, cluster=None,
adjust=None, periods=None, level=0.95) -> Effects``
``DoublyRobust(…).fit(comparison, outcomes) -> Effects``
``full_att_bounds(design, outcomes, limits=(0, 1)) -> DataFrame``
``Effects`` : ``table``, ``covariance(mask=None)``, ``bands(level=0.95, multiplier="gaussian")``,
``contrast(a, b)``, ``pool(weights, over)``, ``cumulate(first, last)``, ``beside(*others)``,
``by(cell)``, ``adjusted(method)``, ``tie_span()``, ``summary()``, ``plot()``
``first_spell(outcomes, lasting=6) -> Spells``, ``estimate_spells(design, spells) -> SpellEffects``
Differences over time are in `pacte_eval.effects.differences`, zones in `pacte_eval.effects.zones`.
"""

from pacte_eval.effects.bounds import full_att_bounds
from pacte_eval.effects.doubly_robust import DoublyRobust
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.estimation import estimate
from pacte_eval.effects.incidence import SpellEffects, estimate_spells
from pacte_eval.effects.spells import Spells, first_spell

__all__ = [
    "DoublyRobust",
    "Effects",
    "SpellEffects",
    "Spells",
    "estimate",
    "estimate_spells",
    "first_spell",
    "full_att_bounds",
]
