"""A page whose cells have run, once for all formats: its tree, what each cell showed in place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering import pandoc, tree
from pacte_eval.reports.rendering.cells import Markdown, Session, Shown
from pacte_eval.reports.rendering.source import CELL_CLASS, Cell, Page
from pacte_eval.reports.rendering.subset import SUBSET
from pacte_eval.reports.rendering.tree import Node

INLINE = "{python}"


@dataclass(frozen=True)
class Executed:
    """A cell and what it showed, in order, Markdown read into blocks."""

    cell: Cell
    shown: list[Shown]


def execute(page: Page, kinds: Collection[str]) -> Node:
    """The page's tree, each cell replaced by a node `Executed`, each inline value by its inlines.

    Parameters
    ----------
    kinds
        Image kinds that the formats asked for need: `svg`, `png`.

    Raises
    ------
    InputError
        When a cell fails, or the source holds something outside the subset.
    """
    source = pandoc.read("\n".join(line.text for line in page.lines), page.name)
    for node in tree.walk(source["blocks"]):
        _refuse_outside(node, page)
    with Session(page.name, page.project.root, kinds) as session:

        def run(node: Node) -> list[Node] | None:
            if node["t"] == "CodeBlock" and CELL_CLASS in node["c"][0][1]:
                cell = page.cells[int(dict(node["c"][0][2])["number"])]
                shown = session.run(cell) if cell.options.get("eval", True) else []
                return [{"t": "Executed", "c": Executed(cell, shown)}]
            if node["t"] == "Code" and node["c"][1].startswith(INLINE):
                return _inline(node["c"][1], page, session)
            return None

        blocks = tree.transform(source["blocks"], run)
    _read_markdown([node["c"] for node in tree.walk(blocks) if node["t"] == "Executed"], page)
    return {**source, "blocks": blocks}


def _inline(code: str, page: Page, session: Session) -> list[Node]:
    where = page.locate(code)
    file, _, line = where.partition(" line ")
    value = session.value(Cell(code.removeprefix(INLINE), {}, file, int(line or 1)))
    if isinstance(value, Markdown):
        return list(pandoc.read_inlines(value.text, where))
    return pandoc.plain_inlines(value)


def _read_markdown(cells: list[Executed], page: Page) -> None:
    """Exchange the Markdown that cells showed for blocks, in one reading for the page."""
    places = [
        (cell.shown, position, one.text)
        for cell in cells
        for position, one in enumerate(cell.shown)
        if isinstance(one, Markdown)
    ]
    blocks = pandoc.read_outputs([text for *_, text in places], page.name)
    for (shown, position, _), read in zip(places, blocks, strict=True):
        shown[position] = read


def _refuse_outside(node: Node, page: Page) -> None:
    """Refuse what pandoc reads but the subset does not hold; comments are let through."""
    if node["t"] in ("RawBlock", "RawInline"):
        form, content = node["c"]
        if not content.strip().startswith("<!--"):
            where = page.locate(content)
            raise InputError(f"{where}: raw {form} is not supported: {content.strip()[:60]}")
    known = ("panel-tabset", *SUBSET["callouts"])
    for name in tree.attributes_of(node)[1]:
        if name.startswith(tuple(SUBSET["refused classes"])) and name not in known:
            raise InputError(f"{page.locate(name)}: class '{name}' is not supported")
