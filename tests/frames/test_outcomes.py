"""Outcomes follow their units, and say when one is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.frames import Outcomes


def employment(**changes: Any) -> Outcomes:
    settings: dict[str, Any] = {
        "name": "emploi",
        "values": np.array([[0.0, 1.0], [1.0, np.nan], [0.5, 0.25]], dtype=np.float32),
        "periods": [-1, 0],
        "units": pd.Index(["a", "b", "c"]),
        "measure": "part",
    }
    return Outcomes(**(settings | changes))


def test_rows_follow_the_units_asked() -> None:
    values = employment().aligned(pd.Index(["c", "a"]))
    assert values.tolist() == [[0.5, 0.25], [0.0, 1.0]]


def test_a_vector_is_one_period_and_float32_is_kept() -> None:
    assert employment(values=[1, 2, 3], periods=["2019"]).values.shape == (3, 1)
    assert employment().values.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"periods": [0]}, r"shape \(3, 2\) for 3 units and 1 periods"),
        ({"periods": [0, 0]}, "names a period twice"),
        ({"units": pd.Index(["a", "a", "c"])}, "fewer than 11 units twice"),
        ({"values": np.full((3, 2), np.inf)}, "fewer than 11 values infinite"),
    ],
)
def test_mistakes_get_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        employment(**changes)


def test_a_unit_without_row_is_refused() -> None:
    with pytest.raises(InputError, match="no row for fewer than 11 units"):
        employment().aligned(pd.Index(["a", "z"]))


def test_some_periods_are_kept_in_the_order_asked() -> None:
    outcome = Outcomes("emploi", np.arange(6.0).reshape(2, 3), (-1, 0, 1), pd.Index(["a", "b"]))
    kept = outcome.at([1, -1])
    assert kept.periods == (1, -1)
    assert kept.values.tolist() == [[2, 0], [5, 3]]
    with pytest.raises(InputError, match="not observed at 4: its periods go from -1 to 1"):
        outcome.at([4])
