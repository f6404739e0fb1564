"""The committed tables of coverage hold to their own rules, and have the cases that matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

FOLDER = Path(__file__).parents[2] / "benchmarks" / "coverage"
TABLE: Any = pd.read_csv(FOLDER / "designs.csv")
DIFFERENCES: Any = pd.read_csv(FOLDER / "differences.csv")


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


def test_differences_cover_as_their_rule_says() -> None:
    assert (DIFFERENCES["replications"] >= 2_000).all()
    tested = DIFFERENCES[DIFFERENCES["rule"] == "tested"]
    assert tested["coverage"].between(0.93, 0.97).all()
    one_sided = DIFFERENCES[DIFFERENCES["rule"] == "one-sided"]
    assert (one_sided["coverage"] >= 0.94).all()
    held = pd.concat([tested, one_sided])
    assert (held["band"].dropna() >= 0.94).all()
    assert held["band"].notna().sum() >= 20
    assert (held["missing"] == 0).all()
    outside = held[held["bias"].abs() > 3.5 * held["bias_mc_error"]]
    assert outside.empty, "an estimator held to the rule is biased beyond its Monte Carlo error"


def test_each_contrast_has_a_world_where_it_holds_and_one_where_it_visibly_fails() -> None:
    fails = DIFFERENCES[DIFFERENCES["rule"] == "fails"]
    assert (fails["bias"].abs() > 4 * fails["bias_mc_error"]).all()
    assert (fails["coverage"] < 0.9).all()
    holds = DIFFERENCES[DIFFERENCES["rule"].isin(["tested", "one-sided"])]
    for failing in (
        "fixed effect: entropy balancing, level",
        "fixed effect: doubly robust, level",
        "dip: doubly robust, two by two from just before",
        "staggered: two-way fixed effects, one coefficient",
        "staggered trends: Sun–Abraham",
    ):
        assert failing in set(fails["case"])
    for holding in (
        "dip: entropy balancing, level",
        "fixed effect: entropy balancing, difference from a year before",
        "zones: doubly robust, level",
        "staggered: group-time, doubly robust",
        "staggered zones: group-time, doubly robust",
    ):
        assert holding in set(holds["case"])
