"""What of a result set may leave this machine: the files its own writer would write again.

A result set is read, judged, written anew aside and compared byte for byte with what is there.
Nothing that the writer does not make gets through: an added column, another label of the data, a
file beside the tables. The log of the run stays.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.protocol import digests
from pacte_eval.results import Profile, ProtectedTable, ResultSet, protect, write_result_set
from pacte_eval.results.schemas import SCHEMAS
from pacte_eval.results.table import Persons, Schema, typed
from pacte_eval.studies.protocol import PROTOCOL

LEVEL = "interne"
LOG = "run-log.json"


def releasable_files(folder: Path) -> dict[str, bytes]:
    """The files of a result set that may leave, once it was judged.

    Parameters
    ----------
    folder : Path
        A result set of level ``interne``.

    Returns
    -------
    dict of str to bytes
        Contents by path from the folder, sorted: tables, description, provenance, definitions and
        protocol; never ``run-log.json``, nor what is no part of the result set.

    Raises
    ------
    InputError
        If the data are confidential, since only a level of protection that this version does not
        make may then leave; or if a file is not what the toolkit wrote, a table is not of a known
        schema, or a number of persons under the threshold can be read in it.
    """
    results = opened(folder)
    if results.nature == "confidential":
        raise InputError(
            f"{folder}: the data are confidential and this result set is of level '{LEVEL}', which "
            "does not leave the machine that holds them; only level 'diffusable' may, and this "
            "version of the toolkit does not make it yet"
        )
    with _malformed_is_a_mistake(folder):
        for name, table in results.tables.items():
            _judge(folder, name, table)
        _judge_definitions(folder, results)
        with tempfile.TemporaryDirectory() as scratch:
            files = _contents(_written_anew(results, Path(scratch) / LEVEL))
    changed = changed_files(folder, files)
    if changed:
        raise InputError(_changed(folder, changed[0]))
    return files


def changed_files(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """The files that a folder lacks or holds with other bytes."""
    return [
        name
        for name, content in files.items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != content
    ]


def opened(folder: Path) -> ResultSet:
    """A result set, whatever is wrong in its files being the user's mistake.

    Raises
    ------
    InputError
        If it is none.
    """
    with _malformed_is_a_mistake(folder):
        _refuse_paths(folder)
        return ResultSet.open(folder)


@contextmanager
def _malformed_is_a_mistake(folder: Path) -> Iterator[None]:
    """What a file of another shape raises, as the one sentence that a user reads."""
    try:
        yield
    except InputError:
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise InputError(
            f"{folder} is not a result set that this toolkit wrote: run the study again"
        ) from error


def _refuse_paths(folder: Path) -> None:
    """Refuse, before it is read, a description of other files than the tables beside it."""
    path = folder / "datapackage.json"
    described = json.loads(path.read_bytes()) if path.is_file() else {"resources": []}
    for one in described["resources"]:
        if one["path"] != f"{one['name']}.csv" or one["name"] not in SCHEMAS:
            raise InputError(
                f"{folder}: {one['path']!a} is no table of this toolkit: run the study again"
            )


def _judge(folder: Path, name: str, table: ProtectedTable) -> None:
    """Refuse a table that is not of its schema, or that gives a small number of persons away."""
    schema = SCHEMAS[name].published
    if _shape(table.schema) != _shape(schema):
        raise InputError(
            f"{folder}: table '{name}' has not the columns that this version of the toolkit "
            "writes: run the study again"
        )
    try:
        typed(table.frame[list(schema.names)], schema)
    except ValueError as error:
        raise InputError(f"{folder}: {error}: run the study again") from error
    if _gives_away(table, schema):
        raise InputError(
            f"{folder}: table '{name}' gives away a number of persons under "
            f"{Profile().min_persons}: run the study again"
        )


def _shape(schema: Schema) -> tuple[object, ...]:
    return schema.key, [(column.name, column.kind) for column in schema.columns]


def _judge_definitions(folder: Path, results: ResultSet) -> None:
    """Refuse definitions that are not those the provenance tells, the protocol apart."""
    recorded = dict(results.provenance.get("definitions", {}))
    told = {name: digest for name, digest in recorded.items() if name.endswith(".yml")}
    kept = {name: text for name, text in results.definitions.items() if name != PROTOCOL}
    present = digests(kept)
    wrong = sorted(name for name in {*told, *present} if told.get(name) != present.get(name))
    if wrong:
        raise InputError(_changed(folder, f"definitions/{wrong[0]}"))


def _gives_away(table: ProtectedTable, schema: Schema) -> bool:
    """Whether protecting the rows again, by the rules that can be read in them, hides anything."""
    rules = tuple(rule for rule in schema.persons if _read_by(rule) <= set(schema.names))
    if not rules:
        return False
    counts = sorted({rule.count for rule in rules})
    rows = table.frame[list(schema.names)].dropna(subset=counts, how="all")
    alone = replace(schema, persons=rules, group=(), partition=(), merge="")
    hideable = list(schema.hideable)
    again = protect(rows, alone).frame[hideable]
    return bool((again.notna().sum() < rows[hideable].notna().sum()).any())


def _read_by(rule: Persons) -> set[str]:
    return {rule.count, rule.share, rule.minus, *rule.unless[:1]} - {""}


def _written_anew(results: ResultSet, folder: Path) -> Path:
    return write_result_set(
        folder,
        results.tables,
        definitions=results.definitions,
        provenance=results.provenance,
        run_log={},
        title=results.title,
        nature=results.nature,
    )


def _contents(folder: Path) -> dict[str, bytes]:
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    return {name: (folder / name).read_bytes() for name in names if name != LOG}


def _changed(folder: Path, name: str) -> str:
    return f"{folder / name} was changed, added or removed after the study was run: run it again"
