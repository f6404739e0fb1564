"""Time and memory of effects by group and period, beside diff-diff, in one run.

Run from the root of the repository::

    python benchmarks/effects/group_time.py [UNITS …]      # 100000 1000000 by default

From a long data frame (36 periods, 12 groups and the never treated, five covariates) to effects by
time since treatment with simultaneous bands from 999 draws: doubly robust, controls never treated.
Making the `Panel` is included. ``gaps`` is the same frame with a twentieth of its rows taken away
at random, which the peer is not given. Each measure is a process of its own, its first call on 500
units outside of the clock; ``memory`` is its peak above the data frame, ``peak`` its peak with it,
in gigabytes. The peer is not run above 100,000 units. The table is printed and written to
``group_time.csv``. Linux only.
"""

from __future__ import annotations

import json
import sys
import warnings

import numpy as np
import pandas as pd
from one_process import measured, timed, write

SIZES = (100_000, 1_000_000)
PERIODS = 36
PEER_UNITS = 100_000
COHORTS = np.arange(8, 32, 2)
COVARIATES = [f"x{place}" for place in range(5)]
DRAWS = 999


def long_frame(units: int, *, gaps: bool) -> pd.DataFrame:
    """Units in rows of one period each; entry and trends depend on covariates."""
    random = np.random.default_rng(2019)
    covariates = random.normal(size=(units, len(COVARIATES)))
    first = np.where(random.random(units) < 0.3, np.nan, random.choice(COHORTS, units))
    moved = np.isnan(first) & (covariates[:, 0] > 0.7) & (random.random(units) < 0.4)
    first[moved] = random.choice(COHORTS, int(moved.sum()))
    kept = np.arange(units * PERIODS)
    if gaps:
        kept = kept[random.random(len(kept)) < 0.95]
    unit, period = np.divmod(kept, PERIODS)
    level, slope = random.normal(size=units), covariates @ [0.5, 0.2, 0.0, -0.3, 0.1]
    outcome = level[unit] + slope[unit] * (1 + 0.05 * period) + random.normal(size=len(kept))
    outcome += 0.1 * np.nan_to_num(np.clip(period - first[unit] + 1, 0, None))
    columns = {"unit": unit, "period": period, "first": first[unit], "y": outcome}
    columns |= {name: covariates[unit, place] for place, name in enumerate(COVARIATES)}
    return pd.DataFrame(columns, copy=False)


def ours(frame: pd.DataFrame) -> pd.DataFrame:
    from pacte_eval.effects.differences.group_time.estimator import GroupTimeATT
    from pacte_eval.frames import Panel

    names = {"unit": "unit", "period": "period", "first_treated": "first", "outcome": "y"}
    every = GroupTimeATT().fit(Panel.from_frame(frame, **names, covariates=COVARIATES))
    effects = every.aggregate("dynamic")
    bands = effects.bands(multiplier="rademacher")
    table = effects.table.assign(band_low=bands["band_low"])
    return table.dropna(subset=["month"]).set_index("month")[["estimate", "se", "band_low"]]


def diff_diff(frame: pd.DataFrame) -> pd.DataFrame:
    from diff_diff import CallawaySantAnna

    warnings.simplefilter("ignore")
    fitted = CallawaySantAnna(estimation_method="dr", n_bootstrap=DRAWS, seed=1).fit(
        frame.fillna({"first": 0}),
        outcome="y",
        unit="unit",
        time="period",
        first_treat="first",
        covariates=COVARIATES,
    )
    made = fitted.aggregate("event_study").to_dataframe()
    return made.rename(columns={"att": "estimate"}).set_index("event_time")


TOOLS = {"pacte_eval": ours, "diff-diff": diff_diff}


def measure(tool: str, units: int, gaps: bool) -> None:
    """One measure, in this process: printed as JSON."""
    TOOLS[tool](long_frame(500, gaps=gaps))
    frame = long_frame(units, gaps=gaps)
    table, cost = timed(lambda: TOOLS[tool](frame))
    found = {
        "tool": tool,
        "units": units,
        "rows": len(frame),
        "gaps": gaps,
        **cost,
        "estimate_at_0": float(table.loc[0, "estimate"]),
        "se_at_0": float(table.loc[0, "se"]),
    }
    print(json.dumps(found))


def main(sizes: list[int]) -> None:
    table = measured(
        __file__,
        [
            (tool, units, int(gaps))
            for units in sizes
            for tool, gaps in (("pacte_eval", False), ("pacte_eval", True), ("diff-diff", False))
            if tool == "pacte_eval" or units <= PEER_UNITS
        ],
    )
    best = table[(table["tool"] == "pacte_eval") & ~table["gaps"]].set_index("units")
    for name in ("seconds", "cpu", "peak"):
        table[f"{name}_ratio"] = (
            table[name] / best[name].reindex(table["units"]).to_numpy()
        ).round(2)
    write(table, __file__)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2], int(sys.argv[3]), bool(int(sys.argv[4])))
    else:
        main([int(size) for size in sys.argv[1:]] or list(SIZES))
