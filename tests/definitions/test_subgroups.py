"""Publics and territories are asked for by name, all at once, or by zoning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.study import StudyDefinition
from pacte_eval.definitions.subgroups import publics_asked, territories_asked

PROJECT = Project(Path(__file__).resolve().parents[2])


def study(**subgroups: Any) -> StudyDefinition:
    content = PROJECT.study("certifiante-2019").model_dump(by_alias=True, mode="json")
    return StudyDefinition.model_validate(content | {"subgroups": subgroups})


def test_all_publics_are_those_of_the_project() -> None:
    asked = [public.id for public in publics_asked(PROJECT, study(publics="all"))]
    assert asked == sorted(PROJECT.publics())
    assert "seniors" in asked


def test_a_zoning_stands_for_its_territories_and_a_name_for_one() -> None:
    asked = territories_asked(PROJECT, study(territories=["departement", "ze2010-9310", "zrr"]))
    assert [one.id for one in asked][-2:] == ["ze2010-9310", "zrr-oui"]
    assert [one.zoning for one in asked[:-2]] == ["departement"] * 6


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["ze201"], "neither a territory nor a zoning: did you mean 'ze2010'"),
        (["departement", "departement-13"], "asks for 'departement-13' twice"),
    ],
)
def test_what_is_unknown_or_asked_twice_is_refused(names: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        territories_asked(PROJECT, study(territories=names))


def test_nothing_asked_is_nothing() -> None:
    assert not publics_asked(PROJECT, study())
    assert not territories_asked(PROJECT, study())
