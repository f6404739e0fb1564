"""The months of the simulation: a burn-in before the tables begin, then the months they cover.

Inside this package a month is a position counted from `START` and a day is a number of days since
1970-01-01, so that both are plain integers in the compiled loops and cast to dates when written.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from pacte_eval.definitions.months import parse_month

START = parse_month("2014-07")
COVERAGE = (date(2017, 1, 1), date(2023, 6, 30))
COVERED = parse_month("2017-01") - START
MONTHS = parse_month("2023-06") + 1 - START

BEFORE, AFTER = 24, 36
"""The window of a truth row, in months relative to the month of entry."""

_EPOCH = parse_month("1970-01")
FIRST_DAYS = (
    (np.datetime64("1970-01", "M") + np.arange(START - _EPOCH, START - _EPOCH + MONTHS + 1))
    .astype("datetime64[D]")
    .astype(np.int32)
)
"""First day of each month of the simulation, and of the month that follows the last."""

LAST_DAY = int(FIRST_DAYS[-1]) - 1
FIRST_COVERED_DAY = int(FIRST_DAYS[COVERED])


def position(month: str) -> int:
    """The position of a month written as ``"2019-03"``."""
    return parse_month(month) - START


def calendar_month(positions: np.ndarray) -> np.ndarray:
    """Month of the year, 0 for January, of positions."""
    return (positions + START) % 12
