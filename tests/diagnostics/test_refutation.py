"""Refuters leave a sound estimate as it was, and dowhy's own traps are shown and avoided."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import InverseProbability
from pacte_eval.diagnostics.refutation import companion, refutation_verdicts, refute
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes

EFFECT = 0.5


def people(seed: int, units: int = 600) -> tuple[Comparison, Outcomes]:
    """One covariate moves entry and, strongly, the outcome; a tenth is censored at month 24."""
    rng = np.random.default_rng(seed)
    past = rng.normal(size=units)
    treated = rng.random(units) < 1 / (1 + np.exp(0.5 - past))
    sex = rng.choice(["F", "M"], size=units)
    outcome = 2 * past + EFFECT * treated + rng.normal(size=units)
    later = np.where(rng.random(units) < 0.1, np.nan, outcome + 1)
    frame = pd.DataFrame({"past": past, "sex": sex, "treated": treated})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["past", "sex"])
    return comparison, Outcomes("y", np.column_stack([outcome, later]), [12, 24], comparison.unit)


def test_the_companion_is_weighting_by_the_odds(
    lalonde: Comparison, lalonde_frame: pd.DataFrame
) -> None:
    outcome = lalonde_frame["re78"].to_numpy(dtype=float)
    own = estimate(InverseProbability().fit(lalonde), outcome).table["estimate"][0]
    found = refute(lalonde, Outcomes("re78", outcome, [0], lalonde.unit), 0, draws=2)
    assert found["estimate"].to_numpy() == pytest.approx([own] * 3, rel=1e-6)
    assert own == pytest.approx(1214.071223, abs=1e-6)


def test_a_sound_estimate_withstands_all_three() -> None:
    comparison, outcomes = people(1)
    found = refute(comparison, outcomes, 12, draws=30, seed=3).set_index("refuter")
    assert found["verdict"].tolist() == ["pass"] * 3
    assert found["estimate"].to_numpy() == pytest.approx(EFFECT, abs=0.4)
    expected = [0.0, found["estimate"].iloc[0], found["estimate"].iloc[0]]
    assert found["refuted"].to_numpy() == pytest.approx(expected, abs=0.15)
    assert not np.isclose(found["refuted"], found["estimate"], rtol=1e-12).any()
    sentence = str(found.loc["placebo_treatment", "sentence"])
    assert sentence.startswith("Quand l’entrée en formation est tirée au sort après coup")
    assert "zéro attendu\u202f: comme attendu (p\u202f= 0," in sentence


def test_a_score_left_in_the_data_would_spoil_every_refuter() -> None:
    """What dowhy does when asked in the usual way: the placebo is weighted by the real score."""
    from dowhy import CausalModel

    comparison, outcomes = people(2)
    data = pd.DataFrame(
        {
            "x0": comparison.covariates["past"].to_numpy(),
            "treatment": comparison.treated.astype(int),
            "outcome": outcomes.values[:, 0],
        }
    )
    model = CausalModel(data.copy(), "treatment", "outcome", common_causes=["x0"])
    estimand = model.identify_effect()
    usual = model.estimate_effect(
        estimand,
        method_name="backdoor.propensity_score_weighting",
        target_units="att",
        method_params={"min_ps_score": 1e-6, "max_ps_score": 1 - 1e-6},
    )
    assert "propensity_score" in model._data
    settings: dict[str, Any] = {"num_simulations": 20, "random_state": 5}
    placebo = model.refute_estimate(
        estimand,
        usual,
        method_name="placebo_treatment_refuter",
        placebo_type="permute",
        **settings,
    )
    assert abs(placebo.new_effect) > 1
    assert "p value:0.0" in str(placebo)
    cause = model.refute_estimate(estimand, usual, method_name="random_common_cause", **settings)
    assert cause.new_effect == pytest.approx(usual.value, abs=1e-12)

    kept = data.columns.tolist()
    companion(data)
    assert data.columns.tolist() == kept
    ours = refute(comparison.without(["sex"]), outcomes, 12, draws=20, seed=5)
    assert ours["estimate"][0] == pytest.approx(usual.value, abs=0.1)
    assert abs(ours["refuted"][0]) < 0.2
    assert ours["p"][0] > 0.05
    assert abs(ours["refuted"][1] - ours["estimate"][1]) > 1e-6


def test_the_same_seed_gives_the_same_table_and_leaves_other_draws_alone() -> None:
    comparison, outcomes = people(3, units=200)
    before = repr(np.random.get_state())  # noqa: NPY002
    one = refute(comparison, outcomes, 24, draws=3, seed=7)
    pd.testing.assert_frame_equal(one, refute(comparison, outcomes, 24, draws=3, seed=7))
    assert repr(np.random.get_state()) == before  # noqa: NPY002
    other = refute(comparison, outcomes, 24, draws=3, seed=8)
    assert (one["refuted"] != other["refuted"]).all()
    assert (one["estimate"] == other["estimate"]).all()


def test_only_units_observed_at_the_month_count() -> None:
    comparison, outcomes = people(4, units=300)
    seen = np.isfinite(outcomes.values[:, 1])
    kept = comparison.subset(seen)
    alone = Outcomes("y", outcomes.values[seen, 1], [24], kept.unit)
    one, other = (
        refute(comparison, outcomes, 24, draws=2, seed=1),
        refute(kept, alone, 24, draws=2, seed=1),
    )
    assert one["estimate"].to_numpy() == pytest.approx(other["estimate"].to_numpy(), rel=1e-6)


def test_dowhy_says_nothing(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    comparison, outcomes = people(5, units=100)
    level = logging.getLogger("dowhy").level
    with caplog.at_level(logging.DEBUG):
        refute(comparison, outcomes, 12, draws=2)
    assert not [record for record in caplog.records if record.name.startswith("dowhy")]
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("dowhy").level == level


def test_sampling_weights_are_not_testable() -> None:
    comparison, outcomes = people(6, units=100)
    frame = comparison.covariates.assign(treated=comparison.treated, w=[1.0, 2.0] * 50)
    weighted = Comparison.from_frame(frame, treated="treated", covariates=["past"], weights="w")
    found = refute(weighted, outcomes, 12)
    verdicts = refutation_verdicts(found)
    assert verdicts.of("refutation_placebo_treatment") == verdicts.worst == "non testable"
    assert found["sentence"].str.contains("ne connaît pas les poids de sondage").all()


def test_verdicts_follow_the_table() -> None:
    comparison, outcomes = people(7, units=100)
    found = refute(comparison, outcomes, 12, draws=5)
    verdicts = refutation_verdicts(found).table
    assert verdicts["value"].tolist() == found["p"].tolist()
    assert verdicts["verdict"].tolist() == found["verdict"].tolist()
    assert verdicts["threshold"].unique().tolist() == [0.05]


def test_what_cannot_be_refuted_is_refused() -> None:
    comparison, outcomes = people(8, units=100)
    with pytest.raises(InputError, match=r"draws=1 must be a whole number from 2"):
        refute(comparison, outcomes, 12, draws=1)
    with pytest.raises(InputError, match="not observed at 36"):
        refute(comparison, outcomes, 36)
    with pytest.raises(InputError, match="refuters need covariates"):
        refute(comparison.without(["past", "sex"]), outcomes, 12)
    few = np.where(comparison.treated & (comparison.treated.cumsum() > 5), np.nan, 1.0)
    with pytest.raises(InputError, match="fewer than 11 treated units are observed at month 12"):
        refute(comparison, Outcomes("y", few, [12], comparison.unit), 12)
