"""Time from time zero to a first event: months followed, and which event ended them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind, counted
from pacte_eval.designs.settings import is_whole
from pacte_eval.frames import Outcomes


@dataclass(frozen=True, eq=False)
class Spells:
    """Months from time zero to the first of some events, or to the end of follow-up.

    Parameters
    ----------
    months : float array, shape (n,)
        Month of the event, from 1, or last month followed without one; 0 or NaN where a unit is
        not followed at all.
    events : int array, shape (n,)
        0 where the event is not seen (censored), else the number of the cause, from 1.
    units : pandas.Index
        Identifiers of the n units, unique.
    causes : sequence of str
        Names of causes 1, 2, …, as tables show them.

    Raises
    ------
    InputError
        If shapes disagree, units come twice, months are not whole, an event comes at month 0 or is
        of no cause that is named, or two causes have one name.
    """

    months: np.ndarray
    events: np.ndarray
    units: pd.Index
    causes: Sequence[str]

    def __post_init__(self) -> None:
        units, causes = pd.Index(self.units), tuple(self.causes)
        months, events = np.array(self.months, dtype=np.float64), np.array(self.events)
        if months.shape != (len(units),) or events.shape != (len(units),):
            raise InputError(
                f"spells have months of shape {months.shape} and events of shape {events.shape} "
                f"for {len(units)} units"
            )
        if units.has_duplicates:
            raise InputError(f"spells have {counted(int(units.duplicated().sum()), 'unit')} twice")
        if not causes or len(set(causes)) < len(causes):
            raise InputError(f"causes={list(causes)} must name each cause, all differently")
        months[np.isnan(months)] = 0
        wrong = int(np.count_nonzero((months < 0) | (months != np.rint(months))))
        if wrong:
            raise InputError(
                f"months of {counted(wrong, 'spell')} are negative or not whole: count months "
                "from time zero"
            )
        wrong = int(np.count_nonzero(~np.isin(events, np.arange(len(causes) + 1))))
        if wrong:
            raise InputError(
                f"events of {counted(wrong, 'spell')} are neither 0 (censored) nor the number of "
                f"one of {len(causes)} causes"
            )
        early = int(np.count_nonzero((months == 0) & (events != 0)))
        if early:
            raise InputError(
                f"{counted(early, 'event')} at month 0 or at none: follow-up starts at month 1"
            )
        object.__setattr__(self, "months", months.astype(np.int64))
        object.__setattr__(self, "events", events.astype(np.int64))
        object.__setattr__(self, "units", units)
        object.__setattr__(self, "causes", causes)

    def competing(self, *others: Spells) -> Spells:
        """The first of these events and others, each in the way of the rest.

        A unit is followed as long as all spells follow it; of events of one month, that of the
        spells named first counts.

        Raises
        ------
        InputError
            If the units differ, or a cause comes twice.
        """
        months, events, causes = self.months, self.events, list(self.causes)
        for other in others:
            theirs, happened = other.aligned(self.units)
            ahead = (theirs < months) | ((theirs == months) & (events == 0))
            events = np.where(ahead, np.where(happened > 0, happened + len(causes), 0), events)
            months = np.minimum(months, theirs)
            causes += other.causes
        return Spells(months, events, self.units, causes)

    def aligned(self, units: pd.Index) -> tuple[np.ndarray, np.ndarray]:
        """Months and events of `units`, in their order.

        Raises
        ------
        InputError
            If a unit has no spell.
        """
        if self.units.equals(units):
            return self.months, self.events
        position = self.units.get_indexer(units)
        absent = int(np.count_nonzero(position < 0))
        if absent:
            raise InputError(f"spells have no row for {counted(absent, 'unit')}")
        return self.months[position], self.events[position]

    def __len__(self) -> int:
        return len(self.units)

    def __repr__(self) -> str:
        seen = np.bincount(self.events, minlength=len(self.causes) + 1)[1:]
        told = ", ".join(f"{name}: {n:,}" for name, n in zip(self.causes, seen, strict=True))
        return f"Spells({len(self):,} units; {told})"


def first_spell(outcomes: Outcomes, *, lasting: int = 6) -> Spells:
    """The month at which the first run of at least `lasting` months begins, as of a lasting job.

    Parameters
    ----------
    outcomes : Outcomes
        0 or 1 by month relative to time zero, of which every month from 1 on; NaN where a month
        is not covered.
    lasting : int
        Months without interruption. A run that was on before month 1 begins at month 1.

    Returns
    -------
    Spells
        Followed up to the last month whose run can be seen to last: `lasting` − 1 months before
        the end of what is covered without gap, whoever had begun a run by then or not. (Following
        those alone who began none up to the very end would leave out of the last months the very
        people who find a job there.)

    Raises
    ------
    InputError
        If months are not whole, one is missing after month 1, or a value is neither 0 nor 1.
    """
    check_kind(outcomes, Outcomes, use="Outcomes(…) or the outcomes of a cohort")
    if not is_whole(lasting, 1):
        raise InputError(f"lasting={lasting!r} must be a number of months, from 1")
    labels = outcomes.periods
    if not all(isinstance(label, int) for label in labels):
        raise InputError(f"outcome '{outcomes.name}' must have months for periods, as 1, 2, 3")
    column = {int(label): place for place, label in enumerate(labels)}
    last = max(column)
    absent = [month for month in range(1, last + 1) if month not in column]
    if absent or last < 1:
        raise InputError(
            f"outcome '{outcomes.name}' has no month {absent[0] if absent else 1}: a first spell "
            "needs every month from 1 on"
        )
    begins = np.zeros(len(outcomes), dtype=np.int64)
    covered = np.zeros(len(outcomes), dtype=np.int64)
    run = np.zeros(len(outcomes), dtype=np.int64)
    for month in range(last, 0, -1):
        value = outcomes.values[:, column[month]]
        missing, on = np.isnan(value), value == 1
        wrong = int(np.count_nonzero(~(missing | on | (value == 0))))
        if wrong:
            raise InputError(
                f"outcome '{outcomes.name}' has {counted(wrong, 'value')} neither 0 nor 1 at month "
                f"{month}"
            )
        run = np.where(on, run + 1, 0)
        covered = np.where(missing, 0, covered + 1)
        begins = np.where(missing, 0, np.where(run >= lasting, month, begins))
    followed = np.maximum(covered - lasting + 1, 0)
    happened = begins > 0
    cause = outcomes.name if lasting == 1 else f"{outcomes.name} d'au moins {lasting} mois"
    return Spells(
        np.where(happened, begins, followed), happened.astype(int), outcomes.units, [cause]
    )
