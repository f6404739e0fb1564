"""Runs the cells of one page in this process, in one fresh namespace, and keeps what they show.

Figures are drawn by Matplotlib's file canvas; what a cell leaves open at its end is shown, as in a
notebook. Values are kept as Markdown or text, never as HTML.
"""

from __future__ import annotations

import ast
import contextlib
import io
import sys
import traceback
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import IPython.display
import matplotlib
import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering import tree
from pacte_eval.reports.rendering.source import Cell
from pacte_eval.reports.rendering.tree import Node

SETTINGS: Any = {"svg.hashsalt": "pacte", "svg.fonttype": "path"}
METADATA: Any = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
SAVED: Any = {"dpi": 200, "bbox_inches": "tight"}
POINTS_PER_INCH = 72.0


@dataclass(frozen=True)
class Markdown:
    """Markdown that a cell or an inline expression showed."""

    text: str


@dataclass(frozen=True)
class Drawing:
    """A figure: one image file per kind (`svg`, `png`), width in points."""

    images: dict[str, bytes]
    width: float


Shown = Markdown | Drawing | list[Node]


class _Failure:
    """Turns whatever a cell raises into one sentence that names the page, the cell and the line."""

    def __init__(self, page: str, cell: Cell) -> None:
        self.page, self.cell = page, cell

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(error, Exception):
            return
        frames = traceback.extract_tb(trace)
        lines = [frame.lineno for frame in frames if frame.filename == self.cell.file]
        if isinstance(error, SyntaxError) and error.lineno and not lines:
            lines.append(error.lineno + self.cell.line - 1)
        where = self.cell.where(lines[-1] if lines else None)
        where = where if self.page == self.cell.file else f"{self.page}: {where}"
        name = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        raise InputError(f"{where}: {name}{' '.join(str(error).split())}") from error


class Session:
    """The namespace of one page; a context manager, as running changes folder and settings.

    Parameters
    ----------
    page
        Name of the page, for messages.
    root
        Working directory of the cells, and first on the import path.
    kinds
        Image kinds to draw: `svg`, `png`.
    """

    def __init__(self, page: str, root: Path, kinds: Collection[str]) -> None:
        self.page, self.root, self.kinds = page, root, sorted(kinds)
        self.namespace: dict[str, Any] = {"__name__": "__main__", "display": self._display}
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> Session:
        plt.switch_backend("agg")
        self.stack.enter_context(contextlib.chdir(self.root))
        self.stack.enter_context(_replaced(sys, "path", [str(self.root), *sys.path]))
        self.stack.enter_context(_replaced(plt, "show", self._show))
        self.stack.enter_context(_replaced(IPython.display, "display", self._display))
        self.stack.enter_context(matplotlib.rc_context(SETTINGS))
        self.stack.callback(plt.close, "all")
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def run(self, cell: Cell) -> list[Shown]:
        """Execute a cell and return what it shows, in order."""
        self.cell, self.printed = cell, io.StringIO()
        self.shown: list[Shown] = []
        self.drawn: list[Figure] = []
        with _Failure(self.page, cell), contextlib.redirect_stdout(self.printed):
            self._display(self._execute(cell))
            self._show()
            self._flush()
        return self.shown

    def _execute(self, cell: Cell) -> object:
        """The value of the last expression, unless a semicolon silences it."""
        module = ast.parse(cell.code, cell.file)
        ast.increment_lineno(module, cell.line - 1)
        last = module.body[-1] if module.body else None
        if not isinstance(last, ast.Expr) or cell.code.rstrip().endswith(";"):
            exec(compile(module, cell.file, "exec"), self.namespace)
            return None
        module.body.pop()
        exec(compile(module, cell.file, "exec"), self.namespace)
        return eval(compile(ast.Expression(last.value), cell.file, "eval"), self.namespace)

    def value(self, cell: Cell) -> Markdown | str:
        """Value of an inline expression."""
        with _Failure(self.page, cell):
            value = eval(compile(cell.code.strip(), "inline", "eval"), self.namespace)
            as_markdown = _markdown(value)
            return str(value) if as_markdown is None else as_markdown

    def _flush(self) -> None:
        """Keep what was printed since the last call."""
        text = self.printed.getvalue()
        if text and self.cell.options.get("output") == "asis":
            self.shown.append(Markdown(text))
        elif text:
            self.shown.append([tree.code(text.rstrip("\n"), "cell-output")])
        self.printed.seek(0)
        self.printed.truncate()

    def _show(self, *_: object, **__: object) -> None:
        for number in plt.get_fignums():
            self._draw(plt.figure(number))
        plt.close("all")

    def _draw(self, figure: Figure) -> None:
        if any(figure is one for one in self.drawn):
            return
        self._flush()
        self.drawn.append(figure)
        images = {}
        for kind in self.kinds:
            file = io.BytesIO()
            figure.savefig(file, format=kind, metadata=METADATA[kind], **SAVED)
            images[kind] = file.getvalue()
        inches = figure.get_tightbbox().width + 2 * matplotlib.rcParams["savefig.pad_inches"]
        self.shown.append(Drawing(images, round(inches * POINTS_PER_INCH, 1)))

    def _display(self, *values: object) -> None:
        for value in values:
            if isinstance(value, Figure):
                self._draw(value)
            elif value is not None and not _is_artist(value):
                self._flush()
                self.shown.append(_markdown(value) or [tree.code(repr(value), "cell-output")])


@contextlib.contextmanager
def _replaced(module: object, name: str, value: object) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _is_artist(value: object) -> bool:
    """Axes, lines and lists of them: what plotting functions return, never meant to be read."""
    if isinstance(value, list | tuple) and value:
        return all(_is_artist(one) for one in value)
    return isinstance(value, Artist)


def _markdown(value: object) -> Markdown | None:
    as_markdown = getattr(value, "_repr_markdown_", None)
    if callable(as_markdown):
        return Markdown(str(as_markdown()))
    if hasattr(value, "_repr_html_"):
        name = type(value).__name__
        raise InputError(f"a {name} shows as HTML, which is not supported; show a Markdown of it")
    return None
