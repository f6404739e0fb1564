"""Extremes of the weighted effect are those of a linear programme and of all corners enumerated."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, InverseProbability, NearestNeighbour
from pacte_eval.diagnostics.sensitivity.marginal_model import (
    KIND,
    critical_lambda,
    marginal_sensitivity,
    marginal_verdict,
)
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes


def weighted(
    seed: int = 0, units: int = 200, effect: float = 0.6, binary: bool = False
) -> tuple[Design, Outcomes]:
    rng = np.random.default_rng(seed)
    past = rng.normal(size=units)
    treated = rng.random(units) < 1 / (1 + np.exp(0.5 - past))
    y = past + effect * treated + rng.normal(size=units)
    frame = pd.DataFrame({"past": past, "treated": treated})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["past"])
    values = (y > 0).astype(float) if binary else y
    return InverseProbability().fit(comparison), Outcomes("y", values, [24], comparison.unit)


def small(outcome: Any, odds: Any) -> tuple[Design, Outcomes]:
    """Three treated with outcomes of 1, and controls with these outcomes and these odds."""
    frame = pd.DataFrame({"treated": [True] * 3 + [False] * len(odds)})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=[])
    odds = np.array([1.0] * 3 + list(odds))
    design = InverseProbability(score=odds / (1 + odds)).fit(comparison)
    values = np.array([1.0] * 3 + list(outcome))
    return design, Outcomes("y", values, [24], comparison.unit)


def extremes_by_programme(outcome: np.ndarray, odds: np.ndarray, factor: float) -> list[float]:
    """Least and largest Hájek mean by the programme of Charnes and Cooper."""
    n = len(odds)
    bounds = np.vstack(
        [
            np.column_stack([np.eye(n), -factor * odds]),
            np.column_stack([-np.eye(n), odds / factor]),
        ]
    )
    total = np.append(np.ones(n), 0.0)[np.newaxis]
    return [
        sign * linprog(sign * np.append(outcome, 0), bounds, np.zeros(2 * n), total, [1]).fun
        for sign in (1, -1)
    ]


@pytest.mark.parametrize("factor", [1.0, 1.2, 2.0, 10.0])
def test_extremes_are_those_of_the_linear_programme(factor: float) -> None:
    rng = np.random.default_rng(1)
    outcome, odds = np.round(rng.normal(size=15), 1), rng.uniform(0.1, 3, size=15)
    found = marginal_sensitivity(*small(outcome, odds), 24, [factor], draws=1).iloc[0]
    least, largest = extremes_by_programme(outcome, odds, factor)
    assert found["low"] == pytest.approx(1 - largest, abs=1e-9)
    assert found["high"] == pytest.approx(1 - least, abs=1e-9)


def test_extremes_are_at_a_corner_with_ties() -> None:
    outcome, odds = np.array([0, 0, 1, 1, 1, 2, 2.5]), np.array([1, 0.5, 2, 0.3, 0.7, 1.1, 0.2])
    means = [
        np.average(outcome, weights=odds * np.array(corner))
        for corner in product([1 / 1.7, 1.7], repeat=7)
    ]
    found = marginal_sensitivity(*small(outcome, odds), 24, [1.7], draws=1).iloc[0]
    assert found["low"] == pytest.approx(1 - max(means), rel=1e-12)
    assert found["high"] == pytest.approx(1 - min(means), rel=1e-12)


@pytest.mark.parametrize("fit", [InverseProbability(), NearestNeighbour()])
def test_odds_as_they_are_give_the_estimate(lalonde: Comparison, fit: Any) -> None:
    rng = np.random.default_rng(2)
    values = np.where(rng.random(len(lalonde)) < 0.1, np.nan, rng.normal(size=len(lalonde)))
    design, outcomes = fit.fit(lalonde), Outcomes("y", values, [24], lalonde.unit)
    found = marginal_sensitivity(design, outcomes, 24, [1, 2], draws=20)
    known = estimate(design, outcomes, adjust="none").table["estimate"][0]
    assert found["low"][0] == pytest.approx(known, rel=1e-9)
    assert found["high"][0] == pytest.approx(known, rel=1e-9)
    assert (found["ci_kind"] == KIND).all()


def test_the_interval_of_the_draws_has_the_width_of_the_error() -> None:
    design, outcomes = weighted(3, units=600)
    found = marginal_sensitivity(design, outcomes, 24, [1.0], draws=400).iloc[0]
    row = estimate(design, outcomes, se="HC0").table.iloc[0]
    width = (found["ci_high"] - found["ci_low"]) / 2
    assert width == pytest.approx(1.96 * row["se"], rel=0.15)
    assert found["ci_low"] < row["estimate"] < found["ci_high"]


def test_ranges_and_intervals_widen_with_the_factor() -> None:
    found = marginal_sensitivity(*weighted(4), 24, [1, 1.2, 1.5, 3], draws=30)
    for low, high in (("low", "high"), ("ci_low", "ci_high")):
        assert found[low].is_monotonic_decreasing
        assert found[high].is_monotonic_increasing
    assert (found["ci_low"] < found["low"]).all()
    assert (found["ci_high"] > found["high"]).all()


def test_rows_of_a_person_are_drawn_together() -> None:
    """Every unit twice, as rows of one person, is no more information."""
    design, outcomes = weighted(5, units=100)
    comparison = design.comparison
    frame = pd.concat(
        [comparison.covariates.assign(treated=comparison.treated, who=range(100))] * 2,
        ignore_index=True,
    )
    double = Comparison.from_frame(frame, treated="treated", covariates=["past"], cluster="who")
    twice = InverseProbability().fit(double)
    values = np.tile(outcomes.values[:, 0], 2)
    found = marginal_sensitivity(twice, Outcomes("y", values, [24], double.unit), 24, draws=50)
    pd.testing.assert_frame_equal(found, marginal_sensitivity(design, outcomes, 24, draws=50))


@pytest.mark.parametrize("binary", [False, True])
def test_the_critical_factor_is_where_the_interval_reaches_zero(binary: bool) -> None:
    design, outcomes = weighted(6, units=400, effect=1.0, binary=binary)
    found = critical_lambda(design, outcomes, 24, draws=60, seed=2)
    assert 1.1 < found < 4
    at = marginal_sensitivity(design, outcomes, 24, [found], draws=60, seed=2)
    assert at["ci_low"][0] == pytest.approx(0, abs=1e-4)
    losses = Outcomes("y", -outcomes.values, [24], outcomes.units)
    assert critical_lambda(design, losses, 24, draws=60, seed=2) == pytest.approx(found, rel=1e-6)
    verdict = marginal_verdict(design, outcomes, 24, min_lambda=1.1, draws=60, seed=2)
    assert verdict.worst == "pass"
    assert "personnes rééchantillonnées, plan fixe" in verdict.table["sentence"][0]
    assert marginal_verdict(design, outcomes, 24, found + 0.1, 60, 2).worst == "warning"


def test_no_effect_is_no_evidence_to_begin_with() -> None:
    verdict = marginal_verdict(*weighted(7, effect=0.0), 24, draws=40)
    assert verdict.worst == "non concluant"
    assert np.isnan(verdict.table["value"][0])


def test_a_constant_outcome_has_no_range() -> None:
    design, outcomes = weighted(8)
    constant = Outcomes("y", np.ones(len(outcomes)), [24], outcomes.units)
    found = marginal_sensitivity(design, constant, 24, draws=10)
    limits = found[["low", "high", "ci_low", "ci_high"]].to_numpy()
    assert limits == pytest.approx(np.zeros(limits.shape), abs=1e-12)
    assert marginal_verdict(design, constant, 24, draws=10).worst == "non concluant"


def test_treated_above_every_control_are_never_explained_away() -> None:
    design, outcomes = weighted(9)
    apart = Outcomes("y", design.comparison.treated.astype(float), [24], outcomes.units)
    verdict = marginal_verdict(design, apart, 24, draws=10)
    assert verdict.worst == "pass"
    assert verdict.table["value"][0] == np.inf
    assert "si grande soit-elle" in verdict.table["sentence"][0]


def test_a_draw_without_an_arm_counts_for_nothing() -> None:
    found = marginal_sensitivity(*small([0.5], [2.0]), 24, [1, 2], draws=50)
    assert found[["ci_low", "ci_high"]].to_numpy() == pytest.approx(np.full((2, 2), 0.5))


def test_what_the_model_does_not_say_is_refused() -> None:
    design, outcomes = weighted(10, units=60)
    with pytest.raises(InputError, match="must be finite numbers from 1"):
        marginal_sensitivity(design, outcomes, 24, [0.9])
    with pytest.raises(InputError, match="draws=0 must be a whole number"):
        marginal_sensitivity(design, outcomes, 24, draws=0)
    with pytest.raises(InputError, match="min_lambda=1"):
        marginal_verdict(design, outcomes, 24, min_lambda=1)
    every = InverseProbability("ATE").fit(design.comparison)
    with pytest.raises(InputError, match="for the effect on the treated, not ATE"):
        marginal_sensitivity(every, outcomes, 24)
    gone = np.where(design.comparison.treated, np.nan, 1.0)
    with pytest.raises(InputError, match="nobody of an arm of the design is observed at month 24"):
        marginal_sensitivity(design, Outcomes("y", gone, [24], outcomes.units), 24)
