"""Several arms: the generalised score against statsmodels, joint support, each pair's effect."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Logit, NearestNeighbour
from pacte_eval.designs.pairwise import OUTSIDE, Pairwise
from pacte_eval.designs.scores.generalised import generalised_score
from pacte_eval.frames import Arms

EFFECT = {"long": 2.0, "court": 1.0, "attente": 0.0}
MISSPELT: Any = "generalized"


def sample(seed: int = 0, units: int = 1_500) -> pd.DataFrame:
    """Three arms by a multinomial logit, an outcome that rises with what decides the arm."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(units, 2)), columns=["x", "z"])
    frame["level"] = random.choice(["bac", "cap", "sans"], units)
    index = np.column_stack(
        [
            0.8 * frame["x"] - 0.5,
            0.6 * frame["z"] + 0.5 * (frame["level"] == "cap") - 0.4,
            np.zeros(units),
        ]
    )
    drawn = (index + random.gumbel(size=index.shape)).argmax(axis=1)
    frame["arm"] = np.array(list(EFFECT))[drawn]
    frame["y"] = (
        frame["x"] + frame["z"] + frame["arm"].map(EFFECT) + 0.5 * random.normal(size=units)
    )
    return frame


def arms_of(frame: pd.DataFrame, **options: Any) -> Arms:
    return Arms.from_frame(frame, arm="arm", covariates=["x", "z", "level"], **options)


def test_generalised_score_is_the_multinomial_logit() -> None:
    frame = sample()
    regressors = pd.get_dummies(frame[["x", "z", "level"]], drop_first=True, dtype=float)
    codes = frame["arm"].astype("category").cat.codes
    model = sm.MNLogit(codes, sm.add_constant(regressors)).fit(disp=False, tol=1e-14)
    found = generalised_score(arms_of(frame))
    assert list(found.columns) == ["attente", "court", "long"]
    np.testing.assert_allclose(found, model.predict(), atol=1e-7)


def test_weights_are_copies_of_rows() -> None:
    frame = sample(1, 300)
    twice = pd.concat([frame, frame[:100]], ignore_index=True)
    weighted = arms_of(frame.assign(w=np.r_[np.full(100, 2.0), np.ones(200)]), weights="w")
    np.testing.assert_allclose(
        generalised_score(weighted), generalised_score(arms_of(twice))[:300], atol=1e-7
    )


@pytest.mark.parametrize("score", ["pairwise", "generalised"])
def test_every_pair_finds_its_effect_on_its_own_treated(score: Any) -> None:
    frame = sample(2, 3_000)
    arms = arms_of(frame)
    designs = Pairwise(NearestNeighbour(neighbours=3), score).fit(arms)
    assert set(designs) == set(permutations(EFFECT, 2))
    for (treated, control), design in designs.items():
        outcome = frame["y"].to_numpy()[arms.members(treated, control)]
        arm, weights = design.comparison.treated, design.weights
        gap = np.average(outcome[arm], weights=weights[arm]) - np.average(
            outcome[~arm], weights=weights[~arm]
        )
        assert gap == pytest.approx(EFFECT[treated] - EFFECT[control], abs=0.2)
        assert design.comparison.treated_label == treated


def test_support_is_that_of_all_arms_in_every_pair() -> None:
    frame = sample(3, 600)
    frame.loc[0, "x"] = 30.0
    arms = arms_of(frame)
    designs = Pairwise(NearestNeighbour()).fit(arms)
    scores = designs.scores
    arm = arms.arm.to_numpy()
    expected = np.ones(len(frame), dtype=bool)
    for name in arms.names:
        ranges = scores[name].groupby(arm).agg(["min", "max"])
        expected &= scores[name].between(ranges["min"].max(), ranges["max"].min()).to_numpy()
    assert not expected[0]
    assert designs.support["kept"].tolist() == expected.tolist()
    for (treated, control), design in designs.items():
        rows = arms.members(treated, control)
        outside = design.support["reason"] == OUTSIDE
        assert outside.tolist() == (~expected[rows]).tolist()
        assert not design.weights[outside.to_numpy()].any()


def test_summary_has_a_row_for_each_pair() -> None:
    designs = Pairwise(NearestNeighbour(caliper=0.2)).fit(
        arms_of(sample(4, 400)), [("long", "attente")]
    )
    row = designs.summary().iloc[0]
    design = designs["long", "attente"]
    assert (row["treated"], row["control"]) == ("long", "attente")
    assert row["n_treated"] == design.n_treated
    assert row["max_smd"] == design.balance()["smd_after"].abs().max()
    assert ("long", "attente") in designs
    assert ("long", "court") not in designs
    with pytest.raises(InputError, match="no design of"):
        designs["long", "court"]


@pytest.mark.parametrize("pairs", [("long", "attente"), [("long",)], ["court"]])
def test_pairs_are_two_arms_each(pairs: Any) -> None:
    with pytest.raises(InputError, match=r"list of \(treated, control\)"):
        Pairwise(NearestNeighbour()).fit(arms_of(sample(4, 200)), pairs)


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        (Pairwise(NearestNeighbour(), MISSPELT), "did you mean 'generalised'"),
        (
            Pairwise(NearestNeighbour(Logit(squares=["x"])), "generalised"),
            "score= of the design is meaningless",
        ),
    ],
)
def test_settings_that_make_no_sense(maker: Pairwise, message: str) -> None:
    with pytest.raises(InputError, match=message):
        maker.fit(arms_of(sample(5, 200)))


def test_an_arm_alone_is_refused() -> None:
    frame = sample(6, 300)
    frame.loc[frame["arm"] == "long", "x"] += 100.0
    with pytest.raises(InputError, match="arm 'long'"):
        Pairwise(NearestNeighbour()).fit(arms_of(frame))
