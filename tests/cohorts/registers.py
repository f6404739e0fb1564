"""Registers and cohorts made of a few rows held in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd

from pacte_eval.cohorts.candidates import Candidates, episode_of_eve
from pacte_eval.cohorts.days import month_of_days
from pacte_eval.cohorts.register import NONE, Register, read_register
from pacte_eval.definitions.months import first_day
from pacte_eval.tables.contract import TABLES, columns
from pacte_eval.tables.source import Source
from tests.conftest import table_of

Rows = Sequence[Mapping[str, Any]]
EPOCH = date(1970, 1, 1)
FIRST, LAST = date(2017, 1, 1), date(2023, 6, 30)
# No table of a source is empty: rows of nobody stand where a test gives none.
NOBODY: dict[str, Rows] = {
    "registrations": [{"person": "nobody", "start": date(1990, 1, 1), "end": date(1990, 1, 1)}],
    "trainings": [{"training": "nobody's", "person": None, "start": date(1990, 1, 1)}],
    "contracts": [{"contract": "nobody's", "person": None, "start": date(1990, 1, 1)}],
}


def day(when: date) -> int:
    """Days since 1970."""
    return (when - EPOCH).days


def date_of(number: int) -> date:
    """The date of a number of days since 1970."""
    return EPOCH + timedelta(days=int(number))


def days(*dates: date) -> np.ndarray:
    return np.array([day(one) for one in dates], np.int32)


def last_day(month: int) -> date:
    """The last day of a month integer."""
    return first_day(month + 1) - timedelta(days=1)


def source_of(**tables: Rows) -> Source:
    """Rows as a source that covers from `FIRST` to `LAST`, defaults filled in."""
    rows = NOBODY | {name: held for name, held in tables.items() if held}
    return Source(
        folder=Path("source"),
        nature="synthetic",
        label="Personnes inventées",
        tables={
            name: ibis.memtable(table_of(name, [dict(row) for row in held]))
            for name, held in rows.items()
        },
        coverage=dict.fromkeys(rows, (FIRST, LAST)),
        losses=pd.DataFrame(),
        fingerprint="",
        held={name: frozenset(columns(name)) if name in rows else frozenset() for name in TABLES},
    )


def register_of(attributes: Collection[str] = (), seed: int = 0, **tables: Rows) -> Register:
    return read_register(source_of(**tables), {"category", *attributes}, seed)


def number_of(register: Register, person: str | None) -> int:
    return NONE if person is None else register.persons.to_pylist().index(person)


def candidates_of(register: Register, *asked: tuple[str | None, date]) -> Candidates:
    """One candidate for each person and time zero asked."""
    person = np.array([number_of(register, who) for who, _ in asked], np.int32)
    zero = days(*(when for _, when in asked))
    nothing = np.full(len(asked), NONE, np.int32)
    month = month_of_days(zero)
    return Candidates(
        person=person,
        time_zero=zero,
        entry_month=month,
        origin_month=month,
        duration=nothing,
        episode=episode_of_eve(register, person, zero),
        training=nothing,
    )
