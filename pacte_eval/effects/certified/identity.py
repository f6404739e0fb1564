"""The rate of trainees is that of the certified, the others and the unknown, by their shares.

Twenty-three points between the certified and "others" can be read against controls or against
trainees who failed; only one reading recomposes the rate of all trainees. The same units with the
same weights are on both sides, so that the identity holds to rounding or something is wrong.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import percent
from pacte_eval.designs import Design
from pacte_eval.effects.block import filled
from pacte_eval.effects.certified.states import (
    CERTIFIED,
    NOT_CERTIFIED,
    UNKNOWN,
    Certification,
    check_inputs,
)
from pacte_eval.effects.shares import outcome_weights
from pacte_eval.frames import Outcomes

TOLERANCE = 1e-9
_STATES = {"certified": CERTIFIED, "not": NOT_CERTIFIED, "unknown": UNKNOWN}


def identity(design: Design, outcomes: Outcomes, certification: Certification) -> pd.DataFrame:
    """Shares and rates of each state of certification, and the rate of trainees they recompose.

    Parameters
    ----------
    design : Design
        Of trainees against people who wait, for the effect on the treated.
    outcomes : Outcomes
    certification : Certification

    Returns
    -------
    DataFrame
        One row per period: ``month``, ``rate_trainees``; ``share_…`` and ``rate_…`` of
        ``certified``, ``not`` and ``unknown``, weighted as the design weights the trainees observed
        then; ``recomposed``, the sum of shares times rates; ``gap``, its distance from
        ``rate_trainees``. Rates are means of the outcome, missing where a state has nobody.

    Raises
    ------
    InputError
        If the identity does not hold to 1e-9 of the largest outcome, or the design is not for the
        treated.
    """
    check_inputs(design, certification)
    treated = design.comparison.treated
    outcome, observed = filled(outcomes.aligned(design.comparison.unit))
    weight = np.broadcast_to(outcome_weights(design, observed), outcome.shape)[treated]
    outcome = outcome[treated].astype(np.float64)
    state = certification.aligned(design.comparison)
    total = weight.sum(axis=0)
    table = pd.DataFrame({"month": list(outcomes.periods)})
    with np.errstate(invalid="ignore", divide="ignore"):
        table["rate_trainees"] = (weight * outcome).sum(axis=0) / total
        recomposed = np.where(total > 0, 0.0, np.nan)
        for name, code in _STATES.items():
            own = weight[state == code]
            mass = own.sum(axis=0)
            rate = (own * outcome[state == code]).sum(axis=0) / mass
            table[f"share_{name}"] = mass / total
            table[f"rate_{name}"] = rate
            recomposed += np.where(mass > 0, mass / total * rate, 0.0)
    table["recomposed"] = recomposed
    table["gap"] = table["recomposed"] - table["rate_trainees"]
    scale = max(1.0, float(np.abs(outcome).max(initial=0.0)))
    if (table["gap"].abs() > TOLERANCE * scale).any():
        raise InputError(
            "the rates of the certified, the others and the unknown do not recompose that of "
            "trainees: check the weights"
        )
    return table


def identity_sentence(row: pd.Series) -> str:
    """A row of `identity` in French; for an outcome that is a share."""
    if not np.isfinite(row["rate_trainees"]):
        return "Taux des formés\u202f: non observé à ce mois."
    words = {
        "certified": "de certifiés",
        "not": "de non certifiés",
        "unknown": "de certification inconnue",
    }
    parts = [
        f"{percent(row[f'share_{name}'])} {text} × {percent(row[f'rate_{name}'])}"
        for name, text in words.items()
        if row[f"share_{name}"] > 0
    ]
    return f"Taux des formés\u202f: {percent(row['rate_trainees'])} = {' + '.join(parts)}."
