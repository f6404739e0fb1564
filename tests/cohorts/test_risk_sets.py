"""Risk sets: drawn by hash, alike on any engine and in any order, their fraction kept."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.cohorts.hashing import md5, md5_hex
from pacte_eval.cohorts.risk_sets import draw_controls, unemployment_band
from pacte_eval.definitions.cohort import CohortDefinition, Controls
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.project import Project
from pacte_eval.tables.source import open_source

TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)


@settings(max_examples=20, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=10))
def test_the_engine_s_md5_is_the_one_of_python(texts: list[str]) -> None:
    table = ibis.memtable({"text": texts}, schema={"text": "string"})
    found = table.mutate(key=md5(table.text)).to_pandas()
    assert list(found["key"]) == [md5_hex(text) for text in found["text"]]


def test_md5_is_the_known_one() -> None:
    assert md5_hex("") == "d41d8cd98f00b204e9800998ecf8427e"


@pytest.mark.parametrize(
    ("months", "band"),
    [
        (0, "0–2"),
        (2, "0–2"),
        (3, "3–5"),
        (5, "3–5"),
        (6, "6–11"),
        (11, "6–11"),
        (12, "12–23"),
        (23, "12–23"),
        (24, "24 et plus"),
        (200, "24 et plus"),
    ],
)
def test_bands_of_unemployment(months: int, band: str) -> None:
    table = ibis.memtable({"months": [months]})
    assert table.mutate(band=unemployment_band(table.months)).to_pandas()["band"][0] == band


def people(order: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """People at risk in three cells of 30, 8 and 5, and 2, 1 and 3 treated."""
    cells = [(24230, "0–2", 30, 2), (24230, "3–5", 8, 1), (24231, "0–2", 5, 3)]
    risk = [
        {"person": f"p{i}", "entry_month": month, "unemployment_band": band}
        for month, band, size, _ in cells
        for i in range(size)
    ]
    risk.append({"person": "p0", "entry_month": 24235, "unemployment_band": "0–2"})
    treated = [
        {"person": f"t{i}", "entry_month": month, "unemployment_band": band}
        for month, band, _, count in cells
        for i in range(count)
    ]
    return pd.DataFrame(risk[::order]), pd.DataFrame(treated[::order])


def drawn(controls: Controls, order: int = 1) -> pd.DataFrame:
    risk, treated = people(order)
    kept = draw_controls(ibis.memtable(risk), ibis.memtable(treated), controls).to_pandas()
    columns = ["entry_month", "unemployment_band", "person"]
    return kept.sort_values(columns, ignore_index=True)[[*columns, "fraction"]]


def test_so_many_for_each_treated_of_the_cell() -> None:
    kept = drawn(Controls(per_treated=4, seed=1))
    sizes = kept.groupby(["entry_month", "unemployment_band"]).size().to_dict()
    assert sizes == {(24230, "0–2"): 8, (24230, "3–5"): 4, (24231, "0–2"): 5}
    assert not kept.duplicated(["entry_month", "unemployment_band", "person"]).any()


def test_the_fraction_is_what_was_drawn_of_those_present() -> None:
    kept = drawn(Controls(per_treated=4, seed=1))
    present = people()[0].groupby(["entry_month", "unemployment_band"]).size().to_dict()
    for cell, rows in kept.groupby(["entry_month", "unemployment_band"]):
        assert (rows["fraction"] * present[cell]).to_numpy() == pytest.approx(len(rows))
        assert (1 / rows["fraction"]).sum() == pytest.approx(present[cell])


def test_the_draw_is_the_one_of_the_hash() -> None:
    kept = drawn(Controls(per_treated=4, seed=7))
    order = sorted((f"p{i}" for i in range(30)), key=lambda p: md5_hex(f"7:24230-0–2:{p}"))
    cell = kept[(kept["entry_month"] == 24230) & (kept["unemployment_band"] == "0–2")]
    assert set(cell["person"]) == set(order[:8])


def test_the_order_of_rows_changes_nothing_and_the_seed_does() -> None:
    controls = Controls(per_treated=4, seed=1)
    pd.testing.assert_frame_equal(drawn(controls), drawn(controls, -1))
    other = drawn(Controls(per_treated=4, seed=2))
    assert not drawn(controls)["person"].equals(other["person"])


def test_more_controls_contain_fewer() -> None:
    def kept(per_treated: int) -> set[tuple[Any, ...]]:
        frame = drawn(Controls(per_treated=per_treated, seed=1)).drop(columns="fraction")
        return set(frame.itertuples(index=False, name=None))

    assert kept(1) < kept(2) < kept(4) < kept(100)


def test_cells_may_be_months_alone() -> None:
    kept = drawn(Controls(same=("entry_month",), per_treated=3, seed=1))
    assert kept.groupby("entry_month").size().to_dict() == {24230: 9, 24231: 5}


@pytest.fixture
def cohort(write_source: Any) -> Cohort:
    """Entries on several days of a month, some by people who wait for others before."""
    names = [f"p{i:02d}" for i in range(60)]
    registrations = [{"person": name, "start": date(2018, 10, 1)} for name in names]
    trainings = [
        {
            "training": f"f{i}",
            "person": name,
            "start": date(2019, 3, 4) + timedelta(days=7 * i),
            "end": None,
        }
        for i, name in enumerate(names[:12])
    ]
    contracts = [{"contract": "c", "person": "p00", "start": date(2018, 1, 1)}]
    source = open_source(
        write_source(registrations=registrations, trainings=trainings, contracts=contracts)
    )
    shipped = Project(shipped_library()).cohort("entrants-2019").model_dump(by_alias=True)
    shipped["controls"] = {"per_treated": 10, "seed": 3}
    return build_cohort(CohortDefinition.model_validate(shipped), source)


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
