"""The span over ties, against every choice."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.matching.nearest import NearestNeighbour
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(-5, 5)), max_size=11)


def every_choice(score: np.ndarray, treated: np.ndarray, y: np.ndarray, k: int, whom: Any) -> Any:
    """Mean effects of all ways to keep the k nearest."""
    effects = []
    for target in np.flatnonzero(treated if whom == "ATT" else ~treated):
        others = np.flatnonzero(treated != treated[target])
        distance = np.abs(score[others] - score[target])
        last = np.sort(distance)[min(k, len(others)) - 1]
        sure = others[distance < last]
        ties = combinations(others[distance == last], min(k, len(others)) - len(sure))
        sign = 1 if treated[target] else -1
        effects.append([sign * (y[target] - y[[*sure, *choice]].mean()) for choice in ties])
    return [np.mean(choice) for choice in product(*effects)]


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 3), st.sampled_from(["ATT", "ATC"]))
def test_the_span_is_that_of_every_choice(rows: list[Any], k: int, estimand: Any) -> None:
    frame = pd.DataFrame(rows, columns=["t", "x", "y"])
    assume(0 < frame["t"].sum() < len(frame))
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    score, y = frame["x"].to_numpy() / 7, frame["y"].to_numpy(float)
    design = NearestNeighbour(score, neighbours=k, estimand=estimand).fit(comparison)
    effects = estimate(design, y)
    span: Any = effects.tie_span().iloc[0]
    found = every_choice(frame["x"].to_numpy(), frame["t"].to_numpy(bool), y, k, estimand)
    assert span.low == pytest.approx(min(found))
    assert span.high == pytest.approx(max(found))
    if k == 1:
        assert span.low - 1e-9 <= effects.table["estimate"].iloc[0] <= span.high + 1e-9


def test_censored_units_are_never_chosen() -> None:
    frame = pd.DataFrame({"t": [1, 0, 0, 0, 1], "x": [0.0, 1.0, 1.0, 1.0, 9.0]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    design = NearestNeighbour(frame["x"].to_numpy()).fit(comparison)
    outcomes = np.array([[5, 1, 2, 3, np.nan], [5, 1, 2, np.nan, 5]], dtype=float).T
    span = estimate(design, outcomes, periods=["m", "n"]).tie_span()
    assert span["month"].tolist() == ["m", "n"]
    assert span["low"].tolist() == [2, 3]
    assert span["high"].tolist() == [4, 4]


def test_refusals() -> None:
    frame = pd.DataFrame({"t": [1, 0, 0], "x": [0.0, 1.0, 1.0], "w": [1.0, 2.0, 1.0]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    first = NearestNeighbour(frame["x"].to_numpy(), ties="first").fit(comparison)
    with pytest.raises(InputError, match=r"ties='average'"):
        estimate(first, frame["x"]).tie_span()
    weighted = Comparison.from_frame(frame, treated="t", covariates=["x"], weights="w")
    design = NearestNeighbour(frame["x"].to_numpy()).fit(weighted)
    with pytest.raises(InputError, match="sampling weights"):
        estimate(design, frame["x"]).tie_span()
