"""Where tables may lie, what is refused, and that memory, threads and spill are the machine's."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import yaml

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.machine import Machine
from pacte_eval.tables.engines import check_place, duckdb_connection, open_store
from pacte_eval.tables.source import open_source


@pytest.mark.parametrize(
    "at",
    [
        "duckdb:tables.duckdb",
        "duckdb:/donnees/force/tables.duckdb",
        "spark:lake",
        "postgresql://serveur:5432/force?schema=brest",
        "postgresql://%2Fvar%2Frun%2Fpostgresql/force",
        "postgresql:///force",
    ],
)
def test_known_places(at: str) -> None:
    assert check_place(at) == at


@pytest.mark.parametrize(
    "at",
    [
        "postgresql://jeanne:motsecret@serveur/force",
        "postgresql://jeanne@serveur/force",
        "postgresql://serveur/force?password=motsecret",
        "postgresql://serveur/force?schema=a&user=jeanne",
    ],
)
def test_credentials_are_refused_and_not_repeated(write_source: Any, at: str) -> None:
    folder = write_source(**people())
    place_at(folder, at)
    with pytest.raises(InputError, match="a user or a password is never written here") as refused:
        open_source(folder)
    assert "motsecret" not in str(refused.value)
    assert "jeanne" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("mysql://serveur/force", "the tables lie in duckdb:FILE"),
        ("duckdb:", "the tables lie in duckdb:FILE"),
        ("spark:hdfs://nn/lake", "the tables lie in duckdb:FILE"),
        ("postgresql://serveur", "is written postgresql://host:port"),
        ("postgresql://serveur:force/base", "is written postgresql://host:port"),
        ("postgresql://serveur/base?schemas=a", "is written postgresql://host:port"),
    ],
)
def test_other_places_are_refused(at: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_place(at)


def place_at(folder: Path, at: str) -> None:
    described = yaml.safe_load((folder / "source.yml").read_text(encoding="utf-8"))
    (folder / "source.yml").write_text(yaml.safe_dump(described | {"at": at}), encoding="utf-8")


def test_places_that_are_not_there(write_source: Any) -> None:
    folder = write_source(**people())
    for at, words in (
        ("duckdb:absent.duckdb", r"absent\.duckdb: no such DuckDB file"),
        ("spark:absent", "absent: no such folder of Parquet files"),
        ("duckdb:source.yml", r"source\.yml: cannot be opened"),
    ):
        place_at(folder, at)
        with pytest.raises(InputError, match=words):
            open_source(folder)


@pytest.mark.parametrize(
    ("module", "at"), [("psycopg", "postgresql://serveur/force"), ("pyspark", "spark:.")]
)
def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, at: str
) -> None:
    monkeypatch.setattr("pacte_eval.tables.engines.find_spec", lambda name: None)
    extra = {"psycopg": "postgres", "pyspark": "spark"}[module]
    with pytest.raises(InputError, match=rf"pip install 'pacte-eval\[{extra}\]'"):
        open_store(tmp_path, at, Machine())


def test_duckdb_is_bounded_by_the_machine(tmp_path: Path) -> None:
    machine = Machine.model_validate({"memory": "800MB", "threads": 1, "spill": tmp_path / "a/b"})
    connection = duckdb_connection(machine)
    (row,) = connection.raw_sql(
        "SELECT current_setting('threads'), current_setting('memory_limit')"
    ).fetchall()
    assert row == (1, "190.7 MiB")
    many = "SELECT md5(i::VARCHAR) AS a, md5((i + 1)::VARCHAR) AS b FROM range(3_000_000) t(i)"
    connection.raw_sql(f"CREATE TEMP TABLE kept AS {many}")
    assert list((tmp_path / "a" / "b").glob("*/*")), "200 MB of memory cannot hold 200 MB of text"
    connection.disconnect()
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_duckdb_file_is_left_as_it_is(write_source: Any, tmp_path: Path) -> None:
    folder = as_duckdb(write_source(**people()))
    before = (folder / "tables.duckdb").read_bytes()
    source = open_source(folder)
    assert int(source.tables["contracts"].count().execute()) == 2
    assert (folder / "tables.duckdb").read_bytes() == before
    assert [path.name for path in folder.glob("tables*")] == ["tables.duckdb"]


def people() -> dict[str, list[dict[str, Any]]]:
    return {
        "registrations": [{"person": "p1", "start": date(2018, 1, 1)}],
        "trainings": [
            {"training": "f1", "person": "p1", "start": date(2018, 6, 1), "minutes": 600}
        ],
        "contracts": [
            {
                "contract": "c1",
                "person": "p1",
                "start": date(2018, 1, 31),
                "end": date(2018, 2, 28),
            },
            {"contract": "c2", "person": None, "start": date(2018, 2, 1), "full_time": None},
        ],
    }


def as_duckdb(folder: Path) -> Path:
    with duckdb.connect(str(folder / "tables.duckdb")) as connection:
        for path in folder.glob("*.parquet"):
            connection.execute(f"CREATE TABLE {path.stem} AS FROM '{path}'")
            path.unlink()
    place_at(folder, "duckdb:tables.duckdb")
    return folder


def as_csv(folder: Path) -> Path:
    for path in folder.glob("*.parquet"):
        pa_csv.write_csv(pq.read_table(path), path.with_suffix(".csv"))
        path.unlink()
    return folder


def rows_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    tables = open_source(folder).tables
    return {
        name: table.order_by("start").to_pyarrow().to_pylist() for name, table in tables.items()
    }


def test_csv_files_hold_the_same_rows(write_source: Any) -> None:
    folder = write_source(**people())
    reference = rows_of(folder)
    assert rows_of(as_csv(folder)) == reference


@pytest.mark.parametrize(
    ("column", "wrong", "words"),
    [
        ("start", "31/01/2018", "with a value that is not a day written like 2019-12-31"),
        ("start", "2018-02-30", "with a value that is not a day written like 2019-12-31"),
        ("start", "2018-01-31 00:00:00", "with a value that is not a day"),
        ("start", "", "with no value"),
        ("monthly_pay", "1800.50", "with a value that is not a whole number"),
        ("full_time", "oui", "with a value other than true or false"),
        ("nature", "stage", "with an unknown code"),
    ],
)
def test_a_csv_that_cannot_be_read_as_the_contract_says(
    write_source: Any, column: str, wrong: str, words: str
) -> None:
    path = as_csv(write_source(**people())) / "contracts.csv"
    header, first, *rest = path.read_text(encoding="utf-8").splitlines()
    cells = first.split(",")
    cells[header.replace('"', "").split(",").index(column)] = wrong
    path.write_text("\n".join([header, ",".join(cells), *rest]) + "\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        open_source(path.parent)
    assert str(caught.value).startswith(f"{path}: column '{column}': fewer than 11 rows {words}")
    assert not wrong or wrong not in str(caught.value)


def test_a_csv_in_another_encoding(write_source: Any) -> None:
    path = as_csv(write_source(**people())) / "trainings.csv"
    path.write_bytes(path.read_bytes().replace(b"f1", "é".encode("latin-1")))
    with pytest.raises(InputError, match=r"trainings\.csv: cannot be read"):
        open_source(path.parent)


def test_two_files_for_a_table(write_source: Any) -> None:
    folder = write_source(**people())
    (folder / "contracts.csv").write_text("contract\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"contracts\.csv is there too; keep one of the two"):
        open_source(folder)


def test_contracts_are_not_copied(write_source: Any) -> None:
    """Contracts stay a query on their file, whether a row is repeated or not."""
    tables = people()
    folder = write_source(**tables)
    once = open_source(folder)
    assert "parquet" in ibis.to_sql(once.tables["contracts"]).lower()
    assert list(once.losses["duplicates"]) == [0, 0, 0]
    tables["contracts"] += [tables["contracts"][1], tables["contracts"][0] | {"nature": "cdi"}]
    twice = open_source(write_source(**tables))
    assert dict(twice.losses.set_index("table").loc["contracts"]) == {
        "rows": 4,
        "duplicates": 1,
        "unlinked": 1,
    }
    assert int(twice.tables["contracts"].count().execute()) == 3


@pytest.mark.parametrize("table", ["registrations", "trainings", "contracts"])
def test_an_empty_text_is_no_person(write_source: Any, table: str) -> None:
    tables = people()
    tables[table][0]["person"] = ""
    with pytest.raises(InputError, match=f"{table}.parquet: column 'person': fewer than 11 rows"):
        open_source(write_source(**tables))
