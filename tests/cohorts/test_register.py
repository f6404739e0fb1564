"""The register in order: the same whatever the order of rows, spells 31 days apart made one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.cohorts.attributes import Values
from pacte_eval.cohorts.hashing import md5_hex
from pacte_eval.cohorts.register import NONE, Register
from pacte_eval.definitions.months import month_of
from tests.cohorts.registers import LAST, Rows, date_of, day, number_of, register_of

D = date
DATES = [
    D(2018, 1, 31),
    D(2018, 3, 3),
    D(2018, 3, 4),
    D(2019, 2, 28),
    D(2019, 2, 28),
    D(2019, 4, 1),
]
FACTS: dict[str, list[Any]] = {
    "category": ["A", "E"],
    "commune": ["13201", "84007", None],
    "diploma": ["aucun", "bac", None],
    "children": [0, 1, None],
    "qpv": [True, False, None],
    "birth_month": [D(1985, 6, 1), D(1990, 1, 1), None],
}


def alike_in_dates(start: date, length: int | None) -> dict[str, Any]:
    return {"start": start, "end": None if length is None else start + timedelta(days=length)}


EPISODE = st.builds(
    lambda person, dates, facts: {"person": person, **dates, **facts},
    st.sampled_from("ab"),
    st.builds(alike_in_dates, st.sampled_from(DATES), st.sampled_from([0, 0, 31, 32, 400, None])),
    st.fixed_dictionaries({name: st.sampled_from(values) for name, values in FACTS.items()}),
)
TRAINING = st.fixed_dictionaries(
    {
        "person": st.sampled_from(["a", "b", "c", None]),
        "start": st.sampled_from(DATES),
        "end": st.sampled_from([None, D(2019, 6, 30)]),
        "scheme": st.sampled_from(["x", "y", None]),
    }
)


def plain(values: Values) -> list[Any]:
    if isinstance(values, pd.Categorical):
        return [None if pd.isna(value) else value for value in values]
    return [None if np.isnan(value) else float(value) for value in values]


def told(register: Register) -> dict[str, Any]:
    """Everything that a register says, in plain values."""
    episodes, trainings = register.episodes, register.trainings
    arrays = {
        f"{name}.{part}": getattr(held, part).tolist()
        for name, held, parts in (
            ("episodes", episodes, ("person", "start", "last", "first_month", "last_month")),
            ("episodes", episodes, ("spell_month",)),
            ("spells", register.spells, ("person", "start", "last")),
            ("trainings", trainings, ("person", "start", "last")),
        )
        for part in parts
    }
    return {
        "persons": register.persons.to_pylist(),
        "luck": register.luck.tolist(),
        **arrays,
        "keys": plain(trainings.training),
        **{name: plain(values) for name, values in episodes.attributes.items()},
        **{f"training {name}": plain(values) for name, values in trainings.attributes.items()},
    }


@settings(max_examples=30, deadline=None)
@given(st.data(), st.lists(EPISODE, min_size=1, max_size=8), st.lists(TRAINING, max_size=6))
def test_the_order_of_rows_changes_nothing(data: st.DataObject, episodes: Any, held: Any) -> None:
    trainings = [{"training": f"f{i}", **row} for i, row in enumerate(held)]
    read = register_of(FACTS, registrations=episodes, trainings=trainings)
    other = register_of(
        FACTS,
        registrations=data.draw(st.permutations(episodes)),
        trainings=data.draw(st.permutations(trainings)),
    )
    assert told(read) == told(other)


def test_episodes_alike_in_dates_category_and_commune_are_in_one_order() -> None:
    dates = {"person": "a", "start": D(2019, 1, 1), "end": D(2019, 5, 1)}
    rows = [{**dates, "diploma": code, "children": n} for code in ("bac", "aucun") for n in (2, 0)]
    orders = [rows, rows[::-1], rows[2:] + rows[:2], rows[1:] + rows[:1]]
    found = [told(register_of(FACTS, registrations=order)) for order in orders]
    assert found[1:] == found[:-1]
    assert sorted(zip(found[0]["diploma"], found[0]["children"], strict=True)) == [
        ("aucun", 0), ("aucun", 2), ("bac", 0), ("bac", 2)
    ]  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(st.lists(EPISODE, min_size=1, max_size=8))
def test_spells_are_runs_of_days_at_most_31_apart(episodes: list[dict[str, Any]]) -> None:
    register = register_of(registrations=episodes)
    expected = []
    for person in sorted({row["person"] for row in episodes}):
        covered = sorted(
            {
                number
                for row in episodes
                if row["person"] == person
                for number in range(day(row["start"]), day(row["end"] or LAST) + 1)
            }
        )
        first = covered[0]
        for here, following in zip(covered, [*covered[1:], None], strict=True):
            if following is None or following - here > 31:
                expected.append((person, date_of(first), date_of(here)))
                first = following if following is not None else first
    names = register.persons.to_pylist()
    spells = register.spells
    found = [
        (names[person], date_of(start), date_of(last))
        for person, start, last in zip(spells.person, spells.start, spells.last, strict=True)
    ]
    assert found == expected
    for person, start, began in zip(
        register.episodes.person,
        register.episodes.start,
        register.episodes.spell_month,
        strict=True,
    ):
        (month,) = {
            month_of(first)
            for who, first, last in expected
            if who == names[person] and first <= date_of(start) <= last
        }
        assert began == month


@pytest.mark.parametrize(("apart", "spells"), [(1, 1), (31, 1), (32, 2)])
def test_31_days_apart_are_one_spell_and_32_are_two(apart: int, spells: int) -> None:
    over = D(2019, 1, 10)
    rows: Rows = [
        {"person": "a", "start": D(2018, 10, 1), "end": over, "category": "A"},
        # a shorter episode inside the first: what counts is the greatest end so far
        {"person": "a", "start": D(2018, 11, 1), "end": D(2018, 11, 2), "category": "E"},
        {"person": "a", "start": over + timedelta(days=apart), "category": "D"},
    ]
    register = register_of(registrations=rows)
    assert len(register.spells.start) == spells
    assert register.spells.last[-1] == day(LAST)


def test_people_are_numbered_in_the_order_of_bytes_wherever_they_are_met() -> None:
    register = register_of(
        registrations=[{"person": name, "start": D(2019, 1, 1)} for name in ("é", "a", "Z")],
        trainings=[{"training": "f", "person": "trained only", "start": D(2019, 1, 1)}],
        missions_locales=[
            {"person": "followed only", "start": D(2019, 1, 1), "situation": "sans_solution"},
            {"person": "at school", "start": D(2019, 1, 1), "situation": "scolarite"},
        ],
    )
    names = register.persons.to_pylist()
    assert names == sorted(["é", "a", "Z", "trained only", "followed only"], key=str.encode)
    assert register.without_solution.person.tolist() == [number_of(register, "followed only")]
    assert register.without_solution.last.tolist() == [day(LAST)]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.text("aé0:", min_size=1), min_size=1, unique=True))
def test_the_luck_of_a_person_is_the_hash_of_seed_and_key(seed: int, people: list[str]) -> None:
    rows = [{"person": person, "start": D(2019, 1, 1)} for person in people]
    register = register_of(seed=seed, registrations=rows)
    expected = [int(md5_hex(f"{seed}:{name}")[:7], 16) for name in register.persons.to_pylist()]
    assert register.luck.tolist() == expected


def test_trainings_are_in_the_order_of_person_start_and_hash() -> None:
    rows = [
        {"training": f"f{i}", "person": who, "start": D(2019, 3, 4) + timedelta(days=i % 2)}
        for i, who in enumerate([None, "b", "a", "b", "a", None, "b", "a", "a"])
    ]
    trainings = register_of(trainings=rows).trainings
    by_key: Mapping[str, Mapping[str, Any]] = {str(row["training"]): row for row in rows}

    def place(key: str) -> tuple[str, date, str]:
        return by_key[key]["person"] or "", by_key[key]["start"], md5_hex(key)

    assert list(trainings.training) == sorted(by_key, key=place)
    assert (trainings.person[:2] == NONE).all()
    assert (trainings.last == NONE).all()


def test_an_open_episode_ends_with_the_coverage_and_codes_stay_unknown() -> None:
    register = register_of(
        ["sex", "children", "qpv", "birth_month", "departement", "isolated_rural"],
        registrations=[
            {"person": "a", "start": D(2019, 1, 31), "commune": "84007"},
            dict.fromkeys(["sex", "children", "qpv", "birth_month", "commune"])
            | {"person": "b", "start": D(2019, 2, 1), "end": D(2019, 2, 28)},
        ],
    )
    episodes = register.episodes
    assert episodes.last.tolist() == [day(LAST), day(D(2019, 2, 28))]
    assert episodes.first_month.tolist() == [2019 * 12, 2019 * 12 + 1]
    assert episodes.last_month.tolist() == [2023 * 12 + 5, 2019 * 12 + 1]
    assert {name: plain(values) for name, values in episodes.attributes.items()} == {
        "category": ["A", "A"],
        "sex": ["F", None],
        "children": [0, None],
        "qpv": [0, -1],
        "birth_month": [1985 * 12 + 5, None],
        "departement": ["84", None],
        "isolated_rural": [-1, -1],
    }
