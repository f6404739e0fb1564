"""A panel whose units are sorted by period of first treatment, so that a group is a slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pacte_eval.designs.scores.terms import model_terms
from pacte_eval.effects.differences.group_time.cells import Groups
from pacte_eval.effects.differences.panel_scores import whitening
from pacte_eval.frames import Panel


@dataclass(frozen=True, eq=False)
class Columns:
    """Covariates of one period, coded.

    Attributes
    ----------
    values : float array, shape (n, p)
        The intercept first; near orthogonal over all units.
    usable : bool array, shape (n,), or None
        Units whose covariates are all observed; None where all are. Others are zero.
    dropped : dict of str to str
        Columns left out, with the reason.
    """

    values: np.ndarray
    usable: np.ndarray | None
    dropped: dict[str, str]


@dataclass(frozen=True, eq=False)
class CohortPanel:
    """Units sorted by group, the never treated last, without those treated from the start.

    Attributes
    ----------
    values : float array, shape (n, t)
    weights : float array, shape (n,)
    cluster : array, shape (n,)
    unit : pandas.Index
    first_treated : float array, shape (n,)
        NaN for the never treated.
    groups : int array, shape (k,)
    bounds : int array, shape (k + 2,)
        Where each group, and then the never treated, begin and end.
    periods : int array, shape (t,)
    """

    values: np.ndarray
    weights: np.ndarray
    cluster: np.ndarray
    unit: pd.Index
    first_treated: np.ndarray
    groups: np.ndarray
    bounds: np.ndarray
    periods: np.ndarray
    _covariates: pd.DataFrame
    _varying: dict[str, np.ndarray]
    _made: dict[int, Columns] = field(default_factory=dict)

    @classmethod
    def of(cls, panel: Panel, who: Groups) -> CohortPanel:
        """Sort a panel."""
        first, already, groups = who.first_treated, who.already, who.groups
        code = np.searchsorted(groups, first)  # NaN sorts last
        if already.any():
            code[already] = -1
        sort = np.argsort(code, kind="stable")[int(already.sum()) :]
        bounds = np.searchsorted(code[sort], np.arange(len(groups) + 2))
        order: slice | np.ndarray = sort
        if np.array_equal(sort, np.arange(len(code))):
            order = slice(None)
        return cls(
            values=panel.values[order],
            weights=panel.weights[order],
            cluster=panel.cluster[order],
            unit=panel.unit[order],
            first_treated=first[order],
            groups=groups.astype(np.int64),
            bounds=bounds,
            periods=panel.periods,
            _covariates=panel.covariates.iloc[order],
            _varying={str(name): values[order] for name, values in panel.varying.items()},
        )

    def rows(self, cohort: int) -> slice:
        """The rows of a cohort; the last are the never treated."""
        return slice(int(self.bounds[cohort]), int(self.bounds[cohort + 1]))

    def blocks(self, size: int) -> Iterator[slice]:
        """All rows by few at a time, those of a block in one cohort."""
        for cohort in range(len(self.groups) + 1):
            rows = self.rows(cohort)
            for start in range(rows.start, rows.stop, size):
                yield slice(start, min(start + size, rows.stop))

    @property
    def clustered(self) -> bool:
        """Whether some clusters have several units."""
        return len(pd.unique(self.cluster)) < len(self.cluster)

    def complete(self) -> np.ndarray:
        """Whether all units of a cohort are observed at a period: bool array, (k + 1, t)."""
        found = np.isfinite(self.values)
        return np.array(
            [found[self.rows(cohort)].all(axis=0) for cohort in range(len(self.groups) + 1)]
        )

    @property
    def moving(self) -> bool:
        """Whether covariates vary over periods."""
        return bool(self._varying)

    def columns(self, place: int) -> Columns:
        """Covariates at the period of position `place`."""
        key = place if self.moving else 0
        if key not in self._made:
            self._made.clear()
            self._made[key] = self._columns(key)
        return self._made[key]

    def _columns(self, place: int) -> Columns:
        moving = {name: values[:, place] for name, values in self._varying.items()}
        frame = self._covariates.assign(**moving) if moving else self._covariates
        usable = None
        if moving:
            seen = np.all([np.isfinite(column) for column in moving.values()], axis=0)
            if not seen.all():
                usable, frame = seen, frame[seen]
        if len(frame) == 0:
            return Columns(np.ones((len(self.weights), 1)), usable, {})
        terms = model_terms(frame)
        made = terms.times(np.eye(len(terms.names)))
        weights = self.weights if usable is None else self.weights[usable]
        if made.shape[1] > 1:
            made = made @ whitening(made, weights)
        if usable is None:
            return Columns(made, None, terms.dropped)
        values = np.zeros((len(usable), made.shape[1]))
        values[usable] = made
        return Columns(values, usable, terms.dropped)
