"""What rank each zone may have: confidence sets for all ranks at once.

Mogstad, Romano, Shaikh and Wilhelm (2024, *Review of Economic Studies* 91, 476–518, section 3):
simultaneous intervals for all differences of two effects bound how many zones are surely better,
and how many surely worse, than each.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError

DRAWS = 9_999
_SEED = 20_190_101


def rank_sets(
    estimates: np.ndarray, covariance: np.ndarray, *, level: float = 0.95
) -> pd.DataFrame:
    """Ranks of effects, 1 for the largest, with sets that hold all of them at once.

    Parameters
    ----------
    estimates : float array, shape (k,)
    covariance : float array, shape (k, k)
    level : float

    Returns
    -------
    DataFrame
        ``rank``, ``rank_low``, ``rank_high``: one row per effect.

    Raises
    ------
    InputError
        If shapes disagree or a value is missing.
    """
    y, v = np.asarray(estimates, dtype=float), np.asarray(covariance, dtype=float)
    size = len(y)
    if y.ndim != 1 or v.shape != (size, size) or not np.isfinite(v).all():
        raise InputError("estimates must be a vector, and covariance a square of its length")
    if not np.isfinite(y).all():
        raise InputError("every effect needs an estimate")
    first, second = np.triu_indices(size, 1)
    difference = y[first] - y[second]
    variance = np.diag(v)[first] + np.diag(v)[second] - 2 * v[first, second]
    error = np.sqrt(np.maximum(variance, 0.0))
    varying = error > 1e-12 * max(float(np.sqrt(np.diag(v).max(initial=0.0))), 1e-300)
    half = np.where(varying, _critical(v, first, second, error, varying, level) * error, 0.0)
    better, worse = np.zeros(size, dtype=int), np.zeros(size, dtype=int)
    np.add.at(better, second, difference > half)
    np.add.at(better, first, -difference > half)
    np.add.at(worse, first, difference > half)
    np.add.at(worse, second, -difference > half)
    rank = (-y).argsort(kind="stable").argsort(kind="stable") + 1
    return pd.DataFrame({"rank": rank, "rank_low": 1 + better, "rank_high": size - worse})


def _critical(
    covariance: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    error: np.ndarray,
    varying: np.ndarray,
    level: float,
) -> float:
    """Quantile of the largest absolute difference, in units of its error."""
    if not varying.any():
        return 0.0
    random = np.random.default_rng(_SEED)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    largest = np.empty(DRAWS)
    for start in range(0, DRAWS, 1_000):
        stop = min(start + 1_000, DRAWS)
        drawn = random.standard_normal((stop - start, len(values))) @ root.T
        gaps = np.abs(drawn[:, first[varying]] - drawn[:, second[varying]]) / error[varying]
        largest[start:stop] = gaps.max(axis=1)
    return float(np.quantile(largest, level))
