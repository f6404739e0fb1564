"""Verdicts on a design and its effects, against thresholds declared before outcomes are read.

Public names
------------
``Verdicts`` : ``table`` (diagnostic, value, threshold, verdict, sentence), ``worst``,
``Verdicts.joined(parts)``
``balance_verdict(design, max_smd=0.1)``
``support_verdict(design, min_support)``
``effective_size_verdict(design, min_size)``
``placebo_verdict(effects, months)``, ``no_placebo()``
``power_verdict(design, standard_deviation, max_effect)``
``minimum_detectable_effect(design, standard_deviation, *, power=0.8, level=0.95) -> float``
"""

from pacte_eval.diagnostics.design import (
    balance_verdict,
    effective_size_verdict,
    support_verdict,
)
from pacte_eval.diagnostics.placebo import no_placebo, placebo_verdict
from pacte_eval.diagnostics.power import minimum_detectable_effect, power_verdict
from pacte_eval.diagnostics.verdicts import Verdicts

__all__ = [
    "Verdicts",
    "balance_verdict",
    "effective_size_verdict",
    "minimum_detectable_effect",
    "no_placebo",
    "placebo_verdict",
    "power_verdict",
    "support_verdict",
]
