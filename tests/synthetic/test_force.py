"""A population written in ForCE's shape and adapted back is the population, but for what ForCE
does not hold, listed in `NOT_CARRIED`."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.mapping import MappingDefinition
from pacte_eval.definitions.reading import read_definition
from pacte_eval.synthetic import Population, simulate
from pacte_eval.synthetic.force import FileFormat, write_force
from pacte_eval.tables.adapt import adapt
from pacte_eval.tables.contract import columns
from pacte_eval.tables.source import open_source

NOT_CARRIED = {
    "registrations": ["lone_parent", "digital_difficulty", "justice"],
    "trainings": ["level_prepared", "axis", "lot", "dropped_out"],
    "contracts": ["monthly_minutes"],
    "certifications": [],
    "missions_locales": [],
}
"""Columns that ForCE cannot give back; lone parents are deduced, the others are empty."""


@pytest.fixture(scope="module")
def small() -> Population:
    return simulate(2_000, 7)


@pytest.fixture(scope="module")
def mapping() -> MappingDefinition:
    return read_definition(shipped_library() / "cohorts/mappings/force.yml", MappingDefinition)


def frame_of(population: Population, name: str) -> pd.DataFrame:
    """A table as drawn, with every column of the contract, dates and words as text."""
    drawn = population.tables[name].to_pandas()
    return as_words(drawn.reindex(columns=list(columns(name))))


def adapted(folder: Path, name: str) -> pd.DataFrame:
    return as_words(pq.read_table(folder / f"{name}.parquet").to_pandas())


def as_words(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: values.astype(object).map(word, na_action="ignore")
            for name, values in frame.items()
        }
    )


def word(value: object) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.fillna("").sort_values(list(frame.columns), ignore_index=True)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_written_and_adapted_back_it_is_the_same(
    small: Population, mapping: MappingDefinition, tmp_path: Path, file_format: FileFormat
) -> None:
    write_force(small, tmp_path / "raw", file_format=file_format)
    told: list[str] = []
    out = adapt(tmp_path / "raw", mapping, tmp_path / "out", told.append)
    assert not [line for line in told if "column" in line], "every code is understood"
    for name, not_carried in NOT_CARRIED.items():
        if name not in small.tables:
            continue
        there, back = frame_of(small, name), adapted(out, name)
        assert list(back.columns) == list(columns(name))
        if name == "contracts":
            there["establishment"] = there["establishment"].map(
                lambda key: hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
            )
        if name == "registrations":
            unmarried = back["marital_status"] != "marie"
            deduced = unmarried & (back["children"] != "0")
            assert (back["lone_parent"] == deduced.map(str)).all()
        empty = [column for column in not_carried if column != "lone_parent"]
        assert back[empty].isna().all(axis=None)
        pd.testing.assert_frame_equal(
            in_order(back.drop(columns=not_carried)),
            in_order(there.drop(columns=not_carried)),
            check_dtype=False,
        )
    source = open_source(out)
    assert source.nature == "synthetic"
    assert set(source.tables) == set(small.tables) & set(NOT_CARRIED)


def test_without_certifier_mission_locale_or_benefits(
    small: Population, mapping: MappingDefinition, tmp_path: Path
) -> None:
    """Certifications come from p2, joined by person and date; what is not given is left out."""
    tables = {name: rows for name, rows in small.tables.items() if name != "missions_locales"}
    if "benefit" in tables["registrations"].column_names:
        tables["registrations"] = tables["registrations"].drop_columns("benefit")
    write_force(replace(small, tables=tables), tmp_path / "raw")
    (tmp_path / "raw" / "certificateur.csv").unlink()
    told: list[str] = []
    out = adapt(tmp_path / "raw", mapping, tmp_path / "out", told.append)
    assert "missions_locales: no extract is given; the table is left out" in told
    assert not (out / "missions_locales.parquet").exists()
    assert adapted(out, "registrations")["benefit"].isna().all()

    linked = frame_of(small, "trainings").dropna(subset="person")["training"]
    decided = frame_of(small, "certifications").drop_duplicates().set_index("training")["status"]
    expected = decided[decided.index.isin(linked)].sort_index()
    found = adapted(out, "certifications").set_index("training")["status"].sort_index()
    pd.testing.assert_series_equal(found, expected, check_dtype=False)


def test_the_files_are_those_of_force(small: Population, tmp_path: Path) -> None:
    shares: list[float] = []
    write_force(small, tmp_path / "raw", progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    names = {path.name for path in (tmp_path / "raw").iterdir()}
    assert {"fh_de.csv", "fh_e0.csv", "fh_p2.csv", "brest_2019.csv", "mmo_2019.csv"} <= names
    mmo = pd.read_csv(
        tmp_path / "raw" / "mmo_2019.csv", sep=";", decimal=",", encoding="latin-1", dtype=object
    )
    assert mmo["Nature"].str.fullmatch(r"\d\d").all()
    assert mmo["Salaire_Base"].str.fullmatch(r"\d+,\d+").all()
    assert mmo["FinCTT"].dropna().max() <= "2019-12-31", "as it was known that year"
    brest = (tmp_path / "raw" / "brest_2019.csv").read_bytes()
    assert "Région".encode("latin-1") in brest
    registered = pd.read_csv(tmp_path / "raw" / "fh_de.csv", sep=";", dtype=object)
    assert len(registered) < len(small.tables["registrations"]), "e0 tells categories apart"
    missing = frame_of(small, "trainings")["person"].isna().sum()
    everyone = pd.concat(
        pd.read_csv(path, sep=";", encoding="latin-1", dtype=object)
        for path in sorted((tmp_path / "raw").glob("brest_*.csv"))
    )
    assert everyone["id_force"].isna().sum() == missing > 0


def test_only_a_synthetic_folder_is_replaced(small: Population, tmp_path: Path) -> None:
    write_force(small, tmp_path / "raw")
    write_force(small, tmp_path / "raw", file_format="parquet")
    assert not list((tmp_path / "raw").glob("*.csv"))
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "mmo_2019.csv").write_text("id_force\n", encoding="utf-8")
    with pytest.raises(InputError, match="not written by 'pacte simulate'"):
        write_force(small, tmp_path / "real")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        write_force(small, tmp_path / "file" / "raw")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "raw", "real"]
