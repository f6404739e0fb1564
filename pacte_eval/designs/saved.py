"""A design as a folder of Parquet files: one file for each array or frame, and an inventory.

The inventory, ``design.parquet``, has one row for each value reached from the design: its ``path``
(``matches.sets``), its ``kind`` and, as JSON, what else is needed to make it again. Dataclasses are
made again from their fields, whatever these are, so that a new kind of design needs nothing here.
Nothing is executed on reading but the import of the dataclasses of this package.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy import sparse

from pacte_eval.definitions.errors import InputError

Made = TypeVar("Made")

_INVENTORY = "design.parquet"
_PACKAGE = __name__.split(".")[0]
_CSR = ("data", "indices", "indptr")


def save(value: object, path: str | Path) -> None:
    """Write a dataclass of arrays, sparse matrices, frames, indexes and plain values.

    Parameters
    ----------
    value : dataclass
    path : str or Path
        A folder that does not exist yet. It appears when all is written.

    Raises
    ------
    InputError
        If `path` exists or cannot be written, or a value is of no kind that can be read again.
    """
    folder = Path(path)
    if folder.exists():
        raise InputError(f"{folder} exists already: give a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            made = Path(scratch) / "design"
            made.mkdir()
            writer = _Writer(made)
            writer.add("", value)
            writer.close()
            made.rename(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from error


def load(path: str | Path, kind: type[Made]) -> Made:
    """What `save` wrote, identical: values, dtypes, indexes, and which arrays are shared.

    Raises
    ------
    InputError
        If `path` does not hold a `kind`.
    """
    folder = Path(path)
    if not (folder / _INVENTORY).is_file():
        raise InputError(f"{folder} holds no saved {kind.__name__}: it has no {_INVENTORY}")
    value = _Reader(folder).value("")
    if not isinstance(value, kind):
        raise InputError(f"{folder} holds a {type(value).__name__}, not a {kind.__name__}")
    return value


class _Writer:
    """Writes each value as it is reached, an array or index reached twice only once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[tuple[str, str, str]] = []
        self._seen: dict[int, tuple[str, object]] = {}

    def add(self, path: str, value: object) -> None:
        if id(value) in self._seen:
            self._note(path, "same", of=self._seen[id(value)][0])
            return
        if isinstance(value, (np.ndarray, pd.Index)):
            self._seen[id(value)] = path, value
        match value:
            case _ if is_dataclass(value) and not isinstance(value, type):
                parts = {field.name: getattr(value, field.name) for field in fields(value)}
                home = type(value)
                name = f"{home.__module__}:{home.__qualname__}"
                self._note(path, "dataclass", of=name, fields=list(parts))
                self._add_all(path, parts)
            case np.generic():
                self._note(path, "scalar", value=_plain(value, path), dtype=value.dtype.str)
            case None | bool() | int() | float() | str():
                self._note(path, "plain", value=_plain(value, path))
            case tuple() | list():
                kind = "tuple" if isinstance(value, tuple) else "list"
                self._note(path, kind, length=len(value))
                self._add_all(path, dict(enumerate(value)))
            case Mapping():
                self._note(path, "dict", keys=[_plain(key, path) for key in value])
                self._add_all(path, dict(enumerate(value.values())))
            case np.ndarray():
                order: Literal["C", "F"] = "C" if value.flags.c_contiguous else "F"
                self._note(
                    path,
                    "array",
                    shape=value.shape,
                    order=order,
                    writeable=value.flags.writeable,
                    columns=self._write(path, {"values": value.ravel(order=order)}),
                )
            case sparse.csr_matrix():
                self._note(path, "csr", shape=[int(side) for side in value.shape])
                self._add_all(path, {part: getattr(value, part) for part in _CSR})
            case pd.RangeIndex():
                name = _plain(value.name, path)
                self._note(path, "range", name=name, of=[value.start, value.stop, value.step])
            case pd.MultiIndex():
                self._note(path, "multiindex", names=[_plain(name, path) for name in value.names])
                self._add_all(path, {"levels": list(value.levels), "codes": list(value.codes)})
            case pd.Index():
                columns = self._write(path, {"values": value.array})
                self._note(path, "index", name=_plain(value.name, path), columns=columns)
            case pd.Series():
                columns = self._write(path, {"values": value.array})
                self._note(path, "series", name=_plain(value.name, path), columns=columns)
                self._add_all(path, {"index": value.index})
            case pd.DataFrame():
                names = map(
                    str, value.columns if value.columns.is_unique else range(value.shape[1])
                )
                arrays = {name: value.iloc[:, i].array for i, name in enumerate(names)}
                self._note(path, "frame", columns=self._write(path, arrays))
                self._add_all(path, {"columns": value.columns, "index": value.index})
            case pd.api.extensions.ExtensionArray():
                self._note(path, "extension", columns=self._write(path, {"values": value}))
            case _:
                raise _unsaved(path, value)

    def close(self) -> None:
        """Write the inventory."""
        columns = zip(("path", "kind", "detail"), zip(*self._rows, strict=True), strict=True)
        pq.write_table(pa.table(dict(columns)), self._folder / _INVENTORY)

    def _add_all(self, path: str, values: Mapping[Any, object]) -> None:
        for name, value in values.items():
            self.add(_join(path, name), value)

    def _note(self, path: str, kind: str, **detail: object) -> None:
        self._rows.append((path, kind, json.dumps(detail)))

    def _write(self, path: str, arrays: Mapping[str, Any]) -> dict[str, dict[str, object]]:
        """Write columns of one length; what each needs to be read again."""
        columns, details = {}, {}
        for name, array in arrays.items():
            columns[name], details[name] = _to_arrow(array, path)
        if columns:
            pq.write_table(
                pa.table(columns), self._folder / f"{path}.parquet", use_dictionary=False
            )
        return details


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        rows = pq.read_table(folder / _INVENTORY).to_pylist()
        self._rows = {row["path"]: (row["kind"], json.loads(row["detail"])) for row in rows}
        self._made: dict[str, Any] = {}

    def value(self, path: str) -> Any:
        if path not in self._made:
            self._made[path] = self._make(path, *self._rows[path])
        return self._made[path]

    def _make(self, path: str, kind: str, detail: dict[str, Any]) -> Any:
        match kind:
            case "same":
                return self.value(detail["of"])
            case "plain":
                return _from_plain(detail["value"])
            case "scalar":
                return np.dtype(detail["dtype"]).type(detail["value"])
            case "tuple" | "list":
                items = [self._part(path, place) for place in range(detail["length"])]
                return tuple(items) if kind == "tuple" else items
            case "dict":
                keys = map(_from_plain, detail["keys"])
                return {key: self._part(path, place) for place, key in enumerate(keys)}
            case "array":
                flat = self._read(path, detail)["values"]
                array = np.reshape(flat, detail["shape"], order=detail["order"])
                if detail["writeable"] and not array.flags.writeable:
                    array = array.copy(order="K")
                array.setflags(write=detail["writeable"])
                return array
            case "csr":
                data, *places = (self._part(path, part) for part in _CSR)
                matrix = sparse.csr_matrix(tuple(detail["shape"]), dtype=data.dtype)
                matrix.data, (matrix.indices, matrix.indptr) = data, places
                return matrix
            case "range":
                start, stop, step = detail["of"]
                return pd.RangeIndex(start, stop, step, name=_from_plain(detail["name"]))
            case "multiindex":
                return pd.MultiIndex(
                    self._part(path, "levels"),
                    self._part(path, "codes"),
                    names=[_from_plain(name) for name in detail["names"]],
                )
            case "index":
                values = self._read(path, detail)["values"]
                name = _from_plain(detail["name"])
                return pd.Index(values, dtype=values.dtype, name=name, tupleize_cols=False)
            case "series":
                values = self._read(path, detail)["values"]
                index = self._part(path, "index")
                return pd.Series(values, index, values.dtype, _from_plain(detail["name"]))
            case "frame":
                index = self._part(path, "index")
                columns = [
                    pd.Series(values, index, values.dtype)
                    for values in self._read(path, detail).values()
                ]
                frame = pd.DataFrame(dict(enumerate(columns)), index)
                return frame.set_axis(self._part(path, "columns"), axis=1)
            case "extension":
                return self._read(path, detail)["values"]
            case _:
                return self._dataclass(path, detail)

    def _part(self, path: str, name: object) -> Any:
        return self.value(_join(path, name))

    def _read(self, path: str, detail: dict[str, Any]) -> dict[str, Any]:
        if not detail["columns"]:
            return {}
        table = pq.read_table(self._folder / f"{path}.parquet")
        return {
            name: _from_arrow(table.column(name), one) for name, one in detail["columns"].items()
        }

    def _dataclass(self, path: str, detail: dict[str, Any]) -> Any:
        module, name = detail["of"].split(":")
        found = None
        if module.split(".")[0] == _PACKAGE:
            found = getattr(import_module(module), name, None)
        known = [field.name for field in fields(found)] if is_dataclass(found) else None
        if known != detail["fields"] or not isinstance(found, type):
            raise InputError(
                f"{self._folder} holds a {name} of another version of {_PACKAGE}: fit it again"
            )
        made: Any = object.__new__(found)
        for field in detail["fields"]:
            object.__setattr__(made, field, self._part(path, field))
        return made


def _join(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _to_arrow(values: Any, path: str) -> tuple[Any, dict[str, object]]:
    """A column of Parquet, and what `_from_arrow` needs to make the same array of it."""
    if isinstance(values, pd.arrays.NumpyExtensionArray):
        values = values.to_numpy()
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categories, detail = _to_arrow(dtype.categories.array, path)
        labels = _labels(categories)
        column = labels.take(pa.array(values.codes, mask=values.codes < 0))
        plain = [_plain(category, path) for category in categories.to_pylist()]
        return column, {"categories": plain, "of": detail, "ordered": bool(dtype.ordered)}
    if isinstance(dtype, pd.StringDtype):
        missing = "NA" if dtype.na_value is pd.NA else "nan"
        return pa.array(values, pa.large_string()), {"text": [dtype.storage, missing]}
    if isinstance(dtype, pd.ArrowDtype):
        return pa.array(values), {"arrow": True}
    if not isinstance(dtype, np.dtype):
        return pa.array(values), {"pandas": str(dtype)}
    values = np.asarray(values)
    if dtype.kind == "O":
        if all(isinstance(value, str) for value in values):
            return pa.array(values, pa.large_string()), {"objects": "text"}
        texts = [json.dumps(_plain(value, path)) for value in values]
        return pa.array(texts, pa.large_string()), {"objects": "json"}
    if dtype.kind == "U":
        return pa.array(values.tolist(), pa.large_string()), {"numpy": dtype.str}
    if dtype.kind not in "biufmM":
        raise _unsaved(path, values)
    return pa.array(values), {"numpy": dtype.str}


def _from_arrow(column: Any, detail: dict[str, Any]) -> Any:
    if "categories" in detail:
        known = pa.array([_from_plain(category) for category in detail["categories"]])
        codes = pc.index_in(column, value_set=_labels(known)).fill_null(-1).to_numpy()
        values = _from_arrow(pa.chunked_array([known]), detail["of"])
        categories = pd.Index(values, dtype=values.dtype, tupleize_cols=False)
        return pd.Categorical.from_codes(codes, categories, ordered=detail["ordered"])
    if "text" in detail:
        storage, missing = detail["text"]
        dtype: Any = pd.StringDtype(storage, na_value=pd.NA if missing == "NA" else np.nan)
        return dtype.__from_arrow__(column)
    if "arrow" in detail:
        return pd.arrays.ArrowExtensionArray(column)
    if "pandas" in detail:
        dtype = pd.api.types.pandas_dtype(detail["pandas"])
        return dtype.__from_arrow__(column)
    if "objects" in detail:
        texts = column.to_pylist()
        values = np.empty(len(texts), dtype=object)
        if detail["objects"] == "json":
            texts = [_from_plain(json.loads(text)) for text in texts]
        for place, text in enumerate(texts):
            values[place] = text
        return values
    values = column.combine_chunks().to_numpy(zero_copy_only=False)
    return values.astype(detail["numpy"], copy=False)


def _labels(categories: Any) -> Any:
    """Categories as texts, all different."""
    if pa.types.is_large_string(categories.type) or pa.types.is_string(categories.type):
        return categories.cast(pa.string())
    return pa.array([json.dumps(category) for category in categories.to_pylist()], pa.string())


def _plain(value: object, path: str) -> Any:
    """A value as JSON holds it; a tuple, which JSON has not, as ``{"tuple": […]}``."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple):
        return {"tuple": [_plain(item, path) for item in value]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise _unsaved(path, value)


def _from_plain(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(_from_plain(item) for item in value["tuple"])
    return value


def _unsaved(path: str, value: object) -> InputError:
    kind = str(value.dtype) if hasattr(value, "dtype") else type(value).__name__
    return InputError(
        f"'{path}' of the design holds values of type {kind}, which cannot be saved: give numbers "
        "or texts"
    )
