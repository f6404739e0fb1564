"""Kernel matching: sums without pairs against brute force, and what must never change them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design
from pacte_eval.designs.design import NO_CONTROL
from pacte_eval.designs.matching.kernel import OUT_OF_REACH, KernelMatching, KernelName
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "matching.csv").set_index(
    "specification"
)
KERNELS: list[KernelName] = ["epanechnikov", "gaussian", "local-linear"]
MISSPELT: Any = "epanechnikof"


def sample(seed: int, units: int, values: int | None = None, people: int = 0) -> pd.DataFrame:
    """Random units; few values of x make ties, few people make repeated persons."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": random.normal(size=units).round(9)})
    if values:
        frame["x"] = (random.integers(0, values, units) / 7).round(9)
    frame["cell"] = random.integers(0, 2, units)
    frame["person"] = random.integers(0, people, units) if people else np.arange(units)
    frame["weight"] = random.uniform(0.2, 5, units)
    frame["t"] = random.random(units) < 0.4
    frame.loc[:1, "t"] = [True, False]
    return frame


def rows(x: list[float], t: list[int], **columns: list[Any]) -> pd.DataFrame:
    """A few units written by hand, each its own person unless said otherwise."""
    frame = pd.DataFrame({"x": x, "t": t, "weight": 1.0, "cell": 0, "person": np.arange(len(x))})
    return frame.assign(**columns)


def match(frame: pd.DataFrame, **options: Any) -> Design:
    comparison = Comparison.from_frame(
        frame,
        treated="t",
        covariates=["x"],
        strata=["cell"],
        cluster="person",
        weights="weight",
    )
    return KernelMatching(score=frame["x"].to_numpy(), **options).fit(comparison)


def entries(frame: pd.DataFrame, kernel: str, bandwidth: float, exact: bool) -> Any:
    """Shares of each unit in the mean of each treated unit, and how hard they are to sum.

    Rows of treated units without controls are zero. The second array is what the units in reach
    would weigh at distance zero, their own person included, over what the controls do weigh.
    """
    x, weight = frame["x"].to_numpy(), frame["weight"].to_numpy()
    person, cell = frame["person"].to_numpy(), frame["cell"].to_numpy()
    treated = np.flatnonzero(frame["t"])
    u = (x - x[treated, np.newaxis]) / bandwidth
    if kernel == "gaussian":
        value = np.where(np.abs(u) < 8.5, np.exp(-(u**2) / 2), 0.0)
    else:
        value = np.where(np.abs(u) < 1 - 1e-6, 1 - u**2, 0.0)
    value *= weight
    value[:, treated] = 0.0
    if exact:
        value[cell != cell[treated, np.newaxis]] = 0.0
    gross, near = value.sum(axis=1), ((value > 0) * weight).sum(axis=1)
    value[person == person[treated, np.newaxis]] = 0.0
    value[value.sum(axis=1) <= 1e-6 * gross] = 0.0
    mass = value.sum(axis=1)
    some = mass > 0
    value[some] /= mass[some, np.newaxis]
    if kernel == "local-linear":
        first, second = (value * u).sum(axis=1), (value * u**2).sum(axis=1)
        variance = second - first**2
        for i in np.flatnonzero(variance > 1e-6):
            value[i] *= (second[i] - u[i] * first[i]) / variance[i]
    return value, (gross if kernel == "gaussian" else near) / np.where(some, mass, np.inf)


samples = st.builds(
    sample,
    seed=st.integers(0, 10_000),
    units=st.integers(3, 80),
    values=st.sampled_from([None, 1, 4, 20]),
    people=st.sampled_from([0, 8, 25]),
)


@settings(max_examples=120, deadline=None)
@given(
    frame=samples,
    kernel=st.sampled_from(KERNELS),
    bandwidth=st.sampled_from([0.06, 1 / 7, 0.5, 4.0]),
    exact=st.booleans(),
)
def test_sums_without_pairs_are_those_over_pairs(
    frame: pd.DataFrame, kernel: KernelName, bandwidth: float, exact: bool
) -> None:
    expected, hard = entries(frame, kernel, bandwidth, exact)
    treated = np.flatnonzero(frame["t"])
    served = expected.any(axis=1)
    options = {"kernel": kernel, "bandwidth": bandwidth, "exact": ["cell"] if exact else []}
    if not served.any():
        with pytest.raises(InputError, match="bandwidth"):
            match(frame, **options)
        return
    design = match(frame, **options)
    matches: Any = design.matches
    assert list(matches.target) == list(treated[served])
    expected, hard = expected[served], float(hard[served].max())
    largest = np.abs(expected).sum(axis=1).max()
    close = {"rtol": 1e-8 if kernel == "local-linear" else 1e-10, "atol": 1e-13 * hard * largest**2}
    random = np.random.default_rng(0)
    values = random.normal(size=(len(frame), 11))
    back = random.normal(size=(len(expected), 2))
    np.testing.assert_array_equal(matches.mass, 1)
    np.testing.assert_allclose(matches.total(values), expected @ values, **close)
    np.testing.assert_allclose(matches.spread(back), expected.T @ back, **close)
    np.testing.assert_allclose(matches.each().toarray(), expected, **close)
    close["atol"] = 1e-14 * (hard * largest) ** 2 + 1e-13
    np.testing.assert_allclose(matches.spread_squares(back), (expected**2).T @ back, **close)
    control = ~frame["t"].to_numpy()
    weights = frame["weight"].to_numpy()[matches.target] @ expected
    close["atol"] += 1e-11 * hard
    np.testing.assert_allclose(design.weights[control], weights[control], **close)
    if kernel != "local-linear":
        np.testing.assert_array_equal(matches.size, (expected != 0).sum(axis=1))


@pytest.mark.parametrize("kernel", KERNELS)
def test_many_controls_and_columns(kernel: KernelName) -> None:
    """Long sums, in several blocks of columns, keep ten digits."""
    frame = sample(1, 12_000)
    frame["t"] = frame.index % 40 == 0
    expected, _ = entries(frame, kernel, 0.06, True)
    served = expected.any(axis=1)
    values = np.random.default_rng(2).normal(size=(len(frame), 61)) + 5
    matches: Any = match(frame, kernel=kernel, exact=["cell"]).matches
    size = np.abs(expected[served]) @ np.abs(values)
    found = matches.total(values)
    assert np.max(np.abs(found - expected[served] @ values) / size) < 1e-10


def test_a_local_linear_mean_is_that_of_a_regression() -> None:
    """Weighted least squares at each treated unit, or the one control there is."""
    frame = sample(3, 400)
    x, weight = frame["x"].to_numpy(), frame["weight"].to_numpy()
    y = np.exp(x)
    matches: Any = match(frame, kernel="local-linear", bandwidth=0.5).matches
    assert matches.size.min() == 1
    for row, size, found in zip(
        matches.target, matches.size, matches.total(y[:, None]), strict=True
    ):
        u = (x - x[row]) / 0.5
        used = (np.abs(u) < 1) & ~frame["t"].to_numpy()
        root = np.sqrt(weight * (1 - u**2), where=used, out=np.zeros(len(u)))[used]
        regressors = np.column_stack([np.ones_like(u), u])[used, : min(size, 2)]
        fitted = np.linalg.lstsq(regressors * root[:, None], y[used] * root, rcond=None)[0]
        assert found == pytest.approx(fitted[0], rel=1e-8)


def test_lalonde(lalonde: Comparison, lalonde_frame: pd.DataFrame) -> None:
    """R's number to 1e-6; where its logit is let to converge (1e-14), the other."""
    row = REFERENCE.loc["kernel, Epanechnikov 0.06"]
    design = KernelMatching().fit(lalonde)
    found = estimate(design, lalonde_frame["re78"].to_numpy()).table.iloc[0]
    assert found["estimate"] == pytest.approx(row["estimate"], rel=1e-6)
    assert found["estimate"] == pytest.approx(1249.407759130, rel=1e-9)
    assert found["n_treated"] == row["n_treated"]
    assert found["se"] > 0
    trimmed = design.support[design.support["treated"] & ~design.support["kept"]]
    assert list(trimmed["reason"]) == [OUT_OF_REACH]
    assert design.weights[~lalonde.treated].sum() == pytest.approx(184)
    assert design.settings["design"] == "KernelMatching"
    assert design.settings["bandwidth"] == "0.06 in units of the score"


@pytest.mark.parametrize("kernel", KERNELS)
def test_rows_scale_and_copies_change_nothing(kernel: KernelName) -> None:
    frame = sample(4, 300, values=40, people=200)
    options: dict[str, Any] = {"kernel": kernel, "bandwidth": 0.4, "exact": ["cell"]}
    weights = match(frame, **options).weights
    order = np.random.default_rng(0).permutation(len(frame))
    np.testing.assert_allclose(match(frame.iloc[order], **options).weights, weights[order], 1e-9)
    larger = frame.assign(x=1000 * frame["x"] + 7)
    np.testing.assert_allclose(
        match(larger, **options | {"bandwidth": 400.0}).weights, weights, 1e-9
    )
    twice = pd.concat([frame, frame], ignore_index=True).assign(
        weight=lambda f: f["weight"] / 2, person=np.r_[frame["person"], frame["person"]]
    )
    np.testing.assert_allclose(match(twice, **options).weights[: len(frame)], weights / 2, 1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_all_scores_equal_is_a_weighted_mean(kernel: KernelName) -> None:
    frame = sample(5, 30).assign(x=0.25)
    design = match(frame, kernel=kernel)
    control = ~frame["t"].to_numpy()
    weight = frame["weight"].to_numpy()
    expected = weight[control] * weight[~control].sum() / weight[control].sum()
    np.testing.assert_allclose(design.weights[control], expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_three_rows(kernel: KernelName) -> None:
    design = match(rows([0.50, 0.51, 0.48], [1, 0, 0]), kernel=kernel)
    assert design.weights[1:].sum() == pytest.approx(1)
    if kernel == "local-linear":
        np.testing.assert_allclose(design.weights[1:], [2 / 3, 1 / 3])


def test_a_control_one_bandwidth_away_weighs_nothing() -> None:
    frame = rows([0.10, 0.16, 0.04, 0.15999999, 0.15], [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(match(frame).weights, [1, 0, 0, 0, 1])
    with pytest.raises(InputError, match=r"bandwidth=0\.06"):
        match(frame.iloc[:4])


def test_far_controls_keep_their_shares_under_a_gaussian() -> None:
    """All controls eight bandwidths away: nothing of greater size may drown them."""
    near = [0.5 + k / 1000 for k in range(5)]
    frame = rows([0.0, *near, 0.508, 3.0], [1, 1, 1, 1, 1, 1, 0, 0])
    share = match(rows([0.0, 0.48, 0.495], [1, 0, 0]), kernel="gaussian").weights[1:]
    ratio = np.exp(-(8**2) / 2 + 8.25**2 / 2)
    np.testing.assert_allclose(share, [ratio / (1 + ratio), 1 / (1 + ratio)], rtol=1e-12)
    design = match(frame, kernel="gaussian")
    np.testing.assert_allclose(design.weights, [1, 1, 1, 1, 1, 1, 6, 0])


def test_who_has_no_control_is_told_why() -> None:
    frame = rows(
        [0.5, 0.5, 0.9, 0.5, 0.5],
        [1, 1, 1, 0, 0],
        cell=["a", "b", "a", "a", "c"],
    )
    design = match(frame, exact=["cell"])
    np.testing.assert_array_equal(design.weights, [1, 0, 0, 1, 0])
    assert list(design.support["reason"][:3]) == ["apparié", NO_CONTROL, OUT_OF_REACH]


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_person_is_never_matched_with_themselves(kernel: KernelName) -> None:
    frame = rows([0.5, 0.5, 0.51, 0.7], [1, 0, 0, 1], person=["a", "a", "b", "c"])
    design = match(frame, kernel=kernel)
    pairs = design.pairs()
    assert (0, 1) not in set(zip(pairs["treated"], pairs["control"], strict=True))
    assert pairs.groupby("treated")["weight"].sum().to_numpy() == pytest.approx(1)
    alone = rows([0.5, 0.5, 0.6, 0.61], [1, 0, 1, 0], person=["a", "a", "b", "c"])
    kept = match(alone).weights
    np.testing.assert_array_equal(kept[:2], [0, 0])


def test_what_is_left_of_a_person_taken_out_is_no_rounding_error() -> None:
    """The only other control weighs 1e-14 of the person's own, as little as rounding does."""
    frame = rows([0.0, 0.0, 0.48, 3.0, 3.0], [1, 0, 0, 1, 0], person=["a", "a", "b", "c", "d"])
    np.testing.assert_array_equal(match(frame, kernel="gaussian").weights, [0, 0, 0, 1, 1])


def test_sampling_weights_stand_for_rows() -> None:
    """A unit of weight three is three units of weight one, in both arms."""
    frame = sample(6, 120)
    frame["weight"] = np.random.default_rng(1).integers(1, 4, len(frame)).astype(float)
    y = np.random.default_rng(2).normal(size=len(frame))
    repeated = np.repeat(np.arange(len(frame)), frame["weight"].astype(int))
    many = frame.iloc[repeated].reset_index(drop=True)
    many = many.assign(weight=1.0, person=np.arange(len(many)))
    for kernel in KERNELS:
        one = estimate(match(frame, kernel=kernel, bandwidth=0.3), y).table
        other = estimate(match(many, kernel=kernel, bandwidth=0.3), y[repeated]).table
        assert one["estimate"][0] == pytest.approx(other["estimate"][0], rel=1e-9)


def test_a_censored_control_gives_its_share_to_the_others() -> None:
    frame = sample(7, 200)
    y = np.random.default_rng(3).normal(size=len(frame))
    gone = ~frame["t"].to_numpy() & (frame.index % 3 == 0)
    found = estimate(match(frame, bandwidth=0.3), np.where(gone, np.nan, y)).table
    without = estimate(match(frame[~gone], bandwidth=0.3), y[~gone]).table
    assert found["estimate"][0] == pytest.approx(without["estimate"][0])
    assert found["n_control"][0] == without["n_control"][0]


def test_common_support_comes_first() -> None:
    class Below:
        reason = "score de plus de 0,55"

        def keep(self, score: np.ndarray, comparison: Comparison) -> np.ndarray:
            return score <= 0.55

    frame = rows([0.5, 0.56, 0.5, 0.56], [1, 1, 0, 0])
    design = match(frame, support=Below())
    np.testing.assert_array_equal(design.weights, [1, 0, 1, 0])
    assert list(design.support["reason"])[1::2] == [Below.reason] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": MISSPELT}, "did you mean 'epanechnikov'"),
        ({"bandwidth": 0.0}, "bandwidth=0.0"),
        ({"bandwidth": float("nan")}, "bandwidth=nan"),
        ({"bandwidth": float("inf")}, "bandwidth=inf"),
        ({"exact": ["department"]}, "department"),
    ],
)
def test_wrong_settings_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        match(sample(0, 20), **options)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_refused(wrong: float) -> None:
    frame = sample(0, 20)
    comparison = Comparison.from_frame(frame, treated="t", covariates=["cell"])
    score = frame["x"].to_numpy().copy()
    score[3] = wrong
    with pytest.raises(InputError, match="score"):
        KernelMatching(score=score).fit(comparison)


def test_the_standard_error_is_that_of_repeated_samples() -> None:
    """A constant effect of one and a known score; Monte Carlo error 8.5 % of the deviation."""
    random = np.random.default_rng(11)
    bandwidths: dict[KernelName, float] = {
        "epanechnikov": 0.04,
        "gaussian": 0.015,
        "local-linear": 0.08,
    }
    found: dict[str, list[tuple[float, float]]] = {kernel: [] for kernel in bandwidths}
    for _ in range(70):
        x = random.standard_normal(400)
        score = expit(-1 + 0.6 * x)
        frame = rows(list(score), list((random.random(400) < score).astype(int)))
        outcome = x + frame["t"].to_numpy() + random.standard_normal(400)
        for kernel, bandwidth in bandwidths.items():
            table = estimate(match(frame, kernel=kernel, bandwidth=bandwidth), outcome).table
            found[kernel].append((table["estimate"][0], table["se"][0]))
    for results in found.values():
        effect, error = np.array(results).T
        assert abs(effect.mean() - 1) < 0.04
        assert np.sqrt((error**2).mean()) == pytest.approx(effect.std(ddof=1), rel=0.25)
