"""Subclasses of the score: MatchIt's numbers, quantiles, arms that a subclass lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.design import Design
from pacte_eval.designs.matching.subclasses import set_codes
from pacte_eval.designs.matching.subclassification import Subclassification
from pacte_eval.frames import Comparison

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "matching.csv").set_index(
    "specification"
)


def difference(design: Design, outcome: np.ndarray) -> float:
    treated = design.comparison.treated
    means = [np.average(outcome[arm], weights=design.weights[arm]) for arm in (treated, ~treated)]
    return float(means[0] - means[1])


def codes(design: Design) -> np.ndarray:
    assert design.matches is not None
    return set_codes(design.matches, len(design.comparison))


def compare(treated: Any, score: Any, **columns: Any) -> Comparison:
    frame = pd.DataFrame({"t": treated, "x": score, **columns})
    roles = {"cluster": "person"} if "person" in columns else {}
    return Comparison.from_frame(frame, treated="t", covariates=["x"], **roles)


def test_lalonde(lalonde: Comparison, lalonde_frame: pd.DataFrame) -> None:
    row = REFERENCE.loc["subclassification, 6"]
    design = Subclassification().fit(lalonde)
    found = difference(design, lalonde_frame["re78"].to_numpy())
    assert found == pytest.approx(row["estimate"], abs=row["tolerance"])
    assert (design.n_treated, design.n_control) == (row["n_treated"], row["n_control"])
    assert design.kind == "sets"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"estimand": "ATE"}, -581.481210294),
        ({"subclasses": 20}, 1176.62267262),
        ({"subclasses": 20, "estimand": "ATC"}, -231.454267423),
        ({"subclasses": 90}, 604.475131998),
        ({"subclasses": 40, "estimand": "ATE"}, 354.118665112),
        ({"subclasses": 100, "estimand": "ATC"}, -480.597819272),
    ],
)
def test_lalonde_otherwise(
    options: dict[str, Any], expected: float, lalonde: Comparison, lalonde_frame: pd.DataFrame
) -> None:
    """Numbers of MatchIt 4.5.1; with 20 or more, some lack an arm at first."""
    found = difference(Subclassification(**options).fit(lalonde), lalonde_frame["re78"].to_numpy())
    assert found == pytest.approx(expected, abs=1e-6)


scores = st.builds(
    lambda seed, units, values: (
        np.random.default_rng(seed).random(units) < 0.5,
        np.random.default_rng(seed + 1).integers(0, values, units) / values,
    ),
    seed=st.integers(0, 10_000),
    units=st.integers(8, 80),
    values=st.sampled_from([1, 3, 1000]),
)


@settings(max_examples=100, deadline=None)
@given(
    drawn=scores,
    subclasses=st.integers(2, 8),
    estimand=st.sampled_from(["ATT", "ATC", "ATE"]),
)
def test_every_subclass_has_both_arms_and_everyone_is_in_one(
    drawn: tuple[np.ndarray, np.ndarray], subclasses: int, estimand: Any
) -> None:
    treated, score = drawn
    treated[:2] = True, False
    maker = Subclassification(subclasses, score, estimand=estimand)
    comparison = compare(treated, score)
    if min(treated.sum(), (~treated).sum()) < subclasses:
        with pytest.raises(InputError, match="ask for fewer"):
            maker.fit(comparison)
        return
    design = maker.fit(comparison)
    code = codes(design)
    table = pd.crosstab(code, treated)
    assert (code >= 0).all()
    assert (table > 0).all(axis=None)
    assert len(table) <= subclasses
    target = {"ATT": treated, "ATC": ~treated}.get(estimand, np.ones_like(treated))
    for arm in (treated, ~treated):
        assert design.weights[arm].sum() == pytest.approx(target.sum())
        np.testing.assert_allclose(
            np.bincount(code[arm], design.weights[arm]), np.bincount(code[target])
        )
        ends = pd.Series(score[arm]).groupby(code[arm]).agg(["min", "max"]).sort_values("min")
        assert (ends["max"].to_numpy()[:-1] <= ends["min"].to_numpy()[1:]).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_and_scale_change_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    treated, score = random.random(90) < 0.4, random.normal(size=90)
    expected = Subclassification(4, score).fit(compare(treated, score)).weights
    order = random.permutation(90)
    shuffled = Subclassification(4, score[order]).fit(compare(treated[order], score[order]))
    np.testing.assert_allclose(shuffled.weights, expected[order], atol=1e-12)
    scaled = Subclassification(4, 8 * score + 1).fit(compare(treated, score))
    np.testing.assert_allclose(scaled.weights, expected, atol=1e-12)


def test_an_empty_arm_takes_the_nearest_unit_from_the_side_that_can_spare_it() -> None:
    treated = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    score = np.array([0.1, 0.2, 0.8, 0.9, 0.3, 0.05, 0.15, 0.25])
    design = Subclassification(2, score).fit(compare(treated, score))
    code = codes(design)
    assert code[4] == code[2] == code[3]
    assert len({*code[[0, 1, 5, 6, 7]]}) == 1
    np.testing.assert_allclose(design.weights, [1, 1, 1, 1, 2, 2 / 3, 2 / 3, 2 / 3])


def test_ties_make_fewer_subclasses_and_say_so() -> None:
    treated = np.arange(40) % 2 == 0
    score = np.where(np.arange(40) < 30, 0.5, 0.7)
    design = Subclassification(6, score).fit(compare(treated, score))
    assert design.settings["subclasses"] == "2 of 6 asked, as scores tie"
    constant = Subclassification(6, np.zeros(40)).fit(compare(treated, score))
    np.testing.assert_allclose(constant.weights, 1)


def test_a_person_is_left_out_of_its_own_comparison() -> None:
    treated = np.array([1, 0, 1, 0, 0], dtype=bool)
    score = np.array([0.1, 0.1, 0.9, 0.9, 0.2])
    comparison = compare(treated, score, person=["a", "a", "b", "c", "d"])
    design = Subclassification(2, score).fit(comparison)
    np.testing.assert_allclose(design.weights, [1, 0, 1, 1, 1])


@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE"])
def test_effects_that_grow_with_the_score_are_found(estimand: Any) -> None:
    """Truth of the same units; twenty subclasses leave less than a tenth of the confounding."""
    random = np.random.default_rng(7)
    x = random.normal(size=20_000)
    treated = random.random(20_000) < 0.4 / (1 + np.exp(-x))
    outcome = 2 * x + random.normal(size=20_000) + (1 + x) * treated
    design = Subclassification(20, x, estimand=estimand).fit(compare(treated, x))
    truth = (1 + x)[design.target_arm].mean()
    assert difference(design, outcome) == pytest.approx(truth, abs=0.1)
    assert outcome[treated].mean() - outcome[~treated].mean() > truth + 0.9


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"subclasses": 1}, "subclasses=1"),
    ({"subclasses": 2.5}, "subclasses=2.5"),
    ({"subclasses": 200}, "185 treated units cannot fill subclasses=200"),
    ({"estimand": "ATO"}, "estimand='ATO'"),
    ({"score": np.full(614, np.nan)}, "614 values missing"),
]


@pytest.mark.parametrize(("options", "message"), MISTAKES)
def test_mistakes_get_one_sentence(
    options: dict[str, Any], message: str, lalonde: Comparison
) -> None:
    with pytest.raises(InputError, match=message):
        Subclassification(**options).fit(lalonde)


def test_few_units_are_not_counted_in_messages() -> None:
    comparison = compare([1, 0, 0], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="fewer than 11 treated units"):
        Subclassification(2, np.array([0.1, 0.2, 0.3])).fit(comparison)
