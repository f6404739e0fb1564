"""Columns of the contract, derived from its models."""

from __future__ import annotations

import pytest

from pacte_eval.definitions.vocabulary import LEVELS, OBJECTIVES
from pacte_eval.definitions.vocabulary import TABLES as TABLE_NAMES
from pacte_eval.tables.contract import REQUIRED_TABLES, TABLES, columns


def test_columns_keep_the_order_of_the_contract() -> None:
    names = list(columns("registrations"))
    assert names[:4] == ["person", "start", "end", "category"]
    assert names[-1] == "commune"
    assert list(columns("certifications")) == ["training", "status", "date"]


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


def test_one_list_of_objectives() -> None:
    assert set(OBJECTIVES) == set(columns("trainings")["objective"].codes)


def test_every_code_of_a_covariate_has_french_words() -> None:
    registrations = columns("registrations")
    for name in ("sex", "diploma", "nationality", "marital_status", "qualification", "reason"):
        assert set(registrations[name].codes) <= set(LEVELS), name
    assert set(TABLE_NAMES) == set(TABLES)
    assert set(REQUIRED_TABLES) < set(TABLES)
