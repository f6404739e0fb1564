"""Populations of invented people and definitions of a cohort among them, for hypothesis.

Hypothesis chooses every part of the definition, and the seed that people are made from: what is
shrunk is who is there (`fewest`), since one cohort takes the engine long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.cohorts.people import Row, dirty_person, plain_person, tables_of

D = date
PUBLICS: dict[str, list[dict[str, Any]]] = {
    "seniors": [{"column": "age", "at_least": 50}],
    "qpv": [{"column": "qpv", "is": True}],
    "longue-duree": [{"column": "unemployment_duration", "at_least": 12}],
    "neet": [{"column": "age", "at_most": 25}, {"column": "neet", "is": True}],
    "suivis": [{"column": "neet", "is": True}],
    "fragiles": [
        {"any": [{"column": "diploma", "in": ["aucun"]}, {"column": "rsa", "is": True}]},
        {"column": "age", "between": [20, 60]},
    ],
}
ALL_OUTCOMES = [
    "emploi",
    "emploi_mois",
    "emploi_78h",
    "emploi_durable",
    "temps_plein",
    "salaire",
    "heures",
    "inscrit_a",
    "inscrit_b",
    "inscrit_c",
    "inscrit_d",
    "inscrit_e",
    "inscrit_abc",
    "en_formation",
    "acces_emploi",
]


@dataclass(frozen=True)
class Case:
    """Rows, what they cover, and a definition; a failure prints them in words."""

    tables: dict[str, list[Row]]
    coverage: dict[str, tuple[date, date]]
    definition: dict[str, Any]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text("Case")

    def people(self) -> list[str]:
        """Those that a table names."""
        found = {row.get("person") for rows in self.tables.values() for row in rows}
        return sorted(person for person in found if person is not None)

    def without(self, person: str) -> Case:
        """The same, but for the rows of someone."""
        tables = {
            name: [row for row in rows if row.get("person") != person]
            for name, rows in self.tables.items()
        }
        return replace(self, tables=tables)


def fewest(case: Case, fails: Callable[[Case], bool]) -> Case:
    """A failing case without the people that it fails without."""
    for person in case.people():
        smaller = case.without(person)
        if fails(smaller):
            case = smaller
    return case


ALWAYS_COVERED = (D(2017, 1, 1), D(2022, 12, 31))
_FIRST_DAYS = [D(2018, 1, 1), D(2019, 7, 31), D(2019, 8, 2)]
_LAST_DAYS = [D(2020, 12, 31), D(2020, 8, 31), D(2020, 8, 30), D(2021, 2, 27)]
_COVERED = st.tuples(st.sampled_from(_FIRST_DAYS), st.sampled_from(_LAST_DAYS))


@st.composite
def _coverage(draw: st.DrawFn) -> dict[str, tuple[date, date]]:
    return {name: draw(_COVERED) for name in ("registrations", "trainings", "contracts")} | {
        "missions_locales": ALWAYS_COVERED,
        "certifications": ALWAYS_COVERED,
    }


_SIMPLE_RULES = st.one_of(
    st.sampled_from([[16, 60], [20, 35], [34, 34]]).map(lambda b: {"rule": "age", "between": b}),
    st.sampled_from([[0, 23], [0, 5], [3, 60]]).map(
        lambda b: {"rule": "elapsed_unemployment", "between": b}
    ),
    st.sampled_from([([1, 1], 1), ([2, 5], 6), ([3, 12], 12), ([0, 11], 12)]).map(
        lambda c: {"rule": "cumulated_unemployment", "between": c[0], "months_before": c[1]}
    ),
    st.sampled_from(["region-93", "departement-13"]).map(
        lambda t: {"rule": "lives_in", "territory": t}
    ),
    st.sampled_from([["aucun", "cap_bep"], ["bac", "aucun"]]).map(
        lambda levels: {"rule": "level", "in": levels}
    ),
    st.sampled_from(sorted(PUBLICS)).map(lambda public: {"rule": "public", "public": public}),
    st.just({"rule": "first_training"}),
)


def _composed(rules: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(rules, min_size=2, max_size=3)
    return st.one_of(
        several.map(lambda of: {"rule": "any", "of": of}),
        several.map(lambda of: {"rule": "any", "of": of}),
        several.map(lambda of: {"rule": "all", "of": of}),
        several.map(lambda of: {"rule": "at_least", "count": 2, "of": of}),
        several.map(lambda of: {"rule": "at_least", "count": 1, "of": of}),
    )


_OPTIONAL_RULES = _SIMPLE_RULES | _composed(_SIMPLE_RULES | _composed(_SIMPLE_RULES))
_FILTERS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {},
    {},
    {"scheme": ["afc", "poei"]},
    {"funder": ["region", "etat"]},
    {"level": ["bac", "cap_bep"]},
    {"formacode": ["31", "320"]},
    {"axis": ["1"]},
    {"lot": ["L1", "L2"]},
    {"objective": {"not": ["mobilisation"]}, "funder": ["region"]},
]
_TRAINING_ARMS: list[dict[str, Any]] = [
    {"certifiante": {"objective": "certification"}},
    {
        "certifiante": {"objective": "certification"},
        "non_certifiante": {"objective": {"not": ["certification", "perfectionnement"]}},
    },
    {
        "region": {"funder": ["region"], "objective": ["certification", "mobilisation"]},
        "etat": {"funder": ["etat"]},
    },
    {"gestion": {"formacode": ["32"]}, "autre": {"formacode": ["31", "42"]}},
    {"cap": {"level": ["cap_bep"], "axis": ["1", "2"]}, "bac": {"level": ["bac"]}},
]
_CONTROL_ARMS: list[dict[str, Any]] = [
    {"en_attente": {"controls": "not-yet-trained"}},
    {"jamais": {"controls": "never-trained"}},
    {"en_attente": {"controls": "not-yet-trained"}, "jamais": {"controls": "never-trained"}},
]


@st.composite
def _arms(draw: st.DrawFn) -> dict[str, Any]:
    training = draw(st.sampled_from(_TRAINING_ARMS))
    first = next(iter(training))
    after = {
        "certifiee": {"of": first, "certified": True, "after_entry": True},
        "non_certifiee": {"of": first, "certified": False, "after_entry": True},
        "abandon": {"of": first, "dropped_out": True, "after_entry": True},
        "assidus": {"of": first, "dropped_out": False, "after_entry": True},
    }
    chosen = draw(st.sampled_from([[], list(after)]))
    return {
        **training,
        **draw(st.sampled_from(_CONTROL_ARMS)),
        **{name: after[name] for name in chosen},
    }


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """A definition that populations of this module often give a cohort to."""
    before, after = draw(st.sampled_from([2, 4, 7])), draw(st.sampled_from([9, 7, 3]))
    match, step = draw(st.sampled_from([([-before, -1], 1), ([-2, -1], 2), ([-2, -1], 1)]))
    needed: list[dict[str, Any]] = [
        {"rule": "registered", "categories": draw(st.sampled_from([list("ABC"), ["A"]]))},
        {"rule": "no_training", "months_before": draw(st.sampled_from([6, 1, 24, 0]))},
        {
            "rule": "covered",
            "months_before": draw(st.sampled_from([0, 1, 5, 6])),
            "months_after": draw(st.sampled_from([0, 4, 5])),
        },
    ]
    optional = draw(st.lists(_OPTIONAL_RULES, max_size=3))
    return {
        "id": "essai",
        "label": "Essai",
        "entry": {
            "table": "trainings",
            "period": draw(
                st.sampled_from(
                    [["2020-01", "2020-03"], ["2019-07", "2020-04"], ["2020-02", "2020-03"]]
                )
            ),
            "keep": draw(st.sampled_from(["first", "last", "every"])),
            "clock": draw(st.sampled_from(["entry", "end"])),
            "where": draw(st.sampled_from(_FILTERS)),
        },
        "arms": draw(_arms()),
        "population": [{"rule": "linked"}, *draw(st.permutations([*needed, *optional]))],
        "controls": {
            "same": draw(
                st.sampled_from(
                    [
                        ["entry_month", "unemployment_band"],
                        ["unemployment_band", "entry_month"],
                        ["entry_month"],
                    ]
                )
            ),
            "per_treated": draw(st.sampled_from([2, 1, 4])),
            "seed": draw(st.integers(0, 3)),
        },
        "contracts": {"min_days": draw(st.sampled_from([0, 31, 30]))},
        "window": {"before": before, "after": after},
        "outcomes": ALL_OUTCOMES,
        "covariates": [
            "age",
            "sex",
            "category",
            "benefit",
            "unemployment_duration",
            "previous_spells",
            "departement",
            "employment_history",
            "earnings_history",
        ],
        "history": {"match": match, "step": step},
    }


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A population, what its tables cover, and a definition."""
    definition, coverage = draw(definitions()), draw(_coverage())
    random = Random(draw(st.integers(0, 2**32 - 1)))
    people = [
        *(plain_person(random, trained=True) for _ in range(random.randint(3, 6))),
        *(plain_person(random, trained=False) for _ in range(random.randint(2, 4))),
        *(dirty_person(random) for _ in range(random.randint(5, 25))),
    ]
    tables = tables_of(people, random)
    return Case(tables, {name: coverage[name] for name in tables}, definition)
