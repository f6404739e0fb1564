"""Average effects by group (period of first treatment) and period, under staggered treatment.

Callaway and Sant'Anna (2021, *Journal of Econometrics* 225, 200–230): ATT(g, t) compares the change
of the group g between a base period and t with that of units not treated by then, given covariates
of the base period, by regression, weighting or both (their theorem 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.definitions.errors import SMALLEST_SHOWN, InputError, check_kind
from pacte_eval.designs.scores.terms import model_terms
from pacte_eval.designs.settings import check_choice
from pacte_eval.effects.contributions import Contributions, cluster_sums
from pacte_eval.effects.differences.group_time.cells import Base, Cell, Control, Groups, Results
from pacte_eval.effects.differences.group_time.cohort_panel import CohortPanel
from pacte_eval.effects.differences.group_time.cross_sections import (
    SparseContributions,
    fit_cross_sections,
)
from pacte_eval.effects.differences.group_time.effects import GroupShares, GroupTimeEffects
from pacte_eval.effects.differences.group_time.panel import fit_panel
from pacte_eval.effects.differences.panel_scores import METHODS, Method
from pacte_eval.effects.differences.timing import check_anticipation
from pacte_eval.effects.table import Wording, check_level, tidy
from pacte_eval.frames import CrossSections, Panel

_CONTROLS: dict[Control, str] = {
    "never-treated": "jamais traités",
    "not-yet-treated": "pas encore traités, ou jamais",
}
_BASES: tuple[Base, ...] = ("varying", "universal")
_METHODS: dict[Method, str] = {
    "dr": "doublement robuste (régression et logit)",
    "ipw": "pondération par l'inverse de la probabilité (logit)",
    "reg": "régression",
}


@dataclass(frozen=True)
class GroupTimeATT:
    """Average effect on each group at each period.

    Parameters
    ----------
    control : ``"never-treated"`` or ``"not-yet-treated"``
        Whom a group is compared with: units never treated, or also those that are not yet by the
        later of the two periods compared.
    method : ``"dr"``, ``"ipw"`` or ``"reg"``
        Doubly robust, weighting, or regression, on the covariates of the base period. All are
        differences of means where there is no covariate.
    base : ``"varying"`` or ``"universal"``
        What a period before treatment is compared with: the period before it, or, as those after,
        the last one before treatment.
    anticipation : int
        Periods before treatment that may feel it: the last period before them is the base.
    level : float
        Of the intervals.

    Notes
    -----
    Units treated at the first period, or within anticipation of it, have no base period: they are
    left out and counted in the column ``target_population``. Controls with a score of 0.995 or
    more weigh nothing; an effect where a score reaches 0.999 is missing. In an unbalanced panel
    each effect is that of units observed at both of its periods.
    """

    control: Control = "never-treated"
    method: Method = "dr"
    base: Base = "varying"
    anticipation: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        check_level(self.level)
        check_choice("control", self.control, _CONTROLS)
        check_choice("method", self.method, METHODS)
        check_choice("base", self.base, _BASES)
        check_anticipation(self.anticipation)

    def fit(self, data: Panel | CrossSections) -> GroupTimeEffects:
        """Estimate all effects.

        Parameters
        ----------
        data : Panel or CrossSections

        Returns
        -------
        GroupTimeEffects
            One row per group and period. ``base`` is the period compared with, ``n_lost`` the
            units of the group left out for want of an observation, ``note`` why an effect or its
            error is missing.

        Raises
        ------
        InputError
            If nobody is treated after the first period, there is no control of the kind asked
            for, all units are in one cluster, or no effect can be estimated.
        """
        check_kind(data, Panel, CrossSections, use="Panel.from_frame(…)")
        if isinstance(data, CrossSections):
            return self._fit_cross_sections(data)
        who = Groups.of(data.first_treated, data.periods, self.control, self.anticipation)
        panel = CohortPanel.of(data, who)
        planned = who.cells(data.periods, self.control, self.base, self.anticipation)
        results, contributions = fit_panel(panel, planned, self.method)
        shares = GroupShares.of(
            panel.groups,
            panel.first_treated,
            panel.weights,
            panel.cluster,
        )
        text = "" if data.is_balanced else ", observées aux deux périodes comparées"
        return self._effects(
            data,
            who,
            planned,
            results,
            contributions,
            shares,
            f"unités traitées de chaque groupe{text}",
        )

    def _fit_cross_sections(self, data: CrossSections) -> GroupTimeEffects:
        periods = data.periods
        if len(periods) < 2:
            raise InputError("cross-sections of one period: effects need two or more")
        who = Groups.of(data.first_treated, periods, self.control, self.anticipation)
        planned = who.cells(periods, self.control, self.base, self.anticipation)
        kept = ~who.already
        first, weights, cluster = who.first_treated[kept], data.weights[kept], data.cluster[kept]
        terms = model_terms(data.covariates[kept])
        results, rows = fit_cross_sections(
            data.values[kept],
            np.searchsorted(periods, data.period[kept]),
            np.searchsorted(who.groups, first),
            terms.times(np.eye(len(terms.names))),
            weights,
            cluster,
            planned,
            self.method,
        )
        sums, clusters = cluster_sums(cluster)
        if sums is not None:
            rows = sparse.csc_array(sums @ rows)
        clusters = clusters.rename("unité" if sums is None else "grappe")
        return self._effects(
            data,
            who,
            planned,
            results,
            SparseContributions(rows, clusters, np.isnan(results.estimate)),
            GroupShares.of(who.groups, first, weights, cluster),
            "unités traitées de chaque groupe, coupes répétées",
        )

    def _effects(
        self,
        data: Panel | CrossSections,
        who: Groups,
        planned: Sequence[Cell],
        results: Results,
        contributions: Contributions,
        shares: GroupShares,
        population: str,
    ) -> GroupTimeEffects:
        if not any(
            np.isfinite(one) and not cell.is_base
            for one, cell in zip(results.estimate, planned, strict=True)
        ):
            reasons = sorted({note for note in results.note if note})
            raise InputError(
                f"none of {len(planned)} effects can be estimated ({'; '.join(reasons)}): check "
                "groups, periods and controls"
            )
        place, periods = np.array([cell.group for cell in planned]), data.periods
        rows = results.frame()
        rows["group"] = shares.groups[place]
        rows["period"] = periods[[cell.at for cell in planned]]
        rows["month"] = rows["period"] - rows["group"]
        rows["base"] = periods[[cell.base for cell in planned]]
        rows["base_period"] = self._base_periods(rows)
        error = np.sqrt(contributions.variances(range(len(planned))))
        rows["se"] = np.where(results.no_error, np.nan, error)
        control = _CONTROLS[self.control]
        if np.isfinite(who.stand_in):
            control = f"pas encore traités, dont jusqu'à son tour le groupe {who.stand_in:.0f}"
        adjusted = bool(len(data.covariates.columns)) or bool(getattr(data, "varying", None))
        words = _METHODS[self.method] if adjusted else "différences de moyennes"
        wording = Wording(
            comparison=f"traités contre {control}",
            outcome=data.outcome,
            estimator=f"GroupTimeATT, {words}",
            estimand="ATT par groupe et période",
            se_kind="fonction d'influence"
            + (", par grappe" if contributions.clusters.name == "grappe" else ""),
            target_population=population + _without(int(who.already.sum())),
            weights="traités du groupe, par poids de sondage",
            base_period="",
            control_group=control,
            contribution_kind="influence",
        )
        return GroupTimeEffects(
            table=tidy(rows, wording, level=self.level),
            contributions=contributions,
            level=self.level,
            sizes=shares.shares[place],
            shares=shares,
            last_period=int(periods[-1]),
            anticipation=self.anticipation,
        )

    def _base_periods(self, rows: pd.DataFrame) -> np.ndarray:
        before = "dernière avant le traitement"
        if self.anticipation:
            periods = "période" if self.anticipation == 1 else "périodes"
            before += f" et son anticipation ({self.anticipation} {periods})"
        short = (rows["month"] < 0) & (self.base == "varying")
        return np.where(short, "précédente", before)


def _without(already: int) -> str:
    if not already:
        return ""
    shown = f"moins de {SMALLEST_SHOWN}" if already < SMALLEST_SHOWN else f"{already}"
    return f", sans les unités déjà traitées à la première période ({shown})"
