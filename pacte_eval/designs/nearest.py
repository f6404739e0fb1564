"""Nearest-neighbour matching with replacement: each treated unit is compared with the controls of
its exact cell whose score is nearest, as often as they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.designs.cells import exact_cells
from pacte_eval.designs.design import (
    NO_CONTROL,
    TOO_FAR,
    Design,
    matched_weights,
    support_table,
)
from pacte_eval.designs.neighbours import nearest_exactly, nearest_with_ties, seeded_rank
from pacte_eval.designs.scored import Score, Scored, Support, read_score
from pacte_eval.designs.sets import MatchedSets
from pacte_eval.designs.spaces import ScoreSpace
from pacte_eval.frames import Comparison

Ties = Literal["average", "first", "sorted", "seeded"]
_TIES: tuple[Ties, ...] = ("average", "first", "sorted", "seeded")


@dataclass(frozen=True)
class NearestNeighbour:
    """Nearest-neighbour matching on a score, with replacement.

    Parameters
    ----------
    score : ``"logit"``, Logit, or float array of shape (n,)
        ``"logit"`` is a logit on all covariates.
    neighbours : int
        Controls per treated unit.
    caliper : float, optional
        Largest distance, in standard deviations (ddof 1) of the score over all units, taken
        before exact cells.
    exact : sequence of str
        Strata, covariates or cells within which matching is exact.
    ties : ``"average"``, ``"first"``, ``"sorted"`` or ``"seeded"``
        Among controls equally near (scores are compared at 12 significant digits): all of them
        in equal shares; the first in the order of the data; MatchIt's, by position in the stable
        ascending sort of all units by score then row; by a draw from the seed and the unit's
        identifier.
    tie_tolerance : float
        With ``ties="average"``, squared distances in standard deviations of the score that
        differ by no more than this count as equal.
    seed : int, optional
        With ``ties="seeded"``.
    support : MinMax, Crump or Quantile, optional
        Rule of common support on the score, applied before matching.

    Notes
    -----
    Units of one person (`Comparison.cluster`) are never matched with each other. A treated unit
    with fewer controls than `neighbours` in its cell and caliper keeps those it has, in equal
    shares; with none it is trimmed, and stays in ``design.support`` with the reason.
    """

    score: Score = "logit"
    neighbours: int = 1
    caliper: float | None = None
    exact: Sequence[str] = ()
    ties: Ties = "average"
    tie_tolerance: float = 0.0
    seed: int | None = None
    support: Support | None = None

    def fit(self, comparison: Comparison) -> Design:
        """Match the treated units of a comparison.

        Raises
        ------
        InputError
            If a setting is out of range, unknown, or made meaningless by another; if the score
            cannot be fitted; if no treated unit has a control.
        """
        self._check()
        cell = exact_cells(comparison, self.exact)
        scored = read_score(self.score, self.support, comparison)
        space = ScoreSpace.of(scored.values, cell, comparison.cluster)
        deviation = float(np.std(space.score, ddof=1))
        found = self._search(comparison, space, scored.kept, deviation)
        served = found.size > 0
        if not served.any():
            raise InputError(
                f"none of {int(comparison.treated.sum())} treated units has a control: widen the "
                "caliper or name fewer exact variables"
            )
        matches = found.take(served).weighted(comparison.weights)
        weights = matched_weights(comparison, matches)
        reasons = [(~scored.kept, scored.reason), *self._unserved(comparison, cell, scored.kept)]
        return Design(
            comparison=comparison,
            weights=weights,
            support=support_table(comparison, weights > 0, reasons),
            settings=self._settings(deviation, scored),
            kind="neighbours",
            score=scored.values,
            matches=matches,
            space=space,
            model=scored.model,
        )

    def _unserved(
        self, comparison: Comparison, cell: np.ndarray, kept: np.ndarray
    ) -> list[tuple[np.ndarray, str]]:
        """Why a treated unit has no control: nobody in its cell, or nobody near enough."""
        served = np.zeros(cell.max() + 1, dtype=bool)
        served[cell[~comparison.treated & kept]] = True
        near = served[cell] & (self.caliper is not None)
        return [(comparison.treated & near, TOO_FAR), (comparison.treated, NO_CONTROL)]

    def _check(self) -> None:
        if self.ties not in _TIES:
            raise InputError(f"ties='{self.ties}' is unknown: {nearest(self.ties, _TIES)}")
        if int(self.neighbours) != self.neighbours or self.neighbours < 1:
            raise InputError(f"neighbours={self.neighbours} must be a whole number from 1")
        if self.caliper is not None and not 0 < self.caliper < np.inf:
            raise InputError(f"caliper={self.caliper} must be a positive number, or None")
        if not 0 <= self.tie_tolerance < np.inf:
            raise InputError(f"tie_tolerance={self.tie_tolerance} must not be negative")
        if self.tie_tolerance > 0 and self.ties != "average":
            raise InputError(
                f"tie_tolerance={self.tie_tolerance} is meaningless with ties='{self.ties}': it "
                "says which controls ties='average' shares between"
            )
        if self.ties == "seeded" and self.seed is None:
            raise InputError("ties='seeded' needs a seed: give seed=")
        if self.ties != "seeded" and self.seed is not None:
            raise InputError(f"seed={self.seed} is meaningless with ties='{self.ties}'")

    def _search(
        self, comparison: Comparison, space: ScoreSpace, kept: np.ndarray, deviation: float
    ) -> MatchedSets:
        targets = np.flatnonzero(comparison.treated & kept)
        sources = np.flatnonzero(~comparison.treated & kept)
        caliper = np.inf if self.caliper is None else self.caliper * deviation
        if self.ties == "average":
            return nearest_with_ties(
                space.score,
                space.cell,
                space.person,
                targets,
                sources,
                self.neighbours,
                caliper=caliper,
                tolerance=self.tie_tolerance * deviation**2,
            )
        rank = {
            "first": lambda: np.arange(len(comparison), dtype=np.float64),
            "seeded": lambda: seeded_rank(comparison.unit, int(self.seed or 0)),
            "sorted": lambda: None,
        }[self.ties]()
        return nearest_exactly(
            space.score,
            space.cell,
            space.person,
            targets,
            sources,
            self.neighbours,
            caliper=caliper,
            rank=rank,
        )

    def _settings(self, deviation: float, scored: Scored) -> dict[str, object]:
        settings: dict[str, object] = {
            "design": "NearestNeighbour",
            **scored.settings,
            "neighbours": self.neighbours,
            "replacement": True,
            "caliper": "none"
            if self.caliper is None
            else f"{self.caliper} SD of the score over all units = {self.caliper * deviation:.6g}",
            "exact": ", ".join(self.exact) or "none",
            "ties": self.ties,
        }
        if self.tie_tolerance:
            settings["tie_tolerance"] = self.tie_tolerance
        if self.seed is not None:
            settings["seed"] = self.seed
        return settings
