"""Where tables lie and the engine that reads them there: files, DuckDB, PostgreSQL, Spark.

A place is what `at:` of `source.yml` says. Nothing is copied: each table is an Ibis expression over
where it lies. Credentials of PostgreSQL are those that libpq finds by itself (PGUSER, PGPASSWORD,
``~/.pgpass``); a place that carries any is refused, and no message repeats one.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import duckdb
import ibis
from ibis.expr.types import Table

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.machine import Machine
from pacte_eval.tables.contract import TABLES

CONNECT_SECONDS = 10

_ENGINES = {"duckdb", "_duckdb", "psycopg", "pyspark", "py4j"}
_KNOWN = "duckdb:FILE, postgresql://host:port/database?schema=name or spark:FOLDER"


@dataclass(frozen=True)
class Store:
    """Tables as they lie, not checked yet.

    Attributes
    ----------
    tables : dict of str to ibis Table
        Those that are there, by name of the contract.
    places : dict of str to str
        Where each table of the contract lies or should lie, as a message names it.
    files : dict of str to Path
        The files of the tables, when they are files of a folder.
    """

    tables: dict[str, Table]
    places: dict[str, str]
    files: dict[str, Path] = field(default_factory=dict)

    def is_text(self, name: str) -> bool:
        """Whether every column of a table was read as text."""
        return name in self.files and self.files[name].suffix == ".csv"


def check_place(at: str) -> str:
    """The place, when it is one of the known forms and carries no credentials.

    Raises
    ------
    ValueError
        In a sentence that repeats nothing of the place.
    """
    if at.startswith(("duckdb:", "spark:")) and "//" not in at and at.partition(":")[2]:
        return at
    if not at.startswith("postgresql://"):
        raise ValueError(f"the tables lie in {_KNOWN}, or in files of this folder without this key")
    parts = urlsplit(at)
    options = parse_qs(parts.query, keep_blank_values=True)
    if "@" in parts.netloc or {"user", "password", "passfile"} & set(options):
        raise ValueError(
            "a user or a password is never written here: remove it, and give it by the environment "
            "(PGUSER, PGPASSWORD) or in ~/.pgpass"
        )
    try:
        port = parts.port is None or parts.port > 0
    except ValueError:
        port = False
    if not port or not parts.path.strip("/") or set(options) - {"schema"} or parts.fragment:
        raise ValueError("PostgreSQL is written postgresql://host:port/database?schema=name")
    return at


def open_store(folder: Path, at: str | None, machine: Machine) -> Store:
    """The tables of a place, unread.

    Parameters
    ----------
    folder : Path
        The folder of `source.yml`, from which relative paths are taken.
    at : str or None
        The place; None for the files of the folder.
    machine : Machine
        Its memory, threads and spill folder bound DuckDB and Spark.

    Raises
    ------
    InputError
        If the place cannot be reached, or its engine is not installed.
    """
    if at is None:
        return _open_files(folder, machine)
    engine, _, rest = at.partition(":")
    if engine == "duckdb":
        return _open_duckdb(folder / rest, machine)
    if engine == "spark":
        return _open_spark(folder / rest, machine)
    return _open_postgres(at)


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Turns what an engine raises while it reads into one sentence, without values or secrets."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _ENGINES:
            raise
        if place.endswith(".parquet"):
            raise InputError(f"{place}: not a readable Parquet file") from None
        raise InputError(
            f"{place}: cannot be read ({type(error).__name__}); check it and your rights on it"
        ) from None


def duckdb_connection(machine: Machine) -> Any:
    """A DuckDB in memory, bounded by the machine, with a spill folder of its own."""
    machine.spill.mkdir(parents=True, exist_ok=True)
    return ibis.duckdb.connect(
        memory_limit=f"{machine.engine_memory}B",
        threads=machine.threads,
        temp_directory=str(machine.spill.resolve() / f"duckdb-{uuid.uuid4().hex}"),
    )


def _open_files(folder: Path, machine: Machine) -> Store:
    files = {name: path for name in TABLES if (path := _file(folder, name)).is_file()}
    connection = duckdb_connection(machine)
    tables = {}
    for name, path in files.items():
        with reading(str(path)):
            if path.suffix == ".csv":
                tables[name] = connection.read_csv(
                    str(path), header=True, delim=",", quote='"', escape='"', all_varchar=True
                )
            else:
                tables[name] = connection.read_parquet(str(path))
    places = {name: str(_file(folder, name)) for name in TABLES}
    return Store(tables=tables, places=places, files=files)


def _file(folder: Path, name: str) -> Path:
    """The file of a table: Parquet unless there is only a CSV."""
    parquet, csv = folder / f"{name}.parquet", folder / f"{name}.csv"
    if parquet.is_file() and csv.is_file():
        raise InputError(f"{parquet}: {csv.name} is there too; keep one of the two")
    return csv if csv.is_file() else parquet


def _open_duckdb(path: Path, machine: Machine) -> Store:
    if not path.is_file():
        raise InputError(f"{path}: no such DuckDB file")
    connection = duckdb_connection(machine)
    try:
        connection.attach(str(path), name="source", read_only=True)
    except duckdb.Error:
        raise InputError(
            f"{path}: cannot be opened: another program is writing to it, or it is not a DuckDB "
            "file that this version reads"
        ) from None
    catalog = ("source", "main")
    with reading(str(path)):
        held = set(connection.list_tables(database=catalog))
        tables = {name: connection.table(name, database=catalog) for name in TABLES if name in held}
    return Store(tables=tables, places=_places(str(path)))


def _open_postgres(at: str) -> Store:
    if find_spec("psycopg") is None:
        raise InputError(
            "tables in PostgreSQL need the extra 'postgres': pip install 'pacte-eval[postgres]'"
        )
    import psycopg

    parts = urlsplit(at)
    schema = parse_qs(parts.query).get("schema", ["public"])[0]
    try:
        connection = ibis.postgres.from_connection(
            psycopg.connect(
                urlunsplit(parts._replace(query="")),
                connect_timeout=CONNECT_SECONDS,
                autocommit=True,
            )
        )
    except psycopg.Error:
        raise InputError(
            f"{at}: PostgreSQL does not answer there or does not let you in; check the address, "
            "and the user and password of the environment (PGUSER, PGPASSWORD) or of ~/.pgpass"
        ) from None
    with reading(at):
        held = set(connection.list_tables(database=schema))
        tables = {name: connection.table(name, database=schema) for name in TABLES if name in held}
    return Store(tables=tables, places=_places(at))


def _open_spark(folder: Path, machine: Machine) -> Store:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of Parquet files")
    if find_spec("pyspark") is None:
        raise InputError("tables read by Spark need its extra: pip install 'pacte-eval[spark]'")
    if not shutil.which("java") and "JAVA_HOME" not in os.environ:
        raise InputError("tables read by Spark need Java 17: apt install openjdk-17-jre-headless")
    connection = ibis.pyspark.connect(spark_session(machine))
    paths = {name: folder.resolve() / f"{name}.parquet" for name in TABLES}
    tables = {}
    for name, path in paths.items():
        if path.exists():
            with reading(str(path)):
                tables[name] = connection.read_parquet(str(path))
    return Store(tables=tables, places={name: str(path) for name, path in paths.items()})


def _places(store: str) -> dict[str, str]:
    return {name: f"{store}, table '{name}'" for name in TABLES}


def spark_session(machine: Machine) -> Any:
    """The Spark session already there, or a local one bounded by the machine."""
    from pyspark.sql import SparkSession

    present = SparkSession.getActiveSession()
    if present is not None:
        return present
    machine.spill.mkdir(parents=True, exist_ok=True)
    settings = {
        "spark.driver.memory": f"{machine.engine_memory // 2**20}m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(machine.spill.resolve()),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(machine.threads),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master(f"local[{machine.threads}]").appName("pacte")
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session
