"""One function applies a design to outcomes: who is compared is settled, only means remain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.definitions.months import Period
from pacte_eval.designs import Design
from pacte_eval.effects.cells import by_cell
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.inputs import Given, read_clusters, read_outcomes, read_window
from pacte_eval.effects.standard_errors import (
    Adjustment,
    StandardError,
    contribution_kind,
    contributions_of,
    is_homoscedastic,
    read_adjustment,
    read_error,
)
from pacte_eval.effects.table import check_level, tidy
from pacte_eval.effects.task import Asked, Task
from pacte_eval.effects.ties import TieSpan, breaks_ties
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
    check_kind(design, Design, use="the fit() of a design on a comparison")
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
    task = Task(
        design=design,
        outcomes=[
            Asked(name, values, labels, window)
            for (name, values, labels), window in zip(given, windows, strict=True)
        ],
        se=se,
        adjust=adjust,
        clusters=clusters,
        level=level,
    )
    made = task.contributions()
    kind = contribution_kind(se, design)
    ties = None
    if adjust == "none" and breaks_ties(design) and len(given) == 1:
        ties = TieSpan(design, made.values, given[0][2])
    return Effects(
        table=tidy(task.rows(made), task.wording(), level=level),
        contributions=None if kind == "none" else made,
        level=level,
        ties=ties,
        cells=partial(by_cell, task),
    )
