"""What a design shows of itself: sums that must agree, words and figures."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, EntropyBalancing, NearestNeighbour
from pacte_eval.designs.design import WEIGHTED, support_table
from pacte_eval.frames import Comparison
from tests.designs.designs_of_all_kinds import estimators, modules

OUTCOME_WORDS = {"outcome", "outcomes", "y", "response", "dependent", "results"}


@pytest.fixture(scope="module")
def design(lalonde: Comparison) -> Design:
    return NearestNeighbour(neighbours=2, caliper=0.2).fit(lalonde)


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
    assert "with replacement" in text
    assert f"{design.effective_sample_size():.1f}" in text
    used = design.weights[design.weights > 0]
    assert f"to {used.max():.4g}" in text


def test_words_of_a_weighted_design_without_score(lalonde: Comparison) -> None:
    weights = np.linspace(0.5, 2, 614)
    design = Design(
        comparison=lalonde,
        weights=weights,
        support=support_table(lalonde, weights > 0, [], word=WEIGHTED),
        settings={"design": "Weights"},
        kind="weights",
        estimand="ATE",
    )
    assert repr(design) == ("Design(Weights, ATE: 185 of 185 treated, 429 controls used)")
    text = design.summary()
    assert "pooled standard deviation" in text
    assert "score" not in text
    treated = weights[lalonde.treated]
    assert f"{treated.min():.4g} to {treated.max():.4g}" in text
    assert f"{treated.sum() ** 2 / (treated @ treated):.1f}" in text
    with pytest.raises(InputError, match="no score to draw"):
        design.overlap_plot()
    with pytest.raises(InputError, match="weights, not pairs"):
        design.pairs()


def test_figures_show_each_row_and_everyone(design: Design) -> None:
    table: Any = design.balance()
    axes = design.love_plot().axes[0]
    assert {text.get_text() for text in axes.get_yticklabels()} == {
        f"{row.covariate}[{row.level}]" if row.level else row.covariate
        for row in table.itertuples()
    }
    drawn = {line.get_label(): line.get_xdata() for line in axes.get_lines()}
    np.testing.assert_allclose(
        np.sort(drawn["Après ajustement"]), np.sort(table["smd_after"].abs())
    )
    texts = [text.get_text() for text in design.overlap_plot(bins=9).axes[0].texts]
    assert any("185" in text for text in texts)
    assert any("429" in text for text in texts)


def test_a_gap_that_is_infinite_is_drawn_at_the_edge() -> None:
    frame = pd.DataFrame({"t": [1, 1, 0, 0], "x": [0.0, 1, 0, 1], "same": [1, 1, 0, 1]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x", "same"])
    design = NearestNeighbour(np.array([0.0, 1, 0, 1])).fit(comparison)
    axes = design.love_plot().axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert any("same" in label and "non mesurable" in label for label in labels)


def test_no_design_can_be_given_an_outcome() -> None:
    """Designs are fitted on a comparison and nothing else; no module knows what an outcome is, and
    nothing public in one has a parameter for it."""
    for kind in estimators().values():
        assert list(inspect.signature(kind.fit).parameters) == ["self", "comparison"], kind
    for module in modules():
        assert "Outcomes" not in vars(module), module.__name__
        for name, value in vars(module).items():
            ours = getattr(value, "__module__", "") == module.__name__ and callable(value)
            if name.startswith("_") or not ours:
                continue
            methods = vars(value).values() if inspect.isclass(value) else ()
            for function in (value, *filter(inspect.isfunction, methods)):
                words = set(inspect.signature(function).parameters)
                assert not words & OUTCOME_WORDS, (module.__name__, name)


def test_a_design_cannot_be_changed(design: Design) -> None:
    with pytest.raises(ValueError, match="read-only"):
        design.weights[0] = 3.0


def test_summary_has_no_minus_before_zero_and_says_the_estimand_once(lalonde: Comparison) -> None:
    text = EntropyBalancing().fit(lalonde).summary()
    assert "0.0000" in text
    assert "-0.0000" not in text
    assert text.lower().count("estimand") == 1


def test_support_has_no_reason_that_is_nobodys(lalonde: Comparison) -> None:
    reasons = NearestNeighbour(caliper=0.2).fit(lalonde).support["reason"]
    assert (reasons.value_counts() > 0).all()
