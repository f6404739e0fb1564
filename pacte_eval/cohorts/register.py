"""The register put in order once: people numbered, episodes ranked and gathered into spells.

Read once from the engine and held as small arrays, some sixty bytes an episode; days are integers
since 1970 and months are integers, so that the same rows give the same cohort wherever they lie.
Episodes at most 31 days apart are one spell of unemployment, whatever their categories. Episodes
are in the order of person, start and end: where several cover a day, the last in this order tells
what is known of the person on that day.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pacte_eval.cohorts.attributes import (
    Values,
    coded,
    decoded,
    taken,
    text_in,
    texts,
    texts_taken,
)
from pacte_eval.cohorts.days import month_of_days
from pacte_eval.cohorts.hashing import luck, md5_keys
from pacte_eval.cohorts.places import PLACES, locate
from pacte_eval.tables.contract import columns
from pacte_eval.tables.source import Source

SAME_SPELL_DAYS = 31
NONE = -1
_FILTERED = (
    "objective",
    "scheme",
    "funder",
    "formacode",
    "level_prepared",
    "axis",
    "lot",
    "minutes",
)
_PERSON_ROOM = np.int64(1) << 32
_LONG_AGO = np.int64(1) << 30


@dataclass(frozen=True)
class Episodes:
    """Episodes of registration, in order; one entry an episode in every array.

    Attributes
    ----------
    person : int32 array
    start, last : int32 arrays
        Days; open episodes end with the coverage.
    first_month, last_month : int32 arrays
        Months touched.
    spell_month : int32 array
        Month in which the spell of the episode began.
    attributes : dict of str to Values
    """

    person: np.ndarray
    start: np.ndarray
    last: np.ndarray
    first_month: np.ndarray
    last_month: np.ndarray
    spell_month: np.ndarray
    attributes: dict[str, Values]


@dataclass(frozen=True)
class Periods:
    """Periods of persons in the order of person and start, both days included."""

    person: np.ndarray
    start: np.ndarray
    last: np.ndarray

    @cached_property
    def key(self) -> np.ndarray:
        """Person and start in one integer, ascending."""
        return person_day(self.person, self.start)

    @cached_property
    def greatest_end(self) -> np.ndarray:
        """For each period, the greatest end among the person's up to it, then a last `NONE`."""
        if not len(self.person):
            return np.array([NONE])
        until = np.maximum.accumulate(person_day(self.person, self.last))
        return np.append(until - person_day(self.person, np.zeros_like(self.last)), NONE)

    @cached_property
    def months_ended(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last month whose last day each period covers (reversed where there is none)."""
        return month_of_days(self.start), month_of_days(self.last + 1) - 1


@dataclass(frozen=True)
class Trainings:
    """Entries into training, linked or not, in the order of person and start.

    Attributes
    ----------
    person : int32 array
        `NONE` where unlinked; these come first.
    start, last : int32 arrays
        Days; `last` is `NONE` where the end is not known.
    training : Categorical
        Keys of the entries.
    tie : object array
        md5 of the key: the order of entries of a person on one day.
    attributes : dict of str to Values
        What filters may be on.
    """

    person: np.ndarray
    start: np.ndarray
    last: np.ndarray
    training: pd.Categorical
    tie: np.ndarray
    attributes: dict[str, Values]

    @cached_property
    def periods(self) -> Periods:
        """The same entries as periods."""
        return Periods(self.person, self.start, self.last)


@dataclass(frozen=True)
class Register:
    """People, their episodes, spells and trainings.

    Attributes
    ----------
    persons : pyarrow Array of str
        Person keys in the order of their bytes; a person's number is the position here.
    luck : int64 array
        A number of 28 bits for each person, from the md5 of the seed and the key.
    """

    persons: pa.Array
    luck: np.ndarray
    episodes: Episodes
    spells: Periods
    trainings: Trainings
    without_solution: Periods


def person_day(person: np.ndarray, day: np.ndarray) -> np.ndarray:
    """A person and a day in one integer, ascending in both."""
    return person.astype(np.int64) * _PERSON_ROOM + (_LONG_AGO + day.astype(np.int64))


def read_register(source: Source, attributes: Collection[str], seed: int) -> Register:
    """Read the register of a source and put it in order.

    Parameters
    ----------
    attributes : collection of str
        Columns of the registrations, or of the place of residence, to keep beside each episode.
    seed : int
        Seed of the numbers that deal entry dates.
    """
    registered = _registrations(source, attributes)
    trained = _trainings(source)
    followed = _followed(source)
    names = [table["person"] for table in (registered, trained, followed)]
    persons = pa.chunked_array([chunk for name in names for chunk in name.chunks], pa.string())
    persons = pc.drop_null(persons.unique())
    persons = persons.take(pc.sort_indices(persons))
    episodes, spells = _episodes(source, registered, persons, attributes)
    return Register(
        persons=persons,
        luck=luck(seed, persons),
        episodes=episodes,
        spells=spells,
        trainings=_in_order(trained, persons),
        without_solution=_periods(
            _numbered(followed, persons), followed["start"].to_numpy(), followed["last"].to_numpy()
        ),
    )


def _registrations(source: Source, attributes: Collection[str]) -> pa.Table:
    table = source.tables["registrations"]
    held = columns("registrations")
    kept = [name for name in held if name in attributes]
    sent = {name: coded(table, held[name]) for name in {*kept, "category", "commune"}}
    last = table.end.fill_null(ibis.literal(source.coverage["registrations"][1]))
    return table.select(
        table.person.cast("string").name("person"),
        start=table.start.epoch_days().cast("int32"),
        last=last.epoch_days().cast("int32"),
        **{f"attribute_{name}": value for name, value in sorted(sent.items())},
    ).to_pyarrow()


def _trainings(source: Source) -> pa.Table:
    table = source.tables["trainings"]
    held = columns("trainings")
    return table.select(
        table.person.cast("string").name("person"),
        "training",
        start=table.start.epoch_days().cast("int32"),
        last=table.end.epoch_days().cast("int32").fill_null(NONE),
        **{f"attribute_{name}": coded(table, held[name]) for name in _FILTERED},
    ).to_pyarrow()


def _followed(source: Source) -> pa.Table:
    """Periods in which a mission locale knows a person without job, school or training."""
    table = source.tables.get("missions_locales")
    if table is None:
        empty = {"person": pa.string(), "start": pa.int32(), "last": pa.int32()}
        return pa.schema(empty).empty_table()
    kept = table.filter(table.situation == "sans_solution")
    last = kept.end.fill_null(ibis.literal(source.coverage["missions_locales"][1]))
    return kept.select(
        "person",
        start=kept.start.epoch_days().cast("int32"),
        last=last.epoch_days().cast("int32"),
    ).to_pyarrow()


def _numbered(table: pa.Table, persons: pa.Array) -> np.ndarray:
    found = pc.index_in(table["person"], value_set=persons)
    return found.fill_null(NONE).to_numpy().astype(np.int32)


def _episodes(
    source: Source, table: pa.Table, persons: pa.Array, attributes: Collection[str]
) -> tuple[Episodes, Periods]:
    held = columns("registrations")
    values = {
        name: decoded(table[f"attribute_{name}"], held[name])
        for name in held
        if f"attribute_{name}" in table.column_names
    }
    person = _numbered(table, persons)
    start, last = table["start"].to_numpy(), table["last"].to_numpy()
    order = _order(person, start, last, values)
    person, start, last = person[order], start[order], last[order]
    values = {name: taken(column, order) for name, column in values.items()}
    if set(attributes) & set(PLACES):
        communes = source.tables.get("communes")
        places = locate(
            text_in(values["commune"]), None if communes is None else communes.to_pandas()
        )
        values |= {name: places[name] for name in attributes if name in places}
    opens = _opens(person, start, last)
    spell = np.cumsum(opens) - 1
    first_month = month_of_days(start)
    episodes = Episodes(
        person=person,
        start=start,
        last=last,
        first_month=first_month,
        last_month=month_of_days(last),
        spell_month=first_month[opens][spell],
        attributes={name: values[name] for name in values if name in attributes},
    )
    ends = np.maximum.reduceat(last, np.flatnonzero(opens)) if len(last) else last
    return episodes, Periods(person[opens], start[opens], ends)


def _order(
    person: np.ndarray, start: np.ndarray, last: np.ndarray, values: dict[str, Values]
) -> np.ndarray:
    """The order of episodes; category A before E, then a small commune before a great one, last.

    Episodes alike in all of these are put in the order of their other attributes, so that the
    order does not depend on the one they were read in.
    """
    category, commune = _rank(values["category"]), _rank(values["commune"])
    main = [-commune, -category, last, start, person]
    order = np.lexsort(main)
    same = np.ones(max(len(order) - 1, 0), dtype=bool)
    for key in main:
        same &= key[order][1:] == key[order][:-1]
    if same.any():
        alike = np.zeros(len(order), dtype=bool)
        alike[1:] |= same
        alike[:-1] |= same
        rows = order[alike]
        others = [_rank(taken(values[name], rows)) for name in sorted(values)]
        order[alike] = rows[np.lexsort([*others, *(key[rows] for key in main)])]
    return order


def _rank(values: Values) -> np.ndarray:
    """Values as numbers in their order, an unknown one being the greatest."""
    if isinstance(values, pd.Categorical):
        return np.where(values.codes < 0, len(values.categories), values.codes)
    return np.nan_to_num(values.astype(np.float64), nan=np.inf)


def _opens(person: np.ndarray, start: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Whether each episode begins a spell: more than 31 days after all those before it ended."""
    until = np.maximum.accumulate(person_day(person, last))
    opens = np.ones(len(person), dtype=bool)
    opens[1:] = (person[1:] != person[:-1]) | (
        person_day(person, start)[1:] - until[:-1] > SAME_SPELL_DAYS
    )
    return opens


def _periods(person: np.ndarray, start: np.ndarray, last: np.ndarray) -> Periods:
    order = np.lexsort([last, start, person])
    return Periods(person[order], start[order], last[order])


def _in_order(table: pa.Table, persons: pa.Array) -> Trainings:
    held = columns("trainings")
    training = table["training"].combine_chunks()
    keys = md5_keys(pa.repeat("", len(training)), training)["key"]
    tie = keys.to_numpy(zero_copy_only=False)
    person, start = _numbered(table, persons), table["start"].to_numpy()
    last = table["last"].to_numpy()
    order = np.lexsort([last, tie.astype("U32"), start, person])
    values = {
        name: taken(decoded(table[f"attribute_{name}"], held[name]), order) for name in _FILTERED
    }
    return Trainings(
        person=person[order],
        start=start[order],
        last=last[order],
        training=texts_taken(texts(table["training"]), order),
        tie=tie[order],
        attributes=values,
    )
