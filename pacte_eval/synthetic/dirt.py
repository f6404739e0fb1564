"""What real extracts suffer from, drawn apart from everything else so that it biases nothing.

Entries without a person key, gaps and overlaps between consecutive episodes, missing codes, rows
twice. Contracts are never given another end: employment on the last day of a month stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

UNLINKED = 0.02
TWICE = 0.005
GAPS, OVERLAPS = 0.03, 0.02
MISSING = {
    "diploma": 0.02,
    "qualification": 0.03,
    "nationality": 0.01,
    "rome": 0.02,
    "commune": 0.015,
}


def soil(tables: Mapping[str, pa.Table], seed: int, first: int) -> dict[str, pa.Table]:
    """Dirty the tables of the block of persons numbered from `first`."""
    rng = np.random.default_rng([seed, first, 1])
    soiled = dict(tables)
    soiled["registrations"] = _missing(_shifted(tables["registrations"], rng), rng)
    lost = pa.array(rng.random(len(tables["trainings"])) < UNLINKED)
    soiled["trainings"] = _emptied(tables["trainings"], "person", lost)
    return {name: _twice(table, rng) for name, table in soiled.items()}


def _shifted(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    """End some episodes a few days too early or too late for the one that follows."""
    person = table["person"].combine_chunks().indices.to_numpy()
    start = table["start"].cast(pa.int32()).to_numpy()
    end = pc.fill_null(table["end"].cast(pa.int32()), -1).to_numpy().copy()
    followed = np.zeros(len(table), bool)
    followed[:-1] = (person[1:] == person[:-1]) & (end[:-1] >= 0) & (start[1:] == end[:-1] + 1)
    luck, size = rng.random(len(table)), rng.integers(1, 6, len(table))
    gap = followed & (luck < GAPS)
    overlap = followed & (luck > 1 - OVERLAPS)
    end = np.where(gap, np.maximum(end - size, start), np.where(overlap, end + size, end))
    column = pa.array(end.astype(np.int32), mask=end < 0).cast(pa.date32())
    return table.set_column(table.schema.get_field_index("end"), "end", column)


def _missing(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    """Empty codes: the commune row by row, the others for all the rows of a person."""
    column = table["person"].combine_chunks()
    person = column.indices.to_numpy()
    for name, share in MISSING.items():
        if name == "commune":
            empty = rng.random(len(table)) < share
        else:
            empty = (rng.random(len(column.dictionary)) < share)[person]
        table = _emptied(table, name, pa.array(empty))
    return table


def _emptied(table: pa.Table, name: str, where: pa.Array) -> pa.Table:
    column = table[name].combine_chunks()
    indices = pc.if_else(where, pa.scalar(None, pa.int32()), column.indices)
    emptied = pa.DictionaryArray.from_arrays(indices, column.dictionary)
    return table.set_column(table.schema.get_field_index(name), name, emptied)


def _twice(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    repeats = np.where(rng.random(len(table)) < TWICE, 2, 1)
    return table.take(pa.array(np.repeat(np.arange(len(table)), repeats)))
