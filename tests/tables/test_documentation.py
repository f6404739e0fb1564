"""What is published of the contract: descriptors that validate real files, a page in French."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import frictionless
import pandas as pd
import pytest

from pacte_eval.definitions.library import shipped_library
from pacte_eval.synthetic import simulate, write
from pacte_eval.tables.contract import REQUIRED_TABLES, TABLES, columns
from pacte_eval.tables.documentation import FOLDER, documents, package_of, page, schema_of

ENGLISH = re.compile(
    r"\b(the|of|and|key|day|person|episode|sex|benefit|employer|open|last|first|month|job|none|"
    r"obtained|under|lives|receives)\b"
)


def test_committed_files_are_what_the_models_give() -> None:
    folder = shipped_library() / FOLDER
    committed = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert committed == documents(), "run make contract"


@pytest.fixture(scope="module")
def csv_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic population as CSV, without its exact duplicates."""
    folder = tmp_path_factory.mktemp("csv")
    source = folder / "source"
    write(simulate(1000, 7), source)
    for path in source.glob("*.parquet"):
        rows = pd.read_parquet(path).drop_duplicates()
        for name, values in rows.items():
            if columns(path.stem)[str(name)].kind == "boolean":
                rows[name] = values.map({True: "true", False: "false"})
        rows.to_csv(folder / f"{path.stem}.csv", index=False)
    return folder


def validated(folder: Path, tables: Sequence[str]) -> frictionless.Report:
    """What Frictionless finds in a folder of CSV files, the published descriptors copied to it."""
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")
    kept = json.dumps(package_of(tables))
    (folder / "datapackage.json").write_text(kept, encoding="utf-8")
    return frictionless.validate(str(folder / "datapackage.json"))


def test_synthetic_files_are_a_valid_data_package(csv_tables: Path) -> None:
    present = [table for table in TABLES if (csv_tables / f"{table}.csv").is_file()]
    assert set(REQUIRED_TABLES) < set(present)
    report = validated(csv_tables, present)
    assert report.valid, report.flatten(["fieldName", "type", "note"])
    assert [task.name for task in report.tasks] == present
    assert all(task.stats["rows"] for task in report.tasks)


@pytest.mark.parametrize(
    ("table", "column", "value", "error"),
    [
        ("registrations", "category", "F", "constraint-error"),
        ("registrations", "person", "", "constraint-error"),
        ("registrations", "children", "21", "constraint-error"),
        ("registrations", "children", "deux", "type-error"),
        ("registrations", "birth_month", "01/06/1985", "type-error"),
        ("registrations", "commune", "1320", "constraint-error"),
        ("registrations", "rsa", "oui", "type-error"),
        ("contracts", "monthly_pay", "-1", "constraint-error"),
        ("trainings", "training", None, "primary-key"),
    ],
)
def test_a_breach_is_found(
    csv_tables: Path, tmp_path: Path, table: str, column: str, value: str | None, error: str
) -> None:
    with (csv_tables / f"{table}.csv").open(encoding="utf-8") as file:
        rows = list(islice(csv.DictReader(file), 20))
    rows[3][column] = rows[2][column] if value is None else value
    with (tmp_path / f"{table}.csv").open("w", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    report = validated(tmp_path, [table])
    assert [(one[0], one[1]) for one in report.flatten(["rowNumber", "type"])] == [(5, error)]


def test_optional_columns_may_be_absent(csv_tables: Path, tmp_path: Path) -> None:
    optional = [name for name, one in columns("registrations").items() if not one.required]
    rows = pd.read_csv(csv_tables / "registrations.csv", dtype="string", keep_default_na=False)
    kept = rows.head(20).drop(columns=optional, errors="ignore")
    kept.to_csv(tmp_path / "registrations.csv", index=False)
    assert validated(tmp_path, ["registrations"]).valid
    fields = schema_of("registrations")["fields"]
    assert [field["name"] for field in fields if field.get("optional")] == optional


def test_schemas_are_frictionless() -> None:
    for table in TABLES:
        schema = frictionless.Schema.from_descriptor(schema_of(table))
        assert schema.field_names == list(columns(table))
    assert schema_of("contracts")["primaryKey"] == ["contract"]
    assert "primaryKey" not in schema_of("registrations")


def test_the_page_says_everything() -> None:
    text = page()
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert [section.split("`")[1] for section in sections] == list(TABLES)
    for table, section in zip(TABLES, sections, strict=True):
        for column in columns(table).values():
            (line,) = re.findall(rf"^\| `{column.name}` \|.*$", section, flags=re.MULTILINE)
            assert column.description in line
            assert line.endswith("| facultative |") is not column.required
            assert line.endswith("| exigée |") is not column.nullable
            for said in (column.unit, column.pattern, column.maximum):
                assert said is None or str(said) in line
            for code, word in zip(column.codes, column.words, strict=True):
                assert f"- `{code}`\u00a0: {word}" in section


def test_the_page_is_french() -> None:
    prose = re.sub(r"`[^`]*`", "", page())
    assert not ENGLISH.search(prose)
    assert not re.search(r" [;:!?»]|\w[;!?»]|« ", re.sub(r"^\|[ :|-]+\|$", "", prose, flags=re.M))
    assert "_" not in prose
