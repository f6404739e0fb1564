"""HTML: one file that opens by a double click, fetches nothing and reads without a script."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from pacte_eval.reports.rendering import pandoc, tree
from pacte_eval.reports.rendering.tree import Node
from pacte_eval.reports.rendering.writer import Writer

TEMPLATE = Path(__file__).with_name("page.html")
NAMES = {".docx": "Word", ".pdf": "PDF"}


class HtmlWriter(Writer):
    """Shows a page in HTML; figures are embedded; figures and tables scroll in a region of
    their own where the screen is narrow."""

    suffix, quarto_name, first_level = ".html", "html", 2

    def picture(self, content: bytes, alt: str, width: float) -> Node:
        encoded = base64.b64encode(content).decode()
        image = tree.image(f"data:image/svg+xml;base64,{encoded}", alt, f"{width}pt")
        region = tree.attributes(
            "", "figure-region", role="group", tabindex="0", aria_label="Figure"
        )
        return tree.span([image], region)

    def callout(self, kind: str, title: list[Node], blocks: list[Node], folded: bool) -> list[Node]:
        self.count += 1
        classes, identifier = ("callout", f"callout-{kind}"), f"callout-{self.count}"
        if folded:
            return _details(" ".join(classes), title, blocks)
        heading = tree.div([tree.para(title)], tree.attributes(identifier, "callout-title"))
        attribute = tree.attributes("", *classes, role="note", aria_labelledby=identifier)
        return [tree.div([heading, *blocks], attribute)]

    def tabset(self, tabs: list[list[Node]]) -> list[Node]:
        panes = [tree.div(tab, tree.attributes("", "tab-pane")) for tab in tabs]
        return [tree.div(panes, tree.attributes("", "panel-tabset"))]

    def equation(self, identifier: str, formula: str, number: int) -> Node:
        shown = tree.span([tree.text(f"({number})")], tree.attributes("", "eq-number"))
        formula_and_number = tree.plain([tree.display_math(formula), shown])
        return tree.div([formula_and_number], tree.attributes(identifier, "equation"))

    def table(self, table: Node) -> list[Node]:
        """Headers get their scope; the first column names the rows."""
        attribute, (_, caption), columns, head, bodies, foot = table["c"]
        self.count += 1
        identifier = f"{attribute[0] or f'table-{self.count}'}-title"
        name = {"aria_labelledby": identifier} if caption else {"aria_label": "Tableau"}
        if caption:
            written = tree.span(caption[0]["c"], tree.attributes(identifier, "caption-text"))
            caption = [tree.plain([written])]
        head = [head[0], [_scoped(row, "col", len(row[1])) for row in head[1]]]
        bodies = [[one[0], 1, one[2], [_scoped(row, "row", 1) for row in one[3]]] for one in bodies]
        content = [attribute, [None, caption], columns, head, bodies, foot]
        region = tree.attributes("", "table-region", role="region", tabindex="0", **name)
        return [tree.div([{"t": "Table", "c": content}], region)]

    def code(self, content: str, folded: bool) -> list[Node]:
        block = tree.code(content, "python")
        return _details("code-fold", [tree.text("Code")], [block]) if folded else [block]

    def page_link(self, inlines: list[Node], target: Path, fragment: str) -> list[Node]:
        return [tree.link(inlines, self._address(target) + (f"#{fragment}" if fragment else ""))]

    def _address(self, target: Path) -> str:
        relative = os.path.relpath(target.with_suffix(".html"), self.page.path.parent)
        return Path(relative).as_posix()

    def write(self, document: Node, suffixes: Sequence[str]) -> bytes:
        settings, project = self.settings, self.page.project
        website, home = settings.get("website", {}), project.root / "index.qmd"
        css = "\n".join(path.read_text("utf-8") for path in settings.get("css", []))
        entries = []
        for entry in website.get("navbar", {}).get("left", []):
            path = project.root / str(entry["href"]).lstrip("/")
            here = ' aria-current="page"' if path == self.page.path else ""
            link = f'<a href="{escape(self._address(path))}"{here}>{escape(entry["text"])}</a>'
            entries.append(f"<li>{link}</li>")
        others = [
            f'<a href="{escape(self.page.path.with_suffix(suffix).name)}">{NAMES[suffix]}</a>'
            for suffix in suffixes
            if suffix in NAMES
        ]
        made = {"css": f"<style>\n{css}\n</style>", "navigation": "\n".join(entries)}
        made["formats"] = " ".join(others)
        texts = {
            "home": self._address(home) if home.is_file() else "",
            "footer": website.get("page-footer", ""),
            "toc-title": settings.get("toc-title", "Sur cette page"),
        }
        meta = {
            **document["meta"],
            **{key: tree.meta_raw("html", value) for key, value in made.items() if value},
            **{key: tree.meta_text(value) for key, value in texts.items() if value},
        }
        arguments = [f"--template={TEMPLATE}", "--mathml", "--email-obfuscation=none"]
        if settings.get("toc"):
            arguments += ["--toc", f"--toc-depth={1 + settings.get('toc-depth', 2)}"]
        whole = {**document, "meta": meta}
        return pandoc.write(whole, "html5", arguments, settings, self.page.name, self.folder)


def _details(classes: str, title: list[Node], blocks: list[Node]) -> list[Node]:
    opening = tree.raw("html", f'<details class="{classes}">\n<summary>')
    middle, closing = tree.raw("html", "</summary>"), tree.raw("html", "</details>")
    return [opening, tree.plain(title), middle, *blocks, closing]


def _scoped(row: list[Any], scope: str, count: int) -> list[Any]:
    """A table row whose first `count` cells are headers of that scope."""
    attribute, cells = row
    headers = [[tree.attributes("", scope=scope), *cell[1:]] for cell in cells[:count]]
    return [attribute, [*headers, *cells[count:]]]
