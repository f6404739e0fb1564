"""What pages say in French: numbers with their units, effects in words, tables in Markdown.

Effects on a rate come as shares (0.092) and are read in points (9,2). Spaces inside a number and
its unit never break. `markdown_table` is the one way from a protected table to a page.

Public names: `number`, `signed`, `percent(share)`, `points(effect)`, `interval(low, high)`,
`points_with_interval(effect, low, high)`, `euros(value)`, `dollars(value)`,
`amount(value, unit)`, `per_hundred(effect, low=None, high=None)`,
`interval_in_words(low, high, unit)`, `reliability(verdicts, n) -> Reliability`,
`escape_markdown(text)`, `markdown_table(table, columns, titles, formats, composed)`.

Rounding is half away from zero (`pacte_eval.definitions.numerals`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, SupportsFloat

import pandas as pd

from pacte_eval.definitions.numerals import (
    ABSENT,
    NO_BREAK,
    THIN,
    amount,
    interval,
    number,
    percent,
    rounded,
    signed,
    unit_of,
)
from pacte_eval.results import Profile, ProtectedTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = [
    "Reliability",
    "amount",
    "dollars",
    "escape_markdown",
    "euros",
    "interval",
    "interval_in_words",
    "markdown_table",
    "number",
    "per_hundred",
    "percent",
    "points",
    "points_with_interval",
    "reliability",
    "signed",
]

WITHHELD = "n.c."


def points(effect: SupportsFloat) -> str:
    """An effect on a rate, signed: ``points(0.092)`` is ``+9,2 points``."""
    return amount(effect, "points", sign=True)


def euros(value: SupportsFloat) -> str:
    """``12 345 €``."""
    return amount(value, "euros")


def dollars(value: SupportsFloat) -> str:
    """``1 794 $``."""
    return amount(value, "dollars")


def points_with_interval(
    effect: SupportsFloat, low: SupportsFloat, high: SupportsFloat, unit: str = "points"
) -> str:
    """An estimate as pages write it: ``9,2 points [8,6 ; 9,8]``."""
    return f"{amount(effect, unit)} {interval(low, high, unit)}"


def per_hundred(
    effect: SupportsFloat, low: SupportsFloat | None = None, high: SupportsFloat | None = None
) -> str:
    """An effect on a rate, in persons: ``9 personnes de plus pour 100 formées``.

    When an interval is given and contains zero, the phrase is the interval and says that no
    effect remains possible.
    """
    if low is not None and high is not None and float(low) <= 0 <= float(high):
        return (
            f"entre {_persons(low)} et {_persons(high)} pour 100{NO_BREAK}formées, "
            "sans que l'on puisse exclure une absence d'effet"
        )
    return f"{_persons(effect)} pour 100{NO_BREAK}formées"


def _persons(effect: SupportsFloat) -> str:
    whole = rounded(effect, 0, 100)
    way = "de plus" if float(effect) > 0 else "de moins"
    if float(effect) == 0:
        return "aucune personne de plus"
    if whole == 0:
        return f"moins d'une personne {way}"
    noun = "personnes" if abs(whole) >= 2 else "personne"
    return f"{number(abs(whole))}{NO_BREAK}{noun} {way}"


def interval_in_words(low: SupportsFloat, high: SupportsFloat, unit: str = "points") -> str:
    """``l'effet réel se situe vraisemblablement entre 8,6 et 9,8 points``, honest about zero."""
    if not (_finite(low) and _finite(high)):
        return "les données ne permettent pas de borner l'effet réel"
    known = unit_of(unit)
    widest = max(abs(rounded(bound, known.digits, known.scale)) for bound in (low, high))
    bounds = [number(bound, known.digits, scale=known.scale) for bound in (low, high)]
    words = (
        f"l'effet réel se situe vraisemblablement entre {bounds[0]} et "
        f"{bounds[1]}{NO_BREAK}{known.after(widest)}"
    )
    if float(low) <= 0 <= float(high):
        return f"{words}{THIN}: les données n'excluent pas une absence d'effet"
    return words


@dataclass(frozen=True)
class Reliability:
    """How far an estimate may be trusted: an icon that reads in print, a label and a sentence."""

    icon: str
    label: str
    words: str

    def __str__(self) -> str:
        return f"{self.icon} {self.label}"


def reliability(
    verdicts: Iterable[str], n: int | None, profile: Profile | None = None
) -> Reliability:
    """Sum up the verdicts of an estimate over `n` persons trained.

    Solid when every verdict is ``pass``; fragile when one is ``fail`` or `n` is under the
    profile's reliability threshold; otherwise, with a warning, a check that could not conclude or
    could not be made, or no check at all, to be read with care. `n` is `None` when it is withheld.
    """
    profile = profile or Profile()
    found = list(verdicts)
    if n is None:
        return Reliability(
            "–", "non communiqué", "L'effectif est trop faible pour publier un résultat."
        )
    failed = sum(verdict == "fail" for verdict in found)
    if failed:
        count = "Un contrôle échoue" if failed == 1 else f"{failed}{NO_BREAK}contrôles échouent"
        return Reliability(
            "○", "fragile", f"{count}{THIN}: le résultat ne peut pas être tenu pour établi."
        )
    if not profile.reliable(n):
        return Reliability(
            "○",
            "fragile",
            f"Moins de {profile.reliability}{NO_BREAK}personnes formées{THIN}: "
            "le résultat peut tenir au hasard.",
        )
    if not found or any(verdict != "pass" for verdict in found):
        return Reliability(
            "◐",
            "à lire avec prudence",
            "Certains contrôles sont défavorables, ne permettent pas de conclure "
            "ou n'ont pas pu être faits.",
        )
    return Reliability("●", "solide", "Tous les contrôles sont favorables.")


_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~^$@&!]|-(?=-)|(?<=-)-)")
_OPENING = re.compile(r"^([-+:%]|\d+(?=[.)]))")


def escape_markdown(text: str) -> str:
    """Text that pandoc's Markdown prints as it is, on one line, in a table cell or a paragraph."""
    line = re.sub(r"[ \t\r\n\f\v]+", " ", str(text)).strip(" ")
    line = _SPECIAL.sub(r"\\\1", line)
    opening = _OPENING.match(line)
    if opening is None:
        return line
    mark = opening[0]
    if mark.isdigit():
        return f"{mark}\\{line[len(mark) :]}"
    return f"\\{line}"


def markdown_table(
    table: ProtectedTable,
    columns: Sequence[str],
    titles: Mapping[str, str] | None = None,
    formats: Mapping[str, Callable[[Any], str]] | None = None,
    composed: Mapping[str, tuple[Sequence[str], Callable[..., str]]] | None = None,
) -> str:
    """A pipe table of a protected table, one line a row, in the table's order.

    Parameters
    ----------
    columns
        Names of columns of the table, or of `composed`.
    titles
        Headings by name; by default the schema's.
    formats
        For a column, how a value is written; what it returns is Markdown, so a format that passes
        data text on must escape it. By default numbers are in French, booleans oui or non, text
        is escaped.
    composed
        Columns made of several: the names they come from, and how their values are written
        together.

    Returns
    -------
    str
        Markdown. ``n.c.`` (non communiqué) for a value withheld, ``–`` for one that does not
        apply. Numbers are aligned on the right.

    Raises
    ------
    TypeError
        If `table` is not a `ProtectedTable`: a bare frame is never printed.
    """
    if not isinstance(table, ProtectedTable):
        raise TypeError(f"pages print protected tables only, not a {type(table).__name__}")
    titles, formats, composed = titles or {}, formats or {}, composed or {}
    frame, withheld = table.frame, table.withheld
    sources = {name: tuple(composed[name][0]) if name in composed else (name,) for name in columns}
    kinds = {name: table.schema.column(sources[name][0]).kind for name in columns}
    headings = [
        escape_markdown(titles.get(name) or table.schema.column(sources[name][0]).title)
        for name in columns
    ]
    rules = ["---:" if kinds[name] in ("integer", "number") else ":---" for name in columns]
    cells = []
    for name in columns:
        default = formats.get(name, _FORMATS[kinds[name]])
        write = composed[name][1] if name in composed else default
        values = frame[list(sources[name])].itertuples(index=False, name=None)
        gone = withheld[list(sources[name])].any(axis=1)
        cells.append([_cell(row, hidden, write) for row, hidden in zip(values, gone, strict=True)])
    lines = [headings, rules, *zip(*cells, strict=True)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(values: tuple[Any, ...], hidden: bool, write: Callable[..., str]) -> str:
    if hidden:
        return WITHHELD
    return ABSENT if any(pd.isna(value) for value in values) else write(*values)


_FORMATS: dict[str, Callable[[Any], str]] = {
    "text": escape_markdown,
    "integer": number,
    "number": lambda value: number(value, 2),
    "boolean": lambda value: "oui" if value else "non",
}


def _finite(value: SupportsFloat) -> bool:
    return math.isfinite(float(value))
