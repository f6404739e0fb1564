"""What holds of every design, whatever it is: the classes are found in the package and taken with
their default settings, then some with others."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, NearestNeighbour
from pacte_eval.designs.matching.kernel import KernelMatching
from pacte_eval.designs.matching.optimal import OptimalMatching
from pacte_eval.designs.matching.subclassification import Subclassification
from pacte_eval.designs.weighting.covariate_balancing import CovariateBalancingScore
from pacte_eval.designs.weighting.entropy_balancing import EntropyBalancing
from pacte_eval.designs.weighting.inverse_probability import InverseProbability
from pacte_eval.frames import Comparison
from tests.designs.designs_of_all_kinds import estimators

DEFAULTS = {name: kind() for name, kind in estimators().items()}
VARIANTS = {
    "without replacement": NearestNeighbour(replace=False),
    "in order of distance": NearestNeighbour(replace=False, order="closest", exact=["level"]),
    "nearest of both arms": NearestNeighbour(estimand="ATE", caliper=1.0),
    "several neighbours": NearestNeighbour(neighbours=3, ties="seeded", seed=1),
    "mahalanobis": NearestNeighbour(distance="mahalanobis", caliper=2.0),
    "gaussian": KernelMatching("gaussian", 0.05),
    "local linear": KernelMatching("local-linear", 0.2, exact=["flag"]),
    "full": OptimalMatching("full"),
    "subclasses of all": Subclassification(3, estimand="ATE"),
    "inverse probability of all": InverseProbability("ATE"),
    "overlap": InverseProbability("ATO", score="probit"),
    "two moments": EntropyBalancing(2, within=["flag"]),
    "balancing score of all": CovariateBalancingScore("ATE"),
}
EVERY = pytest.mark.parametrize(
    "estimator", [*DEFAULTS.values(), *VARIANTS.values()], ids=[*DEFAULTS, *VARIANTS]
)


def people(size: int = 240, *, seed: int = 5) -> pd.DataFrame:
    """Overlapping arms that differ on a number, a flag and a factor; two rows for some persons."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 30, size),
            "flag": random.random(size) < 0.4,
            "level": random.choice(["aucun", "bac", "cap"], size),
            "s": random.uniform(0.5, 2, size),
            "person": np.arange(size) // 2 * 2 + (np.arange(size) % 2) * (np.arange(size) > 40),
        }
    )
    index = -0.9 + 0.06 * (frame["age"] - 24) + 0.5 * frame["flag"]
    return frame.assign(t=random.random(size) < 1 / (1 + np.exp(-index)))


def compare(frame: pd.DataFrame, **roles: Any) -> Comparison:
    return Comparison.from_frame(frame, treated="t", covariates=["age", "flag", "level"], **roles)


def test_the_designs_are_found() -> None:
    assert {"NearestNeighbour", "KernelMatching", "ExactMatching", "EntropyBalancing"} <= set(
        estimators()
    )


@EVERY
def test_weights_and_support_agree(estimator: Any) -> None:
    comparison = compare(people(), weights="s")
    design = estimator.fit(comparison)
    assert design.settings["design"] == type(estimator).__name__
    assert design.weights.shape == (len(comparison),)
    assert np.isfinite(design.weights).all()
    assert list(design.support) == ["unit", "treated", "kept", "reason"]
    assert (design.support["unit"].to_numpy() == comparison.unit.to_numpy()).all()
    np.testing.assert_array_equal(design.support["kept"], design.weights != 0)
    assert design.support["reason"].notna().all()
    assert (design.support.groupby("reason", observed=True)["kept"].nunique() == 1).all()
    kept = design.target_arm & (design.weights != 0)
    assert design.n_treated > 0
    assert design.n_control > 0
    if design.estimand == "ATT":
        np.testing.assert_allclose(
            design.weights[kept].sum(), comparison.weights[kept].sum(), rtol=1e-10
        )


@EVERY
def test_matches_agree_with_weights(estimator: Any) -> None:
    design = estimator.fit(compare(people(), weights="s", cluster="person"))
    if design.matches is None:
        with pytest.raises(InputError, match="weights, not pairs"):
            design.pairs()
        return
    pairs = design.pairs()
    person = pd.Series(design.comparison.cluster, design.comparison.unit)
    assert (
        person.loc[pairs["treated"]].to_numpy() != person.loc[pairs["control"]].to_numpy()
    ).all()
    assert design.matches.size.sum() == len(pairs)
    if design.estimand == "ATT":
        control = pairs.groupby("control")["weight"].sum()
        weights = pd.Series(design.weights, design.comparison.unit)
        np.testing.assert_allclose(control, weights.loc[control.index], rtol=1e-8, atol=1e-12)
        treated = pairs.groupby("treated")["weight"].sum()
        np.testing.assert_allclose(treated, weights.loc[treated.index], rtol=1e-8)


@EVERY
def test_order_of_rows_changes_nothing(estimator: Any) -> None:
    """Where the score has no ties, by which who is paired with whom may depend on it."""
    frame = people()
    if "score" in estimator.__dataclass_fields__:
        frame["age"] = frame["age"] + np.random.default_rng(1).random(len(frame))
    shuffled = frame.sample(frac=1, random_state=2)
    one, other = estimator.fit(compare(frame)), estimator.fit(compare(shuffled))
    weights = pd.Series(other.weights, other.comparison.unit).loc[one.comparison.unit]
    np.testing.assert_allclose(weights, one.weights, rtol=1e-6, atol=1e-9)


@EVERY
def test_it_says_what_it_is(estimator: Any) -> None:
    design = estimator.fit(compare(people()))
    assert repr(design).startswith(f"Design({type(estimator).__name__}")
    assert type(estimator).__name__ in design.summary()
    table = design.balance()
    assert set(table["covariate"]) - {"score"} == {"age", "flag", "level"}
    ratios = ["variance_ratio_before", "variance_ratio_after"]
    assert table.drop(columns=ratios).notna().to_numpy().all()
    assert set(design.balance("level")["cell"]) == {"aucun", "bac", "cap"}
    assert design.love_plot().axes
    if design.score is not None:
        assert design.overlap_plot().axes


@EVERY
def test_fitting_leaves_the_settings(estimator: Any) -> None:
    before = copy.deepcopy(estimator)
    estimator.fit(compare(people()))
    assert estimator == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        estimator.other = 1


@EVERY
def test_fitting_twice_gives_the_same(estimator: Any) -> None:
    comparison = compare(people())
    np.testing.assert_array_equal(
        estimator.fit(comparison).weights, estimator.fit(comparison).weights
    )


@EVERY
@pytest.mark.parametrize(
    "dtypes",
    [
        {"age": "int8", "flag": "int64", "level": "category"},
        {"age": "float64", "flag": "boolean", "level": "string"},
        {"age": "Int64", "flag": "bool[pyarrow]", "level": "string[pyarrow]"},
        {"age": "int32[pyarrow]", "flag": "float32", "level": "object"},
    ],
    ids=["numpy", "pandas", "arrow", "object"],
)
def test_dtypes_change_nothing(estimator: Any, dtypes: dict[str, str]) -> None:
    frame = people()
    expected = estimator.fit(compare(frame)).weights
    np.testing.assert_array_equal(estimator.fit(compare(frame.astype(dtypes))).weights, expected)


@EVERY
@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"t": [1, 0, 0], "x": [0.0, 0.0, 1.0]}),
        pd.DataFrame({"t": [1, 1, 0], "x": [0.0, 1.0, 1.0]}),
        pd.DataFrame({"t": [1, 0, 1, 0], "x": [2.0, 2.0, 2.0, 2.0]}),
        pd.DataFrame({"t": [1] + [0] * 30, "x": [3.0, *np.arange(30.0)]}),
        pd.DataFrame({"t": [1, 0, 0, 1, 0], "x": [1.0, 1, 2, 2, 2], "twice": [1.0, 1, 2, 2, 2]}),
        pd.DataFrame({"t": [1, 0] * 6, "x": [*"aabbaabbaabc"]}),
        pd.DataFrame({"t": [1, 0] * 6, "x": [1e60, -1e60, 0.0] * 4}),
    ],
    ids=["3 rows", "one control", "constant", "one treated", "collinear", "a level", "huge"],
)
def test_small_and_degenerate_comparisons(estimator: Any, frame: pd.DataFrame) -> None:
    """They are fitted or refused in a sentence, never with another error or a weight missing."""
    covariates = [str(name) for name in frame if name != "t"]
    comparison = Comparison.from_frame(frame, treated="t", covariates=covariates)
    try:
        design = estimator.fit(comparison)
    except InputError:
        return
    assert np.isfinite(design.weights).all()
    assert design.weights[comparison.treated].any()
    assert design.weights[~comparison.treated].any()
    assert design.balance()["covariate"].isin(["score", *covariates]).all()
    assert design.summary()


@EVERY
def test_arms_that_share_nothing_are_refused(estimator: Any) -> None:
    frame = people()
    frame = frame.assign(age=frame["age"] + 1000 * frame["t"], level=frame["t"].map(str))
    with pytest.raises(InputError):
        estimator.fit(compare(frame))


@EVERY
def test_saved_and_loaded_it_is_the_same(estimator: Any, tmp_path: Path) -> None:
    design = estimator.fit(compare(people(), weights="s", cells=["level"], cluster="person"))
    design.save(tmp_path / "design")
    again = Design.load(tmp_path / "design")
    np.testing.assert_array_equal(again.weights, design.weights)
    assert dict(again.settings) == dict(design.settings)
    assert (again.kind, again.estimand) == (design.kind, design.estimand)
    pd.testing.assert_frame_equal(again.support, design.support, check_exact=True)
    pd.testing.assert_frame_equal(again.balance(), design.balance(), check_exact=True)
    for name in ("matches", "space", "model", "weight_model"):
        assert type(getattr(again, name)) is type(getattr(design, name))
    if design.matches is not None:
        pd.testing.assert_frame_equal(again.pairs(), design.pairs(), check_exact=True)
