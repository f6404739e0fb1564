"""One outcome of many units over many periods, where a missing value means censored, never zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, counted
from pacte_eval.definitions.months import Period


@dataclass(frozen=True, eq=False)
class Outcomes:
    """An outcome, units in rows and periods in columns.

    Parameters
    ----------
    name : str
    values : float array, shape (n, t)
        NaN where the source does not cover the period. A vector is taken as one period.
    periods : sequence of int or str
        Months relative to entry, or labels; t of them, all different.
    units : pandas.Index
        Identifiers of the n rows, unique.
    measure : str
        Unit of measure, as ``"part"`` or ``"euros"``.
    coverage : str
        What the source covers, in words.

    Raises
    ------
    InputError
        If shapes disagree, units or periods come twice, or a value is infinite.
    """

    name: str
    values: np.ndarray
    periods: Sequence[Period]
    units: pd.Index
    measure: str = ""
    coverage: str = ""

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float64)
        if values.ndim == 1:
            values = values[:, np.newaxis]
        periods = tuple(
            int(period) if isinstance(period, (int, np.integer)) else str(period)
            for period in self.periods
        )
        units = pd.Index(self.units)
        if values.shape != (len(units), len(periods)):
            raise InputError(
                f"outcome '{self.name}' has values of shape {values.shape} for {len(units)} units "
                f"and {len(periods)} periods"
            )
        if len(set(periods)) < len(periods):
            raise InputError(f"outcome '{self.name}' names a period twice")
        if units.has_duplicates:
            raise InputError(
                f"outcome '{self.name}' has {counted(int(units.duplicated().sum()), 'unit')} twice"
            )
        infinite = int(np.count_nonzero(np.isinf(values)))
        if infinite:
            raise InputError(f"outcome '{self.name}' has {counted(infinite, 'value')} infinite")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "periods", periods)
        object.__setattr__(self, "units", units)

    def aligned(self, units: pd.Index) -> np.ndarray:
        """The values of `units`, in their order: float array, shape (len(units), t).

        Raises
        ------
        InputError
            If a unit has no row here.
        """
        if self.units.equals(units):
            return self.values
        position = self.units.get_indexer(units)
        absent = int(np.count_nonzero(position < 0))
        if absent:
            raise InputError(f"outcome '{self.name}' has no row for {counted(absent, 'unit')}")
        return self.values[position]

    def at(self, periods: Sequence[Period]) -> Outcomes:
        """The outcome at some periods only, in the order given.

        Raises
        ------
        InputError
            If it is not observed at one of them.
        """
        absent = [period for period in periods if period not in self.periods]
        if absent:
            raise InputError(
                f"outcome '{self.name}' is not observed at {absent[0]!r}: its periods go from "
                f"{self.periods[0]} to {self.periods[-1]}"
            )
        columns = [self.periods.index(period) for period in periods]
        return replace(self, values=self.values[:, columns], periods=tuple(periods))

    def __len__(self) -> int:
        return len(self.units)

    def __repr__(self) -> str:
        return f"Outcomes('{self.name}', {len(self):,} units × {len(self.periods)} periods)"
