"""The doctor says what is missing, for which command, and what to do about it."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from pacte_eval import doctor

STUDIES = {"pacte run", "pacte verify"}
REPORTS = {"pacte report, HTML", "pacte report, docx", "pacte report, PDF"}


@pytest.fixture
def empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder where programs are looked for."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(doctor, "POSTGRESQL", tmp_path / "nowhere")
    return folder


def not_ready(findings: list[doctor.Finding]) -> set[str]:
    return {one.subject for one in findings if one.section == "commands" and not one.ready}


def without(monkeypatch: pytest.MonkeyPatch, distribution: str) -> None:
    installed = metadata.version

    def version(name: str) -> str:
        if name == distribution:
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", version)


def program(folder: Path, name: str, answer: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{answer}'\n")
    file.chmod(0o755)


def programs(folder: Path) -> None:
    program(folder, "quarto", "1.10.19")
    for name in ("chromium", "initdb", "java"):
        program(folder, name, "never asked")


def test_locked_environment_lacks_only_outside_programs(tmp_path: Path, empty_path: Path) -> None:
    findings = doctor.report(tmp_path)
    lacking = {"quarto render", "make test-browser", "make test-postgres", "make test-spark"}
    assert not_ready(findings) == lacking
    programs = {"quarto", "chromium", "postgresql", "java"}
    assert {one.subject for one in findings if one.remedy} == programs | lacking


def test_programs_found_make_their_commands_ready(tmp_path: Path, empty_path: Path) -> None:
    programs(empty_path)
    findings = doctor.report(tmp_path)
    assert not_ready(findings) == set()
    (quarto,) = [one for one in findings if one.subject == "quarto"]
    assert quarto.found == f"1.10.19, {empty_path}/quarto"


@pytest.mark.parametrize(
    ("distribution", "stopped"),
    [
        ("typst", {"pacte report, PDF"}),
        ("matplotlib", REPORTS | {"quarto render", "pacte check"}),
        ("duckdb", STUDIES | {"pacte simulate", "pacte adapt", "pacte check", "pacte cohort"}),
        ("pyreadstat", {"pacte adapt"}),
        ("causaldata", STUDIES),
    ],
)
def test_missing_library_stops_the_commands_that_need_it(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    empty_path: Path,
    distribution: str,
    stopped: set[str],
) -> None:
    programs(empty_path)
    without(monkeypatch, distribution)
    findings = doctor.report(tmp_path)
    assert not_ready(findings) == stopped
    for one in findings:
        if one.subject in stopped:
            assert distribution in one.remedy


def test_missing_folder_stops_what_writes_there(tmp_path: Path) -> None:
    findings = doctor.report(tmp_path / "nowhere")
    assert REPORTS | {"pacte simulate", "pacte run"} <= not_ready(findings)
    (folder,) = [one for one in findings if one.subject == "project folder"]
    assert str(tmp_path / "nowhere") in folder.remedy


def test_text_is_aligned_and_shows_every_remedy(tmp_path: Path, empty_path: Path) -> None:
    findings = doctor.report(tmp_path)
    lines = doctor.as_text(findings).splitlines()
    for one in findings:
        (column,) = {
            line.index(one.found)
            for line in lines
            if line.startswith(f"  {one.subject} ") and one.found in line
        }
        assert column == max(len(other.subject) for other in findings) + 4
        if one.remedy:
            assert any(line.strip() == f"-> {one.remedy}" for line in lines)
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "machine",
        "libraries",
        "commands",
    ]


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pacte_eval import doctor;"
        "doctor.report(Path(sys.argv[1]));"
        "print(sorted({'pandas', 'numpy', 'ibis', 'matplotlib', 'econml'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
