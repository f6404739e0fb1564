"""Does the 95 % interval of a matched estimate hold the truth 95 times in 100?

Run from the root of the repository::

    python benchmarks/coverage/nearest_neighbour.py [replications]

prints a table and writes it beside this file. ``coverage_population`` is for the effect on the
treated of the population the data were drawn from; ``coverage_supported`` for the mean true effect
of the treated units that were matched, recomputed at each replication (a random target, for which
the interval is conservative where effects vary). The error of a coverage of 95 % over 2,000
replications is half a point.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from pacte_eval.designs import NearestNeighbour
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison

SEED = 2019
Sample = tuple[Comparison, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A way to draw data, a design, and the standard errors to judge."""

    name: str
    draw: Callable[[np.random.Generator], Sample]
    design: NearestNeighbour
    errors: dict[str, dict[str, Any]]


def cross_section(random: np.random.Generator, units: int = 600) -> Sample:
    """Two covariates that pull the score the same way and the outcome opposite ways."""
    frame = pd.DataFrame(random.standard_normal((units, 2)), columns=["x", "z"])
    frame["band"] = random.integers(0, 3, units)
    frame["treated"] = random.random(units) < expit(-1.2 + 0.6 * frame["x"] + 0.6 * frame["z"])
    effect = 1 + 0.5 * frame["x"].to_numpy()
    untreated = frame["x"] - frame["z"] + 0.3 * frame["band"]
    noise = random.standard_normal(units) * (1 + 0.3 * frame["treated"])
    outcome = (untreated + noise).to_numpy() + effect * frame["treated"].to_numpy()
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=["x", "z"], strata=["band"]
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


CASES = [
    Case(
        "1 neighbour, no caliper",
        cross_section,
        NearestNeighbour(),
        {"AI 2006": {}, "AI 2016": {"se": "abadie-imbens-2016"}},
    ),
    Case(
        "4 neighbours, no caliper",
        cross_section,
        NearestNeighbour(neighbours=4),
        {"AI 2006": {}, "AI 2016": {"se": "abadie-imbens-2016"}},
    ),
    Case(
        "1 neighbour, caliper 0.2, exact band",
        cross_section,
        NearestNeighbour(caliper=0.2, exact=["band"]),
        {"AI 2006, conditional on the design": {}},
    ),
    Case(
        "1 neighbour, persons in several risk sets",
        risk_sets,
        NearestNeighbour(exact=["month"]),
        {"linearised, by person": {}, "AI 2006, by unit": {"cluster": "unit"}},
    ),
    Case(
        "5 neighbours, persons in several risk sets",
        risk_sets,
        NearestNeighbour(neighbours=5, exact=["month"]),
        {"linearised, by person": {}, "AI 2006, by unit": {"cluster": "unit"}},
    ),
    Case(
        "1 neighbour, the same controls every month",
        standing_controls,
        NearestNeighbour(exact=["month"]),
        {"linearised, by person": {}, "AI 2006, by unit": {"cluster": "unit"}},
    ),
    Case(
        "5 neighbours, the same controls every month",
        standing_controls,
        NearestNeighbour(neighbours=5, exact=["month"]),
        {"linearised, by person": {}, "AI 2006, by unit": {"cluster": "unit"}},
    ),
]


def population_effect(case: Case, random: np.random.Generator) -> float:
    """Mean effect on the treated over many draws."""
    total, number = 0.0, 0
    for _ in range(400):
        comparison, _, effect = case.draw(random)
        total += effect[comparison.treated].sum()
        number += int(comparison.treated.sum())
    return total / number


def run(case: Case, replications: int) -> pd.DataFrame:
    """One row per standard error of a case."""
    random = np.random.default_rng(SEED)
    truth = population_effect(case, np.random.default_rng(SEED + 1))
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in case.errors}
    for _ in range(replications):
        comparison, outcome, effect = case.draw(random)
        design = case.design.fit(comparison)
        supported = float(effect[comparison.treated & (design.weights > 0)].mean())
        for name, options in case.errors.items():
            row = estimate(design, outcome, **options).table.iloc[0]
            found[name].append((row["estimate"], row["se"], supported))
    rows = []
    for name, values in found.items():
        point, error, supported = np.array(values).T
        rows.append(
            {
                "case": case.name,
                "se": name,
                "replications": replications,
                "truth": truth,
                "bias": (point - supported).mean(),
                "bias_mc_error": (point - supported).std(ddof=1) / np.sqrt(replications),
                "sd": point.std(ddof=1),
                "sd_around_supported": (point - supported).std(ddof=1),
                "mean_se": np.sqrt((error**2).mean()),
                "coverage_population": (np.abs(point - truth) <= 1.959964 * error).mean(),
                "coverage_supported": (np.abs(point - supported) <= 1.959964 * error).mean(),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Run every case, print and write the table."""
    replications = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    table = pd.concat([run(case, replications) for case in CASES], ignore_index=True)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    table.to_csv(Path(__file__).with_suffix(".csv"), index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
