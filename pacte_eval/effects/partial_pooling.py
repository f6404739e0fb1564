"""Effects of the zones of one partition drawn together: robust empirical Bayes.

Armstrong, Kolesár and Plagborg-Møller (2022, *Econometrica* 90, 2567–2602). True effects are
Xδ + ε, the ε being independent with second moment μ2 and kurtosis κ, of any distribution; estimates
add an error of known covariance V. Shrunken estimates are Xδ̂ + B (Y − Xδ̂), B = μ2 (μ2 I + V)⁻¹,
which is their weight μ2 / (μ2 + σ²) where V is diagonal. With Xδ̂ = HY they are the combinations
AY, A = H + B (I − H), whose noise has covariance AVA′, what is not known of δ included: errors that
zones share do not fade with their number. Their bias is (B − I)ε, less what the fitted mean takes
up of it, which is not taken off. Intervals hold for the worst distribution of biases with its
second moment and kurtosis; with many zones of independent errors they are those of the paper. They
cover 95 % of the zones on average, not each of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.average_coverage import critical_value

FEWEST = 3


@dataclass(frozen=True, eq=False)
class PartialPooling:
    """Shrunken effects of one partition.

    Attributes
    ----------
    table : DataFrame
        One row per zone: ``raw``, ``se``, ``shrunken``, ``ci_low``, ``ci_high``, ``weight`` (of
        the zone's own estimate in its shrunken one, between 0 and 1).
    spread : float
        Standard deviation of the true effects around Xδ, √μ2.
    kurtosis : float
        Of the true effects around Xδ.
    """

    table: pd.DataFrame
    spread: float
    kurtosis: float


def partial_pooling(
    estimates: np.ndarray,
    covariance: np.ndarray,
    covariates: np.ndarray | None = None,
    *,
    level: float = 0.95,
) -> PartialPooling:
    """Shrink the effects of the zones of one partition towards what their covariates predict.

    Parameters
    ----------
    estimates : float array, shape (k,)
        Of zones that do not overlap.
    covariance : float array, shape (k, k)
        Of the estimates.
    covariates : float array, shape (k, p), optional
        Of zones, without the constant; the mean of the partition by default.
    level : float
        Of the intervals, on average over zones.

    Raises
    ------
    InputError
        If zones are fewer than three or than covariates allow, shapes disagree, a value is
        missing, or an error is not positive.
    """
    y = np.asarray(estimates, dtype=float)
    v = np.asarray(covariance, dtype=float)
    size = len(y)
    if y.ndim != 1 or v.shape != (size, size):
        raise InputError("estimates must be a vector, and covariance a square of its length")
    if not (np.isfinite(y).all() and np.isfinite(v).all() and (np.diag(v) > 0).all()):
        raise InputError("every zone needs an estimate and a positive standard error")
    x = np.ones((size, 1))
    if covariates is not None:
        told = np.asarray(covariates, dtype=float)
        if len(told) != size or not np.isfinite(told).all():
            raise InputError("covariates need a row per zone, and no missing value")
        x = np.column_stack([x, told])
    if size < max(FEWEST, x.shape[1] + 2):
        raise InputError(
            f"{size} zones are too few to be drawn together: at least "
            f"{max(FEWEST, x.shape[1] + 2)} are needed"
        )
    variance = np.diag(v)
    weight = 1 / variance
    root = np.sqrt(weight)
    fit = x @ np.linalg.pinv(x * root[:, None]) * root
    left = np.eye(size) - fit
    second, kurtosis = _moments(left @ y, left, v)
    shrink = second * np.linalg.inv(second * np.eye(size) + v)
    combined = fit + shrink @ left
    shrunken = combined @ y
    error = np.sqrt(np.einsum("ij,jk,ik->i", combined, v, combined))
    moved = shrink - np.eye(size)
    squares = (moved**2).sum(axis=1)
    own = 3 + (kurtosis - 3) * (moved**4).sum(axis=1) / squares**2
    half = np.array(
        [
            critical_value(second * square / one**2, max(kurt, 1.0), level) * one
            for square, one, kurt in zip(squares, error, own, strict=True)
        ]
    )
    table = pd.DataFrame(
        {
            "raw": y,
            "se": np.sqrt(variance),
            "shrunken": shrunken,
            "ci_low": shrunken - half,
            "ci_high": shrunken + half,
            "weight": np.diag(shrink),
        }
    )
    return PartialPooling(table, float(np.sqrt(second)), float(kurtosis))


def _moments(residual: np.ndarray, left: np.ndarray, v: np.ndarray) -> tuple[float, float]:
    """Second moment and kurtosis of the true effects, kept off zero as their appendix A.1 does.

    Residuals have covariance M (μ2 I + V) M′, M being `left`: its part of V is subtracted, and
    their own is divided by the share that M leaves.
    """
    variance = np.diag(v)
    weight = 1 / variance
    total = weight.sum()
    noise = np.einsum("ij,jk,ik->i", left, v, left)
    share = (left**2).sum(axis=1)
    second = float(weight @ (residual**2 - noise) / (weight @ share))
    least = 2 * (weight**2 @ variance**2) / (total * (weight @ variance))
    second = max(second, float(least))
    fourth = weight @ (residual**4 - 6 * noise * residual**2 + 3 * noise**2)
    fourth = fourth / (weight @ share**2)
    floor = 1 + 32 * (weight**2 @ variance**4) / (second**2 * total * (weight @ variance**2))
    return second, max(float(fourth / second**2), float(floor))
