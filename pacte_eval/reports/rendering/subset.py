"""What the embedded renderer reads of Quarto: `subset.yml`, and the check of keys against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pacte_eval.definitions.errors import InputError, nearest

SUBSET: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8"))
TYPES: dict[str, Any] = {
    "boolean": bool,
    "whole number": int,
    "text": str,
    "list": list,
    "text or list": (str, list),
}


def check(mapping: object, schema: dict[str, Any], what: str, where: Callable[[str], str]) -> None:
    """Refuse a key or a value outside `schema`.

    Parameters
    ----------
    what
        How a message calls a key of this mapping, as "header key".
    where
        Gives "file line n" of a key.

    Raises
    ------
    InputError
        Naming the first offending key.
    """
    if not isinstance(mapping, dict):
        raise InputError(f"{where('')}: expected keys and values after {what}")
    for key, value in mapping.items():
        at, allowed = f"{where(str(key))}: {what} '{key}'", schema.get(key)
        if allowed is None:
            raise InputError(f"{at} is not supported; {nearest(str(key), schema)}")
        if isinstance(allowed, dict):
            if value != "default":
                check(value, allowed, f"{what} {key}:", where)
            continue
        if isinstance(allowed, list):
            fits, known = value in allowed, " or ".join(str(one).lower() for one in allowed)
        else:
            boolean = isinstance(value, bool)
            fits = isinstance(value, TYPES[allowed]) and boolean == (allowed == "boolean")
            known = "true or false" if allowed == "boolean" else f"a {allowed}"
        if not fits:
            raise InputError(f"{at} must be {known}, not '{value}'")
