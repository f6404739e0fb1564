"""Coefficients of the periods before treatment, from untreated observations alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.settings import is_whole
from pacte_eval.effects.differences.staggered.contributions import CohortContributions
from pacte_eval.effects.differences.staggered.panel import StaggeredPanel
from pacte_eval.effects.differences.staggered.table import clustered
from pacte_eval.effects.differences.staggered.unit_effects import fit_unit_effects
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.table import Wording, signed, tidy

_DEFAULT = 3


def lead_effects(
    data: StaggeredPanel,
    untreated: np.ndarray,
    wording: Wording,
    number: int | None,
    anticipation: int,
    level: float,
) -> Effects:
    """Coefficients of the last periods before treatment (and its anticipation), earlier ones and
    units never treated being the reference.

    Parameters
    ----------
    data : StaggeredPanel
    untreated : bool array, shape (cohorts, t)
    wording : Wording
        Of the effects.
    number : int or None
        Of coefficients: three, or as many as there can be, where None.
    anticipation : int
    level : float

    Raises
    ------
    InputError
        If the panel has too few periods before treatment.
    """
    month = data.periods - np.append(data.groups, 0)[:, np.newaxis]
    there = np.vstack(
        [(data.observed[rows].any(axis=0) & untreated[g]) for g, rows in enumerate(data.slices())]
    )
    there[-1] = False
    known = np.unique(month[there])
    most = len(known) - 1
    if most < 1:
        raise InputError(
            f"{len(known)} relative period before treatment in the panel: parallel trends are not "
            "testable, which needs two"
        )
    number = min(_DEFAULT, most) if number is None else number
    if not is_whole(number, 1) or number > most:
        raise InputError(
            f"{number} leads asked of a panel with {len(known)} relative periods before treatment: "
            f"give from 1 to {most}"
        )
    asked = known[-number:]
    k = data.features.shape[1]
    base = len(data.periods) * k
    maps = []
    for g in range(data.cohorts):
        m = np.hstack([np.eye(base), np.zeros((base, number))])
        m[::k, base:] = (month[g][:, np.newaxis] == asked) & there[g][:, np.newaxis]
        maps.append(m)
    used = data.observed & np.repeat(untreated, np.diff(data.bounds), axis=0)
    fit = fit_unit_effects(data, used, maps)
    contrasts = np.zeros((len(fit.coefficients), number))
    contrasts[base + np.arange(number), np.arange(number)] = 1.0
    estimable = fit.estimable(contrasts)
    toward = np.where(estimable, fit.inverse @ contrasts, np.nan)
    width = base + number
    loadings = np.stack([np.vstack([m @ toward[:width], toward[width:]]) for m in maps])
    contributions = CohortContributions(
        fit.scores, data.bounds, loadings, data.cluster, data.nature
    )
    counts = [
        int(sum(used[rows][:, month[g] == one].sum() for g, rows in enumerate(data.slices()[:-1])))
        for one in asked
    ]
    rows = pd.DataFrame(
        {
            "month": asked,
            "estimate": np.where(estimable, fit.coefficients[base:width], np.nan),
            "se": np.sqrt(contributions.variances(range(number))),
            "n_treated": counts,
            "n_control": [int(used.any(axis=1).sum()) - count for count in counts],
        }
    )
    words = replace(
        wording,
        estimator="Régression des observations non traitées",
        estimand="écart avant traitement",
        se_kind=clustered(data, "effets fixes d'unité et de période"),
        weights="poids de sondage",
        base_period=f"périodes relatives avant {signed(int(asked[0]))}",
    )
    return Effects(tidy(rows, words, level=level), contributions, level)
