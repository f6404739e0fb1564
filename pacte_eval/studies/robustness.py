"""Verdicts that follow the effects: refuters, sensitivity to what is not observed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import number
from pacte_eval.definitions.study import Thresholds
from pacte_eval.diagnostics import Verdicts
from pacte_eval.diagnostics.refutation import refutation_verdicts, refute
from pacte_eval.diagnostics.sensitivity.e_value import e_value, e_value_verdict
from pacte_eval.diagnostics.sensitivity.left_out import leave_block_out, left_out_verdict
from pacte_eval.diagnostics.sensitivity.marginal_model import (
    marginal_sensitivity,
    marginal_verdict,
)
from pacte_eval.diagnostics.sensitivity.omitted_variable import robustness as omitted_variable
from pacte_eval.diagnostics.sensitivity.omitted_variable import (
    robustness_verdict as omitted_variable_verdict,
)
from pacte_eval.diagnostics.sensitivity.rosenbaum import (
    companion_pairs,
    rosenbaum_bounds,
    rosenbaum_verdict,
)
from pacte_eval.diagnostics.sensitivity.simulated_confounder import (
    simulated_confounder,
    simulated_confounder_verdict,
)
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes
from pacte_eval.studies.analysis import Analysis, Designed, lost
from pacte_eval.studies.designs import named_design

ROSENBAUM, E_VALUE, OMITTED = "bornes de Rosenbaum", "E-value", "variable omise"
MARGINAL, LEFT_OUT, SIMULATED = "modèle marginal", "bloc laissé de côté", "facteur simulé"
BENCHMARKS = ("age", "sex", "diploma", "unemployment_duration", "qualification")
# Of a hidden advantage: more frequent among the trained, and among those who do well.
CONFOUNDER = (0.6, 0.5, 0.5, 0.4)
CONFOUNDER_DRAWS = 10
_COLUMNS = ["method", "rank", "setting", "estimate", "low", "high", "p_low", "p_high", "n_treated"]
MARGINAL_DRAWS = 200
DRAWS = 10
SEED = 2019
MOST = 8_000


@dataclass(frozen=True)
class Robustness:
    """What follows the effects: verdicts, and the numbers behind them.

    Attributes
    ----------
    verdicts : Verdicts
    table : DataFrame
        ``method``, ``rank``, ``setting``, ``estimate``, ``low``, ``high``, ``p_low``, ``p_high``,
        ``n_treated``, ``n_lost``.
    """

    verdicts: Verdicts
    table: pd.DataFrame


def robustness(analysis: Analysis, whole: Designed) -> Robustness:
    """How the primary effect in the whole population withstands what is not observed.

    None of it seals the effect; a method that these people do not allow says so in its verdict.
    """
    study = analysis.study
    month, thresholds = study.primary.month, study.thresholds
    outcome = analysis.cohort.outcomes[study.primary.outcome].at([month])
    found = [_attempted("réfutations", lambda: _refuted(whole, outcome, month))]
    found.append(_attempted(ROSENBAUM, lambda: _rosenbaum(whole, outcome, month, thresholds)))
    if outcome.measure == "part":
        found.append(_attempted(E_VALUE, lambda: _e_value(whole, outcome, thresholds)))
    found.append(_attempted(OMITTED, lambda: _omitted(analysis, whole, outcome, month)))
    found.append(_attempted(MARGINAL, lambda: _marginal(whole, outcome, month, thresholds)))
    if study.blocks:
        found.append(_attempted(LEFT_OUT, lambda: _left_out(analysis, whole, outcome, month)))
    if outcome.measure == "part":
        found.append(_attempted(SIMULATED, lambda: _simulated(analysis, whole, outcome, month)))
    tables = [one.table for one in found if len(one.table)]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    if len(table):
        table["rank"] = table.groupby("method").cumcount() + 1
        table = table.reindex(columns=_COLUMNS).assign(
            outcome=outcome.name, month=month, n_lost=lost(whole.level)
        )
    return Robustness(Verdicts.joined([one.verdicts for one in found]), table)


def _attempted(method: str, made: Callable[[], Robustness]) -> Robustness:
    try:
        return made()
    except InputError as error:
        sentence = f"N’a pu être fait sur ces personnes ({error})."
        return _only(Verdicts.single(method, np.nan, np.nan, "non testable", sentence))


def _only(verdicts: Verdicts) -> Robustness:
    return Robustness(verdicts, pd.DataFrame())


def _rosenbaum(
    whole: Designed, outcome: Outcomes, month: Period, thresholds: Thresholds
) -> Robustness:
    pairs = companion_pairs(whole.comparison)
    table = rosenbaum_bounds(pairs, outcome, month)
    rows = table.rename(columns={"n_pairs": "n_treated"}).assign(
        method=ROSENBAUM, setting=_written("Γ", table["gamma"])
    )
    return Robustness(rosenbaum_verdict(pairs, outcome, month, thresholds.min_gamma), rows)


def _e_value(whole: Designed, outcome: Outcomes, thresholds: Thresholds) -> Robustness:
    row = estimate(whole.level, outcome, cluster="person").table.iloc[0]
    names = ("treated_mean", "control_mean", "ci_low", "ci_high")
    found = e_value(*(float(row[name]) for name in names))
    return _only(e_value_verdict(found, thresholds.min_e_value))


def _omitted(analysis: Analysis, whole: Designed, outcome: Outcomes, month: Period) -> Robustness:
    known = list(whole.level.comparison.covariates.columns)
    benchmarks = [name for name in known if name in BENCHMARKS]
    found = omitted_variable(whole.level, outcome, month, benchmarks)
    labels = analysis.cohort.covariate_labels
    told = found.table["covariate"].map(lambda name: labels.get(name, name))
    times = found.table["times"].map(lambda count: f"{count}\u202f× ")
    rows = found.table.rename(columns={"ci_low": "low", "ci_high": "high"}).assign(
        method=OMITTED, setting=times + told, n_treated=whole.level.n_treated
    )
    return Robustness(omitted_variable_verdict(found), rows)


def _marginal(
    whole: Designed, outcome: Outcomes, month: Period, thresholds: Thresholds
) -> Robustness:
    table = marginal_sensitivity(whole.level, outcome, month, draws=MARGINAL_DRAWS)
    rows = pd.DataFrame(
        {
            "method": MARGINAL,
            "setting": _written("Λ", table["lambda"]),
            "low": table["ci_low"],
            "high": table["ci_high"],
            "n_treated": whole.level.n_treated,
        }
    )
    verdict = marginal_verdict(
        whole.level, outcome, month, thresholds.min_lambda, draws=MARGINAL_DRAWS
    )
    return Robustness(verdict, rows)


def _left_out(analysis: Analysis, whole: Designed, outcome: Outcomes, month: Period) -> Robustness:
    blocks = {
        block: _columns(names, whole.comparison) for block, names in analysis.study.blocks.items()
    }
    estimator = named_design(analysis.study.estimators.main, whole.comparison)
    table = leave_block_out(whole.comparison, estimator, outcome, blocks, month)
    rows = table.rename(columns={"block": "setting", "ci_low": "low", "ci_high": "high"})
    return Robustness(left_out_verdict(table), rows.assign(method=LEFT_OUT))


def _simulated(analysis: Analysis, whole: Designed, outcome: Outcomes, month: Period) -> Robustness:
    estimator = named_design(analysis.study.estimators.main, whole.comparison)
    found = simulated_confounder(
        whole.comparison, estimator, outcome, month, CONFOUNDER, draws=CONFOUNDER_DRAWS, seed=SEED
    )
    return _only(simulated_confounder_verdict(found))


def _columns(names: Sequence[str], comparison: Comparison) -> list[str]:
    """The columns of declared covariates, a history being several."""
    known = [str(name) for name in comparison.covariates.columns]
    prefixes = {"employment_history": "emploi", "earnings_history": "salaire"}
    return [
        column
        for name in names
        for column in known
        if column == name or (name in prefixes and column.startswith(prefixes[name]))
    ]


def _written(letter: str, values: pd.Series) -> pd.Series:
    return values.map(lambda value: f"{letter} = {number(float(value), 1)}")


def _refuted(whole: Designed, outcome: Outcomes, month: Period) -> Robustness:
    people = of_equal_weight(whole.comparison)
    return _only(refutation_verdicts(refute(people, outcome, month, draws=DRAWS, seed=SEED)))


def of_equal_weight(comparison: Comparison) -> Comparison:
    """At most 8,000 units or so, drawn in proportion to their weights in each arm, weighing one.

    The refuters know no weight: each unit is kept with the chance that its weight has beside the
    largest of its arm, so that those kept stand for the same people.
    """
    weights = comparison.weights
    largest = np.where(
        comparison.treated,
        weights[comparison.treated].max(),
        weights[~comparison.treated].max(),
    )
    chances = weights / largest
    chances *= min(1.0, MOST / chances.sum())
    kept = np.random.default_rng(SEED).random(len(weights)) < chances
    if not kept[comparison.treated].any() or not kept[~comparison.treated].any():
        return comparison
    drawn = comparison.subset(kept)
    return replace(drawn, weights=np.ones(len(drawn)))
