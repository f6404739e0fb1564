"""Does the 95 % interval hold the truth 95 times in 100, and does the band hold the whole path?

Run from the root of the repository::

    python benchmarks/coverage/differences.py [REPLICATIONS] [--only TEXT]

prints a table and writes it in ``differences.csv`` beside this file, 2,000 replications by default,
on two processes; with ``--only``, the rows of these cases take the place of theirs.

Levels, differences, two-by-two, group-time, imputation, Sun–Abraham and doubly robust estimates in
worlds where they hold and where they fail (`worlds.py`). ``coverage`` and ``bias`` are of the mean
effect on the treated of each draw, weighted as the estimate weighs them: six months after entry,
or one period after treatment where entries are staggered; of one coefficient of treatment, the mean
over treated observations. ``band`` is how often the simultaneous 95 % band holds every effect from
entry on. ``rule`` says what is required: ``tested``, 93 to 97 % of ``coverage``, and of ``band``
94 % or more; ``one-sided``, 94 % or more of both; ``reported``, nothing; ``fails``, a world where
the estimator is known to be wrong, whose bias must be visible: over four of its Monte Carlo errors.
The error of a coverage of 95 % over 2,000 replications is half a point.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import worlds
from cases import run_cases

from pacte_eval import NearestNeighbour, estimate
from pacte_eval.designs import EntropyBalancing
from pacte_eval.effects import Effects
from pacte_eval.effects.bands import critical_value
from pacte_eval.effects.differences.group_time.estimator import GroupTimeATT
from pacte_eval.effects.differences.staggered.extended import ExtendedTwoWay
from pacte_eval.effects.differences.staggered.imputation import Imputation
from pacte_eval.effects.differences.staggered.interaction_weighted import SunAbraham
from pacte_eval.effects.differences.two_by_two import DifferenceInDifferences
from pacte_eval.effects.differences.two_way.fixed_effects import TwoWayFixedEffects
from pacte_eval.effects.doubly_robust import DoublyRobust
from pacte_eval.frames import Panel

SEED = 2019
LAST = worlds.MONTHS[-1]
TESTED, ONE_SIDED, REPORTED, FAILS = "tested", "one-sided", "reported", "fails"
YEAR_BEFORE, JUST_BEFORE = (-12, -7), (-3, -1)
Draw = Callable[[np.random.Generator], Any]


@dataclass(frozen=True)
class Answer:
    """Estimates of a path with their truths, and which row is judged alone."""

    effects: Effects
    truth: np.ndarray
    row: int


@dataclass(frozen=True)
class Case:
    """A world, an estimator in it, and what is required."""

    draw: Draw
    estimator: str
    answer: Callable[[Any], Answer]
    rule: str

    @property
    def name(self) -> str:
        return f"{self.draw.__name__.replace('_', ' ')}: {self.estimator}"


def from_entry(effects: Effects, truth: float) -> Answer:
    """The months from entry on, each with the same truth."""
    months = effects.table["month"].to_numpy(dtype=float)
    if len(months) == 1:
        return Answer(effects, np.array([truth]), 0)
    return Answer(effects, np.where(months >= 0, truth, np.nan), int(np.argmax(months)))


def designed(design: Any, **options: Any) -> Callable[[worlds.Entry], Answer]:
    def answer(world: worlds.Entry) -> Answer:
        made = design.fit(world.comparison)
        treated = world.comparison.treated
        truth = np.average(world.effect[treated], weights=made.weights[treated])
        return from_entry(estimate(made, world.outcomes, **options), float(truth))

    return answer


def doubly_robust(world: worlds.Entry) -> Answer:
    effects = DoublyRobust().fit(world.comparison, world.outcomes)
    return from_entry(effects, float(world.effect[world.comparison.treated].mean()))


def two_by_two(before: int) -> Callable[[worlds.Entry], Answer]:
    def answer(world: worlds.Entry) -> Answer:
        effects = DifferenceInDifferences().fit(world.panel(before, LAST))
        return from_entry(effects, float(world.effect[world.comparison.treated].mean()))

    return answer


def dynamic(estimator: Any, *, covariates: bool) -> Callable[[worlds.Staggered], Answer]:
    def answer(world: worlds.Staggered) -> Answer:
        panel = world.panel
        if not covariates:
            panel = _without_covariates(panel)
        effects = estimator.fit(panel).aggregate("dynamic")
        months = effects.table["month"].to_numpy(dtype=float, na_value=np.nan)
        truth = np.full(len(months), np.nan)
        truth[months >= 0] = world.path(months[months >= 0])
        return Answer(effects, truth, int(np.flatnonzero(months == 1)[0]))

    return answer


def one_coefficient(world: worlds.Staggered) -> Answer:
    effects = TwoWayFixedEffects().fit(_without_covariates(world.panel))
    since = world.panel.periods - world.panel.first_treated[:, np.newaxis]
    return Answer(effects, np.array([world.effect[since >= 0].mean()]), 0)


def _without_covariates(panel: Panel) -> Panel:
    return replace(panel, covariates=panel.covariates[[]])


MATCHING = NearestNeighbour(neighbours=4)
LEVEL = ("matching, level", designed(MATCHING))
BALANCED = ("entropy balancing, level", designed(EntropyBalancing()))
DIFFERENCE = (
    "matching, difference from a year before",
    designed(MATCHING, contrast="difference", reference=YEAR_BEFORE),
)
BALANCED_DIFFERENCE = (
    "entropy balancing, difference from a year before",
    designed(EntropyBalancing(), contrast="difference", reference=YEAR_BEFORE),
)
SHORT_DIFFERENCE = (
    "matching, difference from just before",
    designed(MATCHING, contrast="difference", reference=JUST_BEFORE),
)
ROBUST = ("doubly robust, level", doubly_robust)
TWO_BY_TWO = ("doubly robust, two by two from a year before", two_by_two(-12))
SHORT_TWO_BY_TWO = ("doubly robust, two by two from just before", two_by_two(-1))
GROUP_TIME = ("group-time, doubly robust", dynamic(GroupTimeATT(), covariates=True))
NOT_YET = (
    "group-time, not yet treated",
    dynamic(GroupTimeATT(control="not-yet-treated"), covariates=True),
)
SUN_ABRAHAM = ("Sun–Abraham", dynamic(SunAbraham(), covariates=False))
EXTENDED = ("extended two-way", dynamic(ExtendedTwoWay(), covariates=True))
IMPUTATION = ("imputation", dynamic(Imputation(), covariates=True))
WITHOUT = ("imputation without covariate", dynamic(Imputation(), covariates=False))
ONE = ("two-way fixed effects, one coefficient", one_coefficient)

RULES: list[tuple[Draw, list[tuple[tuple[str, Any], str]]]] = [
    (
        worlds.ignorable,
        [
            (LEVEL, REPORTED),
            (BALANCED, TESTED),
            (DIFFERENCE, REPORTED),
            (BALANCED_DIFFERENCE, TESTED),
            (ROBUST, TESTED),
            (TWO_BY_TWO, TESTED),
        ],
    ),
    (
        worlds.fixed_effect,
        [
            (LEVEL, FAILS),
            (BALANCED, FAILS),
            (ROBUST, FAILS),
            (DIFFERENCE, REPORTED),
            (BALANCED_DIFFERENCE, TESTED),
            (TWO_BY_TWO, TESTED),
        ],
    ),
    (
        worlds.dip,
        [
            (LEVEL, REPORTED),
            (BALANCED, TESTED),
            (ROBUST, TESTED),
            (DIFFERENCE, REPORTED),
            (SHORT_DIFFERENCE, FAILS),
            (TWO_BY_TWO, TESTED),
            (SHORT_TWO_BY_TWO, FAILS),
        ],
    ),
    (
        worlds.zones,
        [
            (LEVEL, REPORTED),
            (BALANCED, TESTED),
            (BALANCED_DIFFERENCE, TESTED),
            (ROBUST, TESTED),
            (TWO_BY_TWO, TESTED),
        ],
    ),
    (worlds.zones_few, [(BALANCED, REPORTED), (ROBUST, REPORTED), (TWO_BY_TWO, REPORTED)]),
    (
        worlds.staggered,
        [
            (GROUP_TIME, TESTED),
            (NOT_YET, TESTED),
            (SUN_ABRAHAM, TESTED),
            (EXTENDED, TESTED),
            (IMPUTATION, ONE_SIDED),
            (ONE, FAILS),
        ],
    ),
    (
        worlds.staggered_few,
        [
            (GROUP_TIME, REPORTED),
            (NOT_YET, REPORTED),
            (SUN_ABRAHAM, REPORTED),
            (EXTENDED, REPORTED),
            (IMPUTATION, REPORTED),
        ],
    ),
    (
        worlds.staggered_trends,
        [
            (GROUP_TIME, TESTED),
            (EXTENDED, TESTED),
            (IMPUTATION, ONE_SIDED),
            (SUN_ABRAHAM, FAILS),
            (WITHOUT, FAILS),
        ],
    ),
    (
        worlds.staggered_gaps,
        [(GROUP_TIME, TESTED), (SUN_ABRAHAM, TESTED), (EXTENDED, TESTED), (IMPUTATION, ONE_SIDED)],
    ),
    (
        worlds.staggered_zones,
        [(GROUP_TIME, TESTED), (SUN_ABRAHAM, TESTED), (EXTENDED, TESTED), (IMPUTATION, ONE_SIDED)],
    ),
]
CASES = [
    Case(draw, name, answer, rule) for draw, listed in RULES for (name, answer), rule in listed
]


def run(case: Case, replications: int) -> pd.DataFrame:
    """The row of a case."""
    warnings.simplefilter("ignore")
    random = np.random.default_rng([SEED, zlib.crc32(case.draw.__name__.encode())])
    found = []
    for _ in range(replications):
        answer = case.answer(case.draw(random))
        row, truth = answer.effects.table.iloc[answer.row], float(answer.truth[answer.row])
        inside = row["ci_low"] <= truth <= row["ci_high"]
        found.append((row["estimate"], row["se"], truth, inside, _band(answer)))
    point, error, truth, inside, band = np.array(found, dtype=float).T
    gap = point - truth
    return pd.DataFrame(
        [
            {
                "case": case.name,
                "rule": case.rule,
                "replications": replications,
                "missing": int(np.isnan(error).sum()),
                "truth": truth.mean(),
                "bias": gap.mean(),
                "bias_mc_error": gap.std(ddof=1) / np.sqrt(replications),
                "sd": gap.std(ddof=1),
                "mean_se": np.sqrt((error**2).mean()),
                "coverage": inside.mean(),
                "band": np.nan if np.isnan(band).all() else band.mean(),
            }
        ]
    )


def _band(answer: Answer) -> float:
    """Whether the band holds every effect whose truth is known; missing for one effect."""
    table, contributions = answer.effects.table, answer.effects.contributions
    rows = np.flatnonzero(np.isfinite(answer.truth))
    if len(rows) < 2 or contributions is None:
        return np.nan
    critical = critical_value(contributions, rows.tolist(), "gaussian", 0.95)
    gap = np.abs(table["estimate"].to_numpy()[rows] - answer.truth[rows])
    return float((gap <= critical * table["se"].to_numpy()[rows]).all())


def run_named(name: str, replications: int) -> pd.DataFrame:
    """The rows of the case of a name, which is what another process can be sent."""
    return run(next(case for case in CASES if case.name == name), replications)


if __name__ == "__main__":
    run_cases(__file__, __doc__, [case.name for case in CASES], run_named)
