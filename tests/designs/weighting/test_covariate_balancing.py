"""Covariate-balancing scores: their moment conditions, their kinship with entropy balancing, and
the cases where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.weighting.covariate_balancing import CovariateBalancingScore
from pacte_eval.designs.weighting.entropy_balancing import EntropyBalancing
from pacte_eval.frames import Comparison

ESTIMANDS: list[Any] = ["ATT", "ATE"]
MISSPELT: Any = "ATO"


def sample(seed: int, units: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": [f"u{i}" for i in range(units)], "x": random.normal(size=units)})
    frame["level"] = random.choice(["a", "b", "c"], units)
    index = 0.6 * frame["x"] - 0.5 + 0.5 * (frame["level"] == "b")
    frame["t"] = random.random(units) < 1 / (1 + np.exp(-index))
    frame["s"] = random.integers(1, 4, units).astype(float)
    return frame


def compare(frame: pd.DataFrame, covariates: list[str], **options: Any) -> Comparison:
    return Comparison.from_frame(frame, treated="t", covariates=covariates, unit="unit", **options)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    units=st.sampled_from([300, 300, 40_000]),
    estimand=st.sampled_from(ESTIMANDS),
)
def test_the_score_solves_its_moment_conditions(seed: int, units: int, estimand: Any) -> None:
    """Those of Imai and Ratkovic (2014); the score is a logit of the covariates."""
    frame = sample(seed, units)
    design = CovariateBalancingScore(estimand).fit(compare(frame, ["x", "level"], weights="s"))
    level = pd.get_dummies(frame["level"], dtype=float).to_numpy()
    basis = np.column_stack([level, frame["x"]])
    score, t, s = design.score, frame["t"].to_numpy(), frame["s"].to_numpy()
    assert score is not None
    if estimand == "ATT":
        terms = np.where(t, 1.0, -score / (1 - score))
    else:
        terms = np.where(t, 1 / score, -1 / (1 - score))
    np.testing.assert_allclose((s * terms) @ basis / units, 0, atol=1e-11)
    np.testing.assert_allclose(design.weights, s * np.abs(terms), rtol=1e-9)
    index = logit(score)
    fitted = basis @ np.linalg.lstsq(basis, index)[0]
    np.testing.assert_allclose(fitted, index, atol=1e-8)


def test_on_the_treated_the_weights_are_those_of_entropy_balancing(lalonde: Comparison) -> None:
    score = CovariateBalancingScore().fit(lalonde)
    np.testing.assert_allclose(score.weights, EntropyBalancing().fit(lalonde).weights, rtol=1e-9)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_what_is_balanced_has_no_gap_and_no_error(estimand: Any) -> None:
    comparison = compare(sample(1), ["x", "level"], weights="s")
    after = CovariateBalancingScore(estimand).fit(comparison).balance()
    after = after[after["covariate"] != "score"]
    np.testing.assert_allclose(after["smd_after"], 0, atol=1e-9)
    np.testing.assert_allclose(after["smd_se"], 0, atol=1e-9)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_contributions_are_derivatives_by_the_sampling_weights(estimand: Any) -> None:
    frame = sample(2, 80)
    maker = CovariateBalancingScore(estimand)
    design = maker.fit(compare(frame, ["x", "level"], weights="s"))
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
            totals.append(residual.T @ maker.fit(again).weights)
        slope = (totals[0] - totals[1]) / 2e-4
        np.testing.assert_allclose(contributions[unit], slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_weight_two_is_a_row_twice(estimand: Any) -> None:
    frame = sample(3)
    maker = CovariateBalancingScore(estimand)
    weighted = maker.fit(compare(frame, ["x", "level"], weights="s")).weights
    copies = frame["s"].astype(int)
    twice = frame.loc[frame.index.repeat(copies)].reset_index(drop=True)
    twice["unit"] = [f"v{i}" for i in range(len(twice))]
    plain = maker.fit(compare(twice, ["x", "level"])).weights
    np.testing.assert_allclose(np.repeat(weighted / copies, copies), plain, rtol=1e-8)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_order_scale_and_duplicated_columns_do_not_matter(estimand: Any) -> None:
    frame = sample(4)
    maker = CovariateBalancingScore(estimand)
    weights = pd.Series(maker.fit(compare(frame, ["x", "level"])).weights, frame["unit"])
    other = frame.sample(frac=1, random_state=1)
    other = other.assign(x=1e6 - 1e3 * other["x"], again=other["x"] / 7, constant=0.1)
    changed = maker.fit(compare(other, ["level", "constant", "x", "again"]))
    np.testing.assert_allclose(changed.weights, weights[other["unit"]], rtol=1e-7)
    assert "constant (constant)" in str(changed.settings["dropped"])


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_separation_names_the_covariate(estimand: Any) -> None:
    maker = CovariateBalancingScore(estimand)
    frame = sample(5)
    frame["far"] = frame["t"] * 10.0 + frame["x"]
    with pytest.raises(InputError, match="covariate 'far' cannot be balanced"):
        maker.fit(compare(frame, ["level", "far"]))
    for arm in (True, False):
        one_arm = frame.copy()
        one_arm.loc[(frame["t"] == arm).to_numpy().nonzero()[0][:12], "level"] = "z"
        with pytest.raises(InputError, match=r"covariate 'level' .*'level\[z\]'"):
            maker.fit(compare(one_arm, ["x", "level"]))


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_a_rare_level_in_one_arm_is_separation_too(estimand: Any) -> None:
    """The function then falls for ever by ever less: next to nothing, for twelve in 20,000."""
    frame = sample(8, 20_000)
    frame.loc[(~frame["t"]).to_numpy().nonzero()[0][:12], "level"] = "z"
    with pytest.raises(InputError, match=r"'level\[z\]'"):
        CovariateBalancingScore(estimand).fit(compare(frame, ["x", "level"]))


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_constant_covariates_leave_the_shares(estimand: Any) -> None:
    frame = pd.DataFrame({"unit": [1, 2, 3], "x": [1.0, 1.0, 1.0], "t": [True, False, False]})
    design = CovariateBalancingScore(estimand).fit(compare(frame, ["x"]))
    assert design.score is not None
    np.testing.assert_allclose(design.score, 1 / 3)
    expected = [1, 0.5, 0.5] if estimand == "ATT" else [3, 1.5, 1.5]
    np.testing.assert_allclose(design.weights, expected)


def test_one_treated_unit() -> None:
    frame = sample(6).assign(t=False)
    frame.loc[0, ["x", "t"]] = [0.2, True]
    design = CovariateBalancingScore().fit(compare(frame, ["x"]))
    control = ~design.comparison.treated
    assert design.weights[control] @ frame["x"][control] == pytest.approx(0.2)


def test_mistakes_are_named() -> None:
    with pytest.raises(InputError, match="estimand='ATO' is unknown"):
        CovariateBalancingScore(MISSPELT).fit(compare(sample(7), ["x"]))
    with pytest.raises(InputError, match="at least one covariate"):
        CovariateBalancingScore().fit(compare(sample(7), []))
