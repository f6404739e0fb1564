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
from pacte_eval.reports.rendering import html, pandoc, pdf, tree, word
from pacte_eval.reports.rendering.cells import execute
from pacte_eval.reports.rendering.document import Document, Writer
from pacte_eval.reports.rendering.project import Project, read_project
from pacte_eval.reports.rendering.source import Page, read_page
from pacte_eval.reports.rendering.tree import Node

__all__ = ["Format", "render", "render_project"]

Format = Literal["html", "docx", "pdf"]
Progress = Callable[[str], None]
WRITERS: dict[Format, Writer] = {"html": html, "docx": word, "pdf": pdf}
OTHERS: dict[Format, str] = {"docx": "Word", "pdf": "PDF"}
TITLES = ("title", "subtitle")


def render(
    page: Path,
    *,
    project: Path,
    formats: Sequence[Format],
    out: Path,
    progress: Progress = lambda _: None,
) -> list[Path]:
    """Render one page; its cells run once for all formats.

    Parameters
    ----------
    page
        Source of the page, absolute or from `project`.
    project
        Folder that holds `_quarto.yml`; the cells' working directory.
    formats
        Any of `html`, `docx`, `pdf`; the files written are returned in their order.
    out
        Folder where the outputs mirror the tree of the sources.
    progress
        Receives the name of each page before it is rendered.

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
    progress: Progress = lambda _: None,
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
    progress: Progress,
) -> list[Path]:
    """Write everything to a folder beside `out`, then rename each file to its place."""
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        made: list[Path] = []
        for path in pages:
            progress(project.name(path))
            made += _render_page(read_page(path, project), formats, Path(temporary))
        for name in made:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(temporary) / name).replace(out / name)
    return [out / name for name in made]


def _render_page(page: Page, formats: Sequence[Format], folder: Path) -> list[Path]:
    made = []
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        work = Path(temporary)
        executed = execute(page, {WRITERS[one].IMAGES for one in formats}, work)
        for one in formats:
            writer = WRITERS[one]
            settings = page.project.settings(page.header, writer.NAME)
            blocks = Document(page, settings, writer).blocks(executed["blocks"])
            document = {**executed, "meta": _metadata(page, settings, formats), "blocks": blocks}
            name = page.path.relative_to(page.project.root).with_suffix(f".{one}")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(writer.write(document, page, settings, work))
            made.append(name)
    return made


def _metadata(page: Page, settings: dict[str, Any], formats: Sequence[Format]) -> Node:
    """What the templates show; titles are read as Markdown, the rest is text."""
    others = [
        {"name": name, "href": page.path.with_suffix(f".{one}").name}
        for one, name in OTHERS.items()
        if one in formats
    ]
    site = settings.get("website", {}).get("title", "")
    shown: dict[str, Any] = {"site": site, "lang": "fr", "formats": others, "link-citations": True}
    shown |= {key: settings[key] for key in ("author", "banner", "date") if key in settings}
    titles = {key: pandoc.read_inlines(settings.get(key, ""), page.name) for key in TITLES}
    return {
        **{key: tree.meta(value) for key, value in shown.items()},
        **{key: tree.new("MetaInlines", one) for key, one in titles.items() if one},
    }
