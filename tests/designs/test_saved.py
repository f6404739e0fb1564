"""Designs written and read again: the same values, dtypes, indexes and shared arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, NearestNeighbour
from pacte_eval.designs.matching.sets import MatchedSets
from pacte_eval.designs.saved import load, save
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison

BASE = {
    "t": [1, 0, 1, 0, 0, 1],
    "x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
    "level": ["a", "b", "a", "c", "b", "a"],
}


def small(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({**BASE, **columns})


def fitted(frame: pd.DataFrame, **roles: Any) -> Design:
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x", "level"], **roles)
    return NearestNeighbour(np.arange(6.0)).fit(comparison)


def again(design: Design, folder: Path) -> Design:
    design.save(folder / "design")
    return Design.load(folder / "design")


def same(one: Any, other: Any) -> None:
    """Recursively identical: types, dtypes, flags, values, names."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.shape, one.flags.writeable) == (
            other.dtype,
            other.shape,
            other.flags.writeable,
        )
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, pd.Index):
        pd.testing.assert_index_equal(one, other, exact=True, check_exact=True)
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True, check_column_type=True)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other, check_exact=True)
    elif isinstance(one, sparse.csr_matrix):
        assert one.shape == other.shape
        for part in ("data", "indices", "indptr"):
            same(getattr(one, part), getattr(other, part))
    elif isinstance(one, (tuple, list)):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            same(left, right)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        same(list(one.values()), list(other.values()))
    elif hasattr(one, "__dataclass_fields__"):
        for name in one.__dataclass_fields__:
            same(getattr(one, name), getattr(other, name))
    else:
        assert one == other


def test_a_design_with_its_score_is_read_as_it_was(lalonde: Comparison, tmp_path: Path) -> None:
    design = NearestNeighbour(neighbours=2, caliper=0.2, exact=["race"]).fit(lalonde)
    back = again(design, tmp_path)
    same(back, design)
    assert back.summary() == design.summary()
    outcome = lalonde.covariates["re75"].to_numpy()
    pd.testing.assert_frame_equal(
        estimate(back, outcome).table, estimate(design, outcome).table, check_exact=True
    )


@pytest.mark.parametrize(
    "unit",
    [
        pd.RangeIndex(3, 15, 2),
        pd.Index([9, 8, 7, 6, 5, 4], dtype="int32"),
        pd.Index(list("fedcba")),
        pd.Index(list("fedcba"), dtype=object),
        pd.Index(list("fedcba"), dtype="string"),
        pd.CategoricalIndex(list("fedcba"), categories=list("abcdefg")),
        pd.MultiIndex.from_product([["p", "q", "r"], [1, 2]]),
        pd.Index([("p", 1), ("p", 2), ("q", 1), 4, "r", 5.5], tupleize_cols=False),
        pd.DatetimeIndex([f"2020-01-0{day}" for day in range(1, 7)]),
    ],
    ids=[
        "range", "int32", "str", "object", "string", "category", "multi", "tuples", "dates",
    ],
)  # fmt: skip
def test_identifiers_of_any_kind(unit: Any, tmp_path: Path) -> None:
    comparison = replace(fitted(small()).comparison, unit=unit)
    design = NearestNeighbour(np.arange(6.0)).fit(comparison)
    back = again(design, tmp_path)
    same(back, design)
    pd.testing.assert_frame_equal(back.pairs(), design.pairs(), check_exact=True)


@pytest.mark.parametrize(
    "dtype",
    ["bool", "boolean", "Int16", "Float32", "string", "str", "category", "object", "int64[pyarrow]",
     "string[pyarrow]"],
)  # fmt: skip
def test_cells_of_any_dtype_with_missing_values(dtype: str, tmp_path: Path) -> None:
    values: Any = pd.Series([1, 0, 1, 0, 0, 1])
    values = values.astype(dtype)
    if dtype != "bool":
        values[2] = None
    design = fitted(small(place=values), cells=["place"])
    same(again(design, tmp_path), design)


def test_levels_that_nobody_has_and_their_order_are_kept(tmp_path: Path) -> None:
    levels = pd.Categorical(list("abacba"), categories=list("dcba"), ordered=True)
    numbers = pd.Categorical([3, 1, 3, 2, 2, 1], categories=[3, 2, 1, 0])
    design = fitted(small(place=levels, number=numbers), cells=["place", "number"])
    back = again(design, tmp_path)
    same(back, design)
    assert list(back.comparison.cells["place"].cat.categories) == list("dcba")


@dataclass(frozen=True, eq=False)
class _Stranger:
    values: np.ndarray


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(
        dtype=st.sampled_from(["f8", "f4", "i1", "i8", "u4", "?", "U3"]),
        shape=arrays.array_shapes(min_dims=1, max_dims=2, min_side=0),
    ),
    st.booleans(),
)
def test_arrays_of_any_shape(tmp_path_factory: Any, values: np.ndarray, turned: bool) -> None:
    values = values.T if turned else values
    design = replace(fitted(small()), settings={"design": "Any", "values": values})
    same(again(design, tmp_path_factory.mktemp("saved")), design)


def test_plain_settings(tmp_path: Path) -> None:
    settings_ = {
        "design": "Any",
        "none": None,
        "infinite": float("inf"),
        "tuple": (1, ("a", 2.5), True),
        "list": [1, "deux"],
        "nested": {"a": {"b": ()}},
        "numpy": (np.float64(0.1), np.float32(0.1), np.int64(2), np.bool_(True)),
    }
    back = again(replace(fitted(small()), settings=settings_), tmp_path)
    same(back.settings, settings_)


def test_large_indices_and_shared_arrays_are_kept(tmp_path: Path) -> None:
    design = fitted(small())
    assert isinstance(design.matches, MatchedSets)
    sets = design.matches.sets.copy()
    sets.indices = sets.indices.astype(np.int64)
    sets.indptr = sets.indptr.astype(np.int64)
    design = replace(
        design, matches=replace(design.matches, sets=sets), score=design.comparison.weights
    )
    back = again(design, tmp_path)
    same(back, design)
    assert back.score is back.comparison.weights


def test_tables_are_read_by_others(tmp_path: Path) -> None:
    design = fitted(small())
    again(design, tmp_path)
    support = pd.read_parquet(tmp_path / "design" / "support.parquet")
    assert list(support["reason"]) == list(design.support["reason"])
    inventory: Any = pd.read_parquet(tmp_path / "design" / "design.parquet").set_index("path")
    assert "NearestNeighbour" in inventory.loc["settings.0", "detail"]


def test_nothing_is_left_of_a_design_that_cannot_be_written(tmp_path: Path) -> None:
    design = fitted(small())
    wrong = replace(design, settings={"design": "Any", "draw": lambda: 0})
    with pytest.raises(InputError, match=r"'settings\.1' .* function"):
        wrong.save(tmp_path / "design")
    with pytest.raises(InputError, match="complex"):
        replace(design, settings={"a": np.ones(2) * 1j}).save(tmp_path / "design")
    assert list(tmp_path.iterdir()) == []


def test_a_saved_design_is_not_overwritten(tmp_path: Path) -> None:
    design = fitted(small())
    design.save(tmp_path / "design")
    with pytest.raises(InputError, match="exists already"):
        design.save(tmp_path / "design")
    same(Design.load(tmp_path / "design"), design)


def test_what_is_no_design_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no saved Design"):
        Design.load(tmp_path / "nowhere")
    save(fitted(small()).comparison, tmp_path / "comparison")
    with pytest.raises(InputError, match="holds a Comparison, not a Design"):
        Design.load(tmp_path / "comparison")
    assert len(load(tmp_path / "comparison", Comparison)) == 6
    save(_Stranger(np.ones(2)), tmp_path / "stranger")
    with pytest.raises(InputError, match="of another version of pacte_eval"):
        load(tmp_path / "stranger", _Stranger)
    inventory = tmp_path / "comparison" / "design.parquet"
    table = pq.read_table(inventory).to_pandas()
    table["detail"] = table["detail"].str.replace('"cells"', '"old"')
    table.to_parquet(inventory)
    with pytest.raises(InputError, match="Comparison of another version"):
        load(tmp_path / "comparison", Comparison)
