"""Random numbers that are functions of (person, month, purpose), not of the order of the calls.

Two worlds of the same person that ask for the same draw get the same number: this is what makes
the counterfactuals share their luck, and the result independent of blocks. The function is the
finaliser of SplitMix64 (Steele, Lea & Flood, 2014) applied twice to the key.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, vectorize

(
    HIRE,
    REGISTER,
    REGISTER_DAY,
    LEAVE,
    LEAVE_DAY,
    ENTER,
    ENTER_DAY,
    OBJECTIVE,
    LENGTH,
    LENGTH_PAIR,
    DROP,
    DROP_DAY,
    EFFECT,
    EFFECT_PAIR,
    PICK,
    HOURS,
    SHORT,
    SHORT_DAY,
    SHORT_LENGTH,
    SPLIT_DAY,
    SPLIT_GAP,
    END_DAY,
    NATURE,
    PIECE,
    PAY,
    PAY_PAIR,
    ESTABLISHMENT,
    CONTRACT_TYPE,
    CERTIFIES,
    STATUS,
    STATUS_DAY,
    FUNDER,
    FIELD,
    AXIS,
    LEVEL,
    SCHEME,
    DECISION,
    HIRE_DAY,
    BENEFIT,
    FOLLOWED,
    FOLLOWED_FROM,
    FOLLOWED_FOR,
    SITUATION,
) = range(43)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@njit(cache=True)
def _mix(x: np.uint64) -> np.uint64:
    x = (x ^ (x >> _S30)) * _FIRST
    x = (x ^ (x >> _S27)) * _SECOND
    return x ^ (x >> _S31)


@njit(cache=True)
def uniform(key: np.uint64, month: int, purpose: int) -> float:
    """A number in the open interval (0, 1) drawn for a person, a month and a purpose."""
    where = np.uint64(month * 64 + purpose + 1) * _GOLDEN
    return (np.float64(_mix(_mix(key + where) ^ where) >> _S11) + 0.5) * 2.0**-53


@njit(cache=True)
def normal(key: np.uint64, month: int, purpose: int, pair: int) -> float:
    """A standard normal number, by Box and Muller, from the draws of two purposes."""
    radius = math.sqrt(-2.0 * math.log(uniform(key, month, purpose)))
    return radius * math.cos(2.0 * math.pi * uniform(key, month, pair))


@vectorize(["float64(uint64, int64, int64)"], cache=True)
def uniforms(key: np.uint64, month: int, purpose: int) -> float:
    """`uniform` over arrays of persons and months."""
    return uniform(key, month, purpose)


@vectorize(["float64(uint64, int64, int64, int64)"], cache=True)
def normals(key: np.uint64, month: int, purpose: int, pair: int) -> float:
    """`normal` over arrays of persons and months."""
    return normal(key, month, purpose, pair)


def person_keys(seed: int, first: int, count: int) -> np.ndarray:
    """Keys of `count` persons numbered from `first`, shape (count,), uint64."""
    root = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    numbers = np.arange(first, first + count, dtype=np.uint64)
    return np.asarray(_mix_all(root + numbers * _GOLDEN))


@vectorize(["uint64(uint64)"], cache=True)
def _mix_all(x: np.uint64) -> np.uint64:
    return _mix(x)
