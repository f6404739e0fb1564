"""Intervals for the effects that were picked out because they were significant.

An interval read only where its effect stands out fails more often than it says. Benjamini and
Yekutieli (2005, *JASA* 100, 71–81): with R of m effects selected, intervals at level
1 − q R / m hold the expected share of those that miss, among the selected, to q.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from pacte_eval.definitions.errors import InputError


def false_coverage_intervals(
    estimates: np.ndarray, se: np.ndarray, selected: np.ndarray, *, level: float = 0.95
) -> pd.DataFrame:
    """Intervals of the selected effects with a false coverage rate of one minus `level`.

    Parameters
    ----------
    estimates, se : float arrays, shape (m,)
        Of every effect that selection chose from.
    selected : bool array, shape (m,)
    level : float

    Returns
    -------
    DataFrame
        ``ci_low``, ``ci_high``: one row per effect, missing where it is not selected.

    Raises
    ------
    InputError
        If shapes disagree or `level` is out of range.
    """
    estimates, se = np.asarray(estimates, dtype=float), np.asarray(se, dtype=float)
    chosen = np.asarray(selected, dtype=bool)
    if not estimates.shape == se.shape == chosen.shape or estimates.ndim != 1:
        raise InputError("estimates, se and selected must be vectors of one length")
    if not 0 < level < 1:
        raise InputError(f"level={level} must lie between 0 and 1")
    half = np.full(len(estimates), np.nan)
    if chosen.any():
        risk = (1 - level) * chosen.sum() / len(chosen)
        half[chosen] = stats.norm.isf(risk / 2) * se[chosen]
    return pd.DataFrame({"ci_low": estimates - half, "ci_high": estimates + half})
