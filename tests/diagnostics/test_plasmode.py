"""Simulated outcomes tell which estimator suits these people, and how well it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, EntropyBalancing, InverseProbability, NearestNeighbour
from pacte_eval.diagnostics.plasmode import plasmode
from pacte_eval.effects import DoublyRobust
from pacte_eval.frames import Comparison, Outcomes


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    random = np.random.default_rng(1)
    size = 1_200
    frame = pd.DataFrame({"x": random.normal(size=size), "sex": random.choice(list("FH"), size)})
    chances = 1 / (1 + np.exp(1.2 - 0.9 * frame["x"]))
    frame["treated"] = random.random(size) < chances
    return Comparison.from_frame(frame, treated="treated", covariates=["x", "sex"])


@pytest.fixture(scope="module")
def baseline(comparison: Comparison) -> Outcomes:
    random = np.random.default_rng(2)
    chances = 1 / (1 + np.exp(-1.5 * comparison.covariates["x"].to_numpy()))
    return Outcomes("emploi", random.random(len(comparison)) < chances, [-1], comparison.unit)


def unadjusted(comparison: Comparison) -> Design:
    """Whatever their x."""
    return EntropyBalancing().fit(comparison.without(["x"]))


def test_an_estimator_that_balances_is_preferred_to_one_that_does_not(
    comparison: Comparison, baseline: Outcomes
) -> None:
    designs = {
        "brut": unadjusted(comparison),
        "pondération": InverseProbability().fit(comparison),
        "voisins": NearestNeighbour(neighbours=3).fit(comparison),
    }
    table = plasmode(comparison, designs, baseline, draws=200)
    worst = table[table["label"] == "brut"]
    assert (worst["rank"] == 3).all()
    assert (worst["bias"].abs() > 0.1).all()
    best = table[table["label"] == "pondération"]
    assert (best["bias"].abs() < 0.03).all()
    assert table["coverage"].isna().all()


def test_the_truth_is_of_those_kept_and_the_same_draws_give_the_same_table(
    comparison: Comparison, baseline: Outcomes
) -> None:
    design = NearestNeighbour(caliper=0.05).fit(comparison)
    table = plasmode(comparison, {"a": design}, baseline, (0.0, 0.1), draws=20)
    assert table["truth"].iloc[0] == 0
    assert 0.05 < table["truth"].iloc[1] < 0.1  # some chances cannot rise by so much
    assert (table["n_treated"] == design.n_treated).all()
    again = plasmode(comparison, {"a": design}, baseline, (0.0, 0.1), draws=20)
    pd.testing.assert_frame_equal(table, again)


def test_enough_draws_give_coverage_and_power(comparison: Comparison, baseline: Outcomes) -> None:
    few = comparison.subset(np.arange(len(comparison)) < 400)
    design = InverseProbability().fit(few)
    table = plasmode(few, {"a": design}, baseline, (0.0, 0.3), draws=1_000)
    assert table["coverage"].iloc[0] == pytest.approx(0.95, abs=0.04)
    assert table["power"].iloc[0] == pytest.approx(1 - table["coverage"].iloc[0])
    assert table["power"].iloc[1] > 0.9


def test_an_estimator_without_design_is_applied_to_the_draws(
    comparison: Comparison, baseline: Outcomes
) -> None:
    robust = DoublyRobust(folds=2)
    table = plasmode(
        comparison, {"dr": lambda outcomes: robust.fit(comparison, outcomes)}, baseline, draws=30
    )
    assert (table["bias"].abs() < 0.05).all()
    assert (table["n_treated"] == int(comparison.treated.sum())).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [(np.zeros(1_200), "does not vary"), (np.arange(1_200.0), "zeros and ones")],
)
def test_a_baseline_that_cannot_be_simulated_is_refused(
    comparison: Comparison, values: np.ndarray, words: str
) -> None:
    design = InverseProbability().fit(comparison)
    outcomes = Outcomes("x", values, [-1], comparison.unit)
    with pytest.raises(InputError, match=words):
        plasmode(comparison, {"a": design}, outcomes)


def test_mistakes_are_refused(comparison: Comparison, baseline: Outcomes) -> None:
    design = InverseProbability().fit(comparison)
    with pytest.raises(InputError, match="draws=1"):
        plasmode(comparison, {"a": design}, baseline, draws=1)
    with pytest.raises(InputError, match="between -1 and 1"):
        plasmode(comparison, {"a": design}, baseline, (2.0,))
    with pytest.raises(InputError, match="no estimator"):
        plasmode(comparison, {}, baseline)
    other = comparison.subset(np.arange(len(comparison)) < 500)
    with pytest.raises(InputError, match="other units"):
        plasmode(other, {"a": design}, baseline)
