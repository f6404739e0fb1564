"""What every regression score obeys: its columns are those of the covariates whatever their units,
order or blocks; it is fitted apart in cells; what its coefficients contribute is right."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Logit, NearestNeighbour
from pacte_eval.designs.scores import terms
from pacte_eval.designs.scores.probit import Probit
from pacte_eval.designs.scores.scored import read_score
from pacte_eval.designs.scores.terms import model_terms
from pacte_eval.frames import Comparison

COVARIATES = ["x", "z", "count", "flag", "level", "zone"]
RICH: dict[str, Any] = {
    "squares": ["x"],
    "interactions": [("x", "level"), ("level", "flag"), ("level", "zone"), ("x", "z", "zone")],
}


def draw(units: int = 900, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": random.normal(size=units), "z": random.gamma(2, size=units)})
    frame["count"] = random.poisson(3, units)
    frame["flag"] = random.random(units) < 0.3
    frame["level"] = random.choice(["a", "b", "c"], units)
    frame["zone"] = pd.Categorical(random.choice(["n", "s"], units))
    frame["w"] = random.integers(1, 4, units).astype(float)
    frame["person"] = np.arange(units) // 2
    chance = 1 / (1 + np.exp(1 - frame["x"] - 0.3 * (frame["level"] == "b")))
    return frame.assign(t=random.random(units) < chance, unit=np.arange(units))


def compare(frame: pd.DataFrame, covariates: Any = COVARIATES, **options: Any) -> Comparison:
    named = {"unit": "unit", "weights": "w"} | options
    return Comparison.from_frame(frame, treated="t", covariates=list(covariates), **named)


def dense(covariates: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """Each covariate's columns, by label."""
    columns = {}
    for name, column in covariates.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            columns[str(name)] = {
                f"{name}[{level}]": (column == level).to_numpy(dtype=float)
                for level in column.cat.categories[1:]
            }
        else:
            columns[str(name)] = {str(name): column.to_numpy(dtype=float)}
    return columns


@pytest.fixture
def matrix() -> pd.DataFrame:
    """Every column of the rich index, written out."""
    blocks = dense(compare(draw()).covariates)
    written = {"intercept": np.ones(900)}
    for group in [*((name,) for name in COVARIATES), ("x", "x"), *RICH["interactions"]]:
        for labels in product(*(blocks[name] for name in group)):
            values = [blocks[name][label] for name, label in zip(group, labels, strict=True)]
            written[":".join(labels)] = np.prod(values, axis=0)
    return pd.DataFrame(written)


@pytest.mark.parametrize("block", [64, 100_000])
def test_the_operator_is_the_matrix(
    matrix: pd.DataFrame, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms, "_BLOCK", block)
    operator = model_terms(compare(draw()).covariates, RICH["squares"], RICH["interactions"])
    assert operator.shape == matrix.shape
    assert list(operator.names) == list(matrix.columns)
    assert operator.dropped == {}
    standard = operator.times(np.eye(len(operator.names)))
    slopes = np.linspace(-1, 1, len(operator.names))
    np.testing.assert_allclose(operator.times(slopes), matrix @ operator.in_units(slopes))
    np.testing.assert_allclose(
        standard[:, 1], (draw()["x"] - draw()["x"].mean()) / draw()["x"].std(ddof=0)
    )
    values, weights = np.random.default_rng(1).normal(size=(900, 2)), draw()["w"].to_numpy()
    np.testing.assert_allclose(operator.transposed_times(values), standard.T @ values, atol=1e-9)
    np.testing.assert_allclose(
        operator.gram(weights), standard.T @ (weights[:, np.newaxis] * standard), atol=1e-9
    )
    np.testing.assert_allclose(operator.column(9), standard[:, 9])


def test_results_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_BLOCK", 64)
    scores = []
    for threads in (1, 3):
        monkeypatch.setattr(terms, "_THREADS", threads)
        scores.append(Logit(**RICH).fit(compare(draw())).scores)
    np.testing.assert_array_equal(scores[0], scores[1])


@pytest.mark.parametrize("model", [Logit(), Logit(**RICH), Probit(), Probit(within=["level"])])
def test_the_order_of_rows_does_not_matter(model: Logit | Probit) -> None:
    order = np.random.default_rng(2).permutation(900)
    scores = model.fit(compare(draw())).scores
    shuffled = model.fit(compare(draw().iloc[order])).scores
    np.testing.assert_allclose(shuffled, scores[order], rtol=1e-11)


@settings(max_examples=15, deadline=None)
@given(st.floats(-6, 6), st.floats(-1e4, 1e4), st.sampled_from([Logit(), Probit()]))
def test_units_and_origins_do_not_matter(
    power: float, origin: float, model: Logit | Probit
) -> None:
    frame = draw(300)
    changed = frame.assign(x=frame["x"] * 10**power, z=frame["z"] + origin)
    plain, moved = model.fit(compare(frame)), model.fit(compare(changed))
    np.testing.assert_allclose(moved.scores, plain.scores, rtol=1e-9)
    slope = moved.coefficients["x"] * 10**power
    assert slope == pytest.approx(plain.coefficients["x"], rel=1e-8)


def test_a_large_scale_does_not_hide_collinearity_nor_make_it() -> None:
    frame = draw().assign(x=lambda frame: 1e6 * frame["x"], tiny=lambda frame: 1e-9 * frame["z"])
    frame["year"] = 2_015 + frame["count"]
    model = Logit(squares=["year"], interactions=[("year", "level")]).fit(
        compare(frame, ["x", "z", "tiny", "year", "level"])
    )
    assert model.dropped == {"tiny": "collinear with earlier columns"}


@pytest.mark.parametrize("model", [Logit(), Probit()])
def test_duplicated_columns_do_not_matter(model: Logit | Probit) -> None:
    frame = draw().assign(
        again=lambda frame: frame["level"], twice=lambda frame: 2 * frame["x"] - 3
    )
    plain = model.fit(compare(frame))
    more = model.fit(compare(frame, [*COVARIATES, "again", "twice"]))
    np.testing.assert_allclose(more.scores, plain.scores, rtol=1e-10)
    assert set(more.dropped) == {"again[b]", "again[c]", "twice"}


@pytest.mark.parametrize("model", [Logit(), Probit()])
@pytest.mark.parametrize("level", ["0first", "rare"])
@pytest.mark.parametrize("treated", [True, False])
def test_a_level_of_one_arm_is_named_be_it_the_reference(
    model: Logit | Probit, level: str, treated: bool
) -> None:
    frame = draw()
    frame.loc[frame.index[frame["t"] == treated][:5], "level"] = level
    arm = "control" if treated else "treated"
    with pytest.raises(
        InputError, match=rf"covariate 'level' .* no {arm} unit has 'level\[{level}"
    ):
        model.fit(compare(frame))


def test_a_flag_of_one_arm_is_named() -> None:
    frame = draw().assign(flag=lambda frame: frame["flag"] & frame["t"])
    with pytest.raises(InputError, match="'flag' does not vary among control units"):
        Logit().fit(compare(frame))


@pytest.mark.parametrize("model", [Logit(squares=["x"]), Probit(interactions=[("x", "level")])])
def test_within_cells_is_a_fit_in_each(model: Logit | Probit) -> None:
    kind = type(model)
    within = kind(model.squares, model.interactions, within=["zone", "flag"])
    frame = draw()
    whole = within.fit(compare(frame))
    direction = np.random.default_rng(4).normal(size=(900, 2))
    influence = whole.influence(direction)
    likelihood, names = 0.0, set()
    for zone, flag in product(["n", "s"], [False, True]):
        rows = ((frame["zone"] == zone) & (frame["flag"] == flag)).to_numpy()
        part = model.fit(compare(frame[rows], ["x", "z", "count", "level"]))
        np.testing.assert_allclose(whole.scores[rows], part.scores, rtol=1e-9)
        np.testing.assert_allclose(influence[rows], part.influence(direction[rows]), atol=1e-9)
        likelihood += part.loglikelihood
        names |= {f"{name} (zone={zone}, flag={float(flag)})" for name in part.coefficients.index}
    assert whole.loglikelihood == pytest.approx(likelihood)
    assert set(whole.coefficients.index) == names
    assert whole.name == f"{whole.link.name} within zone, flag, {len(names)} coefficients"


def test_columns_dropped_in_some_cells_are_counted() -> None:
    frame = draw().assign(z=lambda frame: frame["z"].where(frame["zone"] == "s", 1.0))
    model = Logit(within=["zone"]).fit(compare(frame))
    assert model.dropped == {"z": "constant in 1 of 2 cells"}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Logit(within=["zonne"]), "within 'zonne' is no .*did you mean 'zone'"),
        (Logit(squares=["flag"], within=["flag"]), "'flag' is in within= and in a square"),
        (Logit(interactions=[("x", "zone")], within=["zone"]), "'zone' is in within="),
        (Probit(within=["person"]), r"within=\['person'\]: \d+ of 450 cells have units of one arm"),
        (Logit(within=["level", "rare"]), r"covariate .* separates .*\(level=[abc], rare=1.0\)"),
    ],
)
def test_mistakes_of_within(model: Logit | Probit, message: str) -> None:
    frame = draw()
    rare = frame.groupby(["level", "t"]).cumcount() < 1
    comparison = compare(frame.assign(rare=rare), strata=["rare", "person"])
    with pytest.raises(InputError, match=message):
        model.fit(comparison)


def test_a_score_within_all_covariates_has_none_left() -> None:
    with pytest.raises(InputError, match="at least one covariate"):
        Logit(within=["zone"]).fit(compare(draw(), ["zone"]))


@pytest.mark.parametrize("model", [Logit(**RICH), Probit(**RICH), Logit(within=["zone"])])
def test_contributions_are_the_effect_of_a_unit_s_weight(model: Logit | Probit) -> None:
    """The derivative of Σ direction × index by a weight is the unit's contribution."""
    frame, step = draw(), 1e-4
    direction = np.random.default_rng(5).normal(size=(900, 1))
    influence = model.fit(compare(frame)).influence(direction)[:, 0]
    for row in (0, 17):
        totals = []
        for sign in (-1, 1):
            weights = frame["w"].copy()
            weights[row] += sign * step
            moved = model.fit(compare(frame.assign(w=weights)))
            totals.append(direction[:, 0] @ moved.index)
        change = (totals[1] - totals[0]) / (2 * step) * frame["w"][row]
        assert influence[row] == pytest.approx(change, rel=1e-5, abs=1e-7)


def test_a_score_read_has_its_index(lalonde: Comparison) -> None:
    scored = read_score("probit", None, lalonde)
    assert scored.model is not None
    np.testing.assert_array_equal(scored.index, scored.model.index)
    given_ = read_score(scored.values, None, lalonde)
    np.testing.assert_array_equal(given_.index, scored.values)
    with pytest.raises(InputError, match="did you mean 'probit'"):
        read_score("probbit", None, lalonde)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (Logit, r"score=Logit is no score: give a name, Logit\(\)"),
        (pd.DataFrame({"secret": [0.123]}), "score=DataFrame is no score"),
        (["low"] * 614, "score must hold numbers"),
        (np.full(614, "low"), "score must hold numbers"),
        (pd.Series([pd.NA] * 614, dtype="Float64"), "614 values missing"),
        (np.zeros((614, 1)), r"shape \(614, 1\)"),
    ],
)
def test_a_score_that_is_none_is_said_so(score: Any, message: str, lalonde: Comparison) -> None:
    with pytest.raises(InputError, match=message):
        read_score(score, None, lalonde)


def test_a_score_with_the_units_for_index_is_put_in_their_order(lalonde: Comparison) -> None:
    values = pd.Series(np.arange(614) / 614, lalonde.unit)
    for dtype in ("float32", "Float64", "float64[pyarrow]"):
        found = read_score(values[::-1].astype(dtype), None, lalonde).values
        np.testing.assert_allclose(found, values, rtol=1e-6)


@pytest.mark.parametrize("model", [Logit(), Probit()])
def test_three_rows_and_one_treated(model: Logit | Probit) -> None:
    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0], "t": [0, 1, 0]})
    fitted = model.fit(Comparison.from_frame(frame, treated="t", covariates=["x"]))
    np.testing.assert_allclose(fitted.scores, 1 / 3)


def test_dtypes_of_covariates_do_not_matter() -> None:
    frame = draw()
    other = frame.assign(
        x=frame["x"].astype("float64[pyarrow]"),
        count=frame["count"].astype("Int16"),
        flag=frame["flag"].astype("boolean"),
        level=frame["level"].astype("category"),
        zone=frame["zone"].astype("string"),
    )
    np.testing.assert_array_equal(
        Logit().fit(compare(frame)).scores, Logit().fit(compare(other)).scores
    )


def test_a_design_within_cells_says_so() -> None:
    design = NearestNeighbour(score=Logit(within=["zone"]), exact=["zone"]).fit(compare(draw()))
    assert design.settings["score"] == "logit within zone, 14 coefficients"
