"""Entropy balancing: R's numbers, closed forms, the conditions of the optimum, and what cannot be
balanced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, linprog

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design
from pacte_eval.designs.weighting.entropy_balancing import EntropyBalancing
from pacte_eval.frames import Comparison

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "matching.csv").set_index(
    "specification"
)
MISSPELT: Any = "ATTT"


def sample(seed: int, units: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": [f"u{i}" for i in range(units)], "x": random.normal(size=units)})
    frame["age"] = random.integers(18, 60, units)
    frame["level"] = random.choice(["a", "b", "c"], units)
    frame["cell"] = random.choice(["north", "south"], units)
    index = 0.5 * frame["x"] - 0.8 + 0.5 * (frame["level"] == "b")
    frame["t"] = random.random(units) < 1 / (1 + np.exp(-index))
    frame["s"] = random.integers(1, 4, units).astype(float)
    return frame


def compare(frame: pd.DataFrame, covariates: list[str], **options: Any) -> Comparison:
    defaults: dict[str, Any] = {"treated": "t", "unit": "unit", "covariates": covariates}
    return Comparison.from_frame(frame, **(defaults | options))


def gap(design: Design, values: np.ndarray) -> float:
    """Difference of the weighted means of the arms."""
    treated, weights = design.comparison.treated, design.weights
    means = [np.average(values[arm], weights=weights[arm]) for arm in (treated, ~treated)]
    return float(means[0] - means[1])


@pytest.mark.parametrize(
    ("name", "moments", "size"),
    [
        ("entropy balancing, first moments, ebal", 1, 98.458),
        ("entropy balancing, first moments, WeightIt", 1, 98.458),
        ("entropy balancing, two moments", 2, 34.319),
    ],
)
def test_lalonde(
    name: str, moments: int, size: float, lalonde: Comparison, lalonde_frame: pd.DataFrame
) -> None:
    row = REFERENCE.loc[name]
    design = EntropyBalancing(moments).fit(lalonde)
    outcome = lalonde_frame["re78"].to_numpy(dtype=float)
    assert gap(design, outcome) == pytest.approx(row["estimate"], abs=row["tolerance"])
    assert design.effective_sample_size() == pytest.approx(size, abs=1e-3)
    assert (design.n_treated, design.n_control) == (row["n_treated"], row["n_control"])


def test_one_number_is_the_root_of_one_equation() -> None:
    frame = sample(1)
    x, t, s = (frame[name].to_numpy() for name in ("x", "t", "s"))
    design = EntropyBalancing().fit(compare(frame, ["x"], weights="s"))
    wanted = np.average(x[t], weights=s[t])
    slope = brentq(
        lambda b: np.average(x[~t], weights=s[~t] * np.exp(b * x[~t])) - wanted, -5, 5, xtol=1e-14
    )
    expected = s[~t] * np.exp(slope * x[~t])
    expected *= s[t].sum() / expected.sum()
    np.testing.assert_allclose(design.weights[~t], expected, rtol=1e-9)
    np.testing.assert_array_equal(design.weights[t], s[t])


def test_one_factor_is_post_stratification() -> None:
    frame = sample(2)
    design = EntropyBalancing().fit(compare(frame, ["level"], weights="s"))
    mass = frame.groupby(["level", "t"])["s"].sum().unstack()
    expected = frame["s"] * frame["level"].map(mass[True] / mass[False])
    np.testing.assert_allclose(design.weights[~frame["t"]], expected[~frame["t"]], rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    moments=st.integers(1, 3),
    estimand=st.sampled_from(["ATT", "ATE"]),
)
def test_the_optimum_is_reached(seed: int, moments: int, estimand: Any) -> None:
    """Means are equal and log(weight / sampling weight) is linear in the moments: the conditions
    that only the optimum meets."""
    frame = sample(seed, 400)
    comparison = compare(frame, ["x", "age", "level"], weights="s")
    design = EntropyBalancing(moments, [("x", "age"), ("x", "level")], estimand=estimand).fit(
        comparison
    )
    level = pd.get_dummies(frame["level"], dtype=float).to_numpy()
    x, age = frame["x"].to_numpy(), (frame["age"].to_numpy() - 40) / 12
    columns = [x**power for power in range(1, moments + 1)]
    columns += [age**power for power in range(1, moments + 1)]
    basis = np.column_stack([level, *columns, x * age, x[:, None] * level])
    s, treated = frame["s"].to_numpy(), comparison.treated
    target = np.average(basis[design.target_arm], axis=0, weights=s[design.target_arm])
    for arm in (treated, ~treated):
        found = np.average(basis[arm], axis=0, weights=design.weights[arm])
        np.testing.assert_allclose(found, target, atol=1e-9)
        assert design.weights[arm].sum() == pytest.approx(s[design.target_arm].sum())
        tilt = np.log(design.weights[arm] / s[arm])
        fitted = basis[arm] @ np.linalg.lstsq(basis[arm], tilt)[0]
        np.testing.assert_allclose(fitted, tilt, atol=1e-8)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
@pytest.mark.parametrize("moments", [1, 3])
def test_what_is_balanced_has_no_gap_and_no_error(estimand: Any, moments: int) -> None:
    comparison = compare(sample(3), ["x", "age", "level"], weights="s")
    after = EntropyBalancing(moments, estimand=estimand).fit(comparison).balance()
    np.testing.assert_allclose(after["smd_after"], 0, atol=1e-9)
    np.testing.assert_allclose(after["smd_se"], 0, atol=1e-9)
    assert (after["smd_before"].abs() > 0.01).any()


@pytest.mark.parametrize("within", [[], ["cell"]])
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_contributions_are_derivatives_by_the_sampling_weights(
    estimand: Any, within: list[str]
) -> None:
    """A unit's own term and its influence: what Σ residual × weight gains as it counts more."""
    frame = sample(4, 100)
    maker = EntropyBalancing(2, within=within, estimand=estimand)
    design = maker.fit(compare(frame, ["x", "level"], weights="s", strata=["cell"]))
    residual = np.random.default_rng(0).normal(size=(100, 2))
    model = design.weight_model
    assert model is not None
    contributions = residual * design.weights[:, None] + model.influence(residual)
    for unit in (0, 7, 33):
        totals = []
        for sign in (1, -1):
            changed = frame["s"].to_numpy().copy()
            changed[unit] *= 1 + sign * 1e-4
            again = compare(frame.assign(s=changed), ["x", "level"], weights="s", strata=["cell"])
            totals.append(residual.T @ maker.fit(again).weights)
        slope = (totals[0] - totals[1]) / 2e-4
        np.testing.assert_allclose(contributions[unit], slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_cells_are_balanced_one_by_one(estimand: Any) -> None:
    frame = sample(5)
    comparison = compare(frame, ["x", "age"], weights="s", strata=["cell"])
    whole = EntropyBalancing(within=["cell"], estimand=estimand).fit(comparison)
    for name in ("north", "south"):
        inside = (frame["cell"] == name).to_numpy()
        alone = EntropyBalancing(estimand=estimand).fit(comparison.subset(inside))
        np.testing.assert_allclose(whole.weights[inside], alone.weights, rtol=1e-9)


def test_cells_with_one_arm_are_trimmed_and_recorded() -> None:
    frame = sample(6)
    row = np.arange(len(frame))
    frame["cell"] = np.select([row < 10, row < 30], ["east", "west"], frame["cell"])
    frame["t"] = np.select([row < 10, row < 30], [True, False], frame["t"]).astype(bool)
    comparison = compare(frame, ["x"], strata=["cell"])
    expected: dict[Any, str] = {"ATT": "témoin non utilisé", "ATE": "aucun traité dans la cellule"}
    for estimand, west in expected.items():
        maker = EntropyBalancing(within=["cell"], estimand=estimand)
        design = maker.fit(comparison)
        reason = design.support["reason"].astype(str)
        assert set(reason[:10]) == {"aucun témoin dans la cellule exacte"}
        assert reason[10:30].str.startswith(west).all()
        np.testing.assert_array_equal(design.weights > 0, row >= 30)
    with pytest.raises(InputError, match="no cell of within="):
        EntropyBalancing(within=["cell"]).fit(comparison.subset(row < 30))


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_weight_two_is_a_row_twice(estimand: Any) -> None:
    frame = sample(7)
    maker = EntropyBalancing(2, estimand=estimand)
    weighted = maker.fit(compare(frame, ["x", "level"], weights="s")).weights
    copies = frame["s"].astype(int)
    twice = frame.loc[frame.index.repeat(copies)].reset_index(drop=True)
    twice["unit"] = [f"v{i}" for i in range(len(twice))]
    plain = maker.fit(compare(twice, ["x", "level"])).weights
    np.testing.assert_allclose(np.repeat(weighted / copies, copies), plain, rtol=1e-8)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), moments=st.integers(1, 3))
def test_order_scale_and_duplicated_columns_do_not_matter(seed: int, moments: int) -> None:
    frame = sample(seed)
    first = EntropyBalancing(moments).fit(compare(frame, ["x", "age", "level"]))
    weights = pd.Series(first.weights, frame["unit"])
    other = frame.sample(frac=1, random_state=1)
    other = other.assign(x=1e6 - 1e3 * other["x"], again=other["age"] / 7, constant=0.1)
    covariates = ["level", "age", "constant", "again", "x"]
    changed = EntropyBalancing(moments).fit(compare(other, covariates))
    np.testing.assert_allclose(changed.weights, weights[other["unit"]], rtol=1e-6)
    assert "constant (constant)" in str(changed.settings["dropped"])
    assert "again (collinear" in str(changed.settings["dropped"])


def test_a_covariate_out_of_reach_is_named() -> None:
    frame = sample(8)
    frame["far"] = frame["t"] * 10.0 + frame["x"]
    with pytest.raises(InputError, match="covariate 'far' cannot be balanced"):
        EntropyBalancing().fit(compare(frame, ["age", "far", "level"]))
    frame["corner"] = np.where(frame["t"], 3 - frame["x"], -frame["x"])
    with pytest.raises(InputError, match=r"covariate '(x|corner)' cannot be balanced"):
        EntropyBalancing().fit(compare(frame, ["age", "x", "corner", "level"]))
    frame.loc[(~frame["t"]).to_numpy().nonzero()[0][:12], "level"] = "Z"
    with pytest.raises(InputError, match="covariate 'far' cannot be balanced"):
        EntropyBalancing().fit(compare(frame, ["level", "age", "far"]))
    with pytest.raises(InputError, match=r"'far' cannot be balanced where cell=(north|south)"):
        EntropyBalancing(within=["cell"]).fit(compare(frame, ["far"], strata=["cell"]))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000), shape=st.tuples(st.integers(1, 12), st.integers(1, 3)))
def test_weights_are_found_where_a_linear_programme_finds_some(
    seed: int, shape: tuple[int, int]
) -> None:
    """Few controls on a coarse grid: many cases outside the hull, on a face, and collinear."""
    controls, numbers = shape
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        random.integers(-2, 3, (controls + 2, numbers)), columns=[f"x{i}" for i in range(numbers)]
    )
    frame = frame.assign(unit=frame.index, t=frame.index < 2)
    x = frame.drop(columns=["unit", "t"]).to_numpy(dtype=float)
    equations = np.column_stack([np.vstack([np.ones(controls), x[2:].T]), np.zeros(numbers + 1)])
    equations[:, -1] = equations[:, :-1].sum(axis=1)
    least = linprog(
        np.r_[np.zeros(controls), -1],
        A_eq=equations,
        b_eq=np.r_[1, x[:2].mean(axis=0)],
        bounds=[(0, None)] * controls + [(0, None)],
    )
    comparison = compare(frame, [f"x{i}" for i in range(numbers)])
    if least.status == 2:
        with pytest.raises(InputError, match="cannot be balanced"):
            EntropyBalancing().fit(comparison)
    elif least.x[-1] > 1e-9:
        weights = EntropyBalancing().fit(comparison).weights[2:]
        assert (weights > 0).all()
        np.testing.assert_allclose(weights @ x[2:], x[:2].sum(axis=0), atol=1e-8)


def test_a_square_out_of_reach_is_named() -> None:
    frame = sample(9)
    frame["x"] = np.where(frame["t"], np.where(frame["age"] > 40, 2.0, -2.0), frame["x"] / 4)
    EntropyBalancing(1).fit(compare(frame, ["level"]))
    with pytest.raises(InputError, match=r"covariate 'x:x' cannot be balanced"):
        EntropyBalancing(2).fit(compare(frame, ["age", "x"]))


def test_a_level_of_the_treated_only_is_named() -> None:
    frame = sample(10)
    frame.loc[frame["t"].to_numpy().nonzero()[0][:12], "level"] = "z"
    for estimand in ("ATT", "ATE"):
        maker: Any = EntropyBalancing(estimand=estimand)
        with pytest.raises(InputError, match=r"covariate 'level' .*'level\[z\]'"):
            maker.fit(compare(frame, ["x", "level"]))


def test_a_level_that_no_control_has_is_named() -> None:
    """Also where it is the reference, and where every treated unit has it."""
    frame = sample(10)
    for level in ("A", "z"):
        changed = frame.assign(level=np.where(frame["t"], level, frame["level"]))
        with pytest.raises(InputError, match="covariate 'level' cannot be balanced"):
            EntropyBalancing().fit(compare(changed, ["x", "level"]))


def test_controls_of_a_level_without_treated_weigh_nothing() -> None:
    """As if they were not there: also where the level is the reference, and for a number."""
    frame = sample(11)
    few = (~frame["t"]).to_numpy().nonzero()[0][:12]
    for name, value in (("level", "Z"), ("level", "z"), ("flag", 1.0)):
        changed = frame.assign(flag=0.0)
        changed.loc[few, name] = value
        comparison = compare(changed, ["x", "level", "flag"])
        design = EntropyBalancing().fit(comparison)
        assert (design.weights[few] == 0).all()
        assert set(design.support["reason"].iloc[few].astype(str)) == {
            "valeur qu'aucune unité du bras visé ne prend"
        }
        rest = ~np.isin(np.arange(len(frame)), few)
        alone = EntropyBalancing().fit(comparison.subset(rest))
        np.testing.assert_allclose(design.weights[rest], alone.weights, rtol=1e-8)
        after = design.balance()
        np.testing.assert_allclose(after["smd_after"], 0, atol=1e-9)
        np.testing.assert_allclose(after["smd_se"], 0, atol=1e-9)


def test_redundant_moments_change_nothing() -> None:
    frame = sample(12).assign(flag=lambda data: data["age"] > 40)
    first = EntropyBalancing(1).fit(compare(frame, ["flag", "level"]))
    third = EntropyBalancing(3, [("flag", "flag")]).fit(compare(frame, ["flag", "level"]))
    np.testing.assert_allclose(first.weights, third.weights, rtol=1e-9)


def test_one_treated_unit() -> None:
    frame = sample(13)
    frame["t"] = frame.index == 0
    frame = frame.assign(
        x=np.where(frame["t"], 0.3, frame["x"]),
        age=np.where(frame["t"], 35, frame["age"]),
        level=np.where(frame["t"], "b", frame["level"]),
    )
    comparison = compare(frame, ["x", "age", "level"])
    design = EntropyBalancing().fit(comparison)
    control = ~comparison.treated
    assert design.weights[control] @ frame["x"][control] == pytest.approx(0.3)
    assert set(frame["level"][control & (design.weights > 0)]) == {"b"}
    assert design.weights.sum() == pytest.approx(2)


def test_three_rows() -> None:
    frame = pd.DataFrame(
        {"unit": [1, 2, 3], "x": [0.25, 0.0, 1.0], "z": [0.25, 0.0, 1.0], "t": [True, False, False]}
    )
    design = EntropyBalancing().fit(compare(frame, ["x", "z"]))
    np.testing.assert_allclose(design.weights, [1, 0.75, 0.25])
    frame["z"] = [0.5, 0.0, 1.0]
    with pytest.raises(InputError, match="covariate 'z' cannot be balanced"):
        EntropyBalancing().fit(compare(frame, ["x", "z"]))
    equal = EntropyBalancing().fit(compare(frame.assign(x=1.0), ["x"]))
    np.testing.assert_allclose(equal.weights, [1, 0.5, 0.5])


def test_mistakes_are_named() -> None:
    comparison = compare(sample(14), ["x"])
    moments: Any = 4
    for maker, words in (
        (EntropyBalancing(moments), "moments=4 must be 1, 2 or 3"),
        (EntropyBalancing(estimand=MISSPELT), "estimand='ATTT' is unknown"),
        (EntropyBalancing(within=["nothing"]), "within 'nothing'"),
        (EntropyBalancing(interactions=[("x", "y")]), "interaction 'y'"),
    ):
        with pytest.raises(InputError, match=words):
            maker.fit(comparison)
    with pytest.raises(InputError, match="needs a covariate"):
        EntropyBalancing().fit(compare(sample(14), []))


def test_all_treated_alike_keeps_equal_controls_only() -> None:
    frame = pd.DataFrame({"unit": range(6), "x": [1.0, 1.0, 1.0, 1.0, 2.0, 3.0]})
    frame["t"] = frame["unit"] < 2
    design = EntropyBalancing().fit(compare(frame, ["x"]))
    np.testing.assert_allclose(design.weights, [1, 1, 1, 1, 0, 0])


def test_many_rows_and_heavy_tails_reach_the_optimum() -> None:
    """Blocks of rows whose largest weights differ by orders of magnitude."""
    random = np.random.default_rng(15)
    units = 40_000
    frame = pd.DataFrame({"unit": range(units), "x": np.sort(random.standard_t(3, units))})
    frame["t"] = random.random(units) < 1 / (1 + np.exp(2 - 1.5 * frame["x"]))
    design = EntropyBalancing().fit(compare(frame, ["x"]))
    control, x = ~design.comparison.treated, frame["x"].to_numpy()
    tilt = np.log(design.weights[control])
    slope = np.polynomial.Polynomial.fit(x[control], tilt, 1)
    np.testing.assert_allclose(slope(x[control]), tilt, atol=1e-7)
    assert gap(design, x) == pytest.approx(0, abs=1e-9)


def test_a_linear_outcome_needs_no_right_score() -> None:
    """Truth known, treatment far from a logit in x: no bias, and contributions give the variance of
    the estimates."""
    random = np.random.default_rng(16)
    estimates, variances = [], []
    for _ in range(200):
        x = random.normal(size=400)
        t = random.random(400) < 0.15 + 0.5 * (np.abs(x - 0.5) < 0.8)
        y = 2 * x + (0.5 + 0.3 * x) * t + random.normal(size=400)
        design = EntropyBalancing().fit(
            compare(pd.DataFrame({"unit": range(400), "x": x, "t": t}), ["x"])
        )
        residual = np.zeros(400)
        for arm, sign in ((t, 1), (~t, -1)):
            weights = design.weights[arm]
            residual[arm] = sign * (y[arm] - np.average(y[arm], weights=weights)) / weights.sum()
        model = design.weight_model
        assert model is not None
        own = residual * design.weights + model.influence(residual[:, None])[:, 0]
        variances.append(own @ own)
        estimates.append(gap(design, y) - 0.3 * x[t].mean())
    assert abs(np.mean(estimates) - 0.5) < 4 * np.std(estimates) / np.sqrt(200)
    extra = 0.3**2 * np.var(x[t]) / t.sum()
    assert np.mean(variances) - extra == pytest.approx(np.var(estimates), rel=0.25)


def test_saved_and_loaded_again(tmp_path: Path) -> None:
    maker = EntropyBalancing(2, [("x", "level")], within=["cell"], estimand="ATE")
    design = maker.fit(compare(sample(17), ["x", "level"], strata=["cell"]))
    design.save(tmp_path / "design")
    again = Design.load(tmp_path / "design")
    residual = np.random.default_rng(0).normal(size=(300, 2))
    assert design.weight_model is not None
    assert again.weight_model is not None
    np.testing.assert_array_equal(again.weights, design.weights)
    np.testing.assert_array_equal(
        again.weight_model.influence(residual), design.weight_model.influence(residual)
    )
