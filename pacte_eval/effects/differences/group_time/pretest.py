"""Whether effects before treatment are jointly zero, as parallel trends have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.effects import Effects

_SINGULAR = 1e-10


@dataclass(frozen=True)
class Pretest:
    """A Wald test of effects before treatment.

    Attributes
    ----------
    statistic : float
        W, missing where the covariance is singular: fewer clusters than effects, for one.
    freedom : int
        Effects tested: χ² has as many degrees of freedom.
    p : float
    left_out : int
        Effects before treatment that are missing, or zero by construction.
    """

    statistic: float
    freedom: int
    p: float
    left_out: int

    @classmethod
    def of(cls, effects: Effects, before: np.ndarray) -> Pretest:
        """The test of the rows where `before` is true.

        Raises
        ------
        InputError
            If none has a standard error.
        """
        error = effects.table["se"].to_numpy(dtype=float)
        tested = before & np.isfinite(error) & (error > 0)
        number = int(tested.sum())
        if number == 0:
            raise InputError(
                f"{int(before.sum())} effects before treatment, none with a standard error: "
                "nothing to test"
            )
        left_out = int(before.sum()) - number
        covariance = effects.covariance(tested).to_numpy()
        scale = np.sqrt(np.diag(covariance))
        values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
        if values[0] <= _SINGULAR:
            return cls(np.nan, number, np.nan, left_out)
        along = vectors.T @ (effects.table["estimate"].to_numpy(dtype=float)[tested] / scale)
        statistic = float(along**2 @ (1 / values))
        return cls(statistic, number, float(stats.chi2.sf(statistic, number)), left_out)

    def summary(self) -> str:
        """The test in one French sentence."""
        if np.isnan(self.statistic):
            return (
                f"Test des {self.freedom} effets avant traitement non calculé\u202f: leur "
                "covariance est singulière."
            )
        left = f" ({self.left_out} effets écartés)" if self.left_out else ""
        words = f"W = {self.statistic:.2f}, {self.freedom} degrés de liberté, p = {self.p:.3f}"
        return f"Test des effets avant traitement\u202f: {words}{left}.".replace(".", ",", 2)
