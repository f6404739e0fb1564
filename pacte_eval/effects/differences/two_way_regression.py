"""Least squares with an effect of each unit and of each period, and what each unit contributes.

The effect of a unit goes by taking means over the periods at which it is observed; periods stay
as columns. What is left of the columns depends on the cohort of the unit and on which periods it
is observed at: units that share both share one matrix (periods × columns), and cost one product
with their outcomes. A balanced panel has as many matrices as cohorts. Columns that vary by unit
take a matrix for each.

Contributions are A⁻¹ Σₜ w x̃ ê, summed by cluster, for x̃ what units and periods leave of the
regressors (Frisch–Waugh–Lovell) and A = Σ w x̃ x̃'; times √((N − 1) / (N − K − T) · G / (G − 1)) for
N observations, K regressors, T periods and G clusters: the effects of units, nested in clusters,
are not counted. It is the correction that fixest and pyfixest make; linearmodels leaves out the
second factor by default and counts the effects of units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.contributions import summed_by_cluster
from pacte_eval.frames import Panel

_COLLINEAR = 1e-10


@dataclass(frozen=True, eq=False)
class TwoWayFit:
    """Coefficients of a two-way regression.

    Attributes
    ----------
    names : list of str
        Of the coefficients: those of the indicators, then those of the covariates that vary.
    coefficients : float array, shape (k,)
    contributions : float array, shape (clusters, k)
        Their squares sum to the variances; NaN where observations are too few.
    clusters : pandas.Index
    observations : int
        That were used: of units observed at two periods or more.
    alone : int
        Units observed at fewer than two periods, which say nothing.
    """

    names: list[str]
    coefficients: np.ndarray
    contributions: np.ndarray
    clusters: pd.Index
    observations: int
    alone: int

    @property
    def errors(self) -> np.ndarray:
        """Standard errors, clustered: shape (k,)."""
        return np.asarray(np.sqrt((self.contributions**2).sum(axis=0)))


def observed_cells(panel: Panel) -> np.ndarray:
    """Where the outcome and all covariates that vary are observed: bool array, shape (n, t)."""
    seen = np.isfinite(panel.values)
    for values in panel.varying.values():
        seen &= np.isfinite(values)
    return seen


def two_way_regression(
    panel: Panel, cohort: np.ndarray, indicators: np.ndarray, names: Sequence[str]
) -> TwoWayFit:
    """Regress the outcome on indicators and on covariates that vary, by sampling weights.

    Parameters
    ----------
    panel : Panel
        With gaps or not.
    cohort : int array, shape (n,)
    indicators : float array, shape (cohorts, t, k)
        The same for all units of a cohort; k may be 0.
    names : sequence of str
        Of the k indicators.

    Raises
    ------
    InputError
        If no unit is observed twice, there is one cluster, or regressors are collinear given the
        effects of units and periods.
    """
    seen = observed_cells(panel)
    kept = seen.sum(axis=1) >= 2
    if not kept.any():
        raise InputError(
            "no unit is observed at two periods: a two-way regression compares each with itself"
        )
    every = [*names, *panel.varying]
    columns = _Columns(panel, cohort, indicators, seen, kept)
    normal, right = columns.moments()
    solved = _solve(normal, right, columns.periods, every)
    values = np.empty((len(panel), len(every)))
    for rows, matrix, outcome in columns:
        nuisance, regressors = matrix[:, : columns.periods], matrix[:, columns.periods :]
        residual = outcome - matrix @ solved.all_coefficients
        left = (regressors - nuisance @ solved.projection) @ solved.inverse
        values[rows] = panel.weights[rows, np.newaxis] * (residual @ left)
    summed, clusters = summed_by_cluster(values[kept], panel.cluster[kept], correction=False)
    if len(clusters) == 1:
        raise InputError("all units are in one cluster: no standard error can be computed")
    observations = int(seen[kept].sum())
    freedom = observations - len(every) - columns.periods - 1
    factor = (observations - 1) / freedom if freedom > 0 else np.nan
    number = len(clusters)
    return TwoWayFit(
        names=every,
        coefficients=solved.all_coefficients[columns.periods :],
        contributions=summed * np.sqrt(factor * number / (number - 1)),
        clusters=clusters,
        observations=observations,
        alone=int(len(panel) - kept.sum()),
    )


class _Columns:
    """The regressors of groups of units that share them, less their means over observed periods.

    Periods come first, one column each but the first that is observed, then the indicators, then
    the covariates that vary.
    """

    def __init__(
        self,
        panel: Panel,
        cohort: np.ndarray,
        indicators: np.ndarray,
        seen: np.ndarray,
        kept: np.ndarray,
    ) -> None:
        self._panel, self._cohort, self._indicators, self._seen = panel, cohort, indicators, seen
        there = np.flatnonzero(seen[kept].any(axis=0))
        self._dummies = np.eye(seen.shape[1])[:, there[1:]]
        self.periods = len(there) - 1
        self._groups = self._shared(np.flatnonzero(kept))

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Rows, columns (t, p) and outcomes (rows, t) of each group; 0 where not observed."""
        for rows in self._groups:
            first = rows[0]
            seen = self._seen[first]
            matrix = np.column_stack(
                [
                    self._dummies,
                    self._indicators[self._cohort[first]],
                    *(values[first] for values in self._panel.varying.values()),
                ]
            )
            outcome = self._panel.values[rows]
            if not seen.all():
                matrix, outcome = matrix[seen], outcome[:, seen]
            matrix = matrix - matrix.mean(axis=0)
            outcome = outcome - outcome.mean(axis=1, keepdims=True)
            yield rows, matrix, outcome

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Weighted cross products of the columns, and with the outcome."""
        size = self.periods + self._indicators.shape[2] + len(self._panel.varying)
        normal, right = np.zeros((size, size)), np.zeros(size)
        for rows, matrix, outcome in self:
            weights = self._panel.weights[rows]
            normal += weights.sum() * (matrix.T @ matrix)
            right += matrix.T @ (weights @ outcome)
        return normal, right

    def _shared(self, rows: np.ndarray) -> list[np.ndarray]:
        """Rows of units that share their columns."""
        if self._panel.varying:
            return list(rows[:, np.newaxis])
        seen = self._seen[rows]
        group = self._cohort[rows]
        if not seen.all():
            bits = np.packbits(seen, axis=1)
            pattern = np.ascontiguousarray(bits).view(f"V{bits.shape[1]}")[:, 0]
            pattern = np.unique(pattern, return_inverse=True)[1]
            group = group * (pattern.max() + 1) + pattern
        order = np.argsort(group, kind="stable")
        return np.split(rows[order], np.flatnonzero(np.diff(group[order])) + 1)


@dataclass(frozen=True, eq=False)
class _Solution:
    """Coefficients of periods then regressors; regressors on periods; the inverse of A."""

    all_coefficients: np.ndarray
    projection: np.ndarray
    inverse: np.ndarray


def _solve(normal: np.ndarray, right: np.ndarray, periods: int, names: Sequence[str]) -> _Solution:
    scale = np.sqrt(np.diag(normal))
    still = [name for name, size in zip(names, scale[periods:], strict=True) if size == 0]
    if still:
        raise InputError(f"regressor '{still[0]}' varies within no unit: leave it out")
    correlation, target = normal / np.outer(scale, scale), right / scale
    among, across = correlation[:periods, :periods], correlation[:periods, periods:]
    generalised = np.linalg.pinv(among, rcond=_COLLINEAR, hermitian=True)
    projection = generalised @ across
    left = correlation[periods:, periods:] - across.T @ projection
    values, vectors = np.linalg.eigh(left)
    if len(values) and values[0] < _COLLINEAR:
        alike = np.flatnonzero(np.abs(vectors[:, 0]) > 1e-3)
        shown = ", ".join(names[place] for place in alike[:6]) + (", …" if len(alike) > 6 else "")
        raise InputError(
            f"given the effects of units and periods, {len(alike)} regressors are collinear "
            f"({shown}): leave one out"
        )
    inverse = np.linalg.inv(left)
    own = inverse @ (target[periods:] - projection.T @ target[:periods])
    period = generalised @ (target[:periods] - across @ own)
    outer = scale[periods:]
    return _Solution(
        all_coefficients=np.concatenate([period, own]) / scale,
        projection=projection * outer / scale[:periods, np.newaxis],
        inverse=inverse / np.outer(outer, outer),
    )
