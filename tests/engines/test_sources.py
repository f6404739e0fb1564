"""The same tables give the same source whatever engine holds them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pacte_eval.definitions.errors import InputError
from pacte_eval.tables.contract import columns
from pacte_eval.tables.source import Source, open_source

AsEngine = Callable[[Path, str], Path]
WriteSource = Callable[..., Path]


@pytest.fixture
def folder(write_source: WriteSource) -> Path:
    """Three people, one contract given twice, one without a person; accents and empty columns."""
    return write_source(
        registrations=[
            {"person": f"p{i}", "start": date(2018, 1, 1 + i), "end": None, "benefit": benefit}
            for i, benefit in enumerate(["are", "ass", None])
        ],
        trainings=[
            {"training": "f1", "person": "p1", "start": date(2019, 2, 28), "end": None},
            {"training": "f2", "person": None, "start": date(2019, 3, 1), "scheme": "Élan"},
        ],
        contracts=[
            {"contract": "c1", "person": "p0", "start": date(2017, 6, 1), "monthly_pay": None},
            {"contract": "c1", "person": "p0", "start": date(2017, 6, 1), "monthly_pay": None},
            {"contract": "c2", "person": None, "start": date(2020, 2, 29), "end": None},
            {"contract": "c3", "person": "p2", "start": date(2020, 2, 29), "nature": "cdi"},
        ],
        communes=[{"commune": "2A004", "departement": "2A", "name": "Évian"}],
    )


def content(source: Source) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table, in an order of Python's."""
    return {
        name: sorted(
            (tuple(row.values()) for row in table.to_pyarrow().to_pylist()),
            key=lambda row: str(row),
        )
        for name, table in source.tables.items()
    }


def test_the_same_rows_are_read(folder: Path, as_engine: AsEngine, engine: str) -> None:
    files, moved = open_source(folder), open_source(as_engine(folder, engine))
    assert content(moved) == content(files)
    assert {name: table.columns for name, table in moved.tables.items()} == {
        name: tuple(columns(name)) for name in files.tables
    }
    assert moved.losses.to_dict("list") == {
        "table": ["registrations", "trainings", "contracts", "communes"],
        "rows": [3, 2, 4, 1],
        "duplicates": [0, 0, 1, 0],
        "unlinked": [0, 1, 1, 0],
    }
    assert moved.held == files.held
    assert "monthly_pay" in moved.held["contracts"]
    assert "establishment" not in moved.held["contracts"]
    assert moved.coverage == files.coverage
    assert moved.fingerprint == open_source(as_engine(folder, "duckdb")).fingerprint


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("trainings", {"scheme": "Élam"}),
        ("contracts", {"nature": "cdd"}),
        ("contracts", {"start": date(2020, 2, 28)}),
        ("contracts", {"subsidised": False}),
        ("contracts", {"monthly_pay": 180_001}),
    ],
)
def test_the_fingerprint_follows_the_rows(
    folder: Path, as_engine: AsEngine, table: str, change: dict[str, Any]
) -> None:
    first = open_source(as_engine(folder, "duckdb")).fingerprint
    path = folder / f"{table}.parquet"
    rows = pq.read_table(path)
    changed = [*rows.to_pylist()[:-1], rows.to_pylist()[-1] | change]
    pq.write_table(pa.Table.from_pylist(changed, rows.schema), path)
    assert open_source(as_engine(folder, "duckdb")).fingerprint != first


def test_a_breach_is_counted_and_its_table_named(
    folder: Path, as_engine: AsEngine, engine: str
) -> None:
    path = folder / "registrations.parquet"
    rows = [row | {"rome": "secret"} for row in pq.read_table(path).to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, pq.read_schema(path)), path)
    with pytest.raises(
        InputError, match=r"registrations.*: column 'rome': fewer than 11 rows"
    ) as e:
        open_source(as_engine(folder, engine))
    assert "secret" not in str(e.value)


def rewrite(path: Path, column: str, kind: pa.DataType, values: list[Any] | None = None) -> None:
    table = pq.read_table(path)
    position = table.column_names.index(column)
    changed = pa.array(values, kind) if values else table[column].cast(kind)
    pq.write_table(table.set_column(position, column, changed), path)


def test_near_types_are_read(folder: Path, as_engine: AsEngine, engine: str) -> None:
    reference = content(open_source(folder))
    registrations, contracts = folder / "registrations.parquet", folder / "contracts.parquet"
    rewrite(registrations, "children", pa.int16())
    rewrite(registrations, "experience_months", pa.decimal128(10, 0))
    rewrite(registrations, "sex", pa.dictionary(pa.int8(), pa.string()))
    rewrite(contracts, "monthly_pay", pa.int64())
    assert content(open_source(as_engine(folder, engine))) == reference


def test_moments_are_not_days(folder: Path, as_engine: AsEngine, engine: str) -> None:
    midnight = [datetime(2018, 1, day) for day in (1, 2, 3)]
    rewrite(folder / "registrations.parquet", "start", pa.timestamp("us"), midnight)
    with pytest.raises(InputError, match=r"column .start. holds moments .* cast it to a date"):
        open_source(as_engine(folder, engine))


def test_a_table_that_the_contract_requires(folder: Path, as_engine: AsEngine, engine: str) -> None:
    (folder / "trainings.parquet").unlink()
    with pytest.raises(InputError, match=r"trainings.*: no such file or table"):
        open_source(as_engine(folder, engine))


def test_absent_optional_columns_are_empty(folder: Path, as_engine: AsEngine, engine: str) -> None:
    path = folder / "registrations.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["benefit", "justice"]), path)
    source = open_source(as_engine(folder, engine))
    read = source.tables["registrations"].to_pyarrow().to_pylist()
    assert {(row["benefit"], row["justice"]) for row in read} == {(None, None)}
    assert not source.held["registrations"] & {"benefit", "justice"}


def place_at(folder: Path, at: str) -> None:
    described = yaml.safe_load((folder / "source.yml").read_text(encoding="utf-8"))
    (folder / "source.yml").write_text(yaml.safe_dump(described | {"at": at}), encoding="utf-8")


@pytest.mark.postgres
def test_who_is_not_let_in_reads_one_sentence(
    folder: Path, as_engine: AsEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = as_engine(folder, "postgres")
    monkeypatch.setenv("PGPASSWORD", "un-secret-faux")
    with pytest.raises(InputError, match="does not let you in") as refused:
        open_source(moved)
    said = "".join(map(str, [refused.value, refused.value.__cause__]))
    assert "un-secret-faux" not in said
    assert "\n" not in said


@pytest.mark.postgres
def test_the_password_file_of_libpq_is_read(
    folder: Path, as_engine: AsEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    moved = as_engine(folder, "postgres")
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"*:*:*:*:{os.environ['PGPASSWORD']}\n", encoding="utf-8")
    passfile.chmod(0o600)
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    assert set(open_source(moved).tables) == {"registrations", "trainings", "contracts", "communes"}


@pytest.mark.postgres
def test_a_server_that_does_not_answer(folder: Path) -> None:
    place_at(folder, "postgresql://127.0.0.1:1/base?schema=force")
    with pytest.raises(InputError, match="PostgreSQL does not answer there"):
        open_source(folder)


@pytest.mark.postgres
def test_a_table_without_the_right_to_read_it(
    folder: Path, as_engine: AsEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    moved = as_engine(folder, "postgres")
    at = yaml.safe_load((moved / "source.yml").read_text(encoding="utf-8"))["at"]
    address, _, schema = at.partition("?schema=")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE ROLE stagiaire LOGIN PASSWORD 'un-autre'")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO stagiaire".encode())
        connection.execute(
            f"GRANT SELECT ON {schema}.registrations, {schema}.contracts TO stagiaire".encode()
        )
    monkeypatch.setenv("PGUSER", "stagiaire")
    monkeypatch.setenv("PGPASSWORD", "un-autre")
    with pytest.raises(InputError, match=r"trainings.*no right to read it"):
        open_source(moved)


@pytest.mark.spark
def test_spark_without_java_is_refused(
    folder: Path, as_engine: AsEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = as_engine(folder, "spark")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(InputError, match="need Java 17"):
        open_source(moved)
