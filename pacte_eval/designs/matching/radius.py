"""Radius matching: each treated unit is compared with all controls of its exact cell nearer than a
radius that the data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.designs.cells import exact_cells
from pacte_eval.designs.design import Design
from pacte_eval.designs.matching.kernel import kernel_design
from pacte_eval.designs.matching.kernel_matches import KernelMatches
from pacte_eval.designs.matching.kernel_sums import Kernel
from pacte_eval.designs.matching.spaces import ScoreSpace
from pacte_eval.designs.scores.scored import Score, Support, read_score
from pacte_eval.designs.settings import is_number
from pacte_eval.frames import Comparison

_LEAST = 1.001


@dataclass(frozen=True)
class RadiusMatching:
    """Distance-weighted radius matching on a score (Lechner, Miquel and Wunsch 2011).

    Parameters
    ----------
    radius : float
        In multiples of the largest distance, over the treated units with common support, to the
        nearest control of the exact cell: at least 1.001, so that every treated unit whose cell
        has a control keeps one.
    score : ``"logit"``, a score model, or float array of shape (n,)
    support : MinMax, Crump or Quantile, optional
        Rule of common support on the score, applied before matching.
    exact : sequence of str
        Strata, covariates or cells within which matching is exact.

    Notes
    -----
    What follows the paper: the radius in multiples of the largest distance to a nearest match,
    after common support; all controls nearer than it, with replacement; weights that fall with
    distance. What departs from it: the paper's weights are proportional to the inverse of the
    distance, which equal scores make infinite; here a control at distance d counts for
    1 − (d / r)², r the radius, as in kernel matching with Epanechnikov's kernel. The paper's last
    step, a regression that takes out the bias of the distances left, is
    ``estimate(…, adjust="regression")``.

    There is no reference number: proved by simulation and independent derivation. The radius
    follows the one treated unit that is worst matched, and may be wide without a rule of common
    support.

    Units of one person (`Comparison.cluster`) are never matched with each other.

    References
    ----------
    Lechner, Miquel and Wunsch (2011), *Journal of the European Economic Association* 9(4), 742–784.
    Huber, Lechner and Steinmayr (2015), *Empirical Economics* 49, 1–31, on its tuning.
    """

    radius: float = 1.5
    score: Score = "logit"
    support: Support | None = None
    exact: Sequence[str] = ()

    def fit(self, comparison: Comparison) -> Design:
        """Match the treated units of a comparison.

        Raises
        ------
        InputError
            If the radius is out of range; if the score cannot be fitted; if no treated unit has a
            control.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        if not (is_number(self.radius) and self.radius >= _LEAST):
            raise InputError(
                f"radius={self.radius!r} must be at least {_LEAST}, in multiples of the largest "
                "distance to a nearest control: else the treated unit that far has none"
            )
        cell = exact_cells(comparison, self.exact)
        scored = read_score(self.score, self.support, comparison)
        space = ScoreSpace.of(scored.values, cell, comparison.person)
        targets = np.flatnonzero(comparison.treated & scored.kept)
        sources = np.flatnonzero(~comparison.treated & scored.kept)
        largest = _largest_distance(space, targets, sources)
        radius = self.radius * largest
        kernel = Kernel.epanechnikov(max(radius, np.finfo(np.float64).tiny))
        matches = KernelMatches.of(space, targets, sources, comparison.weights, kernel)
        return kernel_design(
            comparison,
            matches,
            space,
            scored,
            settings={
                "design": "RadiusMatching",
                **scored.settings,
                "radius": f"{self.radius} times the largest distance to a nearest control, "
                f"{largest:.6g}, = {radius:.6g}",
                "weights": "1 - (distance / radius)²",
                "exact": ", ".join(self.exact) or "none",
            },
            estimator=self,
        )


def _largest_distance(space: ScoreSpace, targets: np.ndarray, sources: np.ndarray) -> float:
    found = space.exactly(targets, sources, 1)
    served = found.take(found.size > 0)
    if not len(served.target):
        raise InputError(
            "no treated unit has a control in its exact cell: name fewer exact variables"
        )
    nearest = served.sets.indices[served.sets.indptr[served.of]]
    return float(space.distance(served.target, nearest).max())
