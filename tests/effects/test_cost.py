"""A cost per job has no upper limit where the effect may be none."""

from __future__ import annotations

import math

import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.cost import cost_of, net_cost


def test_the_cost_of_a_job_is_the_unit_cost_over_the_effect() -> None:
    cost = cost_of(7_200, 0.10, 0.08, 0.12)
    assert (cost.estimate, cost.low, cost.high) == pytest.approx((72_000, 60_000, 90_000))
    assert cost.sentence("emploi") == (
        "72\u202f000\u202f€ par emploi supplémentaire, entre 60\u202f000\u202f€ et "
        "90\u202f000\u202f€."
    )


def test_fieller_holds_the_cost_at_which_nothing_differs() -> None:
    effect, se, unit = 0.05, 0.02, 5_000
    cost = cost_of(unit, effect, effect - 1.96 * se, effect + 1.96 * se)
    for ratio in (cost.low, cost.high):
        assert abs(unit - ratio * effect) / (ratio * se) == pytest.approx(1.96)


def test_an_interval_with_zero_has_no_limit_above() -> None:
    cost = cost_of(7_200, 0.02, -0.01, 0.05)
    assert cost.high == math.inf
    assert not cost.bounded
    assert "**non borné**" in cost.sentence("emploi")


def test_no_gain_has_no_cost() -> None:
    cost = cost_of(7_200, -0.02, -0.04, 0.0)
    assert math.isnan(cost.estimate)
    assert "n'est pas positif" in cost.sentence("emploi")


def test_later_trainings_of_those_compared_with_are_taken_off() -> None:
    assert net_cost(7_200, 5_000, 0.2) == pytest.approx(6_200)
    with pytest.raises(InputError, match="between 0 and 1"):
        net_cost(7_200, 5_000, 1.2)


@pytest.mark.parametrize(
    ("given", "words"), [((0, 0.1, 0, 0.2), "cost=0"), ((1, 0.3, 0, 0.2), "hold the effect")]
)
def test_what_makes_no_sense_is_refused(given: tuple[float, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        cost_of(*given)
