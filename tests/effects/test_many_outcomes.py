"""Compiled loops and plain matrices are two derivations of one estimate: they must agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacte_eval.designs import NearestNeighbour
from pacte_eval.effects import estimate
from pacte_eval.effects.inputs import Clusters, read_clusters
from pacte_eval.effects.matched import MatchedOperator
from pacte_eval.effects.summed import MatchedContributions, SummedContributions
from pacte_eval.frames import Comparison, Outcomes

FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
FACTS = ("estimate", "treated_mean", "control_mean", "n_treated", "n_control", "variance")


@st.composite
def samples(draw: st.DrawFn) -> tuple[Any, list[np.ndarray], bool]:
    """A matched design, ties, persons of several rows and sampling weights included; outcomes with
    missing values; whether contributions are linearised."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    units = draw(st.integers(30, 120))
    score = random.normal(size=units)
    if draw(st.booleans()):
        score = np.round(score, draw(st.integers(0, 1)))
    frame = pd.DataFrame({"x": score, "cell": random.integers(0, 3, units)})
    frame["t"] = random.random(units) < draw(st.sampled_from([0.2, 0.5]))
    frame.loc[:3, "t"] = [True, True, False, False]
    frame["who"] = random.integers(0, draw(st.sampled_from([8, 40, 10**6])), units)
    frame["weight"] = random.uniform(0.5, 2, units) if draw(st.booleans()) else 1.0
    comparison = Comparison.from_frame(
        frame, treated="t", covariates=["x", "cell"], cluster="who", weights="weight"
    )
    linearised = draw(st.booleans())
    design = NearestNeighbour(
        score,
        neighbours=draw(st.integers(1, 4)),
        caliper=draw(st.sampled_from([None, 0.5])),
        exact=draw(st.sampled_from([[], ["cell"]])),
        ties=draw(st.sampled_from(["average", "first"])),
        estimand=draw(st.sampled_from(["ATT", "ATC", "ATE"] if linearised else ["ATT", "ATC"])),
    ).fit(comparison)
    outcomes = []
    for single in (True, False):
        values = random.normal(size=(units, 5)).cumsum(axis=1)
        missing = draw(st.sampled_from([0.0, 0.1, 0.9]))
        values[random.random(values.shape) < missing] = np.nan
        if draw(st.booleans()):
            values[:, 2] = draw(st.sampled_from([np.nan, 1.0]))
        outcomes.append(values.astype(np.float32) if single else values)
    return design, outcomes, linearised


def both(
    sample: tuple[Any, list[np.ndarray], bool], bases: list[Any] | None = None
) -> tuple[MatchedContributions, SummedContributions]:
    design, outcomes, linearised = sample
    clusters: Clusters = read_clusters("person" if linearised else "unit", design, by_set=False)
    operator = MatchedOperator(design, linearised=linearised)
    rows = operator.rows(clusters)
    assert rows is not None
    given = (outcomes, bases or [None] * len(outcomes), clusters)
    return MatchedContributions(rows, *given), SummedContributions(operator, *given)


@FEW
@given(samples())
def test_loops_make_the_numbers_of_matrices(sample: Any) -> None:
    loops, matrices = both(sample)
    for one, other in zip(loops.solved(), matrices.solved(), strict=True):
        for name in FACTS:
            np.testing.assert_allclose(
                getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-12, err_msg=name
            )
    columns = [7, 0, 3, 9, 1]
    np.testing.assert_allclose(loops(columns), matrices(columns), rtol=1e-9, atol=1e-7)


@FEW
@given(samples())
def test_what_is_kept_of_a_path_is_what_contributions_give(sample: Any) -> None:
    loops, _ = both(sample)
    fresh, _ = both(sample)
    loops.solved()
    for columns in ([0, 4, 2], [9, 5], [3, 8, 1]):
        given_ = fresh(columns)
        np.testing.assert_allclose(loops.gram(columns), given_.T @ given_, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            loops.variances(columns), (given_**2).sum(axis=0), rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize("window", [[0, 1], [3]])
def test_differences_are_those_of_matrices(window: list[int]) -> None:
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"x": random.normal(size=200), "t": random.random(200) < 0.3})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    design = NearestNeighbour(frame["x"].to_numpy(), neighbours=3).fit(comparison)
    values = random.normal(size=(200, 5)).astype(np.float32)
    values[:20, 1] = np.nan
    base = values[:, window].astype(float).mean(axis=1, keepdims=True)
    loops, matrices = both((design, [values], False), [base])
    (one,), (other,) = loops.solved(), matrices.solved()
    np.testing.assert_allclose(one.estimate, other.estimate, rtol=1e-9)
    np.testing.assert_allclose(one.variance, other.variance, rtol=1e-9)


def test_many_units_are_as_few_blocks_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    units = 30_000
    frame = pd.DataFrame({"x": random.normal(size=units), "who": random.integers(0, 20_000, units)})
    frame["t"] = random.random(units) < 0.2
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"], cluster="who")
    design = NearestNeighbour(frame["x"].to_numpy(), neighbours=3, caliper=0.2).fit(comparison)
    values = (random.random((units, 4)) < 0.4).astype(np.float32)
    values[random.random(values.shape) < 0.05] = np.nan
    loops, matrices = both((design, [values], True))
    (one,), (other,) = loops.solved(), matrices.solved()
    for name in FACTS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9)
    monkeypatch.setattr("pacte_eval.effects.matched_path._THREADS", 1)
    alone, _ = both((design, [values], True))
    assert (alone.solved()[0].variance == one.variance).all()
    assert (alone.gram([0, 1, 2, 3]) == loops.gram([0, 1, 2, 3])).all()


def test_a_constant_outcome_has_no_error() -> None:
    random = np.random.default_rng(5)
    frame = pd.DataFrame({"x": random.normal(size=60), "t": np.arange(60) < 20})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    design = NearestNeighbour(frame["x"].to_numpy()).fit(comparison)
    values = np.ones((60, 2), dtype=np.float32)
    table = estimate(design, Outcomes("emploi", values, (0, 1), comparison.unit)).table
    assert (table["estimate"] == 0).all()
    assert (table["se"] == 0).all()
    assert table["p"].isna().all()


def test_arrays_that_cannot_be_written_to_are_read() -> None:
    random = np.random.default_rng(6)
    frame = pd.DataFrame({"x": random.normal(size=60), "t": np.arange(60) < 20})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    design = NearestNeighbour(frame["x"].to_numpy()).fit(comparison)
    values = random.normal(size=(60, 3))
    found = estimate(design, values, periods=[0, 1, 2]).table
    for same in (np.asfortranarray(values), values[::1]):
        frozen = same.copy(order="K")
        frozen.setflags(write=False)
        again = estimate(design, frozen, periods=[0, 1, 2]).table
        pd.testing.assert_frame_equal(found, again)
