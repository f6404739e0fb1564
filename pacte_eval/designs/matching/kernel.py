"""Kernel matching: each treated unit is compared with a mean of the controls of its exact cell that
gives more weight to those whose score is nearer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from pacte_eval.definitions.errors import InputError, check_kind, counted
from pacte_eval.designs.cells import exact_cells
from pacte_eval.designs.design import (
    NO_CONTROL,
    Design,
    Estimator,
    matched_weights,
    support_table,
)
from pacte_eval.designs.matching.kernel_matches import KernelMatches
from pacte_eval.designs.matching.kernel_sums import GAUSSIAN_REACH, Kernel
from pacte_eval.designs.matching.spaces import ScoreSpace
from pacte_eval.designs.scores.scored import Score, Scored, Support, read_score
from pacte_eval.designs.settings import check_choice, is_number
from pacte_eval.frames import Comparison

KernelName = Literal["epanechnikov", "gaussian", "local-linear"]
OUT_OF_REACH = "aucun témoin à portée du noyau"


@dataclass(frozen=True)
class KernelMatching:
    """Kernel matching on a score (Heckman, Ichimura and Todd 1997).

    Parameters
    ----------
    kernel : ``"epanechnikov"``, ``"gaussian"`` or ``"local-linear"``
        At a distance of u bandwidths, a control counts for ¾ (1 − u²) if u < 1; for exp(−u² / 2)
        if u < 8.5; or as in a local linear regression of the outcome on the score, fitted at the
        treated unit with Epanechnikov weights.
    bandwidth : float
        In units of the score. Under an Epanechnikov kernel, a control one bandwidth away counts for
        nothing, and so does one nearer by less than a millionth of the bandwidth.
    score : ``"logit"``, a score model, or float array of shape (n,)
    support : MinMax, Crump or Quantile, optional
        Rule of common support on the score, applied before matching.
    exact : sequence of str
        Strata, covariates or cells within which matching is exact.

    Notes
    -----
    Units of one person (`Comparison.cluster`) are never matched with each other. A treated unit
    with no control in reach is trimmed, and stays in ``design.support`` with the reason; so is one
    whose controls weigh less than a millionth of what its own person's rows would. Local linear
    weights may be negative; a treated unit whose controls' scores vary by less than a
    thousandth of the bandwidth has their weighted mean. Where some controls are not observed, the
    weights of the others are used as they are, without a new regression.

    References
    ----------
    Heckman, Ichimura and Todd (1997), *Review of Economic Studies* 64(4), 605–654. Defaults are
    those of Leuven and Sianesi's psmatch2.
    """

    kernel: KernelName = "epanechnikov"
    bandwidth: float = 0.06
    score: Score = "logit"
    support: Support | None = None
    exact: Sequence[str] = ()

    def fit(self, comparison: Comparison) -> Design:
        """Match the treated units of a comparison.

        Raises
        ------
        InputError
            If a setting is out of range or unknown; if the score cannot be fitted; if no treated
            unit has a control.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        check_choice("kernel", self.kernel, get_args(KernelName))
        if not (is_number(self.bandwidth) and self.bandwidth > 0):
            raise InputError(f"bandwidth={self.bandwidth!r} must be a positive number")
        cell = exact_cells(comparison, self.exact)
        scored = read_score(self.score, self.support, comparison)
        space = ScoreSpace.of(scored.values, cell, comparison.person)
        make = Kernel.gaussian_of if self.kernel == "gaussian" else Kernel.epanechnikov
        kernel = make(self.bandwidth)
        targets = np.flatnonzero(comparison.treated & scored.kept)
        sources = np.flatnonzero(~comparison.treated & scored.kept)
        matches = KernelMatches.of(space, targets, sources, comparison.weights, kernel)
        if not len(matches.target):
            raise InputError(
                f"none of {counted(int(comparison.treated.sum()), 'treated unit')} has a control "
                f"in reach of bandwidth={self.bandwidth}: widen it or name fewer exact variables"
            )
        if self.kernel == "local-linear":
            matches = matches.local_linear()
        held = np.zeros(cell.max() + 1, dtype=bool)
        held[cell[sources]] = True
        reach = f", cut at {GAUSSIAN_REACH} bandwidths" if self.kernel == "gaussian" else ""
        return kernel_design(
            comparison,
            matches,
            space,
            scored,
            settings={
                "design": "KernelMatching",
                **scored.settings,
                "kernel": self.kernel + reach,
                "bandwidth": f"{self.bandwidth} in units of the score",
                "exact": ", ".join(self.exact) or "none",
            },
            reasons=[(comparison.treated & held[cell], OUT_OF_REACH)],
            estimator=self,
        )


def kernel_design(
    comparison: Comparison,
    matches: KernelMatches,
    space: ScoreSpace,
    scored: Scored,
    *,
    settings: Mapping[str, object],
    reasons: Sequence[tuple[np.ndarray, str]] = (),
    estimator: Estimator,
) -> Design:
    """The design that compares each treated unit with a weighted mean of controls.

    Parameters
    ----------
    comparison, matches, space, scored, settings
        As in `Design`, with the score and its support.
    reasons : sequence of (bool array of shape (n,), str)
        Why units are left out, between their support and "no control in the cell".
    estimator : Estimator
        What makes the design.
    """
    weights = matched_weights(comparison, matches)
    reasons = [(~scored.kept, scored.reason), *reasons, (comparison.treated, NO_CONTROL)]
    return Design(
        comparison=comparison,
        weights=weights,
        support=support_table(comparison, weights != 0, reasons),
        settings=settings,
        kind="kernel",
        score=scored.values,
        matches=matches,
        space=space,
        model=scored.model,
        estimator=estimator,
    )
