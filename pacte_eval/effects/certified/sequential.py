"""Certified trainees weighted to stand for all trainees, if what was seen of training decides who
certifies.

Sequential ignorability (Robins 1999, *Synthese* 121; Lechner and Miquel 2010, *Empirical
Economics* 39): given covariates before entry and what was observed until the end of training,
certification is as good as random. A logit among trainees gives its probability, whose inverse
multiplies the weights of the design. What a certifier sees and the data do not, as skill or
perseverance, makes it fail; nothing in the data tells that it holds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, counted
from pacte_eval.designs import Design, InverseProbability
from pacte_eval.effects.certified.masked import joined, masked_means
from pacte_eval.effects.certified.states import CERTIFIED, UNKNOWN, Certification, check_inputs
from pacte_eval.effects.shares import outcome_weights
from pacte_eval.effects.table import check_level, intervals
from pacte_eval.frames import Comparison, Outcomes

ASSUMPTION = (
    "Suppose l’ignorabilité séquentielle\u202f: à covariables d’avant l’entrée et à parcours de "
    "formation observé égaux, la certification serait indépendante de ce que l’on aurait fait "
    "ensuite\u202f; un facteur inobservé qui aide à certifier et à trouver un emploi la met en "
    "défaut."
)
_COLUMNS = [
    "estimate",
    "se",
    "treated_mean",
    "control_mean",
    "largest_weight_certified",
    "effective_certified",
    "largest_weight_not",
    "effective_not",
]


def sequential_weighting(
    design: Design,
    outcomes: Outcomes,
    certification: Certification,
    history: pd.DataFrame,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Effects of training with the certificate, without it, and of the certificate itself.

    Parameters
    ----------
    design : Design
        Of trainees against people who wait, for the effect on the treated.
    outcomes : Outcomes
    certification : Certification
        Trainees whose state is not known are left out, and counted.
    history : DataFrame indexed by unit
        What was observed of each trainee from entry to the end of training, and not after: numbers
        or factors, without missing values.
    level : float

    Returns
    -------
    DataFrame
        Three rows per period: ``comparison``, ``month``, ``estimate``, ``se``, ``ci_low``,
        ``ci_high``, ``treated_mean``, ``control_mean``; by state, ``largest_weight_…`` (the
        largest weight over their mean) and ``effective_…`` (Kish's number) of ``certified`` and
        ``not``; ``n_unknown``, ``contribution_kind`` (``"none"``), ``sentence``. Missing at a
        period where a state has nobody.

    Raises
    ------
    InputError
        If a trainee has no history, history has missing values or the name of a covariate, a
        variable tells certification exactly, or the design is not for the treated.

    Notes
    -----
    The logit, on the covariates of the comparison and history, is fitted at each period by the
    design's weights among trainees observed then. Errors are by influence functions that count its
    estimation, and the design's contributions for the controls, summed by person over both.
    """
    check_inputs(design, certification)
    check_level(level)
    comparison = design.comparison
    treated = comparison.treated
    described = _described(comparison, history)
    values = outcomes.aligned(comparison.unit).astype(np.float64)
    state = certification.aligned(comparison)
    trained, waiting = comparison.treated_label, comparison.control_label
    names = [
        f"{trained} certifiés contre {waiting}",
        f"{trained} non certifiés contre {waiting}",
        f"{trained} certifiés contre non certifiés",
    ]
    rows = []
    for place, month in enumerate(outcomes.periods):
        column = values[:, place]
        weight = outcome_weights(design, np.isfinite(column)[:, np.newaxis])[treated, 0]
        known = (weight > 0) & (state != UNKNOWN)
        certified = state[known] == CERTIFIED
        told = np.full((3, len(_COLUMNS)), np.nan)
        if certified.any() and not certified.all():
            inner = InverseProbability("ATE").fit(
                Comparison(
                    unit=described.index[known],
                    covariates=described[known],
                    treated=certified,
                    strata=pd.DataFrame(index=described.index[known]),
                    cells=pd.DataFrame(index=described.index[known]),
                    cluster=comparison.cluster[treated][known],
                    weights=weight[known] / weight[known].mean(),
                )
            )
            told = _estimates(design, inner, column, column[treated][known])
        for name, numbers in zip(names, told.tolist(), strict=True):
            rows.append(
                {
                    "comparison": name,
                    "month": month,
                    **dict(zip(_COLUMNS, numbers, strict=True)),
                    "n_unknown": int(np.count_nonzero((weight > 0) & (state == UNKNOWN))),
                }
            )
    table = pd.DataFrame(rows)
    limits = intervals(table["estimate"], table["se"], level)
    for after, name in enumerate(("ci_low", "ci_high")):
        table.insert(4 + after, name, limits[name])
    return table.assign(contribution_kind="none", sentence=ASSUMPTION)


def _estimates(
    design: Design, inner: Design, outcome: np.ndarray, of_trainees: np.ndarray
) -> np.ndarray:
    """What is told of the three contrasts at a period: float array, shape (3, 8)."""
    certified = inner.comparison.treated
    mine = masked_means(
        inner,
        np.ones(len(certified), dtype=bool),
        of_trainees[certified, np.newaxis],
        of_trainees[~certified, np.newaxis],
        by_person=True,
    )
    observed = np.isfinite(outcome)
    controls = np.where(observed, outcome, 0.0)[~design.comparison.treated, np.newaxis]
    theirs = masked_means(
        design,
        observed,
        np.empty((int(design.comparison.treated.sum()), 0)),
        controls,
        by_person=True,
    )
    means = joined(mine, theirs)
    contrasts = np.array([[1, 0, -1], [0, 1, -1], [1, -1, 0]], dtype=float)
    error = np.sqrt(((means.contributions @ contrasts.T) ** 2).sum(axis=0))
    sides = [(0, 2), (1, 2), (0, 1)]
    weights = [part for arm in (certified, ~certified) for part in _spread(inner.weights[arm])]
    return np.array(
        [
            [contrast @ means.value, se, means.value[one], means.value[other], *weights]
            for contrast, se, (one, other) in zip(contrasts, error, sides, strict=True)
        ]
    )


def _spread(weights: np.ndarray) -> tuple[float, float]:
    """The largest weight over their mean, and the effective number of units."""
    return (
        float(weights.max() / weights.mean()),
        float(weights.sum() ** 2 / (weights @ weights)),
    )


def _described(comparison: Comparison, history: pd.DataFrame) -> pd.DataFrame:
    """Covariates and history of the treated units, in their order."""
    unit = comparison.unit[comparison.treated]
    twice = [name for name in history.columns if name in comparison.covariates.columns]
    if twice:
        raise InputError(f"history '{twice[0]}' has the name of a covariate: name it otherwise")
    if history.index.has_duplicates:
        raise InputError("history: a unit comes twice: give one row per unit")
    position = history.index.get_indexer(unit)
    absent = int(np.count_nonzero(position < 0))
    if absent:
        raise InputError(f"history has no row for {counted(absent, 'treated unit')}")
    own = comparison.covariates[comparison.treated]
    return own.join(history.iloc[position].set_axis(unit, axis=0))
