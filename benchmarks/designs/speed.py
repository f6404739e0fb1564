"""Time and memory of every design, beside a peer from PyPI, in one run.

Run from the root of the repository, with ``make benchmark`` or::

    python benchmarks/designs/speed.py [PEOPLE …]      # 100000 1000000 3000000 by default

Data frame in, result out: each step starts from a `Comparison` (whose making is a step of its
own). ``cold`` is the first call of the process, with what numba reads from its cache; ``warm`` the
best of the next three. ``memory`` is the peak above what was held before the step. A peer is what
an evaluator would otherwise reach for in Python, given arrays ready for it; where it would hold all
pairs, both are timed on ``peer_people`` people, and the ratio is of those two times. The table is
printed and written to ``speed.csv``; ``slope`` is the power of the number of people by which the
warm time grows from the size before.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from population import COVARIATES, population
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from pacte_eval import Comparison, Logit, NearestNeighbour, estimate
from pacte_eval.designs import EntropyBalancing, KernelMatching

SIZES = (100_000, 1_000_000, 3_000_000)
CELLS = ["woman", "departement", "level"]
EVERYONE = 10**9


@dataclass
class Data:
    """One sample, as we take it and as peers do."""

    frame: pd.DataFrame
    outcome: np.ndarray
    comparison: Comparison
    score: np.ndarray

    @classmethod
    def drawn(cls, people: int) -> Data:
        frame, outcome = population(people)
        comparison = compared(frame)
        return cls(frame, outcome, comparison, Logit().fit(comparison).scores)

    @property
    def matrix(self) -> np.ndarray:
        """All 38 columns, standardised."""
        numbers = pd.get_dummies(self.frame[COVARIATES], drop_first=True).to_numpy(dtype=float)
        return (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)

    @property
    def treated(self) -> np.ndarray:
        return self.frame["treated"].to_numpy()


def compared(frame: pd.DataFrame) -> Comparison:
    """The comparison of trained and untrained people."""
    return Comparison.from_frame(
        frame, treated="treated", covariates=COVARIATES, strata=["departement"]
    )


@dataclass
class Step:
    """What is timed: ours, and a peer made ready outside of the clock."""

    name: str
    ours: Callable[[Data], Any]
    peer_name: str
    peer: Callable[[Data], Callable[[], Any]]
    peer_people: int = EVERYONE
    prepare: Callable[[Data], Any] | None = None


def peer_logit(data: Data) -> Callable[[], Any]:
    matrix = data.matrix
    return lambda: LogisticRegression(C=np.inf, max_iter=1_000).fit(matrix, data.treated)


def peer_neighbours(count: int) -> Callable[[Data], Callable[[], Any]]:
    def ready(data: Data) -> Callable[[], Any]:
        line = data.score[:, np.newaxis]

        def search() -> Any:
            tree = NearestNeighbors(n_neighbors=count, algorithm="kd_tree")
            return tree.fit(line[~data.treated]).kneighbors(line[data.treated])

        return search

    return ready


def peer_in_cells(mahalanobis: bool) -> Callable[[Data], Callable[[], Any]]:
    def ready(data: Data) -> Callable[[], Any]:
        points = data.score[:, np.newaxis]
        if mahalanobis:
            points = data.matrix @ np.linalg.cholesky(np.linalg.inv(np.cov(data.matrix.T)))
        treated = data.treated

        def search() -> None:
            cells = data.frame.groupby(CELLS, observed=True).indices
            for rows in cells.values():
                inside = treated[rows]
                if inside.any() and not inside.all():
                    tree = NearestNeighbors(
                        n_neighbors=1, algorithm="brute" if mahalanobis else "kd_tree"
                    )
                    tree.fit(points[rows[~inside]]).kneighbors(points[rows[inside]])

        return search

    return ready


def peer_kernel(data: Data) -> Callable[[], Any]:
    score, treated = data.score, data.treated

    def smooth() -> np.ndarray:
        gap = (score[treated][:, np.newaxis] - score[~treated]) / 0.06
        kernel = np.maximum(1 - gap**2, 0.0)
        return kernel @ data.outcome[~treated] / kernel.sum(axis=1)

    return smooth


def peer_entropy(data: Data) -> Callable[[], Any]:
    from ebal import ebal_bin

    matrix = data.matrix
    model = ebal_bin(print_level=-1, PCA=False, constraint_tolerance=1e-6)
    return lambda: model.ebalance(data.treated.astype(float), matrix, data.outcome)


def peer_balance(data: Data) -> Callable[[], Any]:
    matrix, treated = data.matrix, data.treated

    def table() -> None:
        for column in matrix.T:
            one, other = column[treated], column[~treated]
            np.mean(one) - np.mean(other), np.var(one) / np.var(other)
            stats.ks_2samp(one, other, method="asymp")

    return table


def peer_errors(data: Data) -> Callable[[], Any]:
    from causalinference import CausalModel

    model = CausalModel(data.outcome, data.treated.astype(int), data.score[:, np.newaxis])
    return lambda: model.est_via_matching(matches=5)


STEPS = [
    Step(
        "comparison from a data frame",
        lambda data: compared(data.frame),
        "pandas.get_dummies",
        lambda data: (
            lambda: pd.get_dummies(data.frame[COVARIATES], drop_first=True).to_numpy(dtype=float)
        ),
    ),
    Step(
        "logit score",
        lambda data: Logit().fit(data.comparison),
        "scikit-learn LogisticRegression",
        peer_logit,
    ),
    Step(
        "nearest neighbour 1:1, caliper, with replacement",
        lambda data: NearestNeighbour(data.score, caliper=0.2).fit(data.comparison),
        "scikit-learn NearestNeighbors",
        peer_neighbours(1),
    ),
    Step(
        "nearest neighbour 1:5, caliper, with replacement",
        lambda data: NearestNeighbour(data.score, 5, caliper=0.2).fit(data.comparison),
        "scikit-learn NearestNeighbors",
        peer_neighbours(5),
    ),
    Step(
        "nearest neighbour 1:1, caliper, without replacement",
        lambda data: NearestNeighbour(data.score, caliper=0.2, replace=False).fit(data.comparison),
        "scikit-learn NearestNeighbors, with replacement",
        peer_neighbours(1),
    ),
    Step(
        "nearest neighbour 1:5, caliper, without replacement",
        lambda data: NearestNeighbour(data.score, 5, caliper=0.2, replace=False).fit(
            data.comparison
        ),
        "scikit-learn NearestNeighbors, with replacement",
        peer_neighbours(5),
    ),
    Step(
        "exact sex × department × level, then nearest neighbour",
        lambda data: NearestNeighbour(data.score, exact=CELLS).fit(data.comparison),
        "scikit-learn NearestNeighbors by cell",
        peer_in_cells(mahalanobis=False),
    ),
    Step(
        "kernel, Epanechnikov 0.06",
        lambda data: KernelMatching(score=data.score).fit(data.comparison),
        "numpy, all pairs",
        peer_kernel,
        peer_people=20_000,
    ),
    Step(
        "Mahalanobis within exact cells",
        lambda data: NearestNeighbour(
            distance="mahalanobis", mahalanobis_on=COVARIATES, exact=CELLS
        ).fit(data.comparison),
        "scikit-learn NearestNeighbors by cell",
        peer_in_cells(mahalanobis=True),
    ),
    Step(
        "entropy balancing, 38 columns",
        lambda data: EntropyBalancing().fit(data.comparison),
        "ebal 1.0.0",
        peer_entropy,
        peer_people=1_000_000,
    ),
    Step(
        "balance with SMD, variance ratio, KS",
        lambda design: design.balance(),
        "numpy and scipy ks_2samp, before only",
        peer_balance,
        prepare=lambda data: NearestNeighbour(data.score, caliper=0.2).fit(data.comparison),
    ),
    Step(
        "Abadie–Imbens error, 1:5",
        lambda prepared: estimate(prepared[0], prepared[1]),
        "causalinference 0.1.3",
        peer_errors,
        peer_people=2_000,
        prepare=lambda data: (
            NearestNeighbour(data.score, 5).fit(data.comparison),
            data.outcome,
        ),
    ),
]


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of a call, and gigabytes at its peak above what was held before."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # else memory freed before would be used unseen
    process = psutil.Process()
    held = process.memory_info().rss
    peak, over = held, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - begun
    over.set()
    watcher.join()
    del result
    return seconds, max(peak - held, 0) / 1e9


def measure(step: Step, data: Data, small: Data | None) -> dict[str, Any]:
    """One row of the table."""

    def ours(of: Data) -> tuple[float, float, float]:
        argument: Any = of if step.prepare is None else step.prepare(of)
        cold = timed(lambda: step.ours(argument))
        warm = [timed(lambda: step.ours(argument)) for _ in range(3)]
        return cold[0], min(time for time, _ in warm), max(memory for _, memory in [cold, *warm])

    cold, warm, memory = ours(data)
    both, compared_with = data, warm
    if small is not None:
        both, compared_with = small, ours(small)[1]
    peer, peer_memory = timed(step.peer(both))
    return {
        "step": step.name,
        "people": len(data.frame),
        "cold": cold,
        "warm": warm,
        "memory": memory,
        "peer": step.peer_name,
        "peer_people": len(both.frame),
        "peer_seconds": peer,
        "peer_memory": peer_memory,
        "ratio": peer / compared_with,
    }


def main() -> None:
    """Measure every step at every size, print and write the table."""
    sizes = [int(size) for size in sys.argv[1:]] or list(SIZES)
    rows: list[dict[str, Any]] = []
    for people in sizes:
        data = Data.drawn(people)
        for step in STEPS:
            small = Data.drawn(step.peer_people) if step.peer_people < people else None
            row = measure(step, data, small)
            before = [past for past in rows if past["step"] == step.name]
            row["slope"] = np.nan
            if before:
                growth = people / before[-1]["people"]
                row["slope"] = np.log(row["warm"] / before[-1]["warm"]) / np.log(growth)
            rows.append(row)
            print(
                f"{people:>9,}  {step.name:<55} {row['warm']:8.2f} s {row['memory']:6.2f} GB  "
                f"{step.peer_name}: {row['peer_seconds']:.2f} s at {row['peer_people']:,}, "
                f"{row['ratio']:.1f} times ours",
                flush=True,
            )
    table = pd.DataFrame(rows)
    table.to_csv(Path(__file__).with_name("speed.csv"), index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
