"""Target against obtained, printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pacte_eval.synthetic import marginals

if TYPE_CHECKING:
    from pacte_eval.synthetic import Population


def test_marginals_are_within_tolerance(
    population: Population, capsys: pytest.CaptureFixture[str]
) -> None:
    table = marginals(population)
    with capsys.disabled():
        print()
        print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    assert len(table) > 30
    assert (table["denominator"] > 0).all()
    missed = table.loc[~table["within"], "name"].tolist()
    assert not missed


def test_each_target_states_its_source_and_a_tolerance_of_three_points(
    population: Population,
) -> None:
    table = marginals(population)
    assert set(table["source"]) == {
        "stock",
        "entries 2018",
        "leavers 2017–18",
        "trainees of the 2017 study",
    }
    assert (table["tolerance"] >= 0.03).all()
