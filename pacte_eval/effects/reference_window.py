"""Whether a design balances the window that differences are taken from.

A difference is then the level: what it subtracts was made equal in both arms.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.designs import Design
from pacte_eval.designs.scores.terms import model_terms

_ROWS = 5_000
_LEFT = 1e-8
_GAP = 1e-6


def is_balanced(design: Design, base: np.ndarray) -> bool:
    """Whether the reference means of units are equal in both arms, or used by the design.

    Parameters
    ----------
    design : Design
    base : float array, shape (n,)
        Mean of each unit over the window; NaN where it is not observed.

    Notes
    -----
    Equal: the weighted means of the arms differ by under a millionth of a standard deviation. Used:
    covariates and cells determine the reference means linearly, in 5,000 units at most.
    """
    seen = np.isfinite(base)
    deviation = float(base[seen].std()) if seen.any() else 0.0
    if deviation == 0:
        return True
    treated, weight = design.comparison.treated, np.where(seen, design.weights, 0.0)
    means = [
        np.average(base[arm & (weight != 0)], weights=weight[arm & (weight != 0)])
        if (arm & (weight != 0)).any()
        else np.nan
        for arm in (treated, ~treated)
    ]
    return abs(means[0] - means[1]) <= _GAP * deviation or _is_used(design, base, seen)


def _is_used(design: Design, base: np.ndarray, seen: np.ndarray) -> bool:
    rows = np.flatnonzero(seen)
    rows = rows[:: -(-len(rows) // _ROWS)]
    comparison = design.comparison
    own = comparison.strata.columns.difference(comparison.covariates.columns)
    known = pd.concat([comparison.covariates, comparison.strata[own]], axis=1).iloc[rows]
    terms = model_terms(known)
    columns = terms.times(np.eye(len(terms.names)))
    value = base[rows]
    left = value - columns @ np.linalg.lstsq(columns, value, rcond=None)[0]
    spread = np.sum((value - value.mean()) ** 2)
    return bool(len(rows) > 2 * columns.shape[1] and left @ left <= _LEFT * spread)
