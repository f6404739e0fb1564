"""A comparison takes any tidy dtype, and refuses in one sentence what an estimator cannot use."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.frames import Comparison


def people(**changes: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "unit": ["a", "b", "c", "d"],
            "entry": [1, 0, 0, 1],
            "age": [20, 30, 40, 50],
            "sex": ["F", "H", "F", "H"],
            "month": [1, 1, 2, 2],
            "zone": ["x", "x", "y", "y"],
        }
    )
    return frame.assign(**changes)


def compare(frame: pd.DataFrame, **options: Any) -> Comparison:
    settings: dict[str, Any] = {"treated": "entry", "covariates": ["age", "sex"], "unit": "unit"}
    return Comparison.from_frame(frame, **(settings | options))


def test_roles_of_columns() -> None:
    comparison = compare(people(), strata=["month"], cells=["zone"])
    assert len(comparison) == 4
    assert comparison.unit.tolist() == ["a", "b", "c", "d"]
    assert comparison.treated.tolist() == [True, False, False, True]
    assert comparison.weights.tolist() == [1, 1, 1, 1]
    assert comparison.cluster.tolist() == ["a", "b", "c", "d"]
    assert comparison.covariates["age"].tolist() == [20.0, 30.0, 40.0, 50.0]
    assert comparison.covariates["sex"].cat.categories.tolist() == ["F", "H"]
    assert list(comparison.strata) == ["month"]
    assert list(comparison.cells) == ["zone"]


def test_no_attribute_can_carry_an_outcome() -> None:
    assert [field.name for field in fields(Comparison)] == [
        "unit",
        "covariates",
        "treated",
        "strata",
        "cells",
        "cluster",
        "weights",
        "treated_label",
        "control_label",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        [True, False, False, True],
        pd.array([1, 0, 0, 1], dtype="Int8"),
        pd.array([True, False, False, True], dtype="boolean"),
        pd.array([1, 0, 0, 1], dtype="int64[pyarrow]"),
        [1.0, 0.0, 0.0, 1.0],
    ],
)
def test_treatment_dtypes(entry: Any) -> None:
    assert compare(people(entry=entry)).treated.tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    "age",
    [
        pd.array([20, 30, 40, 50], dtype="Int64"),
        pd.array([20, 30, 40, 50], dtype="Float32"),
        pd.array([20, 30, 40, 50], dtype="int16[pyarrow]"),
        np.array([20, 30, 40, 50], dtype=object),
        np.array([20, 30, 40, 50], dtype=np.float32),
    ],
)
def test_numbers_of_any_dtype(age: Any) -> None:
    column = compare(people(age=age)).covariates["age"]
    assert column.dtype == np.float64
    assert column.tolist() == [20.0, 30.0, 40.0, 50.0]


@pytest.mark.parametrize("dtype", ["string", "category", "string[pyarrow]", object])
def test_text_of_any_dtype(dtype: Any) -> None:
    column = compare(people(sex=people()["sex"].astype(dtype))).covariates["sex"]
    assert column.tolist() == ["F", "H", "F", "H"]
    assert column.cat.categories.tolist() == ["F", "H"]


def test_units_may_have_several_identifiers() -> None:
    frame = people().set_index(["zone", "unit"])
    comparison = compare(frame, unit=None)
    assert comparison.unit.tolist() == [("x", "a"), ("x", "b"), ("y", "c"), ("y", "d")]
    missing = frame.set_axis(pd.MultiIndex.from_tuples([*frame.index[:3], ("y", None)]))
    with pytest.raises(InputError, match="fewer than 11 units without identifier"):
        compare(missing, unit=None)


@pytest.mark.parametrize("dtype", ["string", "string[pyarrow]", object])
def test_levels_are_sorted_as_text(dtype: Any) -> None:
    values = pd.Series(["10", "9", "10", "2"], dtype=dtype)
    column = compare(people(sex=values)).covariates["sex"]
    assert column.cat.categories.tolist() == ["10", "2", "9"]
    assert column.tolist() == ["10", "9", "10", "2"]


def test_a_level_is_its_text() -> None:
    column = compare(people(sex=np.array([1, "1", "b", "b"], dtype=object))).covariates["sex"]
    assert column.tolist() == ["1", "1", "b", "b"]
    assert column.cat.categories.tolist() == ["1", "b"]


@pytest.mark.parametrize("covariates", [["score"], ["score", "age"], ["score", "other"]])
def test_a_frame_changed_later_changes_nothing(covariates: list[str]) -> None:
    frame = people(score=[0.1, 0.2, 0.3, 0.4], other=[1.0, 2.0, 3.0, 4.0])
    comparison = compare(frame, covariates=covariates)
    frame.loc[:, "score"] = 9.0
    assert comparison.covariates["score"].tolist() == [0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize("dtype", ["Int64", "float64[pyarrow]", "boolean", "string", object])
def test_missing_values_of_any_dtype_are_refused(dtype: Any) -> None:
    values = ["x", None, "y", "x"] if dtype == "string" else [1, None, 0, 1]
    with pytest.raises(InputError, match="'age' has fewer than 11 missing values"):
        compare(people(age=pd.array(values, dtype=dtype)))


def test_a_category_keeps_its_order_and_loses_unused_levels() -> None:
    sex = pd.Categorical(["F", "H", "F", "H"], categories=["H", "X", "F"])
    assert compare(people(sex=sex)).covariates["sex"].cat.categories.tolist() == ["H", "F"]


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"age": [20, None, 40, None]}, {}, "covariate 'age' has fewer than 11 missing values"),
        ({"age": [20, np.inf, 40, 50]}, {}, "covariate 'age' has fewer than 11 infinite values"),
        ({"sex": ["F", None, "F", "H"]}, {}, "covariate 'sex' has fewer than 11 missing values"),
        (
            {"month": [1, None, 2, 2]},
            {"strata": ["month"]},
            "stratum 'month' has fewer than 11 missing",
        ),
        ({"entry": [0, 0, 0, 0]}, {}, "no unit is treated among fewer than 11 units"),
        ({"entry": [1, 1, 1, 1]}, {}, "no unit is a control among fewer than 11 units"),
        ({"entry": [1, 0, 2, 1]}, {}, "'entry' must hold 0 and 1"),
        ({"unit": ["a", "a", "c", "d"]}, {}, "fewer than 11 duplicated units"),
        ({"unit": ["a", None, "c", "d"]}, {}, "fewer than 11 units without identifier"),
        ({}, {"covariates": ["agee"]}, "covariate 'agee' is not a column.*did you mean 'age'"),
        ({}, {"covariates": ["age", "age"]}, "covariate 'age' is named twice"),
        ({"age": pd.Timestamp("2019-01-01")}, {}, "covariate 'age' holds dates"),
        ({"w": [1, 0, 1, 1]}, {"weights": "w"}, "1 sampling weights"),
        ({"w": [1, None, 1, 1]}, {"weights": "w"}, "1 sampling weights"),
        ({"p": [1, None, 1, 1]}, {"cluster": "p"}, "cluster has fewer than 11 missing"),
    ],
)
def test_mistakes_get_one_sentence(
    changes: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        compare(people(**changes), **options)


def test_subset_and_without() -> None:
    comparison = compare(people(), cells=["zone"], treated_label="certifiante")
    half = comparison.subset(comparison.cells["zone"] == "x")
    assert half.unit.tolist() == ["a", "b"]
    assert half.treated_label == "certifiante"
    assert list(comparison.without(["age"]).covariates) == ["sex"]
    with pytest.raises(InputError, match="did you mean 'sex'"):
        comparison.without(["sexe"])
    with pytest.raises(InputError, match="no unit is a control"):
        comparison.subset(comparison.treated)
    with pytest.raises(InputError, match="4 booleans"):
        comparison.subset(np.array([0, 1, 2, 3]))


def test_arrays_cannot_be_changed() -> None:
    comparison = compare(people())
    with pytest.raises(ValueError, match="read-only"):
        comparison.treated[0] = False


@pytest.mark.parametrize("treated", [[0.0, 1.0, np.nan, 1.0], [0, 1, 2, 1], ["0", "1", "0", "1"]])
def test_a_treatment_that_is_neither_yes_nor_no_is_refused(treated: list[Any]) -> None:
    with pytest.raises(InputError, match="treatment 'treated'"):
        replace(compare(people()), treated=np.array(treated))


def test_weights_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="weights 'zone' must be numbers"):
        compare(people(), weights="zone")


def test_a_name_alone_is_no_list_of_names() -> None:
    with pytest.raises(InputError, match="must be a list of names"):
        compare(people(), covariates="age")


def test_columns_of_one_name_are_refused() -> None:
    frame = people()
    with pytest.raises(InputError, match="several columns 'age'"):
        compare(pd.concat([frame, frame[["age"]]], axis=1))
