"""The project folder: `_quarto.yml`, its pages, its pre-render step, the settings of a page.

Settings are merged as Quarto does: project, its format, page, its format, the last winning.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering.subset import SUBSET, check


def read_keys(text: str, schema: str, what: str, file: str, first_line: int = 1) -> dict[str, Any]:
    """Keys and values of a YAML text, checked against a part of the subset."""

    def where(key: str) -> str:
        for number, line in enumerate(text.splitlines(), first_line):
            if key and re.search(rf"(?:^|[\s{{,-]){re.escape(key)}\s*:", line):
                return f"{file} line {number}"
        return file

    try:
        value = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = first_line + (mark.line if mark else 0)
        problem = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise InputError(f"{file} line {line}: not valid YAML: {problem}") from error
    check(value, SUBSET[schema], what, where)
    return dict(value)


def as_list(value: Any) -> list[Any]:
    """The value itself when it is a list, else a list of it; nothing gives an empty list."""
    return value if isinstance(value, list) else [] if value is None else [value]


@dataclass(frozen=True)
class Project:
    """A folder holding `_quarto.yml`, read and checked."""

    root: Path
    config: dict[str, Any]

    def name(self, path: Path) -> str:
        """The path from the root, as messages give it."""
        return path.relative_to(self.root).as_posix()

    def resolve(self, target: str, folder: Path, where: str) -> Path:
        """The project's file that a source in `folder` calls `target`; a leading slash is the root.

        Raises
        ------
        InputError
            When there is no such file in the project.
        """
        start = self.root if target.startswith("/") else folder
        path = (start / target.lstrip("/")).resolve()
        if not path.is_file() or not path.is_relative_to(self.root):
            raise InputError(f"{where}: {target} does not exist in the project")
        return path

    def settings(self, header: dict[str, Any], page: Path, output: str) -> dict[str, Any]:
        """Everything declared for one page in one of Quarto's formats, files as absolute paths."""
        merged: dict[str, Any] = {}
        for source, at in ((self.config, self.root / "_quarto.yml"), (header, page)):
            own = source.get("format", {}).get(output, {})
            for level in (source, own if isinstance(own, dict) else {}):
                files = {
                    key: [
                        self.resolve(one, at.parent, self.name(at)) for one in as_list(level[key])
                    ]
                    for key in ("bibliography", "csl", "css")
                    if key in level
                }
                merged = _merge(merged, {**level, **files})
        return merged

    def pages(self, chosen: Sequence[Path] | None) -> list[Path]:
        """The pages chosen, or all that `project.render` names, sorted, none from a `_` folder."""
        if chosen is not None:
            paths = [(self.root / page).resolve() for page in chosen]
            for path in paths:
                if not path.is_file() or not path.is_relative_to(self.root):
                    raise InputError(f"{path}: no such page in {self.root}")
            return paths
        patterns = self.config.get("project", {}).get("render", ["**/*.qmd"])
        found = {path for pattern in patterns for path in self.root.glob(str(pattern))}
        hidden = ("_", ".")
        return [
            path
            for path in sorted(found)
            if path.suffix == ".qmd"
            and not any(part.startswith(hidden) for part in path.relative_to(self.root).parts)
        ]

    def pre_render(self) -> None:
        """Run the commands of `project.pre-render` in the project, without a shell."""
        for command in as_list(self.config.get("project", {}).get("pre-render")):
            words = shlex.split(command)
            if words[0] == "python":
                words[0] = sys.executable
            at = f"_quarto.yml: pre-render '{command}'"
            try:
                done = subprocess.run(words, cwd=self.root, capture_output=True, text=True)
            except OSError as error:
                raise InputError(f"{at}: {error.strerror}") from error
            if done.returncode:
                last = " ".join(done.stderr.strip().splitlines()[-1:])
                raise InputError(f"{at} stopped with code {done.returncode}: {last}")


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `over`, nested mappings merged likewise."""
    merged = {**base, **over}
    for key in base.keys() & over.keys():
        if isinstance(base[key], dict) and isinstance(over[key], dict):
            merged[key] = _merge(base[key], over[key])
    return merged


def read_project(root: Path) -> Project:
    """Read and check `_quarto.yml`.

    Raises
    ------
    InputError
        When it is missing, is not YAML, or holds a key outside the subset.
    """
    file = root.resolve() / "_quarto.yml"
    if not file.is_file():
        raise InputError(f"{root} has no _quarto.yml: give the folder of a Quarto project")
    config = read_keys(file.read_text("utf-8"), "project", "key", file.name)
    for entry in config.get("website", {}).get("navbar", {}).get("left", []):
        if not isinstance(entry, dict) or set(entry) != {"href", "text"}:
            raise InputError(f"{file.name}: each entry of website.navbar.left has href and text")
    return Project(root.resolve(), config)
