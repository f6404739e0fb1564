"""Several arms side by side, one row per unit: what pairwise comparisons are taken from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, counted, nearest
from pacte_eval.frames.columns import identifiers, sampling_weights, select
from pacte_eval.frames.comparison import Comparison


@dataclass(frozen=True, eq=False)
class Arms:
    """Units of several arms and what is known of them before entry.

    Parameters
    ----------
    unit : pandas.Index
        Identifiers of the n units, unique.
    arm : pandas.Series, n rows
        The arm of each unit, as text.
    covariates, strata, cells : DataFrame, n rows
    cluster, weights : array, shape (n,)
        As for a `Comparison`.
    labels : mapping of str to str
        Names of the arms as a French reader sees them; their identifiers by default.

    Raises
    ------
    InputError
        If there are fewer than two arms, or an arm is missing for some units.
    """

    unit: pd.Index
    arm: pd.Series
    covariates: pd.DataFrame
    strata: pd.DataFrame
    cells: pd.DataFrame
    cluster: np.ndarray
    weights: np.ndarray
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = int(self.arm.isna().sum())
        if missing:
            raise InputError(f"{counted(missing, 'unit')} without arm: give one to each, or drop")
        arm = self.arm.astype(str).astype("category").set_axis(self.unit)
        if len(arm.cat.categories) < 2:
            raise InputError(
                f"{counted(len(arm.cat.categories), 'arm')} among {counted(len(arm), 'unit')}: "
                "a comparison needs two or more"
            )
        object.__setattr__(self, "arm", arm)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        arm: str,
        covariates: Sequence[str],
        strata: Sequence[str] = (),
        cells: Sequence[str] = (),
        unit: str | None = None,
        cluster: str | None = None,
        weights: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Arms:
        """Arms from the columns of a data frame, one row per unit.

        Parameters
        ----------
        frame : DataFrame
        arm : str
            Column of the arm.
        covariates, strata, cells, unit, cluster, weights
            As for `Comparison.from_frame`.

        Raises
        ------
        InputError
            If a column is missing, and as the class does.
        """
        named = [("arm", arm), ("unit", unit), ("cluster", cluster), ("weights", weights)]
        for role, name in named:
            if name is not None:
                select(frame, [name], role)
        unit_ids = identifiers(frame, unit)
        return cls(
            unit=unit_ids,
            arm=frame[arm],
            covariates=select(frame, covariates, "covariate"),
            strata=select(frame, strata, "stratum"),
            cells=select(frame, cells, "cell"),
            cluster=(unit_ids if cluster is None else frame[cluster]).to_numpy(),
            weights=sampling_weights(frame, weights),
            labels=labels or {},
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Identifiers of the arms, sorted."""
        return tuple(str(name) for name in self.arm.cat.categories)

    def members(self, *arms: str) -> np.ndarray:
        """Whether each unit is of one of these arms: bool array, shape (n,)."""
        for arm in arms:
            if arm not in self.names:
                raise InputError(f"no arm '{arm}': {nearest(arm, self.names)}")
        return self.arm.isin(arms).to_numpy()

    def compare(self, treated: str, control: str) -> Comparison:
        """The units of two arms side by side, in the order of the units.

        Raises
        ------
        InputError
            If an arm is unknown, or is compared with itself.
        """
        if treated == control:
            raise InputError(f"arm '{treated}' cannot be compared with itself")
        kept = self.members(treated, control)
        return Comparison(
            unit=self.unit[kept],
            covariates=self.covariates[kept],
            treated=self.members(treated)[kept],
            strata=self.strata[kept],
            cells=self.cells[kept],
            cluster=self.cluster[kept],
            weights=self.weights[kept],
            treated_label=self.labels.get(treated, treated),
            control_label=self.labels.get(control, control),
        )

    def __len__(self) -> int:
        return len(self.unit)

    def __repr__(self) -> str:
        counts = self.arm.value_counts(sort=False)
        arms = ", ".join(f"{count:,} {arm}" for arm, count in counts.items())
        return f"Arms({arms}, {self.covariates.shape[1]} covariates)"
