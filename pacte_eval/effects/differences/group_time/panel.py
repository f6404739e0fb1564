"""Effects by group and period from a panel: those that share units are fitted together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pacte_eval.effects.differences.arms import why_no_error
from pacte_eval.effects.differences.group_time.cells import Cell, Results
from pacte_eval.effects.differences.group_time.cohort_panel import CohortPanel
from pacte_eval.effects.differences.group_time.contributions import (
    Batch,
    CellContributions,
    rows_of,
)
from pacte_eval.effects.differences.panel_scores import Method, NotIdentifiedError, fit_changes


@dataclass(frozen=True, eq=False)
class _Shared:
    """Effects of one group with the same treated units, controls and covariates."""

    group: int
    places: list[int]
    treated: slice | np.ndarray
    controls: list[slice | np.ndarray]


def fit_panel(
    panel: CohortPanel, cells: Sequence[Cell], method: Method
) -> tuple[Results, CellContributions]:
    """Estimates of all effects, and what units contribute to them.

    Parameters
    ----------
    panel : CohortPanel
    cells : sequence of Cell
    method : str

    Notes
    -----
    Where some units of a group or of its controls are not observed, an effect is that of those
    observed at both of its periods.
    """
    results, batches = Results(len(cells)), []
    known = np.array([place for place, cell in enumerate(cells) if cell.is_base], dtype=np.int64)
    results.estimate[known] = results.treated_mean[known] = 0.0
    for place in known:
        results.note[place] = "période de référence"
    starts: dict[int, np.ndarray] = {}
    for shared in _shared(panel, cells):
        batch = _fit(panel, cells, shared, method, results, starts)
        if batch is not None:
            batches.append(batch)
    return results, CellContributions(panel, batches, len(cells), known)


def _fit(
    panel: CohortPanel,
    cells: Sequence[Cell],
    shared: _Shared,
    method: Method,
    results: Results,
    starts: dict[int, np.ndarray],
) -> Batch | None:
    places = np.array(shared.places)
    at = np.array([cells[place].at for place in places])
    base = np.array([cells[place].base for place in places])
    treated, control = _count(shared.treated), sum(_count(rows) for rows in shared.controls)
    group = panel.rows(shared.group)
    rank = panel.columns(int(base[0])).values.shape[1]
    lost = group.stop - group.start - treated
    no_error = why_no_error(
        panel.cluster[shared.treated], [panel.cluster[rows] for rows in shared.controls]
    )
    for place in places:
        results.count(place, treated, control, lost, rank, no_error)
    if treated == 0 or control == 0:
        return None
    controls = [rows for rows in shared.controls if _count(rows)]
    try:
        model = fit_changes(
            rows_of(panel, shared.treated, at, base),
            [rows_of(panel, rows, at, base) for rows in controls],
            method,
            None if panel.moving else starts.get(shared.group),
        )
    except NotIdentifiedError as error:
        for place in places:
            results.note[place] = error.reason
        return None
    if model.score is not None:
        starts[shared.group] = model.score
    results.estimate[places] = model.estimate
    results.treated_mean[places] = model.treated_mean
    results.n_control[places] -= model.trimmed
    return Batch(places, model, at, base, shared.treated, controls)


def _shared(panel: CohortPanel, cells: Sequence[Cell]) -> Iterator[_Shared]:
    """Effects that are fitted together, those of one base period after each other."""
    complete = panel.complete()
    together: dict[tuple[object, ...], list[int]] = {}
    alone: list[int] = []
    for place, cell in enumerate(cells):
        if cell.is_base:
            continue
        cohorts = [cell.group, *cell.controls]
        if complete[cohorts][:, [cell.at, cell.base]].all():
            covariates = cell.base if panel.moving else -1
            together.setdefault((covariates, cell.group, cell.controls), []).append(place)
        else:
            alone.append(place)
    groups = [*together.values(), *([place] for place in alone)]
    for places in sorted(groups, key=lambda some: cells[some[0]].base if panel.moving else 0):
        cell = cells[places[0]]
        treated: slice | np.ndarray = panel.rows(cell.group)
        controls: list[slice | np.ndarray] = list(_joined(panel, cell.controls))
        usable = panel.columns(cell.base).usable
        if places[0] in alone or usable is not None:
            seen = np.isfinite(panel.values[:, [cell.at, cell.base]]).all(axis=1)
            if usable is not None:
                seen &= usable
            treated = _kept(treated, seen)
            controls = [_kept(rows, seen) for rows in controls]
        yield _Shared(cell.group, places, treated, controls)


def _joined(panel: CohortPanel, cohorts: Sequence[int]) -> Iterator[slice]:
    """Rows of some cohorts, those that follow each other in one slice."""
    if not cohorts:
        return
    breaks = np.flatnonzero(np.diff(cohorts) > 1) + 1
    for run in np.split(np.asarray(cohorts), breaks):
        yield slice(panel.rows(int(run[0])).start, panel.rows(int(run[-1])).stop)


def _kept(rows: slice | np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Rows of a slice where `seen` is true."""
    assert isinstance(rows, slice)
    return np.flatnonzero(seen[rows]) + rows.start


def _count(rows: slice | np.ndarray) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)
