"""What an operator says of some columns of outcomes at once, and what is known of a whole path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Block:
    """Estimates for some columns of outcomes; arrays of shape (t,).

    Attributes
    ----------
    contributions : float array, shape (n, t) or (2n, t)
        Their squares, summed by cluster first, sum to the variance.
    varies : bool array
        Where there are units enough for a standard error.
    """

    estimate: np.ndarray
    treated_mean: np.ndarray
    control_mean: np.ndarray
    n_treated: np.ndarray
    n_control: np.ndarray
    contributions: np.ndarray
    varies: np.ndarray


@dataclass(frozen=True, eq=False)
class Path:
    """Estimates for the periods of one outcome in one cell; arrays of shape (t,).

    Attributes
    ----------
    variance : float array
        Missing where there are too few units.
    clusters : int
        Clusters used.
    """

    estimate: np.ndarray
    treated_mean: np.ndarray
    control_mean: np.ndarray
    n_treated: np.ndarray
    n_control: np.ndarray
    variance: np.ndarray
    clusters: int

    @classmethod
    def of_nobody(cls, periods: int) -> Path:
        """The path of a cell without target."""
        none, zero = np.full(periods, np.nan), np.zeros(periods, dtype=np.int64)
        return cls(none, none, none, zero, zero, none, 0)


Operator = Callable[[np.ndarray], Block]


def filled(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes with 0 where censored, and who is observed: (n, t), or (n, 1) where all are."""
    observed = ~np.isnan(values)
    if observed.all():
        return values, observed[:, :1]
    return np.where(observed, values, 0.0), observed
