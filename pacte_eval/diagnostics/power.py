"""What effect could the design have found? An answer from its weights alone, before outcomes."""

from __future__ import annotations

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import number
from pacte_eval.designs import Design
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects.detectable import minimum_detectable


def minimum_detectable_effect(
    design: Design, standard_deviation: float, *, power: float = 0.8, level: float = 0.95
) -> float:
    """Smallest effect found with a given power by a two-sided test.

    (z(1 − (1 − level)/2) + z(power)) σ √(Σ s² + Σ K²) / S, with s the weights of the treated, S
    their sum, and K those of controls summed by person, as if all rows of one person moved
    together.

    Parameters
    ----------
    design : Design
    standard_deviation : float
        Of the outcome within matched sets, in its unit; √(p(1 − p)) for a share p, 0.5 at most.
    power, level : float

    Returns
    -------
    float
        In the unit of the outcome.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    if not (np.isfinite(standard_deviation) and standard_deviation > 0):
        raise InputError(f"standard_deviation={standard_deviation} must be positive")
    treated = design.comparison.treated
    own = design.weights[treated]
    person = design.comparison.person[~treated]
    reuse = np.bincount(person, design.weights[~treated])
    error = standard_deviation * np.sqrt(own @ own + reuse @ reuse) / own.sum()
    return minimum_detectable(float(error), power=power, level=level)


def power_verdict(design: Design, standard_deviation: float, max_effect: float) -> Verdicts:
    """Minimum detectable effect at 80 % power: pass up to `max_effect`, else a warning."""
    if not max_effect > 0:
        raise InputError(f"max_effect={max_effect} must be positive")
    found = minimum_detectable_effect(design, standard_deviation)
    verdict: Verdict = "pass" if found <= max_effect else "warning"
    sentence = (
        f"Avec une puissance de 80\u202f%, le plus petit effet décelable est {number(found, 3)} "
        f"(seuil\u202f: {number(max_effect, 3)})."
    )
    return Verdicts.single("effet minimal décelable", found, max_effect, verdict, sentence)
