"""p-values that hold for a family of estimates at once.

From p-values alone: Holm (1979, *Scandinavian Journal of Statistics* 6, 65–70) for the risk of any
false discovery; Benjamini and Hochberg (1995, *JRSS B* 57, 289–300) and, under any dependence,
Benjamini and Yekutieli (2001, *Annals of Statistics* 29, 1165–1188) for the expected share of false
discoveries. From contributions: the step-down of Romano and Wolf (2005, *Econometrica* 73,
1237–1282, algorithm 4.1; p-values of 2016, *Statistics & Probability Letters* 113, 38–40) on the
largest absolute t statistic, whose joint law under the nulls is drawn by multipliers, so that
estimates that move together cost less than Holm's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from statsmodels.stats.multitest import multipletests

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import number
from pacte_eval.designs.settings import check_choice
from pacte_eval.effects.bands import Multiplier, check_multiplier, standardised_draws
from pacte_eval.effects.contributions import Contributions

Adjusting = Literal["holm", "bh", "by", "romano-wolf"]
DRAWS = 9_999
_NAMES = {
    "holm": "Holm",
    "bh": "Benjamini–Hochberg",
    "by": "Benjamini–Yekutieli",
    "romano-wolf": "Romano–Wolf",
}
_KNOWN_AS = {"holm": "holm", "bh": "fdr_bh", "by": "fdr_by"}
_DRAWN = {"gaussian": "gaussiens", "rademacher": "de signes"}


def read_method(method: str, multiplier: Multiplier | None) -> Multiplier:
    """The multiplier of an adjustment.

    Raises
    ------
    InputError
        If either is unknown, or a multiplier is given to a method that draws nothing.
    """
    check_choice("method", method, _NAMES)
    if multiplier is None:
        return "gaussian"
    check_multiplier(multiplier)
    if method != "romano-wolf":
        raise InputError(
            f"multiplier='{multiplier}' is meaningless with method='{method}': only 'romano-wolf' "
            "draws"
        )
    return multiplier


def from_p_values(p: np.ndarray, method: Adjusting) -> np.ndarray:
    """Adjusted p-values of a family, from its p-values alone: shape (k,)."""
    return np.asarray(multipletests(p, method=_KNOWN_AS[method])[1])


def romano_wolf(
    statistics: np.ndarray,
    contributions: Contributions,
    columns: Sequence[int],
    multiplier: Multiplier,
) -> np.ndarray:
    """Step-down p-values of two-sided tests.

    Parameters
    ----------
    statistics : float array, shape (k,)
        Estimates in units of their errors.
    contributions : Contributions
    columns : sequence of int
        Those of the k estimates.
    multiplier : str

    Returns
    -------
    float array, shape (k,)
        (1 + draws as large) / (1 + draws): never zero.
    """
    order = np.argsort(-np.abs(statistics), kind="stable")
    drawn = standardised_draws(
        contributions, [columns[place] for place in order], multiplier, DRAWS
    )
    # From the least statistic up: the largest draw among those not yet rejected.
    backwards = np.abs(drawn[:, ::-1])
    largest = np.maximum.accumulate(backwards, axis=1, out=backwards)[:, ::-1]
    as_large = (largest >= np.abs(statistics)[order]).sum(axis=0)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate((1 + as_large) / (1 + DRAWS))
    return adjusted


def adjustment_in_french(
    method: Adjusting, multiplier: Multiplier, family: int, without: int
) -> str:
    """What was done, with the size of the family and how many of its rows have no p-value."""
    drawn = f", {number(DRAWS)} tirages {_DRAWN[multiplier]}" if method == "romano-wolf" else ""
    size = f"famille de {number(family)} estimation{'s' if family > 1 else ''}"
    left = f" ({number(without)} sans p, hors famille)" if without else ""
    return f"{_NAMES[method]}{drawn}, {size}{left}"
