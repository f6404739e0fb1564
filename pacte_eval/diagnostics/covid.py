"""Is the effect another for those whose follow-up crossed the Covid crisis?

Effects by month of entry are regressed on the share of the follow-up that fell in the crisis, by
generalised least squares with their joint covariance, to which a variance between months of entry
is added: they differ in more than the crisis. That variance makes the dispersion left equal to its
degrees of freedom (Paule and Mandel 1982, *Journal of Research of the National Bureau of Standards*
87, 377–385), and errors are read on Student's quantiles with as many.

Exposure grows with the date of entry: whatever else changed
with it, as the mix of trainings, is in the slope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg, stats
from scipy.optimize import brentq

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.months import month_name, parse_month
from pacte_eval.definitions.numerals import amount, interval, number, percent
from pacte_eval.diagnostics.joint_test import varying
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects import Effects

NAME = "crise du Covid"
ALARM = 0.05
START, END = parse_month("2020-03"), parse_month("2021-06")
FEWEST = 3
OUTSIDE, SLOPE = "sans crise", "écart si tout le suivi est dans la crise"


def covid_exposure(entry: int, month: int) -> float:
    """Share of months 1 to `month` after an entry that fall from March 2020 to June 2021.

    Parameters
    ----------
    entry : int
        Calendar month of entry, year × 12 + month − 1.
    month : int
        Months since entry, from 1.

    Raises
    ------
    InputError
        If `month` is not positive.
    """
    if month < 1:
        raise InputError(f"month={month} must be after entry: exposure is that of the follow-up")
    calendar = entry + np.arange(1, month + 1)
    return float(((calendar >= START) & (calendar <= END)).mean())


@dataclass(frozen=True, eq=False)
class CovidInteraction:
    """Effects by month of entry against the exposure of their follow-up to the crisis.

    Attributes
    ----------
    cohorts : DataFrame
        One row per month of entry: ``cell``, ``entry`` (calendar month), ``exposure``,
        ``estimate``, ``se``, ``n_treated``, ``fitted``; empty fitted values where the line is not
        identified.
    line : DataFrame
        ``term`` (``"sans crise"``, and the difference were all of the follow-up in the crisis),
        ``estimate``, ``se``, ``ci_low``, ``ci_high``, ``p``; empty where it is not identified.
    between_sd : float
        Standard deviation of the effects of months of entry around the line, chance deduced.
    dispersion_p : float
        Of the test that there is none: that exposure alone makes the effects differ.
    month : int
    """

    cohorts: pd.DataFrame
    line: pd.DataFrame
    between_sd: float
    dispersion_p: float
    month: int

    def sentence(self, unit: str = "points") -> str:
        """The slope in French, and what it may be read as."""
        if self.line.empty:
            return (
                f"À {self.month} mois, l’effet ne peut pas être comparé selon l’exposition à la "
                "crise du Covid\u202f: il faut au moins trois mois d’entrée, exposés inégalement."
            )
        slope = self.line.iloc[1]
        low, high = self.cohorts["exposure"].min(), self.cohorts["exposure"].max()
        text = (
            f"À {self.month} mois, entre un suivi hors de la crise du Covid et un suivi tout "
            f"entier dedans, l’effet différerait de {amount(slope['estimate'], unit, sign=True)} "
            f"{interval(slope['ci_low'], slope['ci_high'], unit)} (p\u202f= "
            f"{number(slope['p'], 3)})\u202f; {len(self.cohorts)} mois d’entrée, de "
            f"{month_name(int(self.cohorts['entry'].min()))} à "
            f"{month_name(int(self.cohorts['entry'].max()))}, exposés de {percent(low, 0)} à "
            f"{percent(high, 0)} de leur suivi."
        )
        if low > 0:
            text += " Aucun n’y échappe\u202f: l’effet sans crise est une extrapolation."
        if self.dispersion_p < ALARM:
            text += " Les mois d’entrée diffèrent aussi par autre chose que la crise."
        return text

    def verdicts(self, unit: str = "points") -> Verdicts:
        """Whether the effect depends on exposure.

        Returns
        -------
        Verdicts
            ``value`` is the p-value of the slope: pass from 5 %, else a warning, the mean effect
            being one of a time of crisis; non testable where the line is not identified.
        """
        text = self.sentence(unit)
        if self.line.empty:
            return Verdicts.single(NAME, np.nan, ALARM, "non testable", text)
        p = float(self.line["p"].iloc[1])
        verdict: Verdict = "pass" if p >= ALARM else "warning"
        return Verdicts.single(NAME, p, ALARM, verdict, text)


def covid_interaction(effects: Effects, entries: Mapping[str, int], month: int) -> CovidInteraction:
    """Effects by month of entry, regressed on the exposure of their follow-up.

    Parameters
    ----------
    effects : Effects
        One outcome by month of entry, as ``effects.by("entry_month")`` gives it.
    entries : mapping of str to int
        Calendar month of entry, year × 12 + month − 1, of each cell.
    month : int
        Months since entry, from 1.

    Returns
    -------
    CovidInteraction
        Of the cells of `entries` whose estimate varies.

    Raises
    ------
    InputError
        If no cell of `entries` has an estimate at the month, or one has several, or `month` is not
        positive.
    """
    exposures = {cell: covid_exposure(entry, month) for cell, entry in entries.items()}
    table = effects.table
    asked = (table["month"] == month) & table["cell"].isin(list(entries))
    if not asked.any():
        raise InputError(f"no month of entry has an estimate at month {month}: check the cells")
    twice = table.loc[asked, "cell"].duplicated()
    if twice.any():
        raise InputError(
            f"cell '{table.loc[asked, 'cell'][twice].iloc[0]}' has several estimates at month "
            f"{month}: keep one outcome and comparison"
        )
    chosen = asked.to_numpy() & varying(effects)
    cohorts = table.loc[chosen, ["cell", "estimate", "se", "n_treated"]].reset_index(drop=True)
    cohorts.insert(1, "entry", cohorts["cell"].map(entries).astype(int))
    cohorts.insert(2, "exposure", cohorts["cell"].map(exposures).astype(float))
    if len(cohorts) < FEWEST or cohorts["exposure"].nunique() < 2:
        empty = pd.DataFrame(columns=["term", "estimate", "se", "ci_low", "ci_high", "p"])
        return CovidInteraction(cohorts.assign(fitted=np.nan), empty, np.nan, np.nan, month)
    covariance = effects.covariance(chosen).to_numpy()
    regressors = np.column_stack([np.ones(len(cohorts)), cohorts["exposure"]])
    found = cohorts["estimate"].to_numpy(dtype=float)
    freedom = len(cohorts) - 2
    alone = _dispersion(0.0, found, regressors, covariance)
    between = 0.0
    if alone > freedom:
        between = brentq(
            lambda added: _dispersion(added, found, regressors, covariance) - freedom,
            0.0,
            float(found @ found),
        )
    coefficient, bread, _ = _line(between, found, regressors, covariance)
    error = np.sqrt(np.diag(bread))
    student = stats.t(freedom)
    half = float(student.ppf(0.5 + effects.level / 2)) * error
    line = pd.DataFrame(
        {
            "term": [OUTSIDE, SLOPE],
            "estimate": coefficient,
            "se": error,
            "ci_low": coefficient - half,
            "ci_high": coefficient + half,
            "p": 2 * student.sf(np.abs(coefficient) / error),
        }
    )
    return CovidInteraction(
        cohorts.assign(fitted=regressors @ coefficient),
        line,
        float(np.sqrt(between)),
        float(stats.chi2.sf(alone, freedom)),
        month,
    )


def _line(
    between: float, found: np.ndarray, regressors: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients, their covariance, and the inverse covariance of the effects."""
    weight = linalg.pinvh(covariance + between * np.eye(len(found)))
    bread = np.linalg.inv(regressors.T @ weight @ regressors)
    return bread @ regressors.T @ weight @ found, bread, weight


def _dispersion(
    between: float, found: np.ndarray, regressors: np.ndarray, covariance: np.ndarray
) -> float:
    """Squared distance to the line, in errors: it falls as the variance between months grows."""
    coefficient, _, weight = _line(between, found, regressors, covariance)
    left = found - regressors @ coefficient
    return float(left @ weight @ left)
