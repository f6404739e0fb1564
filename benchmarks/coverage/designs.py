"""Does the 95 % interval of a design hold the truth 95 times in 100?

Run from the root of the repository::

    python benchmarks/coverage/designs.py [REPLICATIONS] [--only TEXT]

prints a table and writes it in ``designs.csv`` beside this file, 2,000 replications by default,
on two processes; with ``--only``, the rows of these cases take the place of theirs.

``bias`` and ``coverage_supported`` are for the mean true effect of the treated units that the
design keeps, weighted as it weights them and recomputed at each replication (a random target, for
which the interval is conservative where effects vary); ``coverage_population`` is for the effect on
the treated of the population the data were drawn from, another target where a design trims.
``rule`` says what is required: 93 to 97 % of ``coverage_supported`` where the standard error
accounts for all that was estimated, the estimator is asymptotically linear, has overlap and forty
clusters or more (``tested``), nothing where it is not (``reported``). The error of a coverage of
95 % over 2,000 replications is half a point; a ``bias`` is to be read beside ``bias_mc_error``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import draws
import numpy as np
import pandas as pd
from cases import run_cases

from pacte_eval import Logit, NearestNeighbour, estimate
from pacte_eval.designs import (
    CoarsenedExact,
    CovariateBalancingScore,
    Crump,
    EntropyBalancing,
    InverseProbability,
    KernelMatching,
    OptimalMatching,
    RadiusMatching,
    Subclassification,
)

SEED = 2019
NORMAL = 1.959964
CURVED = Logit(squares=("x", "z"), interactions=(("x", "z"),))
TESTED, REPORTED = "tested", "reported"
PARTIAL = ("HC0, weights held fixed", "by unit")


@dataclass(frozen=True)
class Case:
    """A way to draw data, a design, and the standard errors to judge."""

    name: str
    draw: Callable[[np.random.Generator], draws.Sample]
    design: Any
    errors: dict[str, dict[str, Any]] = field(default_factory=lambda: {"by default": {}})
    rule: str = REPORTED

    def rule_of(self, error: str) -> str:
        """Whether the coverage of a standard error of this case is held to the rule."""
        return REPORTED if error in PARTIAL else self.rule


AI = {"AI 2006": {}, "AI 2016": {"se": "abadie-imbens-2016"}}
BY_PERSON = {"linearised, by person": {}, "AI 2006, by unit": {"cluster": "unit"}}
WEIGHTED = {"M-estimation": {}, "HC0, weights held fixed": {"se": "HC0"}}
AUGMENTED = {"M-estimation, augmented": {"adjust": "augmented"}}
ADJUSTED = {"default": {"adjust": "none"}, "default, adjusted": {"adjust": "regression"}}

EVERY_DESIGN = [
    Case("1 neighbour", draws.overlap, NearestNeighbour(), AI),
    Case(
        "4 neighbours",
        draws.overlap,
        NearestNeighbour(neighbours=4),
        AI | {"Otsu–Rai": {"se": "otsu-rai"}},
    ),
    Case(
        "1 neighbour, caliper 0.2, exact band",
        draws.overlap,
        NearestNeighbour(caliper=0.2, exact=("band",)),
    ),
    Case("1 neighbour, no replacement", draws.overlap, NearestNeighbour(replace=False)),
    Case("Mahalanobis, 4", draws.overlap, NearestNeighbour(neighbours=4, distance="mahalanobis"),
         ADJUSTED),
    Case("radius", draws.overlap, RadiusMatching(), ADJUSTED),
    Case("kernel", draws.overlap, KernelMatching()),
    Case("local linear", draws.overlap, KernelMatching("local-linear")),
    Case("optimal pairs", draws.overlap, OptimalMatching()),
    Case("full matching", draws.overlap, OptimalMatching("full")),
    Case("subclassification", draws.overlap, Subclassification()),
    Case("coarsened exact", draws.overlap, CoarsenedExact()),
    Case("inverse probability", draws.overlap, InverseProbability(), WEIGHTED | AUGMENTED, TESTED),
    Case("entropy balancing", draws.overlap, EntropyBalancing(), WEIGHTED, TESTED),
    Case("covariate balancing score", draws.overlap, CovariateBalancingScore(), WEIGHTED, TESTED),
]  # fmt: skip
EVERY_DRAW = [
    Case(f"{label}: {name}", draw, design, errors, rule if overlapping else REPORTED)
    for label, draw, overlapping in [
        ("5 % treated", draws.few_treated, True),
        ("60 % treated", draws.many_treated, True),
        ("poor overlap", draws.poor_overlap, False),
    ]
    for name, design, errors, rule in [
        ("5 neighbours", NearestNeighbour(neighbours=5), AI, REPORTED),
        (
            "1 neighbour, no replacement, caliper 0.2",
            NearestNeighbour(replace=False, caliper=0.2),
            {"by default": {}},
            REPORTED,
        ),
        ("kernel", KernelMatching(), {"by default": {}}, REPORTED),
        ("inverse probability", InverseProbability(), WEIGHTED | AUGMENTED, TESTED),
        ("entropy balancing", EntropyBalancing(), WEIGHTED, TESTED),
    ]
]
SELECTION = [
    Case(
        "poor overlap: inverse probability, Crump",
        draws.poor_overlap,
        InverseProbability(support=Crump(0.1)),
    ),
    Case("non-linear, linear score: inverse probability", draws.non_linear, InverseProbability()),
    Case(
        "non-linear, linear score: 4 neighbours",
        draws.non_linear,
        NearestNeighbour(neighbours=4),
    ),
    *(
        Case(f"{label}: {name}", draw, design, errors, rule)
        for label, draw, rule in [
            ("non-linear, right score", draws.non_linear, TESTED),
            ("odds without variance, right score", draws.heavy_tails, REPORTED),
        ]
        for name, design, errors, rule in [
            ("inverse probability", InverseProbability(score=CURVED), WEIGHTED, rule),
            ("4 neighbours", NearestNeighbour(CURVED, neighbours=4), AI, REPORTED),
            (
                "entropy balancing, two moments and products",
                EntropyBalancing(moments=2, interactions=(("x", "z"),)),
                {"by default": {}},
                rule,
            ),
        ]
    ),
    Case(
        "60 zones: inverse probability",
        draws.zones,
        InverseProbability(),
        {"by zone": {"cluster": "zone"}, "by unit": {"cluster": "unit"}},
        TESTED,
    ),
    Case(
        "60 zones: 4 neighbours",
        draws.zones,
        NearestNeighbour(neighbours=4),
        {"by zone": {"cluster": "zone"}, "by unit": {"cluster": "unit"}},
    ),
]
RISK_SETS = [
    Case(f"{label}: {count} neighbours", draw, NearestNeighbour(neighbours=count, exact=("month",)),
         BY_PERSON)
    for label, draw in [
        ("persons in several risk sets, later treated", draws.risk_sets),
        ("the same controls every month", draws.standing_controls),
    ]
    for count in (1, 5)
]  # fmt: skip
CASES = [*EVERY_DESIGN, *EVERY_DRAW, *SELECTION, *RISK_SETS]


@cache
def population_effect(draw: Callable[[np.random.Generator], draws.Sample]) -> float:
    """Mean effect on the treated over many draws."""
    random = np.random.default_rng(SEED + 1)
    total, number = 0.0, 0
    for _ in range(400):
        comparison, _, effect = draw(random)
        total += effect[comparison.treated].sum()
        number += int(comparison.treated.sum())
    return total / number


def run(case: Case, replications: int) -> pd.DataFrame:
    """One row per standard error of a case."""
    random = np.random.default_rng([SEED, zlib.crc32(case.draw.__name__.encode())])
    truth = population_effect(case.draw)
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in case.errors}
    for _ in range(replications):
        comparison, outcome, effect = case.draw(random)
        design = case.design.fit(comparison)
        treated = comparison.treated
        supported = float(np.average(effect[treated], weights=design.weights[treated]))
        for name, options in case.errors.items():
            row = estimate(design, outcome, **options).table.iloc[0]
            inside = row["ci_low"] <= supported <= row["ci_high"]
            around = row["ci_low"] <= truth <= row["ci_high"]
            found[name].append((row["estimate"], row["se"], supported, inside, around))
    rows = []
    for name, values in found.items():
        point, error, supported, inside, around = np.array(values, dtype=float).T
        rows.append(
            {
                "case": case.name,
                "se": name,
                "rule": case.rule_of(name),
                "replications": replications,
                "truth": truth,
                "bias": (point - supported).mean(),
                "bias_mc_error": (point - supported).std(ddof=1) / np.sqrt(replications),
                "sd": point.std(ddof=1),
                "sd_around_supported": (point - supported).std(ddof=1),
                "mean_se": np.sqrt((error**2).mean()),
                "coverage_population": around.mean(),
                "coverage_supported": inside.mean(),
            }
        )
    return pd.DataFrame(rows)


def run_named(name: str, replications: int) -> pd.DataFrame:
    """The rows of the case of a name, which is what another process can be sent."""
    return run(next(case for case in CASES if case.name == name), replications)


if __name__ == "__main__":
    run_cases(__file__, __doc__, [case.name for case in CASES], run_named)
