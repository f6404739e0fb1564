"""Intervals by the wild bootstrap of contributions.

Otsu and Rai (2017, *JASA* 112, 1720–1732): resampling units and matching them anew fails for a
fixed number of neighbours (Abadie and Imbens 2008, *Econometrica* 76, 1537–1557); multiplying what
each unit contributes by independent draws of mean 0 and variance 1 does not. The draws, one for
each cluster, are those of Mammen (1993, *Annals of Statistics* 21, 255–285), of third moment 1.

With few clusters the error itself is uncertain: each draw is divided by its own, as in the wild
cluster bootstrap of Cameron, Gelbach and Miller (2008, *Review of Economics and Statistics* 90,
414–427), by multipliers of six values (Webb 2023, *Canadian Journal of Economics* 56, 839–858).
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
_WEBB = np.array([-1.5, -1.0, -0.5, 0.5, 1.0, 1.5])


@dataclass(frozen=True, eq=False)
class WildBootstrap:
    """Draws of the error of t estimates, in units of `scale`.

    Attributes
    ----------
    draws : float array, shape (replications, t)
    scale : float array, shape (t,)
    """

    draws: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, contributions: np.ndarray) -> WildBootstrap:
        """Draws from contributions summed by cluster, of shape (clusters, t)."""
        draws = np.tile(_LOW * contributions.sum(axis=0), (REPLICATIONS, 1))
        for start, raised in _raised(len(contributions)):
            block = contributions[start : start + _ROWS].astype(np.float32)
            draws += _STEP * (raised @ block).astype(np.float64)
        return cls(draws, np.ones(contributions.shape[1]))

    @classmethod
    def studentised(cls, contributions: np.ndarray) -> WildBootstrap:
        """Draws, each in units of its own error, for few clusters."""
        drawn = np.zeros((REPLICATIONS, contributions.shape[1]))
        squares = np.zeros_like(drawn)
        random = np.random.default_rng(_SEED)
        for start in range(0, len(contributions), _ROWS):
            block = contributions[start : start + _ROWS]
            steps = _WEBB[random.integers(0, len(_WEBB), size=(REPLICATIONS, len(block)))]
            drawn += np.copysign(np.sqrt(np.abs(steps)), steps) @ block
            squares += np.abs(steps) @ block**2
        number = np.maximum(np.count_nonzero(contributions, axis=0), 1)
        error = np.sqrt(np.maximum(squares - drawn**2 / number, 0.0))
        ratio = np.divide(drawn, error, out=np.zeros_like(drawn), where=~(error <= 0))
        return cls(ratio, np.sqrt((contributions**2).sum(axis=0)))

    def interval(self, column: int, estimate: float, level: float) -> dict[str, float]:
        """Equal-tailed interval, and two-sided p-value."""
        draws, scale = self.draws[:, column], self.scale[column]
        if not np.isfinite(draws).all():
            return {"ci_low": np.nan, "ci_high": np.nan, "p": np.nan}
        low, high = scale * np.quantile(draws, [0.5 + level / 2, 0.5 - level / 2])
        beyond = np.count_nonzero(np.abs(draws) * scale >= abs(estimate))
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
