"""Critical values that hold for all months of a path at once.

The largest absolute draw, in units of each estimate's error, has the quantile sought. Draws are
Gaussian, of the joint correlation of the estimates; or contributions multiplied by random signs,
cluster by cluster (the multiplier bootstrap of Callaway and Sant'Anna 2021, *Journal of
Econometrics* 225, algorithm 1, with Rademacher's two values).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from pacte_eval.effects.contributions import Contributions

Multiplier = Literal["gaussian", "rademacher"]
_GAUSSIAN_DRAWS = 20_000
SIGN_DRAWS = 999
_SEED = 20_190_401
_ROWS = 16_384


def largest_draws(
    contributions: Contributions, columns: Sequence[int], multiplier: Multiplier
) -> np.ndarray:
    """Largest absolute standardised draw over some estimates with positive errors: (draws,)."""
    return np.abs(standardised_draws(contributions, columns, multiplier)).max(axis=1)


def standardised_draws(
    contributions: Contributions, columns: Sequence[int], multiplier: Multiplier
) -> np.ndarray:
    """Draws of the error of some estimates, each in units of its own: (draws, len(columns))."""
    if multiplier == "rademacher":
        return _signed(contributions(columns))
    covariance = contributions.gram(columns)
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = np.random.default_rng(_SEED).standard_normal((_GAUSSIAN_DRAWS, len(scale)))
    return np.asarray(draws @ root.T)


def _signed(values: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(_SEED)
    scaled = (values / np.sqrt((values**2).sum(axis=0))).astype(np.float32)
    drawn = np.zeros((SIGN_DRAWS, values.shape[1]))
    for start in range(0, len(scaled), _ROWS):
        block = scaled[start : start + _ROWS]
        bits = np.frombuffer(random.bytes(SIGN_DRAWS * -(-len(block) // 8)), dtype=np.uint8)
        signs = np.unpackbits(bits.reshape(SIGN_DRAWS, -1), axis=1)[:, : len(block)]
        drawn += (2 * signs.astype(np.float32) - 1) @ block
    return drawn
