"""Differences between populations are tested on their joint covariance."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.interactions import (
    additive_effects,
    equal_effects,
    equal_effects_given,
)


def test_two_effects_differ_as_their_difference_does() -> None:
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    found = equal_effects(np.array([0.5, -0.1]), covariance)
    z = 0.6 / np.sqrt(0.04 + 0.09 - 0.02)
    assert found.statistic == pytest.approx(z**2)
    assert found.freedom == 1
    assert found.p == pytest.approx(2 * stats.norm.sf(z))


def test_a_population_given_twice_adds_nothing() -> None:
    y, v = np.array([0.5, -0.1, 0.2]), np.diag([0.04, 0.09, 0.01])
    twice = [0, 1, 2, 2]
    once, again = equal_effects(y, v), equal_effects(y[twice], v[np.ix_(twice, twice)])
    assert again.freedom == once.freedom == 2
    assert again.statistic == pytest.approx(once.statistic)


def test_equal_effects_are_rejected_one_time_in_twenty_and_have_no_spread() -> None:
    random = np.random.default_rng(2)
    covariance = 0.1**2 * (0.6 * np.eye(6) + 0.4)
    found = [
        equal_effects(random.multivariate_normal(np.full(6, 0.1), covariance), covariance)
        for _ in range(2_000)
    ]
    rejected = np.mean([one.p < 0.05 for one in found])
    assert rejected == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 2_000))
    assert np.median([one.spread for one in found]) == 0


def test_the_spread_of_true_effects_is_found() -> None:
    random = np.random.default_rng(4)
    found = [
        equal_effects(random.normal(0, 0.2, 30) + random.normal(0, 0.1, 30), np.eye(30) * 0.01)
        for _ in range(200)
    ]
    assert np.mean([one.spread for one in found]) == pytest.approx(0.2, abs=0.01)


def test_the_spread_is_that_of_dersimonian_and_laird_when_effects_are_independent() -> None:
    y, variance = np.array([0.5, -0.1, 0.2, 0.9]), np.array([0.04, 0.09, 0.01, 0.02])
    w = 1 / variance
    q = w @ (y - w @ y / w.sum()) ** 2
    known = (q - 3) / (w.sum() - (w**2).sum() / w.sum())
    assert equal_effects(y, np.diag(variance)).spread == pytest.approx(np.sqrt(known))


def test_errors_that_effects_share_do_not_hide_their_spread() -> None:
    random = np.random.default_rng(6)
    covariance = 0.1**2 * (0.5 * np.eye(12) + 0.5)
    noise = random.multivariate_normal(np.zeros(12), covariance, size=1_000)
    squares = [
        equal_effects(row + random.normal(0, 0.15, 12), covariance).spread ** 2 for row in noise
    ]
    error = np.std(squares) / np.sqrt(len(squares))
    assert np.mean(squares) == pytest.approx(0.15**2, abs=3 * error)


def crossings(seed: int, publics: float, zones: float) -> tuple[np.ndarray, pd.DataFrame]:
    random = np.random.default_rng(seed)
    levels = pd.DataFrame(list(product("abc", "uvwxyz")), columns=["public", "zone"])
    y = publics * (levels["public"] == "a") + zones * (levels["zone"] == "u")
    return y.to_numpy() + random.normal(0, 0.1, len(levels)), levels


def test_one_dimension_is_tested_with_the_other_held_fixed() -> None:
    y, levels = crossings(1, publics=0.0, zones=1.0)
    covariance = np.eye(len(y)) * 0.01
    assert equal_effects_given(y, covariance, levels, "zone").p < 1e-6
    assert equal_effects_given(y, covariance, levels, "public").p > 0.01


def test_the_test_is_that_of_generalised_least_squares() -> None:
    y, levels = crossings(3, publics=0.1, zones=0.1)
    covariance = 0.01 * (0.7 * np.eye(len(y)) + 0.3)
    design = pd.get_dummies(levels, drop_first=True).astype(float)
    fitted = sm.GLS(y, sm.add_constant(design), sigma=covariance).fit()
    named = [name for name in design if str(name).startswith("public")]
    places = [list(fitted.params.index).index(name) for name in named]
    # Noise is known here, where least squares estimate its size.
    cov = fitted.normalized_cov_params.to_numpy()[np.ix_(places, places)]
    known = fitted.params[named] @ np.linalg.solve(cov, fitted.params[named])
    found = equal_effects_given(y, covariance, levels, "public")
    assert found.statistic == pytest.approx(float(known), rel=1e-8)
    assert found.freedom == 2


def test_the_spread_of_one_dimension_is_that_of_its_own_terms() -> None:
    random = np.random.default_rng(8)
    pairs = list(product("abcdefghijklmnopqrstuvwxyz", "uvwx"))
    levels = pd.DataFrame(pairs, columns=["public", "zone"])
    publics, zones = pd.factorize(levels["public"])[0], pd.factorize(levels["zone"])[0]
    covariance = 0.1**2 * (0.6 * np.eye(len(levels)) + 0.4)
    squares = []
    for noise in random.multivariate_normal(np.zeros(len(levels)), covariance, size=150):
        y = random.normal(0, 0.3, 26)[publics] + random.normal(0, 1, 4)[zones] + noise
        squares.append(equal_effects_given(y, covariance, levels, "public").spread ** 2)
    error = np.std(squares) / np.sqrt(len(squares))
    assert np.mean(squares) == pytest.approx(0.3**2, abs=3 * error)


def test_sums_of_terms_are_rejected_one_time_in_twenty() -> None:
    random = np.random.default_rng(9)
    covariance = 0.01 * (0.7 * np.eye(18) + 0.3)
    _, levels = crossings(0, 0.0, 0.0)
    sums = 0.4 * (levels["public"] == "b") - 0.3 * (levels["zone"] == "w")
    found = [
        additive_effects(row, covariance, levels)
        for row in random.multivariate_normal(sums, covariance, size=400)
    ]
    assert {one.freedom for one in found} == {10}
    rejected = np.mean([one.p < 0.05 for one in found])
    assert rejected == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 400))


def test_departures_from_sums_are_those_of_the_residuals_of_generalised_least_squares() -> None:
    y, levels = crossings(5, publics=0.2, zones=0.1)
    covariance = np.diag(np.linspace(0.01, 0.05, len(y)))
    design = sm.add_constant(pd.get_dummies(levels, drop_first=True).astype(float))
    residual = sm.GLS(y, design, sigma=covariance).fit().resid
    known = residual @ np.linalg.solve(covariance, residual)
    assert additive_effects(y, covariance, levels).statistic == pytest.approx(float(known))


def test_a_public_that_gains_in_one_zone_only_is_no_sum() -> None:
    y, levels = crossings(4, publics=0.0, zones=0.0)
    y[0] += 1.0
    assert additive_effects(y, np.eye(18) * 0.01, levels).p < 1e-6


def test_one_crossing_per_level_leaves_nothing_to_test() -> None:
    levels = pd.DataFrame({"public": list("abc"), "zone": list("uvw")})
    with pytest.raises(InputError, match="nothing is left"):
        additive_effects(np.zeros(3), np.eye(3), levels)


@pytest.mark.parametrize(
    ("y", "v", "words"),
    [
        (np.zeros(1), np.eye(1), "needs two"),
        (np.zeros(2), np.eye(3), "square"),
        (np.array([0, np.nan]), np.eye(2), "needs an estimate"),
    ],
)
def test_what_cannot_be_tested_is_refused(y: np.ndarray, v: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        equal_effects(y, v)


def test_levels_that_are_those_of_another_dimension_are_refused() -> None:
    levels = pd.DataFrame({"public": list("aabb"), "zone": list("uuvv")})
    with pytest.raises(InputError, match="cannot be told"):
        equal_effects_given(np.zeros(4), np.eye(4), levels, "zone")
