"""Outcomes without treatment imputed to the treated, averaged by cohort and period.

The model is fitted on untreated observations alone; with α̂_i the mean of what it leaves of unit i,
τ̂_it = y_it − α̂_i − z_i'λ̂_t − x_it'β̂, where z_i is 1 and what does not vary within a unit. The mean
of a cell is linear in outcomes, with weights v_it. Its conservative variance (Borusyak, Jaravel and
Spiess 2024, *Review of Economic Studies* 91, theorem 3, equations 7 and 8) is the sum over clusters
of (Σ v_it ε̃_it)², with ε̃ the residual of untreated observations and τ̂_it − τ̃_gt of treated ones,

    τ̃_gt = Σ_c v_c (Σ_{it in c} v_it τ̂_it) / Σ_c v_c²,   v_c = Σ_{it in c} v_it

over the observations of the cell. Since residuals of a unit sum to zero, the effect of the unit
brings nothing, and a unit contributes its own treated terms less d'A⁻¹ of its scores, d being the
mean over the cell of what regressors are at t less their mean over the unit's untreated periods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from pacte_eval.effects.differences.staggered.cell_effects import CellEffects, described
from pacte_eval.effects.differences.staggered.contributions import CohortContributions
from pacte_eval.effects.differences.staggered.panel import StaggeredPanel
from pacte_eval.effects.differences.staggered.unit_effects import UnitEffectsFit, fit_unit_effects


@dataclass(frozen=True, eq=False)
class ImputedEffects:
    """Effects of cells, and how many treated observations nothing could be imputed to."""

    cells: CellEffects
    not_imputed: int


def imputed_effects(data: StaggeredPanel, untreated: np.ndarray) -> ImputedEffects:
    """Means of imputed effects.

    Parameters
    ----------
    data : StaggeredPanel
        Each unit is observed untreated.
    untreated : bool array, shape (cohorts, t)
        Cells whose outcomes are those without treatment; the others get an effect.
    """
    t, k = len(data.periods), data.features.shape[1]
    used = data.observed & np.repeat(untreated, np.diff(data.bounds), axis=0)
    fit = fit_unit_effects(data, used, [np.eye(t * k)] * data.cohorts)
    imputed = data.observed & ~used & _linked(used)
    free = ~untreated
    cohort, period = np.nonzero(free)
    estimate = np.full(len(cohort), np.nan)
    distance = np.zeros((len(fit.coefficients), len(cohort)))
    loadings = np.zeros((data.cohorts, *distance.shape))
    scores = fit.scores
    for g, rows in enumerate(data.slices()):
        own = np.flatnonzero(cohort == g)
        if len(own) == 0:
            continue
        weights = data.weights[rows, np.newaxis] * imputed[rows]
        mass = weights.sum(axis=0)
        share = np.divide(weights, mass, out=np.zeros(weights.shape), where=mass > 0)
        effects = _effects(data, fit, rows) * imputed[rows]
        mean = (share * effects).sum(axis=0)
        estimate[own] = np.where(mass > 0, mean, np.nan)[period[own]]
        distance[:, own] = _distance(data, used, share, rows)[:, period[own]]
        scores[rows, : t * k : k] += weights * (
            effects - _centre(weights, effects, data.cluster[rows])
        )
        with np.errstate(divide="ignore"):
            loadings[g, period[own] * k, own] = (1 / mass)[period[own]]
    missing = np.isnan(estimate) | ~fit.estimable(distance)
    toward = fit.inverse @ distance
    for g in range(data.cohorts):
        loadings[g, : t * k] -= toward[: t * k] * np.repeat(untreated[g], k)[:, np.newaxis]
        loadings[g, t * k :] -= toward[t * k :]
    loadings[:, :, missing] = np.nan
    estimate[missing] = np.nan
    cells = described(
        data,
        imputed,
        free,
        untreated,
        estimate=estimate,
        contributions=CohortContributions(scores, data.bounds, loadings, data.cluster, data.nature),
    )
    lost = int(np.count_nonzero(data.observed & ~used & ~imputed))
    return ImputedEffects(cells, lost + int(cells.n_treated[missing].sum()))


def _linked(used: np.ndarray) -> np.ndarray:
    """Whether a chain of untreated observations links each unit to each period: shape (n, t)."""
    together = sparse.csr_array((used.T.astype(np.float64) @ used.astype(np.float64)) > 0)
    _, island = csgraph.connected_components(together, directed=False)
    island = np.where(used.any(axis=0), island, -1)
    own = island[used.argmax(axis=1)]
    return np.asarray(own[:, np.newaxis] == island)


def _effects(data: StaggeredPanel, fit: UnitEffectsFit, rows: slice) -> np.ndarray:
    """Outcomes less those imputed: shape (rows, t)."""
    t, k = len(data.periods), data.features.shape[1]
    curves = fit.coefficients[: t * k].reshape(t, k)
    left = data.values[rows] - fit.intercepts[rows, np.newaxis] - data.features[rows] @ curves.T
    if data.varying:
        for part in data.blocks(rows):
            inside = slice(part.start - rows.start, part.stop - rows.start)
            left[inside] -= data.covariates(part) @ fit.coefficients[t * k :]
    return left


def _distance(data: StaggeredPanel, used: np.ndarray, share: np.ndarray, rows: slice) -> np.ndarray:
    """Mean, over the treated of each period, of their regressors less those of their untreated
    periods: shape (t * k + q, t)."""
    t, k = len(data.periods), data.features.shape[1]
    made = np.zeros((t * k + len(data.varying), t))
    mean = share.T @ data.features[rows]
    for period in range(t):
        made[period * k : (period + 1) * k, period] = mean[period]
    for part in data.blocks(rows):
        o = used[part] / used[part].sum(axis=1, keepdims=True)
        own = share[part.start - rows.start : part.stop - rows.start]
        spread = o[:, :, np.newaxis] * data.features[part][:, np.newaxis]
        made[: t * k] -= spread.reshape(len(o), -1).T @ own
        if data.varying:
            x = data.covariates(part)
            made[t * k :] += np.einsum("it,itj->jt", own, x)
            made[t * k :] -= np.einsum("is,isj->ij", o, x).T @ own
    return made


def _centre(weights: np.ndarray, effects: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """The mean effect of each cell, in proportion to the squares of weights of clusters."""
    codes, found = pd.factorize(cluster)
    mass, total = weights, weights * effects
    if len(found) < len(codes):
        summed = sparse.csr_array(
            (np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(len(found), len(codes))
        )
        mass, total = summed @ mass, summed @ total
    square = (mass**2).sum(axis=0)
    crossed = (mass * total).sum(axis=0)
    return np.divide(crossed, square, out=np.zeros(len(square)), where=square > 0)
