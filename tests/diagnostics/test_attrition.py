"""The gap between shares observed has the error of a difference of shares."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.designs import Design, EntropyBalancing, NearestNeighbour
from pacte_eval.diagnostics import attrition
from pacte_eval.frames import Comparison, Outcomes


def weighed(size: int = 500) -> Design:
    """Weights of one: both arms have the same mean of the covariate."""
    treated = np.arange(size) % 5 == 0
    x = np.random.default_rng(1).normal(size=size)
    for arm in (treated, ~treated):
        x[arm] -= x[arm].mean()
    frame = pd.DataFrame({"x": x, "treated": treated})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["x"])
    return EntropyBalancing().fit(comparison)


def observed(design: Design, lost: float) -> Outcomes:
    luck = np.random.default_rng(2).random((len(design.comparison), 2))
    values = np.where(luck < lost * design.comparison.treated[:, np.newaxis] + 0.1, np.nan, 1.0)
    values[:, 1] = 0.0
    return Outcomes("emploi", values, [12, 24], design.comparison.unit)


def test_the_error_is_that_of_two_shares() -> None:
    design = weighed()
    table = attrition(design, observed(design, 0.2))
    one, other = table["treated"].iloc[0], table["control"].iloc[0]
    expected = np.sqrt(one * (1 - one) / 100 + other * (1 - other) / 400)
    assert table["gap"].iloc[0] == pytest.approx(one - other)
    assert table["gap_se"].iloc[0] == pytest.approx(expected, rel=0.03)
    assert table["gap_se"].iloc[1] == pytest.approx(0, abs=1e-12)
    assert (table["n_treated"] == 100).all()


def test_one_treated_unit_has_a_share_and_no_error() -> None:
    frame = pd.DataFrame({"x": np.arange(30.0), "treated": np.arange(30) == 4})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["x"])
    design = NearestNeighbour(frame["x"].to_numpy()).fit(comparison)
    outcomes = Outcomes("emploi", np.where(frame["x"] == 4, np.nan, 1.0), [12], comparison.unit)
    row = attrition(design, outcomes).iloc[0]
    assert (row["treated"], row["control"], row["gap"]) == (0, 1, -1)
    assert not row["gap_se"] > 0
