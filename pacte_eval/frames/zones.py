"""Zones followed quarter by quarter: their outcome, the intensity of training, what else happened.

Every zone trains people in every quarter: what tells zones apart is by how much the intensity of
training (entries or euros per job-seeker) has risen since a declared baseline, the *dose*.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.frames.columns import select
from pacte_eval.frames.panel import Panel

Direction = Literal["hausse", "baisse", "inconnu"]

_ONE_REGION = "ensemble"


@dataclass(frozen=True)
class ConcurrentPolicy:
    """Another policy that some zones met in the same quarters: a declared confounder.

    Parameters
    ----------
    name : str
        In French, as tables and pages print it.
    first, last : int
        Its periods, both included.
    zones : tuple
        Identifiers of the zones it reached; empty for all of them.
    direction : ``"hausse"``, ``"baisse"`` or ``"inconnu"``
        Which way it would move the outcome.
    """

    name: str
    first: int
    last: int
    zones: tuple[Hashable, ...] = ()
    direction: Direction = "inconnu"

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise InputError(f"policy '{self.name}' ends before it starts")
        if self.direction not in ("hausse", "baisse", "inconnu"):
            raise InputError(
                f"policy '{self.name}' has direction={self.direction!r}: hausse, baisse or inconnu"
            )


@dataclass(frozen=True, eq=False)
class ZonePanel:
    """Zones by quarter, every zone observed at every quarter.

    Parameters
    ----------
    outcome : str
        Its name.
    values : float array, shape (n, t)
    periods : int array, shape (t,)
        Increasing; quarters as ``year * 4 + quarter − 1``.
    zone : pandas.Index
        Identifiers of the n zones, unique.
    region : array, shape (n,)
        One region is one cluster.
    intensity : float array, shape (n, t)
        Entries or euros per job-seeker.
    measure : str
        What the intensity is, in French: ``"entrées pour 100 demandeurs d’emploi"``.
    start : int
        First period of the programme under study.
    baseline : tuple of int
        First and last period whose mean intensity is the baseline.
    covariates : DataFrame, n rows
        Numbers known before `start`.
    policies : tuple of ConcurrentPolicy

    Raises
    ------
    InputError
        If a zone comes twice, a zone is not observed at a period (the number is given), fewer than
        two periods precede `start`, none follows, or the baseline does not precede it.
    """

    outcome: str
    values: np.ndarray
    periods: np.ndarray
    zone: pd.Index
    region: np.ndarray
    intensity: np.ndarray
    measure: str
    start: int
    baseline: tuple[int, int]
    covariates: pd.DataFrame
    policies: tuple[ConcurrentPolicy, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.zone), len(self.periods))
        if self.zone.has_duplicates:
            raise InputError(f"{int(self.zone.duplicated().sum())} zones come twice in the panel")
        for name, array in ((self.outcome, self.values), ("intensity", self.intensity)):
            if np.shape(array) != shape:
                raise InputError(
                    f"'{name}' has shape {np.shape(array)} for {shape[0]} zones and "
                    f"{shape[1]} periods"
                )
            self._refuse_gaps(name, array)
        for name, size in (("region", len(self.region)), ("covariates", len(self.covariates))):
            if size != shape[0]:
                raise InputError(f"{name} has {size} rows for {shape[0]} zones")
        if self.before < 2 or self.before == shape[1]:
            raise InputError(
                f"start={self.start} leaves {self.before} periods before it and "
                f"{shape[1] - self.before} from it on: two and one are needed"
            )
        if not (isinstance(self.baseline, Sequence) and len(self.baseline) == 2):
            raise InputError(f"baseline={self.baseline!r} must be its first and last periods")
        first, last = self.baseline
        if first > last or last >= self.start or not self._baseline().any():
            raise InputError(
                f"baseline {self.baseline} must hold periods of the panel before start={self.start}"
            )
        for policy in self.policies:
            unknown = [zone for zone in policy.zones if zone not in self.zone]
            if unknown:
                raise InputError(
                    f"policy '{policy.name}' names {len(unknown)} zones that the panel does not "
                    f"have, as {unknown[0]!r}"
                )

    @classmethod
    def from_frame(
        cls,
        long: pd.DataFrame,
        *,
        zone: str,
        period: str,
        outcome: str,
        intensity: str,
        measure: str,
        start: int,
        baseline: tuple[int, int],
        region: str | None = None,
        covariates: Sequence[str] = (),
        policies: Sequence[ConcurrentPolicy] = (),
    ) -> ZonePanel:
        """A panel from a long data frame, one row per zone and period.

        Parameters
        ----------
        long : DataFrame
        zone, period, outcome, intensity : str
            Columns; periods are whole numbers.
        measure, start, baseline, policies
            As the class takes them.
        region : str, optional
            Column, the same on all rows of a zone; by default all zones are of one region.
        covariates : sequence of str
            Columns of numbers; the mean over the periods before `start` is kept.

        Raises
        ------
        InputError
            If a column is missing, a zone has two rows of one period, and as the class does.
        """
        check_kind(long, pd.DataFrame, use="to_pandas() or pandas.DataFrame(…)")
        select(long, [intensity], "intensity")
        if region is not None:
            select(long, [region], "region")
        never = long.assign(never_treated=np.nan)

        def read(name: str, also: Sequence[str] = ()) -> Panel:
            return Panel.from_frame(
                never,
                unit=zone,
                period=period,
                first_treated="never_treated",
                outcome=name,
                covariates=also,
                cluster=region,
            )

        panel = read(outcome, covariates)
        before = panel.periods < start
        known: dict[str, np.ndarray] = {}
        for name in map(str, covariates):
            if name in panel.varying:
                known[name] = panel.varying[name][:, before].mean(axis=1)
            elif isinstance(panel.covariates[name].dtype, pd.CategoricalDtype):
                raise InputError(f"covariate '{name}' of zones is text: code it as numbers")
            else:
                known[name] = panel.covariates[name].to_numpy(dtype=np.float64)
        return cls(
            outcome=outcome,
            values=panel.values,
            periods=panel.periods,
            zone=panel.unit.rename("zone"),
            region=np.full(len(panel), _ONE_REGION) if region is None else panel.cluster,
            intensity=read(intensity).values,
            measure=measure,
            start=start,
            baseline=baseline,
            covariates=pd.DataFrame(known, index=panel.unit),
            policies=tuple(policies),
        )

    @property
    def before(self) -> int:
        """Number of periods before the start."""
        return int(np.count_nonzero(np.asarray(self.periods) < self.start))

    @property
    def relative(self) -> np.ndarray:
        """Periods counted from the start: int array, shape (t,)."""
        return np.asarray(self.periods) - self.start

    @property
    def baseline_intensity(self) -> np.ndarray:
        """Mean intensity over the baseline: float array, shape (n,)."""
        return np.asarray(self.intensity[:, self._baseline()].mean(axis=1))

    @property
    def dose(self) -> np.ndarray:
        """Rise of the mean intensity from the baseline to the start and after: shape (n,)."""
        after = self.intensity[:, self.before :].mean(axis=1)
        return np.asarray(after - self.baseline_intensity)

    @property
    def regions(self) -> int:
        """Number of regions."""
        return len(pd.unique(self.region))

    def _baseline(self) -> np.ndarray:
        periods = np.asarray(self.periods)
        return (periods >= self.baseline[0]) & (periods <= self.baseline[1])

    def _refuse_gaps(self, name: str, array: np.ndarray) -> None:
        gaps = ~np.isfinite(array)
        if gaps.any():
            row, column = (int(places[0]) for places in np.nonzero(gaps))
            raise InputError(
                f"'{name}' is missing for {int(gaps.sum())} zones × periods, as "
                f"{self.zone[row]} at {self.periods[column]}: complete them, or leave out the "
                "zones or periods concerned"
            )

    def __len__(self) -> int:
        return len(self.zone)

    def __repr__(self) -> str:
        return (
            f"ZonePanel('{self.outcome}': {len(self)} zones × {len(self.periods)} periods, "
            f"{self.regions} regions, start {self.start})"
        )
