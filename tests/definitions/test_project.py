"""A project's own definitions come before those shipped, by identifier."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library, write_project
from pacte_eval.definitions.project import Project

PUBLIC = "cohorts/publics/infra-bac.yml"


def own(root: Path, relative: str, text: str) -> Path:
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_definitions_serve_an_empty_project(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.study("certifiante-2019").cohort == "entrants-2019"
    assert project.cohort("entrants-2019").window.after == 36
    assert project.public("infra-bac").label == "Personnes de niveau inférieur au bac"
    assert project.persons("nsw-lalonde", "persons.yml").id == "nsw-cps"
    assert not project.overrides(PUBLIC)


def test_the_project_s_own_file_comes_first(tmp_path: Path) -> None:
    shipped = (shipped_library() / PUBLIC).read_text(encoding="utf-8")
    own(tmp_path, PUBLIC, shipped.replace("inférieur au bac", "inférieur au CAP"))
    project = Project(tmp_path)
    assert project.public("infra-bac").label == "Personnes de niveau inférieur au CAP"
    assert project.path(PUBLIC) == tmp_path / PUBLIC
    assert project.overrides(PUBLIC)
    assert project.folder_of(PUBLIC) == tmp_path / "cohorts/publics"
    assert not Project(shipped_library()).overrides(PUBLIC)


def test_a_definition_of_the_project_alone(tmp_path: Path) -> None:
    own(
        tmp_path,
        "cohorts/publics/au-rsa.yml",
        "id: au-rsa\nlabel: RSA\ndescription: x\nwhere: [{column: rsa, is: true}]\n",
    )
    project = Project(tmp_path)
    assert project.public("au-rsa").columns == {"rsa"}
    assert not project.overrides("cohorts/publics/au-rsa.yml")
    with pytest.raises(InputError, match="did you mean 'au-rsa'"):
        project.public("au-rsaa")


@pytest.mark.parametrize(
    ("kind", "asked", "expected"),
    [
        ("study", "certifiante", "did you mean 'certifiante-2019'"),
        ("cohort", "entrants-2020", "did you mean 'entrants-2019'"),
        ("public", "infrabac", "did you mean 'infra-bac'"),
        ("study", "zzz", "known: certifiante-2019, nsw-lalonde"),
    ],
)
def test_an_unknown_identifier(tmp_path: Path, kind: str, asked: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        getattr(Project(tmp_path), kind)(asked)
    assert f"'{asked}'" in str(caught.value)
    assert expected in str(caught.value)


def test_an_identifier_is_the_name_of_its_file(tmp_path: Path) -> None:
    shipped = (shipped_library() / PUBLIC).read_text(encoding="utf-8")
    own(tmp_path, "cohorts/publics/autre.yml", shipped)
    with pytest.raises(InputError, match=r"autre\.yml: its id is not 'autre'"):
        Project(tmp_path).public("autre")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with pytest.raises(InputError, match=r"absent\.yml: no such file"):
        project.persons("nsw-lalonde", "absent.yml")
    with pytest.raises(InputError, match="no such file"):
        project.folder_of("studies/absent/study.yml")
    assert project.path("studies/absent/study.yml") is None


def test_a_new_project_holds_the_library(tmp_path: Path) -> None:
    folder = tmp_path / "ici" / "etude"
    write_project(folder)
    for name in ("cohorts", "studies", "reports"):
        shipped = {p.relative_to(shipped_library()) for p in (shipped_library() / name).rglob("*")}
        assert {p.relative_to(folder) for p in (folder / name).rglob("*")} == shipped
    assert Project(folder).overrides(PUBLIC)
    with pytest.raises(InputError, match="not empty"):
        write_project(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["etude"]


def test_an_empty_folder_becomes_a_project(tmp_path: Path) -> None:
    (tmp_path / "vide").mkdir()
    write_project(tmp_path / "vide")
    assert (tmp_path / "vide" / "_quarto.yml").is_file()
