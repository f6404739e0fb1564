"""The calendar panel of a cohort: each person once, with the period of their first entry."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.errors import InputError
from pacte_eval.tables.source import open_source
from tests.cohorts.test_persons import built

D = date
YEAR = 2019 * 12
MARCH, MAY = YEAR + 2, YEAR + 4
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
    "controls": {"same": ["entry_month"], "per_treated": 50, "seed": 1},
    "window": {"before": 12, "after": 12},
    "outcomes": ["emploi", "salaire", "acces_emploi"],
    "covariates": ["age", "sex", "unemployment_duration"],
    "history": {"match": [-12, -1]},
}


def training(person: str, start: date, **facts: Any) -> dict[str, Any]:
    key = {"training": f"{person}-{start}", "person": person, "start": start}
    return {**key, "end": start + timedelta(days=100), **facts}


TRAININGS = [
    training("anne", D(2019, 3, 18)),
    training("anne", D(2020, 11, 4)),
    training("hugo", D(2019, 5, 6)),
    training("ines", D(2019, 4, 1), objective="mobilisation"),
    # after the period of entries: at risk in 2019, trained since
    training("late", D(2020, 10, 12)),
    # trained long before: what counts is from the first time zero on
    training("again", D(2016, 5, 2)),
    training("again", D(2019, 3, 4)),
]


@pytest.fixture
def source(write_source: Any) -> Any:
    people = {row["person"] for row in TRAININGS} | {"never", "missing"}
    contracts = [
        {"contract": "a", "person": "anne", "start": D(2018, 1, 31), "end": D(2018, 5, 30)},
        {"contract": "b", "person": "never", "start": D(2020, 1, 1), "end": D(2020, 3, 31)},
        {"contract": "c", "person": "missing", "start": D(2020, 2, 1), "end": D(2020, 2, 29),
         "monthly_pay": None},
    ]  # fmt: skip
    return open_source(
        write_source(
            registrations=[{"person": name, "start": D(2018, 10, 1)} for name in sorted(people)],
            trainings=TRAININGS,
            contracts=contracts,
        )
    )


@pytest.fixture
def cohort(source: Any) -> Cohort:
    return build_cohort(CohortDefinition.model_validate(DEFINITION), source)


def series(panel: Any, person: str) -> pd.Series:
    return pd.Series(panel.values[panel.unit.get_loc(person)], index=panel.periods)


def test_each_person_comes_once_with_the_month_of_their_first_entry(cohort: Cohort) -> None:
    panel = cohort.panel("emploi")
    assert cohort.units["person"].duplicated().any()
    assert set(panel.unit) == set(cohort.units["person"])
    first = pd.Series(panel.first_treated, index=panel.unit)
    assert first["anne"] == MARCH
    assert first["again"] == MARCH
    assert first["hugo"] == MAY, "at risk in March, entered in May"
    assert first["late"] == 2020 * 12 + 9, "entered after the period of the cohort"
    assert first[["ines", "never", "missing"]].isna().all()
    treated = cohort.units[cohort.units["arm"] == "certifiante"].set_index("person")
    assert (first[list(treated.index)].to_numpy() == treated["entry_month"].to_numpy()).all()
    assert (panel.cluster == panel.unit).all()


def test_values_are_by_calendar_month_as_those_of_units(cohort: Cohort) -> None:
    panel, outcome = cohort.panel("emploi"), cohort.outcomes["emploi"]
    values = outcome.aligned(cohort.units.index)
    for row, (_, unit) in enumerate(cohort.units.iterrows()):
        own = series(panel, unit["person"])
        months = unit["origin_month"] + np.array(outcome.periods)
        np.testing.assert_array_equal(own.reindex(months), values[row])
    anne = series(panel, "anne")
    assert anne[2018 * 12] == 1
    assert anne[2018 * 12 + 4] == 0, "it ends on the eve of the last day of May"
    assert (np.diff(panel.periods) == 1).all()


def test_quarters_are_means_of_whole_quarters(cohort: Cohort) -> None:
    months, quarters = cohort.panel("salaire"), cohort.panel("salaire", "quarter")
    anne, by_month = series(quarters, "anne"), series(months, "anne")
    first = 2018 * 4
    assert anne[first] == pytest.approx(by_month[[2018 * 12, 2018 * 12 + 1, 2018 * 12 + 2]].mean())
    assert quarters.first_treated[quarters.unit.get_loc("anne")] == 2019 * 4
    assert quarters.first_treated[quarters.unit.get_loc("hugo")] == 2019 * 4 + 1
    unknown = series(months, "missing")
    assert unknown.index[unknown.isna()].tolist() == [2020 * 12 + 1]
    assert np.isnan(series(quarters, "missing")[2020 * 4])
    assert quarters.periods[0] * 3 >= months.periods[0]
    assert quarters.periods[-1] * 3 + 2 <= months.periods[-1]


def test_periods_stop_where_entries_are_no_longer_known(write_source: Any) -> None:
    names = [f"p{i}" for i in range(8)]
    folder: Path = write_source(
        registrations=[{"person": name, "start": D(2018, 10, 1)} for name in names],
        trainings=[training("p0", D(2019, 3, 4)), training("p1", D(2019, 11, 4))],
        contracts=[{"contract": "a", "person": "p2", "start": D(2018, 1, 1)}],
    )
    told = yaml.safe_load((folder / "source.yml").read_text(encoding="utf-8"))
    told["coverage"]["trainings"][1] = D(2020, 12, 15)
    (folder / "source.yml").write_text(yaml.safe_dump(told), encoding="utf-8")
    panel = build_cohort(CohortDefinition.model_validate(DEFINITION), open_source(folder)).panel(
        "emploi"
    )
    assert panel.periods[-1] == 2020 * 12 + 10, "December 2020 is not covered whole"


def test_covariates_and_weights_are_those_of_the_first_unit_and_of_entry(cohort: Cohort) -> None:
    panel = cohort.panel("emploi")
    units = cohort.units.sort_values("time_zero").drop_duplicates("person")
    expected = cohort.covariates.loc[units.index].set_axis(units["person"])
    found = panel.covariates.loc[expected.index]
    assert (found["unemployment_duration"].to_numpy() == expected["unemployment_duration"]).all()
    weight = pd.Series(panel.weights, index=panel.unit)
    assert (weight[["anne", "hugo", "again"]] == 1).all()


def test_the_arm_is_named_where_several_are_trained(source: Any) -> None:
    arms = {
        "certifiante": {"objective": "certification"},
        "mobilisation": {"objective": "mobilisation"},
        "en_attente": {"controls": "not-yet-trained"},
    }
    several = build_cohort(CohortDefinition.model_validate({**DEFINITION, "arms": arms}), source)
    with pytest.raises(InputError, match=r"several arms are trained .certifiante, mobilisation."):
        several.panel("emploi")
    panel = several.panel("emploi", arm="mobilisation")
    first = pd.Series(panel.first_treated, index=panel.unit)
    assert first["ines"] == YEAR + 3
    assert "never" in panel.unit
    controls = set(several.units.loc[several.units["arm"] == "en_attente", "person"])
    assert set(panel.unit) == controls | {"ines"}
    assert pd.isna(first.get("hugo")), "trained for a certificate: not treated here"
    with pytest.raises(InputError, match="arm 'en_attente' is not one of trainings"):
        several.panel("emploi", arm="en_attente")


def test_what_has_no_calendar_is_refused_by_name(cohort: Cohort) -> None:
    for name in ("acces_emploi", "formation_depuis"):
        with pytest.raises(InputError, match=f"'{name}' counts from each unit's time zero"):
            cohort.panel(name)
    with pytest.raises(
        InputError, match="no outcome 'emplois' in this cohort: did you mean 'emplo"
    ):
        cohort.panel("emplois")
    with pytest.raises(InputError, match="period='year' is unknown"):
        cohort.panel("emploi", "year")  # type: ignore[arg-type]


def test_a_file_of_persons_has_no_calendar(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"has no calendar: make the panel .* by Panel\.from_frame"
    ):
        built(tmp_path).panel("monthly")
