"""Word: pandoc writes it after a reference document, its own with the parts of `word/` instead.

Those parts hold the styles, an A4 page, a header that repeats the title and a numbered footer.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pacte_eval.reports.rendering import pandoc, tree
from pacte_eval.reports.rendering.cells import Drawing
from pacte_eval.reports.rendering.source import Page
from pacte_eval.reports.rendering.tree import Node

NAME, IMAGES = "docx", "png"
PARTS = Path(__file__).with_name("word")
REFERENCE = "reference.docx"
LONGEST = 30  # characters of a text beyond which its column is no wider
TEXT_WIDTH = 453.0  # points: A4 between its margins


def picture(drawing: Drawing, alt: str) -> Node:
    width = min(drawing.width, TEXT_WIDTH)
    return tree.image(drawing.path.with_suffix(".png").name, alt, width)


def callout(kind: str, title: str, blocks: list[Node]) -> list[Node]:
    """Paragraphs of a shaded style."""
    body = tree.attributes(custom_style=f"Callout {kind}")

    def styled(node: Node) -> list[Node] | None:
        paragraph = node["t"] in ("Para", "Plain")
        return [tree.new("Div", body, [tree.new("Para", node["c"])])] if paragraph else None

    heading = tree.attributes(custom_style=f"Callout {kind} title")
    words = tree.new("Para", pandoc.read_inlines(title, kind))
    return [tree.new("Div", heading, [words]), *tree.transform(blocks, styled)]


def write(document: Node, page: Page, settings: dict[str, Any], folder: Path) -> bytes:
    (folder / REFERENCE).write_bytes(_reference())
    blocks = tree.transform(document["blocks"], _table)
    if settings.get("banner"):
        banner = tree.new("Para", [tree.new("Str", settings["banner"])])
        blocks = [tree.new("Div", tree.attributes(custom_style="Banner"), [banner]), *blocks]
    arguments = [f"--reference-doc={REFERENCE}", "--output=-", "--shift-heading-level-by=-1"]
    return pandoc.write({**document, "blocks": blocks}, "docx", arguments, page, folder)


def _table(node: Node) -> list[Node] | None:
    """A table whose columns share the page as their longest words and texts do."""
    if node["t"] != "Table":
        return None
    attribute, caption, columns, head, bodies, foot = node["c"]
    rows = [*head[1], *(row for body in bodies for row in body[3])]
    texts = [[tree.plain_text(cell[4]) for cell in row[1]] for row in rows]
    weights = [_weight(column) for column in zip(*texts, strict=True)]
    columns = [
        [align, tree.new("ColWidth", weight / sum(weights))]
        for (align, _), weight in zip(columns, weights, strict=True)
    ]
    return [tree.new("Table", attribute, caption, columns, head, bodies, foot)]


def _weight(column: Sequence[str]) -> float:
    """Room that a column asks for: its longest word whole, half of its longest text."""
    word = max(len(word) for text in column for word in text.split(" "))
    return word + min(max(map(len, column)), LONGEST) / 2 + 2


def _reference() -> bytes:
    original = pandoc.run(["--print-default-data-file=reference.docx"], "", REFERENCE)
    ours = {path.relative_to(PARTS).as_posix(): path for path in PARTS.rglob("*") if path.is_file()}
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(original)) as source, zipfile.ZipFile(made, "w") as target:
        for name in sorted({*source.namelist(), *ours}):
            part = ours[name].read_bytes() if name in ours else source.read(name)
            target.writestr(zipfile.ZipInfo(name), part)
    return made.getvalue()
