"""Covariates of the units, all known on the eve of time zero.

Each block of a definition gives one or several columns. A missing value becomes the level
«inconnu» of a factor; a missing number takes the mean of the others beside a flag column, so that
nobody is dropped for it. Past employment and pay are counted over windows of six months inside the
months that may be matched on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pacte_eval.cohorts.monthly import Calendar
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.vocabulary import COVARIATES

UNKNOWN = "inconnu"
AGE_BANDS = (0, 26, 35, 45, 50, 200)
AGE_LABELS = ("moins de 26 ans", "26 à 34 ans", "35 à 44 ans", "45 à 49 ans", "50 ans et plus")
LONG_UNEMPLOYMENT_MONTHS = 36
WINDOW_MONTHS = 6
_FACTORS = {
    "sex": "sex",
    "diploma": "diploma",
    "nationality": "nationality",
    "marital_status": "marital_status",
    "qualification": "qualification",
    "reason": "reason",
    "category": "category",
    "departement": "departement",
    "zone": "zone",
}
_FLAGS = ("lone_parent", "disability", "rsa", "qpv", "zrr")
_NUMBERS = {
    "children": "children",
    "experience": "experience_months",
    "previous_spells": "previous_spells",
}


@dataclass(frozen=True)
class Covariates:
    """Columns made of the blocks of a definition.

    Attributes
    ----------
    columns : dict of str to Series
        By name, one value per unit.
    labels : dict of str to str
        French label of each column.
    history : dict of str to (int, int)
        For a column that summarises past outcomes, the relative months it covers.
    """

    columns: dict[str, pd.Series] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    history: dict[str, tuple[int | str, int | str]] = field(default_factory=dict)

    def add(self, name: str, values: pd.Series, label: str | None = None) -> None:
        """Add a column under its French label."""
        self.columns[name], self.labels[name] = values, label or COVARIATES[name]

    def add_number(self, name: str, values: pd.Series, label: str | None = None) -> None:
        """Add a number; missing values take the mean, beside a flag."""
        numbers = values.astype(float)
        missing = numbers.isna()
        self.add(name, numbers.fillna(numbers.mean()), label)
        if missing.any():
            flag = missing.map({True: "oui", False: "non"})
            self.add(f"{name}_missing", flag, f"{self.labels[name]}, non renseigné")


def history_windows(match: tuple[int, int]) -> list[tuple[int, int]]:
    """The months matched on, cut from the last into windows of six."""
    ends = range(match[1], match[0] - 1, -WINDOW_MONTHS)
    return sorted((max(end - WINDOW_MONTHS + 1, match[0]), end) for end in ends)


def build_covariates(
    units: pd.DataFrame, definition: CohortDefinition, past: Mapping[str, Calendar]
) -> Covariates:
    """The covariates a definition names, for every unit.

    Parameters
    ----------
    units : DataFrame
        Units with the attributes of the eve and ``person_row``.
    past : mapping of str to Calendar
        Calendars of ``emploi`` and ``salaire``; only months before entry are read.
    """
    made = Covariates()
    for block in definition.covariates:
        if block in _FACTORS:
            made.add(block, units[_FACTORS[block]].fillna(UNKNOWN).astype(str))
        elif block in _FLAGS:
            made.add(block, units[block].map({True: "oui", False: "non"}).fillna(UNKNOWN))
        elif block in _NUMBERS:
            made.add_number(block, units[_NUMBERS[block]])
        elif block == "rome":
            made.add("rome", units["rome"].str[:1].fillna(UNKNOWN))
        elif block == "age":
            made.add_number("age", units["age"])
            bands = pd.cut(units["age"], AGE_BANDS, right=False, labels=AGE_LABELS)
            made.add("age_band", bands.astype(object).fillna(UNKNOWN).astype(str))
        elif block == "unemployment_duration":
            capped = units["unemployment_duration"].clip(upper=LONG_UNEMPLOYMENT_MONTHS)
            made.add("unemployment_duration", capped.astype(float))
            made.add("unemployment_band", units["unemployment_band"])
        else:
            outcome = {"employment_history": "emploi", "earnings_history": "salaire"}[block]
            for first, last in history_windows(definition.history.match):
                name = f"{outcome}_{-first}_{-last}"
                made.add(
                    name,
                    _past(units, past[outcome], first, last),
                    _past_label(outcome, first, last),
                )
                made.history[name] = (first, last)
    return made


def _past(units: pd.DataFrame, calendar: Calendar, first: int, last: int) -> pd.Series:
    values = calendar.around(
        units["person_row"].to_numpy(), units["entry_month"].to_numpy(), np.arange(first, last + 1)
    )
    return pd.Series(np.nansum(values, axis=1), index=units.index)


def _past_label(outcome: str, first: int, last: int) -> str:
    what = "Mois travaillés" if outcome == "emploi" else "Salaires perçus"
    return f"{what}, mois −{-first} à −{-last}"
