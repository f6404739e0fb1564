"""Extended two-way fixed effects: R's etwfe, regressions written out, panels at the edge."""

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
from pacte_eval.effects.differences.group_time.estimator import GroupTimeATT
from pacte_eval.effects.differences.staggered.extended import ExtendedTwoWay

from .dense_regressions import by_cell, cells, gapped, mpdta, panel_with, two_way
from .staggered_panels import panel_of, staggered

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "staggered.csv").set_index(
    "specification"
)
RANDOM = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def fixest_factor(coefficients: int) -> float:
    """What fixest multiplies clustered errors by, for 500 counties over five years."""
    return float(np.sqrt(500 / 499 * 2_499 / (2_500 - coefficients)))


@pytest.mark.parametrize(
    ("prefix", "covariates", "coefficients"),
    [("not-yet-treated", (), 15), ("lpop", ("lpop",), 31)],
)
def test_etwfe_reference(prefix: str, covariates: tuple[str, ...], coefficients: int) -> None:
    table: Any = ExtendedTwoWay().fit(mpdta(*covariates)).table
    assert len(table) == 7
    for row in table.itertuples():
        known = REFERENCE.loc[f"{prefix} {row.group} {row.period}"]
        assert row.estimate == pytest.approx(known["estimate"], abs=1e-12)
        assert row.se * fixest_factor(coefficients) == pytest.approx(known["se"], abs=1e-12)
        assert (row.n_treated, row.n_control) == (known["n_treated"], known["n_control"])


def test_etwfe_reference_averages() -> None:
    effects = ExtendedTwoWay().fit(mpdta("lpop"))
    simple = effects.aggregate("simple").table["estimate"].iloc[-1]
    dynamic: Any = effects.aggregate("dynamic").table
    assert simple == pytest.approx(REFERENCE.loc["lpop simple", "estimate"], abs=1e-12)
    for row in dynamic.iloc[:-1].itertuples():
        known = REFERENCE.loc[f"lpop event {row.month}", "estimate"]
        assert row.estimate == pytest.approx(known, abs=1e-12)


@given(seed=st.integers(0, 10_000), clustered=st.booleans(), free=st.sampled_from(["post", "all"]))
@RANDOM
def test_a_gapped_panel_is_the_regression_with_all_dummies(
    seed: int, clustered: bool, free: Any
) -> None:
    frame = gapped(seed, clustered=clustered)

    def chosen(rows: pd.DataFrame) -> pd.Series:
        month = rows["time"] - rows["first"]
        return month >= 0 if free == "post" else month != -1

    columns = cells(frame, chosen) | {("x",): frame["x"].to_numpy()}
    coefficients, errors = two_way(frame, columns)
    table = ExtendedTwoWay(free=free).fit(panel_with(frame, "x")).table
    assert len(table) == len(columns) - 1
    found, error = by_cell(table, "estimate"), by_cell(table, "se")
    for cell, value in found.items():
        assert value == pytest.approx(coefficients[cell], abs=1e-8)
        if np.isfinite(error[cell]):
            assert error[cell] == pytest.approx(errors[cell], abs=1e-8)


@given(seed=st.integers(0, 10_000))
@settings(RANDOM, max_examples=3)
def test_covariates_have_slopes_by_period_and_by_cell(seed: int) -> None:
    frame = gapped(seed, clustered=False, gaps=0.0)
    effects = cells(frame, lambda rows: rows["time"] >= rows["first"])
    columns = dict(effects)
    for name in ("a", "z"):
        for period in range(2, 7):
            columns[name, period] = (frame[name] * (frame["time"] == period)).to_numpy()
        for cell, inside in effects.items():
            mean = np.average(frame[name], weights=inside * frame["weight"])
            columns[(*cell, name)] = inside * (frame[name] - mean).to_numpy()
    coefficients, errors = two_way(frame, columns)
    table = ExtendedTwoWay().fit(panel_with(frame, "a", "z")).table
    error = by_cell(table, "se")
    for cell, value in by_cell(table, "estimate").items():
        assert value == pytest.approx(coefficients[cell], abs=1e-8)
        assert error[cell] == pytest.approx(errors[cell], abs=1e-8)
    assert "moyennes des covariables tenues pour fixes" in table["se_kind"].iloc[0]


@pytest.mark.parametrize("covariates", [(), ("a", "b")])
def test_all_periods_free_is_the_regression_of_changes(covariates: tuple[str, ...]) -> None:
    frame = staggered(3, weighted=True)
    panel = panel_of(frame, covariates)
    free = ExtendedTwoWay(free="all").fit(panel).table
    changes = GroupTimeATT(method="reg", base="universal").fit(panel).table
    both = free.merge(changes, on=["group", "period"], suffixes=("", "_changes"))
    assert len(both) == len(free)
    np.testing.assert_allclose(both["estimate"], both["estimate_changes"], atol=1e-11)
    if not covariates:
        np.testing.assert_allclose(both["se"], both["se_changes"], atol=1e-11)


def test_once_all_are_treated_effects_are_missing_with_the_reason() -> None:
    table = ExtendedTwoWay().fit(panel_of(staggered(5, groups=(3.0, 5.0)))).table
    lost = table["estimate"].isna()
    assert set(table.loc[lost, "period"]) == {5, 6}
    assert set(table.loc[~lost, "period"]) == {3, 4}
    assert set(table.loc[lost, "note"]) == {"aucun témoin"}
    assert table.loc[lost, "se"].isna().all()
    with pytest.raises(InputError, match="free='all' needs units never treated"):
        ExtendedTwoWay(free="all").fit(panel_of(staggered(5, groups=(3.0, 5.0))))


def test_everyone_treated_at_once_is_refused() -> None:
    with pytest.raises(InputError, match="none of 4 effects can be estimated"):
        ExtendedTwoWay().fit(panel_of(staggered(1, groups=(3.0,))))
    with pytest.raises(InputError, match="nobody is first treated after"):
        ExtendedTwoWay().fit(panel_of(staggered(1, groups=(np.nan,))))


def test_units_treated_from_the_start_are_counted() -> None:
    frame = staggered(2, groups=(1.0, 4.0, np.nan))
    table = ExtendedTwoWay().fit(panel_of(frame)).table
    always = frame[frame["first"] == 1]["unit"].nunique()
    assert f"déjà traitées à la première période ({always})" in table["target_population"].iloc[0]
    without = ExtendedTwoWay().fit(panel_of(frame[frame["first"] != 1])).table
    np.testing.assert_allclose(table["estimate"], without["estimate"], atol=1e-12)


def test_one_unit_or_one_cluster_has_no_error_of_its_own() -> None:
    frame = staggered(4, groups=(4.0, np.nan))
    frame.loc[frame["unit"] == 0, "first"] = 3.0
    effects = ExtendedTwoWay().fit(panel_of(frame))
    alone = effects.table[effects.table["group"] == 3]
    assert alone["estimate"].notna().all()
    assert alone["se"].isna().all()
    assert alone["note"].str.startswith("traités d'une seule grappe").all()
    assert effects.aggregate("simple").table["se"].notna().all()
    with pytest.raises(InputError, match="all units are in one cluster"):
        ExtendedTwoWay().fit(panel_of(frame.assign(cluster=1), cluster="cluster"))


def test_constant_outcomes_and_empty_periods() -> None:
    panel = panel_of(staggered(6))
    constant = ExtendedTwoWay().fit(replace(panel, values=np.full_like(panel.values, 7.0))).table
    np.testing.assert_allclose(constant["estimate"], 0, atol=1e-12)
    np.testing.assert_allclose(constant["se"], 0, atol=1e-12)
    values = panel.values.copy()
    values[:, 4] = np.nan
    table = ExtendedTwoWay().fit(replace(panel, values=values)).table
    empty = table["period"] == 5
    assert set(table.loc[empty, "note"]) == {"aucun traité observé"}
    assert table.loc[~empty, "estimate"].notna().all()


def test_anticipation_moves_the_base() -> None:
    frame = staggered(8, groups=(4.0, np.nan))
    table = ExtendedTwoWay(anticipation=1).fit(panel_of(frame)).table
    assert list(table["month"]) == [-1, 0, 1, 2]
    earlier = frame.assign(first=frame["first"] - 1)
    same = ExtendedTwoWay().fit(panel_of(earlier)).table
    np.testing.assert_allclose(table["estimate"], same["estimate"], atol=1e-12)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="free='posts' is unknown: did you mean 'post'"):
        ExtendedTwoWay(free="posts")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="anticipation=-1 must be"):
        ExtendedTwoWay(anticipation=-1)
