"""What twenty outcomes that training cannot move teach of bias, taken out of an estimate.

Schuemie, Hripcsak, Ryan, Madigan and Suchard (2018, *PNAS* 115, 2571–2577): the estimate on a
negative control is bias and noise, the bias of each control being drawn from N(μ, σ²). The interval
of the effect is moved by μ and widened by σ. The paper also plants effects in the controls; here
there are none, and bias is taken not to depend on the size of the effect. It takes μ and σ as
known; the prediction interval of Higgins, Thompson and Spiegelhalter (2009, *JRSS A* 172, 137–159)
adds the error of μ and reads Student's quantiles, so as to cover with few controls as well.

It holds if the bias of the effect is drawn as those of the controls are, which nothing here can
tell: the calibrated interval is supplementary, and never the main one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from scipy.optimize import minimize_scalar

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import amount, interval
from pacte_eval.effects import Effects

FEWEST = 20


@dataclass(frozen=True)
class Bias:
    """The distribution of bias over negative controls.

    Attributes
    ----------
    mean, sd : float
        μ and σ, in the unit of the outcomes.
    mean_se : float
        Standard error of μ.
    controls : int
        Negative controls it was learnt from.
    """

    mean: float
    sd: float
    mean_se: float
    controls: int

    def sentence(self, unit: str = "points") -> str:
        """What the controls say of bias, in French."""
        return (
            f"Sur {self.controls} résultats que la formation ne peut pas changer, l’écart trouvé "
            f"est en moyenne de {amount(self.mean, unit, sign=True)}, avec un écart-type entre "
            f"résultats de {amount(self.sd, unit)}, hasard de l’échantillon déduit."
        )


def fitted_bias(estimates: ArrayLike, errors: ArrayLike) -> Bias:
    """The distribution of bias by maximum likelihood, estimate ~ N(μ, σ² + error²).

    Parameters
    ----------
    estimates, errors : float arrays, shape (k,)
        Effect found on each negative control and its standard error, in one unit. Controls are
        taken as independent: several months of one outcome are one control.

    Raises
    ------
    InputError
        If there are fewer than 20 controls, or a value is missing, infinite or, for an error, not
        positive.
    """
    found, error = np.asarray(estimates, dtype=float), np.asarray(errors, dtype=float)
    if found.ndim != 1 or found.shape != error.shape:
        raise InputError(
            f"estimates of shape {found.shape} and errors of shape {error.shape}: give one of each "
            "per negative control"
        )
    if len(found) < FEWEST:
        raise InputError(
            f"empirical calibration needs at least {FEWEST} negative controls, not {len(found)}: "
            "report each of them and their joint test"
        )
    if not (np.isfinite(found).all() and np.isfinite(error).all() and (error > 0).all()):
        raise InputError("every negative control needs an estimate and a positive standard error")
    variance = error**2
    largest = found.std() + error.max()
    # The deviance need not be unimodal in σ: the best of a grid is refined between its neighbours.
    grid = np.concatenate([[0.0], np.geomspace(1e-4 * largest, 2 * largest, 60)])
    deviances = _deviance(grid[:, np.newaxis], found, variance)
    best = int(np.argmin(deviances))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    refined = minimize_scalar(
        lambda sd: float(_deviance(np.array([sd]), found, variance)),
        bounds=around,
        method="bounded",
        options={"xatol": 1e-9 * largest},
    )
    sd = float(refined.x) if refined.fun < deviances[best] else float(grid[best])
    precision = 1 / (variance + sd**2)
    return Bias(
        mean=float(precision @ found / precision.sum()),
        sd=sd,
        mean_se=float(1 / np.sqrt(precision.sum())),
        controls=len(found),
    )


def calibrated(effects: Effects, bias: Bias, unit: str = "points") -> pd.DataFrame:
    """Effects with the bias of the negative controls taken out, and its spread added.

    Parameters
    ----------
    effects : Effects
        In the unit of the controls.
    bias : Bias
    unit : str
        Of the sentence.

    Returns
    -------
    DataFrame
        One row per effect: ``outcome``, ``month``, ``cell``, ``estimate``, ``ci_low``, ``ci_high``
        (as given), ``calibrated``, ``calibrated_se``, ``calibrated_low``, ``calibrated_high`` (at
        the level of the effects), ``calibrated_p``, ``sentence``.
    """
    table = effects.table
    centre = table["estimate"].to_numpy(dtype=float) - bias.mean
    error = np.sqrt(table["se"].to_numpy(dtype=float) ** 2 + bias.sd**2 + bias.mean_se**2)
    student = stats.t(bias.controls - 2)
    half = float(student.ppf(0.5 + effects.level / 2)) * error
    kept = ["outcome", "month", "cell", "estimate", "ci_low", "ci_high"]
    made = table[kept].assign(
        calibrated=centre,
        calibrated_se=error,
        calibrated_low=centre - half,
        calibrated_high=centre + half,
        calibrated_p=2 * student.sf(np.abs(centre) / error),
    )
    return made.assign(sentence=[_told(row, bias, unit) for _, row in made.iterrows()])


def _deviance(sd: np.ndarray, found: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Minus twice the log-likelihood at each σ, shape (m, 1), μ at its best, less a constant."""
    total = variance + sd**2
    mean = (found / total).sum(axis=-1) / (1 / total).sum(axis=-1)
    return np.asarray((np.log(total) + (found - mean[..., np.newaxis]) ** 2 / total).sum(axis=-1))


def _told(row: pd.Series, bias: Bias, unit: str) -> str:
    if not np.isfinite(row["calibrated_se"]):
        return "L’effet n’a pas d’erreur type\u202f: il n’est pas recalé."
    return (
        f"Recalé sur {bias.controls} résultats témoins, l’effet serait de "
        f"{amount(row['calibrated'], unit, sign=True)} "
        f"{interval(row['calibrated_low'], row['calibrated_high'], unit)}, si son biais est de "
        "même nature que le leur\u202f; lecture complémentaire, qui ne remplace pas l’intervalle "
        "principal."
    )
