"""How evidence is written: p-values, bounds that say nothing, ranks."""

from __future__ import annotations

import pytest

from pacte_eval.reports import evidence


@pytest.mark.parametrize(
    ("value", "written"), [(0.0004, "<\u00a00,001"), (0.0213, "0,021"), (1.0, "1,000")]
)
def test_p_values_are_never_zero(value: float, written: str) -> None:
    assert evidence.p_value(value) == written


def test_bounds_that_say_nothing_say_so() -> None:
    assert evidence._told_bounds(-0.6, 0.5, False) == "non informatif"
    assert evidence._told_bounds(-0.01, 0.14, True) == "[−1,0\u202f;\u00a014,0]"


def test_a_rank_that_is_sure_is_one_number() -> None:
    assert evidence._ranks(2, 2) == "2"
    assert evidence._ranks(1, 14) == "1 à 14"
