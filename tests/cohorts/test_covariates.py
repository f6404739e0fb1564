"""Covariates are of the eve: nothing later, nothing held out, nothing missing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.cohorts.covariates import history_windows
from pacte_eval.cohorts.publics import belongs
from pacte_eval.definitions.cells import PublicDefinition
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.months import first_day, month_of
from pacte_eval.definitions.project import Project
from pacte_eval.tables.source import open_source

ENTRY = date(2019, 6, 3)
NAMES = [f"p{i:02d}" for i in range(40)]
Rows = list[dict[str, Any]]


@given(st.integers(1, 60), st.integers(1, 60))
def test_windows_share_out_the_months_matched_on(a: int, b: int) -> None:
    first, last = -max(a, b), -min(a, b)
    windows = history_windows((first, last))
    months = [month for start, end in windows for month in range(start, end + 1)]
    assert months == list(range(first, last + 1))
    assert all(end - start < 6 for start, end in windows)
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
            }
        )
    return made


def built(write_source: Any, **tables: Rows) -> Cohort:
    definition = Project(shipped_library()).cohort("entrants-2019").model_dump(by_alias=True)
    definition["controls"] |= {"per_treated": 5}
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
        assert cohort.history[name] == (first, last)
        assert cohort.covariate_labels[name] == f"Mois travaillés, mois −{-first} à −{-last}"
    assert set(cohort.covariate_labels) == set(cohort.covariates.columns)
    for label in cohort.covariate_labels.values():
        assert label[0].isupper()
        assert "_" not in label


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


UNITS = pd.DataFrame(
    {
        "diploma": ["aucun", "bac", None],
        "rsa": [True, False, None],
        "age": [25.0, 26.0, np.nan],
    }
)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ([{"column": "diploma", "in": ["aucun", "cap_bep"]}], [True, False, False]),
        ([{"column": "rsa", "is": True}], [True, False, False]),
        ([{"column": "rsa", "is": False}], [False, True, False]),
        ([{"column": "age", "between": [25, 26]}], [True, True, False]),
        (
            [{"column": "age", "between": [16, 30]}, {"column": "rsa", "is": False}],
            [False, True, False],
        ),
    ],
)
def test_publics(where: list[dict[str, Any]], expected: list[bool]) -> None:
    public = PublicDefinition.model_validate(
        {"id": "essai", "label": "Essai", "description": "", "where": where}
    )
    assert list(belongs(UNITS, public)) == expected


def test_a_public_on_what_is_not_measured() -> None:
    public = PublicDefinition.model_validate(
        {
            "id": "essai",
            "label": "Essai",
            "description": "",
            "where": [{"column": "diplome", "in": ["bac"]}],
        }
    )
    with pytest.raises(InputError, match=r"'essai'.*'diplome'.*did you mean 'diploma'"):
        belongs(UNITS, public)
