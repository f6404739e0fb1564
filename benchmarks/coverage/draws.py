"""Ways to draw data whose effect is known: a comparison, outcomes, and the effect of each unit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from pacte_eval import Comparison

Sample = tuple[Comparison, np.ndarray, np.ndarray]


def overlap(
    random: np.random.Generator, units: int = 600, index: float = -1.2, strength: float = 0.6
) -> Sample:
    """Two covariates that pull the score the same way and the outcome opposite ways."""
    frame = pd.DataFrame(random.standard_normal((units, 2)), columns=["x", "z"])
    frame["band"] = random.integers(0, 3, units)
    chance = expit(index + strength * (frame["x"] + frame["z"]))
    frame["treated"] = random.random(units) < chance
    effect = 1 + 0.5 * frame["x"].to_numpy()
    untreated = frame["x"] - frame["z"] + 0.3 * frame["band"]
    noise = random.standard_normal(units) * (1 + 0.3 * frame["treated"])
    outcome = (untreated + noise).to_numpy() + effect * frame["treated"].to_numpy()
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=["x", "z"], strata=["band"]
    )
    return comparison, outcome, effect


def few_treated(random: np.random.Generator) -> Sample:
    """Five treated in a hundred."""
    return overlap(random, units=1_500, index=-3.3)


def many_treated(random: np.random.Generator) -> Sample:
    """Sixty treated in a hundred: controls are reused."""
    return overlap(random, index=0.5)


def poor_overlap(random: np.random.Generator) -> Sample:
    """Half of the treated lie where controls are rare."""
    return overlap(random, units=1_000, index=-1.2, strength=1.2)


def non_linear(random: np.random.Generator, units: int = 800) -> Sample:
    """Selection by a square and a product, which also move the outcome; bounded covariates."""
    return _bent(random, random.uniform(-np.sqrt(3), np.sqrt(3), (units, 2)))


def heavy_tails(random: np.random.Generator, units: int = 800) -> Sample:
    """The same with Gaussian covariates: the odds of treatment have no variance."""
    return _bent(random, random.standard_normal((units, 2)))


def _bent(random: np.random.Generator, covariates: np.ndarray) -> Sample:
    units = len(covariates)
    frame = pd.DataFrame(covariates, columns=["x", "z"])
    bent = 0.5 * (frame["x"] ** 2 - 1) + 0.5 * frame["x"] * frame["z"]
    frame["treated"] = random.random(units) < expit(-1.0 + 0.4 * frame["x"] + bent)
    effect = 1 + 0.3 * frame["x"].to_numpy()
    noise = random.standard_normal(units)
    outcome = (frame["z"] + bent + noise).to_numpy() + effect * frame["treated"].to_numpy()
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["x", "z"])
    return comparison, outcome, effect


def zones(random: np.random.Generator, number: int = 60, size: int = 15) -> Sample:
    """Sixty zones that share a trait which moves both entry and outcome noise."""
    zone = np.repeat(np.arange(number), size)
    shared = random.standard_normal((2, number))
    frame = pd.DataFrame(random.standard_normal((len(zone), 2)), columns=["x", "z"])
    frame["zone"] = zone
    chance = expit(-1.2 + 0.5 * frame["x"] + 0.5 * frame["z"] + 0.7 * shared[0][zone])
    frame["treated"] = random.random(len(zone)) < chance
    effect = 1 + 0.5 * frame["x"].to_numpy()
    noise = random.standard_normal(len(zone)) + 0.7 * shared[1][zone]
    outcome = (frame["x"] - frame["z"] + noise).to_numpy() + effect * frame["treated"].to_numpy()
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=["x", "z"], cells=["zone"]
    )
    return comparison, outcome, effect


def risk_sets(random: np.random.Generator, people: int = 260) -> Sample:
    """Every person not yet trained is a control of each month, until training.

    The outcome, three months after the month of the risk set, holds a lasting trait of the person
    (unknown to the design), so that a person's rows are correlated; controls trained in between
    keep their outcome. The effect is of entering now rather than not now. Being reused and being
    treated later pull the variance opposite ways, and here offset each other.
    """
    months, delay, gain = 8, 3, 1.0
    x = random.standard_normal(people)
    hazard = 0.08 * np.exp(0.5 * x)
    entries = random.random((months + delay + 1, people)) < hazard
    entry = np.where(entries.any(axis=0), entries.argmax(axis=0), 99)
    trait = random.standard_normal(people)
    noise = 0.5 * random.standard_normal((months + delay + 1, people))
    rows = []
    for month in range(months):
        person = np.flatnonzero(entry >= month)
        seen = month + delay
        rows.append(
            pd.DataFrame(
                {
                    "month": month,
                    "person": person,
                    "x": x[person],
                    "treated": entry[person] == month,
                    "outcome": x[person]
                    + trait[person]
                    + noise[seen, person]
                    + gain * (entry[person] <= seen),
                    "effect": gain * (1 - hazard[person]) ** delay,
                }
            )
        )
    frame = pd.concat(rows, ignore_index=True)
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=["x"], strata=["month"], cluster="person"
    )
    return comparison, frame["outcome"].to_numpy(), frame["effect"].to_numpy()


def standing_controls(random: np.random.Generator, people: int = 200) -> Sample:
    """Controls live where nobody is trained, and are the same people in every month's risk set."""
    months, gain = 8, 1.0
    x = random.standard_normal(people)
    trait = random.standard_normal(people)
    control = np.arange(people) % 5 < 2
    entry = random.integers(0, months, people)
    share = expit(0.5 * x)
    frame = pd.concat(
        [
            pd.DataFrame({"month": month, "person": np.flatnonzero(present)})
            for month in range(months)
            for present in [control | ((entry == month) & (random.random(people) < share))]
        ],
        ignore_index=True,
    )
    person = frame["person"].to_numpy()
    frame["x"] = x[person]
    frame["treated"] = ~control[person]
    noise = 0.5 * random.standard_normal(len(frame))
    effect = np.full(len(frame), gain)
    outcome = x[person] + trait[person] + noise + effect * frame["treated"].to_numpy()
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=["x"], strata=["month"], cluster="person"
    )
    return comparison, outcome, effect
