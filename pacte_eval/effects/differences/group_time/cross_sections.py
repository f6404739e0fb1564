"""Effects by group and period from repeated cross-sections: each has rows of its two periods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.effects.contributions import Contributions
from pacte_eval.effects.differences.arms import why_no_error_of_rows
from pacte_eval.effects.differences.cross_section_scores import att_of_levels
from pacte_eval.effects.differences.group_time.cells import Cell, Results
from pacte_eval.effects.differences.panel_scores import Method, NotIdentifiedError


class SparseContributions(Contributions):
    """Contributions of which most are zero.

    Parameters
    ----------
    values : sparse array, shape (clusters, k)
    clusters : pandas.Index
    missing : bool array, shape (k,)
        Estimates that have none.
    """

    def __init__(self, values: sparse.csc_array, clusters: pd.Index, missing: np.ndarray) -> None:
        self._values = values
        self._clusters = clusters
        self._missing = missing

    @property
    def number(self) -> int:
        return int(self._values.shape[0])

    @property
    def clusters(self) -> pd.Index:
        return self._clusters

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        made = self._values[:, list(columns)].toarray()
        made[:, self._missing[list(columns)]] = np.nan
        return made

    def combined(self, columns: Sequence[int], coefficients: np.ndarray) -> np.ndarray:
        """Contributions to combinations of some estimates: shape (k, m) to (number, m)."""
        made = np.asarray(self._values[:, list(columns)] @ coefficients)
        made[:, (coefficients[self._missing[list(columns)]] != 0).any(axis=0)] = np.nan
        return made

    def gram(self, columns: Sequence[int]) -> np.ndarray:
        part = self._values[:, list(columns)]
        made = (part.T @ part).toarray()
        missing = self._missing[list(columns)]
        made[missing], made[:, missing] = np.nan, np.nan
        return made

    def variances(self, columns: Sequence[int]) -> np.ndarray:
        part = self._values[:, list(columns)]
        return np.where(self._missing[list(columns)], np.nan, part.multiply(part).sum(axis=0))


def fit_cross_sections(
    values: np.ndarray,
    place: np.ndarray,
    cohort: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    cluster: np.ndarray,
    cells: Sequence[Cell],
    method: Method,
) -> tuple[Results, sparse.csc_array]:
    """Estimates of all effects, and what rows contribute to them.

    Parameters
    ----------
    values : float array, shape (n,)
    place, cohort : int arrays, shape (n,)
        Positions of the period and of the cohort of each row.
    columns : float array, shape (n, p)
        The intercept first.
    weights : float array, shape (n,)
    cluster : array, shape (n,)
    cells : sequence of Cell
    method : str

    Returns
    -------
    results : Results
    contributions : sparse array, shape (n, cells)
    """
    results = Results(len(cells))
    rows: list[np.ndarray] = []
    made: list[np.ndarray] = []
    for number, cell in enumerate(cells):
        rows.append(np.zeros(0, dtype=np.int64))
        made.append(np.zeros(0))
        if cell.is_base:
            results.estimate[number] = results.treated_mean[number] = 0.0
            results.note[number] = "période de référence"
            continue
        inside = np.isin(cohort, [cell.group, *cell.controls])
        kept = np.flatnonzero(inside & ((place == cell.at) | (place == cell.base)))
        treated, after = cohort[kept] == cell.group, place[kept] == cell.at
        least = [
            min(np.count_nonzero(arm & after), np.count_nonzero(arm & ~after))
            for arm in (treated, ~treated)
        ]
        no_error = why_no_error_of_rows(cluster[kept], treated, after)
        results.count(number, int(least[0]), int(least[1]), 0, columns.shape[1], no_error)
        if min(least) == 0:
            continue
        try:
            scores = att_of_levels(
                values[kept], after, treated, columns[kept], weights[kept], method
            )
        except NotIdentifiedError as error:
            results.note[number] = error.reason
            continue
        results.estimate[number] = scores.estimate
        means = [
            np.average(values[kept][treated & now], weights=weights[kept][treated & now])
            for now in (after, ~after)
        ]
        results.treated_mean[number] = means[0] - means[1]
        results.n_treated[number] = np.count_nonzero(treated & after)
        results.n_control[number] = np.count_nonzero(~treated & after)
        rows[-1], made[-1] = kept, scores.contributions
    starts = np.cumsum([0, *(len(one) for one in rows)])
    contributions = sparse.csc_array(
        (np.concatenate(made), np.concatenate(rows), starts), shape=(len(values), len(cells))
    )
    return results, contributions
