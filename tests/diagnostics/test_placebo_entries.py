"""An entry moved back has no effect, unless something that moves entry moves outcomes before it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.months import Period
from pacte_eval.designs import EntropyBalancing, InverseProbability
from pacte_eval.diagnostics.placebo_entries import placebo_entry_effects, placebo_entry_verdict
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes

MONTHS: dict[str, tuple[Period, Period]] = {
    "early": (-12, -7),
    "late": (-6, -1),
    "not_here": (-3, -1),
}


def people(seed: int, size: int = 800, dip: float = 0.0) -> tuple[Comparison, Outcomes]:
    """Entry follows a lasting trait; with a dip, also what happened in months −6 to −1."""
    random = np.random.default_rng(seed)
    trait, luck = random.normal(size=(2, size))
    noise = random.normal(size=(size, 13)) + trait[:, np.newaxis]
    noise[:, 6:12] += dip * luck[:, np.newaxis]
    frame = pd.DataFrame(
        {
            "early": noise[:, :6].mean(axis=1),
            "late": noise[:, 6:12].mean(axis=1),
            "age": random.normal(size=size),
        }
    )
    drift = 0.6 * frame["early"] + (1.5 if dip else 0.0) * luck
    frame["treated"] = random.random(size) < 1 / (1 + np.exp(0.8 - drift))
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=["early", "late", "age"]
    )
    return comparison, Outcomes("emploi", noise, range(-12, 1), comparison.unit)


def test_only_earlier_history_is_used() -> None:
    comparison, outcomes = people(1)
    effects = placebo_entry_effects(comparison, InverseProbability(), outcomes, 6, MONTHS)
    assert effects.table["month"].tolist() == [-6, -5, -4, -3, -2, -1]
    design = InverseProbability().fit(comparison.without(["late"]))
    same = estimate(design, outcomes.at([-2]), cluster="person").table
    assert effects.table["estimate"].iloc[4] == pytest.approx(same["estimate"].iloc[0])
    assert effects.table["se"].iloc[4] == pytest.approx(same["se"].iloc[0])


def test_without_a_dip_it_passes_at_the_rate_of_chance() -> None:
    passed = []
    for seed in range(40):
        comparison, outcomes = people(seed, 300)
        effects = placebo_entry_effects(comparison, EntropyBalancing(), outcomes, 6, MONTHS)
        passed.append(placebo_entry_verdict(effects).worst == "pass")
    assert np.mean(passed) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 40))


def test_a_dip_before_entry_fails() -> None:
    comparison, outcomes = people(3, dip=1.0)
    effects = placebo_entry_effects(comparison, InverseProbability(), outcomes, 6, MONTHS)
    row = placebo_entry_verdict(effects).table.iloc[0]
    assert row["verdict"] == "fail"
    assert row["value"] < 0.01
    assert "En plaçant l’entrée 6 mois plus tôt, un effet apparaît" in row["sentence"]


def test_one_month_is_the_test_of_its_row() -> None:
    comparison, outcomes = people(4)
    months: dict[str, tuple[Period, Period]] = {"early": (-12, -7)}
    effects = placebo_entry_effects(
        comparison.without(["late"]), InverseProbability(), outcomes, 1, months
    )
    value = placebo_entry_verdict(effects).table["value"].iloc[0]
    assert value == pytest.approx(effects.table["p"].iloc[0])


def test_outcomes_that_do_not_vary_test_nothing() -> None:
    comparison, outcomes = people(5, 200)
    constant = Outcomes("emploi", np.zeros((200, 13)), outcomes.periods, comparison.unit)
    effects = placebo_entry_effects(comparison, InverseProbability(), constant, 6, MONTHS)
    assert placebo_entry_verdict(effects).worst == "non testable"


def test_mistakes_are_refused() -> None:
    comparison, outcomes = people(6, 200)
    wrong: list[tuple[int, dict[str, tuple[Period, Period]], str]] = [
        (0, MONTHS, "at least 1"),
        (12, MONTHS, "history before month -12"),
        (6, {}, "history before month -6"),
        (6, {"early": ("vague 1", "vague 2")}, "moved by months"),
    ]
    for shift, months, words in wrong:
        with pytest.raises(InputError, match=words):
            placebo_entry_effects(comparison, InverseProbability(), outcomes, shift, months)
    with pytest.raises(InputError, match="not observed at -6"):
        placebo_entry_effects(
            comparison, InverseProbability(), outcomes.at([-3, -2, -1]), 6, MONTHS
        )
