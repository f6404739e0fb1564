"""The contract told to others: Frictionless descriptors and a page in French, from its models.

``python -m pacte_eval.tables.documentation`` writes them anew in `cohorts/contract/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.numerals import ABSENT, NO_BREAK, THIN
from pacte_eval.definitions.vocabulary import TABLES as NAMES
from pacte_eval.tables.contract import (
    REQUIRED_TABLES,
    TABLES,
    Column,
    columns,
    described,
    key_of,
)

FOLDER, PAGE = Path("cohorts/contract"), "README.md"
TYPES = {"text": "string", "integer": "integer", "boolean": "boolean", "date": "date"}
KINDS = {"text": "texte", "integer": "entier", "boolean": "vrai ou faux", "date": "date"}

_COLON, _SEMICOLON = f"{NO_BREAK}:", f"{THIN};"
_OPENING = f"""\
# Les tables attendues

Une source est un dossier qui tient un fichier par table, en Parquet (`registrations.parquet`) ou en
CSV (`registrations.csv`{_COLON} UTF-8, virgules, une ligne d'en-tête), et un fichier `source.yml`.
Celui-ci dit ce que sont les données (`nature`{_COLON} `synthetic`, `public` ou `confidential`),
comment les nommer sur une page (`label`) et quelle période couvre chaque table (`coverage`, premier
et dernier jour). Les mêmes tables, sous les mêmes noms, peuvent aussi se trouver dans une base.

- Une colonne **facultative** peut manquer{_COLON} ce qui repose sur elle est alors dit non
  mesurable, jamais nul. Une colonne **obligatoire** est dans le fichier, vide là où l'information
  manque. Une colonne **exigée** a une valeur sur chaque ligne.
- Les dates s'écrivent `2019-12-31`, vrai et faux `true` et `false`. Les codes sont du texte, avec
  leurs zéros de tête. Les montants sont en centimes et les durées de travail en minutes, en nombres
  entiers{_COLON} leurs sommes sont exactes.
- Toute ligne est vérifiée. Une ligne répétée à l'identique est retirée et comptée{_SEMICOLON} les
  colonnes que le contrat ne connaît pas sont ignorées.

Les fichiers `cohorts/contract/*.schema.json` disent la même chose aux outils Frictionless, et
`cohorts/contract/datapackage.json` est un descripteur à copier avec eux dans un dossier de fichiers
CSV, moins les tables qui n'y sont pas. Tout cela est tiré du code du contrat par `make contract`.
"""


def schema_of(table: str) -> dict[str, Any]:
    """The Frictionless table schema of a table of the contract.

    `fieldsMatch` lets the optional columns be absent. The words of codes are in `categories`, the
    unit and whether the column may be absent in properties of our own, `unit` and `optional`.
    """
    schema: dict[str, Any] = {
        "title": NAMES[table],
        "description": described(table),
        "fieldsMatch": "superset",
        "fields": [_field(column) for column in columns(table).values()],
        "missingValues": [""],
    }
    key = key_of(table)
    return {**schema, "primaryKey": [key]} if key else schema


def _field(column: Column) -> dict[str, Any]:
    limits = {
        "required": not column.nullable or None,
        "enum": list(column.codes) or None,
        "pattern": column.pattern,
        "minimum": column.minimum,
        "maximum": column.maximum,
    }
    words = [
        {"value": code, "label": word}
        for code, word in zip(column.codes, column.words, strict=True)
    ]
    field = {
        "name": column.name,
        "type": TYPES[column.kind],
        "description": column.description,
        "unit": column.unit,
        "optional": not column.required or None,
        "categories": words or None,
        "constraints": {name: limit for name, limit in limits.items() if limit is not None},
    }
    return {name: value for name, value in field.items() if value not in (None, {})}


def package_of(tables: Sequence[str] = tuple(TABLES)) -> dict[str, Any]:
    """The Frictionless descriptor of a folder of these tables as CSV, beside their schemas."""
    resources = [
        {
            "name": table,
            "type": "table",
            "path": f"{table}.csv",
            "scheme": "file",
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "schema": f"{table}.schema.json",
        }
        for table in tables
    ]
    return {"name": "tables", "title": "Tables administratives", "resources": resources}


def page() -> str:
    """The contract in French, as Markdown: every table, every column, every code."""
    return "\n".join([_OPENING, *_contents(), *(line for name in TABLES for line in _table(name))])


def _contents() -> Iterator[str]:
    yield "| Table | Contenu | Une ligne | Identifiant |"
    yield "|:---------------|:-----------|:----------------------|:--------|"
    for table in TABLES:
        key = key_of(table)
        need = "obligatoire" if table in REQUIRED_TABLES else "facultative"
        identifier = f"`{key}`" if key else ABSENT
        yield f"| `{table}`, {need} | {NAMES[table]} | {described(table)} | {identifier} |"
    yield ""


def _table(name: str) -> Iterator[str]:
    yield from (f"## `{name}`{_COLON} {NAMES[name]}", "", described(name), "")
    yield "| Colonne | Signification | Type | Unité, limites | Présence |"
    yield "|:--------------|:------------------------|:-------|:-------------|:---------|"
    for column in columns(name).values():
        cells = (
            f"`{column.name}`",
            column.description,
            KINDS[column.kind],
            _limits(column),
            _presence(column),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    for column in columns(name).values():
        if column.codes:
            yield from (f"Codes de `{column.name}`{_COLON}", "")
            for code, word in zip(column.codes, column.words, strict=True):
                yield f"- `{code}`{_COLON} {word}"
            yield ""


def _limits(column: Column) -> str:
    said = [column.unit] if column.unit else []
    if column.minimum is not None and column.maximum is not None:
        said.append(f"de {column.minimum} à {column.maximum}")
    elif column.minimum is not None:
        said.append(f"{column.minimum} ou plus")
    if column.pattern:
        said.append(f"forme `{column.pattern}`")
    if column.codes:
        said.append("codes ci-dessous")
    return ", ".join(said) or ABSENT


def _presence(column: Column) -> str:
    if not column.required:
        return "facultative"
    return "obligatoire" if column.nullable else "exigée"


def documents() -> dict[str, str]:
    """Every file of `cohorts/contract/`, by name."""
    descriptors = {f"{table}.schema.json": schema_of(table) for table in TABLES}
    descriptors["datapackage.json"] = package_of()
    texts = {
        name: json.dumps(descriptor, ensure_ascii=False, indent=2) + "\n"
        for name, descriptor in descriptors.items()
    }
    return {PAGE: page(), **texts}


if __name__ == "__main__":
    folder = shipped_library() / FOLDER
    folder.mkdir(exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")
