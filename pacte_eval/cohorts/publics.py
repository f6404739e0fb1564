"""Who belongs to a public on the eve of time zero."""

from __future__ import annotations

import pandas as pd

from pacte_eval.definitions.cells import Condition, PublicDefinition
from pacte_eval.definitions.errors import InputError, nearest


def belongs(units: pd.DataFrame, public: PublicDefinition) -> pd.Series:
    """Whether each unit meets every condition of a public; a missing value does not.

    Raises
    ------
    InputError
        If a condition is on a column that units do not have.
    """
    member = pd.Series(True, index=units.index)
    for condition in public.where:
        if condition.column not in units.columns:
            raise InputError(
                f"public '{public.id}' is on '{condition.column}', which is not measured: "
                f"{nearest(condition.column, units.columns)}"
            )
        member &= _holds(units[condition.column], condition)
    return member


def _holds(values: pd.Series, condition: Condition) -> pd.Series:
    if condition.in_ is not None:
        return values.isin(condition.in_)
    if condition.between is not None:
        return values.between(*condition.between)
    return values.isin([condition.is_])
