"""The smallest effect that a test of a family would find, from the error of its estimate."""

from __future__ import annotations

import numpy as np
from scipy import stats

from pacte_eval.definitions.errors import InputError


def minimum_detectable(
    se: float, *, power: float = 0.8, level: float = 0.95, tests: int = 1
) -> float:
    """Smallest effect found with a given power by a two-sided test.

    (z(1 − α/2) + z(power)) se, with α = (1 − level) / tests: the first step of Holm, Romano–Wolf
    and Benjamini–Hochberg alike, what an effect that stands alone has to pass.

    Parameters
    ----------
    se : float
        In the unit of the outcome.
    power, level : float
    tests : int
        Those of the family.

    Returns
    -------
    float
        In the unit of the outcome.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    if not (np.isfinite(se) and se > 0):
        raise InputError(f"se={se} must be positive")
    if not (0 < power < 1 and 0 < level < 1):
        raise InputError(f"power={power} and level={level} must lie between 0 and 1")
    if tests < 1:
        raise InputError(f"tests={tests} must be at least 1")
    risk = (1 - level) / tests
    return float((stats.norm.isf(risk / 2) + stats.norm.ppf(power)) * se)
