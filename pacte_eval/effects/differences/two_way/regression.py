"""Least squares with an effect of each unit and of each period, and what each unit contributes.

The effect of a unit goes by taking means over the periods at which it is observed; periods stay
as columns. Indicators are the same for all units of a cohort: what they leave once centred is
M' L M, for M the matrix (periods × columns) of the cohort and L = Σ w (diag(m) − m m' / |m|) summed
over its units, m being 1 where a unit is observed. A balanced panel, one with gaps and one with
covariates that vary cost one pass each over units by periods.

Contributions are A⁻¹ Σₜ w x̃ ê, summed by cluster, for x̃ what units and periods leave of the
regressors (Frisch–Waugh–Lovell) and A = Σ w x̃ x̃'; times √((N − 1) / (N − K − T) · G / (G − 1)) for
N observations, K regressors, T periods and G clusters: the effects of units, nested in clusters,
are not counted. It is the correction that fixest and pyfixest make; linearmodels leaves out the
second factor by default and counts the effects of units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.contributions import summed_by_cluster
from pacte_eval.frames import Panel

_COLLINEAR = 1e-10
_BLOCK = 50_000


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
    system = _System(panel, cohort, indicators, seen, kept)
    normal, right = system.moments()
    solved = _solve(normal, right, system.periods, every)
    values = system.contributions(solved)
    summed, clusters = summed_by_cluster(values, panel.cluster[kept], correction=False)
    if len(clusters) == 1:
        raise InputError("all units are in one cluster: no standard error can be computed")
    observations = int(seen[kept].sum())
    freedom = observations - len(every) - system.periods - 1
    factor = (observations - 1) / freedom if freedom > 0 else np.nan
    number = len(clusters)
    return TwoWayFit(
        names=every,
        coefficients=solved.coefficients[system.periods :],
        contributions=summed * np.sqrt(factor * number / (number - 1)),
        clusters=clusters,
        observations=observations,
        alone=int(len(panel) - kept.sum()),
    )


class _System:
    """The regression of units observed twice or more, by blocks of units of one cohort.

    Columns are periods but the first that is observed, then indicators, then covariates that vary.
    """

    def __init__(
        self,
        panel: Panel,
        cohort: np.ndarray,
        indicators: np.ndarray,
        seen: np.ndarray,
        kept: np.ndarray,
    ) -> None:
        self._panel, self._indicators, self._seen = panel, indicators, seen
        self._kept = np.flatnonzero(kept)
        there = np.flatnonzero(seen[kept].any(axis=0))
        self._dummies = np.eye(seen.shape[1])[:, there[1:]]
        self.periods = len(there) - 1
        self._blocks = []
        for number in range(len(indicators)):
            rows = np.flatnonzero(kept & (cohort == number))
            starts = range(0, len(rows), _BLOCK)
            self._blocks += [(number, rows[start : start + _BLOCK]) for start in starts]

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Weighted cross products of the columns once centred, and with the outcome."""
        fixed = self.periods + self._indicators.shape[2]
        size = fixed + len(self._panel.varying)
        normal, right = np.zeros((size, size)), np.zeros(size)
        for number, rows in self._blocks:
            block = self._block(rows)
            matrix = np.hstack([self._dummies, self._indicators[number]])
            normal[:fixed, :fixed] += matrix.T @ block.laplacian() @ matrix
            right[:fixed] += matrix.T @ (block.weights @ block.outcome)
            for place, moving in enumerate(block.moving, start=fixed):
                weighted = block.weights[:, np.newaxis] * moving
                normal[:fixed, place] += matrix.T @ weighted.sum(axis=0)
                for other, second in enumerate(block.moving[: place - fixed + 1], start=fixed):
                    normal[other, place] += np.vdot(weighted, second)
                right[place] += np.vdot(weighted, block.outcome)
        upper = np.triu(normal)
        return upper + np.triu(normal, 1).T, right

    def contributions(self, solved: _Solution) -> np.ndarray:
        """Of each unit to each coefficient of indicators and covariates."""
        fixed = self.periods + self._indicators.shape[2]
        own = self._indicators.shape[2]
        scores = np.empty((len(self._panel), len(solved.inverse)))
        of_periods = self._dummies @ solved.projection
        for number, rows in self._blocks:
            block = self._block(rows)
            matrix = np.hstack([self._dummies, self._indicators[number]])
            residual = block.outcome - block.centred(
                np.broadcast_to(matrix @ solved.coefficients[:fixed], block.outcome.shape)
            )
            for moving, slope in zip(block.moving, solved.coefficients[fixed:], strict=True):
                residual -= slope * moving
            residual *= block.weights[:, np.newaxis]
            part = -(residual @ of_periods)
            part[:, :own] += residual @ self._indicators[number]
            for place, moving in enumerate(block.moving, start=own):
                part[:, place] += np.einsum("ij,ij->i", residual, moving)
            scores[rows] = part @ solved.inverse
        return scores[self._kept]

    def _block(self, rows: np.ndarray) -> _Block:
        panel = self._panel
        return _Block(
            self._seen[rows],
            panel.weights[rows],
            panel.values[rows],
            [values[rows] for values in panel.varying.values()],
        )


class _Block:
    """Some units: outcomes and covariates less their means over observed periods, 0 elsewhere."""

    def __init__(
        self, seen: np.ndarray, weights: np.ndarray, outcome: np.ndarray, moving: list[np.ndarray]
    ) -> None:
        self._seen = seen
        self._size = seen.sum(axis=1)
        self.weights = weights
        self.outcome = self.centred(outcome)
        self.moving = [self.centred(values) for values in moving]

    def centred(self, values: np.ndarray) -> np.ndarray:
        """Values (n, t) less the mean of each unit over the periods at which it is observed."""
        made = np.where(self._seen, values, 0.0)
        made -= (made.sum(axis=1) / self._size)[:, np.newaxis]
        made *= self._seen
        return made

    def laplacian(self) -> np.ndarray:
        """Σ w (diag(m) − m m' / |m|): shape (t, t)."""
        observed = self._seen.astype(np.float64)
        share = observed * (self.weights / self._size)[:, np.newaxis]
        return np.asarray(np.diag(self.weights @ observed) - share.T @ observed)


@dataclass(frozen=True, eq=False)
class _Solution:
    """Coefficients of periods then regressors; regressors on periods; the inverse of A."""

    coefficients: np.ndarray
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
        coefficients=np.concatenate([period, own]) / scale,
        projection=projection * outer / scale[:periods, np.newaxis],
        inverse=inverse / np.outer(outer, outer),
    )
