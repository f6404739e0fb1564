"""The staggered population holds what it says: its truth is recovered, and known mistakes show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.differences.group_time.estimator import GroupTimeATT
from pacte_eval.frames import Panel
from pacte_eval.synthetic.staggered import GROUPS, START, staggered

SEED = 2019
PEOPLE = 12_000


@pytest.fixture(scope="module", params=["parallel", "conditional"])
def drawn(request: pytest.FixtureRequest) -> tuple[str, Panel, pd.DataFrame]:
    return request.param, *staggered(PEOPLE, SEED, trends=request.param)


def gaps(panel: Panel, truth: pd.DataFrame, method: str) -> pd.Series:
    """Estimate less truth in standard errors, by group and period after entry."""
    table = GroupTimeATT(method=method).fit(panel).table  # type: ignore[arg-type]
    both = table.merge(truth, on=["group", "period"], suffixes=("", "_true"))
    assert len(both) == len(truth)
    return ((both["estimate"] - both["effect"]) / both["se"]).rename(method)


def without_covariates(panel: Panel) -> Panel:
    return Panel(
        panel.outcome, panel.values, panel.periods, panel.unit, panel.first_treated,
        pd.DataFrame(index=panel.unit), panel.cluster, panel.weights,
    )  # fmt: skip


def test_the_truth_is_recovered_under_the_assumption_that_holds(
    drawn: tuple[str, Panel, pd.DataFrame],
) -> None:
    trends, panel, truth = drawn
    with_covariates = gaps(panel, truth, "dr")
    assert with_covariates.abs().max() < 4
    assert np.sqrt((with_covariates**2).mean()) < 1.4
    alone = gaps(without_covariates(panel), truth, "reg")
    if trends == "parallel":
        assert alone.abs().max() < 4
    else:
        assert np.sqrt((alone**2).mean()) > 3


def test_levels_and_two_way_fixed_effects_are_wrong(
    drawn: tuple[str, Panel, pd.DataFrame],
) -> None:
    _, panel, truth = drawn
    overall = float(np.average(truth["effect"], weights=truth["n_treated"]))
    treated = (
        panel.periods
        >= np.where(np.isnan(panel.first_treated), np.inf, panel.first_treated)[:, np.newaxis]
    )
    within = treated - treated.mean(axis=1, keepdims=True) - treated.mean(axis=0) + treated.mean()
    two_way = (within * panel.values).sum() / (within * treated).sum()
    assert overall > 40
    assert two_way < overall - 30
    level = panel.values[treated].mean() - panel.values[:, -1][np.isnan(panel.first_treated)].mean()
    assert level < overall - 50


def test_who_enters_and_when() -> None:
    panel, truth = staggered(4_000, 1)
    assert panel.groups.tolist() == list(GROUPS)
    assert 0.3 < np.isnan(panel.first_treated).mean() < 0.5
    assert panel.periods[0] == START
    assert panel.is_balanced
    counts = pd.Series(panel.first_treated).value_counts()
    assert truth.groupby("group")["n_treated"].first().to_dict() == counts.to_dict()
    assert (truth["month"] == truth["period"] - truth["group"]).all()
    at_year = truth[truth["month"] == 3].set_index("group")["effect"]
    assert at_year.is_monotonic_increasing, "later groups lose less"


def test_the_same_seed_gives_the_same_panel() -> None:
    one, other, another = (staggered(500, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one[0].values, other[0].values)
    pd.testing.assert_frame_equal(one[1], other[1])
    assert not np.array_equal(one[0].values, another[0].values)
    with pytest.raises(InputError, match="trends='flat' is unknown"):
        staggered(500, 3, trends="flat")  # type: ignore[arg-type]
