"""A known effect on one zone whose trend is steeper than the others': who finds it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from pacte_eval.effects.zones import MatchedZones, SyntheticControl, SyntheticDifference
from tests.effects.zones.panels import factors, zone_panel

DRAWS, EFFECT = 40, 2.0
ESTIMATORS: dict[str, Any] = {
    "control": SyntheticControl(1.0),
    "difference": SyntheticDifference(1.0),
    "plain": MatchedZones(1.0, neighbours=11, reference=(-12, -1)),
}


@cache
def estimates(name: str, loading: float) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and ranks over the draws."""
    random = np.random.default_rng(20_190_401)
    found = []
    for _ in range(DRAWS):
        values = factors(random, 12, 20, loading=loading)
        values[-1, 12:] += EFFECT
        effects = ESTIMATORS[name].fit(zone_panel(values, [0.0] * 11 + [2.0], 12))
        found.append((effects.table["estimate"].iloc[-1], effects.placebo_p))
    made = np.array(found)
    return made[:, 0], made[:, 1]


@pytest.mark.parametrize("name", ["control", "difference", "plain"])
def test_all_find_the_effect_where_trends_are_alike(name: str) -> None:
    found, _ = estimates(name, 0.0)
    assert abs(found.mean() - EFFECT) < 3 * found.std(ddof=1) / np.sqrt(DRAWS)


def test_weighted_donors_find_most_of_it_where_trends_differ() -> None:
    """The penalty of the synthetic difference keeps its donors apart: some of the trend is left."""
    bias = {name: estimates(name, 0.5)[0].mean() - EFFECT for name in ESTIMATORS}
    assert bias["plain"] > 2
    assert abs(bias["control"]) < 0.05 * bias["plain"]
    assert abs(bias["difference"]) < 0.2 * bias["plain"]
    assert estimates("control", 0.5)[1].mean() < 0.25


def test_without_effect_ranks_are_uniform() -> None:
    random = np.random.default_rng(7)
    ranks = []
    for _ in range(100):
        values = random.normal(0, 1, (10, 12)).cumsum(axis=1)
        panel = zone_panel(values, [0.0] * 9 + [2.0], 8)
        ranks.append(SyntheticControl(1.0).fit(panel).placebo_p)
    places = np.bincount(np.rint(np.array(ranks) * 10).astype(int), minlength=11)[1:]
    assert places.sum() == 100
    assert (np.abs(places - 10) < 3.5 * np.sqrt(10 * 0.9)).all()
    assert abs(np.mean(ranks) - 0.55) < 3 * 0.287 / np.sqrt(100)
