"""Covariates are of the eve: nothing later, nothing held out, nothing missing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.cohorts.covariates import Covariates, Measured, columns_read, history_windows
from pacte_eval.cohorts.eve import COMPUTED
from pacte_eval.cohorts.places import PLACES
from pacte_eval.definitions.cohort import CohortDefinition, CovariateName
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.months import first_day, month_of
from pacte_eval.definitions.project import Project
from pacte_eval.tables.contract import columns
from pacte_eval.tables.source import open_source

ENTRY = date(2019, 6, 3)
NAMES = [f"p{i:02d}" for i in range(40)]
Rows = list[dict[str, Any]]


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_windows_share_out_the_months_matched_on(a: int, b: int, step: int) -> None:
    first, last = -max(a, b), -min(a, b)
    windows = history_windows((first, last), step)
    months = [month for start, end in windows for month in range(start, end + 1)]
    assert months == list(range(first, last + 1))
    assert all(end - start < step for start, end in windows)
    assert all(end - start == step - 1 for start, end in windows[1:]), "only the oldest is short"
    assert windows[-1][1] == last


def registrations(**facts: Any) -> Rows:
    return [
        {"person": name, "start": date(2018, 10, 1) - timedelta(days=30 * (i % 2)), **facts}
        for i, name in enumerate(NAMES)
    ]


def trainings() -> Rows:
    return [
        {"training": f"f{i}", "person": name, "start": ENTRY + timedelta(days=i)}
        for i, name in enumerate(NAMES[:6])
    ]


def contracts(seed: int, first: date, last: date) -> Rows:
    """Contracts that begin and end between two days."""
    draws = np.random.default_rng(seed)
    days = (last - first).days
    made = []
    for i, name in enumerate(NAMES * 3):
        start, end = sorted(int(day) for day in draws.integers(0, days + 1, 2))
        made.append(
            {
                "contract": f"c{seed}-{i}",
                "person": name,
                "start": first + timedelta(days=start),
                "end": first + timedelta(days=end),
                "monthly_pay": int(draws.integers(0, 300_000)),
                "monthly_minutes": 9100,
            }
        )
    return made


def built(write_source: Any, step: int = 6, **tables: Rows) -> Cohort:
    definition = Project(shipped_library()).cohort("entrants-2019").model_dump(by_alias=True)
    definition["controls"] |= {"per_treated": 5}
    definition["history"] |= {"step": step}
    source = write_source(**{"registrations": registrations(), "trainings": trainings()} | tables)
    return build_cohort(CohortDefinition.model_validate(definition), open_source(source))


PAST = contracts(1, date(2017, 2, 1), date(2018, 11, 30))
ZERO = month_of(ENTRY)


def test_no_covariate_reads_a_month_after_those_matched_on(write_source: Any) -> None:
    from_held_out = first_day(ZERO - 6)
    first = built(write_source, contracts=PAST + contracts(2, from_held_out, date(2022, 12, 31)))
    other = built(write_source, contracts=PAST + contracts(3, from_held_out, date(2022, 12, 31)))
    pd.testing.assert_frame_equal(first.units, other.units)
    pd.testing.assert_frame_equal(first.covariates, other.covariates)
    before, after = first.outcomes["emploi"].values, other.outcomes["emploi"].values
    assert not np.array_equal(before[:, 24:], after[:, 24:])
    np.testing.assert_array_equal(before[:, :18], after[:, :18])
    matched_on = built(write_source, contracts=contracts(5, date(2017, 2, 1), date(2018, 11, 30)))
    for name in ("emploi_12_7", "salaire_18_13"):
        assert not first.covariates[name].equals(matched_on.covariates[name])


def test_past_months_are_summed_in_windows(write_source: Any) -> None:
    cohort = built(write_source, contracts=PAST)
    outcomes = cohort.outcomes["emploi"]
    months = pd.DataFrame(outcomes.values, index=outcomes.units, columns=list(outcomes.periods))
    for name, (first, last) in {
        "emploi_24_19": (-24, -19),
        "emploi_18_13": (-18, -13),
        "emploi_12_7": (-12, -7),
    }.items():
        expected = months.loc[:, first:last].sum(axis=1)
        pd.testing.assert_series_equal(cohort.covariates[name], expected, check_names=False)
        assert expected.nunique() > 1
        assert cohort.covariate_months[name] == (first, last)
        assert cohort.measured[name] == Measured("contracts", (first, last))
        assert cohort.covariate_labels[name] == f"Mois travaillés, mois −{-first} à −{-last}"
    assert set(cohort.covariate_labels) == set(cohort.covariates.columns)
    for label in cohort.covariate_labels.values():
        assert label[0].isupper()
        assert "_" not in label


def test_past_months_one_by_one(write_source: Any) -> None:
    cohort = built(write_source, step=1, contracts=PAST)
    for covariate, outcome, label in (
        ("emploi_{}", "emploi", "Mois travaillés, mois −{}"),
        ("salaire_{}", "salaire", "Salaires perçus, mois −{}"),
    ):
        values = cohort.outcomes[outcome]
        months = pd.DataFrame(values.values, index=values.units, columns=list(values.periods))
        names = [name for name in map(str, cohort.covariates) if name.startswith(f"{outcome}_")]
        assert names == [covariate.format(month) for month in range(24, 6, -1)]
        for month, name in zip(range(24, 6, -1), names, strict=True):
            past = cohort.covariates[name]
            assert past.dtype == np.float32
            pd.testing.assert_series_equal(
                past, months[-month], check_names=False, check_dtype=False
            )
            assert cohort.covariate_labels[name] == label.format(month)
            assert cohort.covariate_months[name] == (-month, -month)


def test_an_unknown_past_pay_is_summed_without_it_beside_a_flag(write_source: Any) -> None:
    jobs = [
        {"contract": "known", "person": NAMES[0], "start": date(2018, 6, 1),
         "end": date(2018, 11, 30), "monthly_pay": 100_000, "monthly_minutes": 9100},
        {"contract": "unknown", "person": NAMES[0], "start": date(2018, 7, 1),
         "end": date(2018, 7, 31), "monthly_pay": None},
    ]  # fmt: skip
    cohort = built(write_source, contracts=jobs)
    mine = cohort.units["person"] == NAMES[0]
    past = cohort.covariates.loc[mine & (cohort.units["arm"] == "certifiante")].iloc[0]
    assert past["salaire_12_7"] == 5 * 1000
    assert past["salaire_12_7_missing"] == "oui"
    assert past["emploi_12_7"] == 6
    assert (cohort.covariates.loc[~mine, "salaire_12_7_missing"] == "non").all()
    assert "salaire_18_13_missing" not in cohort.covariates
    assert cohort.covariate_labels["salaire_12_7_missing"] == (
        "Salaires perçus, mois −12 à −7, non renseigné"
    )
    assert cohort.measured["salaire_12_7_missing"] == Measured("contracts", (-12, -7))


def test_nothing_measured_at_entry_or_later_is_a_covariate(write_source: Any) -> None:
    values = pd.Series([1.0])
    for month in (0, 1, 12):
        with pytest.raises(InputError, match=rf"'emploi_x' is measured until month {month}.*zero"):
            Covariates().add("emploi_x", values, Measured("contracts", (-1, month)), "Mois")
    kept = Covariates()
    kept.add("emploi_x", values, Measured("contracts", (-2, -1)), "Mois")
    assert kept.months == {"emploi_x": (-2, -1)}
    cohort = built(write_source, contracts=PAST)
    assert set(cohort.measured) == set(cohort.covariates)
    assert {item.table for item in cohort.measured.values()} == {"registrations", "contracts"}
    for item in cohort.measured.values():
        assert item.months is None or item.months[1] < -6  # type: ignore[operator]


def test_texts_are_categoricals_with_sorted_levels(write_source: Any) -> None:
    rows = registrations()
    for i, row in enumerate(rows):
        row |= {
            "diploma": ["bac", "aucun", None][i % 3],
            "rome": ["K1304", "A1101", "K2204", None][i % 4],
            "commune": ["13201", "06088", "84007"][i % 3],
            "benefit": ["are", None][i % 2],
        }
    definition = Project(shipped_library()).cohort("entrants-2019").model_dump(by_alias=True)
    definition["covariates"] = [
        "diploma", "rome", "departement", "zone", "benefit", "category", "qpv",
        "unemployment_duration",
    ]  # fmt: skip
    source = write_source(registrations=rows, trainings=trainings(), contracts=PAST)
    cohort = build_cohort(CohortDefinition.model_validate(definition), open_source(source))
    covariates = cohort.covariates
    bands = ["0–2", "3–5", "6–11", "12–23", "24 et plus"]
    assert {
        name: list(covariates[name].cat.categories)
        for name in covariates
        if name != "unemployment_duration"
    } == {
        "diploma": ["aucun", "bac", "inconnu"],
        "rome": ["A", "K", "inconnu"],
        "departement": ["06", "13", "84"],
        "zone": ["0059", "9307", "9310"],
        "benefit": ["are", "inconnu"],
        "category": ["A"],
        "qpv": ["non"],
        "unemployment_band": bands,
    }
    assert covariates.notna().all(axis=None)


def test_only_the_columns_that_covariates_are_made_of_are_read() -> None:
    assert columns_read(["age", "unemployment_duration", "employment_history"]) == {
        "age",
        "unemployment_duration",
        "unemployment_band",
    }
    assert columns_read(["zone", "experience", "rome", "qpv", "previous_spells"]) == {
        "ze2010",
        "experience_months",
        "rome",
        "qpv",
        "previous_spells",
    }
    everything = columns_read(list(get_args(CovariateName)))
    known = {*columns("registrations"), *PLACES, *COMPUTED}
    assert {"age", "ze2010", "rome", "children"} < everything <= known


def test_later_registrations_change_nothing(write_source: Any) -> None:
    closed = [row | {"end": ENTRY + timedelta(days=40)} for row in registrations()]
    reopened = [
        row | {"start": ENTRY + timedelta(days=60), "diploma": "bac", "commune": "75101"}
        for row in closed
        if row["person"] != NAMES[0]
    ]
    for row in reopened:
        row.pop("end")
    first = built(write_source, registrations=closed, contracts=PAST)
    other = built(write_source, registrations=closed + reopened, contracts=PAST)
    pd.testing.assert_frame_equal(first.units, other.units)
    pd.testing.assert_frame_equal(first.covariates, other.covariates)


def test_missing_values_have_a_level_or_a_flag(write_source: Any) -> None:
    nothing = dict.fromkeys(["sex", "diploma", "rome", "qpv", "rsa", "children", "reason"])
    rows = registrations()
    for row in rows[::4]:
        row |= nothing
    covariates = built(write_source, registrations=rows, contracts=PAST).covariates
    assert covariates.notna().all(axis=None)
    unknown = covariates["sex"] == "inconnu"
    assert 0 < unknown.sum() < len(covariates)
    for name in ("diploma", "rome", "qpv", "rsa", "reason"):
        assert ((covariates[name] == "inconnu") == unknown).all(), name
    assert ((covariates["children_missing"] == "oui") == unknown).all()
    assert set(covariates["qpv"]) == {"non", "inconnu"}


def test_age_and_unemployment_have_bands(write_source: Any) -> None:
    rows = registrations(birth_month=date(1993, 6, 1))
    rows[0]["birth_month"] = date(1993, 7, 1)
    cohort = built(write_source, registrations=rows, contracts=PAST)
    treated = cohort.units["arm"] == "certifiante"
    ages = cohort.covariates[treated].set_axis(cohort.units.loc[treated, "person"])
    assert ages.loc[NAMES[0], "age"] == 25
    assert ages.loc[NAMES[0], "age_band"] == "moins de 26 ans"
    assert ages.loc[NAMES[1], "age"] == 26
    assert ages.loc[NAMES[1], "age_band"] == "26 à 34 ans"
    assert ages.loc[NAMES[0], "unemployment_duration"] == 8
    assert ages.loc[NAMES[1], "unemployment_duration"] == 9
    assert ages.loc[NAMES[0], "unemployment_band"] == "6–11"
