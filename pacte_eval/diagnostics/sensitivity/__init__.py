"""How strong would what nobody measured have to be, to undo what was found?

Public names
------------
``companion_pairs(comparison, exact=()) -> Design``
``rosenbaum_bounds(design, outcomes, month, gammas=…)``, ``critical_gamma(design, outcomes, month)``
``rosenbaum_verdict(design, outcomes, month, min_gamma=1.2)``
"""

from pacte_eval.diagnostics.sensitivity.rosenbaum import (
    companion_pairs,
    critical_gamma,
    rosenbaum_bounds,
    rosenbaum_verdict,
)

__all__ = ["companion_pairs", "critical_gamma", "rosenbaum_bounds", "rosenbaum_verdict"]
