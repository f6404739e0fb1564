"""Inverse-probability weighting: R's number, what the weights of each estimand must balance, and
what the estimated score contributes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design
from pacte_eval.designs.weighting.covariate_balancing import CovariateBalancingScore
from pacte_eval.designs.weighting.entropy_balancing import EntropyBalancing
from pacte_eval.designs.weighting.inverse_probability import InverseProbability
from pacte_eval.frames import Comparison

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "matching.csv").set_index(
    "specification"
)
ESTIMANDS: list[Any] = ["ATT", "ATC", "ATE", "ATO"]
MISSPELT: Any = "ATTT"


def sample(seed: int, units: int = 300) -> pd.DataFrame:
    """Units whose treatment depends on a number and a factor."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": [f"u{i}" for i in range(units)], "x": random.normal(size=units)})
    frame["level"] = random.choice(["a", "b", "c"], units)
    index = 0.8 * frame["x"] - 0.6 + 0.7 * (frame["level"] == "b")
    frame["t"] = random.random(units) < 1 / (1 + np.exp(-index))
    frame["s"] = random.integers(1, 4, units).astype(float)
    return frame


def compare(frame: pd.DataFrame, covariates: list[str], **options: Any) -> Comparison:
    return Comparison.from_frame(frame, treated="t", covariates=covariates, unit="unit", **options)


def gap(design: Design, values: np.ndarray) -> float:
    """Difference of the weighted means of the arms."""
    treated, weights = design.comparison.treated, design.weights
    means = [np.average(values[arm], weights=weights[arm]) for arm in (treated, ~treated)]
    return float(means[0] - means[1])


def test_lalonde(lalonde: Comparison, lalonde_frame: pd.DataFrame) -> None:
    row = REFERENCE.loc["inverse probability, Hájek"]
    design = InverseProbability().fit(lalonde)
    outcome = lalonde_frame["re78"].to_numpy(dtype=float)
    assert gap(design, outcome) == pytest.approx(row["estimate"], rel=1e-6)
    assert (design.n_treated, design.n_control) == (row["n_treated"], row["n_control"])
    treated, control = design.comparison.treated, ~design.comparison.treated
    fixed = sum(
        np.sum((design.weights[arm] * (outcome[arm] - mean)) ** 2) / design.weights[arm].sum() ** 2
        for arm in (treated, control)
        for mean in [np.average(outcome[arm], weights=design.weights[arm])]
    )
    assert np.sqrt(fixed) == pytest.approx(row["se"], rel=1e-6)


@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE"])
def test_a_saturated_score_gives_each_arm_the_shares_of_the_target(estimand: Any) -> None:
    frame = sample(1)
    comparison = compare(frame, ["level"], weights="s")
    design = InverseProbability(estimand).fit(comparison)
    target = frame[design.target_arm].groupby("level")["s"].sum()
    for arm in (frame["t"], ~frame["t"]):
        found = pd.Series(design.weights)[arm].groupby(frame["level"]).sum()
        np.testing.assert_allclose(found, target, rtol=1e-9)
    after = design.balance().query("covariate == 'level'")
    np.testing.assert_allclose(after["smd_after"], 0, atol=1e-9)
    np.testing.assert_allclose(after["smd_se"], 0, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_overlap_weights_of_a_logit_balance_its_covariates(seed: int) -> None:
    """Li, Morgan and Zaslavsky (2018), theorem 3: exactly, so without error."""
    design = InverseProbability("ATO").fit(compare(sample(seed), ["x", "level"], weights="s"))
    after = design.balance().query("covariate != 'score'")
    np.testing.assert_allclose(after["smd_after"], 0, atol=1e-8)
    np.testing.assert_allclose(after["smd_se"], 0, atol=1e-8)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_contributions_are_derivatives_by_the_sampling_weights(estimand: Any) -> None:
    """A unit's own term and its influence: what Σ residual × weight gains as it counts more."""
    frame = sample(2, 80)
    design = InverseProbability(estimand).fit(compare(frame, ["x", "level"], weights="s"))
    residual = np.random.default_rng(0).normal(size=(80, 2))
    model = design.weight_model
    assert model is not None
    contributions = residual * design.weights[:, None] + model.influence(residual)
    for unit in (0, 7, 33):
        totals = []
        for sign in (1, -1):
            changed = frame["s"].to_numpy().copy()
            changed[unit] *= 1 + sign * 1e-4
            again = compare(frame.assign(s=changed), ["x", "level"], weights="s")
            totals.append(residual.T @ InverseProbability(estimand).fit(again).weights)
        slope = (totals[0] - totals[1]) / 2e-4
        np.testing.assert_allclose(contributions[unit], slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_weight_two_is_a_row_twice(estimand: Any) -> None:
    frame = sample(3)
    weighted = InverseProbability(estimand).fit(compare(frame, ["x", "level"], weights="s"))
    twice = frame.loc[frame.index.repeat(frame["s"].astype(int))].reset_index(drop=True)
    twice["unit"] = [f"v{i}" for i in range(len(twice))]
    plain = InverseProbability(estimand).fit(compare(twice, ["x", "level"]))
    x = frame["x"].to_numpy()
    assert gap(weighted, x**2) == pytest.approx(gap(plain, twice["x"].to_numpy() ** 2), abs=1e-9)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_order_scale_and_duplicated_columns_do_not_matter(estimand: Any) -> None:
    frame = sample(4)
    weights = pd.Series(
        InverseProbability(estimand).fit(compare(frame, ["x", "level"])).weights, frame["unit"]
    )
    other = frame.sample(frac=1, random_state=1)
    other = other.assign(x=3 - 1e4 * other["x"], again=other["x"])
    changed = InverseProbability(estimand).fit(compare(other, ["level", "x", "again"]))
    np.testing.assert_allclose(changed.weights, weights[other["unit"]], rtol=1e-7)


def test_a_given_score_is_taken_as_known() -> None:
    frame = sample(5)
    score = np.linspace(0.2, 0.6, len(frame))
    design = InverseProbability(score=score).fit(compare(frame, ["x"]))
    assert design.weight_model is None
    assert "as known" in str(design.settings["estimated"])
    odds = np.where(frame["t"], 1.0, score / (1 - score))
    np.testing.assert_allclose(design.weights, odds)


class Halves:
    """A score without coefficients, as boosting's."""

    name, dropped, coefficients = "halves", dict[str, str](), None

    def fit(self, comparison: Comparison) -> Halves:
        self.scores = np.where(comparison.covariates["x"] > 0, 0.6, 0.3)
        self.index, self.slope = logit(self.scores), self.scores * (1 - self.scores)
        return self

    def influence(self, direction: np.ndarray) -> np.ndarray:
        raise InputError("no influence function")


def test_a_score_without_influence_is_taken_as_known() -> None:
    design = InverseProbability("ATE", score=Halves()).fit(compare(sample(5), ["x"]))
    assert design.weight_model is None
    assert "as known" in str(design.settings["estimated"])
    assert np.isfinite(design.balance()["smd_se"]).all()


class Middle:
    """A rule of support."""

    reason = "hors du support"

    def keep(self, score: np.ndarray, comparison: Comparison) -> np.ndarray:
        return (score > 0.1) & (score < 0.9)


def test_units_outside_the_support_weigh_nothing_and_are_recorded() -> None:
    frame = sample(6)
    score = np.linspace(0, 1, len(frame))
    design = InverseProbability("ATE", score=score, support=Middle()).fit(compare(frame, ["x"]))
    outside = ~Middle().keep(score, design.comparison)
    assert outside.sum() == 60
    np.testing.assert_array_equal(design.weights > 0, ~outside)
    reasons = design.support["reason"].astype(str)
    assert set(reasons[outside]) == {"hors du support"}
    assert set(reasons[~outside]) == {"pondéré"}
    assert design.supported_share == pytest.approx(0.8)


def test_mistakes_are_named() -> None:
    comparison = compare(sample(7), ["x"])
    with pytest.raises(InputError, match="estimand='ATTT'"):
        InverseProbability(MISSPELT).fit(comparison)
    for wrong in (0.0, 1.0, 1.5):
        score = np.full(len(comparison), 0.5)
        score[:20] = wrong
        with pytest.raises(InputError, match="20 units with a score not strictly between 0 and 1"):
            InverseProbability(score=score).fit(comparison)
    score[2:20] = 0.5
    with pytest.raises(InputError, match="fewer than 11 units with a score"):
        InverseProbability(score=score).fit(comparison)


def test_three_rows() -> None:
    frame = pd.DataFrame({"unit": [1, 2, 3], "x": [1.0, 1.0, 1.0], "t": [True, False, False]})
    design = InverseProbability("ATE").fit(compare(frame, ["x"]))
    np.testing.assert_allclose(design.weights, [3.0, 1.5, 1.5])


def test_contributions_have_the_variance_of_the_estimate() -> None:
    """Truth known, on 300 draws: no bias, and the mean variance is that of the estimates."""
    random = np.random.default_rng(8)
    estimates, variances = [], []
    for _ in range(300):
        x, z = random.normal(size=(2, 500))
        t = random.random(500) < 1 / (1 + np.exp(0.5 - 0.7 * x))
        y = x + z**2 + 0.5 * t + random.normal(size=500)
        frame = pd.DataFrame({"unit": np.arange(500), "x": x, "z": z, "t": t})
        design = InverseProbability().fit(compare(frame, ["x", "z"]))
        residual = np.zeros(500)
        for arm, sign in ((t, 1), (~t, -1)):
            weights = design.weights[arm]
            residual[arm] = sign * (y[arm] - np.average(y[arm], weights=weights)) / weights.sum()
        model = design.weight_model
        assert model is not None
        own = residual * design.weights + model.influence(residual[:, None])[:, 0]
        estimates.append(gap(design, y))
        variances.append(own @ own)
    error = np.std(estimates) / np.sqrt(300)
    assert abs(np.mean(estimates) - 0.5) < 4 * error
    assert np.mean(variances) / np.var(estimates) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("design", [InverseProbability, EntropyBalancing, CovariateBalancingScore])
def test_a_setting_of_the_wrong_type_is_refused(design: Any, lalonde: Comparison) -> None:
    with pytest.raises(InputError, match="estimand=None is unknown"):
        design(estimand=None).fit(lalonde)
    with pytest.raises(InputError, match="moments='2' must be 1, 2 or 3"):
        EntropyBalancing(moments="2").fit(lalonde)  # type: ignore[arg-type]
