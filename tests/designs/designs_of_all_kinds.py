"""Every public class that makes a design of a comparison, found in the package."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from typing import Any, get_type_hints

import pacte_eval.designs
from pacte_eval.designs import Design


def estimators() -> dict[str, Any]:
    """Classes with ``fit(comparison) -> Design``, by name."""
    return {
        name: kind
        for module in modules()
        for name, kind in vars(module).items()
        if inspect.isclass(kind)
        and kind.__module__ == module.__name__
        and not name.startswith("_")
        and not getattr(kind, "_is_protocol", False)
        and get_type_hints(getattr(kind, "fit", object)).get("return") is Design
    }


def modules() -> list[Any]:
    """Modules of the package of designs."""
    package = pacte_eval.designs
    prefix = f"{package.__name__}."
    names = [info.name for info in pkgutil.walk_packages(package.__path__, prefix)]
    return [import_module(name) for name in names]
