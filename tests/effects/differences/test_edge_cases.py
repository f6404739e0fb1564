"""Every estimator on every awkward panel: an effect with its error, or a reason, never silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects import Effects
from pacte_eval.effects.differences import (
    DifferenceInDifferences,
    EventStudy,
    ExtendedTwoWay,
    GroupTimeATT,
    Imputation,
    SunAbraham,
    TwoWayFixedEffects,
)
from pacte_eval.effects.differences.panel_scores import Rows, fit_changes
from pacte_eval.frames import Panel
from tests.effects.differences.staggered_panels import panel_of, staggered

NEVER = np.nan


class Estimator(Protocol):
    def fit(self, panel: Panel) -> Effects: ...


ESTIMATORS: dict[str, Estimator] = {
    "two by two, doubly robust": DifferenceInDifferences(),
    "two by two, means": DifferenceInDifferences(method="means"),
    "two-way": TwoWayFixedEffects(),
    "event study": EventStudy(),
    "group-time": GroupTimeATT(),
    "group-time, not yet treated": GroupTimeATT(control="not-yet-treated", method="reg"),
    "group-time, universal base": GroupTimeATT(base="universal", method="ipw"),
    "interaction-weighted": SunAbraham(),
    "interaction-weighted, last treated": SunAbraham(control="last-treated"),
    "extended": ExtendedTwoWay(),
    "extended, all periods": ExtendedTwoWay(free="all"),
    "imputation": Imputation(),
}


def frame(seed: int = 3, **changes: object) -> pd.DataFrame:
    return staggered(seed, **changes)  # type: ignore[arg-type]


def one_cohort() -> Panel:
    return panel_of(frame(groups=(4.0, NEVER)))


def one_cohort_two_periods() -> Panel:
    return panel_of(frame(groups=(2.0, NEVER), periods=2))


def two_periods_one_treated_unit() -> Panel:
    long = frame(groups=(2.0, NEVER), periods=2)
    return panel_of(long.assign(first=long["first"].where(long["unit"] == _treated(long)[0])))


def two_periods_two_clusters() -> Panel:
    long = frame(groups=(2.0, NEVER), periods=2)
    return panel_of(long.assign(place=np.where(long["first"].isna(), "13", "84")), cluster="place")


def one_treated_unit() -> Panel:
    long = frame(groups=(3.0, NEVER))
    return panel_of(long.assign(first=long["first"].where(long["unit"] == _treated(long)[0])))


def a_cohort_of_one_unit() -> Panel:
    long = frame()
    alone = (long["first"] != 5) | (long["unit"] == long.loc[long["first"] == 5, "unit"].iloc[0])
    return panel_of(long[alone])


def nobody_never_treated() -> Panel:
    return panel_of(frame(groups=(3.0, 5.0)))


def everyone_treated_at_once() -> Panel:
    return panel_of(frame(groups=(3.0,)))


def everyone_treated_from_the_start() -> Panel:
    return panel_of(frame(groups=(1.0, NEVER)))


def nobody_treated() -> Panel:
    return panel_of(frame(groups=(NEVER,)))


def gaps() -> Panel:
    return panel_of(frame(gaps=0.2))


def constant_outcome() -> Panel:
    return panel_of(frame().assign(y=1.0))


def a_month_without_outcome() -> Panel:
    long = frame()
    return panel_of(long.assign(y=long["y"].where(long["time"] != 4)))


def months_before_without_outcome() -> Panel:
    long = frame()
    return panel_of(long.assign(y=long["y"].where(long["time"] > 3)))


def no_outcome_at_all() -> Panel:
    return panel_of(frame().assign(y=np.nan))


def one_cluster() -> Panel:
    return panel_of(frame().assign(place="13"), cluster="place")


def two_clusters() -> Panel:
    long = frame()
    return panel_of(long.assign(place=np.where(long["first"].isna(), "13", "84")), cluster="place")


def periods_that_jump() -> Panel:
    long = frame()
    return panel_of(long[~long["time"].isin([2, 4])])


def separated_by_a_covariate() -> Panel:
    long = frame()
    return panel_of(long.assign(b=long["first"].notna().astype(float)), covariates=("a", "b"))


def constant_covariate() -> Panel:
    return panel_of(frame().assign(b=1.0), covariates=("a", "b"))


def covariate_missing() -> Panel:
    long = frame()
    return panel_of(long.assign(b=long["b"].where(long["unit"] % 3 > 0)), covariates=("b",))


CASES: list[Callable[[], Panel]] = [
    one_cohort,
    one_cohort_two_periods,
    two_periods_one_treated_unit,
    two_periods_two_clusters,
    one_treated_unit,
    a_cohort_of_one_unit,
    nobody_never_treated,
    everyone_treated_at_once,
    everyone_treated_from_the_start,
    nobody_treated,
    gaps,
    constant_outcome,
    a_month_without_outcome,
    months_before_without_outcome,
    no_outcome_at_all,
    one_cluster,
    two_clusters,
    periods_that_jump,
    separated_by_a_covariate,
    constant_covariate,
    covariate_missing,
]


def _treated(long: pd.DataFrame) -> np.ndarray:
    return long.loc[long["first"].notna(), "unit"].unique()


def outcome_of(name: str, case: Callable[[], Panel]) -> Effects | str:
    """Effects, or the message of what refuses the panel."""
    try:
        return ESTIMATORS[name].fit(case())
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("error")
def test_an_effect_comes_with_its_error_or_a_reason(name: str, case: Callable[[], Panel]) -> None:
    effects = outcome_of(name, case)
    if isinstance(effects, str):
        assert 30 < len(effects) < 500
        assert "\n" not in effects
        return
    table = effects.table
    known, error = table["estimate"].notna(), table["se"]
    note = table["note"] if "note" in table else pd.Series("", index=table.index)
    assert known.any()
    assert error[~known].isna().all()
    assert note[error.isna()].ne("").all()
    base = table["estimate"].eq(0) & error.eq(0)
    assert (table.loc[known & ~base, "n_treated"] > 0).all()
    for words in ("weights", "base_period", "control_group", "se_kind", "target_population"):
        assert table[words].ne("").all()
    if case is constant_outcome:
        assert table.loc[known, "estimate"].abs().max() < 1e-12
        assert error.max() < 1e-12
        return
    assert (error[~base & error.notna()] > 1e-8).all()
    assert base.sum() <= (table["group"].nunique() if "group" in table else 0)
    if error.gt(0).any():
        low = effects.bands()["band_low"]
        assert (low[low.notna()] <= table.loc[low.notna(), "ci_low"] + 1e-12).all()


def test_a_start_where_the_score_is_flat_leads_to_the_same_effect() -> None:
    random = np.random.default_rng(3)
    columns = np.column_stack([np.ones(200), random.normal(size=200)])
    treated = random.random(200) < 0.4
    arms = [
        Rows(columns[arm], np.ones(arm.sum()), random.normal(size=(arm.sum(), 2)))
        for arm in (treated, ~treated)
    ]
    known = fit_changes(arms[0], [arms[1]], "dr")
    found = fit_changes(arms[0], [arms[1]], "dr", np.array([-2_000.0, 0.0]))
    np.testing.assert_allclose(found.estimate, known.estimate, atol=1e-9)
