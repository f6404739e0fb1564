"""Coarsened exact matching: MatchIt's numbers, cut points, and settings that mean nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.design import Design
from pacte_eval.designs.matching.coarsened import CoarsenedExact
from pacte_eval.designs.matching.exact import ExactMatching
from pacte_eval.frames import Comparison

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "matching.csv").set_index(
    "specification"
)


def difference(design: Design, outcome: np.ndarray) -> float:
    treated = design.comparison.treated
    means = [np.average(outcome[arm], weights=design.weights[arm]) for arm in (treated, ~treated)]
    return float(means[0] - means[1])


def test_lalonde_by_sturges(lalonde: Comparison, lalonde_frame: pd.DataFrame) -> None:
    row = REFERENCE.loc["coarsened exact, Sturges"]
    design = CoarsenedExact().fit(lalonde)
    found = difference(design, lalonde_frame["re78"].to_numpy())
    assert found == pytest.approx(row["estimate"], abs=row["tolerance"])
    assert (design.n_treated, design.n_control) == (row["n_treated"], row["n_control"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"cutpoints": "fd"}, 495.531073675),
        ({"cutpoints": "scott"}, 398.519689074),
        ({"estimand": "ATE"}, 1331.36575936),
        ({"cutpoints": {"age": [20, 30, 40], "re74": 3}}, 550.05096993),
    ],
)
def test_lalonde_by_other_rules(
    options: dict[str, Any], expected: float, lalonde: Comparison, lalonde_frame: pd.DataFrame
) -> None:
    """Numbers of MatchIt 4.5.1, whose cells (not its neighbours) are those of later versions."""
    found = difference(CoarsenedExact(**options).fit(lalonde), lalonde_frame["re78"].to_numpy())
    assert found == pytest.approx(expected, abs=1e-6)


def numbers(**columns: Any) -> Comparison:
    frame = pd.DataFrame(columns)
    rest = [name for name in columns if name != "t"]
    return Comparison.from_frame(frame, treated="t", covariates=rest)


def test_a_value_on_a_cut_point_is_in_the_bin_above() -> None:
    comparison = numbers(t=[1, 0, 0, 1], age=[24.0, 25.0, 24.9, 25.0])
    design = CoarsenedExact({"age": [25]}).fit(comparison)
    pairs = design.pairs()
    assert dict(zip(pairs["treated"], pairs["control"], strict=True)) == {0: 2, 3: 1}
    assert design.settings["bins"] == "age 2"


def test_one_bin_leaves_a_covariate_out_and_exact_takes_it_as_it_is(lalonde: Comparison) -> None:
    exact = ["race", "married", "nodegree"]
    left_out = dict.fromkeys(("age", "educ", "re74", "re75"), 1)
    coarse = CoarsenedExact(left_out, exact=exact).fit(lalonde)
    expected = ExactMatching(exact).fit(lalonde)
    np.testing.assert_allclose(coarse.weights, expected.weights, atol=1e-12)


@pytest.mark.parametrize("rule", ["sturges", "fd", "scott", 3])
def test_constants_and_spikes_have_a_bin(rule: Any) -> None:
    """Constants, all ties and a spike at zero leave the rules a width or one bin."""
    comparison = numbers(t=[1, 0] * 6, k=np.ones(12), spike=[0.0] * 10 + [5.0, 5.0])
    design = CoarsenedExact(rule).fit(comparison)
    assert design.supported_share == 1
    assert design.weights.tolist() == pytest.approx([1] * 12)


def test_an_outlier_makes_no_endless_list_of_bins() -> None:
    comparison = numbers(t=[1, 0] * 50, x=[*np.linspace(0, 1, 98), 1.0, 1e15])
    assert CoarsenedExact("fd").fit(comparison).settings["bins"] == "x 1000000"


def test_bins_follow_scale_but_not_units() -> None:
    random = np.random.default_rng(1)
    t, x, z = random.random(200) < 0.4, random.normal(size=200), random.exponential(size=200)
    expected = CoarsenedExact().fit(numbers(t=t, x=x, z=z)).weights
    found = CoarsenedExact().fit(numbers(t=t, z=1024 * z, x=x / 4, copy=x)).weights
    np.testing.assert_allclose(found, expected, atol=1e-12)


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"cutpoints": "sturge"}, "did you mean 'sturges'"),
    ({"cutpoints": {"ages": 3}}, "did you mean 'age'"),
    ({"cutpoints": {"race": 3}}, "'race': a factor"),
    ({"cutpoints": {"age": 0}}, "cutpoints=0 of 'age'"),
    ({"cutpoints": {"age": []}}, "'age' must be a rule"),
    ({"cutpoints": {"age": [np.nan, 3]}}, "'age' must be a rule"),
    ({"cutpoints": {"age": 2.5}}, "'age' must be a rule"),
    ({"cutpoints": {"age": ["old"]}}, "'age' must be a rule"),
    ({"cutpoints": 0}, "cutpoints=0"),
    ({"cutpoints": 10**9}, "number of bins from 1 to 1000000"),
    ({"cutpoints": [20, 30]}, "mapping by covariate"),
    ({"cutpoints": {"age": 3}, "exact": ["age"]}, "'age' are meaningless with 'age' in exact="),
    ({"exact": ["agee"]}, "did you mean 'age'"),
    ({"exact": "age"}, "must be a list"),
    ({"estimand": "ATO"}, "estimand='ATO'"),
]


@pytest.mark.parametrize(("options", "message"), MISTAKES)
def test_mistakes_get_one_sentence(
    options: dict[str, Any], message: str, lalonde: Comparison
) -> None:
    with pytest.raises(InputError, match=message):
        CoarsenedExact(**options).fit(lalonde)


def test_too_fine_a_cut_says_so() -> None:
    comparison = numbers(t=[1, 0, 1], x=[0.0, 1.0, 2.0])
    with pytest.raises(InputError, match="coarser"):
        CoarsenedExact({"x": [0.5, 1.5]}).fit(comparison)
