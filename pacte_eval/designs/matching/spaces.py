"""Where neighbours are looked for: a distance, exact cells, and persons never matched with
themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from pacte_eval.designs.matching.line import Line, Sorted, line_of, significant, sorted_units
from pacte_eval.designs.matching.neighbours import nearest_exactly, nearest_with_ties
from pacte_eval.designs.matching.sets import MatchedSets
from pacte_eval.designs.matching.without_replacement import closest_first, nearest_in_order


class Space(Protocol):
    """A distance between units of the same exact cell and of different persons.

    Targets and sources are rows, each once; entries of the sets are ones. A target is no neighbour
    of itself nor of its person's other rows, and has an empty set where it has no neighbour.
    Distances that agree to 12 significant digits are equal.
    """

    def nearest(self, targets: np.ndarray, sources: np.ndarray, count: int) -> MatchedSets:
        """All sources as near as the `count`-th nearest of each target, ties included."""
        ...

    def with_ties(
        self,
        targets: np.ndarray,
        sources: np.ndarray,
        count: int,
        *,
        caliper: float = np.inf,
        tolerance: float = 0.0,
    ) -> MatchedSets:
        """As `nearest`, within a caliper and with a tolerance.

        Parameters
        ----------
        caliper : float
            Largest distance on the score, in its units.
        tolerance : float
            Squared distances that differ by no more than this are equal.
        """
        ...

    def exactly(
        self,
        targets: np.ndarray,
        sources: np.ndarray,
        count: int,
        *,
        caliper: float = np.inf,
        rank: np.ndarray | None = None,
    ) -> MatchedSets:
        """The `count` nearest sources of each target.

        Parameters
        ----------
        rank : float array, shape (n,), optional
            Among equally near sources the lowest comes first; MatchIt's rule by default.
        """
        ...

    def without_replacement(
        self,
        targets: np.ndarray,
        sources: np.ndarray,
        count: int,
        *,
        caliper: float = np.inf,
        order: np.ndarray | None,
        rank: np.ndarray | None = None,
    ) -> MatchedSets:
        """The `count` nearest free sources of each target, one more by round; none taken twice.

        Parameters
        ----------
        order : int array, shape (len(targets),), or None
            Positions of targets in the order served; None, the closest remaining pair first.
        rank
            As for `exactly`.
        """
        ...

    def anywhere(self) -> Space:
        """The same distance without cells."""
        ...

    def distance(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Distances between rows `left` and rows `right`, one by one: shape (len(left),)."""
        ...


@dataclass(frozen=True, eq=False)
class ScoreSpace:
    """Distance on one score.

    Attributes
    ----------
    score : float array, shape (n,)
        Rounded to 12 significant digits, so that equal scores are equal.
    cell : int array, shape (n,)
        Exact cell of each unit, from 0.
    person : int array, shape (n,)
    """

    score: np.ndarray
    cell: np.ndarray
    person: np.ndarray

    @classmethod
    def of(cls, score: np.ndarray, cell: np.ndarray, person: np.ndarray) -> ScoreSpace:
        """A space from raw scores, codes of cells and numbers of persons."""
        return cls(significant(score), cell, person)

    def nearest(self, targets: np.ndarray, sources: np.ndarray, count: int) -> MatchedSets:
        return self.with_ties(targets, sources, count)

    def with_ties(
        self,
        targets: np.ndarray,
        sources: np.ndarray,
        count: int,
        *,
        caliper: float = np.inf,
        tolerance: float = 0.0,
    ) -> MatchedSets:
        line = self._line(targets, sources)
        return nearest_with_ties(line, count, caliper=caliper, tolerance=tolerance)

    def exactly(
        self,
        targets: np.ndarray,
        sources: np.ndarray,
        count: int,
        *,
        caliper: float = np.inf,
        rank: np.ndarray | None = None,
    ) -> MatchedSets:
        line = self._line(targets, sources, rank)
        return nearest_exactly(line, count, caliper=caliper)

    def without_replacement(
        self,
        targets: np.ndarray,
        sources: np.ndarray,
        count: int,
        *,
        caliper: float = np.inf,
        order: np.ndarray | None,
        rank: np.ndarray | None = None,
    ) -> MatchedSets:
        if order is None:
            return closest_first(self._line(targets, sources, rank), count, caliper=caliper)
        served = self._line(targets[order], sources, rank)
        found = nearest_in_order(served, count, caliper=caliper)
        return MatchedSets(targets, np.argsort(order), found.sets)

    def anywhere(self) -> ScoreSpace:
        return replace(self, cell=np.zeros_like(self.cell))

    def distance(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.abs(self.score[left] - self.score[right])

    @cached_property
    def _units(self) -> Sorted:
        return sorted_units(self.score, self.cell)

    def _line(
        self, targets: np.ndarray, sources: np.ndarray, rank: np.ndarray | None = None
    ) -> Line:
        units = self._units if rank is None else sorted_units(self.score, self.cell, rank)
        return line_of(self.score, self.cell, self.person, units, targets, sources, rank)
