"""Pretend that everyone entered some months earlier: before the true entry there is no effect.

The design is fitted anew on what was known before the pretended entry, and applied to the months
between it and the true one. People of both arms were chosen as still registered at the true entry;
the placebo is of those people, and says how well history alone makes them alike over that time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import number
from pacte_eval.designs.design import Estimator
from pacte_eval.diagnostics.joint_test import varying
from pacte_eval.diagnostics.placebo import ALARM, REFUSAL
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects import Effects, estimate
from pacte_eval.effects.wald import wald
from pacte_eval.frames import Comparison, Outcomes

NAME = "entrée fictive"


def placebo_entry_effects(
    comparison: Comparison,
    estimator: Estimator,
    outcomes: Outcomes,
    shift: int,
    covariate_months: Mapping[str, tuple[Period, Period]],
) -> Effects:
    """Effects that an entry `shift` months earlier would seem to have had before the true one.

    Parameters
    ----------
    comparison : Comparison
    estimator : Estimator
        What makes the design; it must name no covariate that the pretended entry leaves out.
    outcomes : Outcomes
        Observed at months −shift to −1.
    shift : int
    covariate_months : mapping of str to (int, int)
        First and last month that each covariate uses. Those that use a month from −shift on are
        left out; a covariate without months is taken as known before the pretended entry, as sex
        or a diploma is: elapsed unemployment, known on the eve, needs (−1, −1).

    Returns
    -------
    Effects
        At months −shift to −1, errors by person.

    Raises
    ------
    InputError
        If `shift` is not positive, no covariate of an earlier history remains, an outcome is not
        observed there, or the design cannot be fitted.
    """
    if shift < 1:
        raise InputError(f"shift={shift} must be at least 1 month before the entry")
    dated = {
        name: months for name, months in covariate_months.items() if name in comparison.covariates
    }
    worded = [name for name, (_, last) in dated.items() if not isinstance(last, int)]
    if worded:
        raise InputError(
            f"covariate '{worded[0]}' is of a period with a name: an entry is moved by months"
        )
    late = [name for name, (_, last) in dated.items() if isinstance(last, int) and last >= -shift]
    if len(late) == len(dated):
        raise InputError(
            f"no covariate tells the history before month {-shift}: move the entry less, or give "
            "covariates of earlier months"
        )
    design = estimator.fit(comparison.without(late))
    return estimate(design, outcomes.at(range(-shift, 0)), cluster="person")


def placebo_entry_verdict(effects: Effects) -> Verdicts:
    """Joint Wald test that an entry that did not take place had no effect.

    Parameters
    ----------
    effects : Effects
        As `placebo_entry_effects` gives them.

    Returns
    -------
    Verdicts
        ``value`` is the p-value: pass from 5 %, warning from 1 %, else fail; non testable where
        no estimate varies.
    """
    chosen = varying(effects)
    if not chosen.any():
        return Verdicts.single(
            NAME,
            np.nan,
            ALARM,
            "non testable",
            "Aucun écart ne varie avant l’entrée\u202f: l’entrée fictive n’est pas testable.",
        )
    table = effects.table[chosen]
    estimates = table["estimate"].to_numpy(dtype=float)
    _, _, p = wald(estimates, effects.covariance(chosen).to_numpy())
    verdict: Verdict = "pass" if p >= ALARM else "warning" if p >= REFUSAL else "fail"
    meaning = {
        "pass": "aucun effet n’apparaît avant la formation",
        "warning": "l’écart est à la limite de ce que le hasard explique",
        "fail": "un effet apparaît avant toute formation",
    }[verdict]
    shift = -int(effects.table["month"].min())
    sentence = (
        f"En plaçant l’entrée {shift} mois plus tôt, {meaning} (p\u202f= {number(p, 3)}, plus "
        f"grand écart\u202f: {number(estimates[np.argmax(np.abs(estimates))], 3)})."
    )
    return Verdicts.single(NAME, p, ALARM, verdict, sentence)
