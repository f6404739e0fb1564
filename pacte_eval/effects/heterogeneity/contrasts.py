"""What a treated unit and its matched controls differ by: noise one by one, fit to be regressed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.definitions.months import Period
from pacte_eval.designs import Design
from pacte_eval.designs.scores.cross_fitted import learnt_columns
from pacte_eval.effects.block import filled
from pacte_eval.effects.shares import Shares, matched_shares
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
    shares : Shares
        Of the observed units in the sets, those of targets not used included.
    noise : float array, shape (n,)
        Outcome of each observed control less its regression on the covariates; zero elsewhere.
    """

    rows: np.ndarray
    values: np.ndarray
    shares: Shares
    noise: np.ndarray

    def shared_variance(self, loads: np.ndarray) -> np.ndarray:
        """What controls that serve several units add to the variance of sums of contrasts.

        Σ over j of e(j)² ((Σ over i of l(i) s(i, j))² − Σ over i of l(i)² s(i, j)²), for shares s
        and noise e: covariances of contrasts, which may make a sum less variable than it seems.

        Parameters
        ----------
        loads : float array, shape (m, p)
            What each contrast counts in each of p sums.

        Returns
        -------
        float array, shape (p,)
        """
        matches, used = self.shares.matches, self.shares.used[:, 0]
        part = np.zeros((len(used), loads.shape[1]))
        part[used] = loads / self.shares.mass[used]
        served = matches.spread(part) ** 2 - matches.spread_squares(part**2)
        return np.asarray(self.noise**2 @ served)

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
    contrast = outcome[rows, 0] - shares.mean(outcome)[used, 0]
    return UnitContrasts(rows, contrast, shares, _noise(design, values[:, 0]))


def _noise(design: Design, values: np.ndarray) -> np.ndarray:
    comparison = design.comparison
    inside = ~comparison.treated & (design.weights != 0) & np.isfinite(values)
    columns = np.ones((len(values), 1))
    if comparison.covariates.shape[1]:
        columns = np.column_stack([columns, learnt_columns(comparison.covariates)])
    slopes = np.linalg.lstsq(columns[inside], values[inside], rcond=None)[0]
    return np.where(inside, np.where(inside, values, 0.0) - columns @ slopes, 0.0)
