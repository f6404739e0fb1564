"""Invented people, dirty on purpose, each made by a generator of random numbers.

Days fall at the ends of months, on the leap day of 2020 and a day either side of what a rule
allows; columns are empty, rows are repeated or linked to nobody.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

Row = dict[str, Any]
Person = dict[str, list[Row]]
Choices = dict[str, list[Any]]
D = date
ENTRIES = [D(2020, 1, 31), D(2020, 2, 1), D(2020, 2, 29), D(2020, 3, 1), D(2020, 3, 31)]
HIRED_FROM = [
    D(2018, 1, 1),
    D(2019, 12, 31),
    D(2020, 1, 31),
    D(2020, 2, 1),
    D(2020, 2, 28),
    D(2020, 3, 1),
    D(2020, 3, 31),
    D(2020, 8, 1),
    D(2020, 8, 20),
    D(2020, 9, 1),
]


def _later(day: date, days: int | None) -> date | None:
    return None if days is None else day + timedelta(days=days)


def _months_earlier(day: date, months: int) -> date:
    month = day.year * 12 + day.month - 1 - months
    year, number = month // 12, month % 12 + 1
    return D(year, number, min(day.day, monthrange(year, number)[1]))


def _one_of_each(random: Random, choices: Choices) -> dict[str, Any]:
    return {name: random.choice(among) for name, among in choices.items()}


_STATE: Choices = {
    "category": list("AAAABCDE"),
    "commune": ["13201", "04070", "75101", "13055", None],
    "qpv": [True, False, None],
    "benefit": ["are", "aucune", None],
}
_STATE_BEFORE: Choices = {**_STATE, "category": list("ADEBC")}
_FACTS: Choices = {
    "sex": ["F", "M", None],
    "birth_month": [D(1985, 6, 1), D(1997, 3, 1), D(1970, 2, 1), D(2004, 4, 1), None],
    "diploma": ["cap_bep", "aucun", "bac", None],
    "rsa": [True, False, None],
}
# Days from the start of the last episode to an entry, and from the entry to its end; 24 months is
# how far back spells are counted.
_LAST_EPISODE: Choices = {
    "since": [100, 400, 1, 0, 29, "24 months"],
    "until": [None, None, -1, -2, 0, 60],
}
# Days from the end of an episode to the start of the next; "same" is the same start.
_EPISODE_BEFORE: Choices = {
    "gap": [31, 32, 30, 1, 0, -20, "same"],
    "length": [29, 0, 60, 400, "24 months"],
}


def _episodes(random: Random, entry: date) -> list[Row]:
    """Episodes of registration before an entry, that overlap, touch, or leave 30 to 32 days."""
    facts, last = _one_of_each(random, _FACTS), _one_of_each(random, _LAST_EPISODE)
    if last["since"] == "24 months":
        start = _months_earlier(entry, 24)
    else:
        start = entry - timedelta(days=last["since"])
    end = _later(entry, last["until"])
    if end is not None:
        end = max(start, end)
    rows = [{"start": start, "end": end, **_one_of_each(random, _STATE), **facts}]
    for _ in range(random.choice([0, 1, 1, 2])):
        before = _one_of_each(random, _EPISODE_BEFORE)
        if before["gap"] == "same":
            until = random.choice([rows[-1]["end"], start, None])
        else:
            until = start - timedelta(days=before["gap"])
            if before["length"] == "24 months":
                start = min(until, _months_earlier(entry, 24))
            else:
                start = min(until - timedelta(days=before["length"]), start)
        rows.append({"start": start, "end": until, **_one_of_each(random, _STATE_BEFORE), **facts})
    return rows


_KIND: Choices = {
    "objective": ["certification", "certification", "mobilisation", "remise_a_niveau", None],
    "scheme": ["afc", "poei", None],
    "funder": ["region", "etat", None],
    "formacode": ["31054", "32010", "42786", None],
    "level_prepared": ["cap_bep", "bac", None],
    "axis": ["1", "2", None],
    "lot": ["L1", "L2", None],
    "dropped_out": [False, True, None],
}
_PLAIN_KIND: Choices = {
    "objective": ["certification", "mobilisation"],
    "scheme": ["afc"],
    "funder": ["region", "etat"],
    "formacode": ["31054", "32010"],
    "level_prepared": ["cap_bep", "bac"],
    "axis": ["1"],
    "lot": ["L1"],
    "dropped_out": [False, True, None],
}
_DAYS_TRAINED = [60, 0, 1, 31, 200, None]
_OTHER_TRAINING: Choices = {
    "when": ["none", "none", "same day", "later", 1, 6, 24],
    "days_earlier": [0, 1],
    "ends": ["eve", "before the eve", "soon", None],
    "days_later": [1, 16, 35, 200],
}


def _trainings(random: Random, entry: date) -> list[Row]:
    """An entry, and another the same day, later, or so many months earlier but for a day."""
    first = {
        "start": entry,
        "end": _later(entry, random.choice(_DAYS_TRAINED)),
        **_one_of_each(random, _KIND),
    }
    other = _one_of_each(random, _OTHER_TRAINING)
    if other["when"] == "none":
        return [first] if random.choice([True, True, False]) else []
    if other["when"] in ("same day", "later"):
        start = entry + timedelta(days=0 if other["when"] == "same day" else other["days_later"])
        return [{"start": start, "end": _later(start, 30), **_one_of_each(random, _KIND)}, first]
    start = _months_earlier(entry, other["when"]) - timedelta(days=other["days_earlier"])
    ends = {"eve": entry - timedelta(days=1), "before the eve": entry - timedelta(days=2)}
    end = None if other["ends"] is None else ends.get(other["ends"], _later(start, 2))
    return [first, {"start": start, "end": end, **_one_of_each(random, _KIND)}]


_CONTRACT: Choices = {
    "start": [*HIRED_FROM, "entry", "eve", "end", "after the end"],
    "end": [29, 30, 0, 28, 31, 178, 179, 900, None],
    "nature": ["cdd", "cdd", "interim", "cdi"],
    "full_time": [True, False, None],
    "monthly_pay": [180_050, 90_001, 0, None],
    "monthly_minutes": [4680, 4679, 9100, 2340, None],
}


def _contract(random: Random, entry: date, trainings: list[Row]) -> Row:
    """A contract that starts on a day, or on one that its person's life gives."""
    contract = _one_of_each(random, _CONTRACT)
    ends = [training["end"] for training in trainings if training["end"] is not None]
    end = max(ends, default=entry)
    days = {"entry": 0, "eve": -1, "end": 0, "after the end": 1}
    start = contract["start"]
    if start in days:
        start = (end if "end" in start else entry) + timedelta(days=days[start])
    return {**contract, "start": start, "end": _later(start, contract["end"])}


def _contracts(random: Random, entry: date, trainings: list[Row]) -> list[Row]:
    return [_contract(random, entry, trainings) for _ in range(random.choice([0, 1, 2, 3]))]


_MISSION: Choices = {
    "since": [200, 1, 0],
    "until": [None, -1, -2, 300],
    "situation": ["sans_solution", "emploi", None],
}


def dirty_person(random: Random) -> Person:
    """Someone whose rows lie on either side of what rules allow."""
    entry = random.choice(ENTRIES)
    trainings = _trainings(random, entry)
    missions = []
    if random.choice([True, False]):
        mission = _one_of_each(random, _MISSION)
        start, until = entry - timedelta(days=mission["since"]), _later(entry, mission["until"])
        end = None if until is None else max(start, until)
        missions.append({"start": start, "end": end, "situation": mission["situation"]})
    return {
        "registrations": _episodes(random, entry),
        "trainings": trainings,
        "contracts": [
            _contract(random, entry, trainings) for _ in range(random.choice([0, 1, 2, 3]))
        ],
        "missions_locales": missions,
    }


_REGISTERED_FROM = [D(2019, 11, 30), D(2019, 9, 1), D(2018, 12, 1), D(2018, 1, 31)]


def plain_person(random: Random, trained: bool) -> Person:
    """Someone that most rules keep: registered for long, with one entry into training or none."""
    episode = {
        "start": random.choice(_REGISTERED_FROM),
        "category": "A",
        "sex": "F",
        "birth_month": D(1985, 6, 1),
        "diploma": "aucun",
        "rsa": True,
        "commune": "13201",
        "qpv": True,
        "benefit": "are",
    }
    entry = random.choice(ENTRIES)
    trainings = []
    if trained:
        end = _later(entry, random.choice([60, 31, 0]))
        trainings.append({"start": entry, "end": end, **_one_of_each(random, _PLAIN_KIND)})
    return {
        "registrations": [episode],
        "trainings": trainings,
        "contracts": _contracts(random, entry, trainings),
    }


def _unlinked(random: Random) -> Person:
    entry = random.choice(ENTRIES)
    trainings = [{"start": entry, "end": None, **_one_of_each(random, _PLAIN_KIND)}]
    return {"trainings": trainings, "contracts": _contracts(random, entry, trainings)}


_STATUSES = ["obtenue", "partielle", "non_obtenue", "inconnue"]
_SAID = [[], [], *([status] for status in _STATUSES), _STATUSES[:3]]
_ALWAYS_THERE: dict[str, Row] = {
    "registrations": {
        "person": "long-ago",
        "start": D(2015, 1, 1),
        "end": D(2015, 1, 2),
        "category": "A",
    },
    "trainings": {"start": D(2016, 1, 4)},
    "contracts": {"start": D(2016, 1, 4), "nature": "cdd"},
    "missions_locales": {
        "person": "long-ago",
        "start": D(2015, 1, 1),
        "end": D(2015, 1, 2),
        "situation": "autre",
    },
}


def tables_of(people: Sequence[Person], random: Random) -> dict[str, list[Row]]:
    """The rows of people, and of nobody, in disorder and with duplicates."""
    named = [(f"p{number:03d}", rows) for number, rows in enumerate(people)]
    tables: dict[str, list[Row]] = {name: [row] for name, row in _ALWAYS_THERE.items()}
    for person, found in [*named, (None, _unlinked(random))]:
        for name, rows in found.items():
            tables.setdefault(name, []).extend({"person": person, **row} for row in rows)
    tables["registrations"] = _told_apart(tables["registrations"])
    for name, key in (("trainings", "training"), ("contracts", "contract")):
        tables[name] = [{key: f"{key}-{i}", **row} for i, row in enumerate(tables[name])]
    tables["certifications"] = [
        {"training": training["training"], "status": status, "date": D(2020, 7, 1)}
        for training in tables["trainings"]
        for status in random.choice(_SAID)
    ]
    return {name: _dirtied(rows, random) for name, rows in tables.items() if rows}


def _told_apart(episodes: list[Row]) -> list[Row]:
    """Episodes without two of a person that no rule chooses between."""
    chosen = {
        (row["person"], row["start"], row["end"], row["category"], row.get("commune")): row
        for row in ({"end": None, **episode} for episode in episodes)
    }
    return list(chosen.values())


def _dirtied(rows: list[Row], random: Random) -> list[Row]:
    """The rows in another order, a tenth of them repeated."""
    repeated = random.choices(rows, k=1 + len(rows) // 10)
    return random.sample([*rows, *repeated], len(rows) + len(repeated))


def rows_in_words(tables: Mapping[str, list[Row]]) -> str:
    """Every row, without its empty columns."""
    return "\n".join(
        f"{name}: " + ", ".join(f"{key}={value}" for key, value in row.items() if value is not None)
        for name, rows in tables.items()
        for row in rows
    )
