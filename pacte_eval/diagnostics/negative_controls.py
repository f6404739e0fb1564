"""Outcomes that training cannot move: an effect on them is the mark of what was left out.

Lipsitch, Tchetgen Tchetgen and Cohen (2010, *Epidemiology* 21, 383–388). Each control is declared
with the reason why training cannot move it, is not balanced on, and shares the confounders of the
outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import amount, interval, number
from pacte_eval.designs import Design
from pacte_eval.diagnostics.joint_test import varying
from pacte_eval.diagnostics.placebo import ALARM, REFUSAL
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects import Effects, estimate
from pacte_eval.effects.table import signed
from pacte_eval.effects.wald import wald
from pacte_eval.frames import Outcomes

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


def negative_control_effects(
    design: Design,
    controls: Mapping[str, tuple[Outcomes, Sequence[Period]]],
    reasons: Mapping[str, str],
) -> pd.DataFrame:
    """The effect found on each negative control at each month declared.

    Parameters
    ----------
    design : Design
    controls : mapping of str to (Outcomes, sequence of int or str)
        By name in French: the outcome, and the months at which training cannot have moved it.
    reasons : mapping of str to str
        Why training cannot move each, in French, without a capital or a final stop.

    Returns
    -------
    DataFrame
        One row per control and month: ``outcome`` (its name), ``month``, ``estimate``, ``se``,
        ``p``, ``ci_low``, ``ci_high``, ``reason``, ``sentence``; errors by person.

    Raises
    ------
    InputError
        If a control has no reason or no month, a reason is of no control, or an outcome is not
        observed at one of its months.
    """
    for name in controls:
        if not reasons.get(name, "").strip():
            raise InputError(f"negative control '{name}' has no reason: say why it cannot move")
    for name in reasons:
        if name not in controls:
            raise InputError(f"the reason of '{name}' is of no control: {nearest(name, controls)}")
    kept = ["month", "estimate", "se", "p", "ci_low", "ci_high"]
    parts = [pd.DataFrame(columns=["outcome", *kept, "reason", "sentence"])]
    for name, (outcome, months) in controls.items():
        if not len(months):
            raise InputError(f"negative control '{name}' has no month: declare one at least")
        found = estimate(design, outcome.at(months), cluster="person").table[kept]
        found.insert(0, "outcome", name)
        found = found.assign(reason=reasons[name])
        unit = "points" if outcome.measure == "part" else outcome.measure
        parts.append(found.assign(sentence=[_told(row, unit) for _, row in found.iterrows()]))
    return pd.concat(parts[1:] or parts, ignore_index=True)


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


def _told(row: pd.Series, unit: str) -> str:
    """One effect on a control in French."""
    month = row["month"]
    when = f"mois {signed(month)}" if isinstance(month, int) else str(month)
    named = f"«\u202f{row['outcome']}\u202f» ({when})"
    if np.isnan(row["estimate"]):
        return f"{named}\u202f: l’écart n’a pu être estimé."
    size = amount(row["estimate"], unit, sign=True).strip()
    text = f"{named}\u202f: écart de {size}"
    if np.isfinite(row["p"]):
        text += f" {interval(row['ci_low'], row['ci_high'], unit)} (p\u202f= {number(row['p'], 3)})"
    return f"{text}, là où la formation ne peut rien changer ({row['reason']})."
