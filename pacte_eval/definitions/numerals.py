"""Numbers as a French reader writes them: decimal comma, thin spaces, true minus.

Rounding is half away from zero on the shortest decimal writing of the number, as taught at
school: 0.25 to one decimal is 0,3 and −0.25 is −0,3, whatever the binary fraction behind.

Public names: `number(value, digits=0)`, `percent(share)`, `signed(value, digits=0)`,
`rounded(value, digits)`, `amount(value, unit)`, `interval(low, high, unit)`,
`unit_of(name) -> Unit`, `THIN` (U+202F), `NO_BREAK` (U+00A0), `MINUS` (U+2212), `ABSENT`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import SupportsFloat

THIN = "\u202f"
NO_BREAK = "\u00a0"
MINUS = "\u2212"
ABSENT = "–"


def rounded(value: SupportsFloat, digits: int, scale: int = 1) -> Decimal:
    """``value × scale`` to so many decimals, half away from zero, without a negative zero.

    The product is exact: 0.0925 in points is 9.25, hence 9,3.
    """
    exact = Decimal(repr(float(value))) * scale
    result = exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return abs(result) if result.is_zero() else result


def number(value: SupportsFloat, digits: int = 0, *, scale: int = 1) -> str:
    """``9,2``; ``12 345`` with thin no-break spaces; ``−3``; ``∞``; ``–`` when there is none."""
    plain = float(value)
    if math.isnan(plain):
        return ABSENT
    if math.isinf(plain):
        return "∞" if plain > 0 else f"{MINUS}∞"
    figures = rounded(value, digits, scale)
    text = f"{abs(figures):,f}".replace(",", THIN).replace(".", ",")
    return f"{MINUS}{text}" if figures < 0 else text


def signed(value: SupportsFloat, digits: int = 0, *, scale: int = 1) -> str:
    """As `number`, with a plus sign before what is positive once rounded."""
    text = number(value, digits, scale=scale)
    positive = math.isinf(float(value)) or (
        not math.isnan(float(value)) and rounded(value, digits, scale) > 0
    )
    return f"+{text}" if positive and not text.startswith(MINUS) else text


def percent(share: SupportsFloat, digits: int = 1) -> str:
    """``percent(0.563)`` is ``56,3 %``."""
    return f"{number(share, digits, scale=100)}{THIN}%" if math.isfinite(float(share)) else ABSENT


@dataclass(frozen=True)
class Unit:
    """How a measure is written: by what it is multiplied, its decimals and its name.

    `axis` names it along an axis, where no number stands before it.
    """

    scale: int
    digits: int
    one: str
    many: str
    axis: str

    def after(self, value: Decimal) -> str:
        """The name as it follows a value already scaled: plural from 2."""
        return self.many if abs(value) >= 2 else self.one


_POINTS = "points de pourcentage"
_UNITS = {
    "points": Unit(100, 1, "point", "points", _POINTS),
    _POINTS: Unit(100, 1, "point de pourcentage", _POINTS, _POINTS),
    "euros": Unit(1, 0, "€", "€", "euros"),
    "dollars": Unit(1, 0, "$", "$", "dollars"),
    "heures": Unit(1, 0, "heure", "heures", "heures"),
    "jours": Unit(1, 0, "jour", "jours", "jours"),
    "mois": Unit(1, 1, "mois", "mois", "mois"),
}


def unit_of(name: str) -> Unit:
    """The unit of that name; one that is not known is written as it is, after one decimal."""
    return _UNITS.get(name) or Unit(1, 1, name, name, name)


def amount(value: SupportsFloat, unit: str, *, sign: bool = False) -> str:
    """A value in its unit: ``amount(0.092, "points")`` is ``9,2 points``.

    Known units: points, points de pourcentage, euros, dollars, heures, jours, mois.
    """
    if not math.isfinite(float(value)):
        return number(value)
    known = unit_of(unit)
    write = signed if sign else number
    text = write(value, known.digits, scale=known.scale)
    return f"{text}{NO_BREAK}{known.after(rounded(value, known.digits, known.scale))}"


def interval(low: SupportsFloat, high: SupportsFloat, unit: str = "points") -> str:
    """``interval(0.086, 0.098)`` is ``[8,6 ; 9,8]``, in the unit's scale and decimals."""
    known = unit_of(unit)
    bounds = [number(bound, known.digits, scale=known.scale) for bound in (low, high)]
    return f"[{bounds[0]}{THIN};{NO_BREAK}{bounds[1]}]"
