"""What is given in the place of another kind is refused in one sentence that says what makes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import pacte_eval
from pacte_eval.definitions.errors import InputError
from pacte_eval.effects import DoublyRobust, estimate, estimate_spells, first_spell
from pacte_eval.effects.differences import HonestDiD, goodman_bacon, pretest_power
from pacte_eval.effects.zones import DoseResponse, SyntheticDifference
from pacte_eval.frames import Comparison, CrossSections, Panel, ZonePanel

FRAME: Any = pd.DataFrame({"y": [1.0, 2.0]})
ESTIMATORS = (
    "DifferenceInDifferences EventStudy ExtendedTwoWay GroupTimeATT Imputation SunAbraham "
    "TwoWayFixedEffects CoarsenedExact CovariateBalancingScore EntropyBalancing ExactMatching "
    "InverseProbability KernelMatching Logit NearestNeighbour OptimalMatching Subclassification"
)


@pytest.mark.parametrize("name", ESTIMATORS.split())
def test_an_estimator_takes_no_data_frame(name: str) -> None:
    with pytest.raises(InputError, match=r"not pandas\.DataFrame: .*from_frame"):
        getattr(pacte_eval, name)().fit(FRAME)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: estimate(FRAME, FRAME), "expected Design, not pandas.DataFrame"),
        (lambda: estimate_spells(FRAME, FRAME), "expected Design"),
        (lambda: first_spell(FRAME), "expected Outcomes"),
        (lambda: DoublyRobust().score(FRAME), "expected Comparison"),
        (lambda: goodman_bacon(FRAME), "expected Panel"),
        (lambda: HonestDiD().fit(FRAME), "expected Effects or EventPath"),
        (lambda: pretest_power(FRAME), "expected Effects or EventPath"),
        (lambda: DoseResponse((-4, -1)).fit(FRAME), "expected ZonePanel"),
        (lambda: SyntheticDifference(1.0).fit(FRAME), "expected ZonePanel"),
    ],
)
def test_what_is_expected_is_said(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_only_data_frames_of_pandas_are_read() -> None:
    given: Any = {"y": [1, 2]}
    columns: Any = dict.fromkeys(("period", "first_treated", "outcome"), "y")
    places: Any = {"period": "y", "outcome": "y", "intensity": "y", "measure": "y"}
    places |= {"start": 1, "baseline": (0, 0)}
    calls: list[Callable[[], object]] = [
        lambda: Comparison.from_frame(given, treated="y", covariates=["y"]),
        lambda: Panel.from_frame(given, unit="y", **columns),
        lambda: CrossSections.from_frame(given, **columns),
        lambda: ZonePanel.from_frame(given, zone="y", **places),
    ]
    for call in calls:
        with pytest.raises(InputError, match=r"expected pandas\.DataFrame, not dict"):
            call()


def test_dates_are_no_periods() -> None:
    frame = pd.DataFrame({"unit": [1, 1], "day": pd.to_datetime(["2019-01-01", "2020-01-01"])})
    with pytest.raises(InputError, match="not dates: number periods"):
        Panel.from_frame(
            frame.assign(y=1.0, first=2020.0),
            unit="unit",
            period="day",
            first_treated="first",
            outcome="y",
        )
