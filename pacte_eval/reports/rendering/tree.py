"""Pandoc's JSON tree in plain Python: the nodes used here, and one way to walk it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Node = dict[str, Any]

ATTRIBUTES_FIRST = ("Div", "Span", "Link", "Image", "Code", "CodeBlock", "Figure", "Table")


def attributes(identifier: str = "", *classes: str, **pairs: str) -> list[Any]:
    """Identifier, classes and key-value pairs; underscores of keys are written as hyphens."""
    return [identifier, list(classes), [[k.replace("_", "-"), v] for k, v in pairs.items()]]


def attributes_of(node: Node) -> list[Any]:
    """Identifier, classes and pairs of any node, empty for those that have none."""
    if node["t"] == "Header":
        return list(node["c"][1])
    return list(node["c"][0]) if node["t"] in ATTRIBUTES_FIRST else attributes()


def new(kind: str, *content: Any) -> Node:
    """A node of pandoc's type `kind`, its content as pandoc's documentation gives it."""
    return {"t": kind, "c": content[0] if len(content) == 1 else list(content)}


def image(source: str, alt: str, width: float) -> Node:
    """An image, its width in points."""
    return new("Image", attributes(width=f"{width}pt"), [new("Str", alt)], [source, ""])


def caption(inlines: list[Node]) -> list[Any]:
    return [None, [new("Plain", inlines)] if inlines else []]


def meta(value: Any) -> Node:
    """What a template shows: text, escaped by the format, or lists and mappings of it."""
    if isinstance(value, list):
        return new("MetaList", [meta(one) for one in value])
    if isinstance(value, dict):
        return new("MetaMap", {key: meta(one) for key, one in value.items()})
    return new("MetaString", str(value))


def plain_text(node: Any) -> str:
    """The words of a tree, without their markup."""
    shown = (one for one in walk(node) if one["t"] in ("Str", "Space", "SoftBreak"))
    return "".join(one.get("c", " ") for one in shown)


def transform(node: Any, visit: Callable[[Node], list[Node] | None]) -> Any:
    """A copy; `visit` sees each node after its children and may give nodes in its place."""
    if isinstance(node, list):
        copied: list[Any] = []
        for item in node:
            new = transform(item, visit)
            replaced = visit(new) if isinstance(new, dict) and "t" in new else None
            copied.extend([new] if replaced is None else replaced)
        return copied
    if isinstance(node, dict):
        return {key: transform(value, visit) for key, value in node.items()}
    return node


def walk(node: Any) -> Iterator[Node]:
    """Every node, parents first, in the order of the document."""
    if isinstance(node, list):
        for item in node:
            yield from walk(item)
    elif isinstance(node, dict):
        if "t" in node:
            yield node
        yield from walk(node.get("c"))
