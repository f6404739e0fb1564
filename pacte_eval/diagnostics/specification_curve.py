"""One effect by every specification held to be defensible, in order, around the main one.

Simonsohn, Simmons and Nelson (2020, *Nature Human Behaviour* 4, 1208–1214). The curve describes
robustness: its tests belong to no family, and no estimate is chosen from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import amount
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects import Effects

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "spécifications"
_KEPT = ["estimate", "se", "ci_low", "ci_high", "p", "n_treated", "target_population"]


@dataclass(frozen=True, eq=False)
class SpecificationCurve:
    """Estimates of one effect in increasing order.

    Attributes
    ----------
    table : DataFrame
        One row per specification: ``rank`` (from 1, missing without estimate), ``specification``,
        ``main``, ``estimate``, ``se``, ``ci_low``, ``ci_high``, ``p``, ``n_treated``,
        ``target_population``, ``significant`` (the interval leaves zero out).
    month : int or str
    same_sign : float
        Share of the other specifications whose estimate has the sign of the main one; missing
        where there is no other.
    same_conclusion : float
        Share of them of the same sign whose interval also leaves zero out.
    """

    table: pd.DataFrame
    month: Period
    same_sign: float
    same_conclusion: float

    def sentence(self, unit: str = "points") -> str:
        """The curve in French: signs, significance, range, populations."""
        main, others = self._main, self._others
        size = amount(main["estimate"], unit, sign=True)
        if others.empty:
            return f"L’effet principal ({size}) n’a été estimé d’aucune autre manière."
        same = round(self.same_sign * len(others))
        firm = round(self.same_conclusion * len(others))
        found = self.table["estimate"].dropna()
        parts = [
            f"{_of(same, len(others))} de même signe que l’effet principal ({size})",
            f"{firm} avec un intervalle qui exclut zéro\u202f; les estimations vont de "
            f"{amount(found.min(), unit, sign=True)} à {amount(found.max(), unit, sign=True)}",
        ]
        text = f"{_place(self.month)}, {parts[0]}, dont {parts[1]}."
        elsewhere = int((others["target_population"] != main["target_population"]).sum())
        if elsewhere:
            text += f" {elsewhere} sur {len(others)} portent sur une autre population."
        absent = int(self.table["estimate"].isna().sum())
        if absent:
            text += f" Sans estimation\u202f: {absent}."
        return text

    def verdicts(self, min_share: float = 0.8, unit: str = "points") -> Verdicts:
        """Whether the conclusion drawn from the main estimate is that of the others.

        Returns
        -------
        Verdicts
            ``value`` is `same_conclusion`: pass from `min_share`; warning where signs only agree
            as often; else fail; non concluant where the main interval holds zero; non testable
            where there is no other specification.

        Raises
        ------
        InputError
            If `min_share` is no share.
        """
        if not 0 < min_share <= 1:
            raise InputError(f"min_share={min_share} must lie between 0 and 1")
        text = self.sentence(unit)
        if self._others.empty:
            return Verdicts.single(NAME, np.nan, min_share, "non testable", text)
        verdict: Verdict = "fail"
        if not self._main["significant"]:
            verdict = "non concluant"
            text += " L’intervalle principal contient zéro\u202f: il n’y a rien à confirmer."
        elif self.same_conclusion >= min_share:
            verdict = "pass"
        elif self.same_sign >= min_share:
            verdict = "warning"
        return Verdicts.single(NAME, self.same_conclusion, min_share, verdict, text)

    def plot(self, unit: str = "points") -> Figure:
        """The curve, the main estimate marked."""
        from pacte_eval.figures.specification_curve import specification_curve as drawn

        return drawn(self.table.rename(columns={"specification": "label"}), unit=unit)

    @property
    def _main(self) -> pd.Series:
        return self.table[self.table["main"]].iloc[0]

    @property
    def _others(self) -> pd.DataFrame:
        return self.table[~self.table["main"] & self.table["estimate"].notna()]


def specification_curve(
    effects: Mapping[str, Effects], month: Period, main: str
) -> SpecificationCurve:
    """The estimates of several specifications at a month, in increasing order.

    Parameters
    ----------
    effects : mapping of str to Effects
        By name in French; each with one estimate at `month`.
    month : int or str
    main : str
        The name of the main specification.

    Raises
    ------
    InputError
        If the main one is absent or has no estimate, another has none or several rows at the
        month, or intervals are of several levels.
    """
    if main not in effects:
        raise InputError(f"no specification is called '{main}': {nearest(main, effects)}")
    if len({one.level for one in effects.values()}) > 1:
        raise InputError("intervals of several levels in one curve: give level= once for all")
    rows = []
    for name, one in effects.items():
        found = one.table[one.table["month"] == month]
        if len(found) != 1:
            raise InputError(
                f"specification '{name}' has {len(found)} estimates at month {month!r}: keep one "
                "outcome and cell of each"
            )
        rows.append({"specification": name, "main": name == main} | found[_KEPT].iloc[0].to_dict())
    table = pd.DataFrame(rows).sort_values("estimate", kind="stable", ignore_index=True)
    significant = (table["ci_low"] > 0) | (table["ci_high"] < 0)
    table = table.assign(significant=significant)
    ranks = table["estimate"].rank(method="first").astype("Int64")
    table.insert(0, "rank", ranks)
    own = table[table["main"]].iloc[0]
    if np.isnan(own["estimate"]):
        raise InputError(f"the main specification '{main}' has no estimate at month {month!r}")
    others = table[~table["main"] & table["estimate"].notna()]
    same = np.sign(others["estimate"]) == np.sign(own["estimate"])
    return SpecificationCurve(
        table, month, float(same.mean()), float((same & others["significant"]).mean())
    )


def _of(count: int, total: int) -> str:
    if total == 1:
        return f"{count} autre spécification sur 1 est"
    return f"{count} des {total} autres spécifications {'sont' if count > 1 else 'est'}"


def _place(month: Period) -> str:
    if isinstance(month, str):
        return f"Pour «\u202f{month}\u202f»"
    if month < 0:
        return f"{-month} mois avant l’entrée"
    return f"À {month} mois"
