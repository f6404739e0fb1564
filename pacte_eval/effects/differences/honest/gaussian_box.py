"""Chance that all coordinates of a Gaussian vector are small at once, and its mean where they are.

Coordinates are drawn one after the other, each within its limits given those before (Genz 1992,
*Journal of Computational and Graphical Statistics* 1, 141–149), from scrambled Sobol points that
stay the same: results are smooth functions of the mean, and their error is that of independent
scramblings. The last coordinate is integrated exactly: one coordinate needs no point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.stats import qmc

_SCRAMBLINGS = 8
_POINTS = 12
_SEED = 20_190_401
_FLAT = 1e-10


@dataclass(frozen=True, eq=False)
class Inside:
    """A Gaussian vector within its limits.

    Attributes
    ----------
    probability : float
    error : float
        Standard error of the simulated probability.
    mean : float array, shape (k,)
        Of the vector, given that it is within.
    mean_error : float array, shape (k,)
        Standard error of the simulated mean.
    """

    probability: float
    error: float
    mean: np.ndarray
    mean_error: np.ndarray


class GaussianBox:
    """Vectors N(μ, Σ) with every |coordinate| at most `limit` standard deviations.

    Parameters
    ----------
    covariance : float array, shape (k, k)
        May be singular; no variance may be zero.
    limit : float
    """

    def __init__(self, covariance: np.ndarray, limit: float) -> None:
        self._deviation = np.sqrt(np.diag(covariance))
        self._root = _root(covariance / np.outer(self._deviation, self._deviation))
        self._limit = limit
        random = np.random.default_rng(_SEED)
        size = len(self._root) - 1
        self._points = np.stack(
            [
                qmc.Sobol(size, rng=one).random_base2(_POINTS) if size else np.full((1, 0), 0.5)
                for one in random.spawn(_SCRAMBLINGS)
            ]
        )

    def at(self, mean: np.ndarray) -> Inside:
        """What a mean of shape (k,) gives."""
        shift = mean / self._deviation
        root, size = self._root, len(shift)
        shape = self._points.shape[:2]
        weight = np.ones(shape)
        drawn = np.zeros((size, *shape))
        for place in range(size):
            centre = shift[place] + np.tensordot(root[place, :place], drawn[:place], axes=1)
            scale = root[place, place]
            if scale == 0:
                weight = weight * (np.abs(centre) <= self._limit)
                continue
            low, high = (-self._limit - centre) / scale, (self._limit - centre) / scale
            flip = low + high > 0
            low, high = np.where(flip, -high, low), np.where(flip, -low, high)
            below = special.ndtr(low)
            width = special.ndtr(high) - below
            weight = weight * width
            if place < size - 1:
                value = special.ndtri(below + self._points[:, :, place] * width)
            else:
                density = (np.exp(-(low**2) / 2) - np.exp(-(high**2) / 2)) / np.sqrt(2 * np.pi)
                value = np.divide(density, width, out=high + 0.0, where=width > 0)
            value = np.clip(value, low, high)
            drawn[place] = np.where(flip, -value, value)
        mass = weight.mean(axis=1)
        standard = np.divide(
            (weight * drawn).mean(axis=2), mass, out=np.zeros((size, len(mass))), where=mass > 0
        )
        means = mean[:, None] + self._deviation[:, None] * (root @ standard)
        return Inside(
            probability=float(mass.mean()),
            error=float(mass.std(ddof=1) / np.sqrt(len(mass))),
            mean=means.mean(axis=1),
            mean_error=means.std(axis=1, ddof=1) / np.sqrt(len(mass)),
        )


def _root(correlation: np.ndarray) -> np.ndarray:
    """Lower triangular root, with a zero column where a coordinate follows from those before."""
    size = len(correlation)
    root = np.zeros((size, size))
    for place in range(size):
        left = correlation[place, place] - root[place, :place] @ root[place, :place]
        if left > _FLAT:
            root[place, place] = np.sqrt(left)
            below = (
                correlation[place + 1 :, place] - root[place + 1 :, :place] @ root[place, :place]
            )
            root[place + 1 :, place] = below / root[place, place]
    return root
