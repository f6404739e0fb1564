"""Publics and territories are conditions on the eve, and what cannot be is refused when read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pacte_eval.definitions.cells import (
    AnyOf,
    PublicDefinition,
    Territory,
    read_territories,
    territory,
)
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.reading import read_definition

PUBLICS = {
    "infra-bac",
    "sans-diplome",
    "longue-duree",
    "tres-longue-duree",
    "seniors",
    "moins-de-26",
    "neet",
    "travailleurs-handicapes",
    "parents-isoles",
    "femmes-isolees",
    "qpv",
    "rsa",
    "activite-reduite",
    "difficulte-numerique",
    "sous-main-de-justice",
}
REGION = ("04", "05", "06", "13", "83", "84")


def write(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return path


def a_public(*where: dict[str, Any]) -> dict[str, Any]:
    return {"id": "essai", "label": "Essai", "description": "Essai.", "where": list(where)}


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"column": "diplome", "in": ["bac"]}, r"where\.0\.column': 'diplome'.*mean 'diploma'"),
    ({"column": "rsa"}, "give one of in, is, between, at_least, at_most"),
    ({"column": "age", "at_least": 50, "at_most": 60}, "give one of"),
    ({"column": "age", "in": ["50"]}, "'age' takes between or at_least or at_most, not in"),
    ({"column": "rsa", "in": ["oui"]}, "'rsa' takes is, not in"),
    ({"column": "sex", "is": True}, "'sex' takes in, not is"),
    ({"column": "sex", "in": []}, "at least 1"),
    ({"column": "age", "between": [60, 50]}, r"\(60\) is after the last \(50\)"),
    ({"column": "age", "atleast": 50}, r"where\.0\.atleast': did you mean 'at_least'"),
    ({"column": "commune", "in": [13055]}, "valid string"),
    ({"any": [{"column": "rsa", "is": True}]}, r"where\.0\.any': give two conditions or more"),
    (
        {"any": [{"column": "rsa", "is": True}, {"column": "ages", "at_most": 2}]},
        r"where\.0\.any\.1\.column': 'ages'.*mean 'age'",
    ),
]


@pytest.mark.parametrize(("condition", "words"), MISTAKES)
def test_a_condition_that_cannot_be(tmp_path: Path, condition: dict[str, Any], words: str) -> None:
    path = write(tmp_path, "essai.yml", a_public(condition))
    with pytest.raises(InputError, match=words) as caught:
        read_definition(path, PublicDefinition)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_group_names_the_attributes_it_is_on(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "essai.yml",
        a_public(
            {"column": "age", "at_most": 25},
            {"any": [{"column": "rsa", "is": False}, {"column": "benefit", "in": ["ass"]}]},
        ),
    )
    public = read_definition(path, PublicDefinition)
    assert public.columns == {"age", "rsa", "benefit"}
    assert isinstance(public.where[1], AnyOf)
    assert public.where[1].any_[0].is_ is False


def test_the_publics_of_the_pacte_are_shipped() -> None:
    publics = Project(shipped_library()).publics()
    assert set(publics) == PUBLICS
    for public in publics.values():
        assert public.description.endswith("."), public.id
        for words in (public.label, public.description):
            assert not re.search(r"(?<![\u202f\u00a0])[;:!?»]|«(?!\u202f)", words), public.id
            assert "_" not in words


def limit(public: str) -> tuple[int | None, int | None]:
    condition = Project(shipped_library()).public(public).where[0]
    assert not isinstance(condition, AnyOf)
    return condition.at_least, condition.at_most


def test_limits_of_age_and_duration() -> None:
    assert limit("longue-duree") == (12, None)
    assert limit("tres-longue-duree") == (25, None)
    assert limit("seniors") == (50, None)
    assert limit("moins-de-26") == limit("neet") == (None, 25)


def test_zones_by_vintage() -> None:
    zones = read_territories()
    count = {
        zoning: sum(zone.zoning == zoning for zone in zones.values())
        for zoning in ("region", "departement", "ze2010", "ze2020")
    }
    assert count == {"region": 1, "departement": 6, "ze2010": 18, "ze2020": 22}
    assert zones["ze2010-9301"].name == "Digne-les-Bains"
    assert zones["ze2020-9301"].name == "Aix-en-Provence"
    assert zones["ze2020-0052"].code == "0052"
    for name, zone in zones.items():
        assert name == f"{zone.zoning}-{zone.code}"


def test_zones_across_the_border_are_the_part_of_the_region() -> None:
    across = {name for name, zone in read_territories().items() if "(partie" in zone.name}
    limited = {
        name
        for name, zone in read_territories().items()
        if zone.zoning in ("ze2010", "ze2020") and "departement" in zone.columns
    }
    assert across == limited
    assert limited == {"ze2010-0059", "ze2020-0052", "ze2020-0053", "ze2020-0055", "ze2020-0064"}


def values(name: str, column: str) -> tuple[str, ...]:
    found = [
        condition.in_
        for condition in territory(name).where
        if not isinstance(condition, AnyOf) and condition.column == column
    ]
    return found[0] or ()


def test_territories_of_several_zones() -> None:
    assert values("region-93", "departement") == REGION
    assert set(values("sillon-rhodanien", "ze2010")) == {"9309", "0059", "9317"}
    assert set(values("chomage-eleve", "ze2010")) == {"9317", "9316", "9311"}
    assert territory("rural-isole").columns == {"isolated_rural"}
    assert territory("qpv-oui").columns == {"qpv"}
    assert territory("zrr-oui").columns == {"zrr"}


HEADER = "zoning,code,name,departements\n"


def test_a_project_s_own_territories_come_first(tmp_path: Path) -> None:
    write(tmp_path, "cohorts/territories/zones.csv", HEADER + "departement,13,Le treize,\n")
    write(
        tmp_path,
        "cohorts/territories/qpv-oui.yml",
        {
            "id": "qpv-oui",
            "zoning": "qpv",
            "code": "oui",
            "name": "Quartiers",
            "where": [{"column": "qpv", "is": True}, {"column": "commune", "in": ["13055"]}],
        },
    )
    project = Project(tmp_path)
    assert project.territory("departement-13").name == "Le treize"
    assert project.territory("qpv-oui").columns == {"qpv", "commune"}
    assert project.territory("departement-84").name == "Vaucluse"
    assert set(project.territories()) == set(read_territories())
    with pytest.raises(InputError, match=r"'ze2010-931' is unknown: did you mean 'ze2010-931\d'"):
        project.territory("ze2010-931")


def test_a_project_s_own_publics_come_first(tmp_path: Path) -> None:
    write(tmp_path, "cohorts/publics/essai.yml", a_public({"column": "rsa", "is": True}))
    own = a_public({"column": "age", "at_least": 55}) | {"id": "seniors"}
    write(tmp_path, "cohorts/publics/seniors.yml", own)
    publics = Project(tmp_path).publics()
    assert set(publics) == PUBLICS | {"essai"}
    assert publics["seniors"].label == "Essai"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("zoning,code,name\nze2010,9301,Digne\n", "first line must be zoning,code,name,dep"),
        (HEADER + "ze2011,9301,Digne,\n", r"line 2: nothing tells.*did you mean 'ze2010'"),
        (HEADER + "rsa,oui,RSA,\n", "nothing tells who lives in 'oui'"),
        (HEADER + "ze2010,9301,Digne,\nze2010,9301,Aix,\n", r"line 3: 'ze2010-9301' is given tw"),
        (HEADER + "ze2010,93 01,Digne,\n", "line 2: string should match pattern"),
    ],
)
def test_zones_that_cannot_be_read(tmp_path: Path, rows: str, words: str) -> None:
    write(tmp_path, "cohorts/territories/zones.csv", rows)
    with pytest.raises(InputError, match=words) as caught:
        read_territories(tmp_path)
    assert "zones.csv" in str(caught.value)


def test_a_territory_is_where_its_key_says(tmp_path: Path) -> None:
    where = [{"column": "qpv", "is": True}]
    own = {"id": "ze-1", "zoning": "ze", "code": "2", "name": "x", "where": where}
    path = write(tmp_path, "cohorts/territories/ze-1.yml", own)
    with pytest.raises(InputError, match="is 'ze-2', not 'ze-1'"):
        read_definition(path, Territory)
    write(tmp_path, "cohorts/territories/ze-1.yml", own | {"id": "ze-2"})
    with pytest.raises(InputError, match="its id is not 'ze-1'"):
        read_territories(tmp_path)
    path.unlink()
    write(tmp_path, "cohorts/territories/ze-2.yml", own | {"id": "ze-2"})
    assert set(read_territories(tmp_path)) == {"ze-2"}
    write(tmp_path, "cohorts/territories/zones.csv", HEADER + "ze,2,x,13\n")
    with pytest.raises(InputError, match=r"'ze-2' is in zones\.csv too"):
        read_territories(tmp_path)
