"""One page for one format: three passes over pandoc's tree, each construct one small function.

Cells, links and divisions take their shape first; then figures, tables, equations and sections are
numbered as they come; references are resolved last.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.reports.rendering import pandoc, tree
from pacte_eval.reports.rendering.cells import Drawing, Executed
from pacte_eval.reports.rendering.source import Cell, Page
from pacte_eval.reports.rendering.subset import SUBSET
from pacte_eval.reports.rendering.tree import Node

SPACE: Node = {"t": "Space"}
NARROW_SPACE, NO_BREAK_SPACE = "\u202f", "\u00a0"
WORDS = {
    "fig-title": "Figure",
    "tbl-title": "Tableau",
    "fig-prefix": "figure",
    "tbl-prefix": "tableau",
    "eq-prefix": "équation",
    "sec-prefix": "section",
}
FLOATS = {"fig": "Figure", "tbl": "Table"}
REFERENCE = re.compile(r"(fig|tbl|eq|sec)-.")
EQUATION_LABEL = re.compile(r"\{#(eq-[^\s}]+)\}")


class Writer(Protocol):
    """What a format is, a module of its own: the constructs that pandoc does not know, the file."""

    NAME: str  # Quarto's
    IMAGES: str  # kind of image

    def picture(self, drawing: Drawing, alt: str) -> Node: ...

    def callout(self, kind: str, title: str, blocks: list[Node]) -> list[Node]: ...

    def write(
        self, document: Node, page: Page, settings: dict[str, Any], folder: Path
    ) -> bytes: ...


class Document:
    """A page being made into one format; `blocks` runs the passes."""

    def __init__(self, page: Page, settings: dict[str, Any], writer: Writer) -> None:
        self.page, self.settings, self.writer = page, settings, writer
        self.words = {**WORDS, **settings.get("crossref", {})}
        self.labels: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.sections: list[int] = []

    def blocks(self, executed: list[Node]) -> list[Node]:
        for step in (self._shape, self._number, self._reference):
            executed = tree.transform(executed, step)
        return executed

    def _shape(self, node: Node) -> list[Node] | None:
        if node["t"] == "Executed":
            return self._cell(node["c"])
        if node["t"] == "Link":
            return self._link(node)
        _, classes, pairs = tree.attributes_of(node)
        if "content-visible" in classes:
            return self._visible(pairs, node["c"][1])
        if "panel-tabset" in classes:
            return self._tabset(node["c"][1])
        for name in classes:
            if name in SUBSET["callouts"]:
                return self._callout(name, dict(pairs), node["c"][1])
        return None

    def _cell(self, executed: Executed) -> list[Node]:
        cell, options = executed.cell, executed.cell.options
        outputs: list[Node] = []
        for one in executed.shown:
            if isinstance(one, Drawing):
                outputs.append(self._figure(one, cell))
            else:
                outputs += tree.transform(one, self._shape)
        for prefix, kind in FLOATS.items():
            self._caption(prefix, [one for one in outputs if one["t"] == kind], cell)
        if not options.get("echo", self.settings.get("execute", {}).get("echo", True)):
            return outputs
        code = tree.new("CodeBlock", tree.attributes("", "python"), cell.code.strip("\n"))
        if not self.settings.get("code-fold"):
            return [code, *outputs]
        opening = '<details class="code-fold">\n<summary>Code</summary>'
        closing = tree.new("RawBlock", "html", "</details>")
        return [tree.new("RawBlock", "html", opening), code, closing, *outputs]

    def _figure(self, drawing: Drawing, cell: Cell) -> Node:
        alt = cell.options.get("fig-alt")
        if not alt:
            raise InputError(f"{cell.where}: a figure needs its text alternative, option fig-alt")
        picture = tree.new("Plain", [self.writer.picture(drawing, alt)])
        return tree.new("Figure", tree.attributes(), tree.caption([]), [picture])

    def _caption(self, prefix: str, floats: list[Node], cell: Cell) -> None:
        """Give the only figure or table that a cell shows the cell's label and caption."""
        label, caption = cell.options.get("label", ""), cell.options.get(f"{prefix}-cap")
        labelled = label.startswith(f"{prefix}-")
        if not labelled and caption is None:
            return
        if not labelled or caption is None or len(floats) != 1:
            one = f"a label {prefix}-, a {prefix}-cap and one {FLOATS[prefix].lower()}"
            raise InputError(f"{cell.where}: {one} go together; the cell shows {len(floats)}")
        inlines = pandoc.read_inlines(caption, cell.where)
        floats[0]["c"][:2] = [tree.attributes(label), tree.caption(inlines)]

    def _link(self, node: Node) -> list[Node] | None:
        """A link to another page: its HTML on the screen, its words on paper."""
        _, inlines, (target, _) = node["c"]
        path, mark, fragment = target.partition("#")
        if not path.endswith(".qmd") or ":" in path:
            return None
        where = f"{self.page.locate(target)}: linked page"
        linked = self.page.project.resolve(path, self.page.path.parent, where)
        if self.writer.NAME != "html":
            return list(inlines)
        address = self.page.address(linked) + mark + fragment
        return [tree.new("Link", tree.attributes(), inlines, [address, ""])]

    def _visible(self, pairs: list[list[str]], blocks: list[Node]) -> list[Node]:
        condition = " ".join("=".join(pair) for pair in pairs)
        if condition not in SUBSET["conditions"]:
            where = self.page.locate(condition.rpartition("=")[2])
            hint = nearest(condition, SUBSET["conditions"])
            raise InputError(f"{where}: condition '{condition}' is not supported; {hint}")
        return blocks if condition == f"when-format={self.writer.NAME}" else []

    def _tabset(self, blocks: list[Node]) -> list[Node]:
        """A division by tab, whose heading is outside the numbers and the contents."""
        if not blocks or blocks[0]["t"] != "Header":
            where = self.page.locate("panel-tabset")
            raise InputError(f"{where}: a tabset begins with a heading")
        tabs: list[list[Node]] = []
        for block in blocks:
            if block["t"] == "Header" and block["c"][0] == blocks[0]["c"][0]:
                level, (identifier, classes, pairs), inlines = block["c"]
                outside = [identifier, [*classes, "unnumbered", "unlisted"], pairs]
                tabs.append([tree.new("Header", level, outside, inlines)])
            else:
                tabs[-1].append(block)
        panes = [tree.new("Div", tree.attributes("", "tab-pane"), tab) for tab in tabs]
        return [tree.new("Div", tree.attributes("", "panel-tabset"), panes)]

    def _callout(self, name: str, declared: dict[str, str], blocks: list[Node]) -> list[Node]:
        if declared.keys() != {"title"}:
            given = " and ".join(sorted(declared)) or "none"
            where = self.page.locate(name)
            raise InputError(f"{where}: a callout has one attribute, title; here: {given}")
        return self.writer.callout(name.removeprefix("callout-"), declared["title"], blocks)

    def _number(self, node: Node) -> list[Node] | None:
        if node["t"] == "Header":
            return self._section(*node["c"])
        if node["t"] in FLOATS.values():
            return self._float(node)
        return self._equation(node["c"]) if node["t"] == "Para" else None

    def _section(self, level: int, attribute: list[Any], inlines: list[Node]) -> list[Node] | None:
        if not self.settings.get("number-sections") or "unnumbered" in attribute[1]:
            return None
        depth = level - 1
        self.sections = (self.sections + [0] * depth)[:depth]
        self.sections[-1] += 1
        number = ".".join(map(str, self.sections))
        if attribute[0].startswith("sec-"):
            self._label(attribute[0], number)
        shown = _span("header-section-number", number)
        return [tree.new("Header", level, attribute, [shown, SPACE, *inlines])]

    def _float(self, node: Node) -> list[Node] | None:
        attribute, (_, caption), *content = node["c"]
        kind = attribute[0].partition("-")[0]
        if kind not in FLOATS or not caption:
            return None
        start = f"{self.words[f'{kind}-title']}{NO_BREAK_SPACE}{self._count(kind, attribute[0])}"
        head = [_span("caption-number", start), tree.new("Str", f"{NARROW_SPACE}:"), SPACE]
        whole = tree.caption([*head, *caption[0]["c"]])
        return [tree.new(node["t"], attribute, whole, *content)]

    def _equation(self, inlines: list[Node]) -> list[Node] | None:
        """A labelled formula, alone in its paragraph."""
        words = [one for one in inlines if one["t"] not in ("Space", "SoftBreak")]
        found = (EQUATION_LABEL.match(one["c"]) for one in words if one["t"] == "Str")
        label = next((one for one in found if one), None)
        if not label:
            return None
        if len(words) != 2 or words[0]["t"] != "Math":
            where = self.page.locate(label[0])
            raise InputError(f"{where}: {label[0]} follows no formula alone in its paragraph")
        formula = rf"{words[0]['c'][1]}\qquad({self._count('eq', label[1])})"
        math = tree.new("Math", {"t": "DisplayMath"}, formula)
        attribute = tree.attributes(label[1], "equation")
        return [tree.new("Div", attribute, [tree.new("Para", [math])])]

    def _count(self, kind: str, identifier: str) -> int:
        self.counts[kind] += 1
        self._label(identifier, str(self.counts[kind]))
        return self.counts[kind]

    def _label(self, identifier: str, number: str) -> None:
        if identifier in self.labels:
            raise InputError(f"{self.page.locate(identifier)}: label {identifier} is given twice")
        self.labels[identifier] = number

    def _reference(self, node: Node) -> list[Node] | None:
        names = [one["citationId"] for one in node["c"][0]] if node["t"] == "Cite" else []
        ours = next((name for name in names if REFERENCE.match(name)), None)
        if ours is None:
            return None
        where = self.page.locate(f"@{ours}")
        if len(names) > 1 or node["c"][0][0]["citationSuffix"]:
            advice = "put a word between the reference"
            raise InputError(f"{where}: {advice} @{ours} and what its bracket holds")
        if ours not in self.labels:
            raise InputError(f"{where}: @{ours} is not the label of anything numbered")
        prefix = self.words[f"{ours.partition('-')[0]}-prefix"]
        shown = tree.new("Str", f"{prefix}{NO_BREAK_SPACE}{self.labels[ours]}")
        return [tree.new("Link", tree.attributes("", "quarto-xref"), [shown], [f"#{ours}", ""])]


def _span(name: str, words: str) -> Node:
    return tree.new("Span", tree.attributes("", name), [tree.new("Str", words)])
