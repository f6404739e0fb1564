"""Goodman-Bacon's decomposition: castle doctrine, the regression it sums to, its refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import causaldata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.differences.two_way.bacon import EARLIER, LATER, UNTREATED, goodman_bacon
from pacte_eval.effects.differences.two_way.fixed_effects import TwoWayFixedEffects
from pacte_eval.frames import Panel

REFERENCE: Any = pd.read_csv(
    Path(__file__).parents[2] / "reference" / "fixed_effects.csv", index_col="specification"
)["estimate"]


def made(values: np.ndarray, first: list[float], weights: Any = None) -> Panel:
    size = len(values)
    unit = pd.RangeIndex(size)
    return Panel(
        outcome="y",
        values=values,
        periods=np.arange(1, values.shape[1] + 1),
        unit=unit,
        first_treated=np.array(first, dtype=float),
        covariates=pd.DataFrame(index=unit),
        cluster=unit.to_numpy(),
        weights=np.ones(size) if weights is None else np.asarray(weights),
    )


def castle() -> Panel:
    """A law counts from the year of its adoption; the `post` of these data starts a year after."""
    frame = causaldata.castle.load_pandas().data
    after = frame["year"].where(frame["post"] == 1).groupby(frame["sid"]).transform("min")
    return Panel.from_frame(
        frame.assign(first=after - 1),
        unit="sid",
        period="year",
        first_treated="first",
        outcome="l_homicide",
    )


def test_castle_doctrine() -> None:
    found = goodman_bacon(castle())
    assert found.estimate == pytest.approx(REFERENCE["l_homicide ~ post: coefficient"], abs=1e-10)
    weights = found.totals.set_index("type")["weight"]
    for kind, row in [
        (EARLIER, "weight: earlier vs later treated"),
        (LATER, "weight: later vs earlier treated"),
        (UNTREATED, "weight: treated vs untreated"),
    ]:
        assert weights[kind] == pytest.approx(REFERENCE[row], abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(
    values=arrays.arrays(np.float64, (12, 6), elements=st.floats(-10, 10)),
    first=st.lists(st.sampled_from([2.0, 3.0, 5.0, 6.0, np.nan]), min_size=10, max_size=10),
    weights=arrays.arrays(np.float64, 12, elements=st.floats(0.5, 3)),
)
def test_it_sums_to_the_regression(
    values: np.ndarray, first: list[float], weights: np.ndarray
) -> None:
    panel = made(values, [*first, 3.0, 4.0], weights)
    found = goodman_bacon(panel)
    regression = TwoWayFixedEffects().fit(panel).table["estimate"].iloc[0]
    assert found.estimate == pytest.approx(regression, abs=1e-10)
    assert found.table["weight"].sum() == pytest.approx(1)
    assert (found.table["weight"] > 0).all()
    totals = found.totals
    assert totals["weight"] @ totals["estimate"] == pytest.approx(found.estimate, abs=1e-10)


def test_by_hand() -> None:
    # Treated at 2, treated at 3, never: the effects are 1 each period, then grow by 1 a period.
    values = np.array([[0.0, 1, 2], [0, 0, 5], [0, 0, 0]])
    table = goodman_bacon(made(values, [2, 3, np.nan])).table.set_index(["treated", "control"])
    assert table.loc[(2, "jamais traités"), "estimate"] == 1.5
    assert table.loc[(3, "jamais traités"), "estimate"] == 5
    assert table.loc[(2, 3), "estimate"] == 1
    assert table.loc[(3, 2), "estimate"] == 4  # 5 less what the effect on the first grows by
    np.testing.assert_allclose(table["weight"], np.array([2, 2, 1, 1]) / 6)


def test_those_treated_after_the_panel_are_never_treated() -> None:
    values = np.random.default_rng(0).normal(size=(4, 4))
    late = goodman_bacon(made(values, [2, 3, 9, 9]))
    pd.testing.assert_frame_equal(
        late.table, goodman_bacon(made(values, [2, 3, np.nan, np.nan])).table
    )


@pytest.mark.parametrize(
    ("first", "hole", "message"),
    [
        ([2, 3, np.nan], True, "balanced panel"),
        ([1, 3, np.nan], False, "have no period before"),
        ([2, 2, 2], False, "all units are of one"),
    ],
)
def test_refusals(first: list[float], hole: bool, message: str) -> None:
    values = np.arange(9.0).reshape(3, 3) ** 2
    if hole:
        values[0, 0] = np.nan
    with pytest.raises(InputError, match=message):
        goodman_bacon(made(values, first))
