"""Effects by cohort and calendar period, and the contributions behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.effects.differences.staggered.contributions import CohortContributions
from pacte_eval.effects.differences.staggered.panel import StaggeredPanel
from pacte_eval.effects.differences.staggered.unit_effects import fit_unit_effects


@dataclass(frozen=True, eq=False)
class CellEffects:
    """Effects of k cells.

    Attributes
    ----------
    cohort, period : int arrays, shape (k,)
        Their positions.
    estimate : float array, shape (k,)
        NaN where the data do not determine it.
    contributions : CohortContributions
        Of k columns.
    mass : float array, shape (k,)
        Weights of the treated observations behind each.
    n_treated, n_control : int arrays, shape (k,)
        Units of the cell, and units that serve as controls at its period.
    treated_mean : float array, shape (k,)
    treated_clusters, control_clusters : int arrays, shape (k,)
        Those that the units of the cell, and the controls of its period, are of.
    """

    cohort: np.ndarray
    period: np.ndarray
    estimate: np.ndarray
    contributions: CohortContributions
    mass: np.ndarray
    n_treated: np.ndarray
    n_control: np.ndarray
    treated_mean: np.ndarray
    treated_clusters: np.ndarray
    control_clusters: np.ndarray


def saturated_effects(data: StaggeredPanel, free: np.ndarray, control: np.ndarray) -> CellEffects:
    """Coefficients of indicators of cells, beside effects of units and of periods.

    Covariates that do not vary within a unit have a slope of each period, and another of each cell,
    where they are taken from their mean in it: the coefficient is then the mean effect.

    Parameters
    ----------
    data : StaggeredPanel
    free : bool array, shape (cohorts, t)
        Cells with an indicator.
    control : bool array, shape (cohorts, t)
        Cells whose units serve as controls.
    """
    cohort, period = np.nonzero(free)
    k, count = data.features.shape[1], len(cohort)
    base = len(data.periods) * k
    maps = []
    for g, rows in enumerate(data.slices()):
        own = np.flatnonzero(cohort == g)
        there = data.observed[rows] * data.weights[rows, np.newaxis]
        mass = np.maximum(there.sum(axis=0), np.finfo(float).tiny)
        mean = (there.T @ data.features[rows]) / mass[:, np.newaxis]
        m = np.zeros((base, base + count * k))
        m[:, :base] = np.eye(base)
        for feature in range(k):
            column = base + own * k + feature
            m[period[own] * k, column] = -mean[period[own], feature]
            m[period[own] * k + feature, column] = 1.0
        maps.append(m)
    fit = fit_unit_effects(data, data.observed, maps)
    coefficient = base + np.arange(count) * k
    contrasts = np.zeros((len(fit.coefficients), count))
    contrasts[coefficient, np.arange(count)] = 1.0
    estimable = fit.estimable(contrasts)
    toward = np.where(estimable, fit.inverse @ contrasts, np.nan)
    width = base + count * k
    loadings = np.stack([np.concatenate([m @ toward[:width], toward[width:]]) for m in maps])
    return described(
        data,
        data.observed,
        free,
        control,
        estimate=np.where(estimable, fit.coefficients[coefficient], np.nan),
        contributions=CohortContributions(
            fit.scores, data.bounds, loadings, data.cluster, data.nature
        ),
    )


def described(
    data: StaggeredPanel,
    treated: np.ndarray,
    free: np.ndarray,
    control: np.ndarray,
    *,
    estimate: np.ndarray,
    contributions: CohortContributions,
) -> CellEffects:
    """Effects with the counts and means of their cells.

    Parameters
    ----------
    treated : bool array, shape (n, t)
        Observations that count in cells.
    free : bool array, shape (cohorts, t)
        Cells, in the order of the estimates.
    control : bool array, shape (cohorts, t)
        Cells whose units serve as controls.
    """
    cohort, period = np.nonzero(free)
    number, clusters, mass, total = (np.zeros(free.shape) for _ in range(4))
    untreated = np.zeros(free.shape[1])
    for g, own in enumerate(data.slices()):
        inside, w = treated[own], data.weights[own]
        number[g] = inside.sum(axis=0)
        clusters[g] = _different(inside, data.cluster[own])
        mass[g] = w @ inside
        total[g] = w @ (inside * data.values[own])
        untreated += data.observed[own].sum(axis=0) * control[g]
    serving = data.observed & np.repeat(control, np.diff(data.bounds), axis=0)
    serving_clusters = _different(serving, data.cluster)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / mass
    return CellEffects(
        cohort=cohort,
        period=period,
        estimate=estimate,
        contributions=contributions,
        mass=mass[cohort, period],
        n_treated=number[cohort, period].astype(int),
        n_control=untreated[period].astype(int),
        treated_mean=mean[cohort, period],
        treated_clusters=clusters[cohort, period].astype(int),
        control_clusters=serving_clusters[period].astype(int),
    )


def _different(mask: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Clusters with a unit where `mask` is true: shape (t,)."""
    codes, found = pd.factorize(cluster)
    if len(found) == len(codes):
        return np.asarray(mask.sum(axis=0))
    row, column = np.nonzero(mask)
    there = np.zeros((len(found), mask.shape[1]), dtype=bool)
    there[codes[row], column] = True
    return np.asarray(there.sum(axis=0))
