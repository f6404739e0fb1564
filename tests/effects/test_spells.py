"""Time to a first event: by hand, statsmodels, finite differences of weights, planted hazards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, EntropyBalancing, NearestNeighbour
from pacte_eval.effects.incidence import SpellEffects, estimate_spells
from pacte_eval.effects.spells import Spells, first_spell
from pacte_eval.frames import Comparison, Outcomes

QUICK = settings(max_examples=30, deadline=None)
MONTHS = 6


def design(treated: np.ndarray, weights: np.ndarray | None = None, who: Any = None) -> Design:
    """Weights as they are, with nothing estimated."""
    frame = pd.DataFrame({"t": treated, "x": np.arange(len(treated)), "who": who})
    comparison = Comparison.from_frame(
        frame, treated="t", covariates=["x"], cluster=None if who is None else "who"
    )
    given_ = np.ones(len(treated)) if weights is None else np.array(weights, dtype=float)
    return Design(comparison, given_, pd.DataFrame(), {"design": "donné"}, "weights")


def spells(months: Any, events: Any, causes: tuple[str, ...] = ("emploi",)) -> Spells:
    return Spells(np.array(months), np.array(events), pd.RangeIndex(len(months)), causes)


def curve(effects: SpellEffects, arm: str, outcome: str, column: str = "estimate") -> np.ndarray:
    rows = effects.curves
    chosen = (rows["arm"] == arm) & (rows["outcome"] == outcome)
    return rows.loc[chosen, column].to_numpy(dtype=float)


def at(months: np.ndarray, times: np.ndarray, values: np.ndarray, start: float) -> np.ndarray:
    """A step function at whole months."""
    place = np.searchsorted(times, months, side="right")
    return np.concatenate([[start], values])[place]


SAMPLE = st.tuples(
    arrays.arrays(np.int64, 24, elements=st.integers(1, MONTHS)),
    arrays.arrays(np.int64, 24, elements=st.integers(0, 2)),
    arrays.arrays(np.int64, 24, elements=st.integers(1, 3)),
)
TREATED = np.arange(24) < 12


def test_by_hand() -> None:
    # Treated: job at 1; censored at 1; training at 2; job at 3. Controls: censored at 3; job at 3.
    found = estimate_spells(
        design(np.array([True] * 4 + [False] * 2)),
        spells([1, 1, 2, 3, 3, 3], [1, 0, 2, 1, 0, 1], ("emploi", "formation")),
    )
    np.testing.assert_allclose(curve(found, "formés", "emploi"), [1 / 4, 1 / 4, 5 / 8])
    np.testing.assert_allclose(curve(found, "formés", "formation"), [0, 3 / 8, 3 / 8])
    np.testing.assert_allclose(curve(found, "en attente", "emploi"), [0, 0, 1 / 2])
    table = found.table
    np.testing.assert_allclose(table["estimate"], [1 / 4, 1 / 4, 1 / 8, 0, 3 / 8, 3 / 8])
    assert table["at_risk_treated"].tolist() == [4, 2, 1] * 2
    assert table["n_treated"].tolist() == [4] * 6
    held = estimate_spells(
        design(np.array([True] * 4 + [False] * 2)),
        spells([1, 1, 2, 3, 3, 3], [1, 0, 2, 1, 0, 1], ("emploi", "formation")),
        measure="restricted-mean",
    )
    np.testing.assert_allclose(
        curve(held, "formés", "sans emploi ni formation"), [1, 1.75, 1.75 + 3 / 8]
    )


@QUICK
@given(SAMPLE)
def test_curves_are_those_of_statsmodels(sample: Any) -> None:
    months, events, weights = sample
    both = spells(months, events, ("emploi", "formation"))
    whole = np.arange(1, MONTHS + 1)
    every = design(TREATED, weights)
    incidence = estimate_spells(every, both, horizon=MONTHS)
    survival = estimate_spells(every, both, measure="survival", horizon=MONTHS)
    for arm, member in (("formés", TREATED), ("en attente", ~TREATED)):
        kept = whole <= months[member].max()
        peer = SurvfuncRight(months[member], events[member] > 0, freq_weights=weights[member])
        expected = at(whole, peer.surv_times, peer.surv_prob, 1.0)
        found = curve(survival, arm, "sans emploi ni formation")
        np.testing.assert_allclose(found[kept], expected[kept], atol=1e-10)
        gone = expected[-1] == 0
        assert (np.isnan(found[~kept]) | gone).all()
        if events[member].any():
            rates = CumIncidenceRight(
                months[member], events[member], freq_weights=weights[member].astype(float)
            )
            for cause, name in enumerate(("emploi", "formation")):
                if cause < len(rates.cinc):
                    expected = at(whole, rates.times, rates.cinc[cause], 0.0)
                    found = curve(incidence, arm, name)
                    np.testing.assert_allclose(found[kept], expected[kept], atol=1e-10)


@QUICK
@given(SAMPLE)
def test_the_error_of_kaplan_meier_is_greenwoods(sample: Any) -> None:
    months, events, _ = sample
    found = estimate_spells(
        design(TREATED), spells(months, events > 0), measure="survival", horizon=MONTHS
    )
    peer = SurvfuncRight(months[TREATED], events[TREATED] > 0)
    whole = np.arange(1, months[TREATED].max() + 1)
    error = np.where(peer.surv_prob > 0, peer.surv_prob_se, 0.0)
    expected = at(whole, peer.surv_times, error, 0.0)
    ours = curve(found, "formés", "sans emploi", "se")[: len(whole)]
    np.testing.assert_allclose(ours, expected, atol=1e-10)


@settings(max_examples=12, deadline=None)
@given(SAMPLE, st.sampled_from(["incidence", "survival", "restricted-mean"]))
def test_contributions_are_derivatives_by_the_weights(sample: Any, measure: Any) -> None:
    months, events, weights = sample
    months[[0, 12]] = MONTHS
    events[[0, 12]] = 0
    both = spells(months, events, ("emploi", "formation"))
    found = estimate_spells(design(TREATED, weights), both, measure=measure)
    assert found.contributions is not None
    columns = range(len(found))
    contributions = found.contributions(columns)
    step = 1e-6
    for unit in (0, 5, 17):
        ends = []
        for sign in (1, -1):
            moved = weights * (1 + sign * step * (np.arange(24) == unit))
            other = estimate_spells(design(TREATED, moved), both, measure=measure)
            ends.append(other.table["estimate"].to_numpy())
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(contributions[unit], slope, atol=1e-7)
    np.testing.assert_allclose((contributions**2).sum(axis=0), found.table["se"] ** 2, atol=1e-12)
    np.testing.assert_allclose(found.covariance(), contributions.T @ contributions, atol=1e-12)


def test_persons_with_several_units_are_one_cluster() -> None:
    random = np.random.default_rng(3)
    months, events = random.integers(1, 9, 60), random.integers(0, 2, 60)
    treated = np.arange(60) % 3 == 0
    # The same person twice over is one observation: variances by person do not shrink.
    once = estimate_spells(design(treated), spells(months, events))
    twice = estimate_spells(
        design(np.tile(treated, 2), who=np.tile(np.arange(60), 2)),
        spells(np.tile(months, 2), np.tile(events, 2)),
    )
    factor = np.sqrt(60 / 59)
    np.testing.assert_allclose(twice.table["se"], factor * once.table["se"], rtol=1e-10)
    assert twice.table["se_kind"].iloc[0].endswith("grappes par personne")
    assert twice.contributions is not None
    assert len(twice.contributions.clusters) == 60


def hazards(size: int, seed: int) -> tuple[Design, Spells]:
    """Two causes; treatment raises the first. A confounder enters by known weights (ATT)."""
    random = np.random.default_rng(seed)
    x = random.random(size) < 0.5
    share = np.where(x, 0.6, 0.3)
    treated = random.random(size) < share
    weights = np.where(treated, 1.0, share / (1 - share))
    first = np.where(treated, 0.12, 0.08) + 0.05 * x
    months, events = np.full(size, MONTHS), np.zeros(size, dtype=int)
    censored = random.integers(2, 3 * MONTHS, size)
    going = np.ones(size, dtype=bool)
    for month in range(1, MONTHS + 1):
        draw = random.random(size)
        event = np.select([draw < first, draw < first + 0.04], [1, 2], 0)
        stops = going & ((event > 0) | (censored == month))
        months[stops], events[stops] = month, event[stops]
        going &= ~stops
    return design(treated, weights), spells(months, events, ("emploi", "formation"))


def planted() -> np.ndarray:
    """Effect on the incidence of the first cause among the treated, by month."""
    among = np.array([0.3 * 0.5, 0.6 * 0.5]) / 0.45
    month = np.arange(1, MONTHS + 1)
    total = np.zeros(MONTHS)
    for share, extra in zip(among, (0.0, 0.05), strict=True):
        for hazard, sign in ((0.12 + extra, 1), (0.08 + extra, -1)):
            left = hazard + 0.04
            total += sign * share * hazard * (1 - (1 - left) ** month) / left
    return total


def test_planted_incidence_is_found() -> None:
    found = estimate_spells(*hazards(40_000, 1))
    rows = found.table[found.table["outcome"] == "emploi"]
    assert (np.abs(rows["estimate"] - planted()) < 3 * rows["se"]).all()
    assert rows["se"].max() < 0.01


@pytest.mark.slow
def test_intervals_cover_the_planted_incidence() -> None:
    draws = 400
    truth, inside, together = planted(), np.zeros(MONTHS), 0
    for seed in range(draws):
        found = estimate_spells(*hazards(600, seed))
        rows = found.table.iloc[:MONTHS]
        inside += ((rows["ci_low"] <= truth) & (truth <= rows["ci_high"])).to_numpy()
        band = found.bands().iloc[:MONTHS]
        together += bool(((band["band_low"] <= truth) & (truth <= band["band_high"])).all())
    error = np.sqrt(0.95 * 0.05 / draws)
    assert (np.abs(inside / draws - 0.95) < 3 * error).all()
    assert together / draws > 0.95 - 3 * error


def test_designs_that_are_fitted_say_what_they_are() -> None:
    random = np.random.default_rng(0)
    size = 200
    frame = pd.DataFrame({"x": random.normal(size=size), "t": random.random(size) < 0.3})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    both = spells(random.integers(0, 9, size), np.zeros(size, dtype=int))
    both = spells(both.months, np.where(both.months > 0, random.integers(0, 2, size), 0))
    matched = estimate_spells(NearestNeighbour(neighbours=2).fit(comparison), both)
    balanced = estimate_spells(EntropyBalancing().fit(comparison), both)
    assert matched.table["contribution_kind"].unique().tolist() == ["linearised"]
    assert balanced.table["contribution_kind"].unique().tolist() == ["influence"]
    row = balanced.table.iloc[0]
    assert row["estimator"] == "Aalen–Johansen pondéré (EntropyBalancing)"
    assert row["estimand"] == "ATT, incidence cumulée"
    assert row["control_group"] == "en attente"
    assert balanced.not_followed == int((both.months == 0).sum())
    total = balanced.contrast(8, 3)
    assert np.isfinite(total.table["se"]).all()


def test_those_not_followed_leave_their_sets() -> None:
    random = np.random.default_rng(5)
    size = 60
    frame = pd.DataFrame({"x": np.arange(size), "t": np.arange(size) % 3 == 0})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    matched = NearestNeighbour(frame["x"].to_numpy(), neighbours=2, caliper=None).fit(comparison)
    months = np.where(np.arange(size) % 3 == 1, 0, random.integers(1, 5, size))
    found = estimate_spells(matched, spells(months, (months > 0).astype(int)))
    alone = NearestNeighbour(frame["x"].to_numpy(), neighbours=2).fit(comparison)
    assert found.table["n_control"].iloc[0] <= int((np.arange(size) % 3 == 2).sum())
    assert found.table["n_treated"].iloc[0] == alone.n_treated


def test_nobody_fails() -> None:
    found = estimate_spells(design(TREATED), spells([4] * 24, [0] * 24))
    assert (found.table["estimate"] == 0).all()
    assert (found.table["se"] == 0).all()
    assert found.table["p"].isna().all()
    left = estimate_spells(design(TREATED), spells([4] * 24, [0] * 24), measure="restricted-mean")
    assert curve(left, "formés", "sans emploi").tolist() == [1, 2, 3, 4]


def test_everybody_fails() -> None:
    found = estimate_spells(design(TREATED), spells([2] * 24, [1] * 24), horizon=4)
    assert curve(found, "formés", "emploi").tolist() == [0, 1, 1, 1]
    assert (found.table["se"] == 0).all()


def test_months_beyond_what_an_arm_is_followed_to_are_missing() -> None:
    found = estimate_spells(
        design(TREATED),
        spells([5] * 12 + [2] * 12, [1] * 4 + [0] * 8 + [1] * 3 + [0] * 9),
        horizon=5,
    )
    assert found.table["estimate"].notna().tolist() == [True, True, False, False, False]
    assert found.table["se"].notna().tolist() == [True, True, False, False, False]
    assert np.isfinite(curve(found, "formés", "emploi", "se")).all()
    short = estimate_spells(design(TREATED), spells([5] * 12 + [2] * 12, [0] * 24))
    assert short.table["month"].tolist() == [1, 2]


def test_one_treated_has_no_error() -> None:
    treated = np.arange(24) == 0
    found = estimate_spells(design(treated), spells([3] * 24, [1] * 12 + [0] * 12))
    assert found.table["estimate"].notna().all()
    assert found.table["se"].isna().all()
    assert curve(found, "en attente", "emploi", "se")[-1] > 0
    assert found.covariance().isna().all(axis=None)


@pytest.mark.parametrize(
    ("months", "options", "message"),
    [
        ([0] * 24, {}, "no unit of arm 'formés' is followed"),
        ([3] * 24, {"measure": "median"}, "measure='median' is unknown"),
        ([3] * 24, {"horizon": 0}, "horizon=0"),
        ([3] * 24, {"cluster": np.zeros(24)}, "one cluster"),
        ([3] * 24, {"level": 95}, "between 0 and 1"),
        ([3] * 23, {}, "no row for"),
    ],
)
def test_what_has_no_answer_is_refused(months: Any, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimate_spells(design(TREATED), spells(months, [0] * len(months)), **options)


@pytest.mark.parametrize(
    ("months", "events", "causes", "message"),
    [
        ([1, 2], [0], ("emploi",), "shape"),
        ([1, 1.5], [0, 0], ("emploi",), "not whole"),
        ([1, -1], [0, 0], ("emploi",), "negative"),
        ([1, 2], [0, 2], ("emploi",), "number of one of 1 causes"),
        ([0, 2], [1, 1], ("emploi",), "follow-up starts at month 1"),
        ([np.nan, 2], [1, 1], ("emploi",), "follow-up starts at month 1"),
        ([1, 2], [0, 1], ("emploi", "emploi"), "all differently"),
    ],
)
def test_spells_that_are_none_are_refused(
    months: Any, events: Any, causes: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        spells(months, events, causes)


@QUICK
@given(
    arrays.arrays(np.float64, (12, 8), elements=st.sampled_from([0.0, 1.0, 1.0, 0.0, 1.0, np.nan])),
    st.integers(1, 4),
)
def test_first_spells_are_what_one_would_count(values: np.ndarray, lasting: int) -> None:
    labels = list(range(-1, 7))
    found = first_spell(Outcomes("emploi", values, labels, pd.RangeIndex(12)), lasting=lasting)
    for row in range(12):
        path = values[row, 2:]
        gaps = np.flatnonzero(np.isnan(path))
        path = path[: gaps[0]] if len(gaps) else path
        runs = [
            start + 1
            for start in range(len(path) - lasting + 1)
            if (path[start : start + lasting] == 1).all()
        ]
        if runs:
            assert (found.months[row], found.events[row]) == (runs[0], 1)
        else:
            assert (found.months[row], found.events[row]) == (max(len(path) - lasting + 1, 0), 0)


def test_a_first_spell_is_named_by_how_long_it_lasts() -> None:
    values = np.array([[0.0, 1, 1, 1], [1, 0, 0, np.nan]])
    outcomes = Outcomes("emploi", values, [1, 2, 3, 4], pd.Index(["a", "b"]))
    assert first_spell(outcomes, lasting=3).causes == ("emploi d'au moins 3 mois",)
    assert first_spell(outcomes, lasting=1).causes == ("emploi",)
    assert repr(first_spell(outcomes, lasting=3)) == "Spells(2 units; emploi d'au moins 3 mois: 1)"


def test_the_first_of_competing_events_counts() -> None:
    job = spells([5, 3, 4, 2, 6], [1, 0, 1, 1, 0])
    training = spells([3, 5, 4, 2, 0], [1, 1, 1, 0, 0], ("formation",))
    both = job.competing(training)
    assert both.causes == ("emploi", "formation")
    assert both.months.tolist() == [3, 3, 4, 2, 0]
    assert both.events.tolist() == [2, 0, 1, 1, 0]
    with pytest.raises(InputError, match="no row for"):
        job.competing(spells([1], [0], ("formation",)))


@pytest.mark.parametrize(
    ("values", "labels", "lasting", "message"),
    [
        ([[0.0, 1]], ["a", "b"], 6, "must have months for periods"),
        ([[0.0, 1]], [1, 3], 6, "has no month 2"),
        ([[0.0, 1]], [-2, -1], 6, "has no month 1"),
        ([[0.0, 0.5]], [1, 2], 6, "neither 0 nor 1 at month 2"),
        ([[0.0, 1]], [1, 2], 0, "lasting=0"),
    ],
)
def test_outcomes_without_first_spell_are_refused(
    values: Any, labels: Any, lasting: int, message: str
) -> None:
    outcomes = Outcomes("emploi", np.array(values), labels, pd.RangeIndex(1))
    with pytest.raises(InputError, match=message):
        first_spell(outcomes, lasting=lasting)
