"""Deterministic draws: an order by md5, the same wherever the tables lie and at every run."""

from __future__ import annotations

import hashlib

import duckdb
import numpy as np
import pyarrow as pa

LUCK_DIGITS = 7
_ALL = "g"


def md5_keys(prefixes: pa.Array, texts: pa.Array, limits: pa.Array | None = None) -> pa.Table:
    """The md5, in hexadecimal digits, of each prefix followed by its text.

    Parameters
    ----------
    prefixes, texts : pyarrow Arrays of str, length n
    limits : pyarrow Array of str, optional
        Only keys before these in the order of digits are returned; ``"g"`` is after every key.

    Returns
    -------
    pyarrow Table
        ``place`` (position in `texts`, ascending) and ``key``.
    """
    places = pa.array(np.arange(len(texts), dtype=np.int64))
    above = pa.array([_ALL] * len(texts)) if limits is None else limits
    columns = {"place": places, "prefix": prefixes, "text": texts, "above": above}
    with duckdb.connect() as connection:
        words = connection.from_arrow(pa.table(columns))
        keyed = words.project('place, md5("prefix" || "text") as "key", "above"')
        near = keyed.filter('"key" < "above"').project('place, "key"')
        return near.to_arrow_table().sort_by("place")


def luck(seed: int, persons: pa.Array) -> np.ndarray:
    """A number of 28 bits for each person: the first digits of the md5 of ``seed:person``.

    Returns
    -------
    int64 array, shape (len(persons),)
    """
    if not len(persons):
        return np.empty(0, np.int64)
    keys = md5_keys(pa.repeat(f"{seed}:", len(persons)), persons)["key"]
    digits = np.frombuffer(_buffer(keys), np.uint8).reshape(len(persons), -1)[:, :LUCK_DIGITS]
    values = np.where(digits >= ord("a"), digits - ord("a") + 10, digits - ord("0"))
    return np.asarray(values.astype(np.int64) @ (16 ** np.arange(LUCK_DIGITS - 1, -1, -1)))


def _buffer(keys: pa.ChunkedArray) -> bytes:
    return "".join(keys.to_pylist()).encode()


def md5_hex(text: str) -> str:
    """The md5 of one text, in hexadecimal digits."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
