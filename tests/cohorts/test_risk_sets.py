"""Risk sets: drawn by hash, alike on any engine and in any order, their fraction kept."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pacte_eval.cohorts import Cohort, build_cohort, risk_sets
from pacte_eval.cohorts.hashing import md5_hex, md5_keys
from pacte_eval.cohorts.risk_sets import draw
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.months import month_of
from pacte_eval.definitions.project import Project
from pacte_eval.tables.source import Source, open_source

TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=10))
def test_keys_are_the_md5_of_python(texts: list[tuple[str, str]]) -> None:
    prefixes, names = (pa.array([pair[i] for pair in texts], pa.string()) for i in (0, 1))
    found = md5_keys(prefixes, names)
    assert found["key"].to_pylist() == [md5_hex(prefix + name) for prefix, name in texts]
    assert found["place"].to_pylist() == list(range(len(texts)))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.sampled_from(["0", "4", "9a", "f", "g"])), max_size=20))
def test_only_keys_before_their_limit_are_given(asked: list[tuple[str, str]]) -> None:
    names, limits = (pa.array([pair[i] for pair in asked], pa.string()) for i in (0, 1))
    found = md5_keys(pa.repeat("x", len(asked)), names, limits)
    keys = [md5_hex("x" + name) for name, _ in asked]
    expected = [i for i, (_, limit) in enumerate(asked) if keys[i] < limit]
    assert found["place"].to_pylist() == expected
    assert found["key"].to_pylist() == [keys[i] for i in expected]


def test_md5_is_the_known_one() -> None:
    assert md5_hex("") == "d41d8cd98f00b204e9800998ecf8427e"


PEOPLE = [f"p{i}" for i in range(30)]
CELLS = {"24230-0–2": (30, 2), "24230-3–5": (8, 1), "24231-0–2": (5, 3), "24235-0–2": (1, 0)}
"""Risk sets, with the people present and the treated of each."""


def drawn(per_treated: int, seed: int = 1, order: int = 1) -> dict[str, set[str]]:
    """Who is kept of each risk set; the rows come in this order, or backwards."""
    names = list(CELLS)
    rows = [(PEOPLE[i], cell) for cell, name in enumerate(names) for i in range(CELLS[name][0])]
    persons, cells = zip(*rows[::order], strict=True)
    wanted = np.array([per_treated * treated for _, treated in CELLS.values()])
    kept = draw(pa.array(persons), np.array(cells), names, wanted, seed)
    assert len(np.unique(kept)) == len(kept), "nobody is kept twice"
    assert (np.diff(kept) > 0).all()
    return {
        name: {persons[place] for place in kept if cells[place] == cell}
        for cell, name in enumerate(names)
    }


def test_so_many_for_each_treated_of_the_cell() -> None:
    sizes = {name: len(kept) for name, kept in drawn(4).items()}
    assert sizes == {"24230-0–2": 8, "24230-3–5": 4, "24231-0–2": 5, "24235-0–2": 0}


def test_the_draw_is_the_one_of_the_hash() -> None:
    kept = drawn(4, seed=7)
    for name, (present, treated) in CELLS.items():
        order = sorted(PEOPLE[:present], key=lambda person: md5_hex(f"7:{name}:{person}"))
        assert kept[name] == set(order[: 4 * treated])


def test_the_order_of_rows_changes_nothing_and_the_seed_does() -> None:
    assert drawn(4) == drawn(4, order=-1)
    assert drawn(4) != drawn(4, seed=2)


def test_more_controls_contain_fewer() -> None:
    def kept(per_treated: int) -> set[tuple[str, str]]:
        return {(name, who) for name, people in drawn(per_treated).items() for who in people}

    assert kept(1) < kept(2) < kept(4) < kept(100)


DRAWS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 45)), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(DRAWS, st.integers(0, 3), st.sampled_from(["", "é", "a:"]))
@example([(2000, 3)], 1, "p")
@example([(2000, 1), (1500, 1499), (0, 5)], 1, "p")
def test_the_draw_is_a_full_sort_by_the_hash(
    cells: list[tuple[int, int]], seed: int, prefix: str
) -> None:
    names = [f"24{i:03d}" for i in range(len(cells))]
    rows = [(f"{prefix}{i}", cell) for cell, (size, _) in enumerate(cells) for i in range(size)]
    persons = pa.array([person for person, _ in rows], pa.string())
    risk_set = np.array([cell for _, cell in rows], np.int64)
    kept = draw(persons, risk_set, names, np.array([wanted for _, wanted in cells]), seed)
    expected: set[int] = set()
    for cell, (_, wanted) in enumerate(cells):
        places = [place for place, (_, held) in enumerate(rows) if held == cell]
        places.sort(key=lambda place: md5_hex(f"{seed}:{names[rows[place][1]]}:{rows[place][0]}"))
        expected |= set(places[:wanted])
    assert kept.tolist() == sorted(expected)


def test_where_too_few_hashes_are_small_all_are_put_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = drawn(4)
    monkeypatch.setattr(risk_sets, "_MANY", -1.0)
    assert drawn(4) == first


def declared(**controls: Any) -> CohortDefinition:
    shipped = Project(shipped_library()).cohort("entrants-2019").model_dump(by_alias=True)
    shipped["controls"] = {"per_treated": 10, "seed": 3, **controls}
    return CohortDefinition.model_validate(shipped)


NAMES = [f"p{i:02d}" for i in range(60)]


@pytest.fixture
def source(write_source: Any) -> Source:
    """Entries on several days of a month, some by people who wait for others before."""
    registrations = [
        {"person": name, "start": date(2018, 10, 1) - timedelta(days=150 * (i % 2))}
        for i, name in enumerate(NAMES)
    ]
    trainings = [
        {
            "training": f"f{i}",
            "person": name,
            "start": date(2019, 3, 4) + timedelta(days=7 * i),
            "end": None,
        }
        for i, name in enumerate(NAMES[:12])
    ]
    contracts = [
        {"contract": "c", "person": "p00", "start": date(2018, 1, 1), "monthly_minutes": 9100}
    ]
    return open_source(
        write_source(registrations=registrations, trainings=trainings, contracts=contracts)
    )


@pytest.fixture
def cohort(source: Source) -> Cohort:
    return build_cohort(declared(), source)


def at_risk(month: int, zeros: list[date]) -> dict[str, list[str]]:
    """By band, those registered who enter on none of the days they may be dealt."""
    people: dict[str, list[str]] = {}
    for i, name in enumerate(NAMES):
        zero = zeros[(int(md5_hex(f"3:{name}")[:7], 16) + month) % len(zeros)]
        entered = date(2019, 3, 4) + timedelta(days=7 * i) if i < 12 else date.max
        if entered > zero:
            began = date(2018, 10, 1) - timedelta(days=150 * (i % 2))
            elapsed = month - month_of(began)
            band = next(
                label
                for label, last in zip(["0–2", "3–5", "6–11", "12–23"], [2, 5, 11, 23], strict=True)
                if elapsed <= last
            )
            people.setdefault(band, []).append(name)
    return people


@pytest.mark.parametrize(
    "same", [("entry_month", "unemployment_band"), ("unemployment_band", "entry_month")]
)
def test_controls_are_drawn_by_month_and_band(source: Source, same: tuple[str, ...]) -> None:
    cohort = build_cohort(declared(same=same, per_treated=2), source)
    units = cohort.units.join(cohort.strata[["unemployment_band"]])
    assert list(cohort.strata) == list(same)
    for month, of_month in units.groupby("entry_month"):
        treated = of_month[of_month["arm"] == "certifiante"]
        zeros = sorted(day.date() for day in treated["time_zero"])
        present = at_risk(int(str(month)), zeros)
        controls = of_month[of_month["arm"] == "en_attente"]
        for band, people in present.items():
            wanted = 2 * int((treated["unemployment_band"] == band).sum())
            texts = {"entry_month": str(month), "unemployment_band": band}
            name = "-".join(texts[cell] for cell in same)
            order = sorted(people, key=lambda who: md5_hex(f"3:{name}:{who}"))
            kept = controls[controls["unemployment_band"] == band]
            assert set(kept["person"]) == set(order[:wanted])
            assert kept["weight"].to_numpy() == pytest.approx(max(len(people) / wanted, 1))


def test_cells_may_be_months_alone(source: Source) -> None:
    cohort = build_cohort(declared(same=("entry_month",), per_treated=3), source)
    assert list(cohort.strata) == ["entry_month"]
    sizes = cohort.units.groupby(["entry_month", "arm"]).size().unstack()
    assert (sizes["en_attente"] == 3 * sizes["certifiante"]).all()
    assert len(sizes) > 1


def test_the_fraction_is_what_was_drawn_of_those_present(cohort: Cohort) -> None:
    controls = cohort.units[cohort.units["arm"] == "en_attente"].join(
        cohort.strata["unemployment_band"]
    )
    (drawn_row,) = cohort.flow[cohort.flow["rule"] == "drawn"].to_dict("records")
    assert len(controls) == drawn_row["remaining"]
    assert controls["weight"].sum() == pytest.approx(drawn_row["remaining"] + drawn_row["excluded"])
    for _, rows in controls.groupby(["entry_month", "unemployment_band"], observed=True):
        assert rows["weight"].nunique() == 1
        assert rows["weight"].sum() == pytest.approx(round(rows["weight"].sum()))


def test_nobody_is_drawn_twice_in_a_risk_set(cohort: Cohort) -> None:
    controls = cohort.units[cohort.units["arm"] == "en_attente"]
    assert len(controls) > 40
    assert not controls.duplicated(["person", "entry_month"]).any()
    assert controls["person"].duplicated().any(), "a person waits in several months"


def test_no_entrant_is_a_control_on_the_day_of_entry(cohort: Cohort) -> None:
    units = cohort.units
    treated = units[units["arm"] == "certifiante"].set_index("person")["time_zero"]
    controls = units[units["arm"] == "en_attente"]
    entered = controls["person"].map(treated)
    later = entered.notna()
    assert later.any(), "some controls enter training later"
    assert (pd.to_datetime(entered[later]) > pd.to_datetime(controls["time_zero"][later])).all()


def test_controls_share_the_entry_days_of_their_month(cohort: Cohort) -> None:
    units = cohort.units
    days = units.groupby("arm")["time_zero"].apply(set)
    assert days["en_attente"] <= days["certifiante"]
    assert np.isfinite(units["weight"]).all()
    assert (units.loc[units["arm"] == "certifiante", "weight"] == 1).all()
