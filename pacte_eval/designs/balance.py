"""Balance says how far the arms lie apart on each covariate, before and after matching, always in
the same unit: the standard deviation of the treated arm before matching."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import is_factor

if TYPE_CHECKING:
    from pacte_eval.designs.design import Design


def balance_table(design: Design) -> pd.DataFrame:
    """One row for the score, each numeric covariate and each level of a factor.

    Returns
    -------
    DataFrame
        ``covariate``, ``level``, means of each arm before and after, ``sd_treated`` (the
        denominator: standard deviation of all treated, ddof 1, or √p(1−p) of a binary),
        ``smd_before``, ``smd_after``, variance ratios (treated over control; missing for a
        binary), Kolmogorov–Smirnov distances, and ``smd_se``, the standard error of
        ``smd_after``.

    Notes
    -----
    ``smd_se`` applies the homoscedastic variance of Abadie and Imbens (2006, *Econometrica* 74,
    section 4) to the covariate in the place of an outcome, control weights being summed by
    person: it is zero for a covariate matched exactly.
    """
    comparison, weights = design.comparison, design.weights
    treated = comparison.treated
    before = comparison.weights
    variance = _gap_variance(design)
    rows = []
    for covariate, level, values in _columns(comparison, design.score):
        binary = bool(((values == 0) | (values == 1)).all())
        means, variances = {}, {}
        for moment, weight in (("before", before), ("after", weights)):
            for arm, member in (("treated", treated), ("control", ~treated)):
                means[arm, moment], variances[arm, moment] = _moments(
                    values[member], weight[member], binary
                )
        deviation = np.sqrt(variances["treated", "before"])
        error = np.sqrt(variance(values))
        ratio = {
            moment: np.nan
            if binary
            else _ratio(variances["treated", moment], variances["control", moment])
            for moment in ("before", "after")
        }
        rows.append(
            {
                "covariate": covariate,
                "level": level,
                **{f"mean_{arm}_{moment}": mean for (arm, moment), mean in means.items()},
                "sd_treated": deviation,
                **{
                    f"smd_{moment}": _ratio(
                        means["treated", moment] - means["control", moment], deviation
                    )
                    for moment in ("before", "after")
                },
                "smd_se": _ratio(error, deviation),
                **{f"variance_ratio_{moment}": value for moment, value in ratio.items()},
                "ks_before": _kolmogorov(values, treated, before, binary),
                "ks_after": _kolmogorov(values, treated, weights, binary),
            }
        )
    return pd.DataFrame(rows)


def _columns(
    comparison: Comparison, score: np.ndarray | None
) -> Iterator[tuple[str, str, np.ndarray]]:
    if score is not None:
        yield "score", "", score
    for name in comparison.covariates.columns:
        column = comparison.covariates[name]
        if is_factor(column):
            codes = column.cat.codes.to_numpy()
            for code, level in enumerate(column.cat.categories):
                yield str(name), str(level), (codes == code).astype(np.float64)
        else:
            yield str(name), "", column.to_numpy(dtype=np.float64)


def _moments(values: np.ndarray, weight: np.ndarray, binary: bool) -> tuple[float, float]:
    """Weighted mean and variance; with equal weights the variance divides by n − 1."""
    total = weight.sum()
    mean = float(weight @ values / total)
    if binary:
        return mean, mean * (1 - mean)
    freedom = total - weight @ weight / total
    spread = float(weight @ (values - mean) ** 2)
    return mean, spread / freedom if freedom > 1e-12 * total else np.nan


def _ratio(numerator: float, denominator: float) -> float:
    """A quotient where 0 / 0 is no difference, and anything else over 0 is infinite."""
    if abs(numerator) <= 1e-14 * max(1.0, abs(denominator)) and not denominator > 0:
        return 0.0
    return float(np.divide(numerator, denominator)) if denominator else float(numerator * np.inf)


def _gap_variance(design: Design) -> Callable[[np.ndarray], float]:
    """Variance of the mean gap of a covariate between the arms after the design."""
    if design.matches is None:
        return lambda values: _weighted_variance(design, values)
    matches, weights = design.matches, design.comparison.weights
    own = weights[matches.target]
    mass = matches.mass
    share = own / own.sum()
    control = ~design.comparison.treated
    person = pd.factorize(design.comparison.cluster[control])[0]
    by_person = np.bincount(person, design.weights[control])
    once = matches.spread_squares(((own / mass) ** 2)[:, np.newaxis]).sum()
    reuse = float((by_person @ by_person - once) / own.sum() ** 2)

    def variance(values: np.ndarray) -> float:
        centred = values - values.mean()
        both = matches.total(np.column_stack([centred, centred**2])) / mass[:, np.newaxis]
        mean, square = both.T
        target = centred[matches.target]
        gap = share @ (target - mean)
        squares = np.maximum((target - gap) ** 2 - 2 * (target - gap) * mean + square, 0.0)
        half = 0.5 * float(share @ squares)
        return float(share**2 @ (target - mean - gap) ** 2) + half * reuse

    return variance


def _weighted_variance(design: Design, values: np.ndarray) -> float:
    """Variance of the difference of weighted means, weights estimated where a model says so."""
    treated, weights = design.comparison.treated, design.weights
    contributions = np.zeros(len(values))
    for arm, sign in ((treated, 1.0), (~treated, -1.0)):
        mass = weights[arm].sum()
        contributions[arm] = sign * (values[arm] - weights[arm] @ values[arm] / mass) / mass
    residual = contributions[:, np.newaxis]
    contributions = contributions * weights
    if design.weight_model is not None:
        contributions = contributions + design.weight_model.influence(residual)[:, 0]
    by_person = np.bincount(pd.factorize(design.comparison.cluster)[0], contributions)
    return float(by_person @ by_person)


def _kolmogorov(values: np.ndarray, treated: np.ndarray, weight: np.ndarray, binary: bool) -> float:
    """Largest gap between the weighted distribution functions of the arms."""
    signed = np.where(treated, weight, 0.0) / weight[treated].sum()
    signed -= np.where(treated, 0.0, weight) / weight[~treated].sum()
    if binary:
        return float(abs(signed @ values))
    order = np.argsort(values, kind="stable")
    ends = np.append(np.diff(values[order]) > 0, True)
    return float(np.abs(np.cumsum(signed[order]))[ends].max())
