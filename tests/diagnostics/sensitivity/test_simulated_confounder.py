"""A factor drawn like one that is hidden does to the estimate what the hidden one does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import (
    CoarsenedExact,
    EntropyBalancing,
    ExactMatching,
    InverseProbability,
    NearestNeighbour,
)
from pacte_eval.diagnostics.sensitivity.simulated_confounder import (
    SimulatedConfounder,
    like_covariate,
    simulated_confounder,
    simulated_confounder_verdict,
)
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes

FEARED = (0.8, 0.5, 0.6, 0.2)


def people(seed: int = 0, units: int = 4000) -> tuple[Comparison, Outcomes]:
    """A factor moves entry and a binary outcome, which training does not; another moves nothing."""
    rng = np.random.default_rng(seed)
    hidden = (rng.random(units) < 0.4).astype(float)
    treated = rng.random(units) < 0.3 + 0.4 * hidden
    y = (rng.random(units) < 0.3 + 0.4 * hidden).astype(float)
    other = np.where(rng.random(units) < 0.5, "a", "b")
    frame = pd.DataFrame({"hidden": hidden, "other": other, "treated": treated})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["hidden", "other"])
    return comparison, Outcomes("y", y, [24], comparison.unit)


@pytest.mark.parametrize("estimator", [InverseProbability(), ExactMatching(), EntropyBalancing()])
def test_a_factor_like_the_hidden_one_does_as_the_hidden_one(estimator: Any) -> None:
    comparison, outcomes = people()
    chances = like_covariate(comparison, outcomes, 24, "hidden")
    without = comparison.without(["hidden"])
    found = simulated_confounder(without, estimator, outcomes, 24, chances, draws=10, seed=1)
    known = estimate(estimator.fit(comparison), outcomes).table.iloc[0]
    assert found.baseline > 0.1
    assert abs(known["estimate"]) < 0.05
    assert found.estimate == pytest.approx(known["estimate"], abs=0.02)
    assert found.se**2 == pytest.approx(found.within + 1.1 * found.between)


def test_the_mean_of_draws_is_the_stratified_difference() -> None:
    """In closed form: controls of each value of the factor, in the treated's proportions."""
    comparison, outcomes = people(1)
    y, treated = outcomes.values[:, 0], comparison.treated
    p11, p10, p01, p00 = FEARED
    of_treated, of_control = y[treated].mean(), y[~treated].mean()
    one = of_treated * p11 + (1 - of_treated) * p10
    rates = [
        of_control * high / (of_control * high + (1 - of_control) * low)
        for high, low in ((p01, p00), (1 - p01, 1 - p00))
    ]
    expected = of_treated - (one * rates[0] + (1 - one) * rates[1])
    found = simulated_confounder(
        comparison.without(["hidden"]), InverseProbability(), outcomes, 24, FEARED, draws=20
    )
    assert found.estimate == pytest.approx(expected, abs=0.01)
    none = of_control * p01 + (1 - of_control) * p00
    assert found.selection_odds == pytest.approx(one / (1 - one) / (none / (1 - none)), rel=0.05)


def test_the_odds_are_those_of_a_logit_that_holds_covariates() -> None:
    """Entry and outcome lean on a covariate, which the factor knows only through them."""
    rng = np.random.default_rng(3)
    past = rng.normal(size=40_000)
    treated, y = (rng.random((2, 40_000)) < 1 / (1 + np.exp(0.3 - past))).astype(float)
    p11, p10, p01, p00 = FEARED
    chances = np.where(treated, np.where(y, p11, p10), np.where(y, p01, p00))
    factor = (rng.random(40_000) < chances).astype(float)
    frame = pd.DataFrame({"past": past, "factor": factor, "y": y, "treated": treated})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["past"])
    outcomes = Outcomes("y", y, [24], comparison.unit)
    found = simulated_confounder(comparison, InverseProbability(), outcomes, 24, FEARED, draws=2)
    control = smf.logit("y ~ factor + past", frame[frame["treated"] == 0]).fit(disp=False)
    assert np.log(found.outcome_odds) == pytest.approx(control.params["factor"], abs=0.1)
    entry = smf.logit("treated ~ factor + past", frame).fit(disp=False)
    assert np.log(found.selection_odds) == pytest.approx(entry.params["factor"], abs=0.1)


def test_a_factor_that_controls_of_one_outcome_only_have() -> None:
    comparison, outcomes = people(10, units=400)
    without, fit = comparison.without(["hidden"]), InverseProbability()
    for chances, odds in (((0.5, 0.5, 0.5, 0.0), np.inf), ((0.5, 0.5, 0.0, 0.5), 0.0)):
        found = simulated_confounder(without, fit, outcomes, 24, chances, draws=2)
        assert found.outcome_odds == odds


def test_a_factor_of_pure_chance_changes_little() -> None:
    comparison, outcomes = people(2, units=1000)
    found = simulated_confounder(comparison, InverseProbability(), outcomes, 24, [0.5] * 4)
    assert found.estimate == pytest.approx(found.baseline, abs=0.005)
    assert found.between < 0.05 * found.within


def test_a_constant_factor_changes_nothing_and_has_no_odds() -> None:
    comparison, outcomes = people(3, units=400)
    found = simulated_confounder(comparison, InverseProbability(), outcomes, 24, [1.0] * 4, draws=2)
    assert found.estimate == pytest.approx(found.baseline, rel=1e-9)
    assert found.between == pytest.approx(0)
    assert np.isnan([found.outcome_odds, found.selection_odds]).all()


def test_a_factor_that_is_the_treatment_is_refused_by_the_score() -> None:
    comparison, outcomes = people(4, units=400)
    with pytest.raises(InputError, match="'facteur simulé' separates the arms"):
        simulated_confounder(comparison, InverseProbability(), outcomes, 24, (1, 1, 0, 0))


def test_a_constant_outcome_stays_without_effect() -> None:
    comparison, _ = people(5, units=400)
    constant = Outcomes("y", np.ones(400), [24], comparison.unit)
    found = simulated_confounder(comparison, InverseProbability(), constant, 24, FEARED, draws=2)
    assert found.estimate == pytest.approx(0, abs=1e-12)
    assert np.isnan(found.outcome_odds)
    assert simulated_confounder_verdict(found).worst == "non concluant"
    chances = like_covariate(comparison, constant, 24, "hidden")
    assert chances[0] == chances[1]


@pytest.mark.parametrize(
    "estimator",
    [
        ExactMatching(on=["other"]),
        CoarsenedExact(exact=["other"]),
        NearestNeighbour(exact=["other"]),
        NearestNeighbour(distance="mahalanobis", mahalanobis_on=["age"]),
    ],
)
def test_estimators_that_name_what_they_match_on_take_the_factor_too(estimator: Any) -> None:
    comparison, outcomes = people(6, units=500)
    age = np.random.default_rng(1).normal(size=500)
    without = comparison.without(["hidden"])
    frame = without.covariates.assign(age=age, treated=without.treated)
    aged = Comparison.from_frame(frame, treated="treated", covariates=["other", "age"])
    found = simulated_confounder(aged, estimator, outcomes, 24, FEARED, draws=3)
    assert found.estimate < found.baseline - 0.03


def test_units_not_observed_have_the_mean_chances_of_their_arm() -> None:
    comparison, outcomes = people(7)
    seen = np.random.default_rng(1).random(len(comparison)) < 0.7
    censored = Outcomes("y", np.where(seen, outcomes.values[:, 0], np.nan), [24], comparison.unit)
    without = comparison.without(["hidden"])
    whole = simulated_confounder(without, InverseProbability(), outcomes, 24, FEARED, draws=10)
    some = simulated_confounder(without, InverseProbability(), censored, 24, FEARED, draws=10)
    assert some.estimate - some.baseline == pytest.approx(whole.estimate - whole.baseline, abs=0.03)


def test_the_same_seed_gives_the_same_draws_however_probabilities_are_named() -> None:
    comparison, outcomes = people(8, units=300)
    names = dict(zip(("p11", "p10", "p01", "p00"), FEARED, strict=True))
    fit = InverseProbability()
    one = simulated_confounder(comparison, fit, outcomes, 24, names, draws=2, seed=5)
    assert one == simulated_confounder(comparison, fit, outcomes, 24, FEARED, draws=2, seed=5)
    assert one != simulated_confounder(comparison, fit, outcomes, 24, FEARED, draws=2, seed=6)


def test_a_covariate_is_counted_by_arm_and_outcome() -> None:
    frame = pd.DataFrame(
        {
            "treated": [1, 1, 1, 1, 0, 0, 0, 0],
            "sex": list("MMFFMFFF"),
            "number": [1, 1, 0, 0, 1, 0, 0, 0],
            "age": range(8),
        }
    )
    covariates = ["sex", "number", "age"]
    comparison = Comparison.from_frame(frame, treated="treated", covariates=covariates)
    outcomes = Outcomes("y", np.array([9.0, 9, 9, 0, 9, 9, 0, np.nan]), [24], comparison.unit)
    expected = pytest.approx((2 / 3, 0, 1 / 2, 0))
    assert like_covariate(comparison, outcomes, 24, "sex") == expected
    assert like_covariate(comparison, outcomes, 24, "number") == expected
    with pytest.raises(InputError, match="'age' must have two values"):
        like_covariate(comparison, outcomes, 24, "age")
    with pytest.raises(InputError, match="'agee' is not a covariate: did you mean 'age'"):
        like_covariate(comparison, outcomes, 24, "agee")


@pytest.mark.parametrize(
    ("estimate_with", "error", "baseline", "verdict"),
    [
        (0.10, 0.04, 0.12, "pass"),
        (0.05, 0.04, 0.12, "warning"),
        (-0.01, 0.04, 0.12, "fail"),
        (-0.10, 0.04, -0.12, "pass"),
        (0.01, 0.04, -0.12, "fail"),
        (0.05, 0.04, 0.05, "non concluant"),
    ],
)
def test_verdicts(estimate_with: float, error: float, baseline: float, verdict: str) -> None:
    found = SimulatedConfounder(estimate_with, 0, 0, error, baseline, 0.04, 2.5, 1.5, 20)
    row = simulated_confounder_verdict(found).table.iloc[0]
    assert row["verdict"] == verdict
    assert row["sentence"].startswith(
        "Avec un facteur simulé qui multiplie la cote d’entrer en formation par 1,50 et celle"
    )


def test_what_cannot_be_drawn_is_refused() -> None:
    comparison, outcomes = people(9, units=100)
    fit = InverseProbability()
    for wrong in ((0.5, 0.5), (0.5, 0.5, 0.5, 1.2)):
        with pytest.raises(InputError, match="must be four numbers from 0 to 1"):
            simulated_confounder(comparison, fit, outcomes, 24, wrong)
    with pytest.raises(InputError, match="needs the four names p11, p10, p01, p00"):
        simulated_confounder(comparison, fit, outcomes, 24, {"p11": 0.5})
    with pytest.raises(InputError, match="draws=1 must be a whole number from 2"):
        simulated_confounder(comparison, fit, outcomes, 24, FEARED, draws=1)
    given = InverseProbability(score=np.full(100, 0.5))
    with pytest.raises(InputError, match="a score given as numbers"):
        simulated_confounder(comparison, given, outcomes, 24, FEARED)
    gone = Outcomes("y", np.where(comparison.treated, np.nan, 1.0), [24], comparison.unit)
    with pytest.raises(InputError, match="nobody of an arm is observed at month 24"):
        simulated_confounder(comparison, fit, gone, 24, FEARED)
