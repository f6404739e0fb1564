"""What a treated unit and its matched controls differ by: noise one by one, fit to be regressed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.definitions.months import Period
from pacte_eval.designs import Design
from pacte_eval.effects.block import filled
from pacte_eval.effects.shares import matched_shares
from pacte_eval.frames import Outcomes


@dataclass(frozen=True, eq=False)
class UnitContrasts:
    """Contrasts of the treated units that are observed with a matched control.

    Attributes
    ----------
    rows : int array, shape (m,)
        Their rows in the comparison.
    values : float array, shape (m,)
        Outcome less the mean of the observed units of their set.
    """

    rows: np.ndarray
    values: np.ndarray

    def __repr__(self) -> str:
        return f"UnitContrasts({len(self.rows):,} units)"


def unit_contrasts(design: Design, outcomes: Outcomes, month: Period) -> UnitContrasts:
    """The contrast of each supported treated unit with its own matched controls, at one month.

    Their mean by sampling weights is the effect of the design without regression adjustment.

    Raises
    ------
    InputError
        If the design has no matched controls of treated units, the month is not observed, or no
        treated unit is observed there with a control.
    """
    check_kind(design, Design, use="the fit() of a design on a comparison")
    if design.matches is None or design.estimand != "ATT":
        raise InputError(
            f"contrasts of units need treated units matched with controls: a design of "
            f"{design.settings['design']} ({design.estimand}) has none"
        )
    values = outcomes.at([month]).aligned(design.comparison.unit)
    outcome, observed = filled(values)
    shares = matched_shares(design.matches, design.comparison.weights, observed)
    used = shares.used[:, 0]
    if not used.any():
        raise InputError(f"no treated unit is observed with a control at month {month!r}")
    rows = design.matches.target[used]
    return UnitContrasts(rows, outcome[rows, 0] - shares.mean(outcome)[used, 0])
