"""Effects on zones, with what lets a reader judge them: donors, placebos, policies, assumptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd

from pacte_eval.definitions.numerals import THIN, number
from pacte_eval.effects.drawn_paths import Start
from pacte_eval.effects.effects import Effects

_SHOWN = 12


def _empty() -> pd.DataFrame:
    return pd.DataFrame()


@dataclass(frozen=True, eq=False)
class ZoneEffects(Effects):
    """Effects of a higher intensity of training on zones.

    In the table ``month`` counts periods from the start, and is missing on the row of their mean
    from the start on; ``matched`` says of a period that it served to choose the weights, so that
    its gap is near zero by construction.

    Attributes
    ----------
    donor_weights : DataFrame
        ``zone``, ``region``, ``dose``, ``weight``, of the zones of lower intensity.
    period_weights : DataFrame
        ``month``, ``weight``: what periods before the start the gap is measured from.
    placebo_space : DataFrame
        One row per set of zones taken for treated, the true one first: ``zones``, ``observed``,
        ``estimate``, ``rmspe_before``, ``rmspe_after``, ``statistic``.
    placebo_p : float
        Rank of the true statistic among them, over their number; missing when not testable.
    smallest_p : float
        The least value that `placebo_p` can take.
    placebo_time : DataFrame
        One row per earlier start, fitted on what precedes the true one: ``month``, ``estimate``,
        ``rmspe_before``, ``rmspe_after``.
    leave_one_out : DataFrame
        ``left_out``, ``weight``, ``estimate`` without that donor (or region of donors).
    policies : DataFrame
        Declared concurrent policies: ``policy``, ``first`` and ``last`` relative to the start,
        ``treated_share`` and ``donor_share`` of the zones that they reach (donors by their
        weight), ``direction``; for a continuous dose, ``reached_dose`` and ``other_dose``.
    dose_gap : float
        Mean dose of the treated less that of their weighted donors.
    rmspe : float
        Root mean square of the gaps before the start.
    assumptions : tuple of str
        In French.
    """

    _start: ClassVar[Start] = "le début"

    donor_weights: pd.DataFrame = field(default_factory=_empty, repr=False)
    period_weights: pd.DataFrame = field(default_factory=_empty, repr=False)
    placebo_space: pd.DataFrame = field(default_factory=_empty, repr=False)
    placebo_p: float = float("nan")
    smallest_p: float = float("nan")
    placebo_time: pd.DataFrame = field(default_factory=_empty, repr=False)
    leave_one_out: pd.DataFrame = field(default_factory=_empty, repr=False)
    policies: pd.DataFrame = field(default_factory=_empty, repr=False)
    dose_gap: float = float("nan")
    rmspe: float = float("nan")
    assumptions: tuple[str, ...] = ()

    def summary(self) -> str:
        """The table as text, then placebos, donors, concurrent policies and assumptions."""
        parts = [super().summary()]
        for title, table in (
            ("Zones donneuses les plus lourdes", self._heaviest()),
            ("Placebos dans le temps", self.placebo_time),
        ):
            if len(table):
                parts.append(f"{title}\n{_text(table)}")
        if len(self.leave_one_out):
            low, high = (number(bound, 3) for bound in self._without_one())
            parts.append(f"Sans l’une des donneuses{THIN}: de {low} à {high}")
        parts.append(f"Politiques concurrentes déclarées{THIN}:\n{self._declared()}")
        listed = "\n".join(f"– {sentence}" for sentence in self.assumptions)
        parts.append(f"Hypothèses et limites{THIN}:\n{listed}")
        return "\n\n".join(parts)

    def _without_one(self) -> tuple[float, float]:
        estimates = self.leave_one_out["estimate"]
        return float(estimates.min()), float(estimates.max())

    def _heaviest(self) -> pd.DataFrame:
        if self.donor_weights.empty:
            return self.donor_weights
        used = self.donor_weights[self.donor_weights["weight"] > 0]
        return used.sort_values("weight", ascending=False, kind="stable").head(_SHOWN)

    def _declared(self) -> str:
        if self.policies.empty:
            return f"aucune{THIN}: un changement survenu aux mêmes dates se confond avec l’écart"
        return _text(self.policies)


def _text(table: pd.DataFrame) -> str:
    return table.to_string(index=False, na_rep="", float_format=lambda value: number(value, 3))
