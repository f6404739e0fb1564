"""Do the intervals of bounds hold either end of what is identified 95 times in 100?

Run from the root of the repository::

    python benchmarks/coverage/certified.py [REPLICATIONS] [--only TEXT]

prints a table and writes it in ``certified.csv`` beside this file, 2,000 replications by default
(1,000 in the table kept here), on two processes; with ``--only``, the rows of these cases take the
place of theirs.

``low`` and ``high`` are the ends of what is identified in the population the data are drawn from.
An interval for the effect must hold each end, as the effect may be there: ``…_imbens_manski`` and
``…_stoye`` are the shares of draws whose interval does. The rule is 94 % at least of the smaller of
the two, within the Monte Carlo error, which is 0.7 point over 1,000 replications; intervals err
outwards at kinks, where they may hold more.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from cases import run_cases
from scipy import integrate, stats

from pacte_eval import Comparison, NearestNeighbour, Outcomes
from pacte_eval.designs import ExactMatching, InverseProbability
from pacte_eval.effects.certified import Certification, lee_bounds, principal_stratum_bounds

SEED = 2024
STRATA = ("certifie si formé", "ne certifie pas si formé")
Numbers = tuple[float, ...]
Ends = tuple[float, float]


@dataclass(frozen=True)
class People:
    """People in cells: shares of each, chance of training, of certifying, and rates.

    Attributes
    ----------
    certified, other, untrained : tuples of float
        Rates of employment by cell, of trainees who certify, of those who do not, of controls.
    unknown : float
        Share of trainees whose certification is not known, at random.
    """

    chance: Numbers
    share: Numbers
    certified: Numbers
    other: Numbers
    untrained: Numbers
    unknown: float = 0.0
    size: int = 2_000

    def draw(self, random: np.random.Generator) -> tuple[Comparison, Outcomes, Certification]:
        cell = random.integers(0, len(self.chance), self.size)
        treated = random.random(self.size) < np.array(self.chance)[cell]
        certifies = random.random(self.size) < np.array(self.share)[cell]
        trained = np.where(certifies, np.array(self.certified)[cell], np.array(self.other)[cell])
        rate = np.where(treated, trained, np.array(self.untrained)[cell])
        y = (random.random(self.size) < rate).astype(float)
        known = certifies.astype(object)
        known[random.random(self.size) < self.unknown] = None
        frame = pd.DataFrame({"treated": treated, "cell": pd.Categorical(cell), "stratum": cell})
        comparison = Comparison.from_frame(
            frame, treated="treated", covariates=["cell"], strata=["stratum"]
        )
        return (
            comparison,
            Outcomes("emploi", y, (24,), comparison.unit),
            Certification.from_series(known, comparison),
        )

    def identified(self, stratum: int, *, by_cell: bool, dominance: bool) -> Ends:
        """Ends of the effect in a stratum: 0 certifies, 1 does not."""
        weight = np.array(self.chance) / sum(self.chance)
        share = np.array(self.share) if stratum == 0 else 1 - np.array(self.share)
        rate = np.array(self.certified if stratum == 0 else self.other)
        control = np.array(self.untrained)
        reached = float(weight @ (share * rate))
        if not by_cell:
            share, control = np.atleast_1d(weight @ share), np.atleast_1d(weight @ control)
            weight = np.ones(1)
        mass = float(weight @ share)
        if self.unknown:
            return self._worst(float(share[0]), reached, float(control[0]), stratum)
        least, most = np.maximum(0, control - 1 + share), np.minimum(control, share)
        if dominance and stratum == 0:
            least = share * control
        if dominance and stratum == 1:
            most = share * control
        return (reached - weight @ most) / mass, (reached - weight @ least) / mass

    def _worst(self, share: float, reached: float, control: float, stratum: int) -> Ends:
        """Search over the unknown who are in the stratum, of one cell."""
        known, unknown = 1 - self.unknown, self.unknown
        rates = (self.certified[0], self.other[0])
        mixed = self.share[0] * rates[0] + (1 - self.share[0]) * rates[1]
        inside = np.linspace(0, unknown, 100_001)
        mass = known * share + inside
        best = known * reached + np.minimum(unknown * mixed, inside)
        worst = known * reached + np.maximum(0, unknown * mixed - unknown + inside)
        low = (worst - np.minimum(control, mass)) / mass
        high = (best - np.maximum(0, control - 1 + mass)) / mass
        return float(low.min()), float(high.max())


@dataclass(frozen=True)
class Case:
    """People, a design, and what is assumed of their bounds."""

    name: str
    people: People
    design: Any
    by_cell: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def truths(self) -> list[Ends]:
        return [
            self.people.identified(
                stratum, by_cell=self.by_cell, dominance=self.options.get("dominance", False)
            )
            for stratum in (0, 1)
        ]

    def bounds(self, random: np.random.Generator) -> pd.DataFrame:
        comparison, outcomes, certification = self.people.draw(random)
        design = self.design.fit(comparison)
        cells = comparison.strata["stratum"] if self.by_cell else None
        return principal_stratum_bounds(
            design, outcomes, certification, cells=cells, **self.options
        )


PUBLISHED = People((0.5,), (0.82,), (0.641,), (0.411,), (0.5,))
NARROW = People((0.5,), (0.98,), (0.6,), (0.5,), (0.5,), size=8_000)
KINK = People((0.5,), (0.5,), (0.7,), (0.5,), (0.5,))
PARTLY = People((0.5,), (0.82,), (0.641,), (0.411,), (0.5,), unknown=0.1)
CELLS = People(
    (0.3, 0.4, 0.5, 0.6),
    (0.9, 0.8, 0.7, 0.5),
    (0.8, 0.7, 0.6, 0.4),
    (0.6, 0.5, 0.4, 0.3),
    (0.65, 0.5, 0.35, 0.25),
)
KINKS = People((0.5,) * 8, (0.6, 0.7) * 4, (0.7, 0.6) * 4, (0.5,) * 8, (0.4, 0.3) * 4, size=3_200)
DOMINANCE = {"dominance": True}
EXACT, ODDS = ExactMatching(["stratum"]), InverseProbability()

CASES = [
    Case("published rates", PUBLISHED, EXACT),
    Case("published rates, dominance", PUBLISHED, EXACT, options=DOMINANCE),
    Case("nearly everyone certifies", NARROW, EXACT),
    Case("both ends at a kink", KINK, EXACT),
    Case("a tenth of states unknown", PARTLY, EXACT),
    Case("four cells: inverse probability", CELLS, ODDS),
    Case("four cells: inverse probability, by cell", CELLS, ODDS, by_cell=True),
    Case("four cells: inverse probability, by cell, dominance", CELLS, ODDS, True, DOMINANCE),
    Case("four cells: exact matching, by cell", CELLS, EXACT, by_cell=True),
    Case(
        "four cells: 3 neighbours within, by cell",
        CELLS,
        NearestNeighbour(neighbours=3, exact=("stratum",)),
        by_cell=True,
    ),
    Case("eight cells at kinks: inverse probability, by cell", KINKS, ODDS, by_cell=True),
]


@dataclass(frozen=True)
class LeeCase:
    """Standard normal earnings, seen of the employed."""

    name: str
    treated_rate: float
    control_rate: float
    size: int = 2_000

    def truths(self) -> list[Ends]:
        kept = min(self.treated_rate, self.control_rate) / max(self.treated_rate, self.control_rate)
        cut = stats.norm.ppf(kept)
        lowest = integrate.quad(lambda y: y * stats.norm.pdf(y), -np.inf, cut)[0] / kept
        return [(lowest, -lowest)]

    def bounds(self, random: np.random.Generator) -> pd.DataFrame:
        treated = random.random(self.size) < 0.5
        frame = pd.DataFrame({"treated": treated, "all": 0})
        comparison = Comparison.from_frame(frame, treated="treated", covariates=[], strata=["all"])
        rate = np.where(treated, self.treated_rate, self.control_rate)
        works = (random.random(self.size) < rate).astype(float)
        table = lee_bounds(
            ExactMatching(["all"]).fit(comparison),
            Outcomes("emploi", works, (24,), comparison.unit),
            Outcomes("salaires", random.standard_normal(self.size), (24,), comparison.unit),
        )
        return table.assign(stratum="en emploi avec ou sans formation")


LEE = [
    LeeCase("Lee: 60 % against 50 %", 0.6, 0.5),
    LeeCase("Lee: 50 % against 70 %", 0.5, 0.7),
]


def run(case: Case | LeeCase, replications: int) -> pd.DataFrame:
    """One row per stratum of a case."""
    random = np.random.default_rng([SEED, zlib.crc32(case.name.encode())])
    tables = [case.bounds(random).assign(draw=draw) for draw in range(replications)]
    whole = pd.concat(tables, ignore_index=True)
    rows = []
    names = STRATA if isinstance(case, Case) else ("en emploi avec ou sans formation",)
    for name, truth in zip(names, case.truths(), strict=True):
        found = whole[whole["stratum"] == name]
        row = {
            "case": case.name,
            "stratum": name,
            "replications": replications,
            "low": truth[0],
            "high": truth[1],
        }
        for end, value in zip(("low", "high"), truth, strict=True):
            row[f"bias_{end}"] = (found[end] - value).mean()
            row[f"sd_{end}"] = found[end].std(ddof=1)
            row[f"mean_se_{end}"] = np.sqrt((found[f"{end}_se"] ** 2).mean())
        for label, suffix in (("imbens_manski", ""), ("stoye", "_stoye")):
            if f"ci_low{suffix}" not in found:
                continue
            first, last = found[f"ci_low{suffix}"], found[f"ci_high{suffix}"]
            held = [((first <= value) & (value <= last)).mean() for value in truth]
            row |= {
                f"low_{label}": held[0],
                f"high_{label}": held[1],
                f"width_{label}": (last - first).mean(),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def run_named(name: str, replications: int) -> pd.DataFrame:
    """The rows of the case of a name, which is what another process can be sent."""
    every: list[Case | LeeCase] = [*CASES, *LEE]
    return run(next(case for case in every if case.name == name), replications)


if __name__ == "__main__":
    run_cases(__file__, __doc__, [case.name for case in [*CASES, *LEE]], run_named)
