"""Exact matching: treated and controls that are equal on every variable named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.designs.cells import exact_cells
from pacte_eval.designs.design import Design, Estimand
from pacte_eval.designs.matching.spaces import ScoreSpace
from pacte_eval.designs.matching.subclasses import check_estimand, subclass_design
from pacte_eval.frames import Comparison


@dataclass(frozen=True)
class ExactMatching:
    """Matching of units equal on all variables: each treated unit with all controls of its cell.

    Parameters
    ----------
    on : sequence of str
        Strata, covariates or cells; all strata and covariates by default.
    estimand : ``"ATT"``, ``"ATC"`` or ``"ATE"``

    Notes
    -----
    Each cell is a subclass (Cochran 1968, *Biometrics* 24, 295–313). Controls of a treated unit
    weigh in proportion to their sampling weights. Units of one person (`Comparison.cluster`) are
    never matched with each other.
    """

    on: Sequence[str] = ()
    estimand: Estimand = "ATT"

    def fit(self, comparison: Comparison) -> Design:
        """Cross the variables and keep the cells where both arms are.

        Raises
        ------
        InputError
            If a name or the estimand is unknown, there is no variable, or no cell has both arms.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        check_estimand(self.estimand)
        names = self.on or [
            str(name)
            for name in dict.fromkeys([*comparison.strata.columns, *comparison.covariates.columns])
        ]
        if not names:
            raise InputError("on=() takes all strata and covariates: the comparison has none")
        cell = exact_cells(comparison, names, "on")
        return subclass_design(
            comparison,
            cell,
            estimand=self.estimand,
            settings={
                "design": "ExactMatching",
                "estimand": self.estimand,
                "exact": ", ".join(names),
                "cells": int(cell.max()) + 1,
            },
            space=ScoreSpace.of(np.zeros(len(comparison)), cell, comparison.person),
            estimator=self,
        )
