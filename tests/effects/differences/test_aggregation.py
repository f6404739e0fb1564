"""Averages of effects by group and period: definitions written out, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.contributions import StoredContributions
from pacte_eval.effects.differences.group_time.effects import GroupShares, GroupTimeEffects
from pacte_eval.effects.differences.group_time.estimator import GroupTimeATT

from .staggered_panels import panel_of, staggered


def effects(seed: int = 1, **options: object) -> GroupTimeEffects:
    frame = staggered(seed, units=300, groups=(3, 4, 6, np.nan), weighted=True)
    return GroupTimeATT(**options).fit(panel_of(frame, ("a",)))  # type: ignore[arg-type]


def by_hand(found: GroupTimeEffects) -> pd.DataFrame:
    """Groups and periods with the share of each group."""
    return found.table.assign(size=found.sizes).astype({"month": int})


def mean(table: pd.DataFrame) -> float:
    return float(np.average(table["estimate"], weights=table["size"]))


def test_averages_are_those_of_the_paper() -> None:
    found = effects()
    table = by_hand(found)
    after = table[table["month"] >= 0]
    simple = found.aggregate("simple").table
    assert simple["estimate"].tolist() == pytest.approx([mean(after)])

    dynamic = found.aggregate("dynamic").table
    lengths = {month: mean(rows) for month, rows in table.groupby("month")}
    assert dynamic["estimate"].iloc[:-1].tolist() == pytest.approx(list(lengths.values()))
    assert dynamic["month"].iloc[:-1].tolist() == list(lengths)
    overall = np.mean([value for month, value in lengths.items() if month >= 0])  # type: ignore[operator]
    assert dynamic["estimate"].iloc[-1] == pytest.approx(overall)

    group = found.aggregate("group").table
    own = after.groupby("group").agg({"estimate": "mean", "size": "first"}).reset_index()
    assert group["estimate"].iloc[:-1].tolist() == pytest.approx(own["estimate"].tolist())
    assert group["estimate"].iloc[-1] == pytest.approx(mean(own))
    assert group["group"].iloc[:-1].tolist() == [3, 4, 6]

    calendar = found.aggregate("calendar").table
    periods = [mean(rows) for _, rows in after.groupby("period")]
    assert calendar["estimate"].iloc[:-1].tolist() == pytest.approx(periods)
    assert calendar["estimate"].iloc[-1] == pytest.approx(np.mean(periods))
    for made in (simple, dynamic, group, calendar):
        assert pd.isna(made["month"].iloc[-1])
        np.testing.assert_allclose(
            made["treated_mean"] - made["control_mean"], made["estimate"], atol=1e-12
        )


def test_a_balanced_average_has_the_same_groups_at_all_lengths() -> None:
    found = effects()
    made = found.aggregate("dynamic", balance=2).table
    kept = by_hand(found).query("group <= 4 and month <= 2")
    lengths = [mean(rows) for _, rows in kept.groupby("month")]
    assert made["estimate"].iloc[:-1].tolist() == pytest.approx(lengths)
    from_zero = made[(made["month"] >= 0).fillna(False)]
    assert from_zero["n_treated"].nunique() == 1
    assert made["month"].dropna().max() == 2


def test_anticipation_is_not_before_treatment() -> None:
    found = effects(anticipation=1)
    before = (found.table["month"] < -1).to_numpy()
    test = found.pretest()
    assert test.freedom == before.sum()
    part = found.table.loc[before, "estimate"].to_numpy()
    expected = part @ np.linalg.solve(found.covariance(before).to_numpy(), part)
    assert test.statistic == pytest.approx(expected)
    overall = found.aggregate("group").table["estimate"].iloc[:-1]
    after = by_hand(found).query("month >= 0").groupby("group")["estimate"].mean()
    assert overall.tolist() == pytest.approx(after.tolist())


def test_a_universal_base_is_zero_and_is_not_tested() -> None:
    varying, universal = effects(), effects(base="universal")
    dynamic = universal.aggregate("dynamic").table.set_index("month")
    assert list(dynamic.loc[-1, ["estimate", "se"]]) == [0, 0]
    bands = universal.aggregate("dynamic").bands().set_index("month")
    assert list(bands.loc[-1, ["band_low", "band_high"]]) == [0, 0]
    test = universal.pretest()
    assert test.left_out == 3
    assert test.statistic == pytest.approx(varying.pretest().statistic)


def test_a_singular_pretest_is_not_computed() -> None:
    frame = staggered(2, units=60, periods=12, groups=(9, 11, np.nan))
    frame["k"] = frame["unit"] % 6
    test = GroupTimeATT(base="universal").fit(panel_of(frame, cluster="k")).pretest()
    assert np.isnan(test.statistic)
    assert np.isnan(test.p)
    assert "singulière" in test.summary()


def test_sizes_taken_as_fixed_leave_out_their_own_error() -> None:
    found = effects()
    stored = StoredContributions(
        found.contributions(range(len(found))),  # type: ignore[misc]
        found.contributions.clusters,  # type: ignore[union-attr]
    )
    same = GroupTimeEffects(
        found.table, stored, sizes=found.sizes, shares=found.shares, last_period=6
    )
    fixed = GroupTimeEffects(found.table, stored, sizes=found.sizes, shares=None, last_period=6)
    for kind in ("simple", "dynamic", "group", "calendar"):
        pd.testing.assert_frame_equal(found.aggregate(kind).table, same.aggregate(kind).table)
    weight = found.sizes * (found.table["month"] >= 0).to_numpy()
    weight = weight / weight.sum()
    expected = np.sqrt(weight @ found.covariance().to_numpy() @ weight)
    assert fixed.aggregate("simple").table["se"].iloc[0] == pytest.approx(expected)
    assert same.aggregate("simple").table["se"].iloc[0] > expected


def test_shares_are_of_all_units() -> None:
    first = np.array([2.0, np.nan, 3, 3, np.nan])
    weights = np.array([1.0, 2, 1, 3, 1])
    shares = GroupShares.of(np.array([2, 3]), first, weights)
    assert shares.shares.tolist() == [1 / 8, 4 / 8]
    np.testing.assert_allclose(shares.contributions.sum(axis=0), shares.shares)
    clustered = GroupShares.of(np.array([2, 3]), first, weights, np.array([0, 0, 1, 0, 1]))
    expected = np.sqrt(2) * np.array([[1, 3], [0, 1]]) / 8
    np.testing.assert_allclose(clustered.contributions.toarray(), expected)


def test_bands_cover_lengths_apart_from_their_average() -> None:
    found = effects().aggregate("dynamic")
    bands = found.bands(multiplier="rademacher")
    assert bands["critical"].iloc[:-1].nunique() == 1
    assert bands["critical"].iloc[-1] < bands["critical"].iloc[0]
    gap = found.contrast({"month": 3}, {"month": 0}).table.iloc[0]
    covariance = found.covariance((found.table["month"].isin([0, 3])).to_numpy()).to_numpy()
    assert gap["se"] == pytest.approx(
        np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    )


def test_what_cannot_be_averaged_is_refused() -> None:
    found = effects()
    with pytest.raises(InputError, match="did you mean 'dynamic'"):
        found.aggregate("dynamics")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="balance= is for kind='dynamic'"):
        found.aggregate("group", balance=1)
    with pytest.raises(InputError, match="balance=4: no group is followed"):
        found.aggregate("dynamic", balance=4)
    with pytest.raises(InputError, match="balance=-1 must be"):
        found.aggregate("dynamic", balance=-1)
