"""Lee's bounds: closed form, his standard error, a simulation whose identified set is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, ExactMatching, InverseProbability
from pacte_eval.effects.certified import lee_bounds
from pacte_eval.frames import Comparison, Outcomes


def compared(treated: np.ndarray, weights: np.ndarray | None = None) -> Design:
    frame = pd.DataFrame({"treated": treated, "all": 0, "w": 1.0 if weights is None else weights})
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=[], strata=["all"], weights="w"
    )
    return ExactMatching(["all"]).fit(comparison)


def bounded(design: Design, employed: np.ndarray, earnings: np.ndarray) -> pd.Series:
    units = design.comparison.unit
    return lee_bounds(
        design,
        Outcomes("emploi", employed, (24,), units),
        Outcomes("salaires", earnings, (24,), units, measure="euros"),
    ).iloc[0]


def test_closed_form() -> None:
    """Eight of ten against five of ten: three of eight are trimmed."""
    treated = np.arange(20) < 10
    employed = np.r_[np.ones(8), np.zeros(2), np.ones(5), np.zeros(5)]
    earnings = np.full(20, np.nan)
    earnings[:8] = [1600, 900, 1200, 1000, 1400, 1300, 1100, 1500]
    earnings[10:15] = [1000, 1100, 1200, 1300, 1400]
    row = bounded(compared(treated), employed, earnings)
    assert row["low"] == pytest.approx(np.mean([900, 1000, 1100, 1200, 1300]) - 1200)
    assert row["high"] == pytest.approx(np.mean([1200, 1300, 1400, 1500, 1600]) - 1200)
    assert row["trimmed"] == "formés"
    assert row["trimmed_share"] == pytest.approx(3 / 8)
    assert row["naive"] == pytest.approx(1250 - 1200)
    assert row["sentence"].startswith(
        "Effet sur ceux qui ont un emploi avec ou sans formation, à 24 mois\u202f: entre −100 et "
        "+200\u00a0€, bornes de Lee (37,5\u202f% des formés en emploi écartés)"
    )


def test_the_other_arm_is_trimmed_when_it_works_more() -> None:
    random = np.random.default_rng(2)
    treated = np.arange(400) < 180
    employed = (random.random(400) < np.where(treated, 0.7, 0.5)).astype(float)
    earnings = random.lognormal(7, 0.4, 400)
    forth = bounded(compared(treated), employed, earnings)
    back = bounded(compared(~treated), employed, earnings)
    assert [forth["trimmed"], back["trimmed"]] == ["formés", "témoins"]
    assert forth["low"] == pytest.approx(-back["high"])
    assert forth["high"] == pytest.approx(-back["low"])
    assert forth["low_se"] == pytest.approx(back["high_se"])


def test_a_weight_counts_as_so_many_people() -> None:
    random = np.random.default_rng(3)
    treated, times = np.arange(120) < 50, random.integers(1, 4, 120)
    employed = (random.random(120) < np.where(treated, 0.8, 0.6)).astype(float)
    earnings = random.lognormal(7, 0.4, 120)
    weighted = bounded(compared(treated, times.astype(float)), employed, earnings)
    rows = np.repeat(np.arange(120), times)
    repeated = bounded(compared(treated[rows]), employed[rows], earnings[rows])
    # The weights of matched controls are those of their sets: all alike here.
    assert weighted["employed_treated"] == pytest.approx(repeated["employed_treated"])
    assert weighted["high"] == pytest.approx(repeated["high"])
    assert weighted["low"] == pytest.approx(repeated["low"])


def test_errors_are_those_of_lee() -> None:
    """His proposition 3, computed apart."""
    random = np.random.default_rng(4)
    size = 4_000
    treated = np.arange(2 * size) < size
    employed = (random.random(2 * size) < np.where(treated, 0.6, 0.5)).astype(float)
    earnings = random.normal(1500, 300, 2 * size)
    row = bounded(compared(treated), employed, earnings)
    works = employed == 1
    p_treated, p_control = employed[treated].mean(), employed[~treated].mean()
    share = 1 - p_control / p_treated
    mine, theirs = earnings[treated & works], earnings[~treated & works]
    cut = np.quantile(mine, 1 - share)
    kept = mine[mine <= cut]
    n = 2 * size
    of_mean = kept.var() / (n * 0.5 * p_treated * (1 - share)) + (
        (cut - kept.mean()) ** 2 * share / (n * 0.5 * p_treated * (1 - share))
    )
    of_share = ((cut - kept.mean()) / (1 - share)) ** 2 * (
        (1 - share) ** 2
        * ((1 - p_treated) / (p_treated * n * 0.5) + (1 - p_control) / (n * 0.5 * p_control))
    )
    of_control = theirs.var() / (n * 0.5 * p_control)
    assert row["low_se"] == pytest.approx(np.sqrt(of_mean + of_share + of_control), rel=5e-3)


def test_intervals_hold_the_identified_set() -> None:
    """300 draws of standard normal earnings: trimmed means of a normal are known."""
    random = np.random.default_rng(5)
    size, p_treated, p_control = 300, 0.75, 0.5
    treated = np.arange(2 * size) < size
    design = compared(treated)
    cut = stats.norm.ppf(p_control / p_treated)
    lowest = (
        integrate.quad(lambda y: y * stats.norm.pdf(y), -np.inf, cut)[0] * p_treated / p_control
    )
    inside = np.zeros((300, 2), dtype=bool)
    for draw in range(300):
        employed = (random.random(2 * size) < np.where(treated, p_treated, p_control)).astype(float)
        row = bounded(design, employed, random.standard_normal(2 * size))
        for end, truth in enumerate((lowest, -lowest)):
            inside[draw, end] = row["ci_low"] <= truth <= row["ci_high"]
    assert (inside.mean(axis=0) >= 0.94 - 2 * np.sqrt(0.06 * 0.94 / 300)).all()


def test_bounds_hold_the_effect_on_those_who_always_work() -> None:
    """Training brings people of low pay into work: the naive difference is wrong."""
    random = np.random.default_rng(6)
    size = 20_000
    x = random.integers(0, 2, size)
    treated = random.random(size) < 0.3 + 0.3 * x
    skill = random.standard_normal(size) + 0.3 * x
    without, trained = skill > 0.2, skill > -0.4
    pay = 1500 + 200 * skill + 100 * random.standard_normal(size)
    frame = pd.DataFrame({"treated": treated, "x": x})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["x"])
    design = InverseProbability().fit(comparison)
    employed = np.where(treated, trained, without).astype(float)
    row = bounded(design, employed, pay + 80 * treated)
    assert row["low"] + 3 * row["low_se"] < 80 < row["high"]
    assert row["naive"] < 40
    assert row["trimmed"] == "formés"


def test_edges() -> None:
    treated = np.arange(40) < 20
    design = compared(treated)
    nobody = bounded(design, treated.astype(float), np.ones(40))
    assert np.isnan(nobody["low"])
    assert "non identifiable" in nobody["sentence"]
    equal = bounded(design, np.ones(40), np.full(40, 1200.0))
    assert equal["trimmed"] == "personne"
    for name in ("low", "high", "ci_low", "ci_high"):
        assert equal[name] == pytest.approx(0, abs=1e-9)
    censored = bounded(design, np.full(40, np.nan), np.full(40, np.nan))
    assert np.isnan(censored["employed_treated"])
    units = design.comparison.unit
    with pytest.raises(InputError, match="must hold zeros and ones"):
        bounded(design, np.full(40, 0.5), np.ones(40))
    with pytest.raises(InputError, match="must have the same periods"):
        lee_bounds(
            design,
            Outcomes("emploi", np.ones(40), (12,), units),
            Outcomes("salaires", np.ones(40), (24,), units),
        )
