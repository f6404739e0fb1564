"""Risk sets: controls drawn in the cells of the treated, with the fraction drawn kept.

In each cell (entry month, or entry month × band of elapsed unemployment) the people at risk are put
in the order of a hash and the first ones are kept, so many for each treated unit of the cell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pacte_eval.cohorts.hashing import md5_keys

_HEX_DIGITS = 8
_MANY = 8.0
_EVERY_KEY = "g"


def draw(
    persons: pa.Array, risk_set: np.ndarray, names: Sequence[str], wanted: np.ndarray, seed: int
) -> np.ndarray:
    """Who is kept of each risk set: the first in the order of the hash of seed, set and person.

    Only those whose hash is small enough to have a chance are put in order; where too few are, all
    of them are.

    Parameters
    ----------
    persons : pyarrow Array of str, length n
        The people at risk; a person comes once in a risk set.
    risk_set : int array, shape (n,)
        Risk set of each, a position in `names`.
    names : sequence of str
        Names of the risk sets.
    wanted : int array, shape (len(names),)
        How many to keep of each; everybody when there are no more.

    Returns
    -------
    int array
        Positions kept, ascending.
    """
    present = np.bincount(risk_set, minlength=len(names))
    everybody = wanted >= present
    kept = [np.flatnonzero(everybody[risk_set])]
    shares = (wanted + _MANY * np.sqrt(wanted) + _MANY) / np.maximum(present, 1)
    pending = np.flatnonzero(~everybody & (wanted > 0))
    for limits in (np.minimum(shares, 1.0), np.ones(len(names))):
        if not len(pending):
            break
        places = np.flatnonzero(np.isin(risk_set, pending))
        found, keys = _under(persons, places, risk_set, names, limits, seed)
        enough = np.bincount(risk_set[found], minlength=len(names)) >= wanted
        order = np.lexsort([keys, risk_set[found]])
        found = found[order]
        rank = _rank_within(risk_set[found])
        done = enough[risk_set[found]] & (rank < wanted[risk_set[found]])
        kept.append(found[done])
        pending = pending[~enough[pending]]
    return np.sort(np.concatenate(kept))


def _rank_within(groups: np.ndarray) -> np.ndarray:
    """Position of each entry within its run of equal groups."""
    begins = np.flatnonzero(np.append(True, groups[1:] != groups[:-1])) if len(groups) else groups
    lengths = np.diff(np.append(begins, len(groups)))
    return np.arange(len(groups)) - np.repeat(begins, lengths)


def _under(
    persons: pa.Array,
    places: np.ndarray,
    risk_set: np.ndarray,
    names: Sequence[str],
    limits: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Of some places, those whose key is under the limit of their risk set, and the keys."""
    sets = pa.array(risk_set[places].astype(np.int32))
    prefixes = pa.array([f"{seed}:{name}:" for name in names]).take(sets)
    texts = pa.array([_limit(share) for share in limits]).take(sets)
    near = md5_keys(prefixes, persons.take(pa.array(places)), texts)
    keys = near["key"].to_numpy(zero_copy_only=False).astype("U32")
    return places[near["place"].to_numpy()], keys


def _limit(share: float) -> str:
    """The text that this share of keys is under."""
    most = 16**_HEX_DIGITS
    return _EVERY_KEY if share >= 1 else f"{int(share * most):0{_HEX_DIGITS}x}"
