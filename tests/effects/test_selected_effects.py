"""What a family of tests could find, and intervals of the effects it found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.power import NormalIndPower

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.detectable import minimum_detectable
from pacte_eval.effects.false_coverage import false_coverage_intervals
from pacte_eval.effects.multiplicity import from_p_values


@pytest.mark.parametrize("tests", [1, 20])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_the_detectable_effect_has_the_power_that_statsmodels_gives(
    tests: int, power: float
) -> None:
    people = 400
    se = np.sqrt(2 / people)  # of a difference of two means of unit variance
    found = minimum_detectable(se, power=power, tests=tests)
    known = NormalIndPower().solve_power(
        effect_size=found, nobs1=people, alpha=0.05 / tests, ratio=1.0, alternative="two-sided"
    )
    assert known == pytest.approx(power, abs=1e-6)


def test_intervals_of_all_effects_are_the_usual_ones_and_of_few_wider() -> None:
    estimates, se = np.array([3.0, 0.1, 0.2, -0.1]), np.ones(4)
    every = false_coverage_intervals(estimates, se, np.ones(4, dtype=bool))
    assert (every["ci_high"] - estimates).to_numpy() == pytest.approx(1.959964, abs=1e-6)
    one = false_coverage_intervals(estimates, se, np.array([True, False, False, False]))
    assert one["ci_high"].iloc[0] - 3 == pytest.approx(2.497705, abs=1e-6)
    assert one.iloc[1:].isna().all().all()
    none = false_coverage_intervals(estimates, se, np.zeros(4, dtype=bool))
    assert none.isna().all().all()


def test_among_the_effects_selected_the_intervals_miss_one_time_in_twenty_at_most() -> None:
    random = np.random.default_rng(5)
    truth = np.where(np.arange(40) < 12, 0.0, random.normal(0, 1.5, 40))
    missed, naive = [], []
    for _ in range(2_000):
        estimates = truth + random.normal(size=40)
        chosen = from_p_values(2 * norm.sf(np.abs(estimates)), "bh") <= 0.05
        if not chosen.any():
            missed.append(0.0)
            naive.append(0.0)
            continue
        found = false_coverage_intervals(estimates, np.ones(40), chosen)
        outside = (truth < found["ci_low"]) | (truth > found["ci_high"])
        missed.append(float(outside[chosen].mean()))
        naive.append(float((np.abs(truth - estimates) > 1.959964)[chosen].mean()))
    error = np.std(missed) / np.sqrt(len(missed))
    assert np.mean(missed) <= 0.05 + 3 * error
    assert np.mean(naive) > 0.07


@pytest.mark.parametrize(
    ("given", "words"),
    [({"se": 0.0}, "se=0.0"), ({"se": 1.0, "tests": 0}, "tests=0"), ({"se": 1, "level": 2}, "lie")],
)
def test_numbers_out_of_range_are_refused(given: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        minimum_detectable(**given)  # type: ignore[arg-type]


def test_vectors_of_several_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="one length"):
        false_coverage_intervals(np.zeros(2), np.ones(3), np.ones(3, dtype=bool))
