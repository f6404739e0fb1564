"""Entropy balancing: among all weights under which the arms have the same means, those nearest to
the sampling weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.designs.cells import exact_cells, named_column
from pacte_eval.designs.design import NO_CONTROL, NO_TREATED, WEIGHTED, Design, support_table
from pacte_eval.designs.scores.terms import Terms
from pacte_eval.designs.settings import check_choice, is_whole, left_out
from pacte_eval.designs.weighting.calibration import (
    CalibratedWeights,
    EstimatedWeights,
    OutOfReachError,
    calibrate,
)
from pacte_eval.designs.weighting.moments import moment_terms
from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import is_factor

Target = Literal["ATT", "ATE"]
NO_EQUAL = "valeur qu'aucune unité du bras visé ne prend"


@dataclass(frozen=True)
class EntropyBalancing:
    """Weights that balance moments exactly (Hainmueller 2012, *Political Analysis* 20, 25–46).

    Parameters
    ----------
    moments : 1, 2 or 3
        Means of numbers; of their squares too; of their cubes too. Levels of factors always.
    interactions : sequence of sequences of str
        Products of covariates balanced too, as ``[("age", "sex")]``.
    within : sequence of str
        Strata, covariates or cells inside each of which the moments are balanced, and the arms
        weigh the same.
    estimand : ``"ATT"`` or ``"ATE"``
        Controls weighted to the treated; or each arm to all units.

    Notes
    -----
    A control weighs s exp(xᵀθ), s its sampling weight; the total is that of the treated. A moment
    that others determine is balanced with them, and listed in the settings as dropped.
    A control whose level of a factor no treated unit has, or on the wrong side of the treated's
    extreme value, can only weigh nothing: it stays in ``design.support`` with that reason.
    """

    moments: int = 1
    interactions: Sequence[Sequence[str]] = ()
    within: Sequence[str] = ()
    estimand: Target = "ATT"

    def fit(self, comparison: Comparison) -> Design:
        """Weight the units of a comparison.

        Raises
        ------
        InputError
            If a setting is out of range or unknown, if no cell has both arms, or if no weights
            balance a covariate, which is named.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        self._check(comparison)
        cell = exact_cells(comparison, self.within, "within")
        both = np.ones(cell.max() + 1, dtype=bool)
        for arm in (comparison.treated, ~comparison.treated):
            both &= np.bincount(cell[arm], minlength=len(both)) > 0
        if not both.any():
            raise InputError(
                f"no cell of within={list(self.within)} has both treated units and controls: name "
                "fewer variables"
            )
        weights = np.zeros(len(comparison))
        groups: list[EstimatedWeights] = []
        order = np.argsort(cell, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
            if both[cell[rows[0]]]:
                weights[rows], balanced = self._balance(comparison, rows)
                groups += balanced
        inside, treated = both[cell], comparison.treated
        reasons = [
            (treated & ~inside, NO_CONTROL),
            (~inside & (self.estimand == "ATE"), NO_TREATED),
            (inside, NO_EQUAL),
        ]
        return Design(
            comparison=comparison,
            weights=weights,
            support=support_table(comparison, weights > 0, reasons, word=WEIGHTED),
            settings=self._settings({} if self.within else groups[0].terms.dropped),
            kind="weights",
            estimand=self.estimand,
            weight_model=CalibratedWeights(tuple(groups)),
            estimator=self,
        )

    def _check(self, comparison: Comparison) -> None:
        if not (is_whole(self.moments, 1) and self.moments <= 3):
            raise InputError(f"moments={self.moments!r} must be 1, 2 or 3")
        check_choice("estimand", self.estimand, get_args(Target))
        if comparison.covariates.shape[1] == 0:
            raise InputError("entropy balancing needs a covariate: the comparison has none")

    def _balance(
        self, comparison: Comparison, rows: np.ndarray
    ) -> tuple[np.ndarray, list[EstimatedWeights]]:
        """Weights of the m units of one cell, shape (m,), and how each arm's were estimated."""
        covariates = comparison.covariates.iloc[rows] if self.within else comparison.covariates
        terms = moment_terms(covariates, self.moments, self.interactions)
        sampling, treated = comparison.weights[rows], comparison.treated[rows]
        if self.estimand == "ATT":
            weights = wanted = np.where(treated, sampling, 0.0)
            facing = _facing(covariates, ~treated, treated)
            bases = [np.where(~treated & facing, sampling, 0.0)]
        else:
            weights, wanted = np.zeros_like(sampling), sampling
            bases = [np.where(arm, sampling, 0.0) for arm in (treated, ~treated)]
        groups = []
        for base in bases:
            try:
                found = calibrate(rows, terms, base, wanted)
            except OutOfReachError as failure:
                raise InputError(
                    self._unreachable(comparison, rows, terms, failure.column)
                ) from None
            weights = weights + found.weights
            groups.append(found.model)
        return weights, groups

    def _unreachable(
        self, comparison: Comparison, rows: np.ndarray, terms: Terms, column: int
    ) -> str:
        label, covariate = terms.names[column], terms.covariates[column]
        of = "" if label == covariate else f" (the mean of '{label}')"
        where = ", ".join(f"{name}={_shown(comparison, name, rows[0])}" for name in self.within)
        what = "the controls" if self.estimand == "ATT" else "an arm"
        whom = "the treated" if self.estimand == "ATT" else "all units"
        return (
            f"covariate '{covariate}' cannot be balanced{of}{' where ' + where if where else ''}: "
            f"no positive weights give {what} the means of {whom}; coarsen it, group its levels or "
            "leave it out"
        )

    def _settings(self, dropped: dict[str, str]) -> dict[str, object]:
        return {
            "design": "EntropyBalancing",
            "estimand": self.estimand,
            "moments": self.moments,
            "interactions": ", ".join(":".join(group) for group in self.interactions) or "none",
            "within": ", ".join(self.within) or "none",
            **left_out(dropped),
        }


def _facing(covariates: pd.DataFrame, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Units that may weigh something: bool array, shape (m,).

    If the mean wanted is an extreme value of the sources, those elsewhere can only weigh nothing;
    the same holds of a level that no unit of the target has. What is left is looked at again. A
    covariate that would leave nobody is passed over: it cannot be balanced.
    """
    facing = np.ones_like(source)
    while True:
        before = facing
        for name in covariates.columns:
            allowed = facing & _may_face(covariates[name], source & facing, target)
            if (source & allowed).any():
                facing = allowed
        if np.array_equal(facing, before):
            return facing


def _may_face(column: pd.Series, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    if is_factor(column):
        codes = column.cat.codes.to_numpy()
        seen = np.bincount(codes[target], minlength=len(column.cat.categories)) > 0
        return np.asarray(seen[codes])
    values = column.to_numpy(dtype=np.float64)
    wanted, sources = values[target], values[source]
    if np.ptp(wanted) > 0 or sources.min() < wanted[0] < sources.max():
        return np.ones_like(source)
    return np.asarray(values == wanted[0])


def _shown(comparison: Comparison, name: str, row: int) -> str:
    """The value of a variable that makes cells, whole numbers without decimals."""
    value = named_column(comparison, name, "within").iloc[row]
    return f"{value:.15g}" if isinstance(value, float) else str(value)
