"""What is known on the eve of time zero, against loops over days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.cohorts.eve import BAND_LABELS, COMPUTED, NEVER, Eve, unemployment_band
from pacte_eval.cohorts.register import NONE
from pacte_eval.definitions.months import first_day, month_of
from tests.cohorts.registers import LAST, candidates_of, day, last_day, register_of

D = date
MARCH_18 = D(2019, 3, 18)
ONE = timedelta(days=1)
ZEROS = [
    D(2018, 1, 1),
    D(2018, 2, 28),
    D(2018, 3, 1),
    D(2018, 3, 31),
    D(2020, 2, 29),
    D(2020, 3, 1),
]
EPISODES = st.lists(
    st.builds(
        lambda person, start, length: {
            "person": person,
            "start": start,
            "end": None if length is None else start + timedelta(days=length),
        },
        st.sampled_from("ab"),
        st.dates(D(2017, 1, 1), D(2020, 3, 15)),
        st.sampled_from([0, 1, 20, 31, 60, 200, None]),
    ),
    min_size=1,
    max_size=7,
)
ASKED = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(ZEROS) | st.dates(*ZEROS[::5])),
    min_size=1,
    max_size=6,
)


def spells_of(person: str | None, episodes: list[dict[str, Any]]) -> list[tuple[date, date]]:
    """Spells of a person, from first to last day."""
    spells: list[tuple[date, date]] = []
    mine = [row for row in episodes if row["person"] == person]
    for row in sorted(mine, key=lambda row: row["start"]):
        last = row["end"] or LAST
        if spells and (row["start"] - spells[-1][1]).days <= 31:
            spells[-1] = (spells[-1][0], max(spells[-1][1], last))
        else:
            spells.append((row["start"], last))
    return spells


def asked_of(episodes: list[dict[str, Any]], asked: Any) -> Eve:
    everyone = [{"person": name, "start": D(1990, 1, 1), "end": D(1990, 1, 1)} for name in "ab"]
    register = register_of(["birth_month"], registrations=[*episodes, *everyone])
    return Eve(register, candidates_of(register, *asked))


@settings(max_examples=60, deadline=None)
@given(EPISODES, ASKED, st.integers(1, 40))
def test_months_registered_have_their_last_day_in_a_spell(
    episodes: list[dict[str, Any]], asked: Any, months: int
) -> None:
    expected = []
    for person, zero in asked:
        entry, spells = month_of(zero), spells_of(person, episodes)
        ends = [last_day(month) for month in range(entry - months, entry)]
        expected.append(sum(any(a <= end <= b for a, b in spells) for end in ends))
    assert asked_of(episodes, asked).months_registered(months).tolist() == expected


def two_years_before(zero: date) -> date:
    month = month_of(zero) - 24
    return min(first_day(month) + timedelta(days=zero.day - 1), last_day(month))


@settings(max_examples=60, deadline=None)
@given(EPISODES, ASKED)
def test_previous_spells_began_within_two_years_and_are_over(
    episodes: list[dict[str, Any]], asked: Any
) -> None:
    expected = []
    for person, zero in asked:
        begun = [
            (first, last)
            for first, last in spells_of(person, episodes)
            if two_years_before(zero) <= first < zero
        ]
        expected.append(sum(last < zero - ONE for _, last in begun))
    assert asked_of(episodes, asked)["previous_spells"].tolist() == expected


@settings(max_examples=60, deadline=None)
@given(EPISODES, ASKED)
def test_unemployment_counts_from_the_spell_of_the_episode_of_the_eve(
    episodes: list[dict[str, Any]], asked: Any
) -> None:
    eve = asked_of(episodes, asked)
    durations, bands = eve["unemployment_duration"], eve["unemployment_band"]
    for (person, zero), duration, band in zip(asked, durations, bands, strict=True):
        covered = any(
            row["person"] == person and row["start"] < zero <= (row["end"] or LAST) + ONE
            for row in episodes
        )
        if not covered:
            assert np.isnan(duration)
            assert pd.isna(band)
            continue
        (first,) = [a for a, b in spells_of(person, episodes) if a < zero <= b + ONE]
        assert duration == month_of(zero) - month_of(first)
        assert band == unemployment_band(np.array([duration]))[0]


@pytest.mark.parametrize(
    ("months", "band"),
    [
        (0, "0–2"),
        (2, "0–2"),
        (3, "3–5"),
        (5, "3–5"),
        (6, "6–11"),
        (11, "6–11"),
        (12, "12–23"),
        (23, "12–23"),
        (24, "24 et plus"),
        (200, "24 et plus"),
    ],
)
def test_bands_of_unemployment(months: int, band: str) -> None:
    assert list(unemployment_band(np.array([months], np.float32))) == [band]


def test_bands_are_in_order_and_an_unknown_duration_has_none() -> None:
    bands = unemployment_band(np.array([np.nan, 30, 1], np.float32))
    assert bands.codes.tolist() == [-1, 4, 0]
    assert tuple(bands.categories) == BAND_LABELS


TRAININGS = st.lists(
    st.builds(
        lambda person, start, length: {
            "person": person,
            "start": start,
            "end": None if length is None else start + timedelta(days=length),
        },
        st.sampled_from(["a", "a", "b", None]),
        st.sampled_from([zero + n * ONE for zero in ZEROS for n in (-40, -1, 0, 1)]),
        st.sampled_from([None, 0, 1, 39, 40, 1000]),
    ),
    max_size=7,
)


@settings(max_examples=60, deadline=None)
@given(TRAININGS, ASKED)
def test_trainings_around_time_zero(held: list[dict[str, Any]], asked: Any) -> None:
    trainings = [{"training": f"f{i}", **row} for i, row in enumerate(held)]
    registrations = [{"person": name, "start": D(2017, 1, 1)} for name in "ab"]
    register = register_of(registrations=registrations, trainings=trainings)
    expected = []
    for person, zero in asked:
        mine = [row for row in trainings if person and row["person"] == person]
        before = [row for row in mine if row["start"] < zero]
        ends = [day(row["end"]) for row in before if row["end"]]
        after = [day(row["start"]) for row in mine if row["start"] >= zero]
        starts = [day(row["start"]) for row in before]
        expected.append(
            (max(starts, default=NONE), max(ends, default=NONE), min(after, default=NEVER))
        )
    eve = Eve(register, candidates_of(register, *asked))
    found = (*eve.trained_before(), eve.next_training())
    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected


def test_a_long_training_that_began_earlier_is_still_under_way() -> None:
    register = register_of(
        registrations=[{"person": "a", "start": D(2017, 1, 1)}],
        trainings=[
            {"training": "long", "person": "a", "start": D(2018, 1, 8), "end": D(2019, 12, 20)},
            {"training": "short", "person": "a", "start": D(2018, 6, 4), "end": D(2018, 6, 8)},
            {"training": "open", "person": "a", "start": D(2018, 9, 3), "end": None},
            {"training": "of nobody", "person": None, "start": D(2018, 10, 1), "end": LAST},
        ],
    )
    eve = Eve(register, candidates_of(register, ("a", MARCH_18)))
    last_start, last_end = eve.trained_before()
    assert last_start.tolist() == [day(D(2018, 9, 3))]
    assert last_end.tolist() == [day(D(2019, 12, 20))]
    assert eve.next_training().tolist() == [NEVER]


def followed(*periods: tuple[date, date | None, str]) -> bool:
    rows = [
        {"person": "a", "start": start, "end": end, "situation": situation}
        for start, end, situation in periods
    ]
    register = register_of(
        registrations=[{"person": "a", "start": D(2017, 1, 1)}], missions_locales=rows
    )
    (flag,) = Eve(register, candidates_of(register, ("a", MARCH_18)))["neet"]
    return bool(flag)


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ([(D(2018, 1, 1), None, "sans_solution")], True),
        ([(D(2018, 1, 1), D(2019, 3, 17), "sans_solution")], True),
        ([(D(2018, 1, 1), D(2019, 3, 16), "sans_solution")], False),
        ([(D(2019, 3, 17), None, "sans_solution")], True),
        ([(D(2019, 3, 18), None, "sans_solution")], False),
        ([(D(2018, 1, 1), None, "emploi")], False),
        # the longer of two, begun before the other
        (
            [
                (D(2018, 1, 1), None, "sans_solution"),
                (D(2018, 5, 1), D(2018, 5, 2), "sans_solution"),
            ],
            True,
        ),
    ],
)
def test_without_solution_on_the_eve(periods: Any, expected: bool) -> None:
    assert followed(*periods) is expected


def test_without_missions_locales_nobody_is_known_without_solution() -> None:
    register = register_of(registrations=[{"person": "a", "start": D(2017, 1, 1)}])
    assert list(Eve(register, candidates_of(register, ("a", MARCH_18)))["neet"]) == [0]


def test_age_is_in_full_years_in_the_month_of_entry() -> None:
    births = {"26": D(1993, 3, 1), "25": D(1993, 4, 1), "unknown": None}
    register = register_of(
        ["birth_month"],
        registrations=[
            {"person": name, "start": D(2018, 1, 1), "birth_month": born}
            for name, born in births.items()
        ],
    )
    eve = Eve(register, candidates_of(register, *((name, MARCH_18) for name in births)))
    np.testing.assert_array_equal(np.asarray(eve["age"]), [26, 25, np.nan])


def test_attributes_are_those_of_the_episode_of_the_eve_and_unknown_without_one() -> None:
    register = register_of(
        ["diploma", "children", "rsa"],
        registrations=[
            {"person": "a", "start": D(2018, 1, 1), "end": D(2019, 3, 16), "diploma": "aucun"},
            {"person": "a", "start": D(2019, 3, 17), "end": D(2019, 3, 17), "diploma": "bac",
             "children": 2, "rsa": True},
            {"person": "a", "start": D(2019, 3, 18), "diploma": "cap_bep"},
        ],
    )  # fmt: skip
    eve = Eve(
        register, candidates_of(register, ("a", MARCH_18), ("a", D(2017, 5, 1)), (None, MARCH_18))
    )
    assert next(iter(eve["diploma"])) == "bac"
    assert pd.isna(np.asarray(eve["diploma"])[1:]).all()
    np.testing.assert_array_equal(np.asarray(eve["children"]), [2, np.nan, np.nan])
    assert list(eve["rsa"]) == [1, -1, -1]
    assert set(eve) == {"category", "diploma", "children", "rsa", *COMPUTED}
    assert len(eve) == 9
