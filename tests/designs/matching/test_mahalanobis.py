"""Neighbours by several covariates: against measuring every pair, against MatchIt and Matching,
and what must never change them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context
from itertools import pairwise
from pathlib import Path
from typing import Any

import causaldata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, NearestNeighbour
from pacte_eval.designs.matching.mahalanobis import KINDS, MahalanobisSpace
from pacte_eval.designs.matching.sets import MatchedSets
from pacte_eval.frames import Comparison

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "matching.csv").set_index(
    "specification"
)
EARNINGS = ("age", "educ", "re74", "re75")


def sample(seed: int, units: int, values: int | None, people: int) -> pd.DataFrame:
    """Random units; few distinct values make ties, few people make repeated persons."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": [f"u{i}" for i in range(units)]})
    for name in ("x", "y"):
        drawn = random.integers(0, values, units) if values else random.normal(size=units)
        frame[name] = drawn.astype(float)
    frame["f"] = pd.Categorical(random.choice(list("abc"), units))
    frame["s"] = random.integers(0, 5, units) / 4
    frame["cell"] = random.integers(0, 2, units)
    frame["person"] = random.integers(0, people, units) if people else np.arange(units)
    frame["t"] = random.random(units) < 0.4
    frame.loc[:1, "t"] = [True, False]
    return frame


def compare(frame: pd.DataFrame, *covariates: str, **options: Any) -> Comparison:
    return Comparison.from_frame(
        frame, treated="t", covariates=covariates or ("x", "y", "f"), unit="unit", **options
    )


def space_of(
    frame: pd.DataFrame, *covariates: str, kind: str = "mahalanobis", cells: bool = False
) -> MahalanobisSpace:
    cell = frame["cell"].to_numpy() if cells else np.zeros(len(frame), dtype=np.int64)
    comparison = compare(frame, *covariates, cluster="person")
    return MahalanobisSpace.of(comparison, (), kind, cell, frame["s"].to_numpy())


def arms(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    treated = frame["t"].to_numpy()
    return np.flatnonzero(treated), np.flatnonzero(~treated)


def distances(frame: pd.DataFrame, kind: str, cells: bool, caliper: float) -> np.ndarray:
    """Every pair measured from the definition; infinite where it may not be matched."""
    levels = pd.get_dummies(frame["f"].astype(str), dtype=float)
    columns = pd.concat([frame[["x", "y"]], levels.iloc[:, int(levels.shape[1] == 2) :]], axis=1)
    matrix = columns.loc[:, columns.nunique() > 1].to_numpy()
    treated = frame["t"].to_numpy()
    if kind == "robust-mahalanobis":
        matrix = pd.DataFrame(matrix).rank().to_numpy()
    if kind == "mahalanobis":
        apart = [matrix[arm] - matrix[arm].mean(axis=0) for arm in (treated, ~treated)]
        centred = np.vstack(apart)
        covariance = centred.T @ centred / max(len(frame) - 2, 1)
    else:
        covariance = np.atleast_2d(np.cov(matrix.T)) if matrix.shape[1] else np.zeros((0, 0))
    scale = np.sqrt(np.var(matrix, axis=0, ddof=1))
    if kind == "scaled-euclidean":
        precision = np.diag(1 / scale**2)
    elif kind == "robust-mahalanobis":
        untied = len(frame) * (len(frame) + 1) / 12
        correlation = covariance / np.outer(scale, scale)
        precision = np.linalg.pinv(correlation, rcond=1e-9, hermitian=True) / untied
    else:
        inverse = np.linalg.pinv(covariance / np.outer(scale, scale), rcond=1e-9, hermitian=True)
        precision = inverse / np.outer(scale, scale)
    gap = matrix[:, np.newaxis] - matrix[np.newaxis]
    out = np.sqrt(np.maximum(np.einsum("ijk,kl,ijl->ij", gap, precision, gap), 0))
    for name, width in (("cell", 0.0 if cells else np.inf), ("s", caliper + 1e-9)):
        values = frame[name].to_numpy()
        out[np.abs(values[:, np.newaxis] - values) > width] = np.inf
    person = frame["person"].to_numpy()
    out[person[:, np.newaxis] == person] = np.inf
    return np.round(out, 7)


def members(sets: MatchedSets) -> list[list[int]]:
    rows = sets.each()
    assert (rows.data == 1).all()
    return [sorted(rows.indices[a:b].tolist()) for a, b in pairwise(rows.indptr)]


samples = st.builds(
    sample,
    seed=st.integers(0, 10_000),
    units=st.integers(3, 50),
    values=st.sampled_from([None, 1, 2, 4]),
    people=st.sampled_from([0, 8, 20]),
)
calipers = st.sampled_from([np.inf, 0.25])


@settings(max_examples=80, deadline=None)
@given(
    frame=samples,
    kind=st.sampled_from(KINDS),
    count=st.integers(1, 4),
    cells=st.booleans(),
    caliper=calipers,
    tolerance=st.sampled_from([0.0, 0.3]),
    among=st.booleans(),
)
def test_the_nearest_with_ties(
    frame: pd.DataFrame,
    kind: str,
    count: int,
    cells: bool,
    caliper: float,
    tolerance: float,
    among: bool,
) -> None:
    """Between arms or within one, as for conditional variances."""
    gaps = distances(frame, kind, cells, caliper)
    targets, sources = arms(frame)
    targets = sources if among else targets
    expected = []
    for row in targets:
        gap = gaps[row, sources]
        number = min(count, int(np.isfinite(gap).sum()))
        reach = np.sqrt(np.sort(gap)[number - 1] ** 2 + tolerance) if number else -1.0
        expected.append(sources[gap <= reach + 1e-6].tolist())
    space = space_of(frame, kind=kind, cells=cells)
    found = space.with_ties(targets, sources, count, caliper=caliper, tolerance=tolerance)
    assert members(found) == expected
    assert found.size.tolist() == [len(near) for near in expected]
    pairs = found.each().nonzero()
    np.testing.assert_allclose(
        space.distance(targets[pairs[0]], pairs[1]), gaps[targets[pairs[0]], pairs[1]], atol=1e-6
    )


@settings(max_examples=60, deadline=None)
@given(
    frame=samples,
    count=st.integers(1, 4),
    cells=st.booleans(),
    caliper=calipers,
    seed=st.integers(),
)
def test_exactly_so_many_by_rank(
    frame: pd.DataFrame, count: int, cells: bool, caliper: float, seed: int
) -> None:
    gaps = distances(frame, "mahalanobis", cells, caliper)
    targets, sources = arms(frame)
    rank = np.random.default_rng(abs(seed)).permutation(len(frame)).astype(float)
    expected = []
    for row in targets:
        order = sources[np.lexsort((rank[sources], gaps[row, sources]))][:count]
        expected.append(sorted(order[np.isfinite(gaps[row, order])].tolist()))
    space = space_of(frame, cells=cells)
    assert members(space.exactly(targets, sources, count, caliper=caliper, rank=rank)) == expected
    as_sorted = members(space.exactly(targets, sources, count, caliper=caliper))
    for row, some, others in zip(targets, as_sorted, expected, strict=True):
        np.testing.assert_array_equal(np.sort(gaps[row, some]), np.sort(gaps[row, others]))


def greedy(
    gaps: np.ndarray, targets: np.ndarray, sources: np.ndarray, rank: np.ndarray, count: int
) -> list[list[int]]:
    """One round after another, each target in turn."""
    free = set(sources.tolist())
    given: list[list[int]] = [[] for _ in targets]
    for _ in range(count):
        for position, row in enumerate(targets):
            left = [j for j in free if np.isfinite(gaps[row, j])]
            if left:
                best = min(left, key=lambda j: (gaps[row, j], rank[j]))
                given[position].append(best)
                free.remove(best)
    return [sorted(near) for near in given]


def closest(
    gaps: np.ndarray, targets: np.ndarray, sources: np.ndarray, rank: np.ndarray, count: int
) -> list[list[int]]:
    """One round after another, the closest remaining pair first."""
    free = set(sources.tolist())
    given: list[list[int]] = [[] for _ in targets]
    for _ in range(count):
        waiting = set(range(len(targets)))
        while True:
            pairs = [
                (gaps[targets[i], j], i, rank[j], j)
                for i in waiting
                for j in free
                if np.isfinite(gaps[targets[i], j])
            ]
            if not pairs:
                break
            _, i, _, j = min(pairs)
            given[i].append(j)
            waiting.remove(i)
            free.remove(j)
    return [sorted(near) for near in given]


@settings(max_examples=60, deadline=None)
@given(
    frame=samples,
    count=st.integers(1, 3),
    cells=st.booleans(),
    caliper=calipers,
    rule=st.sampled_from([greedy, closest]),
    seed=st.integers(0, 1000),
)
def test_without_replacement(
    frame: pd.DataFrame,
    count: int,
    cells: bool,
    caliper: float,
    rule: Callable[..., list[list[int]]],
    seed: int,
) -> None:
    gaps = distances(frame, "mahalanobis", cells, caliper)
    targets, sources = arms(frame)
    random = np.random.default_rng(seed)
    rank = random.permutation(len(frame)).astype(float)
    order = random.permutation(len(targets)) if rule is greedy else np.arange(len(targets))
    expected = rule(gaps, targets[order], sources, rank, count)
    found = members(
        space_of(frame, cells=cells).without_replacement(
            targets,
            sources,
            count,
            caliper=caliper,
            order=order if rule is greedy else None,
            rank=rank,
        )
    )
    assert [found[i] for i in order] == expected
    taken = [unit for near in found for unit in near]
    assert len(taken) == len(set(taken))


def test_the_closest_first_when_lists_run_out() -> None:
    """Many targets want the same few sources, far more than a list of the nearest holds."""
    random = np.random.default_rng(5)
    frame = sample(5, 300, None, 0).assign(t=random.random(300) < 0.5)
    frame.loc[frame["t"], ["x", "y"]] *= 0.05
    targets, sources = arms(frame)
    rank = np.arange(300.0)
    gaps = distances(frame, "mahalanobis", False, np.inf)
    found = space_of(frame).without_replacement(targets, sources, 1, order=None, rank=rank)
    assert members(found) == closest(gaps, targets, sources, rank, 1)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    values=st.sampled_from([None, 4]),
    kind=st.sampled_from(["mahalanobis", "robust-mahalanobis"]),
)
def test_sets_ignore_order_scale_and_copies(seed: int, values: int | None, kind: str) -> None:
    """And, for Mahalanobis, any recombination of the columns."""
    frame = sample(seed, 60, values, 20)

    def sets(changed: pd.DataFrame, *covariates: str) -> dict[str, set[str]]:
        found = space_of(changed, *covariates, kind=kind, cells=True).with_ties(*arms(changed), 2)
        unit = changed["unit"].to_numpy()
        return {
            unit[row]: {unit[j] for j in near}
            for row, near in zip(found.target, members(found), strict=True)
        }

    expected = sets(frame, "x", "y", "f")
    changed = frame.assign(x=1000 * frame["x"] - 3, copy=frame["y"], one=1.0)
    assert sets(frame.sample(frac=1, random_state=seed), "x", "y", "f") == expected
    assert sets(changed, "x", "y", "f", "copy", "one") == expected
    if kind == "mahalanobis":
        mixed = frame.assign(x=frame["x"] + 2 * frame["y"], y=frame["x"] - frame["y"])
        assert sets(mixed, "y", "x", "f") == expected
    else:
        assert sets(frame.assign(x=np.exp(frame["x"])), "x", "y", "f") == expected


def effect(design: Design, outcome: np.ndarray) -> list[float]:
    """Difference of weighted means, treated and controls that weigh something."""
    treated = design.comparison.treated
    means = [np.average(outcome[arm], weights=design.weights[arm]) for arm in (treated, ~treated)]
    return [means[0] - means[1], design.n_treated, design.n_control]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Mahalanobis 1:1 with replacement", {"ties": "sorted"}),
        ("Mahalanobis 1:1 without replacement", {"replace": False}),
        (
            "Mahalanobis on age, educ, re74, re75 within score caliper 0.25",
            {"replace": False, "caliper": 0.25, "mahalanobis_on": EARNINGS},
        ),
    ],
)
def test_lalonde_by_matchit(
    lalonde: Comparison, lalonde_frame: pd.DataFrame, name: str, options: dict[str, Any]
) -> None:
    design = NearestNeighbour(distance="mahalanobis", **options).fit(lalonde)
    row = REFERENCE.loc[name]
    expected = row[["estimate", "n_treated", "n_control"]].astype(float).tolist()
    found = effect(design, lalonde_frame["re78"].to_numpy())
    assert found == pytest.approx(expected, abs=row["tolerance"])


def test_lalonde_by_matching(lalonde_frame: pd.DataFrame) -> None:
    """The row of four neighbours by inverse variance, before its adjustment for bias (R's Match
    on the same columns, BiasAdjust = FALSE)."""
    race = lalonde_frame["race"]
    frame = lalonde_frame.assign(white=race == "white", hispanic=race == "hispan")
    covariates = ["age", "educ", "white", "hispanic", "married", "nodegree", "re74", "re75"]
    comparison = Comparison.from_frame(frame, treated="treat", covariates=covariates)
    maker = NearestNeighbour(neighbours=4, distance="scaled-euclidean", tie_tolerance=1e-5)
    found = effect(maker.fit(comparison), frame["re78"].to_numpy())
    assert found == pytest.approx([1230.763183270, 185, 189], abs=1e-9)


def six_digits(values: pd.Series) -> np.ndarray:
    """R's copy of these data has six significant digits, halves rounded up."""
    context = Context(prec=6, rounding=ROUND_HALF_UP)
    return np.array([float(context.create_decimal(str(value))) for value in values.to_numpy()])


@pytest.fixture(scope="module")
def experiment() -> pd.DataFrame:
    frame = causaldata.nsw_mixtape.load_pandas().data.reset_index(drop=True)
    return frame.assign(**{name: six_digits(frame[name]) for name in ("re74", "re75", "re78")})


@pytest.mark.parametrize(
    ("name", "covariates", "count", "kind", "estimand"),
    [
        ("ATE M = 1 on age", ("age",), 1, "scaled-euclidean", "ATE"),
        ("ATE M = 1 on age, educ, re74, re75", EARNINGS, 1, "scaled-euclidean", "ATE"),
        ("ATE M = 3", EARNINGS, 3, "scaled-euclidean", "ATE"),
        ("ATT M = 1", EARNINGS, 1, "scaled-euclidean", "ATT"),
        ("ATC M = 1", EARNINGS, 1, "scaled-euclidean", "ATC"),
        ("ATE Mahalanobis", EARNINGS, 1, "mahalanobis", "ATE"),
    ],
)
def test_imbens(
    experiment: pd.DataFrame,
    name: str,
    covariates: tuple[str, ...],
    count: int,
    kind: Any,
    estimand: Any,
) -> None:
    comparison = Comparison.from_frame(experiment, treated="treat", covariates=EARNINGS)
    design = NearestNeighbour(
        neighbours=count,
        distance=kind,
        mahalanobis_on=covariates,
        estimand=estimand,
        tie_tolerance=1e-5,
    ).fit(comparison)
    row = REFERENCE.loc[name]
    found = effect(design, experiment["re78"].to_numpy() / 1000)[0]
    assert found == pytest.approx(row["estimate"], abs=row["tolerance"])


def test_equal_targets_share_a_set() -> None:
    """Thirty thousand units of sixteen kinds: fifty million pairs at zero distance, never held."""
    units = 30_000
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.integers(0, 2, (units, 4)), columns=list("abcd"))
    frame["t"], frame["unit"] = random.random(units) < 0.4, np.arange(units)
    comparison = Comparison.from_frame(frame, treated="t", covariates=list("abcd"), unit="unit")
    space = MahalanobisSpace.of(comparison, (), "mahalanobis", np.zeros(units, dtype=np.int64))
    targets, sources = arms(frame)
    for seekers in (targets, sources):
        found = space.nearest(seekers, sources, 2)
        assert found.sets.nnz == len(sources)
        kinds = pd.Series(frame.groupby(list("abcd"))["t"].transform(lambda t: (~t).sum()))
        assert found.size.tolist() == (kinds[seekers] - (seekers is sources)).tolist()


def test_a_long_way_from_zero_and_nearly_collinear() -> None:
    """Single precision alone would not tell these apart."""
    random = np.random.default_rng(1)
    frame = sample(1, 400, None, 0)
    frame["x"] = 2e6 + np.round(random.normal(size=400), 3)
    frame["y"] = frame["x"] * 1.5 + 1e-3 * random.normal(size=400)
    frame.loc[7, "x"] = 5e6
    targets, sources = arms(frame)
    space = space_of(frame)
    gap = np.linalg.norm(space.points[targets][:, np.newaxis] - space.points[sources], axis=2)
    found = space.exactly(targets, sources, 1).sets.indices
    np.testing.assert_allclose(space.distance(targets, found), gap.min(axis=1), rtol=1e-9)


def test_equal_rows_are_equal_points_wherever_they_stand() -> None:
    frame = pd.concat([sample(2, 8_191, None, 0), sample(2, 9, None, 0)], ignore_index=True)
    again = pd.concat([frame, frame.sample(frac=1, random_state=1)], ignore_index=True)
    again["unit"] = np.arange(len(again))
    points = space_of(again).points
    order = again[["x", "y", "f"]].apply(lambda row: tuple(row), axis=1)
    assert pd.DataFrame(points).groupby(order).nunique().to_numpy().max() == 1


def test_two_and_three_rows_and_nothing_that_varies() -> None:
    frame = pd.DataFrame(
        {"unit": list("abc"), "t": [1, 0, 0], "x": 1.0, "s": 0.0, "person": [0, 1, 2]}
    )
    for kind in KINDS:
        space = space_of(frame, "x", kind=kind)
        assert members(space.nearest(np.array([0]), np.array([1, 2]), 1)) == [[1, 2]]
        two = space_of(frame[:2].assign(x=[0.0, 1.0]), "x", kind=kind)
        assert members(two.nearest(np.array([0]), np.array([1]), 1)) == [[1]]


def test_an_arm_of_its_own_level() -> None:
    """What tells the arms apart altogether has no variance within them, and no weight."""
    frame = sample(3, 40, None, 0)
    frame["f"] = np.where(frame["t"], "only treated", np.where(frame["x"] > 0, "a", "b"))
    found = space_of(frame, "x", "y", "f").exactly(*arms(frame), 1)
    assert (found.size == 1).all()


def test_nobody_in_a_cell_and_nobody_within_the_caliper() -> None:
    frame = sample(4, 12, None, 0).assign(cell=0, s=0.0)
    frame.loc[:2, ["t", "cell", "s"]] = [[True, 1, 0.0], [True, 0, 9.0], [True, 0, 0.0]]
    targets, sources = arms(frame)
    sources = sources[sources > 2]
    space = space_of(frame, cells=True)
    found = space.with_ties(targets[:3], sources, 1, caliper=0.1)
    assert found.size.tolist() == [0, 0, 1]
    order = np.arange(3)
    found = space.without_replacement(targets[:3], sources, 1, caliper=0.1, order=order)
    assert found.size.tolist() == [0, 0, 1]
    assert space.anywhere().nearest(targets[:1], sources, 1).size.tolist() == [1]
    nobody = space.nearest(targets, np.zeros(0, dtype=np.int64), 1)
    assert not nobody.size.any()


def test_sampling_weights_are_copies_of_rows() -> None:
    """A weight of two weighs in the covariance as two rows do."""
    frame = sample(6, 30, None, 0)
    weighted = frame.assign(w=np.where(np.arange(30) < 10, 2.0, 1.0))
    copied = pd.concat([frame, frame[:10]], ignore_index=True)
    copied["unit"] = np.arange(40)
    some = MahalanobisSpace.of(
        compare(weighted, "x", "y", weights="w"), (), "mahalanobis", np.zeros(30, dtype=int)
    )
    others = MahalanobisSpace.of(compare(copied, "x", "y"), (), "mahalanobis", np.zeros(40, int))
    left, right = np.arange(15), np.arange(15, 30)
    ratio = some.distance(left, right) / others.distance(left, right)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-10)


@pytest.mark.parametrize(
    ("names", "kind", "message"),
    [
        ((), "mahalanobi", "did you mean 'mahalanobis'"),
        (("z",), "mahalanobis", "'z' is not a covariate"),
        (("x", "x"), "mahalanobis", "'x' is named twice"),
        ("x", "mahalanobis", "must be a list"),
    ],
)
def test_mistakes_get_one_sentence(names: Any, kind: str, message: str) -> None:
    comparison = compare(sample(0, 10, None, 0))
    with pytest.raises(InputError, match=message):
        MahalanobisSpace.of(comparison, names, kind, np.zeros(10, dtype=np.int64))
    space = MahalanobisSpace.of(comparison, (), "mahalanobis", np.zeros(10, dtype=np.int64))
    with pytest.raises(InputError, match=r"caliper=0.1 needs a score"):
        space.with_ties(np.array([0]), np.array([1]), 1, caliper=0.1)
