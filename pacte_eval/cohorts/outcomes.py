"""Outcomes of the vocabulary, each computed from what was read of a cohort's persons when asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pacte_eval.cohorts.monthly import (
    ANY_DAY,
    CENSORED,
    LAST_DAY,
    Calendar,
    Intervals,
    Months,
    add_amounts,
    add_prorated,
    first_on_or_after,
    mark,
    reached_by,
)
from pacte_eval.cohorts.shelf import Shelf
from pacte_eval.definitions.cohort import CohortDefinition, OutcomeName
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.vocabulary import AMOUNTS, coverage_note
from pacte_eval.frames import Outcomes

TRAINED_SINCE = "formation_depuis"
LASTING_DAYS = 180
ACCESS_DAYS, ACCESS_MONTHS = 31, 6
REDUCED_MINUTES = 78 * 60
NATURES = ("cdi", "cdd", "interim", "autre")
CATEGORIES = ("A", "B", "C", "D", "E")
_CDI = NATURES.index("cdi")
NOT_KNOWN = -1
_NEEDS = {
    "salaire": "monthly_pay",
    "heures": "monthly_minutes",
    "emploi_78h": "monthly_minutes",
    "temps_plein": "full_time",
    "earnings_history": "monthly_pay",
}


@dataclass(frozen=True)
class ContractChunk:
    """Contracts as streamed: arrays of the same length, `NOT_KNOWN` where a field is empty.

    Attributes
    ----------
    days : Intervals
        Open contracts end with the coverage.
    open : bool array
        Whether the end was empty.
    nature, full_time : int8 arrays
        Position in `NATURES`; 1 full time, 0 not.
    pay, minutes : int32 arrays
        Cents and minutes of a full month.
    """

    days: Intervals
    open: np.ndarray
    nature: np.ndarray
    full_time: np.ndarray
    pay: np.ndarray
    minutes: np.ndarray

    @property
    def length(self) -> np.ndarray:
        """Days from first to last, both included."""
        return self.days.end - self.days.start + 1

    def where(self, mask: np.ndarray) -> ContractChunk:
        """The contracts where a mask is true."""
        return ContractChunk(
            self.days.where(mask),
            self.open[mask],
            self.nature[mask],
            self.full_time[mask],
            self.pay[mask],
            self.minutes[mask],
        )


@dataclass(frozen=True)
class Lives:
    """What was read of the persons of a cohort, and the months that each table covers.

    Attributes
    ----------
    persons : int
        Number of persons.
    contracts : list of ContractChunk
    min_days : int
        Closed contracts shorter than this are left out of employment.
    registrations : Intervals
    categories : int8 array
        Position in `CATEGORIES` of each episode of registration.
    trainings : Intervals
        An entry whose end is not known lasts to the end of its first month.
    covered : dict of str to Months
        By table, the months whose last day it covers.
    shelf : Shelf
        Where person × month arrays are filled.
    """

    persons: int
    contracts: list[ContractChunk]
    min_days: int
    registrations: Intervals
    categories: np.ndarray
    trainings: Intervals
    covered: dict[str, Months]
    shelf: Shelf = field(default_factory=Shelf)

    def calendar(self, name: OutcomeName) -> Calendar:
        """The person × month array of an outcome, but for access to employment."""
        if name.startswith("inscrit_"):
            letters = "ABC" if name == "inscrit_abc" else name[-1].upper()
            kept = np.isin(self.categories, [CATEGORIES.index(letter) for letter in letters])
            return self._marked("registrations", [self.registrations.where(kept)], LAST_DAY)
        if name == "en_formation":
            return self._marked("trainings", [self.trainings], LAST_DAY)
        makers: dict[str, Callable[[], Calendar]] = {
            "emploi": lambda: self._employment(LAST_DAY),
            "emploi_mois": lambda: self._employment(ANY_DAY),
            "emploi_durable": self._lasting,
            "temps_plein": self._full_time,
            "emploi_78h": self._beyond_reduced,
            "salaire": lambda: self._amounts("pay", 100),
            "heures": lambda: self._amounts("minutes", 60),
        }
        return makers[name]()

    def access(
        self, rows: np.ndarray, origins: np.ndarray, periods: np.ndarray, origin_days: np.ndarray
    ) -> np.ndarray:
        """Access to a job of a month or more within six months, cumulated month by month.

        Parameters
        ----------
        rows, origins, origin_days : int arrays, shape (n,)
            Person, month and day that each unit's months count from.
        periods : int array, shape (t,)

        Returns
        -------
        float32 array, shape (n, t)
            NaN before the origin, and where the month reached is not observed.
        """
        starts = []
        for chunk in self.contracts:
            counts = (chunk.nature == _CDI) | chunk.open | (chunk.length >= ACCESS_DAYS)
            starts.append((chunk.days.row[counts], chunk.days.start[counts]))
        first = _month_of_days(first_on_or_after(starts, rows, origin_days))
        last = self.covered["contracts"].last
        return reached_by(first, origins, np.minimum(periods, ACCESS_MONTHS), 0, -1, last)

    def trained_since(
        self, rows: np.ndarray, origins: np.ndarray, periods: np.ndarray, zeros: np.ndarray
    ) -> np.ndarray:
        """Whether each unit has entered a training from time zero to each relative month.

        Returns
        -------
        float32 array, shape (n, t)
            NaN outside the months that trainings cover.
        """
        starts = [(self.trainings.row, self.trainings.start)]
        first = _month_of_days(first_on_or_after(starts, rows, zeros))
        covered = self.covered["trainings"]
        return reached_by(first, origins, periods, int(periods[0]), covered.first, covered.last)

    def _employed(self) -> Iterator[ContractChunk]:
        for chunk in self.contracts:
            if self.min_days:
                yield chunk.where(chunk.open | (chunk.length >= self.min_days))
            else:
                yield chunk

    def _blank(self, table: str, kind: type | np.dtype) -> np.ndarray:
        return self.shelf.zeros((self.persons, len(self.covered[table])), kind)

    def _marked(self, table: str, intervals: Iterable[Intervals], days: int) -> Calendar:
        months = self.covered[table]
        values = self._blank(table, np.int8)
        for chunk in intervals:
            mark(values, chunk, months, days)
        return Calendar(months.first, values)

    def _employment(self, days: int) -> Calendar:
        return self._marked("contracts", (chunk.days for chunk in self._employed()), days)

    def _lasting(self) -> Calendar:
        lasting = (
            chunk.days.where((chunk.nature == _CDI) | (chunk.length >= LASTING_DAYS))
            for chunk in self._employed()
        )
        return self._marked("contracts", lasting, LAST_DAY)

    def _full_time(self) -> Calendar:
        """1 over unknown over 0: a known full-time contract settles the month."""
        months, values = self.covered["contracts"], self._blank("contracts", np.int8)
        for chunk in self._employed():
            mark(values, chunk.days.where(chunk.full_time == NOT_KNOWN), months, LAST_DAY)
            mark(values, chunk.days.where(chunk.full_time == 1), months, LAST_DAY, 2)
        values[values == 1] = CENSORED
        values[values == 2] = 1
        return Calendar(months.first, values)

    def _amounts(self, field: str, unit: int) -> Calendar:
        kinds = [getattr(chunk, field).dtype for chunk in self.contracts]
        months = self.covered["contracts"]
        values = self._blank("contracts", np.result_type(np.int32, *kinds))
        for chunk in self._employed():
            add_amounts(values, chunk.days, months, getattr(chunk, field), NOT_KNOWN)
        return Calendar(months.first, values, unit)

    def _beyond_reduced(self) -> Calendar:
        """Hours of the month, in proportion to the days worked, against the 78 of category B."""
        months, minutes = self.covered["contracts"], self._blank("contracts", np.int64)
        unknown = self._blank("contracts", np.int8)
        for chunk in self._employed():
            known = chunk.minutes != NOT_KNOWN
            mark(unknown, chunk.days.where(~known), months, ANY_DAY)
            add_prorated(minutes, chunk.days.where(known), months, chunk.minutes[known])
        unknown[unknown == 1] = CENSORED
        unknown[minutes >= REDUCED_MINUTES] = 1
        return Calendar(months.first, unknown)


def refuse_unmeasured(definition: CohortDefinition, held: Mapping[str, Collection[str]]) -> None:
    """Refuse a cohort that asks for what the contracts of a source do not hold.

    Parameters
    ----------
    held : mapping
        For each table of the source, its columns that hold at least one value.

    Raises
    ------
    InputError
        Naming the outcome or the block of covariates, and the column.
    """
    asked: list[tuple[str, str]] = [(name, "outcomes") for name in definition.outcomes]
    asked += [(name, "covariates") for name in definition.covariates]
    for name, key in asked:
        column = _NEEDS.get(name)
        if column is not None and column not in held["contracts"]:
            raise InputError(
                f"cohort '{definition.id}': '{name}' needs the column '{column}' of contracts, in "
                f"which the source holds no value: remove it from {key}"
            )


def outcome_makers(
    lives: Lives, units: pd.DataFrame, names: tuple[OutcomeName, ...], periods: np.ndarray
) -> dict[str, Callable[[], Outcomes]]:
    """How each outcome is computed; nothing is until it is asked for.

    Parameters
    ----------
    units : DataFrame
        With ``person_row, origin_month``, and ``origin_day, zero_day`` (days since 1970).
    """
    rows, origins = units["person_row"].to_numpy(), units["origin_month"].to_numpy()
    origin_days, zero_days = units["origin_day"].to_numpy(), units["zero_day"].to_numpy()
    index = units.index

    def trained_since() -> np.ndarray:
        return lives.trained_since(rows, origins, periods, zero_days)

    def monthly(name: OutcomeName) -> Callable[[], np.ndarray]:
        if name == "acces_emploi":
            return lambda: lives.access(rows, origins, periods, origin_days)
        return lambda: lives.calendar(name).around(rows, origins, periods)

    def maker(name: str, values: Callable[[], np.ndarray]) -> Callable[[], Outcomes]:
        return lambda: Outcomes(
            name=name,
            values=values(),
            periods=tuple(periods.tolist()),
            units=index,
            measure=AMOUNTS.get(name, "part"),
            coverage=coverage_note(name),
        )

    makers = {name: maker(name, monthly(name)) for name in names}
    return makers | {TRAINED_SINCE: maker(TRAINED_SINCE, trained_since)}


def _month_of_days(days: np.ndarray) -> np.ndarray:
    """Month integers of days since 1970; the greatest integer stays itself."""
    none = days == np.iinfo(np.int64).max
    months = np.where(none, 0, days).astype("datetime64[D]").astype("datetime64[M]")
    return np.where(none, np.iinfo(np.int64).max, months.astype(np.int64) + 1970 * 12)
