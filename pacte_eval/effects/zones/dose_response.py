"""Change of the outcome by unit of dose: every zone counts, by how much more it trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.definitions.numerals import THIN, number, signed
from pacte_eval.effects.contributions import StoredContributions
from pacte_eval.effects.table import Wording, tidy
from pacte_eval.effects.zones.intensity import (
    ALL_TRAINED,
    BETWEEN_REGIONS,
    OTHER_REGIONS,
    few_clusters,
    zones,
)
from pacte_eval.effects.zones.rounding import rounding_error
from pacte_eval.effects.zones.zone_effects import ZoneEffects
from pacte_eval.frames.zones import ZonePanel

_LEVEL = 0.95
_LEAST = 3


@dataclass(frozen=True)
class DoseResponse:
    """Effect of one unit more of intensity, taken to be linear and the same everywhere.

    For each period, the change of the outcome since the reference window is regressed on the dose;
    with all periods before the start as the window, the mean from the start on is the coefficient
    of dose × after in the two-way fixed effects regression. Errors are clustered by region, or by
    zone where there is one region, with the correction CR2 of Bell and McCaffrey (2002, *Survey
    Methodology* 28, 169–181) and the Student distribution of their degrees of freedom; `bands`,
    which are Gaussian, are too narrow with few clusters. Doses compared identify an effect only if
    a dose would do the same in zones that took another (Callaway, Goodman-Bacon and Sant'Anna 2024,
    NBER working paper 32117).

    Parameters
    ----------
    reference : tuple of int
        First and last period, relative to the start, whose mean is the base. There is no default.
    """

    reference: tuple[int, int]

    def __post_init__(self) -> None:
        first, last = self.reference
        if not first <= last < 0:
            raise InputError(f"reference={self.reference} must run between periods before 0")

    def fit(self, panel: ZonePanel) -> ZoneEffects:
        """Effects per unit of dose, period by period, and their mean from the start on.

        Parameters
        ----------
        panel : ZonePanel

        Raises
        ------
        InputError
            If doses do not vary, there are fewer than three clusters, or the reference window is
            not in the panel.
        """
        check_kind(panel, ZonePanel, use="ZonePanel.from_frame(…)")
        relative, dose = panel.relative, panel.dose
        window = (relative >= self.reference[0]) & (relative <= self.reference[1])
        if window.sum() != self.reference[1] + 1 - self.reference[0]:
            raise InputError(
                f"reference={self.reference} has {int(window.sum())} periods in the panel, which "
                f"begins at {int(relative[0])}"
            )
        if np.ptp(dose) <= rounding_error(float(np.abs(panel.intensity).max())):
            raise InputError(f"all {len(panel)} zones have one dose: no effect follows from it")
        by_region = panel.regions > 1
        clusters = pd.Index(panel.region if by_region else panel.zone)
        number_of_clusters = clusters.nunique()
        if number_of_clusters < _LEAST:
            which = "regions" if by_region else "zones"
            raise InputError(
                f"{number_of_clusters} {which} are too few clusters for an error: {_LEAST} at least"
            )
        changes = panel.values - panel.values[:, window].mean(axis=1)[:, np.newaxis]
        outcomes = np.column_stack([changes, changes[:, panel.before :].mean(axis=1)])
        fit = _Slope.of(dose, outcomes, clusters)
        error = np.sqrt((fit.contributions**2).sum(axis=0))
        half = stats.t.ppf(0.5 + _LEVEL / 2, fit.freedom) * error
        matched = np.append(window, False)
        with np.errstate(invalid="ignore", divide="ignore"):
            p = 2 * stats.t.sf(np.abs(fit.slope) / error, fit.freedom)
        rows = pd.DataFrame(
            {
                "month": pd.array([*relative, None], dtype="Int64"),
                "matched": matched,
                "estimate": fit.slope,
                "se": error,
                "ci_low": fit.slope - half,
                "ci_high": fit.slope + half,
                "p": np.where(matched | (error == 0), np.nan, p),
                "n_treated": len(panel),
            }
        )
        return ZoneEffects(
            table=tidy(rows, self._wording(panel, by_region, number_of_clusters), level=_LEVEL),
            contributions=StoredContributions(fit.contributions, fit.clusters),
            level=_LEVEL,
            policies=_policies(panel),
            assumptions=self._assumptions(panel, fit.freedom),
        )

    def _wording(self, panel: ZonePanel, by_region: bool, clusters: int) -> Wording:
        first, last = self.reference
        between = f"{OTHER_REGIONS}, " if by_region else ""
        per_unit = f"par unité de plus ({panel.measure})"
        window = f"moyenne des trimestres {signed(first)} à {signed(last)}"
        return Wording(
            comparison="zones selon leur dose",
            outcome=panel.outcome,
            estimator="régression des évolutions sur la dose",
            estimand=f"{between}intensité différentielle{THIN}: {per_unit}",
            se_kind=f"CR2 par {'région' if by_region else 'zone'}{few_clusters(clusters)}",
            target_population=zones(len(panel)),
            weights="zones à poids égal, selon l’écart de leur dose à la moyenne",
            base_period=window if first < last else f"trimestre {signed(first)}",
            control_group="zones de dose plus faible",
            contribution_kind="influence",
        )

    def _assumptions(self, panel: ZonePanel, freedom: float) -> tuple[str, ...]:
        dose = panel.dose
        told = [
            "Sans différence de dose, les zones auraient évolué de même.",
            ALL_TRAINED,
            f"Dose{THIN}: hausse de l’intensité moyenne ({panel.measure}), de "
            f"{signed(dose.min(), 2)} à {signed(dose.max(), 2)}. L’effet est tenu pour linéaire en "
            "la dose, le même dans toutes les zones, et aucune zone pour influer sur une autre.",
            f"Intervalles{THIN}: loi de Student à {number(freedom, 1)} degrés de liberté.",
        ]
        if panel.regions > 1:
            told.append(BETWEEN_REGIONS)
        return tuple(told)


@dataclass(frozen=True, eq=False)
class _Slope:
    """Slopes of several outcomes on one variable, with contributions of clusters to them."""

    slope: np.ndarray
    contributions: np.ndarray
    clusters: pd.Index
    freedom: float

    @classmethod
    def of(cls, variable: np.ndarray, outcomes: np.ndarray, cluster: pd.Index) -> _Slope:
        size = len(variable)
        X = np.column_stack([np.ones(size), variable])
        inverse = np.linalg.inv(X.T @ X)
        coefficients = inverse @ X.T @ outcomes
        residual = outcomes - X @ coefficients
        left = np.eye(size) - X @ inverse @ X.T
        codes, found = pd.factorize(cluster)
        made = np.empty((len(found), outcomes.shape[1]))
        spread = np.empty((size, len(found)))
        for one in range(len(found)):
            own = codes == one
            values, vectors = np.linalg.eigh(left[np.ix_(own, own)])
            kept = values > 1e-10
            half = (vectors[:, kept] / np.sqrt(values[kept])) @ vectors[:, kept].T
            row = (half @ X[own] @ inverse)[:, 1]
            made[one] = row @ residual[own]
            spread[:, one] = left[own].T @ row
        products = spread.T @ spread
        freedom = float(np.trace(products) ** 2 / (products**2).sum())
        name = "région" if len(found) < size else "zone"
        return cls(coefficients[1], made, pd.Index(found, name=name), freedom)


def _policies(panel: ZonePanel) -> pd.DataFrame:
    """Declared concurrent policies, and the mean dose of the zones that they reach or not."""
    dose, rows = pd.Series(panel.dose), []
    for policy in panel.policies:
        reached = panel.zone.isin(list(policy.zones)) if policy.zones else np.full(len(dose), True)
        rows.append(
            {
                "policy": policy.name,
                "first": policy.first - panel.start,
                "last": policy.last - panel.start,
                "reached_dose": dose[reached].mean(),
                "other_dose": dose[~reached].mean(),
                "direction": policy.direction,
            }
        )
    names = ["policy", "first", "last", "reached_dose", "other_dose", "direction"]
    return pd.DataFrame(rows, columns=names)
