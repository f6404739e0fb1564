"""Balance says how far the arms lie apart on each covariate, before and after a design, always in
the same unit: a standard deviation before it, of the arm that the estimand is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.cells import named_column
from pacte_eval.designs.distributions import ArmShares, Gaps, gaps
from pacte_eval.designs.gap_errors import gap_error
from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import is_factor, normalise

if TYPE_CHECKING:
    from pacte_eval.designs.design import Design
    from pacte_eval.designs.gap_errors import GapError, Part

DENOMINATOR = {
    "ATT": "sd_treated",
    "ATC": "sd_control",
    "ATE": "sd_pooled",
    "ATO": "sd_pooled",
}
_MOST_CELLS = 1_000
_BLOCK = 8
_THREADS = 2


def balance_table(
    design: Design, by: str | None = None, *, interactions: bool = False
) -> pd.DataFrame:
    """One row for the score, each numeric covariate and each level of a factor.

    Parameters
    ----------
    design : Design
    by : str, optional
        A cell, stratum or covariate (a public, a territory): the rows are repeated for each of its
        levels. Before, the units of the cell; after, for a matched design, the targets of the cell
        against those they are matched with wherever these are, for a weighted one, its units.
    interactions : bool
        Add the products of two covariates, as they are measured, and of their levels.

    Returns
    -------
    DataFrame
        With `by`, ``cell``, and ``n_treated`` and ``n_control``, who weighs something in it after
        the design. Then ``covariate`` (``"a:b"`` for a product), ``level``; the mean of each arm
        before and after; the denominator, a standard deviation before the design (ddof 1, or
        √p(1−p) of a binary), whose name is whose it is: ``sd_treated`` for the ATT, ``sd_control``
        for the ATC, ``sd_pooled`` = √((s₁² + s₀²) / 2) for the ATE and overlap weights;
        ``smd_before``, ``smd_after``, and ``smd_se``, the standard error of the latter;
        ``variance_ratio_…`` (treated over control; missing for a binary); ``ks_…``, the largest
        distance between the distribution functions of the arms, and ``ecdf_…``, their mean
        distance over the distinct values of the covariate. Values are missing where an arm is
        empty.

    Raises
    ------
    InputError
        If `by` is unknown, has missing values or over a thousand levels.

    Notes
    -----
    Conventions are those of R's cobalt and, for the mean distance, of MatchIt. Standard errors are
    those of `pacte_eval.designs.gap_errors`.
    """
    columns = list(columns_of(design.comparison))
    if interactions:
        columns += list(_products(columns))
    if design.score is not None:
        columns.insert(0, Column("score", "", partial(np.asarray, design.score)))
    error = gap_error(design)
    cells = [(cell, error.part(inside)) for cell, inside in _cells(design.comparison, by)]
    tables = _tables(design, columns, error, [part for _, part in cells])
    if by is not None:
        for table, (cell, part) in zip(tables, cells, strict=True):
            weighing = design.comparison.treated[part.rows][part.after != 0]
            table.insert(0, "cell", cell)
            table.insert(1, "n_treated", int(np.count_nonzero(weighing)))
            table.insert(2, "n_control", int(np.count_nonzero(~weighing)))
    return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True)
class Column:
    """A variable to be compared, read when its turn comes."""

    covariate: str
    level: str
    read: Callable[[], np.ndarray]


def columns_of(comparison: Comparison) -> Iterator[Column]:
    """Every numeric covariate and every level of a factor, in the order of the table."""
    for name in comparison.covariates.columns:
        column = comparison.covariates[name]
        if is_factor(column):
            codes = column.cat.codes.to_numpy()
            for code, level in enumerate(column.cat.categories):
                yield Column(str(name), str(level), partial(_indicator, codes, code))
        else:
            yield Column(str(name), "", partial(column.to_numpy, dtype=np.float64))


def _indicator(codes: np.ndarray, code: int) -> np.ndarray:
    return (codes == code).astype(np.float64)


def _products(columns: list[Column]) -> Iterator[Column]:
    for left, right in combinations(columns, 2):
        if left.covariate != right.covariate:
            yield Column(
                f"{left.covariate}:{right.covariate}",
                ":".join(level for level in (left.level, right.level) if level),
                partial(_product, left, right),
            )


def _product(left: Column, right: Column) -> np.ndarray:
    return left.read() * right.read()


def _cells(comparison: Comparison, by: str | None) -> Iterator[tuple[str, np.ndarray | None]]:
    """Name and members (bool array, shape (n,); None for everyone) of each level of `by`."""
    if by is None:
        yield "", None
        return
    raw = named_column(comparison, by, "by")
    column = normalise(raw, "by variable")
    if is_factor(column):
        codes, levels = column.cat.codes.to_numpy(), list(column.cat.categories)
    else:
        codes, values = pd.factorize(column.to_numpy(), sort=True)
        levels = [f"{value:.15g}" for value in values]
        if is_bool_dtype(raw):
            codes, levels = column.to_numpy() == 1.0, ["non", "oui"]
    if len(levels) > _MOST_CELLS:
        raise InputError(
            f"by='{by}' has {len(levels):,} values, over {_MOST_CELLS:,}: cut it into classes"
        )
    for code, level in enumerate(levels):
        yield str(level), codes == code


def _tables(
    design: Design, columns: list[Column], error: GapError, parts: list[Part]
) -> list[pd.DataFrame]:
    """A table for each cell. Blocks of variables are read once, two at a time."""
    comparison = design.comparison
    arms = [ArmShares.of(comparison.treated[part.rows], part.before, part.after) for part in parts]

    def compare(start: int) -> list[list[dict[str, object]]]:
        some = columns[start : start + _BLOCK]
        block = np.empty((len(comparison), len(some)))
        found = []
        for position, column in enumerate(some):
            values = column.read()
            found.append(
                [gaps(values[part.rows], both) for part, both in zip(parts, arms, strict=True)]
            )
            block[:, position] = values - values.mean()
        errors = error.of(block, parts)
        return [
            [
                _row(column, gap[cell], errors[cell, position], design.estimand)
                for position, (column, gap) in enumerate(zip(some, found, strict=True))
            ]
            for cell in range(len(parts))
        ]

    with ThreadPoolExecutor(_THREADS) as pool:
        blocks = list(pool.map(compare, range(0, len(columns), _BLOCK)))
    return [
        pd.DataFrame([row for block in blocks for row in block[cell]]) for cell in range(len(parts))
    ]


def _row(column: Column, gap: Gaps, error: float, estimand: str) -> dict[str, object]:
    treated, control = gap.variance[:, 0]
    variance = {"ATT": treated, "ATC": control}.get(estimand, (treated + control) / 2)
    deviation = float(np.sqrt(variance))
    moments = list(enumerate(("before", "after")))
    return {
        "covariate": column.covariate,
        "level": column.level,
        **{
            f"mean_{arm}_{moment}": gap.mean[i, j]
            for j, moment in moments
            for i, arm in enumerate(("treated", "control"))
        },
        DENOMINATOR[estimand]: deviation,
        **{
            f"smd_{moment}": _ratio(gap.mean[0, j] - gap.mean[1, j], deviation)
            for j, moment in moments
        },
        "smd_se": _ratio(error, deviation),
        **{
            f"variance_ratio_{moment}": np.nan if gap.binary else _ratio(*gap.variance[:, j])
            for j, moment in moments
        },
        **{f"ks_{moment}": gap.largest[j] for j, moment in moments},
        **{f"ecdf_{moment}": gap.average[j] for j, moment in moments},
    }


def _ratio(numerator: float, denominator: float) -> float:
    """A quotient where 0 / 0 is no difference, and anything else over 0 is infinite."""
    if abs(numerator) <= 1e-14 * max(1.0, abs(denominator)) and not denominator > 0:
        return 0.0
    return float(np.divide(numerator, denominator)) if denominator else float(numerator * np.inf)
