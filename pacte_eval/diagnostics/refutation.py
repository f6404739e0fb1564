"""An estimate survives what should not change it, and vanishes under a placebo treatment.

The refuters are dowhy's (Sharma and Kiciman 2020, arXiv:2011.04216), run on a companion of the
study's design that dowhy can refit at each draw: weighting by the odds of a logit score. Two traps
of dowhy 0.14 are kept out: the estimate leaves its score in the data as a column, which every
refuter would take for the score of its own draw; and a whole number as the seed of subsets draws
the same subset each time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import THIN, number
from pacte_eval.designs.scores.cross_fitted import learnt_columns
from pacte_eval.designs.settings import is_whole
from pacte_eval.diagnostics.placebo import ALARM, REFUSAL
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.frames import Comparison, Outcomes

if TYPE_CHECKING:
    from dowhy.causal_estimator import CausalEstimate

SHARE = 0.8
COLUMNS = ["refuter", "estimate", "refuted", "p", "draws", "verdict", "sentence"]
_EMPIRICAL = 100
_EXTREME = 1e-6
_OUTCOME, _TREATMENT = "outcome", "treatment"
_CHANGES = {
    "placebo_treatment": "Quand l’entrée en formation est tirée au sort après coup",
    "random_common_cause": "Quand une cause commune tirée au hasard est ajoutée aux covariables",
    "data_subset": f"Quand {number(SHARE, scale=100)}{THIN}% des unités seulement sont gardées",
}


def refute(
    comparison: Comparison,
    outcomes: Outcomes,
    month: Period,
    *,
    draws: int = 50,
    seed: int = 0,
) -> pd.DataFrame:
    """Whether a companion of the main estimate withstands dowhy's refuters at one month.

    The companion is the effect on the treated by weighting with the odds of a logit on all
    covariates, among units observed at that month.

    Parameters
    ----------
    comparison : Comparison
    outcomes : Outcomes
    month : int or str
    draws : int
        Refits of each refuter.
    seed : int

    Returns
    -------
    DataFrame
        One row for ``placebo_treatment`` (permuted), ``random_common_cause`` and ``data_subset``
        (four units in five). ``estimate`` is the companion's; ``refuted`` the mean over draws;
        ``p``, two-sided, places the expected value (zero for the placebo, else the estimate) among
        draws: by a normal law under 100 draws, by their quantiles from there. ``verdict``: pass
        from 5 %, warning from 1 %, else fail; non testable where sampling weights differ, which
        dowhy's weighting does not know. ``draws``, ``sentence``.

    Raises
    ------
    InputError
        If there is no covariate, the month is not observed, or fewer than 11 units of an arm are.
    """
    check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
    if not is_whole(draws, 2):
        raise InputError(f"draws={draws!r} must be a whole number from 2")
    if comparison.covariates.shape[1] == 0:
        raise InputError("refuters need covariates: the comparison has none")
    values = outcomes.at([month]).aligned(comparison.unit)[:, 0].astype(np.float64)
    observed = np.isfinite(values)
    for arm, name in ((comparison.treated, "treated"), (~comparison.treated, "control")):
        if np.count_nonzero(arm & observed) < 11:
            raise InputError(f"fewer than 11 {name} units are observed at month {month!r}")
    if (comparison.weights != comparison.weights[0]).any():
        return pd.DataFrame([_not_testable(refuter) for refuter in _CHANGES], columns=COLUMNS)
    data = pd.DataFrame(learnt_columns(comparison.covariates)).add_prefix("x")[observed]
    data = data.assign(
        **{
            _TREATMENT: comparison.treated[observed].astype(int),
            _OUTCOME: values[observed],
        }
    ).reset_index(drop=True)
    with _quiet():
        estimate = companion(data)
        rows = [
            _row(refuter, estimate, *_refuted(refuter, data, estimate, draws, seed), draws)
            for refuter in _CHANGES
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


def refutation_verdicts(table: pd.DataFrame) -> Verdicts:
    """The rows of `refute` as verdicts: ``value`` is the p-value, ``threshold`` 5 %."""
    return Verdicts(
        pd.DataFrame(
            {
                "diagnostic": "refutation_" + table["refuter"],
                "value": table["p"],
                "threshold": ALARM,
                "verdict": table["verdict"],
                "sentence": table["sentence"],
            }
        )
    )


def companion(data: pd.DataFrame) -> CausalEstimate:
    """The weighted estimate that refuters refit; dowhy leaves columns of its own in no data given.

    Parameters
    ----------
    data : DataFrame
        ``treatment`` (0 or 1), ``outcome``, and numeric covariates.
    """
    import networkx as nx  # type: ignore[import-untyped]
    from dowhy.causal_estimators.propensity_score_weighting_estimator import (
        PropensityScoreWeightingEstimator,
    )
    from dowhy.causal_identifier import BackdoorAdjustment, EstimandType, identify_effect_auto
    from sklearn.linear_model import LogisticRegression

    covariates = [name for name in data.columns if name not in (_TREATMENT, _OUTCOME)]
    arrows = [(name, end) for name in covariates for end in (_TREATMENT, _OUTCOME)]
    estimand = identify_effect_auto(
        nx.DiGraph([*arrows, (_TREATMENT, _OUTCOME)]),
        [_TREATMENT],
        [_OUTCOME],
        list(data.columns),
        EstimandType.NONPARAMETRIC_ATE,
        backdoor_adjustment=BackdoorAdjustment.BACKDOOR_MAX,
    )
    estimand.set_identifier_method("backdoor")
    estimator = PropensityScoreWeightingEstimator(
        estimand,
        propensity_score_model=LogisticRegression(C=np.inf, tol=1e-8, solver="newton-cholesky"),
        min_ps_score=_EXTREME,
        max_ps_score=1 - _EXTREME,
    )
    fitted = estimator.fit(data)
    return fitted.estimate_effect(data.copy(), target_units="att")


def _refuted(
    refuter: str, data: pd.DataFrame, estimate: CausalEstimate, draws: int, seed: int
) -> tuple[float, float]:
    """Mean of the draws of a refuter, and its two-sided p-value."""
    from dowhy.causal_refuters import data_subset_refuter, random_common_cause
    from dowhy.causal_refuters.placebo_treatment_refuter import (
        PlaceboType,
        refute_placebo_treatment,
    )

    settings: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
        "placebo_treatment": (
            refute_placebo_treatment,
            {"treatment_names": [_TREATMENT], "placebo_type": PlaceboType.PERMUTE},
        ),
        "random_common_cause": (random_common_cause.refute_random_common_cause, {}),
        "data_subset": (data_subset_refuter.refute_data_subset, {"subset_fraction": SHARE}),
    }
    function, options = settings[refuter]
    found = function(
        data=data,
        target_estimand=estimate.target_estimand,
        estimate=estimate,
        num_simulations=draws,
        random_state=np.random.RandomState(seed),
        show_progress_bar=False,
        **options,
    )
    p = float(found.refutation_result["p_value"])
    return float(found.new_effect), p if draws >= _EMPIRICAL else min(1.0, 2 * p)


def _row(
    refuter: str, estimate: CausalEstimate, refuted: float, p: float, draws: int
) -> tuple[object, ...]:
    verdict: Verdict = "pass" if p >= ALARM else "warning" if p >= REFUSAL else "fail"
    expected = "zéro" if refuter == "placebo_treatment" else number(estimate.value, 3)
    meaning = {
        "pass": "comme attendu",
        "warning": "à la limite de ce que le hasard explique",
        "fail": "plus loin que le hasard ne l’explique",
    }[verdict]
    sentence = (
        f"{_CHANGES[refuter]}, l’écart du plan compagnon (pondération par le score) passe de "
        f"{number(estimate.value, 3)} à {number(refuted, 3)} en moyenne de {draws} tirages, pour "
        f"{expected} attendu{THIN}: {meaning} (p{THIN}= {number(p, 3)})."
    )
    return (refuter, estimate.value, refuted, p, draws, verdict, sentence)


def _not_testable(refuter: str) -> tuple[object, ...]:
    sentence = (
        f"{_CHANGES[refuter]}{THIN}: non testable, le plan compagnon ne connaît pas les poids de "
        "sondage."
    )
    return (refuter, np.nan, np.nan, np.nan, 0, "non testable", sentence)


@contextmanager
def _quiet() -> Iterator[None]:
    """dowhy says nothing."""
    logger = logging.getLogger("dowhy")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
