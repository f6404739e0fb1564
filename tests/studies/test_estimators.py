"""What a study declares is what designs are made with, and each design reads back in French."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import TypeAdapter

from pacte_eval import designs
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.estimators import EstimatorDefinition, unrestricted, uses_a_score
from pacte_eval.definitions.estimators_in_french import estimator_in_french, whom_in_french
from pacte_eval.frames import Comparison
from pacte_eval.studies.designs import check_terms, named_design, prepared

MODELS = get_args(get_args(EstimatorDefinition)[0])
ADAPTER: TypeAdapter[Any] = TypeAdapter(EstimatorDefinition)
DECLARED = [
    ({"design": "NearestNeighbour", "neighbours": 5, "caliper": 0.2}, "5 voisins avec remise"),
    ({"design": "NearestNeighbour", "replace": False}, "1 voisin sans remise"),
    ({"design": "NearestNeighbour", "distance": "mahalanobis"}, "distance de Mahalanobis"),
    ({"design": "RadiusMatching", "support": "min-max"}, "1,5 fois la plus grande distance"),
    ({"design": "KernelMatching", "kernel": "local-linear"}, "régression locale linéaire"),
    ({"design": "OptimalMatching", "kind": "full"}, "optimal complet"),
    ({"design": "Subclassification", "score": "probit"}, "score probit"),
    ({"design": "ExactMatching", "on": ["race"]}, "appariement exact"),
    ({"design": "CoarsenedExact"}, "variables regroupées"),
    ({"design": "CoarsenedExact", "cutpoints": 4}, "variables regroupées"),
    ({"design": "CoarsenedExact", "cutpoints": {"age": [25, 50]}}, "variables regroupées"),
    ({"design": "InverseProbability", "support": {"crump": 0.1}}, "Crump à 0,10"),
    ({"design": "InverseProbability", "support": {"quantile": 0.01}}, "quantiles 0,01"),
    ({"design": "InverseProbability", "score": {"model": "boosting"}}, "boosting"),
    ({"design": "EntropyBalancing", "moments": 2, "within": ["race"]}, "2 moments"),
    ({"design": "CovariateBalancingScore"}, "équilibrant les covariables"),
]


@pytest.mark.parametrize("model", MODELS)
def test_a_study_declares_the_parameters_of_the_constructor(model: Any) -> None:
    name = get_args(model.model_fields["design"].annotation)[0]
    parameters = inspect.signature(getattr(designs, name)).parameters
    assert set(model.model_fields) - {"design"} == set(parameters) - {"estimand"}
    for key, field in model.model_fields.items():
        if key != "design":
            assert field.default == parameters[key].default, key


@pytest.mark.parametrize(("declared", "words"), DECLARED)
def test_declared_estimators_are_fitted_and_read_back(
    declared: dict[str, Any], words: str, lalonde: Comparison
) -> None:
    estimator = ADAPTER.validate_python(declared)
    design = named_design(estimator, lalonde).fit(lalonde)
    assert design.settings["design"] == declared["design"]
    assert words in estimator_in_french(estimator)
    assert whom_in_french(estimator).startswith("on ")


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"design": "NearestNeighbour"}, True),
        ({"design": "NearestNeighbour", "distance": "mahalanobis"}, False),
        ({"design": "KernelMatching"}, True),
        ({"design": "CoarsenedExact"}, False),
        ({"design": "EntropyBalancing"}, False),
    ],
)
def test_a_page_speaks_of_a_score_where_there_is_one(
    declared: dict[str, Any], expected: bool
) -> None:
    assert uses_a_score(ADAPTER.validate_python(declared)) is expected


def test_without_restriction_the_caliper_and_the_support_go() -> None:
    estimator = ADAPTER.validate_python(
        {"design": "NearestNeighbour", "caliper": 0.2, "support": "min-max", "neighbours": 3}
    )
    wider = unrestricted(estimator)
    assert (wider.caliper, wider.support, wider.neighbours) == (None, None, 3)
    weighting = ADAPTER.validate_python({"design": "EntropyBalancing"})
    assert unrestricted(weighting) == weighting


@pytest.mark.parametrize(
    "declared",
    [
        {"design": "NearestNeighbour", "mahalanobis_on": ["aged"], "distance": "mahalanobis"},
        {"design": "EntropyBalancing", "interactions": [["age", "aged"]]},
        {"design": "InverseProbability", "score": {"squares": ["aged"]}},
        {"design": "CoarsenedExact", "cutpoints": {"aged": 4}},
    ],
)
def test_terms_must_be_covariates(declared: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"'aged'.*did you mean 'age'"):
        check_terms(ADAPTER.validate_python(declared), ["age", "race"])


@pytest.mark.parametrize(
    "declared",
    [
        {
            "design": "NearestNeighbour",
            "distance": "mahalanobis",
            "mahalanobis_on": ["age", "re75"],
        },
        {"design": "CoarsenedExact", "cutpoints": {"age": 4, "re75": 3}},
    ],
)
def test_settings_on_history_left_out_leave_with_it(
    declared: dict[str, Any], lalonde: Comparison
) -> None:
    reduced = lalonde.without(["re75"])
    assert named_design(ADAPTER.validate_python(declared), reduced).fit(reduced).n_treated > 0


def test_rare_levels_are_not_equal_for_an_exact_matching(lalonde: Comparison) -> None:
    rare = lalonde.covariates["race"].astype(str).to_numpy(copy=True)
    rare[np.flatnonzero(lalonde.treated)[:2]] = "one"
    rare[np.flatnonzero(~lalonde.treated)[:2]] = "other"
    comparison = replace(lalonde, covariates=lalonde.covariates.assign(race=rare))
    coarsened = ADAPTER.validate_python({"design": "CoarsenedExact"})
    nearest = ADAPTER.validate_python({"design": "NearestNeighbour"})
    assert prepared(comparison, coarsened) is comparison
    assert set(prepared(comparison, nearest).covariates["race"]) < set(rare)
