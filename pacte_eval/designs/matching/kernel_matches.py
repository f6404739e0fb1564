"""Matched sets whose entries are a kernel of the distance on the score: never held, only summed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from pacte_eval.designs.matching.kernel_sums import Kernel, Points, add_kernel_sums, runs
from pacte_eval.designs.matching.spaces import ScoreSpace

_FLAT = 1e-6
"""Variance of the controls' scores, in squared bandwidths, under which no slope can be fitted."""

_NOTHING = 1e-6
"""Share of a sum, its own person taken out, under which what remains is rounding error."""


@dataclass(frozen=True, eq=False)
class Term:
    """A part of an entry a(i, j): factor(i) × kernel(j − i) × weight(j), for m factors."""

    factor: np.ndarray
    kernel: Kernel


@dataclass(frozen=True, eq=False)
class KernelMatches:
    """Targets and the sources of their cell nearer than the reach of a kernel.

    The entries of a target sum to one.

    Attributes
    ----------
    target : int array, shape (m,)
        Rows of the targets with a source, ascending.
    size : int array, shape (m,)
        Sources of other persons within reach.
    score, weight : float arrays, shape (n,)
        The score that is searched on, and what each source's kernel is multiplied by.
    targets, sources : Points
        Sorted; places of the targets are positions in `target`, those of the sources are rows.
    terms : tuple of Term
        An entry is the sum of these.
    own : sparse matrix, shape (m, n), or None
        Entries of the target's own person, left out of all sums.
    """

    target: np.ndarray
    size: np.ndarray
    score: np.ndarray
    weight: np.ndarray
    targets: Points
    sources: Points
    terms: tuple[Term, ...]
    own: sparse.csr_matrix | None

    @classmethod
    def of(
        cls,
        space: ScoreSpace,
        targets: np.ndarray,
        sources: np.ndarray,
        weight: np.ndarray,
        kernel: Kernel,
    ) -> KernelMatches:
        """Entries in proportion to kernel(j − i) weight(j), for `targets` and `sources` in reach.

        A target is never matched with its own person. One with no source, or whose sources weigh
        less than a millionth of its own person's, is left out.

        Parameters
        ----------
        space : ScoreSpace
        targets, sources : int arrays
            Rows.
        weight : float array, shape (n,)
        kernel : Kernel
        """
        target = np.sort(targets)
        position = np.empty(len(weight), dtype=np.int64)
        position[target] = np.arange(len(target))
        sought = Points.of(space.score, space.cell, target)
        sought = replace(sought, place=position[sought.place])
        offered = Points.of(space.score, space.cell, sources)
        low, high = runs(sought, offered, kernel.reach)
        size = np.empty(len(target), dtype=np.int64)
        size[sought.place] = high - low
        matches = cls(
            target=target,
            size=size,
            score=space.score,
            weight=weight,
            targets=sought,
            sources=offered,
            terms=(Term(np.ones(len(target)), kernel),),
            own=None,
        )
        one = np.ones((len(weight), 1))
        mass = matches.total(one)[:, 0]
        kept = size > 0
        row, column = _own_pairs(space, target, sources, kernel.reach)
        if len(row):
            shape = (len(target), len(weight))
            own = _rows(row, column, matches.entries(row, column), shape)
            size, gross = size - np.diff(own.indptr), mass
            mass = mass - (own @ one)[:, 0]
            kept = (size > 0) & (mass > _NOTHING * gross)
            matches = replace(matches, size=size, own=own)
        return matches.take(kept)._with((Term(1.0 / mass[kept], kernel),))

    def local_linear(self) -> KernelMatches:
        """The same sets, each matched mean a local linear regression's value at the target.

        With m(r) the sum of entries times u^r, u the gap in bandwidths, an entry is multiplied by
        (m(2) − u m(1)) / (m(2) − m(1)²): Fan (1992, *JASA* 87, 998–1004); in matching, Heckman,
        Ichimura and Todd (1997, *Review of Economic Studies* 64, 605–654). Entries may then be
        negative. Where the controls' scores vary by less than a thousandth of the bandwidth, they
        stay as they are.
        """
        (term,) = self.terms
        one = np.ones((len(self.weight), 1))
        first, second = (
            self._with((Term(term.factor, term.kernel.times(power)),)).total(one)[:, 0]
            for power in (1, 2)
        )
        variance = second - first**2
        sloped = variance > _FLAT
        spread = np.where(sloped, variance, 1.0)
        level = term.factor * np.where(sloped, second / spread, 1.0)
        slope = term.factor * np.where(sloped, -first / spread, 0.0)
        return self._with((Term(level, term.kernel), Term(slope, term.kernel.times(1))))

    @property
    def mass(self) -> np.ndarray:
        return np.ones(len(self.target))

    def total(self, values: np.ndarray) -> np.ndarray:
        out = np.zeros((len(self.target), values.shape[1]))
        for term in self.terms:
            add_kernel_sums(
                out, self.targets, term.factor, self.sources, self.weight, values, term.kernel
            )
        return out if self.own is None else out - self.own @ values

    def spread(self, values: np.ndarray) -> np.ndarray:
        return self._given(self.terms, self.weight, self.own, values)

    def spread_squares(self, values: np.ndarray) -> np.ndarray:
        squares = tuple(
            Term(left.factor * right.factor, left.kernel * right.kernel)
            for left in self.terms
            for right in self.terms
        )
        own = None if self.own is None else self.own.power(2)
        return self._given(squares, self.weight**2, own, values)

    def each(self) -> sparse.csr_matrix:
        low, high = runs(self.targets, self.sources, self.terms[0].kernel.reach)
        row, place = _expand(low, high)
        row, column = self.targets.place[row], self.sources.place[place]
        rows = _rows(row, column, self.entries(row, column), (len(self.target), len(self.weight)))
        if self.own is not None:
            rows = rows - self.own
            rows.eliminate_zeros()
        return rows

    def entries(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Entries a(i, j) of targets at positions `row` and sources in rows `column`, one by one.

        Shape (len(row),). Own persons are not looked at.
        """
        gap = self.score[column] - self.score[self.target[row]]
        parts = [term.factor[row] * term.kernel.at(gap) for term in self.terms]
        return np.sum(parts, axis=0) * self.weight[column]

    def take(self, kept: np.ndarray) -> KernelMatches:
        if kept.all():
            return self
        place = np.cumsum(kept) - 1
        held = kept[self.targets.place]
        return replace(
            self,
            target=self.target[kept],
            size=self.size[kept],
            targets=Points(
                self.targets.score[held],
                self.targets.cell[held],
                place[self.targets.place[held]],
            ),
            terms=tuple(Term(term.factor[kept], term.kernel) for term in self.terms),
            own=None if self.own is None else self.own[kept],
        )

    def _with(self, terms: tuple[Term, ...]) -> KernelMatches:
        made = replace(self, terms=terms)
        if self.own is None:
            return made
        row = np.repeat(np.arange(self.own.shape[0]), np.diff(self.own.indptr))
        entries = made.entries(row, self.own.indices)
        own = sparse.csr_matrix((entries, self.own.indices, self.own.indptr), self.own.shape)
        return replace(made, own=own)

    def _given(
        self,
        terms: tuple[Term, ...],
        weight: np.ndarray,
        own: sparse.csr_matrix | None,
        values: np.ndarray,
    ) -> np.ndarray:
        out = np.zeros((len(weight), values.shape[1]))
        for term in terms:
            add_kernel_sums(
                out,
                self.sources,
                weight,
                self.targets,
                term.factor,
                values,
                term.kernel.mirrored(),
            )
        return out if own is None else out - own.T @ values


def _own_pairs(
    space: ScoreSpace, targets: np.ndarray, sources: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Positions in `targets` and rows of the sources of the same cell and person within reach."""
    both = np.zeros(int(space.person.max()) + 1, dtype=bool)
    both[space.person[sources]] = True
    known = np.flatnonzero(both[space.person[targets]])
    key = space.cell.astype(np.int64) * len(both) + space.person
    ordered = sources[np.argsort(key[sources])] if len(known) else sources[:0]
    low = np.searchsorted(key[ordered], key[targets[known]], "left")
    high = np.searchsorted(key[ordered], key[targets[known]], "right")
    row, place = _expand(low, high)
    row, column = known[row], ordered[place]
    near = np.abs(space.score[column] - space.score[targets[row]]) < reach
    return row[near], column[near]


def _expand(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position and value of every whole number of the runs low[i] … high[i] − 1."""
    length = high - low
    row = np.repeat(np.arange(len(low)), length)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(length) - length - low, length)


def _rows(
    row: np.ndarray, column: np.ndarray, entries: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_matrix:
    order = np.lexsort((column, row))
    pointer = np.searchsorted(row[order], np.arange(shape[0] + 1))
    return sparse.csr_matrix((entries[order], column[order], pointer), shape=shape)
