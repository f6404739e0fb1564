"""What holds of every combination of estimates, whatever they are: invariants on random tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects import Effects
from pacte_eval.effects.contributions import StoredContributions
from pacte_eval.effects.table import Wording, tidy

WORDING = Wording(
    "a contre b", "emploi", "appariement", "ATT", "s", "tous", "w", "aucune", "b", "influence"
)


def effects_of(rows: pd.DataFrame, values: np.ndarray, who: pd.Index | None = None) -> Effects:
    clusters = pd.RangeIndex(len(values)) if who is None else who
    error = np.sqrt((values**2).sum(axis=0))
    table = tidy(rows.assign(se=error), WORDING)
    return Effects(table, StoredContributions(values, clusters.rename("personne")))


def grid(seed: int, shuffled: bool = False, months: int = 4) -> Effects:
    """Two outcomes × three cells × months of random estimates and contributions."""
    random = np.random.default_rng(seed)
    names = ["emploi", "salaire"], ["femmes", "hommes", "ensemble"], range(1, months + 1)
    rows = pd.DataFrame(list(product(*names)), columns=["outcome", "cell", "month"])
    rows["estimate"] = random.normal(size=len(rows))
    rows["n_treated"] = random.integers(1, 50, len(rows))
    values = random.normal(size=(15, 1)) + random.normal(size=(15, len(rows)))
    if shuffled:
        order = np.random.default_rng(seed + 1).permutation(len(rows))
        rows, values = rows.iloc[order], values[:, order]
    return effects_of(rows, values)


def group_time(*groups: int) -> Effects:
    """Groups over four years, as group-time effects have them."""
    random = np.random.default_rng(1)
    pairs = [(g, t) for g in groups for t in range(2004, 2008)]
    rows = pd.DataFrame(pairs, columns=["group", "period"])
    rows["month"] = rows["period"] - rows["group"]
    rows["estimate"] = random.normal(size=len(rows))
    rows["n_treated"] = rows["group"] - 2000
    return effects_of(rows, random.normal(size=(30, len(rows))))


def sorted_table(effects: Effects) -> pd.DataFrame:
    names = ["outcome", "cell", "month", "estimate", "se", "ci_low", "p", "n_treated"]
    table = effects.table[names].astype({"month": object})
    return table.sort_values(["outcome", "cell", "month"], ignore_index=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["month", "cell", "outcome"]))
def test_a_mean_has_the_error_that_the_joint_covariance_gives(seed: int, over: str) -> None:
    effects = grid(seed)
    weights = np.random.default_rng(seed).random(len(effects))
    covariance, estimate = effects.covariance().to_numpy(), effects.table["estimate"].to_numpy()
    pooled = effects.pool(weights, over=over)  # type: ignore[arg-type]
    keys = [name for name in ("outcome", "cell", "month") if name != over]
    for _, row in pooled.table.iterrows():
        inside = (effects.table[keys] == row[keys]).all(axis=1).to_numpy()
        share = np.where(inside, weights, 0) / weights[inside].sum()
        assert row["estimate"] == pytest.approx(share @ estimate)
        assert row["se"] == pytest.approx(np.sqrt(share @ covariance @ share))
    assert len(pooled) == len(effects) / effects.table[over].nunique()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_order_of_pooling_and_of_rows_is_irrelevant(seed: int) -> None:
    effects, other = grid(seed), grid(seed, shuffled=True)
    both = effects.pool("equal", over="month").pool("equal", over="cell")
    turned = effects.pool("equal", over="cell").pool("equal", over="month")
    names = ["estimate", "se", "ci_low", "ci_high", "p"]
    np.testing.assert_allclose(both.table[names], turned.table[names], rtol=1e-9)
    made = [
        (lambda e: e.pool("n_treated")),
        (lambda e: e.cumulate()),
        (lambda e: e.contrast({"cell": "femmes"}, {"cell": "hommes"})),
        (lambda e: e.contrast({"month": 3}, {"month": 1})),
        (lambda e: e.cumulate(2, 3).contrast({"outcome": "salaire"}, {"outcome": "emploi"})),
    ]
    for make in made:
        pd.testing.assert_frame_equal(sorted_table(make(effects)), sorted_table(make(other)))


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_combinations_of_combinations_are_linear(seed: int) -> None:
    effects = grid(seed)
    gap = effects.contrast({"cell": "femmes"}, {"cell": "hommes"})
    opposite = effects.contrast({"cell": "hommes"}, {"cell": "femmes"})
    np.testing.assert_allclose(gap.table["estimate"], -opposite.table["estimate"])
    np.testing.assert_allclose(gap.covariance(), opposite.covariance())
    one = gap.cumulate().table
    other = effects.cumulate().contrast({"cell": "femmes"}, {"cell": "hommes"}).table
    np.testing.assert_allclose(one[["estimate", "se"]], other[["estimate", "se"]], rtol=1e-9)
    steps = effects.cumulate().contrast({"month": 3}, {"month": 2}).table
    third = effects.table[effects.table["month"] == 3]
    np.testing.assert_allclose(steps["estimate"], third["estimate"])
    np.testing.assert_allclose(steps["se"], third["se"], rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 12))
def test_side_by_side_covariance_is_of_the_clusters_they_share(seed: int, shared: int) -> None:
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({"month": [1, 2], "estimate": [0.1, 0.2]})
    values = random.normal(size=(2, 12, 2))
    names = pd.Index([f"p{i}" for i in range(12)])
    others = pd.Index([f"p{i + 12 - shared}" for i in random.permutation(12)])
    first = effects_of(rows.assign(cell="nord"), values[0], names)
    second = effects_of(rows.assign(cell="sud"), values[1], others)
    both = first.beside(second)
    found = both.covariance().to_numpy()
    expected = np.zeros((2, 2))
    for place, who in enumerate(others):
        if who in names:
            expected += np.outer(values[0][names.get_loc(who)], values[1][place])
    np.testing.assert_allclose(found[:2, 2:], expected, atol=1e-12)
    np.testing.assert_allclose(found[:2, :2], first.covariance(), rtol=1e-12)
    if shared == 0:
        assert (found[:2, 2:] == 0).all()
    gap = both.contrast({"cell": "nord"}, {"cell": "sud"}).table
    variance = np.diag(found[:2, :2]) + np.diag(found[2:, 2:]) - 2 * np.diag(expected)
    np.testing.assert_allclose(gap["se"] ** 2, variance, rtol=1e-9)


def test_two_estimators_of_one_effect_stand_side_by_side() -> None:
    rows = pd.DataFrame({"month": [1, 2, 3], "estimate": [0.1, 0.2, 0.4]})
    random = np.random.default_rng(2)
    matched = effects_of(rows, random.normal(size=(20, 3)))
    weighted = effects_of(rows.assign(estimator="pondération"), random.normal(size=(20, 3)))
    both = matched.beside(weighted)
    assert both.bands()["critical"].nunique() == 2
    np.testing.assert_allclose(both.cumulate().table["estimate"][3:], [0.1, 0.3, 0.7])
    gap = both.contrast({"estimator": "appariement"}, {"estimator": "pondération"}).table
    assert gap["estimator"].unique().tolist() == ["appariement moins pondération"]
    assert gap["month"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(gap["estimate"], 0)
    with pytest.raises(InputError, match="3 estimates are of the same comparison"):
        matched.beside(matched)
    with pytest.raises(InputError, match="over='estimator' is not in the table"):
        both.pool(over="estimator")  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [0, 1])
def test_some_estimates_kept_alone_have_the_covariance_they_had(seed: int) -> None:
    effects = grid(seed)
    mask = (effects.table["month"] > 1).to_numpy()
    alone = effects.kept(mask)
    assert len(alone) == mask.sum() < len(effects)
    np.testing.assert_allclose(alone.covariance(), effects.covariance(mask), rtol=1e-12)
    beside = alone.beside(effects.kept(~mask)).covariance().to_numpy()
    assert np.abs(beside).sum() == pytest.approx(np.abs(effects.covariance().to_numpy()).sum())


def test_clusters_that_weigh_nothing_in_what_is_kept_are_dropped() -> None:
    values = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0]])
    alone = effects_of(grid(0).table.iloc[:2], values).kept([True, False])
    assert alone.contributions is not None
    assert alone.contributions.number == 2
    assert alone.table["month"].tolist() == [1]


def test_levels_of_intervals_side_by_side_are_one() -> None:
    effects = grid(1)
    other = Effects(effects.table.assign(cell="autres"), effects.contributions, level=0.9)
    with pytest.raises(InputError, match="intervals of several levels"):
        effects.beside(other)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["gaussian", "rademacher"]))
def test_bands_are_never_narrower_than_intervals(seed: int, multiplier: str) -> None:
    bands = grid(seed).bands(0.9, multiplier)  # type: ignore[arg-type]
    assert (bands["critical"] >= stats.norm.ppf(0.95)).all()
    assert bands["critical"].nunique() == 6


def test_bands_of_independent_estimates_are_sidaks_and_of_one_the_interval() -> None:
    rows = pd.DataFrame({"month": range(12), "estimate": 0.0})
    bands = effects_of(rows, np.eye(12)).bands(0.95)
    expected = stats.norm.ppf(0.5 + 0.95 ** (1 / 12) / 2)
    np.testing.assert_allclose(bands["critical"], expected, atol=0.03)
    one = effects_of(rows.iloc[:1], np.eye(1) * 2)
    np.testing.assert_allclose(one.bands()["band_high"], one.table["ci_high"], atol=0.05)
    together = effects_of(rows, np.tile(np.arange(1.0, 31)[:, np.newaxis], (1, 12))).bands()
    np.testing.assert_allclose(together["critical"], stats.norm.ppf(0.975), atol=0.04)
    with pytest.raises(InputError, match="multiplier='mammen' is unknown"):
        one.bands(multiplier="mammen")  # type: ignore[arg-type]


@pytest.mark.slow
def test_bands_cover_all_of_a_path_at_once_where_intervals_do_not() -> None:
    random, people, runs = np.random.default_rng(9), 150, 300
    covered, alone = 0, 0
    for _ in range(runs):
        drawn = random.normal(size=(people, 1)) + random.exponential(size=(people, 10)) - 1
        rows = pd.DataFrame({"month": range(10), "estimate": drawn.mean(axis=0)})
        effects = effects_of(rows, (drawn - drawn.mean(axis=0)) / people)
        bands = effects.bands()
        covered += bool(((bands["band_low"] <= 0) & (bands["band_high"] >= 0)).all())
        alone += bool(((effects.table["ci_low"] <= 0) & (effects.table["ci_high"] >= 0)).all())
    error = np.sqrt(0.95 * 0.05 / runs)
    assert covered / runs >= 0.95 - 3 * error
    assert alone / runs < 0.95 - 5 * error


class Counted(StoredContributions):
    """Contributions that note what is asked of them."""

    def __init__(self, values: np.ndarray) -> None:
        super().__init__(values, pd.RangeIndex(len(values), name="personne"))
        self.grams: list[list[int]] = []
        self.calls = 0

    def gram(self, columns: Sequence[int]) -> np.ndarray:
        self.grams.append(list(columns))
        return super().gram(columns)

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        self.calls += 1
        return super().__call__(columns)


def test_bands_ask_for_one_joint_covariance_a_path_and_nothing_else() -> None:
    made = grid(1)
    counted = Counted(made._linear()(range(len(made))))
    effects = Effects(made.table, counted)
    effects.bands()
    assert [len(columns) for columns in counted.grams] == [4] * 6
    assert counted.calls == 6, "once each, in the covariance itself"


def test_group_time_effects_pair_on_group_and_event_time() -> None:
    effects = group_time(2004, 2006)
    table = effects.table.set_index(["group", "period"])["estimate"]
    later = effects.contrast({"month": 1}, {"month": 0}).table
    assert later["group"].tolist() == [2004, 2006]
    np.testing.assert_allclose(
        later["estimate"],
        [table[2004, 2005] - table[2004, 2004], table[2006, 2007] - table[2006, 2006]],
    )
    assert later["period"].isna().all()
    groups = effects.contrast({"group": 2004, "month": 1}, {"group": 2006, "month": 1}).table
    np.testing.assert_allclose(groups["estimate"], table[2004, 2005] - table[2006, 2007])
    years = effects.contrast({"period": 2006}, {"period": 2005}).table
    assert years["group"].tolist() == [2004, 2006]
    np.testing.assert_allclose(
        years["estimate"], [table[g, 2006] - table[g, 2005] for g in (2004, 2006)]
    )
    with pytest.raises(InputError, match=r"selects 2 estimates and .* selects 3, of which 2 pair"):
        group_time(2004, 2006, 2007).contrast({"month": 1}, {"month": 0})


def test_group_time_effects_pool_over_groups_and_add_up_within_them() -> None:
    effects = group_time(2004, 2006, 2007)
    table = effects.table.set_index(["group", "month"])["estimate"]
    pooled = effects.pool(over="group").table.set_index("month")
    assert pooled.loc[1, "estimate"] == pytest.approx(
        (4 * table[2004, 1] + 6 * table[2006, 1]) / 10
    )
    assert pooled.loc[1, "n_treated"] == 10
    assert pooled["period"].isna()[1]
    assert pooled["period"][3] == 2007
    by_group = effects.pool("equal", over="month").table.set_index("group")
    assert by_group.loc[2006, "estimate"] == pytest.approx(table[2006].mean())
    sums = effects.cumulate(first=0).table.set_index(["group", "month"])["estimate"]
    assert sums[2004, 3] == pytest.approx(table[2004].sum())
    assert sums[2006, 1] == pytest.approx(table[2006, 0] + table[2006, 1])


def test_an_overall_effect_enters_no_sum_over_months() -> None:
    rows = pd.DataFrame({"month": [1, 2, None], "estimate": [0.1, 0.2, 0.15]})
    effects = effects_of(rows, np.random.default_rng(0).normal(size=(9, 3)))
    assert effects.cumulate().table["month"].tolist() == [1, 2]
    named = effects_of(rows.assign(month=np.array(["a", "b", None])), np.eye(3))
    for lacking in (named, effects.pool("equal")):
        with pytest.raises(InputError, match="these rows have none"):
            lacking.cumulate()


def test_sums_begin_and_end_with_the_months_asked_for() -> None:
    effects = grid(3)
    assert effects.cumulate(2, 4).table["month"].max() == 4
    for first, last in ((0, None), (1, 9)):
        with pytest.raises(InputError, match="every month of the span"):
            effects.cumulate(first, last)
    with pytest.raises(InputError, match="no month from -3 to 0"):
        effects.cumulate(-3, 0)


def test_combinations_are_plain_effects_of_the_same_level() -> None:
    effects = grid(4)
    narrow = Effects(effects.table, effects.contributions, level=0.5).pool("equal")
    assert type(narrow) is Effects
    half = stats.norm.ppf(0.75) * narrow.table["se"]
    np.testing.assert_allclose(narrow.table["ci_high"] - narrow.table["estimate"], half)


def test_combinations_of_many_estimates_take_the_variance_of_each() -> None:
    random = np.random.default_rng(5)
    rows = pd.DataFrame(
        [(f"z{z}", m) for z in range(700) for m in (1, 2, 3, 4)], columns=["cell", "month"]
    ).assign(estimate=0.0)
    values = random.normal(size=(6, len(rows)))
    pooled = effects_of(rows, values).pool("equal").table
    expected = values.reshape(6, 700, 4).mean(axis=2)
    np.testing.assert_allclose(pooled["se"], np.sqrt((expected**2).sum(axis=0)), rtol=1e-9)
