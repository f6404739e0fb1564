"""Boosting scores each person without them, whatever the order of the rows, and claims no more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import NearestNeighbour
from pacte_eval.designs.scores.boosting import Boosting
from pacte_eval.frames import Comparison


def draw(units: int = 600, levels: int = 4) -> pd.DataFrame:
    random = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"x": random.normal(size=units), "level": random.integers(0, levels, units)}
    )
    frame["level"] = "n" + frame["level"].astype(str)
    frame["person"] = np.arange(units) // 3
    chance = np.where(np.abs(frame["x"]) < 0.7, 0.7, 0.2)
    return frame.assign(t=random.random(units) < chance, unit=np.arange(units) * 7)


def compare(frame: pd.DataFrame) -> Comparison:
    return Comparison.from_frame(
        frame, treated="t", covariates=["x", "level"], unit="unit", cluster="person"
    )


def test_rows_of_a_person_share_a_fold_and_folds_are_of_one_size() -> None:
    fold = pd.Series(Boosting(folds=4).fit(compare(draw())).fold)
    assert (fold.groupby(draw()["person"]).nunique() == 1).all()
    assert fold.value_counts().tolist() == [150] * 4


def test_a_unit_s_own_arm_does_not_enter_its_score() -> None:
    frame = draw()
    before = Boosting(folds=3).fit(compare(frame))
    own = before.fold == before.fold[0]
    changed = frame.assign(t=np.where(own, ~frame["t"], frame["t"]))
    after = Boosting(folds=3).fit(compare(changed))
    np.testing.assert_array_equal(before.scores[own], after.scores[own])
    assert not np.allclose(before.scores[~own], after.scores[~own])


def test_the_order_of_rows_does_not_matter() -> None:
    frame = draw()
    order = np.random.default_rng(1).permutation(len(frame))
    scores = Boosting(folds=2).fit(compare(frame)).scores
    shuffled = Boosting(folds=2).fit(compare(frame.iloc[order])).scores
    np.testing.assert_array_equal(shuffled, scores[order])


def test_the_seed_draws_the_folds() -> None:
    comparison = compare(draw())
    folds = [Boosting(folds=2, seed=seed).fit(comparison).fold for seed in (0, 0, 1)]
    np.testing.assert_array_equal(folds[0], folds[1])
    assert (folds[0] != folds[2]).mean() == pytest.approx(0.5, abs=0.1)


def test_units_may_have_several_keys() -> None:
    frame = draw(200)
    keys = frame.set_index([frame["person"], frame["unit"]], drop=False).rename_axis(["a", "b"])
    comparison = Comparison.from_frame(keys, treated="t", covariates=["x"])
    assert Boosting(folds=2).fit(comparison).scores.shape == (200,)


def test_it_finds_what_a_logit_misses() -> None:
    frame = draw(2_400)
    comparison = compare(frame)
    model = Boosting().fit(comparison)
    inside = np.abs(frame["x"]) < 0.6
    assert model.scores[inside].mean() == pytest.approx(0.7, abs=0.06)
    assert model.scores[~inside & (np.abs(frame["x"]) > 0.8)].mean() == pytest.approx(0.2, abs=0.06)
    np.testing.assert_allclose(1 / (1 + np.exp(-model.index)), model.scores)


def test_sampling_weights_count() -> None:
    frame = draw(2_400).assign(w=lambda frame: np.where(frame["t"], 3.0, 1.0))
    options: dict[str, Any] = {"treated": "t", "covariates": ["x", "level"], "unit": "unit"}
    plain = Boosting(folds=2).fit(Comparison.from_frame(frame, **options)).scores
    weighted = Boosting(folds=2).fit(Comparison.from_frame(frame, weights="w", **options)).scores
    odds = np.log(weighted / (1 - weighted)) - np.log(plain / (1 - plain))
    assert odds.mean() == pytest.approx(np.log(3), abs=0.2)


def test_factors_are_categories(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    fit = HistGradientBoostingClassifier.fit

    def spy(self: Any, X: np.ndarray, *rest: object, **named: object) -> Any:
        seen.append(list(self.categorical_features))
        return fit(self, X, *rest, **named)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", spy)
    Boosting(folds=2).fit(compare(draw()))
    assert seen == [[False, True]] * 2


def test_it_has_no_influence_function() -> None:
    model = Boosting(folds=2).fit(compare(draw()))
    with pytest.raises(InputError, match="descriptive only"):
        model.influence(np.zeros((600, 1)))


def test_in_a_design() -> None:
    design = NearestNeighbour(score=Boosting(folds=2, seed=4)).fit(compare(draw()))
    assert design.settings["score"] == "gradient boosting, 2 folds of persons, seed 4"


@pytest.mark.parametrize(
    ("boosting", "frame", "message"),
    [
        (Boosting(folds=1), draw(), "folds=1 must be a whole number from 2"),
        (Boosting(folds=201), draw(), "folds=201 is more than the persons"),
        (Boosting(seed=-1), draw(), "seed=-1 must be a whole number from 0"),
        (Boosting(seed=10**17), draw(), "seed=10{17} must be a whole number from 0"),
        (Boosting(folds=2), draw(600, 300), r"'level' has \d+ levels and boosting takes 255"),
        (
            Boosting(folds=3),
            draw().iloc[:9].assign(t=[True, *[False] * 8]),
            "outside a fold are all of one arm",
        ),
    ],
)
def test_mistakes(boosting: Boosting, frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        boosting.fit(compare(frame))
