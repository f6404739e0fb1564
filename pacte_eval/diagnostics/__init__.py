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
``negative_controls_verdict(effects)``, ``no_negative_controls()``
``equipoise(design)``, ``equipoise_verdict(design, min_share=0.5)``
``attrition(design, outcomes)``, ``attrition_verdict(design, outcomes, max_gap=0.05)``
``linkage_verdict(entries, linked, min_linked=0.95)``
"""

from pacte_eval.diagnostics.attrition import attrition, attrition_verdict, linkage_verdict
from pacte_eval.diagnostics.design import (
    balance_verdict,
    effective_size_verdict,
    support_verdict,
)
from pacte_eval.diagnostics.negative_controls import (
    negative_controls_verdict,
    no_negative_controls,
)
from pacte_eval.diagnostics.overlap import equipoise, equipoise_verdict
from pacte_eval.diagnostics.placebo import no_placebo, placebo_verdict
from pacte_eval.diagnostics.power import minimum_detectable_effect, power_verdict
from pacte_eval.diagnostics.verdicts import Verdicts

__all__ = [
    "Verdicts",
    "attrition",
    "attrition_verdict",
    "balance_verdict",
    "effective_size_verdict",
    "equipoise",
    "equipoise_verdict",
    "linkage_verdict",
    "minimum_detectable_effect",
    "negative_controls_verdict",
    "no_negative_controls",
    "no_placebo",
    "placebo_verdict",
    "power_verdict",
    "support_verdict",
]
