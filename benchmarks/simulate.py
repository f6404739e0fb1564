"""Time and memory of `simulate` and `write`: ``python benchmarks/simulate.py [PEOPLE]``."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from pacte_eval.synthetic import simulate, write


def main(people: int) -> None:
    simulate(1_000, 0)  # compiles the loops and calibrates
    begun = time.perf_counter()
    population = simulate(people, 2019)
    simulated = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        write(population, Path(folder) / "source")
    written = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{people:,} people: simulated in {simulated - begun:.1f} s", end=", ")
    print(f"written in {written - simulated:.1f} s, peak {peak:.2f} GB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
