"""Intervals by the wild bootstrap of linearised contributions.

Otsu and Rai (2017, *JASA* 112, 1720–1732): resampling units and matching them anew fails for a
fixed number of neighbours (Abadie and Imbens 2008, *Econometrica* 76, 1537–1557); multiplying what
each unit contributes by independent draws of mean 0 and variance 1 does not. The draws, one for
each cluster, are those of Mammen (1993, *Annals of Statistics* 21, 255–285), of third moment 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

REPLICATIONS = 1_999
_SEED = 20_170_601
_ROWS = 4_096
_LOW = (1 - np.sqrt(5)) / 2
_STEP = np.sqrt(5)
_OFTEN = (np.sqrt(5) + 1) / (2 * np.sqrt(5))


@dataclass(frozen=True, eq=False)
class WildBootstrap:
    """Draws of the error of some estimates: shape (replications, t)."""

    draws: np.ndarray

    @classmethod
    def of(cls, contributions: np.ndarray) -> WildBootstrap:
        """Draws from contributions summed by cluster, of shape (clusters, t)."""
        draws = np.tile(_LOW * contributions.sum(axis=0), (REPLICATIONS, 1))
        for start, raised in _raised(len(contributions)):
            block = contributions[start : start + _ROWS].astype(np.float32)
            draws += _STEP * (raised @ block).astype(np.float64)
        return cls(draws)

    def interval(self, column: int, estimate: float, level: float) -> dict[str, float]:
        """Equal-tailed interval, and two-sided p-value."""
        draws = self.draws[:, column]
        if not np.isfinite(draws).all():
            return {"ci_low": np.nan, "ci_high": np.nan, "p": np.nan}
        low, high = np.quantile(draws, [0.5 + level / 2, 0.5 - level / 2])
        beyond = np.count_nonzero(np.abs(draws) >= abs(estimate))
        p = (1 + beyond) / (REPLICATIONS + 1) if draws.any() else np.nan
        return {"ci_low": estimate - low, "ci_high": estimate - high, "p": p}


def _raised(clusters: int) -> Iterator[tuple[int, np.ndarray]]:
    """Where multipliers take their rarer, higher value, by blocks of clusters: the same at every
    call, ones and zeros of shape (replications, rows)."""
    random = np.random.default_rng(_SEED)
    often = round(_OFTEN * 2**16)
    for start in range(0, clusters, _ROWS):
        size = (REPLICATIONS, min(_ROWS, clusters - start))
        drawn = random.integers(0, 2**16, size=size, dtype=np.uint16)
        yield start, (drawn >= often).astype(np.float32)
