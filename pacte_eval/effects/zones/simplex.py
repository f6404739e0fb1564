"""Weights that are not negative and sum to one, nearest to a target in the least squares.

Minimises |A x − b|² / m + ζ² |x|² over the simplex by the algorithm of Frank and Wolfe (1956,
*Naval Research Logistics Quarterly* 3, 95–110) with exact steps, from equal weights, stopped when a
step gains less than 1e-10 times the squared noise level. As the authors of synthetic
difference-in-differences do (Arkhangelsky and others 2021, *American Economic Review* 111,
4088–4118), weights under a quarter of the largest are set to zero after 100 steps, and the
algorithm starts again from what is left.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_FIRST_STEPS = 100
_STEPS = 10_000
_LEAST = 1e-5


def noise_level(earlier: np.ndarray) -> float:
    """Standard deviation of the changes of donors between periods before the start.

    Parameters
    ----------
    earlier : float array, shape (donors, periods)
    """
    changes = np.diff(earlier, axis=1)
    return float(changes.std(ddof=1)) if changes.size > 1 else 0.0


def simplex_weights(
    A: np.ndarray, b: np.ndarray, *, penalty: float, noise: float, intercept: bool
) -> np.ndarray:
    """Weights x of the columns of A.

    Parameters
    ----------
    A : float array, shape (m, k)
    b : float array, shape (m,)
    penalty : float
        ζ, in the units of b.
    noise : float
        Noise level of the outcomes.
    intercept : bool
        Leave a constant free, so that only variations are matched.

    Returns
    -------
    float array, shape (k,)
    """
    if intercept:
        A, b = A - A.mean(axis=0), b - b.mean()
    apart, width = A - b[:, np.newaxis], A.shape[1]  # weights sum to one: (A − b) x = A x − b
    products = apart.T @ apart + np.diag(np.full(width, len(b) * penalty**2))
    least = len(b) * (_LEAST * noise) ** 2
    found = _frank_wolfe(products, np.full(width, 1 / width), least, _FIRST_STEPS)
    kept = np.where(found > found.max() / 4, found, 0.0)
    return np.asarray(_frank_wolfe(products, kept / kept.sum(), least, _STEPS))


@njit("float64[::1](float64[:, ::1], float64[::1], float64, int64)", cache=True)
def _frank_wolfe(products: np.ndarray, start: np.ndarray, least: float, steps: int) -> np.ndarray:
    """Minimise x' P x over the simplex until a step gains no more than `least`."""
    x = start.copy()
    gradient = products @ x
    width = len(x)
    for step in range(steps):
        value, best = 0.0, 0
        for i in range(width):
            value += x[i] * gradient[i]
            if gradient[i] < gradient[best]:
                best = i
        slope = max(value - gradient[best], 0.0)
        curvature = products[best, best] - 2 * gradient[best] + value
        share = min(1.0, slope / curvature) if curvature > 0 else 0.0
        for i in range(width):
            x[i] *= 1 - share
            gradient[i] += share * (products[best, i] - gradient[i])
        x[best] += share
        if step > 0 and share * (2 * slope - share * curvature) <= least:
            break
    return x
