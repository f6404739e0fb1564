"""Who could be a unit: entries that meet the filters, people at risk and the date dealt to each."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.cohorts.candidates import (
    Candidates,
    control_candidates,
    deal_durations,
    episode_of_eve,
    treated_candidates,
)
from pacte_eval.cohorts.hashing import md5_hex
from pacte_eval.cohorts.register import NONE, Register
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.months import month_of
from pacte_eval.definitions.project import Project
from tests.cohorts.registers import (
    LAST,
    candidates_of,
    date_of,
    day,
    days,
    number_of,
    register_of,
)

D = date
MARCH = 2019 * 12 + 2
ONE = timedelta(days=1)
STARTS = [D(2019, 2, 1), D(2019, 2, 28), D(2019, 3, 1), D(2019, 3, 10)]
EPISODE = st.builds(
    lambda person, start, length, category, commune: {
        "person": person,
        "start": start,
        "end": None if length is None else start + timedelta(days=length),
        "category": category,
        "commune": commune,
    },
    st.sampled_from("abc"),
    st.sampled_from(STARTS),
    st.sampled_from([0, 9, 27, 28, None]),
    st.sampled_from("AE"),
    st.sampled_from(["13201", "84007", None]),
)


def told(register: Register, episode: int) -> Any:
    if episode == NONE:
        return None
    held = register.episodes
    return (
        date_of(held.start[episode]),
        date_of(held.last[episode]),
        held.attributes["category"][episode],
        held.attributes["commune"][episode],
    )


def of_eve(episodes: list[dict[str, Any]], person: str, zero: date) -> Any:
    """The latest episode that covers the eve; then category A before E, then small communes."""
    covering = [
        row
        for row in episodes
        if row["person"] == person and row["start"] < zero <= (row["end"] or LAST) + ONE
    ]
    if not covering:
        return None

    def precedence(row: dict[str, Any]) -> Any:
        last = row["end"] or LAST
        return (-day(row["start"]), -day(last), row["category"], row["commune"] or "unknown")

    row = min(covering, key=precedence)
    return row["start"], row["end"] or LAST, row["category"], row["commune"] or np.nan


def same(found: Any, expected: Any) -> bool:
    return str(found) == str(expected)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(EPISODE, min_size=1, max_size=8),
    st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(STARTS)),
        min_size=1,
        max_size=5,
    ),
)
def test_the_episode_of_the_eve(episodes: Any, asked: Any) -> None:
    everyone = [{"person": name, "start": D(1990, 1, 1), "end": D(1990, 1, 1)} for name in "ab"]
    register = register_of(["commune"], registrations=[*episodes, *everyone])
    candidates = candidates_of(register, *asked)
    for (person, zero), episode in zip(asked, candidates.episode, strict=True):
        assert same(told(register, episode), of_eve(episodes, person, zero))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(EPISODE, min_size=1, max_size=8),
    st.lists(st.sampled_from([D(2019, 3, 1), D(2019, 3, 11), D(2019, 3, 31)]), min_size=1),
    st.integers(0, 5),
)
def test_people_at_risk_are_registered_that_month_and_seen_on_their_eve(
    episodes: Any, zeros: list[date], seed: int
) -> None:
    register = register_of(["commune"], seed, registrations=episodes)
    zeros = sorted(zeros)
    found = control_candidates(register, days(*zeros), MARCH)
    present = sorted(
        {
            row["person"]
            for row in episodes
            if row["start"] <= D(2019, 3, 31) and (row["end"] or LAST) >= D(2019, 3, 1)
        }
    )
    names = register.persons.to_pylist()
    assert [names[person] for person in found.person] == present
    for person, zero, episode in zip(present, found.time_zero, found.episode, strict=True):
        luck = int(md5_hex(f"{seed}:{person}")[:7], 16)
        assert date_of(zero) == zeros[(luck + MARCH) % len(zeros)]
        assert same(told(register, episode), of_eve(episodes, person, date_of(zero)))
    np.testing.assert_array_equal(
        found.episode, episode_of_eve(register, found.person, found.time_zero)
    )
    assert set(found.entry_month) | set(found.origin_month) <= {MARCH}
    assert set(found.training) | set(found.duration) <= {NONE}


def definition(arms: dict[str, Any], **entry: Any) -> CohortDefinition:
    declared = Project(shipped_library()).cohort("entrants-2019").model_dump(by_alias=True)
    declared["arms"] = {**arms, "attente": {"controls": "not-yet-trained"}}
    declared["entry"] = {
        "table": "trainings", "period": ["2019-01", "2019-12"], "keep": "every", **entry
    }  # fmt: skip
    return CohortDefinition.model_validate(declared)


def entries(**rows: dict[str, Any]) -> Register:
    """A register with entries into training, those of a person named before a sign ``_``."""
    return register_of(
        trainings=[
            {"training": key, "person": key.split("_")[0], "start": D(2019, 3, 4), **facts}
            for key, facts in rows.items()
        ]
    )


def keys(register: Register, candidates: Candidates) -> list[str]:
    return sorted(register.trainings.training[candidates.training])


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"objective": "certification"}, ["a", "b"]),
        ({"objective": ["certification", "mobilisation"]}, ["a", "b", "c"]),
        ({"objective": {"not": ["certification"]}}, ["c"]),
        ({"scheme": ["AIF"]}, ["b"]),
        ({"funder": ["region", "etat"]}, ["a", "b", "c"]),
        ({"funder": ["etat"]}, ["c"]),
        ({"level": ["bac"]}, ["a"]),
        ({"formacode": ["31", "44054"]}, ["a", "c"]),
        ({"formacode": ["311", "3105"]}, ["a"]),
        ({"formacode": ["311"]}, []),
        ({"axis": ["2"]}, ["b"]),
        ({"lot": ["lot 3"]}, ["c"]),
        ({"scheme": ["AIF"], "axis": ["1"]}, []),
    ],
)
def test_filters_keep_entries_that_meet_every_condition(
    where: dict[str, Any], expected: list[str]
) -> None:
    nothing = dict.fromkeys(
        ["objective", "scheme", "funder", "level_prepared", "formacode", "axis", "lot"]
    )
    register = entries(
        a={"level_prepared": "bac", "formacode": "31054"},
        b={"scheme": "AIF", "axis": "2"},
        c={"objective": "mobilisation", "funder": "etat", "formacode": "44054", "lot": "lot 3"},
        d=nothing,
    )
    arm = definition({"formees": where})
    (found,) = treated_candidates(register, arm).values()
    assert keys(register, found[0]) == expected
    everything: dict[str, Any] = {"objective": {"not": []}}
    of_entry = treated_candidates(register, definition({"formees": everything}, where=where))
    assert keys(register, of_entry["formees"][0]) == [key for key in expected if key != "d"]


ARMS = {
    "certifiante": {"objective": "certification"},
    "autre": {"objective": {"not": ["certification"]}},
}
IN_PERIOD: dict[str, dict[str, Any]] = {
    "a_before": {"start": D(2018, 12, 31)},
    "a_1": {"start": D(2019, 1, 1), "objective": "mobilisation"},
    "a_2": {"start": D(2019, 5, 6)},
    "a_3": {"start": D(2019, 12, 31)},
    "a_after": {"start": D(2020, 1, 1)},
    "b_1": {"start": D(2019, 7, 1), "axis": "2"},
    "b_2": {"start": D(2019, 8, 1)},
    "nobody_1": {"person": None},
    "nobody_2": {"person": None},
    "b_of_no_arm": {"objective": None, "start": D(2019, 2, 1)},
}


@pytest.mark.parametrize(
    ("entry", "kept"),
    [
        ({"keep": "every"}, ["a_1", "a_2", "a_3", "b_1", "b_2"]),
        # the first and the last whatever the arm, even of an arm that is not declared
        ({"keep": "first"}, ["a_1"]),
        ({"keep": "last"}, ["a_3", "b_2"]),
        ({"keep": "first", "where": {"axis": ["1"]}}, ["a_1"]),
        ({"keep": "first", "where": {"objective": ["certification"]}}, ["a_2", "b_1"]),
        ({"keep": "last", "where": {"axis": ["2"]}}, ["b_1"]),
    ],
)
def test_the_entry_kept_of_each_person(entry: dict[str, Any], kept: list[str]) -> None:
    register = entries(**IN_PERIOD)
    found = treated_candidates(register, definition(ARMS, **entry))
    assert list(found) == ["certifiante", "autre"]
    chosen = [
        key
        for candidates, is_kept in found.values()
        for key in keys(register, candidates.where(is_kept))
        if not key.startswith("nobody")
    ]
    assert sorted(chosen) == kept
    unlinked = entry.get("where", {}).get("axis") != ["2"]
    candidates, is_kept = found["certifiante"]
    assert (is_kept[candidates.person == NONE]).all()
    assert (candidates.person == NONE).sum() == (2 if unlinked else 0)


@pytest.mark.parametrize(("keep", "rank"), [("first", 0), ("last", -1)])
def test_of_entries_on_one_day_the_hash_tells_which_is_first(keep: str, rank: int) -> None:
    same_day = [f"a_{i}" for i in range(12)]
    register = entries(**{key: {} for key in same_day})
    ((candidates, is_kept),) = treated_candidates(
        register, definition({"formees": {"objective": "certification"}}, keep=keep)
    ).values()
    expected = sorted(same_day, key=md5_hex)[rank]
    assert keys(register, candidates.where(is_kept)) == [expected]


def test_months_count_from_the_entry_or_from_the_end() -> None:
    register = entries(
        a={"start": D(2019, 1, 31), "end": D(2019, 3, 1)},
        b={"start": D(2019, 1, 31), "end": D(2019, 1, 31)},
        c={"start": D(2019, 1, 31), "end": None},
    )
    january = 2019 * 12

    def origins(clock: str) -> dict[str, tuple[int, int]]:
        arms = {"formees": {"objective": "certification"}}
        ((found, _),) = treated_candidates(register, definition(arms, clock=clock)).values()
        return {
            register.trainings.training[row]: (origin, duration)
            for row, origin, duration in zip(
                found.training, found.origin_month.tolist(), found.duration.tolist(), strict=True
            )
        }

    assert origins("entry") == {"a": (january, 29), "b": (january, 0), "c": (january, NONE)}
    from_end = origins("end")
    assert from_end["a"] == (january + 2, 29)
    assert from_end["b"] == (january, 0)
    assert from_end["c"][1] == NONE, "its end is not known: the flow chart tells it apart"


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=12),
    st.dictionaries(st.integers(0, 1), st.lists(st.integers(0, 400), min_size=1, max_size=4)),
    st.integers(0, 9),
)
def test_durations_are_dealt_within_cells(
    cells: list[int], treated: dict[int, list[int]], seed: int
) -> None:
    names = [f"p{i:02d}" for i in range(len(cells))]
    rows = [{"person": name, "start": D(2018, 1, 1)} for name in names]
    register = register_of(seed=seed, registrations=rows)
    zero = D(2019, 3, 18)
    candidates = candidates_of(register, *((name, zero) for name in names))
    lengths = {cell: np.sort(np.array(held, np.int32)) for cell, held in treated.items()}
    dealt = deal_durations(candidates, np.array(cells), lengths, register.luck)
    for i, (name, cell) in enumerate(zip(names, cells, strict=True)):
        if cell not in treated:
            assert (dealt.duration[i], dealt.origin_month[i]) == (NONE, MARCH)
            continue
        luck = int(md5_hex(f"{seed}:{name}")[:7], 16)
        expected = sorted(treated[cell])[(luck + MARCH) % len(treated[cell])]
        assert dealt.duration[i] == expected
        assert dealt.origin_month[i] == month_of(zero + timedelta(days=expected))
    assert (candidates.duration == NONE).all(), "the candidates given are left alone"


def test_candidates_put_together_and_chosen() -> None:
    register = register_of(registrations=[{"person": "a", "start": D(2018, 1, 1)}])
    one = candidates_of(register, ("a", D(2019, 3, 18)))
    other = candidates_of(register, ("a", D(2019, 5, 6)), (None, D(2019, 5, 6)))
    both = Candidates.together([one, other])
    assert both.person.tolist() == [number_of(register, "a")] * 2 + [NONE]
    assert both.where(np.array([2, 0])).entry_month.tolist() == [MARCH + 2, MARCH]
    assert len(both.where(np.zeros(3, bool))) == 0


def test_an_episode_that_ended_on_the_eve_counts_on_the_first_of_a_month() -> None:
    register = register_of(
        ["commune"],
        registrations=[
            {"person": "a", "start": D(2018, 10, 1), "end": D(2019, 2, 28), "category": "A"},
            {"person": "a", "start": D(2019, 3, 10), "category": "D"},
            {"person": "left", "start": D(2018, 10, 1), "end": D(2019, 2, 28)},
        ],
    )
    found = control_candidates(register, days(D(2019, 3, 1)), MARCH)
    assert found.person.tolist() == [number_of(register, "a")]
    assert [told(register, episode)[2] for episode in found.episode] == ["A"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"start": D(2019, 2, 28)}, {"start": D(2019, 2, 27)}),
        ({"start": D(2019, 2, 28), "end": D(2019, 3, 20)}, {"start": D(2019, 2, 27)}),
        ({"end": None}, {"end": D(2023, 6, 29)}),
        ({"end": None, "category": "E"}, {"end": D(2019, 3, 20), "category": "A"}),
        ({"category": "A", "commune": "84007"}, {"category": "B", "commune": "13201"}),
        ({"category": "D"}, {"category": "E"}),
        ({"commune": "13201"}, {"commune": "84007"}),
        ({"commune": "13201"}, {"commune": None}),
    ],
)
def test_which_of_two_episodes_tells_the_eve(first: dict[str, Any], second: dict[str, Any]) -> None:
    both = {"person": "a", "start": D(2019, 1, 7), "end": None, "category": "A", "commune": "06088"}
    winner, loser = both | first, both | second
    for rows in ([winner, loser], [loser, winner]):
        register = register_of(["commune"], registrations=rows)
        (episode,) = candidates_of(register, ("a", D(2019, 3, 1))).episode
        assert same(told(register, episode), of_eve([winner], "a", D(2019, 3, 1)))
        found = control_candidates(register, days(D(2019, 3, 1)), MARCH)
        assert found.episode.tolist() == [episode]
