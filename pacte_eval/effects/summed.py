"""Contributions are computed when asked for, path by path, and never stored whole: what is kept of
a path is its joint covariance."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.effects.block import Block, Operator, Path
from pacte_eval.effects.contributions import Contributions
from pacte_eval.effects.inputs import Clusters
from pacte_eval.effects.matched_path import MatchedPath, MatchedRows, Walk

_BLOCK = 4_000_000
_PATH = 130_000_000


class OutcomeContributions(Contributions):
    """Contributions to paths: the periods of several outcomes, in one cell or several.

    Parameters
    ----------
    outcomes : sequence of float arrays, shape (n, t) each
        NaN where censored; float32 is widened as it is used.
    bases : sequence of float arrays, shape (n, 1), or None
        What a difference subtracts from each unit, for each outcome.
    clusters : Clusters
        Sums by cluster are scaled by √(G / (G − 1)) for the G clusters that a cell uses.
    cells : int
        Paths follow each other by cell, then by outcome.
    """

    def __init__(
        self,
        outcomes: Sequence[np.ndarray],
        bases: Sequence[np.ndarray | None],
        clusters: Clusters,
        cells: int = 1,
    ) -> None:
        self._outcomes = outcomes
        self._bases = bases
        self._clusters = clusters
        widths = [values.shape[1] for values in outcomes] * cells
        self._starts = np.cumsum([0, *widths])
        self._grams: dict[int, np.ndarray] = {}
        self._hidden: set[int] = set()

    @property
    def number(self) -> int:
        codes = self._clusters.codes
        return len(self._outcomes[0]) if codes is None else int(codes.max()) + 1

    @property
    def clusters(self) -> pd.Index:
        return self._clusters.identities()

    @property
    def grams(self) -> Mapping[int, np.ndarray]:
        """Joint covariances that are kept, by place of their path."""
        return self._grams

    @property
    def paths(self) -> int:
        """Cells times outcomes."""
        return len(self._starts) - 1

    def columns(self, place: int) -> range:
        """Columns of a path."""
        return range(int(self._starts[place]), int(self._starts[place + 1]))

    @abstractmethod
    def solved(self) -> list[Path]:
        """Estimates and variances of every path; joint covariances are kept where they are made."""

    def hide(self, cell: int) -> None:
        """Make what concerns a cell missing from now on."""
        width = len(self._outcomes)
        for path in range(cell * width, (cell + 1) * width):
            self._hidden.add(path)
            if path in self._grams:
                self._grams[path] = np.full_like(self._grams[path], np.nan)

    def values(self, columns: Sequence[int]) -> np.ndarray:
        """Outcomes of some columns, less the reference mean of each unit: (n, columns)."""
        chosen = np.empty((len(self._outcomes[0]), len(columns)))
        for place, column in enumerate(columns):
            path = int(np.searchsorted(self._starts, column, side="right")) - 1
            of = path % len(self._outcomes)
            chosen[:, place] = self._outcomes[of][:, column - self._starts[path]]
            base = self._bases[of]
            if base is not None:
                chosen[:, place] -= base[:, 0]
        return chosen

    def gram(self, columns: Sequence[int]) -> np.ndarray:
        asked = np.asarray(columns, dtype=np.int64)
        of = np.searchsorted(self._starts, asked, side="right") - 1
        if len(asked) and (of == of[0]).all():
            kept = self._grams.get(int(of[0]))
            if kept is not None:
                own = asked - self._starts[of[0]]
                return kept[np.ix_(own, own)]
        return super().gram(columns)

    def variances(self, columns: Sequence[int]) -> np.ndarray:
        asked = np.asarray(columns, dtype=np.int64)
        of = np.searchsorted(self._starts, asked, side="right") - 1
        if not set(of.tolist()) <= set(self._grams):
            return super().variances(columns)
        return np.array(
            [
                self._grams[path][own, own]
                for path, own in zip(of.tolist(), asked - self._starts[of], strict=True)
            ]
        )

    def _by_path(self, columns: Sequence[int]) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Each path asked for, the positions of its columns among those asked, and its periods."""
        asked = np.asarray(columns, dtype=np.int64)
        of = np.searchsorted(self._starts, asked, side="right") - 1
        for path in np.unique(of).tolist():
            where = np.flatnonzero(of == path)
            yield path, where, asked[where] - self._starts[path]


class SummedContributions(OutcomeContributions):
    """Contributions that an operator makes of blocks of periods, summed by cluster in float64.

    Parameters
    ----------
    operator : callable
        From outcomes (n, columns) to a `Block`.
    outcomes, bases, clusters
        As for `OutcomeContributions`, in one cell.
    """

    def __init__(
        self,
        operator: Operator,
        outcomes: Sequence[np.ndarray],
        bases: Sequence[np.ndarray | None],
        clusters: Clusters,
    ) -> None:
        super().__init__(outcomes, bases, clusters)
        self._operator = operator
        self._sum: sparse.csr_matrix | None = None
        codes = clusters.codes
        if codes is not None:
            inside = np.flatnonzero(codes >= 0)
            factor = np.sqrt(clusters.number / max(clusters.number - 1, 1))
            self._sum = sparse.csr_matrix(
                (np.full(len(inside), factor), (codes[inside], inside)),
                shape=(int(codes.max()) + 1, len(codes)),
            )

    def solved(self) -> list[Path]:
        return [self._path(place) for place in range(self.paths)]

    def _path(self, place: int) -> Path:
        columns = self.columns(place)
        blocks, variances, kept = [], [], []
        for block, summed in self._blocks(columns):
            blocks.append(block)
            variances.append(np.einsum("ij,ij->j", summed, summed))
            if len(summed) * len(columns) <= _PATH:
                kept.append(summed)
        if kept:
            whole = kept[0] if len(kept) == 1 else np.concatenate(kept, axis=1)
            self._grams[place] = whole.T @ whole
            variances = [np.diag(self._grams[place]).copy()]

        def joined(name: str) -> np.ndarray:
            return np.concatenate([getattr(block, name) for block in blocks])

        return Path(
            estimate=joined("estimate"),
            treated_mean=joined("treated_mean"),
            control_mean=joined("control_mean"),
            n_treated=joined("n_treated"),
            n_control=joined("n_control"),
            variance=np.concatenate(variances),
            clusters=self._clusters.number,
        )

    def block(self, columns: Sequence[int]) -> Block:
        """Estimates and contributions of some columns."""
        return self._operator(self.values(columns))

    def _blocks(self, columns: Sequence[int]) -> Iterator[tuple[Block, np.ndarray]]:
        width = max(1, _BLOCK // len(self._outcomes[0]))
        for start in range(0, len(columns), width):
            block = self.block(columns[start : start + width])
            given = block.contributions
            summed = given if self._sum is None else np.asarray(self._sum @ given)
            summed[:, ~block.varies] = np.nan
            if self._sum is not None and self._clusters.number < 2:
                summed[:] = np.nan
            yield block, summed

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        """Summed contributions of some columns: (clusters, columns)."""
        summed, start = np.empty((0, 0)), 0
        for _, given in self._blocks(columns):
            if start == 0:
                summed = np.empty((len(given), len(columns)))
            summed[:, start : start + given.shape[1]] = given
            start += given.shape[1]
        return summed


class MatchedContributions(OutcomeContributions):
    """Contributions of a matched design with replacement, from compiled loops.

    Parameters
    ----------
    rows : MatchedRows
    outcomes, bases, clusters
        As for `OutcomeContributions`.
    cells : sequence of int arrays, or None
        Positions of the targets of each cell, ascending; None for all of them.
    """

    def __init__(
        self,
        rows: MatchedRows,
        outcomes: Sequence[np.ndarray],
        bases: Sequence[np.ndarray | None],
        clusters: Clusters,
        cells: Sequence[np.ndarray | None] = (None,),
    ) -> None:
        super().__init__(outcomes, bases, clusters, len(cells))
        self._rows = rows
        self._cells = cells
        self._walks: dict[int, Walk] = {}

    def solved(self) -> list[Path]:
        found: dict[int, Path] = {}
        for of, values in enumerate(self._outcomes):
            gaps = MatchedPath(self._rows, values, range(values.shape[1]), self._bases[of])
            for cell in range(len(self._cells)):
                place = cell * len(self._outcomes) + of
                found[place], self._grams[place] = gaps.solved(self._walk(cell))
        return [found[place] for place in range(self.paths)]

    def _walk(self, cell: int) -> Walk:
        if len(self._cells) > 1:
            return self._rows.walk(self._cells[cell])
        if cell not in self._walks:
            self._walks[cell] = self._rows.walk(self._cells[cell])
        return self._walks[cell]

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        """Summed contributions of some columns: (clusters, columns)."""
        made = np.zeros((self.number, len(columns)))
        for clusters, where, part, varies in self._parts(columns):
            made[np.ix_(clusters, where)] = part
            made[:, where[~varies]] = np.nan
        return made

    def combined(self, columns: Sequence[int], coefficients: np.ndarray) -> np.ndarray:
        made = np.zeros((self.number, coefficients.shape[1]))
        lacking = np.zeros(coefficients.shape[1], dtype=bool)
        for clusters, where, part, varies in self._parts(columns):
            own = coefficients[where]
            lacking |= (own[~varies] != 0).any(axis=0)
            own = np.where(varies[:, np.newaxis], own, 0.0)
            used = np.flatnonzero((own != 0).any(axis=0))
            if len(used) == len(own) and not (own[:, used] - np.diag(np.diag(own[:, used]))).any():
                part *= np.diag(own[:, used])
            else:
                part = part @ own[:, used]
            made[np.ix_(clusters, used)] += part
        made[:, lacking] = np.nan
        return made

    def gram(self, columns: Sequence[int]) -> np.ndarray:
        of = np.searchsorted(self._starts, columns, side="right") - 1
        if len(self._cells) == 1 or len(np.unique(of)) < 2:
            return super().gram(columns)
        return self._across(columns)

    def _across(self, columns: Sequence[int]) -> np.ndarray:
        """The joint covariance of estimates in several cells, which share few clusters."""
        parts = list(self._parts(columns))
        made = np.zeros((len(columns), len(columns)))
        for first, (clusters, where, part, _) in enumerate(parts):
            made[np.ix_(where, where)] = part.T @ part
            for others, place, other, _ in parts[:first]:
                _, here, there = np.intersect1d(
                    clusters, others, assume_unique=True, return_indices=True
                )
                shared = part[here].T @ other[there]
                made[np.ix_(where, place)] = shared
                made[np.ix_(place, where)] = shared.T
        for _, where, _, varies in parts:
            made[where[~varies]], made[:, where[~varies]] = np.nan, np.nan
        return made

    def _parts(
        self, columns: Sequence[int]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Clusters, positions among the columns asked, contributions, and where they make an
        error, by cell and outcome."""
        asked = list(self._by_path(columns))
        for of in range(len(self._outcomes)):
            paths = [one for one in asked if one[0] % len(self._outcomes) == of]
            if not paths:
                continue
            periods = np.unique(np.concatenate([own for _, _, own in paths]))
            gaps = MatchedPath(self._rows, self._outcomes[of], periods.tolist(), self._bases[of])
            for path, where, own in paths:
                walked = self._walk(path // len(self._outcomes))
                made, varies = gaps.contributions(walked)
                if path in self._hidden:
                    varies = np.zeros_like(varies)
                place = np.searchsorted(periods, own)
                yield walked.clusters, where, made[:, place], varies[place]


class PartContributions(OutcomeContributions):
    """Contributions to the effects in cells, each made by itself when it is asked for.

    Parameters
    ----------
    parts : sequence of callables
        For each cell, what makes its contributions to the same outcomes; they make None where the
        cell has no target.
    outcomes, bases, clusters
        As for `OutcomeContributions`.
    """

    def __init__(
        self,
        parts: Sequence[Callable[[], OutcomeContributions | None]],
        outcomes: Sequence[np.ndarray],
        bases: Sequence[np.ndarray | None],
        clusters: Clusters,
    ) -> None:
        super().__init__(outcomes, bases, clusters, len(parts))
        self._parts = parts

    def solved(self) -> list[Path]:
        found = []
        for cell, make in enumerate(self._parts):
            part, first = make(), cell * len(self._outcomes)
            if part is None:
                found += [Path.of_nobody(values.shape[1]) for values in self._outcomes]
                continue
            found += part.solved()
            for place, gram in part.grams.items():
                self._grams[first + place] = gram
        return found

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        """Summed contributions of some columns: (clusters, columns)."""
        made = np.full((self.number, len(columns)), np.nan)
        asked = [one for one in self._by_path(columns) if one[0] not in self._hidden]
        width = len(self._outcomes)
        for cell in sorted({path // width for path, _, _ in asked}):
            part = self._parts[cell]()
            for path, where, own in asked:
                if path // width == cell and part is not None:
                    made[:, where] = part((part.columns(path % width).start + own).tolist())
        return made
