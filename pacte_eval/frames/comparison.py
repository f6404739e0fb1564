"""Two arms side by side, one row per unit, with only what was known on the eve of entry.

Nothing here can carry an outcome: a design is chosen from a comparison alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind, counted, nearest
from pacte_eval.frames.columns import flags, identifiers, normalise, sampling_weights, select


@dataclass(frozen=True, eq=False)
class Comparison:
    """Treated and control units and what is known of them before entry.

    Parameters
    ----------
    unit : pandas.Index
        Identifiers of the n units, unique.
    covariates : DataFrame, n rows
        Numbers (float64) or factors (categorical).
    treated : bool array, shape (n,)
    strata : DataFrame, n rows
        Sampling cells (entry month, band of unemployment…), as factors or numbers.
    cells : DataFrame, n rows
        Publics as booleans, territories as text: where effects may be asked for.
    cluster : array, shape (n,)
        The person behind each unit. Rows of one person are never matched with each other, and
        are summed before squaring in standard errors. Zones and other groupings are given to
        ``estimate(cluster=…)`` instead.
    weights : float array, shape (n,)
        Sampling weights, 1 by default.
    treated_label, control_label : str
        Names of the arms as a French reader sees them.

    Raises
    ------
    InputError
        If an arm is empty, a unit comes twice, or a covariate, stratum or weight has missing or
        infinite values.
    """

    unit: pd.Index
    covariates: pd.DataFrame
    treated: np.ndarray
    strata: pd.DataFrame
    cells: pd.DataFrame
    cluster: np.ndarray
    weights: np.ndarray
    treated_label: str = "formés"
    control_label: str = "en attente"

    def __post_init__(self) -> None:
        size = len(self.unit)
        twice = int(self.unit.duplicated().sum())
        if twice:
            raise InputError(f"{counted(twice, 'duplicated unit')}: give one row per unit")
        treated = flags(pd.Series(self.treated, name="treated"), "treatment")
        weights = np.array(self.weights, dtype=np.float64)
        cluster = np.array(self.cluster)
        for name, length in {
            "covariates": len(self.covariates),
            "treated": len(treated),
            "strata": len(self.strata),
            "cells": len(self.cells),
            "cluster": len(cluster),
            "weights": len(weights),
        }.items():
            if length != size:
                raise InputError(f"{name} has {length} rows where there are {size} units")
        if not treated.any():
            raise InputError(
                f"no unit is treated among {counted(size, 'unit')}: check the column of treatment"
            )
        if treated.all():
            raise InputError(
                f"no unit is a control among {counted(size, 'unit')}: check the column of treatment"
            )
        if not (np.isfinite(weights).all() and (weights > 0).all()):
            wrong = int(np.count_nonzero(~(np.isfinite(weights) & (weights > 0))))
            raise InputError(
                f"{counted(wrong, 'sampling weight')} missing, infinite, zero or negative"
            )
        if pd.isna(cluster).any():
            raise InputError(f"cluster has {counted(int(pd.isna(cluster).sum()), 'missing value')}")
        for array in (treated, weights, cluster):
            array.setflags(write=False)
        object.__setattr__(self, "treated", treated)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "cluster", cluster)
        object.__setattr__(self, "covariates", _normalised(self.covariates, self.unit, "covariate"))
        object.__setattr__(self, "strata", _normalised(self.strata, self.unit, "stratum"))
        object.__setattr__(self, "cells", self.cells.set_axis(self.unit, axis=0))

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        treated: str,
        covariates: Sequence[str],
        strata: Sequence[str] = (),
        cells: Sequence[str] = (),
        unit: str | None = None,
        cluster: str | None = None,
        weights: str | None = None,
        treated_label: str = "formés",
        control_label: str = "en attente",
    ) -> Comparison:
        """A comparison from the columns of a data frame, one row per unit.

        Parameters
        ----------
        frame : DataFrame
        treated : str
            Column of 0 and 1, or of booleans.
        covariates, strata, cells : sequences of str
            Columns of each role; one column may have several roles.
        unit : str, optional
            Column of identifiers; the index of the frame by default.
        cluster : str, optional
            Column of persons; each unit is its own person by default.
        weights : str, optional
            Column of sampling weights; 1 by default.

        Raises
        ------
        InputError
            If a column is missing, and as the class does.
        """
        check_kind(frame, pd.DataFrame, use="to_pandas() or pandas.DataFrame(…)")
        for role, name in (
            ("treatment", treated),
            ("unit", unit),
            ("cluster", cluster),
            ("weights", weights),
        ):
            if name is not None:
                select(frame, [name], role)
        unit_ids = identifiers(frame, unit)
        return cls(
            unit=unit_ids,
            covariates=select(frame, covariates, "covariate"),
            treated=flags(frame[treated], "treatment"),
            strata=select(frame, strata, "stratum"),
            cells=select(frame, cells, "cell"),
            cluster=(unit_ids if cluster is None else frame[cluster]).to_numpy(),
            weights=sampling_weights(frame, weights),
            treated_label=treated_label,
            control_label=control_label,
        )

    @cached_property
    def person(self) -> np.ndarray:
        """Number of the person behind each unit, from 0: int array, shape (n,)."""
        return pd.factorize(self.cluster)[0].astype(np.int64)

    def subset(self, mask: np.ndarray | pd.Series) -> Comparison:
        """The units where `mask` (booleans, one per unit, in the order of `unit`) is true."""
        kept = np.asarray(mask)
        if kept.dtype != bool or kept.shape != (len(self),):
            raise InputError(f"a mask needs {len(self)} booleans, one per unit")
        return replace(
            self,
            unit=self.unit[kept],
            covariates=self.covariates[kept],
            treated=self.treated[kept],
            strata=self.strata[kept],
            cells=self.cells[kept],
            cluster=self.cluster[kept],
            weights=self.weights[kept],
        )

    def without(self, covariates: Sequence[str]) -> Comparison:
        """The same units without some covariates (those a placebo must not be matched on)."""
        for name in covariates:
            if name not in self.covariates.columns:
                hint = nearest(name, self.covariates.columns)
                raise InputError(f"'{name}' is not a covariate: {hint}")
        return replace(self, covariates=self.covariates.drop(columns=list(covariates)))

    def __len__(self) -> int:
        return len(self.unit)

    def __repr__(self) -> str:
        treated = int(self.treated.sum())
        return (
            f"Comparison({treated:,} {self.treated_label}, {len(self) - treated:,} "
            f"{self.control_label}, {self.covariates.shape[1]} covariates)"
        )


def _normalised(frame: pd.DataFrame, unit: pd.Index, role: str) -> pd.DataFrame:
    columns = {name: normalise(frame[name], role).set_axis(unit) for name in frame.columns}
    return pd.DataFrame(columns, index=unit)
