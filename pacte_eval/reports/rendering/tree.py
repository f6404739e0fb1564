"""Pandoc's JSON tree in plain Python: the nodes used here, and one way to walk it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

Node = dict[str, Any]

SPACE: Node = {"t": "Space"}
ATTRIBUTES_FIRST = ("Div", "Span", "Link", "Image", "Code", "CodeBlock", "Figure", "Table")


def attributes(identifier: str = "", *classes: str, **pairs: str) -> list[Any]:
    """Identifier, classes and key-value pairs; underscores of keys are written as hyphens."""
    return [identifier, list(classes), [[k.replace("_", "-"), v] for k, v in pairs.items()]]


def attributes_of(node: Node) -> list[Any]:
    """Identifier, classes and pairs of any node, empty for those that have none."""
    if node["t"] == "Header":
        return list(node["c"][1])
    return list(node["c"][0]) if node["t"] in ATTRIBUTES_FIRST else attributes()


def text(value: str) -> Node:
    return {"t": "Str", "c": value}


def para(inlines: Sequence[Node]) -> Node:
    return {"t": "Para", "c": list(inlines)}


def plain(inlines: Sequence[Node]) -> Node:
    return {"t": "Plain", "c": list(inlines)}


def div(blocks: Sequence[Node], attribute: list[Any]) -> Node:
    return {"t": "Div", "c": [attribute, list(blocks)]}


def span(inlines: Sequence[Node], attribute: list[Any]) -> Node:
    return {"t": "Span", "c": [attribute, list(inlines)]}


def raw(form: str, content: str, kind: str = "RawBlock") -> Node:
    return {"t": kind, "c": [form, content]}


def code(content: str, language: str) -> Node:
    return {"t": "CodeBlock", "c": [attributes("", language), content]}


def display_math(formula: str) -> Node:
    return {"t": "Math", "c": [{"t": "DisplayMath"}, formula]}


def image(source: str, alt: str, width: str) -> Node:
    return {"t": "Image", "c": [attributes(width=width), [text(alt)], [source, ""]]}


def link(inlines: Sequence[Node], target: str, *classes: str) -> Node:
    return {"t": "Link", "c": [attributes("", *classes), list(inlines), [target, ""]]}


def caption(inlines: Sequence[Node]) -> list[Any]:
    return [None, [plain(inlines)] if inlines else []]


def meta_text(value: object) -> Node:
    return {"t": "MetaString", "c": str(value)}


def meta_raw(form: str, content: str) -> Node:
    return {"t": "MetaBlocks", "c": [raw(form, content)]}


def plain_text(node: Any) -> str:
    """The words of a tree, without their markup."""
    return "".join(one["c"] if one["t"] == "Str" else " " for one in walk(node)).strip()


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
