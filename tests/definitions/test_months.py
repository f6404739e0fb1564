"""Months as integers: an order, an arithmetic, and two spellings."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.months import first_day, month_code, month_name, month_of, parse_month

MONTHS = st.integers(min_value=1 * 12, max_value=9999 * 12 + 11)


@given(MONTHS)
def test_what_is_written_is_read_back(month: int) -> None:
    assert parse_month(month_code(month)) == month
    assert month_of(first_day(month)) == month


@given(st.dates(max_value=date(9998, 12, 31)), st.integers(0, 400))
def test_months_are_ordered_as_days(day: date, later: int) -> None:
    after = day + timedelta(days=later)
    assert month_of(day) <= month_of(after)
    assert (month_of(day) == month_of(after)) == (
        (day.year, day.month) == (after.year, after.month)
    )


@given(MONTHS.filter(lambda month: month < 9999 * 12))
def test_the_next_month_begins_the_day_after_the_last(month: int) -> None:
    assert month_of(first_day(month + 1) - timedelta(days=1)) == month


def test_spellings() -> None:
    assert month_code(2019 * 12 + 2) == "2019-03"
    assert month_name(2019 * 12 + 7) == "août 2019"
    assert month_name(2020 * 12) == "janvier 2020"
    assert parse_month(" 2019-12 ") == 2019 * 12 + 11


@pytest.mark.parametrize("text", ["2019", "2019-00", "2019-13", "03-2019", "2019-3", "2019-03-01"])
def test_what_is_not_a_month_says_how_to_write_one(text: str) -> None:
    with pytest.raises(InputError, match=f"'{text}' is not a month: write it as 2019-03"):
        parse_month(text)
