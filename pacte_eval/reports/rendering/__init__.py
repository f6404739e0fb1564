"""Renders the Quarto sources of a project folder where the Quarto program is not installed.

A page is read once and its cells run once; each format is then a pass over the same tree. The
subset of Quarto that is read is `subset.yml`; anything else is refused by name.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering import pandoc, tree
from pacte_eval.reports.rendering.document import Document
from pacte_eval.reports.rendering.execution import execute
from pacte_eval.reports.rendering.html import HtmlWriter
from pacte_eval.reports.rendering.pdf import PdfWriter
from pacte_eval.reports.rendering.project import Project, as_list, read_project
from pacte_eval.reports.rendering.source import Page, read_page
from pacte_eval.reports.rendering.tree import Node
from pacte_eval.reports.rendering.word import WordWriter
from pacte_eval.reports.rendering.writer import Writer

__all__ = ["Format", "render", "render_project"]

Format = Literal["html", "docx", "pdf"]
Progress = Callable[[str], None]
WRITERS: dict[Format, type[Writer]] = {"html": HtmlWriter, "docx": WordWriter, "pdf": PdfWriter}


def render(
    page: Path,
    *,
    project: Path,
    formats: Sequence[Format],
    out: Path,
    progress: Progress | None = None,
) -> list[Path]:
    """Render one page; its cells run once for all formats.

    Parameters
    ----------
    page
        Source of the page, absolute or from `project`.
    project
        Folder that holds `_quarto.yml`; the cells' working directory.
    formats
        Any of `html`, `docx`, `pdf`.
    out
        Folder where the outputs mirror the tree of the sources.
    progress
        Receives the name of each page before it is rendered.

    Returns
    -------
    list of Path
        The files written, in the order of `formats`.

    Raises
    ------
    InputError
        When a source holds something outside the subset or a cell fails; nothing is written then.
    """
    source = read_project(project)
    return _render(source.pages([page]), source, formats, out, progress)


def render_project(
    project: Path,
    *,
    pages: Sequence[Path] | None = None,
    formats: Sequence[Format] = ("html",),
    out: Path,
    progress: Progress | None = None,
) -> list[Path]:
    """Run the pre-render step, then render the given pages, or all those of `_quarto.yml`.

    Parameters and errors are those of `render`; `out` receives every page, or none.
    """
    source = read_project(project)
    source.pre_render()
    chosen = source.pages(pages)
    if not chosen:
        raise InputError(f"{source.root}: project.render of _quarto.yml names no page that exists")
    return _render(chosen, source, formats, out, progress)


def _render(
    pages: Sequence[Path],
    project: Project,
    formats: Sequence[Format],
    out: Path,
    progress: Progress | None,
) -> list[Path]:
    """Write everything to a folder beside `out`, then rename each file to its place."""
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        made: list[Path] = []
        for path in pages:
            if progress:
                progress(project.name(path))
            made += _render_page(read_page(path, project), formats, Path(temporary))
        for name in made:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(temporary) / name).replace(out / name)
    return [out / name for name in made]


def _render_page(page: Page, formats: Sequence[Format], folder: Path) -> list[Path]:
    executed = execute(page, {WRITERS[one].image_kind for one in formats})
    suffixes = [WRITERS[one].suffix for one in formats]
    made = []
    for kind in (WRITERS[one] for one in formats):
        settings = page.project.settings(page.header, page.path, kind.quarto_name)
        name = page.path.relative_to(page.project.root).with_suffix(kind.suffix)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            writer = kind(page, settings, Path(work))
            blocks = Document(writer).blocks(executed["blocks"])
            document = {**executed, "meta": _metadata(page.name, settings), "blocks": blocks}
            (folder / name).write_bytes(writer.write(document, suffixes))
        made.append(name)
    return made


def _metadata(name: str, settings: dict[str, Any]) -> Node:
    """What every template shows; titles are read as Markdown, the rest is text."""
    site = settings.get("website", {}).get("title", "")
    texts = {key: settings.get(key, "") for key in ("description", "banner", "date")}
    texts |= {"site": site, "lang": settings.get("lang", "fr")}
    meta = {key: tree.meta_text(value) for key, value in texts.items() if value}
    for key in ("title", "subtitle"):
        inlines = list(pandoc.read_inlines(settings.get(key, ""), name))
        meta |= {key: {"t": "MetaInlines", "c": inlines}} if inlines else {}
    authors = [tree.meta_text(author) for author in as_list(settings.get("author"))]
    citing = {"link-citations": {"t": "MetaBool", "c": True}}
    return {**meta, **citing, "author": {"t": "MetaList", "c": authors}}
