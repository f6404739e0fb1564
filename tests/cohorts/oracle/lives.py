"""What the tables say of one person: episodes, spells, trainings, contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from tests.cohorts.oracle.days import ONE_DAY, last_day, month_of, months_before

Row = Mapping[str, Any]
Coverage = Mapping[str, tuple[date, date]]
MERGED_WITHIN_DAYS = 31
PREVIOUS_SPELLS_WITHIN_MONTHS = 24


@dataclass(frozen=True)
class Span:
    """A row that lasts, and its last day; `is_open` when the row gives none."""

    start: date
    end: date
    row: Row
    is_open: bool

    @property
    def days(self) -> int:
        """Days that it lasts, both ends included."""
        return (self.end - self.start + ONE_DAY).days

    def covers(self, day: date) -> bool:
        """Whether it holds on a day."""
        return self.start <= day <= self.end


@dataclass(frozen=True)
class Spell:
    """Episodes of registration that follow each other."""

    start: date
    end: date

    def covers(self, day: date) -> bool:
        """Whether it holds on a day."""
        return self.start <= day <= self.end


@dataclass
class Life:
    """The rows of one person."""

    registrations: list[Span] = field(default_factory=list)
    contracts: list[Span] = field(default_factory=list)
    missions_locales: list[Span] = field(default_factory=list)
    trainings: list[Row] = field(default_factory=list)

    @cached_property
    def spells(self) -> list[Spell]:
        """Spells of registration, in any category, in order."""
        return spells(self.registrations)


def without_duplicates(rows: Iterable[Row]) -> list[Row]:
    """The rows, each once."""
    seen = {
        tuple(sorted((name, repr(value)) for name, value in row.items() if value is not None)): row
        for row in rows
    }
    return list(seen.values())


def lives(tables: Mapping[str, Sequence[Row]], coverage: Coverage) -> dict[str, Life]:
    """The life of everyone that a table names; what is open lasts until the end of coverage."""
    found: dict[str, Life] = {}
    for name in ("registrations", "contracts", "missions_locales"):
        for row in without_duplicates(tables.get(name, ())):
            if row.get("person") is not None:
                life = found.setdefault(row["person"], Life())
                last = coverage[name][1] if name in coverage else date.max
                getattr(life, name).append(span(row, last))
    for row in without_duplicates(tables["trainings"]):
        if row.get("person") is not None:
            found.setdefault(row["person"], Life()).trainings.append(row)
    return found


def span(row: Row, last: date) -> Span:
    """A row with its last day, which is that of the coverage as long as the row is open."""
    end = row.get("end")
    return Span(row["start"], last if end is None else end, row, end is None)


def spells(episodes: Iterable[Span]) -> list[Spell]:
    """Episodes at most 31 days apart, as one spell."""
    merged: list[Spell] = []
    for episode in sorted(episodes, key=lambda episode: episode.start):
        if merged and (episode.start - merged[-1].end).days <= MERGED_WITHIN_DAYS:
            last = merged.pop()
            merged.append(Spell(last.start, max(last.end, episode.end)))
        else:
            merged.append(Spell(episode.start, episode.end))
    return merged


def episode_of(eve: date, life: Life) -> Row:
    """The episode of registration of the eve, empty without one.

    When several hold: the latest start, then the latest end, then the category from A to E, then
    the smallest commune.
    """
    holding = [episode for episode in life.registrations if episode.covers(eve)]
    if not holding:
        return {}
    return min(
        holding,
        key=lambda episode: (
            -episode.start.toordinal(),
            -episode.end.toordinal(),
            episode.row["category"],
            episode.row.get("commune") is None,
            episode.row.get("commune") or "",
        ),
    ).row


def unemployment_duration(time_zero: date, life: Life) -> int | None:
    """Months since the spell of the eve began, for those registered on the eve itself."""
    eve = time_zero - ONE_DAY
    if not episode_of(eve, life):
        return None
    for spell in life.spells:
        if spell.covers(eve):
            return month_of(time_zero) - month_of(spell.start)
    return None


def unemployment_band(months: int | None) -> str | None:
    """The band of an elapsed unemployment."""
    if months is None:
        return None
    for last, band in ((2, "0–2"), (5, "3–5"), (11, "6–11"), (23, "12–23")):
        if months <= last:
            return band
    return "24 et plus"


def previous_spells(time_zero: date, life: Life) -> int:
    """Spells that began in the 24 months before, other than that of the eve."""
    eve = time_zero - ONE_DAY
    since = months_before(time_zero, PREVIOUS_SPELLS_WITHIN_MONTHS)
    return sum(since <= spell.start <= eve and not spell.covers(eve) for spell in life.spells)


def cumulated_unemployment(time_zero: date, months: int, life: Life) -> int:
    """Months, of those before the month of entry, whose last day lies in a spell."""
    entry = month_of(time_zero)
    return sum(
        any(spell.covers(last_day(month)) for spell in life.spells)
        for month in range(entry - months, entry)
    )


def age(time_zero: date, birth_month: date | None) -> int | None:
    """Age in full years, in months of calendar."""
    if birth_month is None:
        return None
    return (month_of(time_zero) - month_of(birth_month)) // 12


def neet(time_zero: date, life: Life) -> bool:
    """Followed by a mission locale as without a solution, on the eve."""
    eve = time_zero - ONE_DAY
    return any(
        episode.row.get("situation") == "sans_solution" and episode.covers(eve)
        for episode in life.missions_locales
    )


def attributes_of_the_eve(time_zero: date, life: Life) -> dict[str, Any]:
    """What is known of a person on the eve of time zero."""
    episode = episode_of(time_zero - ONE_DAY, life)
    duration = unemployment_duration(time_zero, life)
    commune = episode.get("commune")
    known = {
        name: value for name, value in episode.items() if name not in ("person", "start", "end")
    }
    return known | {
        "age": age(time_zero, episode.get("birth_month")),
        "unemployment_duration": duration,
        "unemployment_band": unemployment_band(duration),
        "previous_spells": previous_spells(time_zero, life),
        "departement": None if commune is None else commune[:2],
        "neet": neet(time_zero, life),
    }
