"""CPU, time and memory of a cohort at the size of the region, beside a plain pandas version.

``python benchmarks/cohort/measure.py`` writes a population (2 million registrations, half a million
trainings, 20 million contracts), builds a cohort of five outcomes over 61 months with 24 months of
history, reads every outcome, and lets pandas compute one outcome for the same units. Each run is a
process of its own, so that its peak of memory is its own. ``--sizes`` repeats the cohort for
several numbers of persons, ``--memory`` bounds it.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
UNITS = "units.parquet"
BLOCK = 100_000


def ours(folder: Path, memory: str, scratch: Path) -> None:
    """Open the source, build the cohort, take the mean of every outcome by month and arm."""
    from pacte_eval.cohorts import build_cohort
    from pacte_eval.cohorts.memory import memory_needed
    from pacte_eval.definitions.cohort import CohortDefinition
    from pacte_eval.definitions.machine import Machine
    from pacte_eval.definitions.reading import read_definition
    from pacte_eval.tables.source import open_source

    machine = Machine.model_validate({"memory": memory, "spill": scratch / "spill"})
    definition = read_definition(HERE / "mesure.yml", CohortDefinition)
    told = Told()
    source = open_source(folder, machine=machine)
    told("opened and checked")
    needed = memory_needed(definition, source)
    cohort = build_cohort(definition, source, spill=needed.spill(machine))
    told(f"built: {cohort}")
    arms = {arm: (cohort.units["arm"] == arm).to_numpy() for arm in cohort.arm_labels}
    for name in cohort.outcomes:
        values = cohort.outcomes[name].values
        means = {arm: _means(values, kept) for arm, kept in arms.items()}
        shown = ", ".join(f"{mean[24]:.4f} {arm}" for arm, mean in means.items())
        del values
        told(f"{name} in month 0: {shown}")
    units = cohort.units[["person", "entry_month", "arm"]].astype({"person": str})
    units.to_parquet(scratch / UNITS)


def _means(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Means of some rows by month, a block of rows at a time."""
    total, count = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for first in range(0, len(values), BLOCK):
        block = values[first : first + BLOCK][kept[first : first + BLOCK]]
        total += np.nansum(block, axis=0, dtype=float)
        count += (~np.isnan(block)).sum(axis=0)
    return total / count


def in_pandas(folder: Path, scratch: Path) -> None:
    """One outcome, employment on the last day of each month, by a join and a loop over months."""
    told = Told()
    units = pd.read_parquet(scratch / UNITS)
    contracts = pd.read_parquet(folder / "contracts.parquet", columns=["person", "start", "end"])
    contracts = contracts.drop_duplicates()
    held = units.reset_index().merge(contracts, on="person")
    start, end = pd.to_datetime(held["start"]), pd.to_datetime(held["end"])
    end = end.fillna(pd.Timestamp("2024-12-31"))
    unit = held["unit"].to_numpy()
    means = {}
    for month in range(-24, 37):
        last_day = pd.to_datetime(
            (held["entry_month"] + month + 1 - 1970 * 12).to_numpy().astype("datetime64[M]")
        ) - pd.Timedelta(days=1)
        active = (start.to_numpy() <= last_day) & (end.to_numpy() >= last_day)
        employed = pd.Series(active).groupby(unit).any().reindex(units.index, fill_value=False)
        means[month] = employed.groupby(units["arm"]).mean()
    shown = ", ".join(f"{mean:.4f} {arm}" for arm, mean in means[0].items())
    told(f"pandas, emploi in month 0: {shown}")


class Told:
    """Prints each step with the CPU, time and peak of memory so far."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.cpu = used.ru_utime + used.ru_stime

    def __call__(self, step: str) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = used.ru_utime + used.ru_stime - self.cpu
        wall = time.perf_counter() - self.begun
        peak = used.ru_maxrss / 1e6
        print(f"{cpu:7.1f} s CPU {wall:7.1f} s {peak:5.2f} GB peak  {step}", flush=True)


def main() -> None:
    """Run the measures asked for, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_500_000], help="persons")
    parser.add_argument("--memory", default="4GB", help="memory allowed")
    parser.add_argument("--without-pandas", action="store_true", help="measure ours alone")
    parser.add_argument("--keep", type=Path, help="folder of populations to write once and reuse")
    parser.add_argument("--step", nargs=3, metavar=("NAME", "FOLDER", "SCRATCH"), help="one run")
    asked = parser.parse_args()
    if asked.step:
        name, folder, scratch = asked.step[0], Path(asked.step[1]), Path(asked.step[2])
        ours(folder, asked.memory, scratch) if name == "ours" else in_pandas(folder, scratch)
        return
    from population import write_population

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for persons in asked.sizes:
            folder = (asked.keep or scratch) / f"{persons}"
            if not folder.is_dir():
                write_population(folder, persons)
            print(f"{persons:,} persons, {asked.memory} allowed")
            steps = ["ours"] if asked.without_pandas else ["ours", "pandas"]
            for step in steps:
                command = [sys.executable, __file__, "--memory", asked.memory, "--step", step]
                subprocess.run([*command, str(folder), str(scratch)], check=True)


if __name__ == "__main__":
    main()
