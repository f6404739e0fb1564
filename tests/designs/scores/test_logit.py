"""The logit gives R's numbers, is indifferent to how columns are written, and names the culprit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Logit, Probit
from pacte_eval.designs.scores import newton
from pacte_eval.frames import Comparison

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "logit.csv")


def draw(units: int = 300, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": random.normal(size=units), "z": random.normal(size=units)})
    frame["level"] = random.choice(["a", "b", "c"], units)
    chance = 1 / (1 + np.exp(1 - frame["x"]))
    return frame.assign(t=random.random(units) < chance)


def compare(frame: pd.DataFrame, *covariates: str, weights: str | None = None) -> Comparison:
    return Comparison.from_frame(frame, treated="t", covariates=covariates, weights=weights)


def test_reference_numbers(lalonde: Comparison) -> None:
    model = Logit().fit(lalonde)
    for row in REFERENCE.itertuples():
        found = model.loglikelihood if row.term == "logLik" else model.coefficients[row.term]
        assert found == pytest.approx(row.coefficient, rel=1e-7), row.term


def test_the_gradient_is_zero_at_the_maximum() -> None:
    comparison = compare(draw(), "x", "z", "level")
    model = Logit(squares=["x"], interactions=[("x", "level")]).fit(comparison)
    assert len(model.coefficients) == 1 + 2 + 2 + 1 + 2
    ((_, terms),) = model.terms
    gradient = terms.transposed_times(comparison.treated - model.scores)
    np.testing.assert_allclose(gradient, 0, atol=1e-8)


def test_a_cube_is_an_interaction_repeated() -> None:
    comparison = compare(draw(), "x", "z")
    cube = Logit(interactions=[("x", "x", "x")]).fit(comparison)
    assert "x:x:x" in cube.coefficients.index
    frame = draw().assign(cube=lambda frame: frame["x"] ** 3)
    written = Logit().fit(compare(frame, "x", "z", "cube"))
    np.testing.assert_allclose(cube.scores, written.scores, rtol=1e-9)


def test_whole_weights_repeat_rows() -> None:
    frame = draw(80).assign(w=1 + np.arange(80) % 3)
    twice = frame.loc[frame.index.repeat(frame["w"])].reset_index(drop=True)
    weighted = Logit().fit(compare(frame, "x", "z", weights="w"))
    repeated = Logit().fit(compare(twice, "x", "z"))
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-8)


def test_constant_and_collinear_columns_are_dropped_and_reported() -> None:
    frame = draw().assign(one=3.0, same=lambda frame: 2 * frame["x"] - 7, sum_=lambda f: f.x + f.z)
    model = Logit().fit(compare(frame, "x", "one", "z", "same", "sum_"))
    assert model.dropped == {
        "one": "constant",
        "same": "collinear with earlier columns",
        "sum_": "collinear with earlier columns",
    }
    np.testing.assert_allclose(model.scores, Logit().fit(compare(frame, "x", "z")).scores)


def test_perfect_separation_names_the_covariate() -> None:
    frame = draw().assign(mark=lambda frame: frame["t"] * 10 + frame["z"])
    with pytest.raises(InputError, match="covariate 'mark' separates the arms"):
        Logit().fit(compare(frame, "x", "z", "mark"))


@pytest.mark.parametrize("model", [Logit(), Probit()])
@pytest.mark.parametrize("seed", range(6))
def test_separation_by_two_covariates_names_one_of_them(model: Logit | Probit, seed: int) -> None:
    frame = draw(400, seed)
    frame["wide"] = 50 * np.random.default_rng(seed + 100).normal(size=400)
    frame["t"] = frame["x"] + frame["wide"] / 50 > 0.2
    with pytest.raises(InputError, match=r"separate the arms together, '(x|wide)' most of all"):
        model.fit(compare(frame, "z", "level", "x", "wide"))


def test_want_of_convergence_is_not_called_separation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newton, "_ITERATIONS", 1)
    with pytest.raises(InputError, match="does not converge: leave out covariate 'x'"):
        Logit().fit(compare(draw(), "z", "level", "x"))


@pytest.mark.parametrize(("treated", "arm"), [(True, "control"), (False, "treated")])
def test_a_level_seen_in_one_arm_only_is_named(treated: bool, arm: str) -> None:
    frame = draw()
    frame.loc[frame.index[frame["t"] == treated][:4], "level"] = "rare"
    with pytest.raises(InputError, match=rf"no {arm} unit has 'level\[rare\]'"):
        Logit().fit(compare(frame, "x", "level"))


@pytest.mark.parametrize(
    ("logit", "message"),
    [
        (Logit(squares=["xx"]), "square 'xx' is not a covariate"),
        (Logit(squares=["level"]), "a factor has no square"),
        (Logit(interactions=[("x", "leve")]), "did you mean 'level'"),
        (Logit(interactions=[("x",)]), "at least two"),
        (Logit(squares="xx"), r"must be a list of names: \['xx'\]"),
        (Logit(interactions=("x", "level")), r"interactions=\[\['x', …\]\]"),
    ],
)
def test_wrong_terms_are_named(logit: Logit, message: str) -> None:
    with pytest.raises(InputError, match=message):
        logit.fit(compare(draw(), "x", "level"))


def test_a_score_needs_covariates() -> None:
    with pytest.raises(InputError, match="at least one covariate"):
        Logit().fit(compare(draw()))


def test_three_rows() -> None:
    frame = pd.DataFrame({"x": [0.0, 1.0, 0.0], "t": [0, 1, 1]})
    with pytest.raises(InputError, match="'x'"):
        Logit().fit(compare(frame, "x"))
