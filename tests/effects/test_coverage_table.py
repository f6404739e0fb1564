"""The committed table of coverage holds to its own rule, and has the cases that matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

TABLE: Any = pd.read_csv(Path(__file__).parents[2] / "benchmarks" / "coverage" / "designs.csv")


def test_intervals_held_to_the_rule_cover_between_93_and_97_percent() -> None:
    held = TABLE[TABLE["rule"] == "tested"]
    assert (TABLE["replications"] >= 2_000).all()
    assert held["coverage_supported"].between(0.93, 0.97).all()
    assert held["case"].nunique() >= 8
    outside = held[held["bias"].abs() > 3.5 * held["bias_mc_error"]]
    assert outside.empty, "an estimator held to the rule is biased beyond its Monte Carlo error"


def test_reused_controls_need_their_persons_as_clusters() -> None:
    reused = TABLE[TABLE["case"].str.startswith("the same controls every month")]
    coverage = reused.groupby("se")["coverage_supported"].agg(["min", "max"])
    assert coverage.loc["linearised, by person", "min"] >= 0.94
    assert coverage.loc["AI 2006, by unit", "max"] < 0.91


def test_a_wrong_score_is_shown_failing() -> None:
    wrong = TABLE[TABLE["case"].str.contains("linear score")]
    assert (wrong["coverage_supported"] < 0.7).all()
