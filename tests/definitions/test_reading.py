"""Every mistake in a definition is one sentence that names the file, the key and the remedy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from pacte_eval.definitions.cells import PublicDefinition, territory
from pacte_eval.definitions.cohort import (
    Age,
    AllOf,
    AnyOf,
    AtLeast,
    CohortDefinition,
    CovariateName,
    Covered,
    CumulatedUnemployment,
    ElapsedUnemployment,
    FirstTraining,
    InPublic,
    Level,
    Linked,
    LivesIn,
    NotObjectives,
    NoTraining,
    ObjectiveCode,
    OutcomeName,
    Registered,
    flattened,
)
from pacte_eval.definitions.errors import InputError, counted, nearest
from pacte_eval.definitions.estimators import NearestNeighbourDefinition, ScoreDefinition
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.persons import PersonsDefinition
from pacte_eval.definitions.reading import read_definition
from pacte_eval.definitions.study import StudyDefinition

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
    path.write_text(yaml.safe_dump(declared, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return read_definition(path, MODELS[kind][1])


def test_every_rule_is_read(tmp_path: Path) -> None:
    cohort = read("cohort", lambda d: None, tmp_path)
    kinds = [type(rule) for rule in cohort.population]
    assert kinds == [Linked, Age, Registered, LivesIn, NoTraining, Covered]
    assert cohort.entry.period == (2019 * 12, 2019 * 12 + 11)
    assert list(cohort.control_arms) == ["en_attente"]
    assert list(cohort.training_arms) == ["certifiante"]
    assert cohort.after_entry_arms == {}
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


def cohort_with(folder: Path, *changes: Change) -> CohortDefinition:
    def change(declared: dict[str, Any]) -> None:
        for one in changes:
            one(declared)

    definition: CohortDefinition = read("cohort", change, folder)
    return definition


def test_entries_may_be_chosen_and_counted_from_the_end(tmp_path: Path) -> None:
    where = {
        "objective": {"not": ["certification"]},
        "scheme": ["AIF", "POEC"],
        "funder": ["region"],
        "level": ["bac"],
        "formacode": ["31", "44054"],
        "axis": ["1"],
        "lot": ["lot 3"],
    }
    for keep in ("first", "last", "every"):
        entry = {"keep": keep, "clock": "end", "where": where}
        cohort = cohort_with(tmp_path, lambda d, entry=entry: d["entry"].update(entry))  # type: ignore[misc]
        assert (cohort.entry.keep, cohort.entry.clock) == (keep, "end")
    chosen = cohort.entry.where
    assert chosen.scheme == ("AIF", "POEC")
    assert chosen.formacode == ("31", "44054")
    assert (chosen.funder, chosen.level, chosen.axis, chosen.lot) == (
        ("region",), ("bac",), ("1",), ("lot 3",)
    )  # fmt: skip
    assert chosen.objectives == frozenset(get_args(ObjectiveCode)) - {"certification"}
    shipped = cohort_with(tmp_path)
    assert shipped.entry.clock == "entry"
    assert shipped.entry.where.objectives is None


ARMS: dict[str, Any] = {
    "certifiante": {"objective": "certification", "axis": ["1"]},
    "autre": {"objective": {"not": ["certification"]}, "label": "Autres formations"},
    "en_attente": {"controls": "not-yet-trained"},
    "jamais": {"controls": "never-trained"},
    "certifiee": {"of": "certifiante", "certified": True, "after_entry": True},
    "abandon": {"of": "autre", "dropped_out": True, "after_entry": True},
}


def test_arms_of_each_kind(tmp_path: Path) -> None:
    cohort = cohort_with(tmp_path, put("arms", ARMS))
    assert list(cohort.arms) == list(ARMS)
    assert list(cohort.training_arms) == ["certifiante", "autre"]
    assert list(cohort.control_arms) == ["en_attente", "jamais"]
    assert list(cohort.after_entry_arms) == ["certifiee", "abandon"]
    assert cohort.after_entry_arms["certifiee"].of == "certifiante"
    assert cohort.training_arms["autre"].label == "Autres formations"


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ({"objective": "certification"}, {"objective": ["mobilisation"]}, True),
        ({"objective": "certification"}, {"objective": {"not": ["certification"]}}, True),
        ({"objective": "certification"}, {"objective": {"not": ["mobilisation"]}}, False),
        ({"objective": "certification"}, {"scheme": ["AIF"]}, False),
        ({"objective": "certification", "axis": ["1"]}, {"axis": ["2"]}, True),
        ({"objective": "certification", "axis": ["1"]}, {"axis": ["1", "2"]}, False),
        ({"scheme": ["AIF"]}, {"scheme": ["POEC"]}, True),
        ({"funder": ["region", "etat"]}, {"funder": ["opco"]}, True),
        ({"level": ["bac"]}, {"level": ["bac", "bac_2"]}, False),
        ({"lot": ["1"]}, {"lot": ["2"]}, True),
        ({"formacode": ["31"]}, {"formacode": ["32"]}, True),
        ({"formacode": ["31", "44"]}, {"formacode": ["44054"]}, False),
        ({"formacode": ["31054"]}, {"formacode": ["3"]}, False),
    ],
)
def test_an_entry_is_in_one_training_arm(
    one: dict[str, Any], other: dict[str, Any], apart: bool, tmp_path: Path
) -> None:
    for first, second in ((one, other), (other, one)):
        arms = {"a": first, "b": second, "attente": {"controls": "not-yet-trained"}}
        if apart:
            assert list(cohort_with(tmp_path, put("arms", arms)).training_arms) == ["a", "b"]
            continue
        with pytest.raises(InputError, match=r"arms 'a' and 'b' .*: an entry is in one arm"):
            cohort_with(tmp_path, put("arms", arms))


def test_rules_are_simple_or_composed(tmp_path: Path) -> None:
    simple: list[dict[str, Any]] = [
        {"rule": "elapsed_unemployment", "between": [0, 23]},
        {"rule": "cumulated_unemployment", "between": [12, 36], "months_before": 36},
        {"rule": "level", "in": ["aucun", "cap_bep"]},
        {"rule": "public", "public": "seniors"},
        {"rule": "first_training"},
        {"rule": "age", "between": [16, 60]},
    ]
    composed: list[dict[str, Any]] = [
        {"rule": "any", "of": simple},
        {"rule": "all", "of": [{"rule": "public", "public": "qpv"}, simple[0]]},
        {"rule": "at_least", "count": 2, "of": [*simple, {"rule": "all", "of": simple[:1]}]},
    ]
    cohort = cohort_with(tmp_path, lambda d: d["population"].extend([*simple, *composed]))
    assert [type(rule) for rule in cohort.population[6:]] == [
        ElapsedUnemployment, CumulatedUnemployment, Level, InPublic, FirstTraining, Age,
        AnyOf, AllOf, AtLeast,
    ]  # fmt: skip
    inner = [rule.rule for rule in flattened(cohort.population[-1:])]
    assert inner == [
        "at_least", *(rule["rule"] for rule in simple), "all", "elapsed_unemployment"
    ]  # fmt: skip
    assert cohort.publics == ("seniors", "qpv")


def test_contracts_months_and_outcomes(tmp_path: Path) -> None:
    shipped = cohort_with(tmp_path, drop("history", "hold_out"), lambda d: d.pop("contracts", None))
    assert shipped.contracts.min_days == 0
    assert shipped.history.hold_out is None
    cohort = cohort_with(
        tmp_path,
        put("contracts", {"min_days": 31}),
        put("history", {"match": [-24, -1], "step": 12}),
        put("outcomes", list(get_args(OutcomeName))),
        put("covariates", list(get_args(CovariateName))),
    )
    assert cohort.contracts.min_days == 31
    assert (cohort.history.match, cohort.history.step) == ((-24, -1), 12)
    assert len(cohort.outcomes) == 15
    assert cohort_with(tmp_path, put("history", {"match": [-24, -1]})).history.step == 1


def test_scores_and_persons_are_read(tmp_path: Path) -> None:
    study = read(
        "study",
        lambda d: d["estimators"]["main"].update(score={"squares": ["age"]}),
        tmp_path,
    )
    assert isinstance(study.estimators.main, NearestNeighbourDefinition)
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


def add(rule: dict[str, Any]) -> Change:
    """One more rule, the seventh."""
    return lambda declared: declared["population"].append(rule)


def rule(name: str, of: list[dict[str, Any]], **keys: Any) -> Change:
    return add({"rule": name, "of": of, **keys})


def arm(**keys: Any) -> Change:
    """One more arm."""
    return put("arms", "autre", keys)


def composed_alone(name: str) -> Change:
    """A rule moved into a composed one, where risk sets cannot rest on it."""

    def change(declared: dict[str, Any]) -> None:
        moved = [one for one in declared["population"] if one["rule"] == name]
        kept = [one for one in declared["population"] if one["rule"] != name]
        declared["population"] = [*kept, {"rule": "all", "of": moved}]

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
    (
        "cohort",
        put("arms", "en_attente", "controls", "never"),
        ["known: never-trained, not-yet-trained"],
    ),
    ("cohort", drop("arms", "en_attente"), ["at least one training arm and one control arm"]),
    ("cohort", drop("arms", "certifiante"), ["at least one training arm"]),
    ("cohort", drop("population", 0), ["needs the rule 'linked'"]),
    ("cohort", drop("population", 5), ["needs the rule 'covered'"]),
    ("cohort", put("controls", "same", ["unemployment_band"]), ["add entry_month"]),
    ("cohort", put("controls", "per_treated", 0), ["per_treated", "greater than or equal to 1"]),
    ("cohort", put("history", "match", [-30, -7]), ["history starts at -30", "(-24)"]),
    ("cohort", put("history", "match", [-24, -6]), ["must end before those held out"]),
    ("cohort", put("history", "hold_out", [-6, 0]), ["both before 0"]),
    ("cohort", put("entry", "where", {"objectiv": 1}), ["'entry.where.objectiv'", "'objective'?"]),
    ("cohort", put("entry", "where", {"objective": "certif"}), ["did you mean 'certification'?"]),
    ("cohort", put("entry", "where", {"formacode": ["3a"]}), ["'entry.where.formacode.0'"]),
    ("cohort", put("entry", "where", {"formacode": []}), ["where.formacode", "at least 1"]),
    ("cohort", put("entry", "where", {"axis": ["3"]}), ["'3' is unknown", "known: 1, 2"]),
    ("cohort", put("entry", "where", {"level": ["bac_4"]}), ["did you mean 'bac_2'?"]),
    ("cohort", put("entry", "where", {"funder": ["regions"]}), ["did you mean 'region'?"]),
    ("cohort", put("entry", "where", {"scheme": []}), ["where.scheme", "at least 1"]),
    ("cohort", put("entry", "where", {"lots": ["1"]}), ["did you mean 'lot'?"]),
    ("cohort", put("entry", "keep", "latest"), ["'entry.keep'", "did you mean 'last'?"]),
    ("cohort", put("entry", "clock", "start"), ["'entry.clock'", "known: end, entry"]),
    ("cohort", put("entry", "clok", "end"), ["did you mean 'clock'?"]),
    ("cohort", put("entry", "table", "training"), ["did you mean 'trainings'?"]),
    ("cohort", put("entry", "period", [2019, 2020]), ["2019 is not a month: write it as 2019-03"]),
    (
        "cohort",
        arm(objective=["certification", "mobilisation"]),
        [
            "arms 'certifiante' and 'autre' share the objective 'certification'",
        ],
    ),
    ("cohort", arm(scheme=["AIF"]), ["'certifiante' and 'autre' may share entries"]),
    ("cohort", arm(label="Rien"), ["'arms.autre'", "say which trainings the arm holds"]),
    ("cohort", arm(objective="mobilisation", funders=["etat"]), ["did you mean 'funder'?"]),
    ("cohort", arm(controls="not-yet-trained"), ["two control arms are of the same kind"]),
    ("cohort", arm(controls="never-train"), ["'arms.autre.controls'", "'never-trained'?"]),
    (
        "cohort",
        arm(of="certifiant", certified=True, after_entry=True),
        [
            "arm 'autre' is of 'certifiant', no training arm: did you mean 'certifiante'?",
        ],
    ),
    (
        "cohort",
        arm(of="en_attente", certified=True, after_entry=True),
        [
            "is of 'en_attente', no training arm: known: certifiante",
        ],
    ),
    ("cohort", arm(of="certifiante", after_entry=True), ["give one of certified, dropped_out"]),
    (
        "cohort",
        arm(of="certifiante", certified=True, dropped_out=True, after_entry=True),
        [
            "give one of certified, dropped_out",
        ],
    ),
    ("cohort", arm(of="certifiante", certified=True), ["'arms.autre.after_entry' is missing"]),
    (
        "cohort",
        arm(of="certifiante", certified=True, after_entry=False),
        [
            "'arms.autre.after_entry'",
        ],
    ),
    ("cohort", arm(of="certifiante", certifie=True, after_entry=True), ["mean 'certified'?"]),
    ("cohort", rule("any", [{"rule": "aged"}]), ["'population.6.any.of.0.rule'", "mean 'age'?"]),
    (
        "cohort",
        rule("any", [{"rule": "age", "between": [3, 2]}]),
        [
            "'population.6.any.of.0.age.between'",
            "(3) is after the last (2)",
        ],
    ),
    (
        "cohort",
        rule("all", [{"rule": "age", "betwen": [1, 2]}]),
        [
            "'population.6.all.of.0.age.betwen'",
            "did you mean 'between'?",
        ],
    ),
    (
        "cohort",
        rule("all", [{"rule": "any", "of": [{"rule": "level", "in": ["cap"]}]}]),
        [
            "'population.6.all.of.0.any.of.0.level.in.0'",
            "did you mean 'cap_bep'?",
        ],
    ),
    ("cohort", rule("any", []), ["'population.6.any.of'", "at least 1"]),
    (
        "cohort",
        rule("at_least", [{"rule": "first_training"}], count=2),
        [
            "'population.6.at_least'",
            "at least 2 of 1 rules cannot hold",
        ],
    ),
    ("cohort", rule("at_least", [{"rule": "first_training"}]), ["at_least.count' is missing"]),
    ("cohort", rule("at_least", [{"rule": "first_training"}], count=0), ["at_least.count"]),
    ("cohort", add({"rule": "any", "labell": "x"}), ["did you mean 'label'?"]),
    ("cohort", add({"rule": "any", "off": []}), ["did you mean 'of'?"]),
    ("cohort", add({"rule": "elapsed_unemployment", "between": [5, 2]}), ["(5) is after"]),
    (
        "cohort",
        add({"rule": "cumulated_unemployment", "between": [5, 12]}),
        [
            "cumulated_unemployment.months_before' is missing",
        ],
    ),
    ("cohort", add({"rule": "cumulated_unemploymnt"}), ["did you mean 'cumulated_unemployment'?"]),
    ("cohort", add({"rule": "public", "publics": "x"}), ["did you mean 'public'?"]),
    ("cohort", add({"rule": "level", "in": []}), ["level.in", "at least 1"]),
    ("cohort", composed_alone("linked"), ["needs the rule 'linked'"]),
    ("cohort", composed_alone("registered"), ["needs the rule 'registered'"]),
    ("cohort", composed_alone("no_training"), ["needs the rule 'no_training'"]),
    ("cohort", composed_alone("covered"), ["needs the rule 'covered'"]),
    ("cohort", put("contracts", {"min_days": -1}), ["'contracts.min_days'", "equal to 0"]),
    ("cohort", put("contracts", {"min_day": 31}), ["did you mean 'min_days'?"]),
    ("cohort", put("contract", {"min_days": 31}), ["did you mean 'contracts'?"]),
    ("cohort", put("history", "step", 0), ["'history.step'", "equal to 1"]),
    ("cohort", put("history", "steps", 6), ["did you mean 'step'?"]),
    ("cohort", put("history", {"match": [-24, 0]}), ["must end before 0"]),
    ("cohort", put("history", {"match": [-1, -24]}), ["(-1) is after the last (-24)"]),
    ("cohort", put("history", "hold_out", [-1, -6]), ["(-1) is after the last (-6)"]),
    ("cohort", put("outcomes", ["emploi", "emploi_76h"]), ["outcomes.1", "'emploi_78h'?"]),
    ("cohort", put("outcomes", []), ["outcomes", "at least 1"]),
    ("cohort", put("covariates", ["benefits"]), ["covariates.0", "did you mean 'benefit'?"]),
    ("cohort", drop("label"), ["key 'label' is missing"]),
    ("study", put("cohorts", "x"), ["did you mean 'cohort'?"]),
    ("study", put("persons", "persons.yml"), ["give either cohort or persons"]),
    ("study", drop("cohort"), ["give either cohort or persons"]),
    ("study", put("primary", "month", 25), ["primary.month 25 is not one of the horizons"]),
    ("study", put("primary", "comparison", "contre"), ["'contre' is none of contre-attente"]),
    ("study", put("comparisons", 0, "estimand", "ate"), ["estimand", "known: now-vs-wait"]),
    ("study", put("comparisons", []), ["comparisons", "at least 1"]),
    ("study", put("estimators", "main", "design", "IPW"), ["design", "known: CoarsenedExact"]),
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
