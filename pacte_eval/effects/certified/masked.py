"""Means of parts of each arm, by one design and one sample, with what they covary by.

The effect of a design on an outcome set to zero in one arm is the mean of the other arm; set to
zero outside a state or a cell too, it is the mass of that state or cell in the arm. The
contributions of such effects, which the design's own standard error gives (estimated weights,
matched sets and persons included), are those of the masses; ratios follow by the delta method.
No regression adjusts them, so that parts recompose their whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.designs import Design
from pacte_eval.effects.inputs import Clusters, read_clusters
from pacte_eval.effects.standard_errors import (
    ContributionKind,
    StandardError,
    contribution_kind,
    error_label,
)
from pacte_eval.effects.task import Asked, Task


@dataclass(frozen=True, eq=False)
class Means:
    """Means over arms, each of one masked outcome.

    Attributes
    ----------
    value : float array, shape (k,)
        Missing where nobody of an arm is observed.
    contributions : float array, shape (G, k)
        Their cross products are the covariance of `value`.
    clusters : pandas.Index
        Identities of the G clusters, persons by default.
    """

    value: np.ndarray
    contributions: np.ndarray
    clusters: pd.Index


def joined(first: Means, second: Means) -> Means:
    """Means of two designs side by side, their clusters recognised by identity."""
    clusters = first.clusters.union(second.clusters, sort=False)
    values = np.append(first.value, second.value)
    given = np.zeros((len(clusters), len(values)))
    given[clusters.get_indexer(first.clusters), : len(first.value)] = first.contributions
    given[clusters.get_indexer(second.clusters), len(first.value) :] = second.contributions
    return Means(values, given, clusters)


def kind_of(design: Design) -> ContributionKind:
    """The nature of these contributions."""
    return contribution_kind(_error(design), design)


def label_of(design: Design) -> str:
    """The standard error in French."""
    return error_label(_error(design), design, _clusters(design))


def masked_means(
    design: Design,
    observed: np.ndarray,
    treated: np.ndarray,
    control: np.ndarray,
    *,
    by_person: bool = False,
) -> Means:
    """Means of columns over the treated, then of others over their comparison units.

    Parameters
    ----------
    design : Design
    observed : bool array, shape (n,)
        Units whose outcome is observed: the others have no weight.
    treated : float array, shape (number of treated, k)
    control : float array, shape (number of controls, m)
    by_person : bool
        Sum contributions by person even where units are paired.

    Returns
    -------
    Means
        Of k + m columns.
    """
    arm = design.comparison.treated
    columns = np.zeros((len(arm), treated.shape[1] + control.shape[1]))
    columns[arm, : treated.shape[1]] = treated
    columns[~arm, treated.shape[1] :] = -control
    columns[~observed] = np.nan
    labels = tuple(range(columns.shape[1]))
    task = Task(
        design=design,
        outcomes=[Asked("mean", columns, labels, None)],
        se=_error(design),
        adjust="none",
        clusters=_clusters(design, by_person=by_person),
        level=0.95,
    )
    made = task.contributions()
    return Means(made.solved()[0].estimate, made(labels), made.clusters)


def _error(design: Design) -> StandardError:
    """The standard error of a design whose contributions are linear in the outcome."""
    if design.kind in ("neighbours", "kernel"):
        return "linearised"
    return "m-estimation" if design.kind == "weights" else "HC1"


def _clusters(design: Design, *, by_person: bool = False) -> Clusters:
    """By person, but by pair where units are paired: sets may be few and large."""
    paired = design.kind == "pairs" and not by_person
    return read_clusters(None if paired else "person", design, by_set=paired)
