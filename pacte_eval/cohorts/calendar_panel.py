"""The persons of a cohort by calendar month: what difference-in-differences takes.

It holds who is trained later, which the comparisons of a cohort never do: group-time effects rest
on parallel trends of persons who are never or not yet trained, another estimand than that of
matching on the eve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pacte_eval.cohorts.candidates import meets
from pacte_eval.cohorts.days import month_of_days
from pacte_eval.cohorts.monthly import CENSORED, UNKNOWN, first_on_or_after
from pacte_eval.cohorts.outcomes import TRAINED_SINCE, Lives
from pacte_eval.cohorts.register import NONE, Register
from pacte_eval.definitions.cohort import CohortDefinition, OutcomeName
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.frames import Panel

CalendarPeriod = Literal["month", "quarter"]
_MONTHS_IN = {"month": 1, "quarter": 3}
# Months that count from each unit's own time zero.
_BY_UNIT = ("acces_emploi", TRAINED_SINCE)


def first_entries(
    register: Register, definition: CohortDefinition, persons: np.ndarray, since: np.ndarray
) -> dict[str, np.ndarray]:
    """Month of the first entry of each person into the trainings of each arm, from a day on.

    Parameters
    ----------
    persons : int array, shape (n,)
        Numbers in the register, ascending.
    since : int array, shape (n,)
        Days since 1970.

    Returns
    -------
    dict of str to int array, shape (n,)
        By training arm; `NONE` where there is no entry. Entries after the period of the definition
        count.
    """
    trainings = register.trainings
    taken = (trainings.person == NONE) | ~meets(trainings, definition.entry.where)
    found = {}
    for name, arm in definition.training_arms.items():
        mine = meets(trainings, arm) & ~taken
        taken |= mine
        day = first_on_or_after([(trainings.person[mine], trainings.start[mine])], persons, since)
        never = day == np.iinfo(np.int64).max
        found[name] = np.where(never, NONE, month_of_days(np.where(never, 0, day)))
    return found


@dataclass(frozen=True, eq=False)
class CalendarPanels:
    """Panels of the persons of a cohort.

    Attributes
    ----------
    lives : Lives
    units : DataFrame
        One row per unit: ``person, person_row, arm, time_zero, weight``.
    covariates : DataFrame
        One row per unit.
    entries : dict of str to int array
        By training arm, the month of first entry of each person, in the rows of `lives`.
    outcomes : tuple of str
        Those that the cohort asks for.
    """

    lives: Lives
    units: pd.DataFrame
    covariates: pd.DataFrame
    entries: Mapping[str, np.ndarray]
    outcomes: tuple[OutcomeName, ...]

    def panel(self, outcome: str, period: CalendarPeriod, arm: str | None) -> Panel:
        """See `Cohort.panel`."""
        if period not in _MONTHS_IN:
            raise InputError(f"period='{period}' is unknown: {nearest(period, _MONTHS_IN)}")
        known: list[OutcomeName] = [name for name in self.outcomes if name not in _BY_UNIT]
        if outcome in _BY_UNIT:
            raise InputError(
                f"'{outcome}' counts from each unit's time zero and has no calendar month: ask for "
                f"one of {', '.join(known)}"
            )
        if outcome not in known:
            raise InputError(f"no outcome '{outcome}' in this cohort: {nearest(outcome, known)}")
        arm = self._arm(arm)
        own = self._own_units(arm)
        rows = own["person_row"].to_numpy()
        months = _MONTHS_IN[period]
        values, periods = self._values(outcome, rows, months)
        entry = self.entries[arm][rows]
        first = np.where(entry == NONE, np.nan, entry // months)
        first[first > periods[-1]] = np.nan
        person = pd.Index(own["person"].to_numpy(dtype=object), name="unit")
        return Panel(
            outcome=outcome,
            values=values,
            periods=periods,
            unit=person,
            first_treated=first,
            covariates=self.covariates.loc[own.index],
            cluster=person.to_numpy(),
            weights=own["weight"].to_numpy(dtype=float),
        )

    def _arm(self, arm: str | None) -> str:
        if arm is None:
            if len(self.entries) > 1:
                raise InputError(
                    f"several arms are trained ({', '.join(self.entries)}): name one with arm="
                )
            return next(iter(self.entries))
        if arm not in self.entries:
            raise InputError(f"arm '{arm}' is not one of trainings: {nearest(arm, self.entries)}")
        return arm

    def _own_units(self, arm: str) -> pd.DataFrame:
        """The first unit of each person, with the weight of its entry where it has one."""
        inside = (self.units["arm"] == arm) | ~self.units["arm"].isin(list(self.entries))
        units = self.units[inside]
        order = np.lexsort([units["time_zero"].to_numpy(), units["person_row"].to_numpy()])
        first = units.iloc[order].drop_duplicates("person_row")
        entered = units[units["arm"] == arm].drop_duplicates("person_row")
        weight = entered.set_index("person_row")["weight"].reindex(first["person_row"])
        return first.assign(weight=np.where(weight.notna(), weight, first["weight"]))

    def _values(
        self, outcome: OutcomeName, rows: np.ndarray, months: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values of persons over the months at which both outcomes and entries are observed."""
        calendar = self.lives.calendar(outcome)
        last = min(
            calendar.first + calendar.values.shape[1] - 1, self.lives.covered["trainings"].last
        )
        start = -(-calendar.first // months) * months
        number = (last + 1 - start) // months
        if number < 2:
            raise InputError(
                f"the source covers fewer than two whole periods of '{outcome}' together with "
                "trainings: there is no panel"
            )
        held = calendar.values[rows, start - calendar.first :][:, : number * months]
        missing = CENSORED if held.dtype == np.int8 else UNKNOWN
        values = np.where(held == missing, np.nan, held / calendar.unit)
        values = values.reshape(len(rows), number, months).mean(axis=2)
        return values, start // months + np.arange(number)
