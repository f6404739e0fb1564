"""A page as written: its header, its cells, and its Markdown with includes and shortcodes resolved.

Every line remembers the file and number it comes from, so that a message can name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.reports.rendering.project import Project, read_keys
from pacte_eval.reports.rendering.subset import SUBSET

CELL_CLASS = "executed-cell"
FENCE = re.compile(r"(\s*)(`{3,}|~{3,})\s*(.*?)\s*")
SHORTCODE = re.compile(r"\{\{<\s*(\S+)\s*(.*?)\s*>\}\}")
INCLUDE = re.compile(r"\s*\{\{<\s*include\s+(\S+)\s*>\}\}\s*")


@dataclass(frozen=True)
class Line:
    """A line of Markdown and where it was read."""

    text: str
    file: str
    number: int

    @property
    def where(self) -> str:
        return f"{self.file} line {self.number}"


@dataclass(frozen=True)
class Cell:
    """A python cell: its code without the options, and the line its code starts at."""

    code: str
    options: dict[str, Any]
    file: str
    line: int

    def where(self, line: int | None = None) -> str:
        label = self.options.get("label")
        return f"{self.file} line {line or self.line}" + (f" (cell {label})" if label else "")


@dataclass
class Page:
    """A page read from its source; its cells are numbered as they come."""

    path: Path
    project: Project
    header: dict[str, Any] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.project.name(self.path)

    def locate(self, fragment: str) -> str:
        """The file and line number of the first line holding `fragment`, else the page alone."""
        first = fragment.strip().split("\n")[0]
        found = (line.where for line in self.lines if first and first in line.text)
        return next(found, self.name)


def read_page(path: Path, project: Project) -> Page:
    """Read a page and the parts it includes.

    Raises
    ------
    InputError
        At the first construct outside the subset, with its file and line.
    """
    page = Page(path, project)
    lines = _read(path, project)
    if lines and lines[0].text.rstrip() == "---":
        end = next((n for n, one in enumerate(lines) if n and one.text.rstrip() == "---"), 0)
        if not end:
            raise InputError(f"{lines[0].where}: the header is not closed by a line of ---")
        text = "\n".join(line.text for line in lines[1:end])
        page.header = read_keys(text, "page", "header key", page.name, first_line=2)
        lines = lines[end + 1 :]
    page.lines = list(_expand(lines, page, (path,)))
    return page


def _read(path: Path, project: Project) -> list[Line]:
    texts = path.read_text("utf-8").splitlines()
    return [Line(text, project.name(path), number) for number, text in enumerate(texts, 1)]


def _expand(lines: list[Line], page: Page, parents: tuple[Path, ...]) -> Iterator[Line]:
    """Lines with parts included, shortcodes replaced and cells exchanged for numbered markers."""
    position = 0
    while position < len(lines):
        line = lines[position]
        fence, include = FENCE.fullmatch(line.text), INCLUDE.fullmatch(line.text)
        if fence:
            end = _closing(lines, position, fence[2])
            yield from _fenced(lines[position : end + 1], fence, page)
            position = end
        elif include:
            yield from _include(include[1], line, page, parents)
        else:
            yield Line(_shortcodes(line, page), line.file, line.number)
        position += 1


def _closing(lines: list[Line], start: int, fence: str) -> int:
    for position, line in enumerate(lines[start + 1 :], start + 1):
        text = line.text.strip()
        if len(text) >= len(fence) and not text.strip(fence[0]):
            return position
    raise InputError(f"{lines[start].where}: the block opened by {fence} is never closed")


def _fenced(block: list[Line], fence: re.Match[str], page: Page) -> Iterator[Line]:
    opening, closing = block[0], block[-1]
    if not re.match(r"\{\w", fence[3]):
        yield from block
        return
    if fence[3] != "{python}":
        raise InputError(
            f"{opening.where}: cell {fence[2]}{fence[3]} is not supported; "
            "write ```{python} and its options as '#| key: value' lines"
        )
    body = [line.text[len(fence[1]) :] for line in block[1:-1]]
    count = next((n for n, text in enumerate(body) if not text.startswith("#|")), len(body))
    first = opening.number + 1
    options = "\n".join(text[2:].removeprefix(" ") for text in body[:count])
    read = read_keys(options, "cell", "cell option", opening.file, first)
    marker = f'{fence[1]}{fence[2]}{{.{CELL_CLASS} number="{len(page.cells)}"}}'
    page.cells.append(Cell("\n".join(body[count:]), read, opening.file, first + count))
    yield Line(marker, opening.file, opening.number)
    yield closing


def _include(target: str, line: Line, page: Page, parents: tuple[Path, ...]) -> Iterator[Line]:
    folder = (page.project.root / line.file).parent
    path = page.project.resolve(target, folder, f"{line.where}: included part")
    if path in parents:
        raise InputError(f"{line.where}: {target} includes itself")
    part = _read(path, page.project)
    if part and part[0].text.rstrip() == "---":
        raise InputError(f"{part[0].where}: an included part cannot have a header")
    yield from _expand(part, page, (*parents, path))
    yield Line("", line.file, line.number)


def _shortcodes(line: Line, page: Page) -> str:
    def replace(match: re.Match[str]) -> str:
        name, argument = match[1], match[2]
        if name not in SUBSET["shortcodes"]:
            hint = nearest(name, SUBSET["shortcodes"])
            raise InputError(f"{line.where}: shortcode '{name}' is not supported; {hint}")
        if name == "include":
            raise InputError(f"{line.where}: an include stands alone on its line")
        if argument not in page.header:
            raise InputError(f"{line.where}: the header has no key '{argument}' to show")
        return str(page.header[argument])

    return SHORTCODE.sub(replace, line.text)
