"""Neighbours by several covariates at once: the distances of Rubin (1980), Rosenbaum (2010), and
Abadie and Imbens (2006), in exact cells, within a caliper on a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from scipy import sparse

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.designs.matching.closest_first import served_closest_first
from pacte_eval.designs.matching.equal_targets import groups, own_members
from pacte_eval.designs.matching.line import significant
from pacte_eval.designs.matching.multivariate import (
    Neighbourhoods,
    Precedence,
    chosen,
    in_threads,
    neighbourhoods,
    served_in_order,
)
from pacte_eval.designs.matching.pool import NOBODY, Pool, Seekers
from pacte_eval.designs.matching.sets import MatchedSets
from pacte_eval.designs.matching.whitening import whitened
from pacte_eval.designs.settings import check_choice
from pacte_eval.frames import Comparison

KINDS = ("mahalanobis", "robust-mahalanobis", "scaled-euclidean")


@dataclass(frozen=True, eq=False)
class MahalanobisSpace:
    """Distance on covariates turned and scaled: Mahalanobis and its relatives.

    Attributes
    ----------
    points : float array, shape (n, d)
        Their Euclidean distance is the distance.
    cell : int array, shape (n,)
        Exact cell of each unit, from 0.
    person : int array, shape (n,)
    score : float array, shape (n,), or None
        What a caliper is on, rounded to 12 significant digits.

    Notes
    -----
    Distances are equal when they differ by less than 2e-11 of themselves plus the target's
    distance to the mean: what 12 significant digits of the points can tell apart.
    """

    points: np.ndarray
    cell: np.ndarray
    person: np.ndarray
    score: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        comparison: Comparison,
        names: Sequence[str],
        kind: str,
        cell: np.ndarray,
        score: np.ndarray | None = None,
    ) -> MahalanobisSpace:
        """The space of some covariates.

        Parameters
        ----------
        comparison : Comparison
        names : sequence of str
            Covariates; none means all of them.
        kind : str
            ``"mahalanobis"``, ``"robust-mahalanobis"`` or ``"scaled-euclidean"``: see
            `pacte_eval.designs.matching.whitening`.
        cell : int array, shape (n,)
        score : float array, shape (n,), optional

        Raises
        ------
        InputError
            If the kind or a name is unknown, or a name comes twice.
        """
        check_choice("distance", kind, KINDS)
        if isinstance(names, str):
            raise InputError(f"mahalanobis_on='{names}' must be a list of names: ['{names}']")
        known = [str(name) for name in comparison.covariates.columns]
        for name in names:
            if name not in known:
                raise InputError(
                    f"mahalanobis_on: '{name}' is not a covariate: {nearest(name, known)}"
                )
            if list(names).count(name) > 1:
                raise InputError(f"mahalanobis_on: '{name}' is named twice: name it once")
        chosen = comparison.covariates[list(names)] if len(names) else comparison.covariates
        return cls(
            whitened(chosen, comparison.treated, comparison.weights, kind),
            cell,
            comparison.person,
            None if score is None else significant(score),
        )

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
        """All sources as near as the `count`-th nearest, ties included.

        Equal targets share one set. Those that find their own person in it do without, unless too
        few are left, and then look for a set of their own.
        """
        pool, score = self._pool(sources, caliper)
        apart = np.zeros(len(targets), dtype=bool)
        found, of, shared = self._sets(pool, score, targets, apart, count, caliper, tolerance)
        looking = np.flatnonzero(shared)
        target, place = own_members(
            pool, found, looking, self.person[targets[looking]], of[looking]
        )
        size, own = np.diff(found.pointer)[of], np.bincount(target, minlength=len(targets))
        lacking = (own > 0) & (size >= count) & ((size - own < count) | (tolerance > 0))
        if lacking.any():
            rows = targets[lacking]
            apart = np.ones(len(rows), dtype=bool)
            more, to, _ = self._sets(pool, score, rows, apart, count, caliper, tolerance)
            of[lacking] = len(found.pointer) - 1 + to
            target, place = target[~lacking[target]], place[~lacking[target]]
            found = found.followed_by(more)
        sets = self._indicator(pool, found.pointer, found.place)
        if not len(target):
            return MatchedSets(targets, of, sets)
        pointer = np.searchsorted(target, np.arange(len(targets) + 1))
        return MatchedSets(targets, of, sets, self._indicator(pool, pointer, place))

    def exactly(
        self,
        targets: np.ndarray,
        sources: np.ndarray,
        count: int,
        *,
        caliper: float = np.inf,
        rank: np.ndarray | None = None,
    ) -> MatchedSets:
        """The `count` nearest sources, those equally near chosen by a rule.

        Without `rank`, units are sorted by the first coordinate then row. Of units equally near,
        those below the target come first, then those farthest from it in that order, which is what
        MatchIt's search keeps of equal rows (where rows differ, it goes by the last bit).
        """
        pool, score = self._pool(sources, caliper)
        apart = np.isin(self._person_cell(targets), self._person_cell(sources))
        found, of, _ = self._sets(pool, score, targets, apart, count, caliper)
        members = chosen(pool, found, targets, of, count, self._precedence(pool, targets, rank))
        return self._separate(pool, targets, members)

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

        Ties go by `rank` as in `exactly`.
        """
        pool, score = self._pool(sources, caliper)
        turn = np.arange(len(targets)) if order is None else np.asarray(order)
        rows = targets[turn]
        low, high = pool.runs(self.cell[rows], score[rows], caliper)
        seekers = Seekers(rows, self.person[rows], low, high)
        precedence = self._precedence(pool, rows, rank)
        taken = np.zeros(len(pool.rows), dtype=np.bool_)
        cells = [] if order is None else _groups(self.cell[rows])
        members = np.full((len(targets), count), NOBODY, dtype=np.int64)
        for position in range(count):
            if order is None:
                given = served_closest_first(pool, seekers, precedence, taken)
            else:
                given = np.full(len(rows), NOBODY, dtype=np.int64)
                served = in_threads(
                    lambda cell: served_in_order(
                        pool, seekers.take(cell), precedence.take(cell), taken
                    ),
                    cells,
                )
                for cell, places in zip(cells, served, strict=True):
                    given[cell] = places
            members[turn, position] = given
        return self._separate(pool, targets, members)

    def anywhere(self) -> MahalanobisSpace:
        return replace(self, cell=np.zeros_like(self.cell))

    def distance(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        out = np.empty(len(left))
        _distances(self.points, np.asarray(left), np.asarray(right), out)
        return out

    def _pool(self, sources: np.ndarray, caliper: float) -> tuple[Pool, np.ndarray]:
        """The sources, and the score where a caliper makes it count."""
        if np.isfinite(caliper) and self.score is None:
            raise InputError(f"caliper={caliper} needs a score: give score=")
        score = self.score if np.isfinite(caliper) else None
        score = np.zeros(len(self.points)) if score is None else score
        return Pool.of(self.points, self.person, self.cell, score, np.asarray(sources)), score

    def _sets(
        self,
        pool: Pool,
        score: np.ndarray,
        targets: np.ndarray,
        apart: np.ndarray,
        count: int,
        caliper: float,
        tolerance: float = 0.0,
    ) -> tuple[Neighbourhoods, np.ndarray, np.ndarray]:
        """Near sources of groups of equal targets.

        Returns
        -------
        found : Neighbourhoods
            Of each group, those of its person left out unless it has several targets.
        of : int array, shape (len(targets),)
            Group of each target.
        shared : bool array, shape (len(targets),)
            Whether the group has several targets; never where `apart` is true.
        """
        first, of = groups(self.points, self.cell, score, targets, apart)
        rows = targets[first]
        shared = np.bincount(of, minlength=len(rows)) > 1
        low, high = pool.runs(self.cell[rows], score[rows], caliper)
        seekers = Seekers(rows, np.where(shared, NOBODY, self.person[rows]), low, high)
        return neighbourhoods(pool, seekers, count, tolerance=tolerance), of, shared[of]

    def _person_cell(self, rows: np.ndarray) -> np.ndarray:
        people = np.int64(self.person.max()) + 1
        return np.asarray(self.cell[rows].astype(np.int64) * people + self.person[rows])

    def _precedence(self, pool: Pool, targets: np.ndarray, rank: np.ndarray | None) -> Precedence:
        if rank is not None:
            ranks = np.asarray(rank, dtype=np.float64)
            return Precedence(ranks[pool.rows], np.zeros(len(targets)), 0.0)
        size = len(self.points)
        position = np.empty(size)
        position[np.argsort(significant(self.points[:, 0]), kind="stable")] = np.arange(size)
        return Precedence(position[pool.rows], position[targets], 2.0 * size)

    def _separate(self, pool: Pool, targets: np.ndarray, members: np.ndarray) -> MatchedSets:
        """One set a target, from places of the pool: int array, shape (len(targets), count)."""
        held = members != NOBODY
        pointer = np.concatenate([[0], np.cumsum(held.sum(axis=1))])
        sets = self._indicator(pool, pointer, members[held])
        return MatchedSets(targets, np.arange(len(targets)), sets)

    def _indicator(self, pool: Pool, pointer: np.ndarray, place: np.ndarray) -> sparse.csr_matrix:
        """Ones at the units that stand at some places of the pool, by rows."""
        shape = (len(pointer) - 1, len(self.points))
        matrix = sparse.csr_matrix((np.ones(len(place)), pool.rows[place], pointer), shape=shape)
        matrix.sort_indices()
        return matrix


def _groups(cell: np.ndarray) -> list[np.ndarray]:
    """Positions of the units of each cell, in order."""
    order = np.argsort(cell, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(cell[order])) + 1)


@njit(cache=True, nogil=True)
def _distances(points: np.ndarray, left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(left)):
        square = 0.0
        for k in range(points.shape[1]):
            square += (points[left[i], k] - points[right[i], k]) ** 2
        out[i] = np.sqrt(square)
