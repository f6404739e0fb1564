"""A joint Wald test that estimates are all zero, on the directions in which they vary."""

from __future__ import annotations

import numpy as np
from scipy import stats

_FLAT = 1e-9


def wald(estimates: np.ndarray, covariance: np.ndarray) -> tuple[float, int, float]:
    """Statistic, rank of the covariance, and p-value.

    Parameters
    ----------
    estimates : float array, shape (k,)
    covariance : float array, shape (k, k)
        With a positive diagonal.
    """
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = values > _FLAT * values.max()
    projected = vectors[:, kept].T @ (estimates / scale)
    statistic, rank = float(np.sum(projected**2 / values[kept])), int(kept.sum())
    return statistic, rank, float(stats.chi2.sf(statistic, rank))
