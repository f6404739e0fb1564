"""Known truth, small: bias and coverage with Monte Carlo bounds wide enough for a few hundred draws.

The same data-generating processes run 2,000 times in `benchmarks/coverage/nearest_neighbour.py`.
With 200 replications the Monte Carlo error of a coverage of 95 % is 1.5 points: bounds are three
of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from pacte_eval.designs import NearestNeighbour
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison

REPLICATIONS = 200


def run(draw: Any, design: NearestNeighbour, **options: Any) -> tuple[float, float, float]:
    """Bias in Monte Carlo errors, ratio of mean to true error, and coverage."""
    random = np.random.default_rng(42)
    gaps, errors = [], []
    for _ in range(REPLICATIONS):
        comparison, outcome, truth = draw(random)
        row: Any = estimate(design.fit(comparison), outcome, **options).table.iloc[0]
        gaps.append(row["estimate"] - truth)
        errors.append(row["se"])
    gap, error = np.array(gaps), np.array(errors)
    spread = gap.std(ddof=1)
    return (
        gap.mean() / (spread / np.sqrt(REPLICATIONS)),
        np.sqrt((error**2).mean()) / spread,
        float((np.abs(gap) <= 1.96 * error).mean()),
    )


def cross_section(random: np.random.Generator) -> tuple[Comparison, np.ndarray, float]:
    """A constant effect of one; covariates move the outcome at constant score."""
    frame = pd.DataFrame(random.standard_normal((400, 2)), columns=["x", "z"])
    frame["t"] = random.random(400) < expit(-1.2 + 0.5 * frame["x"] + 0.5 * frame["z"])
    outcome = frame["x"] - frame["z"] + frame["t"] + random.standard_normal(400)
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x", "z"])
    return comparison, outcome.to_numpy(), 1.0


def standing_controls(random: np.random.Generator) -> tuple[Comparison, np.ndarray, float]:
    """Forty controls in each of five months, and others treated once; lasting personal traits."""
    trait, x = random.standard_normal((2, 140))
    month = np.r_[np.repeat(np.arange(5), 40), random.integers(0, 5, 100)]
    person = np.r_[np.tile(np.arange(40), 5), np.arange(40, 140)]
    frame = pd.DataFrame({"month": month, "person": person, "x": x[person], "t": person >= 40})
    noise = 0.5 * random.standard_normal(len(frame))
    outcome = x[person] + trait[person] + noise + frame["t"].to_numpy()
    comparison = Comparison.from_frame(
        frame, treated="t", covariates=["x"], strata=["month"], cluster="person"
    )
    return comparison, outcome, 1.0


def test_the_score_s_own_error_is_accounted_for_in_2016() -> None:
    design = NearestNeighbour(neighbours=2)
    bias, ratio, coverage = run(cross_section, design, se="abadie-imbens-2016")
    assert abs(bias) < 3
    assert ratio == pytest.approx(1, abs=0.15)
    assert 0.905 <= coverage <= 0.995
    assert run(cross_section, design)[1] > 1.15


def test_caliper_and_bands_of_exact_cells() -> None:
    bias, ratio, coverage = run(cross_section, NearestNeighbour(caliper=0.2))
    assert abs(bias) < 3
    assert ratio > 1
    assert coverage >= 0.905


def test_controls_reused_across_risk_sets_need_clusters() -> None:
    design = NearestNeighbour(neighbours=3, exact=["month"])
    bias, ratio, coverage = run(standing_controls, design)
    assert abs(bias) < 3.5
    assert ratio == pytest.approx(1, abs=0.15)
    assert 0.905 <= coverage <= 0.995
    assert run(standing_controls, design, cluster="unit")[1] < 0.85
