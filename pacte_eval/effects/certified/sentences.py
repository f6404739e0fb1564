"""Bounds as a French reader is told them: between what and what, of whom, on which assumption."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import NO_BREAK, percent, rounded, signed, unit_of
from pacte_eval.effects.certified.states import CERTIFIED, NOT_CERTIFIED

WHOM = {
    CERTIFIED: "les formés qui obtiennent la certification",
    NOT_CERTIFIED: "les formés qui ne l’obtiennent pas",
}
DOMINANCE = "si ceux qui certifieraient font au moins aussi bien que les autres sans formation"


def bounds_sentence(
    row: Mapping[str, float | bool | None],
    stratum: int,
    month: Period,
    unit: str,
    *,
    dominance: bool,
) -> str:
    """The bounds of a stratum at a period.

    Parameters
    ----------
    row : mapping
        ``low``, ``high``, ``ci_low``, ``ci_high``, ``informative``.
    stratum : int
        1 certified, 0 not.
    month : int or str
    unit : str
        ``"points"`` for a share, or the measure of the outcome.
    dominance : bool
    """
    start = f"Effet sur {WHOM[stratum]}, {in_words(month)}"
    low, high = _number(row["low"]), _number(row["high"])
    if not np.isfinite(low):
        return f"{start}\u202f: non identifiable, faute de personnes observées."
    if dominance:
        start += f", {DOMINANCE}"
    if row["informative"] is False:
        return f"{start}\u202f: non informatif (plus de 50{NO_BREAK}points entre les bornes)."
    text = f"{start}\u202f: entre {_written(low, unit)} et {_amount(high, unit)}"
    ci_low, ci_high = _number(row["ci_low"]), _number(row["ci_high"])
    if np.isfinite(ci_low):
        text += f" (intervalle\u202f: {_written(ci_low, unit)} à {_amount(ci_high, unit)})"
    return f"{text}, bornes de Horowitz–Manski."


def lee_sentence(row: Mapping[str, float | str], month: Period, unit: str) -> str:
    """The bounds of Lee at a period.

    Parameters
    ----------
    row : mapping
        ``low``, ``high``, ``ci_low``, ``ci_high``, ``trimmed``, ``trimmed_share``.
    month : int or str
    unit : str
        The measure of earnings.
    """
    start = f"Effet sur ceux qui ont un emploi avec ou sans formation, {in_words(month)}"
    low, high = float(row["low"]), float(row["high"])
    if not np.isfinite(low):
        return f"{start}\u202f: non identifiable, personne n’est en emploi dans un des groupes."
    if row["trimmed"] == "personne":
        told = f"{start}\u202f: {_amount(low, unit)}, les taux d’emploi étant égaux"
    else:
        of = "formés" if row["trimmed"] == "formés" else "témoins"
        told = (
            f"{start}\u202f: entre {_written(low, unit)} et {_amount(high, unit)}, bornes de Lee "
            f"({percent(float(row['trimmed_share']))} des {of} en emploi écartés)"
        )
    ci_low, ci_high = float(row["ci_low"]), float(row["ci_high"])
    return f"{told}\u202f; intervalle\u202f: {_written(ci_low, unit)} à {_amount(ci_high, unit)}."


def in_words(month: Period) -> str:
    """A period within a sentence."""
    return str(month) if isinstance(month, str) else f"à {month} mois"


def _number(value: float | bool | None) -> float:
    return np.nan if value is None else float(value)


def _written(value: float, unit: str) -> str:
    known = unit_of(unit)
    return signed(value, known.digits, scale=known.scale)


def _amount(value: float, unit: str) -> str:
    known = unit_of(unit)
    name = known.after(rounded(value, known.digits, known.scale))
    return f"{_written(value, unit)}{NO_BREAK}{name}".rstrip()
