"""Worlds of persons followed month by month, whose effect is known: where each way to compare
holds, and where it fails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from pacte_eval import Comparison
from pacte_eval.frames import Outcomes, Panel

MONTHS = tuple(range(-12, 7))
PERIODS = np.arange(1, 9)


@dataclass(frozen=True, eq=False)
class Entry:
    """One month of entry: the trained, the others, and the outcome from a year before to six
    months after.

    Attributes
    ----------
    comparison : Comparison
    outcomes : Outcomes
    effect : float array, shape (n,)
        Of each person, from the month of entry on.
    """

    comparison: Comparison
    outcomes: Outcomes
    effect: np.ndarray

    def panel(self, before: int, after: int) -> Panel:
        """The two periods of a difference-in-differences."""
        columns = [MONTHS.index(before), MONTHS.index(after)]
        treated = self.comparison.treated
        return Panel(
            outcome="y",
            values=self.outcomes.values[:, columns],
            periods=np.array([before, after]),
            unit=self.comparison.unit,
            first_treated=np.where(treated, float(after), np.nan),
            covariates=self.comparison.covariates,
            cluster=self.comparison.cluster,
            weights=self.comparison.weights,
        )


@dataclass(frozen=True, eq=False)
class Staggered:
    """Entries in several periods.

    Attributes
    ----------
    panel : Panel
    effect : float array, shape (n, t)
        Of each unit and period, zero before treatment.
    """

    panel: Panel
    effect: np.ndarray

    def path(self, months: np.ndarray) -> np.ndarray:
        """Mean effect by time since treatment over the units seen then."""
        since = self.panel.periods - self.panel.first_treated[:, np.newaxis]
        return np.array([self.effect[since == month].mean() for month in months])


def _entry(
    random: np.random.Generator,
    *,
    units: int = 500,
    hidden: float = 0.0,
    dip: float = 0.0,
    zones: int = 0,
) -> Entry:
    x, z, trait, shock = random.standard_normal((4, units))
    zone = np.arange(units) % zones if zones else np.arange(units)
    shared = random.standard_normal((2, zones)) if zones else np.zeros((2, units))
    index = -0.8 + 0.5 * x + 0.5 * z + hidden * trait - dip * shock + 0.7 * shared[0][zone]
    treated = random.random(units) < expit(index)
    month = np.array(MONTHS)
    effect = 1 + 0.5 * x
    path = (x - z + trait)[:, np.newaxis] + 0.05 * month * (1 + x[:, np.newaxis])
    path = path + shock[:, np.newaxis] * ((month >= -3) & (month < 0)) * (dip > 0)
    path = path + 0.5 * shared[1][zone][:, np.newaxis] * (month >= 0)
    path = path + effect[:, np.newaxis] * (treated[:, np.newaxis] & (month >= 0))
    path = path + random.standard_normal(path.shape)
    frame = pd.DataFrame({"x": x, "z": z, "treated": treated, "zone": zone})
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=["x", "z"], cluster="zone" if zones else None
    )
    return Entry(comparison, Outcomes("y", path, MONTHS, comparison.unit), effect)


def ignorable(random: np.random.Generator) -> Entry:
    """Entry depends on what is observed: levels and differences both hold."""
    return _entry(random)


def fixed_effect(random: np.random.Generator) -> Entry:
    """Entry depends on a lasting trait that is not observed: levels fail."""
    return _entry(random, hidden=0.8)


def dip(random: np.random.Generator) -> Entry:
    """Entry depends on a shock of the three months before, gone after (Ashenfelter's dip)."""
    return _entry(random, dip=0.8)


def zones(random: np.random.Generator) -> Entry:
    """A hundred and twenty zones share what moves entry, and a shock after it."""
    return _entry(random, units=1_800, zones=120)


def zones_few(random: np.random.Generator) -> Entry:
    """Sixty of them: what is left of large-sample errors."""
    return _entry(random, units=900, zones=60)


def _staggered(
    random: np.random.Generator,
    *,
    units: int = 1_000,
    trend: float = 0.0,
    gaps: float = 0.0,
    zones: int = 0,
) -> Staggered:
    groups = np.array([3.0, 5.0, 7.0, np.nan])
    x = random.standard_normal(units)
    score = np.log([0.3, 0.25, 0.2, 0.25]) + 0.5 * np.outer(x, [1, 0.5, 0, -1])
    share = np.exp(score)
    share /= share.sum(axis=1, keepdims=True)
    first = groups[(random.random((units, 1)) > np.cumsum(share, axis=1)[:, :-1]).sum(axis=1)]
    zone = np.arange(units)
    shock = np.zeros((units, len(PERIODS)))
    if zones:
        zone = np.arange(units) % zones
        first = random.choice(groups, zones, p=[0.3, 0.25, 0.2, 0.25])[zone]
        shock = 0.3 * random.standard_normal((zones, len(PERIODS))).cumsum(axis=1)[zone]
    since = PERIODS - first[:, np.newaxis]
    lasting = np.full(units, 0.5) if gaps else np.where(first == 3, 0.75, 0.5) + 0.1 * x
    effect = np.where(since >= 0, lasting[:, np.newaxis] * (since + 1), 0.0)
    path = random.standard_normal((units, 1)) + 0.3 * PERIODS + trend * np.outer(x, PERIODS)
    path = path + shock + effect + random.standard_normal(path.shape)
    path[random.random(path.shape) < gaps] = np.nan
    unit = pd.RangeIndex(units)
    panel = Panel(
        outcome="y",
        values=path,
        periods=PERIODS,
        unit=unit,
        first_treated=first,
        covariates=pd.DataFrame({"x": x}, index=unit),
        cluster=zone,
        weights=np.ones(units),
    )
    return Staggered(panel, effect)


def staggered(random: np.random.Generator) -> Staggered:
    """Parallel trends; effects that grow, more for the first cohort."""
    return _staggered(random)


def staggered_few(random: np.random.Generator) -> Staggered:
    """The same on 400 units, sixty to a hundred and twenty a cohort: what is left of large-sample
    errors."""
    return _staggered(random, units=400)


def staggered_trends(random: np.random.Generator) -> Staggered:
    """Trends that are parallel given a covariate on which entry depends."""
    return _staggered(random, trend=0.15)


def staggered_gaps(random: np.random.Generator) -> Staggered:
    """A tenth of observations missing at random; the same effects for all."""
    return _staggered(random, gaps=0.1)


def staggered_zones(random: np.random.Generator) -> Staggered:
    """A hundred and sixty zones, each treated at once, with shocks of their own: forty or so for a
    cohort."""
    return _staggered(random, units=800, zones=160)
