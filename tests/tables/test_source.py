"""A source is its files: checked, duplicates counted, and recognised by their bytes."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pytest
import yaml

from pacte_eval.definitions.errors import InputError
from pacte_eval.tables.checks import check_table
from pacte_eval.tables.contract import columns
from pacte_eval.tables.fingerprint import fingerprint_of
from pacte_eval.tables.source import open_source

Rows = list[dict[str, Any]]


def rows(count: int = 3) -> dict[str, Rows]:
    return {
        "registrations": [
            {"person": f"p{i}", "start": date(2018, 1, 1), "end": date(2018, 12, 31)}
            for i in range(count)
        ],
        "trainings": [
            {"training": f"f{i}", "person": f"p{i}", "start": date(2018, 6, 1)}
            for i in range(count)
        ],
        "contracts": [
            {"contract": f"c{i}", "person": f"p{i}", "start": date(2017, 6, 1)}
            for i in range(count)
        ],
    }


def test_a_sound_source_opens(write_source: Any) -> None:
    source = open_source(write_source(**rows()))
    assert source.nature == "synthetic"
    assert set(source.tables) == {"registrations", "trainings", "contracts"}
    assert list(source.losses["duplicates"]) == [0, 0, 0]
    assert source.coverage["contracts"] == (date(2017, 1, 1), date(2023, 6, 30))


def test_exact_duplicates_are_removed_and_counted(write_source: Any) -> None:
    tables = rows()
    tables["contracts"] += [tables["contracts"][0], tables["contracts"][0]]
    tables["registrations"].append(tables["registrations"][1])
    tables["trainings"].append(tables["trainings"][0] | {"training": "another"})
    source = open_source(write_source(**tables))
    assert list(source.losses["duplicates"]) == [1, 0, 2]
    counts = {name: int(table.count().execute()) for name, table in source.tables.items()}
    assert counts == {"registrations": 3, "trainings": 4, "contracts": 3}


def test_certifications_are_optional_but_checked(write_source: Any) -> None:
    tables = rows() | {"certifications": [{"training": "f0", "status": "reussie"}]}
    with pytest.raises(
        InputError, match=r"certifications\.parquet: column 'status': fewer than 11 rows "
    ):
        open_source(write_source(**tables))


def test_the_fingerprint_is_of_bytes_not_of_times(write_source: Any) -> None:
    folder = write_source(**rows())
    first = open_source(folder).fingerprint
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    assert open_source(folder).fingerprint == first
    described = yaml.safe_load((folder / "source.yml").read_text(encoding="utf-8"))
    (folder / "source.yml").write_text(
        yaml.safe_dump(described | {"label": "Autre"}), encoding="utf-8"
    )
    assert open_source(folder).fingerprint != first


def test_one_byte_changes_the_fingerprint(tmp_path: Path) -> None:
    one, other = tmp_path / "a.csv", tmp_path / "b.csv"
    one.write_bytes(b"1;2\n")
    other.write_bytes(b"3;4\n")
    first = fingerprint_of([one, other])
    assert fingerprint_of([other, one]) == first, "whatever the order"
    other.write_bytes(b"3;5\n")
    changed = fingerprint_of([one, other])
    other.rename(tmp_path / "c.csv")
    assert len({first, changed, fingerprint_of([one, tmp_path / "c.csv"])}) == 3


def test_coverage_of_required_tables_is_declared(write_source: Any) -> None:
    folder = write_source(**rows())
    described = yaml.safe_load((folder / "source.yml").read_text(encoding="utf-8"))
    del described["coverage"]["trainings"]
    (folder / "source.yml").write_text(yaml.safe_dump(described), encoding="utf-8")
    with pytest.raises(InputError, match="coverage dates of trainings are missing"):
        open_source(folder)


def test_a_source_without_description(write_source: Any) -> None:
    folder = write_source(**rows())
    (folder / "source.yml").unlink()
    with pytest.raises(InputError, match=r"source\.yml: no such file"):
        open_source(folder)


BREACHES = [
    ("category", "X", "an unknown code"),
    ("sex", "H", "an unknown code"),
    ("rome", "Z1304", "does not follow the pattern"),
    ("rome", "K13045", "does not follow the pattern"),
    ("commune", "2C001", "does not follow the pattern"),
    ("children", 21, "over 20"),
    ("children", -1, "under 0"),
    ("experience_months", 721, "over 720"),
    ("person", None, "requires one"),
    ("start", None, "requires one"),
    ("end", date(2017, 12, 31), "before the start"),
]


@pytest.mark.parametrize(("column", "value", "words"), BREACHES)
@pytest.mark.parametrize("count", [4, 12])
def test_every_breach_is_counted(
    write_source: Any, column: str, value: Any, words: str, count: int
) -> None:
    tables = rows(20)
    for row in tables["registrations"][:count]:
        row[column] = value
    path = write_source(**tables) / "registrations.parquet"
    with pytest.raises(InputError) as caught:
        check_table(ibis.duckdb.connect().read_parquet(str(path)), "registrations", path)
    said = "fewer than 11 rows with" if count == 4 else "12 rows with"
    assert str(caught.value).startswith(f"{path}: column '{column}': {said} ")
    assert words in str(caught.value)


SOUND = [("commune", "2A004"), ("end", date(2018, 1, 1)), ("children", 20), ("sex", None)]


@pytest.mark.parametrize(("column", "value"), SOUND)
def test_what_the_contract_allows(write_source: Any, column: str, value: Any) -> None:
    tables = rows()
    tables["registrations"][0][column] = value
    path = write_source(**tables) / "registrations.parquet"
    table = ibis.duckdb.connect().read_parquet(str(path))
    checked = check_table(table, "registrations", path)
    assert checked.table.columns == tuple(columns("registrations"))


def test_columns_beyond_the_contract_are_left_aside(write_source: Any) -> None:
    path = write_source(**rows()) / "contracts.parquet"
    table = ibis.duckdb.connect().read_parquet(str(path)).mutate(name=ibis.literal("x"))
    assert "name" not in check_table(table, "contracts", path).table.columns
