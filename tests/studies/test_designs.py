"""Named designs: rare levels put together, score terms checked, late history left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.estimators import NearestNeighbourDefinition
from pacte_eval.designs import NearestNeighbour
from pacte_eval.diagnostics import support_verdict
from pacte_eval.frames import Comparison
from pacte_eval.studies.analysis import _discreet
from pacte_eval.studies.designs import (
    RARE,
    check_terms,
    named_design,
    pool_rare_levels,
    without_history_from,
)

SIZE = 400


def compared(jobs: list[str]) -> Comparison:
    draws = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "treated": np.arange(SIZE) < 100,
            "age": draws.normal(40, 10, SIZE),
            "job": jobs,
            "past_24": draws.normal(size=SIZE),
            "past_12": draws.normal(size=SIZE),
        }
    )
    names = ["age", "job", "past_24", "past_12"]
    return Comparison.from_frame(frame, treated="treated", covariates=names)


def test_rare_levels_are_put_together_and_common_ones_kept() -> None:
    jobs = ["a", "b"] * (SIZE // 2)
    for place, level in zip((0, 1, 2, 150, 151, 152, 153, 154, 155), "cccddddee", strict=True):
        jobs[place] = level
    jobs[4:8] = ["d"] * 4
    pooled = pool_rare_levels(compared(jobs), keep=()).covariates["job"]
    assert set(pooled) == {"a", "b", RARE}
    assert (pooled == RARE).sum() == 9 + 4


def test_too_few_rare_ones_join_the_most_frequent_level() -> None:
    jobs = ["a"] * 300 + ["b"] * 100
    jobs[:100:3] = ["b"] * 34
    jobs[399] = "z"
    pooled = pool_rare_levels(compared(jobs), keep=()).covariates["job"]
    assert set(pooled) == {"a", "b"}
    assert len(pooled) == SIZE


def test_factors_matched_exactly_are_left_alone() -> None:
    jobs = ["a"] * (SIZE - 1) + ["z"]
    pooled = pool_rare_levels(compared(jobs), keep=("job",)).covariates["job"]
    assert set(pooled) == {"a", "z"}


def test_a_design_exists_where_a_level_is_in_one_arm_only() -> None:
    jobs = ["a", "b"] * (SIZE // 2)
    jobs[399] = "z"
    comparison = compared(jobs)
    with pytest.raises(InputError, match="job"):
        NearestNeighbour().fit(comparison)
    assert NearestNeighbour().fit(pool_rare_levels(comparison, keep=())).n_treated == 100


def test_history_from_the_reference_window_onward_is_left_out() -> None:
    history: dict[str, tuple[int | str, int | str]] = {"past_24": (-24, -19), "past_12": (-12, -7)}
    comparison = compared(["a", "b"] * (SIZE // 2))
    periods = list(range(-24, 37))
    late = without_history_from(comparison, history, -18, periods)
    assert list(late.covariates) == ["age", "job", "past_24"]
    early = without_history_from(comparison, history, -24, periods)
    assert list(early.covariates) == ["age", "job"]


def test_terms_on_covariates_left_out_leave_with_them() -> None:
    estimator = NearestNeighbourDefinition.model_validate(
        {
            "design": "NearestNeighbour",
            "score": {"squares": ["age"], "interactions": [["age", "past_12"], ["age", "job"]]},
        }
    )
    comparison = compared(["a", "b"] * (SIZE // 2))
    check_terms(estimator, [str(name) for name in comparison.covariates])
    model = named_design(estimator, comparison.without(["past_12"])).fit(comparison).model
    assert model is not None
    assert model.coefficients is not None
    assert not any("past_12" in name and ":" in name for name in model.coefficients.index)
    wrong = NearestNeighbourDefinition.model_validate(
        {"design": "NearestNeighbour", "score": {"squares": ["aged"]}}
    )
    with pytest.raises(InputError, match=r"'aged'.*did you mean 'age'"):
        check_terms(wrong, ["age"])


def test_a_verdict_does_not_tell_a_small_number_lost() -> None:
    design = NearestNeighbour().fit(compared(["a", "b"] * (SIZE // 2)))
    verdict = support_verdict(design, 0.8)
    assert _discreet(verdict, 0).table["sentence"].iloc[0].startswith("100")
    hidden = _discreet(verdict, 3).table.iloc[0]
    assert np.isnan(hidden["value"])
    assert not any(character.isdigit() for character in hidden["sentence"])
    assert hidden["verdict"] == "pass"
