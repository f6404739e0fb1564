"""Invented people, readable by an evaluator, with what the cohort must say of each."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.definitions.cells import Condition, PublicDefinition
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.tables.source import open_source

DEFINITION = {
    "id": "essai",
    "label": "Essai",
    "entry": {"table": "trainings", "period": ["2019-01", "2019-12"], "keep": "first"},
    "arms": {
        "certifiante": {"objective": "certification"},
        "en_attente": {"controls": "not-yet-trained"},
    },
    "population": [
        {"rule": "linked"},
        {"rule": "age", "between": [16, 60]},
        {"rule": "registered", "categories": ["A", "B", "C"]},
        {"rule": "lives_in", "territory": "region-93"},
        {"rule": "no_training", "months_before": 24},
        {"rule": "covered", "months_before": 24, "months_after": 36},
    ],
    "controls": {"per_treated": 4, "seed": 1},
    "window": {"before": 24, "after": 36},
    "outcomes": ["emploi", "emploi_durable", "salaire"],
    "covariates": ["age", "sex", "diploma", "unemployment_duration", "employment_history"],
    "history": {"match": [-24, -7], "hold_out": [-6, -1], "step": 6},
}
D = date


def registered(person: str, start: date, end: date | None = None, **facts: Any) -> dict[str, Any]:
    return {"person": person, "start": start, "end": end, **facts}


def training(person: str | None, start: date, **facts: Any) -> dict[str, Any]:
    key = f"{person}-{start}"
    return {
        "training": key,
        "person": person,
        "start": start,
        "end": start + timedelta(days=150),
        **facts,
    }


def contract(person: str, start: date, end: date | None, **facts: Any) -> dict[str, Any]:
    return {"contract": f"{person}-{start}", "person": person, "start": start, "end": end, **facts}


@pytest.fixture
def cohort(write_source: Any) -> Cohort:
    registrations = [
        registered("anne", D(2018, 10, 15)),
        registered("bruno-same-band", D(2018, 12, 1)),
        registered("chloe-other-band", D(2016, 2, 1)),
        registered("denis-category-e", D(2018, 11, 1), category="E"),
        registered("elsa-trained-2018", D(2018, 10, 20)),
        registered("farid-left-on-eve", D(2018, 10, 1), D(2019, 3, 17)),
        registered("gina-left-before-eve", D(2018, 10, 1), D(2019, 3, 16)),
        registered("hugo-trains-in-may", D(2018, 11, 3)),
        registered("ines-too-old", D(2018, 11, 3), birth_month=D(1957, 1, 1)),
        registered("jean-in-paris", D(2018, 11, 3), commune="75101"),
        # two episodes 31 days apart are one spell, 32 days apart are two
        registered("katia-31-days", D(2018, 9, 1), D(2018, 11, 30)),
        registered("katia-31-days", D(2018, 12, 31)),
        registered("leo-32-days", D(2018, 9, 1), D(2018, 11, 30)),
        registered("leo-32-days", D(2019, 1, 1)),
    ]
    trainings = [
        training("anne", D(2019, 3, 18)),
        training("anne", D(2019, 11, 4)),
        training("elsa-trained-2018", D(2018, 5, 2)) | {"end": D(2018, 6, 1)},
        training("hugo-trains-in-may", D(2019, 5, 6)),
        training(None, D(2019, 3, 5)),
        training("chloe-other-band", D(2019, 3, 20), objective="mobilisation"),
    ]
    contracts = [
        # ends on the last day of February 2019: counts for February, not for March
        contract("anne", D(2018, 1, 31), D(2019, 2, 28), nature="cdi"),
        # covers no last day of a month
        contract("anne", D(2020, 4, 1), D(2020, 4, 29)),
        # leap day: counts for February 2020
        contract("anne", D(2020, 2, 3), D(2020, 2, 29), monthly_pay=150_050),
        contract("anne", D(2021, 3, 1), None, nature="cdi"),
        contract("anne", D(2021, 3, 1), D(2021, 3, 31), monthly_pay=100_000),
    ]
    source = open_source(
        write_source(registrations=registrations, trainings=trainings, contracts=contracts)
    )
    below_bac = PublicDefinition(
        id="infra-bac",
        label="Infra-bac",
        description="",
        where=(Condition.model_validate({"column": "diploma", "in": ["aucun", "cap_bep"]}),),
    )
    return build_cohort(CohortDefinition.model_validate(DEFINITION), source, [below_bac])


def unit_of(cohort: Cohort, person: str, arm: str) -> int:
    rows = cohort.units[(cohort.units["person"] == person) & (cohort.units["arm"] == arm)]
    assert len(rows) == 1
    return int(rows.index[0])


def test_who_is_treated(cohort: Cohort) -> None:
    treated = cohort.units[cohort.units["arm"] == "certifiante"]
    assert list(treated["person"]) == ["anne", "hugo-trains-in-may"]
    assert [str(day)[:10] for day in treated["time_zero"]] == ["2019-03-18", "2019-05-06"]


def test_who_is_at_risk_in_march(cohort: Cohort) -> None:
    controls = cohort.units[cohort.units["arm"] == "en_attente"]
    march = controls[controls["entry_month"] == 2019 * 12 + 2]
    assert set(march["person"]) == {"bruno-same-band", "farid-left-on-eve", "hugo-trains-in-may"}
    assert {str(day)[:10] for day in march["time_zero"]} == {"2019-03-18"}


def test_spells_at_most_31_days_apart_are_one(cohort: Cohort) -> None:
    duration = cohort.covariates["unemployment_duration"]
    assert duration[unit_of(cohort, "anne", "certifiante")] == 5
    assert duration[unit_of(cohort, "katia-31-days", "en_attente")] == 8
    may = cohort.units[cohort.units["entry_month"] == 2019 * 12 + 4]
    assert "leo-32-days" not in set(may["person"]), "registered for 4 months, not for 8"


def test_flow_of_the_treated(cohort: Cohort) -> None:
    flow = cohort.flow[cohort.flow["arm"] == "certifiante"].set_index("rule")
    assert flow.loc["entries", "remaining"] == 4
    assert flow.loc["linked", "excluded"] == 1
    assert flow.loc["first", "excluded"] == 1
    assert flow["remaining"].iloc[-1] == 2
    flow = cohort.flow
    for _, rows in flow.groupby("arm"):
        assert (rows["remaining"].shift(1) - rows["excluded"] == rows["remaining"])[1:].all()


def outcome(cohort: Cohort, name: str) -> pd.Series:
    outcomes = cohort.outcomes[name]
    row = outcomes.aligned(pd.Index([unit_of(cohort, "anne", "certifiante")]))[0]
    return pd.Series(row, index=list(outcomes.periods))


def test_employment_is_a_contract_on_the_last_day_of_the_month(cohort: Cohort) -> None:
    employed = outcome(cohort, "emploi")
    assert employed[-14] == 1, "January 2018: the contract starts on the 31st"
    assert employed[-15] == 0
    assert employed[-1] == 1, "February 2019: it ends on the 28th"
    assert employed[0] == 0
    assert employed[11] == 1, "February 2020: it covers the leap day"
    assert employed[13] == 0, "April 2020: no last day covered"
    assert (employed.loc[24:36] == 1).all()
    assert employed.notna().all()


def test_lasting_employment_and_pay(cohort: Cohort) -> None:
    lasting, pay = outcome(cohort, "emploi_durable"), outcome(cohort, "salaire")
    assert lasting[-1] == 1
    assert lasting[11] == 0
    assert pay[11] == 1500.50
    assert pay[24] == 1800 + 1000
    assert pay[25] == 1800


def test_history_stops_before_the_months_held_out(cohort: Cohort) -> None:
    anne = unit_of(cohort, "anne", "certifiante")
    assert cohort.covariates.loc[anne, "emploi_12_7"] == 6
    assert cohort.covariates.loc[anne, "emploi_18_13"] == 2
    assert cohort.covariates.loc[anne, "emploi_24_19"] == 0
    assert cohort.covariate_months["emploi_12_7"] == (-12, -7)


def test_training_since_time_zero(cohort: Cohort) -> None:
    trained = cohort.outcomes["formation_depuis"]
    controls = cohort.units[cohort.units["arm"] == "en_attente"]
    hugo = controls[controls["person"] == "hugo-trains-in-may"]
    row = pd.Series(trained.aligned(hugo.index)[0], index=list(trained.periods))
    assert row[1] == 0
    assert row[2] == 1
    assert row[36] == 1
    anne = pd.Series(
        trained.aligned(pd.Index([unit_of(cohort, "anne", "certifiante")]))[0],
        index=list(trained.periods),
    )
    assert anne[-1] == 0
    assert anne[0] == 1


def test_nobody_is_missed_silently(cohort: Cohort) -> None:
    for arm, rows in cohort.flow.groupby("arm"):
        assert rows["remaining"].iloc[-1] == (cohort.units["arm"] == arm).sum()


def test_the_build_does_not_depend_on_the_order_of_rows(write_source: Any) -> None:
    people = [f"p{i:03d}" for i in range(60)]
    registrations = [registered(person, D(2018, 10, 1)) for person in people]
    trainings = [training(person, D(2019, 3, 4 + i)) for i, person in enumerate(people[:5])]
    contracts = [contract(person, D(2018, 1, 1), D(2018, 9, 30)) for person in people]
    definition = CohortDefinition.model_validate(DEFINITION)

    def built(order: int) -> Cohort:
        folder = write_source(
            registrations=registrations[::order],
            trainings=trainings[::order],
            contracts=contracts[::order],
        )
        return build_cohort(definition, open_source(folder))

    forward, backward = built(1), built(-1)
    pd.testing.assert_frame_equal(forward.units, backward.units)
    controls = forward.units[forward.units["arm"] == "en_attente"]
    drawn = forward.flow[forward.flow["rule"] == "drawn"].iloc[0]
    assert len(controls) == drawn["remaining"] == 4 * 5
    assert controls["weight"].sum() == pytest.approx(drawn["remaining"] + drawn["excluded"])
