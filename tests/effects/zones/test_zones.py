"""Weighted zones: what a comparison of intensities says, its placebos, and its edge cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.zones import (
    MatchedZones,
    SyntheticControl,
    SyntheticDifference,
    ZoneEffects,
)
from pacte_eval.effects.zones.simplex import simplex_weights
from pacte_eval.frames.zones import ConcurrentPolicy
from tests.effects.zones.panels import START, factors, zone_panel

ESTIMATORS: list[Any] = [
    SyntheticControl(1.0),
    SyntheticDifference(1.0),
    MatchedZones(1.0, neighbours=2, reference=(-4, -1)),
]
LAST = [0.0] * 7 + [2.0]


def some_zones(seed: int = 3, size: int = 8, number: int = 14) -> np.ndarray:
    return factors(np.random.default_rng(seed), size, number)


def overall(effects: ZoneEffects) -> pd.Series:
    return effects.table[effects.table["month"].isna()].iloc[0]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_effect_added_to_the_treated_is_added_to_the_estimates(estimator: Any) -> None:
    values = some_zones()
    before = estimator.fit(zone_panel(values, LAST, 9)).table
    path = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    values[-1, 9:] += path
    after = estimator.fit(zone_panel(values, LAST, 9)).table
    gain = (after["estimate"] - before["estimate"]).to_numpy()
    np.testing.assert_allclose(gain, [0.0] * 9 + [1, 2, 3, 4, 5, 3], atol=1e-9)
    assert after["month"].tolist()[:-1] == list(range(-9, 5))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_neither_order_nor_unit_matters(estimator: Any) -> None:
    values = some_zones()
    level = np.random.default_rng(1).uniform(4, 5, 8)
    found = estimator.fit(zone_panel(values, LAST, 9, level=level))
    order = np.random.default_rng(2).permutation(8)
    moved = estimator.fit(
        zone_panel(values[order] * 100 + 7, np.array(LAST)[order], 9, level=level[order])
    )
    np.testing.assert_allclose(moved.table["estimate"], found.table["estimate"] * 100, rtol=1e-6)
    np.testing.assert_allclose(moved.table["se"], found.table["se"] * 100, rtol=1e-6)
    assert moved.placebo_p == found.placebo_p


def test_weights_are_the_optimum_on_the_simplex() -> None:
    random = np.random.default_rng(4)
    A, b = random.normal(size=(12, 5)), random.normal(size=12)
    for penalty in (1e-6, 0.5):
        found = simplex_weights(A, b, penalty=penalty, noise=1.0, intercept=True)
        X, y = A - A.mean(axis=0), b - b.mean()

        def loss(x: np.ndarray, X: Any = X, y: Any = y, penalty: float = penalty) -> float:
            return float(((X @ x - y) ** 2).mean() + penalty**2 * (x**2).sum())

        best = optimize.minimize(
            loss,
            np.full(5, 0.2),
            bounds=[(0, 1)] * 5,
            constraints={"type": "eq", "fun": lambda x: x.sum() - 1},
            options={"ftol": 1e-14},
        )
        assert found.min() >= 0
        assert found.sum() == pytest.approx(1)
        assert loss(found) <= best.fun + 1e-7
        assert loss(found) >= best.fun - 1e-7


def test_a_donor_that_is_the_same_takes_all_the_weight() -> None:
    values = some_zones()
    values[-1] = values[2]
    values[-1, 9:] += 1.5
    effects = SyntheticControl(1.0).fit(zone_panel(values, LAST, 9))
    assert effects.donor_weights.set_index("zone")["weight"]["ZE02"] == pytest.approx(1)
    assert effects.rmspe == pytest.approx(0, abs=1e-9)
    assert overall(effects)["estimate"] == pytest.approx(1.5)
    assert effects.placebo_space["statistic"][0] == np.inf
    assert effects.placebo_p == 2 / 8  # its twin, whose only donor it is, is as far


def test_treated_zones_out_of_reach_are_said_to_fit_badly() -> None:
    values = some_zones()
    values[-1] += 30
    found = SyntheticControl(1.0).fit(zone_panel(values, LAST, 9))
    assert any(sentence.startswith("Mauvais ajustement avant") for sentence in found.assumptions)
    near = SyntheticDifference(1.0).fit(zone_panel(values, LAST, 9))
    assert not any("Mauvais" in sentence for sentence in near.assumptions)
    assert found.rmspe > 20


def test_one_donor() -> None:
    values = some_zones(size=2)
    panel = zone_panel(values, [0, 2], 9)
    gap = values[1] - values[0]
    control = SyntheticControl(1.0).fit(panel)
    np.testing.assert_allclose(control.table["estimate"][:-1], gap, rtol=1e-12)
    assert control.smallest_p == 0.5
    assert control.leave_one_out.empty
    matched = MatchedZones(1.0, neighbours=1, reference=(-2, -1)).fit(panel)
    assert overall(matched)["estimate"] == pytest.approx(gap[9:].mean() - gap[7:9].mean())
    assert np.isnan(overall(matched)["se"])
    assert "non calculable" in overall(matched)["se_kind"]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_constant_outcome_has_no_effect_and_is_not_testable(estimator: Any) -> None:
    effects = estimator.fit(zone_panel(np.full((8, 14), 0.3), LAST, 9))
    np.testing.assert_allclose(effects.table["estimate"], 0, atol=1e-12)
    assert effects.table["p"].isna().all() or isinstance(estimator, MatchedZones)
    if isinstance(estimator, SyntheticControl):
        assert np.isnan(effects.placebo_p)
        assert "non testable" in effects.summary()
    else:
        assert effects.placebo_p == 1


def test_everyone_or_nobody_above_the_threshold_is_refused() -> None:
    values = some_zones()
    with pytest.raises(InputError, match="reached by none of the 8 zones"):
        SyntheticControl(3.0).fit(zone_panel(values, LAST, 9))
    with pytest.raises(InputError, match="reached by all of the 8 zones"):
        SyntheticControl(-1.0).fit(zone_panel(values, LAST, 9))


def test_settings_that_cannot_be_are_refused() -> None:
    panel = zone_panel(some_zones(), LAST, 9)
    with pytest.raises(InputError, match="threshold='haut' must be a number"):
        SyntheticControl("haut")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="se='bootstrap' is unknown"):
        SyntheticDifference(1.0, se="bootstrap")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="must run between periods before 0"):
        MatchedZones(1.0, neighbours=1, reference=(-2, 0))
    with pytest.raises(InputError, match="begins before the panel, which has 9"):
        MatchedZones(1.0, neighbours=1, reference=(-12, -1)).fit(panel)
    with pytest.raises(InputError, match="neighbours=8 but 7 zones can be donors"):
        MatchedZones(1.0, neighbours=8, reference=(-2, -1)).fit(panel)
    with pytest.raises(InputError, match="one holds all treated zones"):
        SyntheticDifference(1.0, se="jackknife").fit(panel)
    with pytest.raises(InputError, match="covariate 'chomage' is not a column"):
        SyntheticControl(1.0, covariates=["chomage"]).fit(panel)


def test_one_region_is_one_cluster() -> None:
    values = some_zones(size=12)
    region = np.repeat(["93", "84", "76", "75"], 3)
    effects = SyntheticDifference(1.0).fit(
        zone_panel(values, [2.0] * 3 + [0] * 9, 9, region=region)
    )
    assert effects.placebo_space["zones"].tolist() == ["93", "84", "76", "75"]
    assert effects.smallest_p == 0.25
    kind = "placebo (régions comparées prises pour traitées), peu de grappes\u202f: 3"
    assert overall(effects)["se_kind"] == kind
    assert set(effects.leave_one_out["left_out"]) <= {"84", "76", "75"}
    by_hand = []
    for one in ("84", "76", "75"):
        rest = region != "93"
        dose = np.where(region[rest] == one, 2.0, 0.0)
        panel = zone_panel(values[rest], dose, 9, region=region[rest])
        by_hand.append(overall(SyntheticDifference(1.0).fit(panel))["estimate"])
    assert overall(effects)["se"] == pytest.approx(np.std(by_hand))


def test_zones_are_exchanged_within_their_region() -> None:
    region = np.repeat(["93", "84"], 4)
    dose = [2, 0, 0, 0, 2, 2, 0, 0]
    effects = SyntheticControl(1.0).fit(zone_panel(some_zones(), dose, 9, region=region))
    assert len(effects.placebo_space) == 4 * 6
    assert effects.placebo_space["zones"].nunique() == 24
    assert effects.placebo_space["observed"].tolist() == [True] + [False] * 23
    assert "échangées au sein de leur région" in effects.summary()


def test_many_sets_are_drawn() -> None:
    values = some_zones(size=16, number=6)
    dose = [2.0] * 5 + [0.0] * 11
    effects = MatchedZones(1.0, neighbours=1, reference=(-1, -1)).fit(zone_panel(values, dose, 3))
    assert len(effects.placebo_space) == 1000
    assert effects.smallest_p == 0.001
    assert any("tirés au sort" in sentence for sentence in effects.assumptions)


def test_placebos_in_time_know_nothing_of_what_follows_the_start() -> None:
    values = some_zones()
    found = SyntheticDifference(1.0).fit(zone_panel(values, LAST, 9)).placebo_time
    assert found["month"].tolist() == [-5, -4, -3, -2, -1]
    values[:, 9:] = np.random.default_rng(0).normal(size=(8, 5))
    again = SyntheticDifference(1.0).fit(zone_panel(values, LAST, 9)).placebo_time
    pd.testing.assert_frame_equal(found, again)
    alone = zone_panel(values[:, :9], LAST, 6)
    early = SyntheticDifference(1.0).fit(alone)
    assert found["estimate"][2] == pytest.approx(overall(early)["estimate"])


def test_without_a_donor() -> None:
    values = some_zones()
    effects = SyntheticControl(1.0).fit(zone_panel(values, LAST, 9))
    used = effects.donor_weights[effects.donor_weights["weight"] > 0]
    assert effects.leave_one_out["left_out"].tolist() == used["zone"].tolist()
    out = effects.leave_one_out.iloc[0]
    kept = np.array([f"ZE{one:02d}" != out["left_out"] for one in range(8)])
    less = SyntheticControl(1.0).fit(zone_panel(values[kept], np.array(LAST)[kept], 9))
    assert out["estimate"] == pytest.approx(overall(less)["estimate"])


def test_covariates_are_reproduced_too() -> None:
    random = np.random.default_rng(5)
    values = np.tile(random.normal(50, 1, 8)[:, np.newaxis], (1, 14)) + random.normal(0, 3, (8, 14))
    cadres = np.array([10.0, 10, 10, 10, 30, 30, 30, 30])
    panel = zone_panel(values, LAST, 9, covariates={"cadres": cadres})

    def distance(effects: ZoneEffects) -> float:
        return float(abs(effects.donor_weights["weight"] @ cadres[:-1] - 30))

    without = SyntheticControl(1.0).fit(panel)
    with_them = SyntheticControl(1.0, covariates=["cadres"]).fit(panel)
    assert distance(with_them) < distance(without)
    assert "cadres" in overall(with_them)["weights"]
    nearest = MatchedZones(1.0, neighbours=3, reference=(-4, -1), covariates=["cadres"]).fit(panel)
    chosen = nearest.donor_weights
    assert chosen.loc[chosen["weight"] > 0, "zone"].tolist() == ["ZE04", "ZE05", "ZE06"]


def test_zones_equally_far_share_a_place() -> None:
    panel = zone_panel(some_zones(), LAST, 9, level=[4, 4, 4, 5, 6, 7, 8, 4.5])
    effects = MatchedZones(1.0, neighbours=2, reference=(-4, -1)).fit(panel)
    np.testing.assert_allclose(effects.donor_weights["weight"], [0.25] * 4 + [0] * 3)


def test_months_that_served_are_marked_and_not_tested() -> None:
    panel = zone_panel(some_zones(), LAST, 9)
    table = SyntheticDifference(1.0).fit(panel).table
    assert table["matched"].tolist() == [True] * 9 + [False] * 6
    assert table["p"].isna().tolist() == [True] * 9 + [False] * 6
    matched = MatchedZones(1.0, neighbours=2, reference=(-4, -3)).fit(panel).table
    assert matched.loc[matched["matched"], "month"].tolist() == [-4, -3]
    assert matched.loc[matched["month"] == -1, "p"].notna().all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_words_say_what_is_compared(estimator: Any) -> None:
    region = np.array(["84"] * 7 + ["93"])
    policies = (
        ConcurrentPolicy("Plan d’investissement", START - 1, START + 3, ("ZE07",), "hausse"),
        ConcurrentPolicy("Réforme achevée", START - 6, START - 2),
    )
    panel = zone_panel(some_zones(), LAST, 9, region=region, policies=policies)
    effects = estimator.fit(panel)
    text = effects.summary()
    assert "écart relatif à d’autres régions elles-mêmes traitées" in overall(effects)["estimand"]
    assert "effet du pacte" not in text.lower()
    assert effects.policies["treated_share"].tolist() == [1, 1]
    np.testing.assert_allclose(effects.policies["donor_share"], [0, 1])
    declared = [sentence for sentence in effects.assumptions if "concurrente" in sentence]
    assert len(declared) == 1
    assert "100\u202f% des zones d’intensité forte et 0\u202f% du poids" in declared[0]
    assert "Plan d’investissement" in text
    assert "Réforme achevée" in text
    assert effects.dose_gap == pytest.approx(2)
    for name in ("weights", "base_period", "control_group", "contribution_kind"):
        assert effects.table[name].notna().all()
    assert set(effects.table["contribution_kind"]) == {"none"}
    with pytest.raises(InputError, match="have no contributions"):
        effects.pool("equal")
    alone = estimator.fit(zone_panel(some_zones(), LAST, 9))
    assert "autres régions" not in alone.summary()
    assert "se confond avec l’écart" in alone.summary()
