"""Calendar months as integers, `year * 12 + month - 1`: one arithmetic for every stage."""

from __future__ import annotations

import re
from datetime import date

from pacte_eval.definitions.errors import InputError

Period = int | str  # a month relative to entry, or the label of a period
_WRITTEN = re.compile(r"(\d{4})-(\d{2})")
_NAMES = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]


def parse_month(text: str) -> int:
    """Read ``"2019-03"`` as a month integer.

    Raises
    ------
    InputError
        If the text is not a year and a month from 01 to 12.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None or not 1 <= int(match[2]) <= 12:
        raise InputError(f"'{text}' is not a month: write it as 2019-03")
    return int(match[1]) * 12 + int(match[2]) - 1


def month_of(day: date) -> int:
    """The month integer of a day."""
    return day.year * 12 + day.month - 1


def first_day(month: int) -> date:
    """The first day of a month integer."""
    return date(month // 12, month % 12 + 1, 1)


def month_code(month: int) -> str:
    """``"2019-03"``, sortable and readable by a machine."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def month_name(month: int) -> str:
    """``"mars 2019"``, as a French reader writes it."""
    return f"{_NAMES[month % 12]} {month // 12}"
