"""Before entry there is no effect to find: months held out of the design are tested together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import number
from pacte_eval.diagnostics.joint_test import varying
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects import Effects
from pacte_eval.effects.wald import wald

ALARM, REFUSAL = 0.05, 0.01


def no_placebo() -> Verdicts:
    """The verdict of a design that leaves no month out: there is nothing to test it on."""
    sentence = (
        "Aucun mois n’a été laissé hors de la comparaison\u202f: le placebo n’est pas testable."
    )
    return Verdicts.single("placebo", np.nan, ALARM, "non testable", sentence)


def placebo_verdict(effects: Effects, months: Sequence[int | str]) -> Verdicts:
    """Joint Wald test that the effects at some months are all zero.

    The months must be held out of the design: a month that score, exact cells or balance use is
    flat by construction and proves nothing. Months where the estimate does not vary are left out,
    and the degrees of freedom are the rank of the covariance.

    Parameters
    ----------
    effects : Effects
        In a single outcome.
    months : sequence of int or str

    Returns
    -------
    Verdicts
        ``value`` is the p-value: pass from 5 %, warning from 1 %, else fail; non testable where
        no month remains.

    Raises
    ------
    InputError
        If a month has no estimate.
    """
    known = effects.table["month"]
    for month in months:
        if not (known == month).any():
            raise InputError(f"placebo month {month!r} has no estimate: check the window")
    asked = known.isin(list(months)).to_numpy()
    chosen = asked & varying(effects)
    if not chosen.any():
        return no_placebo()
    estimates = effects.table["estimate"].to_numpy()[chosen]
    _, _, p = wald(estimates, effects.covariance(chosen).to_numpy())
    verdict: Verdict = "pass" if p >= ALARM else "warning" if p >= REFUSAL else "fail"
    meaning = {
        "pass": "compatibles avec l’absence d’écart",
        "warning": "à la limite de ce que le hasard explique",
        "fail": "incompatibles avec l’absence d’écart",
    }[verdict]
    tested = int(chosen.sum())
    plural = "s" if tested > 1 else ""
    sentence = (
        f"Sur {tested} mois avant l’entrée non utilisé{plural} par "
        f"la comparaison, les écarts sont {meaning} (p\u202f= {number(p, 3)}, "
        f"plus grand écart\u202f: {number(float(estimates[np.argmax(np.abs(estimates))]), 3)})."
    )
    return Verdicts.single("placebo", p, ALARM, verdict, sentence)
