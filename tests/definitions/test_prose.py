"""A definition read back is French that a reader can check: no code, no word of English."""

from __future__ import annotations

import re

import pytest

from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.prose import arm_in_french, cohort_in_french, rule_in_french
from pacte_eval.definitions.vocabulary import COVARIATES, LEVELS, OBJECTIVES, OUTCOMES

ENGLISH = re.compile(
    r"\b(age|the|and|with|before|after|month|months|training|registered|linked|covered|controls|"
    r"history|window|sex|earnings|employment|rule|none|true|false)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def cohort() -> CohortDefinition:
    return Project(shipped_library()).cohort("entrants-2019")


def lines(cohort: CohortDefinition) -> list[str]:
    return [*cohort_in_french(cohort), *map(rule_in_french, cohort.population)]


def test_typography(cohort: CohortDefinition) -> None:
    for line in lines(cohort):
        assert not re.search(r" [;:!?»%]", line), line
        assert not re.search(r"\w[;!?»]", line), line
        assert not re.search(r"« ", line), line
        assert "  " not in line
        assert "_" not in line
        assert not re.search(r"(^|[\s(])-\d", line), f"a hyphen for a minus sign: {line}"


def test_no_word_of_the_declaration_is_left_in_english(cohort: CohortDefinition) -> None:
    for line in lines(cohort):
        assert not ENGLISH.search(line), line
    for table in (COVARIATES, OUTCOMES, OBJECTIVES, LEVELS):
        for words in table.values():
            assert not ENGLISH.search(words), words
            assert "_" not in words


def test_everything_declared_is_said(cohort: CohortDefinition) -> None:
    told = "\n".join(cohort_in_french(cohort))
    for words in (
        "janvier 2019",
        "décembre 2019",
        "Formation certifiante",
        "En attente de formation",
        "16 à 60 ans",
        "A, B et C",
        "Provence-Alpes-Côte d'Azur",
        "24 mois précédents",
        "20 pour une entrée",
        "graine 2019",
        "24 mois avant à 36 mois après",
        "de −24 à −7",
        "de −6 à −1",
        "même tranche d'ancienneté",
    ):
        assert words in told, words
    assert len(cohort_in_french(cohort)) == 1 + 2 + 6 + 5


def test_arms_without_a_label_are_named_by_what_they_are(cohort: CohortDefinition) -> None:
    def named(arm: dict[str, object]) -> str:
        declared = cohort.model_dump(by_alias=True)
        declared["arms"] = {"forme": arm, "attend": {"controls": "not-yet-trained"}}
        definition = CohortDefinition.model_validate(declared)
        assert arm_in_french("attend", definition) == "En attente de formation"
        return arm_in_french("forme", definition)

    assert named({"objective": "certification"}) == "Formation visant certification"
    assert named({"objective": ["certification", "mobilisation"]}) == (
        "Formation visant certification et mobilisation, aide au projet"
    )
    assert named({"objective": {"not": ["certification"]}}) == (
        "Formation d'un objectif autre que certification"
    )
    assert named({"objective": "certification", "label": "Certifiante"}) == "Certifiante"
