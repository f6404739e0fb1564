"""From lives to rows: every table of the contract but the communes, which are those shipped.

Text columns that repeat are dictionary-encoded in memory; files hold plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacte_eval.synthetic import draws
from pacte_eval.synthetic.contracts import ESTABLISHMENTS, Contracts
from pacte_eval.synthetic.missions import SITUATIONS, Situations
from pacte_eval.synthetic.people import CODES, ROMES, ZONES, People, communes
from pacte_eval.synthetic.timeline import (
    FIRST_COVERED_DAY,
    FIRST_DAYS,
    LAST_DAY,
    START,
    position,
)
from pacte_eval.synthetic.training import CERTIFICATION, OBJECTIVES
from pacte_eval.synthetic.worlds import Entries, Episodes
from pacte_eval.tables.contract import columns

OBTAINED, IN_PART, NOT_OBTAINED, UNKNOWN = range(4)
STATUSES = columns("certifications")["status"].codes

_CATEGORIES = ("A", "B", "C", "D")
_NATURES = ("cdi", "cdd", "interim")
_FUNDERS = ("region", "pole_emploi", "etat", "opco", "agefiph", "beneficiaire", "autre")
_SCHEMES = ("programme_regional", "AFC", "AIF", "POEC", "POEI", "AFPR", "CPF")
_FORMACODES = (
    "15031", "15041", "15061", "22254", "23001", "24254", "31054", "31768", "32154", "34554",
    "35054", "42056", "42746", "43436", "43448", "44028", "46335", "70332",
)  # fmt: skip


def text(numbers: np.ndarray, values: Sequence[str]) -> pa.Array:
    """Positions to words, dictionary-encoded; a negative position is empty."""
    positions = pa.array(numbers.astype(np.int32), mask=numbers < 0)
    return pa.DictionaryArray.from_arrays(positions, pa.array(values, pa.string()))


def days(numbers: np.ndarray) -> pa.Array:
    """Days since 1970 to dates; a negative number is empty."""
    return pa.array(numbers.astype(np.int32), mask=numbers < 0).cast(pa.date32())


def numbered(letter: str, numbers: np.ndarray, width: int) -> pa.Array:
    """Keys such as ``T0000012``."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(letter, digits, "")


def person_words(first: int, count: int) -> pa.Array:
    """Keys of the persons numbered from `first`."""
    return numbered("P", np.arange(first, first + count), 7)


def registrations(
    people: People, episodes: Episodes, benefit: np.ndarray, words: pa.Array
) -> pa.Table:
    """Episodes of registration that overlap the coverage, one row per episode and category.

    `benefit` is that of each episode, as a position in its codes.
    """
    covered = (episodes.end < 0) | (episodes.end >= FIRST_COVERED_DAY)
    who, start = episodes.person[covered], episodes.start[covered]
    moved = np.searchsorted(FIRST_DAYS, start, side="right") - 1 >= people.move_month[who]
    commune = np.where(moved, people.next_commune[who], people.commune[who])
    coded = {
        name: text(getattr(people, name)[who], CODES[name])
        for name in ("diploma", "nationality", "marital_status", "qualification", "reason")
    }
    flags = {
        name: pa.array(getattr(people, name)[who])
        for name in ("lone_parent", "disability", "rsa", "qpv", "zrr")
    }
    birth = (people.birth_month + START).astype(np.int64) - 1970 * 12
    made = {
        "person": pa.DictionaryArray.from_arrays(pa.array(who.astype(np.int32)), words),
        "start": days(start),
        "end": days(episodes.end[covered]),
        "category": text(episodes.category[covered], _CATEGORIES),
        "sex": text(np.where(people.female, 0, 1)[who], ("F", "M")),
        "birth_month": pa.array(birth[who].astype("datetime64[M]").astype("datetime64[D]")),
        "children": pa.array(people.children[who]),
        "rome": text(people.rome[who], ROMES),
        "experience_months": pa.array(people.experience_months[who]),
        "commune": text(commune, tuple(communes()["commune"])),
        "benefit": text(benefit[covered], CODES["benefit"]),
        **coded,
        **flags,
    }
    return _ordered("registrations", made)


def trainings(people: People, entries: Entries, first: int, words: pa.Array) -> pa.Table:
    """Entries into training, numbered from `first`."""
    key, month, objective = people.key[entries.person], entries.month, entries.objective
    funder, scheme = _funding(key, month, objective)
    hours = (entries.planned_end - entries.start + 1) * 5 / 7 * 6.2
    axis_1 = (objective <= 2) & (funder <= 2)
    axis_2 = (objective >= 4) & (funder <= 2)
    funded = draws.uniforms(key, month, draws.AXIS) < np.where(axis_1, 0.5, 0.8)
    pact = funded & (month >= position("2019-01"))
    certifying = objective == CERTIFICATION
    level = np.where(draws.uniforms(key, month, draws.LEVEL) < 0.67, 1, 2)
    made = {
        "training": numbered("T", first + np.arange(len(month)), 8),
        "person": pa.DictionaryArray.from_arrays(pa.array(entries.person), words),
        "start": days(entries.start),
        "end": days(entries.end),
        "objective": text(objective, OBJECTIVES),
        "scheme": text(scheme, _SCHEMES),
        "funder": text(funder, _FUNDERS),
        "minutes": pa.array(np.rint(hours).astype(np.int64) * 60),
        "formacode": text(
            (draws.uniforms(key, month, draws.FIELD) * len(_FORMACODES)).astype(np.int64),
            _FORMACODES,
        ),
        "level_prepared": text(np.where(certifying, level, -1), CODES["diploma"]),
        "axis": text(np.where(pact & axis_1, 0, np.where(pact & axis_2, 1, -1)), ("1", "2")),
        "dropped_out": pa.array(entries.end < entries.planned_end),
    }
    return _ordered("trainings", made)


def _funding(
    key: np.ndarray, month: np.ndarray, objective: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Funder and scheme: what adapts to a post is Pôle emploi's, the rest mostly the Region's."""
    luck = draws.uniforms(key, month, draws.FUNDER)
    adapts = objective == OBJECTIVES.index("adaptation_au_poste")
    shares = np.where(
        adapts[:, None],
        np.array([[0.0, 0.8, 0.02, 0.18, 0.0, 0.0]]),
        np.array([[0.45, 0.25, 0.08, 0.07, 0.02, 0.08]]),
    )
    funder = (luck[:, None] > shares.cumsum(axis=1)).sum(axis=1)
    usual = np.array([0, 1, 1, 3, 1, 6, 2])[funder]
    kind = (draws.uniforms(key, month, draws.SCHEME) * 3).astype(np.int64)
    by_pole_emploi = np.where(kind == 0, 2, 1)
    scheme = np.where(adapts, 3 + kind, np.where(funder == 1, by_pole_emploi, usual))
    return funder, scheme


def statuses(people: People, entries: Entries, certifies: np.ndarray) -> np.ndarray:
    """Outcome of each certifying training, as a position in `STATUSES`; -1 for other objectives.

    Those who would certify stay to the end and obtain; a few of the others obtain in part; for one
    in twenty, whatever the outcome, the record does not say.
    """
    key = people.key[entries.person]
    luck = draws.uniforms(key, entries.month, draws.STATUS)
    completed = entries.end == entries.planned_end
    outcome = np.where(
        certifies[entries.person],
        OBTAINED,
        np.where(completed & (luck < 0.4), IN_PART, NOT_OBTAINED),
    )
    silent = draws.uniforms(key, entries.month, draws.STATUS_DAY) < 0.05
    outcome = np.where(silent, UNKNOWN, outcome)
    return np.where(entries.objective == CERTIFICATION, outcome, -1)


def certifications(people: People, entries: Entries, status: np.ndarray, first: int) -> pa.Table:
    """Decisions taken within the coverage, all told by the certifier."""
    key = people.key[entries.person]
    delay = draws.uniforms(key, entries.month, draws.DECISION) * 45
    decided = entries.end + delay.astype(np.int64)
    kept = (status >= 0) & (decided <= LAST_DAY)
    made = {
        "training": numbered("T", first + np.arange(len(status)), 8).filter(pa.array(kept)),
        "status": text(status[kept], STATUSES),
        "date": days(np.where(status == UNKNOWN, -1, decided)[kept]),
        "origin": text(np.zeros(kept.sum(), np.int64), ("certificateur",)),
    }
    return _ordered("certifications", made)


def contracts(made: Contracts, first: int, words: pa.Array) -> pa.Table:
    """Contracts, numbered from `first`."""
    rows = {
        "contract": numbered("C", first + np.arange(len(made.person)), 9),
        "person": pa.DictionaryArray.from_arrays(pa.array(made.person.astype(np.int32)), words),
        "start": days(made.start),
        "end": days(made.end),
        "nature": text(made.nature, _NATURES),
        "full_time": pa.array(made.full_time),
        "monthly_pay": pa.array(made.pay),
        "monthly_minutes": pa.array(made.minutes),
        "establishment": text(made.establishment, _establishments()),
        "subsidised": pa.array(made.subsidised),
    }
    return _ordered("contracts", rows)


def missions_locales(made: Situations, words: pa.Array) -> pa.Table:
    """Situations of young people whom a mission locale follows."""
    rows = {
        "person": pa.DictionaryArray.from_arrays(pa.array(made.person.astype(np.int32)), words),
        "start": days(made.start),
        "end": days(made.end),
        "situation": text(made.situation, SITUATIONS),
    }
    return _ordered("missions_locales", rows)


@lru_cache(maxsize=1)
def _establishments() -> tuple[str, ...]:
    return tuple(f"E{number:06d}" for number in range(len(ZONES) * ESTABLISHMENTS))


def _ordered(table: str, made: dict[str, pa.Array]) -> pa.Table:
    return pa.table({name: made[name] for name in columns(table) if name in made})
