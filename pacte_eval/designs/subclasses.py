"""The set that each unit belongs to, where the sets of a design are disjoint."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.sets import MatchedSets, Matches


def set_codes(matches: Matches, size: int) -> np.ndarray:
    """Number of the set of each unit, targets and comparison units together.

    Parameters
    ----------
    matches : Matches
        Those of a design of pairs or of sets.
    size : int
        Rows n of the comparison.

    Returns
    -------
    int array, shape (n,)
        From 0; −1 for a unit outside any set.

    Raises
    ------
    InputError
        If a comparison unit belongs to several sets, as it may with replacement.
    """
    if not isinstance(matches, MatchedSets):
        raise InputError("a kernel or weights compare each target with everyone: no sets to number")
    used = np.unique(matches.of)
    members = matches.sets[used]
    row = np.repeat(used, np.diff(members.indptr))
    code = np.full(size, -1, dtype=np.int64)
    code[members.indices] = row
    if np.any(code[members.indices] != row):
        raise InputError(
            "comparison units belong to several sets, as with replacement: cluster by person "
            "rather than by set"
        )
    both = code[matches.target] >= 0
    links = (np.ones(both.sum()), (matches.of[both], code[matches.target[both]]))
    rows = matches.sets.shape[0]
    _, joined = connected_components(sparse.csr_matrix(links, shape=(rows, rows)), directed=False)
    code[matches.target] = matches.of
    inside = code >= 0
    code[inside] = np.unique(joined[code[inside]], return_inverse=True)[1]
    return code
