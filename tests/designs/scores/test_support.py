"""Common support keeps the units that have their like in the other arm, and says why for others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import NearestNeighbour
from pacte_eval.designs.scores.scored import Support, read_score
from pacte_eval.designs.scores.support import Crump, MinMax, Quantile
from pacte_eval.frames import Comparison

NOTHING: Any = None
SCORES = arrays(np.float64, 12, elements=st.floats(0.01, 0.99))


def arms(treated: np.ndarray, weights: np.ndarray | None = None) -> Comparison:
    frame = pd.DataFrame({"t": treated, "x": 0.0, "w": 1.0 if weights is None else weights})
    return Comparison.from_frame(frame, treated="t", covariates=["x"], weights="w")


HALF = arms(np.arange(12) % 2 == 0)


def test_min_max_is_the_overlap_of_ranges() -> None:
    comparison = arms(np.array([1, 1, 1, 0, 0, 0], dtype=bool))
    score = np.array([0.2, 0.5, 0.9, 0.1, 0.2, 0.6])
    assert MinMax().keep(score, comparison).tolist() == [True, True, False, False, True, True]


def test_a_quantile_is_reached_beyond_rounding() -> None:
    """Seven of a hundred controls are the share 0.07, though 0.07 * 100 is over 7."""
    treated = np.repeat([True, False], 100)
    score = np.concatenate([np.arange(100), np.arange(100)]) / 100
    kept = Quantile(0.07).keep(score, arms(treated))
    assert score[kept].min() == 0.06
    assert score[kept].max() == 0.93


@given(SCORES)
def test_min_max_is_the_quantile_0(score: np.ndarray) -> None:
    np.testing.assert_array_equal(MinMax().keep(score, HALF), Quantile(0).keep(score, HALF))


@given(SCORES, st.floats(0, 0.49))
def test_quantiles_treat_both_ends_and_both_arms_alike(score: np.ndarray, q: float) -> None:
    kept = Quantile(q).keep(score, HALF)
    np.testing.assert_array_equal(kept, Quantile(q).keep(-score, HALF))
    np.testing.assert_array_equal(kept, Quantile(q).keep(score, arms(~HALF.treated)))


def test_a_quantile_forgets_one_outlying_control() -> None:
    treated = np.arange(2_000) < 1_000
    score = np.concatenate([np.linspace(0.2, 0.9, 1_000), np.linspace(0.1, 0.6, 1_000)])
    score[-1] = 0.95
    comparison = arms(treated)
    assert MinMax().keep(score, comparison)[treated].all()
    kept = Quantile(0.01).keep(score, comparison)
    assert score[treated & kept].max() == pytest.approx(0.595, abs=0.001)
    assert score[~treated & kept].min() == pytest.approx(0.207, abs=0.001)


def test_whole_weights_repeat_units() -> None:
    random = np.random.default_rng(1)
    score, treated = random.uniform(0.01, 0.99, 60), np.arange(60) % 3 == 0
    times = random.integers(1, 6, 60)
    weighted, repeated = arms(treated, times.astype(float)), arms(np.repeat(treated, times))
    for support in (Quantile(0.1), Crump(None)):
        kept = np.repeat(support.keep(score, weighted), times)
        np.testing.assert_array_equal(kept, support.keep(np.repeat(score, times), repeated))


def test_crump_by_a_given_cut() -> None:
    score = np.array([0.0, 0.09, 0.1, 0.5, 0.9, 0.91, 1.0, 0.3, 0.3, 0.3, 0.3, 0.3])
    kept = Crump().keep(score, HALF)
    assert kept.tolist() == [False, False, True, True, True, False, False, *[True] * 5]


@given(SCORES)
def test_the_optimal_cut_has_the_least_variance(score: np.ndarray) -> None:
    """V(A) = E[g | A] / P(A), over every symmetric cut there is."""
    noise = 1 / (score * (1 - score))

    def variance(kept: np.ndarray) -> float:
        return float(noise[kept].mean() / kept.mean())

    best = min(variance(noise <= cut) for cut in noise)
    assert variance(Crump(None).keep(score, HALF)) == pytest.approx(best, rel=1e-9)


def test_the_optimal_cut_solves_its_equation() -> None:
    score = np.random.default_rng(2).beta(0.5, 0.8, 5_000)
    comparison = arms(np.arange(5_000) % 2 == 0)
    kept = Crump(None).keep(score, comparison)
    noise = 1 / (score * (1 - score))
    assert 0.05 < (~kept).mean() < 0.5
    assert noise[kept].max() <= 2 * noise[kept].mean() < noise[~kept].min()


def test_the_optimal_cut_keeps_all_where_overlap_is_good() -> None:
    assert Crump(None).keep(np.linspace(0.2, 0.8, 12), HALF).all()


@pytest.mark.parametrize(
    ("support", "score", "message"),
    [
        (Crump(), np.linspace(-1, 0.5, 12), "Crump needs a score in"),
        (Crump(0.5), np.full(12, 0.5), "alpha=0.5 must be"),
        (Quantile(0.5), np.full(12, 0.5), "q=0.5 must be"),
        (Quantile(-0.1), np.full(12, 0.5), "q=-0.1 must be"),
        (Quantile(NOTHING), np.full(12, 0.5), "q=None must be"),
        (MinMax, np.full(12, 0.5), r"support=MinMax is no rule: give MinMax\(\)"),
        ("minmax", np.full(12, 0.5), "support='minmax' is no rule"),
        (MinMax(), np.where(HALF.treated, 0.5, 0.1), r"MinMax\(\) keeps no .*: choose a wider"),
        (Crump(0.3), np.where(HALF.treated, 0.5, 0.1), r"Crump\(alpha=0.3\) keeps no control unit"),
    ],
)
def test_mistakes(support: Any, score: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_score(score, support, HALF)


@pytest.mark.parametrize(
    ("support", "words", "reason"),
    [
        (MinMax(), "min–max", "hors du support commun (min–max)"),
        (Quantile(0.05), "quantiles 0.05 and 0.95", "0,05 et 0,95"),
        (Crump(), "scores from 0.1 to 0.9", "α = 0,1"),
        (Crump(None), "α optimal", "α optimal"),
    ],
)
def test_words(lalonde: Comparison, support: Support, words: str, reason: str) -> None:
    design = NearestNeighbour(support=support).fit(lalonde)
    assert words in str(design.settings["support"])
    trimmed = design.support["reason"] == support.reason
    assert trimmed.any()
    assert reason in support.reason
    assert not design.support["kept"][trimmed].any()
    assert design.score is not None
    assert (design.weights[~support.keep(design.score, lalonde)] == 0).all()
