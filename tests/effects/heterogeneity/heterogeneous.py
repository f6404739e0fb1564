"""Worlds where the effect depends, or does not, on known characteristics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.frames import Comparison, Outcomes


@dataclass(frozen=True)
class World:
    """People of several territories, the outcome at months 12 and 24, and what places are like."""

    comparison: Comparison
    outcomes: Outcomes
    places: pd.DataFrame


def world(
    seed: int,
    units: int = 1_500,
    zones: int = 12,
    *,
    by_age: float = 0.0,
    men: float = 0.0,
    by_rate: float = 0.0,
    drawn: float = 0.0,
) -> World:
    """The effect is 1, plus `by_age` a decade, `men` for men, `by_rate` a point of the territory's
    unemployment, and a draw by territory of standard deviation `drawn`; one outcome in ten is
    censored at month 24."""
    rng = np.random.default_rng(seed)
    zone = rng.integers(zones, size=units)
    rate = rng.normal(10, 2, zones)
    decades = rng.normal(0, 1, units)
    sex = rng.choice(["F", "M"], units)
    treated = rng.random(units) < 1 / (1 + np.exp(1 - 0.5 * decades))
    effect = 1 + by_age * decades + men * (sex == "M") + by_rate * (rate[zone] - 10)
    effect += rng.normal(0, drawn, zones)[zone]
    outcome = 0.2 * decades + effect * treated + rng.normal(size=units)
    names = np.array([f"z{number:02d}" for number in range(zones)])
    frame = pd.DataFrame(
        {
            "age": 40 + 10 * decades,
            "sex": sex,
            "diploma": rng.choice(["aucun", "bac", "cap"], units),
            "treated": treated,
            "zone": names[zone],
        }
    )
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=["age", "sex", "diploma"], cells=["zone"]
    )
    later = np.where(rng.random(units) < 0.1, np.nan, outcome)
    values = np.column_stack([outcome, later])
    return World(
        comparison,
        Outcomes("y", values, [12, 24], comparison.unit),
        pd.DataFrame({"rate": rate}, index=names),
    )
