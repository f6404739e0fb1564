"""Without a block, the effect is that of a design fitted without it; verdicts read changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import (
    ExactMatching,
    InverseProbability,
    Logit,
    NearestNeighbour,
)
from pacte_eval.diagnostics.sensitivity.left_out import leave_block_out, left_out_verdict
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes

BLOCKS = {"gains": ["re74", "re75"], "origine": ["race"]}


@pytest.fixture(scope="module")
def earnings(lalonde: Comparison, lalonde_frame: pd.DataFrame) -> Outcomes:
    return Outcomes("re78", lalonde_frame["re78"].to_numpy(dtype=float), [0], lalonde.unit)


def test_rows_are_the_designs_fitted_without_each_block(
    lalonde: Comparison, earnings: Outcomes
) -> None:
    found = leave_block_out(lalonde, InverseProbability(), earnings, BLOCKS, 0)
    assert found["block"].tolist() == ["toutes les covariables", "gains", "origine"]
    assert found.columns.tolist() == [
        "block",
        "estimate",
        "se",
        "ci_low",
        "ci_high",
        "change",
        "n_treated",
    ]
    assert found["estimate"][0] == pytest.approx(1214.071223, abs=1e-6)
    for row, names in enumerate(BLOCKS.values(), start=1):
        known = estimate(InverseProbability().fit(lalonde.without(names)), earnings).table.iloc[0]
        for column in ("estimate", "se", "ci_low", "ci_high", "n_treated"):
            assert found[column][row] == known[column]
        assert found["change"][row] == known["estimate"] - found["estimate"][0]
    assert found["change"][0] == 0
    assert left_out_verdict(found).worst == "pass"


@pytest.mark.parametrize(
    ("estimator", "without"),
    [
        (NearestNeighbour(exact=["race", "married"]), NearestNeighbour(exact=["married"])),
        (NearestNeighbour(exact=["race"]), NearestNeighbour(exact=[])),
        (ExactMatching(on=["race", "married"]), ExactMatching(on=["married"])),
        (
            NearestNeighbour(distance="mahalanobis", mahalanobis_on=["age", "re74", "race"]),
            NearestNeighbour(distance="mahalanobis", mahalanobis_on=["age", "re74"]),
        ),
    ],
)
def test_what_is_left_out_is_not_matched_on_either(
    lalonde: Comparison, earnings: Outcomes, estimator: Any, without: Any
) -> None:
    found = leave_block_out(lalonde, estimator, earnings, {"origine": ["race"]}, 0)
    known = estimate(without.fit(lalonde.without(["race"])), earnings).table["estimate"][0]
    assert found["estimate"][1] == known
    assert found["estimate"][0] != known


def test_a_stratum_that_is_matched_on_may_be_left_out() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"past": rng.normal(size=80), "month": np.arange(80) % 4, "treated": np.arange(80) % 3 == 0}
    )
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=["past"], strata=["month"]
    )
    outcomes = Outcomes("y", rng.normal(size=80), [24], comparison.unit)
    estimator = NearestNeighbour(exact=["month"])
    found = leave_block_out(comparison, estimator, outcomes, {"mois": ["month"]}, 24)
    known = estimate(NearestNeighbour().fit(comparison), outcomes).table["estimate"][0]
    assert found["estimate"][1] == known


def table(*rows: tuple[str, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["block", "estimate", "se"])
    return frame.assign(change=frame["estimate"] - frame["estimate"][0])


@pytest.mark.parametrize(
    ("others", "verdict", "meaning"),
    [
        ([("a", 0.9), ("b", 1.1)], "pass", "le signe est gardé"),
        ([("a", 0.9), ("b", 2.3)], "warning", "passe deux erreurs types, sans que le signe"),
        ([("a", -0.1), ("b", 1.1)], "warning", "dans la limite de deux erreurs types"),
        ([("a", -0.1), ("b", 2.5)], "warning", "selon le bloc"),
        ([("a", -0.5), ("b", 4.0)], "fail", "le signe change et l’écart passe"),
    ],
)
def test_verdicts(others: list[tuple[str, float]], verdict: str, meaning: str) -> None:
    error = 0.6
    found = left_out_verdict(table(("tout", 1.0, error), *((*one, error) for one in others)))
    row = found.table.iloc[0]
    assert row["verdict"] == verdict
    assert meaning in row["sentence"]
    assert row["value"] == pytest.approx(max(abs(one - 1) for _, one in others) / error)
    named = "a" if verdict == "fail" else "b"
    if verdict in ("fail", "warning") and others[1][1] > 2:
        assert f"«\u202f{named}\u202f»" in row["sentence"]


def test_nothing_to_compare_is_not_testable(lalonde: Comparison, earnings: Outcomes) -> None:
    alone = leave_block_out(lalonde, InverseProbability(), earnings, {}, 0)
    assert left_out_verdict(alone).worst == "non testable"
    constant = Outcomes("y", np.ones(len(lalonde)), [0], lalonde.unit)
    found = leave_block_out(lalonde, InverseProbability(), constant, BLOCKS, 0)
    assert found["estimate"].to_numpy() == pytest.approx(np.zeros(3), abs=1e-12)


def test_blocks_that_cannot_be_left_out_are_named(lalonde: Comparison, earnings: Outcomes) -> None:
    fit = InverseProbability()
    with pytest.raises(InputError, match="'ag' of block 'x' is neither a covariate nor matched on"):
        leave_block_out(lalonde, fit, earnings, {"x": ["ag"]}, 0)
    wrong: list[Any] = ["age", []]
    for one in wrong:
        with pytest.raises(InputError, match="block 'x' must be a list of names"):
            leave_block_out(lalonde, fit, earnings, {"x": one}, 0)
    squares = InverseProbability(score=Logit(squares=["age"]))
    with pytest.raises(InputError, match="block 'x' cannot be left out: square 'age'"):
        leave_block_out(lalonde, squares, earnings, {"x": ["age"]}, 0)
    everything = [str(name) for name in lalonde.covariates.columns]
    with pytest.raises(InputError, match="block 'x' cannot be left out"):
        leave_block_out(lalonde, fit, earnings, {"x": everything}, 0)
    with pytest.raises(InputError, match="nothing would be left of on="):
        leave_block_out(lalonde, ExactMatching(on=["race"]), earnings, {"x": ["race"]}, 0)
    given = InverseProbability(score=np.full(len(lalonde), 0.5))
    with pytest.raises(InputError, match="a score given as numbers"):
        leave_block_out(lalonde, given, earnings, BLOCKS, 0)
