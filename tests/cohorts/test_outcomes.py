"""Outcomes that are more than a month marked: access to a job, full time, hours; min_days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.cohorts.monthly import Intervals, Months
from pacte_eval.cohorts.outcomes import (
    NATURES,
    NOT_KNOWN,
    TRAINED_SINCE,
    ContractChunk,
    Lives,
    outcome_makers,
    refuse_unmeasured,
)
from pacte_eval.definitions.cohort import CohortDefinition, OutcomeName
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.months import first_day, month_of
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.vocabulary import OUTCOMES
from pacte_eval.tables.contract import columns
from tests.cohorts.registers import day

D = date
LAST = D(2020, 12, 31)
COVERED = Months(2019 * 12, 2020 * 12 + 11)
JANUARY, MARCH = 2019 * 12, 2019 * 12 + 2


def none() -> Intervals:
    return Intervals(*(np.empty(0, np.int32) for _ in range(3)))


def known(value: Any) -> int:
    return NOT_KNOWN if value is None else int(value)


def chunk(jobs: Sequence[Mapping[str, Any]]) -> ContractChunk:
    def column(name: str, default: Any = None) -> list[Any]:
        return [job.get(name, default) for job in jobs]

    return ContractChunk(
        days=Intervals(
            np.array(column("row", 0), np.int32),
            np.array([day(start) for start in column("start")], np.int32),
            np.array([day(end or LAST) for end in column("end")], np.int32),
        ),
        open=np.array([end is None for end in column("end")]),
        nature=np.array([NATURES.index(name) for name in column("nature", "cdd")], np.int8),
        full_time=np.array([known(value) for value in column("full_time")], np.int8),
        pay=np.array([known(value) for value in column("pay")], np.int32),
        minutes=np.array([known(value) for value in column("minutes")], np.int32),
    )


def lives(
    jobs: Sequence[Mapping[str, Any]], min_days: int = 0, persons: int = 1, cut: int = 1
) -> Lives:
    """Lives of persons who have nothing but contracts, read in two chunks."""
    return Lives(
        persons=persons,
        contracts=[chunk(part) for part in (jobs[:cut], jobs[cut:]) if part],
        min_days=min_days,
        registrations=none(),
        categories=np.empty(0, np.int8),
        trainings=none(),
        covered=dict.fromkeys(("contracts", "registrations", "trainings"), COVERED),
    )


def job(start: date, end: date | None, **facts: Any) -> dict[str, Any]:
    return {"start": start, "end": end, **facts}


def year(held: Lives, name: OutcomeName) -> list[float]:
    """The twelve months of 2019, NaN written as -1."""
    (values,) = held.calendar(name).around(np.array([0]), np.array([JANUARY]), np.arange(12))
    return [float(value) for value in np.nan_to_num(values, nan=-1)]


def access(
    jobs: Sequence[Mapping[str, Any]], origin: date, periods: range, month: int | None = None
) -> list[float]:
    found = lives(jobs).access(
        np.array([0]),
        np.array([month_of(origin) if month is None else month]),
        np.array(periods),
        np.array([day(origin)]),
    )
    return [float(value) for value in np.nan_to_num(found[0], nan=-1)]


@pytest.mark.parametrize(
    ("end", "nature", "counts"),
    [
        (D(2019, 6, 9), "cdd", False),
        (D(2019, 6, 10), "cdd", True),
        (D(2019, 5, 12), "cdi", True),
        (D(2019, 5, 12), "interim", False),
        (None, "cdd", True),
        (None, "autre", True),
    ],
)
def test_access_is_to_a_job_of_31_days_or_open_or_permanent(
    end: date | None, nature: str, counts: bool
) -> None:
    found = access([job(D(2019, 5, 11), end, nature=nature)], D(2019, 3, 18), range(-2, 9))
    assert found == [-1, -1, 0, 0, *([float(counts)] * 7)]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (D(2019, 3, 17), [0, 0, 0, 0, 0, 0, 0, 0]),
        (D(2019, 3, 18), [1, 1, 1, 1, 1, 1, 1, 1]),
        (D(2019, 3, 31), [1, 1, 1, 1, 1, 1, 1, 1]),
        (D(2019, 4, 1), [0, 1, 1, 1, 1, 1, 1, 1]),
        (D(2019, 9, 30), [0, 0, 0, 0, 0, 0, 1, 1]),
        (D(2019, 10, 1), [0, 0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_access_is_from_the_origin_on_and_within_six_months(
    start: date, expected: list[float]
) -> None:
    held = [job(D(2018, 1, 1), None), job(start, None)]
    assert access(held, D(2019, 3, 18), range(8)) == expected


def test_access_is_not_known_after_the_months_observed() -> None:
    assert access([], D(2020, 9, 15), range(-1, 5)) == [-1, 0, 0, 0, 0, -1]
    # known as soon as the month of access is, far beyond the six months
    assert access([], D(2020, 6, 15), range(5, 9)) == [0, 0, 0, 0]
    assert access([], D(2020, 7, 15), range(5, 9)) == [0, -1, -1, -1]


def test_access_from_the_day_after_the_end_of_training() -> None:
    ended = D(2019, 3, 31)
    first = [job(D(2019, 4, 1), None)]
    origin = ended + timedelta(days=1)
    assert access(first, origin, range(3), month_of(ended)) == [0, 1, 1]
    assert access([job(ended, None)], origin, range(3), month_of(ended)) == [0, 0, 0]


def test_short_contracts_left_out_of_employment_are_not_of_access() -> None:
    jobs = [job(D(2019, 5, 1), D(2019, 7, 31), pay=100, minutes=9000)]
    kept = lives(jobs, min_days=92)
    assert year(kept, "emploi") == [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0]
    left_out = lives(jobs, min_days=93)
    for name in get_args(OutcomeName):
        if name not in ("acces_emploi",):
            assert year(left_out, name) == [0] * 12, name
    found = left_out.access(
        np.array([0]), np.array([MARCH]), np.array([6]), np.array([day(D(2019, 3, 18))])
    )
    assert found.tolist() == [[1]]


def test_an_open_contract_is_never_too_short() -> None:
    assert sum(year(lives([job(D(2019, 12, 1), None)], min_days=366), "emploi")) == 1


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([True], 1),
        ([False], 0),
        ([None], -1),
        ([False, None], -1),
        ([None, False], -1),
        ([None, True], 1),
        ([True, None], 1),
        ([False, True], 1),
        ([], 0),
    ],
)
def test_full_time_is_settled_by_one_contract_known_to_be(
    times: list[bool | None], expected: int
) -> None:
    jobs = [job(D(2019, 3, 1), D(2019, 3, 31), full_time=time) for time in times]
    # a contract that covers no last day says nothing
    jobs.append(job(D(2019, 3, 1), D(2019, 3, 30), full_time=None))
    assert year(lives(jobs), "temps_plein") == [0, 0, expected, 0, 0, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([(D(2019, 3, 1), D(2019, 3, 31), 78 * 60)], 1),
        ([(D(2019, 3, 1), D(2019, 3, 31), 78 * 60 - 1)], 0),
        # two halves of a month: 15 and 16 days of 31, each rounded down
        ([(D(2019, 3, 1), D(2019, 3, 15), 4681), (D(2019, 3, 16), D(2019, 3, 31), 4681)], 1),
        ([(D(2019, 3, 1), D(2019, 3, 15), 4680), (D(2019, 3, 16), D(2019, 3, 31), 4680)], 0),
        ([(D(2019, 3, 1), D(2019, 3, 15), 9672)], 1),
        ([(D(2019, 3, 1), D(2019, 3, 15), 9671)], 0),
        # an unknown one may or may not have been enough
        ([(D(2019, 3, 5), D(2019, 3, 5), None)], -1),
        ([(D(2019, 3, 1), D(2019, 3, 31), 4679), (D(2019, 3, 5), D(2019, 3, 5), None)], -1),
        ([(D(2019, 3, 1), D(2019, 3, 31), 4680), (D(2019, 3, 5), D(2019, 3, 5), None)], 1),
        ([(D(2019, 2, 28), D(2019, 2, 28), None)], 0),
        ([], 0),
    ],
)
def test_78_hours_are_summed_in_proportion_to_days(jobs: list[Any], expected: int) -> None:
    held = [job(start, end, minutes=minutes) for start, end, minutes in jobs]
    assert year(lives(held), "emploi_78h")[2] == expected


def test_lasting_is_permanent_or_of_180_days_on_the_last_day() -> None:
    start = D(2019, 1, 1)
    for length, nature, expected in ((179, "cdd", 0), (180, "cdd", 5), (179, "cdi", 5)):
        end = start + timedelta(days=length - 1)
        found = year(lives([job(start, end, nature=nature)]), "emploi_durable")
        assert sum(found) == expected, (length, nature)


def test_great_amounts_do_not_overflow() -> None:
    month = (D(2019, 3, 1), D(2019, 3, 31))
    jobs = [job(*month, pay=2_000_000_000, minutes=2_000_000_000) for _ in range(2)]
    held = lives(jobs)
    wide = [
        ContractChunk(
            one.days, one.open, one.nature, one.full_time,
            one.pay.astype(np.int64), one.minutes.astype(np.int64),
        )
        for one in held.contracts
    ]  # fmt: skip
    held = Lives(**{**vars(held), "contracts": wide})
    assert year(held, "salaire")[2] == pytest.approx(40_000_000)
    assert year(held, "emploi_78h")[2] == 1


JOB = st.builds(
    lambda row, start, length, nature: {
        "row": row,
        "start": start,
        "end": None if length is None else min(start + timedelta(days=length), LAST),
        "nature": nature,
    },
    st.integers(0, 2),
    st.dates(D(2018, 12, 1), D(2020, 6, 30)),
    st.sampled_from([None, 0, 29, 30, 31, 200]),
    st.sampled_from(NATURES),
)
UNIT = st.tuples(st.integers(0, 2), st.dates(D(2019, 1, 1), D(2020, 12, 31)))


@settings(deadline=None)
@given(st.lists(JOB, max_size=8), st.lists(UNIT, min_size=1, max_size=4), st.integers(0, 8))
def test_access_is_that_of_a_loop_over_contracts(
    jobs: Sequence[Mapping[str, Any]], units: list[tuple[int, date]], cut: int
) -> None:
    periods = range(-3, 12)
    rows = np.array([row for row, _ in units])
    found = lives(jobs, persons=3, cut=cut).access(
        rows,
        np.array([month_of(origin) for _, origin in units]),
        np.array(periods),
        np.array([day(origin) for _, origin in units]),
    )
    assert found.dtype == np.float32
    for i, (row, origin) in enumerate(units):
        starts = [
            one["start"]
            for one in jobs
            if one["row"] == row
            and one["start"] >= origin
            and (
                one["nature"] == "cdi"
                or one["end"] is None
                or (one["end"] - one["start"]).days >= 30
            )
        ]
        for j, k in enumerate(periods):
            until = month_of(origin) + min(k, 6)
            if k < 0 or until > COVERED.last:
                assert np.isnan(found[i, j])
            else:
                limit = first_day(until + 1)
                assert found[i, j] == any(start < limit for start in starts)


def units() -> pd.DataFrame:
    zeros = [D(2019, 3, 18), D(2019, 5, 6)]
    return pd.DataFrame(
        {
            "person_row": [0, 0],
            "origin_month": [month_of(zero) for zero in zeros],
            "origin_day": [day(zero) for zero in zeros],
            "zero_day": [day(zero) for zero in zeros],
        },
        index=pd.RangeIndex(2, name="unit"),
    )


def test_every_outcome_of_the_vocabulary_is_made() -> None:
    names = get_args(OutcomeName)
    assert set(names) == set(OUTCOMES)
    held = lives([job(D(2019, 4, 1), None, full_time=True, pay=150_050, minutes=9000)])
    makers = outcome_makers(held, units(), names, np.arange(-2, 4))
    assert list(makers) == [*names, TRAINED_SINCE]
    for name, make in makers.items():
        outcome = make()
        assert outcome.name == name
        assert outcome.values.shape == (2, 6)
        assert outcome.values.dtype == np.float32
        assert tuple(outcome.periods) == (-2, -1, 0, 1, 2, 3)
        assert outcome.measure == {"salaire": "euros", "heures": "heures"}.get(name, "part")
        assert outcome.coverage.endswith(".")
    pay = makers["salaire"]()
    assert pay.values.tolist() == [[0, 0, 0, 1500.5, 1500.5, 1500.5], [0, *[1500.5] * 5]]
    hours = makers["heures"]().values
    assert hours[0].tolist() == [0, 0, 0, 150, 150, 150]


def test_what_a_source_covers_is_said_of_each_outcome() -> None:
    makers = outcome_makers(lives([]), units(), get_args(OutcomeName), np.arange(1))
    told = {name: make().coverage for name, make in makers.items()}
    assert "salariés du secteur privé" in told["emploi"] == told["acces_emploi"]
    assert "catégorie D" in told["inscrit_abc"]
    assert "formation" in told["en_formation"] == told[TRAINED_SINCE]


def asking(outcomes: list[str], covariates: list[str]) -> CohortDefinition:
    declared = Project(shipped_library()).cohort("entrants-2019").model_dump(by_alias=True)
    return CohortDefinition.model_validate(
        declared | {"outcomes": outcomes, "covariates": covariates}
    )


@pytest.mark.parametrize(
    ("outcome", "column"),
    [
        ("salaire", "monthly_pay"),
        ("heures", "monthly_minutes"),
        ("emploi_78h", "monthly_minutes"),
        ("temps_plein", "full_time"),
    ],
)
def test_an_outcome_on_a_column_without_any_value_is_refused(outcome: str, column: str) -> None:
    held = {"contracts": set(columns("contracts")) - {column}}
    with pytest.raises(InputError, match=rf"'{outcome}' needs the column '{column}'.*outcomes"):
        refuse_unmeasured(asking(["emploi", outcome], ["age"]), held)
    measured = [name for name in OUTCOMES if name not in ("salaire", "heures", "emploi_78h",
                                                         "temps_plein")]  # fmt: skip
    refuse_unmeasured(asking(measured, ["employment_history"]), held)


def test_past_pay_that_a_source_does_not_hold_is_refused() -> None:
    held = {"contracts": set(columns("contracts")) - {"monthly_pay"}}
    with pytest.raises(InputError, match=r"'earnings_history' needs.*'monthly_pay'.*covariates"):
        refuse_unmeasured(asking(["emploi"], ["age", "earnings_history"]), held)
