"""The eve of time zero: what the tables say of a person the day before, and nothing later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from pacte_eval.cohorts.attributes import Values, categorical, numbers_in, taken
from pacte_eval.cohorts.candidates import Candidates
from pacte_eval.cohorts.days import months_back
from pacte_eval.cohorts.register import NONE, Periods, Register, person_day

BANDS = ((0, 2), (3, 5), (6, 11), (12, 23))
BAND_LABELS = (*(f"{first}–{last}" for first, last in BANDS), f"{BANDS[-1][1] + 1} et plus")
PREVIOUS_SPELL_MONTHS = 24
COMPUTED = ("age", "unemployment_duration", "unemployment_band", "neet", "previous_spells")
NEVER = np.iinfo(np.int32).max


class Eve(Mapping[str, Values]):
    """Attributes of candidates on their eve, by name, each computed when it is read.

    Parameters
    ----------
    register : Register
    candidates : Candidates
    """

    def __init__(self, register: Register, candidates: Candidates) -> None:
        self.register = register
        self.candidates = candidates

    def __getitem__(self, name: str) -> Values:
        computed: dict[str, Callable[[], Values]] = {
            "age": self._age,
            "unemployment_duration": self._duration,
            "unemployment_band": self._band,
            "neet": self._without_solution,
            "previous_spells": self._previous_spells,
        }
        if name in computed:
            return computed[name]()
        return taken(self.register.episodes.attributes[name], self.candidates.episode)

    def __iter__(self) -> Iterator[str]:
        return iter([*self.register.episodes.attributes, *COMPUTED])

    def __len__(self) -> int:
        return len(self.register.episodes.attributes) + len(COMPUTED)

    def _age(self) -> np.ndarray:
        """Full years in the month of time zero."""
        birth = numbers_in(self.register.episodes.attributes["birth_month"])
        born = numbers_in(taken(birth, self.candidates.episode))
        return np.floor((self.candidates.entry_month - born) / 12).astype(np.float32)

    def _duration(self) -> np.ndarray:
        """Months since the spell of the episode of the eve began."""
        months = self.register.episodes.spell_month.astype(np.float32)
        began = numbers_in(taken(months, self.candidates.episode))
        return (self.candidates.entry_month - began).astype(np.float32)

    def _band(self) -> pd.Categorical:
        return unemployment_band(self._duration())

    def _without_solution(self) -> np.ndarray:
        """Whether a mission locale follows the person, without job, school or training."""
        periods = self.register.without_solution
        before = last_before(periods, self.candidates.person, self.candidates.time_zero)
        covered = periods.greatest_end[before] >= self.candidates.time_zero - 1
        return ((before != NONE) & covered).astype(np.int8)

    def _previous_spells(self) -> np.ndarray:
        """Spells begun in the 24 months before time zero and over by the eve."""
        spells, candidates = self.register.spells, self.candidates
        limit = months_back(candidates.time_zero, PREVIOUS_SPELL_MONTHS)
        low = np.searchsorted(spells.key, person_day(candidates.person, limit))
        high = np.searchsorted(spells.key, person_day(candidates.person, candidates.time_zero))
        open_on_eve = (high > low) & (
            np.append(spells.last, 0)[high - 1] >= candidates.time_zero - 1
        )
        return (high - low - open_on_eve).astype(np.float32)

    def trained_before(self) -> tuple[np.ndarray, np.ndarray]:
        """Trainings begun before time zero.

        Returns
        -------
        (last_start, last_end) : int32 arrays
            Latest start and latest end, `NONE` without any or where no end is known.
        """
        periods = self.register.trainings.periods
        before = last_before(periods, self.candidates.person, self.candidates.time_zero)
        last_start = np.append(periods.start, np.int32(NONE))[before]
        return last_start, periods.greatest_end[before]

    def next_training(self) -> np.ndarray:
        """The first start of a training from time zero on, `NEVER` without any: int32 array."""
        person, periods = self.candidates.person, self.register.trainings.periods
        after = np.searchsorted(periods.key, person_day(person, self.candidates.time_zero))
        mine = np.append(periods.person, NONE)[after] == person
        starts = np.append(periods.start, np.int32(NEVER))[after]
        return np.where(mine & (person != NONE), starts, NEVER)

    def months_registered(self, months: int) -> np.ndarray:
        """Of the months before entry, how many have their last day inside a spell: int array."""
        person, entry = self.candidates.person, self.candidates.entry_month
        return self._month_ends(person, entry) - self._month_ends(person, entry - months)

    def _month_ends(self, person: np.ndarray, month: np.ndarray) -> np.ndarray:
        """Last days of months before a month that the person's spells cover, from the first."""
        spells = self.register.spells
        first, last = spells.months_ended
        covered = np.maximum(last - first + 1, 0)
        total = np.append(0, np.cumsum(covered))
        begins = np.searchsorted(spells.person, person)
        place = np.searchsorted(person_day(spells.person, first), person_day(person, month))
        place = np.maximum(place, begins)
        counted = total[place] - total[begins]
        beyond = np.where(place > begins, np.append(last, 0)[place - 1] - (month - 1), 0)
        cut = np.where(place > begins, np.append(covered, 0)[place - 1], 0)
        return counted - np.clip(beyond, 0, cut)


def unemployment_band(duration: np.ndarray) -> pd.Categorical:
    """The band of elapsed unemployment that a number of months falls in, unknown where it is."""
    edges = [last for _, last in BANDS]
    codes = np.searchsorted(edges, np.nan_to_num(duration, nan=0.0))
    codes = np.where(np.isnan(duration), -1, codes)
    return categorical(codes, BAND_LABELS)


def last_before(periods: Periods, person: np.ndarray, day: np.ndarray) -> np.ndarray:
    """The last period of each person that began before a day; `NONE` if none did."""
    place = np.searchsorted(periods.key, person_day(person, day)) - 1
    mine = (place >= 0) & (np.append(periods.person, NONE)[place] == person) & (person != NONE)
    return np.where(mine, place, NONE)
