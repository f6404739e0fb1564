"""Zones drawn together: critical values as published, shrinkage, average coverage, ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.average_coverage import critical_value, worst_risk
from pacte_eval.effects.partial_pooling import partial_pooling
from pacte_eval.effects.ranks import rank_sets

TABLE: Any = pd.read_csv(
    Path(__file__).parents[2] / "benchmarks" / "coverage" / "partial_pooling.csv"
)


@pytest.mark.parametrize(
    ("m2", "kurtosis", "known"),
    [(0, np.inf, 1.959964), (4, np.inf, 7.216351), (4, 3, 4.619513), (1, 1, 2.646145)],
)
def test_critical_values_are_those_of_the_published_program(
    m2: float, kurtosis: float, known: float
) -> None:
    assert critical_value(m2, kurtosis) == pytest.approx(known, rel=2e-6)


@pytest.mark.parametrize(("m2", "kurtosis"), [(0.3, 2.0), (2.0, 4.0), (0.05, 30.0)])
def test_no_distribution_with_these_moments_is_worse(m2: float, kurtosis: float) -> None:
    chi = 3.0
    bound = worst_risk(chi, m2, kurtosis)
    random = np.random.default_rng(1)
    for _ in range(300):
        t = random.exponential(m2, 3) * random.uniform(0, 6, 3)
        p = random.dirichlet(np.ones(3))
        p, t = p, t * m2 / (p @ t)
        if p @ t**2 > kurtosis * m2**2:
            continue
        risk = p @ (stats.norm.cdf(np.sqrt(t) - chi) + stats.norm.cdf(-np.sqrt(t) - chi))
        assert risk <= bound + 1e-9


def test_equal_zones_are_drawn_to_their_mean_and_distinct_ones_keep_theirs() -> None:
    alike = partial_pooling(np.full(8, 0.1), np.eye(8) * 0.05**2)
    assert alike.table["shrunken"].to_numpy() == pytest.approx(0.1)
    assert (alike.table["weight"] < 0.25).all()
    apart = partial_pooling(np.linspace(-1, 1, 8), np.eye(8) * 0.01**2)
    assert (apart.table["weight"] > 0.99).all()
    width = (apart.table["ci_high"] - apart.table["ci_low"]) / 2
    assert width.to_numpy() == pytest.approx(1.96 * 0.01, rel=0.02)


def test_an_imprecise_zone_is_drawn_more() -> None:
    se = np.array([0.01, 0.05, 0.01, 0.01, 0.01])
    table = partial_pooling(np.array([0.0, 0.3, 0.1, 0.2, 0.15]), np.diag(se**2)).table
    assert table["weight"].idxmin() == 1
    assert table["shrunken"][1] < 0.3


def test_a_covariate_that_tells_all_leaves_nothing_to_draw() -> None:
    x = np.arange(10.0)
    table = partial_pooling(0.02 * x, np.eye(10) * 0.01, x).table
    assert table["shrunken"].to_numpy() == pytest.approx(0.02 * x, abs=1e-9)


@pytest.mark.parametrize(
    ("shape", "correlation"), [("normal", 0.0), ("skewed", 0.0), ("skewed", 0.5)]
)
def test_intervals_cover_on_average_and_errors_shrink(shape: str, correlation: float) -> None:
    random = np.random.default_rng(7)
    se = np.linspace(0.02, 0.12, 12)
    covariance = np.outer(se, se) * (correlation + (1 - correlation) * np.eye(12))
    covered, raw_error, error = [], [], []
    for _ in range(30):
        drawn = random.normal(size=12) if shape == "normal" else random.exponential(size=12) - 1
        truth = 0.05 + 0.04 * drawn
        raw = random.multivariate_normal(truth, covariance)
        table = partial_pooling(raw, covariance).table
        covered.append(((table["ci_low"] <= truth) & (truth <= table["ci_high"])).mean())
        raw_error.append(((raw - truth) ** 2).mean())
        error.append(((table["shrunken"] - truth) ** 2).mean())
    assert np.mean(covered) >= 0.94 - 3 * np.std(covered) / np.sqrt(len(covered))
    assert np.mean(error) < 0.6 * np.mean(raw_error)


def test_the_committed_table_holds_to_its_rule() -> None:
    assert (TABLE["replications"] >= 2_000).all()
    assert set(TABLE.loc[TABLE["rule"] == "one-sided", "interval"]) == {"robust"}
    by = TABLE.pivot(index="case", columns="interval")
    assert len(by) == 4
    assert (by["coverage"]["robust"] >= 0.94).all()
    assert (by["coverage"]["naive"] < 0.9).all()
    assert (by["rmse"]["robust"] < 0.65 * by["rmse"]["raw"]).all()
    assert (by["half_width"]["robust"] < by["half_width"]["raw"]).all()


def test_many_zones_of_independent_errors_have_the_intervals_of_the_paper() -> None:
    se = np.tile([0.03, 0.06], 40)
    raw = 0.1 + np.tile([-0.05, -0.05, 0.05, 0.05], 20)
    found = partial_pooling(raw, np.diag(se**2))
    second = found.spread**2
    half = (found.table["ci_high"] - found.table["shrunken"]).to_numpy()
    for zone in (0, 1):
        weight = second / (second + se[zone] ** 2)
        critical = critical_value(se[zone] ** 2 / second, found.kurtosis)
        assert half[zone] == pytest.approx(critical * weight * se[zone], rel=0.02)
        assert found.table["weight"][zone] == pytest.approx(weight)


def test_what_zones_share_stays_in_the_intervals_however_many_they_are() -> None:
    shared, own = 0.05, 0.002
    covariance = shared**2 + own**2 * np.eye(60)
    table = partial_pooling(0.1 + np.zeros(60), covariance).table
    assert ((table["ci_high"] - table["ci_low"]) / 2 >= 1.95 * shared).all()


def test_errors_that_move_together_are_taken_as_such() -> None:
    shared = 0.04**2 * (0.8 + 0.2 * np.eye(6))
    random = np.random.default_rng(3)
    alone = partial_pooling(random.normal(0.1, 0.05, 6), np.diag(np.diag(shared))).table
    joint = partial_pooling(alone["raw"].to_numpy(), shared).table
    assert not np.allclose(alone["shrunken"], joint["shrunken"])


@pytest.mark.parametrize("covariates", [np.zeros(4), np.array([0, 1, 2, 3, np.nan])])
def test_covariates_that_do_not_describe_every_zone_are_refused(covariates: np.ndarray) -> None:
    with pytest.raises(InputError, match="a row per zone"):
        partial_pooling(np.zeros(5), np.eye(5), covariates)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((np.zeros(2), np.eye(2)), "2 zones are too few"),
        ((np.zeros(3), np.eye(4)), "square of its length"),
        ((np.array([0.0, np.nan, 1.0]), np.eye(3)), "needs an estimate"),
        ((np.zeros(3), np.diag([1.0, 0.0, 1.0])), "positive standard error"),
    ],
)
def test_what_cannot_be_drawn_together_is_refused(
    given: tuple[np.ndarray, np.ndarray], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        partial_pooling(*given)


def test_ranks_that_are_clear_are_one_and_others_are_a_range() -> None:
    table = rank_sets(np.array([0.5, 0.1, 0.12, -0.4]), np.eye(4) * 0.01**2)
    assert table["rank"].tolist() == [1, 3, 2, 4]
    assert table["rank_low"].tolist() == [1, 2, 2, 4]
    assert table["rank_high"].tolist() == [1, 3, 3, 4]
    loose = rank_sets(np.array([0.5, 0.1, 0.12, -0.4]), np.eye(4))
    assert (loose["rank_low"] == 1).all()
    assert (loose["rank_high"] == 4).all()


def test_all_ranks_are_in_their_sets_as_often_as_said() -> None:
    random = np.random.default_rng(11)
    truth = np.array([0.0, 0.0, 0.5, 1.0, 1.0])
    best = np.array([(truth > one).sum() + 1 for one in truth])
    worst = np.array([(truth >= one).sum() for one in truth])
    covariance = 0.3**2 * (0.7 * np.eye(5) + 0.3)
    held = []
    for _ in range(200):
        table = rank_sets(random.multivariate_normal(truth, covariance), covariance)
        held.append(((table["rank_low"] <= best) & (worst <= table["rank_high"])).all())
    assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 200)
