"""How strongly must a hidden cause go with both entry and outcome to explain a risk ratio away?

VanderWeele and Ding (2017, *Annals of Internal Medicine* 167, 268–274): at least
RR + √(RR (RR − 1)) on the scale of risk ratios, with each of the two; under 1, RR is inverted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import THIN, number
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts

NAME = "E-value"
_ROUNDING = 1e-9


@dataclass(frozen=True)
class EValue:
    """E-values of a risk ratio.

    Attributes
    ----------
    ratio : float
        Weighted rate of the treated over that of the controls.
    ratio_low, ratio_high : float
        The limits of the difference as risk ratios, the rate of the controls held.
    estimate : float
        Of the ratio.
    limit : float
        Of the limit nearest to 1; 1 where the interval holds no effect.
    """

    ratio: float
    ratio_low: float
    ratio_high: float
    estimate: float
    limit: float


def e_value(treated_rate: float, control_rate: float, ci_low: float, ci_high: float) -> EValue:
    """E-values of two weighted rates and of the interval of their difference.

    Parameters
    ----------
    treated_rate, control_rate : float
        Between 0 and 1: the weighted means of the arms of a design.
    ci_low, ci_high : float
        Limits of ``treated_rate − control_rate``.

    Returns
    -------
    EValue
        Infinite where a rate of the treated is 0.

    Raises
    ------
    InputError
        If a rate is not between 0 and 1, that of the controls is 0 (there is no risk ratio), or the
        interval does not hold the difference.
    """
    for name, rate in (("treated_rate", treated_rate), ("control_rate", control_rate)):
        if not 0 <= rate <= 1:
            raise InputError(f"{name}={rate} must lie between 0 and 1: E-values are of rates")
    if control_rate == 0:
        raise InputError("control_rate=0: there is no risk ratio, hence no E-value")
    difference = treated_rate - control_rate
    if not ci_low - _ROUNDING <= difference <= ci_high + _ROUNDING:
        raise InputError(
            f"the interval from {ci_low} to {ci_high} does not hold the difference of the rates, "
            f"{difference:.6g}: give that of their difference"
        )
    ratios = [1 + max(gap / control_rate, -1.0) for gap in (difference, ci_low, ci_high)]
    ratio, low, high = ratios
    nearest = low if ci_low > 0 else high if ci_high < 0 else 1.0
    return EValue(ratio, low, high, _strength(ratio), _strength(nearest))


def e_value_verdict(found: EValue, min_limit: float = 1.5) -> Verdicts:
    """Whether the E-value of the confidence limit reaches `min_limit`.

    Returns
    -------
    Verdicts
        ``value`` is the E-value of the limit: pass from `min_limit`, else a warning; non concluant
        where the interval holds no effect.

    Raises
    ------
    InputError
        If `min_limit` is not above 1.
    """
    if not (np.isfinite(min_limit) and min_limit > 1):
        raise InputError(f"min_limit={min_limit} must be a number above 1")
    start = f"Sur un plan compagnon (rapport des taux pondérés, {number(found.ratio, 2)})"
    if found.limit == 1:
        sentence = (
            f"{start}, l’intervalle contient déjà l’absence d’effet{THIN}: aucun facteur inobservé "
            "n’est nécessaire pour l’expliquer."
        )
        return Verdicts.single(NAME, found.limit, min_limit, "non concluant", sentence)
    verdict: Verdict = "pass" if found.limit >= min_limit else "warning"
    sentence = (
        f"{start}, pour ramener l’estimation à zéro, un facteur inobservé devrait multiplier par "
        f"{number(found.estimate, 2)} à la fois la fréquence de l’entrée en formation et celle du "
        f"résultat{THIN}; par {number(found.limit, 2)} pour que l’intervalle atteigne zéro "
        f"(seuil{THIN}: {number(min_limit, 2)})."
    )
    return Verdicts.single(NAME, found.limit, min_limit, verdict, sentence)


def _strength(ratio: float) -> float:
    if ratio == 0:
        return np.inf
    away = max(ratio, 1 / ratio)
    return float(away + np.sqrt(away * (away - 1)))
