"""Power of tests before entry: published numbers, closed forms, other integrals, and simulation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.differences.honest.gaussian_box import GaussianBox
from pacte_eval.effects.differences.honest.path import EventPath
from pacte_eval.effects.differences.honest.pretest_power import (
    AllTogether,
    EachPeriod,
    pretest_power,
)

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "honest.csv").set_index(
    "specification"
)
EACH, WALD = EachPeriod.name, AllTogether.name

# The event study of He and Wang (2017) that the authors' programs carry.
ESTIMATES = [0.0667031482, -0.0077017923, -0.0307690538, 0.084030658]
ESTIMATES += [0.2424418181, 0.2198789865, 0.1910925359]
LOWER = [
    [0.0089065712],
    [0.0044883136, 0.0059369169],
    [0.0014587025, 0.0027500791, 0.0030386248],
    [0.0012157689, 0.0013505858, 0.0009056166, 0.0039247409],
    [0.0020327645, 0.0014315459, 0.0006791299, 0.002596118, 0.008065897],
    [0.0013225015, 0.0012067792, 0.0010167636, 0.0017326149, 0.0058753751, 0.007881579],
    [
        *(0.0019617728, 0.0013847158, 0.0007090144, 0.0022345525),
        *(0.0037414359, 0.0036507095, 0.0097884266),
    ],
]


@pytest.fixture(scope="module")
def he_wang() -> EventPath:
    half = np.zeros((7, 7))
    half[np.tril_indices(7)] = np.concatenate(LOWER)
    return EventPath.from_arrays(ESTIMATES, half + np.tril(half, -1).T, 3, 4)


def close(found: float, specification: str) -> bool:
    row = REFERENCE.loc[specification]
    return bool(abs(found - row["estimate"]) <= row["tolerance"])


def test_published_slope_and_means(he_wang: EventPath) -> None:
    table = pretest_power(he_wang, power=[0.5])
    each = table[table["test"] == EACH]
    assert close(each["slope"].iloc[0], "slope for power 0.5")
    factor = (1 - each["power"]) / (1 - each["size"])
    assert close(factor.iloc[0], "Bayes factor, slope for power 0.5")
    for period, mean in zip(each["month"], each["violation_if_passed"], strict=True):
        assert close(mean, f"mean after pretesting, period {period}")
    assert (each["power_error"] < 2e-5).all()
    assert (each["passed_error"] < 3e-5).all()


def test_published_power_against_a_curve(he_wang: EventPath) -> None:
    test = EachPeriod(he_wang.covariance[:3, :3], 0.95)
    found = test.passed(0.024 * np.array([9.0, 4.0, 1.0]))
    assert close(1 - found.probability, "power, 0.024 (t + 1)²")


def test_one_period_has_closed_forms() -> None:
    """|N(s, σ²)| against its quantile, and the mean of a truncated Gaussian; both tests are one."""
    deviation, shared = 0.2, 0.03
    covariance = [[deviation**2, shared], [shared, 0.09]]
    table = pretest_power(EventPath.from_arrays([0.1, 0.3], covariance, 1, 1), slope=-0.3)
    z = stats.norm.isf(0.025)
    rows: Iterable[Any] = table[table["month"] == -2].itertuples()
    for row in rows:
        shift = -row.slope / deviation
        power = stats.norm.sf(z - shift) + stats.norm.cdf(-z - shift)
        assert row.power == pytest.approx(power, abs=1e-12)
        if not np.isnan(row.power_sought):
            assert power == pytest.approx(row.power_sought, abs=1e-9)
            assert row.slope > 0
        mean = -row.slope + deviation * (stats.norm.pdf(-z - shift) - stats.norm.pdf(z - shift)) / (
            1 - power
        )
        assert row.violation_if_passed == pytest.approx(mean, abs=1e-10)
        after = table[
            (table["month"] == 0) & (table["test"] == row.test) & (table["slope"] == row.slope)
        ]
        moved = row.slope + shared / deviation**2 * (mean + row.slope)
        assert after["violation_if_passed"].item() == pytest.approx(moved, abs=1e-10)
        assert after["violation"].item() == pytest.approx(row.slope)
    assert table["size"].to_numpy() == pytest.approx(0.05, abs=1e-12)
    assert (table["power_error"] == 0).all()


def correlated(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A mean and a covariance."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(3 * size, size)) @ np.diag(random.uniform(0.2, 3, size))
    covariance = scores.T @ scores / len(scores)
    return random.normal(size=size) * np.sqrt(np.diag(covariance)), covariance


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(2, 4))
def test_box_is_the_integral_of_the_density(seed: int, size: int) -> None:
    """Product of Gauss–Legendre rules over the box, for the probability and for the mean in it."""
    mean, covariance = correlated(seed, size)
    found = GaussianBox(covariance, 1.96).at(mean)
    nodes, weights = np.polynomial.legendre.leggauss(24 if size > 3 else 60)
    deviation = np.sqrt(np.diag(covariance))
    at = np.stack(np.meshgrid(*(1.96 * one * nodes for one in deviation), indexing="ij"))
    flat = at.reshape(size, -1)
    mass = stats.multivariate_normal.pdf(flat.T, mean, covariance)
    for place in range(size):
        mass = mass * np.broadcast_to(
            (1.96 * deviation[place] * weights).reshape(
                [-1 if axis == place else 1 for axis in range(size)]
            ),
            at.shape[1:],
        ).reshape(-1)
    direct = mass.sum()
    assert found.probability == pytest.approx(direct, abs=6 * found.error + 1e-5)
    gap = np.abs(found.mean - flat @ mass / direct)
    assert (gap <= 6 * found.mean_error + 2e-4 * deviation).all()
    assert found.error < 2e-4
    assert (found.mean_error < 2e-3 * deviation).all()


@pytest.mark.parametrize("size", [5, 8])
def test_box_is_the_probability_of_scipy(size: int) -> None:
    mean, covariance = correlated(size, size)
    limit = 1.96 * np.sqrt(np.diag(covariance))
    direct = stats.multivariate_normal.cdf(
        limit, mean / 3, covariance, lower_limit=-limit, abseps=1e-5, releps=1e-5
    )
    found = GaussianBox(covariance, 1.96).at(mean / 3)
    assert found.probability == pytest.approx(float(direct), abs=4 * found.error + 2e-5)
    assert found.error < 2e-4


def test_biases_are_those_of_simulated_studies(he_wang: EventPath) -> None:
    table = pretest_power(he_wang, slope=0.06, power=())
    random = np.random.default_rng(11)
    line = 0.06 * (np.array(he_wang.periods_estimated) + 1)
    drawn = random.multivariate_normal(line, he_wang.covariance, 400_000)
    before, inner = drawn[:, :3], he_wang.covariance[:3, :3]
    passed = {
        EACH: (np.abs(before) <= stats.norm.isf(0.025) * np.sqrt(np.diag(inner))).all(axis=1),
        WALD: np.einsum("ni,ij,nj->n", before, np.linalg.inv(inner), before)
        <= stats.chi2.isf(0.05, 3),
    }
    for name, kept in passed.items():
        part = table[table["test"] == name]
        assert part["power"].iloc[0] == pytest.approx(1 - kept.mean(), abs=0.003)
        error = drawn[kept].std(axis=0) / np.sqrt(kept.sum())
        gap = np.abs(part["violation_if_passed"].to_numpy() - drawn[kept].mean(axis=0))
        assert (gap < 4 * error).all()
    assert table["violation_if_passed"].to_numpy() != pytest.approx(table["violation"].to_numpy())


def test_power_grows_with_the_slope_and_many_periods_reject_alone(he_wang: EventPath) -> None:
    powers = [
        pretest_power(he_wang, slope=slope, power=())["power"].unique() for slope in (0, 0.03, 0.09)
    ]
    assert (np.diff(powers, axis=0) > 0).all()
    independent = EventPath.from_arrays(np.zeros(36), np.eye(36), 30, 6)
    table = pretest_power(independent, power=[0.5, 0.9])
    each = table[table["test"] == EACH]
    assert each["size"].iloc[0] == pytest.approx(1 - 0.95**30, abs=1e-10)
    assert each.loc[each["power_sought"] == 0.5, "slope"].eq(0).all()
    assert each.loc[each["power_sought"] == 0.5, "power"].iloc[0] == pytest.approx(1 - 0.95**30)
    assert each.loc[each["power_sought"] == 0.9, "power"].to_numpy() == pytest.approx(0.9, abs=1e-6)


def test_without_covariance_before_and_after_passing_moves_nothing_after() -> None:
    table = pretest_power(EventPath.from_arrays(np.zeros(4), np.diag([1, 2, 3, 4.0]), 2, 2))
    after = table[table["month"] >= 0]
    np.testing.assert_allclose(after["violation_if_passed"], after["violation"], rtol=1e-12)


def test_anchor_and_singular_covariance() -> None:
    random = np.random.default_rng(2)
    scores = random.normal(size=(200, 6)) / 200
    scores -= scores[:, :3].mean(axis=1, keepdims=True)
    window = EventPath(tuple(range(-4, 2)), (), np.zeros(6), scores.T @ scores)
    with pytest.raises(InputError, match="anchor="):
        pretest_power(window)
    table = pretest_power(window, anchor=-3)
    for name in (EACH, WALD):
        part = table[table["test"] == name]
        for sought in (0.5, 0.8):
            found = part.loc[part["power_sought"] == sought, "power"]
            assert found.to_numpy() == pytest.approx(sought, abs=1e-5)
    draws = random.standard_normal((200_000, 200)) @ scores
    slope = table.loc[(table["test"] == EACH) & (table["power_sought"] == 0.8), "slope"].iloc[0]
    moved = draws[:, :4] + slope * np.array([-1.0, 0.0, 1.0, 2.0])
    limit = stats.norm.isf(0.025) * np.sqrt((scores[:, :4] ** 2).sum(axis=0))
    assert (np.abs(moved) > limit).any(axis=1).mean() == pytest.approx(0.8, abs=0.005)
    with pytest.raises(InputError, match="certain to be found"):
        pretest_power(window, anchor=0)


def test_a_violation_never_passed_has_no_bias_then(he_wang: EventPath) -> None:
    table = pretest_power(he_wang, slope=5.0, power=())
    assert (table["power"] == 1).all()
    assert table["violation_if_passed"].isna().all()
    assert table["violation"].notna().all()


def test_settings_are_checked(he_wang: EventPath) -> None:
    for wrong in ({"power": [50]}, {"slope": np.nan}, {"level": 95}, {"anchor": "−1"}):
        with pytest.raises(InputError):
            pretest_power(he_wang, **wrong)
    alone = replace(
        he_wang,
        periods=(-2, -1, 0),
        known=(-1,),
        estimates=np.zeros(2),
        covariance=np.eye(2),
    )
    with pytest.raises(InputError, match="only period before entry"):
        pretest_power(alone, anchor=-2)
