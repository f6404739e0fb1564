"""Covariates of the units, all known on the eve of time zero.

Each block of a definition gives one or several columns, each with what it was measured on and until
when; one that would reach the month of entry or later is refused. A missing value becomes the level
«inconnu» of a factor; a missing number takes the mean of the others beside a flag column, so that
nobody is dropped for it. Past employment and pay are read month by month, or summed over windows,
inside the months that may be matched on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pacte_eval.cohorts.attributes import categorical
from pacte_eval.cohorts.monthly import Calendar
from pacte_eval.cohorts.shelf import Shelf
from pacte_eval.definitions.cohort import CohortDefinition, CovariateName, OutcomeName
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.vocabulary import COVARIATES

UNKNOWN = "inconnu"
YES, NO = "oui", "non"
AGE_BANDS = (0, 26, 35, 45, 50, 200)
AGE_LABELS = ("moins de 26 ans", "26 à 34 ans", "35 à 44 ans", "45 à 49 ans", "50 ans et plus")
LONG_UNEMPLOYMENT_MONTHS = 36
_FACTORS = {
    "sex": "sex",
    "diploma": "diploma",
    "nationality": "nationality",
    "marital_status": "marital_status",
    "qualification": "qualification",
    "reason": "reason",
    "category": "category",
    "benefit": "benefit",
    "departement": "departement",
    "zone": "ze2010",
}
_FLAGS = ("lone_parent", "disability", "rsa", "qpv", "zrr")
_NUMBERS = {
    "children": "children",
    "experience": "experience_months",
    "previous_spells": "previous_spells",
}
_HISTORY: dict[str, OutcomeName] = {"employment_history": "emploi", "earnings_history": "salaire"}
_OTHERS = {
    "age": ("age",),
    "rome": ("rome",),
    "unemployment_duration": ("unemployment_duration", "unemployment_band"),
}


@dataclass(frozen=True)
class Measured:
    """What a covariate was measured on: a table, on the eve or over relative months before 0."""

    table: str
    months: tuple[Period, Period] | None = None


@dataclass(frozen=True)
class Covariates:
    """Columns made of the blocks of a definition.

    Attributes
    ----------
    columns : dict of str to Series
        By name, one value per unit: floats, or categoricals whose levels are sorted.
    labels : dict of str to str
        French label of each column.
    measured : dict of str to Measured
        What each column was measured on, and until when.
    """

    columns: dict[str, pd.Series] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    measured: dict[str, Measured] = field(default_factory=dict)

    def add(
        self, name: str, values: pd.Series, measured: Measured, label: str | None = None
    ) -> None:
        """Add a column under its French label.

        Raises
        ------
        InputError
            If it was measured in the month of entry or later.
        """
        until = measured.months[1] if measured.months else None
        if isinstance(until, int) and until >= 0:
            raise InputError(
                f"covariate '{name}' is measured until month {until}: covariates stop before time "
                "zero; later information belongs to the history of the cohort"
            )
        self.columns[name], self.labels[name] = values, label or COVARIATES[name]
        self.measured[name] = measured

    def add_number(
        self, name: str, values: pd.Series, measured: Measured, label: str | None = None
    ) -> None:
        """Add a number; missing values take the mean, beside a flag."""
        numbers = values.astype(float)
        missing = numbers.isna()
        self.add(name, numbers.fillna(numbers.mean()), measured, label)
        self.add_flag(name, missing, measured)

    def add_flag(self, name: str, missing: pd.Series, measured: Measured) -> None:
        """Add a column that says where another had to be filled, if anywhere."""
        if missing.any():
            label = f"{self.labels[name]}, non renseigné"
            self.add(f"{name}_missing", _yes_or_no(missing), measured, label)

    @property
    def months(self) -> dict[str, tuple[Period, Period]]:
        """For columns that summarise past months, the relative months they cover."""
        return {name: item.months for name, item in self.measured.items() if item.months}


def columns_read(covariates: Sequence[CovariateName]) -> set[str]:
    """Attributes of the eve that the covariates of a definition are made of."""
    named = {**_FACTORS, **_NUMBERS, **dict(zip(_FLAGS, _FLAGS, strict=True))}
    read: set[str] = set()
    for block in covariates:
        read |= set(_OTHERS.get(block, (named[block],) if block in named else ()))
    return read


def history_windows(match: tuple[int, int], step: int) -> list[tuple[int, int]]:
    """The months matched on, cut from the last into windows of `step` months."""
    ends = range(match[1], match[0] - 1, -step)
    return sorted((max(end - step + 1, match[0]), end) for end in ends)


def build_covariates(
    units: pd.DataFrame,
    definition: CohortDefinition,
    past: Callable[[OutcomeName], Calendar],
    shelf: Shelf,
) -> Covariates:
    """The covariates a definition names, for every unit.

    Parameters
    ----------
    units : DataFrame
        Units with the attributes of the eve, ``person_row`` and ``entry_month``.
    past : callable
        Gives the calendars of ``emploi`` and ``salaire``; only months before entry are read.
    shelf : Shelf
        Where past months are kept.
    """
    made = Covariates()
    eve = Measured("registrations")
    for block in definition.covariates:
        if block in _FACTORS:
            made.add(block, _factor(units[_FACTORS[block]]), eve)
        elif block in _FLAGS:
            made.add(block, _yes_or_no(units[block]), eve)
        elif block in _NUMBERS:
            made.add_number(block, units[_NUMBERS[block]], eve)
        elif block == "rome":
            made.add("rome", _factor(_first_letters(units["rome"])), eve)
        elif block == "age":
            made.add_number("age", units["age"], eve)
            bands = pd.cut(units["age"], AGE_BANDS, right=False, labels=AGE_LABELS)
            made.add("age_band", _factor(bands), eve)
        elif block == "unemployment_duration":
            capped = units["unemployment_duration"].clip(upper=LONG_UNEMPLOYMENT_MONTHS)
            made.add("unemployment_duration", capped.astype(float), eve)
            made.add("unemployment_band", units["unemployment_band"], eve)
        else:
            outcome = _HISTORY[block]
            _add_past(made, units, definition, outcome, past(outcome), shelf)
    return made


def _add_past(
    made: Covariates,
    units: pd.DataFrame,
    definition: CohortDefinition,
    outcome: OutcomeName,
    calendar: Calendar,
    shelf: Shelf,
) -> None:
    """Past months of an outcome: the sum of those known, and a flag where one is not."""
    rows, entry = units["person_row"].to_numpy(), units["entry_month"].to_numpy()
    start, end = definition.history.match
    past = np.ascontiguousarray(calendar.around(rows, entry, np.arange(start, end + 1)).T)
    for first, last in history_windows(definition.history.match, definition.history.step):
        values = past[first - start : last - start + 1]
        missing = np.isnan(values)
        name = f"{outcome}_{-first}" if first == last else f"{outcome}_{-first}_{-last}"
        measured = Measured("contracts", (first, last))
        summed = np.where(missing, 0, values).sum(axis=0, dtype=np.float64).astype(np.float32)
        kept = pd.Series(shelf.keep(summed), index=units.index, copy=False)
        made.add(name, kept, measured, _past_label(outcome, first, last))
        made.add_flag(name, pd.Series(missing.any(axis=0), index=units.index), measured)


def _past_label(outcome: str, first: int, last: int) -> str:
    what = "Mois travaillés" if outcome == "emploi" else "Salaires perçus"
    return f"{what}, mois −{-first}" + ("" if first == last else f" à −{-last}")


def _factor(values: pd.Series) -> pd.Series:
    """A categorical with sorted levels, missing values being a level."""
    factor = values.astype("category")
    codes, levels = factor.cat.codes.to_numpy(), [str(level) for level in factor.cat.categories]
    counts = np.bincount(codes + 1, minlength=len(levels) + 1)
    present = [level for level, count in zip(levels, counts[1:], strict=True) if count]
    kept = sorted([*present, UNKNOWN] if counts[0] else present)
    place = np.array([kept.index(level) if level in kept else -1 for level in [*levels, UNKNOWN]])
    return pd.Series(categorical(place.astype(np.int16)[codes], kept), index=values.index)


def _first_letters(values: pd.Series) -> pd.Series:
    """The first letter of each level of a categorical."""
    factor = values.astype("category")
    letters = pd.Series([str(level)[:1] for level in factor.cat.categories], dtype="category")
    codes = np.append(letters.cat.codes.to_numpy(), -1)[factor.cat.codes.to_numpy()]
    return pd.Series(categorical(codes, list(letters.cat.categories)), index=values.index)


def _yes_or_no(values: pd.Series) -> pd.Series:
    """Flags (booleans, or int8 that are negative where unknown) as a categorical."""
    answers = categorical(values.to_numpy().astype(np.int8), [NO, YES])
    return _factor(pd.Series(answers, index=values.index))
