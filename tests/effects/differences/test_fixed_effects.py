"""Two-way fixed effects: reference numbers, linearmodels on random panels, truth, edge cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from linearmodels import PanelOLS
from linearmodels.datasets import wage_panel

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.differences.two_way.fixed_effects import (
    EventStudy,
    TwoWayEffects,
    TwoWayFixedEffects,
)
from pacte_eval.effects.differences.two_way.regression import two_way_regression
from pacte_eval.frames import Panel

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "fixed_effects.csv")
QUICK = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def long_frame(
    seed: int,
    *,
    units: int = 60,
    periods: int = 6,
    groups: tuple[float, ...] = (np.nan, 3, 4, 5),
    missing: float = 0.0,
    effect: Any = lambda group, age: 1.0,
) -> pd.DataFrame:
    """Cohorts in turn, so that each has its share; periods from 1."""
    random = np.random.default_rng(seed)
    first = np.resize(np.array(groups, dtype=float), units)
    time = np.arange(1, periods + 1)
    age = time - first[:, np.newaxis]
    gain = np.where(age >= 0, effect(first[:, np.newaxis], age), 0.0)
    noise = random.normal(size=(units, periods)).cumsum(axis=1)
    moving = random.normal(size=(units, periods)) + 0.3 * noise
    outcome = 10 + random.normal(size=(units, 1)) + time**1.5 + noise + gain + 0.5 * moving
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(units), periods),
            "period": np.tile(time, units),
            "first": np.repeat(first, periods),
            "y": outcome.ravel(),
            "x": moving.ravel(),
            "fixed": np.repeat(random.normal(size=units), periods),
            "zone": np.repeat(np.arange(units) // 3, periods),
            "w": np.repeat(random.uniform(0.5, 2, units), periods),
        }
    )
    return frame[random.random(len(frame)) >= missing].reset_index(drop=True)


def panel(frame: pd.DataFrame, **columns: Any) -> Panel:
    return Panel.from_frame(
        frame, unit="unit", period="period", first_treated="first", outcome="y", **columns
    )


def peer(frame: pd.DataFrame, regressors: pd.DataFrame, cluster: str, weights: bool) -> Any:
    """linearmodels, without its own correction for small samples."""
    index = pd.MultiIndex.from_frame(frame[["unit", "period"]])
    weight = pd.Series(frame["w"].to_numpy(), index=index) if weights else None
    model = PanelOLS(
        pd.Series(frame["y"].to_numpy(), index=index, name="y"),
        regressors.set_axis(index, axis=0),
        entity_effects=True,
        time_effects=True,
        weights=weight,
    )
    return model.fit(
        cov_type="clustered",
        clusters=pd.DataFrame({"cluster": frame[cluster].to_numpy()}, index=index),
        debiased=False,
        auto_df=False,
        count_effects=False,
    )


def correction(frame: pd.DataFrame, regressors: int, cluster: str) -> float:
    observations, clusters = len(frame), frame[cluster].nunique()
    freedom = observations - regressors - frame["period"].nunique()
    return float(np.sqrt((observations - 1) / freedom * clusters / (clusters - 1)))


def same(found: Any, expected: Any, rtol: float = 1e-8) -> None:
    np.testing.assert_allclose(np.asarray(found, dtype=float), expected, rtol=rtol, atol=1e-8)


def test_wage_panel() -> None:
    frame = wage_panel.load().assign(first=np.nan).rename(columns={"nr": "unit", "lwage": "y"})
    frame["period"] = frame["year"].astype(int)
    names = ["expersq", "union", "married"]
    fit = two_way_regression(
        panel(frame, covariates=names), np.zeros(545, dtype=int), np.empty((1, 8, 0)), []
    )
    rows = REFERENCE[REFERENCE["data"] == "wage_panel"]
    assert [f"two-way within: {name}" for name in fit.names] == rows["specification"].tolist()
    np.testing.assert_allclose(fit.coefficients, rows["estimate"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(fit.errors, rows["se"], rtol=0, atol=1e-10)
    assert fit.observations == rows["n"].iloc[0]


@QUICK
@given(
    seed=st.integers(0, 10**6),
    missing=st.sampled_from([0.0, 0.15, 0.4]),
    moving=st.booleans(),
    zones=st.booleans(),
    weights=st.booleans(),
)
def test_static_is_that_of_linearmodels(
    seed: int, missing: float, moving: bool, zones: bool, weights: bool
) -> None:
    frame = long_frame(seed, missing=missing)
    frame = frame[frame.groupby("unit")["y"].transform("size") > 1]
    cluster = "zone" if zones else "unit"
    effects = TwoWayFixedEffects().fit(
        panel(
            frame,
            covariates=["x", "fixed"] if moving else ["fixed"],
            cluster=cluster,
            weights="w" if weights else None,
        )
    )
    regressors = pd.DataFrame({"d": (frame["period"] >= frame["first"]).astype(float)})
    if moving:
        regressors["x"] = frame["x"]
    expected = peer(frame, regressors, cluster, weights)
    factor = correction(frame, regressors.shape[1], cluster)
    same(effects.table["estimate"], expected.params.iloc[:1])
    same(effects.table["se"], factor * expected.std_errors.iloc[:1])
    same(effects.covariates["estimate"], expected.params.iloc[1:])
    same(effects.covariates["se"], factor * expected.std_errors.iloc[1:])
    assert effects.left_out == {"covariables constantes, absorbées par les effets d'unité": 1}


@QUICK
@given(
    seed=st.integers(0, 10**6),
    missing=st.sampled_from([0.0, 0.15]),
    moving=st.booleans(),
    window=st.sampled_from([None, (-3, 2)]),
)
def test_event_study_is_that_of_linearmodels(
    seed: int, missing: float, moving: bool, window: tuple[int, int] | None
) -> None:
    frame = long_frame(seed, missing=missing)
    frame = frame[frame.groupby("unit")["y"].transform("size") > 1]
    effects = EventStudy(window=window).fit(panel(frame, covariates=["x"] if moving else []))
    relative = frame["period"] - frame["first"]
    if window:
        relative = relative.clip(*window)
    times = effects.table["month"].tolist()
    assert times == sorted(set(relative.dropna().astype(int)) - {-1})
    regressors = pd.DataFrame({f"e{time}": (relative == time).astype(float) for time in times})
    if moving:
        regressors["x"] = frame["x"]
    expected = peer(frame, regressors, "unit", weights=False)
    factor = correction(frame, regressors.shape[1], "unit")
    same(effects.table["estimate"], expected.params.iloc[: len(times)])
    same(effects.table["se"], factor * expected.std_errors.iloc[: len(times)])
    joint = effects.covariance().to_numpy()
    same(joint, factor**2 * expected.cov.iloc[: len(times), : len(times)], rtol=1e-6)
    assert effects.table["base_period"].unique().tolist() == ["période relative −1"]


def test_static_coefficient_is_wrong_where_effects_grow_and_right_where_they_do_not() -> None:
    def average(effect: Any) -> tuple[float, float]:
        frame = long_frame(3, units=4000, periods=10, groups=(3, 6), effect=effect)
        found = TwoWayFixedEffects().fit(panel(frame, covariates=["x"])).table.iloc[0]
        return float(found["estimate"]), float(found["se"])

    constant, error = average(lambda group, age: 1.0)
    assert abs(constant - 1) < 3 * error
    growing, error = average(lambda group, age: np.where(group == 3, age**2, 0.2 * age))
    assert growing < -3 * error  # every planted effect is zero or more


def test_event_study_recovers_a_path_common_to_cohorts() -> None:
    frame = long_frame(5, units=4000, effect=lambda group, age: 1 + 0.5 * age)
    table = EventStudy().fit(panel(frame, covariates=["x"])).table
    truth = np.where(table["month"] >= 0, 1 + 0.5 * table["month"], 0.0)
    assert (np.abs(table["estimate"] - truth) < 3.5 * table["se"]).all()


@pytest.mark.slow
def test_intervals_cover() -> None:
    inside = 0
    for seed in range(400):
        frame = long_frame(seed, units=80, groups=(np.nan, 4), effect=lambda group, age: 2.0)
        row = TwoWayFixedEffects().fit(panel(frame)).table.iloc[0]
        inside += row["ci_low"] <= 2 <= row["ci_high"]
    assert 0.91 <= inside / 400 <= 0.98  # 0.95 ± 4 Monte Carlo errors, no less than 0.91


def test_one_cohort_is_the_difference_of_mean_differences() -> None:
    frame = long_frame(1, groups=(np.nan, 4))
    mean = frame.groupby([frame["first"].notna(), frame["period"] >= 4])["y"].mean()
    expected = (mean[True, True] - mean[True, False]) - (mean[False, True] - mean[False, False])
    effects = TwoWayFixedEffects().fit(panel(frame))
    assert effects.table["estimate"].iloc[0] == pytest.approx(expected, abs=1e-10)
    assert effects.table["estimand"].iloc[0].startswith("effet moyen sur les traités (ATT)")
    assert effects.table["control_group"].iloc[0] == "unités jamais traitées"
    assert effects.table[["n_treated", "n_control"]].iloc[0].tolist() == [30, 30]


def test_staggered_entry_is_said_to_weigh_effects_maybe_negatively() -> None:
    for estimator in (TwoWayFixedEffects(), EventStudy()):
        row = estimator.fit(panel(long_frame(1))).table.iloc[0]
        assert "négatifs" in row["estimand"]
        assert row["control_group"] == "unités jamais traitées, pas encore traitées, déjà traitées"
        assert row["contribution_kind"] == "influence"
        assert row["se_kind"] == "groupé par unité (60 grappes), corrigé des degrés de liberté"


def test_few_clusters_and_sampling_weights_are_said() -> None:
    effects = TwoWayFixedEffects().fit(panel(long_frame(1), cluster="zone", weights="w"))
    row = effects.table.iloc[0]
    assert row["se_kind"].startswith("groupé (20 grappes, peu de grappes)")
    assert effects.contributions is not None
    assert effects.contributions.clusters.name == "grappe"
    assert row["weights"].endswith(", par poids de sondage")
    assert row["base_period"] == "toutes les périodes non traitées, par effets fixes"


def test_a_cohort_of_one_unit_has_an_estimate_without_error() -> None:
    frame = long_frame(2)
    frame.loc[frame["unit"] == 1, "first"] = 2
    table: Any = EventStudy().fit(panel(frame)).table.set_index("month")
    alone, together = table.loc[4], table.loc[2]
    assert alone["n_treated"] == 1
    assert pd.notna(alone["estimate"])
    assert pd.isna(alone["se"])
    assert together["se"] > 0


def test_nobody_never_treated_needs_a_second_reference() -> None:
    frame = long_frame(4, groups=(3, 4, 5))
    assert np.isfinite(TwoWayFixedEffects().fit(panel(frame)).table["se"]).all()
    with pytest.raises(InputError, match=r"give a second reference, as reference=\[-1, -4\]"):
        EventStudy().fit(panel(frame))
    effects = EventStudy(reference=[-3, -1]).fit(panel(frame))
    assert effects.table["base_period"].iloc[0] == "périodes relatives −1 et −3"
    assert not set(effects.table["month"]) & {-1, -3}
    assert np.isfinite(effects.table["se"]).all()


def test_anticipation_moves_the_reference() -> None:
    made = panel(long_frame(4))
    early = EventStudy(anticipation=1).fit(made).table
    assert early.pop("anticipation").eq(1).all()
    pd.testing.assert_frame_equal(early, EventStudy(reference=-2).fit(made).table)
    assert early["base_period"].iloc[0] == "période relative −2"


def test_gaps_are_used_and_what_cannot_be_is_counted() -> None:
    frame = long_frame(6)
    frame.loc[frame["period"] == 2, "y"] = np.nan
    frame.loc[(frame["unit"] == 0) & (frame["period"] > 1), "y"] = np.nan
    frame.loc[frame["unit"] == 1, "first"] = 9
    effects = TwoWayFixedEffects().fit(panel(frame))
    assert effects.left_out == {
        "unités observées à moins de deux périodes": 1,
        "périodes sans observation": 1,
        "unités traitées après la dernière période, comptées comme jamais traitées": 1,
    }
    kept = frame[(frame["period"] != 2) & (frame["unit"] != 0)]
    never = kept["first"].where(kept["first"] < 9)
    same = TwoWayFixedEffects().fit(panel(kept.assign(first=never)))
    columns = ["estimate", "se"]
    np.testing.assert_allclose(effects.table[columns], same.table[columns], rtol=1e-10)


def test_a_constant_outcome_has_no_effect_and_no_error() -> None:
    effects = EventStudy().fit(panel(long_frame(1).assign(y=3.0)))
    assert (effects.table["estimate"] == 0).all()
    assert (effects.table["se"] == 0).all()
    assert (effects.bands()["band_low"] == 0).all()


def test_effects_pool_and_cumulate() -> None:
    effects = EventStudy().fit(panel(long_frame(1)))
    total = effects.cumulate(first=0).table.iloc[-1]
    after = effects.table["month"] >= 0
    assert total["estimate"] == pytest.approx(effects.table.loc[after, "estimate"].sum())
    assert total["se"] == pytest.approx(
        np.sqrt(effects.covariance(after.to_numpy()).to_numpy().sum())
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first": np.nan}, "no unit is first treated"),
        ({"first": 4}, "nobody is left to compare with"),
        ({"first": 1}, "have no period before"),
        ({"zone": 0}, "one cluster"),
        ({"y": np.nan}, "missing for all units"),
    ],
)
@pytest.mark.parametrize("estimator", [TwoWayFixedEffects(), EventStudy()])
def test_what_has_no_answer_is_refused(estimator: Any, change: Any, message: str) -> None:
    frame = long_frame(1).assign(**change)
    with pytest.raises(InputError, match=message):
        estimator.fit(panel(frame, cluster="zone"))


def test_collinear_regressors_are_named() -> None:
    frame = long_frame(1)
    frame["twice"] = frame["x"] * 2 + frame["period"] + frame["unit"]
    with pytest.raises(InputError, match=r"2 regressors are collinear \(x, twice\)"):
        TwoWayFixedEffects().fit(panel(frame, covariates=["x", "twice"]))


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"reference": []}, "must be one relative period or several"),
        ({"reference": 0.5}, "must be one relative period or several"),
        ({"window": (3, -3)}, "two relative periods"),
        ({"anticipation": -1}, "must be a number of periods"),
        ({"level": 95}, "between 0 and 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings_: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        EventStudy(**settings_)


def test_a_reference_that_is_no_period_is_refused() -> None:
    with pytest.raises(InputError, match="reference -9 is no relative period"):
        EventStudy(reference=-9).fit(panel(long_frame(1)))


def test_the_decomposition_comes_beside() -> None:
    effects: TwoWayEffects = TwoWayFixedEffects().fit(panel(long_frame(8)))
    assert effects.decomposition().estimate == pytest.approx(
        effects.table["estimate"].iloc[0], abs=1e-10
    )
