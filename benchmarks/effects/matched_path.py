"""Time and memory of a matched path of many months, beside the same in pandas, in one run.

Run from the root of the repository::

    python benchmarks/effects/matched_path.py [UNITS …]      # 100000 1000000 by default

Five outcomes over 61 months of units matched once to their nearest neighbour on the score, with
replacement; a person is behind 1.25 units on average, and errors are clustered by person. The
design is made outside of the clock, as are the outcomes (float32): what is timed goes from these
to the table of 305 effects and their simultaneous bands. ``censored`` outcomes are missing for a
growing part of the units from month 24 on. ``cells`` is every public in every territory (15 × 28)
over the 61 months of one outcome, from the effects already made.

The peer writes the contributions of a weighted difference of means as a matrix, sums them by person
in pandas, and draws 999 multipliers of them; it takes the score as known and complete outcomes, and
is not run above 100,000 units. Each measure is a process of its own, its first call on 2,000 units
outside of the clock; ``memory`` is its peak above what was held before, ``peak`` its peak with
that, in gigabytes. The table is printed and written to ``matched_path.csv``. Linux only.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
from one_process import measured, timed, write

from pacte_eval import Comparison, Logit, NearestNeighbour
from pacte_eval.designs import Design
from pacte_eval.effects import Effects, estimate
from pacte_eval.frames import Outcomes

SIZES = (100_000, 1_000_000)
PEER_UNITS = 100_000
MONTHS = tuple(range(-24, 37))
NAMES = ("emploi", "emploi_durable", "salaire", "heures", "chomage")
PUBLICS = [f"public_{place:02d}" for place in range(15)]
COVARIATES = ["x0", "x1", "x2", "x3"]
DRAWS = 999


def made(units: int, share: float, outcomes: int, *, censored: bool) -> tuple[Design, list]:
    """A design, and the outcomes of its units."""
    random = np.random.default_rng(2019)
    frame = pd.DataFrame({name: random.normal(size=units) for name in COVARIATES})
    score = frame @ [0.5, -0.3, 0.2, 0.1]
    wish = score + random.logistic(size=units)
    frame["treated"] = wish > np.quantile(wish, 1 - share)
    frame["person"] = random.integers(0, units * 2, units) // 2
    frame["territory"] = random.integers(0, 28, units).astype(str)
    for public in PUBLICS:
        frame[public] = random.random(units) < 0.3
    comparison = Comparison.from_frame(
        frame,
        treated="treated",
        covariates=COVARIATES,
        cells=["territory", *PUBLICS],
        cluster="person",
    )
    design = NearestNeighbour(score=Logit()).fit(comparison)
    months = np.array(MONTHS)
    paths = []
    for name in NAMES[:outcomes]:
        values = random.standard_normal((units, len(MONTHS)), dtype=np.float32)
        values += random.standard_normal((units, 1), dtype=np.float32)
        values += score.to_numpy(np.float32)[:, np.newaxis]
        values += 0.1 * comparison.treated[:, np.newaxis] * (months > 0)
        if censored:
            seen = random.integers(24, 49, units)
            values[months > seen[:, np.newaxis]] = np.nan
        paths.append(Outcomes(name, values, MONTHS, comparison.unit))
    return design, paths


def ours(design: Design, outcomes: list[Outcomes]) -> pd.DataFrame:
    effects = estimate(design, outcomes)
    bands = effects.bands()
    return effects.table.assign(band_low=bands["band_low"])


def by_cell(effects: Effects) -> pd.DataFrame:
    return effects.by([PUBLICS, "territory"]).table


def in_pandas(design: Design, outcomes: list[Outcomes]) -> pd.DataFrame:
    treated = design.comparison.treated
    weights = np.where(treated, 1.0, -1.0) * design.weights
    for arm in (treated, ~treated):
        weights[arm] /= np.abs(weights[arm]).sum()
    values = np.hstack([outcome.values for outcome in outcomes])
    effect = weights @ values
    centred = values.astype(np.float64)
    for arm in (treated, ~treated):
        centred[arm] -= np.abs(weights[arm]) @ values[arm]
    centred *= weights[:, np.newaxis]
    by_person = pd.DataFrame(centred).groupby(design.comparison.cluster).sum().to_numpy()
    error = np.sqrt((by_person**2).sum(axis=0))
    random = np.random.default_rng(1)
    largest = np.empty(DRAWS)
    for draw in range(DRAWS):
        signs = random.choice([-1.0, 1.0], len(by_person))
        largest[draw] = np.abs(signs @ by_person / error).max()
    half = np.quantile(largest, 0.95) * error
    keys = [(outcome.name, month) for outcome in outcomes for month in outcome.periods]
    index = pd.MultiIndex.from_tuples(keys, names=["outcome", "month"])
    columns = {"estimate": effect, "se": error, "band_low": effect - half}
    return pd.DataFrame(columns, index=index).reset_index()


def measure(tool: str, units: int, share: float, censored: bool) -> None:
    """One measure, in this process: printed as JSON."""
    if tool == "cells":
        by_cell(_effects(2_000, share, censored))
        effects = _effects(units, share, censored)
        table, cost = timed(lambda: by_cell(effects))
        shown = table[(table["month"] == 36) & table["se"].notna()].iloc[0]
        rows = len(table)
    else:
        call = ours if tool == "pacte_eval" else in_pandas
        call(*made(2_000, share, len(NAMES), censored=censored))
        design, outcomes = made(units, share, len(NAMES), censored=censored)
        table, cost = timed(lambda: call(design, outcomes))
        shown = table[(table["outcome"] == "emploi") & (table["month"] == 36)].iloc[0]
        rows = len(table)
    found = {
        "tool": tool,
        "units": units,
        "treated": share,
        "censored": censored,
        "effects": rows,
        **cost,
        "estimate_at_36": float(shown["estimate"]),
        "se_at_36": float(shown["se"]),
    }
    print(json.dumps(found))


def _effects(units: int, share: float, censored: bool) -> Effects:
    design, outcomes = made(units, share, 1, censored=censored)
    return estimate(design, outcomes)


def main(sizes: list[int]) -> None:
    cases: list[tuple[object, ...]] = []
    for units in sizes:
        cases += [
            ("pacte_eval", units, share, int(censored))
            for share in (0.1, 0.25)
            for censored in (False, True)
        ]
        if units <= PEER_UNITS:
            cases.append(("pandas", units, 0.1, 0))
        cases.append(("cells", units, 0.1, 0))
    table = measured(__file__, cases)
    alike = ["units", "treated", "censored"]
    best = table[table["tool"] == "pacte_eval"].set_index(alike)
    peer = table["tool"] == "pandas"
    key = pd.MultiIndex.from_frame(table[alike])
    for name in ("seconds", "cpu", "memory"):
        ratio = (table[name] / best[name].reindex(key).to_numpy()).round(1)
        table[f"{name}_ratio"] = ratio.where(peer)
    write(table, __file__)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        tool, units, share, censored = sys.argv[2:]
        measure(tool, int(units), float(share), bool(int(censored)))
    else:
        main([int(size) for size in sys.argv[1:]] or list(SIZES))
