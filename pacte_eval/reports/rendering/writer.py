"""How a format shows the constructs that pandoc does not know; the defaults are those of paper."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pacte_eval.reports.rendering import tree
from pacte_eval.reports.rendering.source import Page
from pacte_eval.reports.rendering.tree import Node

TEXT_WIDTH = 453.0  # points: A4 between its margins


class Writer(ABC):
    """One page in one format.

    Parameters
    ----------
    page
        The page as read.
    settings
        What is declared for it in this format.
    folder
        Where figures and other files may be written for pandoc to find.
    """

    suffix: str
    quarto_name: str
    image_kind = "svg"
    first_level = 1

    def __init__(self, page: Page, settings: dict[str, Any], folder: Path) -> None:
        self.page, self.settings, self.folder = page, settings, folder
        self.count = 0

    @abstractmethod
    def picture(self, content: bytes, alt: str, width: float) -> Node: ...

    @abstractmethod
    def callout(
        self, kind: str, title: list[Node], blocks: list[Node], folded: bool
    ) -> list[Node]: ...

    @abstractmethod
    def write(self, document: Node, suffixes: Sequence[str]) -> bytes:
        """The file; `suffixes` are those of all the formats that the page is made in."""

    def equation(self, identifier: str, formula: str, number: int) -> Node:
        math = tree.display_math(rf"{formula}\qquad({number})")
        return tree.div([tree.para([math])], tree.attributes(identifier))

    def tabset(self, tabs: list[list[Node]]) -> list[Node]:
        return [block for tab in tabs for block in tab]

    def table(self, table: Node) -> list[Node]:
        return [table]

    def code(self, content: str, folded: bool) -> list[Node]:
        return [tree.code(content, "python")]

    def page_link(self, inlines: list[Node], target: Path, fragment: str) -> list[Node]:
        return inlines

    def save(self, content: bytes) -> str:
        """Name of a new image file of this page."""
        self.count += 1
        name = f"figure-{self.count}.{self.image_kind}"
        (self.folder / name).write_bytes(content)
        return name
