"""Verdicts follow their thresholds, and speak French."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, NearestNeighbour
from pacte_eval.diagnostics import (
    Verdicts,
    balance_verdict,
    effective_size_verdict,
    minimum_detectable_effect,
    placebo_verdict,
    power_verdict,
    support_verdict,
)
from pacte_eval.effects import Effects, estimate
from pacte_eval.frames import Comparison


def balance(monkeypatch: pytest.MonkeyPatch, design: Design, *rows: tuple[Any, ...]) -> Any:
    """The verdict on invented rows (covariate, gap, error)."""
    table = pd.DataFrame(rows, columns=["covariate", "smd_after", "smd_se"]).assign(level="")
    monkeypatch.setattr(Design, "balance", lambda self: table)
    return balance_verdict(design).table.iloc[0]


@pytest.fixture(scope="module")
def design(lalonde: Comparison) -> Design:
    return NearestNeighbour(caliper=0.2).fit(lalonde)


@pytest.mark.parametrize(
    ("gap", "error", "verdict"),
    [
        (0.02, 0.04, "pass"),
        (-0.02, 0.04, "pass"),
        (0.05, 0.04, "warning"),
        (0.15, 0.02, "warning"),
        (0.15, 0.04, "non concluant"),
        (0.0, 0.2, "non concluant"),
        (-0.4, 0.1, "fail"),
        (0.25, 0.05, "non concluant"),
        (np.inf, np.nan, "fail"),
    ],
)
def test_balance_by_the_90_percent_interval(
    monkeypatch: pytest.MonkeyPatch, design: Design, gap: float, error: float, verdict: str
) -> None:
    row = balance(monkeypatch, design, ("age", gap, error), ("score", 3.0, 0.0))
    assert row["verdict"] == verdict
    assert "« age »".replace(" ", "\u202f") in row["sentence"]


def test_the_gravest_covariate_is_named(monkeypatch: pytest.MonkeyPatch, design: Design) -> None:
    row = balance(monkeypatch, design, ("a", 0.18, 0.001), ("b", 0.01, 0.2), ("c", -0.05, 0.2))
    assert row["verdict"] == "non concluant"
    assert row["value"] == -0.05
    assert "«\u202fc\u202f» (écart standardisé −0,050 [−0,379\u202f; 0,279])" in row["sentence"]


def test_balance_of_a_real_design(design: Design) -> None:
    row = balance_verdict(design).table.iloc[0]
    assert row["verdict"] == "non concluant"
    assert row["threshold"] == 0.1


def test_support(design: Design) -> None:
    row = support_verdict(design, 0.8).table.iloc[0]
    assert row["verdict"] == "pass"
    assert row["sentence"] == (
        "99,5\u202f% des personnes formées ont au moins une personne semblable "
        "(seuil\u202f: 80\u202f%)."
    )
    assert support_verdict(design, 1.0).table["verdict"].iloc[0] == "fail"


def test_effective_size(design: Design) -> None:
    size = design.effective_sample_size()
    assert effective_size_verdict(design, size).worst == "pass"
    assert effective_size_verdict(design, size + 1).worst == "fail"


def placebo(shift: float = 0.0, constant: bool = False, repeat: bool = False) -> Effects:
    random = np.random.default_rng(5)
    frame = pd.DataFrame({"x": random.normal(size=400)})
    frame["t"] = random.random(400) < 0.4
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    outcomes = random.normal(size=(400, 4))
    outcomes[:, 1] += shift * frame["t"]
    if constant:
        outcomes[:, :3] = 1.0
    if repeat:
        outcomes[:, 2] = outcomes[:, 1]
    return estimate(
        NearestNeighbour(frame["x"].to_numpy()).fit(comparison), outcomes, periods=[-3, -2, -1, 0]
    )


def test_placebo() -> None:
    assert placebo_verdict(placebo(), [-3, -2, -1]).worst == "pass"
    failed = placebo_verdict(placebo(1.0), [-3, -2, -1]).table.iloc[0]
    assert failed["verdict"] == "fail"
    assert failed["value"] < 0.001
    assert "incompatibles avec l’absence d’écart (p\u202f= 0,000" in failed["sentence"]


def test_placebo_of_one_month_is_the_test_of_its_row() -> None:
    effects = placebo(0.2)
    p = placebo_verdict(effects, [-2]).table["value"].iloc[0]
    assert p == pytest.approx(effects.table["p"].iloc[1])


def test_placebo_counts_a_repeated_month_once() -> None:
    effects = placebo(0.2, repeat=True)
    once = placebo_verdict(effects, [-3, -2]).table["value"].iloc[0]
    twice = placebo_verdict(effects, [-3, -2, -1]).table["value"].iloc[0]
    assert twice == pytest.approx(once)


def test_placebo_without_a_month_to_test_never_passes() -> None:
    assert placebo_verdict(placebo(constant=True), [-3, -2, -1]).worst == "non testable"
    assert placebo_verdict(placebo(), []).worst == "non testable"
    with pytest.raises(InputError, match="month -9 has no estimate"):
        placebo_verdict(placebo(), [-9])


def test_minimum_detectable_effect_by_simulation() -> None:
    """An effect of that size is found four times in five."""
    random = np.random.default_rng(9)
    frame = pd.DataFrame({"x": random.normal(size=500)})
    frame["t"] = random.random(500) < 0.3
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    design = NearestNeighbour(frame["x"].to_numpy(), 3).fit(comparison)
    effect = minimum_detectable_effect(design, 2.0)
    outcomes = 2.0 * random.normal(size=(500, 600)) + effect * comparison.treated[:, None]
    found = estimate(design, outcomes, periods=range(600)).table["p"] < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.06)
    assert power_verdict(design, 2.0, effect).worst == "pass"
    assert power_verdict(design, 2.0, effect * 0.9).worst == "warning"


def test_mistakes_get_one_sentence(design: Design) -> None:
    with pytest.raises(InputError, match="standard_deviation=0"):
        minimum_detectable_effect(design, 0)
    with pytest.raises(InputError, match="min_support=80"):
        support_verdict(design, 80)
    with pytest.raises(InputError, match="max_smd"):
        balance_verdict(design, 0)


def test_joined_verdicts_keep_the_gravest(design: Design) -> None:
    parts = [support_verdict(design, 0.8), balance_verdict(design), power_verdict(design, 1, 9)]
    joined = Verdicts.joined(parts)
    assert list(joined.table) == ["diagnostic", "value", "threshold", "verdict", "sentence"]
    assert len(joined) == 3
    assert joined.worst == "non concluant"
    assert Verdicts.joined([]).worst == "pass"
    assert "support" not in repr(joined)
    assert "99,5\u202f%" in repr(joined)
