"""Intervals for an effect of which only two bounds are estimated.

The effect lies at one end at most: where bounds are far apart, each end needs a one-sided margin
only; where they meet, a two-sided one. Imbens and Manski (2004, *Econometrica* 72, 1845–1857, eq.
6–7) pass from one to the other by the width over the larger error; Stoye (2009, *Econometrica* 77,
1299–1315, proposition 3) chooses the shortest interval whose coverage holds at both ends given the
correlation of the bounds, and takes a width near zero for zero.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize
from scipy.special import ndtr, ndtri

# Errors of width beyond which the further end has no part in coverage: Φ(−1.6 − 5) < 1e-10.
_FAR = 5.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)
_TAIL = 9.0


def imbens_manski(
    low: float, high: float, low_se: float, high_se: float, level: float
) -> tuple[float, float]:
    """Ends of the interval of Imbens and Manski; missing where a bound or an error is.

    Parameters
    ----------
    low, high : float
        Estimated bounds.
    low_se, high_se : float
        Their standard errors.
    level : float
        Coverage of the effect, wherever it is between the true bounds.
    """
    if not np.isfinite([low, high, low_se, high_se]).all():
        return np.nan, np.nan
    largest = max(low_se, high_se)
    if largest == 0:
        return low, high
    relative = max(high - low, 0.0) / largest
    if relative > _FAR:
        margin = float(ndtri(level))
    else:
        margin = float(
            optimize.brentq(
                lambda c: ndtr(c + relative) - ndtr(-c) - level,
                0.0,
                ndtri(0.5 + level / 2) + 1e-9,
            )
        )
    return low - margin * low_se, high + margin * high_se


def stoye(
    low: float,
    high: float,
    low_se: float,
    high_se: float,
    correlation: float,
    clusters: int,
    level: float,
) -> tuple[float, float]:
    """Ends of the third interval of Stoye; missing where a bound or an error is.

    Parameters
    ----------
    low, high, low_se, high_se
        As for `imbens_manski`.
    correlation : float
        Of the estimated bounds.
    clusters : int
        G independent clusters: a width under √(2 log log G) times the larger error is taken for
        zero.
    level : float
    """
    if not np.isfinite([low, high, low_se, high_se]).all():
        return np.nan, np.nan
    if min(low_se, high_se) <= 1e-12 * max(low_se, high_se, 1e-300):
        return imbens_manski(low, high, low_se, high_se, level)
    width = max(high - low, 0.0)
    if width < np.sqrt(2 * np.log(np.log(max(clusters, 3)))) * max(low_se, high_se):
        width = 0.0
    one_sided = float(ndtri(level))
    if width > _FAR * max(low_se, high_se):
        return low - one_sided * low_se, high + one_sided * high_se
    rho = float(np.clip(correlation, -1.0, 1.0))
    most = float(ndtri(0.5 + level / 2)) + 0.5

    def second(first: float) -> float:
        """The least margin of the upper end, given that of the lower one."""

        def short(c: float) -> float:
            at_low = _both(first, c + width / high_se, rho)
            at_high = _both(c, first + width / low_se, rho)
            return min(at_low, at_high) - level

        return float(optimize.brentq(short, 0.0, 20.0)) if short(20.0) > 0 else np.inf

    def length(first: float) -> float:
        return low_se * first + high_se * second(first)

    found = optimize.minimize_scalar(
        length, bounds=(one_sided + 1e-6, most + 1.0), method="bounded", options={"xatol": 1e-4}
    )
    first = float(found.x)
    return low - first * low_se, high + second(first) * high_se


def _both(c: float, d: float, rho: float) -> float:
    """P(Z ≥ −c and ρZ + √(1−ρ²)Z' ≤ d) of independent standard normal Z and Z'."""
    if c <= -_TAIL:
        return 0.0
    if rho > 1 - 1e-8:
        return max(0.0, float(ndtr(d) - ndtr(-c)))
    if rho < -1 + 1e-8:
        return float(ndtr(min(c, d)))
    half = (_TAIL + min(c, _TAIL)) / 2
    z = half * (_NODES + 1) - min(c, _TAIL)
    inside = ndtr((d - rho * z) / np.sqrt(1 - rho**2))
    return float(half * (_WEIGHTS * np.exp(-(z**2) / 2)) @ inside / np.sqrt(2 * np.pi))
