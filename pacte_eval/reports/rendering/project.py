"""The project folder: `_quarto.yml`, its pages, its pre-render step."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering.subset import read_keys


@dataclass(frozen=True)
class Project:
    """A folder holding `_quarto.yml`, read and checked."""

    root: Path
    config: dict[str, Any]

    def name(self, path: Path) -> str:
        """The path from the root, as messages give it."""
        return path.relative_to(self.root).as_posix()

    def resolve(self, target: str, folder: Path, where: str) -> Path:
        """The file that a source in `folder` calls `target`; a leading slash is the root."""
        start = self.root if target.startswith("/") else folder
        path = (start / target.lstrip("/")).resolve()
        if not path.is_file() or not path.is_relative_to(self.root):
            raise InputError(f"{where}: {target} does not exist in the project")
        return path

    def declared(self, settings: dict[str, Any], key: str) -> Path | None:
        """The file that a key of `_quarto.yml` names, if it does."""
        return self.resolve(settings[key], self.root, "_quarto.yml") if key in settings else None

    def settings(self, header: dict[str, Any], output: str) -> dict[str, Any]:
        """Everything declared for a page in one of Quarto's formats; the page's header wins."""
        return {**self.config, **self.config.get("format", {}).get(output, {}), **header}

    def pages(self, chosen: Sequence[Path] | None) -> list[Path]:
        """The pages chosen, or all that `project.render` names, sorted."""
        if chosen is None:
            patterns = self.config.get("project", {}).get("render", [])
            return sorted({path for pattern in patterns for path in self.root.glob(pattern)})
        paths = [(self.root / page).resolve() for page in chosen]
        for path in paths:
            if not path.is_file() or not path.is_relative_to(self.root):
                raise InputError(f"{path}: no such page in {self.root}")
        return paths

    def pre_render(self) -> None:
        """Run the command of `project.pre-render` in the project, without a shell."""
        command = self.config.get("project", {}).get("pre-render")
        if not command:
            return
        program, *arguments = shlex.split(command)
        words = [sys.executable if program == "python" else program, *arguments]
        try:
            done = subprocess.run(words, cwd=self.root, capture_output=True, text=True)
        except OSError as error:
            raise InputError(f"_quarto.yml: pre-render '{command}': {error.strerror}") from error
        if done.returncode:
            last = " ".join(done.stderr.strip().splitlines()[-1:])
            at = f"_quarto.yml: pre-render '{command}'"
            raise InputError(f"{at} stopped with code {done.returncode}: {last}")


def read_project(root: Path) -> Project:
    """Read and check `_quarto.yml`."""
    file = root.resolve() / "_quarto.yml"
    if not file.is_file():
        raise InputError(f"{root} has no _quarto.yml: give the folder of a Quarto project")
    config = read_keys(file.read_text("utf-8"), "project", "key", file.name)
    for entry in config.get("website", {}).get("navbar", {}).get("left", []):
        if not isinstance(entry, dict) or set(entry) != {"href", "text"}:
            raise InputError(f"{file.name}: each entry of website.navbar.left has href and text")
    return Project(root.resolve(), config)
