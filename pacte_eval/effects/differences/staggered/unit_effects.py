"""Least squares with an effect of each unit, where other regressors depend on cohort and period.

The outcome of unit i of cohort g at period t is α_i + z_i'M_gt θ + x_it'β, where z_i is 1 and what
does not vary within a unit. The effects of units are removed first (Frisch, Waugh and Lovell): with
o_i the periods at which i is observed, what is left of indicators of periods is
A_i = diag(o_i) − o_i o_i' / |o_i|, and the normal equations of θ need no more than the sum of
w_i A_i ⊗ z_i z_i' over the units of each cohort, whatever the number of units and of parameters. In
a balanced panel where z_i is 1, it is Σ w_i (I − J / T): only means of cohort by period enter.
Nothing of size n × parameters is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpstrf

from pacte_eval.effects.differences.staggered.panel import StaggeredPanel

_RANK = 1e-11
_NULL = 1e-20
_INSIDE = 1e-6


@dataclass(frozen=True, eq=False)
class UnitEffectsFit:
    """A fit by weighted least squares.

    Attributes
    ----------
    coefficients : float array, shape (p + q,)
        θ then β, zero along what the data do not determine.
    intercepts : float array, shape (n,)
        Effect of each unit, NaN where it is never used.
    scores : float array, shape (n, t * k + q)
        Weight times residual of each period (zero where not used) times z_i, then weight times
        Σ_t x_it × residual.
    inverse : float array, shape (p + q, p + q)
        Symmetric generalised inverse of the normal equations.
    """

    coefficients: np.ndarray
    intercepts: np.ndarray
    scores: np.ndarray
    inverse: np.ndarray
    _normal: _Normal

    def estimable(self, contrasts: np.ndarray) -> np.ndarray:
        """Whether the data determine each contrast: columns of an array of shape (p + q, k)."""
        return self._normal.determines(contrasts)


def fit_unit_effects(
    data: StaggeredPanel, used: np.ndarray, maps: Sequence[np.ndarray]
) -> UnitEffectsFit:
    """Fit the outcomes of the observations that are used.

    Parameters
    ----------
    data : StaggeredPanel
        Its features are the z_i, its covariates that vary the x_it.
    used : bool array, shape (n, t)
        Among the observations.
    maps : sequence of float arrays, shape (t * k, p)
        M_gt, one under the other, for each cohort of `data`.

    Notes
    -----
    Sampling weights of units are those of the least squares.
    """
    p, q = maps[0].shape[1], len(data.varying)
    t, k = used.shape[1], data.features.shape[1]
    normal, right, size = np.zeros((p + q, p + q)), np.zeros(p + q), np.zeros(p + q)
    count = used.sum(axis=1)
    inverse_count = 1 / np.maximum(count, 1)
    centre = (data.values * used).sum(axis=1) * inverse_count
    for cohort, rows in enumerate(data.slices()):
        m = maps[cohort]
        crossed, toward = np.zeros((t * k, t * k)), np.zeros(t * k)
        mixed, mass = np.zeros((t * k, q)), np.zeros((t, k * k))
        for part in data.blocks(rows):
            o, w, z = used[part].astype(float), data.weights[part], data.features[part]
            gap = (data.values[part] - centre[part, np.newaxis]) * o
            mass += (o * w[:, np.newaxis]).T @ _times(z, z)
            spread = _times(o * np.sqrt(w * inverse_count[part])[:, np.newaxis], z)
            crossed -= spread.T @ spread
            toward += ((gap * w[:, np.newaxis]).T @ z).reshape(-1)
            if q:
                x = data.covariates(part) * o[:, :, np.newaxis]
                size[p:] += np.einsum("itj,itj->j", x * w[:, np.newaxis, np.newaxis], x)
                mean = x.sum(axis=1) * inverse_count[part, np.newaxis]
                x -= mean[:, np.newaxis] * o[:, :, np.newaxis]
                mixed += np.einsum("ik,itj->tkj", z * w[:, np.newaxis], x).reshape(t * k, q)
                flat = (x * np.sqrt(w)[:, np.newaxis, np.newaxis]).reshape(-1, q)
                normal[p:, p:] += flat.T @ flat
                right[p:] += flat.T @ (gap * np.sqrt(w)[:, np.newaxis]).reshape(-1)
        for period in range(t):
            own = slice(period * k, (period + 1) * k)
            crossed[own, own] += mass[period].reshape(k, k)
        size[:p] += mass[:, :: k + 1].reshape(-1) @ m**2
        normal[:p, :p] += m.T @ crossed @ m
        normal[:p, p:] += m.T @ mixed
        right[:p] += m.T @ toward
    normal[p:, :p] = normal[:p, p:].T
    equations = _Normal.of(normal, size)
    solved = equations.inverse @ right
    intercepts = np.full(len(used), np.nan)
    scores = np.zeros((len(used), t * k + q))
    for cohort, rows in enumerate(data.slices()):
        curves = (maps[cohort] @ solved[:p]).reshape(t, k)
        for part in data.blocks(rows):
            o = used[part]
            left = data.values[part] - data.features[part] @ curves.T
            x = data.covariates(part) if q else None
            if x is not None:
                left = left - x @ solved[p:]
            own = (left * o).sum(axis=1) * inverse_count[part]
            intercepts[part] = np.where(count[part] > 0, own, np.nan)
            weighted = (left - own[:, np.newaxis]) * o * data.weights[part, np.newaxis]
            scores[part, : t * k] = _times(weighted, data.features[part])
            if x is not None:
                scores[part, t * k :] = np.einsum("it,itj->ij", weighted, x)
    return UnitEffectsFit(solved, intercepts, scores, equations.inverse, equations)


def _times(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """All products of a column of one and a column of the other, row by row."""
    if right.shape[1] == 1:
        return left * right
    return (left[:, :, np.newaxis] * right[:, np.newaxis]).reshape(len(left), -1)


@dataclass(frozen=True, eq=False)
class _Normal:
    """Normal equations by Cholesky's decomposition with pivots: those of regressors that depend on
    others come last, and have no coefficient."""

    scale: np.ndarray
    order: np.ndarray
    rank: int
    inverse: np.ndarray
    tied: np.ndarray

    @classmethod
    def of(cls, normal: np.ndarray, size: np.ndarray) -> _Normal:
        """From the matrix, and the squares of regressors before effects of units were removed,
        beside which nothing may be left of one."""
        diagonal = np.diag(normal)
        scale = np.zeros(len(normal))
        seen = diagonal > _NULL * size
        scale[seen] = 1 / np.sqrt(diagonal[seen])
        scaled = normal * scale[:, np.newaxis] * scale
        factor, pivots, rank, _ = dpstrf(scaled, lower=1, tol=_RANK)
        order = pivots - 1
        used = order[:rank]
        lower = np.tril(factor[:rank, :rank])
        inverse = np.zeros(normal.shape)
        if rank:
            own = cho_solve((lower, True), np.eye(rank))
            inverse[np.ix_(used, used)] = own * scale[used][:, np.newaxis] * scale[used]
        tied = solve_triangular(lower, factor[rank:, :rank].T, lower=True, trans="T")
        return cls(scale, order, rank, inverse, tied)

    def determines(self, contrasts: np.ndarray) -> np.ndarray:
        unseen = (contrasts[self.scale == 0] != 0).any(axis=0)
        scaled = contrasts * self.scale[:, np.newaxis]
        used, others = self.order[: self.rank], self.order[self.rank :]
        outside = np.linalg.norm(scaled[others] - self.tied.T @ scaled[used], axis=0)
        return np.asarray(~unseen & (outside <= _INSIDE * np.linalg.norm(scaled, axis=0)))
