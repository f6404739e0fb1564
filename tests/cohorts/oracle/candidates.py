"""Who may be a unit: entries into training, and people at risk on the same days."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.cohorts.oracle.days import ONE_DAY, first_day, last_day, month_from_code, month_of
from tests.cohorts.oracle.lives import Life, Row, unemployment_band, unemployment_duration


@dataclass(frozen=True)
class Candidate:
    """A person on a day; `end` closes the training, or stands for its end, on the end clock."""

    person: str | None
    arm: str
    time_zero: date
    training: Row | None
    end: date | None

    @property
    def entry_month(self) -> int:
        """The month of time zero."""
        return month_of(self.time_zero)


def md5(text: str) -> str:
    """The md5 of a text, in hexadecimal."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def passes(training: Row, where: Mapping[str, Any]) -> bool:
    """Whether an entry meets every condition of a filter."""
    objective = where.get("objective")
    if objective is not None and not _of_objective(training.get("objective"), objective):
        return False
    formacodes = where.get("formacode")
    if formacodes is not None:
        formacode = training.get("formacode")
        if formacode is None or not formacode.startswith(tuple(formacodes)):
            return False
    if "hours" in where:
        minutes, (least, most) = training.get("minutes"), where["hours"]
        if minutes is None or not least * 60 <= minutes <= most * 60:
            return False
    for name in ("scheme", "funder", "axis", "lot"):
        if name in where and training.get(name) not in where[name]:
            return False
    return "level" not in where or training.get("level_prepared") in where["level"]


def _of_objective(objective: str | None, wanted: Any) -> bool:
    if objective is None:
        return False
    if isinstance(wanted, Mapping):
        return objective not in wanted["not"]
    return objective == wanted if isinstance(wanted, str) else objective in wanted


def arm_of(training: Row, arms: Mapping[str, Any]) -> str | None:
    """The first training arm that an entry belongs to."""
    for name, arm in arms.items():
        if "controls" not in arm and "of" not in arm and passes(training, arm):
            return name
    return None


def entries(trainings: Iterable[Row], entry: Mapping[str, Any]) -> list[Row]:
    """The entries of the period that pass the filter, whatever their arm."""
    first, last = (month_from_code(code) for code in entry["period"])
    return [
        training
        for training in trainings
        if first <= month_of(training["start"]) <= last and passes(training, entry.get("where", {}))
    ]


def is_kept_entry(training: Row, among: Sequence[Row], keep: str) -> bool:
    """Whether an entry is the first (or last) of its person; without a person, it is not known."""
    if training.get("person") is None:
        return True
    own = [one for one in among if one.get("person") == training["person"]]
    chosen = min if keep == "first" else max
    return chosen(own, key=lambda one: (one["start"], md5(one["training"]))) is training


def draw_number(seed: int, person: str, month: int) -> int:
    """The number that chooses, for a person and a month, among those treated."""
    return int(md5(f"{seed}:{person}")[:7], 16) + month


def people_present(month: int, lives: Mapping[str, Life]) -> list[str]:
    """Those with an episode of registration that overlaps a month."""
    return [
        person
        for person, life in lives.items()
        if any(
            episode.start <= last_day(month) and episode.end >= first_day(month)
            for episode in life.registrations
        )
    ]


def cell_of(time_zero: date, life: Life, same: Sequence[str]) -> tuple[Any, ...]:
    """The cell that a control is drawn in."""
    facts = {
        "entry_month": month_of(time_zero),
        "unemployment_band": unemployment_band(unemployment_duration(time_zero, life)),
    }
    return tuple(facts[name] for name in same)


def duration(treated: Candidate) -> timedelta:
    """Time from the start to the end of a training."""
    assert treated.end is not None
    return treated.end - treated.time_zero


def controls_of_month(
    arm: str,
    month: int,
    kept: Sequence[Candidate],
    lives: Mapping[str, Life],
    controls: Mapping[str, Any],
    clock: str,
) -> list[Candidate]:
    """People at risk in a month, each on the day that someone kept was treated."""
    days = sorted(one.time_zero for one in kept if one.entry_month == month)
    found = []
    for person in people_present(month, lives):
        number = draw_number(controls.get("seed", 0), person, month)
        time_zero = days[number % len(days)]
        end = None
        if clock == "end":
            end = pseudo_end(person, time_zero, number, kept, lives, controls["same"])
        found.append(Candidate(person, arm, time_zero, None, end))
    return found


def pseudo_end(
    person: str,
    time_zero: date,
    number: int,
    kept: Sequence[Candidate],
    lives: Mapping[str, Life],
    same: Sequence[str],
) -> date | None:
    """The end that a control would have had, after the duration of someone treated in the cell."""
    cell = cell_of(time_zero, lives[person], same)
    alike = [one for one in kept if cell_of(one.time_zero, lives[str(one.person)], same) == cell]
    if not alike:
        return None
    alike.sort(key=lambda one: (duration(one), md5(training_key(one))))
    return time_zero + duration(alike[number % len(alike)])


def training_key(treated: Candidate) -> str:
    """The key of the training that someone entered."""
    assert treated.training is not None
    return str(treated.training["training"])


def origin_of(candidate: Candidate, clock: str) -> tuple[date | None, int | None]:
    """The day and the month that follow-up counts from, where they are known.

    The entry clock counts from time zero; the end clock from the month of the end, and its first
    day is the one after. A control without a pseudo-end counts from entry.
    """
    if clock == "end" and candidate.end is not None:
        return candidate.end + ONE_DAY, month_of(candidate.end)
    if clock == "end" and candidate.training is not None:
        return None, None
    return candidate.time_zero, candidate.entry_month
