"""One function applies a design to outcomes: who is compared is settled, only means remain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.months import Period
from pacte_eval.designs import Design
from pacte_eval.effects.block import Block, Operator
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.inputs import Clusters, Given, read_clusters, read_outcomes, read_window
from pacte_eval.effects.matched import MatchedOperator, homoscedastic_variance
from pacte_eval.effects.regression import Regression
from pacte_eval.effects.standard_errors import (
    Adjustment,
    StandardError,
    contribution_kind,
    contributions_of,
    counts_score,
    error_label,
    is_homoscedastic,
    is_sandwich,
    read_adjustment,
    read_error,
)
from pacte_eval.effects.summed import SummedContributions
from pacte_eval.effects.table import Wording, check_level, intervals, tidy
from pacte_eval.effects.ties import TieSpan, breaks_ties
from pacte_eval.effects.weighted import WeightedOperator
from pacte_eval.effects.wild import WildBootstrap
from pacte_eval.frames import Outcomes


def estimate(
    design: Design,
    outcomes: Given | Sequence[Outcomes] | Mapping[str, Outcomes],
    *,
    contrast: Literal["level", "difference"] = "level",
    reference: Sequence[Period] | None = None,
    se: StandardError | None = None,
    cluster: str | np.ndarray | pd.Series | None = None,
    adjust: Adjustment | None = None,
    periods: Sequence[Period] | None = None,
    level: float = 0.95,
) -> Effects:
    """Average effect on the supported target population, at every period.

    Parameters
    ----------
    design : Design
    outcomes : Outcomes, several of them, or Series, DataFrame or array of exactly n rows
        A list or mapping of `Outcomes` gives the paths of all of them, with their covariance.
        A Series or DataFrame indexed by the units is put in their order; an array, or a default
        index, is in the order of the comparison; an index that names some units only is refused.
    contrast : ``"level"`` or ``"difference"``
        ``"difference"`` subtracts from each unit its own mean over the reference window. A unit
        not observed throughout the window is then censored at every period.
    reference : sequence of periods
        The window of a difference: two whole months are its first and last; anything else is
        the list of its periods. There is no default.
    se : str, optional
        Standard error, by the kind of design (the default comes first).

        Neighbours with replacement: ``"abadie-imbens"``: Abadie and Imbens (2006), conditional
        variance from the nearest units of the same arm; with clusters, as ``"linearised"``.
        ``"abadie-imbens-2016"``: linearised contributions plus the term for an estimated score
        (Abadie and Imbens 2016), which may raise or lower the error that takes the score as known,
        as the others do; proved by simulation and independent derivation only.
        ``"abadie-imbens-homoscedastic"``: one common conditional variance from the matched pairs,
        as R's Matching prints by default, or ``"abadie-imbens-homoscedastic-sample"`` with
        covariates held fixed, as with its ``sample=TRUE``; no covariance follows from either.

        Neighbours and kernels: ``"linearised"``: linearised contributions summed by cluster, with
        the term for an estimated score wherever it holds (neighbours on it, without caliper);
        ``"otsu-rai"``: the same multiplied at random, intervals from the quantiles.

        Weights: ``"m-estimation"``: the estimation of the weights is accounted for;
        ``"influence-function"``: score and regression taken as known, with
        ``adjust="augmented"``.

        All, with clusters: ``"wild-cluster"``: intervals by the wild cluster bootstrap of the
        default's contributions, for few clusters (zones).

        All, and otherwise the only ones of pairs and sets: ``"HC1"``, ``"HC0"``, ``"HC2"``,
        ``"HC3"``: sandwich of the weighted regression of the outcome on treatment, weights held
        fixed.
    cluster : str or array of shape (n,), optional
        Who is independent of whom: ``"person"``, the persons of the comparison; ``"unit"`` for
        independent units; ``"set"``, the pair or set; the name of a stratum, covariate or cell;
        or an array or Series, as outcomes. By default persons; but sets for pairs and sets
        (subclasses apart) whose persons come once, with HC1 or HC0.
    adjust : ``"none"``, ``"regression"`` or ``"augmented"``, optional
        ``"regression"``: linear regression on all covariates by the weights of the design, in the
        arm that is compared with the targets (in both for ATE): the bias adjustment of Abadie and
        Imbens (2011) for neighbours, g-computation elsewhere. ``"augmented"``: regression by
        sampling weights, and the weighted mean of its residuals: doubly robust. By default
        regression for neighbours on several continuous covariates, none elsewhere.
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
    A target counts at a period if it is observed there with at least one of its matched units;
    those observed share its set equally. ``n_treated`` and ``n_control`` count the units with a
    share. Where an arm has too few units the standard error is missing. Errors of pairs and sets,
    and with a caliper, are conditional on the design.
    """
    check_level(level)
    comparison = design.comparison
    adjust = read_adjustment(adjust, design)
    se = read_error(se, design, adjust)
    given = read_outcomes(outcomes, comparison, periods)
    source = contributions_of(se, design)
    clusters = read_clusters(
        cluster,
        design,
        by_set=design.kind in ("pairs", "sets")
        and source in ("HC0", "HC1")
        and design.settings["design"] != "Subclassification",
    )
    if clusters.codes is not None and (is_homoscedastic(se) or se in ("HC2", "HC3")):
        raise InputError(f"se='{se}' is meaningless with clusters: give cluster='unit'")
    if clusters.codes is None and se == "wild-cluster":
        raise InputError("se='wild-cluster' needs clusters of several units: give cluster=")
    windows = [read_window(contrast, reference, labels) for _, _, labels in given]
    bases = [
        None if window is None else values[:, window].astype(np.float64).mean(axis=1, keepdims=True)
        for (_, values, _), window in zip(given, windows, strict=True)
    ]
    regression = None
    if adjust != "none":
        regression = Regression.of(comparison, augmented=adjust == "augmented")
    months = [(name, label) for name, _, labels in given for label in labels]

    summed = SummedContributions(
        _operator(design, source, clusters, regression),
        [values for _, values, _ in given],
        bases,
        clusters,
    )
    parts = []
    for start in range(0, len(months), summed.width):
        columns = list(range(start, min(start + summed.width, len(months))))
        block = summed.block(columns)
        if is_homoscedastic(se):
            variance = homoscedastic_variance(
                design, summed.values(columns), regression, sample=se.endswith("sample")
            )
            variance[~block.varies] = np.nan
        else:
            contributions = summed.by_cluster(block)
            variance = np.sum(contributions**2, axis=0)
        wild = None
        if se == "otsu-rai":
            wild = WildBootstrap.of(contributions)
        elif se == "wild-cluster":
            wild = WildBootstrap.studentised(contributions)
        parts.append(_rows(block, np.sqrt(variance), level, wild))
    rows = pd.concat(parts, ignore_index=True).assign(
        outcome=[name for name, _ in months],
        month=[label for _, label in months],
    )
    kind = contribution_kind(se, design)
    wording = Wording(
        comparison=f"{comparison.treated_label} contre {comparison.control_label}",
        outcome=given[0][0],
        estimator=str(design.settings["design"]) + _ADJUSTED[adjust],
        estimand=f"{design.estimand}, {'niveau' if windows[0] is None else 'différence'}",
        se_kind=error_label(se, design, clusters),
        target_population=_population(design),
        weights=_WEIGHTS[design.estimand],
        base_period=_base_period(given[0][2], windows[0]),
        control_group=comparison.control_label,
        contribution_kind=kind,
    )
    ties = None
    if adjust == "none" and breaks_ties(design) and len(given) == 1:
        ties = TieSpan(design, summed.values, given[0][2])
    return Effects(
        table=tidy(rows, wording, level=level),
        contributions=None if kind == "none" else summed,
        level=level,
        ties=ties,
    )


def _operator(
    design: Design, se: StandardError, clusters: Clusters, regression: Regression | None
) -> Operator:
    clustered = clusters.codes is not None
    if design.kind not in ("neighbours", "kernel") or is_sandwich(se):
        return WeightedOperator(design, se, clustered=clustered, regression=regression)
    return MatchedOperator(
        design,
        linearised=se in ("linearised", "otsu-rai", "abadie-imbens-2016") or clustered,
        estimated_score=counts_score(se, design),
        regression=regression,
    )


def _rows(
    block: Block, error: np.ndarray, level: float, wild: WildBootstrap | None
) -> pd.DataFrame:
    limits = intervals(block.estimate, error, level)
    if wild is not None:
        for place in np.flatnonzero(np.isfinite(error)):
            drawn = wild.interval(int(place), float(block.estimate[place]), level)
            for name, value in drawn.items():
                limits[name][place] = value
    return pd.DataFrame(
        {
            "estimate": block.estimate,
            "se": error,
            **limits,
            "n_treated": block.n_treated.astype(int),
            "n_control": block.n_control.astype(int),
            "treated_mean": block.treated_mean,
            "control_mean": block.control_mean,
        }
    )


_ADJUSTED: dict[Adjustment, str] = {
    "none": "",
    "regression": ", ajusté par régression",
    "augmented": ", augmenté d'une régression",
}
_WEIGHTS = {
    "ATT": "traités comparables, par poids de sondage",
    "ATC": "témoins comparables, par poids de sondage",
    "ATE": "unités comparables, par poids de sondage",
    "ATO": "unités, selon leur recouvrement",
}


def _base_period(labels: tuple[Period, ...], window: list[int] | None) -> str:
    if window is None:
        return "aucune (niveau)"
    names = [
        str(label).replace("-", "−") if isinstance(label, int) else label
        for label in (labels[place] for place in window)
    ]
    together = window == list(range(window[0], window[-1] + 1))
    span = f"{names[0]} à {names[-1]}" if together and len(names) > 1 else ", ".join(names)
    return f"moyenne de {span}" if len(names) > 1 else names[0]


_TARGET = {"ATT": "traités", "ATC": "témoins", "ATE": "unités"}


def _population(design: Design) -> str:
    if design.estimand == "ATO":
        return "unités, selon leur recouvrement"
    whom = _TARGET[design.estimand]
    if bool((design.weights[design.target_arm] != 0).all()):
        return f"ensemble des {whom}"
    percent = min(max(100 * design.supported_share, 0.1), 99.9)
    return f"{percent:.1f}\u202f% des {whom}, comparables".replace(".", ",")
