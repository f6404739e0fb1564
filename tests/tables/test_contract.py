"""Columns of the contract, derived from its models."""

from __future__ import annotations

import pytest

from pacte_eval.definitions.vocabulary import OBJECTIVES
from pacte_eval.definitions.vocabulary import TABLES as TABLE_NAMES
from pacte_eval.tables.contract import REQUIRED_TABLES, TABLES, columns, described, key_of


def test_columns_keep_the_order_of_the_contract() -> None:
    names = list(columns("registrations"))
    assert names[:4] == ["person", "start", "end", "category"]
    assert names[-1] == "justice"
    assert list(columns("certifications")) == ["training", "status", "date", "origin"]


def test_optional_columns_are_those_with_a_default() -> None:
    optional = {
        (table, name)
        for table in TABLES
        for name, column in columns(table).items()
        if not column.required
    }
    assert ("registrations", "benefit") in optional
    assert ("trainings", "lot") in optional
    assert ("certifications", "date") not in optional
    assert all(columns(table)[name].nullable for table, name in optional)


def test_what_may_be_empty() -> None:
    registrations, trainings = columns("registrations"), columns("trainings")
    assert not registrations["person"].nullable
    assert trainings["person"].nullable, "an entry may not be linked to a person"
    assert registrations["end"].nullable
    assert not registrations["start"].nullable
    assert not columns("contracts")["nature"].nullable


@pytest.mark.parametrize(
    ("table", "column", "kind"),
    [
        ("registrations", "start", "date"),
        ("registrations", "birth_month", "date"),
        ("registrations", "children", "integer"),
        ("registrations", "qpv", "boolean"),
        ("registrations", "category", "text"),
        ("registrations", "person", "text"),
        ("trainings", "person", "text"),
        ("certifications", "date", "date"),
    ],
)
def test_kinds(table: str, column: str, kind: str) -> None:
    assert columns(table)[column].kind == kind


def test_codes_limits_and_units() -> None:
    registrations, contracts = columns("registrations"), columns("contracts")
    assert registrations["category"].codes == ("A", "B", "C", "D", "E")
    assert registrations["sex"].codes == ("F", "M")
    assert (registrations["children"].minimum, registrations["children"].maximum) == (0, 20)
    assert registrations["rome"].pattern == r"[A-N]\d{4}"
    assert contracts["monthly_pay"].unit == "centimes"
    assert contracts["monthly_minutes"].unit == "minutes"
    assert contracts["contract"].codes == ()


def test_every_column_is_described() -> None:
    for table in TABLES:
        for column in columns(table).values():
            assert column.description, (table, column.name)


def test_every_code_has_words_of_its_own() -> None:
    for table in TABLES:
        for column in columns(table).values():
            assert len(column.words) == len(column.codes)
            assert all(column.words), (table, column.name)
            assert len(set(column.words)) == len(column.words), (table, column.name)
    categories = columns("registrations")["category"]
    words = dict(zip(categories.codes, categories.words, strict=True))
    assert "formation" in words["D"]
    assert "en emploi" in words["E"]


def test_one_list_of_objectives() -> None:
    assert set(OBJECTIVES) == set(columns("trainings")["objective"].codes)


def test_tables_are_named_and_described() -> None:
    assert set(TABLE_NAMES) == set(TABLES)
    assert set(REQUIRED_TABLES) < set(TABLES)
    for table in TABLES:
        assert described(table).endswith(".")
    keys = {table: key_of(table) for table in TABLES}
    assert {table: key for table, key in keys.items() if key} == {
        "trainings": "training",
        "contracts": "contract",
        "communes": "commune",
    }
