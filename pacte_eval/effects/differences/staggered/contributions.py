"""Contributions to estimates that are linear in the residuals of units, alike within a cohort."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.contributions import Contributions


class CohortContributions(Contributions):
    """What each cluster contributes: sums over its units of scores times loadings of their cohort.

    Parameters
    ----------
    scores : float array, shape (n, m)
        Units sorted by cohort; what each brings, as its residual of each period times its weight.
    bounds : int array, shape (cohorts + 1,)
        First row of each cohort, and n.
    loadings : float array, shape (cohorts, m, k)
        What a score of 1 contributes to each estimate; NaN for an estimate that is missing.
    cluster : array, shape (n,)
        Sums are scaled by √(G / (G − 1)) for G clusters, where they are fewer than units.
    nature : str
        What a cluster is, in French.

    Raises
    ------
    InputError
        If all units are in one cluster.

    Notes
    -----
    Units of one cluster and cohort share their loadings, so that their scores are summed once; the
    covariance then needs the m × m products of each cohort, whatever the number of estimates.
    """

    def __init__(
        self,
        scores: np.ndarray,
        bounds: np.ndarray,
        loadings: np.ndarray,
        cluster: np.ndarray,
        nature: str,
    ) -> None:
        codes, found = pd.factorize(cluster)
        self._clusters = pd.Index(found, name=nature)
        self._loadings = loadings
        self._cluster_of, self._scores, self._bounds = codes, scores, np.asarray(bounds)
        if len(found) < len(codes):
            if len(found) == 1:
                raise InputError("all units are in one cluster: no standard error can be computed")
            self._collapse()
        self._products: np.ndarray | None = None

    def _collapse(self) -> None:
        number, units = len(self._clusters), len(self._cluster_of)
        cohort = np.repeat(np.arange(len(self._loadings)), np.diff(self._bounds))
        pairs, row = np.unique(cohort * number + self._cluster_of, return_inverse=True)
        factor = np.sqrt(number / (number - 1))
        total = sparse.csr_array(
            (np.full(units, factor), (row, np.arange(units))), shape=(len(pairs), units)
        )
        self._scores = np.asarray(total @ self._scores)
        self._cluster_of = pairs % number
        self._bounds = np.searchsorted(pairs, number * np.arange(len(self._loadings) + 1))

    @property
    def number(self) -> int:
        return len(self._clusters)

    @property
    def clusters(self) -> pd.Index:
        return self._clusters

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        return self._summed(self._loadings[:, :, list(columns)])

    def combined(self, columns: Sequence[int], coefficients: np.ndarray) -> np.ndarray:
        """Contributions to combinations of some estimates, as columns of `coefficients`.

        Returns
        -------
        float array, shape (number, combinations)
            NaN where a missing estimate enters.
        """
        part = self._loadings[:, :, list(columns)]
        missing = np.isnan(part).any(axis=(0, 1))
        made = self._summed(part[:, :, ~missing] @ coefficients[~missing])
        made[:, (coefficients[missing] != 0).any(axis=0)] = np.nan
        return made

    def _summed(self, loadings: np.ndarray) -> np.ndarray:
        made = np.zeros((self.number, loadings.shape[2]))
        for cohort, rows in enumerate(self._slices()):
            if rows.stop > rows.start:
                made[self._cluster_of[rows]] += self._scores[rows] @ loadings[cohort]
        return made

    def gram(self, columns: Sequence[int]) -> np.ndarray:
        if self._mixed:
            return super().gram(columns)
        part = self._loadings[:, :, list(columns)]
        return np.asarray(np.einsum("gik,gil->kl", part, self._crossed() @ part, optimize=True))

    def variances(self, columns: Sequence[int]) -> np.ndarray:
        if self._mixed:
            return super().variances(columns)
        part = self._loadings[:, :, list(columns)]
        return np.asarray((part * (self._crossed() @ part)).sum(axis=(0, 1)))

    @property
    def _mixed(self) -> bool:
        """Whether a cluster has units of several cohorts."""
        return len(self._cluster_of) > self.number

    def _crossed(self) -> np.ndarray:
        """Cross products of the scores of each cohort: shape (cohorts, m, m)."""
        if self._products is None:
            self._products = np.stack(
                [self._scores[rows].T @ self._scores[rows] for rows in self._slices()]
            )
        return self._products

    def _slices(self) -> list[slice]:
        return [
            slice(int(start), int(stop))
            for start, stop in zip(self._bounds, self._bounds[1:], strict=False)
        ]
