"""Where neighbours are looked for: a distance, exact cells, and persons never matched with
themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from pacte_eval.designs.neighbours import nearest_with_ties, significant
from pacte_eval.designs.sets import MatchedSets


class Space(Protocol):
    """A distance between units of the same exact cell and of different persons."""

    def nearest(self, targets: np.ndarray, sources: np.ndarray, count: int) -> MatchedSets:
        """All sources as near as the `count`-th nearest of each target, ties included.

        A target is no neighbour of itself nor of its person's other rows. Entries are ones.
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
        """A space from raw scores, cell codes and persons."""
        return cls(significant(score), cell, pd.factorize(person)[0])

    def nearest(self, targets: np.ndarray, sources: np.ndarray, count: int) -> MatchedSets:
        return nearest_with_ties(self.score, self.cell, self.person, targets, sources, count)

    def anywhere(self) -> ScoreSpace:
        return replace(self, cell=np.zeros_like(self.cell))

    def distance(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.abs(self.score[left] - self.score[right])
