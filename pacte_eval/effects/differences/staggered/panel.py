"""A panel whose units are sorted by cohort, for regressions with an effect of each unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, counted
from pacte_eval.frames import Panel

_BUDGET = 16_000_000


@dataclass(frozen=True, eq=False)
class StaggeredPanel:
    """Units sorted by cohort, the never treated last.

    Attributes
    ----------
    values : float array, shape (n, t)
        Zero where not observed.
    observed : bool array, shape (n, t)
    weights, cluster : arrays, shape (n,)
    groups : int array, shape (cohorts − 1,)
        Period of first treatment of each cohort but the last.
    bounds : int array, shape (cohorts + 1,)
        First row of each cohort, and n.
    periods : int array, shape (t,)
    features : float array, shape (n, k)
        1, then covariates that do not vary within a unit, centred and scaled.
    varying : sequence of float arrays, shape (n, t)
        Covariates that do, zero where not observed.
    lost : dict of str to int
        Units left out by reason, in French.
    """

    values: np.ndarray
    observed: np.ndarray
    weights: np.ndarray
    cluster: np.ndarray
    groups: np.ndarray
    bounds: np.ndarray
    periods: np.ndarray
    features: np.ndarray
    varying: tuple[np.ndarray, ...]
    lost: dict[str, int]

    @classmethod
    def of(cls, panel: Panel, anticipation: int) -> StaggeredPanel:
        """The units of a panel that are observed, and untreated at its first period.

        Parameters
        ----------
        panel : Panel
            A first treatment so late that no period feels it is as never.
        anticipation : int
            Periods before treatment that may feel it.

        Raises
        ------
        InputError
            If a covariate is missing where the outcome is observed, or nobody is treated after the
            first period.
        """
        periods, first = panel.periods, panel.first_treated
        observed = np.isfinite(panel.values)
        for name, values in panel.varying.items():
            missing = int(np.count_nonzero(observed & ~np.isfinite(values)))
            if missing:
                raise InputError(
                    f"covariate '{name}' is missing at {counted(missing, 'observation')} of the "
                    "outcome: leave these observations out, or complete it"
                )
        first = np.where(first > periods[-1] + anticipation, np.nan, first)
        always = first <= periods[0] + anticipation
        unseen = ~observed.any(axis=1)
        lost = {
            "jamais observées": int(unseen.sum()),
            "déjà traitées à la première période": int((always & ~unseen).sum()),
        }
        kept = np.flatnonzero(~always & ~unseen)
        groups = np.unique(first[kept][np.isfinite(first[kept])])
        if len(groups) == 0:
            raise InputError(
                "nobody is first treated after the first period of the panel: no effect can be "
                "estimated"
            )
        cohort = np.where(np.isnan(first[kept]), len(groups), np.searchsorted(groups, first[kept]))
        order = kept[np.argsort(cohort, kind="stable")]
        sizes = np.bincount(cohort, minlength=len(groups) + 1)
        inside = observed[order]
        return cls(
            values=np.where(inside, panel.values[order], 0.0),
            observed=inside,
            weights=panel.weights[order],
            cluster=panel.cluster[order],
            groups=groups.astype(np.int64),
            bounds=np.concatenate([[0], np.cumsum(sizes)]),
            periods=periods,
            features=_features(panel.covariates.iloc[order]),
            varying=tuple(
                np.where(inside, values[order], 0.0) for values in panel.varying.values()
            ),
            lost={reason: number for reason, number in lost.items() if number},
        )

    @property
    def nature(self) -> str:
        """What a cluster is, in French."""
        return "unité" if len(pd.unique(self.cluster)) == len(self.cluster) else "grappe"

    def covariates(self, rows: slice) -> np.ndarray:
        """Covariates that vary, of some units: float array, shape (rows, t, q)."""
        made = np.zeros((rows.stop - rows.start, len(self.periods), len(self.varying)))
        for place, values in enumerate(self.varying):
            made[:, :, place] = values[rows]
        return made

    @property
    def first_treated(self) -> np.ndarray:
        """Period of first treatment of each unit, NaN for the never treated: shape (n,)."""
        return np.repeat([*self.groups.astype(float), np.nan], np.diff(self.bounds))

    def slices(self) -> list[slice]:
        """Rows of each cohort."""
        return [slice(int(self.bounds[g]), int(self.bounds[g + 1])) for g in range(self.cohorts)]

    @property
    def cohorts(self) -> int:
        """Cohorts, the never treated being one even where there is none."""
        return len(self.bounds) - 1

    def blocks(self, rows: slice) -> Iterator[slice]:
        """Rows by blocks whose covariates fit in memory."""
        columns = self.features.shape[1] + len(self.varying)
        width = max(1, _BUDGET // (len(self.periods) * columns))
        for start in range(rows.start, rows.stop, width):
            yield slice(start, min(start + width, rows.stop))

    def without(self, mask: np.ndarray, reason: str) -> StaggeredPanel:
        """The panel less the units where `mask` is true, counted under `reason`."""
        kept = ~mask
        cohort = np.repeat(np.arange(self.cohorts), np.diff(self.bounds))[kept]
        sizes = np.bincount(cohort, minlength=self.cohorts)
        number = int(mask.sum())
        return StaggeredPanel(
            values=self.values[kept],
            observed=self.observed[kept],
            weights=self.weights[kept],
            cluster=self.cluster[kept],
            groups=self.groups,
            bounds=np.concatenate([[0], np.cumsum(sizes)]),
            periods=self.periods,
            lost=self.lost | ({reason: number} if number else {}),
            features=self.features[kept],
            varying=tuple(values[kept] for values in self.varying),
        )


def _features(covariates: pd.DataFrame) -> np.ndarray:
    if covariates.columns.empty:
        return np.ones((len(covariates), 1))
    columns = pd.get_dummies(covariates, drop_first=True, dtype=float).to_numpy(dtype=np.float64)
    spread = columns.std(axis=0)
    scaled = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return np.column_stack([np.ones(len(columns)), scaled])
