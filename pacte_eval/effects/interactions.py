"""Does the effect differ between populations? Tests on their joint covariance, never by comparing
who is significant and who is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.wald import wald

_FLAT = 1e-9


@dataclass(frozen=True)
class Interaction:
    """A test that effects are equal.

    Attributes
    ----------
    statistic, p : float
        Wald statistic and p-value.
    freedom : int
        Its degrees of freedom, the rank of the differences.
    spread : float
        Standard deviation of what the test holds to be nought, by the method of moments: the true
        effects, the terms of the dimension, or the departures from sums. That of DerSimonian and
        Laird (1986) for independent effects, with the joint covariance and the terms fitted taken
        into account; 0 where chance explains all of the differences.
    """

    statistic: float
    freedom: int
    p: float
    spread: float


def equal_effects(estimates: np.ndarray, covariance: np.ndarray) -> Interaction:
    """Test that the effects of several populations, which may overlap, are one and the same.

    Parameters
    ----------
    estimates : float array, shape (k,)
    covariance : float array, shape (k, k)

    Raises
    ------
    InputError
        If there are fewer than two effects, shapes disagree, or a value is missing.
    """
    y, v = _checked(estimates, covariance)
    contrasts = np.eye(len(y))[1:] - np.eye(len(y))[:1]
    statistic, freedom, p = _wald(contrasts @ y, contrasts @ v @ contrasts.T)
    spread = _spread(y, v, np.ones((len(y), 1)), np.eye(len(y)))
    return Interaction(statistic, freedom, p, spread)


def equal_effects_given(
    estimates: np.ndarray, covariance: np.ndarray, levels: pd.DataFrame, dimension: str
) -> Interaction:
    """Test that effects do not differ along one dimension, the others being held fixed.

    Effects in crossings are a constant, a term for each level of each dimension, and noise of
    known covariance; generalised least squares, then a Wald test of the terms of one dimension.

    Parameters
    ----------
    estimates : float array, shape (k,)
        Of crossings.
    covariance : float array, shape (k, k)
    levels : DataFrame, k rows
        The level of each crossing on each dimension.
    dimension : str
        A column of `levels`.

    Raises
    ------
    InputError
        If shapes disagree, a value is missing, the dimension is unknown, or its levels cannot be
        told from those of the others.
    """
    y, v = _checked(estimates, covariance)
    terms_of = _terms(levels, len(y))
    if dimension not in terms_of:
        raise InputError(f"'{dimension}' is no column of levels: {', '.join(terms_of)}")
    others = _constant_and([part for name, part in terms_of.items() if name != dimension], len(y))
    columns = np.column_stack([others, terms_of[dimension][:, 1:]])
    kept = np.linalg.matrix_rank(columns) - np.linalg.matrix_rank(others)
    if kept < 1:
        raise InputError(
            f"the levels of '{dimension}' cannot be told from those of the other dimensions"
        )
    if np.linalg.matrix_rank(columns) >= len(y):
        raise InputError("there are as many terms as crossings: nothing is left to test")
    precision = np.linalg.pinv(v, hermitian=True)
    information = columns.T @ precision @ columns
    inverse = np.linalg.pinv(information, hermitian=True)
    terms = inverse @ (columns.T @ precision @ y)
    own = slice(others.shape[1], None)
    statistic, freedom, p = _wald(terms[own], inverse[own, own])
    spread = _spread(y, v, others, terms_of[dimension])
    return Interaction(statistic, freedom, p, spread)


def additive_effects(
    estimates: np.ndarray, covariance: np.ndarray, levels: pd.DataFrame
) -> Interaction:
    """Test that the effect of each crossing is a sum of one term per dimension.

    Where it is not, the difference between two publics is not the same in all territories. The
    statistic is that of generalised least squares: the Wald test of every contrast that such sums
    leave at zero.

    Parameters
    ----------
    estimates : float array, shape (k,)
        Of crossings.
    covariance : float array, shape (k, k)
    levels : DataFrame, k rows
        The level of each crossing on each dimension.

    Raises
    ------
    InputError
        If shapes disagree, a value is missing, or there are as many terms as crossings.
    """
    y, v = _checked(estimates, covariance)
    columns = _constant_and(list(_terms(levels, len(y)).values()), len(y))
    contrasts = linalg.null_space(columns.T).T
    if not len(contrasts):
        raise InputError("there are as many terms as crossings: nothing is left to test")
    statistic, freedom, p = _wald(contrasts @ y, contrasts @ v @ contrasts.T)
    spread = _spread(y, v, columns, np.eye(len(y)))
    return Interaction(statistic, freedom, p, spread)


def _terms(levels: pd.DataFrame, size: int) -> dict[str, np.ndarray]:
    """Indicators of all levels of each dimension."""
    if len(levels) != size:
        raise InputError(f"levels has {len(levels)} rows for {size} effects")
    return {
        str(name): pd.get_dummies(levels[name].astype(str)).to_numpy(dtype=float)
        for name in levels.columns
    }


def _constant_and(parts: Sequence[np.ndarray], size: int) -> np.ndarray:
    """A constant, and the indicators of all levels but the first of each dimension."""
    return np.column_stack([np.ones(size), *(part[:, 1:] for part in parts)])


def _checked(estimates: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, v = np.asarray(estimates, dtype=float), np.asarray(covariance, dtype=float)
    if y.ndim != 1 or v.shape != (len(y), len(y)):
        raise InputError("estimates must be a vector, and covariance a square of its length")
    if len(y) < 2:
        raise InputError("a difference needs two effects")
    if not (np.isfinite(y).all() and np.isfinite(v).all()):
        raise InputError("every effect needs an estimate and a covariance")
    return y, v


def _wald(values: np.ndarray, covariance: np.ndarray) -> tuple[float, int, float]:
    """Wald statistic, rank and p-value, missing where no value varies."""
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    varying = scale > _FLAT * max(float(scale.max(initial=0.0)), 1e-300)
    values, covariance = values[varying], covariance[np.ix_(varying, varying)]
    if len(values) == 0:
        return 0.0, 0, float("nan")
    return wald(values, covariance)


def _spread(
    values: np.ndarray, covariance: np.ndarray, fixed: np.ndarray, varying: np.ndarray
) -> float:
    """Standard deviation τ of the random terms u in values = fixed a + varying u + noise.

    The weighted sum of squares left by the fixed terms has mean tr(S V) + τ² tr(S ZZ′), S being
    its matrix, Z `varying` and V the covariance.
    """
    variance = np.diag(covariance)
    known = variance > 0
    if known.sum() < 2:
        return 0.0
    y, v = values[known], covariance[np.ix_(known, known)]
    x, z = fixed[known], varying[known]
    root = 1 / np.sqrt(variance[known])
    weighted = x * root[:, np.newaxis]
    left = root[:, np.newaxis] * (np.eye(len(y)) - weighted @ np.linalg.pinv(weighted)) * root
    excess = y @ left @ y - np.sum(left * v)
    scale = np.sum(left * (z @ z.T))
    return float(np.sqrt(max(0.0, excess / scale))) if scale > 0 else 0.0
