"""Mission locale situations agree with ages, contracts and trainings, day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from pacte_eval.synthetic.timeline import COVERAGE

if TYPE_CHECKING:
    from pacte_eval.synthetic import Population

DAY = pd.Timedelta(days=1)
LAST = pd.Timestamp(COVERAGE[1])


def frame(population: Population, table: str) -> pd.DataFrame:
    rows = population.tables[table].to_pandas(date_as_object=False).drop_duplicates()
    return rows.dropna(subset=["person"]).astype({"person": "str"})


@pytest.fixture(scope="module")
def situations(population: Population) -> pd.DataFrame:
    rows = frame(population, "missions_locales").sort_values(["person", "start"])
    return rows.assign(last=rows["end"].fillna(LAST)).reset_index(drop=True)


def overlaps(situations: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """Pairs of a situation and a period of the same person that share a day."""
    periods = periods[["person", "start", "end"]].assign(end=periods["end"].fillna(LAST))
    pairs = situations.reset_index(names="row").merge(
        periods, on="person", suffixes=("", "_period")
    )
    shared = (pairs["start_period"] <= pairs["last"]) & (pairs["end_period"] >= pairs["start"])
    return pairs[shared]


def days_covered(situations: pd.DataFrame, periods: pd.DataFrame) -> pd.Series:
    """Days of each situation that some period covers."""
    pairs = overlaps(situations, periods)
    first = pairs[["start", "start_period"]].max(axis=1)
    last = pairs[["last", "end_period"]].min(axis=1)
    clipped = pairs.assign(first=first, until=last).sort_values(["row", "first"])
    reached = clipped.groupby("row")["until"].cummax().groupby(clipped["row"]).shift()
    begins = clipped["first"].where(reached.isna() | (clipped["first"] > reached), reached + DAY)
    days = ((clipped["until"] - begins).dt.days + 1).clip(lower=0)
    return days.groupby(clipped["row"]).sum().reindex(situations.index, fill_value=0)


def length(situations: pd.DataFrame) -> pd.Series:
    return (situations["last"] - situations["start"]).dt.days + 1


def test_young_people_within_the_coverage(situations: pd.DataFrame, population: Population) -> None:
    assert situations["start"].min() >= pd.Timestamp(COVERAGE[0])
    assert situations["last"].max() <= LAST
    assert (length(situations) >= 1).all()
    register = frame(population, "registrations")
    born = situations["person"].map(register.groupby("person")["birth_month"].first())
    known = situations[born.notna()].assign(born=born.dropna())
    for day, age, under in (("last", 26, True), ("start", 16, False)):
        months = (known[day].dt.year - known["born"].dt.year) * 12
        months += known[day].dt.month - known["born"].dt.month
        assert ((months < age * 12) == under).all()
    assert 0.05 < situations["person"].nunique() / population.people < 0.3
    assert situations["situation"].value_counts(normalize=True).min() > 0.005
    assert set(situations["situation"]) == {
        "sans_solution", "emploi", "formation", "scolarite", "autre",
    }  # fmt: skip


def test_situations_follow_each_other(situations: pd.DataFrame) -> None:
    people = situations.groupby("person")
    gap = (situations["start"] - people["last"].shift()).dropna()
    assert (gap == DAY).all()
    assert (situations["situation"] != people["situation"].shift()).all()
    open_ended = situations["end"].isna()
    assert 0 < open_ended.mean() < 0.2
    assert (people.cumcount(ascending=False)[open_ended] == 0).all()


def test_without_a_solution_is_without_a_job_or_a_training(
    situations: pd.DataFrame, population: Population
) -> None:
    idle = situations[situations["situation"].isin(["sans_solution", "autre", "scolarite"])]
    assert len(idle) > 1_000
    assert overlaps(idle, frame(population, "contracts")).empty
    assert overlaps(idle, frame(population, "trainings")).empty


def test_a_job_is_a_contract_or_one_just_over(
    situations: pd.DataFrame, population: Population
) -> None:
    jobs = situations[situations["situation"] == "emploi"].reset_index(drop=True)
    contracts = frame(population, "contracts")
    known = contracts.assign(end=contracts["end"] + 7 * DAY)
    pd.testing.assert_series_equal(
        days_covered(jobs, known), length(jobs), check_names=False, check_dtype=False
    )


def test_a_training_is_an_entry_that_is_linked_or_not(
    situations: pd.DataFrame, population: Population
) -> None:
    trained = situations[situations["situation"] == "formation"].reset_index(drop=True)
    inside = days_covered(trained, frame(population, "trainings")) == length(trained)
    assert 0.95 < inside.mean() < 1


def test_school_is_before_the_first_registration(
    situations: pd.DataFrame, population: Population
) -> None:
    pupils = situations[situations["situation"] == "scolarite"]
    assert overlaps(pupils, frame(population, "registrations")).empty
