"""Two-way fixed effects: one coefficient of being treated, or one per period relative to treatment.

Under staggered entry and effects that differ by cohort or grow with time, the static coefficient
is a sum of effects with weights that may be negative (Goodman-Bacon 2021, *Journal of
Econometrics* 225; de Chaisemartin and D'Haultfœuille 2020, *American Economic Review* 110), and
each coefficient of an event study holds effects of other periods (Sun and Abraham 2021, *Journal
of Econometrics* 225). The tables say so; `TwoWayEffects.decomposition` shows the comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.designs.settings import is_whole
from pacte_eval.effects.contributions import StoredContributions
from pacte_eval.effects.differences.arms import why_no_error
from pacte_eval.effects.differences.timing import check_anticipation, cohort_codes
from pacte_eval.effects.differences.two_way.bacon import Decomposition, goodman_bacon
from pacte_eval.effects.differences.two_way.regression import (
    TwoWayFit,
    observed_cells,
    two_way_regression,
)
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.table import Wording, check_level, intervals, signed, tidy
from pacte_eval.frames import Panel


@dataclass(frozen=True, eq=False)
class TwoWayEffects(Effects):
    """Effects from a two-way regression.

    Attributes
    ----------
    covariates : DataFrame
        One row per covariate that varies within units: ``covariate, estimate, se, ci_low,
        ci_high, p``.
    left_out : dict of str to int
        What the regression could not use, in words, with the number of it.
    panel : Panel
    """

    covariates: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)
    left_out: dict[str, int] = field(repr=False, default_factory=dict)
    panel: Panel | None = field(repr=False, default=None)

    def decomposition(self) -> Decomposition:
        """The two-by-two comparisons that the static coefficient weighs: see `goodman_bacon`.

        Raises
        ------
        InputError
            If the panel has gaps or covariates that vary.
        """
        assert self.panel is not None
        return goodman_bacon(self.panel)


@dataclass(frozen=True)
class TwoWayFixedEffects:
    """The coefficient of "treated since the first treatment", with effects of units and periods.

    Parameters
    ----------
    level : float
        Of the intervals.

    Notes
    -----
    Covariates of the panel that vary within units are regressors; the others go with the effects
    of units. Errors are clustered by the panel's clusters: see `two_way_regression` for the
    correction. The error is missing where the treated, or the others, are one unit
    or one cluster.
    """

    level: float = 0.95

    def __post_init__(self) -> None:
        check_level(self.level)

    def fit(self, panel: Panel) -> TwoWayEffects:
        """Estimate on a panel, balanced or not.

        Raises
        ------
        InputError
            If nobody is treated during the panel, units are treated before its second period, or
            treatment is collinear with the effects of units and periods.
        """
        check_kind(panel, Panel, use="Panel.from_frame(…)")
        cohorts = _Cohorts.of(panel)
        since = np.isfinite(cohorts.starts)[:, np.newaxis] & (
            panel.periods >= cohorts.starts[:, np.newaxis]
        )
        if len(cohorts.starts) == 1:
            raise InputError(
                "all units are first treated at the same period: nobody is left to compare with"
            )
        fit = two_way_regression(
            panel, cohorts.codes, since[:, :, np.newaxis].astype(float), ["traité"]
        )
        rows = cohorts.rows({pd.NA: since}, panel.cluster)
        single = len(cohorts.starts) == 2 and cohorts.never and panel.is_balanced
        return _effects(
            panel,
            cohorts,
            fit,
            rows,
            estimator="Effets fixes d'unité et de période",
            estimand=_ATT if single and not panel.varying else _STATIC,
            weights="moindres carrés (variance résiduelle du traitement)",
            base_period="toutes les périodes non traitées, par effets fixes",
            level=self.level,
        )


@dataclass(frozen=True)
class EventStudy:
    """Coefficients by period relative to the first treatment, with effects of units and periods.

    Parameters
    ----------
    reference : int or sequence of int, optional
        Relative periods whose coefficient is 0; by default −1, less `anticipation`. Without units
        that are never treated, two are needed.
    window : (int, int), optional
        First and last relative period; earlier and later ones share the coefficients of the
        ends. Every relative period has its own by default.
    anticipation : int
        Periods before treatment from which it may act.
    level : float
        Of the intervals.

    Notes
    -----
    Units first treated after the last period count as never treated. Otherwise as
    `TwoWayFixedEffects`.
    """

    reference: int | Sequence[int] | None = None
    window: tuple[int, int] | None = None
    anticipation: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        check_level(self.level)
        check_anticipation(self.anticipation)
        if not self._references or not all(is_whole(one, -(10**9)) for one in self._references):
            raise InputError(
                f"reference={self.reference!r} must be one relative period or several, as [-1, -5]"
            )
        if self.window is not None and not (
            len(self.window) == 2
            and all(is_whole(end, -(10**9)) for end in self.window)
            and self.window[0] < self.window[1]
        ):
            raise InputError(f"window={self.window!r} must be two relative periods, as (-6, 12)")

    def fit(self, panel: Panel) -> TwoWayEffects:
        """Estimate on a panel, balanced or not.

        Raises
        ------
        InputError
            As `TwoWayFixedEffects.fit`; if a reference is no relative period of the panel, or
            there are too few of them.
        """
        check_kind(panel, Panel, use="Panel.from_frame(…)")
        cohorts = _Cohorts.of(panel)
        if len(cohorts.starts) == 1 and not cohorts.never:
            raise InputError(
                "all units are first treated at the same period: nobody is left to compare with"
            )
        references = self._references
        relative = panel.periods - cohorts.starts[:, np.newaxis]
        if self.window is not None:
            relative = np.clip(relative, *self.window)
        relative[:, ~cohorts.seen.any(axis=0)] = np.nan
        there = np.unique(relative[np.isfinite(relative) & (cohorts.observed > 0)]).astype(int)
        absent = [one for one in references if one not in there]
        if absent:
            raise InputError(
                f"reference {absent[0]} is no relative period of the panel, which has "
                f"{there[0]} to {there[-1]}"
            )
        if not cohorts.never and len(references) < 2:
            raise InputError(
                "no unit is never treated: relative periods have a trend in common with periods, "
                f"give a second reference, as reference=[{references[0]}, {there[0]}]"
            )
        times = [int(one) for one in there if one not in references]
        indicators = np.stack([relative == time for time in times], axis=2).astype(float)
        fit = two_way_regression(
            panel, cohorts.codes, indicators, [f"période relative {time}" for time in times]
        )
        rows = cohorts.rows({time: relative == time for time in times}, panel.cluster)
        if self.anticipation:
            rows["anticipation"] = self.anticipation
        ends = self.window and (
            f", extrémités regroupées ({signed(self.window[0])} et avant, "
            f"{signed(self.window[1])} et après)"
        )
        return _effects(
            panel,
            cohorts,
            fit,
            rows,
            estimator="Étude d'événement, effets fixes d'unité et de période" + (ends or ""),
            estimand=_EVENT if cohorts.count > 1 else _EVENT_ATT,
            weights="moindres carrés",
            base_period=_named(references),
            level=self.level,
        )

    @property
    def _references(self) -> list[int]:
        if self.reference is None:
            return [-1 - self.anticipation]
        given = self.reference if isinstance(self.reference, Sequence) else [self.reference]
        return sorted(set(given), reverse=True)


_FEW_CLUSTERS = 40
_ATT = "effet moyen sur les traités (ATT), moyenne des périodes traitées"
_STATIC = (
    "coefficient de «\u202ftraité\u202f»\u202f: somme pondérée d'effets, à poids qui peuvent être "
    "négatifs si les entrées sont échelonnées et les effets hétérogènes"
)
_EVENT_ATT = "effet moyen sur les traités (ATT) à chaque période relative"
_EVENT = (
    "coefficient de la période relative\u202f: somme pondérée d'effets, y compris d'autres "
    "périodes et à poids qui peuvent être négatifs, si les effets diffèrent entre cohortes"
)


@dataclass(frozen=True, eq=False)
class _Cohorts:
    """Units by period of first treatment; those treated after the panel with the never treated."""

    starts: np.ndarray
    codes: np.ndarray
    seen: np.ndarray
    late: int

    @classmethod
    def of(cls, panel: Panel) -> _Cohorts:
        seen = observed_cells(panel)
        if not seen.any():
            raise InputError(f"outcome '{panel.outcome}' is missing for all units at all periods")
        there = panel.periods[seen.any(axis=0)]
        starts, codes, late = cohort_codes(panel, there)
        return cls(starts, codes, seen, late)

    @property
    def never(self) -> bool:
        """Whether some units are not treated at any period."""
        return bool(np.isnan(self.starts[-1]))

    @property
    def count(self) -> int:
        """Cohorts that are treated."""
        return len(self.starts) - self.never

    @property
    def observed(self) -> np.ndarray:
        """Units observed, by cohort and period: shape (cohorts, t)."""
        return np.stack([self.seen[self.codes == c].sum(axis=0) for c in range(len(self.starts))])

    def treated(self, cells: np.ndarray) -> np.ndarray:
        """Units observed in some of the cells (cohorts, t): bool array, shape (n,)."""
        made = np.zeros(len(self.codes), dtype=bool)
        for place in np.flatnonzero(cells.any(axis=1)):
            units = np.flatnonzero(self.codes == place)
            made[units] = self.seen[np.ix_(units, cells[place])].any(axis=1)
        return made

    def rows(self, cells: Mapping[Any, np.ndarray], cluster: np.ndarray) -> pd.DataFrame:
        """A row per month: how many units are treated, and why there is no error."""
        made = []
        for month, these in cells.items():
            treated = self.treated(these)
            note = why_no_error(cluster[treated], [cluster[~treated]])
            made.append({"month": month, "n_treated": int(treated.sum()), "note": note})
        return pd.DataFrame(made)

    @property
    def controls(self) -> int:
        """Units that are never treated, or later than the first cohort."""
        return int(np.count_nonzero(self.codes > 0))


def _effects(
    panel: Panel,
    cohorts: _Cohorts,
    fit: TwoWayFit,
    rows: pd.DataFrame,
    *,
    estimator: str,
    estimand: str,
    weights: str,
    base_period: str,
    level: float,
) -> TwoWayEffects:
    size = len(rows)
    contributions = fit.contributions[:, :size].copy()
    contributions[:, rows["note"].ne("").to_numpy()] = np.nan
    rows = rows.assign(
        estimate=fit.coefficients[:size],
        se=np.sqrt((contributions**2).sum(axis=0)),
        n_control=cohorts.controls,
    )
    nature = "unité" if len(pd.unique(panel.cluster)) == len(panel) else "grappe"
    covariates = pd.DataFrame(
        {
            "covariate": fit.names[size:],
            "estimate": fit.coefficients[size:],
            "se": fit.errors[size:],
        }
    )
    covariates = covariates.assign(**intervals(covariates["estimate"], covariates["se"], level))
    left_out = {
        "unités observées à moins de deux périodes": fit.alone,
        "périodes sans observation": int((~cohorts.seen.any(axis=0)).sum()),
        "unités traitées après la dernière période, comptées comme jamais traitées": cohorts.late,
        "covariables constantes, absorbées par les effets d'unité": panel.covariates.shape[1],
    }
    controls = ["jamais traitées"] * cohorts.never + (
        ["pas encore traitées", "déjà traitées"] if cohorts.count > 1 else []
    )
    equal = bool((panel.weights == panel.weights[0]).all())
    number, by = len(fit.clusters), " par unité" if nature == "unité" else ""
    few = ", peu de grappes" if number < _FEW_CLUSTERS else ""
    wording = Wording(
        comparison="traités contre non traités",
        outcome=panel.outcome,
        estimator=estimator + (" et covariables" if panel.varying else ""),
        estimand=estimand,
        se_kind=f"groupé{by} ({number} grappes{few}), corrigé des degrés de liberté",
        target_population="unités traitées pendant le panel",
        weights=weights + ("" if equal else ", par poids de sondage"),
        base_period=base_period,
        control_group="unités " + ", ".join(controls),
        contribution_kind="influence",
    )
    return TwoWayEffects(
        table=tidy(rows, wording, level=level),
        contributions=StoredContributions(contributions, fit.clusters.rename(nature)),
        level=level,
        covariates=covariates,
        left_out={what: number for what, number in left_out.items() if number},
        panel=panel,
    )


def _named(references: Sequence[int]) -> str:
    listed = [signed(one) for one in references]
    if len(listed) == 1:
        return f"période relative {listed[0]}"
    return "périodes relatives " + ", ".join(listed[:-1]) + f" et {listed[-1]}"
