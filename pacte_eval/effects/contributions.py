"""Contributions are computed when asked for, by blocks of periods, and never stored whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from pacte_eval.effects.block import Block, Operator
from pacte_eval.effects.inputs import Clusters

_BLOCK = 4_000_000


class SummedContributions:
    """Contributions of chosen columns of outcomes, summed by cluster in float64.

    Parameters
    ----------
    operator : callable
        From outcomes (n, columns) to a `Block`.
    outcomes : float array, shape (n, t)
        NaN where censored; float32 is widened as it is used.
    base : float array, shape (n, 1), optional
        What a difference subtracts from each unit.
    clusters : Clusters
        Sums by cluster are scaled by √(G / (G − 1)) for G clusters.
    """

    def __init__(
        self,
        operator: Operator,
        outcomes: np.ndarray,
        base: np.ndarray | None,
        clusters: Clusters,
    ) -> None:
        self._operator = operator
        self._outcomes = outcomes
        self._base = base
        self._sum: sparse.csr_matrix | None = None
        codes = clusters.codes
        if codes is not None:
            inside = np.flatnonzero(codes >= 0)
            factor = np.sqrt(clusters.number / (clusters.number - 1))
            self._sum = sparse.csr_matrix(
                (np.full(len(inside), factor), (codes[inside], inside)),
                shape=(int(codes.max()) + 1, len(codes)),
            )

    @property
    def width(self) -> int:
        """Columns that are worked on at once."""
        return max(1, _BLOCK // len(self._outcomes))

    def values(self, columns: Sequence[int]) -> np.ndarray:
        """Outcomes of some columns, less the reference mean of each unit: (n, columns)."""
        chosen = self._outcomes[:, list(columns)].astype(np.float64)
        return chosen if self._base is None else chosen - self._base

    def block(self, columns: Sequence[int]) -> Block:
        """Estimates and contributions of some columns."""
        return self._operator(self.values(columns))

    def by_cluster(self, block: Block) -> np.ndarray:
        """Contributions summed to (clusters, columns); NaN where units are too few for an error."""
        given = block.contributions
        summed = given if self._sum is None else np.asarray(self._sum @ given)
        summed[:, ~block.varies] = np.nan
        return summed

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        """Summed contributions of some columns: (clusters, columns)."""
        summed = np.empty((0, 0))
        for start in range(0, len(columns), self.width):
            part = columns[start : start + self.width]
            given = self.by_cluster(self.block(part))
            if start == 0:
                summed = np.empty((len(given), len(columns)))
            summed[:, start : start + len(part)] = given
        return summed
