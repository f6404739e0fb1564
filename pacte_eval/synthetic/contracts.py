"""Contracts that give back a path of employment: one is active on the last day of a month in a job.

A run of months in a job starts on some day of its first month and ends before the last day of the
month that follows it. Fixed-term and agency runs are cut into contracts that follow each other
within a month, so that no end of month falls between two. Short jobs that cover no end of month
come on top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pacte_eval.synthetic import draws
from pacte_eval.synthetic.life import SHORT_JOB
from pacte_eval.synthetic.people import People
from pacte_eval.synthetic.timeline import COVERED, FIRST_COVERED_DAY, FIRST_DAYS, MONTHS

CDI, CDD, INTERIM = range(3)
OPEN = -1
_MINIMUM_WAGE = 152_122
_FULL_TIME = 9_100


@dataclass(frozen=True)
class Contracts:
    """Contracts in order of person and start; days since 1970, an `end` of `OPEN` is not known."""

    person: np.ndarray
    start: np.ndarray
    end: np.ndarray
    nature: np.ndarray
    full_time: np.ndarray
    pay: np.ndarray
    minutes: np.ndarray
    establishment: np.ndarray
    subsidised: np.ndarray


def draw_contracts(people: People, employed: np.ndarray) -> Contracts:
    """Contracts that overlap the coverage of the tables.

    Parameters
    ----------
    people : People
    employed : ndarray of int8, shape (people, months)
        Employment on the last day of each month.
    """
    runs = _runs(people, employed)
    shorts = _short_jobs(people, employed)
    person, start, end, nature = (np.concatenate(parts) for parts in zip(runs, shorts, strict=True))
    covered = (end == OPEN) | (end >= FIRST_COVERED_DAY)
    person, start, end, nature = person[covered], start[covered], end[covered], nature[covered]
    order = np.lexsort((start, person))
    return _described(people, person[order], start[order], end[order], nature[order])


def _runs(people: People, employed: np.ndarray) -> tuple[np.ndarray, ...]:
    """Person, start, end and nature of the contracts that make up the runs of months in a job."""
    edges = np.diff(employed, axis=1, prepend=np.int8(0), append=np.int8(0))
    person, first = np.nonzero(edges == 1)
    last = np.nonzero(edges == -1)[1] - 1
    recent = last >= COVERED - 1
    person, first, last = person[recent], first[recent], last[recent]

    key = people.key[person]
    length = last - first + 1
    luck = draws.uniforms(key, first, draws.NATURE)
    open_ended = np.interp(length, [1, 3, 6, 12, 24], [0.08, 0.12, 0.25, 0.5, 0.72])
    open_ended = open_ended * np.array([0.85, 0.95, 1.0, 1.1, 1.2])[people.diploma[person]]
    agency = open_ended + np.interp(length, [1, 6, 18], [0.25, 0.15, 0.04])
    nature = np.where(luck < open_ended, CDI, np.where(luck < agency, INTERIM, CDD))
    size = draws.uniforms(key, first, draws.PIECE)
    months = np.where(nature == CDI, MONTHS, np.where(nature == CDD, 1 + size * 12, 1 + size * 3))
    months = months.astype(np.int64)

    pieces = -(-length // months)
    run = np.repeat(np.arange(len(person)), pieces)
    place = np.arange(len(run)) - np.repeat(pieces.cumsum() - pieces, pieces)
    begins = first[run] + place * months[run]
    ends = np.minimum(begins + months[run] - 1, last[run])
    key = key[run]

    hired = FIRST_DAYS[begins] + _day(key, begins, draws.HIRE_DAY, _days_in(begins))
    gap = (draws.uniforms(key, begins, draws.SPLIT_GAP) * 12 - 6).clip(0, 5).astype(np.int64)
    start = np.where(place == 0, hired, _split(key, begins) + 1 + gap)

    after = np.minimum(ends + 1, MONTHS - 1)
    left = FIRST_DAYS[after] + _day(key, after, draws.END_DAY, _days_in(after) - 1)
    end = np.where(place + 1 < pieces[run], _split(key, after), left)
    beyond = FIRST_DAYS[MONTHS] + _day(key, ends, draws.END_DAY, 180)
    unknown = (nature[run] == CDI) | (draws.uniforms(key, ends, draws.SPLIT_GAP) < 0.3)
    end = np.where(ends == MONTHS - 1, np.where(unknown, OPEN, beyond), end)
    return person[run], start, end, nature[run]


def _short_jobs(people: People, employed: np.ndarray) -> tuple[np.ndarray, ...]:
    """Jobs of at most twelve days that end before the last day of the month."""
    person, month = np.nonzero(employed[:, COVERED - 1 : -1] == 0)
    month = month + COVERED
    key = people.key[person]
    drawn = draws.uniforms(key, month, draws.SHORT) < SHORT_JOB
    drawn &= month >= people.first_month[person]
    person, month, key = person[drawn], month[drawn], key[drawn]
    start = FIRST_DAYS[month] + _day(key, month, draws.SHORT_DAY, 14)
    end = start + _day(key, month, draws.SHORT_LENGTH, 12)
    agency = draws.uniforms(key, month, draws.NATURE) < 0.45
    return person, start, end, np.where(agency, INTERIM, CDD)


def _described(
    people: People, person: np.ndarray, start: np.ndarray, end: np.ndarray, nature: np.ndarray
) -> Contracts:
    """Pay, hours, employer: correlated with diploma, experience and sex."""
    key = people.key[person]
    female = people.female[person]
    full_time = draws.uniforms(key, start, draws.CONTRACT_TYPE) < np.where(female, 0.6, 0.84)
    share = np.where(
        full_time, 1.0, 0.4 + 0.08 * (draws.uniforms(key, start, draws.HOURS) * 6).astype(np.int64)
    )
    premium = (
        0.06
        + np.array([0.0, 0.03, 0.07, 0.16, 0.32])[people.diploma[person]]
        + 0.0006 * people.experience_months[person]
        - 0.03 * female
        + 0.05 * (nature == CDI)
        + 0.04 * people.frailty[person]
        + 0.1 * draws.normals(key, start, draws.PAY, draws.PAY_PAIR)
    )
    full_pay = _MINIMUM_WAGE * np.exp(premium.clip(0.0, 1.8))
    size = draws.uniforms(key, start, draws.ESTABLISHMENT)
    return Contracts(
        person=person,
        start=start,
        end=end,
        nature=nature,
        full_time=full_time,
        pay=np.rint(full_pay * share).astype(np.int64),
        minutes=np.rint(_FULL_TIME * share).astype(np.int64),
        establishment=people.zone[person] * ESTABLISHMENTS
        + (ESTABLISHMENTS**size - 1).astype(np.int64),
        subsidised=draws.uniforms(key, start, draws.PIECE) < 0.03,
    )


ESTABLISHMENTS = 3_000
"""Employers of a zone: the larger, the more often drawn."""


def _day(key: np.ndarray, month: np.ndarray, purpose: int, days: np.ndarray | int) -> np.ndarray:
    return (draws.uniforms(key, month, purpose) * days).astype(np.int64)


def _days_in(month: np.ndarray) -> np.ndarray:
    return FIRST_DAYS[month + 1] - FIRST_DAYS[month]


def _split(key: np.ndarray, month: np.ndarray) -> np.ndarray:
    """The day of a month when one contract of a run ends, before the next begins."""
    return FIRST_DAYS[month] + _day(key, month, draws.SPLIT_DAY, 20)
