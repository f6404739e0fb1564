"""Regression adjustment: crossed regressions, imputation by hand, and what needs no adjustment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.matching.kernel import KernelMatching
from pacte_eval.designs.matching.nearest import NearestNeighbour
from pacte_eval.designs.matching.optimal import OptimalMatching
from pacte_eval.designs.matching.subclasses import set_codes
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison

PERIODS = [0, 1, 2]
MAHALANOBIS: Any = {"distance": "mahalanobis", "neighbours": 2}


def draw(size: int = 150, seed: int = 2) -> tuple[Comparison, np.ndarray, pd.DataFrame]:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(size, 2)), columns=["x", "z"])
    frame["g"] = pd.Categorical(random.choice(["a", "b", "c"], size))
    frame["t"] = random.random(size) < expit(-0.6 + 0.8 * frame["x"] - 0.4 * frame["z"])
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x", "z", "g"])
    noise = random.normal(size=(size, 3))
    return comparison, noise + (2 * frame["x"] + frame["t"]).to_numpy()[:, np.newaxis], frame


@pytest.mark.parametrize("data", ["lalonde", "drawn"])
def test_g_computation_is_the_crossed_regression(
    data: str, lalonde: Comparison, lalonde_frame: pd.DataFrame
) -> None:
    """The effect averaged over the treated, by the delta method, clustered by set."""
    comparison, outcomes, _ = draw()
    outcome = outcomes[:, 0]
    if data == "lalonde":
        comparison, outcome = lalonde, lalonde_frame["re78"].to_numpy()
    design: Any = OptimalMatching(kind="full").fit(comparison)
    found: Any = estimate(design, outcome, adjust="regression").table.iloc[0]
    columns = pd.get_dummies(comparison.covariates, drop_first=True).to_numpy(float)
    columns -= columns[comparison.treated].mean(axis=0)
    treated = comparison.treated[:, np.newaxis].astype(float)
    crossed = np.hstack([treated, np.ones_like(treated), columns, treated * columns])
    fit: Any = sm.WLS(outcome, crossed, weights=design.weights).fit(
        cov_type="cluster", cov_kwds={"groups": set_codes(design.matches, len(comparison))}
    )
    assert found["estimate"] == pytest.approx(fit.params[0])
    assert found["se"] == pytest.approx(fit.bse[0])
    assert found["estimator"] == "OptimalMatching, ajusté par régression"


def by_hand(design: Any, outcome: np.ndarray) -> float:
    """Abadie and Imbens (2011): each imputed outcome corrected by a fit among those who serve."""
    comparison = design.comparison
    matrix = np.column_stack(
        [np.ones(len(comparison)), pd.get_dummies(comparison.covariates, drop_first=True)]
    ).astype(float)
    pairs = design.matches.each().toarray()
    pairs /= pairs.sum(axis=1, keepdims=True)
    reuse = pairs.sum(axis=0)
    effects = []
    for row, target in enumerate(design.matches.target):
        other = comparison.treated != comparison.treated[target]
        root = np.sqrt(reuse * other)
        fit = np.linalg.lstsq(matrix * root[:, None], outcome * root, rcond=None)[0]
        imputed = pairs[row] @ (outcome + (matrix[target] - matrix) @ fit)
        effects.append((outcome[target] - imputed) * (1 if comparison.treated[target] else -1))
    return float(np.mean(effects))


@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE"])
def test_bias_adjustment_by_hand(estimand: Any) -> None:
    comparison, outcomes, _ = draw()
    design = NearestNeighbour(**MAHALANOBIS, estimand=estimand).fit(comparison)
    found: Any = estimate(design, outcomes[:, 0]).table.iloc[0]
    assert found["estimator"] == "NearestNeighbour, ajusté par régression"
    assert found["estimate"] == pytest.approx(by_hand(design, outcomes[:, 0]))
    assert found["treated_mean"] - found["control_mean"] == pytest.approx(found["estimate"])


@pytest.mark.parametrize("adjust", ["regression", "augmented"])
@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE"])
def test_a_linear_outcome_is_adjusted_exactly(adjust: Any, estimand: Any) -> None:
    """The gap left by neighbours is linear in covariates: nothing of it remains, nor any error."""
    comparison, _, frame = draw()
    outcome = (3 * frame["x"] - frame["z"] + (frame["g"] == "b") + 2 * frame["t"]).to_numpy(float)
    design = NearestNeighbour(neighbours=3, estimand=estimand).fit(comparison)
    for se in ("abadie-imbens", "linearised", "abadie-imbens-homoscedastic"):
        found: Any = estimate(design, outcome, adjust=adjust, se=se).table.iloc[0]
        assert found["estimate"] == pytest.approx(2)
        assert found["se"] == pytest.approx(0, abs=1e-7)
    assert abs(estimate(design, outcome).table["estimate"].iloc[0] - 2) > 0.01


def test_the_default_follows_the_distance() -> None:
    comparison, outcomes, _ = draw()

    def default(**options: Any) -> str:
        design = NearestNeighbour(**options).fit(comparison)
        return str(estimate(design, outcomes[:, 0]).table["estimator"].iloc[0])

    assert default() == "NearestNeighbour"
    assert default(**MAHALANOBIS) == "NearestNeighbour, ajusté par régression"
    assert default(**MAHALANOBIS, mahalanobis_on=["x", "g"]) == "NearestNeighbour"
    assert default(**MAHALANOBIS, mahalanobis_on=["x", "z"]).endswith("ajusté par régression")


@pytest.mark.parametrize(
    "design",
    [NearestNeighbour(neighbours=3), KernelMatching(bandwidth=0.2), OptimalMatching()],
)
def test_periods_are_fitted_one_by_one(design: Any) -> None:
    """Where some are censored, each period is as if it were the only one."""
    comparison, outcomes, _ = draw()
    outcomes[np.random.default_rng(1).random(outcomes.shape) < 0.2] = np.nan
    fitted = design.fit(comparison)
    together = estimate(fitted, outcomes, adjust="regression", periods=PERIODS).table
    for place in PERIODS:
        alone = estimate(fitted, outcomes[:, place], adjust="regression").table.iloc[0]
        for column in ("estimate", "se", "n_treated", "n_control"):
            assert together[column].iloc[place] == pytest.approx(alone[column])


def test_columns_that_say_nothing_change_nothing() -> None:
    comparison, outcomes, frame = draw()
    score = frame["x"].to_numpy()
    more = frame.assign(copy=frame["x"], flat=1.0, far=frame["z"] * 1e5 + 1e7)
    wide = Comparison.from_frame(more, treated="t", covariates=["flat", "x", "far", "g", "copy"])
    found = [
        estimate(NearestNeighbour(score).fit(data), outcomes[:, 0], adjust="regression")
        .table[["estimate", "se"]]
        .iloc[0]
        .tolist()
        for data in (comparison, wide)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adjust": "ols"}, "adjust='ols' is unknown"),
        ({"adjust": "regression", "se": "HC1"}, "se='HC1'.*adjust='regression'.*se='abadie-imbens"),
        ({"adjust": "none", "se": "influence-function"}, "is not for a design of NearestNeighbour"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    comparison, outcomes, _ = draw()
    design = NearestNeighbour().fit(comparison)
    with pytest.raises(InputError, match=message):
        estimate(design, outcomes[:, 0], **options)


def test_no_covariate_to_adjust_on() -> None:
    comparison, outcomes, frame = draw()
    bare = comparison.without(["x", "z", "g"])
    design = NearestNeighbour(frame["x"].to_numpy()).fit(bare)
    with pytest.raises(InputError, match="adjust= needs covariates"):
        estimate(design, outcomes[:, 0], adjust="regression")
