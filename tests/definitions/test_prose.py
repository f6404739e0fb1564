"""A definition read back is French that a reader can check: no code, no word of English."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from pacte_eval.definitions.cells import PublicDefinition, Territory
from pacte_eval.definitions.cohort import CohortDefinition, CovariateName, OutcomeName
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.prose import (
    arm_in_french,
    cohort_in_french,
    rule_in_french,
    warnings_in_french,
)
from pacte_eval.definitions.vocabulary import COVARIATES, FUNDERS, LEVELS, OBJECTIVES, OUTCOMES

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


def check_typography(line: str) -> None:
    assert not re.search(r" [;:!?»%]", line), line
    assert not re.search(r"\w[;:!?»]", line), line
    assert not re.search(r"« ", line), line
    assert not re.search(r"[^\u202f][;!?»]", line), f"U+202F before ; ! ? »: {line}"
    assert not re.search(r"«[^\u202f]", line), f"U+202F after «: {line}"
    assert not re.search(r"[^\u00a0]:", line), f"U+00A0 before a colon: {line}"
    assert "  " not in line
    assert "_" not in line
    assert not re.search(r"(^|[\s(])-\d", line), f"a hyphen for a minus sign: {line}"


def test_typography(cohort: CohortDefinition) -> None:
    for line in lines(cohort):
        check_typography(line)


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

    assert named({"objective": "certification"}) == (
        "Formation\u00a0: objectif de formation certification"
    )
    assert named({"objective": ["certification", "mobilisation"]}) == (
        "Formation\u00a0: objectif de formation certification et mobilisation, aide au projet"
    )
    assert named({"objective": {"not": ["certification"]}}) == (
        "Formation\u00a0: objectif de formation autre que certification"
    )
    assert named({"objective": "certification", "axis": ["1"]}) == (
        "Formation\u00a0: objectif de formation certification\u202f; axe du Pacte 1"
    )
    assert named({"objective": "certification", "label": "Certifiante"}) == "Certifiante"


PUBLICS = Project(shipped_library()).publics()
ARMS: dict[str, Any] = {
    "certifiante": {"objective": "certification", "label": "Formation certifiante"},
    "autre": {"objective": {"not": ["certification"]}, "label": "Autre formation"},
    "en_attente": {"controls": "not-yet-trained"},
    "jamais": {"controls": "never-trained"},
    "certifiee": {"of": "certifiante", "certified": True, "after_entry": True},
    "non_certifiee": {"of": "certifiante", "certified": False, "after_entry": True},
    "abandon": {"of": "certifiante", "dropped_out": True, "after_entry": True},
    "suivie": {"of": "certifiante", "dropped_out": False, "after_entry": True},
}
WHERE: dict[str, Any] = {
    "objective": ["certification", "pre_qualification", "creation_entreprise"],
    "scheme": ["AIF"],
    "funder": ["region", "pole_emploi", "beneficiaire"],
    "level": ["cap_bep", "bac_3_plus"],
    "axis": ["1"],
    "formacode": ["31", "44"],
}
RULES: list[dict[str, Any]] = [
    {"rule": "elapsed_unemployment", "between": [0, 23]},
    {"rule": "cumulated_unemployment", "between": [12, 36], "months_before": 36},
    {"rule": "level", "in": ["aucun", "bac_2"]},
    {"rule": "public", "public": "sans-diplome"},
    {"rule": "first_training"},
]


def changed(cohort: CohortDefinition, **parts: Any) -> CohortDefinition:
    return CohortDefinition.model_validate(cohort.model_dump(by_alias=True) | parts)


@pytest.fixture(scope="module")
def everything(cohort: CohortDefinition) -> CohortDefinition:
    """A cohort that declares all that can be."""
    declared = cohort.model_dump(by_alias=True)
    composed = [
        {"rule": "any", "of": RULES},
        {"rule": "all", "of": [RULES[0], {"rule": "any", "of": RULES[2:4]}]},
        {"rule": "at_least", "count": 2, "of": RULES[1:]},
    ]
    return changed(
        cohort,
        entry={**declared["entry"], "keep": "every", "clock": "end", "where": WHERE},
        arms=ARMS,
        population=[*declared["population"], *RULES, *composed],
        contracts={"min_days": 31},
        outcomes=get_args(OutcomeName),
        covariates=get_args(CovariateName),
        history={"match": [-24, -7], "step": 6},
    )


def read_back(cohort: CohortDefinition) -> list[str]:
    return [
        *cohort_in_french(cohort, PUBLICS),
        *(rule_in_french(rule, PUBLICS) for rule in cohort.population),
        *(arm_in_french(name, cohort) for name in cohort.arms),
        *warnings_in_french(cohort),
    ]


def test_all_that_can_be_declared_is_read_back_in_french(everything: CohortDefinition) -> None:
    told = read_back(everything)
    of_each = len(everything.population) + len(ARMS) + 3
    assert len(told) == 2 * of_each + 8, "each rule, arm and warning twice, and the rest"
    for line in told:
        check_typography(line)
        assert not ENGLISH.search(line), line
    labelled = {
        code
        for labels in (OBJECTIVES, LEVELS, FUNDERS, OUTCOMES, COVARIATES)
        for code, label in labels.items()
        if len(code) > 1 and code not in label.lower()
    }
    assert {"cap_bep", "creation_entreprise", "emploi_78h", "region", "etat"} <= labelled
    for line in told:
        words = line.replace("aucun mois", "").replace("bac + ", "")
        assert not labelled & set(re.findall(r"\w+", words)), f"a code: {line}"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"rule": "elapsed_unemployment", "between": [0, 23]}, "Inscrite depuis 0 à 23 mois"),
        (
            {"rule": "cumulated_unemployment", "between": [12, 36], "months_before": 36},
            "Inscrite 12 à 36 mois au cours des 36 mois précédents",
        ),
        ({"rule": "level", "in": ["bac_2"]}, "Diplôme le plus élevé\u00a0: bac + 2"),
        (
            {"rule": "public", "public": "sans-diplome"},
            "Public\u00a0: personnes sans diplôme",
        ),
        (
            {"rule": "first_training"},
            "Aucune formation auparavant, aussi loin que remontent les données",
        ),
        (
            {"rule": "any", "of": [RULES[0], RULES[3]]},
            "Remplit au moins une de ces conditions\u00a0: inscrite depuis 0 à 23 mois\u202f; "
            "public\u00a0: personnes sans diplôme",
        ),
        (
            {"rule": "all", "of": [RULES[0], RULES[4]]},
            "Remplit toutes ces conditions\u00a0: inscrite depuis 0 à 23 mois\u202f; "
            "aucune formation auparavant, aussi loin que remontent les données",
        ),
        (
            {"rule": "at_least", "count": 2, "of": [RULES[0], RULES[4], RULES[3]]},
            "Remplit au moins 2 de ces conditions\u00a0: inscrite depuis 0 à 23 mois\u202f; "
            "aucune formation auparavant, aussi loin que remontent les données\u202f; "
            "public\u00a0: personnes sans diplôme",
        ),
    ],
)
def test_rules_in_french(cohort: CohortDefinition, rule: dict[str, Any], words: str) -> None:
    population = [*cohort.model_dump(by_alias=True)["population"], rule]
    asked = changed(cohort, population=population)
    assert rule_in_french(asked.population[-1], PUBLICS) == words


@pytest.mark.parametrize("kind", ["any", "all", "at_least"])
def test_a_composed_rule_may_carry_its_own_label(cohort: CohortDefinition, kind: str) -> None:
    count = {"count": 1} if kind == "at_least" else {}
    rule = {"rule": kind, "label": "Personnes fragiles", "of": RULES[:2], **count}
    around = {"rule": "any", "of": [rule, RULES[4]]}
    population = [*cohort.model_dump(by_alias=True)["population"], rule, around]
    *_, alone, nested = changed(cohort, population=population).population
    assert rule_in_french(alone) == "Personnes fragiles"
    assert rule_in_french(nested) == (
        "Remplit au moins une de ces conditions\u00a0: personnes fragiles\u202f; "
        "aucune formation auparavant, aussi loin que remontent les données"
    )


@pytest.mark.parametrize(
    "path", sorted((shipped_library() / "cohorts").glob("*.yml")), ids=lambda path: path.stem
)
def test_every_shipped_cohort_is_read_back(path: Path) -> None:
    cohort = Project(shipped_library()).cohort(path.stem)
    for line in read_back(cohort):
        check_typography(line)
        assert not ENGLISH.search(line), line


def test_publics_and_territories_are_named_as_the_project_names_them(
    cohort: CohortDefinition,
) -> None:
    own = PublicDefinition.model_validate(
        {"id": "au-rsa", "label": "RSA et allocataires", "description": "",
         "where": [{"column": "rsa", "is": True}]}
    )  # fmt: skip
    place = Territory.model_validate(
        {"id": "quartier-1", "zoning": "quartier", "code": "1", "name": "La Belle de Mai",
         "where": [{"column": "commune", "in": ["13203"]}]}
    )  # fmt: skip
    rules = [
        {"rule": "public", "public": "au-rsa"},
        {"rule": "lives_in", "territory": "quartier-1"},
    ]
    population = [*cohort.model_dump(by_alias=True)["population"], {"rule": "any", "of": rules}]
    asked = changed(cohort, population=population)
    told = rule_in_french(asked.population[-1], {own.id: own}, {place.id: place})
    assert told == (
        "Remplit au moins une de ces conditions\u00a0: public\u00a0: RSA et allocataires\u202f; "
        "habite le territoire\u00a0: La Belle de Mai"
    )


def test_arms_defined_after_entry_are_named_after_the_arm_they_are_of(
    everything: CohortDefinition,
) -> None:
    assert {name: arm_in_french(name, everything) for name in list(ARMS)[3:]} == {
        "jamais": "Jamais formées",
        "certifiee": "Formation certifiante, certification obtenue",
        "non_certifiee": "Formation certifiante, certification non obtenue",
        "abandon": "Formation certifiante, abandon en cours de formation",
        "suivie": "Formation certifiante, formation suivie jusqu'au bout",
    }
    told = cohort_in_french(everything)
    assert (
        "Groupe «\u202fFormation certifiante, certification obtenue\u202f»\u00a0: parmi le groupe "
        "«\u202fFormation certifiante\u202f», certification obtenue."
    ) in told


def test_what_entries_are_kept_is_said(
    cohort: CohortDefinition, everything: CohortDefinition
) -> None:
    told = "\n".join(cohort_in_french(everything))
    for words in (
        "toutes celles de la période, une personne pouvant en avoir plusieurs",
        "Entrées retenues\u00a0: objectif de formation certification, préqualification et création "
        "d'entreprise\u202f; dispositif AIF\u202f; financeur Région, Pôle emploi ou bénéficiaire",
        "niveau préparé CAP, BEP ou bac + 3 et plus",
        "axe du Pacte 1",
        "Formacode commençant par 31 ou 44",
        "mois après la fin de la formation",
        "Contrats de moins de 31 jours non comptés dans l'emploi.",
        "emploi salarié privé d'au moins 78 heures dans le mois",
        "accès à un emploi d'au moins un mois dans les six mois.",
        "allocation perçue",
        "zone d'emploi.",
        "de −24 à −7, par périodes de 6 mois\u202f; aucun mois n'est gardé à part",
    ):
        assert words in told, words
    entry = cohort.model_dump(by_alias=True)["entry"]
    for keep, words in (
        ("first", "pour chaque personne, la première de la période."),
        ("last", "pour chaque personne, la dernière de la période."),
    ):
        (first, *_) = cohort_in_french(changed(cohort, entry={**entry, "keep": keep}))
        assert first.endswith(words)
    shipped = "\n".join(cohort_in_french(cohort))
    assert "mois après l'entrée." in shipped
    assert "Entrées retenues" not in shipped
    assert "non comptés" not in shipped


def test_a_reader_is_warned_of_what_the_definition_rests_on(
    cohort: CohortDefinition, everything: CohortDefinition
) -> None:
    entry = cohort.model_dump(by_alias=True)["entry"]
    arms = cohort.model_dump(by_alias=True)["arms"]
    from_end = changed(cohort, entry={**entry, "clock": "end"})
    never = changed(cohort, arms={**arms, "jamais": ARMS["jamais"]})
    after = changed(cohort, arms={**arms, "certifiee": ARMS["certifiee"]})
    assert warnings_in_french(cohort) == ()
    for definition, words in (
        (from_end, "les mois sont comptés depuis la fin de la formation"),
        (never, "défini par l'avenir"),
        (after, "définis par ce qui s'observe après l'entrée"),
    ):
        (warning,) = warnings_in_french(definition)
        assert warning.startswith("Attention\u00a0: ")
        assert words in warning
        assert cohort_in_french(definition)[-1] == warning
    assert len(warnings_in_french(everything)) == 3
