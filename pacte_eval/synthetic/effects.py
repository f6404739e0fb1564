"""The planted effects, and the flips of single months that produce them exactly in expectation.

Training does not move the process of employment: it flips months of the path that the person would
have had. With `q` the rate without training in a stratum, k months after entry, a month out of work
becomes a month in work with probability ``effect / (1 - q)``, or, where the effect is negative, a
month in work becomes one out of work with probability ``-effect / q``. A persistent latent number
says whose months flip, so that gains come as lasting jobs. The rates `q` come from a large
population drawn apart, in which nobody's training does anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import root
from scipy.special import expit

from pacte_eval.synthetic.employment import covid
from pacte_eval.synthetic.life import age_band
from pacte_eval.synthetic.people import ZONES, People
from pacte_eval.synthetic.timeline import AFTER, MONTHS
from pacte_eval.synthetic.training import CERTIFICATION, OBJECTIVES
from pacte_eval.synthetic.worlds import Entries

Variant = Literal["standard", "multiplicity"]

PATHS: dict[str, dict[int, float]] = {
    "certification": {0: 0, 3: -12, 6: -8, 12: 0, 18: 6, 24: 10, 36: 10},
    "perfectionnement": {0: 0, 3: -6, 6: 0, 12: 5, 18: 8, 36: 8},
    "professionnalisation": {0: 0, 3: -6, 6: 0, 12: 5, 18: 8, 36: 8},
    "adaptation_au_poste": {0: 0, 3: 30, 6: 32, 12: 22, 24: 15, 36: 12},
    "pre_qualification": {0: 0, 3: -8, 6: -7, 12: -2, 24: 2, 36: 2},
    "creation_entreprise": {0: 0, 3: 2, 12: 3, 24: 3, 36: 3},
    "mobilisation": {0: 0, 3: -6, 6: -8, 9: -8, 12: -6, 24: 0, 36: 0},
}
"""Effect of entering, in points, by months since entry; a smooth monotone curve between them."""

DIPLOMA_LEVELS = ("aucun", "cap_bep", "bac", "superieur")
BY_DIPLOMA = (11.0, 7.4, 16.0, 0.0)
BY_SEX = (8.4, 11.5)
BY_CERTIFIES = (0.2, 12.1)
"""Effect of certifying training at 24 months by diploma, for men and women, for those who would not
and who would certify: the positive part of the path is in the same proportions at every month."""

CERTIFICATE = 6.0
"""Of the effect on those who would certify, what the certificate itself is worth at 24 months."""

CERTIFIED = 0.82
UNTRAINED_RATES = (40.9, 52.0)
"""Employment without training at 24 months, of those who would not and who would certify."""

NULL_ZONES = ("9301", "9304", "9306", "9309", "9312", "9317")
_ZONE_RESPONSES = {
    "0059": 1.0, "9302": 0.7, "9303": 0.5, "9305": 0.6, "9307": 0.8, "9308": 1.2,
    "9310": 1.1, "9311": 1.3, "9313": 0.9, "9314": 0.7, "9315": 1.0, "9316": 1.2,
}  # fmt: skip

_AGE_BANDS = 3
_STRATA = len(DIPLOMA_LEVELS) * 2 * 2 * _AGE_BANDS


@dataclass(frozen=True)
class Effects:
    """What the compiled loop needs to plant the effects.

    `gain` and `loss` are probabilities, shape (objectives, strata, 1 + AFTER); `recovery`
    multiplies gains by calendar month; `certify` holds the intercept and slope on frailty of the
    log-odds of certifying.
    """

    gain: np.ndarray
    loss: np.ndarray
    recovery: np.ndarray
    certify: tuple[float, float]

    @property
    def uncertified(self) -> float:
        """Share of the gain left to a person who would certify and is denied the certificate."""
        return 1.0 - CERTIFICATE / BY_CERTIFIES[1]


def path(objective: str) -> np.ndarray:
    """Planted effect in points by months since entry, shape (1 + AFTER,)."""
    knots = PATHS[objective]
    return np.asarray(PchipInterpolator(list(knots), list(knots.values()))(np.arange(AFTER + 1)))


def diploma_level(people: People) -> np.ndarray:
    """Position in `DIPLOMA_LEVELS`."""
    return np.minimum(people.diploma, 3)


def trait_stratum(people: People) -> np.ndarray:
    """Stratum by diploma and sex; the loop adds certifying and age at entry."""
    return diploma_level(people) * 2 + people.female


def response(people: People, variant: Variant) -> np.ndarray:
    """Multiplier of each person's flips: 1, or by zone and public in the variant for multiplicity.

    There, six of the eighteen zones have no effect at all, so that a third of the cells of any
    public by zone are exactly null.
    """
    if variant == "standard":
        return np.ones(len(people))
    by_zone = np.array([0.0 if code in NULL_ZONES else _ZONE_RESPONSES[code] for code in ZONES])
    return (
        by_zone[people.zone]
        * np.where(people.qpv, 0.7, 1.05)
        * np.where(people.disability, 1.2, 1.0)
    )


def recovery() -> np.ndarray:
    """How far gains reach their normal level: mean Covid factor of the last six months."""
    factor = np.concatenate([np.ones(5), covid()])
    return np.convolve(factor, np.full(6, 1 / 6), mode="valid")


def no_effects() -> Effects:
    """Training that does nothing."""
    nothing = np.zeros((len(OBJECTIVES), _STRATA, AFTER + 1))
    return Effects(nothing, nothing, np.ones(MONTHS), (0.0, 0.0))


def calibrate(people: People, employed: np.ndarray, entries: Entries) -> Effects:
    """Effects calibrated on the first entries of a population where training does nothing.

    Parameters
    ----------
    people : People
    employed : ndarray of int8, shape (people, months)
        Employment without any effect.
    entries : Entries
        Entries of these people, of which the first of each person are used.
    """
    gain = np.zeros((len(OBJECTIVES), _STRATA, AFTER + 1))
    loss = np.zeros_like(gain)
    first = entries.rank == 0
    person, month, objective = entries.person[first], entries.month[first], entries.objective[first]
    follow = month[:, None] + np.arange(AFTER + 1)
    observed = follow < MONTHS
    later = np.minimum(follow, MONTHS - 1)
    outcome = employed[person[:, None], later]
    at_work = recovery()[later]

    certifying = objective == CERTIFICATION
    frailty = people.frailty[person]
    seen = certifying & observed[:, 24]
    certify = _certification(frailty[seen], outcome[seen, 24])
    chance = expit(certify[0] + certify[1] * frailty)

    age = (month - people.birth_month[person]) // 12
    bands = np.array([age_band(years) for years in range(120)])[age]
    low = trait_stratum(people)[person] * 2 * _AGE_BANDS + bands
    strata = np.concatenate([low, low + _AGE_BANDS])
    weights = np.concatenate([1.0 - chance, chance])
    twice = np.concatenate([np.arange(len(low))] * 2)
    for number, name in enumerate(OBJECTIVES):
        rows = objective[twice] == number
        effect = path(name) / 100.0
        factor = np.ones(_STRATA)
        if number == CERTIFICATION:
            factor = _factors(np.bincount(strata[rows], weights[rows], _STRATA))
        for k in range(1, AFTER + 1):
            kept = rows & observed[twice, k]
            who = twice[kept]
            if effect[k] > 0:
                idle = at_work[who, k] * (1 - outcome[who, k])
                gain[number, :, k] = _flips(effect[k] * factor, idle, strata[kept], weights[kept])
            elif effect[k] < 0:
                at_stake = outcome[who, k]
                same = np.full(_STRATA, -effect[k])
                loss[number, :, k] = _flips(same, at_stake, strata[kept], weights[kept])
    return Effects(gain, loss, recovery(), certify)


def _certification(frailty: np.ndarray, outcome: np.ndarray) -> tuple[float, float]:
    """Log-odds of certifying given frailty that give the planted share and untrained rates."""
    gap = (UNTRAINED_RATES[1] - UNTRAINED_RATES[0]) / 100.0
    rate = np.polyval(np.polyfit(frailty, outcome, 2), frailty)

    def misses(odds: np.ndarray) -> list[float]:
        chance = expit(odds[0] + odds[1] * frailty)
        would = (chance * rate).sum() / chance.sum()
        would_not = ((1 - chance) * rate).sum() / (1 - chance).sum()
        return [chance.mean() - CERTIFIED, would - would_not - gap]

    solution = root(misses, np.array([1.6, 0.6]), tol=1e-10)
    return float(solution.x[0]), float(solution.x[1])


def _indicators() -> list[np.ndarray]:
    """For each stratum, its diploma, sex, certifying and age band."""
    shape = (len(DIPLOMA_LEVELS), 2, 2, _AGE_BANDS)
    return [axis.ravel() for axis in np.indices(shape)]


def _flips(
    effect: np.ndarray, months: np.ndarray, strata: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Probabilities of flipping `months` that give each stratum its effect, shape (strata,).

    Where a stratum has too few months to flip, the others make up for it: the mean is kept.
    """
    flips = (effect / _rates(strata, months, weights)).clip(0.0, 0.95)
    return (
        flips
        * np.average(effect[strata], weights=weights)
        / np.average(flips[strata] * months, weights=weights)
    )


def _rates(strata: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean value by stratum, additive in diploma, sex, certifying and age, shape (strata,)."""
    diploma, female, certifies, age = _indicators()
    design = np.column_stack(
        [diploma[:, None] == np.arange(len(DIPLOMA_LEVELS)), female, certifies, age == 1, age == 2]
    ).astype(float)
    mass = np.bincount(strata, weights, _STRATA)
    total = np.bincount(strata, weights * values, _STRATA)
    moments = design.T @ (mass[:, None] * design)
    coefficients = np.linalg.lstsq(moments, design.T @ total, rcond=None)[0]
    return (design @ coefficients).clip(0.03, 1.0)


def _factors(mass: np.ndarray) -> np.ndarray:
    """Multipliers of the positive path by stratum, raked to the planted margins; mean 1."""
    factor = np.ones(_STRATA)
    targets = (np.array(BY_DIPLOMA), np.array(BY_SEX), np.array(BY_CERTIFIES), np.ones(_AGE_BANDS))
    for _ in range(200):
        for level, target in zip(_indicators(), targets, strict=True):
            share = np.bincount(level, mass)
            current = np.bincount(level, mass * factor) / share
            wanted = target / (target @ share / share.sum())
            ratio = np.divide(wanted, current, out=np.zeros_like(wanted), where=current > 0)
            factor = factor * ratio[level]
    return factor
