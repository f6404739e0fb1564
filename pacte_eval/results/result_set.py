"""A result set: a folder of protected CSV tables that describes itself and never changes by halves.

It is a Frictionless tabular data package (version 1): `datapackage.json` gives each table's
titles, units, notes and fingerprint, `provenance.json` what the numbers were made from,
`definitions/` the declarations word for word, and `run-log.json` alone what changes from run to
run. The folder is written beside its place and swapped in by rename. Identical inputs give
identical bytes, `run-log.json` apart.

Public names:
`write_result_set(folder, tables, *, definitions, provenance, run_log, title, nature)`,
`ResultSet.open(folder)` (`.tables`, `.table(name)`, `.definitions`, `.provenance`, `.run_log`,
`.title`, `.nature`, `.schema_version`), `SCHEMA_VERSION`, `NATURES`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.results.table import DTYPES, Column, Profile, ProtectedTable, Schema, sealed

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = 1
NATURES = {
    "synthetic": "Données synthétiques",
    "public": "Données publiques",
    "confidential": "Données confidentielles",
}

_FIELD_TYPES = {"text": "string", "integer": "integer", "number": "number", "boolean": "boolean"}
_COMPANIONS = (
    Column("suppressed", "boolean", "Secret statistique", note="Une valeur au moins est retirée."),
    Column("withheld", "text", "Colonnes retirées", note="Leurs noms, séparés par des espaces."),
)
_LABEL = Column("donnees", "text", "Données")


@dataclass(frozen=True)
class ResultSet:
    """A result set read back: the only thing reports may read."""

    folder: Path
    title: str
    nature: str
    schema_version: int
    tables: Mapping[str, ProtectedTable]
    definitions: Mapping[str, str]
    provenance: Mapping[str, Any]
    run_log: Mapping[str, Any]

    def table(self, name: str) -> ProtectedTable:
        """The table of that name.

        Raises
        ------
        InputError
            If the result set has no such table.
        """
        if name not in self.tables:
            raise InputError(
                f"the result set {self.folder} has no table '{name}' (it has: "
                f"{', '.join(sorted(self.tables))}): run the study again"
            )
        return self.tables[name]

    @classmethod
    def open(cls, folder: Path | str) -> ResultSet:
        """Read a folder written by `write_result_set`.

        Raises
        ------
        InputError
            If the folder is not a result set, is one of another version of the toolkit, or if a
            table was changed or removed since it was written.
        """
        folder = Path(folder)
        package = _read_json(folder, "datapackage.json")
        own = package.get("pacte_eval")
        if not isinstance(own, dict):
            raise InputError(f"{folder} is a data package but not a result set of this toolkit")
        if own.get("schema_version") != SCHEMA_VERSION:
            raise InputError(
                f"{folder} is a result set of version {own.get('schema_version')} and this toolkit "
                f"reads version {SCHEMA_VERSION}: run the study again"
            )
        return cls(
            folder=folder,
            title=own["title"],
            nature=own["nature"],
            schema_version=SCHEMA_VERSION,
            tables={
                resource["name"]: _read_table(folder, resource) for resource in package["resources"]
            },
            definitions={
                path.name: path.read_text(encoding="utf-8")
                for path in sorted((folder / "definitions").glob("*.yml"))
            },
            provenance=_read_json(folder, "provenance.json"),
            run_log=_read_json(folder, "run-log.json"),
        )


def write_result_set(
    folder: Path | str,
    tables: Mapping[str, ProtectedTable],
    *,
    definitions: Mapping[str, str],
    provenance: Mapping[str, Any],
    run_log: Mapping[str, Any],
    title: str,
    nature: str,
) -> Path:
    """Write a result set, replacing the one that stands at `folder` as a whole.

    Parameters
    ----------
    definitions
        YAML text by file name (``"study.yml"``).
    provenance, run_log
        What JSON can hold; only `run_log` may hold dates, durations and host names.
    nature
        ``"synthetic"``, ``"public"`` or ``"confidential"``: written in every row and in the title.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    TypeError
        If a table is not a `ProtectedTable`.
    ValueError
        If the nature is not one of the three, or a definition's name is not a plain ``.yml`` name.
    InputError
        If the folder cannot be written, or holds something else than a result set. What was there
        is then untouched.
    """
    folder = Path(folder).absolute()
    files = _contents(tables, definitions, provenance, run_log, title, nature)
    written = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    replaced = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        _refuse_foreign(folder)
        shutil.rmtree(written, ignore_errors=True)
        (written / "definitions").mkdir(parents=True)
        for name, text in files.items():
            (written / name).write_bytes(text.encode("utf-8"))
        if folder.exists():
            folder.rename(replaced)
        try:
            written.rename(folder)
        except OSError:
            if replaced.exists():
                replaced.rename(folder)
            raise
    except OSError as error:
        shutil.rmtree(written, ignore_errors=True)
        raise InputError(
            f"the result set cannot be written at {folder}: {error.strerror or error}; "
            "choose a folder you may write to"
        ) from error
    shutil.rmtree(replaced, ignore_errors=True)
    return folder


def _contents(
    tables: Mapping[str, ProtectedTable],
    definitions: Mapping[str, str],
    provenance: Mapping[str, Any],
    run_log: Mapping[str, Any],
    title: str,
    nature: str,
) -> dict[str, str]:
    if nature not in NATURES:
        raise ValueError(f"'{nature}' is not a nature of data: {', '.join(NATURES)}")
    files = {}
    resources = []
    for name, table in sorted(tables.items()):
        if not isinstance(table, ProtectedTable):
            raise TypeError(f"table '{name}' is a {type(table).__name__}, not a ProtectedTable")
        files[f"{name}.csv"] = text = _csv(table, NATURES[nature])
        resources.append(_resource(name, table, text))
    for name, text in sorted(definitions.items()):
        if not re.fullmatch(r"[\w-][\w.-]*\.yml", name):
            raise ValueError(f"'{name}' is not the name of a YAML file")
        files[f"definitions/{name}"] = text
    package = {
        "profile": "tabular-data-package",
        "name": _slug(title),
        "title": f"{title} – {NATURES[nature]}",
        "pacte_eval": {"schema_version": SCHEMA_VERSION, "title": title, "nature": nature},
        "resources": resources,
    }
    files["datapackage.json"] = _json(package)
    files["provenance.json"] = _json(provenance)
    files["run-log.json"] = _json(run_log)
    return files


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file: choose another folder for the result set")
    if any(folder.iterdir()) and not (folder / "datapackage.json").is_file():
        raise InputError(
            f"{folder} holds something else than a result set: empty it or choose another folder"
        )


def _csv(table: ProtectedTable, label: str) -> str:
    frame = table.frame
    columns = {
        column.name: _written(frame[column.name], column.kind)
        for column in (*table.schema.columns, *_COMPANIONS)
    }
    columns[_LABEL.name] = pd.Series(label, frame.index, dtype="string")
    return pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")


def _written(values: pd.Series, kind: str) -> pd.Series:
    if kind == "number":
        return values.map(lambda x: f"{x + 0.0:.10g}", na_action="ignore").astype("string")
    if kind == "boolean":
        return values.map({True: "true", False: "false"}, na_action="ignore").astype("string")
    return values.astype("string")


def _resource(name: str, table: ProtectedTable, text: str) -> dict[str, Any]:
    content = text.encode("utf-8")
    return {
        "profile": "tabular-data-resource",
        "name": name,
        "title": table.schema.title,
        "path": f"{name}.csv",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "disclosure": asdict(table.profile),
        "schema": {
            "fields": [_field(column) for column in (*table.schema.columns, *_COMPANIONS, _LABEL)],
            "primaryKey": list(table.schema.key),
            "missingValues": [""],
        },
    }


def _field(column: Column) -> dict[str, str]:
    field = {"name": column.name, "type": _FIELD_TYPES[column.kind], "title": column.title}
    if column.note:
        field["description"] = column.note
    if column.unit:
        field["unit"] = column.unit
    return field


def _read_table(folder: Path, resource: Mapping[str, Any]) -> ProtectedTable:
    path = folder / resource["path"]
    if not path.is_file():
        raise InputError(f"the result set {folder} lacks {path.name}: run the study again")
    content = path.read_bytes()
    if resource["hash"] != f"sha256:{hashlib.sha256(content).hexdigest()}":
        raise InputError(f"{path} was changed after the study wrote it: run the study again")
    kinds: dict[str, Any] = {written: kind for kind, written in _FIELD_TYPES.items()}
    columns = tuple(
        Column(
            name=field["name"],
            kind=kinds[field["type"]],
            title=field["title"],
            unit=field.get("unit", ""),
            note=field.get("description", ""),
        )
        for field in resource["schema"]["fields"]
        if field["name"] != _LABEL.name
    )
    text = pd.read_csv(io.BytesIO(content), dtype="string", keep_default_na=False, na_values=[""])
    frame = pd.DataFrame({column.name: _read(text[column.name], column.kind) for column in columns})
    schema = Schema(
        name=resource["name"],
        title=resource["title"],
        columns=columns[: -len(_COMPANIONS)],
        key=tuple(resource["schema"]["primaryKey"]),
    )
    return sealed(frame, schema, Profile(**resource["disclosure"]))


def _read(values: pd.Series, kind: str) -> pd.Series:
    if kind == "boolean":
        return values.map({"true": True, "false": False}, na_action="ignore").astype("boolean")
    return values.astype(DTYPES[kind])


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} is not a result set: its {name} is missing or cannot be read"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{folder} is not a result set: its {name} is not an object")
    return content


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _slug(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "resultats"
