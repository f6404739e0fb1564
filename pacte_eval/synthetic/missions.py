"""Young people followed by a mission locale, and their situation day by day.

Assumed, not calibrated. The fewer the diplomas, the more often a person is followed: from up to a
year before the first registration, for six months to four years, between the ages of 16 and 26. The
situation is read in the rest of the life: in training, else in a job (whose end is known a week
later, so that consecutive contracts are one situation), else without a solution. Before the first
registration, half are at school instead; later on, one time without a solution in sixteen is told
as another situation (illness, move, care). Nothing depends on latent employability otherwise than
through these facts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pacte_eval.synthetic import draws
from pacte_eval.synthetic.contracts import OPEN, Contracts
from pacte_eval.synthetic.people import People
from pacte_eval.synthetic.timeline import COVERED, FIRST_DAYS, MONTHS
from pacte_eval.synthetic.worlds import Entries
from pacte_eval.tables.contract import columns

SITUATIONS = columns("missions_locales")["situation"].codes
WITHOUT, JOB, TRAINING, SCHOOL, OTHER = map(
    SITUATIONS.index, ("sans_solution", "emploi", "formation", "scolarite", "autre")
)
YOUNGEST, TOO_OLD = 16, 26
KNOWN_AFTER_DAYS = 7
_FOLLOWED = np.array([0.7, 0.6, 0.4, 0.12, 0.08])
"""Share followed, by diploma."""


class Situations(NamedTuple):
    """Situations in order of person and start; days since 1970, an `end` of -1 is open."""

    person: np.ndarray
    start: np.ndarray
    end: np.ndarray
    situation: np.ndarray


def draw_situations(people: People, entries: Entries, contracts: Contracts) -> Situations:
    """Situations within the coverage of the tables; they follow each other without a gap.

    Parameters
    ----------
    people : People
    entries : Entries
        Entries into training.
    contracts : Contracts
        Contracts that overlap the coverage.
    """
    first, after, lasts = _followed(people)
    jobs_end = np.where(contracts.end == OPEN, FIRST_DAYS[-1], contracts.end + KNOWN_AFTER_DAYS)
    registered = FIRST_DAYS[people.first_month]
    everyone = np.arange(len(people))
    # Periods as (person, first day, day after the last), by what they make of a day.
    periods = (
        (everyone, first, after),
        (everyone, first, np.maximum(registered, first)),
        (contracts.person, contracts.start, jobs_end + 1),
        (entries.person, entries.start, entries.end + 1),
    )
    person, day, counts = _changes(periods, first, after)
    ends = np.append(person[1:] == person[:-1], False)
    until = np.append(day[1:], 0)
    kept = ends & (until > day) & (counts[:, 0] > 0)
    person, day, until, counts = person[kept], day[kept], until[kept], counts[kept]
    situation = _situation(people, person, day, counts)

    opens = np.ones(len(person), bool)
    opens[1:] = (person[1:] != person[:-1]) | (situation[1:] != situation[:-1])
    closes = np.append(opens[1:], True)
    person, end = person[opens], until[closes] - 1
    end = np.where(lasts[person] & (end == FIRST_DAYS[-1] - 1), -1, end)
    return Situations(person, day[opens], end, situation[opens])


def _followed(people: People) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First day followed, day after the last (equal where not followed), whether it lasts on."""
    luck = draws.uniforms(people.key, 0, draws.FOLLOWED)
    early = (draws.uniforms(people.key, 0, draws.FOLLOWED_FROM) * 12).astype(np.int64)
    length = 6 + (draws.uniforms(people.key, 0, draws.FOLLOWED_FOR) * 42).astype(np.int64)
    begins = np.maximum(people.first_month - early, people.birth_month + YOUNGEST * 12)
    finishes = np.minimum(begins + length, people.birth_month + TOO_OLD * 12)
    first = np.clip(begins, COVERED, MONTHS)
    after = np.clip(finishes, first, MONTHS)
    after = np.where(luck < _FOLLOWED[people.diploma], after, first)
    return FIRST_DAYS[first], FIRST_DAYS[after], finishes > MONTHS


def _changes(
    periods: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...],
    first: np.ndarray,
    after: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Days when something begins or ends, and how many periods of each kind then hold.

    Returns
    -------
    person, day : ndarray of int, shape (changes,)
        In order; several changes may share a day, and the last then counts.
    counts : ndarray of int, shape (changes, kinds)
    """
    persons, days, steps = [], [], []
    for kind, (person, start, end) in enumerate(periods):
        start, end = np.maximum(start, first[person]), np.minimum(end, after[person])
        some = start < end
        step = np.zeros((some.sum(), len(periods)), np.int64)
        step[:, kind] = 1
        persons += [person[some], person[some]]
        days += [start[some], end[some]]
        steps += [step, -step]
    person, day = np.concatenate(persons), np.concatenate(days)
    order = np.lexsort((day, person))
    return person[order], day[order], np.concatenate(steps)[order].cumsum(axis=0)


def _situation(
    people: People, person: np.ndarray, day: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    key = people.key[person]
    month = np.searchsorted(FIRST_DAYS, day, side="right") - 1
    at_school = draws.uniforms(key, 0, draws.SITUATION) < 0.5
    elsewhere = draws.uniforms(key, month, draws.SITUATION) < 1 / 16
    rest = np.where(elsewhere, OTHER, WITHOUT)
    rest = np.where((counts[:, 1] > 0) & at_school, SCHOOL, rest)
    return np.where(counts[:, 3] > 0, TRAINING, np.where(counts[:, 2] > 0, JOB, rest))
