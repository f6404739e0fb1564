"""From raw extracts to a cohort on the command line: check, cohort, and a person explained."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

from pacte_eval.cli import main
from pacte_eval.definitions.library import write_project


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """Exit code, output and messages of a command."""
    sys.argv = ["pacte", *(str(word) for word in words)]
    capsys.readouterr()
    code = 0
    try:
        main()
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    written = capsys.readouterr()
    return code, written.out, written.err


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("projects") / "mine"
    write_project(folder)
    return folder


@pytest.fixture(scope="module")
def source(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic population that went through ForCE's shape and back."""
    from pacte_eval.definitions.project import Project
    from pacte_eval.synthetic import simulate
    from pacte_eval.synthetic.force import write_force
    from pacte_eval.tables.adapt import adapt

    raw = tmp_path_factory.mktemp("raw") / "extracts"
    write_force(simulate(3_000, 7), raw)
    return adapt(raw, Project(project).mapping("force"), raw.with_name("tables"))


def test_a_cohort_is_shown_with_its_flow_chart(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(
        capsys, "cohort", "primo-entrants", "--source", source, "--project", project
    )
    assert code == 0, err
    assert "memory: about" in err
    assert out.startswith("Premières entrées en formation, 2019 et 2020")
    assert "Données synthétiques" in out
    assert "Condition\u00a0: âge de 16 à 60 ans." in out
    for arm in (
        "Formation certifiante\n",
        "Formation non certifiante\n",
        "En attente de formation",
    ):
        assert arm in out
    assert "sous-main-de-justice\u00a0: Non mesurable" in out
    shown = [word for line in out.splitlines() for word in line.split("  ") if word.strip()]
    counts = [int(word.replace("\u202f", "")) for word in shown if word.strip().isdigit()]
    assert not [count for count in counts if 0 < count < 11]


def test_a_cohort_too_large_for_the_machine_is_refused(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "machine.yml").write_text(f"memory: 300MB\nsource: {source}\n", encoding="utf-8")
    try:
        code, out, err = run(capsys, "cohort", "primo-entrants", "--project", project, "-q")
    finally:
        (project / "machine.yml").unlink()
    assert (code, out) == (2, "")
    assert "memory in machine.yml" in err
    assert len(err.splitlines()) == 1


def test_what_the_source_does_not_hold_is_refused_by_name(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(
        capsys, "cohort", "entrants-2019", "--source", source, "--project", project, "-q"
    )
    assert code == 2
    assert "'heures' needs the column 'monthly_minutes'" in err


def test_a_person_is_explained_on_secret_output_only(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainings = pd.read_parquet(source / "trainings.parquet")
    entered = trainings[trainings["start"].astype(str).str.startswith("2019")]
    person = str(entered["person"].dropna().iloc[0])
    words: list[str | Path] = ["cohort", "primo-entrants", "--source", source, "--project", project]
    code, out, err = run(capsys, *words, "--explain", person)
    assert code == 0, err
    assert person not in out
    assert person not in err
    written = Path(out.strip())
    assert written.parent.name == "secret"
    assert written.stat().st_mode & 0o077 == 0
    told = pd.read_csv(written, sep=";", encoding="utf-8-sig")
    assert list(told.columns) == ["groupe", "date", "écartée par"]
    assert told["groupe"].isin(["certifiante", "non_certifiante", "en_attente"]).all()
    assert len(told) > 0
    code, out, err = run(capsys, *words, "-q", "--explain", "nobody-of-this-name")
    assert code == 2
    assert "nobody-of-this-name" not in err


def test_a_quality_report_is_written_and_rendered(
    project: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "check", "--source", source, "--project", project, "-q")
    assert code == 0, err
    paths = [Path(line) for line in out.split()]
    assert (paths[0] / "datapackage.json").is_file()
    page = next(path for path in paths if path.parts[-3:] == ("qualite", source.name, "index.html"))
    assert "Ce qu’il faut retenir" in page.read_text(encoding="utf-8")


def test_no_tables_are_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "cohort", "primo-entrants", "--project", project)
    assert code == 2
    assert "cohort 'primo-entrants' needs tables" in err
    assert "machine.yml" in err
