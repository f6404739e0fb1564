"""The one exception a user's mistake raises; the command line prints it and exits with code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A mistake in what the user gave: one sentence says what is wrong, where, and what to do."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint naming the known word closest to `word`, or listing the known words.

    Returns
    -------
    str
        ``"did you mean 'x'?"`` when one is close, else ``"known: a, b, c"``.
    """
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}"


SMALLEST_SHOWN = 11


def counted(number: int, noun: str = "row") -> str:
    """A number of rows as messages may say it: one under the secrecy threshold is not shown.

    Returns
    -------
    str
        ``"1,234 rows"``, or ``"fewer than 11 rows"``.
    """
    if 0 < number < SMALLEST_SHOWN:
        return f"fewer than {SMALLEST_SHOWN} {noun}s"
    return f"{number:,} {noun}s"


def check_kind(given: object, *kinds: type, use: str) -> None:
    """Refuse what is of none of the kinds that a function takes.

    Parameters
    ----------
    given : object
    kinds : types
    use : str
        What makes one.
    """
    if not isinstance(given, kinds):
        expected = " or ".join(map(_kind, kinds))
        raise InputError(f"expected {expected}, not {_kind(type(given))}: {use} gives one")


def _kind(one: type) -> str:
    home = one.__module__.split(".")[0]
    return one.__name__ if home in ("builtins", "pacte_eval") else f"{home}.{one.__name__}"
