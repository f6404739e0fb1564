"""Rows of tables are dated by months, or by the labels of periods."""

from __future__ import annotations

import pandas as pd
import pytest

from pacte_eval.studies.analysis import dated


@pytest.mark.parametrize("months", [[-6, 24], [-6.0, 24.0]])
def test_months_are_whole_numbers_however_they_are_held(months: list[float]) -> None:
    table = dated(pd.DataFrame({"when": months, "estimate": [0.1, 0.2]}))
    assert table["month"].tolist() == [-6, 24]
    assert table["period"].isna().all()


def test_labels_are_periods() -> None:
    table = dated(pd.DataFrame({"when": ["1975", "1978"]}))
    assert table["period"].tolist() == ["1975", "1978"]
    assert table["month"].isna().all()
