"""A part of a design: its own targets under the same weights, or the design fitted anew on it."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.design import Design, WeightModel, matched_weights


@dataclass(frozen=True, eq=False)
class PartOfWeights:
    """How the weights of a part depend on parameters that everyone estimates.

    Attributes
    ----------
    model : WeightModel
    inside : bool array, shape (n,)
    """

    model: WeightModel
    inside: np.ndarray

    def influence(self, residual: np.ndarray) -> np.ndarray:
        """Contributions of the parameters to Σ residual(i) weight(i) over the part: (n, t)."""
        return self.model.influence(residual * self.inside[:, np.newaxis])


def part_of(design: Design, inside: np.ndarray) -> Design:
    """A design whose targets are those of a part; its comparison keeps all its units.

    Parameters
    ----------
    design : Design
    inside : bool array, shape (n,)
        A matched design keeps the targets inside, with the units they are matched with wherever
        these are; a weighted one the units of both arms inside, with the same weights.
    """
    if design.matches is None:
        model = design.weight_model
        return replace(
            design,
            weights=np.where(inside, design.weights, 0.0),
            weight_model=None if model is None else PartOfWeights(model, inside),
        )
    matches = design.matches.take(inside[design.matches.target])
    weights = np.zeros(len(inside))
    if len(matches.target):
        weights = matched_weights(design.comparison, matches)
    return replace(design, matches=matches, weights=weights)


def refitted(design: Design, inside: np.ndarray) -> Design:
    """The same design, its settings unchanged, fitted on the units of a part alone.

    A score that was given keeps its values; one that was estimated is estimated anew.

    Parameters
    ----------
    design : Design
    inside : bool array, shape (n,)

    Raises
    ------
    InputError
        If the design does not know what made it, or cannot be fitted there.
    """
    if design.estimator is None:
        raise InputError(
            f"this design of {design.settings['design']} does not know the estimator that made it: "
            "fit it again before refit=True"
        )
    estimator: Any = design.estimator
    given = getattr(estimator, "score", None)
    if isinstance(given, (np.ndarray, pd.Series, list)) and design.score is not None:
        estimator = replace(estimator, score=np.asarray(design.score)[inside])
    made: Design = _cut(estimator, inside).fit(design.comparison.subset(inside))
    return made


def _cut(value: Any, inside: np.ndarray) -> Any:
    """A rule of support by unit, as that of several arms, for some units only."""
    rule = getattr(value, "support", None)
    if rule is None or not is_dataclass(rule):
        return value
    held = {
        field.name: getattr(rule, field.name)[inside]
        for field in fields(rule)
        if isinstance(getattr(rule, field.name), np.ndarray)
    }
    return replace(value, support=replace(rule, **held)) if held else value  # type: ignore[type-var]
