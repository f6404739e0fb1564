"""Pooled, cumulated, contrasted: each is a matrix product on estimates and contributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import NearestNeighbour
from pacte_eval.effects import Effects, estimate
from pacte_eval.frames import Comparison, Outcomes

MONTHS = (-1, 0, 1, 2, 3)


def two_outcomes(people: int | None = None) -> tuple[Any, list[Outcomes]]:
    random = np.random.default_rng(7)
    units = 240
    frame = pd.DataFrame({"x": random.normal(size=units), "who": np.arange(units)})
    frame["t"] = random.random(units) < 0.3
    if people:
        frame["who"] = random.integers(0, people, units)
    comparison = Comparison.from_frame(
        frame, treated="t", covariates=["x"], cluster="who" if people else None
    )
    design = NearestNeighbour(frame["x"].to_numpy(), neighbours=2).fit(comparison)
    path = random.normal(size=(units, len(MONTHS))).cumsum(axis=1) + frame[["x"]].to_numpy()
    return design, [
        Outcomes("emploi", path, MONTHS, comparison.unit),
        Outcomes("salaire", path[:, ::-1] * 100, MONTHS, comparison.unit),
    ]


@pytest.mark.parametrize("people", [None, 90])
def test_several_outcomes_are_each_alone_with_their_covariance(people: int | None) -> None:
    design, outcomes = two_outcomes(people)
    both = estimate(design, outcomes)
    alone = [estimate(design, one) for one in outcomes]
    pd.testing.assert_frame_equal(
        both.table, pd.concat([one.table for one in alone], ignore_index=True)
    )
    joint = both.covariance().to_numpy()
    np.testing.assert_allclose(joint[:5, :5], alone[0].covariance(), rtol=1e-12)
    beside = alone[0].beside(alone[1])
    np.testing.assert_allclose(beside.covariance(), joint, rtol=1e-12)


@pytest.mark.parametrize("people", [None, 90])
def test_combinations_are_the_effects_of_combined_outcomes(people: int | None) -> None:
    design, outcomes = two_outcomes(people)
    effects = estimate(design, outcomes)
    path = outcomes[0].values

    def same(found: pd.Series, values: np.ndarray) -> None:
        direct = estimate(design, values).table.iloc[0]
        names = ["estimate", "se", "ci_low", "ci_high", "treated_mean", "control_mean"]
        np.testing.assert_allclose(
            found[names].astype(float), direct[names].astype(float), rtol=1e-9
        )

    same(effects.pool("equal").table.iloc[0], path.mean(axis=1))
    same(effects.cumulate().table.iloc[2], path[:, 2:].sum(axis=1))
    gap = effects.contrast({"outcome": "emploi", "month": 3}, {"outcome": "emploi", "month": 0})
    same(gap.table.iloc[0], path[:, 4] - path[:, 1])
    paired = effects.contrast({"outcome": "emploi"}, {"outcome": "salaire"})
    assert list(paired.table["month"]) == list(MONTHS)
    same(paired.table.iloc[1], path[:, 1] - outcomes[1].values[:, 1])
    twice = effects.cumulate().contrast({"month": 3}, {"month": 2})
    same(twice.table.iloc[0], path[:, 4])


def test_what_holds_an_effect_without_error_has_none() -> None:
    whole = estimate(*two_outcomes())
    table = whole.table.assign(se=whole.table["se"].mask(whole.table["month"] == 2))
    effects = Effects(table, whole.contributions)
    assert effects.cumulate().table["se"].isna().tolist() == [False, True, True] * 2
    assert effects.pool("equal").table["se"].isna().all()
    apart = effects.contrast({"outcome": "emploi"}, {"outcome": "salaire"}).table
    assert apart["se"].isna().tolist() == [False, False, False, True, False]
    assert apart["estimate"].notna().all()


def test_a_missing_month_enters_no_mean_and_is_counted() -> None:
    design, outcomes = two_outcomes()
    values = outcomes[0].values.copy()
    values[:, 1] = np.nan
    effects = estimate(design, Outcomes("emploi", values, MONTHS, outcomes[0].units))
    pooled = effects.pool("equal").table.iloc[0]
    assert pooled["weights"] == "poids égaux, 4 estimations (1 manquantes)"
    kept = estimate(design, np.delete(values, 1, axis=1), periods=[-1, 1, 2, 3]).pool("equal")
    assert pooled["se"] == pytest.approx(kept.table["se"].iloc[0])
    sums = effects.cumulate(first=0).table
    assert sums["estimate"].isna().all()
    assert sums["se"].isna().all()
    assert effects.cumulate(first=1).table["se"].notna().all()


def test_bands_are_of_each_path() -> None:
    design, outcomes = two_outcomes()
    effects = estimate(design, outcomes)
    alone = estimate(design, outcomes[1]).bands()
    found = effects.bands()
    assert found["critical"].nunique() == 2
    np.testing.assert_allclose(found["band_low"][5:], alone["band_low"], rtol=1e-12)
    signs = effects.bands(multiplier="rademacher")
    np.testing.assert_allclose(signs["critical"], found["critical"], rtol=0.08)


def test_tables_leave_as_arrow() -> None:
    design, outcomes = two_outcomes()
    effects = estimate(design, outcomes)
    table = pa.table(effects)
    pd.testing.assert_frame_equal(table.to_pandas(), effects.table)
    assert pa.table(effects.pool("equal")).column("month").null_count == 2


def test_what_cannot_be_combined_is_refused_by_name() -> None:
    design, outcomes = two_outcomes()
    effects: Effects = estimate(design, outcomes)
    with pytest.raises(InputError, match="names 0 estimates"):
        effects.contrast({"month": 9}, {"month": 1})
    with pytest.raises(InputError, match="selects 1 estimates and"):
        effects.contrast({"outcome": "emploi", "month": 1}, {"month": 1})
    with pytest.raises(InputError, match="over='zone' is not in the table"):
        effects.pool("equal", over="zone")  # type: ignore[arg-type]
    by_person = estimate(design, outcomes[0], cluster=np.arange(240) % 50)
    with pytest.raises(InputError, match="clusters differ in nature"):
        effects.beside(by_person)
    with pytest.raises(InputError, match="every month of the span"):
        estimate(design, outcomes[0].values[:, [2, 4]], periods=[1, 3]).cumulate()
