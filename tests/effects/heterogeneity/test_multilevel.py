"""Effects of units regressed within territories: statsmodels' numbers, and those planted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.regression.linear_model import GLS

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, InverseProbability, NearestNeighbour
from pacte_eval.effects import estimate
from pacte_eval.effects.heterogeneity import Multilevel, multilevel, unit_contrasts
from pacte_eval.frames import Comparison, Outcomes
from tests.effects.heterogeneity.heterogeneous import World, world

PERSONS = ["age", "sex"]


def matched(one: World) -> Design:
    return NearestNeighbour(neighbours=2).fit(one.comparison)


def fitted(one: World, **settings: Any) -> Multilevel:
    asked = {"persons": PERSONS, "within": "zone", "places": one.places} | settings
    return multilevel(matched(one), one.outcomes, 12, **asked)


def directly(one: World) -> Any:
    """statsmodels' mixed model on a frame made from the table of pairs."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    design = matched(one)
    pairs = design.pairs()
    outcome = pd.Series(one.outcomes.values[:, 0], one.comparison.unit)
    pairs["part"] = pairs["weight"] * outcome[pairs["control"]].to_numpy()
    sums = pairs.groupby("treated")[["part", "weight"]].sum()
    contrast = outcome[sums.index] - sums["part"] / sums["weight"]
    frame = one.comparison.covariates.loc[sums.index, PERSONS].assign(contrast=contrast)
    frame["zone"] = one.comparison.cells.loc[sums.index, "zone"]
    frame["rate"] = one.places["rate"].reindex(frame["zone"]).to_numpy()
    model = MixedLM.from_formula("contrast ~ age + sex + rate", frame, groups="zone")
    return model, frame


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("drawn", [0.0, 0.5])
def test_the_numbers_are_those_of_statsmodels(drawn: float) -> None:
    one = world(1, units=900, by_age=0.3, by_rate=0.2, drawn=drawn)
    found = fitted(one)
    model, frame = directly(one)
    peer = model.fit(method="powell", xtol=1e-10, ftol=1e-14, maxiter=10_000)
    names = ["age", "sex[T.M]", "rate"]
    assert found.table["term"].tolist() == ["age", "sex[M]", "rate"]
    assert found.table["estimate"].to_numpy() == pytest.approx(peer.fe_params[names], rel=1e-5)
    same = np.equal.outer(frame["zone"].to_numpy(), frame["zone"].to_numpy())
    covariance = found.within * np.eye(len(frame)) + found.between * same
    least = GLS.from_formula("contrast ~ age + sex + rate", frame, sigma=covariance).fit()
    exact = np.sqrt(np.diag(least.normalized_cov_params))[[2, 1, 3]]
    assert found.table["se_model"].to_numpy() == pytest.approx(exact, rel=1e-6)
    normal = 2 * stats.norm.sf(np.abs(found.table["estimate"] / found.table["se"]))
    assert found.table["p"][:2].to_numpy() == pytest.approx(normal[:2], rel=1e-9)
    if drawn:
        assert found.table["se_model"].to_numpy() == pytest.approx(peer.bse_fe[names], rel=0.02)
    assert found.within == pytest.approx(peer.scale, rel=1e-5)
    assert found.between == pytest.approx(float(peer.cov_re.iloc[0, 0]), rel=1e-3, abs=1e-6)
    assert found.n_treated == len(frame) == matched(one).n_treated


@pytest.mark.filterwarnings("ignore")
def test_the_search_goes_further_than_the_default_of_statsmodels() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    losses = []
    for seed in (0, 1):
        one = world(seed, by_rate=0.2, drawn=0.1)
        model, frame = directly(one)
        default = model.fit()
        found = fitted(one)
        again = MixedLM.from_formula("contrast ~ age + sex + rate", frame, groups="zone")
        at_ours = again.fit(method="powell", xtol=1e-10, ftol=1e-14)
        losses.append(at_ours.llf - default.llf)
        assert found.between == pytest.approx(float(at_ours.cov_re.iloc[0, 0]), rel=1e-2, abs=1e-5)
    assert min(losses) > -1e-4
    assert max(losses) > 1e-3


def test_controls_that_serve_several_units_add_covariances() -> None:
    """Against the covariance of all contrasts written out, from the table of pairs."""
    one = world(3, units=300)
    design = matched(one)
    found = unit_contrasts(design, one.outcomes, 12)
    pairs = design.pairs()
    unit = one.comparison.unit
    shares = np.zeros((len(found.rows), len(unit)))
    place = pd.Series(np.arange(len(found.rows)), unit[found.rows])
    shares[place[pairs["treated"]], unit.get_indexer(pd.Index(pairs["control"]))] = pairs["weight"]
    shares /= shares.sum(axis=1, keepdims=True)
    covariance = (shares * found.noise**2) @ shares.T
    np.fill_diagonal(covariance, 0.0)
    loads = np.random.default_rng(1).normal(size=(len(found.rows), 2))
    expected = np.diag(loads.T @ covariance @ loads)
    assert found.shared_variance(loads) == pytest.approx(expected, rel=1e-9)
    mean = np.ones((len(found.rows), 1))
    assert found.shared_variance(mean)[0] > 0


def test_without_reuse_errors_are_those_of_the_model() -> None:
    one = world(3, units=900)
    pairs = NearestNeighbour(replace=False).fit(one.comparison)
    table = multilevel(pairs, one.outcomes, 12, persons=PERSONS, within="zone").table
    assert table["se"].to_numpy() == pytest.approx(table["se_model"].to_numpy(), rel=1e-9)


def test_errors_hold_where_those_of_statsmodels_fail() -> None:
    """A draw of the world whose variance between territories is nothing."""
    found = fitted(world(695), places=None)
    assert found.between == 0
    assert (found.table["se"] > 0).all()


def test_what_was_planted_is_found() -> None:
    one = world(2, units=3_000, zones=20, by_age=0.3, men=0.5, by_rate=0.2, drawn=0.2)
    found = fitted(one)
    table = found.table
    assert (np.abs(table["estimate"] - [0.03, 0.5, 0.2]) < 3 * table["se"]).all()
    assert (table["p"] < 0.01).all()
    assert table["kind"].tolist() == ["person", "person", "place"]
    assert set(table["nature"]) == {"association"}
    assert 0 < found.icc < 0.15


def test_terms_of_places_count_territories() -> None:
    found = fitted(world(3)).table.iloc[-1]
    assert found["p"] == pytest.approx(2 * stats.t.sf(abs(found["estimate"] / found["se"]), 10))
    half = stats.t.ppf(0.975, 10) * found["se"]
    assert found["ci_high"] - found["ci_low"] == pytest.approx(2 * half)


def test_where_territories_do_not_differ_the_variance_is_nothing() -> None:
    """As ordinary least squares, which is the limit."""
    for seed in (5, 8):
        one = world(seed, units=800)
        found = fitted(one, places=None)
        frame = directly(one)[1]
        columns = np.column_stack([np.ones(len(frame)), frame["age"], frame["sex"] == "M"])
        slopes = np.linalg.lstsq(columns.astype(float), frame["contrast"], rcond=None)[0]
        assert found.table["estimate"].to_numpy() == pytest.approx(slopes[1:], rel=1e-6)
        assert found.between == found.icc == 0


def test_contrasts_average_to_the_effect_of_the_design_when_some_are_censored() -> None:
    one = world(4)
    design = matched(one)
    for month, fewer in ((12, False), (24, True)):
        found = unit_contrasts(design, one.outcomes, month)
        effect = estimate(design, one.outcomes.at([month]), adjust="none").table["estimate"][0]
        assert found.values.mean() == pytest.approx(effect, abs=1e-12)
        assert (len(found.rows) < design.n_treated) == fewer
    assert "UnitContrasts(" in repr(found)


def test_sentences_are_in_french_and_say_association() -> None:
    found = fitted(world(5, by_rate=0.4), labels={"rate": "Taux de chômage"}, unit="euros")
    first, *_, last = found.sentences
    assert first.startswith("Entre 12 territoires, peu de grappes, à caractéristiques égales, ")
    assert first.endswith("des associations, non des effets.")
    assert last.startswith("«\u202fTaux de chômage\u202f» pour ")
    assert last.endswith("association distincte de zéro.")
    assert "€ d’effet (intervalle à 95\u202f% [" in last
    assert repr(found).startswith("Multilevel\nEntre 12 territoires")


def test_a_territory_may_be_given_by_unit() -> None:
    one = world(6)
    zones = one.comparison.cells["zone"].sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(fitted(one, within=zones).table, fitted(one).table)


def test_what_cannot_be_fitted_is_refused() -> None:
    one = world(7, units=600)

    def refused(words: str, **settings: Any) -> None:
        with pytest.raises(InputError) as error:
            fitted(one, **settings)
        assert words in str(error.value)

    refused("4 territories are too few", within=one.comparison.cells["zone"].str[-1].map(ord) % 4)
    refused("within 'zones' is no cell, stratum or covariate: did you mean 'zone'?", within="zones")
    refused("characteristic 'agee' is no covariate, stratum or cell", persons=["agee"])
    refused("'age' is named twice", persons=["age", "age"])
    refused("declare characteristics as a list", persons="age")
    refused("places= has no row for territory 'z03'", places=one.places.drop(index="z03"))
    refused("two rows for one territory", places=pd.concat([one.places, one.places]))
    same = one.places.assign(twice=2 * one.places["rate"])
    refused("characteristic 'twice' is determined by the others", places=same)
    refused("'rate' is the same for all units", places=one.places.assign(rate=1.0))
    hole = one.comparison.cells["zone"].where(one.comparison.cells["zone"] != "z01")
    refused("without territory", within=hole)
    many = pd.DataFrame(np.random.default_rng(1).normal(size=(12, 11)), one.places.index)
    refused("columns of places for 12 territories", places=many.add_prefix("x"))


def test_a_level_of_few_people_is_refused_without_its_number() -> None:
    one = world(8, units=600)
    sex = one.comparison.covariates["sex"].astype(str)
    rows = np.flatnonzero(one.comparison.treated)[:4]
    sex.iloc[rows] = "X"
    comparison = replace(one.comparison, cells=one.comparison.cells.assign(gender=sex))
    rare = World(comparison, one.outcomes, one.places)
    with pytest.raises(InputError, match="'gender' has a level of fewer than 11 units: group"):
        fitted(rare, persons=["gender"])


def test_designs_without_pairs_and_unequal_weights_are_refused() -> None:
    one = world(9, units=400)
    with pytest.raises(InputError, match="a design of InverseProbability"):
        unit_contrasts(InverseProbability().fit(one.comparison), one.outcomes, 12)
    with pytest.raises(InputError, match="not observed at 36"):
        unit_contrasts(matched(one), one.outcomes, 36)
    nobody = Outcomes("y", np.full(len(one.comparison), np.nan), [12], one.comparison.unit)
    with pytest.raises(InputError, match="no treated unit is observed"):
        unit_contrasts(matched(one), nobody, 12)
    frame = one.comparison.covariates.assign(
        treated=one.comparison.treated, zone=one.comparison.cells["zone"], w=[1.0, 2.0] * 200
    )
    weighted = Comparison.from_frame(
        frame, treated="treated", covariates=["age", "sex"], cells=["zone"], weights="w"
    )
    with pytest.raises(InputError, match="a mixed model takes no weights"):
        fitted(World(weighted, one.outcomes, one.places))
