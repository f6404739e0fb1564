"""Rendering a study: its stubs are written, then Quarto or the embedded renderer makes pages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.reports.rendering import Format, render
from pacte_eval.reports.stubs import result_folders, stubs_of, write_contract_page, write_stubs

SITE, CONFIGURATION = "_site", "_quarto.yml"
HOME = Path("index.qmd")
QUARTO_NAMES = {"html": "html", "docx": "docx", "pdf": "typst"}
Progress = Callable[[str], None]
Job = tuple[Path, Sequence[Format]]


def render_study(
    project: Path,
    study: str,
    *,
    source: str = "*",
    formats: Sequence[Format],
    cells: Sequence[str] = (),
    renderer: Literal["quarto", "embedded"] | None = None,
    progress: Progress = lambda _: None,
) -> list[Path]:
    """Render the pages of a study, that of the tables' contract, and the home page.

    Parameters
    ----------
    project : Path
        Folder with ``_quarto.yml``, ``reports/`` and ``results/``.
    study, source : str
        Which result set; the source may be left out where there is one.
    formats : sequence of {"html", "docx", "pdf"}
    cells : sequence of str
        Only the pages of these publics and territories; every page by default.
    renderer : {"quarto", "embedded"}, optional
        Quarto where the program is installed, else the embedded renderer.

    Returns
    -------
    list of Path
        The files written, the home page last.

    Raises
    ------
    InputError
        If the study was not run, or on several sources, or a cell is none of the study's.
    """
    folder = _result_folder(project, study, source)
    stubs = stubs_of(project, folder)
    unknown = sorted(set(cells) - {stub.cell for stub in stubs})
    if unknown:
        known = [stub.cell for stub in stubs]
        raise InputError(
            f"study '{study}' has no page '{unknown[0]}': {nearest(unknown[0], known)}"
        )
    chosen = [stub for stub in stubs if not cells or stub.cell in cells]
    if renderer == "quarto" and shutil.which("quarto") is None:
        raise InputError("the program quarto is not on the PATH: leave --renderer out")
    if not (project / CONFIGURATION).is_file():
        raise InputError(f"{project / CONFIGURATION}: no such file; pacte init makes one")
    try:
        write_stubs(project, chosen)
        jobs: list[Job] = [(stub.path, formats) for stub in chosen]
        jobs += [(page, ["html"]) for page in (*write_contract_page(project), HOME)]
        if renderer == "quarto" or (renderer is None and shutil.which("quarto")):
            return _by_quarto(project, jobs, progress)
        return _embedded(project, jobs, progress)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be written ({error.strerror})") from error


def _embedded(project: Path, jobs: Sequence[Job], progress: Progress) -> list[Path]:
    """Render pages whose sources are written, the cells of each once for all its formats."""
    return [
        written
        for page, wanted in jobs
        for written in render(
            page, project=project, formats=wanted, out=project / SITE, progress=progress
        )
    ]


def _result_folder(project: Path, study: str, source: str) -> Path:
    found = result_folders(project, study, source)
    if not found:
        ran = sorted({folder.parts[-3] for folder in result_folders(project)})
        if study in ran:
            sources = [folder.parts[-2] for folder in result_folders(project, study)]
            raise InputError(
                f"study '{study}' was not run on '{source}': {nearest(source, sources)}"
            )
        hint = f" ({nearest(study, ran)})" if ran else ""
        raise InputError(
            f"no results of study '{study}' in {project / 'results'}{hint}: run it first"
        )
    if len(found) > 1:
        names = ", ".join(folder.parts[-2] for folder in found)
        raise InputError(
            f"study '{study}' was run on several sources: give --source, one of {names}"
        )
    return found[0]


def _by_quarto(project: Path, jobs: Sequence[Job], progress: Progress) -> list[Path]:
    """Let the Quarto program render the same sources, with this Python."""
    written = []
    for page, form in [(page, form) for page, formats in jobs for form in formats]:
        progress(f"{page} ({form})")
        done = subprocess.run(
            ["quarto", "render", str(page), "--to", QUARTO_NAMES[form]],
            cwd=project,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise InputError(f"{page}: quarto stopped: {last}")
        written.append(project / SITE / page.with_suffix(f".{form}"))
    return written


def _environment() -> dict[str, str]:
    return {**os.environ, "QUARTO_PYTHON": sys.executable}
