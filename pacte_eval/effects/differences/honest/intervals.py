"""What remains of an effect when trends were not parallel, but not too far from it.

Rambachan and Roth (2023), "A More Credible Approach to Parallel Trends", *Review of Economic
Studies* 90, 2555–2591: what violations before entry say of those after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.designs.settings import check_choice, is_number
from pacte_eval.effects.differences.honest.magnitudes import RelativeMagnitudes
from pacte_eval.effects.differences.honest.path import Combining, EventPath
from pacte_eval.effects.differences.honest.smoothness import Smoothness
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.table import check_level, intervals, tidy

Restriction = Literal["relative-magnitudes", "smoothness"]

_RESTRICTIONS = {
    "relative-magnitudes": "magnitudes relatives\u202f: variation de l'écart après l'entrée d'au "
    "plus M fois la plus grande avant",
    "smoothness": "régularité\u202f: changement de pente de l'écart d'au plus M par période",
}
_METHODS = {
    "relative-magnitudes": "test hybride conditionnel et du cas le moins favorable",
    "smoothness": "intervalle de longueur fixe",
}
_DOUBLINGS = 26
_STEPS = 8
_HALVINGS = 16


@dataclass(frozen=True)
class HonestDiD:
    """Intervals of an effect under bounded violations of parallel trends.

    Parameters
    ----------
    restriction : ``"relative-magnitudes"`` or ``"smoothness"``
        ``"relative-magnitudes"``: from one period to the next, the violation changes after entry
        by at most M̄ times the largest change before it (Δ^RM of the paper). ``"smoothness"``: its
        slope changes by at most M from one period to the next, M = 0 being a straight line (Δ^SD).
    bounds : sequence of float, optional
        Values of M̄ (0.5, 1, 1.5 and 2 by default), or of M in the unit of the outcome (by default
        0, ½, 1, and 2 times the standard error of the linear extrapolation, per period).
    level : float
        Of the intervals, which hold at least so often, for each M apart.

    Raises
    ------
    InputError
        If a setting is unknown or out of range.

    Notes
    -----
    Intervals are those that the authors' program makes by default: the hybrid test of Andrews,
    Roth and Pakes (2023, *Review of Economic Studies* 90, 2763–2791) inverted, and Armstrong and
    Kolesár's (2018, *Econometrica* 86, 655–683) interval of fixed length. They are exact: no grid
    ends them, no critical value is drawn.
    """

    restriction: Restriction = "relative-magnitudes"
    bounds: Sequence[float] | None = None
    level: float = 0.95

    def __post_init__(self) -> None:
        check_choice("restriction", self.restriction, _RESTRICTIONS)
        check_level(self.level)
        if self.bounds is not None:
            given = list(self.bounds)
            if not given or not all(is_number(one) and one >= 0 for one in given):
                raise InputError(f"bounds={self.bounds!r} must hold numbers that are not negative")

    def fit(
        self,
        effects: Effects | EventPath,
        weights: Combining = None,
        *,
        first_post: int | None = None,
    ) -> pd.DataFrame:
        """Intervals for each path (outcome, cell…) of a table of effects by period since entry.

        Periods that a column ``matched`` says balanced by construction prove nothing and are left
        out; the reference is the period whose effect is zero without error, or that is absent.

        Parameters
        ----------
        effects : Effects or EventPath
            With effects before entry, all compared with one base period; or numbers alone, from
            ``EventPath.from_arrays(estimates, covariance, n_pre, n_post)``.
        weights : ``"equal"``, mapping of period to weight, or array of shape (n_post,), optional
            Which effect after entry: their mean, or a combination. By default the first.
        first_post : int, optional
            First period that treatment may have changed: by default 0, or −1 for effects fitted
            with ``anticipation=1``.

        Returns
        -------
        DataFrame
            A table of effects, one row per path and bound. ``estimate``, ``se``, ``original_low``
            and ``original_high`` take trends as parallel; ``ci_low`` and ``ci_high`` allow the
            violation of the row, of size ``bound``; ``identified_low`` and ``identified_high``
            are what it leaves of the effect if estimates were the truth (missing where they bend
            by more than the bound before entry). ``breakdown`` is the largest bound up to which
            every interval excludes 0: missing where it holds 0 at bound 0 already, infinite where
            it never does. ``left_out`` names periods left out.

        Raises
        ------
        InputError
            If nothing before entry can be tested, periods have holes or several base periods, or
            weights do not fit.
        """
        check_kind(effects, Effects, EventPath, use="an estimator of differences")
        if isinstance(effects, EventPath):
            paths = [effects]
        else:
            paths = EventPath.all_of(effects, first_post)
        return pd.concat([self._of(path, weights) for path in paths], ignore_index=True)

    def _of(self, path: EventPath, weights: Combining) -> pd.DataFrame:
        combination = path.combination(weights)
        along = np.concatenate([np.zeros(path.n_before), combination.values])
        direction = path.columns(along)
        estimate = float(direction @ path.estimates)
        error = float(np.sqrt(direction @ path.covariance @ direction))
        original = intervals(np.array([estimate]), np.array([error]), self.level)
        judge: RelativeMagnitudes | Smoothness
        if self.restriction == "smoothness":
            judge = Smoothness(path, combination, self.level)
        else:
            judge = RelativeMagnitudes(path, combination, self.level)
        bounds = self._bounds(judge)
        found = np.array([judge.interval(bound) for bound in bounds])
        identified = np.array([judge.identified(bound) for bound in bounds])
        rows = pd.DataFrame(
            {
                "month": pd.array([combination.period] * len(bounds), dtype="Int64"),
                "restriction": _RESTRICTIONS[self.restriction],
                "bound": bounds,
                "estimate": estimate,
                "se": error,
                "ci_low": found[:, 0],
                "ci_high": found[:, 1],
                "p": np.nan,
                "identified_low": identified[:, 0],
                "identified_high": identified[:, 1],
                "original_low": original["ci_low"][0],
                "original_high": original["ci_high"][0],
                "breakdown": _breakdown(judge),
                "periods_before": len(path.periods_estimated) - path.n_post,
                "left_out": path.left_out,
            }
        )
        said = path.said(direction != 0)
        said["estimand"] = ", ".join(filter(None, [str(said["estimand"]), combination.words]))
        said |= {"se_kind": _METHODS[self.restriction], "contribution_kind": "none"}
        return tidy(rows.assign(**said), level=self.level)

    def _bounds(self, judge: RelativeMagnitudes | Smoothness) -> np.ndarray:
        if self.bounds is not None:
            return np.array([float(one) for one in self.bounds])
        if self.restriction == "smoothness":
            return np.array([0.0, 0.5, 1.0, 2.0]) * judge.scale
        return np.array([0.5, 1.0, 1.5, 2.0])


def _breakdown(judge: RelativeMagnitudes | Smoothness) -> float:
    """The largest bound up to which every interval excludes zero."""

    def holds_zero(bound: float) -> bool:
        low, high = judge.interval(bound)
        return low <= 0 <= high

    if holds_zero(0.0):
        return np.nan
    excluded, held = 0.0, judge.scale / 64
    for _ in range(_DOUBLINGS):
        if holds_zero(held):
            break
        excluded, held = held, 2 * held
    else:
        return np.inf
    for step in np.linspace(excluded, held, _STEPS + 1)[1:-1]:
        if holds_zero(step):
            held = step
            break
        excluded = step
    for _ in range(_HALVINGS):
        middle = (excluded + held) / 2
        if holds_zero(middle):
            held = middle
        else:
            excluded = middle
    return float(excluded)
