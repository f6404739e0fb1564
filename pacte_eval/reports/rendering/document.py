"""One page for one format: a pass over pandoc's tree, each construct of Quarto one small function.

The order matters: cells become blocks, blocks meant for other formats go, tabsets and callouts take
their shape, then figures, tables, equations and sections are numbered as they come, and references
are resolved last.
"""

from __future__ import annotations

import re
from collections import Counter

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering import pandoc, tree
from pacte_eval.reports.rendering.cells import Drawing
from pacte_eval.reports.rendering.execution import Executed
from pacte_eval.reports.rendering.subset import SUBSET
from pacte_eval.reports.rendering.tree import Node
from pacte_eval.reports.rendering.writer import Writer

NARROW_SPACE, NO_BREAK_SPACE = "\u202f", "\u00a0"
TITLES = {"fig": "Figure", "tbl": "Tableau"}
PREFIXES = {"fig": "figure", "tbl": "tableau", "eq": "équation", "sec": "section"}
EQUATION_LABEL = re.compile(r"\{#(eq-[^\s}]+)\}")
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


class Document:
    """A page being made into one format; `blocks` runs the pass."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.page, self.settings = writer, writer.page, writer.settings
        self.crossref = writer.settings.get("crossref", {})
        self.labels: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.sections: list[int] = []

    def blocks(self, executed: list[Node]) -> list[Node]:
        blocks = tree.transform(executed, self._expanded)
        for step in (self._visible, self._tabset, self._callout):
            blocks = tree.transform(blocks, step)
        blocks = self._levels(blocks)
        for step in (self._numbered, self._reference, self._table):
            blocks = tree.transform(blocks, step)
        return list(blocks)

    # Cells, links, safety

    def _expanded(self, node: Node) -> list[Node] | None:
        for key, _ in tree.attributes_of(node)[2]:
            if key.startswith(tuple(SUBSET["refused attributes"])):
                raise InputError(f"{self.page.locate(key)}: attribute '{key}' is not supported")
        if node["t"] in ("RawBlock", "RawInline"):
            return []  # comments: other raw text was refused
        if node["t"] == "Image":
            source = node["c"][2][0]
            where = self.page.locate(source)
            raise InputError(f"{where}: image file {source} is not supported; draw it in a cell")
        if node["t"] == "Link":
            return self._link(node)
        return self._cell(node["c"]) if node["t"] == "Executed" else None

    def _link(self, node: Node) -> list[Node] | None:
        target = node["c"][2][0]
        where, scheme = self.page.locate(target), SCHEME.match(target)
        if scheme and scheme[1].lower() not in SUBSET["link schemes"]:
            raise InputError(f"{where}: link {target[:60]} is not supported")
        path, _, fragment = target.partition("#")
        if scheme or not path.endswith(".qmd"):
            return None
        linked = self.page.project.resolve(path, self.page.path.parent, f"{where}: linked page")
        return self.writer.page_link(node["c"][1], linked, fragment)

    def _cell(self, executed: Executed) -> list[Node]:
        options, where = executed.cell.options, executed.cell.where()
        if options.get("include", True) is False:
            return []
        shown: list[Node] = []
        if options.get("echo", self.settings.get("execute", {}).get("echo", True)):
            folded = options.get("code-fold", self.settings.get("code-fold", False))
            shown = self.writer.code(executed.cell.code.strip("\n"), folded)
        if options.get("output", True) is False:
            return shown
        outputs: list[Node] = []
        for one in executed.shown:
            if isinstance(one, Drawing):
                outputs.append(self._figure(one, executed))
            else:
                outputs += tree.transform(one, self._expanded)
        label = options.get("label", "")
        for kind, prefix in (("Figure", "fig"), ("Table", "tbl")):
            found = [one for one in outputs if one["t"] == kind]
            if label.startswith(f"{prefix}-") and len(found) != 1:
                raise InputError(f"{where}: the cell shows {len(found)} {kind.lower()}, not one")
        return shown + [self._captioned(one, executed) for one in outputs]

    def _figure(self, drawing: Drawing, executed: Executed) -> Node:
        options, where = executed.cell.options, executed.cell.where()
        if not options.get("fig-alt"):
            raise InputError(f"{where}: a figure needs its text alternative, option fig-alt")
        content = drawing.images[self.writer.image_kind]
        picture = self.writer.picture(content, options["fig-alt"], drawing.width)
        return {"t": "Figure", "c": [tree.attributes(), tree.caption([]), [tree.plain([picture])]]}

    def _captioned(self, node: Node, executed: Executed) -> Node:
        """A figure or table that a cell shows, with the cell's label and caption."""
        options, where = executed.cell.options, executed.cell.where()
        kind = {"Figure": "fig", "Table": "tbl"}.get(node["t"])
        label = options.get("label", "")
        label = label if kind and label.startswith(f"{kind}-") else ""
        if not kind or not (label or f"{kind}-cap" in options):
            return node
        caption = tree.caption(pandoc.read_inlines(options.get(f"{kind}-cap", ""), where))
        return {"t": node["t"], "c": [tree.attributes(label), caption, *node["c"][2:]]}

    # Blocks for some formats, tabsets, callouts

    def _visible(self, node: Node) -> list[Node] | None:
        classes = tree.attributes_of(node)[1]
        visible, hidden = "content-visible" in classes, "content-hidden" in classes
        if not visible and not hidden:
            return None
        formats = list(SUBSET["document"]["format"])
        for key, name in node["c"][0][2]:
            if key not in SUBSET["conditions"] or name not in formats:
                known = f"{' or '.join(SUBSET['conditions'])} with one of {', '.join(formats)}"
                where = self.page.locate(name)
                raise InputError(f"{where}: condition {key}={name} is not supported; write {known}")
            if (name == self.writer.quarto_name) != (key == "when-format"):
                visible = not visible
        return list(node["c"][1]) if visible else []

    def _tabset(self, node: Node) -> list[Node] | None:
        if "panel-tabset" not in tree.attributes_of(node)[1]:
            return None
        levels = [one["c"][0] for one in node["c"][1] if one["t"] == "Header"]
        tabs: list[list[Node]] = []
        for block in node["c"][1]:
            if block["t"] == "Header" and block["c"][0] == min(levels):
                level, (identifier, classes, pairs), inlines = block["c"]
                outside = [identifier, [*classes, "unnumbered", "unlisted"], pairs]
                tabs.append([{"t": "Header", "c": [level, outside, inlines]}])
            elif tabs:
                tabs[-1].append(block)
            else:
                where = self.page.locate("panel-tabset")
                raise InputError(f"{where}: a tabset begins with a heading")
        return self.writer.tabset(tabs)

    def _callout(self, node: Node) -> list[Node] | None:
        _, classes, pairs = tree.attributes_of(node)
        name = next((one for one in classes if one in SUBSET["callouts"]), None)
        if node["t"] != "Div" or name is None:
            return None
        declared, blocks, where = dict(pairs), node["c"][1], self.page.locate(name)
        for key in declared:
            if key not in SUBSET["callout attributes"]:
                raise InputError(f"{where}: callout attribute '{key}' is not supported")
        title = pandoc.read_inlines(declared.get("title", SUBSET["callouts"][name]), where)
        if "title" not in declared and blocks and blocks[0]["t"] == "Header":
            title, blocks = blocks[0]["c"][2], blocks[1:]
        folded = declared.get("collapse") == "true"
        return self.writer.callout(name.removeprefix("callout-"), list(title), blocks, folded)

    # Numbers

    def _levels(self, blocks: list[Node]) -> list[Node]:
        """Headings from the first level that the format leaves to the text, identifiers unique."""
        levels = [node["c"][0] for node in tree.walk(blocks) if node["t"] == "Header"]
        shift = self.writer.first_level - min(levels, default=1)
        seen: Counter[str] = Counter()

        def shifted(node: Node) -> list[Node] | None:
            if node["t"] != "Header":
                return None
            level, (identifier, classes, pairs), inlines = node["c"]
            again = f"-{seen[identifier]}" if identifier and seen[identifier] else ""
            seen[identifier] += 1
            attribute = [identifier + again, classes, pairs]
            return [{"t": "Header", "c": [level + shift, attribute, inlines]}]

        return list(tree.transform(blocks, shifted))

    def _numbered(self, node: Node) -> list[Node] | None:
        if node["t"] == "Header":
            return self._section(node)
        if node["t"] in ("Figure", "Table"):
            return self._float(node)
        return self._equations(node) if node["t"] == "Para" else None

    def _section(self, node: Node) -> list[Node] | None:
        level, attribute, inlines = node["c"]
        if not self.settings.get("number-sections") or "unnumbered" in attribute[1]:
            return None
        depth = level - self.writer.first_level + 1
        self.sections = (self.sections + [0] * depth)[:depth]
        self.sections[-1] += 1
        number = ".".join(map(str, self.sections))
        if attribute[0].startswith("sec-"):
            self._label(attribute[0], number)
        shown = tree.span([tree.text(number)], tree.attributes("", "header-section-number"))
        return [{"t": "Header", "c": [level, attribute, [shown, tree.SPACE, *inlines]]}]

    def _float(self, node: Node) -> list[Node] | None:
        attribute, (_, caption), *content = node["c"]
        kind = attribute[0].partition("-")[0]
        if kind not in TITLES:
            return None
        title = self.crossref.get(f"{kind}-title", TITLES[kind])
        start = f"{title}{NO_BREAK_SPACE}{self._count(kind, attribute[0])}"
        head = tree.span([tree.text(start)], tree.attributes("", "caption-number"))
        written = caption[0]["c"] if caption else []
        after = [tree.text(self._delimiter()), tree.SPACE, *written] if written else []
        return [{"t": node["t"], "c": [attribute, tree.caption([head, *after]), *content]}]

    def _delimiter(self) -> str:
        delimiter = str(self.crossref.get("title-delim", ":")).strip()
        french = self.settings.get("lang", "fr").startswith("fr")
        return f"{NARROW_SPACE}:" if french and delimiter == ":" else delimiter

    def _equations(self, node: Node) -> list[Node] | None:
        """Take each labelled display formula out of its paragraph, with its number."""
        blocks: list[Node] = []
        rest: list[Node] = []
        for inline in node["c"]:
            label = EQUATION_LABEL.fullmatch(inline["c"]) if inline["t"] == "Str" else None
            if label is None:
                rest.append(inline)
                continue
            while rest and rest[-1]["t"] in ("Space", "SoftBreak"):
                rest.pop()
            if not rest or rest[-1]["t"] != "Math":
                raise InputError(f"{self.page.locate(label[0])}: {label[0]} follows no formula")
            formula = rest.pop()["c"][1]
            blocks += [tree.para(rest)] if rest else []
            blocks.append(self.writer.equation(label[1], formula, self._count("eq", label[1])))
            rest = []
        return [*blocks, *([tree.para(rest)] if rest else [])] if blocks else None

    def _count(self, kind: str, identifier: str) -> int:
        self.counts[kind] += 1
        self._label(identifier, str(self.counts[kind]))
        return self.counts[kind]

    def _label(self, identifier: str, number: str) -> None:
        if identifier in self.labels:
            raise InputError(f"{self.page.locate(identifier)}: label {identifier} is given twice")
        self.labels[identifier] = number

    # References, tables

    def _reference(self, node: Node) -> list[Node] | None:
        if node["t"] != "Cite":
            return None
        names = [one["citationId"] for one in node["c"][0]]
        ours = [name for name in names if name.partition("-")[0] in PREFIXES]
        if not ours:
            return None
        where = self.page.locate(f"@{ours[0]}")
        if ours != names or any(one["citationSuffix"] for one in node["c"][0]):
            advice = f"put a word between the reference @{ours[0]} and the bracket that follows it"
            raise InputError(f"{where}: {advice}")
        links = [self._one_reference(name, where) for name in ours]
        comma = [tree.text(","), tree.SPACE]
        return [one for link in links for one in (*comma, link)][len(comma) :]

    def _one_reference(self, identifier: str, where: str) -> Node:
        kind = identifier.partition("-")[0]
        if identifier not in self.labels:
            unnumbered = kind == "sec" and not self.settings.get("number-sections")
            why = "needs number-sections" if unnumbered else "is not the label of anything"
            raise InputError(f"{where}: @{identifier} {why} in {self.writer.quarto_name}")
        prefix = self.crossref.get(f"{kind}-prefix", PREFIXES[kind])
        shown = f"{prefix}{NO_BREAK_SPACE}{self.labels[identifier]}"
        return tree.link([tree.text(shown)], f"#{identifier}", "quarto-xref")

    def _table(self, node: Node) -> list[Node] | None:
        return self.writer.table(node) if node["t"] == "Table" else None
