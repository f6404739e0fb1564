"""Which estimates a joint test can be made of."""

from __future__ import annotations

import numpy as np

from pacte_eval.effects import Effects


def varying(effects: Effects) -> np.ndarray:
    """Estimates that chance moves, which a test can be made of: bool array, one per row."""
    error = effects.table["se"].to_numpy(dtype=float)
    scale = np.maximum(1.0, effects.table["estimate"].abs().to_numpy(dtype=float))
    return np.asarray(np.isfinite(error) & (error > 1e-10 * scale))
