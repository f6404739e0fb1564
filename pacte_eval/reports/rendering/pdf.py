"""PDF, tagged for assistive software: pandoc writes Typst, which sets it with its own fonts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typst

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering import pandoc, tree
from pacte_eval.reports.rendering.cells import Drawing
from pacte_eval.reports.rendering.source import Page
from pacte_eval.reports.rendering.tree import Node

NAME, IMAGES = "typst", "svg"
TEMPLATE = Path(__file__).with_name("page.typ")


def picture(drawing: Drawing, alt: str) -> Node:
    file = drawing.path.with_suffix(".svg").name
    size = f"calc.min({drawing.width}, text-width) * 1pt"
    call = f'#image("{file}", width: {size}, alt: {_quoted(alt)})'
    return tree.new("RawInline", "typst", call)


def callout(kind: str, title: str, blocks: list[Node]) -> list[Node]:
    opening, middle, closing = (
        tree.new("RawBlock", "typst", code) for code in (f'#callout("{kind}")[', "][", "]")
    )
    heading = tree.new("Plain", pandoc.read_inlines(title, kind))
    return [opening, heading, middle, *blocks, closing]


def write(document: Node, page: Page, settings: dict[str, Any], folder: Path) -> bytes:
    author = tree.new("RawInline", "typst", _quoted(settings.get("author", "")))
    meta = {**document["meta"], "author-name": tree.new("MetaInlines", [author])}
    arguments = [f"--template={TEMPLATE}", "--shift-heading-level-by=-1"]
    text = pandoc.write({**document, "meta": meta}, "typst", arguments, page, folder)
    source = folder / "page.typ"
    source.write_bytes(text.replace(b"align(center)[#table(", b"align(left)[#table("))
    try:
        date = int(pandoc.EPOCH)
        return typst.compile(source, root=folder, ignore_system_fonts=True, timestamp=date)
    except typst.TypstError as error:
        raise InputError(f"{page.name}: typst: {error.message}") from error


def _quoted(text: str) -> str:
    """The text as a string of Typst, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
