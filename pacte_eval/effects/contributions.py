"""What each cluster contributes to each estimate: columns made when asked for, whose cross
products are the joint covariance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.definitions.errors import InputError

_BUDGET = 64_000_000
# Combinations worked on at once; the most estimates whose joint covariance they go through, and
# the fewest that it may be better not to.
_FEW, _GRAM, _NARROW = 512, 2_000, 200


class Contributions(ABC):
    """Contributions to k estimates, summed by cluster in float64."""

    @property
    @abstractmethod
    def number(self) -> int:
        """Rows: clusters, used or not."""

    @property
    @abstractmethod
    def clusters(self) -> pd.Index:
        """Identity of each cluster, unique; its name says what a cluster is."""

    @abstractmethod
    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        """Contributions to some estimates: float64 array, shape (number, len(columns))."""

    def gram(self, columns: Sequence[int]) -> np.ndarray:
        """Joint covariance of some estimates: float array, shape (len(columns),) * 2."""
        result = np.empty((len(columns), len(columns)))
        width = max(1, _BUDGET // max(self.number, 1))
        for first in range(0, len(columns), width):
            left = self(columns[first : first + width])
            for second in range(first, len(columns), width):
                right = left if second == first else self(columns[second : second + width])
                product = left.T @ right
                result[first : first + width, second : second + width] = product
                result[second : second + width, first : first + width] = product.T
        return result

    def combined(self, columns: Sequence[int], coefficients: np.ndarray) -> np.ndarray:
        """Contributions to linear combinations of some estimates: float64 array, (number, m).

        Parameters
        ----------
        columns : sequence of int
        coefficients : float array, shape (len(columns), m)
            A combination that gives a coefficient to a missing estimate is missing.
        """
        made = np.zeros((self.number, coefficients.shape[1]))
        lacking = np.zeros(coefficients.shape[1], dtype=bool)
        width = max(1, _BUDGET // max(self.number, 1))
        for start in range(0, len(columns), width):
            values = self(columns[start : start + width])
            part = coefficients[start : start + width]
            missing = np.isnan(values).any(axis=0)
            lacking |= (part[missing] != 0).any(axis=0)
            made += np.where(missing, 0.0, values) @ part
        made[:, lacking] = np.nan
        return made

    def variances(self, columns: Sequence[int]) -> np.ndarray:
        """Variance of some estimates, the diagonal of `gram`: float array, (len(columns),)."""
        result = np.empty(len(columns))
        width = max(1, _BUDGET // max(self.number, 1))
        for start in range(0, len(columns), width):
            values = self(columns[start : start + width])
            result[start : start + width] = np.einsum("ij,ij->j", values, values)
        return result


class StoredContributions(Contributions):
    """Contributions held as they are, where they are few.

    Parameters
    ----------
    values : float array, shape (clusters, k)
        Already summed by cluster; single precision is widened as it is used.
    clusters : pandas.Index
    """

    def __init__(self, values: np.ndarray, clusters: pd.Index) -> None:
        self._values = values
        self._clusters = clusters

    @property
    def number(self) -> int:
        return len(self._values)

    @property
    def clusters(self) -> pd.Index:
        return self._clusters

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        chosen: slice | list[int] = list(columns)
        if len(columns) and list(columns) == list(range(columns[0], columns[0] + len(columns))):
            chosen = slice(columns[0], columns[0] + len(columns))
        return self._values[:, chosen].astype(np.float64, copy=False)


class LinearContributions(Contributions):
    """Contributions to linear combinations of estimates.

    Parameters
    ----------
    base : Contributions
    matrix : sparse array, shape (k, m)
        A column of coefficients for each combination.
    """

    def __init__(self, base: Contributions, matrix: sparse.csc_array) -> None:
        self._base = base
        self._matrix = matrix

    @property
    def number(self) -> int:
        return self._base.number

    @property
    def clusters(self) -> pd.Index:
        return self._base.clusters

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        return self._base.combined(*self._restricted(columns))

    def gram(self, columns: Sequence[int]) -> np.ndarray:
        used, part = self._restricted(columns)
        if _is_wide(used, columns):
            return super().gram(columns)
        base = self._base.gram(used)
        missing = np.isnan(np.diag(base))
        kept = part[~missing]
        made = np.asarray(kept.T @ base[np.ix_(~missing, ~missing)] @ kept)
        lacking = (part[missing] != 0).any(axis=0)
        made[lacking], made[:, lacking] = np.nan, np.nan
        return made

    def variances(self, columns: Sequence[int]) -> np.ndarray:
        made = [np.zeros(0)]
        for start in range(0, len(columns), _FEW):
            part = columns[start : start + _FEW]
            if _is_wide(self._restricted(part)[0], part):
                made.append(super().variances(part))
            else:
                made.append(np.diag(self.gram(part)))
        return np.concatenate(made)

    def _restricted(self, columns: Sequence[int]) -> tuple[list[int], np.ndarray]:
        """The estimates that enter some combinations, and their coefficients."""
        part = self._matrix[:, list(columns)]
        used = np.unique(part.indices)
        return used.tolist(), part.tocsr()[used].toarray()


def _is_wide(used: Sequence[int], columns: Sequence[int]) -> bool:
    """Whether so many estimates make so few combinations that they cost less than a covariance."""
    return len(used) > _GRAM or len(used) > max(_NARROW, 2 * len(columns))


class JoinedContributions(Contributions):
    """Contributions to estimates of several origins, clusters recognised by their identity.

    Parameters
    ----------
    parts : sequence of Contributions
    counts : sequence of int
        Estimates of each part.

    Raises
    ------
    InputError
        If clusters are not of one nature.
    """

    def __init__(self, parts: Sequence[Contributions], counts: Sequence[int]) -> None:
        natures = {str(part.clusters.name) for part in parts}
        if len(natures) > 1:
            raise InputError(
                f"clusters differ in nature ({', '.join(sorted(natures))}): give the same cluster= "
                "to the estimates to be joined"
            )
        self._parts = parts
        self._starts = np.cumsum([0, *counts])
        clusters = parts[0].clusters
        for part in parts[1:]:
            clusters = clusters.union(part.clusters, sort=False)
        self._clusters = clusters.rename(parts[0].clusters.name)
        self._rows = [self._clusters.get_indexer(part.clusters) for part in parts]

    @property
    def number(self) -> int:
        return len(self._clusters)

    @property
    def clusters(self) -> pd.Index:
        return self._clusters

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        asked = np.asarray(columns)
        of = np.searchsorted(self._starts, asked, side="right") - 1
        made = np.zeros((self.number, len(asked)))
        for place, (part, rows) in enumerate(zip(self._parts, self._rows, strict=True)):
            own = np.flatnonzero(of == place)
            if len(own):
                made[np.ix_(rows, own)] = part((asked[own] - self._starts[place]).tolist())
        return made


def summed_by_cluster(
    values: np.ndarray, cluster: np.ndarray, *, correction: bool = True
) -> tuple[np.ndarray, pd.Index]:
    """Contributions of units summed by cluster, in float64.

    Parameters
    ----------
    values : float array, shape (n, k)
    cluster : array, shape (n,)
    correction : bool
        Multiply by √(G / (G − 1)) for G clusters, where they are fewer than units.

    Returns
    -------
    summed : float array, shape (G, k)
    clusters : pandas.Index
    """
    total, clusters = cluster_sums(cluster, correction=correction)
    made = values.astype(np.float64)
    return (made if total is None else np.asarray(total @ made)), clusters


def cluster_sums(
    cluster: np.ndarray, *, correction: bool = True
) -> tuple[sparse.csr_array | None, pd.Index]:
    """What sums values of units by cluster, as `summed_by_cluster` does.

    Returns
    -------
    sums : sparse array, shape (G, n), or None
        None where each unit is its own cluster.
    clusters : pandas.Index

    Raises
    ------
    InputError
        If all units are in one cluster.
    """
    codes, found = pd.factorize(cluster)
    if len(found) == len(codes):
        return None, pd.Index(found)
    if len(found) == 1:
        raise InputError("all units are in one cluster: no standard error can be computed")
    factor = np.sqrt(len(found) / (len(found) - 1)) if correction else 1.0
    sums = sparse.csr_array(
        (np.full(len(codes), factor), (codes, np.arange(len(codes)))),
        shape=(len(found), len(codes)),
    )
    return sums, pd.Index(found)
