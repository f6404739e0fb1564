"""A forest finds what was planted, claims nothing where nothing was, and shows groups only."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, InverseProbability, NearestNeighbour
from pacte_eval.designs.scores.cross_fitted import folds_of_persons, learnt_columns
from pacte_eval.effects.heterogeneity import ForestResult, forest
from pacte_eval.effects.heterogeneity.forest import learners
from pacte_eval.frames import Comparison, Outcomes
from tests.effects.heterogeneity.heterogeneous import World, world

PERSONS = ["age", "sex"]
HETEROGENEOUS: dict[str, Any] = {"by_age": 0.9, "men": -0.5}


def grown(one: World, design: Design | None = None, **settings: Any) -> ForestResult:
    asked: dict[str, Any] = {"persons": PERSONS, "trees": 100, "folds": 2, "seed": 1} | settings
    month = asked.pop("month", 12)
    return forest(design or weighted(one), one.outcomes, month, **asked)


def weighted(one: World) -> Design:
    return InverseProbability().fit(one.comparison)


@pytest.fixture(scope="module")
def planted() -> World:
    return world(1, units=2_000, **HETEROGENEOUS)


@pytest.fixture(scope="module")
def found(planted: World) -> ForestResult:
    return grown(planted)


def test_what_was_planted_is_projected(found: ForestResult) -> None:
    table = found.projection
    assert table["term"].tolist() == ["age", "sex[M]"]
    assert (np.abs(table["estimate"] - [0.09, -0.5]) < 3 * table["se"]).all()
    assert (table["p"] < 0.01).all()
    half = (table["ci_high"] - table["estimate"]).to_numpy()
    assert half == pytest.approx(1.959964 * table["se"].to_numpy(), rel=1e-6)
    assert set(table["nature"]) == {"association"}
    assert abs(found.estimate - 0.75) < 3 * found.se


def test_predictions_are_calibrated_where_the_effect_varies(found: ForestResult) -> None:
    table = found.calibration.set_index("term")
    assert (np.abs(table["estimate"] - 1) < 3 * table["se"]).all()
    assert (table["p"] < 1e-6).all()
    assert (
        table["sentence"]
        .iloc[1]
        .endswith("l’effet varie d’une personne à l’autre au-delà du hasard.")
    )


def test_nothing_is_claimed_where_the_effect_is_the_same_for_all() -> None:
    result = grown(world(2, units=1_500))
    assert result.calibration["p"].iloc[1] > 0.05
    assert "aucune variation de l’effet n’est établie." in result.sentences[1]
    assert (np.abs(result.projection["estimate"]) < 3 * result.projection["se"]).all()
    assert result.policy["treats"].all()
    assert result.policy["rule"].tolist() == ["tout le monde"]


def test_the_rule_trains_whom_it_helps_and_is_worth_more(found: ForestResult) -> None:
    """Training helps from 1 - 0.9 decades, 1.11 decades under 40 years: 28.9 for women, 34.4 for
    men."""
    values = found.values.set_index("policy")
    assert values["ci_low"]["difference"] > 0
    assert values["estimate"]["difference"] == pytest.approx(
        values["estimate"]["tree"] - values["estimate"]["everyone"]
    )
    assert values["estimate"]["everyone"] == pytest.approx(found.estimate)
    rules = found.policy
    assert rules["treats"].tolist() == [False, True]
    assert rules["rule"].str.match("age (≤|>)\xa03[0-9],").all()
    assert rules["share"].sum() == pytest.approx(1)
    assert rules[["n_treated", "n_control"]].to_numpy().min() >= 11
    assert rules["n_treated"].sum() == found.n_treated


@pytest.mark.filterwarnings("ignore")
def test_the_mean_of_predictions_is_that_of_econml(planted: World, found: ForestResult) -> None:
    from econml.dml import CausalForestDML
    from sklearn.model_selection import GroupKFold

    sample, values = planted.comparison, planted.outcomes.values[:, 0]
    columns, fold = learnt_columns(sample.covariates), folds_of_persons(sample, 2, 1)
    predicted = np.empty(len(sample))
    for held in (0, 1):
        others = fold != held
        peer = CausalForestDML(
            **learners(1),
            discrete_treatment=True,
            cv=GroupKFold(2),
            n_estimators=100,
            min_samples_leaf=11,
            random_state=1,
        )
        peer.fit(
            values[others],
            sample.treated[others].astype(int),
            X=columns[others],
            groups=np.flatnonzero(others),
        )
        predicted[~others] = peer.effect(columns[~others])
    assert found.mean == pytest.approx(predicted.mean(), abs=1e-10)


def test_the_same_seed_gives_the_same_tables(planted: World, found: ForestResult) -> None:
    again = grown(planted)
    pd.testing.assert_frame_equal(again.calibration, found.calibration)
    pd.testing.assert_frame_equal(again.values, found.values)
    assert again.mean == found.mean


def test_the_result_holds_nothing_of_one_unit(planted: World, found: ForestResult) -> None:
    held = [getattr(found, field.name) for field in fields(found)]
    assert max(len(item) for item in held if hasattr(item, "__len__")) < 10
    lines = repr(found).splitlines()
    assert lines[0] == "ForestResult"
    assert lines[1:] == found.sentences
    assert "«\u202fsex\u00a0: homme plutôt que femme\u202f»" in repr(found)


def test_rows_of_one_person_count_together() -> None:
    """Each person twice: errors do not shrink."""
    one = world(4, units=500, **HETEROGENEOUS)
    comparison = one.comparison
    frame = comparison.covariates.assign(treated=comparison.treated, person=comparison.unit)
    twice = pd.concat([frame, frame], ignore_index=True)
    doubled = World(
        Comparison.from_frame(
            twice, treated="treated", covariates=["age", "sex"], cluster="person"
        ),
        Outcomes("y", np.vstack([one.outcomes.values] * 2), [12, 24], pd.RangeIndex(1_000)),
        one.places,
    )
    single = grown(World(comparison.without(["diploma"]), one.outcomes, one.places))
    result = grown(doubled)
    assert result.se > 0.9 * single.se, "1 / √2 of it if rows were taken as independent"
    assert (result.projection["se"] > 0.9 * single.projection["se"]).all()
    assert result.n_treated == 2 * single.n_treated
    assert result.policy["n_treated"].sum() == single.n_treated


def test_only_who_is_kept_and_observed_counts() -> None:
    one = world(5, units=900)
    design = NearestNeighbour(caliper=0.05, neighbours=3).fit(one.comparison)
    result = grown(one, design, month=24, trees=8)
    seen = np.isfinite(one.outcomes.values[:, 1]) & (design.weights != 0)
    assert result.n_treated == np.count_nonzero(seen & one.comparison.treated)
    assert result.n_control == np.count_nonzero(seen & ~one.comparison.treated)


def test_what_cannot_be_grown_is_refused() -> None:
    one = world(6, units=400)

    def refused(words: str, **settings: Any) -> None:
        with pytest.raises(InputError) as error:
            grown(one, **settings)
        assert words in str(error.value)

    refused("trees=10 must be a multiple of 4", trees=10)
    refused("folds=1 must be a whole number from 2", folds=1)
    refused("not observed at 36", month=36)
    refused("characteristic 'agee' is no covariate, stratum or cell", persons=["agee"])
    refused("too few treated units are kept and observed at month 12 for 10 folds", folds=10)
    rare = one.comparison.covariates["sex"].astype(str)
    rare.iloc[:3] = "X"
    cells = one.comparison.cells.assign(gender=rare)
    few = World(replace(one.comparison, cells=cells), one.outcomes, one.places)
    with pytest.raises(InputError, match="'gender' has a level of fewer than 11 units"):
        grown(few, persons=["gender"])
