"""Known truth, small: bias and coverage with Monte Carlo bounds for a hundred replications.

Like processes run 2,000 times in `benchmarks/coverage/designs.py`. Over 120 replications
the Monte Carlo error of a coverage of 95 % is 2 points and that of a standard deviation 6.5 %
(12 % where forty people carry it): bounds are about three of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from pacte_eval.designs.matching.nearest import NearestNeighbour
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison

REPLICATIONS = 120


class Result(NamedTuple):
    """Bias in Monte Carlo errors, announced and true error, and coverage at 95 %."""

    bias: float
    announced: float
    true: float
    coverage: float


def run(draw: Any, design: Any, *options: dict[str, Any]) -> list[Result]:
    """One result for each way of computing the standard error."""
    random = np.random.default_rng(42)
    gaps, errors = [], []
    for _ in range(REPLICATIONS):
        comparison, outcome, truth = draw(random)
        fitted = design.fit(comparison)
        rows: Any = [estimate(fitted, outcome, **option).table.iloc[0] for option in options]
        gaps.append(rows[0]["estimate"] - truth)
        errors.append([row["se"] for row in rows])
    gap = np.array(gaps)
    spread = gap.std(ddof=1)
    return [
        Result(
            bias=gap.mean() / (spread / np.sqrt(REPLICATIONS)),
            announced=float(np.sqrt((error**2).mean())),
            true=float(spread),
            coverage=float((np.abs(gap) <= 1.96 * error).mean()),
        )
        for error in np.array(errors).T
    ]


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


def test_the_error_of_the_score_is_accounted_for_in_2016() -> None:
    found, without = run(
        cross_section, NearestNeighbour(neighbours=2), {"se": "abadie-imbens-2016"}, {}
    )
    assert abs(found.bias) < 3
    assert found.announced == pytest.approx(found.true, rel=0.2)
    assert found.coverage >= 0.89
    assert without.announced > 1.15 * found.announced


def test_a_caliper_is_conservative_when_the_score_is_estimated() -> None:
    (found,) = run(cross_section, NearestNeighbour(caliper=0.2), {})
    assert abs(found.bias) < 3
    assert found.announced > 0.9 * found.true
    assert found.coverage >= 0.89


def test_controls_reused_across_risk_sets_need_clusters() -> None:
    found, by_unit = run(
        standing_controls,
        NearestNeighbour(neighbours=3, exact=["month"]),
        {},
        {"cluster": "unit"},
    )
    assert abs(found.bias) < 3.5
    assert found.announced == pytest.approx(found.true, rel=0.3)
    assert found.coverage >= 0.89
    assert by_unit.announced < 0.85 * found.announced


@pytest.mark.parametrize(
    ("design", "options"),
    [
        (NearestNeighbour(neighbours=2, estimand="ATE"), {"se": "abadie-imbens-2016"}),
        (NearestNeighbour(neighbours=2, score="probit"), {"se": "abadie-imbens-2016"}),
    ],
)
def test_announced_errors(design: Any, options: dict[str, Any]) -> None:
    (found,) = run(cross_section, design, options)
    assert abs(found.bias) < 3.5
    assert found.announced == pytest.approx(found.true, rel=0.2)
    assert found.coverage >= 0.89
