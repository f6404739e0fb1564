"""Months of a person from intervals of days: compiled loops that fill person × month arrays.

Intervals are held as plain arrays, in chunks as the engine streams them; an array of one outcome is
filled when it is asked for. Sums are of integers, so that they are exact in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from pacte_eval.definitions.months import first_day

CENSORED = -1
UNKNOWN = np.iinfo(np.int32).min
_EPOCH = np.datetime64("1970-01-01", "D")


@dataclass(frozen=True)
class Months:
    """Consecutive months and the days that bound them.

    Attributes
    ----------
    first, last : int
        Month integers.
    """

    first: int
    last: int

    @property
    def starts(self) -> np.ndarray:
        """First day of each month and of the month after the last: days since 1970, int64."""
        days = [first_day(month) for month in range(self.first, self.last + 2)]
        return (np.array(days, dtype="datetime64[D]") - _EPOCH).astype(np.int64)

    def __len__(self) -> int:
        return max(self.last - self.first + 1, 0)


@dataclass(frozen=True)
class Intervals:
    """Intervals of days of persons, both ends included.

    Attributes
    ----------
    row : int32 array, shape (n,)
        Position of the person.
    start, end : int32 arrays, shape (n,)
        Days since 1970.
    """

    row: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def where(self, mask: np.ndarray) -> Intervals:
        """The intervals where a mask is true."""
        return Intervals(self.row[mask], self.start[mask], self.end[mask])

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True)
class Calendar:
    """A person × calendar month array.

    Attributes
    ----------
    first : int
        The month integer of the first column.
    values : int8 or int32 array, shape (persons, months)
        Integers; `CENSORED` (int8) or `UNKNOWN` (int32) where the value is not known.
    unit : int
        What the integers are divided by: 100 for cents, 60 for minutes.
    """

    first: int
    values: np.ndarray
    unit: int = 1

    def around(self, persons: np.ndarray, months: np.ndarray, periods: np.ndarray) -> np.ndarray:
        """Values of units at relative months, NaN where unknown or outside the calendar.

        Parameters
        ----------
        persons : int array, shape (n,)
            Row of each unit's person.
        months : int array, shape (n,)
            Month that the units' months count from.
        periods : int array, shape (t,)
            Relative months, consecutive.

        Returns
        -------
        float32 array, shape (n, t)
        """
        out = np.empty((len(persons), len(periods)), dtype=np.float32)
        missing = CENSORED if self.values.dtype == np.int8 else UNKNOWN
        start = months.astype(np.int64) + int(periods[0]) - self.first
        _around(self.values, missing, self.unit, persons.astype(np.int64), start, out)
        return out


@njit(cache=True)
def _around(
    values: np.ndarray,
    missing: int,
    unit: int,
    persons: np.ndarray,
    start: np.ndarray,
    out: np.ndarray,
) -> None:
    months = values.shape[1]
    for i in range(len(persons)):
        held = values[persons[i]]
        for j in range(out.shape[1]):
            column = start[i] + j
            if column < 0 or column >= months or held[column] == missing:
                out[i, j] = np.nan
            elif unit == 1:
                out[i, j] = held[column]
            else:
                out[i, j] = held[column] / unit


LAST_DAY, ANY_DAY = 1, 0
"""Which days of a month an interval must cover for the month to count."""


def mark(
    values: np.ndarray, intervals: Intervals, months: Months, days: int, what: int = 1
) -> None:
    """Write a value in every month that intervals cover, in place.

    Parameters
    ----------
    values : int8 array, shape (persons, months)
    days : int
        `LAST_DAY` or `ANY_DAY`.
    what : int
        The value; one that is less than what is there already is not written.
    """
    _mark(values, intervals.row, intervals.start, intervals.end, months.starts, days, what)


@njit(cache=True)
def _month(starts: np.ndarray, day: int) -> int:
    """The column of the month that a day is in; -1 before the first, the number of months after."""
    if day < starts[0]:
        return -1
    last = len(starts) - 1
    if day >= starts[last]:
        return last
    column = min((day - starts[0]) // 31, last - 1)
    while day >= starts[column + 1]:
        column += 1
    return column


@njit(cache=True)
def _span(starts: np.ndarray, start: int, end: int, days: int) -> tuple[int, int]:
    """First and last column of an interval; the last is before the first where there is none."""
    last = _month(starts, end + days) - days
    return max(_month(starts, start), 0), min(last, len(starts) - 2)


@njit(cache=True)
def _mark(
    values: np.ndarray,
    rows: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    starts: np.ndarray,
    days: int,
    what: int,
) -> None:
    for i in range(len(rows)):
        first, last = _span(starts, start[i], end[i], days)
        for column in range(first, last + 1):
            if values[rows[i], column] < what:
                values[rows[i], column] = what


def add_amounts(
    values: np.ndarray, intervals: Intervals, months: Months, amounts: np.ndarray, unknown: int
) -> None:
    """Add amounts in every month whose last day intervals cover, in place.

    Parameters
    ----------
    values : int32 or int64 array, shape (persons, months)
    amounts : int32 or int64 array, shape (n,)
    unknown : int
        The amount that stands for an unknown one: it makes the month `UNKNOWN`.
    """
    _add(
        values,
        intervals.row,
        intervals.start,
        intervals.end,
        months.starts,
        amounts,
        unknown,
        UNKNOWN,
    )


@njit(cache=True)
def _add(
    values: np.ndarray,
    rows: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    starts: np.ndarray,
    amounts: np.ndarray,
    unknown: int,
    mark_of_unknown: int,
) -> None:
    for i in range(len(rows)):
        first, last = _span(starts, start[i], end[i], LAST_DAY)
        for column in range(first, last + 1):
            if amounts[i] == unknown:
                values[rows[i], column] = mark_of_unknown
            elif values[rows[i], column] != mark_of_unknown:
                values[rows[i], column] += amounts[i]


def add_prorated(
    values: np.ndarray, intervals: Intervals, months: Months, amounts: np.ndarray
) -> None:
    """Add to each month an amount in proportion to its days covered, rounded down, in place.

    Parameters
    ----------
    values : int32 or int64 array, shape (persons, months)
    amounts : int32 or int64 array, shape (n,)
        Amounts of a full month, known.
    """
    _prorate(values, intervals.row, intervals.start, intervals.end, months.starts, amounts)


@njit(cache=True)
def _prorate(
    values: np.ndarray,
    rows: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    starts: np.ndarray,
    amounts: np.ndarray,
) -> None:
    for i in range(len(rows)):
        first, last = _span(starts, start[i], end[i], ANY_DAY)
        for column in range(first, last + 1):
            begins = max(np.int64(start[i]), starts[column])
            ends = min(np.int64(end[i]), starts[column + 1] - 1)
            days = starts[column + 1] - starts[column]
            values[rows[i], column] += np.int64(amounts[i]) * (ends - begins + 1) // days


def first_on_or_after(
    chunks: Sequence[tuple[np.ndarray, np.ndarray]], rows: np.ndarray, days: np.ndarray
) -> np.ndarray:
    """For each unit, the first day in a list of its person's that is not before a day.

    Parameters
    ----------
    chunks : sequence of (rows, days)
        Days of persons, int32 arrays.
    rows, days : int arrays, shape (n,)
        Person and day of each unit.

    Returns
    -------
    int64 array, shape (n,)
        The day, or the greatest integer where there is none.
    """
    room = np.int64(1) << 32
    listed = [row.astype(np.int64) * room + day for row, day in chunks]
    ordered = np.sort(np.concatenate(listed)) if listed else np.empty(0, np.int64)
    place = np.searchsorted(ordered, rows.astype(np.int64) * room + days)
    found = np.full(len(rows), np.iinfo(np.int64).max)
    there = place < len(ordered)
    same = there.copy()
    same[there] = ordered[place[there]] // room == rows[there]
    found[same] = ordered[place[same]] % room
    return found


def reached_by(
    first: np.ndarray,
    origins: np.ndarray,
    periods: np.ndarray,
    from_period: int,
    first_month: int,
    last_month: int,
) -> np.ndarray:
    """Whether an event that happens once has happened by each relative month.

    Parameters
    ----------
    first : int64 array, shape (n,)
        Month of the event, the greatest integer where it never comes.
    origins : int array, shape (n,)
        Month that relative months count from.
    periods : int array, shape (t,)
        Relative months.
    from_period : int
        Periods before this one are missing.
    first_month, last_month : int
        Months observed; others are missing.

    Returns
    -------
    float32 array, shape (n, t)
    """
    out = np.empty((len(first), len(periods)), dtype=np.float32)
    _reached_by(
        first,
        origins.astype(np.int64),
        periods.astype(np.int64),
        from_period,
        first_month,
        last_month,
        out,
    )
    return out


@njit(cache=True)
def _reached_by(
    first: np.ndarray,
    origins: np.ndarray,
    periods: np.ndarray,
    from_period: int,
    first_month: int,
    last_month: int,
    out: np.ndarray,
) -> None:
    for i in range(len(first)):
        for j in range(len(periods)):
            month = origins[i] + periods[j]
            if periods[j] < from_period or month < first_month or month > last_month:
                out[i, j] = np.nan
            else:
                out[i, j] = 1.0 if first[i] <= month else 0.0
