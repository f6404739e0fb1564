"""Weighted designs: sandwiches of statsmodels, and influence as the derivative by case weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.matching.nearest import NearestNeighbour
from pacte_eval.designs.matching.optimal import OptimalMatching
from pacte_eval.designs.matching.subclasses import set_codes
from pacte_eval.designs.weighting.entropy_balancing import EntropyBalancing
from pacte_eval.designs.weighting.inverse_probability import InverseProbability
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison


def draw(size: int = 120, seed: int = 1) -> tuple[Comparison, np.ndarray, pd.DataFrame]:
    """Units of unequal sampling weight, and outcomes of three periods."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(size, 2)), columns=["x", "z"])
    frame["g"] = pd.Categorical(random.choice(["a", "b", "c"], size))
    frame["t"] = random.random(size) < expit(-0.6 + 0.5 * frame["x"] - 0.4 * frame["z"])
    frame["s"] = random.uniform(0.5, 2, size)
    comparison = Comparison.from_frame(
        frame, treated="t", covariates=["x", "z", "g"], strata=["g"], weights="s"
    )
    noise = random.normal(size=(size, 3))
    outcomes = noise + (frame["x"] + frame["t"] * frame["z"]).to_numpy()[:, np.newaxis]
    return comparison, outcomes, frame


@pytest.mark.parametrize("se", ["HC0", "HC1", "HC2", "HC3"])
@pytest.mark.parametrize("design", [InverseProbability(), NearestNeighbour(neighbours=2)])
def test_sandwiches_of_independent_units(se: Any, design: Any) -> None:
    comparison, outcomes, frame = draw()
    fitted = design.fit(comparison)
    found = estimate(fitted, outcomes[:, 0], se=se).table.iloc[0]
    used = frame.assign(y=outcomes[:, 0], w=fitted.weights, t=1.0 * frame["t"]).query("w > 0")
    expected: Any = smf.wls("y ~ t", used, weights=used["w"]).fit(cov_type=se)
    assert found["estimate"] == pytest.approx(expected.params["t"])
    assert found["se"] == pytest.approx(expected.bse["t"])
    assert found["se_kind"].startswith(f"{se}, pondérations tenues pour fixes")


@pytest.mark.parametrize(
    ("design", "cluster"),
    [
        (NearestNeighbour(replace=False), None),
        (OptimalMatching(kind="full"), None),
        (InverseProbability(), "g"),
    ],
)
def test_sandwiches_by_cluster(design: Any, cluster: Any) -> None:
    comparison, outcomes, frame = draw()
    fitted = design.fit(comparison)
    found: Any = estimate(fitted, outcomes[:, 0], se="HC1", cluster=cluster).table.iloc[0]
    if cluster is None:
        codes = set_codes(fitted.matches, len(comparison))
        assert "ensemble apparié" in found["se_kind"] or "paire" in found["se_kind"]
    else:
        codes = frame[cluster].cat.codes.to_numpy()
        assert found["se_kind"].endswith("grappes par g, peu de grappes (3)")
    used = frame.assign(y=outcomes[:, 0], w=fitted.weights, t=1.0 * frame["t"], code=codes)
    used = used.query("w > 0")
    model = smf.wls("y ~ t", used, weights=used["w"])
    expected: Any = model.fit(cov_type="cluster", cov_kwds={"groups": used["code"]})
    assert found["se"] == pytest.approx(expected.bse["t"])


M_ESTIMATED: list[Any] = [
    *[(InverseProbability(estimand=target), "none") for target in ("ATT", "ATC", "ATE", "ATO")],
    *[(InverseProbability(estimand=target), "regression") for target in ("ATT", "ATC", "ATE")],
    *[(InverseProbability(estimand=target), "augmented") for target in ("ATT", "ATC", "ATE")],
    (InverseProbability("ATE", score="probit"), "none"),
    (EntropyBalancing(), "none"),
    (EntropyBalancing(estimand="ATE"), "none"),
    (EntropyBalancing(moments=2), "augmented"),
]


@pytest.mark.parametrize(("design", "adjust"), M_ESTIMATED)
def test_contributions_are_derivatives_by_case_weights(design: Any, adjust: Any) -> None:
    """Refitting everything with one unit a little heavier moves the estimate as announced."""
    comparison, outcomes, _ = draw()
    outcomes[5, 1] = np.nan
    effects: Any = estimate(
        design.fit(comparison), outcomes, adjust=adjust, se="m-estimation", periods=range(3)
    )
    contributions = effects.contributions([0, 1])
    assert effects.table["contribution_kind"].iloc[0] == "influence"
    errors = np.sqrt((contributions**2).sum(axis=0))
    np.testing.assert_allclose(errors, effects.table["se"].iloc[:2])
    step = 1e-4
    for unit in (0, 5, 17, int(np.argmax(comparison.treated))):
        moved = []
        for sign in (1, -1):
            weights = comparison.weights.copy()
            weights[unit] *= 1 + sign * step
            heavier = design.fit(replace(comparison, weights=weights))
            again = estimate(heavier, outcomes, adjust=adjust, periods=range(3)).table["estimate"]
            moved.append(again.to_numpy()[:2])
        np.testing.assert_allclose(
            (moved[0] - moved[1]) / (2 * step), contributions[unit], rtol=2e-4, atol=2e-6
        )


@pytest.mark.parametrize("adjust", ["none", "regression", "augmented"])
def test_a_balanced_covariate_has_no_error(adjust: Any) -> None:
    comparison, _, frame = draw()
    design = EntropyBalancing().fit(comparison)
    found = estimate(design, frame["x"].to_numpy(), adjust=adjust).table.iloc[0]
    assert found["estimate"] == pytest.approx(0, abs=1e-8)
    assert found["se"] == pytest.approx(0, abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_missing_outcomes_are_those_units_left_out(seed: int) -> None:
    """With weights as given, a censored unit is as one the comparison never had."""
    comparison, outcomes, _ = draw(60, seed)
    random = np.random.default_rng(seed)
    seen = random.random(60) < 0.8
    outcome = np.where(seen, outcomes[:, 0], np.nan)
    design = InverseProbability(score=expit(comparison.covariates["x"].to_numpy()))
    whole = estimate(design.fit(comparison), outcome, se="HC1").table.iloc[0]
    scores = expit(comparison.covariates["x"].to_numpy()[seen])
    part = InverseProbability(score=scores).fit(comparison.subset(seen))
    alone = estimate(part, outcome[seen], se="HC1").table.iloc[0]
    for column in ("estimate", "se", "n_treated", "n_control"):
        assert whole[column] == pytest.approx(alone[column])


def test_weights_taken_as_known_say_so() -> None:
    comparison, outcomes, _ = draw()
    given_score = InverseProbability(score=np.full(len(comparison), 0.4)).fit(comparison)
    found: Any = estimate(given_score, outcomes[:, 0]).table.iloc[0]
    assert found["se_kind"] == "M-estimation, pondérations tenues pour fixes"
    same = estimate(given_score, outcomes[:, 0], se="HC0").table.iloc[0]
    assert found["se"] == pytest.approx(same["se"])


def test_other_targets_are_named() -> None:
    comparison, outcomes, _ = draw()
    names = {}
    for target in ("ATC", "ATE", "ATO"):
        design: Any = InverseProbability(estimand=target)
        row: Any = estimate(design.fit(comparison), outcomes[:, 0]).table.iloc[0]
        assert row["estimand"] == f"{target}, niveau"
        names[target] = row["target_population"]
    assert names == {
        "ATC": "ensemble des témoins",
        "ATE": "ensemble des unités",
        "ATO": "unités, selon leur recouvrement",
    }
    with pytest.raises(InputError, match="adjust='augmented' is not for estimand='ATO'"):
        estimate(InverseProbability("ATO").fit(comparison), outcomes[:, 0], adjust="augmented")


def test_few_units_have_no_error() -> None:
    frame = pd.DataFrame({"t": [1, 0, 0], "x": [0.0, 0.1, 4.0]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    design = InverseProbability(score=np.full(3, 0.4)).fit(comparison)
    row: Any = estimate(design, np.array([5.0, 3.0, 1.0])).table.iloc[0]
    assert row["estimate"] == pytest.approx(3)
    assert np.isnan(row["se"])
    assert np.isnan(estimate(design, np.array([np.nan, 3.0, 1.0])).table["estimate"].iloc[0])
