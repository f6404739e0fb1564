"""What settings may hold; one that is out of range is refused in a sentence that names it."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real

import numpy as np

from pacte_eval.definitions.errors import InputError, nearest


def check_choice(name: str, value: object, known: Iterable[str]) -> None:
    """Refuse a word that is not among those known, suggesting the nearest."""
    known = list(known)
    if value not in known:
        raise InputError(f"{name}={value!r} is unknown: {nearest(str(value), known)}")


def is_whole(value: object, least: int) -> bool:
    """Whether a setting is an integer from `least` on."""
    return isinstance(value, Integral) and int(value) >= least


def is_number(value: object) -> bool:
    """Whether a setting is a finite number."""
    return isinstance(value, Real) and bool(np.isfinite(float(value)))
