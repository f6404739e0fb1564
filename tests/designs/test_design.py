"""What a design shows of itself: balance against cobalt, and sums that must agree."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pacte_eval.designs as designs
from pacte_eval.designs import Design, NearestNeighbour
from pacte_eval.frames import Comparison

REFERENCE: Any = pd.read_csv(Path(__file__).parents[1] / "reference" / "balance.csv")


@pytest.fixture(scope="module")
def design(lalonde: Comparison) -> Design:
    return NearestNeighbour(neighbours=2, caliper=0.2).fit(lalonde)


def test_balance_before_matching_is_cobalt_s(design: Design) -> None:
    table: Any = design.balance().set_index("covariate")
    for row in REFERENCE[REFERENCE["statistic"].str.endswith("before")].itertuples():
        found = table.loc[row.covariate, row.statistic]
        assert found == pytest.approx(row.value, abs=1.1e-6), (row.covariate, row.statistic)


def test_balance_after_matching_from_pairs(design: Design, lalonde: Comparison) -> None:
    """Means, gaps and Kolmogorov–Smirnov recomputed from the table of pairs."""
    pairs: Any = design.pairs()
    table: Any = design.balance().set_index(["covariate", "level"])
    age = lalonde.covariates["age"]
    treated: Any = age.loc[pairs["treated"].unique()]
    control = np.average(age.loc[pairs["control"]], weights=pairs["weight"])
    row = table.loc[("age", "")]
    assert row["mean_treated_after"] == pytest.approx(treated.mean())
    assert row["mean_control_after"] == pytest.approx(control)
    spread = age[lalonde.treated].std(ddof=1)
    assert row["sd_treated"] == pytest.approx(spread)
    assert row["smd_after"] == pytest.approx((treated.mean() - control) / spread)
    gaps = [
        abs(
            (treated <= cut).mean()
            - np.average(age.loc[pairs["control"]] <= cut, weights=pairs["weight"])
        )
        for cut in age.unique()
    ]
    assert row["ks_after"] == pytest.approx(max(gaps))
    shares = table.loc["race", "mean_control_after"]
    assert shares.sum() == pytest.approx(1)


def test_a_covariate_matched_exactly_has_no_gap_and_no_error(lalonde: Comparison) -> None:
    design = NearestNeighbour(exact=["race"]).fit(lalonde)
    table: Any = design.balance().set_index("covariate").loc["race"]
    np.testing.assert_allclose(table["smd_after"], 0, atol=1e-12)
    np.testing.assert_allclose(table["smd_se"], 0, atol=1e-7)


def test_error_of_a_gap_is_that_of_repeated_samples() -> None:
    """Over redrawn samples, the gap of a covariate left out of the score varies as announced."""
    random = np.random.default_rng(7)
    gaps, errors = [], []
    for _ in range(200):
        frame = pd.DataFrame(random.normal(size=(300, 2)), columns=["x", "z"])
        frame["t"] = random.random(300) < 1 / (1 + np.exp(1 - frame["x"]))
        comparison = Comparison.from_frame(frame, treated="t", covariates=["x", "z"])
        row = NearestNeighbour(frame["x"].to_numpy()).fit(comparison).balance().iloc[2]
        gaps.append(row["smd_after"])
        errors.append(row["smd_se"])
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(gaps, ddof=1), rel=0.2)


def test_a_covariate_constant_among_the_treated() -> None:
    frame = pd.DataFrame({"t": [1, 1, 0, 0], "x": [0.0, 1, 0, 1], "level": list("aaab")})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x", "level"])
    score = np.array([0.0, 1, 0, 1])
    table: Any = NearestNeighbour(score).fit(comparison).balance().set_index("level")
    assert table.loc["a", "smd_after"] == np.inf
    assert table.loc["b", "smd_after"] == -np.inf


def test_overlap_counts_everyone(design: Design) -> None:
    table: Any = design.overlap(bins=7)
    assert table["treated"].sum() == 185
    assert table["control"].sum() == 429
    assert table["supported"].sum() == design.n_treated
    assert (table["low"].iloc[1:].to_numpy() == table["high"].iloc[:-1].to_numpy()).all()


def test_effective_sample_size_is_kish_s(design: Design) -> None:
    weights = design.pairs().groupby("control")["weight"].sum()
    assert design.effective_sample_size() == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_words(design: Design) -> None:
    assert repr(design) == (
        f"Design(NearestNeighbour: 184 of 185 treated, {design.n_control} controls used)"
    )
    text = design.summary()
    assert "184 (99.5%)" in text
    assert "0.2 SD of the score over all units" in text
    assert "race[hispan]" in text
    assert "standard deviation of all treated" in text


def test_no_design_can_be_given_an_outcome() -> None:
    """No public constructor, fit or method has a parameter for one."""
    allowed = {
        "self", "comparison", "score", "neighbours", "caliper", "exact", "ties", "tie_tolerance",
        "seed", "support", "squares", "interactions", "bins",
    }  # fmt: skip
    for kind in (designs.NearestNeighbour, designs.Logit):
        for function in (kind, kind.fit):
            assert set(inspect.signature(function).parameters) <= allowed
    for name in ("pairs", "balance", "overlap", "summary", "effective_sample_size"):
        assert set(inspect.signature(getattr(Design, name)).parameters) <= allowed


def test_a_design_cannot_be_changed(design: Design) -> None:
    with pytest.raises(ValueError, match="read-only"):
        design.weights[0] = 3.0
