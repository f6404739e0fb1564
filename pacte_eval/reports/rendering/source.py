"""A page as written: its header, its cells, and its Markdown with includes and shortcodes resolved.

Every line remembers the file and number it comes from, so that a message can name it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.reports.rendering.project import Project
from pacte_eval.reports.rendering.subset import SUBSET, read_keys

CELL_CLASS = "executed-cell"
CELL = "```{python}"
FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*(.*)")
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
    """A python cell: its code without the options, and where the code begins."""

    code: str
    options: dict[str, Any]
    where: str


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

    def address(self, page: Path) -> str:
        """Relative address of another page, in HTML."""
        return Path(os.path.relpath(page.with_suffix(".html"), self.path.parent)).as_posix()


def read_page(path: Path, project: Project) -> Page:
    """Read a page and the parts it includes."""
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
    rest = iter(lines)
    for line in rest:
        fence, include = FENCE.match(line.text), INCLUDE.fullmatch(line.text)
        if fence:
            block = [line, *_until_closed(line, fence[1], rest)]
            yield from _cell(block, page) if re.match(r"\{\w", fence[2]) else block
        elif include:
            yield from _include(include[1], line, page, parents)
        else:
            yield Line(_shortcodes(line, page), line.file, line.number)


def _until_closed(opening: Line, fence: str, rest: Iterator[Line]) -> Iterator[Line]:
    for line in rest:
        yield line
        text = line.text.strip()
        if len(text) >= len(fence) and not text.strip(fence[0]):
            return
    raise InputError(f"{opening.where}: the block opened by {fence} is never closed")


def _cell(block: list[Line], page: Page) -> list[Line]:
    opening, *body, closing = block
    if opening.text.rstrip() != CELL:
        raise InputError(
            f"{opening.where}: cell {opening.text.strip()} is not supported; "
            f"write {CELL} and its options as '#| key: value' lines"
        )
    texts = [line.text for line in body]
    count = next((n for n, text in enumerate(texts) if not text.startswith("#|")), len(texts))
    declared = "\n".join(text[2:].removeprefix(" ") for text in texts[:count])
    first = opening.number + 1
    options = read_keys(declared, "cell", "cell option", opening.file, first)
    where = "" if opening.file == page.name else f"{page.name}: "
    where += f"{opening.file} line {first + count}"
    where += f" (cell {options['label']})" if "label" in options else ""
    marker = f'```{{.{CELL_CLASS} number="{len(page.cells)}"}}'
    page.cells.append(Cell("\n".join(texts[count:]), options, where))
    return [Line(marker, opening.file, opening.number), closing]


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
