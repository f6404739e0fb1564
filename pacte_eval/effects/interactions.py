"""Does the effect differ between populations? Tests on their joint covariance, never by comparing
who is significant and who is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from pacte_eval.definitions.errors import InputError

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
        Standard deviation of the true effects, by the method of moments of DerSimonian and Laird
        (1986); 0 where chance explains all of their differences.
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
    statistic, freedom = _wald(contrasts @ y, contrasts @ v @ contrasts.T)
    return Interaction(
        statistic, freedom, _p(statistic, freedom), _spread(y, np.maximum(np.diag(v), 0.0))
    )


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
    if len(levels) != len(y):
        raise InputError(f"levels has {len(levels)} rows for {len(y)} effects")
    if dimension not in levels.columns:
        raise InputError(f"'{dimension}' is no column of levels: {', '.join(levels.columns)}")
    parts = {
        name: pd.get_dummies(levels[name].astype(str), drop_first=True).to_numpy(dtype=float)
        for name in levels.columns
    }
    others = np.column_stack(
        [np.ones(len(y)), *(part for name, part in parts.items() if name != dimension)]
    )
    columns = np.column_stack([others, parts[dimension]])
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
    statistic, freedom = _wald(terms[own], inverse[own, own])
    residual = y - others @ np.linalg.lstsq(others, y, rcond=None)[0]
    return Interaction(
        statistic,
        freedom,
        _p(statistic, freedom),
        _spread(residual, np.maximum(np.diag(v), 0.0)),
    )


def _checked(estimates: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, v = np.asarray(estimates, dtype=float), np.asarray(covariance, dtype=float)
    if y.ndim != 1 or v.shape != (len(y), len(y)):
        raise InputError("estimates must be a vector, and covariance a square of its length")
    if len(y) < 2:
        raise InputError("a difference needs two effects")
    if not (np.isfinite(y).all() and np.isfinite(v).all()):
        raise InputError("every effect needs an estimate and a covariance")
    return y, v


def _wald(values: np.ndarray, covariance: np.ndarray) -> tuple[float, int]:
    """Wald statistic and rank, on the directions in which the values vary."""
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    varying = scale > _FLAT * max(float(scale.max(initial=0.0)), 1e-300)
    values, covariance, scale = (
        values[varying],
        covariance[np.ix_(varying, varying)],
        scale[varying],
    )
    if len(values) == 0:
        return 0.0, 0
    roots, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = roots > _FLAT * roots.max()
    projected = vectors[:, kept].T @ (values / scale)
    return float(np.sum(projected**2 / roots[kept])), int(kept.sum())


def _p(statistic: float, freedom: int) -> float:
    return float(stats.chi2.sf(statistic, freedom)) if freedom else float("nan")


def _spread(values: np.ndarray, variance: np.ndarray) -> float:
    known = variance > 0
    if known.sum() < 2:
        return 0.0
    y, w = values[known], 1 / variance[known]
    mean = w @ y / w.sum()
    excess = w @ (y - mean) ** 2 - (len(y) - 1)
    return float(np.sqrt(max(0.0, excess / (w.sum() - (w**2).sum() / w.sum()))))
