"""Exact matching and what all subclasses share: weights, reasons, persons, numbers of sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.design import Design
from pacte_eval.designs.matching.exact import ExactMatching
from pacte_eval.designs.matching.nearest import NearestNeighbour
from pacte_eval.designs.matching.sets import MatchedSets
from pacte_eval.designs.matching.subclasses import set_codes
from pacte_eval.frames import Comparison

MISSPELT: Any = "ATTT"


def sample(seed: int, units: int, people: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": [f"u{i}" for i in range(units)]})
    frame["sex"] = random.choice(["F", "H"], units)
    frame["age"] = random.integers(20, 23, units)
    frame["month"] = random.integers(0, 2, units)
    frame["w"] = random.uniform(0.5, 2, units)
    frame["person"] = random.integers(0, people, units) if people else np.arange(units)
    frame["t"] = random.random(units) < 0.4
    frame.loc[:1, "t"] = [True, False]
    return frame


samples = st.builds(
    sample,
    seed=st.integers(0, 10_000),
    units=st.integers(3, 60),
    people=st.sampled_from([0, 6, 25]),
)


def compare(frame: pd.DataFrame, **options: Any) -> Comparison:
    defaults: dict[str, Any] = {
        "treated": "t",
        "covariates": ["sex", "age"],
        "strata": ["month"],
        "unit": "unit",
        "cluster": "person",
        "weights": "w",
    }
    return Comparison.from_frame(frame, **(defaults | options))


def reasons(design: Design) -> dict[str, str]:
    return dict(zip(design.support["unit"], design.support["reason"], strict=True))


@settings(max_examples=80, deadline=None)
@given(frame=samples, estimand=st.sampled_from(["ATT", "ATC", "ATE"]))
def test_weights_of_cells_against_brute_force(frame: pd.DataFrame, estimand: Any) -> None:
    """Each target gives its weight to the other arm's units of its cell, its own person apart."""
    expected = np.zeros(len(frame))
    targets = {"ATT": frame["t"], "ATC": ~frame["t"]}.get(estimand, frame["t"] | True)
    rows: Any = frame[targets].itertuples()
    for unit in rows:
        alike = (frame["sex"] == unit.sex) & (frame["age"] == unit.age)
        alike &= (frame["month"] == unit.month) & (frame["t"] != unit.t)
        alike &= frame["person"] != unit.person
        if alike.any():
            expected[unit.Index] += unit.w
            expected[alike] += unit.w * frame["w"][alike] / frame["w"][alike].sum()
    if not expected.any():
        with pytest.raises(InputError, match="no cell holds"):
            ExactMatching(estimand=estimand).fit(compare(frame))
        return
    design = ExactMatching(estimand=estimand).fit(compare(frame))
    np.testing.assert_allclose(design.weights, expected, atol=1e-12)
    assert (design.support["kept"] == (expected > 0)).all()
    assert (design.kind, design.estimand) == ("sets", estimand)


@settings(max_examples=50, deadline=None)
@given(frame=samples)
def test_order_of_rows_and_names_changes_nothing(frame: pd.DataFrame) -> None:
    maker = ExactMatching(["month", "age"])
    try:
        expected = maker.fit(compare(frame))
    except InputError:
        return
    shuffled = frame.sample(frac=1, random_state=2)
    for found in (
        maker.fit(compare(shuffled)),
        ExactMatching(["age", "month"]).fit(compare(frame.assign(age=frame["age"] * 10))),
    ):
        weights = pd.Series(found.weights, index=found.comparison.unit)[frame["unit"]]
        np.testing.assert_allclose(weights, expected.weights, atol=1e-12)


@pytest.mark.parametrize("dtype", ["int", "bool", "object", "string", "category", "int64[pyarrow]"])
def test_dtypes_make_the_same_cells(dtype: Any) -> None:
    column = pd.Series([0, 0, 1, 1, 1, 0]).astype(dtype)
    frame = pd.DataFrame({"t": [1, 0, 1, 0, 0, 0], "x": column})
    design = ExactMatching().fit(Comparison.from_frame(frame, treated="t", covariates=["x"]))
    np.testing.assert_allclose(design.weights, [1, 0.5, 1, 0.5, 0.5, 0.5])


def test_cells_of_one_arm_are_trimmed_with_a_reason() -> None:
    frame = pd.DataFrame(
        {"t": [1, 1, 0, 0, 1], "x": list("aabcd"), "person": [1, 2, 3, 4, 5]}, index=list("vwxyz")
    )
    frame.loc["x", "x"] = "a"
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    design = ExactMatching().fit(comparison)
    assert reasons(design) == {
        "v": "apparié",
        "w": "apparié",
        "x": "apparié",
        "y": "témoin non utilisé",
        "z": "aucun témoin dans la cellule exacte",
    }
    assert design.weights.tolist() == [1, 1, 2, 0, 0]
    assert design.supported_share == pytest.approx(2 / 3)
    everyone = reasons(ExactMatching(estimand="ATE").fit(comparison))
    assert everyone["y"] == "aucun traité dans la cellule exacte"


def test_a_treated_whose_only_control_is_itself_is_trimmed() -> None:
    frame = pd.DataFrame(
        {"t": [1, 0, 1, 0], "x": [0, 0, 1, 1], "person": ["a", "a", "b", "c"]}, index=list("vwxy")
    )
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"], cluster="person")
    design = ExactMatching().fit(comparison)
    assert design.weights.tolist() == [0, 0, 1, 1]
    assert reasons(design)["v"] == "aucun semblable en dehors de ses propres lignes"


def test_a_cell_in_both_roles_has_one_number() -> None:
    frame = sample(4, 60)
    for estimand in ("ATT", "ATC", "ATE"):
        design = ExactMatching(["age"], estimand).fit(compare(frame))
        assert design.matches is not None
        code = set_codes(design.matches, len(frame))
        assert pd.Series(code).groupby(frame["age"]).nunique().eq(1).all()
        assert sorted(set(code)) == [0, 1, 2]


def test_units_outside_sets_and_overlapping_sets() -> None:
    sets = sparse.csr_matrix(np.array([[0, 0, 1, 0, 0], [0, 0, 0, 1, 0.0]]))
    apart = MatchedSets(np.array([1, 0]), np.array([0, 1]), sets)
    assert set_codes(apart, 5).tolist() == [1, 0, 0, 1, -1]
    reused = MatchedSets(np.array([0, 1]), np.array([0, 1]), sets[[0, 0]])
    with pytest.raises(InputError, match="several sets"):
        set_codes(reused, 5)


def test_balance_is_exact_on_what_is_matched(lalonde: Comparison) -> None:
    design = ExactMatching(["race", "married", "nodegree"]).fit(lalonde)
    table = design.balance()
    matched = table["covariate"].isin(["race", "married", "nodegree"])
    np.testing.assert_allclose(table.loc[matched, "smd_after"], 0, atol=1e-12)
    assert (table.loc[~matched, "smd_after"].abs() > 1e-3).all()
    assert (table.loc[matched, "smd_before"].abs() > 0.1).all()


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        (ExactMatching(["agee"]), "did you mean 'age'"),
        (ExactMatching("age"), "must be a list"),
        (ExactMatching(estimand=MISSPELT), "estimand='ATTT'.*ATT"),
    ],
)
def test_mistakes_get_one_sentence(maker: ExactMatching, message: str) -> None:
    with pytest.raises(InputError, match=message):
        maker.fit(compare(sample(2, 20)))


def test_a_comparison_without_variables_is_refused() -> None:
    with pytest.raises(InputError, match="has none"):
        ExactMatching().fit(compare(sample(2, 20), covariates=[], strata=[]))


@pytest.mark.parametrize("exact", [["x", "x"], "x", None])
def test_names_of_cells_are_a_list_and_come_once(exact: Any) -> None:
    frame = pd.DataFrame({"t": [1, 0, 1, 0], "x": [0, 0, 1, 1]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    with pytest.raises(InputError, match=r"named twice|must be a list of names"):
        NearestNeighbour(frame["x"].to_numpy(float), exact=exact).fit(comparison)
