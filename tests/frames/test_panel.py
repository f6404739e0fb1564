"""A panel holds each unit once, and says what it cannot take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.frames import CrossSections, Panel


def long(units: int = 4, periods: int = 3) -> pd.DataFrame:
    unit, period = np.divmod(np.arange(units * periods), periods)
    return pd.DataFrame(
        {
            "who": [f"u{one}" for one in unit],
            "month": period + 24_000,
            "first": np.where(unit < 2, 24_001.0, np.nan),
            "y": unit * 10.0 + period,
            "age": 20.0 + unit,
            "pay": unit + 0.5 * period,
            "zone": np.where(unit % 2 == 0, "a", "b"),
        }
    )


def panel(frame: pd.DataFrame, **options: Any) -> Panel:
    roles = {"unit": "who", "period": "month", "first_treated": "first", "outcome": "y"}
    return Panel.from_frame(frame, **(roles | options))


@given(order=st.permutations(range(12)), dropped=st.sets(st.integers(0, 11), max_size=6))
def test_every_row_finds_its_place_in_any_order(order: list[int], dropped: set[int]) -> None:
    frame = long()
    made = panel(frame.iloc[[row for row in order if row not in dropped]])
    for row in range(12):
        unit, month = frame["who"][row], frame["month"][row]
        if row in dropped:
            if unit in made.unit and month in made.periods:
                place = made.unit.get_loc(unit), list(made.periods).index(month)
                assert np.isnan(made.values[place])
        else:
            place = made.unit.get_loc(unit), list(made.periods).index(month)
            assert made.values[place] == frame["y"][row]
    assert made.is_balanced == (np.isfinite(made.values).all())
    assert np.isfinite(made.values).sum() == 12 - len(dropped)


def test_covariates_are_constant_or_vary() -> None:
    made = panel(long(), covariates=["age", "pay", "zone"], cluster="zone")
    assert list(made.covariates) == ["age", "zone"]
    assert list(made.varying) == ["pay"]
    np.testing.assert_array_equal(made.covariates_at(2)["pay"], [1, 2, 3, 4])
    assert list(made.cluster) == ["a", "b", "a", "b"]
    assert list(made.groups) == [24_001]
    kept = made.subset(np.array([True, False, False, True]))
    assert list(kept.unit) == ["u0", "u3"]
    assert kept.varying["pay"].shape == (2, 3)


def test_every_observation_becomes_a_row() -> None:
    frame = long().drop(index=[1, 5])
    rows = panel(frame, covariates=["age", "pay"]).as_cross_sections()
    same = CrossSections.from_frame(
        frame, period="month", first_treated="first", outcome="y", covariates=["age", "pay"]
    )
    assert len(rows) == len(same) == 10
    np.testing.assert_array_equal(rows.values, same.values)
    np.testing.assert_array_equal(rows.period, same.period)
    np.testing.assert_array_equal(rows.covariates["pay"], same.covariates["pay"])
    assert rows.cluster[0] == "u0"
    assert list(rows.groups) == [24_001]


def test_an_infinite_first_treatment_is_never() -> None:
    made = panel(long().fillna({"first": np.inf}))
    assert np.isnan(made.first_treated).sum() == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"first": [0.0] * 12},
            "first treatment is 0, which is before every period, for fewer than 11 rows",
        ),
        ({"first": [24_001.0, np.nan] * 6}, "'first' varies within fewer than 11 units"),
        ({"month": [24_000, 24_000, 24_002] * 4}, "fewer than 11 rows of the panel repeat a 'who'"),
        ({"month": [24_000.5] * 12}, "12 values missing or not whole"),
        ({"month": ["2019-01"] * 12}, "period 'month' must hold numbers"),
        ({"y": [np.inf] + [0.0] * 11}, "outcome 'y' has fewer than 11 values infinite"),
        ({"who": [None] * 3 + ["b"] * 9}, "fewer than 11 units without identifier"),
        ({"zone": ["a", "b", "c"] * 4}, "covariate 'zone' is text that varies"),
    ],
)
def test_what_makes_no_panel_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        panel(long().assign(**change), covariates=["zone"])


def test_weights_and_missing_columns_are_refused_by_name() -> None:
    with pytest.raises(
        InputError, match="fewer than 11 sampling weights missing, infinite, zero or negative"
    ):
        panel(long().assign(w=-1.0), weights="w")
    with pytest.raises(InputError, match="outcome 'z' is not a column"):
        panel(long(), outcome="z")
    with pytest.raises(InputError, match="two periods or more"):
        panel(long().query("month == 24000"))
    with pytest.raises(
        InputError, match="outcome 'y' has fewer than 11 missing values: drop these rows"
    ):
        CrossSections.from_frame(
            long().assign(y=[np.nan, *range(11)]),
            period="month",
            first_treated="first",
            outcome="y",
        )
