"""HTML: one file that opens by a double click, fetches nothing and reads without a script.

Figures are embedded; figures and tables scroll in a region of their own on a narrow screen.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from pacte_eval.reports.rendering import pandoc, tree
from pacte_eval.reports.rendering.cells import Drawing
from pacte_eval.reports.rendering.source import Page
from pacte_eval.reports.rendering.tree import Node

NAME, IMAGES = "html", "svg"
TEMPLATE = Path(__file__).with_name("page.html")


def picture(drawing: Drawing, alt: str) -> Node:
    encoded = base64.b64encode(drawing.path.with_suffix(".svg").read_bytes()).decode()
    image = tree.image(f"data:image/svg+xml;base64,{encoded}", alt, drawing.width)
    region = tree.attributes("", "figure-region", role="group", tabindex="0", aria_label="Figure")
    return tree.new("Span", region, [image])


def callout(kind: str, title: str, blocks: list[Node]) -> list[Node]:
    inlines = pandoc.read_inlines(title, kind)
    heading = tree.attributes("", "callout-title")
    label = tree.plain_text(inlines)
    note = tree.attributes("", "callout", f"callout-{kind}", role="note", aria_label=label)
    shown = tree.new("Div", heading, [tree.new("Para", inlines)])
    return [tree.new("Div", note, [shown, *blocks])]


def write(document: Node, page: Page, settings: dict[str, Any], folder: Path) -> bytes:
    project, website = page.project, settings.get("website", {})
    home, css = project.root / "index.qmd", project.declared(settings, "css")
    style = tree.new("RawBlock", "html", css.read_text("utf-8") if css else "")
    navigation = []
    for entry in website.get("navbar", {}).get("left", []):
        path = project.root / entry["href"].lstrip("/")
        here = "page" if path == page.path else ""
        navigation.append({"href": page.address(path), "text": entry["text"], "here": here})
    meta = {
        **document["meta"],
        "css": tree.new("MetaBlocks", [style]),
        "home": tree.meta(page.address(home) if home.is_file() else ""),
        "navigation": tree.meta(navigation),
    }
    arguments = [f"--template={TEMPLATE}", "--mathml", "--email-obfuscation=none"]
    arguments += ["--toc", "--toc-depth=3"] if settings.get("toc") else []
    blocks = tree.transform(document["blocks"], _table)
    return pandoc.write(
        {**document, "meta": meta, "blocks": blocks}, "html5", arguments, page, folder
    )


def _table(node: Node) -> list[Node] | None:
    """A table in its region; headers get their scope, and the first column names the rows."""
    if node["t"] != "Table":
        return None
    attribute, (_, caption), columns, head, bodies, foot = node["c"]
    name = {"aria_label": "Tableau"}
    if attribute[0] and caption:
        identifier = f"{attribute[0]}-title"
        name = {"aria_labelledby": identifier}
        attributes = tree.attributes(identifier, "caption-text")
        caption = [tree.new("Plain", [tree.new("Span", attributes, caption[0]["c"])])]
    head = [head[0], [_scoped(row, "col", len(row[1])) for row in head[1]]]
    bodies = [[one[0], 1, one[2], [_scoped(row, "row", 1) for row in one[3]]] for one in bodies]
    table = tree.new("Table", attribute, [None, caption], columns, head, bodies, foot)
    region = tree.attributes("", "table-region", role="region", tabindex="0", **name)
    return [tree.new("Div", region, [table])]


def _scoped(row: list[Any], scope: str, count: int) -> list[Any]:
    """A table row whose first `count` cells are headers of that scope."""
    attribute, cells = row
    headers = [[tree.attributes("", scope=scope), *cell[1:]] for cell in cells[:count]]
    return [attribute, [*headers, *cells[count:]]]
