"""One small synthetic population, studied and reported once for the tests of this folder."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pacte_eval.cli import main

Pacte = Callable[..., list[str]]
COVARIATES = ["age", "sex", "diploma", "unemployment_duration", "employment_history"]


EVIDENCE = {
    "subgroups": {
        "publics": ["infra-bac", "sous-main-de-justice"],
        "territories": ["ze2010-9310"],
        "crossed": True,
    },
    "negative_controls": [
        {"outcome": "heures", "months": [-6, -1], "because": "Elles précèdent l'entrée."}
    ],
    "blocks": {"Passé d'emploi": ["employment_history"]},
    "plasmode": {"effects": [0.1], "draws": 20},
    "cost": {"unit": 6631, "later": 5361, "source": "Pacte, axe 1"},
}


@pytest.fixture(scope="package")
def pacte() -> Pacte:
    """A function that runs a command that must work and returns the lines it printed."""

    def command(*arguments: str | Path) -> list[str]:
        written = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(written):
            patch.setattr("sys.argv", ["pacte", *map(str, arguments), "--quiet"])
            with pytest.raises(SystemExit) as ended:
                main()
        assert not ended.value.code, ended.value.code
        return written.getvalue().splitlines()

    return command


@pytest.fixture(scope="package")
def project(pacte: Pacte, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as `pacte init` makes it, its cohort adapted to a few thousand people."""
    root = tmp_path_factory.mktemp("de-bout-en-bout") / "projet"
    pacte("init", root)
    cohort, study = root / "cohorts/entrants-2019.yml", root / "studies/certifiante-2019/study.yml"
    declared = yaml.safe_load(cohort.read_text(encoding="utf-8"))
    declared["covariates"] = COVARIATES
    declared["controls"]["per_treated"] = 8
    cohort.write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")
    asked = yaml.safe_load(study.read_text(encoding="utf-8"))
    asked["estimators"]["main"] |= {"neighbours": 2, "exact": ["entry_month", "unemployment_band"]}
    asked["estimators"]["alternatives"] = [
        {"design": "EntropyBalancing"},
        {"effect": "DoublyRobust"},
    ]
    asked |= EVIDENCE
    study.write_text(yaml.safe_dump(asked, allow_unicode=True), encoding="utf-8")
    pacte("simulate", "--people", "3000", "--seed", "7", "--out", root / "tables")
    return root


@pytest.fixture(scope="package")
def results(pacte: Pacte, project: Path) -> Path:
    """The result set of the study on that population."""
    (folder,) = pacte(
        "run", "certifiante-2019", "--source", project / "tables", "--project", project
    )
    return Path(folder)


@pytest.fixture(scope="package")
def site(pacte: Pacte, project: Path, results: Path) -> Path:
    """Its pages, by the embedded renderer."""
    pacte(
        "report",
        "certifiante-2019",
        "--project",
        project,
        "--format",
        "html",
        "--renderer",
        "embedded",
    )
    return project / "_site"


@pytest.fixture(scope="package")
def nsw(pacte: Pacte, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result set of the study on real people."""
    root = tmp_path_factory.mktemp("nsw")
    (folder,) = pacte("run", "nsw-lalonde", "--project", root)
    return Path(folder)
