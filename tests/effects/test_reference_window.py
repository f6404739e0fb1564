"""A difference from a window that the design balances is a level, and the table says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.designs import EntropyBalancing, ExactMatching, NearestNeighbour
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes

MONTHS = (-3, -2, -1, 0, 1)
SAID = "équilibrée, équivalent au niveau"


def people(seed: int, *names: str) -> tuple[Comparison, Outcomes]:
    random = np.random.default_rng(seed)
    path = random.integers(0, 2, (500, len(MONTHS))).astype(float)
    frame = pd.DataFrame(path[:, :3], columns=["three", "two", "one"])
    frame["worked"] = frame[["three", "two"]].sum(axis=1)
    frame["age"] = random.normal(size=500)
    frame["t"] = random.random(500) < 0.3 + 0.1 * frame["two"]
    comparison = Comparison.from_frame(frame, treated="t", covariates=[*names, "age"])
    return comparison, Outcomes("emploi", path, MONTHS, comparison.unit)


@pytest.mark.parametrize("names", [("worked",), ("three", "two")])
def test_a_window_that_enters_the_score_is_said(names: tuple[str, ...]) -> None:
    comparison, outcomes = people(1, *names)
    design = NearestNeighbour(neighbours=2).fit(comparison)
    table = estimate(design, outcomes, contrast="difference", reference=[-3, -2]).table
    assert table["base_period"].eq(f"moyenne de −3 à −2\u202f: {SAID}").all()
    other = estimate(design, outcomes, contrast="difference", reference=[-2, -1]).table
    assert other["base_period"].eq("moyenne de −2 à −1").all()


def test_a_window_made_equal_without_entering_linearly_is_said() -> None:
    comparison, outcomes = people(2, "worked")
    stratum = comparison.covariates["worked"].astype(int).astype("category")
    exact = Comparison.from_frame(
        pd.DataFrame({"t": comparison.treated, "cell": stratum.to_numpy()}),
        treated="t",
        covariates=["cell"],
    )
    design = ExactMatching(["cell"]).fit(exact)
    window = Outcomes("emploi", outcomes.values, MONTHS, exact.unit)
    levels = estimate(design, window).table
    changes = estimate(design, window, contrast="difference", reference=[-3, -2]).table
    assert changes["base_period"].str.contains(SAID).all()
    np.testing.assert_allclose(changes["estimate"], levels["estimate"], atol=1e-12)


def test_each_outcome_is_judged_alone_and_cells_carry_the_words() -> None:
    comparison, outcomes = people(3, "worked")
    pay = Outcomes(
        "salaire", np.random.default_rng(4).normal(size=(500, 5)), MONTHS, outcomes.units
    )
    effects = estimate(
        EntropyBalancing().fit(comparison),
        [outcomes, pay],
        contrast="difference",
        reference=[-3, -2],
    )
    said = effects.table.groupby("outcome")["base_period"].agg(lambda text: SAID in text.iloc[0])
    assert said.to_dict() == {"emploi": True, "salaire": False}
