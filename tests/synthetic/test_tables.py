"""The files have the shape of the contract and give back the lives they were made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pacte_eval.synthetic import timeline
from pacte_eval.tables.contract import TABLES, columns

if TYPE_CHECKING:
    from pathlib import Path

    from pacte_eval.synthetic import Population

KINDS = {
    "text": pa.types.is_string,
    "integer": pa.types.is_integer,
    "boolean": pa.types.is_boolean,
    "date": pa.types.is_date32,
}


WRITTEN = [table for table in TABLES if table != "communes"]
NOT_SIMULATED = {"digital_difficulty", "justice", "lot"}


def read(source: Path, table: str) -> pd.DataFrame:
    return pq.read_table(source / f"{table}.parquet").to_pandas(date_as_object=False)


@pytest.mark.parametrize("table", WRITTEN)
def test_columns_types_and_codes_are_those_of_the_contract(source: Path, table: str) -> None:
    rows = pq.read_table(source / f"{table}.parquet")
    expected = {k: column for k, column in columns(table).items() if k not in NOT_SIMULATED}
    assert rows.column_names == list(expected)
    for name, column in expected.items():
        assert KINDS[column.kind](rows.schema.field(name).type), name
        values = rows[name].to_pandas()
        if not column.nullable:
            assert values.notna().all(), name
        values = values.dropna()
        assert len(values) > 0, name
        if column.codes:
            assert set(values) <= set(column.codes), name
        if column.pattern:
            assert values.str.fullmatch(column.pattern).all(), name
        if column.minimum is not None:
            assert values.min() >= column.minimum, name
        if column.maximum is not None:
            assert values.max() <= column.maximum, name


@pytest.mark.parametrize("table", ["registrations", "trainings", "contracts", "missions_locales"])
def test_rows_overlap_the_coverage_and_end_after_they_start(source: Path, table: str) -> None:
    rows = read(source, table)
    assert not (rows["end"] < rows["start"]).any()
    first, last = (pd.Timestamp(day) for day in timeline.COVERAGE)
    assert rows["start"].max() <= last
    assert rows["end"].min() >= first - pd.Timedelta(days=5)


def test_contracts_active_at_the_end_of_a_month_are_the_path_of_employment(
    source: Path, population: Population
) -> None:
    contracts = read(source, "contracts").drop_duplicates()
    person = contracts["person"].str[1:].astype(int).to_numpy()
    start = contracts["start"].to_numpy("datetime64[D]")
    end = contracts["end"].fillna(pd.Timestamp("2100-01-01")).to_numpy("datetime64[D]")
    for month in range(timeline.COVERED, timeline.MONTHS):
        last_day = np.datetime64(int(timeline.FIRST_DAYS[month + 1]) - 1, "D")
        active = np.zeros(population.people, np.int8)
        active[person[(start <= last_day) & (end >= last_day)]] = 1
        np.testing.assert_array_equal(active, population.employed[:, month])


def test_the_source_says_what_it_is(source: Path, population: Population) -> None:
    described = yaml.safe_load((source / "source.yml").read_text(encoding="utf-8"))
    assert described["nature"] == "synthetic"
    assert described["label"] == "Données synthétiques"
    assert described["coverage"] == {name: list(timeline.COVERAGE) for name in WRITTEN}
    assert (described["seed"], described["people"]) == (population.seed, population.people)
    assert not any("truth" in file.name for file in source.iterdir())


def test_entrants_are_registered_on_the_eve_and_in_category_d_on_the_day(source: Path) -> None:
    entries = read(source, "trainings").dropna(subset=["person"]).drop_duplicates("training")
    met = entries.merge(
        read(source, "registrations").drop_duplicates(), on="person", suffixes=("", "_row")
    )
    met["end_row"] = met["end_row"].fillna(pd.Timestamp("2100-01-01"))
    eve = met["start"] - pd.Timedelta(days=1)
    on_eve = met[(met["start_row"] <= eve) & (met["end_row"] >= eve)]
    at_risk = on_eve[on_eve["category"].isin(["A", "B", "C"])]["training"].nunique()
    on_day = met[(met["start_row"] <= met["start"]) & (met["end_row"] >= met["start"])]
    in_training = on_day[on_day["category"] == "D"]["training"].nunique()
    assert in_training == len(entries)
    # Gaps of a few days, planted as dirt, hide the eve of a few.
    assert 0.95 * len(entries) < at_risk < len(entries)


def test_dirt_has_its_shares(source: Path, population: Population) -> None:
    trainings = read(source, "trainings")
    assert trainings["person"].isna().mean() == pytest.approx(0.02, abs=0.004)
    for table in WRITTEN:
        assert read(source, table).duplicated().mean() == pytest.approx(0.005, abs=0.0025)
    register = read(source, "registrations")
    for name in ("diploma", "qualification", "nationality", "rome", "commune"):
        assert 0.005 < register[name].isna().mean() < 0.035
    following = register.drop_duplicates().sort_values(["person", "start"])
    apart = (following["start"] - following.groupby("person")["end"].shift()).dt.days
    assert 0.01 < apart.between(2, 6).mean() < 0.04
    assert 0.005 < apart.between(-5, 0).mean() < 0.03
    contracts = read(source, "contracts")
    unfinished = contracts["end"].isna()
    assert unfinished.mean() > 0.02
    employed_last = population.employed[:, -1].astype(bool)
    assert employed_last[contracts.loc[unfinished, "person"].str[1:].astype(int)].all()


def test_missing_codes_say_nothing_of_employability(source: Path, population: Population) -> None:
    frailty = np.concatenate([block.frailty for block in population.people_drawn])
    register = read(source, "registrations").drop_duplicates("person")
    latent = frailty[register["person"].str[1:].astype(int)]
    for name in ("diploma", "qualification", "commune"):
        missing = register[name].isna().to_numpy()
        error = latent.std() / np.sqrt(missing.sum())
        assert abs(latent[missing].mean() - latent[~missing].mean()) < 4 * error
