"""Interaction-weighted effects: one coefficient per cohort and relative period, then averaged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pacte_eval.definitions.errors import InputError, check_kind, counted
from pacte_eval.designs.settings import check_choice, is_whole
from pacte_eval.effects.differences.group_time.effects import GroupTimeEffects
from pacte_eval.effects.differences.staggered.cell_effects import saturated_effects
from pacte_eval.effects.differences.staggered.panel import StaggeredPanel
from pacte_eval.effects.differences.staggered.table import (
    clustered,
    covariates_of,
    group_time_effects,
    shown,
    treated_population,
)
from pacte_eval.effects.differences.timing import check_anticipation
from pacte_eval.effects.table import Wording, check_level, signed
from pacte_eval.frames import Panel

Control = Literal["never-treated", "last-treated"]


@dataclass(frozen=True)
class SunAbraham:
    """Effects by cohort and relative period, from a regression with effects of units and periods.

    Parameters
    ----------
    control : ``"never-treated"`` or ``"last-treated"``
        The cohort without indicator. With the second, the never treated are left out, as are the
        periods from the treatment of the last cohort on, less `anticipation`.
    anticipation : int
        Periods before treatment that may feel it.
    reference : int
        Relative period that effects are measured from, before any anticipation.
    level : float
        Of the intervals.

    Raises
    ------
    InputError
        If a setting is out of range, or the reference lies within the anticipation.

    Notes
    -----
    Sun and Abraham (2021, *Journal of Econometrics* 225, 175–199), equations 26 and 27. The
    averages of `GroupTimeEffects.aggregate` weigh cohorts by their shares, the estimation of which
    their standard errors count; the average over relative periods is another number, in its own
    row. Proved by simulation and independent derivation: there is no published number to reproduce.
    """

    control: Control = "never-treated"
    anticipation: int = 0
    reference: int = -1
    level: float = 0.95

    def __post_init__(self) -> None:
        check_level(self.level)
        check_choice("control", self.control, ("never-treated", "last-treated"))
        check_anticipation(self.anticipation)
        if not is_whole(-self.reference, 1 + self.anticipation):
            raise InputError(
                f"reference={self.reference} must be a relative period before the anticipation of "
                f"{self.anticipation}: give {-1 - self.anticipation} or an earlier one"
            )

    def fit(self, panel: Panel) -> GroupTimeEffects:
        """Estimate the effects.

        Parameters
        ----------
        panel : Panel
            Gaps are allowed. Covariates that vary within a unit enter with a slope common to all;
            others are refused.

        Returns
        -------
        GroupTimeEffects
            One row per cohort and period, but for the reference. Units treated by the first
            period, and cohorts whose reference period is not in the panel, are left out: their
            number is in the column ``target_population``.

        Raises
        ------
        InputError
            If there is no control cohort, or no treated one with a period of reference.

        Notes
        -----
        Standard errors are those of the regression, clustered as the panel is, without correction
        for the number of coefficients: in a balanced panel without covariates, of means of changes.
        """
        check_kind(panel, Panel, use="Panel.from_frame(…)")
        constant = ", ".join(map(str, panel.covariates.columns))
        if constant:
            raise InputError(
                f"covariates that do not vary within a unit ({constant}) are absorbed by the "
                "effects of units: leave them out, or fit ExtendedTwoWay or Imputation"
            )
        panel, words = self._compared(panel)
        data = StaggeredPanel.of(panel, self.anticipation)
        place = np.searchsorted(data.periods, data.groups + self.reference)
        inside = place < len(data.periods)
        inside[inside] &= data.periods[place[inside]] == (data.groups + self.reference)[inside]
        if not inside.any():
            raise InputError(
                f"no cohort has its relative period {self.reference} in the panel: give another "
                "reference"
            )
        without = ~np.append(inside, True)
        data = data.without(
            np.repeat(without, np.diff(data.bounds)),
            f"de groupes sans période relative {signed(self.reference)}",
        )
        free = np.repeat(~np.append(without[:-1], True)[:, np.newaxis], len(data.periods), axis=1)
        free[np.flatnonzero(inside), place[inside]] = False
        control = np.zeros(free.shape, dtype=bool)
        control[-1] = True
        cells = saturated_effects(data, free, control)
        wording = Wording(
            comparison="traités contre témoins",
            outcome=panel.outcome,
            estimator="SunAbraham" + covariates_of(panel),
            estimand="ATT par groupe et période",
            se_kind=clustered(data, "effets fixes d'unité et de période"),
            target_population=treated_population(data),
            weights="poids de sondage des unités du groupe",
            base_period=f"période relative {signed(self.reference)}",
            control_group=words,
            contribution_kind="influence",
        )
        return group_time_effects(
            cells, data, wording, level=self.level, anticipation=self.anticipation
        )

    def _compared(self, panel: Panel) -> tuple[Panel, str]:
        """The units and periods of the regression, and its control group in French."""
        groups = panel.groups
        felt = panel.periods[-1] + self.anticipation
        never = ~(panel.first_treated <= felt)
        if self.control == "never-treated":
            if not never.any():
                raise InputError(
                    "control='never-treated' needs units never treated, and the panel has none: "
                    "give control='last-treated'"
                )
            return panel, "jamais traités"
        groups = groups[groups <= felt]
        if len(groups) < 2:
            raise InputError(
                f"control='last-treated' needs two treated cohorts, and the panel has "
                f"{len(groups)}: give control='never-treated'"
            )
        last = int(groups[-1])
        kept = panel.periods < last - self.anticipation
        if kept.sum() < 2:
            raise InputError(
                f"{counted(int(kept.sum()), 'period')} before the last cohort is treated ("
                f"{last}): two are needed"
            )
        short = replace(
            panel,
            values=panel.values[:, kept],
            periods=panel.periods[kept],
            varying={name: values[:, kept] for name, values in panel.varying.items()},
        ).subset(~never)
        words = f"dernier groupe traité ({last}), jusqu'à {int(panel.periods[kept][-1])}"
        if never.any():
            words += f", sans les jamais traités ({shown(int(never.sum()))})"
        return short, words
