"""Bounds of p-values are those of R, and the extremes over every hidden bias enumerated."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, NearestNeighbour
from pacte_eval.diagnostics.sensitivity.rosenbaum import (
    companion_pairs,
    critical_gamma,
    rosenbaum_bounds,
    rosenbaum_verdict,
)
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes

REFERENCE = pd.read_csv(Path(__file__).parents[2] / "reference" / "sensitivity.csv")


def pairs(treated: Any, control: Any) -> tuple[Design, Outcomes]:
    """Pairs with these outcomes on either side."""
    count = len(treated)
    frame = pd.DataFrame(
        {"treated": [True] * count + [False] * count, "pair": [*range(count), *range(count)]}
    )
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["pair"])
    design = NearestNeighbour(np.zeros(2 * count), replace=False, exact=["pair"]).fit(comparison)
    return design, Outcomes("y", np.concatenate([treated, control]), [24], comparison.unit)


def of_differences(differences: Any) -> tuple[Design, Outcomes]:
    return pairs(np.asarray(differences, dtype=float), np.zeros(len(differences)))


def test_bounds_of_r(lalonde: Comparison, lalonde_frame: pd.DataFrame) -> None:
    rows = REFERENCE[REFERENCE["method"] == "rosenbaum"]
    design = companion_pairs(lalonde)
    outcome = lalonde_frame["re78"].to_numpy(dtype=float)
    outcomes = Outcomes("re78", outcome, [0], lalonde.unit)
    found = rosenbaum_bounds(design, outcomes, 0, rows["argument"].tolist())
    tolerance = float(rows["tolerance"].max())
    assert found["p_high"].to_numpy() == pytest.approx(rows["value"].to_numpy(), abs=tolerance)
    assert (found["n_pairs"] == 113).all()
    assert estimate(design, outcomes).table["estimate"][0] == pytest.approx(1571.744454, abs=1e-6)
    assert np.isnan(critical_gamma(design, outcomes, 0))
    row = rosenbaum_verdict(design, outcomes, 0).table.iloc[0]
    assert row["verdict"] == "non concluant"
    assert "(p\u202f= 0,079, d’un seul côté)" in row["sentence"]


def test_without_hidden_bias_it_is_wilcoxon_with_ties_and_zeros() -> None:
    rng = np.random.default_rng(1)
    differences = np.round(rng.normal(0.6, 2, size=60))
    assert (differences == 0).any()
    known = stats.wilcoxon(
        differences, alternative="greater", zero_method="wilcox", method="approx"
    )
    found = rosenbaum_bounds(*of_differences(differences), 24, [1.0])
    assert found["p_low"][0] == found["p_high"][0] == pytest.approx(known.pvalue, rel=1e-12)


@pytest.mark.parametrize("gamma", [1.0, 1.3, 2.0])
def test_binary_bounds_are_the_extremes_over_all_hidden_biases(gamma: float) -> None:
    """Six discordant pairs, five for the treated: every assignment under every extreme bias."""
    treated, control = [1, 1, 1, 1, 1, 0, 1, 0, 1], [0, 0, 0, 0, 0, 1, 1, 0, 1]
    entries = np.array(list(product([0, 1], repeat=6)))
    as_large = entries.sum(axis=1) >= 5
    chances = []
    for bias in product([1 / (1 + gamma), gamma / (1 + gamma)], repeat=6):
        each = np.where(entries == 1, bias, 1 - np.array(bias)).prod(axis=1)
        chances.append(each[as_large].sum())
    found = rosenbaum_bounds(*pairs(treated, control), 24, [gamma])
    assert found["p_high"][0] == pytest.approx(max(chances), rel=1e-12)
    assert found["p_low"][0] == pytest.approx(min(chances), rel=1e-12)
    assert found["n_pairs"][0] == 9


def test_bounds_part_as_the_bias_grows() -> None:
    differences = np.random.default_rng(2).normal(0.5, 1, size=40)
    found = rosenbaum_bounds(*of_differences(differences), 24, [1, 1.5, 2, 5])
    assert (found["p_high"].diff().dropna() > 0).all()
    assert (found["p_low"].diff().dropna() < 0).all()


@pytest.mark.parametrize("binary", [False, True])
def test_the_critical_gamma_is_where_the_upper_bound_reaches_five_percent(binary: bool) -> None:
    rng = np.random.default_rng(3)
    differences = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.5, 0.4], size=120)
    if not binary:
        differences += rng.normal(0, 0.3, size=120)
    design, outcomes = of_differences(differences)
    found = critical_gamma(design, outcomes, 24)
    assert found > 1.3
    bounds = rosenbaum_bounds(design, outcomes, 24, [found])
    assert bounds["p_high"][0] == pytest.approx(0.05, abs=1e-8)
    verdict = rosenbaum_verdict(design, outcomes, 24)
    assert verdict.worst == "pass"
    sentence = verdict.table["sentence"][0]
    assert sentence.startswith("Sur un plan compagnon (paires sans remise), l’effet reste établi")
    assert rosenbaum_verdict(design, outcomes, 24, min_gamma=found + 0.01).worst == "warning"


def test_a_harm_is_tested_on_its_own_side() -> None:
    differences = np.random.default_rng(4).normal(0.5, 1, size=40)
    gain = rosenbaum_bounds(*of_differences(differences), 24)
    harm = rosenbaum_bounds(*of_differences(-differences), 24)
    pd.testing.assert_frame_equal(gain, harm)


def test_no_pair_differs() -> None:
    design, outcomes = pairs(np.ones(20), np.ones(20))
    found = rosenbaum_bounds(design, outcomes, 24)
    assert (found[["p_low", "p_high"]] == 1).all(axis=None)
    assert np.isnan(critical_gamma(design, outcomes, 24))
    row = rosenbaum_verdict(design, outcomes, 24).table.iloc[0]
    assert row["verdict"] == "non testable"
    assert "aucune paire ne diffère" in row["sentence"]


def test_one_pair_says_nothing() -> None:
    design, outcomes = of_differences([3.5])
    found = rosenbaum_bounds(design, outcomes, 24, [1, 2])
    assert found["p_high"].to_numpy() == pytest.approx([1 / 2, 2 / 3])
    assert found["n_pairs"].tolist() == [1, 1]
    assert rosenbaum_verdict(design, outcomes, 24).worst == "non concluant"


def test_all_pairs_on_one_side_yield_to_a_bias_large_enough() -> None:
    """Predicted without fault, and yet the bounds end: (Γ / (1 + Γ))³⁰ = 5 %."""
    share = 0.05 ** (1 / 30)
    found = critical_gamma(*of_differences(np.ones(30)), 24)
    assert found == pytest.approx(share / (1 - share), rel=1e-6)


def test_pairs_censored_on_either_side_are_left_out() -> None:
    treated = np.array([2.0, 3.0, np.nan, 4.0, 9.0])
    control = np.array([1.0, np.nan, 1.0, 2.5, 1.0])
    found = rosenbaum_bounds(*pairs(treated, control), 24)
    pd.testing.assert_frame_equal(
        found, rosenbaum_bounds(*pairs([2.0, 4.0, 9.0], [1.0, 2.5, 1.0]), 24)
    )


def test_companion_pairs_keep_to_exact_cells(lalonde: Comparison) -> None:
    design = companion_pairs(lalonde, exact=["race"])
    made = design.pairs()
    race = lalonde.covariates["race"]
    assert (race[made["treated"]].to_numpy() == race[made["control"]].to_numpy()).all()
    assert made["control"].is_unique


def test_what_has_no_pairs_is_refused(lalonde: Comparison) -> None:
    outcomes = Outcomes("y", np.zeros(len(lalonde)), [0], lalonde.unit)
    for design in (
        NearestNeighbour().fit(lalonde),
        NearestNeighbour(neighbours=2, replace=False, caliper=0.5).fit(lalonde),
    ):
        with pytest.raises(InputError, match="no pairs of one treated and one control"):
            rosenbaum_bounds(design, outcomes, 0)
    pair, observed = of_differences([1.0, 2.0])
    with pytest.raises(InputError, match="must be finite numbers from 1"):
        rosenbaum_bounds(pair, observed, 24, [0.5])
    with pytest.raises(InputError, match="min_gamma=1"):
        rosenbaum_verdict(pair, observed, 24, min_gamma=1)
    nobody = Outcomes("y", np.full(4, np.nan), [24], pair.comparison.unit)
    with pytest.raises(InputError, match="no pair is observed on both sides at month 24"):
        rosenbaum_bounds(pair, nobody, 24)
