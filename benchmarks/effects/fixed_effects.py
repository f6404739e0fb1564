"""Time and memory of two-way fixed effects, beside pyfixest, in one run.

Run from the root of the repository::

    python benchmarks/effects/fixed_effects.py [UNITS …]      # 10000 100000 1000000 by default

From a long data frame (36 periods, 12 cohorts and the never treated) to the table of an event
study with errors clustered by unit: making the `Panel` is included and so is, for pyfixest, the
column of relative periods. Each measure is a process of its own; ``memory`` is its peak above what
was held with the data frame made. Both compile in a first call on 200 units, outside of the clock.
``gaps`` is the same frame with a tenth of its rows taken away at random. The peer is not run above
100,000 units. The table is printed and written to ``fixed_effects.csv``. Linux only.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
from one_process import measured, timed, write

SIZES = (10_000, 100_000, 1_000_000)
PERIODS = 36
PEER_UNITS = 100_000
COHORTS = range(8, 32, 2)


def long_frame(units: int, *, gaps: bool) -> pd.DataFrame:
    """Units in rows of one period each, with an effect that grows from entry."""
    random = np.random.default_rng(2019)
    first = random.choice([np.nan, *COHORTS], units)
    time_ = np.arange(PERIODS)
    age = time_ - first[:, np.newaxis]
    outcome = random.normal(size=(units, 1)) + random.normal(size=(units, PERIODS))
    outcome += 0.1 * np.where(age >= 0, age + 1, 0.0)
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(units), PERIODS),
            "period": np.tile(time_, units),
            "first": np.repeat(first, PERIODS),
            "y": outcome.ravel(),
        }
    )
    return frame[random.random(len(frame)) < 0.9].reset_index(drop=True) if gaps else frame


def ours(frame: pd.DataFrame) -> pd.DataFrame:
    from pacte_eval.effects.differences.two_way.fixed_effects import EventStudy
    from pacte_eval.frames import Panel

    panel = Panel.from_frame(
        frame, unit="unit", period="period", first_treated="first", outcome="y"
    )
    return EventStudy().fit(panel).table.set_index("month")[["estimate", "se"]]


def pyfixest(frame: pd.DataFrame) -> pd.DataFrame:
    from pyfixest import feols

    relative = (frame["period"] - frame["first"]).fillna(-1).astype(int)
    fit = feols(
        "y ~ i(relative, ref=-1) | unit + period",
        frame.assign(relative=relative),
        vcov={"CRV1": "unit"},
    )
    table = fit.tidy()[["Estimate", "Std. Error"]].set_axis(["estimate", "se"], axis=1)
    months = table.index.str.extract(r"(-?\d+)\]?$")[0].astype(int)
    return table.set_axis(pd.Index(months, name="month"), axis=0).sort_index()


TOOLS = {"pacte_eval": ours, "pyfixest": pyfixest}


def measure(tool: str, units: int, gaps: bool) -> None:
    """One measure, in this process: printed as JSON."""
    TOOLS[tool](long_frame(200, gaps=gaps))
    frame = long_frame(units, gaps=gaps)
    table, cost = timed(lambda: TOOLS[tool](frame))
    del cost["peak"]
    found = {
        "tool": tool,
        "units": units,
        "rows": len(frame),
        "gaps": gaps,
        **cost,
        "estimate_at_0": table.loc[0, "estimate"],
        "se_at_0": table.loc[0, "se"],
    }
    print(json.dumps(found))


def main(sizes: list[int]) -> None:
    table = measured(
        __file__,
        [
            (tool, units, int(gaps))
            for units in sizes
            for gaps in (False, True)
            for tool in TOOLS
            if tool == "pacte_eval" or units <= PEER_UNITS
        ],
    )
    best = table[table["tool"] == "pacte_eval"].set_index(["units", "gaps"])
    key = pd.MultiIndex.from_frame(table[["units", "gaps"]])
    for name in ("cpu", "memory"):
        table[f"{name}_ratio"] = (table[name] / best[name].reindex(key).to_numpy()).round(1)
    write(table, __file__)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2], int(sys.argv[3]), bool(int(sys.argv[4])))
    else:
        main([int(size) for size in sys.argv[1:]] or list(SIZES))
