"""A propensity score by a regression of the arm on covariates, fitted on all units or apart in
exact cells, by maximum weighted likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.cells import exact_cells, named_column
from pacte_eval.designs.scores.newton import NoMinimumError, Point, minimise
from pacte_eval.designs.scores.terms import Rows, Terms, model_terms
from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import is_factor

_SEPARATED = 1e-9
_UNCLEAR = 1e-3


class Link(Protocol):
    """How a score depends on its linear index."""

    @property
    def name(self) -> str: ...

    def score(self, index: np.ndarray) -> np.ndarray:
        """Probability of treatment."""
        ...

    def index(self, score: float) -> float:
        """The index whose score is given."""
        ...

    def slope(self, index: np.ndarray) -> np.ndarray:
        """Derivative of the score by the index."""
        ...

    def likelihood(
        self, index: np.ndarray, treated: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log-likelihood of each unit, its derivative by the index, and minus the second one."""
        ...


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a linear index: covariates, with squares and interactions of some.

    Attributes
    ----------
    covariates : DataFrame, n rows
    squares : sequence of str
    interactions : sequence of sequences of str
    """

    covariates: pd.DataFrame
    squares: Sequence[str] = ()
    interactions: Sequence[Sequence[str]] = ()

    def terms(self, rows: np.ndarray) -> Terms:
        """The columns of some rows, an array of their positions in ascending order."""
        covariates = self.covariates
        if len(rows) < len(covariates):
            covariates = covariates.iloc[rows].apply(_without_unused_levels)
        return model_terms(covariates, self.squares, self.interactions)


def _without_unused_levels(column: pd.Series) -> pd.Series:
    return column.cat.remove_unused_categories() if is_factor(column) else column


@dataclass(frozen=True, eq=False)
class FittedRegression:
    """A fitted score.

    Attributes
    ----------
    link : Link
    scores : float array, shape (n,)
        Probabilities of treatment.
    index : float array, shape (n,)
        The linear index.
    coefficients : pandas.Series
        One per column of the linear index (and cell), in units of the covariates.
    loglikelihood : float
    dropped : dict of str to str
        Columns left out, with the reason.
    within : tuple of str
        Variables whose crossings are the cells.
    cell : int array, shape (n,)
        Where the score was fitted apart, from 0.
    columns : Columns
    treated, weights : arrays, shape (n,)
        What the score was fitted on.
    """

    link: Link
    scores: np.ndarray
    index: np.ndarray
    coefficients: pd.Series
    loglikelihood: float
    dropped: dict[str, str]
    within: tuple[str, ...]
    cell: np.ndarray = field(repr=False)
    columns: Columns = field(repr=False)
    treated: np.ndarray = field(repr=False)
    weights: np.ndarray = field(repr=False)

    @property
    def name(self) -> str:
        where = f" within {', '.join(self.within)}" if self.within else ""
        return f"{self.link.name}{where}, {len(self.coefficients)} coefficients"

    @property
    def slope(self) -> np.ndarray:
        return self.link.slope(self.index)

    @cached_property
    def terms(self) -> tuple[tuple[np.ndarray, Terms], ...]:
        """Rows of each cell, and the columns of its linear index."""
        return tuple((rows, self.columns.terms(rows)) for rows in _members(self.cell))

    def influence(self, direction: np.ndarray) -> np.ndarray:
        """Contributions of the estimated coefficients to Σ direction(i) index(i): shape (n, t).

        They are H⁻¹ s(i) along the direction, s(i) the derivative of the log-likelihood of unit i
        and H minus the second derivative of that of its cell.
        """
        _, surprise, _ = self.link.likelihood(self.index, self.treated)
        surprise = self.weights * surprise
        contributions = np.empty(direction.shape)
        for (rows, terms), information in zip(self.terms, self._information, strict=True):
            solution = np.linalg.solve(information, terms.transposed_times(direction[rows]))
            contributions[rows] = terms.times(solution) * surprise[rows, np.newaxis]
        return contributions

    @cached_property
    def _information(self) -> tuple[np.ndarray, ...]:
        """Minus the second derivative of the log-likelihood of each cell."""
        _, _, information = self.link.likelihood(self.index, self.treated)
        information = self.weights * information
        return tuple(terms.gram(information[rows]) for rows, terms in self.terms)


@dataclass(frozen=True, eq=False)
class _Deviance:
    """Minus the weighted mean log-likelihood."""

    link: Link
    terms: Terms
    treated: np.ndarray
    weights: np.ndarray

    def at(self, coefficients: np.ndarray) -> Point:
        value, size = 0.0, len(coefficients)
        total = np.zeros((size, size + 1))
        for likelihood, moments in self.terms.each(
            lambda rows, block: self._part(rows, block, coefficients)
        ):
            value += likelihood
            total += moments
        total /= self.weights.sum()
        return Point(-value / self.weights.sum(), -total[:, -1], total[:, :-1])

    def _part(self, rows: Rows, block: slice, coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        index = rows.times(coefficients[:, np.newaxis])[:, 0]
        likelihood, surprise, information = self.link.likelihood(index, self.treated[block])
        weights = self.weights[block]
        return weights @ likelihood, rows.moments(weights * information, weights * surprise)


def fit_regression(
    link: Link,
    comparison: Comparison,
    squares: Sequence[str],
    interactions: Sequence[Sequence[str]],
    within: Sequence[str],
) -> FittedRegression:
    """A regression of the arm on all covariates, their squares and interactions.

    Raises
    ------
    InputError
        If there is no covariate, a name is unknown, a covariate separates the arms, or a cell has
        units of one arm only.
    """
    cell = exact_cells(comparison, within, "within")
    columns = _columns(comparison, squares, interactions, within)
    _check_arms(comparison, cell, within)
    treated, weights = comparison.treated, comparison.weights
    index = np.empty(len(comparison))
    coefficients: dict[str, float] = {}
    dropped: dict[str, list[str]] = {}
    for rows in _members(cell):
        where = _label(comparison, within, rows[0])
        terms = columns.terms(rows)
        function = _Deviance(link, terms, treated[rows], weights[rows])
        start = np.zeros(len(terms.names))
        start[0] = link.index(float(np.average(treated[rows], weights=weights[rows])))
        try:
            found = minimise(function, start, flat=_SEPARATED)
        except NoMinimumError as failure:
            culprit = _culprit(columns.covariates.iloc[rows], terms, treated[rows], failure)
            raise InputError(f"{culprit}{where and f' ({where})'}") from None
        index[rows] = terms.times(found)
        for name, value in zip(terms.names, terms.in_units(found), strict=True):
            coefficients[f"{name} ({where})" if where else name] = value
        for name, reason in terms.dropped.items():
            dropped.setdefault(name, []).append(reason)
    likelihood, *_ = link.likelihood(index, treated)
    return FittedRegression(
        link=link,
        scores=link.score(index),
        index=index,
        coefficients=pd.Series(coefficients),
        loglikelihood=float(weights @ likelihood),
        dropped={name: _summed_up(reasons, cell.max() + 1) for name, reasons in dropped.items()},
        within=tuple(within),
        cell=cell,
        columns=columns,
        treated=treated,
        weights=weights,
    )


def _columns(
    comparison: Comparison,
    squares: Sequence[str],
    interactions: Sequence[Sequence[str]],
    within: Sequence[str],
) -> Columns:
    """What the score is regressed on: a variable of `within` is constant there, so left out."""
    for name in [*squares, *(name for group in interactions for name in group)]:
        if name in within:
            raise InputError(
                f"'{name}' is in within= and in a square or an interaction: it does not vary "
                "within its cells, name it once"
            )
    covariates = comparison.covariates
    constant = [name for name in within if name in covariates]
    if constant:
        covariates = covariates.drop(columns=constant)
    if covariates.shape[1] == 0:
        raise InputError("a score needs at least one covariate: the comparison has none")
    return Columns(covariates, squares, interactions)


def _check_arms(comparison: Comparison, cell: np.ndarray, within: Sequence[str]) -> None:
    size = np.bincount(cell)
    treated = np.bincount(cell, comparison.treated)
    alone = int(np.count_nonzero((treated == 0) | (treated == size)))
    if alone:
        raise InputError(
            f"within={list(within)}: {alone} of {len(size)} cells have units of one arm only; name "
            "fewer variables, or leave these units out"
        )


def _members(cell: np.ndarray) -> list[np.ndarray]:
    """Rows of each cell, in ascending order."""
    order = np.argsort(cell, kind="stable")
    return np.split(order, np.cumsum(np.bincount(cell))[:-1])


def _label(comparison: Comparison, within: Sequence[str], row: int) -> str:
    """The cell of a row in words, as ``"sex=F, zone=13"``."""
    columns = {name: named_column(comparison, name, "within") for name in within}
    return ", ".join(f"{name}={column.iloc[row]}" for name, column in columns.items())


def _summed_up(reasons: list[str], cells: int) -> str:
    """Why a column is left out, and of how many cells."""
    if cells == 1:
        return reasons[0]
    counts = pd.Series(reasons).value_counts(sort=False)
    return ", ".join(f"{reason} in {count} of {cells} cells" for reason, count in counts.items())


def _culprit(
    covariates: pd.DataFrame, terms: Terms, treated: np.ndarray, failure: NoMinimumError
) -> str:
    """A sentence naming a covariate that separates the arms alone, else the one that weighs most in
    the direction that does, or in which the likelihood was still rising."""
    alone = [
        terms.names.index(name)
        for name in covariates
        if name in terms.names and _apart(covariates[name].to_numpy(), treated)
    ]
    place = alone[0] if alone else 1 + int(np.argmax(np.abs(failure.direction[1:])))
    name = terms.covariates[place]
    arms = (treated, "treated"), (~treated, "control")
    if name in covariates and is_factor(covariates[name]):
        codes, levels = covariates[name].cat.codes.to_numpy(), covariates[name].cat.categories
        for arm, label in arms:
            absent = np.setdiff1d(codes, codes[arm])
            if len(absent):
                return (
                    f"covariate '{name}' separates the arms: no {label} unit has "
                    f"'{name}[{levels[absent[0]]}]'; group its levels or leave it out"
                )
    values = terms.column(place)
    for arm, label in arms:
        if np.ptp(values[arm]) == 0 and np.ptp(values[~arm]) > 0:
            return (
                f"covariate '{name}' separates the arms: '{terms.names[place]}' does not vary "
                f"among {label} units; coarsen it or leave it out"
            )
    if alone:
        return f"covariate '{name}' separates the arms: coarsen it or leave it out"
    index = terms.times(failure.direction)
    if index[treated].min() < index[~treated].max() - _UNCLEAR * np.ptp(index):
        return f"the score does not converge: leave out covariate '{name}', or transform it"
    return (
        f"covariates separate the arms together, '{name}' most of all: coarsen it or leave it out"
    )


def _apart(values: np.ndarray, treated: np.ndarray) -> bool:
    """Whether every treated unit is at or above every control, or at or under."""
    inside, outside = values[treated], values[~treated]
    return bool(inside.min() >= outside.max() or inside.max() <= outside.min())
