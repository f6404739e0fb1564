"""Who is matched with whom: what every kind of matching must be able to say of its sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

LARGEST_TABLE = 50_000_000


class Matches(Protocol):
    """Comparison units of each target, as a linear operator with entries a(i, j) ≥ 0.

    A target i stands in m rows, a comparison unit j in the n rows of the comparison. The matched
    mean of a target is Σ a(i, j) y(j) / Σ a(i, j). Nothing of size targets × units is held.

    Attributes
    ----------
    target : int array, shape (m,)
        Rows of the targets that have at least one comparison unit, each once.
    """

    @property
    def target(self) -> np.ndarray: ...

    def total(self, values: np.ndarray) -> np.ndarray:
        """Σ over j of a(i, j) values(j): shape (n, t) to (m, t)."""
        ...

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Σ over i of a(i, j) values(i): shape (m, t) to (n, t)."""
        ...

    def spread_squares(self, values: np.ndarray) -> np.ndarray:
        """Σ over i of a(i, j)² values(i): shape (m, t) to (n, t)."""
        ...

    @property
    def mass(self) -> np.ndarray:
        """Σ over j of a(i, j): float array, shape (m,)."""
        ...

    @property
    def size(self) -> np.ndarray:
        """Number of comparison units of each target: int array, shape (m,)."""
        ...

    def each(self) -> sparse.csr_matrix:
        """The entries a(i, j), shape (m, n): for the table of pairs, on demand only."""
        ...

    def take(self, kept: np.ndarray) -> Matches:
        """The sets of the targets where `kept` (bool array, shape (m,)) is true."""
        ...


@dataclass(frozen=True, eq=False)
class MatchedSets:
    """Sets of units held once, however many targets share one.

    Attributes
    ----------
    target : int array, shape (m,)
    of : int array, shape (m,)
        Number of the set of each target.
    sets : sparse matrix, shape (number of sets, n)
        The entry of each unit of a set (its sampling weight, or one).
    own : sparse matrix, shape (m, n), or None
        Entries of its set that are not a target's: units of its own person.
    """

    target: np.ndarray
    of: np.ndarray
    sets: sparse.csr_matrix
    own: sparse.csr_matrix | None = None

    @property
    def size(self) -> np.ndarray:
        size = np.diff(self.sets.indptr)[self.of]
        return size if self.own is None else size - np.diff(self.own.indptr)

    @property
    def mass(self) -> np.ndarray:
        return self.total(np.ones((self.sets.shape[1], 1)))[:, 0]

    def total(self, values: np.ndarray) -> np.ndarray:
        sums = (self.sets @ values)[self.of]
        return np.asarray(sums if self.own is None else sums - self.own @ values)

    def spread(self, values: np.ndarray) -> np.ndarray:
        return _spread(self.sets, self.own, self.of, values)

    def spread_squares(self, values: np.ndarray) -> np.ndarray:
        own = None if self.own is None else self.own.power(2)
        return _spread(self.sets.power(2), own, self.of, values)

    def take(self, kept: np.ndarray) -> MatchedSets:
        """The sets of the targets where `kept` (bool array, shape (m,)) is true."""
        used, of = np.unique(self.of[kept], return_inverse=True)
        own = None if self.own is None else self.own[kept]
        return MatchedSets(self.target[kept], of, self.sets[used], own)

    def weighted(self, weights: np.ndarray) -> MatchedSets:
        """The same sets, each entry multiplied by the weight of its unit: shape (n,)."""
        own = None if self.own is None else _scaled(self.own, weights)
        return MatchedSets(self.target, self.of, _scaled(self.sets, weights), own)

    def each(self) -> sparse.csr_matrix:
        rows = self.sets[self.of]
        if self.own is not None:
            rows = rows - self.own
            rows.eliminate_zeros()
        return rows


def _scaled(matrix: sparse.csr_matrix, weights: np.ndarray) -> sparse.csr_matrix:
    data = matrix.data * weights[matrix.indices]
    return sparse.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _spread(
    sets: sparse.csr_matrix, own: sparse.csr_matrix | None, of: np.ndarray, values: np.ndarray
) -> np.ndarray:
    grouped = sparse.csr_matrix(
        (np.ones(len(of)), (of, np.arange(len(of)))), shape=(sets.shape[0], len(of))
    )
    given = sets.T @ (grouped @ values)
    return np.asarray(given if own is None else given - own.T @ values)
