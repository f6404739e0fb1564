"""Rules of common support on a score: which units have their like in the other arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pacte_eval.definitions.errors import InputError, counted
from pacte_eval.designs.settings import is_number
from pacte_eval.frames import Comparison

_ROUNDING = 1e-12


@dataclass(frozen=True)
class MinMax:
    """Units whose score lies in the ranges of both arms.

    Notes
    -----
    From the larger of the two minima to the smaller of the two maxima: Caliendo and Kopeinig
    (2008, *Journal of Economic Surveys* 22, 31–72, section 3.3).
    """

    @property
    def reason(self) -> str:
        return "hors du support commun (min–max)"

    def keep(self, score: np.ndarray, comparison: Comparison) -> np.ndarray:
        """Which units are kept: bool array, shape (n,)."""
        treated, control = score[comparison.treated], score[~comparison.treated]
        low = max(treated.min(), control.min())
        high = min(treated.max(), control.max())
        return np.asarray((score >= low) & (score <= high))

    def __str__(self) -> str:
        return "min–max: scores in the ranges of both arms"


@dataclass(frozen=True)
class Quantile:
    """Units whose score lies between two quantiles of the scores of the other arm.

    Parameters
    ----------
    q : float
        From the quantile q to the quantile 1 − q, by sampling weight; 0 is `MinMax`.

    Notes
    -----
    As `MinMax`, with quantiles in the place of extremes, which one unit can move. A quantile is an
    observed score: the smallest with at least the share q of its arm at or under it, and in the
    same way from above.
    """

    q: float = 0.01

    @property
    def reason(self) -> str:
        low, high = _in_french(self.q), _in_french(1 - self.q)
        return f"hors des quantiles {low} et {high} du score de l'autre groupe"

    def keep(self, score: np.ndarray, comparison: Comparison) -> np.ndarray:
        """Which units are kept: bool array, shape (n,).

        Raises
        ------
        InputError
            If q is not from 0 to under a half.
        """
        if not (is_number(self.q) and 0 <= self.q < 0.5):
            raise InputError(f"q={self.q} must be from 0 to under 0.5")
        kept = np.empty(len(score), dtype=bool)
        for arm in (comparison.treated, ~comparison.treated):
            other, weights = score[~arm], comparison.weights[~arm]
            low = _lowest(other, weights, self.q)
            high = -_lowest(-other, weights, self.q)
            kept[arm] = (score[arm] >= low) & (score[arm] <= high)
        return kept

    def __str__(self) -> str:
        return f"quantiles {self.q:g} and {1 - self.q:g} of the scores of the other arm"


def _in_french(number: float) -> str:
    return f"{number:g}".replace(".", ",")


def _lowest(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The smallest value with at least a share of the weights at or under it."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    enough = share * reached[-1] * (1 - _ROUNDING)
    return float(values[order[np.searchsorted(reached, enough)]])


@dataclass(frozen=True)
class Crump:
    """Units whose score is at least alpha away from 0 and from 1.

    Parameters
    ----------
    alpha : float or None
        None takes the cut-off that minimises the variance of the average effect on those kept,
        outcomes being homoscedastic.

    Notes
    -----
    Crump, Hotz, Imbens and Mitnik (2009, *Biometrika* 96, 187–199): with p the score and
    g = 1 / (p (1 − p)), the units kept are those where g ≤ γ = 2 E[g | g ≤ γ], or all if the
    largest g is no more than 2 E[g] (corollary 1); alpha is ½ − √(¼ − 1/γ), and 0.1 their rule of
    thumb. Expectations are by sampling weight.
    """

    alpha: float | None = 0.1

    @property
    def reason(self) -> str:
        cut = "α optimal" if self.alpha is None else f"α = {_in_french(self.alpha)}"
        return f"score trop proche de 0 ou de 1 (Crump, {cut})"

    def keep(self, score: np.ndarray, comparison: Comparison) -> np.ndarray:
        """Which units are kept: bool array, shape (n,).

        Raises
        ------
        InputError
            If alpha is not from 0 to under a half, or the score holds no probabilities.
        """
        outside = int(np.count_nonzero((score < 0) | (score > 1)))
        if outside:
            raise InputError(
                f"support=Crump needs a score in (0, 1): {counted(outside, 'value')} of score= lie "
                "outside"
            )
        if self.alpha is None:
            alpha = optimal_cutoff(score, comparison.weights)
        elif is_number(self.alpha) and 0 <= self.alpha < 0.5:
            alpha = self.alpha
        else:
            raise InputError(f"alpha={self.alpha} must be from 0 to under 0.5, or None")
        return np.asarray((score >= alpha) & (score <= 1 - alpha))

    def __str__(self) -> str:
        if self.alpha is None:
            return "Crump: scores from α to 1 − α, α optimal"
        return f"Crump: scores from {self.alpha:g} to {1 - self.alpha:g}"


def optimal_cutoff(score: np.ndarray, weights: np.ndarray) -> float:
    """The alpha of Crump et al. (2009, corollary 1), 0 if every unit is to be kept.

    The variance is proportional to V(A) = E[g | A] / P(A). Among the sets {g ≤ c}, that of least V
    satisfies max g ≤ γ = 2 E[g | A] < the next g.
    """
    with np.errstate(divide="ignore"):
        noise = 1 / (score * (1 - score))
    order = np.argsort(noise, kind="stable")
    order = order[np.isfinite(noise[order])]
    if len(order) == 0:
        return 0.0
    mass = np.cumsum(weights[order])
    total = np.cumsum(weights[order] * noise[order])
    best = int(np.argmin(total / mass**2))
    if best == len(score) - 1:
        return 0.0
    return float(0.5 - np.sqrt(0.25 - 0.5 * mass[best] / total[best]))
