"""Effect of treatment on changes of an outcome, by regression, inverse probability or both: every
pair of periods is a column, and one score and one regression serve them all.

With D the treatment, Δ the change, x the covariates with an intercept, β the regression of Δ on x
among controls, π the score and r = Δ − x'β (Δ where there is no regression), the estimate is the
mean of r among the treated, less its mean among controls by weights ω = w π / (1 − π): means made
of weights that sum to one. Without score the second mean is zero, r summing to zero there.

- ``"reg"``: Heckman, Ichimura and Todd (1997, *Review of Economic Studies* 64, 605–654);
- ``"ipw"``: Abadie (2005, *Review of Economic Studies* 72, 1–19), weights summing to one;
- ``"dr"``: Sant'Anna and Zhao (2020, *Journal of Econometrics* 219, 101–122), equation 2.6 with
  the nuisances of their section 2.2: logit, and least squares by sampling weights.

Contributions are the influence function of their theorem 1 with the estimation of both nuisances.
For a treated unit it is w (r − η₁) / W₁ − w (1 − π) x'a, for a control
−ω (r − η₀) / W₀ − w r x'b + w π x'a, with η₁, η₀ the two means, W₁, W₀ the sums of their weights,
a = H⁻¹ Σ ω (r − η₀) x / W₀ for the Hessian H of the logit, and
b = A⁻¹ (Σ_{D=1} w x / W₁ − Σ ω x / W₀) for A = Σ_{D=0} w x x'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve, pinvh, solve_triangular
from scipy.special import expit

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.scores.logit import LogitLink
from pacte_eval.designs.scores.newton import NoMinimumError, Point, minimise

Method = Literal["reg", "ipw", "dr"]
METHODS: tuple[Method, ...] = ("dr", "ipw", "reg")

# A control that looks this much like the treated would weigh more than 200 others: it is set
# aside. Scores beyond the second leave nothing to compare with.
TRIMMED_FROM = 0.995
NO_OVERLAP_FROM = 0.999
_BLOCK = 16_384
_DETERMINED = 1e-10
# Where some units are predicted perfectly: steps of the logit at most, and how near it gets.
_STEPS = 100
_LEAST_ODDS = 1e-9
_FLAT = 1e-13
_LOGIT = LogitLink()


class NotIdentifiedError(InputError):
    """The rows at hand do not tell the effect.

    Attributes
    ----------
    reason : str
        Why, in French, as a table says it.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, eq=False)
class Rows:
    """Units of one arm.

    Attributes
    ----------
    columns : float array, shape (n, p)
        Covariates, the intercept among them.
    weights : float array, shape (n,)
    values : float array, shape (n, T)
        Outcomes, without missing value where `at` and `base` point.
    at, base : int arrays, shape (t,), or None
        Columns of `values` whose difference is a change; None where `values` are changes.
    """

    columns: np.ndarray
    weights: np.ndarray
    values: np.ndarray
    at: np.ndarray | None = None
    base: np.ndarray | None = None

    def blocks(self) -> Iterator[Rows]:
        """The same rows by few at a time."""
        for start in range(0, len(self.weights), _BLOCK):
            part = slice(start, start + _BLOCK)
            yield Rows(
                self.columns[part],
                self.weights[part],
                self.values[part],
                self.at,
                self.base,
            )

    @property
    def change(self) -> np.ndarray:
        """Shape (n, t)."""
        if self.at is None or self.base is None:
            return self.values
        return np.asarray(self.values[:, self.at] - self.values[:, self.base])


@dataclass(frozen=True, eq=False)
class PanelModel:
    """What the estimates of t changes are made of, from which any row's contribution follows.

    Attributes
    ----------
    estimate : float array, shape (t,)
    treated_mean : float array, shape (t,)
        Mean change of the treated.
    trimmed : int
        Controls set aside for a score of 0.995 or more.
    score : float array, shape (p,), or None
        Coefficients of the logit.
    """

    estimate: np.ndarray
    treated_mean: np.ndarray
    trimmed: int
    score: np.ndarray | None
    _regression: np.ndarray | None
    _means: tuple[np.ndarray, np.ndarray]
    _masses: tuple[float, float]
    _score_term: np.ndarray
    _regression_term: np.ndarray

    def of(self, kept: np.ndarray) -> PanelModel:
        """The same for some of the changes."""
        return replace(
            self,
            estimate=self.estimate[kept],
            treated_mean=self.treated_mean[kept],
            _regression=None if self._regression is None else self._regression[:, kept],
            _means=(self._means[0][kept], self._means[1][kept]),
            _score_term=self._score_term[:, kept],
        )

    def contributions(self, rows: Rows, *, treated: bool) -> np.ndarray:
        """Contributions of some rows, whose squares sum to the variance: shape (n, t)."""
        columns, weights = rows.columns, rows.weights
        result = rows.change
        if self._regression is not None:
            result = result - columns @ self._regression
        if treated:
            weight = weights / self._masses[0]
            result = (result - self._means[0]) * weight[:, np.newaxis]
            if self.score is None:
                return result
            score = _score_of(columns, self.score)
            return result - (columns * (weights * (1 - score))[:, np.newaxis]) @ self._score_term
        multiplier = -weights * (columns @ self._regression_term)
        if self.score is None:
            return result * multiplier[:, np.newaxis]
        score = _score_of(columns, self.score)
        weight = _odds(score, weights) / self._masses[1]
        result = result * (multiplier - weight)[:, np.newaxis]
        result += weight[:, np.newaxis] * self._means[1]
        result += (columns * (weights * score)[:, np.newaxis]) @ self._score_term
        return result


@dataclass(frozen=True, eq=False)
class PanelScores:
    """Estimates of t changes with what each unit contributes.

    Attributes
    ----------
    estimate : float array, shape (t,)
    contributions : float array, shape (n, t)
        Squares sum to the variance.
    treated_mean : float array, shape (t,)
    trimmed : int
        Controls set aside for a score of 0.995 or more.
    """

    estimate: np.ndarray
    contributions: np.ndarray
    treated_mean: np.ndarray
    trimmed: int


def att_of_changes(
    change: np.ndarray,
    treated: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    method: Method,
) -> PanelScores:
    """Effects on the treated of changes without missing value.

    Parameters
    ----------
    change : float array, shape (n, t)
    treated : bool array, shape (n,)
    columns : float array, shape (n, p)
        Covariates with an intercept, linearly independent.
    weights : float array, shape (n,)
        Sampling weights.
    method : ``"reg"``, ``"ipw"`` or ``"dr"``

    Raises
    ------
    NotIdentifiedError
        If an arm is empty, columns are collinear among the controls (or all units), or the score
        separates the arms.
    """
    white = columns @ whitening(columns, weights)
    arms = [Rows(white[side], weights[side], change[side]) for side in (treated, ~treated)]
    model = fit_changes(arms[0], arms[1:], method)
    contributions = np.empty(change.shape)
    for rows, side in zip(arms, (treated, ~treated), strict=True):
        contributions[side] = model.contributions(rows, treated=rows is arms[0])
    return PanelScores(model.estimate, contributions, model.treated_mean, model.trimmed)


def whitening(columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What columns are multiplied by to have the identity for second moments: shape (p, p).

    Raises
    ------
    NotIdentifiedError
        If they are collinear.
    """
    moment = (columns * weights[:, np.newaxis]).T @ columns / weights.sum()
    size = np.sqrt(np.diag(moment))
    if not (size > 0).all():
        raise _collinear("all units")
    root = _cholesky(moment / np.outer(size, size), "all units")
    turned = solve_triangular(root, np.eye(len(root)), lower=True)
    return np.asarray(turned.T / size[:, np.newaxis])


def fit_changes(
    treated: Rows, controls: Sequence[Rows], method: Method, start: np.ndarray | None = None
) -> PanelModel:
    """The model of treated units and of controls held in several pieces.

    Parameters
    ----------
    treated : Rows
    controls : sequence of Rows
        Columns near orthogonal over all rows together (see `whitening`), for precision.
    method : ``"reg"``, ``"ipw"`` or ``"dr"``
    start : float array, shape (p,), optional
        Coefficients of the logit to start from.

    Raises
    ------
    NotIdentifiedError
        As `att_of_changes` does.
    """
    if len(treated.weights) == 0 or sum(len(rows.weights) for rows in controls) == 0:
        raise NotIdentifiedError("an arm has no unit: nothing to compare", "aucun témoin")
    size = treated.columns.shape[1]
    coefficients, information = None, np.zeros((size, size))
    if method != "reg":
        coefficients, information = _logit(treated, controls, start)
    mass = treated.weights.sum()
    target = treated.weights @ treated.columns / mass
    mean = sum(rows.weights @ rows.change for rows in treated.blocks()) / mass
    sums = _ControlSums.of(controls, coefficients)

    regression, residual, treated_residual = None, sums.odds_cross, mean
    if method != "ipw":
        root = _cholesky(sums.gram, "the controls", scale=sums.mass)
        regression = cho_solve((root, True), sums.cross)
        treated_residual = mean - target @ regression
        residual = sums.odds_cross - sums.odds_gram @ regression
    aim = np.zeros(size) if method == "ipw" else target
    gap = np.zeros(len(mean))
    score_term = np.zeros((size, len(mean)))
    if coefficients is not None:
        gap = (sums.odds_change - _or_zero(sums.odds_columns, regression)) / sums.odds
        if regression is not None:
            aim = target - sums.odds_columns / sums.odds
        moved = residual - np.outer(sums.odds_columns, gap)
        score_term = _solved(information, moved) / sums.odds
    regression_term = np.zeros(size)
    if regression is not None:
        regression_term = cho_solve((root, True), aim)
    return PanelModel(
        estimate=treated_residual - gap,
        treated_mean=mean,
        trimmed=sums.trimmed,
        score=coefficients,
        _regression=regression,
        _means=(treated_residual, gap),
        _masses=(float(mass), sums.odds),
        _score_term=score_term,
        _regression_term=regression_term,
    )


@dataclass
class _ControlSums:
    """Sums over controls: by sampling weights, and by those times the odds of treatment."""

    gram: np.ndarray
    cross: np.ndarray
    mass: float
    odds_gram: np.ndarray
    odds_cross: np.ndarray
    odds_columns: np.ndarray
    odds_change: np.ndarray
    odds: float
    trimmed: int

    @classmethod
    def of(cls, controls: Sequence[Rows], coefficients: np.ndarray | None) -> _ControlSums:
        size = controls[0].columns.shape[1]
        count = next(rows.change.shape[1] for piece in controls for rows in piece.blocks())
        sums = cls(
            np.zeros((size, size)),
            np.zeros((size, count)),
            0.0,
            np.zeros((size, size)),
            np.zeros((size, count)),
            np.zeros(size),
            np.zeros(count),
            0.0,
            0,
        )
        for piece in controls:
            for rows in piece.blocks():
                sums._add(rows, coefficients)
        if coefficients is not None and not sums.odds > 0:
            raise _no_overlap()
        return sums

    def _add(self, rows: Rows, coefficients: np.ndarray | None) -> None:
        change, columns = rows.change, rows.columns
        weighted = columns * rows.weights[:, np.newaxis]
        self.gram += weighted.T @ columns
        self.cross += weighted.T @ change
        self.mass += rows.weights.sum()
        if coefficients is None:
            return
        score = _score_of(columns, coefficients)
        odds = _odds(score, rows.weights)
        self.trimmed += int(np.count_nonzero(odds == 0))
        weighted = columns * odds[:, np.newaxis]
        self.odds_gram += weighted.T @ columns
        self.odds_cross += weighted.T @ change
        self.odds_columns += weighted.sum(axis=0)
        self.odds_change += odds @ change
        self.odds += odds.sum()


@dataclass(frozen=True, eq=False)
class _LogitOfArms:
    """Less the log-likelihood of a logit over rows that are held by arm."""

    treated: Rows
    controls: Sequence[Rows]

    def at(self, parameters: np.ndarray) -> Point:
        size = len(parameters)
        value, gradient, hessian = 0.0, np.zeros(size), np.zeros((size, size))
        for piece in (self.treated, *self.controls):
            for rows in piece.blocks():
                index = rows.columns @ parameters
                side = np.full(len(index), piece is self.treated)
                likelihood, slope, curvature = _LOGIT.likelihood(index, side)
                value -= rows.weights @ likelihood
                gradient -= (rows.weights * slope) @ rows.columns
                scaled = rows.columns * (rows.weights * curvature)[:, np.newaxis]
                hessian += scaled.T @ rows.columns
        return Point(float(value), gradient, hessian)


def _logit(
    treated: Rows, controls: Sequence[Rows], start: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, and the Hessian there."""
    function = _LogitOfArms(treated, controls)
    found = _minimum(function, treated.columns.shape[1], start)
    highest = max(
        float((rows.columns @ found).max())
        for piece in (treated, *controls)
        for rows in piece.blocks()
    )
    if highest >= _LOGIT.index(NO_OVERLAP_FROM):
        raise _no_overlap()
    return found, function.at(found).hessian


def _minimum(function: _LogitOfArms, size: int, start: np.ndarray | None) -> np.ndarray:
    """Coefficients, from a start that may be flat where others were predicted perfectly."""
    origin = np.zeros(size)
    for first in [origin] if start is None else [start, origin]:
        try:
            return minimise(function, first)
        except NoMinimumError:
            continue
    return _limit(function, origin)


def _limit(function: _LogitOfArms, start: np.ndarray) -> np.ndarray:
    """Coefficients near enough of those at infinity, where some units are predicted perfectly.

    Harmless where these are controls whose score is nearly zero, as those of a place where nobody
    is treated: they weigh nothing.

    Raises
    ------
    NotIdentifiedError
        If columns are collinear over both arms.
    """
    parameters = start
    for _ in range(_STEPS):
        point = function.at(parameters)
        curvature, directions = np.linalg.eigh(point.hessian)
        if curvature[0] <= _FLAT * curvature[-1]:
            raise _collinear("all units")
        moves = (directions.T @ point.gradient) / curvature
        if curvature @ moves**2 <= _LEAST_ODDS * (1 + abs(point.value)):
            break
        parameters = parameters - directions @ moves
    return parameters


def _score_of(columns: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    return np.asarray(expit(columns @ coefficients))


def _odds(score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights times the odds of treatment, zero for controls set aside."""
    return np.where(score < TRIMMED_FROM, weights * score / (1 - score), 0.0)


def _or_zero(left: np.ndarray, right: np.ndarray | None) -> np.ndarray | float:
    return 0.0 if right is None else np.asarray(left @ right)


def _cholesky(gram: np.ndarray, whom: str, scale: float = 1.0) -> np.ndarray:
    """Lower root of a Gram matrix whose diagonal is of the order of `scale`."""
    try:
        root = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        raise _collinear(whom) from None
    if np.diag(root).min() ** 2 <= _DETERMINED * scale:
        raise _collinear(whom)
    return root


def _solved(information: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """The information's inverse times `moved`.

    Where controls are predicted perfectly it may not be positive, to rounding: what moves along
    their directions is nothing, and these are left out.
    """
    try:
        return np.asarray(cho_solve(cho_factor(information), moved))
    except np.linalg.LinAlgError:
        return np.asarray(pinvh(information) @ moved)


def _collinear(whom: str) -> NotIdentifiedError:
    return NotIdentifiedError(
        f"covariates are constant or collinear among {whom}: leave some out",
        "covariables colinéaires" + (" parmi les témoins" if whom == "the controls" else ""),
    )


def _no_overlap() -> NotIdentifiedError:
    return NotIdentifiedError(
        f"the score separates the arms (a unit reaches {NO_OVERLAP_FROM}): leave out the covariate "
        "that does, or use method='reg'",
        "score sans recouvrement",
    )
