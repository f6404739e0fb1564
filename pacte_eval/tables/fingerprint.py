"""The fingerprint of a source: of its files' bytes, or of the measures of tables in a database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ibis.expr.types import Column as Values
from ibis.expr.types import IntegerScalar

from pacte_eval.tables.contract import Column


def fingerprint_of(paths: Sequence[Path]) -> str:
    """The sha256 of files, by their names and contents."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def fingerprint_of_measures(description: Any, measures: Mapping[str, Mapping[str, int]]) -> str:
    """The sha256 of what a source declares and of the measures of its tables.

    Parameters
    ----------
    description
        What the source declares, as JSON can hold it.
    measures : mapping of str to mapping
        For each table, the measures of `measures_of` by name.
    """
    text = json.dumps([description, measures], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def measures_of(column: Column, values: Values) -> dict[str, IntegerScalar]:
    """What sums up a column in whole numbers that are the same on every engine.

    Numbers, dates (as days) and booleans by their least, greatest and sum; codes by how often each
    occurs; other texts by their lengths, first and last characters, since least and greatest would
    depend on a collation. Values exchanged between rows leave the measures as they are.
    """
    if column.codes:
        return {f"{column.name}={code}": (values == code).sum() for code in column.codes}
    if column.kind == "text":
        return {
            f"{column.name}:length": values.length().sum(),
            f"{column.name}:first": values.left(1).ascii_str().sum(),
            f"{column.name}:last": values.right(1).ascii_str().sum(),
        }
    if column.kind == "boolean":
        return {f"{column.name}:sum": values.sum()}
    numbers = values.epoch_days() if column.kind == "date" else values
    return {
        f"{column.name}:least": numbers.min(),
        f"{column.name}:greatest": numbers.max(),
        f"{column.name}:sum": numbers.sum(),
    }
