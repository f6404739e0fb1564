"""Critical values of intervals that cover on average, whatever the distribution of the biases.

Armstrong, Kolesár and Plagborg-Møller (2022, *Econometrica* 90, 2567–2602, section 3): a shrunken
estimate is normal around the truth plus a bias b in units of its error. Of b only the second moment
m2 and the kurtosis κ are known; the critical value is the least for which the mean risk of missing
is at most α under the worst of such distributions.

With t = b², r(t) = Φ(√t − χ) + Φ(−√t − χ) is the risk of missing. The worst mean of r under both
moments is, by duality, the least over x of the quadratic that touches r at x, its curvature being
the smallest with which it lies above r (their appendix B).
"""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize
from scipy.special import ndtr, ndtri

from pacte_eval.definitions.errors import InputError

_CONVEX_FROM = np.sqrt(3.0)
_FARTHEST = 200.0


def critical_value(m2: float, kurtosis: float = np.inf, level: float = 0.95) -> float:
    """Half-width, in standard errors, of an interval with average coverage `level`.

    Parameters
    ----------
    m2 : float
        Mean square of the bias in units of the standard error.
    kurtosis : float
        Fourth moment of the bias over the square of the second, at least 1; infinite when nothing
        is known of it.
    level : float

    Raises
    ------
    InputError
        If a number is out of range.
    """
    if not (np.isfinite(m2) and m2 >= 0):
        raise InputError(f"m2={m2} must be zero or more")
    if not kurtosis >= 1:
        raise InputError(f"kurtosis={kurtosis} must be at least 1")
    if not 0 < level < 1:
        raise InputError(f"level={level} must lie between 0 and 1")
    least = float(ndtri(0.5 + level / 2))
    if m2 == 0:
        return least
    risk = 1 - level
    most = float(np.sqrt((1 + m2) / risk)) + 1  # Chebyshev
    gap = lambda chi: worst_risk(chi, m2, kurtosis) - risk  # noqa: E731
    if gap(least) <= 0:
        return least
    return float(optimize.brentq(gap, least, most, xtol=1e-7))


def worst_risk(chi: float, m2: float, kurtosis: float = np.inf) -> float:
    """Largest mean risk that |Z + b| exceeds `chi`, over the distributions of b allowed."""
    touching = _touching(chi)
    if m2 >= touching:
        return float(_risk(m2, chi))
    if kurtosis * m2 >= touching:
        # Two points, at 0 and where the line from there touches: their kurtosis is allowed.
        origin = _risk(0.0, chi)
        return float(origin + m2 / touching * (_risk(touching, chi) - origin))
    bounds = _Quadratics(chi, m2, kurtosis * m2**2)
    least, low, high = np.inf, 0.0, touching
    for _ in range(3):
        grid = np.linspace(low, high, 25)
        values = bounds(grid)
        place = int(np.argmin(values))
        least = min(least, float(values[place]))
        low, high = grid[max(place - 1, 0)], grid[min(place + 1, len(grid) - 1)]
    return least


def _risk(t: np.ndarray | float, chi: float) -> np.ndarray:
    root = np.sqrt(t)
    return np.asarray(ndtr(root - chi) + ndtr(-root - chi))


def _slope(t: np.ndarray | float, chi: float) -> np.ndarray:
    """Derivative of the risk in t."""
    root = np.sqrt(np.maximum(t, 1e-8))
    return np.asarray((_density(root - chi) - _density(root + chi)) / (2 * root))


def _density(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))


def _touching(chi: float) -> float:
    """Where the line from the risk at 0 touches it; 0 where the risk is concave."""
    if chi <= _CONVEX_FROM:
        return 0.0
    origin = math.erfc(chi / math.sqrt(2))
    below = lambda t: _tangent_at_zero(t, chi) - origin  # noqa: E731
    # The risk is convex, then concave, and its slope is largest before χ²: past it, the tangent
    # crosses the value at 0 once.
    low = max((chi - 1.5) ** 2, 1e-6)
    while below(low) > 0 and low > 1e-12:
        low /= 2
    high = (chi + 3) ** 2
    return float(optimize.brentq(below, low, high)) if below(low) < 0 < below(high) else 0.0


def _tangent_at_zero(t: float, chi: float) -> float:
    """Height at 0 of the tangent to the risk at t, in scalars: finding a root asks for many."""
    root = math.sqrt(t)
    near, far = chi - root, chi + root
    risk = (math.erfc(near / math.sqrt(2)) + math.erfc(far / math.sqrt(2))) / 2
    slope = math.exp(-(near**2) / 2) - math.exp(-(far**2) / 2)
    return risk - root * slope / (2 * math.sqrt(2 * math.pi))


class _Quadratics:
    """Means of the least quadratics above the risk that touch it at given points."""

    def __init__(self, chi: float, m2: float, fourth: float) -> None:
        roots = np.append(np.linspace(0.0, chi + 4, 800), _FARTHEST)
        self._others = roots**2
        self._risks = _risk(self._others, chi)
        self._chi, self._m2, self._fourth = chi, m2, fourth

    def __call__(self, at: np.ndarray) -> np.ndarray:
        value, slope = _risk(at, self._chi), _slope(at, self._chi)
        step = self._others - at[:, np.newaxis]
        above = self._risks - value[:, np.newaxis] - slope[:, np.newaxis] * step
        near = np.abs(step) < 1e-4
        curvature = np.where(near, -np.inf, above / np.where(near, 1.0, step) ** 2).max(axis=1)
        spread = self._fourth - 2 * at * self._m2 + at**2
        return np.asarray(value + slope * (self._m2 - at) + np.maximum(curvature, 0.0) * spread)
