"""The probit gives statsmodels' numbers, and what its coefficients contribute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import NearestNeighbour
from pacte_eval.designs.scores.probit import Probit
from pacte_eval.frames import Comparison

RACE = ["race[hispan]", "race[white]"]


@pytest.fixture(scope="module")
def peer(lalonde: Comparison) -> Any:
    columns = lalonde.covariates.drop(columns="race").copy()
    for level in ("hispan", "white"):
        columns[f"race[{level}]"] = (lalonde.covariates["race"] == level).astype(float)
    columns = sm.add_constant(columns).rename(columns={"const": "intercept"})
    for name in ("re74", "re75"):
        columns[name] /= 1000
    treated = lalonde.treated.astype(float)
    return sm.Probit(treated, columns).fit(disp=0, tol=1e-14, method="newton", maxiter=100)


def test_statsmodels_numbers(lalonde: Comparison, peer: Any) -> None:
    model = Probit().fit(lalonde)
    expected = peer.params.copy()
    expected[["re74", "re75"]] /= 1000
    pd.testing.assert_series_equal(
        model.coefficients.sort_index(), expected.sort_index(), rtol=1e-8, check_names=False
    )
    assert model.loglikelihood == pytest.approx(peer.llf, rel=1e-10)
    np.testing.assert_allclose(model.scores, peer.predict(), rtol=1e-8)
    assert model.name == "probit, 9 coefficients"


def test_contributions_have_statsmodels_robust_variance(lalonde: Comparison, peer: Any) -> None:
    """Σ index is linear in the coefficients: its sandwich variance is that of the contributions."""
    model = Probit().fit(lalonde)
    contributions = model.influence(np.ones((len(lalonde), 1)))[:, 0]
    total = peer.model.exog.sum(axis=0)
    score = peer.model.score_obs(peer.params)
    bread = np.linalg.inv(-peer.model.hessian(peer.params))
    expected = total @ bread @ score.T @ score @ bread @ total
    assert contributions @ contributions == pytest.approx(expected, rel=1e-7)
    assert contributions.sum() == pytest.approx(0, abs=1e-8 * np.abs(contributions).sum())


def test_the_slope_is_the_derivative_of_the_score(lalonde: Comparison) -> None:
    model = Probit().fit(lalonde)
    step = 1e-6
    rise = model.link.score(model.index + step) - model.link.score(model.index - step)
    np.testing.assert_allclose(model.slope, rise / (2 * step), rtol=1e-6, atol=1e-10)


def test_separation_names_the_covariate(lalonde_frame: pd.DataFrame) -> None:
    frame = lalonde_frame.assign(mark=lambda frame: frame["treat"] + 0.1 * (frame["age"] > 20))
    comparison = Comparison.from_frame(frame, treated="treat", covariates=["age", "mark"])
    with pytest.raises(InputError, match="covariate 'mark' separates the arms"):
        Probit().fit(comparison)


def test_by_name(lalonde: Comparison) -> None:
    design = NearestNeighbour(score="probit").fit(lalonde)
    assert design.settings["score"] == "probit, 9 coefficients"
    assert design.score is not None
    np.testing.assert_allclose(design.score, Probit().fit(lalonde).scores)
