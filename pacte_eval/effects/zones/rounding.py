"""Under what size a gap between outcomes is that of rounding."""

from __future__ import annotations

_DIGITS = 1e-9


def rounding_error(scale: float) -> float:
    """The largest gap that rounding may leave between values as large as `scale`."""
    return _DIGITS * max(scale, 1e-300)
