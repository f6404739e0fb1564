"""A project folder as Quarto knows it, with the house's theme, where a test may change it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pacte_eval.reports.rendering import Format, render

HERE = Path(__file__).parent
THEME = HERE.parents[2] / "reports" / "theme"

RenderText = Callable[..., str]


def copy_project(folder: Path) -> Path:
    project = folder / "project"
    shutil.copytree(HERE / "project", project)
    shutil.copytree(THEME, project / "reports" / "theme")
    return project


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("sample"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path)


@pytest.fixture
def render_text(project: Path, tmp_path: Path) -> RenderText:
    """Render the text of a page, header line included, and return its HTML."""

    def run(body: str, header: str = "title: Essai", output: Format = "html") -> str:
        page = project / "essai.qmd"
        page.write_text(f"---\n{header}\n---\n\n{body}\n", encoding="utf-8")
        [made] = render(page, project=project, formats=[output], out=tmp_path / "out")
        return made.read_text(encoding="utf-8") if output == "html" else str(made)

    return run
