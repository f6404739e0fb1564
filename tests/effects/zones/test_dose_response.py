"""Change by unit of dose: the two-way regression, its clustered error, its edge cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from linearmodels.panel import PanelOLS

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.zones import DoseResponse
from pacte_eval.frames.zones import ConcurrentPolicy, ZonePanel
from tests.effects.zones.panels import START, zone_panel


def random_panel(seed: int, size: int, before: int, after: int, **options: Any) -> ZonePanel:
    random = np.random.default_rng(seed)
    values = random.normal(0, 1, (size, before + after)).cumsum(axis=1)
    return zone_panel(values, random.uniform(-1, 3, size), before, **options)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(4, 15),
    before=st.integers(2, 6),
    after=st.integers(1, 5),
)
def test_the_mean_effect_is_that_of_two_way_fixed_effects(
    seed: int, size: int, before: int, after: int
) -> None:
    panel = random_panel(seed, size, before, after)
    found = DoseResponse(reference=(-before, -1)).fit(panel).table["estimate"].iloc[-1]
    long = pd.DataFrame(
        {
            "zone": np.repeat(np.arange(size), before + after),
            "quarter": np.tile(panel.relative, size),
            "y": panel.values.reshape(-1),
        }
    )
    long["dose"] = panel.dose[long["zone"]] * (long["quarter"] >= 0)
    fit = PanelOLS.from_formula(
        "y ~ dose + EntityEffects + TimeEffects", long.set_index(["zone", "quarter"])
    ).fit()
    assert found == pytest.approx(fit.params["dose"], abs=1e-8)


def test_one_region_gives_the_error_hc2() -> None:
    panel = random_panel(1, 12, 4, 3)
    table = DoseResponse(reference=(-1, -1)).fit(panel).table
    for place, month in enumerate(panel.relative):
        change = panel.values[:, place] - panel.values[:, 3]
        fit = sm.OLS(change, sm.add_constant(panel.dose)).fit(cov_type="HC2")
        row = table[table["month"] == month].iloc[0]
        assert row["estimate"] == pytest.approx(fit.params[1])
        assert row["se"] == pytest.approx(fit.bse[1], abs=1e-12)
    assert table["se_kind"].unique() == ["CR2 par zone, peu de grappes\u202f: 12"]


def test_the_clustered_variance_has_no_bias_where_zones_are_alike() -> None:
    """Its mean over independent outcomes of variance one is the variance of the slope."""
    region = np.array(["93", "93", "93", "84", "84", "76", "76", "76", "76", "75"])
    dose = np.random.default_rng(2).uniform(0, 3, 10)
    total = 0.0
    for one in range(10):
        values = np.zeros((10, 3))
        values[one, 2] = 1.0
        panel = zone_panel(values, dose, 2, region=region)
        total += DoseResponse(reference=(-1, -1)).fit(panel).table["se"].iloc[-1] ** 2
    assert total == pytest.approx(1 / ((dose - dose.mean()) ** 2).sum())


def test_contributions_are_by_region_and_give_the_errors() -> None:
    region = np.repeat(["93", "84", "76", "75", "32"], 4)
    effects = DoseResponse(reference=(-2, -1)).fit(random_panel(3, 20, 4, 3, region=region))
    error = effects.table["se"].to_numpy()
    np.testing.assert_allclose(np.sqrt(np.diag(effects.covariance())), error, atol=1e-12)
    after = (effects.table["month"] >= 0).fillna(False).to_numpy(dtype=bool)
    mean = effects.covariance(after).to_numpy().mean()
    assert error[-1] == pytest.approx(np.sqrt(mean))
    assert effects.contributions is not None
    assert effects.contributions.clusters.name == "région"
    assert sorted(effects.contributions.clusters) == ["32", "75", "76", "84", "93"]
    assert effects.table["estimand"].str.contains("autres régions elles-mêmes traitées").all()
    assert effects.table["contribution_kind"].unique() == ["influence"]


@pytest.mark.parametrize("clustered", [False, True])
def test_intervals_cover_the_effect_per_unit(clustered: bool) -> None:
    """Each quarter after the start is a draw of its own: the base is the same for all zones."""
    draws, random = 4_000, np.random.default_rng(5)
    region = [f"R{one}" for one in range(12) for _ in range(3)]
    dose = random.uniform(0, 2, 36)
    shared = random.normal(0, clustered, (12, draws)).repeat(3, axis=0)
    later = random.normal(0, 1, (36, draws)) + 0.7 * dose[:, np.newaxis] + shared
    panel = zone_panel(
        np.column_stack([np.zeros((36, 2)), later]),
        dose,
        2,
        region=region if clustered else ["93"] * 36,
    )
    rows = DoseResponse(reference=(-2, -1)).fit(panel).table.iloc[2:-1]
    covered = ((rows["ci_low"] <= 0.7) & (rows["ci_high"] >= 0.7)).mean()
    assert abs(covered - 0.95) < 0.015


def test_what_has_no_answer_is_refused() -> None:
    panel = random_panel(1, 6, 4, 3)
    with pytest.raises(InputError, match="has 4 periods in the panel, which begins at -4"):
        DoseResponse(reference=(-6, -1)).fit(panel)
    with pytest.raises(InputError, match="between periods before 0"):
        DoseResponse(reference=(-1, 0))
    with pytest.raises(InputError, match="all 6 zones have one dose"):
        DoseResponse(reference=(-1, -1)).fit(zone_panel(panel.values, [2.0] * 6, 4))
    two = zone_panel(panel.values, np.arange(6.0), 4, region=["93", "84"] * 3)
    with pytest.raises(InputError, match="2 regions are too few clusters"):
        DoseResponse(reference=(-1, -1)).fit(two)


def test_a_constant_outcome_and_what_is_declared() -> None:
    policies = (ConcurrentPolicy("Plan d’investissement", START, START + 1, ("ZE05",), "hausse"),)
    panel = zone_panel(np.full((6, 7), 2.5), np.arange(6.0), 4, policies=policies)
    effects = DoseResponse(reference=(-2, -1)).fit(panel)
    np.testing.assert_allclose(effects.table["estimate"], 0, atol=1e-12)
    assert effects.table["p"].isna().all()
    assert effects.policies["reached_dose"].tolist() == [5.0]
    assert effects.policies["other_dose"].tolist() == [2.0]
    text = effects.summary()
    assert "tenu pour linéaire en la dose" in text
    assert "Plan d’investissement" in text
    assert "effet du pacte" not in text.lower()
