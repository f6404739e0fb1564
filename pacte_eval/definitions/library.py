"""Where the shipped library lies: the cohort, study and report sources that come with the toolkit.

One source serves twice: the repository's top-level folders in a checkout, and their copy
`pacte_eval/library` in an installed wheel.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from pacte_eval.definitions.errors import InputError

PROJECT_FOLDERS = ("cohorts", "studies", "reports")
PROJECT_FILES = ("_quarto.yml", "index.qmd")


def shipped_library() -> Path:
    """The folder that holds `cohorts/`, `studies/` and `reports/` as shipped."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "library"
    return installed if installed.is_dir() else package.parent


def write_project(folder: Path) -> None:
    """Copy the shipped cohorts, studies and report sources to a new project.

    Raises
    ------
    InputError
        If the folder holds something already, or cannot be written; nothing is left half-written.
    """
    if folder.is_file():
        raise InputError(f"{folder} is a file: give a new folder")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty: give a new folder")
    shipped = shipped_library()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            made = Path(scratch) / "project"
            for name in PROJECT_FOLDERS:
                shutil.copytree(shipped / name, made / name)
            for name in PROJECT_FILES:
                shutil.copy(shipped / name, made / name)
            if folder.exists():
                folder.rmdir()
            made.rename(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from error
