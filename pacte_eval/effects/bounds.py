"""What trimming hides: bounds for the effect on all the treated when some have no match.

The effect on the treated left out is not estimated. When the outcome lies between known limits,
their untreated mean does too, which bounds the effect on all the treated (Manski 1990, *American
Economic Review* 80, applied to the unsupported part only).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design
from pacte_eval.effects.estimation import estimate
from pacte_eval.frames import Outcomes


def full_att_bounds(
    design: Design, outcomes: Outcomes, limits: tuple[float, float] = (0.0, 1.0)
) -> pd.DataFrame:
    """Bounds for the effect on all the treated, supported or not, by period.

    Parameters
    ----------
    design : Design
    outcomes : Outcomes
        Of values between `limits`.
    limits : (float, float)
        The least and the largest value the outcome can take.

    Returns
    -------
    DataFrame
        ``month``, ``estimate`` (on the supported), ``low`` and ``high`` (on all the treated),
        ``lost_mean`` (outcome of the treated left out), ``n_lost``. Missing values are left out of
        means; treated units count by their sampling weight.

    Raises
    ------
    InputError
        If an observed value lies outside `limits`, or the design is not for the treated.
    """
    if design.estimand != "ATT":
        raise InputError(f"these bounds are for estimand='ATT', not '{design.estimand}'")
    low, high = limits
    comparison = design.comparison
    treated = comparison.unit[comparison.treated]
    values = outcomes.aligned(treated)
    if (values < low).any() or (values > high).any():
        raise InputError(f"outcome '{outcomes.name}' has values outside [{low}, {high}]")
    lost = design.weights[comparison.treated] == 0
    weights = comparison.weights[comparison.treated]
    observed = np.isfinite(values)
    weighted = np.where(observed, values, 0.0) * weights[:, None]
    mass = observed * weights[:, None]
    with np.errstate(invalid="ignore"):
        share = mass[lost].sum(axis=0) / mass.sum(axis=0)
        lost_mean = weighted[lost].sum(axis=0) / mass[lost].sum(axis=0)
    table = estimate(design, outcomes).table
    supported = np.where(share < 1, (1 - share) * table["estimate"].to_numpy(), 0.0)
    missed = np.where(share > 0, share * np.nan_to_num(lost_mean), 0.0)
    return pd.DataFrame(
        {
            "month": table["month"],
            "estimate": table["estimate"],
            "low": supported + missed - share * high,
            "high": supported + missed - share * low,
            "lost_mean": lost_mean,
            "n_lost": observed[lost].sum(axis=0),
        }
    )
