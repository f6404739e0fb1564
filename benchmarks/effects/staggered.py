"""Time and memory of estimators for staggered treatment, beside diff-diff and pyfixest, in one run.

Run from the root of the repository::

    python benchmarks/effects/staggered.py [UNITS …]   # 2000 10000 100000 1000000 by default

From a long data frame (36 periods, 12 cohorts and the never treated) to effects by time since
treatment with errors clustered by unit: making the `Panel` and averaging are included. Each measure
is a process of its own; ``memory`` is its peak above what was held with the data frame made, and a
first call on 300 units is outside of the clock. ``gaps`` is the same frame with a tenth of its rows
taken away at random; ``covariates`` has five that do not vary within a unit. A peer is run up to
the size that it can take (`PEERS`); ``cpu_ratio`` and ``memory_ratio`` are to ours on the same
frame. ``estimate`` is the average over treated observations or cohorts, which the peer shares, and
for pyfixest, which has none, that of the period of treatment. The table is printed and written to
``staggered.csv``. Linux only.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from fixed_effects import long_frame
from one_process import measured, timed, write

SIZES = (2_000, 10_000, 100_000, 1_000_000)
OURS = ("SunAbraham", "ExtendedTwoWay", "Imputation")
COVARIATES = [f"x{number}" for number in range(5)]
# Tool, the estimator of ours it is set beside, and the most units it is run with.
PEERS = {
    "diff-diff SunAbraham": ("SunAbraham", 2_000),
    "pyfixest saturated": ("SunAbraham", 2_000),
    "diff-diff WooldridgeDiD": ("ExtendedTwoWay", 2_000),
    "diff-diff ImputationDiD": ("Imputation", 10_000),
}
Result = tuple[float, float]


def frame_of(units: int, kind: str) -> pd.DataFrame:
    """The data frame of a case."""
    frame = long_frame(units, gaps=kind == "gaps")
    if kind == "covariates":
        traits = np.random.default_rng(1).normal(size=(units, len(COVARIATES)))
        frame[COVARIATES] = traits[frame["unit"]]
    return frame


def ours(name: str, frame: pd.DataFrame) -> Result:
    """The average over all, and its error."""
    from pacte_eval.effects.differences import ExtendedTwoWay, Imputation, SunAbraham
    from pacte_eval.frames import Panel

    estimator = {
        "SunAbraham": SunAbraham,
        "ExtendedTwoWay": ExtendedTwoWay,
        "Imputation": Imputation,
    }[name]()
    covariates = [name for name in COVARIATES if name in frame]
    panel = Panel.from_frame(
        frame,
        unit="unit",
        period="period",
        first_treated="first",
        outcome="y",
        covariates=covariates,
    )
    effects = estimator.fit(panel)
    effects.aggregate("dynamic")
    row = effects.aggregate("simple").table.iloc[0]
    return float(row["estimate"]), float(row["se"])


def diff_diff(name: str, frame: pd.DataFrame) -> Result:
    import diff_diff

    made = getattr(diff_diff, name)().fit(
        frame.assign(first=frame["first"].fillna(0).astype(int)),
        outcome="y",
        unit="unit",
        time="period",
        first_treat="first",
    )
    return float(made.overall_att), float(made.overall_se)


def pyfixest(frame: pd.DataFrame) -> Result:
    from pyfixest import event_study

    made = event_study(
        frame.assign(first=frame["first"].fillna(0).astype(int)),
        yname="y",
        idname="unit",
        tname="period",
        gname="first",
        estimator="saturated",
        cluster="unit",
    ).aggregate()
    return float(made.loc[0.0, "Estimate"]), float(made.loc[0.0, "Std. Error"])


def call_of(tool: str) -> Callable[[pd.DataFrame], Result]:
    if tool in OURS:
        return lambda frame: ours(tool, frame)
    if tool == "pyfixest saturated":
        return pyfixest
    return lambda frame: diff_diff(tool.split()[1], frame)


def measure(tool: str, units: int, kind: str) -> None:
    """One measure, in this process: printed as JSON."""
    warnings.simplefilter("ignore")
    call = call_of(tool)
    call(frame_of(300, kind))
    frame = frame_of(units, kind)
    (estimate, error), cost = timed(lambda: call(frame))
    del cost["peak"]
    found = {
        "tool": tool,
        "units": units,
        "rows": len(frame),
        "kind": kind,
        **cost,
        "estimate": estimate,
        "se": error,
    }
    print(json.dumps(found))


def cases(units: int) -> list[tuple[str, str]]:
    """Tools and kinds of frame at one size."""
    own = [(tool, kind) for tool in OURS for kind in ("balanced", "gaps")]
    if units <= 100_000:
        own += [(tool, "covariates") for tool in ("ExtendedTwoWay", "Imputation")]
    return own + [(tool, "balanced") for tool, (_, most) in PEERS.items() if units <= most]


def main(sizes: list[int]) -> None:
    """Measure every case at every size, print and write the table."""
    table = measured(
        __file__, [(tool, units, kind) for units in sizes for tool, kind in cases(units)]
    )
    rows = table.to_dict("records")
    known = table.set_index(["tool", "units", "kind"])
    for name in ("cpu", "memory"):
        table[f"{name}_ratio"] = [
            round(
                row[name] / known.loc[(PEERS[row["tool"]][0], row["units"], row["kind"]), name], 1
            )
            if row["tool"] in PEERS
            else np.nan
            for row in rows
        ]
    write(table, __file__)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        main([int(size) for size in sys.argv[1:]] or list(SIZES))
