"""Imputation: outcomes without treatment, fitted on untreated observations, for the treated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pacte_eval.definitions.errors import check_kind
from pacte_eval.effects.differences.group_time.effects import GroupTimeEffects
from pacte_eval.effects.differences.group_time.pretest import Pretest
from pacte_eval.effects.differences.staggered.imputed import imputed_effects
from pacte_eval.effects.differences.staggered.leads import lead_effects
from pacte_eval.effects.differences.staggered.panel import StaggeredPanel
from pacte_eval.effects.differences.staggered.table import (
    cell_table,
    clustered,
    covariates_of,
    shown,
    treated_population,
)
from pacte_eval.effects.differences.timing import check_anticipation
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.table import Wording, check_level
from pacte_eval.frames import Panel

LEADS = 3


@dataclass(frozen=True, eq=False, kw_only=True)
class ImputationEffects(GroupTimeEffects):
    """Effects by group and period, with a test of parallel trends apart from them."""

    regression: Callable[[int | None], Effects] = field(repr=False)

    def leads(self, number: int | None = None) -> Effects:
        """Coefficients of the periods before treatment, among untreated observations alone.

        Parameters
        ----------
        number : int, optional
            Periods before treatment (and its anticipation) with a coefficient; earlier ones are the
            reference. Three by default, or as many as the panel allows.

        Raises
        ------
        InputError
            If the panel does not hold that many and one more.

        Notes
        -----
        Borusyak, Jaravel and Spiess (2024), equation 9: apart from the estimates, so that
        passing the test does not distort them.
        """
        return self.regression(number)

    def pretest(self) -> Pretest:
        """Wald test that the coefficients of `leads` are all zero."""
        effects = self.leads()
        return Pretest.of(effects, np.ones(len(effects), dtype=bool))


@dataclass(frozen=True)
class Imputation:
    """Effects by group and period as outcomes less those imputed.

    Effects of units and periods (and slopes of covariates) are fitted on observations that are not
    yet treated; each treated observation is compared with what they give it.

    Parameters
    ----------
    anticipation : int
        Periods before treatment that may feel it, and count as treated.
    level : float
        Of the intervals.

    Raises
    ------
    InputError
        If it is not a number of periods.

    Notes
    -----
    Borusyak, Jaravel and Spiess (2024, *Review of Economic Studies* 91, 3253–3285), theorem 2 for
    the estimator, theorem 3, equations 7 and 8, for its conservative standard error. Estimates on
    `mpdta` are those of R's etwfe; the error is proved by simulation and independent derivation,
    there being no published number to reproduce.
    """

    anticipation: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        check_level(self.level)
        check_anticipation(self.anticipation)

    def fit(self, panel: Panel) -> ImputationEffects:
        """Estimate the effects.

        Parameters
        ----------
        panel : Panel
            Gaps are allowed. Covariates that vary within a unit enter with one slope, the others
            with a slope of each period.

        Returns
        -------
        ImputationEffects
            One row per cohort and period of treatment; missing where nothing can be imputed, as
            once all are treated. Averages weigh treated observations alike (by sampling weights),
            taking their number as fixed. Units never observed untreated, and observations that no
            chain of untreated ones ties to the others, are left out, and counted in the column
            ``target_population``.

        Raises
        ------
        InputError
            If nobody is treated after the first period.

        Notes
        -----
        The standard error is conservative: it counts how effects vary within a cohort and period.
        """
        check_kind(panel, Panel, use="Panel.from_frame(…)")
        data = StaggeredPanel.of(panel, self.anticipation)
        untreated = data.periods < np.append(data.groups - self.anticipation, np.inf)[:, np.newaxis]
        seen = data.observed & np.repeat(untreated, np.diff(data.bounds), axis=0)
        data = data.without(np.asarray(~seen.any(axis=1)), "jamais observées avant traitement")
        made = imputed_effects(data, untreated)
        population = treated_population(data)
        if made.not_imputed:
            population += f", sans {shown(made.not_imputed)} observations non imputables"
        wording = Wording(
            comparison="traités contre pas encore traités, ou jamais",
            outcome=panel.outcome,
            estimator="Imputation" + covariates_of(panel),
            estimand="ATT par groupe et période",
            se_kind=clustered(data, "variance prudente, effets centrés par groupe et période"),
            target_population=population,
            weights="poids de sondage des observations traitées",
            base_period="moyenne des périodes non traitées de chaque unité",
            control_group="pas encore traités, ou jamais",
            contribution_kind="influence",
        )
        return ImputationEffects(
            table=cell_table(made.cells, data, wording, self.level),
            contributions=made.cells.contributions,
            level=self.level,
            sizes=made.cells.mass,
            shares=None,
            last_period=int(data.periods[-1]),
            anticipation=self.anticipation,
            regression=lambda number: lead_effects(
                data, untreated, wording, number, self.anticipation, self.level
            ),
        )
