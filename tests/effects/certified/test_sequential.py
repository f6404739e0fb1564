"""Sequential weighting: right where observed history decides, wrong where a hidden trait does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import InverseProbability, NearestNeighbour
from pacte_eval.effects.certified import (
    Certification,
    naive_contrast,
    sequential_weighting,
)
from pacte_eval.frames import Comparison, Outcomes
from tests.effects.certified.certifying import world

BETWEEN = "formés certifiés contre non certifiés"
CERTIFIED = "formés certifiés contre en attente"


def at_24(table: pd.DataFrame, comparison: str) -> pd.Series:
    return table[(table["comparison"] == comparison) & (table["month"] == 24)].iloc[0]


@pytest.mark.parametrize(
    "maker", [InverseProbability(), NearestNeighbour(replace=False)], ids=["weights", "pairs"]
)
def test_observed_history_is_enough_when_it_decides(maker: Any) -> None:
    data = world(20_000, 11, latent=False, trained_share=0.4)
    design = maker.fit(data.comparison)
    table = sequential_weighting(design, data.outcomes, data.certification, data.history)
    treated = data.comparison.treated & (design.weights > 0)
    between, against = at_24(table, BETWEEN), at_24(table, CERTIFIED)
    truth = (data.all_certified - data.untrained)[treated].mean()
    assert abs(between["estimate"] - 0.10) < 3 * between["se"]
    assert abs(against["estimate"] - truth) < 3 * against["se"]
    naive = naive_contrast(design, data.outcomes, data.certification).table
    assert at_24(naive, BETWEEN)["estimate"] - 0.10 > 3 * between["se"]
    assert "ignorabilité séquentielle" in between["sentence"]


def test_a_hidden_trait_makes_it_fail() -> None:
    data = world(20_000, 12, latent=True)
    design = InverseProbability().fit(data.comparison)
    table = sequential_weighting(design, data.outcomes, data.certification, data.history)
    between = at_24(table, BETWEEN)
    assert between["estimate"] - 0.10 > 5 * between["se"]


def test_weights_are_those_of_a_logit() -> None:
    data = world(1_500, 13, latent=False)
    design = InverseProbability().fit(data.comparison)
    row = at_24(
        sequential_weighting(design, data.outcomes, data.certification, data.history), BETWEEN
    )
    treated = data.comparison.treated
    known = np.column_stack(
        [data.comparison.covariates["x"], data.history["attendance"]]
    )[treated]  # fmt: skip
    state, y = data.certified[treated], data.outcomes.values[treated, 1]
    chance = LogisticRegression(C=np.inf, tol=1e-10).fit(known, state).predict_proba(known)[:, 1]
    weight = np.where(state, 1 / chance, 1 / (1 - chance))
    means = [np.average(y[side], weights=weight[side]) for side in (state, ~state)]
    assert row["treated_mean"] == pytest.approx(means[0], abs=1e-5)
    assert row["control_mean"] == pytest.approx(means[1], abs=1e-5)
    own = weight[state]
    assert row["effective_certified"] == pytest.approx(own.sum() ** 2 / (own @ own), rel=1e-4)
    assert row["largest_weight_certified"] == pytest.approx(own.max() / own.mean(), rel=1e-4)


def test_errors_are_the_spread_of_estimates() -> None:
    made = []
    for seed in range(100):
        data = world(500, 1_000 + seed, latent=False)
        design = InverseProbability().fit(data.comparison)
        once = Outcomes("emploi", data.outcomes.values[:, 1], (24,), data.comparison.unit)
        table = sequential_weighting(design, once, data.certification, data.history)
        made.append(table[["estimate", "se"]].to_numpy())
    estimates, errors = np.moveaxis(np.array(made), 2, 0)
    ratio = np.sqrt((errors**2).mean(axis=0)) / estimates.std(axis=0, ddof=1)
    assert (np.abs(ratio - 1) < 3 / np.sqrt(2 * 100)).all()


def test_unknown_states_are_left_out_and_counted() -> None:
    data = world(600, 14, latent=False)
    state = data.certified.astype(object)
    state[::4] = "inconnue"
    design = InverseProbability().fit(data.comparison)
    states = Certification.from_series(state, data.comparison)
    table = sequential_weighting(design, data.outcomes, states, data.history)
    assert (table["n_unknown"] == data.comparison.treated[::4].sum()).all()
    assert np.isfinite(table["estimate"]).all()


def test_where_a_state_or_a_month_has_nobody() -> None:
    data = world(300, 15, latent=False, missing=True)
    design = InverseProbability().fit(data.comparison)
    table = sequential_weighting(design, data.outcomes, data.certification, data.history)
    assert np.isfinite(table.loc[table["month"] == 12, "se"]).all()
    assert table.loc[table["month"] == 24, "estimate"].isna().all()
    everybody = Certification.from_series(np.ones(300), data.comparison)
    alone = sequential_weighting(design, data.outcomes, everybody, data.history)
    assert alone["estimate"].isna().all()


def test_a_person_in_both_arms_is_counted_once() -> None:
    """Controls who are the trainees of another risk set: their noise enters both means."""
    data = world(400, 16, latent=False)
    treated = data.comparison.treated
    count = int(min(treated.sum(), (~treated).sum()))
    person = np.arange(400)
    person[np.flatnonzero(~treated)[:count]] = np.flatnonzero(treated)[:count]
    frame = pd.DataFrame({"treated": treated, "person": person, "x": np.arange(400) % 2})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["x"], cluster="person")
    design = InverseProbability().fit(comparison)
    y = np.random.default_rng(1).standard_normal(400)[person]
    outcomes = Outcomes("salaires", y, (24,), comparison.unit)
    states = Certification.from_series(data.certified, comparison)
    own = sequential_weighting(design, outcomes, states, data.history)
    apart = InverseProbability().fit(
        Comparison.from_frame(frame, treated="treated", covariates=["x"])
    )
    alone = sequential_weighting(apart, outcomes, states, data.history)
    np.testing.assert_allclose(own["estimate"], alone["estimate"])
    assert own["se"].iloc[0] < 0.9 * alone["se"].iloc[0]


def test_mistakes_are_told() -> None:
    data = world(300, 17, latent=False)
    design = InverseProbability().fit(data.comparison)
    given = (design, data.outcomes, data.certification)
    with pytest.raises(InputError, match="history 'x' has the name of a covariate"):
        sequential_weighting(*given, data.history.rename(columns={"attendance": "x"}))
    with pytest.raises(InputError, match="history has no row for"):
        sequential_weighting(*given, data.history.iloc[:100])
    with pytest.raises(InputError, match="passed"):
        sequential_weighting(*given, data.history.assign(passed=data.certified))
