"""Nearest neighbours: against brute force, against MatchIt, and what must never change them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, Logit
from pacte_eval.designs.matching.nearest import NearestNeighbour
from pacte_eval.designs.matching.partial_sort import partial_sort
from pacte_eval.designs.matching.sets import MatchedSets
from pacte_eval.frames import Comparison

MISSPELT: Any = "averag"
WORD: Any = "0.2"
TWO: Any = 2.0
REFERENCE = pd.read_csv(Path(__file__).parents[2] / "reference" / "matching.csv")
FOUR = ["age", "educ", "re74", "re75"]
SPECIFICATIONS: dict[str, dict[str, Any]] = {
    "NN 1:1 with replacement": {"ties": "sorted"},
    "NN 1:1 with replacement, caliper 0.2": {"ties": "sorted", "caliper": 0.2},
    "NN 1:5 with replacement, caliper 0.2": {"ties": "sorted", "neighbours": 5, "caliper": 0.2},
    "M = 1, ties averaged": {},
    "M = 1, ties in the order of the data": {"ties": "first"},
    "NN 1:1 without replacement, largest score first": {"replace": False},
    "NN 1:1 without replacement, caliper 0.2 SD": {"replace": False, "caliper": 0.2},
    "exact on race and nodegree, NN without replacement, caliper 0.25": {
        "replace": False,
        "caliper": 0.25,
        "exact": ["race", "nodegree"],
    },
    "Mahalanobis 1:1 with replacement": {"distance": "mahalanobis", "ties": "sorted"},
    "Mahalanobis 1:1 without replacement": {"distance": "mahalanobis", "replace": False},
    "Mahalanobis on age, educ, re74, re75 within score caliper 0.25": {
        "distance": "mahalanobis",
        "mahalanobis_on": FOUR,
        "replace": False,
        "caliper": 0.25,
    },
}


def sample(seed: int, units: int, values: int | None = None, people: int = 0) -> pd.DataFrame:
    """Random units; few distinct values of x make ties, few people make repeated persons."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": [f"u{i}" for i in range(units)]})
    frame["x"] = random.integers(0, values, units) / 7 if values else random.normal(size=units)
    frame["y"] = random.normal(size=units)
    frame["cell"] = random.integers(0, 2, units)
    frame["person"] = random.integers(0, people, units) if people else np.arange(units)
    frame["t"] = random.random(units) < 0.4
    frame.loc[:1, "t"] = [True, False]
    return frame


def compare(frame: pd.DataFrame, **options: Any) -> Comparison:
    defaults: dict[str, Any] = {
        "treated": "t",
        "covariates": ["x", "y"],
        "strata": ["cell"],
        "unit": "unit",
        "cluster": "person",
    }
    return Comparison.from_frame(frame, **(defaults | options))


def trained(design: Design) -> pd.DataFrame:
    """The record of support of the treated."""
    return design.support[design.support["treated"]]


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_the_numbers_of_matchit(
    name: str, lalonde: Comparison, lalonde_frame: pd.DataFrame
) -> None:
    row = REFERENCE[(REFERENCE["data"] == "lalonde") & (REFERENCE["specification"] == name)].iloc[0]
    design = NearestNeighbour(**SPECIFICATIONS[name]).fit(lalonde)
    outcome, arm = lalonde_frame["re78"].to_numpy(float), lalonde.treated
    mean = [np.average(outcome[part], weights=design.weights[part]) for part in (arm, ~arm)]
    tolerance = 1e-6 if row["tolerance"] == 1e-6 else row["tolerance"] / row["estimate"]
    assert mean[0] - mean[1] == pytest.approx(row["estimate"], rel=tolerance)
    assert design.n_treated == row["n_treated"]
    assert np.isnan(row["n_control"]) or design.n_control == row["n_control"]


samples = st.builds(
    sample,
    seed=st.integers(0, 10_000),
    units=st.integers(3, 60),
    values=st.sampled_from([None, 1, 4, 20]),
    people=st.sampled_from([0, 8, 25]),
)


@settings(max_examples=100, deadline=None)
@given(
    frame=samples,
    neighbours=st.integers(1, 4),
    caliper=st.sampled_from([None, 0.3]),
    exact=st.booleans(),
)
def test_the_nearest_are_the_nearest(
    frame: pd.DataFrame, neighbours: int, caliper: float | None, exact: bool
) -> None:
    """Brute force over all pairs gives the same sets, weights and trimmed units."""
    score = frame["x"].to_numpy()
    width = np.inf if caliper is None else caliper * score.std(ddof=1)
    expected: dict[str, list[str]] = {}
    units: Any = frame[frame["t"]].itertuples()
    for unit in units:
        pool = frame[~frame["t"] & (frame["person"] != unit.person)]
        if exact:
            pool = pool[pool["cell"] == unit.cell]
        gap = (pool["x"] - unit.x).abs()
        if len(gap):
            reach = min(np.sort(gap)[:neighbours][-1], width) + 1e-9
            near = pool["unit"][gap <= reach].tolist()
            if near:
                expected[unit.unit] = near
    maker = NearestNeighbour(score, neighbours, caliper=caliper, exact=["cell"] if exact else [])
    comparison = compare(frame)
    if not expected:
        with pytest.raises(InputError, match="none of"):
            maker.fit(comparison)
        return
    design = maker.fit(comparison)
    pairs: Any = design.pairs()
    found = pairs.groupby("treated", sort=False)["control"].apply(list).to_dict()
    assert {unit: sorted(near) for unit, near in found.items()} == {
        unit: sorted(near) for unit, near in expected.items()
    }
    assert trained(design)["kept"].sum() == len(expected)
    assert set(trained(design)["unit"][trained(design)["kept"]]) == set(expected)
    assert (pairs["distance"] <= width + 1e-9).all()
    np.testing.assert_allclose(pairs.groupby("treated")["weight"].sum(), 1)
    weights = pd.Series(design.weights, index=comparison.unit)
    by_pairs = pairs.groupby("control")["weight"].sum()
    np.testing.assert_allclose(weights[by_pairs.index], by_pairs)
    assert weights[~comparison.treated].sum() == pytest.approx(len(expected))
    assert design.n_control == len(by_pairs)


@settings(max_examples=40, deadline=None)
@given(
    frame=samples,
    neighbours=st.integers(1, 4),
    rule=st.sampled_from(["first", "sorted", "seeded"]),
)
def test_rules_choose_among_the_equally_near(
    frame: pd.DataFrame, neighbours: int, rule: Any
) -> None:
    """Every rule keeps exactly as many controls, no farther than averaging ties does."""
    comparison = compare(frame)
    try:
        design = NearestNeighbour(
            frame["x"].to_numpy(), neighbours, ties=rule, seed=5 if rule == "seeded" else None
        ).fit(comparison)
    except InputError:
        return
    averaged = NearestNeighbour(frame["x"].to_numpy(), neighbours).fit(comparison).pairs()
    pairs: Any = design.pairs()
    among = averaged.groupby("treated")["control"].apply(set)
    for unit, near in pairs.groupby("treated")["control"]:
        assert set(near) <= among[unit]
        assert len(near) == min(neighbours, len(among[unit]))
    person = dict(zip(comparison.unit, comparison.cluster, strict=True))
    assert (pairs["treated"].map(person) != pairs["control"].map(person)).all()


@settings(max_examples=40, deadline=None)
@given(frame=samples, neighbours=st.integers(1, 4))
def test_first_takes_the_first_rows_of_the_nearest(frame: pd.DataFrame, neighbours: int) -> None:
    design = NearestNeighbour(frame["x"].to_numpy(), neighbours, ties="first", exact=["cell"])
    expected: dict[str, list[str]] = {}
    units: Any = frame[frame["t"]].itertuples()
    for unit in units:
        pool = frame[~frame["t"] & (frame["person"] != unit.person) & (frame["cell"] == unit.cell)]
        gap = (pool["x"] - unit.x).abs().round(9).sort_values(kind="stable")
        if len(gap):
            expected[unit.unit] = sorted(pool["unit"][gap.index[:neighbours]])
    if not expected:
        return
    pairs: Any = design.fit(compare(frame)).pairs()
    assert pairs.groupby("treated")["control"].apply(sorted).to_dict() == expected


@settings(max_examples=40, deadline=None)
@given(frame=samples)
def test_sorted_takes_the_nearest_position_among_the_nearest(frame: pd.DataFrame) -> None:
    maker = NearestNeighbour(frame["x"].to_numpy(), ties="sorted", exact=["cell"])
    in_order = frame.sort_values(["cell", "x"], kind="stable").reset_index(drop=True)
    expected: dict[str, str] = {}
    for place, (_, unit) in enumerate(in_order.iterrows()):
        if not unit["t"]:
            continue
        pool = in_order[~in_order["t"] & (in_order["cell"] == unit["cell"])]
        pool = pool[pool["person"] != unit["person"]]
        keys = pd.DataFrame({"gap": (pool["x"] - unit["x"]).abs().round(9)})
        keys["steps"] = np.abs(keys.index - place)
        if len(keys):
            nearest = keys.sort_values(["gap", "steps"], kind="stable").index[0]
            expected[unit["unit"]] = in_order["unit"][nearest]
    if expected:
        pairs = maker.fit(compare(frame)).pairs()
        assert dict(zip(pairs["treated"], pairs["control"], strict=True)) == expected


def test_first_takes_the_first_row_and_seeded_ignores_the_order_of_rows() -> None:
    frame = sample(3, 40, values=1)
    score = np.zeros(40)
    first = NearestNeighbour(score, ties="first").fit(compare(frame)).pairs()
    assert set(first["control"]) == {frame["unit"][~frame["t"]].iloc[0]}
    shuffled = frame.sample(frac=1, random_state=1)
    maker = NearestNeighbour(score, ties="seeded", seed=11)
    one = set(maker.fit(compare(frame)).pairs()["control"])
    assert one == set(maker.fit(compare(shuffled)).pairs()["control"])
    others = {
        next(
            iter(
                set(
                    NearestNeighbour(score, ties="seeded", seed=seed)
                    .fit(compare(frame))
                    .pairs()["control"]
                )
            )
        )
        for seed in range(8)
    }
    assert len(others) > 2


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), values=st.sampled_from([None, 5]))
def test_averaged_ties_ignore_order_scale_and_copies(seed: int, values: int | None) -> None:
    frame = sample(seed, 60, values)
    maker = NearestNeighbour(neighbours=2, caliper=0.5, exact=["cell"])

    def weights(changed: pd.DataFrame, *covariates: str) -> pd.Series:
        comparison = compare(changed, covariates=list(covariates))
        design = maker.fit(comparison)
        return pd.Series(design.weights, index=comparison.unit).reindex(frame["unit"])

    try:
        expected = weights(frame, "x", "y")
    except InputError:
        return
    changed = frame.assign(x=1000 * frame["x"] - 3, copy=frame["y"])
    for found in (
        weights(frame.sample(frac=1, random_state=seed), "x", "y"),
        weights(changed, "x", "y", "copy"),
    ):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_tolerance_makes_near_controls_equal() -> None:
    frame = pd.DataFrame({"unit": list("abcd"), "t": [1, 0, 0, 0], "x": [0, 1, 1.001, 3]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"], unit="unit")
    score = frame["x"].to_numpy()
    strict = NearestNeighbour(score).fit(comparison)
    loose = NearestNeighbour(score, tie_tolerance=0.01).fit(comparison)
    assert strict.pairs()["control"].tolist() == ["b"]
    assert loose.pairs()["control"].tolist() == ["b", "c"]


@settings(max_examples=40, deadline=None)
@given(frame=samples, caliper=st.sampled_from([None, 0.3]), exact=st.booleans())
def test_the_controls_are_targets_as_the_treated_are(
    frame: pd.DataFrame, caliper: float | None, exact: bool
) -> None:
    """The ATC is the ATT with the arms exchanged, and the ATE adds up the weights of both."""
    options: dict[str, Any] = {"caliper": caliper, "exact": ["cell"] if exact else []}

    def weights(estimand: Any, data: pd.DataFrame) -> np.ndarray:
        maker = NearestNeighbour(frame["x"].to_numpy(), 2, estimand=estimand, **options)
        return maker.fit(compare(data)).weights

    swapped = frame.assign(t=~frame["t"])
    try:
        att = weights("ATT", frame)
    except InputError:
        return
    atc = weights("ATC", frame)
    np.testing.assert_allclose(atc, weights("ATT", swapped))
    np.testing.assert_allclose(weights("ATE", frame), att + atc)


def test_the_average_effect_keeps_who_has_a_neighbour_in_the_other_arm() -> None:
    frame = pd.DataFrame(
        {
            "unit": list("abcde"),
            "t": [1, 1, 0, 0, 0],
            "x": [0.0, 9.0, 0.1, 0.0, 5.0],
            "cell": ["n", "n", "n", "s", "n"],
        }
    )
    comparison = compare(frame, covariates=["x"], cluster=None)
    score = frame["x"].to_numpy()
    design = NearestNeighbour(score, caliper=0.5, exact=["cell"], estimand="ATE").fit(comparison)
    assert design.estimand == "ATE"
    assert design.support.set_index("unit")["reason"].astype(str).to_dict() == {
        "a": "apparié",
        "b": "aucun témoin à distance du caliper",
        "c": "apparié",
        "d": "aucun traité dans la cellule exacte",
        "e": "aucun traité à distance du caliper",
    }
    assert design.supported_share == pytest.approx(2 / 5)
    pairs = design.pairs()
    assert pairs["treated"].tolist() == ["a", "a"]
    assert pairs["control"].tolist() == ["c", "c"]


def test_the_treated_that_no_control_is_matched_with_are_not_called_controls() -> None:
    frame = pd.DataFrame({"unit": list("abcd"), "t": [1, 1, 0, 0], "x": [0.0, 9.0, 0.0, 0.0]})
    comparison = compare(frame, covariates=["x"], strata=[], cluster=None)
    design = NearestNeighbour(frame["x"].to_numpy(), estimand="ATC").fit(comparison)
    assert trained(design)["reason"].tolist() == ["apparié", "traité non utilisé"]


def test_the_linear_score_is_the_index_of_the_model() -> None:
    frame = sample(5, 80)
    comparison = compare(frame)
    options: dict[str, Any] = {"neighbours": 2, "caliper": 0.1, "distance": "linear-score"}
    design = NearestNeighbour(**options).fit(comparison)
    assert design.model is not None
    assert design.score is not None
    index = np.log(design.score / (1 - design.score))
    assert f"{0.1 * index.std(ddof=1):.6g}" in str(design.settings["caliper"])
    assert "SD of the linear score" in str(design.settings["caliper"])
    same = NearestNeighbour(index, 2, caliper=0.1).fit(comparison)
    np.testing.assert_allclose(design.weights, same.weights)
    given_ = NearestNeighbour(design.score, **options).fit(comparison)
    np.testing.assert_allclose(design.weights, given_.weights)
    assert (
        design.weights != NearestNeighbour(neighbours=2, caliper=0.1).fit(comparison).weights
    ).any()


@pytest.mark.parametrize("distance", ["mahalanobis", "robust-mahalanobis", "scaled-euclidean"])
@pytest.mark.parametrize("replace", [True, False])
def test_covariates_inside_the_caliper_of_the_score(distance: Any, replace: bool) -> None:
    comparison = compare(sample(7, 120))
    options: dict[str, Any] = {"distance": distance, "replace": replace}
    free = NearestNeighbour(**options).fit(comparison)
    assert free.score is None
    assert free.model is None
    assert "score" not in free.settings
    inside = NearestNeighbour(caliper=0.2, **options).fit(comparison)
    assert inside.score is not None
    score = pd.Series(inside.score, index=comparison.unit)
    pairs = inside.pairs()
    gap = (score[pairs["treated"]].to_numpy() - score[pairs["control"]].to_numpy()).__abs__()
    assert gap.max() <= 0.2 * score.std()
    every = np.abs(
        inside.score[comparison.treated][:, np.newaxis] - inside.score[~comparison.treated]
    )
    assert (every.min(axis=1) <= 0.2 * score.std()).sum() >= inside.n_treated
    assert inside.settings.get("order") == (None if replace else "largest")
    assert free.settings.get("order") == (None if replace else "data")


@pytest.mark.parametrize("replace", [True, False])
def test_one_covariate_is_a_line(replace: bool) -> None:
    """Mahalanobis on one covariate and the score equal to it give the same matches."""
    frame = sample(9, 150)
    comparison = compare(frame)
    score = frame["x"].to_numpy()
    options: dict[str, Any] = {"neighbours": 2, "exact": ["cell"], "replace": replace}
    options |= {} if replace else {"order": "closest"}
    line = NearestNeighbour(score, **options).fit(comparison)
    plane = NearestNeighbour(distance="mahalanobis", mahalanobis_on=["x"], **options).fit(
        comparison
    )
    np.testing.assert_allclose(line.weights, plane.weights)


def test_trimmed_units_keep_their_reason() -> None:
    frame = pd.DataFrame(
        {
            "unit": list("abcde"),
            "t": [1, 1, 1, 0, 0],
            "x": [0.0, 9.0, 0.0, 0.1, 0.2],
            "cell": ["n", "n", "s", "n", "n"],
        }
    )
    comparison = Comparison.from_frame(
        frame, treated="t", covariates=["x"], strata=["cell"], unit="unit"
    )
    design = NearestNeighbour(frame["x"].to_numpy(), caliper=0.5, exact=["cell"]).fit(comparison)
    assert trained(design).set_index("unit")["reason"].to_dict() == {
        "a": "apparié",
        "b": "aucun témoin à distance du caliper",
        "c": "aucun témoin dans la cellule exacte",
    }
    assert design.supported_share == pytest.approx(1 / 3)
    assert design.weights.tolist() == [1, 0, 0, 1, 0]


def test_caliper_is_measured_over_all_units_before_cells() -> None:
    score = np.array([0.0, 1.0, 0.0, 10.0])
    frame = pd.DataFrame({"t": [1, 0, 1, 0], "cell": [0, 0, 1, 1], "x": score})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"], strata=["cell"])
    design = NearestNeighbour(score, caliper=0.21, exact=["cell"]).fit(comparison)
    assert trained(design)["kept"].tolist() == [True, False]
    assert f"{0.21 * score.std(ddof=1):.6g}" in str(design.settings["caliper"])


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        (NearestNeighbour(ties=MISSPELT), "did you mean 'average'"),
        (NearestNeighbour("probt"), "score='probt' is unknown: did you mean 'probit'"),
        (NearestNeighbour(neighbours=0), "neighbours=0"),
        (NearestNeighbour(neighbours=TWO, replace=False), "neighbours=2.0 must be a whole"),
        (NearestNeighbour(caliper=-1), "caliper=-1"),
        (NearestNeighbour(caliper=WORD), "caliper='0.2' must be a positive number"),
        (NearestNeighbour(tie_tolerance=-1), "tie_tolerance=-1"),
        (NearestNeighbour(ties="first", tie_tolerance=0.1), "tie_tolerance=0.1.*ties='first'"),
        (NearestNeighbour(seed=1), "seed=1.*ties='average'"),
        (NearestNeighbour(seed=1, replace=False), "seed=1.*ties='sorted' and order='largest'"),
        (NearestNeighbour(ties="seeded"), "needs a seed"),
        (NearestNeighbour(ties="seeded", seed=TWO), "seed=2.0 must be a whole number"),
        (NearestNeighbour(distance=MISSPELT), "distance='averag' is unknown"),
        (NearestNeighbour(estimand=MISSPELT), "estimand='averag' is unknown: known: ATC, ATE, ATT"),
        (NearestNeighbour(mahalanobis_on=["x"]), r"mahalanobis_on=\['x'\].*distance='score'"),
        (NearestNeighbour(np.zeros(20), distance="linear-score"), "linear-score.*20 values"),
        (NearestNeighbour(order="data"), "order='data'.*replace=True"),
        (NearestNeighbour(exact=["cel"]), "did you mean 'cell'"),
        (NearestNeighbour(exact="cell"), "must be a list"),
        (NearestNeighbour(np.zeros(3)), "needs 20 values"),
        (NearestNeighbour(np.full(20, np.nan)), "20 values missing"),
    ],
)
def test_mistakes_get_one_sentence(maker: NearestNeighbour, message: str) -> None:
    with pytest.raises(InputError, match=message):
        maker.fit(compare(sample(2, 20)))


def test_sampling_weights_share_out_a_set() -> None:
    frame = pd.DataFrame(
        {"t": [1, 1, 0, 0, 0], "x": [0.0, 9.0, 0.1, 0.1, 9.2], "w": [2.0, 5.0, 1.0, 3.0, 7.0]}
    )
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"], weights="w")
    design = NearestNeighbour(frame["x"].to_numpy()).fit(comparison)
    np.testing.assert_allclose(design.weights, [2, 5, 0.5, 1.5, 5])
    np.testing.assert_allclose(design.pairs()["weight"], [0.5, 1.5, 5])


def test_one_treated_unit_and_one_control() -> None:
    frame = pd.DataFrame({"t": [1, 0], "x": [0.0, 4.0]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    design = NearestNeighbour(frame["x"].to_numpy(), neighbours=3).fit(comparison)
    assert design.weights.tolist() == [1, 1]


def test_scores_too_small_for_twelve_digits_are_equal() -> None:
    score = np.array([1e-310, 2e-310, 0.5, 0.0])
    frame = pd.DataFrame({"t": [1, 0, 0, 0], "x": score})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    assert NearestNeighbour(score).fit(comparison).weights.tolist() == [1, 0.5, 0, 0.5]


def test_many_ties_do_not_cost_a_dense_matrix() -> None:
    """Forty thousand units on three values of the score: four hundred million pairs, never held."""
    units = 40_000
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"t": random.random(units) < 0.5, "x": random.integers(0, 3, units)})
    frame["person"] = random.integers(0, units // 2, units)
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"], cluster="person")
    design = NearestNeighbour(frame["x"].to_numpy(float)).fit(comparison)
    assert isinstance(design.matches, MatchedSets)
    assert design.matches.sets.nnz <= units
    assert design.weights[~comparison.treated].sum() == pytest.approx(design.n_treated)


@pytest.mark.parametrize("ties", ["average", "first", "sorted"])
def test_many_ties_are_not_walked_over(ties: Any) -> None:
    """A walk over all tied controls of each treated unit would not end."""
    units = 200_000
    x = np.repeat([0.0, 1.0], units // 2)
    comparison = Comparison.from_frame(
        pd.DataFrame({"t": x == 0.0, "x": x}), treated="t", covariates=["x"]
    )
    design = NearestNeighbour(x, 2, ties=ties).fit(comparison)
    flipped = NearestNeighbour(-x, 2, ties=ties).fit(comparison)
    for found in (design, flipped):
        assert found.n_treated == units // 2
        assert found.n_control == (units // 2 if ties == "average" else 2)
        assert found.weights[~comparison.treated].sum() == pytest.approx(units // 2)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=14), st.data())
def test_partial_sort_keeps_the_smallest(values: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(values)))
    kept = partial_sort(np.array(values), count)
    assert len(set(kept)) == count
    assert sorted(values[place] for place in kept) == sorted(values)[:count]


def test_fit_leaves_the_estimator_as_it_was() -> None:
    maker = NearestNeighbour(Logit(squares=["x"]), caliper=0.2)
    maker.fit(compare(sample(1, 60)))
    assert maker == NearestNeighbour(Logit(squares=["x"]), caliper=0.2)
