"""Runs the cells of a page, once for all formats, and puts what they show in their place.

A cell shows Markdown and Matplotlib's figures, and nothing else; a figure left open at its end is
shown, as in a notebook.
"""

from __future__ import annotations

import ast
import contextlib
import io
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering import pandoc, tree
from pacte_eval.reports.rendering.source import CELL_CLASS, Cell, Page
from pacte_eval.reports.rendering.subset import refuse_outside
from pacte_eval.reports.rendering.tree import Node

INLINE = "{python}"
SETTINGS: Any = {"svg.hashsalt": "pacte", "svg.fonttype": "path"}
METADATA: Any = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
SAVED: Any = {"dpi": 200, "bbox_inches": "tight"}
POINTS_PER_INCH = 72.0
ADVICE = "a cell shows a Markdown, a figure or, ended by a semicolon, nothing"


@dataclass(frozen=True)
class Drawing:
    """A figure: its files without their suffix (`.svg`, `.png`), its width in points."""

    path: Path
    width: float


@dataclass(frozen=True)
class Executed:
    """A cell and what it showed, in order: figures, and Markdown read into blocks."""

    cell: Cell
    shown: list[Drawing | list[Node]]


def execute(page: Page, kinds: Collection[str], folder: Path) -> Node:
    """The page's tree, each cell replaced by a node `Executed`, each inline value by its inlines.

    Figures are saved in `folder`, in each of the `kinds` that the formats need: `svg`, `png`.
    """
    source = pandoc.read("\n".join(line.text for line in page.lines), page.name)
    refuse_outside(source["blocks"], page.locate)
    session = Session(sorted(kinds), folder)

    def run(node: Node) -> list[Node] | None:
        if node["t"] == "CodeBlock" and CELL_CLASS in node["c"][0][1]:
            cell = page.cells[int(dict(node["c"][0][2])["number"])]
            return [tree.new("Executed", Executed(cell, session.run(cell)))]
        if node["t"] == "Code" and node["c"][1].startswith(INLINE):
            return session.inlines(node["c"][1].removeprefix(INLINE), page.locate(node["c"][1]))
        return None

    with session.opened(page.project.root):
        return {**source, "blocks": tree.transform(source["blocks"], run)}


class Session:
    """The namespace of one page, whose cells run in turn."""

    def __init__(self, kinds: list[str], folder: Path) -> None:
        self.kinds, self.folder = kinds, folder
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.shown: list[Drawing | list[Node]] = []
        self.drawn = 0

    @contextlib.contextmanager
    def opened(self, root: Path) -> Iterator[None]:
        """Run in the folder `root`, from which cells import; leave the process as it was."""
        plt.switch_backend("agg")
        replaced = ((sys, "path", [str(root), *sys.path]), (plt, "show", self._show))
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.chdir(root))
            stack.enter_context(matplotlib.rc_context(SETTINGS))
            for module, name, value in replaced:
                stack.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, value)
            stack.callback(plt.close, "all")
            yield

    def run(self, cell: Cell) -> list[Drawing | list[Node]]:
        """Execute a cell and return what it shows, in order."""
        self.shown, printed = [], io.StringIO()
        with _located(cell.where), contextlib.redirect_stdout(printed):
            value = self._execute(cell.code)
            if isinstance(value, Figure):
                self._draw(value)
            elif hasattr(value, "_repr_markdown_"):
                shown = pandoc.read(value._repr_markdown_(), cell.where, pandoc.DATA)["blocks"]
                refuse_outside(shown, lambda _: cell.where)
                self.shown.append(shown)
            elif value is not None:
                raise InputError(f"it shows a {type(value).__name__}: {ADVICE}")
            self._show()
            if printed.getvalue():
                raise InputError(f"it prints: {ADVICE}")
        return self.shown

    def inlines(self, code: str, where: str) -> list[Node]:
        """Value of an inline expression."""
        with _located(where):
            value = eval(compile(code.strip(), "inline", "eval"), self.namespace)
            if hasattr(value, "_repr_markdown_"):
                return pandoc.read_inlines(value._repr_markdown_(), where)
            return [tree.new("Str", str(value))]

    def _execute(self, code: str) -> object:
        """The value of the last expression, unless a semicolon silences it."""
        module = ast.parse(code)
        last = module.body[-1] if module.body else None
        if not isinstance(last, ast.Expr) or code.rstrip().endswith(";"):
            exec(compile(module, "cell", "exec"), self.namespace)
            return None
        module.body.pop()
        exec(compile(module, "cell", "exec"), self.namespace)
        return eval(compile(ast.Expression(last.value), "cell", "eval"), self.namespace)

    def _show(self) -> None:
        for number in plt.get_fignums():
            self._draw(plt.figure(number))

    def _draw(self, figure: Figure) -> None:
        self.drawn += 1
        path = self.folder / f"figure-{self.drawn}"
        for kind in self.kinds:
            figure.savefig(path.with_suffix(f".{kind}"), metadata=METADATA[kind], **SAVED)
        inches = figure.get_tightbbox().width + 2 * matplotlib.rcParams["savefig.pad_inches"]
        self.shown.append(Drawing(path, round(inches * POINTS_PER_INCH, 1)))
        plt.close(figure)


def _located(where: str) -> contextlib.ExitStack:
    """A context in which whatever is raised becomes one sentence that begins with `where`."""

    def explain(_: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Exception):
            name = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
            raise InputError(f"{where}: {name}{' '.join(str(error).split())}") from error

    stack = contextlib.ExitStack()
    stack.push(explain)
    return stack
