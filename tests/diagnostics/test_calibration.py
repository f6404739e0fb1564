"""Bias learnt from negative controls: its likelihood, the interval it gives, what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.diagnostics.calibration import Bias, calibrated, fitted_bias
from pacte_eval.effects import Effects
from pacte_eval.effects.table import Wording, tidy

COVERAGE: Any = pd.read_csv(
    Path(__file__).parents[2] / "benchmarks" / "coverage" / "calibration.csv"
)
WORDS = Wording("c", "emploi", "e", "ATT", "k", "formés", "w", "b", "g", "none")


def effects(estimate: list[float], se: list[float], level: float = 0.95) -> Effects:
    rows = pd.DataFrame({"month": range(len(se)), "estimate": estimate, "se": se})
    return Effects(tidy(rows, WORDS, level=level), None, level)


def test_with_equal_errors_the_moments_are_the_likelihood_s() -> None:
    found = np.random.default_rng(1).normal(0.03, 0.05, 40)
    bias = fitted_bias(found, np.full(40, 0.02))
    assert bias.mean == pytest.approx(found.mean())
    assert bias.sd == pytest.approx(np.sqrt(found.var() - 0.02**2), rel=1e-6)
    assert bias.mean_se == pytest.approx(found.std() / np.sqrt(40))


def test_with_unequal_errors_no_other_pair_is_likelier() -> None:
    random = np.random.default_rng(2)
    error = random.uniform(0.01, 0.1, 30)
    found = random.normal(-0.02, np.sqrt(0.04**2 + error**2))
    bias = fitted_bias(found, error)

    def loss(values: np.ndarray) -> float:
        return -float(stats.norm(values[0], np.hypot(values[1], error)).logpdf(found).sum())

    best = optimize.minimize(loss, [0.0, 0.1], method="Nelder-Mead", options={"xatol": 1e-9})
    assert [bias.mean, bias.sd] == pytest.approx([best.x[0], abs(best.x[1])], abs=1e-5)


def test_controls_closer_than_chance_have_no_spread() -> None:
    found = np.linspace(-0.01, 0.01, 25)
    bias = fitted_bias(found, np.full(25, 0.5))
    assert bias.sd == 0
    assert bias.mean == pytest.approx(0)


def test_the_scale_of_the_outcome_changes_nothing() -> None:
    random = np.random.default_rng(3)
    found, error = random.normal(size=25), random.uniform(0.2, 2, 25)
    one, other = fitted_bias(found, error), fitted_bias(1e6 * found, 1e6 * error)
    assert other.sd == pytest.approx(1e6 * one.sd, rel=1e-6)
    assert other.mean == pytest.approx(1e6 * one.mean, rel=1e-6)


def test_the_interval_is_moved_and_widened() -> None:
    bias = Bias(mean=0.03, sd=0.04, mean_se=0.0, controls=10_002)
    row = calibrated(effects([0.10], [0.03]), bias).iloc[0]
    assert row["calibrated"] == pytest.approx(0.07)
    assert row["calibrated_se"] == pytest.approx(0.05)
    assert row["calibrated_high"] == pytest.approx(0.07 + 1.96 * 0.05, abs=1e-4)
    assert row["ci_high"] == pytest.approx(0.10 + 1.96 * 0.03, abs=1e-4)
    assert "+7,0\u00a0points [\u22122,8\u202f;\u00a016,8]" in row["sentence"]
    assert "ne remplace pas l’intervalle principal" in row["sentence"]


def test_few_controls_widen_it_more() -> None:
    """Student's quantile is the one whose density holds the level."""
    bias = Bias(mean=0.0, sd=0.0, mean_se=0.04, controls=22)
    row = calibrated(effects([0.0], [0.03], level=0.9), bias).iloc[0]
    mass, _ = integrate.quad(stats.t(20).pdf, -row["calibrated_high"] / 0.05, 40)
    assert mass == pytest.approx(0.95, abs=1e-6)
    assert row["calibrated_p"] == pytest.approx(1.0)


def test_an_effect_without_error_is_left_without_interval() -> None:
    bias = Bias(0.01, 0.01, 0.01, 30)
    table = calibrated(effects([0.1, 0.2], [np.nan, 0.1]), bias)
    assert table["calibrated_low"].isna().tolist() == [True, False]
    assert "pas d’erreur type" in table["sentence"].iloc[0]


def test_bias_is_told_in_french() -> None:
    words = Bias(-0.012, 0.034, 0.01, 24).sentence()
    assert "Sur 24 résultats" in words
    assert "\u22121,2\u00a0point," in words
    assert "3,4\u00a0points" in words


@pytest.mark.parametrize(
    ("found", "error", "words"),
    [
        (np.zeros(19), np.ones(19), "not 19"),
        (np.zeros(0), np.ones(0), "not 0"),
        (np.zeros(20), np.zeros(20), "positive standard error"),
        (np.full(20, np.nan), np.ones(20), "positive standard error"),
        (np.zeros(20), np.ones(21), "one of each"),
    ],
)
def test_too_few_or_broken_controls_are_refused(
    found: np.ndarray, error: np.ndarray, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        fitted_bias(found, error)


def test_the_committed_table_covers_where_biases_are_alike_and_fails_where_not() -> None:
    assert (COVERAGE["replications"] >= 2_000).all()
    alike = COVERAGE[COVERAGE["rule"] == "tested"]
    assert alike["coverage_calibrated"].between(0.93, 0.97).all()
    assert alike["controls"].min() == 20
    shared = alike[alike["case"].str.startswith("same bias")]
    assert (shared["coverage_usual"] < 0.8).all()
    failing = COVERAGE.set_index("case").loc[
        [
            "controls without bias, the estimate biased",
            "bias of the estimate, opposite to the controls'",
            "bias of the estimate, three times as wide",
            "controls biased, the estimate not",
        ]
    ]
    assert (failing["coverage_calibrated"] < 0.8).all()
