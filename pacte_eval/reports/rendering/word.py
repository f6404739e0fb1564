"""Word: pandoc writes it after a reference document, its own with the parts of `word/` instead.

Those parts hold the styles, an A4 page, a header that repeats the title and a numbered footer.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from pacte_eval.reports.rendering import pandoc, tree
from pacte_eval.reports.rendering.tree import Node
from pacte_eval.reports.rendering.writer import TEXT_WIDTH, Writer

PARTS = Path(__file__).with_name("word")
REFERENCE = "reference.docx"
LONGEST = 30  # characters of a text beyond which its column is no wider


class WordWriter(Writer):
    """Shows a page in Word; callouts are paragraphs of a shaded style."""

    suffix, quarto_name, image_kind = ".docx", "docx", "png"

    def picture(self, content: bytes, alt: str, width: float) -> Node:
        return tree.image(self.save(content), alt, f"{min(width, TEXT_WIDTH)}pt")

    def callout(self, kind: str, title: list[Node], blocks: list[Node], folded: bool) -> list[Node]:
        heading = tree.attributes(custom_style=f"Callout {kind} title")
        body = tree.attributes(custom_style=f"Callout {kind}")

        def styled(node: Node) -> list[Node] | None:
            paragraph = node["t"] in ("Para", "Plain")
            return [tree.div([tree.para(node["c"])], body)] if paragraph else None

        return [tree.div([tree.para(title)], heading), *tree.transform(blocks, styled)]

    def table(self, table: Node) -> list[Node]:
        """Columns share the width of the page as their longest words and texts do."""
        attribute, caption, columns, head, bodies, foot = table["c"]
        rows = [*head[1], *(row for body in bodies for row in body[3])]
        texts = [[tree.plain_text(cell[4]) for cell in row[1]] for row in rows]
        weights = [_weight(column) for column in zip(*texts, strict=True)]
        shares = [{"t": "ColWidth", "c": weight / sum(weights)} for weight in weights]
        columns = [[align, share] for (align, _), share in zip(columns, shares, strict=True)]
        return [{"t": "Table", "c": [attribute, caption, columns, head, bodies, foot]}]

    def write(self, document: Node, suffixes: Sequence[str]) -> bytes:
        (self.folder / REFERENCE).write_bytes(_reference())
        banner = pandoc.plain_inlines(self.settings.get("banner", ""))
        shown = [tree.div([tree.para(banner)], tree.attributes(custom_style="Banner"))]
        title = tree.meta_text(self.settings.get("toc-title", "Sommaire"))
        whole = {
            **document,
            "meta": {**document["meta"], "toc-title": title},
            "blocks": [*(shown if banner else []), *document["blocks"]],
        }
        arguments = [f"--reference-doc={REFERENCE}", "--output=-"]
        if self.settings.get("toc"):
            arguments += ["--toc", f"--toc-depth={self.settings.get('toc-depth', 2)}"]
        return pandoc.write(whole, "docx", arguments, self.settings, self.page.name, self.folder)


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
