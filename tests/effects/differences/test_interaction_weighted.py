"""Sun–Abraham: the regression of changes that it is in a balanced panel, all dummies in others, a
simulation where two-way fixed effects go wrong, panels at the edge.

No published number is reproduced: what R's did prints is met through the identity of the two
estimators without covariate.
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
from pacte_eval.effects.differences.group_time.estimator import GroupTimeATT
from pacte_eval.effects.differences.staggered.extended import ExtendedTwoWay
from pacte_eval.effects.differences.staggered.interaction_weighted import SunAbraham
from pacte_eval.effects.differences.two_way.fixed_effects import TwoWayFixedEffects

from .dense_regressions import by_cell, cells, drawn, gapped, mpdta, panel_with, two_way
from .staggered_panels import panel_of, staggered

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "staggered.csv").set_index(
    "specification"
)
RANDOM = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
def test_averages_are_those_of_did(kind: Any) -> None:
    found = SunAbraham().fit(mpdta()).aggregate(kind).table.iloc[-1]
    known = REFERENCE.loc[kind]
    assert found["estimate"] == pytest.approx(known["estimate"], abs=1e-10)
    assert found["se"] == pytest.approx(known["se"], abs=1e-9)


@pytest.mark.parametrize(("group", "reference"), [(2004, -1), (2006, -3), (2007, -4)])
def test_effects_from_2003_are_those_of_etwfe(group: int, reference: int) -> None:
    table: Any = SunAbraham(reference=reference).fit(mpdta()).table
    factor = np.sqrt(500 / 499 * 2_499 / (2_500 - 20))
    own = table[table["group"] == group]
    assert list(own["period"]) == [2004, 2005, 2006, 2007]
    for row in own.itertuples():
        known = REFERENCE.loc[f"from 2003 {row.group} {row.period}"]
        assert row.estimate == pytest.approx(known["estimate"], abs=1e-12)
        assert row.se * factor == pytest.approx(known["se"], abs=1e-12)
        assert (row.n_treated, row.n_control) == (known["n_treated"], known["n_control"])


@pytest.mark.parametrize("weighted", [False, True])
def test_a_balanced_panel_gives_changes_and_their_covariance(weighted: bool) -> None:
    panel = panel_of(staggered(11, weighted=weighted))
    ours = SunAbraham().fit(panel)
    changes = GroupTimeATT(method="reg", base="universal").fit(panel)
    kept = (changes.table["month"] != -1).to_numpy()
    theirs = changes.table[kept]
    assert list(ours.table["period"]) == list(theirs["period"])
    np.testing.assert_allclose(ours.table["estimate"], theirs["estimate"], atol=1e-11)
    np.testing.assert_allclose(ours.covariance(), changes.covariance(kept), atol=1e-12)


@given(seed=st.integers(0, 10_000), clustered=st.booleans())
@RANDOM
def test_a_gapped_panel_is_the_regression_with_all_dummies(seed: int, clustered: bool) -> None:
    frame = gapped(seed, clustered=clustered)
    columns = cells(frame, lambda rows: rows["time"] - rows["first"] != -2)
    columns |= {("x",): frame["x"].to_numpy()}
    coefficients, errors = two_way(frame, columns)
    effects = SunAbraham(reference=-2).fit(panel_with(frame, "x"))
    assert len(effects) == len(columns) - 1
    error = by_cell(effects.table, "se")
    for cell, value in by_cell(effects.table, "estimate").items():
        assert value == pytest.approx(coefficients[cell], abs=1e-8)
        if np.isfinite(error[cell]):
            assert error[cell] == pytest.approx(errors[cell], abs=1e-8)


def test_the_last_treated_stand_in_until_their_treatment() -> None:
    frame = staggered(21, groups=(3.0, 4.0, 6.0))
    with pytest.raises(InputError, match="give control='last-treated'"):
        SunAbraham().fit(panel_of(frame))
    effects = SunAbraham(control="last-treated").fit(panel_of(frame))
    early = frame[frame["time"] < 6].copy()
    early.loc[early["first"] == 6, "first"] = np.nan
    same = SunAbraham().fit(panel_of(early))
    np.testing.assert_allclose(effects.table["estimate"], same.table["estimate"], atol=1e-12)
    np.testing.assert_allclose(effects.table["se"], same.table["se"], atol=1e-12)
    assert set(effects.table["control_group"]) == {"dernier groupe traité (6), jusqu'à 5"}
    assert effects.table["period"].max() == 5
    with_never = staggered(21, groups=(3.0, 6.0, np.nan))
    words = SunAbraham(control="last-treated").fit(panel_of(with_never)).table["control_group"]
    never = with_never[with_never["first"].isna()]["unit"].nunique()
    assert words.iloc[0].endswith(f"sans les jamais traités ({never})")
    with pytest.raises(InputError, match="needs two treated cohorts, and the panel has 1"):
        SunAbraham(control="last-treated").fit(panel_of(staggered(2, groups=(4.0, np.nan))))


def test_every_average_names_its_weights() -> None:
    frame = drawn(np.random.default_rng(1), units=300)
    effects = SunAbraham().fit(panel_of(frame))
    simple, dynamic = effects.aggregate("simple"), effects.aggregate("dynamic")
    by_cohort, by_duration = simple.table.iloc[-1], dynamic.table.iloc[-1]
    assert abs(by_cohort["estimate"] - by_duration["estimate"]) > 0.2
    assert by_cohort["weights"].startswith("taille des groupes")
    assert by_duration["weights"].startswith("poids égaux des durées")
    after = effects.table["month"] >= 0
    size = frame.drop_duplicates("unit").groupby("first").size()
    weights = effects.table.loc[after, "group"].map(size).astype(float)
    mean = np.average(effects.table.loc[after, "estimate"], weights=weights)
    assert by_cohort["estimate"] == pytest.approx(mean, abs=1e-12)
    assert set(effects.table["base_period"]) == {"période relative −1"}
    assert set(effects.table["control_group"]) == {"jamais traités"}


def test_effects_that_grow_are_found_where_one_coefficient_is_wrong() -> None:
    random = np.random.default_rng(4)
    single, found = [], []
    for _ in range(40):
        panel = panel_of(drawn(random, units=240))
        single.append(TwoWayFixedEffects().fit(panel).table["estimate"].iloc[0])
        table = SunAbraham().fit(panel).aggregate("dynamic").table
        found.append(table["estimate"].to_numpy())
    mean, noise = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(40)
    months = table["month"].to_numpy(dtype=float, na_value=np.nan)
    truth = np.where(months >= 0, months + 1, 0.0)
    truth[-1] = truth[months >= 0].mean()
    assert (np.abs(mean - truth) <= 4 * noise).all()
    # Effects of 1, 2 … 5: the mean over treated observations is over 2, no weighting of them with
    # weights that are positive goes under 1.
    assert np.mean(single) < 1.6


def test_cohorts_without_reference_are_counted() -> None:
    frame = staggered(31, groups=(2.0, 5.0, np.nan))
    table = SunAbraham(reference=-2).fit(panel_of(frame)).table
    lost = frame[frame["first"] == 2]["unit"].nunique()
    assert f"de groupes sans période relative −2 ({lost})" in table["target_population"].iloc[0]
    assert set(table["group"]) == {5}
    with pytest.raises(InputError, match="no cohort has its relative period -5"):
        SunAbraham(reference=-5).fit(panel_of(frame))


def test_one_cohort_of_one_unit_and_constant_outcomes() -> None:
    frame = staggered(3, groups=(4.0, np.nan))
    frame["first"] = np.where(frame["unit"] == 0, 4.0, np.nan)
    effects = SunAbraham().fit(panel_of(frame))
    assert effects.table["estimate"].notna().all()
    assert effects.table["se"].isna().all()
    panel = panel_of(staggered(3))
    constant = SunAbraham().fit(replace(panel, values=np.ones_like(panel.values))).table
    np.testing.assert_allclose(constant[["estimate", "se"]], 0, atol=1e-12)
    with pytest.raises(InputError, match="one cluster"):
        SunAbraham().fit(panel_of(frame.assign(cluster=1), cluster="cluster"))


def test_periods_without_observation_are_missing_with_the_reason() -> None:
    panel = panel_of(staggered(3))
    values = panel.values.copy()
    values[:, 5] = np.nan
    table = SunAbraham().fit(replace(panel, values=values)).table
    assert set(table.loc[table["period"] == 6, "note"]) == {"aucun traité observé"}
    rest = table[table["period"] < 6]
    without = SunAbraham().fit(panel_of(staggered(3).query("time < 6"))).table
    np.testing.assert_allclose(rest["estimate"], without["estimate"], atol=1e-11)


def test_settings_and_covariates_out_of_place_are_refused() -> None:
    with pytest.raises(InputError, match="control='never_treated' is unknown: did you mean"):
        SunAbraham(control="never_treated")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="reference=-1 must be a relative period before"):
        SunAbraham(anticipation=1)
    assert SunAbraham(anticipation=1, reference=-2)
    with pytest.raises(InputError, match=r"covariates that do not vary within a unit \(a\)"):
        SunAbraham().fit(panel_of(staggered(1), ("a",)))
    with pytest.raises(InputError, match="level=95 must lie between"):
        SunAbraham(level=95)


def test_anticipation_keeps_the_months_before_apart() -> None:
    panel = panel_of(staggered(9, groups=(4.0, np.nan)))
    effects = SunAbraham(anticipation=1, reference=-2).fit(panel)
    extended = ExtendedTwoWay(free="all", anticipation=1).fit(panel)
    np.testing.assert_allclose(effects.table["estimate"], extended.table["estimate"], atol=1e-11)
    assert effects.pretest().freedom == 1
