"""Result sets read back as they were written, are valid data packages, and change whole or not."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import frictionless
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.results import Profile, ProtectedTable, ResultSet, protect, write_result_set
from pacte_eval.results.provenance import provenance
from pacte_eval.results.schemas import BENCHMARK, CELLS, EFFECTS


def tables() -> dict[str, ProtectedTable]:
    effects = pd.DataFrame(
        {
            "cell": ["region", "qpv", "region"],
            "comparison": "contre-attente",
            "outcome": "emploi",
            "unit": "points",
            "estimator": "principal",
            "contrast": "niveau",
            "reference": "",
            "estimand": "now-vs-wait",
            "month": [24, 24, -3],
            "matched": [False, False, True],
            "estimate": [0.1, 0.05, 0.0],
            "se": [1 / 3, 0.1, np.nan],
            "p": [1e-12, 0.4, np.nan],
            "n_treated": [500, 7, 500],
            "n_lost": 0,
            "n_control": [2000, 21, 2000],
        }
    )
    cells = pd.DataFrame(
        {
            "cell": ["region", "qpv"],
            "kind": ["region", "public"],
            "label": ["Provence-Alpes-Côte d'Azur", 'Résidents, d\'un "quartier" | prioritaire'],
            "n_treated": [500, 7],
            "reliable": [True, False],
        }
    )
    return {"effects": protect(effects, EFFECTS), "cells": protect(cells, CELLS)}


def write(folder: Path, **changes: Any) -> Path:
    settings: dict[str, Any] = {
        "definitions": {"study.yml": "id: essai\n"},
        "provenance": {"seeds": {"cohort": 2019}},
        "run_log": {"started": "2026-11-23T14:00:00"},
        "title": "Étude d'essai",
        "nature": "synthetic",
    }
    return write_result_set(folder, tables(), **(settings | changes))


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    results = ResultSet.open(write(tmp_path / "r"))
    assert results.title == "Étude d'essai"
    assert results.nature == "synthetic"
    assert results.definitions == {"study.yml": "id: essai\n"}
    assert results.provenance == {"seeds": {"cohort": 2019}}
    for name, table in tables().items():
        read = results.table(name)
        expected = table.frame
        if name == "effects":
            assert read.frame["se"].dropna().tolist() == [0.3333333333]
            expected["se"] = read.frame["se"]
        pd.testing.assert_frame_equal(read.frame, expected)
        assert read.schema.columns == table.schema.columns
        assert read.profile == Profile()
    assert results.table("effects").withheld.to_numpy().sum() > 0


def test_identical_inputs_give_identical_bytes(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a"), write(tmp_path / "b", run_log={"started": "later"})
    left, right = content(first), content(second)
    assert left.pop("run-log.json") != right.pop("run-log.json")
    assert left == right


def test_a_set_read_and_written_again_is_the_same(tmp_path: Path) -> None:
    results = ResultSet.open(write(tmp_path / "a"))
    again = write_result_set(
        tmp_path / "b",
        results.tables,
        definitions=results.definitions,
        provenance=results.provenance,
        run_log=results.run_log,
        title=results.title,
        nature=results.nature,
    )
    assert content(again) == content(tmp_path / "a")


def test_frictionless_validates_the_package(tmp_path: Path) -> None:
    folder = write(tmp_path / "r")
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.valid, report.flatten(["fieldName", "rowNumber", "note"])
    assert report.stats["tasks"] == 2


@pytest.mark.parametrize(
    ("nature", "label"),
    [
        ("synthetic", "Données synthétiques"),
        ("public", "Données publiques"),
        ("confidential", "Données confidentielles"),
    ],
)
def test_every_table_and_the_title_say_what_the_data_are(
    tmp_path: Path, nature: str, label: str
) -> None:
    folder = write(tmp_path / "r", nature=nature)
    for name in tables():
        assert (pd.read_csv(folder / f"{name}.csv")["donnees"] == label).all()
    assert label in json.loads((folder / "datapackage.json").read_text("utf-8"))["title"]


def test_numbers_are_plain_and_short(tmp_path: Path) -> None:
    text = (write(tmp_path / "r") / "effects.csv").read_text("utf-8")
    assert "0.3333333333," in text
    assert "\r" not in text
    assert ",true," in text
    assert "True" not in text


def test_no_suppressed_value_is_written(tmp_path: Path) -> None:
    lines = (write(tmp_path / "r") / "effects.csv").read_text("utf-8").splitlines()
    small = next(line for line in lines if line.startswith("qpv"))
    assert not {"0.05", "0.4", "7", "21"} & set(small.split(","))


@given(
    labels=st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(
            lambda text: text.strip() == text
        ),
        min_size=1,
        max_size=5,
        unique=True,
    ),
    number=st.floats(allow_nan=False, allow_infinity=False, width=32),
)
@settings(max_examples=25, deadline=None)
def test_any_text_and_number_survive(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], number: float
) -> None:
    frame = pd.DataFrame(
        {"source": labels, "estimate": number, "n_treated": 100, "n_control": 200, "n_lost": 0}
    )
    folder = tmp_path_factory.mktemp("any") / "r"
    write_result_set(
        folder,
        {"benchmark": protect(frame, BENCHMARK)},
        definitions={},
        provenance={},
        run_log={},
        title="Étude",
        nature="public",
    )
    read = ResultSet.open(folder).table("benchmark").frame
    assert read["source"].tolist() == sorted(labels)
    assert read["estimate"].astype(float).to_numpy() == pytest.approx(number, rel=1e-9, abs=0)


def test_a_new_set_replaces_the_old_one_whole(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", definitions={"old.yml": "a: 1\n"})
    write(folder, definitions={"new.yml": "b: 2\n"})
    assert sorted(path.name for path in (folder / "definitions").iterdir()) == ["new.yml"]
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_failed_write_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "r")
    before = content(folder)

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left"):
        write(folder, title="Autre")
    assert content(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_failed_swap_puts_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "r")
    before = content(folder)
    rename = Path.rename

    def fails_for_the_new(self: Path, target: Path) -> Path:
        if self.name.endswith(".new"):
            raise OSError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_for_the_new)
    with pytest.raises(InputError, match="Permission denied"):
        write(folder, title="Autre")
    assert content(folder) == before


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "file" / "r")
    with pytest.raises(InputError, match="is a file"):
        write(tmp_path / "file")


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("x")
    with pytest.raises(InputError, match="something else"):
        write(tmp_path / "photos")
    assert (tmp_path / "photos" / "a.jpg").exists()


def test_a_bare_frame_is_never_written(tmp_path: Path) -> None:
    bare: Any = {"effects": tables()["effects"].frame}
    with pytest.raises(TypeError, match="ProtectedTable"):
        write_result_set(
            tmp_path / "r",
            bare,
            definitions={},
            provenance={},
            run_log={},
            title="x",
            nature="public",
        )
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("name", ["../study.yml", "study.txt", "a/b.yml", ".yml"])
def test_a_definition_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name of a YAML file"):
        write(tmp_path / "r", definitions={name: "a: 1\n"})


def test_opening_what_is_no_result_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a result set"):
        ResultSet.open(tmp_path)
    (tmp_path / "datapackage.json").write_text('{"resources": []}')
    with pytest.raises(InputError, match="not a result set"):
        ResultSet.open(tmp_path)
    (tmp_path / "datapackage.json").write_text("not json")
    with pytest.raises(InputError, match="not a result set"):
        ResultSet.open(tmp_path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "r") / "datapackage.json"
    package = json.loads(path.read_text("utf-8"))
    package["pacte_eval"]["schema_version"] = 0
    path.write_text(json.dumps(package), "utf-8")
    with pytest.raises(InputError, match=r"version 0 .* reads version 1"):
        ResultSet.open(tmp_path / "r")


def test_a_table_touched_by_hand_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "r")
    path = folder / "cells.csv"
    path.write_text(path.read_text("utf-8").replace(",500,", ",501,"), "utf-8")
    with pytest.raises(InputError, match="was changed"):
        ResultSet.open(folder)
    path.unlink()
    with pytest.raises(InputError, match=r"lacks cells\.csv"):
        ResultSet.open(folder)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no table 'truth'"):
        ResultSet.open(write(tmp_path / "r")).table("truth")


def test_a_set_can_be_moved(tmp_path: Path) -> None:
    shutil.move(write(tmp_path / "r"), tmp_path / "elsewhere")
    assert len(ResultSet.open(tmp_path / "elsewhere").table("cells")) == 2


def test_provenance_says_what_made_the_numbers_and_nothing_of_where() -> None:
    record = provenance({"study.yml": "id: a\n"}, "sha256:00", {"cohort": 2019, "bands": 7})
    assert record == provenance({"study.yml": "id: a\n"}, "sha256:00", {"bands": 7, "cohort": 2019})
    assert record != provenance({"study.yml": "id: b\n"}, "sha256:00", {"bands": 7, "cohort": 2019})
    assert record["versions"]["pandas"] == pd.__version__
    text = json.dumps(record)
    assert os.uname().nodename not in text
    assert str(Path.cwd()) not in text
