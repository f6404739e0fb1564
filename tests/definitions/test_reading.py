"""Every mistake in a definition is one sentence that names the file, the key and the remedy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pacte_eval.definitions.cells import PublicDefinition, territory
from pacte_eval.definitions.cohort import (
    Age,
    CohortDefinition,
    Covered,
    Linked,
    LivesIn,
    NotObjectives,
    NoTraining,
    Registered,
)
from pacte_eval.definitions.errors import InputError, counted, nearest
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.persons import PersonsDefinition
from pacte_eval.definitions.reading import read_definition
from pacte_eval.definitions.study import ScoreDefinition, StudyDefinition

Change = Callable[[dict[str, Any]], Any]
MODELS: dict[str, tuple[str, Any]] = {
    "cohort": ("cohorts/entrants-2019.yml", CohortDefinition),
    "study": ("studies/certifiante-2019/study.yml", StudyDefinition),
    "persons": ("studies/nsw-lalonde/persons.yml", PersonsDefinition),
    "public": ("cohorts/publics/infra-bac.yml", PublicDefinition),
}


def content(kind: str) -> dict[str, Any]:
    text = (shipped_library() / MODELS[kind][0]).read_text(encoding="utf-8")
    return copy.deepcopy(yaml.safe_load(text))


def read(kind: str, change: Change, folder: Path) -> Any:
    declared = content(kind)
    change(declared)
    path = folder / f"{kind}.yml"
    path.write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")
    return read_definition(path, MODELS[kind][1])


def test_every_rule_is_read(tmp_path: Path) -> None:
    cohort = read("cohort", lambda d: None, tmp_path)
    kinds = [type(rule) for rule in cohort.population]
    assert kinds == [Linked, Age, Registered, LivesIn, NoTraining, Covered]
    assert cohort.entry.period == (2019 * 12, 2019 * 12 + 11)
    assert cohort.control_arm == "en_attente"
    assert list(cohort.training_arms) == ["certifiante"]
    assert cohort.population[1].between == (16, 60)
    assert cohort.controls.same == ("entry_month", "unemployment_band")


def test_objectives_can_be_one_several_or_all_but_some(tmp_path: Path) -> None:
    def objective(value: Any) -> Any:
        def change(declared: dict[str, Any]) -> None:
            declared["arms"]["certifiante"]["objective"] = value

        return read("cohort", change, tmp_path).arms["certifiante"].objective

    assert objective("certification") == "certification"
    assert objective(["certification", "mobilisation"]) == ("certification", "mobilisation")
    others = objective({"not": ["certification"]})
    assert isinstance(others, NotObjectives)
    assert others.not_ == ("certification",)


def test_scores_and_persons_are_read(tmp_path: Path) -> None:
    study = read(
        "study",
        lambda d: d["estimators"]["main"].update(score={"squares": ["age"]}),
        tmp_path,
    )
    assert study.estimators.main.score == ScoreDefinition(squares=("age",))
    assert study.difference.sensitivity == ((-18, -7), "symmetric")
    persons = read("persons", lambda d: None, tmp_path)
    assert persons.covariates["u74"].equals == 0
    assert persons.outcomes["revenu"].periods == {"1974": "re74", "1975": "re75", "1978": "re78"}


def put(*keys: Any) -> Change:
    *path, key, value = keys

    def change(declared: dict[str, Any]) -> None:
        place: Any = declared
        for part in path:
            place = place[part]
        place[key] = value

    return change


def drop(*keys: Any) -> Change:
    *path, key = keys

    def change(declared: dict[str, Any]) -> None:
        place: Any = declared
        for part in path:
            place = place[part]
        del place[key]

    return change


MISTAKES = [
    ("cohort", put("outcome", 1), ["unknown key 'outcome'", "did you mean 'outcomes'?"]),
    ("cohort", put("entry", "perod", 1), ["'entry.perod'", "did you mean 'period'?"]),
    ("cohort", put("window", "befor", 1), ["'window.befor'", "did you mean 'before'?"]),
    ("cohort", put("arms", "certifiante", "objectif", 1), ["did you mean 'objective'?"]),
    ("cohort", put("arms", "en_attente", "control", 1), ["did you mean 'controls'?"]),
    ("cohort", put("population", 1, "betwen", 1), ["did you mean 'between'?"]),
    ("cohort", put("population", 1, "rule", "aged"), ["population.1", "aged", "'age'"]),
    ("cohort", put("population", 1, "between", [60, 16]), ["(60) is after the last (16)"]),
    ("cohort", put("population", 2, "categories", ["F"]), ["categories.0", "known: A, B"]),
    ("cohort", put("entry", "period", ["2019-13", "2019-12"]), ["'2019-13' is not a month"]),
    ("cohort", put("entry", "period", ["2019-12", "2019-01"]), ["ends (2019-01) before"]),
    ("cohort", put("covariates", ["ages"]), ["covariates.0", "'age'"]),
    ("cohort", put("covariates", []), ["covariates", "at least 1"]),
    ("cohort", put("outcomes", ["emplois"]), ["outcomes.0", "'emploi'"]),
    ("cohort", put("id", "Entrants 2019"), ["'id'", "pattern"]),
    ("cohort", put("id", "../ailleurs"), ["'id'", "pattern"]),
    ("cohort", put("arms", "certifiante", "objective", "certif"), ["'certification'"]),
    ("cohort", put("arms", "en_attente", "controls", "never"), ["known: not-yet-trained"]),
    ("cohort", drop("arms", "en_attente"), ["exactly one control arm"]),
    ("cohort", drop("arms", "certifiante"), ["at least one training arm"]),
    ("cohort", drop("population", 0), ["needs the rule 'linked'"]),
    ("cohort", drop("population", 5), ["needs the rule 'covered'"]),
    ("cohort", put("controls", "same", ["unemployment_band"]), ["add entry_month"]),
    ("cohort", put("controls", "per_treated", 0), ["per_treated", "greater than or equal to 1"]),
    ("cohort", put("history", "match", [-30, -7]), ["history starts at -30", "(-24)"]),
    ("cohort", put("history", "match", [-24, -6]), ["must end before those held out"]),
    ("cohort", put("history", "hold_out", [-6, 0]), ["both before 0"]),
    ("cohort", drop("label"), ["key 'label' is missing"]),
    ("study", put("cohorts", "x"), ["did you mean 'cohort'?"]),
    ("study", put("persons", "persons.yml"), ["give either cohort or persons"]),
    ("study", drop("cohort"), ["give either cohort or persons"]),
    ("study", put("primary", "month", 25), ["primary.month 25 is not one of the horizons"]),
    ("study", put("primary", "comparison", "contre"), ["'contre' is none of contre-attente"]),
    ("study", put("comparisons", 0, "estimand", "ate"), ["estimand", "known: now-vs-wait"]),
    ("study", put("comparisons", []), ["comparisons", "at least 1"]),
    ("study", put("estimators", "main", "design", "IPW"), ["design", "known: NearestNeighbour"]),
    ("study", put("estimators", "main", "neighbour", 3), ["did you mean 'neighbours'?"]),
    ("study", put("estimators", "main", "caliper", -1), ["caliper", "greater than 0"]),
    ("study", put("difference", "reference", [-13, -24]), ["the window runs", "before 0"]),
    ("study", put("difference", "reference", [-6, 3]), ["the window runs", "before 0"]),
    ("study", put("difference", "reference", []), ["the window is empty"]),
    ("study", put("subgroups", "public", ["x"]), ["did you mean 'publics'?"]),
    ("study", put("thresholds", "max_smds", 1), ["did you mean 'max_smd'?"]),
    ("persons", put("arms", "cps", "files", "x"), ["did you mean 'file'?"]),
    ("persons", put("covariates", "age", "columns", "x"), ["did you mean 'column'?"]),
    ("persons", put("nature", "publique"), ["nature", "'public'"]),
    ("persons", put("outcomes", "revenu", "measure", "francs"), ["measure", "known: dollars"]),
    ("persons", drop("outcomes", "revenu", "periods"), ["either periods or monthly"]),
    (
        "persons",
        put("outcomes", "revenu", "monthly", {"columns": "e_{month}", "first": 1, "last": 2}),
        ["either periods or monthly"],
    ),
    (
        "persons",
        put(
            "outcomes",
            "revenu",
            {
                "label": "x",
                "measure": "part",
                "monthly": {"columns": "e_{month}", "first": 3, "last": 2},
            },
        ),
        ["first is after last"],
    ),
    ("persons", put("arms", {}), ["arms", "at least 2"]),
    ("public", put("wher", 1), ["did you mean 'where'?"]),
    ("public", put("where", 0, "inn", ["x"]), ["did you mean 'in'?"]),
    ("public", put("where", 0, "is", True), ["give one of in, is, between"]),
    ("public", put("where", 0, {"column": "sex"}), ["give one of in, is, between"]),
    ("public", put("where", []), ["where", "at least 1"]),
]


@pytest.mark.parametrize(("kind", "change", "words"), MISTAKES)
def test_a_mistake_is_one_sentence(
    kind: str, change: Change, words: list[str], tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        read(kind, change, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / kind}.yml: ")
    assert "\n" not in message
    assert "key ''" not in message
    for word in words:
        assert word in message


BROKEN = {
    "a: [1, 2\n": "not valid YAML",
    "\tid: x\n": "line 1: not valid YAML",
    "id: x: y\n": "line 1: not valid YAML",
    "- id\n": "'key: value'",
    "": "'key: value'",
}


@pytest.mark.parametrize("text", list(BROKEN))
def test_a_file_that_is_not_a_definition(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_definition(path, PublicDefinition)
    assert str(path) in str(caught.value)
    assert BROKEN[text] in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.yml: no such file"):
        read_definition(tmp_path / "absent.yml", PublicDefinition)
    with pytest.raises(InputError, match="cannot be read"):
        read_definition(tmp_path, PublicDefinition)
    (tmp_path / "latin.yml").write_bytes("id: é".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.yml: cannot be read"):
        read_definition(tmp_path / "latin.yml", PublicDefinition)


def test_definitions_do_not_change(tmp_path: Path) -> None:
    public = read("public", lambda d: None, tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        public.label = "autre"


def test_the_nearest_word() -> None:
    assert nearest("covariate", ["covariates", "outcomes"]) == "did you mean 'covariates'?"
    assert nearest("xyz", ["b", "a"]) == "known: a, b"


def test_no_small_number_is_told() -> None:
    assert counted(0) == "0 rows"
    assert counted(1) == counted(10) == "fewer than 11 rows"
    assert counted(11, "person") == "11 persons"
    assert counted(1234) == "1,234 rows"


def test_territories() -> None:
    assert territory("ze2010-9310").name == "Marseille – Aubagne"
    region = territory("region-93")
    assert (region.zoning, region.code) == ("region", "93")
    with pytest.raises(InputError, match="did you mean 'departement-13'"):
        territory("departement-1")
