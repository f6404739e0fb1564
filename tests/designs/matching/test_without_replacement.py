"""Matching without replacement: against brute force over all pairs, and what must always hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design
from pacte_eval.designs.matching.nearest import NearestNeighbour
from pacte_eval.frames import Comparison

Key = Callable[[int, int], tuple[float, ...]]


def sample(seed: int, units: int, values: int | None, people: int) -> pd.DataFrame:
    """Random units; few distinct values of x make ties, few people make repeated persons."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": [f"u{i}" for i in range(units)]})
    frame["x"] = random.integers(0, values, units) / 7 if values else random.normal(size=units)
    frame["cell"] = random.integers(0, 2, units)
    frame["person"] = random.integers(0, people, units) if people else np.arange(units)
    frame["t"] = random.random(units) < 0.4
    frame.loc[:1, "t"] = [True, False]
    return frame


samples = st.builds(
    sample,
    seed=st.integers(0, 10_000),
    units=st.integers(3, 50),
    values=st.sampled_from([None, 1, 4, 20]),
    people=st.sampled_from([0, 8, 25]),
)


def compare(frame: pd.DataFrame, **options: Any) -> Comparison:
    defaults: dict[str, Any] = {
        "treated": "t",
        "covariates": ["x"],
        "strata": ["cell"],
        "unit": "unit",
        "cluster": "person",
    }
    return Comparison.from_frame(frame, **(defaults | options))


def taken(design: Design) -> dict[Any, set[Any]]:
    pairs: Any = design.pairs()
    found: dict[Any, set[Any]] = pairs.groupby("treated")["control"].apply(set).to_dict()
    return found


def arm(frame: pd.DataFrame, treated: bool) -> list[int]:
    """Rows of an arm."""
    return [int(row) for row in np.flatnonzero(frame["t"] == treated)]


def allowed(frame: pd.DataFrame, caliper: float, exact: bool) -> dict[tuple[int, int], float]:
    """Distance of every pair that may be matched."""
    x, cell, person = (frame[name].to_numpy() for name in ("x", "cell", "person"))
    return {
        (i, j): round(abs(x[i] - x[j]), 9)
        for i in arm(frame, True)
        for j in arm(frame, False)
        if abs(x[i] - x[j]) <= caliper + 1e-9
        and person[i] != person[j]
        and (cell[i] == cell[j] or not exact)
    }


def tie_rule(frame: pd.DataFrame, ties: str, exact: bool) -> Key:
    """Preference for control j by treated i among those equally near, lowest first."""
    if ties == "first":
        return lambda i, j: (j,)
    keys = ["cell", "x"] if exact else ["x"]
    position = np.empty(len(frame), dtype=int)
    position[frame.sort_values(keys, kind="stable").index] = np.arange(len(frame))
    return lambda i, j: (abs(position[i] - position[j]), position[j])


@settings(max_examples=150, deadline=None)
@given(
    frame=samples,
    neighbours=st.integers(1, 3),
    caliper=st.sampled_from([None, 0.3]),
    exact=st.booleans(),
    order=st.sampled_from(["largest", "smallest", "data", "closest"]),
    ties=st.sampled_from(["sorted", "first"]),
)
def test_the_greedy_match_is_that_of_brute_force(
    frame: pd.DataFrame, neighbours: int, caliper: float | None, exact: bool, order: Any, ties: Any
) -> None:
    if order == "closest":
        frame = frame.assign(x=frame["x"] * 7 / 8)  # so that equal distances are equal as floats
    score = frame["x"].to_numpy()
    width = np.inf if caliper is None else caliper * score.std(ddof=1)
    distance = allowed(frame, width, exact)
    rule = tie_rule(frame, ties, exact)
    sign = {"largest": -1, "smallest": 1}.get(order, 0)
    turns = sorted(arm(frame, True), key=lambda i: (sign * score[i], i))
    free = set(arm(frame, False))
    expected: dict[int, list[int]] = {i: [] for i in turns}
    for _ in range(neighbours):
        waiting = list(turns)
        while waiting:
            options: list[Any] = [
                (distance[i, j], turns.index(i), *rule(i, j), i, j)
                for i in (waiting if order == "closest" else waiting[:1])
                for j in free
                if (i, j) in distance
            ]
            if not options:
                waiting = waiting[1:] if order != "closest" else []
                continue
            *_, i, j = min(options)
            waiting.remove(i)
            free.remove(j)
            expected[i].append(j)
    maker = NearestNeighbour(
        score,
        neighbours,
        caliper=caliper,
        exact=["cell"] if exact else [],
        replace=False,
        order=order,
        ties=ties,
    )
    comparison = compare(frame)
    if not any(expected.values()):
        with pytest.raises(InputError, match="none of"):
            maker.fit(comparison)
        return
    design = maker.fit(comparison)
    name = frame["unit"]
    assert taken(design) == {
        name[i]: {name[j] for j in near} for i, near in expected.items() if near
    }
    pairs = design.pairs()
    assert pairs["control"].is_unique
    assert (pairs["distance"] <= width + 1e-9).all()
    np.testing.assert_allclose(pairs.groupby("treated")["weight"].sum(), 1)
    assert design.weights[~comparison.treated].sum() == pytest.approx(design.n_treated)
    assert design.kind == "pairs"
    record = design.support[frame["t"].to_numpy()]
    assert set(record["unit"][record["kept"]]) == set(taken(design))
    lost = {"témoins possibles tous déjà appariés": True}
    for unit, reason in zip(record["unit"], record["reason"], strict=True):
        row = int(unit[1:])
        possible = any(i == row for i, _ in distance)
        assert expected[row] or lost.get(reason, False) == possible


def test_controls_run_out() -> None:
    frame = pd.DataFrame(
        {
            "unit": list("abcdef"),
            "t": [1, 1, 1, 1, 0, 0],
            "x": [0.9, 0.8, 0.7, 9.0, 0.85, 0.1],
            "cell": ["n", "n", "n", "n", "n", "s"],
        }
    )
    comparison = compare(frame, cluster=None)
    score = frame["x"].to_numpy()
    design = NearestNeighbour(score, replace=False, caliper=1, exact=["cell"]).fit(comparison)
    reasons = design.support.set_index("unit")["reason"].astype(str).to_dict()
    assert reasons == {
        "a": "apparié",
        "b": "témoins possibles tous déjà appariés",
        "c": "témoins possibles tous déjà appariés",
        "d": "aucun témoin à distance du caliper",
        "e": "apparié",
        "f": "témoin non utilisé",
    }
    assert design.supported_share == pytest.approx(1 / 4)


def test_rounds_give_everyone_one_before_anyone_gets_two() -> None:
    frame = pd.DataFrame({"t": [1, 1, 0, 0, 0], "x": [1.0, 0.9, 1.0, 0.95, 0.1]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    design = NearestNeighbour(frame["x"].to_numpy(), 2, replace=False).fit(comparison)
    assert taken(design) == {0: {2, 4}, 1: {3}}
    np.testing.assert_allclose(design.weights, [1, 1, 0.5, 1, 0.5])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_without_ties_the_order_of_rows_does_not_matter(seed: int) -> None:
    frame = sample(seed, 60, None, 20)
    shuffled = frame.sample(frac=1, random_state=seed)
    for options in (
        {},
        {"order": "smallest"},
        {"order": "closest"},
        {"order": "seeded", "seed": 3},
    ):
        maker = {
            id(part): NearestNeighbour(
                part["x"].to_numpy(), 2, caliper=0.5, replace=False, **options
            )
            for part in (frame, shuffled)
        }
        one, other = (taken(maker[id(part)].fit(compare(part))) for part in (frame, shuffled))
        assert one == other


def test_a_seeded_order_depends_on_the_seed() -> None:
    frame = sample(1, 40, None, 0)
    found = [
        taken(
            NearestNeighbour(
                frame["x"].to_numpy(), replace=False, caliper=0.3, order="seeded", seed=seed
            ).fit(compare(frame))
        )
        for seed in range(6)
    ]
    assert any(one != found[0] for one in found)


def test_the_sampling_weight_of_a_treated_unit_goes_to_its_controls() -> None:
    frame = pd.DataFrame(
        {"t": [1, 1, 0, 0, 0], "x": [0.0, 9.0, 0.1, 0.2, 9.2], "w": [2.0, 5.0, 1.0, 3.0, 7.0]}
    )
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"], weights="w")
    design = NearestNeighbour(frame["x"].to_numpy(), 2, replace=False).fit(comparison)
    np.testing.assert_allclose(design.weights, [2, 5, 2, 1.5, 3.5])


@pytest.mark.parametrize("order", ["largest", "closest"])
def test_many_ties_are_walked_over_once(order: Any) -> None:
    """A hundred thousand units of one score: a search from the target outwards would not end."""
    units = 100_000
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"t": random.random(units) < 0.4, "x": 1.0})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    design = NearestNeighbour(np.ones(units), replace=False, order=order).fit(comparison)
    assert design.n_treated == design.n_control == comparison.treated.sum()
    assert set(np.unique(design.weights)) == {0.0, 1.0}


def test_one_treated_unit_and_one_control() -> None:
    frame = pd.DataFrame({"t": [1, 0], "x": [0.0, 4.0]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    design = NearestNeighbour(frame["x"].to_numpy(), 3, replace=False).fit(comparison)
    assert design.weights.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replace": True, "order": "largest"}, "order='largest'.*replace=True"),
        ({"ties": "average"}, "ties='average'.*replace=False"),
        ({"tie_tolerance": 1e-5}, "tie_tolerance=1e-05.*replace=False"),
        ({"estimand": "ATC"}, "estimand='ATC'.*replace=False"),
        ({"order": "largst"}, "did you mean 'largest'"),
        ({"order": "seeded"}, "order='seeded' needs a seed"),
        ({"seed": 1}, "seed=1.*ties='sorted'"),
    ],
)
def test_mistakes_get_one_sentence(options: dict[str, Any], message: str) -> None:
    comparison = compare(sample(2, 20, None, 0))
    with pytest.raises(InputError, match=message):
        NearestNeighbour(np.zeros(20), **({"replace": False} | options)).fit(comparison)
