"""Deterministic draws: an order by md5, the same on every engine and at every run."""

from __future__ import annotations

import hashlib

import ibis
from ibis.expr.types import StringValue


def md5_hex(text: str) -> str:
    """What the engine's builtin `md5` returns for a text."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


md5 = ibis.udf.scalar.builtin(md5_hex, name="md5")


def draw_key(seed: int, risk_set: StringValue, person: StringValue) -> StringValue:
    """The key that orders people inside a risk set: md5 of ``seed:risk set:person``."""
    key: StringValue = md5(ibis.literal(f"{seed}:") + risk_set + ":" + person)
    return key
