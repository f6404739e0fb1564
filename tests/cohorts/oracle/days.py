"""Days and months; a month is the whole number year x 12 + month - 1."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


def month_of(day: date) -> int:
    """The month of a day."""
    return day.year * 12 + day.month - 1


def month_from_code(code: str) -> int:
    """The month written ``2019-03``."""
    year, month = code.split("-")
    return int(year) * 12 + int(month) - 1


def first_day(month: int) -> date:
    """The first day of a month."""
    return date(month // 12, month % 12 + 1, 1)


def last_day(month: int) -> date:
    """The last day of a month."""
    return date(month // 12, month % 12 + 1, days_in(month))


def days_in(month: int) -> int:
    """How many days a month has."""
    return monthrange(month // 12, month % 12 + 1)[1]


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the last day of that month when it is shorter."""
    month = month_of(day) - months
    return first_day(month).replace(day=min(day.day, days_in(month)))


def observed_months(coverage: tuple[date, date]) -> range:
    """The months whose last day lies in a coverage."""
    first, last = coverage
    after_last = month_of(last) + (1 if last == last_day(month_of(last)) else 0)
    return range(month_of(first), after_last)
