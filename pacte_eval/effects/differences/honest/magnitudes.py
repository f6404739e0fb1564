"""Intervals for an effect when changes of the violation after entry are at most M̄ times the largest
change before it: Δ^RM(M̄) of Rambachan and Roth (2023, *Review of Economic Studies* 90, 2555–2591).

The violation δ has first differences Δ; with v one of the changes before entry, of either sign,
the restriction is that |Δ_t| ≤ M̄ v after entry for some v, so that the interval is the union over v
of those for each. For one v the moment inequalities ±Δ_t − M̄ v ≤ 0, with the effects after entry
as nuisance parameters but for θ = l'τ, are tested by the hybrid conditional and least-favourable
test of Andrews, Roth and Pakes (2023, *Review of Economic Studies* 90, 2763–2791), κ = α / 10.

Its linear program is min η s.t. ±Δ_t − M̄ v ≤ η σ_t^± and Σ L_t Δ_t = g − θ, with L_t the sum of l_j
for j ≥ t and g = Σ L_t Δβ̂_t: a box for all Δ and a single equation. Its dual then has vertices of
two kinds only: both sides of one t, −2 M̄ v / (σ_t^+ + σ_t^−), and one side of every t,
(±(g − θ) − M̄ v Σ|L_t|) / Σ|L_t| σ_t^±. They depend on the two Gaussian variables v and g alone, so
that the statistic, the limits that condition it and the least-favourable critical value (one
integral) need no solver and no draw.
Only moments of periods after entry are used, as the authors do where there are two or more of them
(for one, their program adds those before entry, which no value of θ moves).
"""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.differences.honest.path import Combination, EventPath

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(128)
_FAR = 8.5
_GRID = 256
_HALVINGS = 40
_SAME = 1e-9


class RelativeMagnitudes:
    """Intervals under Δ^RM(M̄) for one combination of effects.

    Parameters
    ----------
    path : EventPath
    combination : Combination
    level : float
    """

    scale = 1.0

    def __init__(self, path: EventPath, combination: Combination, level: float) -> None:
        changes = path.columns(np.diff(np.eye(len(path.periods)), axis=0))
        before, after = changes[: path.n_before - 1], changes[path.n_before - 1 :]
        before = before[np.any(before != 0, axis=1)]
        self._along = np.cumsum(combination.values[::-1])[::-1]
        sum_of = self._along @ after
        self._size = level
        either = np.concatenate([before, -before])
        self._v = either @ path.estimates
        self._g = float(sum_of @ path.estimates)
        covariance = path.covariance
        self._vv = np.einsum("ki,ij,kj->k", either, covariance, either)
        self._rr = np.einsum("ti,ij,tj->t", after, covariance, after)
        self._vr = either @ covariance @ after.T
        self._vg = either @ covariance @ sum_of
        self._gg = float(sum_of @ covariance @ sum_of)

    def identified(self, bound: float) -> tuple[float, float]:
        """Bounds of the effect if the estimates were the truth."""
        half = bound * float(self._v.max()) * float(np.abs(self._along).sum())
        return self._g - half, self._g + half

    def interval(self, bound: float) -> tuple[float, float]:
        """Least and largest values of the effect that are not rejected.

        It is closed: the least-favourable test of each union member bounds it on both sides.

        Raises
        ------
        InputError
            If a change after entry has no sampling error.
        """
        return _Test(self, bound).interval()


class _Test:
    """The tests for every change before entry, at one M̄: arrays with a first axis of changes."""

    def __init__(self, of: RelativeMagnitudes, bound: float) -> None:
        alpha = 1 - of._size
        kappa = alpha / 10
        self._log_size = np.log((alpha - kappa) / (1 - kappa))
        plus, minus = (
            np.sqrt(_positive(of._rr + sign * 2 * bound * of._vr + bound**2 * of._vv[:, None], of))
            for sign in (-1, 1)
        )
        along, absolute = of._along, np.abs(of._along)
        up = (absolute * np.where(along >= 0, plus, minus)).sum(axis=1)
        down = (absolute * np.where(along >= 0, minus, plus)).sum(axis=1)
        wide = bound * absolute.sum()
        pair = 2 * bound / (plus + minus)
        steep, flat = pair.max(axis=1), pair.min(axis=1)
        none = np.zeros(len(up))
        self._on_v = np.stack([-steep, -flat, -wide / up, -wide / down], axis=1)
        self._on_g = np.stack([none, none, 1 / up, -1 / down], axis=1)
        self._v, self._g = of._v, of._g
        self._covariance = (
            self._on_v[:, :, None] * self._on_v[:, None] * of._vv[:, None, None]
            + self._on_g[:, :, None] * self._on_g[:, None] * of._gg
            + (
                self._on_v[:, :, None] * self._on_g[:, None]
                + self._on_g[:, :, None] * self._on_v[:, None]
            )
            * of._vg[:, None, None]
        )
        self._critical = _least_favourable(kappa, of, steep, up, down, wide)
        reach = wide * self._v
        self._low = self._g - reach - self._critical * up
        self._high = self._g + reach + self._critical * down
        self._possible = (-steep * self._v <= self._critical) & (self._low <= self._high)

    def interval(self) -> tuple[float, float]:
        """The hull of what some test accepts."""
        step = np.linspace(0.0, 1.0, _GRID)
        grid = self._low[:, None] + (self._high - self._low)[:, None] * step
        accepted = self._accepts(grid)
        some = accepted.any(axis=1)
        if not some.any():
            raise AssertionError("the largest change before entry always accepts its own bounds")
        first = accepted.argmax(axis=1)
        last = _GRID - 1 - accepted[:, ::-1].argmax(axis=1)
        each = np.arange(len(grid))
        low = self._edge(grid[each, np.maximum(first - 1, 0)], grid[each, first])
        high = self._edge(grid[each, np.minimum(last + 1, _GRID - 1)], grid[each, last])
        return float(low[some].min()), float(high[some].max())

    def _edge(self, outside: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Where each test goes from rejecting to accepting."""
        for _ in range(_HALVINGS):
            middle = (outside + inside) / 2
            accepted = self._accepts(middle[:, None])[:, 0]
            inside = np.where(accepted, middle, inside)
            outside = np.where(accepted, outside, middle)
        return inside

    def _accepts(self, effect: np.ndarray) -> np.ndarray:
        """Whether each test accepts each effect: bool array of the shape of `effect` (K, n)."""
        values = (
            self._on_v[:, None] * self._v[:, None, None]
            + self._on_g[:, None] * (self._g - effect)[:, :, None]
        )
        best = values.argmax(axis=2)
        eta = values.max(axis=2)
        row = np.arange(len(values))[:, None]
        shared = self._covariance[row, best]
        variance = shared[row, np.arange(eta.shape[1]), best]
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = shared / variance[:, :, None]
            limit = (values - slope * eta[:, :, None]) / (1 - slope)
            least = np.where(slope < 1 - _SAME, limit, -np.inf).max(axis=2)
            most = np.where(slope > 1 + _SAME, limit, np.inf).min(axis=2)
            deviation = np.sqrt(variance)
            most = np.minimum(most, self._critical[:, None])
            tail = _log_tail(eta / deviation, least / deviation, most / deviation)
        passes = (eta <= 0) | (np.isfinite(tail) & (tail >= self._log_size))
        return passes & (eta <= self._critical[:, None]) & self._possible[:, None]


def _log_tail(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """log P(Z > value | low ≤ Z ≤ high) of a standard Gaussian, for positive values."""
    at, start, end = (special.log_ndtr(-one) for one in (value, low, high))
    return np.asarray(
        at - start + np.log1p(-np.exp(end - at)) - np.log1p(-np.exp(np.minimum(end - start, 0.0)))
    )


def _positive(variance: np.ndarray, of: RelativeMagnitudes) -> np.ndarray:
    """Variances of the moments, refused where there is none."""
    none = variance <= 1e-12 * (of._rr.max() + of._gg)
    if none.any():
        raise InputError(
            f"{int(none.sum())} of {none.size} changes between periods have no sampling error: "
            "relative magnitudes cannot be tested (estimates of a singular covariance)"
        )
    return variance


def _least_favourable(
    kappa: float,
    of: RelativeMagnitudes,
    steep: np.ndarray,
    up: np.ndarray,
    down: np.ndarray,
    wide: float,
) -> np.ndarray:
    """The quantile 1 − κ of the statistic when every moment binds, for each change: shape (K,)."""
    deviation = np.sqrt(of._vv)
    toward = np.divide(of._vg, deviation, out=np.zeros(len(deviation)), where=deviation > 0)
    rest = np.sqrt(np.maximum(of._gg - toward**2, 1e-20 * of._gg))

    def below(critical: np.ndarray) -> np.ndarray:
        fall = steep * deviation
        start = -np.divide(critical, fall, out=np.full(len(fall), _FAR), where=fall > 0)
        start = np.maximum(start, -_FAR)
        half = (_FAR - start) / 2
        v = start[:, None] + half[:, None] * (1 + _NODES)
        reach, mean = wide * deviation[:, None] * v, toward[:, None] * v
        top = (critical * up)[:, None] + reach - mean
        bottom = -(critical * down)[:, None] - reach - mean
        inside = special.ndtr(top / rest[:, None]) - special.ndtr(bottom / rest[:, None])
        density = np.exp(-(v**2) / 2) / np.sqrt(2 * np.pi)
        return np.asarray(half * ((np.maximum(inside, 0.0) * density) @ _NODE_WEIGHTS))

    low, high = np.zeros(len(up)), np.full(len(up), stats.norm.isf(kappa / 4))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = below(middle) >= 1 - kappa
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    return high
