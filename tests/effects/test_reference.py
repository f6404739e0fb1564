"""Estimates and errors that R prints, from committed numbers: `tests/reference/matching.csv`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import causaldata
import numpy as np
import pandas as pd
import pytest

from pacte_eval.designs import Logit, NearestNeighbour
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison

REFERENCE: Any = pd.read_csv(Path(__file__).parents[1] / "reference" / "matching.csv").set_index(
    "specification"
)
SPECIFICATIONS: dict[str, dict[str, Any]] = {
    "NN 1:1 with replacement": {"ties": "sorted"},
    "NN 1:1 with replacement, caliper 0.2": {"ties": "sorted", "caliper": 0.2},
    "NN 1:5 with replacement, caliper 0.2": {"ties": "sorted", "caliper": 0.2, "neighbours": 5},
    "M = 1, ties averaged": {},
    "M = 1, ties in the order of the data": {"ties": "first"},
    "M = 1, ties kept": {"tie_tolerance": 1e-5},
    "M = 4, ties kept": {"tie_tolerance": 1e-5, "neighbours": 4},
}


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_lalonde(name: str, lalonde: Comparison, lalonde_frame: pd.DataFrame) -> None:
    row = REFERENCE.loc[name]
    design = NearestNeighbour(**SPECIFICATIONS[name]).fit(lalonde)
    outcome = lalonde_frame["re78"].to_numpy()
    found = estimate(design, outcome, se="abadie-imbens-homoscedastic").table.iloc[0]
    assert found["estimate"] == pytest.approx(row["estimate"], abs=row["tolerance"])
    assert found["n_treated"] == row["n_treated"]
    if not np.isnan(row["n_control"]):
        assert found["n_control"] == row["n_control"]
    if str(row["se_kind"]).startswith("Abadie"):
        assert found["se"] == pytest.approx(row["se"], abs=row["tolerance"])


def dehejia_wahba() -> tuple[pd.DataFrame, pd.DataFrame]:
    experiment = causaldata.nsw_mixtape.load_pandas().data
    survey = causaldata.cps_mixtape.load_pandas().data
    return experiment, survey


def test_cps_with_the_score_of_dehejia_and_wahba() -> None:
    """Data in single precision: the last printed digit of R is the tolerance."""
    row = REFERENCE.loc["Dehejia–Wahba score, M = 1, ties kept"]
    experiment, survey = dehejia_wahba()
    frame = pd.concat([experiment[experiment["treat"] == 1], survey], ignore_index=True)
    frame = frame.assign(u74=frame["re74"] == 0, u75=frame["re75"] == 0)
    covariates = ["age", "educ", "marr", "nodegree", "black", "hisp", "re74", "re75", "u74", "u75"]
    comparison = Comparison.from_frame(frame, treated="treat", covariates=covariates)
    assert len(comparison) == 16_177
    score = Logit(squares=["age", "educ"], interactions=[("age",) * 3, ("educ", "re74")])
    design = NearestNeighbour(score, tie_tolerance=1e-5).fit(comparison)
    found = estimate(design, frame["re78"], se="abadie-imbens-homoscedastic").table.iloc[0]
    assert found["estimate"] == pytest.approx(row["estimate"], abs=row["tolerance"])
    assert found["se"] == pytest.approx(row["se"], abs=row["tolerance"])


def test_experimental_benchmark() -> None:
    """One cell and every control as near as another: matching is the difference of means."""
    row = REFERENCE.loc["difference of means"]
    experiment, _ = dehejia_wahba()
    frame = experiment.reset_index(drop=True)
    comparison = Comparison.from_frame(frame, treated="treat", covariates=["age"])
    design = NearestNeighbour(np.zeros(len(frame))).fit(comparison)
    found = estimate(design, frame["re78"].astype(float)).table.iloc[0]
    assert found["estimate"] == pytest.approx(row["estimate"], abs=row["tolerance"] * 10)
    assert (found["n_treated"], found["n_control"]) == (row["n_treated"], row["n_control"])
    arms = frame.astype({"re78": float}).groupby("treat")["re78"].agg(["var", "count"])
    common = ((arms["count"] - 1) * arms["var"]).sum() / (len(frame) - 2)
    assert np.sqrt((common / arms["count"]).sum()) == pytest.approx(row["se"], abs=0.01)
    neyman = np.sqrt((arms["var"] / arms["count"]).sum())
    assert found["se"] == pytest.approx(neyman, rel=0.01)


def test_ties_matter(lalonde: Comparison, lalonde_frame: pd.DataFrame) -> None:
    """Over seeds the estimate stays in the span that the choice among ties allows."""
    outcome = lalonde_frame["re78"].to_numpy()
    found = [
        estimate(NearestNeighbour(ties="seeded", seed=seed).fit(lalonde), outcome)
        .table["estimate"]
        .iloc[0]
        for seed in range(30)
    ]
    assert 1668.73 <= min(found) < 1968.8 < max(found) <= 2264.26
