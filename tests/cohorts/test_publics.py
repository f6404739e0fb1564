"""Membership on the eve, places of residence, and what a source cannot tell."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.cohorts.attributes import UNKNOWN_FLAG, Values
from pacte_eval.cohorts.places import PLACES, locate, read_communes
from pacte_eval.cohorts.publics import membership, not_measured, not_measured_in_french
from pacte_eval.definitions.cells import (
    ATTRIBUTES,
    Group,
    PublicDefinition,
    read_territories,
    territory,
)
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.project import Project
from pacte_eval.tables.contract import TABLES, columns


def group(*where: dict[str, Any]) -> Group:
    return Group.model_validate({"id": "essai", "where": list(where)})


def attributes(rows: list[dict[str, Any]]) -> dict[str, Values]:
    """Age, sex and RSA of people as an eve holds them."""
    frame = pd.DataFrame(rows, columns=["age", "sex", "rsa"])
    flags = {True: 1, False: 0, None: UNKNOWN_FLAG}
    return {
        "age": frame["age"].astype(np.float32).to_numpy(),
        "sex": pd.Categorical(frame["sex"], categories=["F", "M"]),
        "rsa": np.array([flags[row["rsa"]] for row in rows], np.int8),
    }


def members(rows: list[dict[str, Any]], tested: Group) -> list[bool]:
    found = membership(attributes(rows), tested.where)
    assert found.dtype == bool
    assert found.shape == (len(rows),)
    return [bool(value) for value in found]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"column": "age", "at_least": 26}, [False, True, False]),
        ({"column": "age", "at_most": 25}, [True, False, False]),
        ({"column": "age", "between": [25, 26]}, [True, True, False]),
        ({"column": "sex", "in": ["F"]}, [True, False, False]),
        ({"column": "rsa", "is": True}, [True, False, False]),
        ({"column": "rsa", "is": False}, [False, True, False]),
    ],
)
def test_a_missing_value_meets_nothing(condition: dict[str, Any], expected: list[bool]) -> None:
    rows: list[dict[str, Any]] = [
        {"age": 25, "sex": "F", "rsa": True},
        {"age": 26, "sex": "M", "rsa": False},
        {"age": None, "sex": None, "rsa": None},
    ]
    assert members(rows, group(condition)) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ([{"column": "diploma", "in": ["aucun", "cap_bep"]}], [True, False, False]),
        ([{"column": "rsa", "is": True}], [True, False, False]),
        ([{"column": "rsa", "is": False}], [False, True, False]),
        ([{"column": "age", "between": [25, 26]}], [True, True, False]),
        (
            [{"column": "age", "between": [16, 30]}, {"column": "rsa", "is": False}],
            [False, True, False],
        ),
    ],
)
def test_publics(where: list[dict[str, Any]], expected: list[bool]) -> None:
    units: dict[str, Values] = {
        "diploma": pd.Categorical(["aucun", "bac", None]),
        "rsa": np.array([1, 0, UNKNOWN_FLAG], np.int8),
        "age": np.array([25, 26, np.nan], np.float32),
    }
    public = PublicDefinition.model_validate(
        {"id": "essai", "label": "Essai", "description": "", "where": where}
    )
    assert membership(units, public.where).tolist() == expected


def test_a_public_on_what_does_not_exist() -> None:
    with pytest.raises(ValueError, match="'diplome' is unknown: did you mean 'diploma'"):
        group({"column": "diplome", "in": ["bac"]})


PERSON = st.fixed_dictionaries(
    {
        "age": st.none() | st.integers(16, 20),
        "sex": st.sampled_from([None, "F", "M"]),
        "rsa": st.sampled_from([None, True, False]),
    }
)
CONDITION = st.one_of(
    st.builds(lambda age: {"column": "age", "at_least": age}, st.integers(16, 20)),
    st.builds(lambda age: {"column": "age", "at_most": age}, st.integers(16, 20)),
    st.builds(lambda is_: {"column": "rsa", "is": is_}, st.booleans()),
    st.builds(lambda sex: {"column": "sex", "in": [sex]}, st.sampled_from("FM")),
)
REQUIREMENT = st.one_of(CONDITION, st.builds(lambda a, b: {"any": [a, b]}, CONDITION, CONDITION))


def meets(person: Mapping[Any, Any], requirement: dict[str, Any]) -> bool:
    if "any" in requirement:
        return any(meets(person, one) for one in requirement["any"])
    value = person[requirement["column"]]
    if value is None:
        return False
    if "is" in requirement:
        return value is requirement["is"]
    if "in" in requirement:
        return value in requirement["in"]
    return requirement.get("at_least", 0) <= value <= requirement.get("at_most", 99)


@settings(max_examples=40, deadline=None)
@given(st.lists(PERSON, min_size=1, max_size=6), st.lists(REQUIREMENT, min_size=1, max_size=3))
def test_every_requirement_holds(people: list[dict[str, Any]], where: list[Any]) -> None:
    expected = [all(meets(person, one) for one in where) for person in people]
    assert members(people, group(*where)) == expected


def test_a_code_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match=r"'diploma' names 'cap'.*did you mean 'cap_bep'"):
        membership(
            {"diploma": pd.Categorical(["bac", None])},
            group({"column": "diploma", "in": ["cap"]}).where,
        )


def test_every_shipped_definition_can_be_tested() -> None:
    unknown: dict[str, Values] = {
        "text": pd.Categorical([None], categories=["x"]),
        "flag": np.array([UNKNOWN_FLAG], np.int8),
        "number": np.array([np.nan], np.float32),
    }
    nobody_knows = {name: unknown[kind] for name, kind in ATTRIBUTES.items()}
    project = Project(shipped_library())
    tested = [*project.publics().values(), *project.territories().values()]
    assert len(tested) > 20
    for one in tested:
        assert membership(nobody_knows, one.where).tolist() == [False], one.id


def test_attributes_have_the_kind_of_their_column() -> None:
    kinds = {"text": "text", "boolean": "flag", "integer": "number"}
    registered = columns("registrations")
    for name in ATTRIBUTES.keys() & registered.keys():
        assert kinds[registered[name].kind] == ATTRIBUTES[name], name


EVERYTHING = {table: frozenset(columns(table)) for table in TABLES}


def held(**changed: set[str]) -> dict[str, frozenset[str]]:
    return EVERYTHING | {table: frozenset(names) for table, names in changed.items()}


@pytest.mark.parametrize(
    ("public", "source", "missing"),
    [
        ("neet", held(), []),
        ("neet", held(missions_locales=set()), ["missions_locales.situation"]),
        ("seniors", held(registrations={"start"}), ["registrations.birth_month"]),
        ("longue-duree", held(registrations={"start"}), []),
        ("sous-main-de-justice", held(registrations={"start"}), ["registrations.justice"]),
        (
            "femmes-isolees",
            held(registrations={"start"}),
            ["registrations.lone_parent", "registrations.sex"],
        ),
    ],
)
def test_publics_that_a_source_cannot_tell(
    public: str, source: dict[str, frozenset[str]], missing: list[str]
) -> None:
    assert not_measured(Project(shipped_library()).public(public), source) == missing


@pytest.mark.parametrize(
    ("place", "communes", "missing"),
    [
        ("ze2020-9312", set(), []),
        ("ze2020-9312", {"commune", "departement", "ze2010"}, ["communes.ze2020"]),
        ("ze2010-9310", {"commune", "departement", "ze2010"}, []),
        ("rural-isole", set(), ["communes.isolated_rural"]),
        ("rural-isole", {"commune", "isolated_rural"}, []),
        ("departement-13", set(), []),
    ],
)
def test_territories_that_a_source_cannot_tell(
    place: str, communes: set[str], missing: list[str]
) -> None:
    source = held(communes=communes)
    assert not_measured(territory(place), source) == missing
    del source["registrations"]
    assert "registrations.commune" in not_measured(territory(place), source)


def test_a_source_without_communes_has_those_shipped() -> None:
    source = {"registrations": EVERYTHING["registrations"]}
    assert not_measured(territory("ze2020-9312"), source) == []
    assert not_measured(territory("rural-isole"), source) == ["communes.isolated_rural"]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_what_is_missing_is_said_in_french(attribute: str) -> None:
    tests: dict[str, tuple[str, Any]] = {
        "text": ("in", ["x"]),
        "flag": ("is", True),
        "number": ("at_least", 1),
    }
    test, value = tests[ATTRIBUTES[attribute]]
    tested = group({"column": attribute, test: value})
    missing = not_measured(tested, {"communes": {"commune"}})
    assert missing
    sentence = not_measured_in_french(missing)
    assert sentence.startswith("Non mesurable\u00a0: la source ne dit pas ")
    assert "_" not in sentence


def located(*communes: str | None, own: pd.DataFrame | None = None) -> dict[str, Values]:
    return locate(pd.Categorical(list(communes)), own)


def place(commune: str | None, own: pd.DataFrame | None = None) -> dict[str, Any]:
    # among others, whose places must not be taken for its own
    found = located("84007", commune, "06088", own=own)
    assert tuple(found) == PLACES
    assert found["isolated_rural"].dtype == np.int8
    flag = {1: True, 0: False, UNKNOWN_FLAG: None}[found["isolated_rural"][1]]
    names = [name for name in PLACES if name != "isolated_rural"]
    texts: dict[str, Any] = {name: found[name][1] for name in names}
    return {name: None if pd.isna(text) else text for name, text in texts.items()} | {
        "isolated_rural": flag
    }


OWN = pd.DataFrame(
    [
        ("13055", "13", "9310", "9312", False),
        ("30189", "30", "0059", "0053", False),
        ("84007", "84", "0059", "0053", False),
        ("04190", "04", None, None, True),
    ],
    columns=["commune", *PLACES],
)


def test_the_shipped_communes_when_the_source_has_none() -> None:
    marseille = {"departement": "13", "ze2010": "9310", "ze2020": "9312", "isolated_rural": None}
    assert place("13055") == marseille
    assert place("13213") == marseille
    assert place("04070")["departement"] == "04"
    assert place("04070")["ze2010"] == "9301"


def test_the_source_s_own_communes_replace_them() -> None:
    assert place("13213", OWN)["ze2020"] == "9312"
    assert place("13213", OWN)["isolated_rural"] is False
    assert place("04190", OWN)["isolated_rural"] is True
    assert place("04070", OWN)["ze2010"] is None
    arrondissement = pd.DataFrame([("13213", "13", "9999", "9999", None)], columns=OWN.columns)
    own = pd.concat([OWN, arrondissement])
    assert place("13213", own)["ze2010"] == "9999"
    assert place("13201", own)["ze2010"] == "9310"


@pytest.mark.parametrize(
    ("commune", "departement"),
    [("13999", "13"), ("01001", "01"), ("2A004", "2A"), ("97105", "971"), (None, None)],
)
def test_a_commune_that_is_not_known_has_its_departement(
    commune: str | None, departement: str | None
) -> None:
    expected = dict.fromkeys(PLACES) | {"departement": departement}
    assert place(commune) == expected


def test_nobody_has_a_commune() -> None:
    found = located(None, None)
    assert all(pd.isna(np.asarray(found[name])).all() for name in PLACES[:3])
    assert list(found["isolated_rural"]) == [UNKNOWN_FLAG] * 2


def lives_in(name: str, commune: str, own: pd.DataFrame | None = None) -> bool:
    (found,) = membership(located(commune, own=own), territory(name).where)
    return bool(found)


def test_only_the_region_s_part_of_a_zone_that_crosses_its_border() -> None:
    for name in ("ze2010-0059", "ze2020-0053", "sillon-rhodanien", "region-93"):
        assert lives_in(name, "84007", OWN), name
        assert not lives_in(name, "30189", OWN), name
    assert lives_in("departement-13", "13201")
    assert not lives_in("departement-84", "13201")


def test_the_shipped_communes_lie_in_shipped_zones() -> None:
    zones = read_territories()
    communes = read_communes()
    assert communes["commune"].is_unique
    for vintage in ("ze2010", "ze2020"):
        told = communes.dropna(subset=[vintage])
        for row in told.to_dict("records"):
            assert lives_in_row(zones[f"{vintage}-{row[vintage]}"], row), row["name"]
        shipped = {zone.code for zone in zones.values() if zone.zoning == vintage}
        assert set(told[vintage]) == shipped
    assert communes["ze2010"].notna().all()
    assert (communes["commune"].str[:2] == communes["departement"]).all()


def lives_in_row(zone: Group, row: dict[Hashable, Any]) -> bool:
    return all(meets(row, one.model_dump(by_alias=True, exclude_none=True)) for one in zone.where)
