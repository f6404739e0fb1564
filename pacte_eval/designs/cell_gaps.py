"""How far apart a design leaves the arms within each of many cells: first moments, in one pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.designs.balance import DENOMINATOR, balance_table, columns_of
from pacte_eval.designs.design import Design

_BLOCK = 8
_ROUNDING = 1e-14


def denominators(design: Design) -> pd.Series:
    """Standard deviations of the balance table, by covariate and level."""
    table = balance_table(design)
    return table.set_index(["covariate", "level"])[DENOMINATOR[design.estimand]]


def largest_gaps(
    design: Design, cells: sparse.csr_array, deviations: pd.Series | None = None
) -> np.ndarray:
    """Largest absolute standardised difference after the design within each cell.

    Parameters
    ----------
    design : Design
    cells : sparse array, shape (cells, n)
        Ones where a unit is in a cell.
    deviations : Series, optional
        Of `denominators`: those of the design by default.

    Returns
    -------
    float array, shape (cells,)
        Over the score, numeric covariates and levels of factors; missing where an arm is empty.

    Notes
    -----
    In a cell of a matched design, its targets are set against those they are matched with,
    wherever these are; in one of a weighted design, its treated against its controls.
    """
    if deviations is None:
        deviations = denominators(design)
    read: list[tuple[tuple[str, str], Callable[[], np.ndarray]]] = [
        ((column.covariate, column.level), column.read) for column in columns_of(design.comparison)
    ]
    score = design.score
    if score is not None:
        read.insert(0, (("score", ""), lambda: score))
    read = [one for one in read if one[0] in deviations.index]
    gap = _gap(design, cells)
    largest = np.full(cells.shape[0], -np.inf)
    for start in range(0, len(read), _BLOCK):
        part = read[start : start + _BLOCK]
        found = gap(np.column_stack([values() for _, values in part]))
        scale = deviations.loc[[name for name, _ in part]].to_numpy(dtype=float)
        found = np.abs(found)
        found[found <= _ROUNDING * np.maximum(1.0, scale)] = 0.0
        with np.errstate(invalid="ignore", divide="ignore"):
            standard = np.where(found == 0, 0.0, found / scale)
        standard[np.isnan(found)] = np.nan
        largest = np.maximum(largest, standard.max(axis=1))
    return largest


def _gap(design: Design, cells: sparse.csr_array) -> Callable[[np.ndarray], np.ndarray]:
    """From columns, (n, c), to what is left between the arms in each cell, (cells, c)."""
    comparison, matches = design.comparison, design.matches
    if matches is None:
        arms = []
        for arm in (comparison.treated, ~comparison.treated):
            shares = cells @ sparse.diags_array(np.where(arm, design.weights, 0.0))
            arms.append((shares, np.asarray(shares.sum(axis=1))))
        return lambda block: np.subtract(*(_mean(shares @ block, mass) for shares, mass in arms))
    target = matches.target
    own = cells[:, target] @ sparse.diags_array(comparison.weights[target])
    mass = np.asarray(own.sum(axis=1))
    sign = np.where(comparison.treated[target], 1.0, -1.0)[:, np.newaxis]
    entries = matches.mass[:, np.newaxis]
    return lambda block: _mean(
        own @ (sign * (block[target] - matches.total(block) / entries)), mass
    )


def _mean(sums: np.ndarray, mass: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums / np.where(mass == 0, np.nan, mass)[:, np.newaxis])
