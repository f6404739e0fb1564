"""Standard errors of the gap that a design leaves between the means of a covariate.

*Matched designs*: the homoscedastic variance of Abadie and Imbens (2006, *Econometrica* 74(1),
section 4) with the covariate in the place of an outcome. With shares s of the targets, gaps
d(i) = ±(x(i) − m(i)) to their matched means and d̄ = Σ s d, it is Σ s² (d − d̄)² + σ² R. Here 2 σ² is
the mean squared gap of matched pairs around d̄, and R the sum over persons and arms of the square of
what they weigh, less what the first sum already holds. It is zero for a covariate matched exactly.

*Weighted designs*: contributions ± w (x − mean of the arm) / mass of the arm, and those of the
parameters of the weights where a model says them, summed by person and squared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pacte_eval.designs.design import Design
    from pacte_eval.designs.matching.sets import Matches

Rows = np.ndarray | slice
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class Part:
    """The units of a cell and what they weigh.

    Attributes
    ----------
    rows : int array, shape (r,), or the slice of all
    before, after : float arrays, shape (r,)
        Sampling weights of the units of the cell, and weights in the design of its targets.
    """

    rows: Rows
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True, eq=False)
class _MatchedPart(Part):
    """A cell of a matched design.

    Attributes
    ----------
    served : int array, shape (k,), or the slice of all
        Positions of the targets of the cell among all targets.
    own : float array, shape (k,)
        Their sampling weights.
    matched : float array, shape (r,)
        What each unit weighs as a match of theirs.
    reuse : float
        R of the module, times the square of their total weight.
    """

    served: Rows
    own: np.ndarray
    matched: np.ndarray
    reuse: float


class GapError(Protocol):
    """How standard errors of gaps follow from a design."""

    def part(self, inside: np.ndarray | None) -> Part:
        """A cell: `inside` is a bool array of shape (n,), or None for everyone."""
        ...

    def of(self, block: np.ndarray, parts: Sequence[Part]) -> np.ndarray:
        """Standard errors of the gaps of variables, shape (n, t), in p cells: shape (p, t)."""
        ...


def gap_error(design: Design) -> GapError:
    """The standard errors that hold for a design."""
    return _Weighted(design) if design.matches is None else _Matched(design, design.matches)


class _Matched:
    def __init__(self, design: Design, matches: Matches) -> None:
        self._design, self._matches = design, matches
        self._mass = matches.mass
        comparison = design.comparison
        self._persons = _persons(2 * comparison.person + comparison.treated)

    def part(self, inside: np.ndarray | None) -> Part:
        comparison, target = self._design.comparison, self._matches.target
        served = slice(None) if inside is None else np.flatnonzero(inside[target])
        own = np.zeros(len(target))
        own[served] = comparison.weights[target[served]]
        share = (own / self._mass)[:, np.newaxis]
        matched = self._matches.spread(share)[:, 0]
        if inside is None:
            after = self._design.weights
        else:
            after = matched.copy()
            after[target] += own
            after[self._design.weights == 0] = 0.0
        counted = float(own @ own + self._matches.spread_squares(share**2).sum())
        reuse = max(float(_squares(after[:, np.newaxis], self._persons)[0]) - counted, 0.0)
        if inside is None:
            return _MatchedPart(served, comparison.weights, after, served, own, matched, reuse)
        rows = np.flatnonzero(inside | (after != 0))
        before = np.where(inside, comparison.weights, 0.0)
        return _MatchedPart(
            rows, before[rows], after[rows], served, own[served], matched[rows], reuse
        )

    def of(self, block: np.ndarray, parts: Sequence[Part]) -> np.ndarray:
        target = self._matches.target
        means = self._matches.total(block) / self._mass[:, np.newaxis]
        sign = np.where(self._design.comparison.treated[target], 1.0, -1.0)[:, np.newaxis]
        own = block[target]
        variances = []
        for part in parts:
            assert isinstance(part, _MatchedPart)
            square = part.matched @ block[part.rows] ** 2
            here = own[part.served], means[part.served], sign[part.served]
            variances.append(_matched_variance(*here, square, part.own, part.reuse))
        return np.sqrt(variances)


def _matched_variance(
    own: np.ndarray,
    mean: np.ndarray,
    sign: np.ndarray,
    square: np.ndarray,
    weights: np.ndarray,
    reuse: float,
) -> np.ndarray:
    """The variance of the module, from targets' values and matched means, shapes (k, t), and the
    weighted sums of squares of the units matched, shape (t,)."""
    total = weights.sum()
    if total == 0:
        return np.full(len(square), np.nan)
    share = weights / total
    gap = sign * (own - mean)
    average = share @ gap
    around = own - sign * average
    pairs = share @ (around * (around - 2 * mean)) + square / total
    pairs[pairs < _ROUNDING * square / total] = 0.0
    return np.asarray(share**2 @ (gap - average) ** 2 + 0.5 * pairs * reuse / total**2)


class _Weighted:
    def __init__(self, design: Design) -> None:
        self._design = design
        self._persons = _persons(design.comparison.person)

    def part(self, inside: np.ndarray | None) -> Part:
        rows = slice(None) if inside is None else np.flatnonzero(inside)
        return Part(rows, self._design.comparison.weights[rows], self._design.weights[rows])

    def of(self, block: np.ndarray, parts: Sequence[Part]) -> np.ndarray:
        return np.sqrt([self._variance(block, part) for part in parts])

    def _variance(self, block: np.ndarray, part: Part) -> np.ndarray:
        design, values = self._design, block[part.rows]
        treated = design.comparison.treated[part.rows]
        share = np.where(treated, part.after, 0.0), np.where(treated, 0.0, part.after)
        mass = share[0].sum(), share[1].sum()
        if not all(mass):
            return np.full(block.shape[1], np.nan)
        sign = np.where(treated, 1 / mass[0], -1 / mass[1])[:, np.newaxis]
        mean = share[0] @ values / mass[0], share[1] @ values / mass[1]
        slope = np.where(treated[:, np.newaxis], *mean)
        np.subtract(values, slope, out=slope)
        slope *= sign
        if isinstance(part.rows, slice):
            residual = slope
        else:
            residual = np.zeros(block.shape)
            residual[part.rows] = slope
        contributions = residual * design.weights[:, np.newaxis]
        if design.weight_model is not None:
            contributions += design.weight_model.influence(residual)
        return _squares(contributions, self._persons)


def _persons(keys: np.ndarray) -> np.ndarray | None:
    """Codes of the distinct keys, from 0; None where none comes twice."""
    codes, distinct = pd.factorize(keys)
    return None if len(distinct) == len(keys) else codes


def _squares(values: np.ndarray, persons: np.ndarray | None) -> np.ndarray:
    """Sum of the squares of sums by person: shape (n, t) to (t,)."""
    if persons is not None:
        values = np.column_stack([np.bincount(persons, column) for column in values.T])
    return np.asarray(np.einsum("ij,ij->j", values, values))
