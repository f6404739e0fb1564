"""Days and months as integers: arithmetic on dates that no engine does."""

from __future__ import annotations

import numpy as np

_UNIX_EPOCH_MONTH = 1970 * 12


def month_of_days(days: np.ndarray) -> np.ndarray:
    """The month integers of days since 1970: int32 array."""
    return (_months(days).astype(np.int64) + _UNIX_EPOCH_MONTH).astype(np.int32)


def months_back(days: np.ndarray, months: int) -> np.ndarray:
    """The same days some months earlier, or the last of the month where it is shorter."""
    firsts = _months(days)
    of_month = days - firsts.astype("datetime64[D]").astype(np.int64)
    earlier = firsts - months
    starts = earlier.astype("datetime64[D]").astype(np.int64)
    lengths = (earlier + 1).astype("datetime64[D]").astype(np.int64) - starts
    return (starts + np.minimum(of_month, lengths - 1)).astype(np.int32)


def _months(days: np.ndarray) -> np.ndarray:
    return days.astype("datetime64[D]").astype("datetime64[M]")
