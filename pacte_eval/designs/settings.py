"""What settings may hold, one out of range being refused in a sentence that names it, and how the
settings of a design say what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral, Real

import numpy as np

from pacte_eval.definitions.errors import InputError, nearest


def check_choice(name: str, value: object, known: Iterable[str]) -> None:
    """Refuse a word that is not among those known, suggesting the nearest."""
    known = list(known)
    if value not in known:
        raise InputError(f"{name}={value!r} is unknown: {nearest(str(value), known)}")


def left_out(dropped: Mapping[str, str]) -> dict[str, object]:
    """The setting that lists columns left out, with the reason; none where none is."""
    listed = "; ".join(f"{name} ({why})" for name, why in dropped.items())
    return {"dropped": listed} if listed else {}


def is_whole(value: object, least: int) -> bool:
    """Whether a setting is an integer from `least` on."""
    return isinstance(value, Integral) and int(value) >= least


def is_number(value: object) -> bool:
    """Whether a setting is a finite number."""
    return isinstance(value, Real) and bool(np.isfinite(float(value)))
