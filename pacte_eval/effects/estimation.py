"""One function applies a design to outcomes: who is compared is settled, only means remain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.designs import Design
from pacte_eval.effects.contributions import SummedContributions
from pacte_eval.effects.effects import Effects, interval
from pacte_eval.effects.inputs import read_clusters, read_outcome, read_window
from pacte_eval.effects.matched import LOCAL_FIT, MatchedOperator, homoscedastic_variance
from pacte_eval.frames import Outcomes

StandardError = Literal["abadie-imbens", "abadie-imbens-2016", "abadie-imbens-homoscedastic"]
_ERRORS: tuple[StandardError, ...] = (
    "abadie-imbens",
    "abadie-imbens-2016",
    "abadie-imbens-homoscedastic",
)
FEW_CLUSTERS = 40


def estimate(
    design: Design,
    outcomes: Outcomes | pd.DataFrame | pd.Series | np.ndarray,
    *,
    contrast: Literal["level", "difference"] = "level",
    reference: Sequence[Period] | None = None,
    se: StandardError = "abadie-imbens",
    cluster: str | np.ndarray | pd.Series | None = None,
    periods: Sequence[Period] | None = None,
    level: float = 0.95,
) -> Effects:
    """Average effect on the supported treated, at every period.

    Parameters
    ----------
    design : Design
    outcomes : Outcomes, or Series, DataFrame or array of exactly n rows
        A Series or DataFrame indexed by the units is put in their order; anything else is taken
        in the order of the comparison.
    contrast : ``"level"`` or ``"difference"``
        ``"difference"`` subtracts from each unit its own mean over the reference window. A unit
        not observed throughout the window is then censored at every period.
    reference : sequence of periods
        The window of a difference: two whole months are its first and last; anything else is
        the list of its periods. There is no default.
    se : str
        ``"abadie-imbens"``: Abadie and Imbens (2006), conditional variance from the nearest
        units of the same arm; with clusters, linearised contributions summed by cluster.
        ``"abadie-imbens-homoscedastic"``: the same with one common conditional variance,
        estimated from the matched pairs, and never less than the variance for fixed covariates:
        what R's Matching prints by default. No covariance follows from it.
        ``"abadie-imbens-2016"``: linearised contributions plus the term for an estimated logit
        (Abadie and Imbens 2016); the term may raise or lower the error. Proved by simulation
        and independent derivation only. Refused with a caliper.
    cluster : str or array of shape (n,), optional
        Who is independent of whom: the persons of the comparison by default (``"person"``);
        ``"unit"`` for independent units; the name of a stratum, covariate or cell; or an array.
    periods : sequence of int or str, optional
        Names of the columns of an array.
    level : float
        Of the intervals.

    Returns
    -------
    Effects

    Raises
    ------
    InputError
        If shapes, settings or periods disagree.

    Notes
    -----
    A treated unit counts at a period if it is observed there with at least one of its matched
    controls; the controls observed share its set equally. ``n_treated`` and ``n_control`` count
    these treated units, and the controls with a positive share. With fewer than two treated units
    the standard error is missing. With a caliper, the error is conditional on the design.
    """
    if se not in _ERRORS:
        raise InputError(f"se='{se}' is unknown: {nearest(se, _ERRORS)}")
    if not 0 < level < 1:
        raise InputError(f"level={level} must lie between 0 and 1, as 0.95")
    caliper = design.settings.get("caliper", "none") != "none"
    if se == "abadie-imbens-2016" and caliper:
        raise InputError(
            "se='abadie-imbens-2016' is not valid with a caliper: use se='abadie-imbens'"
        )
    if se == "abadie-imbens-2016" and design.model is None:
        raise InputError(
            "se='abadie-imbens-2016' needs a logit fitted by the design, not score= given"
        )
    comparison = design.comparison
    name, values, labels = read_outcome(outcomes, comparison, periods)
    groups = read_clusters(cluster, comparison)
    if se == "abadie-imbens-homoscedastic" and groups is not None:
        raise InputError(
            "se='abadie-imbens-homoscedastic' is meaningless with clusters: give cluster='unit'"
        )
    window = read_window(contrast, reference, labels)
    base = None
    if window is not None:
        base = values[:, window].astype(np.float64).mean(axis=1, keepdims=True)

    operator = MatchedOperator(
        design,
        clustered=groups is not None or se == "abadie-imbens-2016",
        estimated_score=se == "abadie-imbens-2016",
    )
    summed = SummedContributions(operator, values, base, groups)
    rows = []
    for start in range(0, len(labels), summed.width):
        columns = list(range(start, min(start + summed.width, len(labels))))
        block = summed.block(columns)
        if se == "abadie-imbens-homoscedastic":
            variance = homoscedastic_variance(design, summed.values(columns), block)
        else:
            variance = np.sum(summed.by_cluster(block.contributions) ** 2, axis=0)
        variance = np.where(block.n_treated >= 2, variance, np.nan)
        for place, column in enumerate(columns):
            effect, error = float(block.estimate[place]), float(np.sqrt(variance[place]))
            rows.append(
                {
                    "month": labels[column],
                    "estimate": effect,
                    "se": error,
                    **interval(effect, error, level),
                    "n_treated": int(block.n_treated[place]),
                    "n_control": int(block.n_control[place]),
                    "treated_mean": float(block.treated_mean[place]),
                    "control_mean": float(block.control_mean[place]),
                }
            )
    table = pd.DataFrame(rows)
    table["comparison"] = f"{comparison.treated_label} contre {comparison.control_label}"
    table["outcome"] = name
    table["cell"] = "ensemble"
    table["estimator"] = str(design.settings["design"])
    table["estimand"] = "ATT, niveau" if window is None else _difference_label(labels, window)
    table["se_kind"] = _kind(se, groups, cluster, caliper)
    table["target_population"] = _population(design)
    linear = se != "abadie-imbens-homoscedastic"
    table["contribution_kind"] = "linearised" if linear else "none"
    return Effects(
        table=table[_COLUMNS],
        contributions=summed if linear else None,
        clusters=len(comparison) if groups is None else int(groups.max()) + 1,
    )


_COLUMNS = [
    "comparison",
    "outcome",
    "month",
    "cell",
    "estimator",
    "estimand",
    "estimate",
    "se",
    "se_kind",
    "ci_low",
    "ci_high",
    "p",
    "n_treated",
    "n_control",
    "treated_mean",
    "control_mean",
    "target_population",
    "contribution_kind",
]


def _difference_label(labels: tuple[Period, ...], window: list[int]) -> str:
    first, last = labels[window[0]], labels[window[-1]]
    span = str(first) if first == last else f"{first} à {last}"
    return f"ATT, différence, référence {span}".replace("-", "−")


def _kind(se: str, groups: np.ndarray | None, cluster: object, caliper: bool) -> str:
    if se == "abadie-imbens-homoscedastic":
        kind = "Abadie–Imbens 2006, variance conditionnelle homoscédastique"
    elif se == "abadie-imbens" and groups is None:
        kind = "Abadie–Imbens 2006, variance conditionnelle au plus proche du même bras"
    else:
        kind = f"contributions linéarisées, ajustement local sur {LOCAL_FIT} témoins"
        if se == "abadie-imbens-2016":
            kind += ", score estimé (Abadie–Imbens 2016)"
    if groups is not None:
        by = {"person": "personne", "None": "personne"}.get(str(cluster), str(cluster))
        kind += f", grappes par {by if cluster is None or isinstance(cluster, str) else 'groupe'}"
        number = int(groups.max()) + 1
        if number < FEW_CLUSTERS:
            kind += f", peu de grappes ({number})"
    return kind + (", conditionnelle au plan (caliper)" if caliper else "")


def _population(design: Design) -> str:
    if bool((design.weights[design.target_arm] != 0).all()):
        return "ensemble des traités"
    share = f"{100 * design.supported_share:.1f}".replace(".", ",")
    return f"{share}\u202f% des traités, comparables"
