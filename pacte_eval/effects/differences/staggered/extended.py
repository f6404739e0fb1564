"""Extended two-way fixed effects: one coefficient per cohort and calendar period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.designs.settings import check_choice
from pacte_eval.effects.differences.group_time.effects import GroupTimeEffects
from pacte_eval.effects.differences.staggered.cell_effects import saturated_effects
from pacte_eval.effects.differences.staggered.panel import StaggeredPanel
from pacte_eval.effects.differences.staggered.table import (
    clustered,
    covariates_of,
    group_time_effects,
    treated_population,
)
from pacte_eval.effects.differences.timing import check_anticipation
from pacte_eval.effects.table import Wording, check_level
from pacte_eval.frames import Panel


@dataclass(frozen=True)
class ExtendedTwoWay:
    """Effects by cohort and calendar period, from a regression with effects of units and periods.

    Parameters
    ----------
    free : ``"post"`` or ``"all"``
        Periods with a coefficient for each cohort: those of treatment, so that controls are all
        units not yet treated and the base is all periods before; or all but the last one before,
        so that controls are the never treated.
    anticipation : int
        Periods before treatment that may feel it; they have a coefficient in both.
    level : float
        Of the intervals.

    Raises
    ------
    InputError
        If a setting is out of range.

    Notes
    -----
    Wooldridge (2025, "Two-way fixed effects, the two-way Mundlak regression, and
    difference-in-differences estimators", *Empirical Economics*; 2021, SSRN 3906345), equations 5.3
    for covariates, 6.1 and 6.4 for cohorts. In a balanced panel the estimates are those of
    `Imputation`. On `mpdta` it reproduces the numbers of R's etwfe.
    """

    free: Literal["post", "all"] = "post"
    anticipation: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        check_level(self.level)
        check_choice("free", self.free, ("post", "all"))
        check_anticipation(self.anticipation)

    def fit(self, panel: Panel) -> GroupTimeEffects:
        """Estimate the effects.

        Parameters
        ----------
        panel : Panel
            Gaps are allowed. Covariates that vary within a unit enter with a slope common to all;
            the others with a slope of each period, and one more of each coefficient, from their
            mean in its cohort, which is taken as fixed.

        Returns
        -------
        GroupTimeEffects
            One row per cohort and period with a coefficient; missing where no control tells it, as
            once all are treated. Units treated by the first period are left out, and counted in the
            column ``target_population``.

        Raises
        ------
        InputError
            If nobody is treated after the first period, or ``free="all"`` without never treated.

        Notes
        -----
        Standard errors are those of the regression, clustered as the panel is, without correction
        for the number of coefficients.
        """
        check_kind(panel, Panel, use="Panel.from_frame(…)")
        data = StaggeredPanel.of(panel, self.anticipation)
        before = data.periods < data.groups[:, np.newaxis] - self.anticipation
        free = np.vstack([~before, np.zeros((1, len(data.periods)), dtype=bool)])
        control = ~free
        base, words = "moyenne des périodes avant traitement", "pas encore traités"
        never = data.bounds[-1] > data.bounds[-2]
        if self.free == "all":
            if not never:
                raise InputError(
                    "free='all' needs units never treated, and the panel has none: give "
                    "free='post', or SunAbraham(control='last-treated')"
                )
            last = before.sum(axis=1) - 1
            free[:-1] = True
            free[np.arange(len(last)), last] = False
            control = np.zeros(free.shape, dtype=bool)
            control[-1] = True
            base, words = "dernière avant le traitement", "jamais traités"
        elif never:
            words += ", ou jamais"
        if self.anticipation:
            base += f" et son anticipation ({self.anticipation})"
        fixed = ""
        if len(panel.covariates.columns):
            fixed = ", moyennes des covariables tenues pour fixes"
        cells = saturated_effects(data, free, control)
        wording = Wording(
            comparison=f"traités contre {words}",
            outcome=panel.outcome,
            estimator="ExtendedTwoWay" + covariates_of(panel),
            estimand="ATT par groupe et période",
            se_kind=clustered(data, "effets fixes d'unité et de période" + fixed),
            target_population=treated_population(data),
            weights="poids de sondage des unités du groupe",
            base_period=base,
            control_group=words,
            contribution_kind="influence",
        )
        return group_time_effects(
            cells, data, wording, level=self.level, anticipation=self.anticipation
        )
