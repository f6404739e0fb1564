"""A hidden factor is drawn as one might fear it, and the study is done again as if it were known.

Ichino, Mealli and Nannicini (2008, *Journal of Applied Econometrics* 23, 305–327): a factor U of
zeros and ones is drawn with probabilities that depend on treatment and on whether the outcome is
above its mean, enters the design as one more covariate, and the estimate is averaged over draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from pacte_eval.definitions.errors import InputError, check_kind, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import THIN, number
from pacte_eval.designs import Logit
from pacte_eval.designs.design import Estimator
from pacte_eval.designs.settings import is_whole
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes
from pacte_eval.frames.columns import is_factor

NAME = "facteur simulé"
KEYS = ("p11", "p10", "p01", "p00")
LEVEL = 0.95
_LISTS = ("on", "mahalanobis_on")


@dataclass(frozen=True)
class SimulatedConfounder:
    """The estimate with a simulated factor among the covariates.

    Attributes
    ----------
    estimate : float
        Mean over draws.
    within, between : float
        Mean of the squared errors of draws; variance of the estimates between draws.
    se : float
        √(within + (1 + 1 / draws) between) (Rubin 1987).
    baseline, baseline_se : float
        Without the factor.
    outcome_odds : float
        Γ: by what the factor multiplies the odds of an outcome above its mean, among controls and
        covariates held. It follows from the probabilities: given arm and outcome, the factor does
        not depend on covariates. Missing where the outcome or the factor is constant there.
    selection_odds : float
        Λ: by what it multiplies the odds of treatment in a logit on covariates and factor, in
        geometric mean over draws; missing where there is no such logit, or the factor is constant.
    draws : int
    """

    estimate: float
    within: float
    between: float
    se: float
    baseline: float
    baseline_se: float
    outcome_odds: float
    selection_odds: float
    draws: int


def simulated_confounder(
    comparison: Comparison,
    estimator: Estimator,
    outcomes: Outcomes,
    month: Period,
    probabilities: Mapping[str, float] | Sequence[float],
    draws: int = 20,
    seed: int = 0,
) -> SimulatedConfounder:
    """The effect at one month if such a factor had been known and taken into the design.

    It comes after effects: outcomes are read to draw the factor, and for nothing else; the design
    that it enters never sees them.

    Parameters
    ----------
    comparison : Comparison
    estimator : design with ``fit(comparison)``
        One whose covariates are those of the comparison. Lists that name what it matches on
        (``on``, ``mahalanobis_on``) get the factor too.
    outcomes : Outcomes
    month : int or str
    probabilities : mapping, or sequence of four floats
        Chances that the factor is 1, in the order ``p11``, ``p10``, ``p01``, ``p00``: first index,
        treated or not; second, outcome above the mean of all observed or not. A unit not observed
        has the mean chances of those observed of its arm; rows of a person share their luck.
    draws, seed : int

    Raises
    ------
    InputError
        If a probability, or the number of draws, is out of range, the score of the estimator is
        given as numbers, which no factor changes, or the design cannot be fitted with the factor.
    """
    check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
    chances = _read(probabilities)
    if not is_whole(draws, 2):
        raise InputError(f"draws={draws!r} must be a whole number from 2")
    if isinstance(getattr(estimator, "score", None), np.ndarray):
        raise InputError("a score given as numbers cannot take in a simulated factor: give a model")
    at = outcomes.at([month])
    high, observed = _high(comparison, at)
    treated = comparison.treated
    own = np.where(
        treated, np.where(high, chances[0], chances[1]), np.where(high, chances[2], chances[3])
    )
    for arm in (treated, ~treated):
        if not (arm & observed).any():
            raise InputError(f"nobody of an arm is observed at month {month!r}")
        own[arm & ~observed] = own[arm & observed].mean()
    baseline, baseline_error = _estimated(comparison, estimator, at)
    added = _with_factor(estimator)
    random = np.random.default_rng(seed)
    people = int(comparison.person.max()) + 1
    found = []
    for _ in range(draws):
        factor = random.random(people)[comparison.person] < own
        column = pd.Categorical.from_codes(factor.astype(np.int8), pd.Index(["0", "1"]))
        augmented = replace(comparison, covariates=comparison.covariates.assign(**{NAME: column}))
        found.append((*_estimated(augmented, added, at), _selection(augmented)))
    estimates, errors, selection = np.array(found).T
    within, between = float((errors**2).mean()), float(estimates.var(ddof=1))
    return SimulatedConfounder(
        estimate=float(estimates.mean()),
        within=within,
        between=between,
        se=float(np.sqrt(within + (1 + 1 / draws) * between)),
        baseline=baseline,
        baseline_se=baseline_error,
        outcome_odds=_outcome_odds(chances, high[observed & ~treated]),
        selection_odds=float(np.exp(selection.mean())),
        draws=draws,
    )


def like_covariate(
    comparison: Comparison, outcomes: Outcomes, month: Period, covariate: str
) -> tuple[float, float, float, float]:
    """Probabilities that make the simulated factor resemble an observed one.

    Parameters
    ----------
    comparison : Comparison
    outcomes : Outcomes
    month : int or str
    covariate : str
        Of two values: the factor is 1 where it is 1, or of its second level.

    Returns
    -------
    tuple of float
        Shares of ones in ``p11``, ``p10``, ``p01``, ``p00``, as `simulated_confounder` takes them;
        that of the arm where nobody has such an outcome.

    Raises
    ------
    InputError
        If the covariate is unknown, or does not have two values.
    """
    check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
    known = [str(name) for name in comparison.covariates.columns]
    if covariate not in known:
        raise InputError(f"'{covariate}' is not a covariate: {nearest(covariate, known)}")
    column = comparison.covariates[covariate]
    values = column.cat.codes.to_numpy() if is_factor(column) else column.to_numpy()
    if not np.array_equal(np.unique(values), [0, 1]):
        raise InputError(f"covariate '{covariate}' must have two values, 0 and 1 where numbers")
    high, observed = _high(comparison, outcomes.at([month]))
    shares = []
    for arm in (comparison.treated, ~comparison.treated):
        for side in (high, ~high):
            cell = arm & side & observed
            shares.append(float(values[cell if cell.any() else arm].mean()))
    return shares[0], shares[1], shares[2], shares[3]


def simulated_confounder_verdict(found: SimulatedConfounder) -> Verdicts:
    """Whether the effect is still told from chance with the simulated factor.

    Returns
    -------
    Verdicts
        ``value`` is the estimate with the factor, ``threshold`` 0: pass where its 95 % interval
        stays on the same side of 0, warning where the estimate alone does, else fail; non
        concluant where the interval held 0 without the factor.
    """
    half = stats.norm.ppf((1 + LEVEL) / 2)
    side = np.sign(found.baseline)
    verdict: Verdict
    if not abs(found.baseline) > half * found.baseline_se:
        verdict, meaning = "non concluant", "il ne se distinguait déjà pas du hasard"
    elif side * found.estimate > half * found.se:
        verdict, meaning = "pass", "il reste distinct de zéro"
    elif side * found.estimate > 0:
        verdict, meaning = "warning", "il garde son signe sans plus se distinguer de zéro"
    else:
        verdict, meaning = "fail", "il perd son signe"
    sentence = (
        "Avec un facteur simulé qui multiplie la cote d’entrer en formation par "
        f"{number(found.selection_odds, 2)} et celle d’un résultat au-dessus de la moyenne par "
        f"{number(found.outcome_odds, 2)}, l’effet passe de {number(found.baseline, 3)} à "
        f"{number(found.estimate, 3)} en moyenne de {found.draws} tirages{THIN}: {meaning}."
    )
    return Verdicts.single(NAME, found.estimate, 0.0, verdict, sentence)


def _read(probabilities: Mapping[str, float] | Sequence[float]) -> list[float]:
    """The four probabilities in order."""
    if isinstance(probabilities, Mapping):
        if set(probabilities) != set(KEYS):
            raise InputError(f"probabilities= needs the four names {', '.join(KEYS)}")
        probabilities = [probabilities[key] for key in KEYS]
    values = [float(one) for one in probabilities]
    if len(values) != 4 or not all(0 <= one <= 1 for one in values):
        raise InputError(f"probabilities={values} must be four numbers from 0 to 1")
    return values


def _high(comparison: Comparison, at: Outcomes) -> tuple[np.ndarray, np.ndarray]:
    """Who has an outcome above the mean of those observed, and who is observed: shape (n,)."""
    values = at.aligned(comparison.unit)[:, 0].astype(np.float64)
    observed = np.isfinite(values)
    if not observed.any():
        raise InputError(f"nobody is observed at month {at.periods[0]!r}")
    return observed & (values > values[observed].mean()), observed


def _estimated(comparison: Comparison, estimator: Estimator, at: Outcomes) -> tuple[float, float]:
    row = estimate(estimator.fit(comparison), at).table.iloc[0]
    return float(row["estimate"]), float(row["se"])


def _with_factor(estimator: Estimator) -> Estimator:
    """The estimator, its lists of what it matches on lengthened by the factor."""
    changed: dict[str, Any] = {
        name: [*getattr(estimator, name), NAME] for name in _LISTS if getattr(estimator, name, ())
    }
    return replace(estimator, **changed) if changed else estimator  # type: ignore[type-var]


def _outcome_odds(chances: Sequence[float], high: np.ndarray) -> float:
    """Odds of the factor where the outcome is high over those where it is low, among controls."""
    above, below = chances[2] * (1 - chances[3]), (1 - chances[2]) * chances[3]
    if high.all() or not high.any() or (above == 0 and below == 0):
        return np.nan
    return above / below if below > 0 else np.inf


def _selection(augmented: Comparison) -> float:
    """Coefficient of the factor in a logit of treatment; NaN where there is none."""
    try:
        coefficients = Logit().fit(augmented).coefficients
    except InputError:
        return np.nan
    return float(coefficients.get(f"{NAME}[1]", np.nan))
