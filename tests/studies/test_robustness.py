"""People drawn so that refuters, which know no weight, are about the same population."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.frames import Comparison
from pacte_eval.studies.robustness import MOST, of_equal_weight


def comparison(size: int) -> Comparison:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"x": random.normal(size=size)})
    frame["treated"] = np.arange(size) % 3 == 0
    frame["weight"] = np.where(frame["treated"], 1.0, np.exp(frame["x"]))
    return Comparison.from_frame(frame, treated="treated", covariates=["x"], weights="weight")


def test_those_kept_weigh_one_and_stand_for_the_same_people() -> None:
    whole = comparison(9_000)
    drawn = of_equal_weight(whole)
    assert (drawn.weights == 1).all()
    assert drawn.treated.sum() == whole.treated.sum()
    control = ~whole.treated
    wanted = np.average(whole.covariates["x"][control], weights=whole.weights[control])
    found = drawn.covariates["x"][~drawn.treated].to_numpy()
    assert abs(found.mean() - wanted) < 4 * found.std() / np.sqrt(len(found))


def test_many_people_are_drawn_down_and_the_same_each_time() -> None:
    whole = comparison(40_000)
    drawn = of_equal_weight(whole)
    assert len(drawn) < 1.1 * MOST
    assert drawn.unit.equals(of_equal_weight(whole).unit)
