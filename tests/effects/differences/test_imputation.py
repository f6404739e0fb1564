"""Imputation: R's etwfe on balanced panels, weights of every observation written out, a simulation
of coverage, panels at the edge.

The conservative standard error has no published number here: it is derived anew below, and
simulated.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.differences.staggered.extended import ExtendedTwoWay
from pacte_eval.effects.differences.staggered.imputation import Imputation
from pacte_eval.effects.differences.two_way.fixed_effects import TwoWayFixedEffects

from .dense_regressions import Name, by_cell, cells, drawn, gapped, mpdta, panel_with, two_way
from .staggered_panels import panel_of, staggered

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "staggered.csv").set_index(
    "specification"
)
RANDOM = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@pytest.mark.parametrize(("prefix", "covariates"), [("not-yet-treated", ()), ("lpop", ("lpop",))])
def test_estimates_are_those_of_etwfe(prefix: str, covariates: tuple[str, ...]) -> None:
    table: Any = Imputation().fit(mpdta(*covariates)).table
    assert len(table) == 7
    for row in table.itertuples():
        known = REFERENCE.loc[f"{prefix} {row.group} {row.period}"]
        assert row.estimate == pytest.approx(known["estimate"], abs=1e-12)
        assert (row.n_treated, row.n_control) == (known["n_treated"], known["n_control"])


@given(seed=st.integers(0, 10_000))
@RANDOM
def test_a_balanced_panel_gives_the_extended_regression(seed: int) -> None:
    frame = gapped(seed, clustered=False, gaps=0.0)
    for covariates in [(), ("a",)]:
        panel = panel_with(frame, *covariates)
        ours, regression = Imputation().fit(panel).table, ExtendedTwoWay().fit(panel).table
        np.testing.assert_allclose(ours["estimate"], regression["estimate"], atol=1e-8)


def with_every_weight(
    frame: pd.DataFrame, columns: list[np.ndarray], effects: dict[Name, np.ndarray]
) -> tuple[dict[Name, float], np.ndarray]:
    """Estimates and covariance of cells, from the weight of each observation in each of them."""
    untreated = ~(frame["time"] >= frame["first"]).to_numpy()
    weight, outcome = frame["weight"].to_numpy(), frame["y"].to_numpy()
    units = pd.get_dummies(frame["unit"], dtype=float)
    periods = pd.get_dummies(frame["time"], dtype=float).iloc[:, 1:]
    z = np.column_stack([units, periods, *columns])
    bread = np.linalg.pinv(z[untreated].T @ (weight[untreated, np.newaxis] * z[untreated]))
    left = outcome - z @ (bread @ (z[untreated].T @ (weight * outcome)[untreated]))
    residual = left.copy()
    own: dict[Name, np.ndarray] = {}
    for cell, inside in effects.items():
        v = inside * weight / (inside @ weight)
        there = inside > 0
        by_cluster = pd.DataFrame({"v": v, "vt": v * left})[there].groupby(frame["cluster"][there])
        v_c, vt_c = by_cluster.sum()["v"], by_cluster.sum()["vt"]
        residual[there] -= (v_c * vt_c).sum() / (v_c**2).sum()
        v[untreated] = -(weight[:, np.newaxis] * z)[untreated] @ bread @ z.T @ v
        own[cell] = v
    number = frame["cluster"].nunique()
    factor = number / (number - 1) if number < frame["unit"].nunique() else 1.0
    terms = pd.DataFrame({str(cell): v * residual for cell, v in own.items()})
    summed = terms.groupby(frame["cluster"]).sum().to_numpy()
    return {cell: float(v @ outcome) for cell, v in own.items()}, factor * summed.T @ summed


@given(seed=st.integers(0, 10_000), clustered=st.booleans(), constant=st.booleans())
@RANDOM
def test_a_gapped_panel_is_every_weight_written_out(
    seed: int, clustered: bool, constant: bool
) -> None:
    frame = gapped(seed, clustered=clustered)
    columns = [frame["x"].to_numpy()]
    if constant:
        columns += [(frame["z"] * (frame["time"] == t)).to_numpy() for t in range(2, 7)]
    effects = cells(frame, lambda rows: rows["time"] >= rows["first"])
    estimates, covariance = with_every_weight(frame, columns, effects)
    found = Imputation().fit(panel_with(frame, "x", *(("z",) if constant else ())))
    assert [*by_cell(found.table, "estimate")] == [*estimates]
    np.testing.assert_allclose(found.table["estimate"], [*estimates.values()], atol=1e-8)
    np.testing.assert_allclose(found.covariance(), covariance, atol=1e-8)
    assert found.table["target_population"].iloc[0] == "unités traitées pendant le panel"


@pytest.mark.parametrize("clustered", [False, True])
def test_averages_weigh_observations_alike(clustered: bool) -> None:
    frame = gapped(12, clustered=clustered)
    effects = Imputation().fit(panel_with(frame))
    estimates, covariance = with_every_weight(
        frame, [], cells(frame, lambda rows: rows["time"] >= rows["first"])
    )
    treated = frame[frame["time"] >= frame["first"]]
    mass = treated.groupby(["first", "time"])["weight"].sum()
    assert [*mass.index] == [*estimates]
    share = mass.to_numpy() / mass.sum()
    overall = effects.aggregate("simple").table.iloc[-1]
    assert overall["estimate"] == pytest.approx(share @ [*estimates.values()], abs=1e-10)
    assert overall["se"] == pytest.approx(np.sqrt(share @ covariance @ share), abs=1e-10)


@pytest.mark.parametrize("number", [1, 2])
def test_leads_are_a_regression_of_untreated_observations(number: int) -> None:
    frame = gapped(9, clustered=True)
    untreated = frame[~(frame["time"] >= frame["first"])].reset_index(drop=True)
    month = untreated["time"] - untreated["first"]
    columns: dict[Name, np.ndarray] = {
        (lead,): (month == lead).to_numpy(dtype=float) for lead in range(-number, 0)
    }
    coefficients, errors = two_way(untreated, columns)
    leads = Imputation().fit(panel_with(frame)).leads(number)
    assert list(leads.table["month"]) == [*range(-number, 0)]
    np.testing.assert_allclose(leads.table["estimate"], [*coefficients.values()], atol=1e-8)
    np.testing.assert_allclose(leads.table["se"], [*errors.values()], atol=1e-8)
    assert leads.table["base_period"].iloc[0] == f"périodes relatives avant −{number}"


def test_the_pretest_sees_trends_that_part_and_only_those() -> None:
    random = np.random.default_rng(2)
    parallel, parting = [], []
    for _ in range(25):
        frame = drawn(random)
        parallel.append(Imputation().fit(panel_of(frame)).pretest())
        frame["y"] += 0.3 * frame["time"] * frame["first"].notna()
        parting.append(Imputation().fit(panel_of(frame)).pretest())
    assert {test.freedom for test in parallel} == {3}
    assert np.mean([test.p < 0.05 for test in parallel]) < 0.2
    assert np.mean([test.p < 0.05 for test in parting]) > 0.5


def test_a_panel_with_one_period_before_cannot_be_tested() -> None:
    effects = Imputation().fit(panel_of(staggered(3, groups=(2.0, np.nan))))
    with pytest.raises(InputError, match="parallel trends are not testable"):
        effects.pretest()
    with pytest.raises(InputError, match="9 leads asked of a panel with 4 relative periods"):
        Imputation().fit(panel_of(staggered(3))).leads(9)


def test_effects_that_grow_are_found_and_covered_where_one_coefficient_is_wrong() -> None:
    random = np.random.default_rng(5)
    single: list[float] = []
    found, errors = [], []
    for _ in range(100):
        panel = panel_of(drawn(random, units=160))
        table = Imputation().fit(panel).aggregate("dynamic").table.iloc[:3]
        found.append(table["estimate"].to_numpy())
        errors.append(table["se"].to_numpy())
        if len(single) < 10:
            single.append(TwoWayFixedEffects().fit(panel).table["estimate"].iloc[0])
    estimate, error = np.array(found), np.array(errors)
    truth = np.array([1.0, 2.0, 3.0])
    noise = estimate.std(axis=0) / np.sqrt(100)
    assert (np.abs(estimate.mean(axis=0) - truth) <= 4 * noise).all()
    assert np.mean(single) < 1.6
    covered = (np.abs(estimate - truth) <= 1.96 * error).mean(axis=0)
    assert (covered > 0.87).all()
    assert (error.mean(axis=0) < 1.15 * estimate.std(axis=0)).all()


def test_units_never_seen_untreated_and_observations_out_of_reach_are_counted() -> None:
    frame = staggered(14, units=200, groups=(3.0, 4.0, np.nan))
    late = frame["unit"].isin(frame.loc[frame["first"] == 4, "unit"].unique()[:12])
    short = frame[~late | (frame["time"] >= 4)]
    table = Imputation().fit(panel_of(short)).table
    words = "sans les unités jamais observées avant traitement (12)"
    assert words in table["target_population"].iloc[0]
    without = Imputation().fit(panel_of(frame[~late])).table
    np.testing.assert_allclose(table["estimate"], without["estimate"], atol=1e-11)
    # The cohort of 4 is seen untreated at 3 only, and no other unit ties 3 to 5: its effects at 5
    # and 6 are out of reach, unlike those at 4 of others.
    apart = frame[(frame["first"] == 4) & (frame["time"] != 1) & (frame["time"] != 2)]
    others = frame[(frame["first"] != 4) & (frame["time"] != 3)]
    tied = Imputation().fit(panel_of(pd.concat([apart, others]))).table
    assert tied.loc[tied["group"] == 4, "estimate"].isna().all()
    assert tied.loc[(tied["group"] == 3) & (tied["period"] > 3), "estimate"].notna().all()
    lost = len(apart[apart["time"] >= 4])
    assert f"sans {lost} observations non imputables" in tied["target_population"].iloc[0]


def test_once_all_are_treated_nothing_is_imputed() -> None:
    table = Imputation().fit(panel_of(staggered(5, groups=(3.0, 5.0)))).table
    assert set(table.loc[table["estimate"].isna(), "period"]) == {5, 6}
    assert set(table.loc[table["estimate"].isna(), "note"]) == {"aucun traité observé"}
    everyone = staggered(1, groups=(3.0,))
    for frame in (everyone, everyone[everyone["time"] >= 3]):
        with pytest.raises(InputError, match=r"none of 4 effects can be estimated|nobody is first"):
            Imputation().fit(panel_of(frame))
    never_before = staggered(1, groups=(3.0, np.nan)).query("time >= 3 or first != first")
    with pytest.raises(InputError, match="none of 4 effects can be estimated"):
        Imputation().fit(panel_of(never_before))


def test_one_unit_one_cluster_constant_outcomes_and_empty_periods() -> None:
    frame = staggered(4, groups=(4.0, np.nan))
    frame.loc[frame["unit"] == 0, "first"] = 3.0
    effects = Imputation().fit(panel_of(frame))
    alone = effects.table["group"] == 3
    assert effects.table.loc[alone, "estimate"].notna().all()
    assert effects.table.loc[alone, "se"].isna().all()
    with pytest.raises(InputError, match="one cluster"):
        Imputation().fit(panel_of(frame.assign(cluster=1), cluster="cluster"))
    panel = panel_of(staggered(6), ("a",))
    constant = Imputation().fit(replace(panel, values=np.ones_like(panel.values))).table
    np.testing.assert_allclose(constant[["estimate", "se"]], 0, atol=1e-10)
    values = panel.values.copy()
    values[:, 4] = np.nan
    table = Imputation().fit(replace(panel, values=values)).table
    assert set(table.loc[table["estimate"].isna(), "period"]) == {5}


def test_covariates_that_say_nothing_or_are_missing() -> None:
    frame = gapped(3, clustered=False)
    frame["age"] = 30 + frame["time"] + frame["unit"] % 7
    plain = Imputation().fit(panel_with(frame)).table
    aged = Imputation().fit(panel_with(frame, "age")).table
    np.testing.assert_allclose(aged["estimate"], plain["estimate"], atol=1e-8)
    np.testing.assert_allclose(aged["se"], plain["se"], atol=1e-8)
    assert aged["estimator"].iloc[0] == "Imputation, covariables age"
    panel = panel_with(frame, "x")
    holed = {"x": np.where(np.arange(len(panel))[:, np.newaxis] < 20, np.nan, panel.varying["x"])}
    with pytest.raises(InputError, match=r"covariate 'x' is missing at .* observations"):
        Imputation().fit(replace(panel, varying=holed))
