"""The engines that tables may lie in, started for the tests that ask for them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pacte_eval.definitions.machine import Machine
from pacte_eval.tables.engines import spark_session

ENGINES = [
    "duckdb",
    pytest.param("postgres", marks=pytest.mark.postgres),
    pytest.param("spark", marks=pytest.mark.spark),
]
AsEngine = Callable[[Path, str], Path]
USER, PASSWORD = "evaluateur", "mot-de-passe-de-test"
POSTGRES_TYPES = {
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
    pa.decimal128(10, 0): "numeric(10, 0)",
}


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL server that lives as long as the tests."""

    host: str
    port: int

    def url(self, schema: str) -> str:
        """The place of a schema, as `source.yml` writes it."""
        return f"postgresql://{self.host}:{self.port}/postgres?schema={schema}"


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn, under the mark of its target."""
    return str(request.param)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """A throw-away cluster, never run as root, whose user and password are in the environment.

    Its collation is the French one, so that nothing can lean on the order of bytes.
    """
    binaries = _postgres_binaries()
    root = os.geteuid() == 0
    home = Path(tempfile.mkdtemp(prefix="pacte-postgres-"))
    password = home / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    if root:
        for path in (home, password):
            shutil.chown(path, "postgres", "postgres")
    port = _free_port()

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(binaries / program), *arguments],
            user="postgres" if root else None,
            group="postgres" if root else None,
            extra_groups=[] if root else None,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    data = str(home / "data")
    settings = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off -c jit=off"
    try:
        run(
            "initdb",
            f"--pgdata={data}",
            f"--username={USER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--locale-provider=icu",
            "--icu-locale=fr-FR",
            "--no-sync",
        )
        run("pg_ctl", f"--pgdata={data}", f"--log={home / 'log'}", "-w", f"-o {settings}", "start")
        try:
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("PGUSER", USER)
                environment.setenv("PGPASSWORD", PASSWORD)
                yield Cluster("127.0.0.1", port)
        finally:
            run("pg_ctl", f"--pgdata={data}", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)


def _postgres_binaries() -> Path:
    """The folder of `initdb`: on the PATH, or where Debian puts it."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    (*_, newest) = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return newest.parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Spark session on two cores, which `open_source` takes up; its Java compiles quickly."""
    machine = Machine.model_validate(
        {"memory": "2GB", "threads": 2, "spill": tmp_path_factory.mktemp("spark")}
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        session = spark_session(machine)
    yield session
    session.stop()


@pytest.fixture
def as_engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsEngine:
    """A function that gives the same source in another engine.

    ``as_engine(folder, engine)`` takes a folder of Parquet files with its `source.yml` and an
    engine (``"duckdb"``, ``"postgres"`` or ``"spark"``), and returns a folder whose `source.yml`
    points at the same rows there, in another order. A test that asks for ``"postgres"`` or
    ``"spark"`` bears the mark of that name: the fixture `engine` runs it under each.
    """

    def move(folder: Path, engine: str) -> Path:
        target = tmp_path / f"{engine}-{uuid.uuid4().hex[:8]}"
        target.mkdir()
        tables = {path.stem: _reversed(pq.read_table(path)) for path in folder.glob("*.parquet")}
        if engine == "duckdb":
            at = _into_duckdb(tables, target)
        elif engine == "postgres":
            at = _into_postgres(tables, request.getfixturevalue("postgres_cluster"))
        else:
            request.getfixturevalue("spark")
            at = _into_parquet_parts(tables, target)
        described = yaml.safe_load((folder / "source.yml").read_text(encoding="utf-8"))
        text = yaml.safe_dump(described | {"at": at}, allow_unicode=True)
        (target / "source.yml").write_text(text, encoding="utf-8")
        return target

    return move


def _reversed(table: pa.Table) -> pa.Table:
    return table.take(list(range(table.num_rows - 1, -1, -1)))


def _into_duckdb(tables: dict[str, pa.Table], target: Path) -> str:
    with duckdb.connect(str(target / "tables.duckdb")) as connection:
        for name, table in tables.items():
            connection.register("rows", table)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
            connection.unregister("rows")
    return "duckdb:tables.duckdb"


def _into_parquet_parts(tables: dict[str, pa.Table], target: Path) -> str:
    """Each table as Spark writes one: a folder of several files."""
    for name, table in tables.items():
        folder = target / "lake" / f"{name}.parquet"
        folder.mkdir(parents=True)
        half = -(-table.num_rows // 2)
        for part, start in enumerate((0, half)):
            pq.write_table(table.slice(start, half), folder / f"part-{part}.parquet")
    return "spark:lake"


def _into_postgres(tables: dict[str, pa.Table], cluster: Cluster) -> str:
    import psycopg

    schema = f"source_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(host=cluster.host, port=cluster.port, dbname="postgres") as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        for name, table in tables.items():
            columns = ", ".join(
                f'"{field.name}" {POSTGRES_TYPES.get(field.type, "text")}' for field in table.schema
            )
            connection.execute(f"CREATE TABLE {schema}.{name} ({columns})".encode())
            with connection.cursor().copy(f"COPY {schema}.{name} FROM STDIN".encode()) as copy:
                for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
                    copy.write_row(row)
            connection.execute(f"ANALYZE {schema}.{name}".encode())
    return cluster.url(schema)
