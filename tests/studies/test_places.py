"""Territories of a zoning, and what their inhabitants are, from the cells of a comparison."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import NearestNeighbour
from pacte_eval.frames import Comparison
from pacte_eval.studies.heterogeneity import at_most, places, territory_of


@pytest.fixture
def comparison() -> Comparison:
    frame = pd.DataFrame(
        {
            "treated": [1, 0, 0, 0, 0],
            "age": [30, 31, 32, 33, 34],
            "ze2010-1": [True, True, True, False, False],
            "ze2010-2": [False, False, False, True, False],
            "seniors": [True, True, False, True, False],
        },
        index=list("abcde"),
    )
    cells = ["ze2010-1", "ze2010-2", "seniors"]
    return Comparison.from_frame(frame, treated="treated", covariates=["age"], cells=cells)


def test_units_are_of_their_territory_or_elsewhere(comparison: Comparison) -> None:
    found = territory_of(comparison, "ze2010")
    assert found.tolist() == ["ze2010-1"] * 3 + ["ze2010-2", "ailleurs"]
    with pytest.raises(InputError, match="no territory of zoning 'ze2020'"):
        territory_of(comparison, "ze2020")


def test_shares_of_places_are_those_of_the_people_compared_with(comparison: Comparison) -> None:
    table = places(comparison, territory_of(comparison, "ze2010"), ["seniors"])
    assert table is not None
    assert table["part seniors"].to_dict() == {"ze2010-1": 0.5, "ze2010-2": 1.0, "ailleurs": 0.0}
    assert places(comparison, territory_of(comparison, "ze2010"), []) is None
    with pytest.raises(InputError, match="names 'jeunes'"):
        places(comparison, territory_of(comparison, "ze2010"), ["jeunes"])


def test_a_large_design_is_taken_for_some_of_its_treated() -> None:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"x": random.normal(size=600), "treated": np.arange(600) % 3 == 0})
    whole = Comparison.from_frame(frame, treated="treated", covariates=["x"])
    design = NearestNeighbour().fit(whole)
    assert at_most(design, 200) is design
    part = at_most(design, 50)
    assert part.n_treated == 50
    assert part.n_control <= 50
