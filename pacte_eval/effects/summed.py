"""Contributions are computed when asked for, by blocks of periods, and never stored whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.effects.block import Block, Operator
from pacte_eval.effects.contributions import Contributions
from pacte_eval.effects.inputs import Clusters

_BLOCK = 4_000_000


class SummedContributions(Contributions):
    """Contributions of the columns of several outcomes, summed by cluster in float64.

    Parameters
    ----------
    operator : callable
        From outcomes (n, columns) to a `Block`.
    outcomes : sequence of float arrays, shape (n, t) each
        NaN where censored; float32 is widened as it is used. Their columns follow each other.
    bases : sequence of float arrays, shape (n, 1), or None
        What a difference subtracts from each unit, for each outcome.
    clusters : Clusters
        Sums by cluster are scaled by √(G / (G − 1)) for G clusters.
    """

    def __init__(
        self,
        operator: Operator,
        outcomes: Sequence[np.ndarray],
        bases: Sequence[np.ndarray | None],
        clusters: Clusters,
    ) -> None:
        self._operator = operator
        self._outcomes = outcomes
        self._bases = bases
        self._starts = np.cumsum([0, *(values.shape[1] for values in outcomes)])
        self._clusters = clusters
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
    def number(self) -> int:
        return len(self._outcomes[0]) if self._sum is None else int(self._sum.shape[0])

    @property
    def clusters(self) -> pd.Index:
        return self._clusters.identities()

    @property
    def width(self) -> int:
        """Columns that are worked on at once."""
        return max(1, _BLOCK // len(self._outcomes[0]))

    def values(self, columns: Sequence[int]) -> np.ndarray:
        """Outcomes of some columns, less the reference mean of each unit: (n, columns)."""
        chosen = np.empty((len(self._outcomes[0]), len(columns)))
        for place, column in enumerate(columns):
            of = int(np.searchsorted(self._starts, column, side="right")) - 1
            chosen[:, place] = self._outcomes[of][:, column - self._starts[of]]
            base = self._bases[of]
            if base is not None:
                chosen[:, place] -= base[:, 0]
        return chosen

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
