"""What is judged before outcomes: linkage, equipoise, outcomes that training cannot move."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, EntropyBalancing, InverseProbability, NearestNeighbour
from pacte_eval.diagnostics import (
    attrition,
    attrition_verdict,
    equipoise,
    equipoise_verdict,
    linkage_verdict,
    negative_controls_verdict,
    no_negative_controls,
)
from pacte_eval.effects import Effects, estimate
from pacte_eval.frames import Comparison, Outcomes


def world(seed: int, size: int = 1_500, strength: float = 0.8) -> tuple[Comparison, np.ndarray]:
    """A comparison and a confounder that its covariates do not hold."""
    random = np.random.default_rng(seed)
    x, hidden = random.normal(size=(2, size))
    treated = random.random(size) < 1 / (1 + np.exp(1 - 0.5 * x - strength * hidden))
    frame = pd.DataFrame({"x": x, "treated": treated})
    return Comparison.from_frame(frame, treated="treated", covariates=["x"]), hidden


def design(comparison: Comparison) -> Design:
    return InverseProbability().fit(comparison)


def controls(comparison: Comparison, signal: np.ndarray, seed: int) -> dict[str, Effects]:
    random = np.random.default_rng(seed)
    outcomes = Outcomes(
        "temps_plein",
        signal[:, np.newaxis] + random.normal(size=(len(comparison), 3)),
        [-3, -2, -1],
        comparison.unit,
    )
    return {"Temps plein": estimate(design(comparison), outcomes)}


def test_an_outcome_that_shares_a_hidden_confounder_fails() -> None:
    comparison, hidden = world(1)
    row = negative_controls_verdict(controls(comparison, hidden, 2)).table.iloc[0]
    assert row["verdict"] == "fail"
    assert "«\u202fTemps plein\u202f»" in row["sentence"]
    assert "là où la formation ne peut rien changer" in row["sentence"]


def test_without_hidden_confounder_one_in_twenty_is_not_a_pass() -> None:
    passed = []
    for seed in range(60):
        comparison, hidden = world(seed, 300, strength=0.0)
        verdict = negative_controls_verdict(controls(comparison, 0 * hidden, seed + 100))
        passed.append(verdict.worst == "pass")
    assert np.mean(passed) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 60))


def test_controls_are_tested_together() -> None:
    comparison, hidden = world(3)
    both = controls(comparison, 0 * hidden, 4)
    other = Outcomes("mobilite", hidden, ["avant"], comparison.unit)
    both["Mobilité"] = estimate(design(comparison), other)
    row = negative_controls_verdict(both).table.iloc[0]
    assert row["verdict"] == "fail"
    assert "4 estimations" in row["sentence"]


def test_controls_that_do_not_vary_or_are_not_declared_test_nothing() -> None:
    comparison, _ = world(5, 200)
    constant = Outcomes("x", np.ones(len(comparison)), [-1], comparison.unit)
    flat = negative_controls_verdict({"x": estimate(design(comparison), constant)})
    assert flat.worst == no_negative_controls().worst == "non testable"
    with pytest.raises(InputError, match="no negative control"):
        negative_controls_verdict({})


def test_arms_alike_are_in_equipoise_and_arms_apart_are_not() -> None:
    alike, _ = world(6, strength=0.0)
    assert min(equipoise(design(alike))) > 0.7
    assert equipoise_verdict(design(alike)).worst == "pass"
    x = np.r_[
        np.random.default_rng(1).normal(3, 1, 300), np.random.default_rng(2).normal(0, 1, 900)
    ]
    frame = pd.DataFrame({"x": x, "treated": np.r_[np.ones(300), np.zeros(900)]})
    apart = Comparison.from_frame(frame, treated="treated", covariates=["x"])
    row = equipoise_verdict(NearestNeighbour().fit(apart)).table.iloc[0]
    assert row["verdict"] == "warning"
    assert row["value"] < 0.5


def test_preference_does_not_depend_on_the_size_of_the_arms() -> None:
    comparison, _ = world(7, 4_000, strength=0.0)
    few = comparison.subset(~comparison.treated | (np.arange(len(comparison)) % 5 == 0))
    for one, other in zip(equipoise(design(comparison)), equipoise(design(few)), strict=True):
        assert one == pytest.approx(other, abs=0.05)


def test_a_design_without_score_has_no_preference() -> None:
    comparison, _ = world(8, 200)
    balanced = EntropyBalancing().fit(comparison)
    assert equipoise_verdict(balanced).worst == "non testable"
    with pytest.raises(InputError, match="no score"):
        equipoise(balanced)


@pytest.mark.parametrize(("lost", "verdict"), [(0.0, "pass"), (0.03, "pass"), (0.2, "fail")])
def test_attrition_is_by_arm(lost: float, verdict: str) -> None:
    comparison, _ = world(9, 1_000)
    values = np.zeros((len(comparison), 2))
    treated = np.flatnonzero(comparison.treated)
    values[treated[: int(lost * len(treated))], 1] = np.nan
    outcomes = Outcomes("emploi", values, [12, 24], comparison.unit)
    table = attrition(design(comparison), outcomes)
    assert table["control"].tolist() == pytest.approx([1, 1])
    assert table["treated"].iloc[1] == pytest.approx(1 - lost, abs=0.01)
    found = attrition_verdict(design(comparison), outcomes)
    assert found.worst == verdict
    assert ("Tout le monde est observé" in found.table["sentence"].iloc[0]) == (lost == 0)


@pytest.mark.parametrize(
    ("entries", "linked", "verdict"),
    [(1_000, 980, "pass"), (1_000, 900, "fail"), (0, 0, "non testable")],
)
def test_linkage_is_of_entries(entries: int, linked: int, verdict: str) -> None:
    assert linkage_verdict(entries, linked).worst == verdict


@pytest.mark.parametrize(
    "refused",
    [
        lambda: linkage_verdict(10, 11),
        lambda: linkage_verdict(10, 9, 0.0),
        lambda: equipoise_verdict(design(world(1, 100)[0]), 1.5),
        lambda: attrition_verdict(
            design(world(1, 100)[0]), Outcomes("x", np.zeros(100), [1], pd.RangeIndex(100)), 0
        ),
    ],
)
def test_thresholds_out_of_range_are_refused(refused: object) -> None:
    with pytest.raises(InputError, match="must lie between 0"):
        refused()  # type: ignore[operator]
