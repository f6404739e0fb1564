"""Zones of which some are taken for treated from some period on: what is fitted again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pacte_eval.effects.zones.rounding import rounding_error


@dataclass(frozen=True, eq=False)
class ZoneBlock:
    """Outcomes of zones, which of them are treated, and from when.

    Attributes
    ----------
    values : float array, shape (n, t)
    treated : bool array, shape (n,)
    before : int
        Number of periods before the start.
    features : float array, shape (n, k)
        What zones are also matched on.
    """

    values: np.ndarray
    treated: np.ndarray
    before: int
    features: np.ndarray

    def pretending(self, treated: np.ndarray) -> ZoneBlock:
        """The same zones, others being taken for treated."""
        return replace(self, treated=treated)

    def keeping(self, rows: np.ndarray) -> ZoneBlock:
        """Some of the zones only."""
        return replace(
            self,
            values=self.values[rows],
            treated=self.treated[rows],
            features=self.features[rows],
        )

    def starting(self, before: int) -> ZoneBlock:
        """The periods before the start only, it being taken to be after `before` of them."""
        return replace(self, values=self.values[:, : self.before], before=before)

    @property
    def donors(self) -> np.ndarray:
        """Outcomes of those not treated: float array, shape (n0, t)."""
        return self.values[~self.treated]

    @property
    def target(self) -> np.ndarray:
        """Mean outcome of the treated: float array, shape (t,)."""
        return np.asarray(self.values[self.treated].mean(axis=0))


@dataclass(frozen=True, eq=False)
class Gaps:
    """What the treated differ by from their counterfactual.

    Attributes
    ----------
    path : float array, shape (t,)
    donor_weights : float array, shape (n0,)
    period_weights : float array, shape (before,)
        What the gap is measured from; all zero for a level.
    """

    path: np.ndarray
    donor_weights: np.ndarray
    period_weights: np.ndarray

    @classmethod
    def of(cls, block: ZoneBlock, donor_weights: np.ndarray, period_weights: np.ndarray) -> Gaps:
        """The gaps that weights of donors and of earlier periods make."""
        gap = block.target - donor_weights @ block.donors
        base = float(period_weights @ gap[: block.before])
        return cls(gap - base, donor_weights, period_weights)

    def mean_after(self, before: int) -> float:
        """Mean gap from the start on."""
        return float(self.path[before:].mean())

    def rmspe(self, before: int) -> tuple[float, float]:
        """Root mean squares of the gaps before the start, and from it on."""
        parts = (self.path[:before], self.path[before:])
        return float(np.sqrt((parts[0] ** 2).mean())), float(np.sqrt((parts[1] ** 2).mean()))


def ratio(after: float, before: float, scale: float) -> float:
    """How many times larger the gaps are after the start; NaN when there is none at all.

    Gaps under what rounding makes of values as large as `scale` are taken for zero.
    """
    nil = rounding_error(scale)
    if before > nil:
        return after / before
    return np.inf if after > nil else np.nan
