"""What a study asks for must be in its cohort or its file, and is checked before data are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pacte_eval.definitions.coherence import beside_waiting, check_on_cohort, check_on_persons
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.reading import read_definition
from pacte_eval.definitions.study import StudyDefinition

PROJECT = Project(Path(__file__).resolve().parents[2])


def changed(identifier: str, **parts: Any) -> StudyDefinition:
    content = PROJECT.study(identifier).model_dump(by_alias=True, mode="json")
    return StudyDefinition.model_validate(content | parts)


def test_the_shipped_studies_fit() -> None:
    study = PROJECT.study("certifiante-2019")
    check_on_cohort(study, PROJECT.cohort("entrants-2019"))
    study = PROJECT.study("primo-entrants-comite")
    check_on_cohort(study, PROJECT.cohort("primo-entrants"))
    study = PROJECT.study("nsw-lalonde")
    check_on_persons(study, PROJECT.persons("nsw-lalonde", "persons.yml"))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"comparisons": [{"id": "contre-attente", "label": "x", "treated": "certifiant",
                              "control": "en_attente", "estimand": "now-vs-wait"}]},
            "arm 'certifiant'.*did you mean 'certifiante'",
        ),
        (
            {"primary": {"comparison": "contre-attente", "outcome": "emplois", "month": 24}},
            "primary.outcome 'emplois'.*did you mean 'emploi'",
        ),
        ({"horizons": [24, 60]}, "'emploi' is not observed at 60"),
        ({"difference": {"reference": [-36, -25]}}, "not observed at -36"),
        (
            {"estimators": {"main": {"design": "NearestNeighbour", "exact": ["sex"]}}},
            "exact lacks entry_month, unemployment_band",
        ),
        (
            {"negative_controls": [{"outcome": "temps_plein", "months": [-6, -1], "because": "x"}]},
            "negative control 'temps_plein' is unknown",
        ),
        (
            {"negative_controls": [{"outcome": "heures", "months": [-8, -1], "because": "x"}]},
            "uses months -8 to -1, which history.match .* balances by construction",
        ),
        (
            {"negative_controls": [{"outcome": "heures", "months": [-40, -30], "because": "x"}]},
            "is not observed at -40",
        ),
        ({"blocks": {"Passé": ["employment_historie"]}}, "did you mean 'employment_history'"),
        ({"heterogeneity": {"persons": ["zone"]}}, "heterogeneity.persons names 'zone'"),
    ],
)  # fmt: skip
def test_what_a_cohort_lacks_is_refused(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_on_cohort(changed("certifiante-2019", **parts), PROJECT.cohort("entrants-2019"))


def test_a_territory_that_does_not_exist_is_refused() -> None:
    study = changed("certifiante-2019", subgroups={"territories": ["ze2010-9311x"]})
    with pytest.raises(InputError, match="did you mean 'ze2010-9311'"):
        PROJECT.territory(study.subgroups.territories[0])


MORE_ARMS = {
    "jamais": {"controls": "never-trained"},
    "certifiee": {"of": "certifiante", "certified": True, "after_entry": True},
}


@pytest.mark.parametrize(
    ("treated", "control", "declared", "words"),
    [
        ("certifiee", "en_attente", False, "'certifiee'.*after entry: declare after_entry: true"),
        ("certifiante", "certifiee", False, "'certifiee'.*after entry: declare after_entry: true"),
        ("certifiee", "en_attente", True, "only the certified of an arm with its not certified"),
        ("certifiante", "jamais", False, "never train, which conditions on the future"),
    ],
)
def test_comparisons_that_a_matching_does_not_answer_are_refused(
    treated: str, control: str, declared: bool, words: str
) -> None:
    content = PROJECT.cohort("entrants-2019").model_dump(by_alias=True, mode="json")
    content["arms"] |= MORE_ARMS
    comparison = {
        "id": "contre-attente", "label": "x", "treated": treated, "control": control,
        "estimand": "now-vs-wait", "after_entry": declared,
    }  # fmt: skip
    cohort = CohortDefinition.model_validate(content)
    check_on_cohort(changed("certifiante-2019"), cohort)
    with pytest.raises(InputError, match=words):
        check_on_cohort(changed("certifiante-2019", comparisons=[comparison]), cohort)


def test_certified_and_not_stand_beside_a_comparison_of_all_the_trainees() -> None:
    content = PROJECT.cohort("entrants-2019").model_dump(by_alias=True, mode="json")
    content["arms"] |= MORE_ARMS
    content["arms"]["sans"] = {"of": "certifiante", "certified": False, "after_entry": True}
    cohort = CohortDefinition.model_validate(content)
    waiting = PROJECT.study("certifiante-2019").model_dump(mode="json")["comparisons"][0]
    after = waiting | {
        "id": "obtenue", "treated": "certifiee", "control": "sans", "after_entry": True,
    }  # fmt: skip
    check_on_cohort(changed("certifiante-2019", comparisons=[waiting, after]), cohort)
    content["arms"]["autre"] = {"objective": "mobilisation"}
    wider = CohortDefinition.model_validate(content)
    others = waiting | {"id": "contre-autre", "control": "autre"}
    study = changed("certifiante-2019", comparisons=[others, waiting, after])
    base = beside_waiting(study, wider, "certifiante")
    assert base is not None
    assert base.id == waiting["id"]
    assert beside_waiting(study, wider, "autre") is None
    primary = {"comparison": "obtenue", "outcome": "emploi", "month": 24}
    with pytest.raises(InputError, match="cannot be the primary one"):
        check_on_cohort(
            changed("certifiante-2019", comparisons=[waiting, after], primary=primary), cohort
        )
    other = waiting | {"treated": "en_attente", "control": "certifiante"}
    with pytest.raises(InputError, match="needs a comparison of arm 'certifiante'"):
        check_on_cohort(changed("certifiante-2019", comparisons=[other, after]), cohort)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"subgroups": {"publics": ["infra-bac"]}}, "has no publics or territories"),
        ({"difference": {"reference": ["1973"]}}, "not observed at '1973'"),
        (
            {"difference": {"reference": ["1974"], "sensitivity": ["symmetric"]}},
            "needs a horizon whose mirror month is observed",
        ),
        (
            {"experiment": {"label": "x", "source": "y", "treated": "participants",
                            "control": "temoin"}},
            "experiment names the arm 'temoin'.*'temoins'",
        ),
    ],
)  # fmt: skip
def test_what_a_file_lacks_is_refused(parts: dict[str, Any], words: str) -> None:
    persons = PROJECT.persons("nsw-lalonde", "persons.yml")
    with pytest.raises(InputError, match=words):
        check_on_persons(changed("nsw-lalonde", **parts), persons)


def test_arms_do_not_share_an_objective() -> None:
    content = PROJECT.cohort("entrants-2019").model_dump(by_alias=True, mode="json")
    content["arms"]["autre"] = {"objective": {"not": ["mobilisation"]}}
    with pytest.raises(ValueError, match="share the objective 'certification'"):
        CohortDefinition.model_validate(content)


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yml"
    path.write_text("id: a\ntitle: b\nid: c\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"line 3: key 'id' is given twice"):
        read_definition(path, StudyDefinition)
