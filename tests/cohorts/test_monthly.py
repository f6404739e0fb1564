"""Monthly outcomes against a plain loop over contracts and days, on drawn contracts."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacte_eval.cohorts.eligibility import observed_months
from pacte_eval.cohorts.monthly import (
    Calendar,
    contracts_of,
    outcome_calendars,
    running_sum,
    trained_since,
)
from pacte_eval.definitions.months import first_day, month_of
from pacte_eval.tables.source import Source, open_source

INTERVALS = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 11), st.integers(0, 11), st.integers(-(2**40), 2**40)
    ),
    max_size=30,
)


@given(INTERVALS)
def test_the_running_sum_is_the_sum_of_what_covers_each_month(
    drawn: list[tuple[int, int, int, int]],
) -> None:
    spans = [(row, min(a, b), max(a, b), amount) for row, a, b, amount in drawn]
    expected = np.zeros((4, 12), dtype=np.int64)
    for row, first, last, amount in spans:
        for month in range(first, last + 1):
            expected[row, month] += amount
    columns = np.array(spans, dtype=np.int64).reshape(-1, 4).T
    found = running_sum(*(columns[0], columns[1] + 100, columns[2] + 100, columns[3]), (4, 12), 100)
    np.testing.assert_array_equal(found, expected)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(90, 120)), min_size=1, max_size=8),
    st.integers(-20, 5),
    st.integers(0, 20),
)
def test_views_are_empty_outside_the_calendar(
    units: list[tuple[int, int]], first: int, width: int
) -> None:
    values = np.arange(3 * 10).reshape(3, 10)
    months = Calendar(100, values)
    periods = np.arange(first, first + width + 1)
    persons, entries = (np.array(column) for column in zip(*units, strict=True))
    found = months.around(persons, entries, periods)
    assert found.shape == (len(units), len(periods))
    for i, (person, entry) in enumerate(units):
        for j, period in enumerate(periods):
            month = entry + period
            if 100 <= month < 110:
                assert found[i, j] == values[person, month - 100]
            else:
                assert np.isnan(found[i, j])


def last_day(month: int) -> date:
    first = first_day(month)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def drawn_contracts(seed: int, people: list[str]) -> list[dict[str, Any]]:
    draws = np.random.default_rng(seed)
    made = []
    for i in range(80):
        start = date(2016, 6, 1) + timedelta(days=int(draws.integers(0, 2600)))
        length = int(draws.choice([0, 1, 27, 30, 31, 60, 178, 179, 180, 400]))
        end = None if draws.random() < 0.1 else start + timedelta(days=length)
        pay = None if draws.random() < 0.1 else int(draws.integers(0, 400_000))
        made.append(
            {
                "contract": f"c{i}",
                "person": people[int(draws.integers(len(people)))],
                "start": start,
                "end": end,
                "nature": str(draws.choice(["cdi", "cdd", "interim"])),
                "monthly_pay": pay,
                "monthly_minutes": int(draws.integers(0, 10_000)),
            }
        )
    return made


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_months_are_those_of_a_loop_over_days(write_source: Any, seed: int) -> None:
    people = [f"p{i}" for i in range(12)]
    contracts = drawn_contracts(seed, people)
    registrations = [{"person": person, "start": date(2018, 1, 1)} for person in people]
    trainings = [{"training": "f", "person": "p0", "start": date(2019, 1, 2)}]
    source = open_source(
        write_source(registrations=registrations, trainings=trainings, contracts=contracts)
    )
    persons = pd.Index(sorted(people))
    months = observed_months(source)
    assert months == (2017 * 12, 2023 * 12 + 5)
    made = outcome_calendars(contracts_of(source, persons), len(persons), months)
    calendars = {name: make() for name, make in made.items()}
    assert set(calendars) == {"emploi", "emploi_durable", "salaire", "heures"}
    covered = date(2023, 6, 30)
    for row, person in enumerate(persons):
        own = [contract for contract in contracts if contract["person"] == person]
        for month in range(months[0], months[1] + 1):
            day = last_day(month)
            here = [c for c in own if c["start"] <= day <= (c["end"] or covered)]
            lasting = [
                c
                for c in here
                if c["nature"] == "cdi" or ((c["end"] or covered) - c["start"]).days + 1 >= 180
            ]
            at = (row, month - months[0])
            assert calendars["emploi"].values[at] == bool(here)
            assert calendars["emploi_durable"].values[at] == bool(lasting)
            if any(c["monthly_pay"] is None for c in here):
                assert np.isnan(calendars["salaire"].values[at]), "an unknown pay is not a zero"
            else:
                pay = sum(c["monthly_pay"] for c in here) / 100
                assert calendars["salaire"].values[at] == pay
            minutes = sum(c["monthly_minutes"] for c in here)
            assert calendars["heures"].values[at] == pytest.approx(minutes / 60)


def opened(write_source: Any, trainings: list[dict[str, Any]]) -> Source:
    registrations = [{"person": "a", "start": date(2018, 1, 1)}]
    contracts = [{"contract": "c", "person": "a", "start": date(2018, 1, 1)}]
    folder: Path = write_source(
        registrations=registrations, trainings=trainings, contracts=contracts
    )
    return open_source(folder)


def test_a_month_is_observed_when_its_last_day_is(write_source: Any) -> None:
    source = opened(write_source, [{"training": "f", "person": "a", "start": date(2019, 1, 2)}])
    source.coverage["contracts"] = (date(2017, 3, 15), date(2023, 6, 29))
    assert observed_months(source) == (2017 * 12 + 2, 2023 * 12 + 4)


def test_trained_since_time_zero(write_source: Any) -> None:
    starts = {
        "before": date(2019, 3, 17),
        "same day": date(2019, 3, 18),
        "same month": date(2019, 3, 31),
        "in May": date(2019, 5, 1),
    }
    source = opened(
        write_source,
        [{"training": who, "person": who, "start": start} for who, start in starts.items()],
    )
    people = [*starts, "never"]
    units = pd.DataFrame(
        {
            "person": people,
            "time_zero": date(2019, 3, 18),
            "entry_month": month_of(date(2019, 3, 18)),
        }
    ).rename_axis("unit")
    periods = np.arange(-1, 61)
    found = trained_since(source, pd.Index(sorted(people)), units, periods)
    table = pd.DataFrame(found, index=people, columns=periods)
    assert (table[-1] == 0).all()
    assert table[0].to_dict() == {
        "before": 0,
        "same day": 1,
        "same month": 1,
        "in May": 0,
        "never": 0,
    }
    assert table.loc["in May", 1] == 0
    assert (table.loc["in May", 2:51] == 1).all()
    assert (table.loc["never", 0:51] == 0).all()
    assert table.loc[:, 52:].isna().all(axis=None), "after the coverage of trainings"
    assert table.loc[:, :51].notna().all(axis=None)
