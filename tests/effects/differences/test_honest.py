"""Honest intervals: published ones, the linear programs they stand for, and coverage."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import moderndid
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects import Effects
from pacte_eval.effects.contributions import StoredContributions
from pacte_eval.effects.differences.group_time.estimator import GroupTimeATT
from pacte_eval.effects.differences.honest.intervals import HonestDiD
from pacte_eval.effects.differences.honest.magnitudes import RelativeMagnitudes
from pacte_eval.effects.differences.honest.path import EventPath
from pacte_eval.effects.differences.honest.pretest_power import pretest_power
from pacte_eval.effects.differences.honest.smoothness import Smoothness, folded_quantile
from pacte_eval.effects.differences.staggered.extended import ExtendedTwoWay
from pacte_eval.effects.differences.staggered.imputation import Imputation
from pacte_eval.effects.differences.staggered.interaction_weighted import SunAbraham
from pacte_eval.effects.differences.two_way.fixed_effects import EventStudy
from pacte_eval.effects.table import Wording, tidy
from pacte_eval.frames import Panel

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "honest.csv")


def medicaid() -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and covariance of the published example: states treated in 2014 against those
    not treated by 2015, clustered by state, corrected as fixest does (states nested: 15 kept)."""
    frame = moderndid.load_ehec().to_pandas()
    frame = frame[(frame["year"] < 2016) & ~(frame["yexp2"] == 2015)]
    wide = frame.pivot(index="stfips", columns="year", values="dins")
    treated = frame.groupby("stfips")["yexp2"].first().to_numpy() == 2014
    change = wide.drop(columns=2013).to_numpy() - wide[[2013]].to_numpy()
    means = [change[arm].mean(axis=0) for arm in (treated, ~treated)]
    gap = np.where(
        treated[:, None],
        (change - means[0]) / treated.sum(),
        -(change - means[1]) / (~treated).sum(),
    )
    n, states, kept = wide.size, len(wide), 15
    return means[0] - means[1], gap.T @ gap * states / (states - 1) * (n - 1) / (n - kept)


@pytest.fixture(scope="module")
def ehec() -> EventPath:
    return EventPath.from_arrays(*medicaid(), 5, 2)


def random_path(seed: int, n_pre: int, n_post: int) -> EventPath:
    random = np.random.default_rng(seed)
    size = n_pre + n_post
    scores = random.normal(size=(30, size)) @ random.normal(size=(size, size))
    return EventPath.from_arrays(
        random.normal(size=size) * 0.3, scores.T @ scores / 1500, n_pre, n_post
    )


def printed(restriction: str) -> list[Any]:
    rows = REFERENCE[REFERENCE["specification"].str.startswith(restriction + ", M")]
    return [
        pytest.param(row, id=row.specification) for row in rows.itertuples() if row.data == "ehec"
    ]


def bound_of(specification: str) -> tuple[float, bool]:
    middle, side = specification.rsplit(", ", 2)[1:]
    return float(middle.removeprefix("M = ")), side == "lower"


def inward(bound: float, lower: bool, grid: np.ndarray) -> float:
    """The last point of a grid that an interval with this bound holds."""
    return float(grid[grid >= bound].min() if lower else grid[grid <= bound].max())


@pytest.mark.parametrize("row", printed("relative magnitudes"))
def test_magnitudes_are_printed_ones_on_the_grid_that_they_were_found_on(
    row: Any, ehec: EventPath
) -> None:
    """That program keeps the points of 1,000 between ±20 standard errors that it accepts."""
    bound, lower = bound_of(row.specification)
    found = RelativeMagnitudes(ehec, ehec.combination(None), 0.95).interval(bound)
    error = np.sqrt(ehec.covariance[5, 5])
    grid = np.linspace(-20 * error, 20 * error, 1000)
    assert abs(inward(found[not lower], lower, grid) - row.estimate) <= row.tolerance


@pytest.mark.parametrize("row", printed("relative magnitudes, grid around the estimate"))
def test_magnitudes_are_those_printed_later_on_their_own_grid(row: Any, ehec: EventPath) -> None:
    """A later version has its 1,000 points around the estimate, to 20 standard errors beyond what
    M̄ times the largest change before entry moves. Two of the eight ends are the next point: a
    tenth of a thousandth is what half an error of its critical value, the 99.5 % quantile of
    1,000 draws, moves."""
    bound, lower = bound_of(row.specification)
    found = RelativeMagnitudes(ehec, ehec.combination(None), 0.95).interval(bound)
    change = np.abs(np.diff(np.append(ehec.estimates[:5], 0.0))).max()
    reach = bound * change + 20 * np.sqrt(ehec.covariance[5, 5])
    grid = np.linspace(ehec.estimates[5] - reach, ehec.estimates[5] + reach, 1000)
    drawn = row.specification.endswith(("M = 1.5, lower", "M = 2, lower"))
    gaps = [
        abs(inward(found[not lower] + move, lower, grid) - row.estimate)
        for move in ([-1e-4, 1e-4] if drawn else [0.0])
    ]
    assert min(gaps) <= row.tolerance


@pytest.mark.parametrize("row", printed("smoothness"))
def test_smoothness_is_the_printed_one(row: Any, ehec: EventPath) -> None:
    """To half of the last digit printed, and 5e-5: three errors of the critical values of that
    program, quantiles of 10⁶ draws of |N(t, 1)|."""
    bound, lower = bound_of(row.specification)
    found = Smoothness(ehec, ehec.combination(None), 0.95).interval(bound)[not lower]
    assert abs(found - row.estimate) <= row.tolerance + 5e-5


def test_breakdown_is_where_the_interval_meets_zero(ehec: EventPath) -> None:
    for restriction, least, most in (
        ("relative-magnitudes", 1.9, 2.0),
        ("smoothness", 0.02, 0.03),
    ):
        breakdown = HonestDiD(restriction).fit(ehec)["breakdown"].iloc[0]  # type: ignore[arg-type]
        assert least < breakdown < most
        around = HonestDiD(restriction, [breakdown * 0.999, breakdown * 1.001]).fit(ehec)  # type: ignore[arg-type]
        assert around["ci_low"].iloc[0] > 0 > around["ci_low"].iloc[1]
    null = HonestDiD().fit(replace(ehec, estimates=np.zeros(7)))
    assert null["breakdown"].isna().all()


# The tests as linear programs, solved by brute force: every vertex of the dual, draws for the
# least-favourable critical value.


def dual_vertices(nuisance: np.ndarray, error: np.ndarray) -> np.ndarray:
    size, free = nuisance.shape
    left = np.vstack([nuisance.T, error])
    right = np.append(np.zeros(free), 1.0)
    found = []
    for chosen in itertools.combinations(range(size), free + 1):
        part = left[:, chosen]
        if abs(np.linalg.det(part)) > 1e-12:
            solved = np.linalg.solve(part, right)
            if (solved >= -1e-10).all():
                vertex = np.zeros(size)
                vertex[list(chosen)] = solved
                found.append(vertex)
    return np.unique(np.round(found, 10), axis=0)


def brute_force(path: EventPath, weights: np.ndarray, bound: float, effects: list[float]) -> Any:
    """Whether the union over changes before entry accepts each effect."""
    n_pre, n_post, kappa = path.n_before - 1, path.n_post, 0.005
    draws = np.random.default_rng(1).standard_normal((200_000, 24))
    changes = np.delete(np.diff(np.eye(n_pre + 1 + n_post), axis=0), n_pre, axis=1)
    before, after = changes[:n_pre], changes[n_pre:]
    null = np.linalg.svd(weights[None])[2][1:].T
    accepted = np.zeros(len(effects), dtype=bool)
    for v in [*before, *-before]:
        rows = np.vstack([after - bound * v, -after - bound * v])
        moments = rows @ path.covariance @ rows.T
        error = np.sqrt(np.diag(moments))
        vertices = dual_vertices(rows[:, n_pre:] @ null, error)
        shared = vertices @ moments @ vertices.T
        values, vectors = np.linalg.eigh(shared)
        root = vectors * np.sqrt(np.maximum(values, 0))
        largest = (draws[:, : len(root)] @ root.T).max(axis=1)
        least_favourable = np.quantile(largest, 1 - kappa)
        for place, effect in enumerate(effects):
            y = rows @ path.estimates - rows[:, n_pre:] @ weights / (weights @ weights) * effect
            program = optimize.linprog(
                np.append(np.zeros(null.shape[1]), 1.0),
                A_ub=np.column_stack([-rows[:, n_pre:] @ null, -error]),
                b_ub=-y,
                bounds=(None, None),
            )
            score = vertices @ y
            best = int(score.argmax())
            eta, spread = score[best], np.sqrt(shared[best, best])
            assert program.fun == pytest.approx(eta, abs=1e-7)
            if eta <= 0:
                accepted[place] = True
                continue
            if eta > least_favourable:
                continue
            slope = shared[best] / shared[best, best]
            rest = score - slope * eta
            low = max((r / (1 - s) for r, s in zip(rest, slope, strict=True) if s < 1 - 1e-9))
            high = [r / (1 - s) for r, s in zip(rest, slope, strict=True) if s > 1 + 1e-9]
            high = min([*high, least_favourable])
            tail = stats.norm.sf([eta / spread, low / spread, high / spread])
            size = (0.05 - kappa) / (1 - kappa)
            accepted[place] |= (tail[0] - tail[2]) >= size * (tail[1] - tail[2])
    return accepted


@pytest.mark.parametrize(
    ("n_pre", "n_post", "bound", "averaged"),
    [(1, 2, 1.0, False), (3, 3, 0.3, False), (1, 4, 0.3, True), (2, 3, 2.0, True), (3, 2, 0, True)],
)
def test_magnitudes_invert_the_linear_programs(
    n_pre: int, n_post: int, bound: float, averaged: bool
) -> None:
    path = random_path(n_pre * 10 + n_post, n_pre, n_post)
    weights = np.linspace(-0.5, 1.0, n_post) if averaged else np.eye(n_post)[0]
    low, high = RelativeMagnitudes(path, path.combination(weights), 0.95).interval(bound)
    step = 0.005 * (high - low)
    accepted = brute_force(path, weights, bound, [low - step, low + step, high - step, high + step])
    assert accepted.tolist() == [False, True, True, False]


@pytest.mark.parametrize("seed", range(6))
def test_smoothness_is_the_shortest_interval(seed: int) -> None:
    """Against a direct search over all estimators without infinite bias."""
    n_pre, n_post = 1 + seed % 4, 1 + seed // 2
    path, bound = random_path(seed, n_pre, n_post), (0.0, 0.05, 0.5)[seed % 3]
    random = np.random.default_rng(seed)
    weights = random.normal(size=n_post)
    low, high = Smoothness(path, path.combination(weights), 0.95).interval(bound)
    time = np.delete(np.arange(-n_pre, n_post + 1), n_pre).astype(float)
    bends = np.array(
        [np.maximum(-time - k, 0) for k in range(1, n_pre)]
        + [np.maximum(time - k, 0) for k in range(n_post)]
    )
    line, inside = time[:n_pre], -(time[n_pre:] @ weights) * time[:n_pre]
    start = inside / (line @ line)
    free = np.linalg.svd(line[None])[2][1:].T

    def half(move: np.ndarray) -> float:
        all_weights = np.append(start + free @ move, weights)
        error = np.sqrt(all_weights @ path.covariance @ all_weights)
        return float(
            error * folded_quantile(bound * np.abs(bends @ all_weights).sum() / error, 0.95)
        )

    best = min(
        optimize.minimize(
            half,
            random.normal(size=n_pre - 1),
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 8000, "maxfev": 8000},
        ).fun
        if n_pre > 1
        else half(np.zeros(0))
        for _ in range(4)
    )
    assert (high - low) / 2 == pytest.approx(best, rel=1e-6)


def test_quantile_of_a_folded_gaussian() -> None:
    for shift in (0.0, 0.01, 1.0, 3.0, 7.9, 8.1, 40.0):
        c = folded_quantile(shift, 0.95)
        inside = stats.norm.cdf(c - shift) - stats.norm.cdf(-c - shift)
        assert inside == pytest.approx(0.95, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 4)),
    factor=st.floats(1e-3, 1e3),
    shift=st.floats(-2, 2),
    bound=st.floats(0.05, 3),
)
def test_intervals_follow_unit_sign_and_effect(
    seed: int, shape: tuple[int, int], factor: float, shift: float, bound: float
) -> None:
    path = random_path(seed, *shape)
    weights = np.random.default_rng(seed).normal(size=shape[1])
    effect = np.append(np.zeros(shape[0]), np.full(shape[1], shift))
    for kind, unit in ((RelativeMagnitudes, 1.0), (Smoothness, factor)):
        plain = np.array(kind(path, path.combination(weights), 0.9).interval(bound))
        width = plain[1] - plain[0]
        scaled = replace(
            path, estimates=factor * path.estimates, covariance=factor**2 * path.covariance
        )
        found = kind(scaled, path.combination(weights), 0.9).interval(unit * bound)
        np.testing.assert_allclose(np.array(found) / factor, plain, atol=1e-6 * width)
        found = kind(
            replace(path, estimates=-path.estimates), path.combination(weights), 0.9
        ).interval(bound)
        np.testing.assert_allclose(-np.array(found)[::-1], plain, atol=1e-6 * width)
        moved = replace(path, estimates=path.estimates + effect)
        judge = kind(moved, path.combination(weights), 0.9)
        np.testing.assert_allclose(
            judge.interval(bound), plain + shift * weights.sum(), atol=1e-6 * width
        )
        inner, outer = judge.identified(bound), judge.interval(bound)
        if kind is RelativeMagnitudes:
            assert outer[0] <= inner[0] <= inner[1] <= outer[1]


def test_no_change_allowed_is_parallel_trends(ehec: EventPath) -> None:
    """M̄ = 0 leaves the two-sided test, at the size that the hybrid's first step leaves it."""
    low, high = RelativeMagnitudes(ehec, ehec.combination(None), 0.95).interval(0.0)
    estimate, error = ehec.estimates[5], np.sqrt(ehec.covariance[5, 5])
    inner, outer = (stats.norm.isf(size / 2) * error for size in (0.05, 0.045))
    assert inner < high - estimate < outer
    assert estimate - low == pytest.approx(high - estimate, rel=1e-6)


@pytest.mark.slow
def test_the_peer_accepts_the_same_points_of_a_grid_but_never_sees_the_earliest_change() -> None:
    """Its changes before entry start from the second period: its interval is that of the path
    without the first. Where the earliest change matters, the linear programs say what it misses."""
    path = random_path(3, 2, 2)
    later = replace(
        path,
        periods=path.periods[1:],
        estimates=path.estimates[1:],
        covariance=path.covariance[1:, 1:],
    )
    low, high = RelativeMagnitudes(later, later.combination(None), 0.95).interval(1.0)
    step = 0.02 * (high - low)
    peer = moderndid.create_sensitivity_results_rm(
        path.estimates,
        path.covariance,
        2,
        2,
        m_bar_vec=np.array([1.0]),
        grid_points=61,
        grid_lb=low - 5 * step,
        grid_ub=high + 5 * step,
    ).to_pandas()
    assert abs(peer["lb"].item() - low) <= 1.5 * step
    assert abs(peer["ub"].item() - high) <= 1.5 * step
    low, high = RelativeMagnitudes(path, path.combination(None), 0.95).interval(1.0)
    assert low < peer["lb"].item() - 10 * step
    around = [low - step / 2, low + step / 2, high - step / 2, high + step / 2]
    accepted = brute_force(path, np.array([1.0, 0.0]), 1.0, around)
    assert accepted.tolist() == [False, True, True, False]


# What intervals promise.


def covered(kind: Any, violation: np.ndarray, bound: float, draws: int, n_pre: int) -> float:
    """Share of intervals, for the first period, that hold the effect of 0."""
    random = np.random.default_rng(20_240_501)
    root = 0.1 * np.tril(np.ones((len(violation), len(violation)))) / np.sqrt(len(violation))
    kept = 0
    for _ in range(draws):
        path = EventPath.from_arrays(
            violation + root @ random.standard_normal(len(violation)),
            root @ root.T,
            n_pre,
            len(violation) - n_pre,
        )
        low, high = kind(path, path.combination(None), 0.95).interval(bound)
        kept += low <= 0 <= high
    return kept / draws


@pytest.mark.parametrize("size", [0.0, 0.25])
def test_intervals_hold_the_effect_when_trends_are_not_parallel(size: float) -> None:
    """The worst violation of its kind, or none; three Monte Carlo errors under 95 %. Intervals
    that take trends as parallel hold the effect one time in ten (size 0.25: 3.2 errors)."""
    drift = size * np.array([0.0, 1.0, 1.0, 2.0, 3.0])  # pre −3, −2 (0 at −1), then M̄ = 1
    drift[:2] = size * np.array([1.0, 1.0])
    floor = 0.95 - 3 * np.sqrt(0.95 * 0.05 / 150)
    assert covered(RelativeMagnitudes, drift, 1.0, 150, 2) >= floor
    if size:
        assert covered(RelativeMagnitudes, drift, 0.0, 150, 2) < 0.2
    line = size * np.array([-3.0, -2.0, 1.0, 2.0])
    kink = line + 0.1 * np.array([0.0, 0.0, 1.0, 2.0]) * (size > 0)
    assert covered(Smoothness, kink, 0.1, 600, 2) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 600)
    if size:
        assert covered(Smoothness, kink, 0.0, 600, 2) < 0.9


# From effects to paths.


def effects_of(months: list[Any], **columns: Any) -> Effects:
    random = np.random.default_rng(5)
    scores = random.normal(size=(80, len(months))) / 80
    rows = pd.DataFrame(
        {
            "month": months,
            "estimate": np.linspace(0.1, 1.0, len(months)),
            "se": np.sqrt((scores**2).sum(axis=0)),
            "n_treated": 40,
            "n_control": 40,
        }
        | columns
    )
    zero = (rows["estimate"] == 0).to_numpy()
    scores[:, zero] = 0.0
    rows.loc[zero, "se"] = 0.0
    wording = Wording("a contre b", "emploi", "x", "ATT", "y", "z", "w", "p", "c", "influence")
    return Effects(
        tidy(rows, wording), StoredContributions(scores, pd.RangeIndex(80, name="unité"))
    )


def test_periods_balanced_by_construction_are_left_out_and_named() -> None:
    months = list(range(-6, 3))
    plain = HonestDiD().fit(effects_of(months))
    held = HonestDiD().fit(effects_of(months, matched=[True] * 3 + [False] * 6))
    assert plain["periods_before"].iloc[0] == 6
    assert held["periods_before"].iloc[0] == 3
    assert held["left_out"].iloc[0] == "−6 à −4 (équilibrées par construction)"
    power = pretest_power(effects_of(months, matched=[True] * 3 + [False] * 6), anchor=-1)
    assert power["month"].unique().tolist() == list(range(-3, 3))
    assert power["left_out"].eq("−6 à −4 (équilibrées par construction)").all()
    with pytest.raises(InputError, match="non testable"):
        HonestDiD().fit(effects_of(months, matched=[True] * 6 + [False] * 3))
    with pytest.raises(InputError, match="2 of them balanced by construction"):
        HonestDiD().fit(effects_of(months, matched=[False] * 4 + [True] * 2 + [False] * 3))


def test_reference_is_the_zero_or_the_absent_period() -> None:
    estimates = [0.2, -0.1, 0.3, 0.0, 0.5, 0.7]
    written = effects_of(list(range(-4, 2)), estimate=estimates)
    absent = Effects(
        written.table[written.table["month"] != -1].reset_index(drop=True),
        StoredContributions(written._linear()([0, 1, 2, 4, 5]), pd.RangeIndex(80, name="unité")),
    )
    shuffled = Effects(
        written.table.iloc[::-1].reset_index(drop=True),
        StoredContributions(written._linear()([5, 4, 3, 2, 1, 0]), pd.RangeIndex(80, name="unité")),
    )
    first, second, third = (HonestDiD().fit(one) for one in (written, absent, shuffled))
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(first, third)
    (path,) = EventPath.all_of(written)
    assert (path.known, path.n_before, path.n_post) == ((-1,), 4, 2)


def test_without_reference_changes_start_from_the_last_period_before_entry() -> None:
    """A level before entry then moves nothing: only changes count."""
    level = effects_of(list(range(-4, 2)))
    lifted = Effects(
        level.table.assign(estimate=level.table["estimate"] + 5.0), level.contributions
    )
    for restriction in ("relative-magnitudes", "smoothness"):
        one, other = (HonestDiD(restriction).fit(each) for each in (level, lifted))
        np.testing.assert_allclose(one["ci_low"], other["ci_low"], atol=1e-9)


def test_weights_name_the_effect() -> None:
    effects = effects_of(list(range(-3, 3)), estimate=[0.2, 0.1, 0.0, 0.5, 0.7, 0.9])
    first = HonestDiD().fit(effects)
    assert first["month"].iloc[0] == 0
    assert first["estimand"].iloc[0] == "ATT, période relative 0"
    mean = HonestDiD().fit(effects, "equal")
    assert mean["month"].isna().all()
    assert mean["estimand"].iloc[0] == "ATT, moyenne des périodes relatives 0 à 2"
    assert mean["estimate"].iloc[0] == pytest.approx(0.7)
    pd.testing.assert_frame_equal(
        HonestDiD().fit(effects, {2: 1.0}), HonestDiD().fit(effects, [0, 0, 1.0])
    )
    given = HonestDiD().fit(effects, {0: 0.25, 1: 0.75})
    assert given["estimand"].iloc[0] == "ATT, périodes relatives 0,25 × 0, 0,75 × 1"
    wrongs: tuple[Any, ...] = ({-2: 1.0}, [1.0], [0.0, 0.0, 0.0], "equals")
    for wrong in wrongs:
        with pytest.raises(InputError):
            HonestDiD().fit(effects, wrong)


def test_event_studies_and_group_times_are_judged() -> None:
    frame = moderndid.load_ehec().to_pandas()
    frame = frame[(frame["year"] < 2016) & ~(frame["yexp2"] == 2015)].copy()
    frame.loc[frame["yexp2"] > 2015, "yexp2"] = np.nan
    panel = Panel.from_frame(
        frame, unit="stfips", period="year", first_treated="yexp2", outcome="dins"
    )
    table = HonestDiD("smoothness", [0.01]).fit(EventStudy().fit(panel))
    alone = HonestDiD("smoothness", [0.01]).fit(EventPath.from_arrays(*medicaid(), 5, 2))
    for name in ("ci_low", "ci_high", "breakdown"):
        np.testing.assert_allclose(table[name], alone[name], rtol=1e-6)
    assert table["contribution_kind"].eq("none").all()
    effects = GroupTimeATT(base="universal").fit(panel)
    with pytest.raises(InputError, match="aggregate"):
        HonestDiD().fit(effects)
    universal = HonestDiD().fit(effects.aggregate("dynamic"))
    assert universal["estimate"].iloc[0] == pytest.approx(alone["estimate"].iloc[0])
    with pytest.raises(InputError, match="base='universal'"):
        HonestDiD().fit(GroupTimeATT(base="varying").fit(panel).aggregate("dynamic"))


def test_staggered_estimators_are_judged_if_all_effects_have_one_base() -> None:
    """Effects before entry against another base, or none, are no evidence for those after."""
    frame = moderndid.load_ehec().to_pandas()
    frame.loc[frame["yexp2"] > frame["year"].max(), "yexp2"] = np.nan
    panel = Panel.from_frame(
        frame, unit="stfips", period="year", first_treated="yexp2", outcome="dins"
    )
    groups = GroupTimeATT(base="universal").fit(panel).aggregate("dynamic")
    saturated = SunAbraham().fit(panel).aggregate("dynamic")
    for restriction in ("relative-magnitudes", "smoothness"):
        one, other = (HonestDiD(restriction).fit(each, "equal") for each in (groups, saturated))
        for name in ("estimate", "se", "ci_low", "ci_high", "breakdown"):
            np.testing.assert_allclose(one[name], other[name], rtol=1e-6)
        assert one["periods_before"].eq(10).all()
        assert (one["ci_low"] < one["original_low"]).iloc[-1]
    for estimator in (Imputation(), ExtendedTwoWay()):
        with pytest.raises(InputError, match="non testable"):
            HonestDiD().fit(estimator.fit(panel).aggregate("dynamic"))
    anticipated = GroupTimeATT(base="universal", anticipation=1).fit(panel).aggregate("dynamic")
    early = HonestDiD().fit(anticipated)
    assert early["month"].eq(-1).all()
    assert early["periods_before"].eq(9).all()
    pd.testing.assert_frame_equal(early, HonestDiD().fit(anticipated, first_post=-1))


def test_least_and_singular_paths() -> None:
    one = EventPath.from_arrays([0.1, 0.4], np.diag([0.01, 0.02]), 1, 1)
    for restriction in ("relative-magnitudes", "smoothness"):
        table = HonestDiD(restriction, [0.0, 1.0]).fit(one)
        assert np.isfinite(table[["ci_low", "ci_high"]]).all(axis=None)
    line = HonestDiD("smoothness", [0.0]).fit(one)
    half = stats.norm.isf(0.025) * np.sqrt(0.01 + 0.02)
    np.testing.assert_allclose(line[["ci_low", "ci_high"]], [[0.5 - half, 0.5 + half]], rtol=1e-9)
    # a window of three periods as the base: estimates there sum to zero, and so do their errors
    random = np.random.default_rng(2)
    scores = random.normal(size=(200, 6)) / 200
    scores -= scores[:, :3].mean(axis=1, keepdims=True)
    window = EventPath(
        tuple(range(-4, 2)), (), np.array([0.1, 0.0, -0.1, 0.1, 0.5, 0.6]), scores.T @ scores
    )
    for restriction in ("relative-magnitudes", "smoothness"):
        table = HonestDiD(restriction).fit(window)  # type: ignore[arg-type]
        assert (table["ci_low"] < table["estimate"]).all()
        assert (table["ci_high"] > table["ci_low"]).all()


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(InputError, match="no sampling error"):
        EventPath.from_arrays([0.0, 0.1, 0.2], np.diag([0.0, 1.0, 1.0]), 2, 1)
    with pytest.raises(InputError, match="non testable"):
        EventPath.from_arrays([0.1], [[1.0]], 0, 1)
    with pytest.raises(InputError, match="nothing to judge"):
        EventPath.from_arrays([0.1], [[1.0]], 1, 0)
    together = np.full((3, 3), 1.0)
    with pytest.raises(InputError, match="singular covariance"):
        HonestDiD(bounds=[0.0]).fit(EventPath.from_arrays([0.1, 0.2, 0.3], together, 1, 2))
    with pytest.raises(InputError, match="missing between"):
        HonestDiD().fit(effects_of([-7, -6, -3, 0, 1]))
    with pytest.raises(InputError, match="whole numbers"):
        HonestDiD().fit(effects_of(["avant", "après"]))
    with pytest.raises(InputError, match="no standard error"):
        HonestDiD().fit(effects_of([-2, -1, 0], estimate=[0.1, 0.2, 0.0]))
    with pytest.raises(InputError, match="different base periods"):
        HonestDiD().fit(effects_of([-2, -1, 0], base_period=["a", "a", "b"]))
    settings: tuple[dict[str, Any], ...] = (
        {"restriction": "smooth"},
        {"bounds": [-1.0]},
        {"bounds": []},
        {"level": 95},
    )
    for wrong in settings:
        with pytest.raises(InputError):
            HonestDiD(**wrong)
