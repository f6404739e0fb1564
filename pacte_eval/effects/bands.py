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
from scipy import stats

from pacte_eval.designs.settings import check_choice
from pacte_eval.effects.contributions import Contributions

Multiplier = Literal["gaussian", "rademacher"]
GAUSSIAN_DRAWS = 20_000
SIGN_DRAWS = 999
_SEED = 20_190_401
_SIGNS = 16_384_000


def check_multiplier(multiplier: str) -> None:
    """Refuse a multiplier that is not known."""
    check_choice("multiplier", multiplier, ("gaussian", "rademacher"))


def critical_value(
    contributions: Contributions, columns: Sequence[int], multiplier: Multiplier, level: float
) -> float:
    """Quantile of the largest absolute draw over some estimates with positive errors.

    It is never under the one of a single estimate, which the quantile of a sample could be.
    """
    draws = GAUSSIAN_DRAWS if multiplier == "gaussian" else SIGN_DRAWS
    largest = np.abs(standardised_draws(contributions, columns, multiplier, draws)).max(axis=1)
    return max(float(np.quantile(largest, level)), float(stats.norm.ppf(0.5 + level / 2)))


def standardised_draws(
    contributions: Contributions, columns: Sequence[int], multiplier: Multiplier, draws: int
) -> np.ndarray:
    """Draws of the error of some estimates, each in units of its own: (draws, len(columns))."""
    if multiplier == "rademacher":
        return _signed(contributions(columns), draws)
    covariance = contributions.gram(columns)
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = np.random.default_rng(_SEED).standard_normal((draws, len(scale)))
    return np.asarray(normal @ root.T)


def _signed(values: np.ndarray, draws: int) -> np.ndarray:
    random = np.random.default_rng(_SEED)
    scale = 1 / np.sqrt(np.einsum("ij,ij->j", values, values))
    drawn = np.zeros((draws, values.shape[1]))
    rows = max(1, _SIGNS // draws)
    for start in range(0, len(values), rows):
        block = (values[start : start + rows] * scale).astype(np.float32)
        bits = np.frombuffer(random.bytes(draws * -(-len(block) // 8)), dtype=np.uint8)
        ones = np.unpackbits(bits.reshape(draws, -1), axis=1)[:, : len(block)]
        drawn += 2 * (ones.astype(np.float32) @ block) - block.sum(axis=0)
    return drawn
