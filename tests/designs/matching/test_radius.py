"""Radius matching: the radius by brute force, who is within it, and a simulation: no tool prints a
number for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design
from pacte_eval.designs.design import NO_CONTROL
from pacte_eval.designs.matching.kernel import KernelMatching
from pacte_eval.designs.matching.radius import RadiusMatching
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison


def sample(seed: int, units: int, values: int | None = None, people: int = 0) -> pd.DataFrame:
    """Random units; few values of x make ties, few people make repeated persons."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": random.normal(size=units).round(9)})
    if values:
        frame["x"] = random.integers(0, values, units) / 8
    frame["cell"] = random.integers(0, 2, units)
    frame["person"] = random.integers(0, people, units) if people else np.arange(units)
    frame["weight"] = random.uniform(0.2, 5, units)
    frame["t"] = random.random(units) < 0.4
    frame.loc[:1, "t"] = [True, False]
    return frame


def rows(x: list[float], t: list[int], **columns: list[Any]) -> pd.DataFrame:
    frame = pd.DataFrame({"x": x, "t": t, "weight": 1.0, "cell": 0, "person": np.arange(len(x))})
    return frame.assign(**columns)


def compare(frame: pd.DataFrame) -> Comparison:
    return Comparison.from_frame(
        frame,
        treated="t",
        covariates=["x"],
        strata=["cell"],
        cluster="person",
        weights="weight",
    )


def match(frame: pd.DataFrame, **options: Any) -> Design:
    return RadiusMatching(score=frame["x"].to_numpy(), **options).fit(compare(frame))


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    units=st.integers(3, 60),
    values=st.sampled_from([None, 1, 4, 20]),
    people=st.sampled_from([0, 8, 25]),
    multiple=st.sampled_from([1.001, 1.5, 3.0]),
)
def test_the_radius_follows_the_worst_matched(
    seed: int, units: int, values: int | None, people: int, multiple: float
) -> None:
    """Brute force: distances to controls of other persons of the cell, their least, the largest."""
    frame = sample(seed, units, values, people)
    treated, x = np.flatnonzero(frame["t"]), frame["x"].to_numpy()
    distance = np.abs(x - x[treated, np.newaxis])
    refused = frame["t"].to_numpy()[np.newaxis, :].repeat(len(treated), axis=0)
    for name in ("cell", "person"):
        value = frame[name].to_numpy()
        same = value == value[treated, np.newaxis]
        refused |= same if name == "person" else ~same
    distance[refused] = np.inf
    least = distance.min(axis=1)
    served = np.isfinite(least)
    if not served.any():
        with pytest.raises(InputError, match="exact"):
            match(frame, radius=multiple, exact=["cell"])
        return
    design = match(frame, radius=multiple, exact=["cell"])
    matches: Any = design.matches
    radius = multiple * least[served].max()
    share = np.where(distance == 0, 1.0, 0.0)
    if radius > 0:
        share = np.maximum(1 - (distance / radius) ** 2, 0) * (distance < (1 - 1e-6) * radius)
    share = share * frame["weight"].to_numpy()
    share = share[served] / share[served].sum(axis=1, keepdims=True)
    assert list(matches.target) == list(treated[served])
    assert matches.size.min() >= 1
    tolerance = 1e-9 if multiple > 1.001 else 1e-7
    np.testing.assert_allclose(matches.each().toarray(), share, atol=tolerance)
    weights = frame["weight"].to_numpy()[treated[served]] @ share
    control = ~frame["t"].to_numpy()
    np.testing.assert_allclose(design.weights[control], weights[control], atol=10 * tolerance)


def test_it_is_kernel_matching_with_that_bandwidth(
    lalonde: Comparison, lalonde_frame: pd.DataFrame
) -> None:
    design = RadiusMatching().fit(lalonde)
    score: Any = design.score
    treated = lalonde.treated
    gaps = np.abs(score[treated, np.newaxis] - score[~treated])
    largest = gaps.min(axis=1).max()
    assert design.n_treated == 185
    kernel = KernelMatching(bandwidth=1.5 * largest).fit(lalonde)
    np.testing.assert_allclose(design.weights, kernel.weights, rtol=1e-6)
    assert f"{largest:.6g}" in str(design.settings["radius"])
    assert design.settings["design"] == "RadiusMatching"
    outcome = lalonde_frame["re78"].to_numpy()
    found = estimate(design, outcome).table.iloc[0]
    expected = outcome[treated].mean() - (design.weights * outcome)[~treated].sum() / 185
    assert found["estimate"] == pytest.approx(expected)
    assert found["estimator"] == "RadiusMatching"


def test_common_support_comes_before_the_radius() -> None:
    """The unit trimmed is the worst matched: the radius is that of the others."""

    class Below:
        reason = "score trop grand"

        def keep(self, score: np.ndarray, comparison: Comparison) -> np.ndarray:
            return score < 0.8

    frame = rows([0.5, 0.9, 0.51, 0.52, 0.3], [1, 1, 0, 0, 0])
    np.testing.assert_array_equal(match(frame).weights > 0, [1, 1, 1, 1, 1])
    design = match(frame, support=Below())
    np.testing.assert_array_equal(design.weights > 0, [1, 0, 1, 0, 0])
    assert design.support["reason"][1] == Below.reason


def test_a_cell_without_controls_is_told() -> None:
    frame = rows([0.5, 0.5, 0.6, 0.1], [1, 1, 0, 0], cell=["a", "b", "a", "c"])
    design = match(frame, exact=["cell"])
    np.testing.assert_array_equal(design.weights, [1, 0, 1, 0])
    assert design.support["reason"][1] == NO_CONTROL


def test_ties_only_make_a_radius_of_nothing() -> None:
    """Every treated unit has a control of its own score: the radius is zero and they share it."""
    frame = rows([0.5, 0.7, 0.5, 0.5, 0.7, 0.6], [1, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(match(frame).weights, [1, 1, 0.5, 0.5, 1, 0])


def test_scale_and_order_change_nothing() -> None:
    frame = sample(3, 200)
    weights = match(frame, exact=["cell"]).weights
    larger = frame.assign(x=1000 * frame["x"] + 7)
    np.testing.assert_allclose(match(larger, exact=["cell"]).weights, weights, rtol=1e-8)
    order = np.random.default_rng(0).permutation(len(frame))
    np.testing.assert_allclose(match(frame.iloc[order], exact=["cell"]).weights, weights[order])


@pytest.mark.parametrize("radius", [1.0, 0.0, -2.0, float("nan"), float("inf")])
def test_a_radius_that_leaves_someone_alone_is_refused(radius: float) -> None:
    with pytest.raises(InputError, match="radius="):
        match(sample(0, 20), radius=radius)


def test_known_truth() -> None:
    """An effect of one or two; the covariate is cut at two deviations to keep the radius small."""
    random = np.random.default_rng(7)
    effects, errors, truths = [], [], []
    for _ in range(100):
        x = random.standard_normal(600).clip(-2, 2)
        score = expit(-1.5 + 0.5 * x)
        frame = rows(list(score), list((random.random(600) < score).astype(int)))
        treated = frame["t"].to_numpy() == 1
        effect = 1 + (x > 0)
        outcome = x + treated * effect + random.standard_normal(600)
        table = estimate(match(frame), outcome).table
        effects.append(table["estimate"][0])
        errors.append(table["se"][0])
        truths.append(effect[treated].mean())
    gap = np.array(effects) - np.array(truths)
    assert abs(gap.mean()) < 0.05
    spread = gap.std(ddof=1)
    assert 0.8 * spread < np.sqrt(np.mean(np.square(errors))) < 1.35 * spread
