"""How strong would what nobody measured have to be, to undo what was found?

Public names
------------
``companion_pairs(comparison, exact=()) -> Design``
``rosenbaum_bounds(design, outcomes, month, gammas=…)``, ``critical_gamma(design, outcomes, month)``
``rosenbaum_verdict(design, outcomes, month, min_gamma=1.2)``
``e_value(treated_rate, control_rate, ci_low, ci_high) -> EValue``,
``e_value_verdict(found, min_limit=1.5)``
``robustness(design_or_comparison, outcomes, month, benchmarks=()) -> OmittedVariable``,
``robustness_verdict(found)``
``marginal_sensitivity(design, outcomes, month, lambdas=…, draws=200, seed=0) -> DataFrame``,
``critical_lambda(design, outcomes, month, draws=200, seed=0) -> float``,
``marginal_verdict(design, outcomes, month, min_lambda=1.2, draws=200, seed=0)``
``simulated_confounder(comparison, estimator, outcomes, month, probabilities, draws=20, seed=0)
-> SimulatedConfounder``, ``like_covariate(comparison, outcomes, month, covariate)``,
``simulated_confounder_verdict(found)``
``leave_block_out(comparison, estimator, outcomes, blocks, month) -> DataFrame``,
``left_out_verdict(table)``
"""

from pacte_eval.diagnostics.sensitivity.e_value import EValue, e_value, e_value_verdict
from pacte_eval.diagnostics.sensitivity.left_out import leave_block_out, left_out_verdict
from pacte_eval.diagnostics.sensitivity.marginal_model import (
    critical_lambda,
    marginal_sensitivity,
    marginal_verdict,
)
from pacte_eval.diagnostics.sensitivity.omitted_variable import (
    OmittedVariable,
    robustness,
    robustness_verdict,
)
from pacte_eval.diagnostics.sensitivity.rosenbaum import (
    companion_pairs,
    critical_gamma,
    rosenbaum_bounds,
    rosenbaum_verdict,
)
from pacte_eval.diagnostics.sensitivity.simulated_confounder import (
    SimulatedConfounder,
    like_covariate,
    simulated_confounder,
    simulated_confounder_verdict,
)

__all__ = [
    "EValue",
    "OmittedVariable",
    "SimulatedConfounder",
    "companion_pairs",
    "critical_gamma",
    "critical_lambda",
    "e_value",
    "e_value_verdict",
    "leave_block_out",
    "left_out_verdict",
    "like_covariate",
    "marginal_sensitivity",
    "marginal_verdict",
    "robustness",
    "robustness_verdict",
    "rosenbaum_bounds",
    "rosenbaum_verdict",
    "simulated_confounder",
    "simulated_confounder_verdict",
]
