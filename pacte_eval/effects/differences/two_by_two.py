"""Difference-in-differences of two periods and two groups, by means, regression, weighting or both,
on a panel or on repeated cross-sections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import SMALLEST_SHOWN, InputError, check_kind, counted
from pacte_eval.designs.scores.terms import Terms, model_terms
from pacte_eval.designs.settings import check_choice
from pacte_eval.effects.contributions import StoredContributions, summed_by_cluster
from pacte_eval.effects.differences.arms import why_no_error_of_rows
from pacte_eval.effects.differences.cross_section_scores import LevelScores, att_of_levels
from pacte_eval.effects.differences.nuisances import (
    LeastSquares,
    UndeterminedError,
    logit_odds,
    tilted_odds,
)
from pacte_eval.effects.differences.panel_scores import (
    TRIMMED_FROM,
    NotIdentifiedError,
    att_of_changes,
)
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.table import Wording, check_level, tidy
from pacte_eval.frames import CrossSections, Panel

Method = Literal["means", "reg", "ipw", "ipw-ht", "dr", "dr-improved"]

_FEW_CLUSTERS = 40
_ROUNDING = 1e-13
_ESTIMATORS: dict[Method, str] = {
    "means": "Différence de différences de moyennes",
    "reg": "Différence de différences, par régression (Heckman–Ichimura–Todd)",
    "ipw": "Différence de différences, par pondération normalisée (Hájek)",
    "ipw-ht": "Différence de différences, par pondération (Abadie)",
    "dr": "Différence de différences doublement robuste (Sant'Anna–Zhao)",
    "dr-improved": "Différence de différences doublement robuste améliorée (Sant'Anna–Zhao)",
}


@dataclass(frozen=True)
class DifferenceInDifferences:
    """Average effect on the treated, from one period before treatment and one after.

    Parameters
    ----------
    method : str
        ``"means"``: difference of mean changes, whatever the covariates. Conditional on covariates:
        ``"reg"``, a regression of the change (of the level, in cross-sections) on them among
        controls; ``"ipw"``, controls weighted by the odds of treatment, weights summing to one
        (Hájek), or ``"ipw-ht"``, not (Horvitz–Thompson); ``"dr"``, both, by a logit and ordinary
        least squares; ``"dr-improved"``, both, by inverse probability tilting and least squares
        weighted by its odds. Without covariates all are the difference of means.
    level : float
        Of the intervals.

    Notes
    -----
    Parallel trends given the covariates of the period before: among units of the same covariates,
    outcomes of the treated would have changed as those of controls did. Regression: Heckman,
    Ichimura and Todd (1997, *Review of Economic Studies* 64, 605–654); weights: Abadie (2005,
    *Review of Economic Studies* 72, 1–19, equation 10); doubly robust: Sant'Anna and Zhao (2020,
    *Journal of Econometrics* 219, 101–122), equation 3.1 for panels and 3.4 for cross-sections,
    which assume that who is sampled does not change between periods.

    Controls whose score is 0.995 or more weigh nothing, and are counted in the table; from 0.999
    on, for a unit of either group, a logit is refused.
    """

    method: Method = "dr"
    level: float = 0.95

    def fit(self, sample: Panel | CrossSections) -> Effects:
        """Estimate the effect at the second period.

        Parameters
        ----------
        sample : Panel or CrossSections
            Of two periods, with one group first treated after the first and no later than the
            second. Units treated later are controls.

        Returns
        -------
        Effects
            One row: ``month`` is the number of periods since the first treatment, ``group`` its
            period, ``period`` that of the outcome. Means are those of changes: ``control_mean`` is
            the change that the treated would have had. Of cross-sections, ``n_treated`` and
            ``n_control`` count the rows seen after.

        Raises
        ------
        InputError
            If periods are not two, the group not one, a group is not observed, all units are in one
            cluster, a covariate separates the groups or leaves a regression undetermined.
        """
        check_kind(sample, Panel, CrossSections, use="Panel.from_frame(…)")
        check_choice("method", self.method, get_args(Method))
        check_level(self.level)
        before, after, group = _dates(sample)
        adjusted = self.method != "means"
        rows = _changes(sample, adjusted) if isinstance(sample, Panel) else _levels(sample)
        treated = rows.first <= after
        _check_both(treated, rows)
        terms = None
        columns = np.ones((len(treated), 1))
        if adjusted and rows.covariates.shape[1] > 0:
            terms = model_terms(rows.covariates)
            columns = terms.times(np.eye(len(terms.names)))
        try:
            scores = _scores(rows, treated, columns, self.method)
        except UndeterminedError as failure:
            if terms is None:
                raise
            raise failure.named(terms.covariates[failure.column]) from None
        contributions, clusters = summed_by_cluster(
            scores.contributions[:, np.newaxis], rows.cluster
        )
        error = np.sqrt(np.sum(contributions**2, axis=0))
        if error[0] <= _ROUNDING * np.abs(rows.values).max():
            contributions[:], error[:] = 0.0, 0.0
        note = why_no_error_of_rows(rows.cluster, treated, rows.post)
        if note:
            contributions[:], error[:] = np.nan, np.nan
        table = pd.DataFrame(
            {
                "month": [int(after - group)],
                "group": [group],
                "period": [int(after)],
                "estimate": [scores.estimate],
                "se": error,
                "n_treated": [int((treated & rows.seen).sum())],
                "n_control": [int((~treated & rows.seen).sum()) - scores.trimmed_after],
                "treated_mean": [scores.treated_mean],
                "control_mean": [scores.treated_mean - scores.estimate],
                "note": [note],
            }
        )
        alone = len(clusters) == len(treated)
        nature = "unité" if alone else "grappe"
        wording = Wording(
            comparison="traités contre non traités",
            outcome=sample.outcome,
            estimator=_ESTIMATORS[self.method] + _adjustment(terms, self.method),
            estimand="ATT, différence de différences",
            se_kind="fonction d'influence" + ("" if alone else _clustered(len(clusters))),
            target_population=_population(rows),
            weights="traités" + ("" if rows.is_equal else ", par poids de sondage"),
            base_period=str(before),
            control_group=_controls(rows, after, scores.trimmed),
            contribution_kind="influence",
        )
        return Effects(
            table=tidy(table, wording, level=self.level),
            contributions=StoredContributions(contributions, clusters.rename(nature)),
            level=self.level,
        )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Changes of units, or levels of rows with the period they are of."""

    values: np.ndarray
    post: np.ndarray | None
    first: np.ndarray
    covariates: pd.DataFrame
    cluster: np.ndarray
    weights: np.ndarray
    lost_treated: int = 0
    lost_controls: int = 0

    @property
    def is_equal(self) -> bool:
        return bool((self.weights == self.weights[0]).all())

    @property
    def seen(self) -> np.ndarray:
        """Who is observed after."""
        return np.ones(len(self.values), dtype=bool) if self.post is None else self.post


def _dates(sample: Panel | CrossSections) -> tuple[int, int, float]:
    """The period before, the period after, and the one of first treatment."""
    periods = sample.periods
    if len(periods) != 2:
        raise InputError(
            f"DifferenceInDifferences takes two periods and there are {len(periods)}: keep two, or "
            "use GroupTimeATT for all of them"
        )
    before, after = (int(period) for period in periods)
    groups = sample.groups
    early = int(np.count_nonzero(sample.first_treated <= before))
    if early:
        raise InputError(
            f"{counted(early)} first treated by period {before} have no period before treatment: "
            f"leave out the groups {_listed(groups[groups <= before])}"
        )
    inside = groups[groups <= after]
    if len(inside) != 1:
        found = f"the groups {_listed(inside)} are" if len(inside) else "no group is"
        raise InputError(
            f"{found} first treated after period {before} and by period {after} where one must be: "
            "keep one group and the units treated later or never"
        )
    return before, after, float(inside[0])


def _listed(groups: np.ndarray) -> str:
    return ", ".join(f"{group:g}" for group in groups)


def _changes(panel: Panel, adjusted: bool) -> _Rows:
    """Changes of the units that are observed twice, and with their covariates if these serve."""
    covariates = panel.covariates_at(0)
    whole = np.isfinite(panel.values).all(axis=1)
    if adjusted:
        whole &= covariates.notna().to_numpy().all(axis=1)
    treated = panel.first_treated <= panel.periods[1]
    return _Rows(
        values=panel.values[whole, 1] - panel.values[whole, 0],
        post=None,
        first=panel.first_treated[whole],
        covariates=covariates[whole],
        cluster=panel.cluster[whole],
        weights=panel.weights[whole],
        lost_treated=int((treated & ~whole).sum()),
        lost_controls=int((~treated & ~whole).sum()),
    )


def _levels(sections: CrossSections) -> _Rows:
    return _Rows(
        values=sections.values,
        post=sections.period == sections.periods[1],
        first=sections.first_treated,
        covariates=sections.covariates,
        cluster=sections.cluster,
        weights=sections.weights,
    )


def _check_both(treated: np.ndarray, rows: _Rows) -> None:
    lost = " observed at both periods" if rows.lost_treated + rows.lost_controls else ""
    if not treated.any():
        raise InputError(f"no treated unit is{lost or ' there'}: there is no effect to estimate")
    if treated.all():
        raise InputError(
            f"no control is{lost or ' there'}: add units that are never treated, or treated after "
            "the second period"
        )


def _scores(rows: _Rows, treated: np.ndarray, columns: np.ndarray, method: Method) -> LevelScores:
    weights = rows.weights
    if method == "means":
        method = "reg"
    if rows.post is not None:
        return att_of_levels(rows.values, rows.post, treated, columns, weights, method)
    if method == "ipw-ht" or method == "dr-improved":
        return _sum_of_changes(rows.values, treated, columns, weights, method)
    try:
        made = att_of_changes(rows.values[:, np.newaxis], treated, columns, weights, method)
    except NotIdentifiedError:
        # The same fits name the covariate that is to blame, where one is.
        if method != "reg":
            logit_odds(treated, columns, weights)
        if method != "ipw":
            LeastSquares.fit(columns, rows.values, weights * ~treated)
        raise
    return LevelScores(
        float(made.estimate[0]),
        made.contributions[:, 0],
        float(made.treated_mean[0]),
        made.trimmed,
        made.trimmed,
    )


def _sum_of_changes(
    change: np.ndarray,
    treated: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    method: Literal["ipw-ht", "dr-improved"],
) -> LevelScores:
    """Sums over treated and controls, divided by the weights of the treated.

    The odds of Abadie (2005) are those of a logit, and their estimation counts. Tilting and the
    regression that goes with it have a null derivative: tilting makes the means of covariates
    equal, and the regression weighted by the odds makes its residuals orthogonal to them.
    """
    targets = weights * treated
    mass = targets.sum()
    improved = method == "dr-improved"
    odds = (tilted_odds if improved else logit_odds)(treated, columns, weights)
    trimmed = ~odds.overlapping & ~treated
    if (trimmed | treated).all():
        raise InputError(
            f"all controls have a score of {TRIMMED_FROM} or more: leave out the covariates that "
            "tell the treated apart"
        )
    gap = change
    if improved:
        gap = change - LeastSquares.fit(columns, change, weights * odds.values * ~treated).fitted
    terms = np.where(treated, targets, -weights * odds.values * ~trimmed) * gap / mass
    estimate = float(terms.sum())
    contributions = terms - targets * estimate / mass
    if not improved:
        contributions += odds.influence(np.where(treated, 0.0, terms))
    mean = float(targets @ change / mass)
    number = int(trimmed.sum())
    return LevelScores(estimate, contributions, mean, number, number)


def _adjustment(terms: Terms | None, method: Method) -> str:
    """What the estimate is conditional on, and the columns that could not enter."""
    if method == "means":
        return ""
    if terms is None:
        return ", sans covariable"
    used = list(dict.fromkeys(terms.covariates[1:]))
    made = ", selon " + ", ".join(used) if used else ", sans covariable qui varie"
    if terms.dropped:
        made += f" (écartées, constantes ou colinéaires\u202f: {', '.join(terms.dropped)})"
    return made


def _clustered(number: int) -> str:
    few = ", peu de grappes" if number < _FEW_CLUSTERS else ""
    return f", par grappe ({number}{few})"


def _population(rows: _Rows) -> str:
    if rows.post is not None:
        return "traités, vus avant ou après"
    lost = rows.lost_treated + rows.lost_controls
    if not lost:
        return "ensemble des traités"
    return (
        f"traités observés aux deux périodes ({_shown(rows.lost_treated)} traités et "
        f"{_shown(rows.lost_controls)} témoins ne le sont pas)"
    )


def _controls(rows: _Rows, after: int, trimmed: int) -> str:
    never = np.isnan(rows.first)
    later = bool((rows.first > after).any())
    names = ["jamais traitées"] * bool(never.any()) + [f"traitées après {after}"] * later
    label = f"unités {' ou '.join(names)}"
    if trimmed:
        label += f", hors {_shown(trimmed)} de score\u202f≥\u202f0,995"
    return label


def _shown(number: int) -> str:
    """A count as a table may say it."""
    return f"moins de {SMALLEST_SHOWN}" if 0 < number < SMALLEST_SHOWN else f"{number}"
