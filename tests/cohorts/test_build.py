"""What a build refuses, in one sentence, and what it tells of a definition and of one person."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.cohorts.build import trace
from pacte_eval.definitions.cells import PublicDefinition, Territory, read_territories
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.project import Project
from tests.cohorts.registers import source_of

D = date
MARCH = 2019 * 12 + 2
DEFINITION: dict[str, Any] = {
    "id": "essai",
    "label": "Essai",
    "entry": {"table": "trainings", "period": ["2019-01", "2019-12"], "keep": "first"},
    "arms": {
        "certifiante": {"objective": "certification"},
        "en_attente": {"controls": "not-yet-trained"},
    },
    "population": [
        {"rule": "linked"},
        {"rule": "registered", "categories": ["A", "B", "C"]},
        {"rule": "no_training", "months_before": 24},
        {"rule": "covered", "months_before": 12, "months_after": 12},
    ],
    "controls": {"per_treated": 4, "seed": 1},
    "window": {"before": 12, "after": 12},
    "outcomes": ["emploi", "acces_emploi"],
    "covariates": ["age", "sex"],
    "history": {"match": [-12, -1]},
}
NAMES = [f"p{i:02d}" for i in range(30)]
NEVER_TRAINED = {"jamais": {"label": "Jamais formées", "controls": "never-trained"}}


def training(person: str | None, start: date, **facts: Any) -> dict[str, Any]:
    key = {"training": f"{person}-{start}", "person": person, "start": start}
    return {**key, "end": start + timedelta(days=100), **facts}


def built(changes: dict[str, Any] | None = None, groups: Any = (), **tables: Any) -> Cohort:
    rows: dict[str, Any] = {
        "registrations": [{"person": name, "start": D(2018, 10, 1)} for name in NAMES],
        "trainings": [
            training("p00", D(2019, 3, 4)),
            training("p01", D(2019, 3, 18)),
            training("p02", D(2019, 5, 6)),
        ],
    }
    definition = CohortDefinition.model_validate(DEFINITION | (changes or {}))
    publics = [one for one in groups if isinstance(one, PublicDefinition)]
    territories = [one for one in groups if isinstance(one, Territory)]
    return build_cohort(definition, source_of(**rows | tables), publics, territories=territories)


def with_rule(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"population": [*DEFINITION["population"], *rules]}


PUBLICS = Project(shipped_library()).publics()


@pytest.mark.parametrize(
    ("changes", "tables", "words"),
    [
        ({"entry": {**DEFINITION["entry"], "period": ["2020-01", "2020-03"]}}, {},
         "of arm 'certifiante' in the period"),
        (with_rule({"rule": "level", "in": ["bac"]}), {},
         "nobody is left in arm 'certifiante' after the rule 'level'"),
        # the three who are registered enter on the same day, and leave nobody at risk
        ({}, {"registrations": [{"person": name, "start": D(2018, 10, 1)} for name in NAMES[:3]],
              "trainings": [training(name, D(2019, 3, 4)) for name in NAMES[:3]]},
         "nobody is left in arm 'en_attente' after the rule 'not_entering'"),
    ],
)  # fmt: skip
def test_an_empty_arm_is_refused(changes: Any, tables: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        built(changes, **tables)
    assert str(caught.value).startswith("cohort 'essai' is empty: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "groups", "words"),
    [
        ({"rule": "public", "public": "senior"}, ["seniors"],
         "names the public 'senior', which is unknown: did you mean 'seniors'"),
        ({"rule": "lives_in", "territory": "region-94"}, [],
         "names the territory 'region-94', which is unknown: did you mean 'region-93'"),
        ({"rule": "public", "public": "neet"}, ["neet"],
         "'neet', which the source does not measure: no missions_locales.situation"),
        ({"rule": "lives_in", "territory": "rural-isole"}, [],
         "'rural-isole', which the source does not measure: no communes.isolated_rural"),
    ],
)  # fmt: skip
def test_rules_on_what_is_unknown_or_not_measured_are_refused(
    rule: dict[str, Any], groups: list[str], words: str
) -> None:
    for asked in (rule, {"rule": "any", "of": [{"rule": "first_training"}, rule]}):
        with pytest.raises(InputError) as caught:
            built(with_rule(asked), [PUBLICS[name] for name in groups])
        assert words in str(caught.value)


def test_publics_and_territories_are_flags_and_those_not_measured_are_told() -> None:
    asked = [PUBLICS["seniors"], PUBLICS["neet"], read_territories()["departement-13"]]
    registrations = [
        {
            "person": name,
            "start": D(2018, 10, 1),
            "birth_month": D(1960, 1, 1) if i % 2 else None,
            "commune": "84007" if i % 3 else "13055",
        }
        for i, name in enumerate(NAMES)
    ]
    cohort = built(groups=asked, registrations=registrations)
    assert list(cohort.cells) == ["seniors", "departement-13"]
    assert all(pd.api.types.is_bool_dtype(kind) for kind in cohort.cells.dtypes)
    number = cohort.units["person"].astype(str).str[1:].astype(int)
    assert cohort.cells["seniors"].equals(number % 2 == 1)
    assert cohort.cells["departement-13"].equals(number % 3 == 0)
    assert set(cohort.not_measurable) == {"neet"}
    assert cohort.not_measurable["neet"].startswith("Non mesurable\u00a0: ")


def test_two_control_arms_share_the_entrants() -> None:
    cohort = built({"arms": DEFINITION["arms"] | NEVER_TRAINED})
    units = cohort.units
    assert units["arm"].unique().tolist() == ["certifiante", "en_attente", "jamais"]
    trained = {"p00", "p01", "p02"}
    assert not trained & set(units.loc[units["arm"] == "jamais", "person"])
    rules = {arm: rows["rule"].tolist() for arm, rows in cohort.flow.groupby("arm")}
    common = ["registered", "no_training", "covered"]
    assert rules == {
        "certifiante": ["entries", "linked", "first", *common[:2], "covered"],
        "en_attente": ["present", *common, "not_entering", "drawn"],
        "jamais": ["present", *common, "not_entering", "never_trained", "drawn"],
    }
    assert any("jamais formées" in warning for warning in cohort.warnings)


def test_a_follow_up_from_the_end_of_training() -> None:
    entries = [
        training("p00", D(2019, 3, 4), end=D(2019, 6, 30)),
        training("p01", D(2019, 3, 18), end=None),
    ]
    changes = {"entry": {**DEFINITION["entry"], "clock": "end"}}
    cohort = built(changes, trainings=entries)
    flow = cohort.flow.set_index(["arm", "rule"])
    assert flow.loc[("certifiante", "dated"), "excluded"] == 1
    units = cohort.units
    treated = units[units["arm"] == "certifiante"]
    assert treated["person"].tolist() == ["p00"]
    assert (units["entry_month"] == MARCH).all()
    assert (units["origin_month"] == MARCH + 3).all(), "controls are dealt its duration"
    assert any("fin fictive" in warning for warning in cohort.warnings)


def test_nothing_is_computed_of_outcomes_before_they_are_asked_for() -> None:
    told: list[str] = []
    definition = CohortDefinition.model_validate(DEFINITION)
    source = source_of(
        registrations=[{"person": name, "start": D(2018, 10, 1)} for name in NAMES],
        trainings=[training("p00", D(2019, 3, 4))],
    )
    cohort = build_cohort(definition, source, progress=told.append)
    assert "people at risk in 2019-03 (1 of 1 months)" in told
    assert not any(name in words for words in told for name in NAMES)
    assert list(cohort.outcomes) == ["emploi", "acces_emploi", "formation_depuis"]
    assert cohort.outcome_labels.keys() == {"emploi", "acces_emploi"}
    assert cohort.outcomes["emploi"].values.shape == (len(cohort.units), 25)


def test_units_are_in_the_order_of_arm_month_person_and_day() -> None:
    units = built().units
    keys = list(zip(units["arm"], units["entry_month"], units["person"], units["time_zero"],
                    strict=True))  # fmt: skip
    assert keys == sorted(keys)
    assert units.index.tolist() == list(range(len(units)))
    assert list(units) == [
        "person", "arm", "training", "time_zero", "entry_month", "origin_month", "weight"
    ]  # fmt: skip
    assert units["training"].isna().equals(units["arm"] == "en_attente")


def test_every_entry_of_a_person_may_be_a_unit() -> None:
    changes = {
        "entry": {**DEFINITION["entry"], "keep": "every"},
        "population": [
            rule if rule["rule"] != "no_training" else {"rule": "no_training", "months_before": 2}
            for rule in DEFINITION["population"]
        ],
    }
    entries = [training("p00", D(2019, 3, 4)), training("p00", D(2019, 10, 7))]
    cohort = built(changes, trainings=entries)
    treated = cohort.units[cohort.units["arm"] == "certifiante"]
    assert treated["person"].tolist() == ["p00", "p00"]
    assert treated["entry_month"].tolist() == [MARCH, MARCH + 7]
    assert "first" not in set(cohort.flow["rule"])


def test_what_became_of_one_person() -> None:
    definition = CohortDefinition.model_validate(DEFINITION)
    registrations = [{"person": name, "start": D(2018, 10, 1)} for name in NAMES]
    registrations.append({"person": "late", "start": D(2019, 3, 20)})
    trainings = [
        training("p00", D(2019, 3, 18)),
        training("p01", D(2019, 5, 6)),
        training("p01", D(2019, 11, 4)),
    ]
    source = source_of(registrations=registrations, trainings=trainings)

    def told(person: str) -> list[tuple[str, str, str]]:
        found = trace(definition, source, person)
        assert list(found) == ["arm", "time_zero", "excluded_by"]
        return [
            (row["arm"], f"{row['time_zero']:%Y-%m-%d}", row["excluded_by"])
            for row in found.to_dict("records")
        ]

    first = told("p01")
    treated = [row for row in first if row[0] == "certifiante"]
    assert treated == [
        ("certifiante", "2019-05-06", ""),
        ("certifiante", "2019-11-04", "Première entrée de la personne dans la période"),
    ]
    assert ("en_attente", "2019-05-06", "N'entre pas en formation ce jour-là") in first
    registered = "Inscrite comme demandeur d'emploi (catégories A, B et C) la veille"
    assert told("late")[0] == ("en_attente", "2019-03-18", registered)
    with pytest.raises(InputError, match="this person is in no registration and no training"):
        trace(definition, source, "absent")


def test_a_trace_agrees_with_the_cohort() -> None:
    cohort = built()
    definition = CohortDefinition.model_validate(DEFINITION)
    source = source_of(
        registrations=[{"person": name, "start": D(2018, 10, 1)} for name in NAMES],
        trainings=[
            training("p00", D(2019, 3, 4)),
            training("p01", D(2019, 3, 18)),
            training("p02", D(2019, 5, 6)),
        ],
    )
    for person in NAMES[:5]:
        kept = trace(definition, source, person).query("excluded_by == ''")
        mine = cohort.units[cohort.units["person"] == person].sort_values(["arm", "time_zero"])
        assert kept["arm"].tolist() == mine["arm"].tolist()
        assert pd.to_datetime(kept["time_zero"]).tolist() == mine["time_zero"].tolist()


def test_entries_that_cannot_be_followed_long_enough_are_told() -> None:
    late = {"entry": {**DEFINITION["entry"], "period": ["2022-01", "2022-12"]}}
    entries = [training("p00", D(2022, 6, 1)), training("p01", D(2022, 7, 1))]
    cohort = built(late, trainings=entries)
    assert cohort.units["entry_month"].unique().tolist() == [2022 * 12 + 5]
    flow = cohort.flow.set_index(["arm", "rule"])
    assert flow.loc[("certifiante", "covered"), "excluded"] == 1
