"""Candidates: who could be a unit, treated or at risk, with the time zero of each.

A treated candidate is a row of the training table, its time zero the first day of training. A
control candidate is a person on the register during a month in which somebody was treated; it takes
one of the entry dates of that month as time zero, dealt by the person's number, so that both arms
share the calendar and the eve on which they are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import reduce

import numpy as np

from pacte_eval.cohorts.attributes import text_in
from pacte_eval.cohorts.days import month_of_days
from pacte_eval.cohorts.monthly import Months
from pacte_eval.cohorts.publics import is_one_of
from pacte_eval.cohorts.register import NONE, Register, Trainings, person_day
from pacte_eval.definitions.cohort import CohortDefinition, TrainingFilter


@dataclass(frozen=True)
class Candidates:
    """Candidates of one arm, one entry in every array.

    Attributes
    ----------
    person : int32 array
        Number of the person in the register, `NONE` where not linked.
    time_zero : int32 array
        Days since 1970.
    entry_month, origin_month : int32 arrays
        Month of time zero, and the month that months are counted from.
    duration : int32 array
        Days from the first to the last of the training, `NONE` where not known.
    episode : int32 array
        Episode of registration of the eve, `NONE` where there is none.
    training : int32 array
        Entry into training in the register, `NONE` for controls.
    """

    person: np.ndarray
    time_zero: np.ndarray
    entry_month: np.ndarray
    origin_month: np.ndarray
    duration: np.ndarray
    episode: np.ndarray
    training: np.ndarray

    def where(self, kept: np.ndarray) -> Candidates:
        """The candidates at some places, or where a mask is true."""
        return Candidates(**{item.name: getattr(self, item.name)[kept] for item in fields(self)})

    @staticmethod
    def together(parts: list[Candidates]) -> Candidates:
        """Candidates put end to end."""
        return Candidates(
            **{
                item.name: np.concatenate([getattr(part, item.name) for part in parts])
                for item in fields(Candidates)
            }
        )

    def __len__(self) -> int:
        return len(self.person)


def treated_candidates(
    register: Register, definition: CohortDefinition
) -> dict[str, tuple[Candidates, np.ndarray]]:
    """Every training row of the period that meets the filters of the entry and of an arm.

    Returns
    -------
    dict of str to (Candidates, bool array)
        By training arm; the array says whether a row is the one that the definition keeps of its
        person (the first or the last of the period, whatever the arm; always, where not linked).
    """
    trainings = register.trainings
    months = month_of_days(trainings.start)
    first, last = definition.entry.period
    inside = (months >= first) & (months <= last) & meets(trainings, definition.entry.where)
    rows = np.flatnonzero(inside)
    kept = _kept(trainings.person[rows], definition.entry.keep)
    candidates = _of_trainings(register, rows, definition.entry.clock == "end")
    found = {}
    taken = np.zeros(len(rows), dtype=bool)
    for name, arm in definition.training_arms.items():
        mine = meets(trainings, arm)[rows] & ~taken
        taken |= mine
        found[name] = (candidates.where(mine), kept[mine])
    return found


def _kept(person: np.ndarray, keep: str) -> np.ndarray:
    """Whether each of the rows, in order, is the one kept of its person."""
    kept = np.ones(len(person), dtype=bool)
    if keep == "first":
        kept[1:] = person[1:] != person[:-1]
    elif keep == "last":
        kept[:-1] = person[1:] != person[:-1]
    return kept | (person == NONE)


def _of_trainings(register: Register, rows: np.ndarray, from_end: bool) -> Candidates:
    trainings = register.trainings
    person, start, last = (
        trainings.person[rows],
        trainings.start[rows],
        trainings.last[rows],
    )
    entry = month_of_days(start)
    return Candidates(
        person=person,
        time_zero=start,
        entry_month=entry,
        origin_month=month_of_days(last) if from_end else entry,
        duration=np.where(last == NONE, NONE, last - start).astype(np.int32),
        episode=episode_of_eve(register, person, start),
        training=rows.astype(np.int32),
    )


def meets(trainings: Trainings, condition: TrainingFilter) -> np.ndarray:
    """Whether training rows meet every condition of a filter; a missing value does not."""
    tests = [np.ones(len(trainings.person), dtype=bool)]
    if condition.objectives is not None:
        tests.append(is_one_of(trainings.attributes["objective"], condition.objectives))
    columns = {"level": "level_prepared"}
    for name in ("scheme", "funder", "level", "axis", "lot"):
        values = getattr(condition, name)
        if values is not None:
            tests.append(is_one_of(trainings.attributes[columns.get(name, name)], values))
    if condition.formacode is not None:
        fields_of_training = text_in(trainings.attributes["formacode"])
        codes = fields_of_training.categories.astype(str)
        chosen = [code for code in codes if code.startswith(condition.formacode)]
        tests.append(is_one_of(fields_of_training, chosen))
    if condition.hours is not None:
        planned = np.asarray(trainings.attributes["minutes"], dtype=float)
        least, most = (60 * bound for bound in condition.hours)
        tests.append((planned >= least) & (planned <= most))
    return reduce(np.logical_and, tests)


def episode_of_eve(register: Register, person: np.ndarray, time_zero: np.ndarray) -> np.ndarray:
    """The episode that covers the eve of each candidate, the last in order; `NONE` if none does."""
    episodes = register.episodes
    key = person_day(episodes.person, episodes.start)
    after = np.searchsorted(key, person_day(person, time_zero), side="left")
    found = np.full(len(person), NONE, np.int32)
    looking, place = np.flatnonzero(person != NONE), after[person != NONE] - 1
    while len(looking):
        mine = (place >= 0) & (episodes.person[place] == person[looking])
        looking, place = looking[mine], place[mine]
        covers = episodes.last[place] >= time_zero[looking] - 1
        found[looking[covers]] = place[covers]
        looking, place = looking[~covers], place[~covers] - 1
    return found


def control_candidates(register: Register, zeros: np.ndarray, month: int) -> Candidates:
    """Every person on the register in a month of entry, with an entry date of that month.

    Parameters
    ----------
    zeros : int32 array
        Time zero of the treated of the month, ascending.
    """
    episodes = register.episodes
    eve_of_month = Months(month, month).starts[0] - 1
    rows = np.flatnonzero((episodes.first_month <= month) & (episodes.last >= eve_of_month))
    person = episodes.person[rows]
    begins = np.flatnonzero(np.append(True, person[1:] != person[:-1])) if len(rows) else rows
    inside = episodes.last_month[rows] >= month
    present = np.logical_or.reduceat(inside, begins) if len(rows) else inside
    zero = zeros[(register.luck[person] + month) % len(zeros)]
    covers = (episodes.start[rows] < zero) & (episodes.last[rows] >= zero - 1)
    covering = np.where(covers, rows, NONE)
    episode = np.maximum.reduceat(covering, begins) if len(rows) else covering
    size = len(begins)
    months = np.full(size, month, np.int32)
    nothing = np.full(size, NONE, np.int32)
    found = Candidates(
        person=person[begins],
        time_zero=zero[begins].astype(np.int32),
        entry_month=months,
        origin_month=months,
        duration=nothing,
        episode=episode.astype(np.int32),
        training=nothing,
    )
    return found.where(present)


def deal_durations(
    candidates: Candidates, cells: np.ndarray, treated: dict[int, np.ndarray], luck: np.ndarray
) -> Candidates:
    """Give controls the length of a training of their cell; months then count from its end.

    Parameters
    ----------
    cells : int array
        Cell of each candidate.
    treated : dict of int to int array
        Lengths of the trainings of the treated of each cell, ascending; where a cell has none the
        month of entry stays the origin.
    """
    duration = candidates.duration.copy()
    for cell, lengths in treated.items():
        mine = cells == cell
        dealt = (luck[candidates.person[mine]] + candidates.entry_month[mine]) % len(lengths)
        duration[mine] = lengths[dealt]
    pseudo_end = month_of_days(candidates.time_zero + duration)
    origin = np.where(duration == NONE, candidates.entry_month, pseudo_end)
    return replace(candidates, duration=duration, origin_month=origin.astype(np.int32))
