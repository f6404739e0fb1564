"""Rules of eligibility: at their bounds, on what is missing, composed; and the flow they give."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.cohorts.candidates import Candidates
from pacte_eval.cohorts.eligibility import FLOW, Eligibility, apply_tests, flow_of
from pacte_eval.cohorts.eligibility import Test as OneTest
from pacte_eval.cohorts.eve import Eve
from pacte_eval.cohorts.register import Register
from pacte_eval.definitions.cells import read_territories
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.project import Project
from tests.cohorts.registers import candidates_of, register_of

D = date
ZERO = D(2019, 3, 18)
MARCH = 2019 * 12 + 2
ATTRIBUTES = ["birth_month", "diploma", "qpv", "commune", "departement"]
PUBLICS = Project(shipped_library()).publics()


def eligibility(rule: dict[str, Any], observed: tuple[int, int] = (0, 40_000)) -> Eligibility:
    declared = Project(shipped_library()).cohort("entrants-2019").model_dump(by_alias=True)
    declared["population"] = [*declared["population"], rule]
    definition = CohortDefinition.model_validate(declared)
    return Eligibility(definition, PUBLICS, read_territories(), observed)


def passes(rule: dict[str, Any], eve: Eve) -> list[bool]:
    tested = eligibility(rule)
    found = tested.passes(tested.definition.population[-1], eve)
    assert found.dtype == bool
    return [bool(value) for value in found]


def eve_of(*asked: tuple[str | None, date], **tables: Any) -> Eve:
    register = register_of(ATTRIBUTES, **tables)
    return Eve(register, candidates_of(register, *asked))


def person(**facts: Any) -> Eve:
    """Someone with these facts on the eve, someone known without any, someone not registered."""
    everything_unknown = dict.fromkeys(["birth_month", "diploma", "qpv", "commune"])
    start = D(2018, 10, 1)
    return eve_of(
        ("known", ZERO),
        ("unknown", ZERO),
        ("left", ZERO),
        registrations=[
            {"person": "known", "start": start, **facts},
            {"person": "unknown", "start": start, **everything_unknown},
            {"person": "left", "start": start, "end": ZERO - timedelta(days=2), **facts},
        ],
    )


@pytest.mark.parametrize(
    ("rule", "inside", "outside"),
    [
        (
            {"rule": "age", "between": [16, 60]},
            [{"birth_month": D(2003, 3, 1)}, {"birth_month": D(1958, 4, 1)}],
            [{"birth_month": D(2003, 4, 1)}, {"birth_month": D(1958, 3, 1)}],
        ),
        (
            {"rule": "level", "in": ["aucun", "cap_bep"]},
            [{"diploma": "aucun"}, {"diploma": "cap_bep"}],
            [{"diploma": "bac"}],
        ),
        ({"rule": "public", "public": "qpv"}, [{"qpv": True}], [{"qpv": False}]),
        (
            {"rule": "lives_in", "territory": "departement-13"},
            [{"commune": "13201"}, {"commune": "13001"}],
            [{"commune": "84007"}],
        ),
    ],
)
def test_rules_on_the_eve(rule: Any, inside: list[Any], outside: list[Any]) -> None:
    for facts in inside:
        assert passes(rule, person(**facts)) == [True, False, False], facts
    for facts in outside:
        assert passes(rule, person(**facts)) == [False, False, False], facts


def test_registered_on_the_eve_in_a_category() -> None:
    rule = {"rule": "registered", "categories": ["A", "B"]}
    assert passes(rule, person(category="B")) == [True, True, False]
    assert passes(rule, person(category="D")) == [False, True, False]


def test_linked_is_to_have_a_person() -> None:
    eve = eve_of(("a", ZERO), (None, ZERO), registrations=[{"person": "a", "start": ZERO}])
    assert passes({"rule": "linked"}, eve) == [True, False]
    assert passes({"rule": "registered", "categories": ["A"]}, eve) == [False, False]


@pytest.mark.parametrize(
    ("bounds", "expected"), [([5, 5], True), ([0, 4], False), ([6, 20], False), ([0, 23], True)]
)
def test_elapsed_unemployment(bounds: list[int], expected: bool) -> None:
    eve = person()
    rule = {"rule": "elapsed_unemployment", "between": bounds}
    assert passes(rule, eve) == [expected, expected, False]


@pytest.mark.parametrize(
    ("bounds", "months", "expected"),
    [([5, 5], 36, True), ([6, 36], 36, False), ([3, 3], 3, True), ([0, 4], 36, False)],
)
def test_cumulated_unemployment(bounds: list[int], months: int, expected: bool) -> None:
    rule = {"rule": "cumulated_unemployment", "between": bounds, "months_before": months}
    assert passes(rule, person())[0] is expected


def trained(start: date, end: date | None) -> Eve:
    return eve_of(
        ("a", ZERO),
        ("b", ZERO),
        registrations=[{"person": name, "start": D(2016, 1, 1)} for name in "ab"],
        trainings=[
            {"training": "f", "person": "a", "start": start, "end": end},
            {"training": "own", "person": "a", "start": ZERO, "end": D(2019, 6, 1)},
            {"training": "of nobody", "person": None, "start": D(2019, 3, 4)},
        ],
    )


@pytest.mark.parametrize(
    ("start", "end", "months", "expected"),
    [
        (D(2017, 3, 17), D(2017, 6, 1), 24, True),
        (D(2017, 3, 18), D(2017, 6, 1), 24, False),
        (D(2017, 3, 17), D(2019, 3, 16), 24, True),
        (D(2017, 3, 17), D(2019, 3, 17), 24, False),
        (D(2017, 3, 17), None, 24, True),
        (D(2019, 3, 17), None, 24, False),
        (D(2019, 3, 17), None, 0, True),
        (D(2019, 3, 17), D(2019, 3, 17), 0, False),
        (D(2019, 3, 18), D(2019, 4, 1), 24, True),
    ],
)
def test_no_training_begun_lately_nor_under_way(
    start: date, end: date | None, months: int, expected: bool
) -> None:
    rule = {"rule": "no_training", "months_before": months}
    assert passes(rule, trained(start, end)) == [expected, True]


@pytest.mark.parametrize(
    ("start", "expected"), [(D(2019, 3, 17), False), (D(1999, 1, 1), False), (ZERO, True)]
)
def test_first_training(start: date, expected: bool) -> None:
    assert passes({"rule": "first_training"}, trained(start, None)) == [expected, True]


def test_covered_before_entry_and_after_the_origin() -> None:
    register = register_of(registrations=[{"person": "a", "start": D(2016, 1, 1)}])
    candidates = candidates_of(register, ("a", ZERO))
    rule = {"rule": "covered", "months_before": 24, "months_after": 36}

    def covered(first: int, last: int, held: Candidates = candidates) -> bool:
        tested = eligibility(rule, (first, last))
        (found,) = tested.passes(tested.definition.population[-1], Eve(register, held))
        return bool(found)

    assert covered(MARCH - 24, MARCH + 36)
    assert not covered(MARCH - 23, MARCH + 36)
    assert not covered(MARCH - 24, MARCH + 35)
    from_end = replace(candidates, origin_month=candidates.origin_month + 6)
    assert not covered(MARCH - 24, MARCH + 36, from_end)
    assert covered(MARCH - 24, MARCH + 42, from_end)
    assert not covered(MARCH - 18, MARCH + 42, from_end), "before counts from entry all the same"


PARTS = [
    {"rule": "public", "public": "qpv"},
    {"rule": "level", "in": ["aucun"]},
    {"rule": "age", "between": [16, 25]},
]


@pytest.mark.parametrize("met", [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)])
def test_composed_rules_count_those_that_hold(met: tuple[int, int, int]) -> None:
    facts = {
        "qpv": bool(met[0]),
        "diploma": "aucun" if met[1] else "bac",
        "birth_month": D(2000, 1, 1) if met[2] else D(1980, 1, 1),
    }
    eve = person(**facts)
    assert passes({"rule": "any", "of": PARTS}, eve) == [sum(met) >= 1, False, False]
    assert passes({"rule": "all", "of": PARTS}, eve) == [sum(met) == 3, False, False]
    for count in (1, 2, 3):
        rule = {"rule": "at_least", "count": count, "of": PARTS}
        assert passes(rule, eve) == [sum(met) >= count, False, False]
    nested = {"rule": "all", "of": [PARTS[0], {"rule": "any", "of": PARTS[1:]}]}
    assert passes(nested, eve)[0] == (bool(met[0]) and bool(met[1] or met[2]))


@pytest.mark.parametrize(
    ("rule", "read"),
    [
        ({"rule": "public", "public": "seniors"}, {"age"}),
        ({"rule": "lives_in", "territory": "ze2020-9312"}, {"ze2020"}),
        (
            {
                "rule": "any",
                "of": [
                    {"rule": "level", "in": ["aucun"]},
                    {"rule": "all", "of": [{"rule": "public", "public": "qpv"}]},
                ],
            },
            {"diploma", "qpv"},
        ),
        ({"rule": "elapsed_unemployment", "between": [0, 5]}, {"unemployment_duration"}),
    ],
)
def test_the_columns_that_rules_read(rule: dict[str, Any], read: set[str]) -> None:
    always = eligibility({"rule": "first_training"}).columns
    assert always == {"age", "category", "departement"}
    assert eligibility(rule).columns == always | read


@cache
def twelve() -> tuple[Register, Candidates]:
    names = [f"p{i:02d}" for i in range(12)]
    rows = [{"person": name, "start": D(2018, 1, 1)} for name in names]
    register = register_of(registrations=rows)
    return register, candidates_of(register, *((name, ZERO) for name in names))


def is_among(held: set[int], eve: Eve) -> np.ndarray:
    return np.isin(eve.candidates.person, list(held))


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(0, 11)), max_size=4))
def test_the_flow_adds_up_and_each_is_excluded_by_the_first_rule_failed(
    kept: list[set[int]],
) -> None:
    register, candidates = twelve()
    tests = [
        OneTest(f"rule {i}", f"Règle {i}", partial(is_among, held)) for i, held in enumerate(kept)
    ]
    passed = apply_tests(Eve(register, candidates), tests)
    for number, count in zip(candidates.person, passed, strict=True):
        failed = [i for i, held in enumerate(kept) if number not in held]
        assert count == (failed[0] if failed else len(kept))
    flow = flow_of("essai", passed, tests, ("entries", "Entrées"))
    assert list(flow) == FLOW
    assert flow["rule"].tolist() == ["entries", *(f"rule {i}" for i in range(len(kept)))]
    assert flow["order"].tolist() == list(range(len(kept) + 1))
    assert flow["remaining"].iloc[0] == 12
    assert flow["excluded"].iloc[0] == 0
    left = set(range(12))
    for held, row in zip(kept, flow.iloc[1:].to_dict("records"), strict=True):
        assert row["excluded"] == len(left - held)
        left &= held
        assert row["remaining"] == len(left)


def test_rules_later_in_the_order_see_only_those_left() -> None:
    register, candidates = twelve()
    seen: list[int] = []

    def note(eve: Eve) -> np.ndarray:
        seen.append(len(eve.candidates))
        return np.arange(len(eve.candidates)) % 2 == 0

    tests = [OneTest("half", "Une moitié", note)] * 3
    assert apply_tests(Eve(register, candidates), tests).sum() == 6 + 3 + 2
    assert seen == [12, 6, 3]
