"""Outcomes that training cannot move: an effect on them is the mark of what was left out.

Lipsitch, Tchetgen Tchetgen and Cohen (2010, *Epidemiology* 21, 383–388). Each control is declared
with the reason why training cannot move it, is not balanced on, and shares the confounders of the
outcome.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import number
from pacte_eval.diagnostics.joint_test import varying, wald
from pacte_eval.diagnostics.placebo import ALARM, REFUSAL
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects import Effects

NAME = "résultats témoins"


def no_negative_controls() -> Verdicts:
    """The verdict of a study that declares no control."""
    return Verdicts.single(
        NAME,
        np.nan,
        ALARM,
        "non testable",
        "L’étude ne déclare aucun résultat que la formation ne puisse changer.",
    )


def negative_controls_verdict(effects: Mapping[str, Effects]) -> Verdicts:
    """Joint test that the effects on the negative controls are all zero.

    Parameters
    ----------
    effects : mapping of str to Effects
        For each control, its name in French and its effects at the months declared.

    Returns
    -------
    Verdicts
        ``value`` is the joint p-value: pass from 5 %, warning from 1 %, else fail; non testable
        where nothing varies.

    Raises
    ------
    InputError
        If no control is given.
    """
    if not effects:
        raise InputError("there is no negative control to test: see no_negative_controls()")
    masks = {name: varying(one) for name, one in effects.items()}
    told = {name: effects[name].kept(mask) for name, mask in masks.items() if mask.any()}
    if not told:
        return Verdicts.single(
            NAME,
            np.nan,
            ALARM,
            "non testable",
            "Aucun résultat témoin ne varie\u202f: il n’y a rien à tester.",
        )
    parts = list(told.values())
    every = parts[0].beside(*parts[1:])
    estimates = every.table["estimate"].to_numpy(dtype=float)
    _, _, p = wald(estimates, every.covariance().to_numpy())
    verdict: Verdict = "pass" if p >= ALARM else "warning" if p >= REFUSAL else "fail"
    meaning = {
        "pass": "ne montre pas d’écart là où la formation ne peut rien changer",
        "warning": "est à la limite de ce que le hasard explique",
        "fail": "montre un écart là où la formation ne peut rien changer",
    }[verdict]
    names = list(told)
    which = ", ".join(f"«\u202f{name}\u202f»" for name in names)
    sentence = (
        f"Le test conjoint {meaning} ({which}\u202f; p\u202f= {number(p, 3)}, "
        f"{len(estimates)} estimation{'s' if len(estimates) > 1 else ''})."
    )
    return Verdicts.single(NAME, p, ALARM, verdict, sentence)
