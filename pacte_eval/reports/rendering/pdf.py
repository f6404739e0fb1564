"""PDF: pandoc writes Typst, whose own program sets it with the fonts it carries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typst

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering import pandoc, tree
from pacte_eval.reports.rendering.project import as_list
from pacte_eval.reports.rendering.tree import Node
from pacte_eval.reports.rendering.writer import TEXT_WIDTH, Writer

TEMPLATE = Path(__file__).with_name("page.typ")


class PdfWriter(Writer):
    """Shows a page in PDF, with the structure that assistive software reads."""

    suffix, quarto_name = ".pdf", "typst"

    def picture(self, content: bytes, alt: str, width: float) -> Node:
        described = json.dumps(alt, ensure_ascii=False)  # the escapes of a Typst string
        size = f"{min(width, TEXT_WIDTH)}pt"
        call = f'#image("{self.save(content)}", width: {size}, alt: {described})'
        return tree.raw("typst", call, "RawInline")

    def callout(self, kind: str, title: list[Node], blocks: list[Node], folded: bool) -> list[Node]:
        opening = [tree.raw("typst", f'#callout("{kind}")['), tree.plain(title)]
        return [*opening, tree.raw("typst", "]["), *blocks, tree.raw("typst", "]")]

    def write(self, document: Node, suffixes: Sequence[str]) -> bytes:
        authors = json.dumps(as_list(self.settings.get("author")), ensure_ascii=False)
        meta = {
            **document["meta"],
            "authors": tree.meta_raw("typst", f"({authors[1:-1]},)"),
            "toc-title": tree.meta_text(self.settings.get("toc-title", "Sommaire")),
            "toc-depth": tree.meta_text(self.settings.get("toc-depth", 2)),
            "toc": {"t": "MetaBool", "c": bool(self.settings.get("toc"))},
        }
        text = pandoc.write(
            {**document, "meta": meta},
            "typst",
            [f"--template={TEMPLATE}"],
            self.settings,
            self.page.name,
            self.folder,
        )
        source = self.folder / "page.typ"
        source.write_bytes(text.replace(b"align(center)[#table(", b"align(left)[#table("))
        try:
            made = typst.compile(
                source,
                root=self.folder,
                ignore_system_fonts=True,
                format="pdf",
                timestamp=int(pandoc.source_date_epoch()),
            )
        except typst.TypstError as error:
            raise InputError(f"{self.page.name}: typst: {error.message}") from error
        return bytes(made)
