"""What an additional job costs: a ratio whose interval may have no upper limit.

Fieller (1954, *JRSS B* 16, 175–185): the costs that the effect does not rule out are those at which
cost − ratio × effect is not different from 0. With a known unit cost they are the cost over each
effect of its interval; when that interval contains 0 no cost, however high, is ruled out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import NO_BREAK as FIXED
from pacte_eval.definitions.numerals import THIN, number


@dataclass(frozen=True)
class Cost:
    """A cost per unit of effect.

    Attributes
    ----------
    estimate, low, high : float
        Euros; `high` is infinite where the cost is not bounded, all are missing where the effect
        is not positive.
    bounded : bool
        Whether the interval has an upper limit.
    """

    estimate: float
    low: float
    high: float
    bounded: bool

    def sentence(self, what: str) -> str:
        """In French, with what the effect is a number of: « emploi », « mois de travail »."""
        if math.isnan(self.estimate):
            return f"Aucun coût par {what} supplémentaire{FIXED}: l'effet estimé n'est pas positif."
        said = f"{_euros(self.estimate)} par {what} supplémentaire"
        if self.bounded:
            return f"{said}, entre {_euros(self.low)} et {_euros(self.high)}."
        return (
            f"{said}, au moins {_euros(self.low)}, **non borné**{FIXED}: les données n'excluent "
            "pas une absence d'effet."
        )


def net_cost(unit: float, later: float, trained_since: float) -> float:
    """Euros spent on a person trained beyond what is spent on one who waits.

    Parameters
    ----------
    unit : float
        Euros of one training, an average.
    later : float
        Euros of a later training of those compared with.
    trained_since : float
        The share of them trained since, between 0 and 1.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    if not (unit > 0 and later >= 0 and 0 <= trained_since <= 1):
        raise InputError("costs must be positive, and the share trained since between 0 and 1")
    return unit - later * trained_since


def cost_of(cost: float, effect: float, ci_low: float, ci_high: float) -> Cost:
    """The cost of one unit of an effect, with its interval.

    Parameters
    ----------
    cost : float
        Euros per person trained, known.
    effect, ci_low, ci_high : float
        Units gained per person trained: of a job, of a month of work.

    Raises
    ------
    InputError
        If the cost is not positive, or the interval does not hold the effect.
    """
    if not cost > 0:
        raise InputError(f"cost={cost} must be positive")
    if not ci_low <= effect <= ci_high:
        raise InputError("the interval must hold the effect")
    if effect <= 0:
        return Cost(math.nan, math.nan, math.nan, False)
    bounded = ci_low > 0
    return Cost(cost / effect, cost / ci_high, cost / ci_low if bounded else math.inf, bounded)


def _euros(value: float) -> str:
    return f"{number(value)}{THIN}€"
