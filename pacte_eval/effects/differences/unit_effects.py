"""Least squares with an effect of each unit, where other regressors depend on cohort and period.

The outcome of unit i of cohort g at period t is α_i + m_gt'θ + x_it'β. The effects of units are
removed first (Frisch, Waugh and Lovell): with o_i the periods at which i is observed, what is left
of indicators of periods is A_i = diag(o_i) − o_i o_i' / |o_i|, and the normal equations of θ need
no more than Σ w_i A_i over the units of each cohort, a matrix of periods by periods, whatever the
number of units and of parameters. In a balanced panel it is Σ w_i (I − J / T): only means of cohort
by period enter. Nothing of size n × parameters is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pacte_eval.effects.differences.staggered import StaggeredPanel

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
    residuals : float array, shape (n, t)
        Zero where not used.
    scores : float array, shape (n, t + q)
        Weight times residual of each period, then weight times Σ_t x_it × residual.
    inverse : float array, shape (p + q, p + q)
        Symmetric generalised inverse of the normal equations.
    """

    coefficients: np.ndarray
    intercepts: np.ndarray
    residuals: np.ndarray
    scores: np.ndarray
    inverse: np.ndarray
    _scale: np.ndarray
    _range: np.ndarray

    def estimable(self, contrasts: np.ndarray) -> np.ndarray:
        """Whether the data determine each contrast: columns of an array of shape (p + q, k)."""
        unseen = (contrasts[self._scale == 0] != 0).any(axis=0)
        scaled = contrasts * self._scale[:, np.newaxis]
        outside = scaled - self._range @ (self._range.T @ scaled)
        size = np.linalg.norm(scaled, axis=0)
        return np.asarray(~unseen & (np.linalg.norm(outside, axis=0) <= _INSIDE * size))


def fit_unit_effects(
    data: StaggeredPanel, used: np.ndarray, maps: Sequence[np.ndarray]
) -> UnitEffectsFit:
    """Fit the outcomes of the observations that are used.

    Parameters
    ----------
    data : StaggeredPanel
        Its covariates are the x_it.
    used : bool array, shape (n, t)
        Among the observations.
    maps : sequence of float arrays, shape (t, p)
        m_gt for each cohort of `data`, the never treated last.

    Notes
    -----
    Sampling weights of units are those of the least squares.
    """
    p, q = maps[0].shape[1], data.covariate_count
    t = used.shape[1]
    normal, right, size = np.zeros((p + q, p + q)), np.zeros(p + q), np.zeros(p + q)
    count = used.sum(axis=1)
    inverse_count = 1 / np.maximum(count, 1)
    centre = (data.values * used).sum(axis=1) * inverse_count
    for cohort, rows in enumerate(data.slices()):
        m = maps[cohort]
        crossed, toward = np.zeros((t, t)), np.zeros(t)
        mixed, mass = np.zeros((t, q)), np.zeros(t)
        for part in data.blocks(rows):
            o, w = used[part].astype(float), data.weights[part]
            gap = (data.values[part] - centre[part, np.newaxis]) * o
            weighted = o * w[:, np.newaxis]
            mass += weighted.sum(axis=0)
            crossed -= (weighted * inverse_count[part, np.newaxis]).T @ o
            toward += w @ gap
            if q:
                x = data.covariates(part) * o[:, :, np.newaxis]
                size[p:] += np.einsum("i,itk,itk->k", w, x, x, optimize=True)
                mean = x.sum(axis=1) * inverse_count[part, np.newaxis]
                x -= mean[:, np.newaxis] * o[:, :, np.newaxis]
                mixed += np.einsum("i,itk->tk", w, x)
                flat = (x * np.sqrt(w)[:, np.newaxis, np.newaxis]).reshape(-1, q)
                normal[p:, p:] += flat.T @ flat
                right[p:] += flat.T @ (gap * np.sqrt(w)[:, np.newaxis]).reshape(-1)
        crossed[np.diag_indices(t)] += mass
        size[:p] += mass @ m**2
        normal[:p, :p] += m.T @ crossed @ m
        normal[:p, p:] += m.T @ mixed
        right[:p] += m.T @ toward
    normal[p:, :p] = normal[:p, p:].T
    inverse, scale, inside = _generalised_inverse(normal, size)
    solved = inverse @ right
    intercepts = np.full(len(used), np.nan)
    residuals = np.zeros(used.shape)
    scores = np.zeros((len(used), t + q))
    for cohort, rows in enumerate(data.slices()):
        curve = maps[cohort] @ solved[:p]
        for part in data.blocks(rows):
            o = used[part]
            left = data.values[part] - curve
            x = data.covariates(part) if q else None
            if x is not None:
                left = left - x @ solved[p:]
            own = (left * o).sum(axis=1) * inverse_count[part]
            intercepts[part] = np.where(count[part] > 0, own, np.nan)
            residual = (left - own[:, np.newaxis]) * o
            residuals[part] = residual
            scores[part, :t] = residual * data.weights[part, np.newaxis]
            if x is not None:
                scores[part, t:] = np.einsum("it,itk->ik", scores[part, :t], x)
    return UnitEffectsFit(solved, intercepts, residuals, scores, inverse, scale, inside)


def _generalised_inverse(
    normal: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A symmetric generalised inverse, 1 / √ of the diagonal (0 where it is null beside `size`,
    the squares before the effects of units were removed), and the range of the matrix so scaled."""
    diagonal = np.diag(normal)
    scale = np.zeros(len(normal))
    seen = diagonal > _NULL * size
    scale[seen] = 1 / np.sqrt(diagonal[seen])
    values, vectors = np.linalg.eigh(normal * scale[:, np.newaxis] * scale)
    kept = values > _RANK * max(float(values[-1]), np.finfo(float).tiny)
    inside = vectors[:, kept]
    scaled = inside * scale[:, np.newaxis]
    return (scaled / values[kept]) @ scaled.T, scale, inside
