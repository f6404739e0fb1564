"""How far the estimate moves when one chooses among the equally near instead of averaging them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.months import Period
from pacte_eval.designs import Design
from pacte_eval.designs.matching.sets import LARGEST_TABLE
from pacte_eval.designs.matching.spaces import ScoreSpace
from pacte_eval.effects.matched import matches_of

# Scores are compared at 12 significant digits: below their grid, above rounding.
_EQUAL = 2e-13


def breaks_ties(design: Design) -> bool:
    """Whether sets are shared between the equally near."""
    return design.kind == "neighbours" and design.settings.get("ties") == "average"


@dataclass(frozen=True, eq=False)
class TieSpan:
    """Span of the estimates of a design over the choices among ties.

    Each target keeps the units nearer than its farthest, and as many of the farthest as make up
    the number of neighbours: those of the largest, or of the smallest, outcomes.

    Attributes
    ----------
    design : Design
    values : callable
        From positions of periods to outcomes, (n, periods).
    periods : sequence of int or str
    """

    design: Design
    values: Callable[[Sequence[int]], np.ndarray]
    periods: Sequence[Period]

    def __call__(self) -> pd.DataFrame:
        """``month``, ``low`` and ``high`` of each period.

        Raises
        ------
        InputError
            If sampling weights differ, or the sets hold over fifty million units.
        """
        weights = self.design.comparison.weights
        if np.ptp(weights) > 0:
            raise InputError("the span over ties is for equal sampling weights: these differ")
        matches = matches_of(self.design)
        count = int(matches.size.sum())
        if count > LARGEST_TABLE:
            raise InputError(f"{count:,} matched pairs: a span is for {LARGEST_TABLE:,} at most")
        members = matches.each()
        target = np.repeat(np.arange(len(matches.target)), np.diff(members.indptr))
        edge = self._edge(matches.target, target, members.indices)
        low, high = zip(
            *(
                self._span(self.values([column])[:, 0], matches.target, target, members, edge)
                for column in range(len(self.periods))
            ),
            strict=True,
        )
        return pd.DataFrame({"month": list(self.periods), "low": low, "high": high})

    def _edge(self, rows: np.ndarray, target: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Members no nearer than the last neighbour of their target: bool array."""
        space = self.design.space
        if space is None:
            raise AssertionError("neighbours need a distance")
        distance = space.distance(rows[target], members)
        order, start, size = _within(target, distance)
        last = distance[order[start + np.minimum(self._neighbours, size) - 1]]
        slack = _EQUAL * last
        if isinstance(space, ScoreSpace):
            slack = slack + _EQUAL * np.abs(space.score[rows])
        return np.asarray(distance >= (last - slack)[target])

    def _span(
        self,
        outcome: np.ndarray,
        rows: np.ndarray,
        target: np.ndarray,
        members: sparse.csr_matrix,
        edge: np.ndarray,
    ) -> tuple[float, float]:
        seen = np.isfinite(outcome[members.indices]) & np.isfinite(outcome[rows])[target]
        if not seen.any():
            return np.nan, np.nan
        target, place = np.unique(target[seen], return_inverse=True)
        rows, edge, value = rows[target], edge[seen], outcome[members.indices[seen]]
        sign = np.where(self.design.comparison.treated[rows], 1.0, -1.0)
        ends = []
        for direction in (1.0, -1.0):
            order, start, size = _within(place, direction * value, edge)
            kept = np.minimum(self._neighbours, size)
            rank = np.arange(len(order)) - start[place[order]]
            chosen = order[rank < kept[place[order]]]
            mean = np.bincount(place[chosen], value[chosen]) / kept
            ends.append(sign * (outcome[rows] - mean))
        return (
            float(np.minimum(*ends).mean()),
            float(np.maximum(*ends).mean()),
        )

    @property
    def _neighbours(self) -> int:
        return int(str(self.design.settings["neighbours"]))


def _within(group: np.ndarray, *keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Order by group then keys (the last first), and the start and size of each group."""
    order = np.lexsort((*keys, group))
    size = np.bincount(group)
    return order, np.cumsum(size) - size, size
