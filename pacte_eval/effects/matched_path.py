"""All periods of one outcome under a matched design with replacement, from compiled loops.

The numbers are those of `pacte_eval.effects.matched`, which says what they are; here nothing of
size units × periods is held but the outcome and the gaps, and contributions are made cluster by
cluster, a block of clusters at a time. The loops go through the units in the order of the score,
where neighbours lie side by side in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import sparse

from pacte_eval.designs.design import Design
from pacte_eval.designs.matching.sets import MatchedSets
from pacte_eval.designs.matching.spaces import ScoreSpace
from pacte_eval.effects.block import Path
from pacte_eval.effects.inputs import Clusters
from pacte_eval.effects.matched_kernels import copied, deviations, target_sums, walk
from pacte_eval.effects.shares import NOTHING, ROUNDING

Made = TypeVar("Made")

_THREADS = 2
_ROWS = 8_192
_NO_NUMBERS = np.empty(0)
_NO_ROWS = np.empty((0, 1))


@dataclass(frozen=True, eq=False)
class _Sets:
    """Sets as the loops read them: rows in the order of the score, targets by set."""

    row: np.ndarray
    grouped: np.ndarray
    group: np.ndarray
    first: np.ndarray
    member: np.ndarray
    entry: np.ndarray
    own_first: np.ndarray
    own_member: np.ndarray
    own_entry: np.ndarray

    @classmethod
    def of(cls, sets: MatchedSets, rank: np.ndarray) -> _Sets:
        number = sets.sets.shape[0]
        grouped = np.argsort(sets.of, kind="stable")
        group = np.concatenate([[0], np.cumsum(np.bincount(sets.of, minlength=number))])
        own = sets.own
        if own is None:
            own = sparse.csr_matrix((len(sets.target), sets.sets.shape[1]))
        return cls(
            rank[sets.target],
            grouped.astype(np.int64),
            group.astype(np.int64),
            sets.sets.indptr.astype(np.int64),
            rank[sets.sets.indices],
            sets.sets.data.astype(np.float64),
            own.indptr.astype(np.int64),
            rank[own.indices],
            own.data.astype(np.float64),
        )


@dataclass(frozen=True, eq=False)
class Walk:
    """Units that count in a cell, in the order of their clusters, and whom each serves.

    Attributes
    ----------
    targets : int array
        Positions of the targets of the cell.
    clusters : int array, shape (g,)
        Codes of the clusters, ascending.
    cluster : int array, shape (u,)
        Of each unit, its position among `clusters`.
    place, noise_row : int arrays, shape (u,)
        Position of each unit among targets and among units with noise, −1 for none.
    first, edge, entry : arrays
        Rows of the sums of `served` that each unit enters, compressed, and with what entry.
    grouped, begins, own : int arrays, or None
        Targets by set, where each set begins, and targets with members of their own person: what
        the rows of `served` are the sums of; the ratios of all targets where None.
    """

    targets: np.ndarray
    clusters: np.ndarray
    cluster: np.ndarray
    unit: np.ndarray
    place: np.ndarray
    noise_row: np.ndarray
    first: np.ndarray
    edge: np.ndarray
    entry: np.ndarray
    grouped: np.ndarray | None = None
    begins: np.ndarray | None = None
    own: np.ndarray | None = None

    def served(self, ratio: np.ndarray) -> np.ndarray:
        """Sums of ratios over the targets of each set: one row for each row of edges."""
        if self.grouped is None or self.begins is None or self.own is None:
            return ratio
        sums = np.add.reduceat(ratio[self.grouped], self.begins, axis=0)
        return np.ascontiguousarray(np.concatenate([sums, ratio[self.own]]))


class MatchedRows:
    """What a matched design is to the loops, whatever the outcome.

    Parameters
    ----------
    design : Design
        Of kind ``"neighbours"``.
    sets : MatchedSets
        Its matches.
    peers : MatchedSets
        Units near each unit that serves, of its arm.
    local : MatchedSets or None
        Units near each target, of the other arm; None for contributions of independent units.
    clusters : Clusters
    """

    def __init__(
        self,
        design: Design,
        sets: MatchedSets,
        peers: MatchedSets,
        local: MatchedSets | None,
        clusters: Clusters,
    ) -> None:
        comparison, size = design.comparison, len(design.comparison)
        self.order = np.arange(size)
        if isinstance(design.space, ScoreSpace):
            self.order = np.lexsort((design.space.score, design.space.cell))
        rank = np.empty(size, dtype=np.int64)
        rank[self.order] = np.arange(size)
        self.sets, self.peers = _Sets.of(sets, rank), _Sets.of(peers, rank)
        self.local = None if local is None else _Sets.of(local, rank)
        self.weight = comparison.weights[sets.target].copy()
        self.arm = comparison.treated.astype(np.int64)
        self.sign = np.where(comparison.treated, 1.0, -1.0)
        self.target_sign = self.sign[sets.target]
        self.target_treated = comparison.treated[sets.target]
        self.clustered = clusters.codes is not None
        self.code = np.arange(size) if clusters.codes is None else clusters.codes
        self.number = int(self.code.max()) + 1
        self._matches = sets
        self._shared = sets.own is not None or len(np.unique(sets.of)) < len(sets.of)
        self._by_cluster = np.argsort(self.code, kind="stable")
        self._key = np.empty(size, dtype=np.int64)
        self._key[self._by_cluster] = np.arange(size)
        self._noise_row = np.full(size, -1)
        self._noise_row[peers.target] = np.arange(len(peers.target))
        self._ratio = self.weight / sets.mass

    def walk(self, targets: np.ndarray | None = None) -> Walk:
        """Who counts where targets are those at some positions, ascending, or all."""
        sets = self._matches
        if targets is None:
            targets = np.arange(len(sets.target))
        if not self._shared:
            edge, place = _expanded(sets.sets.indptr, sets.of[targets], targets)
            member, entry = sets.sets.indices[place], sets.sets.data[place]
            grouped = begins = own = None
        else:
            grouped = targets[np.argsort(sets.of[targets], kind="stable")]
            of = sets.of[grouped]
            begins = np.flatnonzero(np.concatenate([[True], of[1:] != of[:-1]])[: len(of)])
            edge, place = _expanded(sets.sets.indptr, of[begins], np.arange(len(begins)))
            member, entry = sets.sets.indices[place], sets.sets.data[place]
            own = np.empty(0, dtype=np.int64)
            if sets.own is not None:
                own = targets[np.diff(sets.own.indptr)[targets] > 0]
                more, place = _expanded(sets.own.indptr, own, len(begins) + np.arange(len(own)))
                edge = np.concatenate([edge, more])
                member = np.concatenate([member, sets.own.indices[place]])
                entry = np.concatenate([entry, -sets.own.data[place]])
        key = self._key[member]
        order = np.argsort(key, kind="stable")
        key = key[order]
        own_key = self._key[sets.target[targets]]
        units = _distinct(np.sort(np.concatenate([key, own_key]), kind="stable"))
        first = np.searchsorted(key, np.concatenate([units, [len(self._key)]]))
        where = np.full(len(units), -1)
        where[np.searchsorted(units, own_key)] = targets
        unit = self._by_cluster[units]
        made = Walk(
            targets=targets,
            clusters=_NO_NUMBERS,
            cluster=_NO_NUMBERS,
            unit=unit,
            place=where,
            noise_row=self._noise_row[unit],
            first=first,
            edge=edge[order],
            entry=np.ascontiguousarray(entry[order], dtype=np.float64),
            grouped=grouped,
            begins=begins,
            own=own,
        )
        return self._of_clusters(made)

    def _of_clusters(self, made: Walk) -> Walk:
        """Less the units whose entries are all their own person's."""
        if made.own is not None and len(made.own):
            part = made.entry * made.served(self._ratio[:, np.newaxis])[made.edge, 0]
            sums = np.concatenate([[0.0], np.cumsum(part)])[made.first]
            weighs = np.abs(np.diff(sums)) > NOTHING * self._ratio.max()
            kept = np.flatnonzero((made.place >= 0) | (weighs & (made.noise_row >= 0)))
        else:
            kept = np.arange(len(made.unit))
        code = self.code[made.unit[kept]]
        clusters = _distinct(code)
        cluster = np.searchsorted(clusters, code)
        size = np.diff(made.first)
        first = made.first
        edge, entry = made.edge, made.entry
        if len(kept) < len(made.unit):
            held = np.repeat(np.isin(np.arange(len(made.unit)), kept), size)
            edge, entry = edge[held], entry[held]
            first = np.concatenate([[0], np.cumsum(size[kept])])
        return Walk(
            made.targets,
            clusters,
            cluster.astype(np.int64),
            made.unit[kept],
            made.place[kept],
            made.noise_row[kept],
            first.astype(np.int64),
            edge.astype(np.int64),
            entry,
            made.grouped,
            made.begins,
            made.own,
        )


class MatchedPath:
    """Gaps of one outcome: of targets to their sets and to local fits, of units that serve to
    theirs.

    Parameters
    ----------
    rows : MatchedRows
    values : float array, shape (n, t)
    columns : sequence of int
        Columns used.
    base : float array, shape (n, 1), or None
        Subtracted from each unit.
    """

    def __init__(
        self,
        rows: MatchedRows,
        values: np.ndarray,
        columns: Sequence[int],
        base: np.ndarray | None,
    ) -> None:
        self._rows = rows
        self.periods = len(columns)
        exact = base is not None or values.dtype != np.float32
        self._outcome = np.empty(
            (len(values), self.periods), dtype=np.float64 if exact else np.float32
        )
        values = np.ascontiguousarray(values).copy() if not values.flags.writeable else values
        values = np.ascontiguousarray(values)
        subtracted = _NO_NUMBERS if base is None else np.ascontiguousarray(base[:, 0], dtype=float)
        chosen = np.asarray(columns, dtype=np.int64)
        missing = _blocks(
            len(values),
            lambda low, high: copied(
                values, rows.order, chosen, subtracted, low, high, self._outcome
            ),
        )
        self._complete = not any(missing)
        width = 1 if self._complete else self.periods
        self._ratio = np.empty((len(rows.weight), width))
        self._matched = self._deviations(rows.sets, ROUNDING, weight=rows.weight)
        self._noise = self._deviations(rows.peers, 0.0, shrink=True)
        self._gap = self._matched
        if rows.local is not None:
            self._gap = self._deviations(rows.local, 0.0)
        self._alone()

    def _deviations(
        self,
        sets: _Sets,
        least: float,
        *,
        shrink: bool = False,
        weight: np.ndarray = _NO_NUMBERS,
    ) -> np.ndarray:
        made = np.empty((len(sets.row), self.periods))
        _blocks(
            len(sets.first) - 1,
            lambda low, high: deviations(
                self._outcome,
                self._complete,
                sets.row,
                sets.grouped,
                sets.group,
                sets.first,
                sets.member,
                sets.entry,
                sets.own_first,
                sets.own_member,
                sets.own_entry,
                low,
                high,
                least,
                shrink,
                weight,
                made,
                self._ratio if len(weight) else _NO_ROWS,
            ),
        )
        return made

    def _alone(self) -> None:
        """Gaps of those observed without any neighbour: to the mean of all who serve."""
        rows = self._rows
        noise = self._lacking(self._noise, rows.peers)
        gap = self._lacking(self._gap, rows.local) if rows.local is not None else noise[:0]
        if not (len(noise) or len(gap)):
            return
        used = self._ratio > 0
        share = rows.weight[:, np.newaxis] * used
        with np.errstate(invalid="ignore"):
            mean = np.where(used, self._outcome[rows.sets.row] - self._matched, 0.0)
            mean = (share * mean).sum(axis=0) / share.sum(axis=0)
        for found, sets, made in ((noise, rows.peers, self._noise), (gap, rows.local, self._gap)):
            if len(found) and sets is not None:
                made[found] = np.where(
                    np.isnan(made[found]), self._outcome[sets.row[found]] - mean, made[found]
                )

    def _lacking(self, made: np.ndarray, sets: _Sets) -> np.ndarray:
        """Rows observed somewhere without a gap."""
        if self._complete:
            return np.flatnonzero(np.isnan(made[:, 0]))
        found = _blocks(
            len(made),
            lambda low, high: (
                low
                + np.flatnonzero(
                    (np.isnan(made[low:high]) & ~np.isnan(self._outcome[sets.row[low:high]])).any(
                        axis=1
                    )
                )
            ),
        )
        return np.concatenate([np.empty(0, dtype=np.int64), *found])

    def solved(self, walked: Walk) -> tuple[Path, np.ndarray]:
        """Estimates in a cell, and their joint covariance: float array, shape (t, t)."""
        sums, apply = self._prepared(walked)

        def part(low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
            made, counts = apply(low, high)
            return made.T @ made, counts

        gram = np.zeros((self.periods, self.periods))
        counts = np.zeros((2, self.periods), dtype=np.int64)
        for product, number in _blocks(len(walked.clusters), part):
            gram += product
            counts += number
        with np.errstate(invalid="ignore", divide="ignore"):
            estimate, treated = sums[2] / sums[0], sums[3] / sums[0]
        few = ~self._varies(walked, sums)
        gram[few], gram[:, few] = np.nan, np.nan
        path = Path(
            estimate,
            treated,
            treated - estimate,
            counts[1],
            counts[0],
            np.diag(gram).copy(),
            len(walked.clusters),
        )
        return path, gram

    def contributions(self, walked: Walk) -> tuple[np.ndarray, np.ndarray]:
        """Contributions of the clusters of a cell, (g, t), and where they make an error, (t,)."""
        sums, apply = self._prepared(walked)
        parts = _blocks(len(walked.clusters), lambda low, high: apply(low, high)[0])
        made = np.concatenate([np.empty((0, self.periods)), *parts])
        return made, self._varies(walked, sums)

    def _varies(self, walked: Walk, sums: np.ndarray) -> np.ndarray:
        """Whether there are units enough for an error: two targets used, and two clusters."""
        alone = self._rows.clustered and len(walked.clusters) < 2
        return (sums[1] >= 2) & (not alone)

    def _prepared(
        self, walked: Walk
    ) -> tuple[np.ndarray, Callable[[int, int], tuple[np.ndarray, np.ndarray]]]:
        """Sums over targets, and the contributions of clusters from one number to another."""
        rows = self._rows
        sums = np.zeros((6, self.periods))

        def summed(low: int, high: int) -> np.ndarray:
            part = np.zeros((6, self.periods))
            target_sums(
                self._outcome,
                walked.targets,
                rows.sets.row,
                rows.weight,
                rows.target_sign,
                rows.target_treated,
                self._matched,
                self._gap,
                self._ratio,
                low,
                high,
                part,
            )
            return part

        for part in _blocks(len(walked.targets), summed):
            sums[:5] += part[:5]
            np.maximum(sums[5], part[5], out=sums[5])
        served = walked.served(self._ratio)
        squares = served if rows.local is not None else walked.served(self._ratio**2)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums[4] / sums[0]
        least = np.maximum(NOTHING * sums[5], np.finfo(float).tiny)
        clusters = len(walked.clusters)
        factor = np.sqrt(clusters / max(clusters - 1, 1)) if rows.clustered else 1.0
        ends = np.searchsorted(walked.cluster, np.arange(clusters + 1))
        sign, arm = rows.sign[walked.unit], rows.arm[walked.unit]

        def apply(low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
            made = np.zeros((high - low, self.periods))
            counts = np.zeros((2, self.periods), dtype=np.int64)
            walk(
                walked.cluster,
                walked.place,
                walked.first,
                walked.edge,
                walked.entry,
                walked.noise_row,
                sign,
                arm,
                served,
                squares,
                rows.weight,
                self._noise,
                self._gap,
                self._ratio,
                sums[0] / factor,
                mean,
                least,
                rows.local is None,
                int(ends[low]),
                int(ends[high]),
                low,
                made,
                counts,
            )
            return made, counts

        return sums, apply


def _expanded(
    pointer: np.ndarray, which: np.ndarray, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The label of each entry of some compressed rows, and where it is."""
    begin, size = pointer[which].astype(np.int64), np.diff(pointer)[which].astype(np.int64)
    end = np.cumsum(size)
    place = np.arange(end[-1] if len(end) else 0) + np.repeat(begin - (end - size), size)
    return np.repeat(label, size), place


def _distinct(ascending: np.ndarray) -> np.ndarray:
    """Each value once."""
    return ascending[np.flatnonzero(np.diff(ascending, prepend=-1))]


def _blocks(size: int, call: Callable[[int, int], Made]) -> list[Made]:
    """Results of a call on each block of rows, in order, on two threads."""
    starts = range(0, size, _ROWS)
    if len(starts) < 2:
        return [call(start, min(start + _ROWS, size)) for start in starts]
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda start: call(start, min(start + _ROWS, size)), starts))
