"""Bounds for the effect on all the treated: closed form, coverage of the truth, edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import NearestNeighbour
from pacte_eval.effects import estimate, full_att_bounds
from pacte_eval.frames import Comparison, Outcomes


def compared(size: int, seed: int) -> tuple[Comparison, np.ndarray]:
    """Treated in two cells, of which one has no control."""
    draws = np.random.default_rng(seed)
    treated = np.arange(size) < size // 3
    cell = np.where(treated & (draws.random(size) < 0.25), "alone", "shared")
    frame = pd.DataFrame({"treated": treated, "x": draws.normal(size=size), "cell": cell})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["x"], cells=["cell"])
    return comparison, draws.random(size)


def outcomes(comparison: Comparison, values: np.ndarray) -> Outcomes:
    return Outcomes("emploi", values, (0,), comparison.unit, measure="part")


def test_closed_form() -> None:
    comparison, noise = compared(300, 1)
    y = outcomes(comparison, (noise < 0.5).astype(float))
    design = NearestNeighbour(score=noise, exact=["cell"]).fit(comparison)
    row = full_att_bounds(design, y).iloc[0]
    kept = design.support.loc[design.support["treated"], "kept"].to_numpy()
    share = float((~kept).mean())
    values = y.aligned(comparison.unit[comparison.treated])[:, 0]
    lost_mean = values[~kept].mean()
    assert row["n_lost"] == (~kept).sum() > 0
    assert row["lost_mean"] == pytest.approx(lost_mean)
    supported = estimate(design, y).table["estimate"].iloc[0]
    assert row["low"] == pytest.approx((1 - share) * supported + share * (lost_mean - 1))
    assert row["high"] == pytest.approx((1 - share) * supported + share * lost_mean)


@pytest.mark.parametrize("untreated_of_the_lost", [0.0, 0.3, 1.0])
def test_bounds_hold_the_effect_on_everyone(untreated_of_the_lost: float) -> None:
    comparison, noise = compared(30_000, 2)
    alone = (comparison.cells["cell"] == "alone").to_numpy()
    untreated = noise < np.where(alone, untreated_of_the_lost, 0.4)
    both = untreated | (noise < 0.6)
    y = outcomes(comparison, np.where(comparison.treated, both, untreated).astype(float))
    design = NearestNeighbour(exact=["cell"]).fit(comparison)
    row = full_att_bounds(design, y).iloc[0]
    truth = float((both[comparison.treated] * 1.0 - untreated[comparison.treated]).mean())
    assert row["low"] - 0.02 <= truth <= row["high"] + 0.02
    assert row["high"] - row["low"] == pytest.approx(alone.sum() / comparison.treated.sum())


def test_with_everyone_supported_both_bounds_are_the_estimate() -> None:
    comparison, noise = compared(300, 3)
    y = outcomes(comparison, (noise < 0.5).astype(float))
    row = full_att_bounds(NearestNeighbour().fit(comparison), y).iloc[0]
    assert row["n_lost"] == 0
    assert row["low"] == row["high"] == pytest.approx(row["estimate"])
    assert np.isnan(row["lost_mean"])


def test_a_period_with_the_lost_alone_is_bounded_and_an_empty_one_is_not() -> None:
    comparison, noise = compared(300, 1)
    design = NearestNeighbour(score=noise, exact=["cell"]).fit(comparison)
    lost = comparison.treated & (design.weights == 0)
    values = np.column_stack([np.where(lost, 0.25, np.nan), np.full(300, np.nan)])
    rows: Any = full_att_bounds(design, Outcomes("emploi", values, (0, 1), comparison.unit))
    assert rows.loc[0, ["low", "high"]].tolist() == pytest.approx([-0.75, 0.25])
    assert np.isnan(rows[["low", "high"]].to_numpy()[1]).all()


def test_values_outside_the_limits_are_refused() -> None:
    comparison, noise = compared(300, 4)
    design = NearestNeighbour().fit(comparison)
    with pytest.raises(InputError, match="outside"):
        full_att_bounds(design, outcomes(comparison, 100 * noise))
