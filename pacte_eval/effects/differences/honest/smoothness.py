"""Intervals for an effect when the slope of the violation changes by at most M from one period to
the next: Δ^SD(M) of Rambachan and Roth (2023, *Review of Economic Studies* 90, 2555–2591).

The interval has fixed length and is centred on an affine estimator l'β̂_post + w'β̂_pre, chosen for
the least length: σ(w) cv(b(w) / σ(w)), with b the largest bias under Δ^SD(M) and cv(t) the quantile
of |N(t, 1)| (Armstrong and Kolesár 2018, *Econometrica* 86, 655–683).

Counted backwards from the last period before entry (i = 0, 1, …), the violation is a line plus
Σ_k (i − k)_+ u_k with |u_k| ≤ M. The bias is finite where w takes the line away, Σ w = −Σ l and
Σ i w = Σ t l, which leaves z_k = Σ_i (i − k)_+ w_i free: w_i = z_{i+1} − 2 z_i + z_{i−1}. Then
b = M (B + ‖z‖₁), where B = Σ_j |Σ_t l_t (t − j)_+| comes from after entry, and the variance is
quadratic in z. The best trade-off between the two is a lasso path, the same for every M, and the
length, increasing and convex in both, has a single minimum along it.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy import optimize, special
from sklearn.linear_model import lars_path_gram

from pacte_eval.effects.differences.honest.path import Combination, EventPath

_SCALE = 1e6
_TINY = 1e-14
_FAR = 8.0
_STEPS = 60


class Smoothness:
    """Intervals under Δ^SD(M) for one combination of effects.

    Parameters
    ----------
    path : EventPath
    combination : Combination
    level : float
    """

    def __init__(self, path: EventPath, combination: Combination, level: float) -> None:
        self._level = level
        self._path = path
        self._values = combination.values
        fixed, moving = _weights(path, combination.values)
        self._estimates, self._covariance = path.estimates, path.covariance
        self._knots, self._own = _frontier(fixed, moving, path.covariance)
        time = np.arange(1, path.n_post + 1)
        later = np.maximum(time[:, None] - np.arange(path.n_post), 0)
        self._after = float(np.abs(combination.values @ later).sum())
        self.scale = float(np.sqrt(fixed @ path.covariance @ fixed)) / self._after

    def identified(self, bound: float) -> tuple[float, float]:
        """Bounds of the effect if the estimates were the truth.

        Missing where they bend by more than M before entry: no violation of this kind fits them.
        """
        path = self._path
        every = np.zeros(len(path.periods))
        every[[period not in path.known for period in path.periods]] = path.estimates
        before = every[: path.n_before]
        bend = np.abs(np.diff(before, n=2))
        if len(bend) and bend.max() > bound:
            return np.nan, np.nan
        time = np.arange(1, path.n_post + 1)
        line = before[-1] + time * (before[-1] - before[-2])
        centre = float(self._values @ (every[path.n_before :] - line))
        return centre - bound * self._after, centre + bound * self._after

    def interval(self, bound: float) -> tuple[float, float]:
        """The shortest interval of fixed length."""
        length = [self._half_length(place, bound) for place in range(len(self._knots))]
        best = int(np.argmin(length))
        place, half = float(best), length[best]
        for first in range(max(best - 1, 0), min(best + 1, len(self._knots) - 1)):
            found = optimize.minimize_scalar(
                self._half_length,
                bounds=(first, first + 1),
                args=(bound,),
                method="bounded",
                options={"xatol": 1e-10},
            )
            if found.fun < half:
                place, half = float(found.x), float(found.fun)
        centre = float(self._at(place)[0] @ self._estimates)
        return centre - half, centre + half

    def _at(self, place: float) -> tuple[np.ndarray, float]:
        """Weights of the estimates and ‖z‖₁ at a place along the frontier, counted in knots."""
        first = min(int(place), len(self._knots) - 1)
        second = min(first + 1, len(self._knots) - 1)
        share = place - first
        weights = (1 - share) * self._knots[first] + share * self._knots[second]
        return weights, (1 - share) * self._own[first] + share * self._own[second]

    def _half_length(self, place: float, bound: float) -> float:
        weights, own = self._at(place)
        bias = bound * (self._after + own)
        deviation = float(np.sqrt(max(weights @ self._covariance @ weights, 0.0)))
        if deviation <= _TINY * bias:
            return bias
        return deviation * folded_quantile(bias / deviation, self._level)


def _weights(path: EventPath, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the estimates as an affine function of z.

    Returns
    -------
    fixed : float array, shape (k,)
    moving : float array, shape (k, m)
        For each of the m second differences before entry.
    """
    before, after = path.n_before, path.n_post
    free = before - 2
    tilt = float(values @ np.arange(1, after + 1))
    z_fixed = np.zeros(before + 2)
    z_fixed[:2] = tilt - values.sum(), tilt
    z_moving = np.zeros((before + 2, free))
    z_moving[2 : 2 + free] = np.eye(free)
    fixed, moving = (
        np.concatenate([np.diff(z, n=2, axis=0)[::-1], tail])
        for z, tail in ((z_fixed, values), (z_moving, np.zeros((after, free))))
    )
    return path.columns(fixed), path.columns(moving.T).T


def _frontier(
    fixed: np.ndarray, moving: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Least variance for each ‖z‖₁, linear between knots, from ‖z‖₁ = 0 to the least variance.

    Returns
    -------
    weights : float array, shape (knots, k)
    own : float array, shape (knots,)
        ‖z‖₁ at each knot.
    """
    toward = -moving.T @ covariance @ fixed
    largest = float(np.abs(toward).max(initial=0.0))
    if largest <= _TINY * float(fixed @ covariance @ fixed):
        return fixed[None], np.zeros(1)
    scale = _SCALE / largest
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, _, z = lars_path_gram(
            scale * toward,
            scale * (moving.T @ covariance @ moving),
            n_samples=1,
            max_iter=100 * len(toward),
            method="lasso",
        )
    return fixed + (moving @ z).T, np.abs(z).sum(axis=0)


def folded_quantile(shift: float, level: float) -> float:
    """The quantile of |N(shift, 1)| at `level`, for a shift that is not negative."""
    if shift > _FAR:
        return float(shift + special.ndtri(level))
    low, high = 0.0, shift + float(special.ndtri(0.5 + level / 2))
    found = high
    for _ in range(_STEPS):
        excess = special.ndtr(found - shift) - special.ndtr(-found - shift) - level
        density = np.exp(-((found - shift) ** 2) / 2) + np.exp(-((found + shift) ** 2) / 2)
        low, high = (low, found) if excess > 0 else (found, high)
        step = excess / density * np.sqrt(2 * np.pi)
        found = found - step if low <= found - step <= high else (low + high) / 2
        if abs(step) < 1e-14 * max(found, 1.0):
            break
    return float(found)
