"""What the embedded renderer reads of Quarto is `subset.yml`; all the rest is refused here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.reports.rendering import tree
from pacte_eval.reports.rendering.tree import Node

SUBSET: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8"))
TYPES: dict[str, type] = {"true or false": bool, "text": str, "list": list}
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def read_keys(text: str, schema: str, what: str, file: str, first_line: int = 1) -> dict[str, Any]:
    """Keys and values of a YAML text, checked; messages call a key `what`, as "header key"."""
    try:
        value = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise InputError(f"{file} line {first_line}: not valid YAML: {problem}") from error

    def where(key: str) -> str:
        for number, line in enumerate(text.splitlines(), first_line):
            if re.search(rf"(?:^|[\s{{,-]){re.escape(key)}\s*:", line):
                return f"{file} line {number}"
        return file

    _check(value, SUBSET[schema], what, where)
    return dict(value)


def _check(value: object, schema: dict[str, Any], what: str, where: Callable[[str], str]) -> None:
    if not isinstance(value, dict):
        raise InputError(f"{where(what)}: expected keys and values after {what}")
    for key, given in value.items():
        at, allowed = f"{where(str(key))}: {what} '{key}'", schema.get(key)
        if allowed is None:
            raise InputError(f"{at} is not supported; {nearest(str(key), schema)}")
        if isinstance(allowed, dict):
            _check(given, allowed, f"{what} {key}:", where)
        elif isinstance(allowed, list) and given not in allowed:
            known = " or ".join(str(one).lower() for one in allowed)
            raise InputError(f"{at} must be {known}, not '{given}'")
        elif isinstance(allowed, str) and not isinstance(given, TYPES[allowed]):
            raise InputError(f"{at} must be {allowed}, not '{given}'")


def refuse_outside(blocks: list[Node], where: Callable[[str], str]) -> None:
    """Refuse what pandoc reads but the subset does not hold; `where` locates a text."""
    for node in tree.walk(blocks):
        for kind, content in _outside(node):
            shown = content.strip()[:60]
            raise InputError(f"{where(content)}: {kind} '{shown}' is not supported")


def _outside(node: Node) -> Iterator[tuple[str, str]]:
    if node["t"] in ("RawBlock", "RawInline"):
        yield f"raw {node['c'][0]}", node["c"][1]
    if node["t"] == "Image":
        yield "image file", node["c"][2][0]
    if node["t"] == "Link":
        scheme = SCHEME.match(node["c"][2][0])
        if scheme and scheme[1].lower() not in SUBSET["link schemes"]:
            yield "link", node["c"][2][0]
    if node["t"] == "Header" and node["c"][0] == 1:
        yield "heading of the level of the page's title", f"# {tree.plain_text(node['c'][2])}"
    _, classes, pairs = tree.attributes_of(node)
    for name in classes:
        known = name == "panel-tabset" or name in SUBSET["callouts"]
        if name.startswith(tuple(SUBSET["refused classes"])) and not known:
            yield "class", name
    for key, _ in pairs:
        if key.startswith(tuple(SUBSET["refused attributes"])):
            yield "attribute", key
