"""Coarsened exact matching: numbers are cut into bins, then cells are matched exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind, nearest
from pacte_eval.designs.cells import exact_cells
from pacte_eval.designs.design import Design, Estimand
from pacte_eval.designs.matching.spaces import ScoreSpace
from pacte_eval.designs.matching.subclasses import check_estimand, subclass_design
from pacte_eval.designs.settings import check_choice
from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import is_factor

Cut = str | int | Sequence[float]
_MOST = 1_000_000


@dataclass(frozen=True)
class CoarsenedExact:
    """Coarsened exact matching (Iacus, King and Porro 2012, *Political Analysis* 20(1)).

    Parameters
    ----------
    cutpoints : str or int, or mapping of str to str, int or sequence of float
        How numeric covariates are cut: a rule (``"sturges"``, ``"fd"`` or ``"scott"``, as in R)
        or a number of bins of equal width, at most a million. A mapping says it by covariate, and
        may give the cut points themselves, each the first value of a bin; covariates that it leaves
        out follow ``"sturges"``. Factors are taken as they are.
    exact : sequence of str
        Strata, covariates or cells matched as they are, beside the covariates.
    estimand : ``"ATT"``, ``"ATC"`` or ``"ATE"``

    Notes
    -----
    A value on a cut point belongs to the bin above. Units of one person (`Comparison.cluster`)
    are never matched with each other. With more than one bin by variable the cells multiply: the
    share of treated kept is the first thing to read.
    """

    cutpoints: str | int | Mapping[str, Cut] = "sturges"
    exact: Sequence[str] = ()
    estimand: Estimand = "ATT"

    def fit(self, comparison: Comparison) -> Design:
        """Cut the covariates, cross them, and keep the cells where both arms are.

        Raises
        ------
        InputError
            If a setting is unknown or of no effect, or no cell has both arms.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        check_estimand(self.estimand)
        cell = exact_cells(comparison, self.exact)
        covariates = comparison.covariates.drop(columns=list(self.exact), errors="ignore")
        factors = [str(name) for name in covariates.columns if is_factor(covariates[name])]
        numbers = [str(name) for name in covariates.columns if str(name) not in factors]
        if not numbers and not factors and not self.exact:
            raise InputError("coarsened exact matching needs covariates: the comparison has none")
        cuts = self._cuts(numbers, factors)
        for name in factors:
            levels = covariates[name].cat
            cell = _crossed(cell, levels.codes.to_numpy(), len(levels.categories))
        bins = {}
        for name in numbers:
            values = covariates[name].to_numpy(dtype=np.float64)
            points = _points(name, values, cuts[name])
            bins[name] = len(points) + 1
            cell = _crossed(cell, np.searchsorted(points, values, side="right"), bins[name])
        return subclass_design(
            comparison,
            cell,
            estimand=self.estimand,
            settings={
                "design": "CoarsenedExact",
                "estimand": self.estimand,
                "bins": ", ".join(f"{name} {number}" for name, number in bins.items()) or "none",
                "exact": ", ".join([*self.exact, *factors]) or "none",
                "cells": int(cell.max()) + 1,
            },
            space=ScoreSpace.of(np.zeros(len(comparison)), cell, comparison.person),
            estimator=self,
        )

    def _cuts(self, numbers: Sequence[str], factors: Sequence[str]) -> dict[str, Cut]:
        """How each numeric covariate is cut."""
        if isinstance(self.cutpoints, (str, int)):
            return dict.fromkeys(numbers, self.cutpoints)
        if not isinstance(self.cutpoints, Mapping):
            raise InputError(
                f"cutpoints={self.cutpoints!r} must be a rule, a number of bins or a mapping by "
                "covariate: {'age': [25, 50]}"
            )
        for name in self.cutpoints:
            if name in self.exact:
                raise InputError(f"cutpoints of '{name}' are meaningless with '{name}' in exact=")
            if name in factors:
                raise InputError(f"cutpoints of '{name}': a factor is taken as it is")
            if name not in numbers:
                raise InputError(f"cutpoints of '{name}', no covariate: {nearest(name, numbers)}")
        return {name: self.cutpoints.get(name, "sturges") for name in numbers}


def _crossed(cell: np.ndarray, place: np.ndarray, number: int) -> np.ndarray:
    """Cells divided by a variable of `number` values, numbered from 0 again."""
    return pd.factorize(cell * number + place)[0].astype(np.int64)


def _points(name: str, values: np.ndarray, cut: Cut) -> np.ndarray:
    """Sorted cut points between bins: float array."""
    if isinstance(cut, str):
        check_choice(f"cutpoints of '{name}'", cut, _RULES)
        cut = _RULES[cut](values)
    if isinstance(cut, (int, np.integer)):
        if not 1 <= cut <= _MOST:
            raise InputError(
                f"cutpoints={cut} of '{name}' must be a number of bins from 1 to {_MOST}"
            )
        return np.linspace(values.min(), values.max(), int(cut) + 1)[1:-1]
    points = np.unique(cut)
    numbers = np.ndim(cut) == 1 and len(points) > 0 and points.dtype.kind in "iuf"
    if not numbers or not np.isfinite(points).all():
        raise InputError(
            f"cutpoints of '{name}' must be a rule, a whole number of bins or a list of numbers"
        )
    return points.astype(np.float64)


def _sturges(values: np.ndarray) -> int:
    return int(np.ceil(np.log2(len(values)) + 1))


def _scott(values: np.ndarray) -> int:
    return _number(values, 3.5 * float(np.std(values, ddof=1)))


def _freedman_diaconis(values: np.ndarray) -> int:
    """With the wider quantiles that R takes where quartiles are equal, on unrounded values."""
    width, tail = 0.0, 0.5
    while width == 0 and tail > 1 / 512:
        tail /= 2
        width = float(np.subtract(*np.quantile(values, [1 - tail, tail]))) / (1 - 2 * tail)
    return _number(values, width) if width else _scott(values)


def _number(values: np.ndarray, width: float) -> int:
    """Bins of a width that shrinks with the cube root of the number of units."""
    if width == 0:
        return 1
    number = np.ceil(np.ptp(values) / width * np.cbrt(len(values)))
    return int(np.clip(number, 1, _MOST))


_RULES: dict[str, Callable[[np.ndarray], int]] = {
    "sturges": _sturges,
    "fd": _freedman_diaconis,
    "scott": _scott,
}
