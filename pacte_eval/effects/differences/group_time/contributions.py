"""What each unit contributes to effects by group and period, made when asked for.

A unit contributes to the effects of its own group and to those it is a control of: columns are
mostly zeros, and are never all held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pacte_eval.effects.contributions import Contributions, cluster_sums
from pacte_eval.effects.differences.group_time.cohort_panel import CohortPanel
from pacte_eval.effects.differences.panel_scores import PanelModel, Rows

_BLOCK = 8_192


@dataclass(frozen=True, eq=False)
class Batch:
    """Effects of one group that are fitted together.

    Attributes
    ----------
    cells : int array, shape (t,)
        Their positions among all effects.
    model : PanelModel
    at, base : int arrays, shape (t,)
        Positions of the two periods of each.
    treated : slice or int array
        Rows of the panel.
    controls : list of slices or int arrays
    """

    cells: np.ndarray
    model: PanelModel
    at: np.ndarray
    base: np.ndarray
    treated: slice | np.ndarray
    controls: list[slice | np.ndarray]

    def of(self, kept: np.ndarray) -> Batch:
        """The same for some of its effects."""
        return replace(
            self,
            cells=self.cells[kept],
            model=self.model.of(kept),
            at=self.at[kept],
            base=self.base[kept],
        )


@dataclass(frozen=True, eq=False)
class _Piece:
    """Contributions of some rows of the panel to some of the columns asked for."""

    rows: slice | np.ndarray
    places: np.ndarray
    values: np.ndarray


class CellContributions(Contributions):
    """Contributions to effects by group and period.

    Parameters
    ----------
    panel : CohortPanel
    batches : sequence of Batch
    size : int
        Number of effects; those of no batch have missing contributions.
    known : int array
        Effects that are zero by construction.
    """

    def __init__(
        self, panel: CohortPanel, batches: Sequence[Batch], size: int, known: np.ndarray
    ) -> None:
        self._panel = panel
        self._batches = sorted(batches, key=lambda batch: int(batch.base[0]))
        self._missing = np.ones(size, dtype=bool)
        self._missing[known] = False
        for batch in batches:
            self._missing[batch.cells] = False
        self._sum, clusters = cluster_sums(panel.cluster)
        self._clusters = clusters.rename("unité" if self._sum is None else "grappe")

    @property
    def number(self) -> int:
        return len(self._clusters)

    @property
    def clusters(self) -> pd.Index:
        return self._clusters

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        made = np.zeros((len(self._panel.weights), len(columns)))
        for piece in self._pieces(columns):
            if isinstance(piece.rows, slice):
                made[piece.rows, piece.places] = piece.values
            else:
                made[np.ix_(piece.rows, piece.places)] = piece.values
        return self._summed(made, self._missing[list(columns)])

    def combined(self, columns: Sequence[int], coefficients: np.ndarray) -> np.ndarray:
        """Contributions to combinations of some estimates: shape (k, m) to (number, m)."""
        made = np.zeros((len(self._panel.weights), coefficients.shape[1]))
        for piece in self._pieces(columns):
            made[piece.rows] += piece.values @ coefficients[piece.places]
        lacking = (coefficients[self._missing[list(columns)]] != 0).any(axis=0)
        return self._summed(made, lacking)

    def gram(self, columns: Sequence[int]) -> np.ndarray:
        if self._sum is not None or self._panel.moving:
            return super().gram(columns)
        total = np.zeros((len(columns), len(columns)))
        chosen = self._chosen(columns)
        for rows in self._panel.blocks(_BLOCK):
            pieces = [
                piece
                for batch, places in chosen
                for piece in _of_batch(self._panel, batch, places, rows)
            ]
            if not pieces:
                continue
            places = np.concatenate([piece.places for piece in pieces])
            values = np.zeros((rows.stop - rows.start, len(places)))
            done = 0
            for piece in pieces:
                own = slice(done, done + len(piece.places))
                local = (
                    piece.rows - rows.start if isinstance(piece.rows, np.ndarray) else slice(None)
                )
                values[local, own] = piece.values
                done = own.stop
            total[np.ix_(places, places)] += values.T @ values
        missing = self._missing[list(columns)]
        total[missing], total[:, missing] = np.nan, np.nan
        return total

    def variances(self, columns: Sequence[int]) -> np.ndarray:
        if self._sum is not None:
            return super().variances(columns)
        total = np.zeros(len(columns))
        for piece in self._pieces(columns):
            total[piece.places] += np.einsum("ij,ij->j", piece.values, piece.values)
        total[self._missing[list(columns)]] = np.nan
        return total

    def _summed(self, values: np.ndarray, missing: np.ndarray) -> np.ndarray:
        made = values if self._sum is None else np.asarray(self._sum @ values)
        if missing.any():
            made[:, missing] = np.nan
        return made

    def _chosen(self, columns: Sequence[int]) -> list[tuple[Batch, np.ndarray]]:
        """Batches of some estimates, cut to them, and their places among the columns asked for."""
        place = np.full(len(self._missing), -1)
        place[list(columns)] = np.arange(len(columns))
        chosen = []
        for batch in self._batches:
            kept = np.flatnonzero(place[batch.cells] >= 0)
            if len(kept) == len(batch.cells):
                chosen.append((batch, place[batch.cells]))
            elif len(kept):
                chosen.append((batch.of(kept), place[batch.cells[kept]]))
        return chosen

    def _pieces(self, columns: Sequence[int]) -> Iterator[_Piece]:
        """All that is not zero, batch by batch."""
        for batch, places in self._chosen(columns):
            for rows in (batch.treated, *batch.controls):
                count = rows.stop if isinstance(rows, slice) else len(rows)
                start = rows.start if isinstance(rows, slice) else 0
                for begin in range(start, count, _BLOCK):
                    block = slice(begin, min(begin + _BLOCK, count))
                    part = block if isinstance(rows, slice) else rows[block]
                    yield _piece(self._panel, batch, places, part, treated=rows is batch.treated)


def _of_batch(
    panel: CohortPanel, batch: Batch, places: np.ndarray, rows: slice
) -> Iterator[_Piece]:
    """What the rows of a block contribute to the effects of a batch."""
    for held in (batch.treated, *batch.controls):
        if isinstance(held, slice):
            inside = held.start <= rows.start and rows.stop <= held.stop
            part: slice | np.ndarray | None = rows if inside else None
        else:
            first, last = np.searchsorted(held, [rows.start, rows.stop])
            part = held[first:last] if last > first else None
        if part is not None:
            yield _piece(panel, batch, places, part, treated=held is batch.treated)


def _piece(
    panel: CohortPanel,
    batch: Batch,
    places: np.ndarray,
    rows: slice | np.ndarray,
    *,
    treated: bool,
) -> _Piece:
    part = rows_of(panel, rows, batch.at, batch.base)
    return _Piece(rows, places, batch.model.contributions(part, treated=treated))


def rows_of(panel: CohortPanel, rows: slice | np.ndarray, at: np.ndarray, base: np.ndarray) -> Rows:
    """Rows of a panel with the covariates of the base period of the first effect."""
    columns = panel.columns(int(base[0])).values
    return Rows(columns[rows], panel.weights[rows], panel.values[rows], at, base)
