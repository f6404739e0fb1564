"""Effects within cells (publics, territories, their crossings), from one design.

A cell's targets keep the weights of the design: for matching, with their matched units wherever
these are; for weighting, against the other arm in the cell. Its effect comes from that common
design only where the cell is balanced within: the largest standardised difference, in units of the
common balance table, is at most 0.1.

Cells share controls. The contributions of Abadie and Imbens (2006) to independent units hold the
noise of a control used once in the gap of its target, and would say nothing of two cells that use
it once each: linearised contributions, summed by unit, take their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype
from scipy import sparse

from pacte_eval.definitions.errors import InputError, counted, nearest
from pacte_eval.designs import Design
from pacte_eval.designs.cell_gaps import denominators, largest_gaps
from pacte_eval.designs.parts import part_of, refitted
from pacte_eval.effects.block import Path
from pacte_eval.effects.contributions import (
    Contributions,
    JoinedContributions,
    LinearContributions,
)
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.inputs import Clusters, of_one_cluster
from pacte_eval.effects.matched import matches_of
from pacte_eval.effects.standard_errors import contribution_kind
from pacte_eval.effects.summed import (
    MatchedContributions,
    OutcomeContributions,
    PartContributions,
)
from pacte_eval.effects.table import tidy
from pacte_eval.effects.task import TARGET, Task, supported_in_french
from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import is_factor, normalise

BALANCED = 0.1
MOST_CELLS = 5_000
COMMON = "commun"
REFITTED = "refait sur la cellule"
UNBALANCED = "non équilibré"
_MISSING = ["estimate", "se", "ci_low", "ci_high", "p", "treated_mean", "control_mean"]

Crossed = str | Sequence[str | Sequence[str]]


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a comparison: names, and rows of each (int arrays, ascending)."""

    names: list[str]
    rows: list[np.ndarray]

    def matrix(self, size: int) -> sparse.csr_array:
        """Ones where a unit is in a cell: (cells, n)."""
        pointer = np.concatenate([[0], np.cumsum([len(rows) for rows in self.rows])])
        member = np.concatenate([np.empty(0, dtype=np.int64), *self.rows])
        return sparse.csr_array(
            (np.ones(len(member)), member, pointer), shape=(len(self.rows), size)
        )


def read_cells(comparison: Comparison, cell: Crossed) -> Cells:
    """The cells that names make: a public (a boolean) is one, its members; anything else has one
    for each level.

    Parameters
    ----------
    comparison : Comparison
    cell : str, or sequence of (str, or sequence of str)
        A sequence crosses what it holds, and what it holds side by side inside a sequence:
        ``[["jeunes", "seniors"], "departement"]`` are both publics in each department.

    Raises
    ------
    InputError
        If a name is unknown, comes twice, has missing values, or cells are none or over 5,000.
    """
    parts = [[part] if isinstance(part, str) else list(part) for part in _listed(cell)]
    named = [name for part in parts for name in part]
    if not named or not all(parts):
        raise InputError("by() needs a name at least: a cell, stratum or covariate")
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"by(): '{twice}' is named twice: name it once")
    levels = {name: _levels(comparison, name) for name in named}
    names: list[str] = []
    rows: list[np.ndarray] = []
    for crossed in product(*parts):
        for name, found in _crossed([(one, *levels[one]) for one in crossed], len(comparison)):
            names.append(name)
            rows.append(found)
            if len(names) > MOST_CELLS:
                raise InputError(
                    f"by() would make over {MOST_CELLS:,} cells: cut numbers into classes, or "
                    "cross fewer names"
                )
    if not names:
        raise InputError(f"no unit is in a cell of {', '.join(named)}: check what they hold")
    return Cells(names, rows)


def _listed(cell: Crossed) -> Sequence[str | Sequence[str]]:
    return [cell] if isinstance(cell, str) else list(cell)


def _levels(comparison: Comparison, name: str) -> tuple[np.ndarray, list[str]]:
    """Code of the level of each unit, −1 outside a public, and the names of levels."""
    frames = (comparison.cells, comparison.strata, comparison.covariates)
    found = next((frame[name] for frame in frames if name in frame.columns), None)
    if found is None:
        known = {str(column) for frame in frames for column in frame.columns}
        raise InputError(f"by(): '{name}' is no cell, stratum or covariate: {nearest(name, known)}")
    if is_bool_dtype(found):
        missing = int(found.isna().sum())
        if missing:
            raise InputError(
                f"by(): '{name}' has {counted(missing, 'missing value')}: say who is in it"
            )
        return np.where(found.to_numpy(dtype=bool), 0, -1), [name]
    column = normalise(found, "cell")
    if is_factor(column):
        return column.cat.codes.to_numpy().astype(np.int64), [
            f"{name} {level}" for level in column.cat.categories
        ]
    codes, values = pd.factorize(column.to_numpy(), sort=True)
    return codes.astype(np.int64), [f"{name} {value:.15g}" for value in values]


def _crossed(
    parts: Sequence[tuple[str, np.ndarray, list[str]]], size: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Name and rows of each crossing of levels that some unit is in."""
    code, inside = np.zeros(size, dtype=np.int64), np.ones(size, dtype=bool)
    for _, codes, levels in parts:
        code = code * len(levels) + codes
        inside &= codes >= 0
    rows = np.flatnonzero(inside)
    rows = rows[np.argsort(code[rows], kind="stable")]
    found, begin = np.unique(code[rows], return_index=True)
    for one, members in zip(found.tolist(), np.split(rows, begin[1:]), strict=False):
        words = []
        for _, _, levels in reversed(parts):
            one, place = divmod(one, len(levels))
            words.append(levels[place])
        yield " × ".join(reversed(words)), members


def by_cell(task: Task, cell: Crossed, *, refit: bool = False) -> Effects:
    """The effects of a task within each cell.

    Parameters
    ----------
    task : Task
    cell : str, or sequence of (str, or sequence of str)
        As for `read_cells`.
    refit : bool
        Fit the design anew in cells that it does not balance; else their effect is missing.

    Returns
    -------
    Effects
        With two more columns: ``balance``, the largest absolute standardised difference within the
        cell under the design that is used; ``cell_design``, ``"commun"``, ``"refait sur la
        cellule"`` or ``"non équilibré"``, where estimates are missing and counts are kept. An
        effect whose units of an arm are in one cluster has no standard error.

    Raises
    ------
    InputError
        As `read_cells` does; with `refit`, if clusters are the sets of the design, or it does not
        know the estimator that made it.
    """
    task = _linearised(task)
    design = task.design
    cells = read_cells(design.comparison, cell)
    if refit and task.clusters.label in ("paire", "ensemble apparié"):
        raise InputError(
            "refit=True makes other sets than those of the design, which cannot be its clusters: "
            "give cluster='person' or cluster='unit' to estimate()"
        )
    scale = denominators(design)
    gaps = largest_gaps(design, cells.matrix(len(design.comparison)), scale)
    made = _contributions(task, cells)
    paths, width = made.solved(), len(task.outcomes)
    population = _Population(design)
    tables = []
    for place, (name, rows, gap) in enumerate(zip(cells.names, cells.rows, gaps, strict=True)):
        table = _rows(task, paths[place * width : (place + 1) * width], made, place)
        if not gap <= BALANCED:
            table[_MISSING] = np.nan
            made.hide(place)
        elif _of_one_cluster(task, rows):
            table[["se", "ci_low", "ci_high", "p"]] = np.nan
            table["se_kind"] = "aucune\u202f: une seule grappe"
            made.hide(place)
        tables.append(
            table.assign(
                cell=name,
                target_population=population.words(rows),
                balance=float(gap),
                cell_design=COMMON if gap <= BALANCED else UNBALANCED,
            )
        )
    contributions: Contributions = made
    if refit:
        contributions = _refitted(task, cells, gaps, scale, tables, made)
    table = tidy(pd.concat(tables, ignore_index=True), task.wording(), level=task.level)
    kind = contribution_kind(task.se, design)
    return Effects(table, None if kind == "none" else contributions, task.level)


def _of_one_cluster(task: Task, members: np.ndarray) -> bool:
    """Whether the targets in a cell, or who they are weighted against in it, are one cluster."""
    codes, design = task.clusters.codes, task.design
    if codes is None:
        return False
    inside = np.zeros(len(codes), dtype=bool)
    inside[members] = design.weights[members] != 0
    arms = [design.target_arm] if design.matches is not None else [design.comparison.treated]
    if design.matches is None:
        arms.append(~design.comparison.treated)
    return any(of_one_cluster(codes, inside & arm) for arm in arms)


def _linearised(task: Task) -> Task:
    """The same task, contributions of independent matched units being linearised."""
    if task.clusters.codes is not None or task.se != "abadie-imbens":
        return task
    size = len(task.design.comparison)
    return replace(task, clusters=replace(task.clusters, codes=np.arange(size)))


def _rows(
    task: Task, paths: Sequence[Path], contributions: OutcomeContributions, place: int
) -> pd.DataFrame:
    """Rows of the outcomes in the cell of a place, with their standard error in words."""
    return pd.concat(
        [
            task.path_rows(one, path, contributions, place * len(paths) + of).assign(
                se_kind=task.error_label(path.clusters)
            )
            for of, (one, path) in enumerate(zip(task.outcomes, paths, strict=True))
        ],
        ignore_index=True,
    )


class _Population:
    """The targets of a design, and those that it keeps, to be counted in cells."""

    def __init__(self, design: Design) -> None:
        self._estimand = design.estimand
        self._weights = design.comparison.weights
        self._target = design.target_arm
        self._kept = self._target & (design.weights != 0)
        if design.matches is not None:
            self._kept = np.zeros_like(self._target)
            self._kept[design.matches.target] = True

    def words(self, members: np.ndarray) -> str:
        """The targets of a cell in words, with the share of them that the design keeps."""
        if self._estimand == "ATO":
            return "unités de la cellule, selon leur recouvrement"
        whom = f"{TARGET[self._estimand]} de la cellule"
        target = members[self._target[members]]
        kept = target[self._kept[target]]
        if len(kept) == len(target):
            return f"ensemble des {whom}"
        return supported_in_french(self._weights[kept].sum() / self._weights[target].sum(), whom)


def _contributions(task: Task, cells: Cells) -> OutcomeContributions:
    """Contributions to the effects in cells under the common design."""
    design = task.design
    rows = task.matched_rows
    if rows is None:
        return PartContributions(
            [partial(_part, task, members) for members in cells.rows], *task.given
        )
    target = matches_of(design).target
    position = np.full(len(design.comparison), -1)
    position[target] = np.arange(len(target))
    targets = [np.sort(position[members][position[members] >= 0]) for members in cells.rows]
    return MatchedContributions(rows, *task.given, cells=targets)


def _part(task: Task, members: np.ndarray) -> OutcomeContributions | None:
    """Contributions within a cell alone, from matrices; None where it has no target."""
    inside = np.zeros(len(task.design.comparison), dtype=bool)
    inside[members] = True
    design = part_of(task.design, inside)
    if not design.weights.any():
        return None
    clusters = replace(task.clusters, number=_used(task.clusters.codes, design))
    return replace(task, design=design, clusters=clusters).contributions()


def _used(codes: np.ndarray | None, design: Design) -> int:
    """Clusters with a unit that a design uses."""
    used = design.weights != 0
    if codes is None:
        return int(used.sum())
    return int(np.count_nonzero(np.bincount(codes[used & (codes >= 0)])))


def _refitted(
    task: Task,
    cells: Cells,
    gaps: np.ndarray,
    scale: pd.Series,
    tables: list[pd.DataFrame],
    common: Contributions,
) -> Contributions:
    """Put in place the rows of cells that a design of their own balances; all contributions."""
    parts, counts = [common], [sum(map(len, tables))]
    columns = np.split(np.arange(counts[0]), np.cumsum([len(table) for table in tables])[:-1])
    for place in np.flatnonzero(~(gaps <= BALANCED)).tolist():
        members = cells.rows[place]
        inside = np.zeros(len(task.design.comparison), dtype=bool)
        inside[members] = True
        design = _design_of(task.design, inside)
        if design is None:
            continue
        everyone = sparse.csr_array(np.ones((1, len(design.comparison))))
        (gap,) = largest_gaps(design, everyone, scale)
        if not gap <= BALANCED:
            continue
        own = replace(
            task,
            design=design,
            outcomes=[replace(one, values=one.values[inside]) for one in task.outcomes],
            clusters=_clusters_of(task.clusters, inside, design),
        )
        made = own.contributions()
        tables[place] = _rows(own, made.solved(), made, 0).assign(
            cell=cells.names[place],
            target_population=_Population(design).words(np.arange(len(design.comparison))),
            balance=float(gap),
            cell_design=REFITTED,
        )
        columns[place] = sum(counts) + np.arange(len(tables[place]))
        parts.append(made)
        counts.append(len(tables[place]))
    if len(parts) == 1:
        return common
    chosen = np.concatenate(columns)
    matrix = sparse.csc_array(
        (np.ones(len(chosen)), (chosen, np.arange(len(chosen)))), shape=(sum(counts), len(chosen))
    )
    return LinearContributions(JoinedContributions(parts, counts), matrix)


def _design_of(design: Design, inside: np.ndarray) -> Design | None:
    """The design fitted anew on a cell, None where it cannot be."""
    treated = design.comparison.treated[inside]
    if treated.all() or not treated.any():
        return None
    if design.estimator is None:
        refitted(design, inside)
    try:
        return refitted(design, inside)
    except InputError:
        return None


def _clusters_of(clusters: Clusters, inside: np.ndarray, design: Design) -> Clusters:
    """The same clusters for the units of a cell alone, units when everyone's are."""
    keys = clusters.keys[inside]
    codes = None if clusters.codes is None else pd.factorize(keys)[0]
    return Clusters(codes, _used(codes, design), clusters.label, keys)
