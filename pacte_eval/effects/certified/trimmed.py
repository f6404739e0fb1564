"""Masses of the lowest and highest parts of a distribution, split exactly at the weighted quantile.

The lowest part of mass p has total L(p) = max over Q of E min(Y − Q, 0) + pQ, the highest U(p) =
min over Q of E max(Y − Q, 0) + pQ, reached where Q is a quantile: the derivative of either by the
distribution holds Q fixed, which is why its estimation costs nothing more (as in Lee 2009).
"""

from __future__ import annotations

import numpy as np


def quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The least value with at least a share of the weight at or below it.

    Parameters
    ----------
    values, weights : float arrays, shape (n,)
        Weights of a positive sum.
    share : float
        Between 0 and 1.
    """
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(weights[order])
    place = int(np.searchsorted(mass, (share - 1e-12) * mass[-1]))
    return float(values[order[min(place, len(order) - 1)]])


def tails(
    values: np.ndarray, weights: np.ndarray, share: float
) -> tuple[float, np.ndarray, float, np.ndarray]:
    """What makes the totals of the lowest and of the highest part of a share.

    Returns
    -------
    lower : float
        The quantile Q of the lowest part, whose total is mean(column) + share × Q.
    lower_column : float array, shape (n,)
        min(Y − Q, 0).
    upper, upper_column
        The same of the highest part, with max(Y − Q, 0).
    """
    lower, upper = quantile(values, weights, share), quantile(values, weights, 1 - share)
    return lower, np.minimum(values - lower, 0.0), upper, np.maximum(values - upper, 0.0)
