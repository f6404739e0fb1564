"""A study run again: identical, equal at 1e-9 or different, and never an attempt that is hidden."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from pacte_eval.cli import main
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import write_project
from pacte_eval.definitions.project import Project
from pacte_eval.results import ProtectedTable, ResultSet, protect, write_result_set
from pacte_eval.results.schemas import BENCHMARK, CELLS, OVERLAP
from pacte_eval.studies import run_study, verify
from pacte_eval.studies.protocol import freeze
from pacte_eval.studies.verify import differences, verify_study

STUDY = "nsw-lalonde"
Change = Callable[[pd.DataFrame], Any]


def benchmark(change: Change = lambda _: None) -> ProtectedTable:
    """Three sources; the change is made before the table is protected."""
    frame = pd.DataFrame(
        {
            "source": ["a", "b", "c"],
            "estimate": [1794.342382, 1.0, -3.5e-17],
            "se": [633.0, 0.5, float("nan")],
            "n_treated": 185,
            "n_control": 260,
            "n_lost": 0,
        }
    )
    changed = change(frame)
    return protect(frame if changed is None else changed, BENCHMARK)


def at(row: int, column: str, value: Any) -> Change:
    def change(frame: pd.DataFrame) -> None:
        frame.loc[row, column] = value

    return change


@pytest.mark.parametrize(
    ("change", "rows", "columns"),
    [
        (at(0, "estimate", 1794.342382 * (1 + 9e-10)), 0, ()),
        (at(1, "estimate", 1.000000001), 0, ()),
        (at(2, "estimate", -3.5e-17 * (1 - 5e-10)), 0, ()),
        (at(1, "estimate", 1.000000002), 1, ("estimate",)),
        (at(2, "estimate", 3.5e-17), 0, ()),
        (at(2, "estimate", 3.5e-12), 1, ("estimate",)),
        (at(0, "estimate", float("inf")), 1, ("estimate",)),
        (at(2, "se", 1.0), 1, ("se",)),
        (at(0, "n_control", 261), 1, ("n_control",)),
        (lambda frame: frame.assign(se=frame["se"] + 1, n_treated=190), 3, ("se", "n_treated")),
        (lambda frame: frame.iloc[[0, 2]], 1, ()),
        (at(1, "source", "d"), 2, ()),
        (lambda frame: frame.iloc[[0, 2]].assign(n_treated=190), 3, ("n_treated",)),
    ],
)
def test_rows_and_columns_that_differ(change: Change, rows: int, columns: tuple[str, ...]) -> None:
    for left, right in ((benchmark(), benchmark(change)), (benchmark(change), benchmark())):
        found, names = differences(left, right)
        assert found == rows
        assert sorted(names) == sorted(columns)


def test_rows_pair_by_keys_that_are_numbers_equal_at_the_tolerance() -> None:
    def overlap(shift: float) -> ProtectedTable:
        bins = {"bin_low": [0.1 + shift, 0.2], "bin_high": [0.2, 0.3]}
        counts = {"n_treated": 50, "n_control": [60, 70]}
        asked = {"cell": "region", "comparison": "c", "design": "niveau"}
        return protect(pd.DataFrame(asked | bins | counts), OVERLAP)

    assert differences(overlap(0), overlap(5e-11)) == (0, ())
    assert differences(overlap(0), overlap(1e-3)) == (2, ())


def test_a_column_of_one_side_only_is_named() -> None:
    cells = protect(
        pd.DataFrame(
            {"cell": ["region"], "kind": "region", "label": "x", "n_treated": 50, "reliable": True}
        ),
        CELLS,
    )
    rows, columns = differences(cells, benchmark())
    assert rows == 3
    assert {"cell", "estimate"} <= set(columns)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    write_project(tmp_path / "etude")
    return Project(tmp_path / "etude")


@pytest.fixture
def standing(project: Project, nsw: Path) -> Path:
    """The result set of the study, in a project where it may be changed."""
    folder = project.root / "results" / STUDY / nsw.parent.name / "interne"
    shutil.copytree(nsw, folder)
    return folder


def rewritten(folder: Path, source: Path, **changes: Any) -> Path:
    """A result set written anew with changes."""
    results = ResultSet.open(source)
    kept = {
        "definitions": results.definitions,
        "provenance": results.provenance,
        "run_log": results.run_log,
        "title": results.title,
        "nature": results.nature,
    }
    tables = changes.pop("tables", results.tables)
    return write_result_set(folder, tables, **(kept | changes))


@pytest.fixture
def rerun(monkeypatch: pytest.MonkeyPatch, nsw: Path) -> list[Path]:
    """The rerun gives the result set of the fixture `nsw`; the scratch folders it was given."""
    scratch: list[Path] = []

    def run(_: Any, study: str, __: Any, out: Path, *___: Any, **____: Any) -> Path:
        scratch.append(out)
        return Path(shutil.copytree(nsw, out / study / nsw.parent.name / "interne"))

    monkeypatch.setattr(verify, "run_study", run)
    return scratch


def status(verification: verify.Verification) -> dict[str, str]:
    return {table.name: table.status for table in verification.tables}


def test_the_rerun_is_beside_the_results_and_leaves_nothing(
    project: Project, standing: Path, rerun: list[Path]
) -> None:
    before = sorted(project.root.rglob("*"))
    verification = verify_study(project, STUDY)
    assert verification.same
    assert verification.results == standing
    assert set(status(verification).values()) == {"identical (bytes)"}
    assert not any(verification.made_from.values())
    assert [path.parent for path in rerun] == [project.root / "results"]
    assert sorted(project.root.rglob("*")) == before


def test_tables_that_differ_are_told_without_values(
    project: Project, standing: Path, rerun: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    tables = dict(ResultSet.open(standing).tables)
    del tables["cells"]
    tables["autre"] = benchmark()
    tables["benchmark"] = benchmark()
    rewritten(standing, standing, tables=tables)
    verification = verify_study(project, STUDY)
    assert not verification.same
    found = status(verification)
    assert found["cells"] == "only in the rerun"
    assert found["autre"] == "only in the result set"
    assert found["benchmark"] == "different"
    assert found["effects"] == "identical (bytes)"
    verify.print_verification(verification)
    shown = capsys.readouterr().out
    assert "3 of " in shown
    assert "1794" not in shown


def test_numbers_of_another_environment_are_equal(
    project: Project, standing: Path, rerun: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    results = ResultSet.open(standing)
    table = results.tables["balance"]
    object.__setattr__(table, "_frame", nudged(table.frame, "smd_before"))
    elsewhere = {
        **results.provenance,
        "processor": "riscv64",
        "versions": results.provenance["versions"] | {"scipy": "0.1"},
    }
    rewritten(standing, standing, tables=dict(results.tables), provenance=elsewhere)
    verification = verify_study(project, STUDY)
    assert verification.same
    assert status(verification)["balance"] == "equal at 1e-9"
    changed = verification.made_from
    assert [what for what in changed if changed[what]] == ["environment"]
    assert len(changed["environment"]) == 2
    assert changed["environment"][0].startswith("scipy (0.1 → ")
    assert "across two environments" in verification.sentence
    verify.print_verification(verification)
    assert "riscv64" in capsys.readouterr().out


def test_zeros_that_differ_by_rounding_are_equal(standing: Path) -> None:
    table = ResultSet.open(standing).table("balance")
    other = ResultSet.open(standing).table("balance")
    for one, value in ((table, 3e-14), (other, -2e-15)):
        object.__setattr__(one, "_frame", one.frame.assign(smd_after=value))
    assert verify.differences(table, other) == (0, ())
    object.__setattr__(other, "_frame", other.frame.assign(smd_after=1e-9))
    assert verify.differences(table, other) == (len(table), ("smd_after",))


def nudged(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """A number of the column, where it is known, at nine tenths of the tolerance from itself."""
    known = frame[column].notna() & (frame[column] != 0)
    first = known & (known.cumsum() == 1)
    return frame.assign(**{column: frame[column].mask(first, frame[column] * (1 + 9e-10))})


def test_what_it_was_made_from_is_told(project: Project, standing: Path, rerun: list[Path]) -> None:
    provenance = ResultSet.open(standing).provenance
    other = {
        **provenance,
        "definitions": provenance["definitions"] | {"study.yml": "0"},
        "data": "0",
        "seeds": {"controls": 1},
    }
    rewritten(standing, standing, provenance=other)
    made_from = verify_study(project, STUDY).made_from
    assert made_from["definitions"] == ("study.yml",)
    assert made_from["data"] == ("fingerprint",)
    assert made_from["seeds"] == ("controls",)
    assert made_from["protocol"] == made_from["environment"] == ()


def pacte(*words: str | Path) -> int:
    sys.argv = ["pacte", *map(str, words)]
    try:
        main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def test_exit_codes(
    project: Project, standing: Path, rerun: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("verify", STUDY, "-q", "--project", project.root)
    assert pacte(*command) == 0
    rewritten(standing, standing, tables={"benchmark": benchmark()})
    assert pacte(*command) == 1
    (standing / "benchmark.csv").write_text("a\n", encoding="utf-8")
    capsys.readouterr()
    assert pacte(*command) == 2
    assert "changed after the study wrote it" in capsys.readouterr().err
    shutil.rmtree(standing)
    assert pacte(*command) == 2
    assert "pacte run nsw-lalonde" in capsys.readouterr().err
    assert len(rerun) == 2


def test_a_real_rerun_is_identical(project: Project, standing: Path) -> None:
    verification = verify_study(project, STUDY)
    assert set(status(verification).values()) == {"identical (bytes)"}
    assert not any(verification.made_from.values())
    assert [path.name for path in (project.root / "results").iterdir()] == [STUDY]


@pytest.fixture
def confidential(project: Project) -> Callable[[str, str, object], None]:
    """The study on data declared confidential, its protocol frozen; edits a declaration."""

    def edit(file: str, key: str, value: object) -> None:
        path = project.root / "studies" / STUDY / file
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        path.write_text(
            yaml.safe_dump(content | {key: value}, allow_unicode=True), encoding="utf-8"
        )

    edit("persons.yml", "nature", "confidential")
    freeze(project, STUDY, today=date(2026, 1, 15))
    return edit


def attempts(project: Project) -> int:
    path = project.root / "studies" / STUDY / "journal.yml"
    return len(yaml.safe_load(path.read_text(encoding="utf-8"))) if path.exists() else 0


@pytest.mark.slow
def test_a_verification_is_no_attempt_and_hides_none(
    project: Project, confidential: Callable[[str, str, object], None]
) -> None:
    folder = run_study(project, STUDY)
    assert attempts(project) == 1
    assert "effects" not in ResultSet.open(folder).tables
    verification = verify_study(project, STUDY)
    assert set(status(verification).values()) == {"identical (bytes)"}
    assert attempts(project) == 1

    said: list[str] = []
    provenance = ResultSet.open(folder).provenance
    rewritten(folder, folder, provenance={**provenance, "data": "0"})
    with pytest.raises(InputError, match=r"the data;.*new attempt.*pacte run"):
        verify_study(project, STUDY, progress=said.append)
    assert not [line for line in said if "scellé" in line]
    assert attempts(project) == 1
    assert [path.name for path in (project.root / "results").iterdir()] == [STUDY]


def test_another_design_on_confidential_data_is_refused_before_it_is_run(
    project: Project,
    standing: Path,
    rerun: list[Path],
    confidential: Callable[[str, str, object], None],
) -> None:
    rewritten(standing, standing, nature="confidential")
    with pytest.raises(InputError, match=r"persons\.yml, protocol\.yml; on confidential"):
        verify_study(project, STUDY)
    assert rerun == []


@pytest.mark.slow
def test_data_that_became_confidential_are_a_new_attempt(
    project: Project, standing: Path, confidential: Callable[[str, str, object], None]
) -> None:
    with pytest.raises(InputError, match="the nature of the data; on confidential"):
        verify_study(project, STUDY)
    assert attempts(project) == 0
