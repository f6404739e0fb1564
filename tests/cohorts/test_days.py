"""Days and months as integers, against the calendar."""

from __future__ import annotations

import calendar
from datetime import date

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pacte_eval.cohorts.days import month_of_days, months_back
from pacte_eval.definitions.months import month_of
from tests.cohorts.registers import date_of, day, days

DATES = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@settings(deadline=None)
@given(st.lists(DATES, max_size=5))
@example([date(1969, 12, 31), date(1970, 1, 1), date(2020, 2, 29), date(2020, 3, 1)])
def test_the_month_of_a_day(dates: list[date]) -> None:
    assert month_of_days(days(*dates)).tolist() == [month_of(one) for one in dates]


@settings(deadline=None)
@given(DATES, st.integers(0, 120))
def test_months_back_keep_the_day_or_the_end_of_the_month(when: date, months: int) -> None:
    earlier = date_of(months_back(days(when), months)[0])
    assert month_of(earlier) == month_of(when) - months
    length = calendar.monthrange(earlier.year, earlier.month)[1]
    assert earlier.day == min(when.day, length)


@pytest.mark.parametrize(
    ("when", "months", "expected"),
    [
        (date(2020, 3, 31), 1, date(2020, 2, 29)),
        (date(2019, 3, 29), 1, date(2019, 2, 28)),
        (date(2020, 2, 29), 12, date(2019, 2, 28)),
        (date(2020, 2, 29), 48, date(2016, 2, 29)),
        (date(2019, 12, 31), 1, date(2019, 11, 30)),
        (date(2019, 3, 18), 24, date(2017, 3, 18)),
        (date(2019, 3, 18), 0, date(2019, 3, 18)),
    ],
)
def test_months_back_known(when: date, months: int, expected: date) -> None:
    assert months_back(days(when), months).tolist() == [day(expected)]


def test_months_back_on_many_days_at_once() -> None:
    dates = [date(2020, 3, 31), date(2020, 3, 30), date(2020, 1, 1)]
    assert np.array_equal(
        months_back(days(*dates), 1), days(date(2020, 2, 29), date(2020, 2, 29), date(2019, 12, 1))
    )
