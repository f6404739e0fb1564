"""Monthly outcomes against a plain loop over contracts and days, on drawn contracts."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.cohorts.eligibility import observed_months
from pacte_eval.cohorts.lives import read_lives
from pacte_eval.cohorts.monthly import (
    ANY_DAY,
    CENSORED,
    LAST_DAY,
    UNKNOWN,
    Calendar,
    Intervals,
    Months,
    add_amounts,
    add_prorated,
    first_on_or_after,
    mark,
)
from pacte_eval.cohorts.outcomes import Lives
from pacte_eval.cohorts.register import read_register
from pacte_eval.cohorts.shelf import Shelf
from pacte_eval.definitions.cohort import OutcomeName
from pacte_eval.definitions.months import first_day, month_of
from pacte_eval.tables.source import Source, open_source
from tests.cohorts.registers import date_of, day

MONTHS = Months(2019 * 12 + 10, 2020 * 12 + 3)
"""From November 2019 to April 2020, past a leap day."""
FEBRUARY = 3
EDGE = [first_day(month) + timedelta(days=n) for month in range(MONTHS.first, MONTHS.last + 2)
        for n in (-2, -1, 0, 1)]  # fmt: skip
DATES = st.sampled_from(EDGE) | st.dates(date(2019, 9, 1), date(2020, 6, 30))
INTERVALS = st.lists(
    st.tuples(st.integers(0, 2), DATES, DATES, st.none() | st.integers(0, 400_000)), max_size=12
)
Drawn = Sequence[tuple[int, date, date, int | None]]


def intervals(drawn: Drawn) -> Intervals:
    ends = [sorted([day(a), day(b)]) for _, a, b, _ in drawn]
    table = np.array(ends, np.int32).reshape(-1, 2)
    return Intervals(np.array([row for row, *_ in drawn], np.int32), table[:, 0], table[:, 1])


def covering(drawn: Drawn, row: int, month: int, days: int) -> list[tuple[int, int | None]]:
    """Days of a month covered by each interval of a person that counts for it, and its amount."""
    found = []
    for who, a, b, amount in drawn:
        first, last = min(a, b), max(a, b)
        held = [d for d in days_of(month) if first <= d <= last]
        if who == row and held and (days == ANY_DAY or held[-1] == days_of(month)[-1]):
            found.append((len(held), amount))
    return found


def days_of(month: int) -> list[date]:
    first = first_day(month)
    return [first.replace(day=n + 1) for n in range(calendar.monthrange(*divmod_month(month))[1])]


def divmod_month(month: int) -> tuple[int, int]:
    return month // 12, month % 12 + 1


def everywhere() -> list[tuple[int, int, int]]:
    return [(row, i, MONTHS.first + i) for row in range(3) for i in range(len(MONTHS))]


@settings(deadline=None)
@given(st.integers(1990 * 12, 2050 * 12), st.integers(-1, 40))
def test_months_start_on_their_first_day(first: int, count: int) -> None:
    months = Months(first, first + count - 1)
    assert len(months) == max(count, 0)
    starts = [date_of(start) for start in months.starts]
    assert starts == [first_day(month) for month in range(first, first + count + 1)]


@settings(deadline=None)
@given(INTERVALS, st.sampled_from([LAST_DAY, ANY_DAY]))
def test_months_are_marked_when_a_day_is_covered(drawn: Drawn, days: int) -> None:
    values = np.zeros((3, len(MONTHS)), np.int8)
    mark(values, intervals(drawn), MONTHS, days)
    for row, i, month in everywhere():
        assert values[row, i] == bool(covering(drawn, row, month, days))


def test_the_greatest_mark_stays() -> None:
    values = np.zeros((1, len(MONTHS)), np.int8)
    long = intervals([(0, date(2019, 11, 1), date(2020, 4, 30), 0)])
    short = intervals([(0, date(2020, 2, 1), date(2020, 2, 29), 0)])
    mark(values, short, MONTHS, LAST_DAY, 2)
    mark(values, long, MONTHS, LAST_DAY)
    assert values.tolist() == [[1, 1, 1, 2, 1, 1]]


@settings(deadline=None)
@given(INTERVALS, st.sampled_from([np.int32, np.int64]))
def test_the_running_sum_is_the_sum_of_what_covers_each_month(drawn: Drawn, kind: Any) -> None:
    values = np.zeros((3, len(MONTHS)), kind)
    amounts = np.array([-1 if amount is None else amount for *_, amount in drawn], kind)
    add_amounts(values, intervals(drawn), MONTHS, amounts, -1)
    for row, i, month in everywhere():
        here = [amount for _, amount in covering(drawn, row, month, LAST_DAY)]
        known = [amount for amount in here if amount is not None]
        assert values[row, i] == (UNKNOWN if len(known) < len(here) else sum(known))


@settings(deadline=None)
@given(INTERVALS)
def test_amounts_in_proportion_to_days_are_rounded_down_one_by_one(drawn: Drawn) -> None:
    known = [(row, a, b, amount or 0) for row, a, b, amount in drawn]
    values = np.zeros((3, len(MONTHS)), np.int64)
    amounts = np.array([amount for *_, amount in known], np.int32)
    add_prorated(values, intervals(known), MONTHS, amounts)
    for row, i, month in everywhere():
        parts = covering(known, row, month, ANY_DAY)
        length = len(days_of(month))
        assert values[row, i] == sum((amount or 0) * held // length for held, amount in parts)


def test_a_part_of_a_leap_february() -> None:
    values = np.zeros((1, len(MONTHS)), np.int64)
    half = intervals([(0, date(2020, 2, 15), date(2020, 3, 1), 0)])
    add_prorated(values, half, MONTHS, np.array([1000], np.int32))
    assert values.tolist() == [[0, 0, 0, 1000 * 15 // 29, 1000 // 31, 0]]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-400, 20_000)), max_size=12),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20_000)), min_size=1, max_size=5),
    st.integers(0, 12),
)
def test_the_first_day_on_or_after(
    listed: list[tuple[int, int]], asked: list[tuple[int, int]], cut: int
) -> None:
    parts = [part for part in (listed[:cut], listed[cut:]) if part]
    chunks = [
        (np.array([row for row, _ in part], np.int32), np.array([d for _, d in part], np.int32))
        for part in parts
    ]
    rows, days = (np.array(column) for column in zip(*asked, strict=True))
    found = first_on_or_after(chunks, rows, days)
    for (row, when), first in zip(asked, found.tolist(), strict=True):
        later = [d for who, d in listed if who == row and d >= when]
        if later:
            assert first == min(later)
        else:
            assert first > 100_000, "none: so far that no month reaches it"


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(90, 120)), min_size=1, max_size=8),
    st.integers(-20, 5),
    st.integers(0, 20),
    st.sampled_from([np.int8, np.int32]),
)
def test_views_are_empty_outside_the_calendar(
    units: list[tuple[int, int]], first: int, width: int, kind: Any
) -> None:
    values = np.arange(3 * 10).reshape(3, 10).astype(kind)
    values[1, 4] = CENSORED if kind is np.int8 else UNKNOWN
    months = Calendar(100, values, unit=2)
    periods = np.arange(first, first + width + 1)
    persons, entries = (np.array(column) for column in zip(*units, strict=True))
    found = months.around(persons, entries, periods)
    assert found.shape == (len(units), len(periods))
    assert found.dtype == np.float32
    for i, (person, entry) in enumerate(units):
        for j, period in enumerate(periods):
            month = entry + period
            if 100 <= month < 110 and not (person == 1 and month == 104):
                assert found[i, j] == values[person, month - 100] / 2
            else:
                assert np.isnan(found[i, j])


def last_day(month: int) -> date:
    return days_of(month)[-1]


def drawn_contracts(seed: int, people: list[str]) -> list[dict[str, Any]]:
    draws = np.random.default_rng(seed)

    def maybe(value: Any) -> Any:
        return None if draws.random() < 0.1 else value

    made = []
    for i in range(80):
        start = date(2016, 6, 1) + timedelta(days=int(draws.integers(0, 2600)))
        length = int(draws.choice([0, 1, 27, 29, 30, 31, 60, 178, 179, 180, 400]))
        made.append(
            {
                "contract": f"c{i}",
                "person": people[int(draws.integers(len(people)))],
                "start": start,
                "end": maybe(start + timedelta(days=length)),
                "nature": str(draws.choice(["cdi", "cdd", "interim", "autre"])),
                "full_time": maybe(bool(draws.random() < 0.5)),
                "monthly_pay": maybe(int(draws.integers(0, 400_000))),
                "monthly_minutes": maybe(int(draws.integers(0, 10_000))),
            }
        )
    return made


COVERED = date(2023, 6, 30)


def lives_of(source: Source, people: list[str], min_days: int = 0) -> Lives:
    """The lives of people, in the order given, who must be in the order of their keys."""
    register = read_register(source, {"category"}, 0)
    names = register.persons.to_pylist()
    return read_lives(
        source,
        register,
        np.array([names.index(who) for who in people], np.int32),
        min_days,
        Shelf(),
    )


def employment(contracts: list[dict[str, Any]], month: int) -> dict[str, float]:
    """What a person's contracts make of a month; NaN where it is not known."""
    days = days_of(month)
    here = [c for c in contracts if c["start"] <= days[-1] <= (c["end"] or COVERED)]
    touching = [(c, sum(c["start"] <= d <= (c["end"] or COVERED) for d in days)) for c in contracts]
    touching = [(c, held) for c, held in touching if held]
    lasting = [
        c
        for c in here
        if c["nature"] == "cdi" or ((c["end"] or COVERED) - c["start"]).days + 1 >= 180
    ]
    times = {c["full_time"] for c in here}
    known = [(c["monthly_minutes"], held) for c, held in touching]
    minutes = sum(m * held // len(days) for m, held in known if m is not None)
    unknown_minutes = any(m is None for m, _ in known)

    def amount(field: str, unit: int) -> float:
        values = [c[field] for c in here]
        return np.nan if None in values else sum(values) / unit

    return {
        "emploi": bool(here),
        "emploi_mois": bool(touching),
        "emploi_durable": bool(lasting),
        "temps_plein": 1 if True in times else np.nan if None in times else 0,
        "emploi_78h": 1 if minutes >= 78 * 60 else np.nan if unknown_minutes else 0,
        "salaire": amount("monthly_pay", 100),
        "heures": amount("monthly_minutes", 60),
    }


@pytest.mark.parametrize(("seed", "min_days"), [(1, 0), (2, 0), (3, 31)])
def test_months_are_those_of_a_loop_over_days(write_source: Any, seed: int, min_days: int) -> None:
    people = [f"p{i:02d}" for i in range(12)]
    contracts = drawn_contracts(seed, people)
    registrations = [{"person": person, "start": date(2018, 1, 1)} for person in people]
    trainings = [{"training": "f", "person": "p00", "start": date(2019, 1, 2)}]
    source = open_source(
        write_source(registrations=registrations, trainings=trainings, contracts=contracts)
    )
    months = observed_months(source)
    assert months == (2017 * 12, 2023 * 12 + 5)
    told_of_jobs = employment([], months[0])
    assert len(told_of_jobs) == 7
    lives = lives_of(source, people, min_days)
    names: list[OutcomeName] = [name for name in get_args(OutcomeName) if name in told_of_jobs]
    calendars = {name: lives.calendar(name) for name in names}
    expected: dict[str, list[list[float]]] = {name: [] for name in names}
    for person in people:
        own = [
            contract
            for contract in contracts
            if contract["person"] == person
            and (
                contract["end"] is None
                or (contract["end"] - contract["start"]).days + 1 >= min_days
            )
        ]
        told = [employment(own, month) for month in range(months[0], months[1] + 1)]
        for name in names:
            expected[name].append([float(month[name]) for month in told])
    rows = np.arange(len(people))
    periods = np.arange(months[1] - months[0] + 1)
    for name, made in calendars.items():
        found = made.around(rows, np.full(len(people), months[0]), periods)
        np.testing.assert_allclose(found, np.array(expected[name]), rtol=1e-6, err_msg=name)
        assert np.nanmax(found) > 0
        unknown = np.isnan(found).sum()
        assert (unknown == 0) == (name in ("emploi", "emploi_mois", "emploi_durable")), name


def opened(write_source: Any, trainings: list[dict[str, Any]], **tables: Any) -> Source:
    registrations = [{"person": "a", "start": date(2018, 1, 1)}]
    contracts = [
        {"contract": "c", "person": "a", "start": date(2018, 1, 1), "monthly_minutes": 9100}
    ]
    folder: Path = write_source(
        **{
            "registrations": registrations,
            "trainings": trainings,
            "contracts": contracts,
            **tables,
        }
    )
    return open_source(folder)


def test_a_month_is_observed_when_its_last_day_is(write_source: Any) -> None:
    source = opened(write_source, [{"training": "f", "person": "a", "start": date(2019, 1, 2)}])
    source.coverage["contracts"] = (date(2017, 3, 15), date(2023, 6, 29))
    assert observed_months(source) == (2017 * 12 + 2, 2023 * 12 + 4)
    assert observed_months(source, "trainings") == (2017 * 12, 2023 * 12 + 5)


OBSERVED: dict[str, tuple[OutcomeName, ...]] = {
    "contracts": ("emploi", "emploi_mois", "emploi_78h", "emploi_durable", "temps_plein",
                  "salaire", "heures"),
    "registrations": ("inscrit_a", "inscrit_b", "inscrit_c", "inscrit_d", "inscrit_e",
                      "inscrit_abc"),
    "trainings": ("en_formation",),
}  # fmt: skip


@pytest.mark.parametrize("table", list(OBSERVED))
def test_each_outcome_is_empty_where_its_table_does_not_cover(
    write_source: Any, table: str
) -> None:
    source = opened(write_source, [{"training": "f", "person": "a", "start": date(2019, 1, 2)}])
    source.coverage[table] = (date(2018, 3, 31), date(2019, 4, 29))
    lives = lives_of(source, ["a"])
    zero, periods = np.array([2018 * 12]), np.arange(-12, 24)
    for covering_table, names in OBSERVED.items():
        for name in names:
            (values,) = lives.calendar(name).around(np.array([0]), zero, periods)
            observed = list(range(2, 15)) if covering_table == table else list(periods)
            assert list(periods[~np.isnan(values)]) == observed, name


def test_registration_in_each_category_on_the_last_day(write_source: Any) -> None:
    people = {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"}
    spans = {"start": date(2019, 1, 31), "end": date(2019, 3, 30)}
    rows: list[dict[str, Any]] = [
        {"person": who, "category": category, **spans} for who, category in people.items()
    ]
    rows.append({"person": "a", "category": "D", "start": date(2019, 3, 31)})
    source = opened(
        write_source,
        [{"training": "f", "person": "a", "start": date(2019, 1, 2)}],
        registrations=rows,
    )
    lives = lives_of(source, list(people))
    zero, periods = 2019 * 12, np.arange(-1, 4)

    def registered(name: OutcomeName) -> dict[str, list[float]]:
        values = lives.calendar(name).around(np.arange(5), np.full(5, zero), periods)
        return {who: list(row) for who, row in zip(people, values, strict=True) if row.any()}

    two_months = [0, 1, 1, 0, 0]
    assert registered("inscrit_a") == {"a": two_months}
    assert registered("inscrit_b") == {"b": two_months}
    assert registered("inscrit_c") == {"c": two_months}
    assert registered("inscrit_d") == {"a": [0, 0, 0, 1, 1], "d": two_months}
    assert registered("inscrit_e") == {"e": two_months}
    assert registered("inscrit_abc") == dict.fromkeys("abc", two_months)


def test_in_training_until_the_end_or_the_end_of_the_first_month(write_source: Any) -> None:
    dates: dict[str, tuple[date, date | None]] = {
        "long": (date(2019, 1, 31), date(2019, 3, 31)),
        "inside a month": (date(2019, 2, 1), date(2019, 2, 27)),
        "open": (date(2019, 2, 5), None),
        "open on the last day": (date(2020, 2, 29), None),
    }
    people = sorted(dates)
    source = opened(
        write_source,
        [
            {"training": who, "person": who, "start": start, "end": end}
            for who, (start, end) in dates.items()
        ],
        registrations=[{"person": who, "start": date(2018, 1, 1)} for who in people],
    )
    values = (
        lives_of(source, people)
        .calendar("en_formation")
        .around(np.arange(4), np.full(4, 2019 * 12), np.arange(-1, 20))
    )
    months = {who: np.flatnonzero(row) - 1 for who, row in zip(people, values, strict=True)}
    assert {who: list(held) for who, held in months.items()} == {
        "long": [0, 1, 2],
        "inside a month": [],
        "open": [1],
        "open on the last day": [13],
    }


def test_trained_since_time_zero(write_source: Any) -> None:
    starts = {
        "before": date(2019, 3, 17),
        "same day": date(2019, 3, 18),
        "same month": date(2019, 3, 31),
        "in May": date(2019, 5, 1),
    }
    people = sorted([*starts, "never"])
    source = opened(
        write_source,
        [{"training": who, "person": who, "start": start} for who, start in starts.items()],
        registrations=[{"person": who, "start": date(2018, 1, 1)} for who in people],
    )
    zero = date(2019, 3, 18)
    periods = np.arange(-1, 61)
    found = lives_of(source, people).trained_since(
        np.arange(5), np.full(5, month_of(zero)), periods, np.full(5, day(zero))
    )
    assert found.dtype == np.float32
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


def test_trained_since_the_day_of_entry_in_months_from_the_end(write_source: Any) -> None:
    source = opened(write_source, [{"training": "f", "person": "a", "start": date(2019, 3, 18)}])
    lives = lives_of(source, ["a"])
    origin = np.array([month_of(date(2019, 9, 1))])
    found = lives.trained_since(
        np.array([0]), origin, np.arange(-8, 2), np.array([day(date(2019, 3, 18))])
    )
    assert found.tolist() == [[0, 0, 1, 1, 1, 1, 1, 1, 1, 1]]
