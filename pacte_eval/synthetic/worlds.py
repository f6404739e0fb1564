"""The factual world of every person, and the other worlds in which one entry is changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numba import njit

from pacte_eval.synthetic import draws, life, timeline
from pacte_eval.synthetic.life import NEVER, Lives, Plan, Rules, live_one
from pacte_eval.synthetic.timeline import AFTER, BEFORE, COVERED, MONTHS

FACTUAL = Plan(NEVER, NEVER, NEVER, False)
_EPISODES = 4 * MONTHS


class Entries(NamedTuple):
    """Entries into training, in order of person and month; days as numbers since 1970."""

    person: np.ndarray
    month: np.ndarray
    start: np.ndarray
    planned_end: np.ndarray
    end: np.ndarray
    objective: np.ndarray
    rank: np.ndarray
    """0 for the first of a person, 1 for the next after 24 months without any, 2 for others."""


class Episodes(NamedTuple):
    """Registered episodes in one category; an `end` of -1 is open at the last day."""

    person: np.ndarray
    start: np.ndarray
    end: np.ndarray
    category: np.ndarray


class World(NamedTuple):
    """The factual world: employment by person and month (int8), and what the tables are made of.

    `at_risk` is a month drawn for each person among those when they could have entered training and
    were never trained before, -1 for none.
    """

    employed: np.ndarray
    entries: Entries
    episodes: Episodes
    at_risk: np.ndarray


@njit
def _room(rows: np.ndarray, needed: int) -> np.ndarray:
    if needed <= rows.shape[0]:
        return rows
    wider = np.empty((2 * needed, rows.shape[1]), rows.dtype)
    wider[: rows.shape[0]] = rows
    return wider


def _compiled(sources: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The two loops over persons.

    Numba's cache on disk looks at the file and at the closure of a function, not at what it calls:
    closing over the text of the modules compiled in makes a change of any of them seen.
    """

    @njit(cache=True)
    def live_all(
        lives: Lives, rules: Rules, plan: Plan
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        assert sources
        people = lives.key.size
        employed = np.zeros((people, MONTHS), np.int8)
        at_risk = np.empty(people, np.int64)
        entries = np.empty((people, 7), np.int32)
        episodes = np.empty((people * 12, 4), np.int32)
        own_entries = np.empty((MONTHS, 6), np.int32)
        own_episodes = np.empty((_EPISODES, 3), np.int32)
        n_entries, n_episodes = 0, 0
        for i in range(people):
            more_entries, more_episodes, at_risk[i] = live_one(
                i, lives, rules, plan, MONTHS, employed[i], own_entries, own_episodes
            )
            entries = _room(entries, n_entries + more_entries)
            episodes = _room(episodes, n_episodes + more_episodes)
            for j in range(more_entries):
                entries[n_entries, 0] = i
                entries[n_entries, 1:] = own_entries[j]
                n_entries += 1
            for j in range(more_episodes):
                episodes[n_episodes, 0] = i
                episodes[n_episodes, 1:] = own_episodes[j]
                n_episodes += 1
        return employed, entries[:n_entries], episodes[:n_episodes], at_risk

    @njit(cache=True)
    def replay_all(
        lives: Lives,
        rules: Rules,
        person: np.ndarray,
        month: np.ndarray,
        blocked_to: np.ndarray,
        force: bool,
        withheld: bool,
    ) -> np.ndarray:
        assert sources
        window = np.full((person.size, BEFORE + AFTER + 1), -1, np.int8)
        employed = np.zeros(MONTHS, np.int8)
        entries = np.empty((MONTHS, 6), np.int32)
        episodes = np.empty((_EPISODES, 3), np.int32)
        for row in range(person.size):
            t = month[row]
            blocked = NEVER if force or withheld else t
            plan = Plan(blocked, blocked_to[row], t if force else NEVER, withheld)
            until = min(t + AFTER + 1, MONTHS)
            live_one(person[row], lives, rules, plan, until, employed, entries, episodes)
            for m in range(max(t - BEFORE, COVERED), until):
                window[row, m - t + BEFORE] = employed[m]
        return window

    return live_all, replay_all


_live_all, _replay_all = _compiled("".join(map(inspect.getsource, (draws, life, timeline))))


def live(lives: Lives, rules: Rules) -> World:
    """Live the factual world of every person."""
    employed, entries, episodes, at_risk = _live_all(lives, rules, FACTUAL)
    return World(employed, Entries(*entries.T), Episodes(*episodes.T), at_risk)


def replay(
    lives: Lives,
    rules: Rules,
    person: np.ndarray,
    month: np.ndarray,
    world: Literal["wait", "never", "certification", "withheld"],
) -> np.ndarray:
    """Employment around a month in another world, one row per (person, month).

    Parameters
    ----------
    person, month : ndarray of int
        Positions of the persons, and of the month of (possible) entry of each row.
    world : str
        ``wait`` blocks that month's entry only, ``never`` blocks it and all that follow,
        ``certification`` forces an entry into certifying training, ``withheld`` lets people enter
        but denies the certificate to those who would obtain it.

    Returns
    -------
    ndarray of int8, shape (rows, BEFORE + 1 + AFTER)
        1 in a job on the last day of the month, 0 not, -1 outside the months that tables cover.
    """
    blocked_to = np.full(len(month), NEVER) if world == "never" else np.asarray(month)
    force, withheld = world == "certification", world == "withheld"
    where = (np.ascontiguousarray(x, np.int64) for x in (person, month, blocked_to))
    return np.asarray(_replay_all(lives, rules, *where, force, withheld))
