"""The overlap coefficient is the area two densities share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, EntropyBalancing, NearestNeighbour
from pacte_eval.diagnostics.overlap import overlap_coefficient
from pacte_eval.frames import Comparison


def scored(score: np.ndarray, treated: np.ndarray, weights: np.ndarray | None = None) -> Design:
    frame = pd.DataFrame({"x": score, "treated": treated, "w": 1.0 if weights is None else weights})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["x"], weights="w")
    return NearestNeighbour(score).fit(comparison)


def test_two_normals_share_the_area_under_both() -> None:
    """Normals of one variance, a distance apart, share 2 Φ(−distance / 2)."""
    quantiles = stats.norm.ppf((np.arange(2_000) + 0.5) / 2_000)
    score = stats.norm.cdf(np.concatenate([quantiles + 1.2, quantiles]))
    found = overlap_coefficient(scored(score, np.arange(4_000) < 2_000))
    assert found == pytest.approx(2 * stats.norm.cdf(-0.6), abs=1e-3)


def test_arms_alike_share_all_and_arms_apart_nothing() -> None:
    score = np.tile(np.linspace(0.1, 0.9, 50), 2)
    arm = np.arange(100) < 50
    assert overlap_coefficient(scored(score, arm)) == pytest.approx(1)
    assert overlap_coefficient(scored(np.where(arm, 0.9, 0.1), arm)) == pytest.approx(0)


def test_a_weight_of_two_is_two_units() -> None:
    score = np.array([0.2, 0.4, 0.6, 0.2, 0.3, 0.6, 0.7])
    arm = np.array([True, True, True, False, False, False, False])
    weights = np.array([1.0, 1, 1, 2, 1, 1, 1])
    twice = scored(np.append(score, 0.2), np.append(arm, False))
    assert overlap_coefficient(scored(score, arm, weights)) == pytest.approx(
        overlap_coefficient(twice)
    )


def test_a_design_without_score_has_no_overlap() -> None:
    frame = pd.DataFrame({"x": np.arange(40.0) % 7, "treated": np.arange(40) % 2 == 0})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["x"])
    with pytest.raises(InputError, match="no score"):
        overlap_coefficient(EntropyBalancing().fit(comparison))
