"""What a test of effects before entry could have found, and what passing it does to those after.

Roth (2022), "Pretest with Caution: Event-Study Estimates after Testing for Parallel Trends",
*American Economic Review: Insights* 4, 305–322: the violation is a line through the reference.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.designs.settings import is_number
from pacte_eval.effects.differences.honest.gaussian_box import GaussianBox, Inside
from pacte_eval.effects.differences.honest.path import EventPath
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.table import check_level, tidy

_SINGULAR = 1e-10
_NEVER = 1e-12


def pretest_power(
    effects: Effects | EventPath,
    slope: float | None = None,
    power: Sequence[float] = (0.5, 0.8),
    *,
    level: float = 0.95,
    anchor: float | None = None,
    first_post: int | None = None,
) -> pd.DataFrame:
    """Linear violations of parallel trends that tests before entry find with a given power.

    Two tests: each period apart (the violation is found where any period before entry is
    significant, Roth's pretest), and all together (Wald).

    Parameters
    ----------
    effects : Effects or EventPath
        As `HonestDiD.fit` takes them; periods balanced by construction are left out.
    slope : float, optional
        A violation to judge, in the unit of the outcome per period.
    power : sequence of float
        Powers for which the slope is sought.
    level : float
        Tests are of size 1 − level: of each period, or of all together.
    anchor : float, optional
        Period at which the line is zero: the reference by default (the last of several).
    first_post : int, optional
        First period that treatment may have changed: by default 0, or −1 for effects fitted with
        ``anticipation=1``.

    Returns
    -------
    DataFrame
        A table of effects, one row per path, test, violation and period: ``slope``; ``power`` of
        the test against it, ``size`` without violation (each period apart, more than 1 − level);
        ``violation``, the bias of the estimate, and ``violation_if_passed``, its bias given that
        the test found nothing. ``power_sought`` is missing for the slope given. A slope of 0
        means that the test rejects so often without any violation; a bias is missing where the test
        is never passed. ``power_error`` and
        ``passed_error`` are the standard errors of simulation, 0 for what is exact.

    Raises
    ------
    InputError
        If nothing before entry can be tested, a setting is out of range, there is no reference
        and no `anchor`, or a linear violation would be certain to be found.
    """
    check_kind(effects, Effects, EventPath, use="an estimator of differences")
    check_level(level)
    if slope is not None and not is_number(slope):
        raise InputError(f"slope={slope!r} must be a finite number")
    if not all(is_number(one) and 0 < one < 1 for one in power):
        raise InputError(f"power={power!r} must hold numbers between 0 and 1")
    if anchor is not None and not is_number(anchor):
        raise InputError(f"anchor={anchor!r} must be a period")
    paths = [effects] if isinstance(effects, EventPath) else EventPath.all_of(effects, first_post)
    return pd.concat(
        [_of(path, slope, list(power), level, anchor) for path in paths], ignore_index=True
    )


class Pretest(ABC):
    """A test that estimates before entry are all zero.

    Parameters
    ----------
    covariance : float array, shape (k, k)
        Of the estimates before entry.
    level : float
    """

    name: str

    @abstractmethod
    def __init__(self, covariance: np.ndarray, level: float) -> None: ...

    @abstractmethod
    def passed(self, violation: np.ndarray) -> Inside:
        """Chance of finding nothing under a violation (k,), and the mean of estimates then."""

    @abstractmethod
    def slope(self, line: np.ndarray, power: float) -> float:
        """Positive multiple of a line (k,) that is found with a given power, or zero."""


class EachPeriod(Pretest):
    """Significant at any period."""

    name = "chaque période séparément"

    def __init__(self, covariance: np.ndarray, level: float) -> None:
        self._deviation = np.sqrt(np.diag(covariance))
        self._limit = float(special.ndtri(0.5 + level / 2))
        self._box = GaussianBox(covariance, self._limit)

    def passed(self, violation: np.ndarray) -> Inside:
        return self._box.at(violation)

    def slope(self, line: np.ndarray, power: float) -> float:
        def short(slope: float) -> float:
            return 1 - self._box.at(slope * line).probability - power

        if short(0.0) >= 0:
            return 0.0
        steepest = float(np.max(np.abs(line) / self._deviation))
        enough = (self._limit + max(float(special.ndtri(power)), 0.0)) / steepest
        return float(optimize.brentq(short, 0.0, 1.1 * enough, xtol=1e-12 * enough, rtol=1e-12))


class AllTogether(Pretest):
    """The Wald statistic is large; singular directions left out."""

    name = "toutes les périodes ensemble (Wald)"

    def __init__(self, covariance: np.ndarray, level: float) -> None:
        self._deviation = np.sqrt(np.diag(covariance))
        values, vectors = np.linalg.eigh(covariance / np.outer(self._deviation, self._deviation))
        kept = values > _SINGULAR * values.max()
        self._values, self._vectors, self._null = values[kept], vectors[:, kept], vectors[:, ~kept]
        self._rank = int(kept.sum())
        self._critical = float(stats.chi2.ppf(level, self._rank))

    def passed(self, violation: np.ndarray) -> Inside:
        distance = self._distance(violation)
        probability = float(stats.ncx2.cdf(self._critical, self._rank, distance))
        further = float(stats.ncx2.cdf(self._critical, self._rank + 2, distance))
        shrunk = further / probability if probability > 0 else np.nan
        return Inside(probability, 0.0, shrunk * violation, np.zeros(len(violation)))

    def slope(self, line: np.ndarray, power: float) -> float:
        if power <= stats.chi2.sf(self._critical, self._rank):
            return 0.0
        most = (np.sqrt(self._critical) + max(float(special.ndtri(power)), 0.0) + 1) ** 2
        found = optimize.brentq(
            lambda distance: stats.ncx2.sf(self._critical, self._rank, distance) - power,
            0.0,
            most,
            xtol=1e-13,
            rtol=1e-13,
        )
        return float(np.sqrt(found / self._distance(line)))

    def _distance(self, violation: np.ndarray) -> float:
        """Squared length of a violation in units of its error."""
        scaled = violation / self._deviation
        if np.abs(self._null.T @ scaled).max(initial=0.0) > 1e-6 * np.abs(scaled).max():
            raise InputError(
                "the covariance before entry is singular, and a linear violation moves what has "
                "no sampling error: it is certain to be found; check anchor="
            )
        return float(np.sum((self._vectors.T @ scaled) ** 2 / self._values))


def _of(
    path: EventPath, slope: float | None, powers: list[float], level: float, anchor: float | None
) -> pd.DataFrame:
    if anchor is None:
        if not path.known:
            raise InputError(
                "no period is the reference: say with anchor= at which period a linear violation "
                "is zero"
            )
        anchor = path.known[-1]
    periods = np.array(path.periods_estimated)
    line = periods - float(anchor)
    before = periods < path.first_post
    inner = path.covariance[np.ix_(before, before)]
    carried = path.covariance[:, before] @ np.linalg.pinv(inner, rcond=_SINGULAR, hermitian=True)
    if not line[before].any():
        raise InputError(f"anchor={anchor:g} is the only period before entry: no line to find")
    parts = []
    for kind in (EachPeriod, AllTogether):
        test = kind(inner, level)
        size = 1 - test.passed(np.zeros(int(before.sum()))).probability
        sought: list[tuple[float, float]] = [(one, test.slope(line[before], one)) for one in powers]
        if slope is not None:
            sought.append((np.nan, float(slope)))
        for target, found in sought:
            violation = found * line
            inside = test.passed(violation[before])
            moved = violation + carried @ (inside.mean - violation[before])
            moved[before] = inside.mean
            simulation = np.abs(carried) @ inside.mean_error
            simulation[before] = inside.mean_error
            if inside.probability < _NEVER:
                moved[:], simulation[:] = np.nan, np.nan
            parts.append(
                pd.DataFrame(
                    {
                        "month": periods,
                        "test": test.name,
                        "power_sought": target,
                        "slope": found,
                        "power": 1 - inside.probability,
                        "power_error": inside.error,
                        "size": size,
                        "estimate": path.estimates,
                        "se": np.sqrt(np.diag(path.covariance)),
                        "violation": violation,
                        "violation_if_passed": moved,
                        "passed_error": simulation,
                        "left_out": path.left_out,
                    }
                )
            )
    said = pd.DataFrame([path.said(periods == one) for one in periods])
    made = pd.concat([part.join(said) for part in parts], ignore_index=True)
    return tidy(made.assign(contribution_kind="none"), level=level)
