"""Optimal matching: among all ways to match without replacement, the one whose distances on the
score have the least sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.designs.cells import exact_cells
from pacte_eval.designs.design import Design, Estimand
from pacte_eval.designs.matching.full_matching import full_match_links
from pacte_eval.designs.matching.optimal_pairs import optimal_pairs, parted
from pacte_eval.designs.matching.spaces import ScoreSpace
from pacte_eval.designs.matching.subclasses import check_estimand, subclass_design
from pacte_eval.designs.scores.scored import Score, Support, read_score
from pacte_eval.designs.settings import check_choice
from pacte_eval.frames import Comparison

OptimalKind = Literal["pairs", "full"]
NO_CONTROL_LEFT = "plus aucun témoin libre dans la cellule exacte"


@dataclass(frozen=True)
class OptimalMatching:
    """Matching of least total distance on the score (Rosenbaum 1989, *JASA* 84, 1024–1032).

    Parameters
    ----------
    kind : ``"pairs"`` or ``"full"``
        ``"pairs"``: one control for each treated unit, none twice; where a cell has fewer
        controls than treated, each control has its treated unit and the other treated are
        trimmed. ``"full"``: every unit of a cell that holds both arms is in a set, which is one
        treated unit with one or several controls or one control with several treated (Hansen
        2004, *JASA* 99, 609–618).
    score : name, model or float array of shape (n,)
    support : MinMax, Crump or Quantile, optional
    exact : sequence of str
        Strata, covariates or cells within which matching is exact.
    estimand : ``"ATT"``, ``"ATC"`` or ``"ATE"``
        The last two with ``kind="full"`` only.

    Notes
    -----
    The sum is exactly the least, up to rounding; ``settings["total_distance"]`` gives it. Where
    several matchings reach it, one is chosen by the order of scores and rows. Units of one person
    (`Comparison.cluster`) are never matched with each other: pairs exchange their controls with a
    neighbouring pair, and a full match leaves its person out of a unit's comparison.
    """

    kind: OptimalKind = "pairs"
    score: Score = "logit"
    support: Support | None = None
    exact: Sequence[str] = ()
    estimand: Estimand = "ATT"

    def fit(self, comparison: Comparison) -> Design:
        """Match the units of a comparison.

        Raises
        ------
        InputError
            If a setting is unknown or made meaningless by another, the score cannot be fitted,
            or no cell holds both arms.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        self._check()
        cell = exact_cells(comparison, self.exact)
        scored = read_score(self.score, self.support, comparison)
        space = ScoreSpace.of(scored.values, cell, comparison.person)
        targets = np.flatnonzero(comparison.treated & scored.kept)
        sources = np.flatnonzero(~comparison.treated & scored.kept)
        if self.kind == "pairs":
            left, right = optimal_pairs(space.score, cell, targets, sources)
            left, right = parted(left, right, cell, space.person)
        else:
            left, right = full_match_links(space.score, cell, targets, sources)
        served = np.isin(cell, cell[sources])
        return subclass_design(
            comparison,
            _codes(left, right, len(comparison)),
            estimand=self.estimand,
            settings={
                "design": "OptimalMatching",
                "kind": self.kind,
                **scored.settings,
                "estimand": self.estimand,
                "exact": ", ".join(self.exact) or "none",
                "total_distance": float(space.distance(left, right).sum()),
            },
            space=space,
            scored=scored,
            kind="pairs" if self.kind == "pairs" else "sets",
            reasons=[(comparison.treated & served, NO_CONTROL_LEFT)],
            estimator=self,
        )

    def _check(self) -> None:
        check_estimand(self.estimand)
        check_choice("kind", self.kind, get_args(OptimalKind))
        if self.kind == "pairs" and self.estimand != "ATT":
            raise InputError(
                f"estimand='{self.estimand}' is meaningless with kind='pairs', which match the "
                "treated: use kind='full'"
            )


def _codes(left: np.ndarray, right: np.ndarray, size: int) -> np.ndarray:
    """Set of each unit, from links of which one end has no other: the end with others names it."""
    hub = np.where(np.bincount(left, minlength=size)[left] > 1, left, right)
    code = np.full(size, -1, dtype=np.int64)
    code[left] = code[right] = np.unique(hub, return_inverse=True)[1]
    return code
