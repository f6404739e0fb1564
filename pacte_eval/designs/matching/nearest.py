"""Nearest-neighbour matching: each target unit is compared with the units of the other arm and of
its exact cell that are nearest, with or without replacement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import sparse

from pacte_eval.definitions.errors import InputError, check_kind, counted
from pacte_eval.designs.cells import exact_cells
from pacte_eval.designs.design import (
    NO_CONTROL,
    NO_TREATED,
    TOO_FAR,
    TREATED_TOO_FAR,
    Design,
    matched_weights,
    support_table,
)
from pacte_eval.designs.matching.line import significant
from pacte_eval.designs.matching.mahalanobis import MahalanobisSpace
from pacte_eval.designs.matching.neighbours import seeded_rank
from pacte_eval.designs.matching.sets import MatchedSets
from pacte_eval.designs.matching.spaces import ScoreSpace, Space
from pacte_eval.designs.scores.scored import Score, Scored, Support, read_score
from pacte_eval.designs.settings import check_choice, is_number, is_whole
from pacte_eval.frames import Comparison

Ties = Literal["average", "first", "sorted", "seeded"]
Distance = Literal["score", "linear-score", "mahalanobis", "robust-mahalanobis", "scaled-euclidean"]
Order = Literal["largest", "smallest", "closest", "seeded", "data"]
Target = Literal["ATT", "ATC", "ATE"]

TAKEN = "témoins possibles tous déjà appariés"


@dataclass(frozen=True)
class NearestNeighbour:
    """Nearest-neighbour matching on a score or on covariates.

    Parameters
    ----------
    score : ``"logit"``, Logit, Probit, Boosting, or float array of shape (n,)
        ``"logit"`` is a logit on all covariates.
    neighbours : int
        Comparison units of each target.
    replace : bool
        Whether a unit may serve several targets.
    caliper : float, optional
        Largest distance, in standard deviations (ddof 1) over all units, taken before exact cells,
        of the score (of the linear score with ``distance="linear-score"``).
    distance : str
        ``"score"``; ``"linear-score"``, the linear index of the score's model, or the logit of a
        given score; ``"mahalanobis"``, ``"robust-mahalanobis"`` or ``"scaled-euclidean"`` on
        covariates, inside the caliper of the score if there is one.
    mahalanobis_on : sequence of str
        Covariates of a distance on covariates; all by default.
    order : ``"largest"``, ``"smallest"``, ``"closest"``, ``"seeded"`` or ``"data"``, optional
        Without replacement, who is served first: the largest score (the default where there is a
        score), the smallest, the closest remaining pair, a draw from the seed and the unit's
        identifier, or the order of the data (the default without a score). Equal scores, and
        equally close pairs, are served in the order of the data. With several neighbours, each
        round gives one more to every target.
    exact : sequence of str
        Strata, covariates or cells within which matching is exact.
    ties : ``"average"``, ``"first"``, ``"sorted"`` or ``"seeded"``, optional
        Among units equally near (scores are compared at 12 significant digits): all of them
        in equal shares, the default with replacement; the first in the order of the data;
        MatchIt's, by position in the stable ascending sort of all units by score then row, the
        default without replacement; by a draw from the seed and the unit's identifier.
    tie_tolerance : float
        With ``ties="average"``, squared distances, in standard deviations of the score where the
        distance is on a score, that differ by no more than this count as equal.
    support : MinMax, Crump or Quantile, optional
        Rule of common support on the score, applied before matching.
    seed : int, optional
        With ``ties="seeded"`` or ``order="seeded"``.
    estimand : ``"ATT"``, ``"ATC"`` or ``"ATE"``
        Targets: the treated, the controls, or both, each matched in the other arm.

    Notes
    -----
    Matching with replacement, all ties kept in equal shares, is that of Abadie and Imbens (2006,
    *Econometrica* 74, 235–267). Units of one person (`Comparison.cluster`) are never matched with
    each other. A target with fewer units than `neighbours` in its cell and caliper keeps those it
    has, in equal shares; with none it is trimmed, and stays in ``design.support`` with the reason.
    A distance on covariates fits the default score only if the caliper, the support or the order
    asks for it.

    Without replacement, matching is greedy: it gives each target the best of what is left, and not
    the least total distance (`OptimalMatching`). The rules are those of MatchIt 4.7 (Ho, Imai, King
    and Stuart 2011, *J. Stat. Softw.* 42(8)).
    """

    score: Score = "logit"
    neighbours: int = 1
    replace: bool = True
    caliper: float | None = None
    distance: Distance = "score"
    mahalanobis_on: Sequence[str] = ()
    order: Order | None = None
    exact: Sequence[str] = ()
    ties: Ties | None = None
    tie_tolerance: float = 0.0
    support: Support | None = None
    seed: int | None = None
    estimand: Target = "ATT"

    def fit(self, comparison: Comparison) -> Design:
        """Match the targets of a comparison.

        Raises
        ------
        InputError
            If a setting is out of range, unknown, or made meaningless by another; if the score
            cannot be fitted; if no target has a neighbour.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        self._check()
        cell = exact_cells(comparison, self.exact)
        scored = self._scored(comparison)
        kept = np.ones(len(comparison), dtype=bool) if scored is None else scored.kept
        measured = None if scored is None else self._measured(scored)
        deviation = 1.0 if measured is None else float(np.std(measured, ddof=1))
        space = self._space(comparison, cell, measured)
        found = self._found(comparison, space, kept, measured, deviation)
        served = found.size > 0
        if not served.any():
            raise InputError(
                f"none of {counted(len(served), 'target unit')} has a neighbour: widen the "
                "caliper or name fewer exact variables"
            )
        matches = (found if served.all() else found.take(served)).weighted(comparison.weights)
        weights = matched_weights(comparison, matches)
        reasons = self._reasons(comparison, cell, kept)
        if not self.replace:
            taken = self._taken(comparison, space, kept, found.target[~served], deviation)
            reasons.insert(0, (taken, TAKEN))
        if scored is not None:
            reasons.insert(0, (~kept, scored.reason))
        return Design(
            comparison=comparison,
            weights=weights,
            support=support_table(comparison, weights > 0, reasons),
            settings=self._settings(deviation, scored),
            kind="neighbours" if self.replace else "pairs",
            estimand=self.estimand,
            score=None if scored is None else scored.values,
            matches=matches,
            space=space,
            model=None if scored is None else scored.model,
            estimator=self,
        )

    @property
    def _on_covariates(self) -> bool:
        return self.distance not in ("score", "linear-score")

    @property
    def _ties(self) -> str:
        return self.ties or ("average" if self.replace else "sorted")

    def _order(self, scored: bool) -> str:
        return self.order or ("largest" if scored else "data")

    def _scored(self, comparison: Comparison) -> Scored | None:
        """The score, unless a distance on covariates has no use for it."""
        asked = not isinstance(self.score, str) or self.score != "logit"
        used = self.caliper is not None or self.support is not None
        if self._on_covariates and not (asked or used or self.order in ("largest", "smallest")):
            return None
        return read_score(self.score, self.support, comparison)

    def _measured(self, scored: Scored) -> np.ndarray:
        """What distances and calipers on the score are measured on."""
        if self.distance != "linear-score":
            return scored.values
        if scored.model is not None:
            return np.asarray(scored.model.index)
        inside = (scored.values > 0) & (scored.values < 1)
        if not inside.all():
            raise InputError(
                "distance='linear-score' is the logit of a given score, and "
                f"{counted(int(np.count_nonzero(~inside)), 'value')} of score lie outside (0, 1): "
                "give the linear score itself with distance='score'"
            )
        return np.log(scored.values / (1 - scored.values))

    def _space(
        self, comparison: Comparison, cell: np.ndarray, measured: np.ndarray | None
    ) -> Space:
        if self._on_covariates:
            return MahalanobisSpace.of(
                comparison, self.mahalanobis_on, self.distance, cell, measured
            )
        if measured is None:
            raise AssertionError("a distance on the score needs a score")
        return ScoreSpace.of(measured, cell, comparison.person)

    def _width(self, deviation: float) -> float:
        """The caliper in units of the score."""
        return np.inf if self.caliper is None else self.caliper * deviation

    def _found(
        self,
        comparison: Comparison,
        space: Space,
        kept: np.ndarray,
        measured: np.ndarray | None,
        deviation: float,
    ) -> MatchedSets:
        """A set for each target, empty where it has no neighbour."""
        treated = np.flatnonzero(comparison.treated & kept)
        controls = np.flatnonzero(~comparison.treated & kept)
        caliper = self._width(deviation)
        if not self.replace:
            return space.without_replacement(
                treated,
                controls,
                self.neighbours,
                caliper=caliper,
                order=self._served(comparison, treated, measured),
                rank=self._rank(comparison),
            )
        sides = {
            "ATT": [(treated, controls)],
            "ATC": [(controls, treated)],
            "ATE": [(treated, controls), (controls, treated)],
        }[self.estimand]
        if self._ties == "average":
            tolerance = self.tie_tolerance * (1.0 if self._on_covariates else deviation**2)
            parts = [
                space.with_ties(*side, self.neighbours, caliper=caliper, tolerance=tolerance)
                for side in sides
            ]
        else:
            rank = self._rank(comparison)
            parts = [
                space.exactly(*side, self.neighbours, caliper=caliper, rank=rank) for side in sides
            ]
        return _joined(parts)

    def _taken(
        self,
        comparison: Comparison,
        space: Space,
        kept: np.ndarray,
        alone: np.ndarray,
        deviation: float,
    ) -> np.ndarray:
        """Which of the targets left alone had controls near, all taken: bool array, shape (n,)."""
        taken = np.zeros(len(comparison), dtype=bool)
        controls = np.flatnonzero(~comparison.treated & kept)
        near = space.with_ties(alone, controls, 1, caliper=self._width(deviation))
        taken[alone] = near.size > 0
        return taken

    def _rank(self, comparison: Comparison) -> np.ndarray | None:
        """Preference among units equally near; None for MatchIt's."""
        if self._ties == "sorted":
            return None
        if self._ties == "first":
            return np.arange(len(comparison), dtype=np.float64)
        return seeded_rank(comparison.unit, self.seed or 0)

    def _served(
        self, comparison: Comparison, targets: np.ndarray, measured: np.ndarray | None
    ) -> np.ndarray | None:
        """Positions of targets in the order served; None for the closest pair first."""
        order = self._order(measured is not None)
        if order == "closest":
            return None
        if order == "seeded":
            return np.argsort(seeded_rank(comparison.unit[targets], self.seed or 0))
        if measured is None or order == "data":
            return np.arange(len(targets))
        score = significant(measured[targets])
        return np.argsort(-score if order == "largest" else score, kind="stable")

    def _reasons(
        self, comparison: Comparison, cell: np.ndarray, kept: np.ndarray
    ) -> list[tuple[np.ndarray, str]]:
        """Why a target has no neighbour: nobody in its cell, or nobody near enough."""
        reasons: list[tuple[np.ndarray, str]] = []
        treated = comparison.treated
        for estimand, arm, too_far, nobody in (
            ("ATT", treated, TOO_FAR, NO_CONTROL),
            ("ATC", ~treated, TREATED_TOO_FAR, NO_TREATED),
        ):
            if self.estimand in (estimand, "ATE"):
                peopled = np.zeros(cell.max() + 1, dtype=bool)
                peopled[cell[~arm & kept]] = True
                near = peopled[cell] & (self.caliper is not None)
                reasons += [(arm & near, too_far), (arm, nobody)]
        return reasons

    def _check(self) -> None:
        for name, value, choices in (
            ("ties", self._ties, Ties),
            ("order", self._order(scored=True), Order),
            ("distance", self.distance, Distance),
            ("estimand", self.estimand, Target),
        ):
            check_choice(name, value, get_args(choices))
        if not is_whole(self.neighbours, 1):
            raise InputError(f"neighbours={self.neighbours!r} must be a whole number from 1")
        if self.caliper is not None and not (is_number(self.caliper) and self.caliper > 0):
            raise InputError(f"caliper={self.caliper!r} must be a positive number, or None")
        if not (is_number(self.tie_tolerance) and self.tie_tolerance >= 0):
            raise InputError(f"tie_tolerance={self.tie_tolerance!r} must be a number from 0")
        if self.replace and self.order is not None:
            raise InputError(
                f"order='{self.order}' is meaningless with replace=True: it says who takes a unit "
                "that serves only once"
            )
        if not self.replace and self.ties == "average":
            raise InputError(
                "ties='average' is meaningless with replace=False: a unit serves only once; "
                "choose 'sorted', 'first' or 'seeded'"
            )
        if not self.replace and self.estimand != "ATT":
            raise InputError(
                f"estimand='{self.estimand}' is meaningless with replace=False: controls are "
                "taken once for the treated, which gives the ATT"
            )
        if self.tie_tolerance > 0 and self._ties != "average":
            raise InputError(
                f"tie_tolerance={self.tie_tolerance} is meaningless with "
                + ("replace=False" if self.ties is None else f"ties='{self.ties}'")
                + ": it says which units ties='average' shares between"
            )
        if self.mahalanobis_on and not self._on_covariates:
            raise InputError(
                f"mahalanobis_on={list(self.mahalanobis_on)} is meaningless with "
                f"distance='{self.distance}': choose distance='mahalanobis'"
            )
        drawn = "seeded" in (self.ties, self.order)
        if drawn and self.seed is None:
            name = "ties" if self.ties == "seeded" else "order"
            raise InputError(f"{name}='seeded' needs a seed: give seed=")
        if not drawn and self.seed is not None:
            raise InputError(
                f"seed={self.seed} is meaningless with ties='{self._ties}'"
                + ("" if self.replace else f" and order='{self._order(scored=True)}'")
                + ": nothing is drawn"
            )
        if self.seed is not None and not is_whole(self.seed, 0):
            raise InputError(f"seed={self.seed!r} must be a whole number from 0")

    def _settings(self, deviation: float, scored: Scored | None) -> dict[str, object]:
        on = "linear score" if self.distance == "linear-score" else "score"
        settings: dict[str, object] = {
            "design": "NearestNeighbour",
            **({} if scored is None else scored.settings),
            "distance": self.distance,
        }
        if self._on_covariates:
            settings["mahalanobis_on"] = ", ".join(self.mahalanobis_on) or "all covariates"
        settings |= {
            "neighbours": self.neighbours,
            "replacement": self.replace,
            "caliper": "none"
            if self.caliper is None
            else f"{self.caliper} SD of the {on} over all units = {self._width(deviation):.6g}",
            "exact": ", ".join(self.exact) or "none",
            "ties": self._ties,
        }
        if not self.replace:
            settings["order"] = self._order(scored is not None)
        if self.tie_tolerance:
            settings["tie_tolerance"] = self.tie_tolerance
        if self.seed is not None:
            settings["seed"] = self.seed
        return settings


def _joined(parts: list[MatchedSets]) -> MatchedSets:
    """The sets of several groups of targets."""
    if len(parts) == 1:
        return parts[0]
    shift = np.cumsum([0, *(part.sets.shape[0] for part in parts[:-1])])
    own = None
    if any(part.own is not None for part in parts):
        own = sparse.vstack(
            [
                sparse.csr_matrix((len(part.target), part.sets.shape[1]))
                if part.own is None
                else part.own
                for part in parts
            ],
            format="csr",
        )
    return MatchedSets(
        np.concatenate([part.target for part in parts]),
        np.concatenate([part.of + by for part, by in zip(parts, shift, strict=True)]),
        sparse.vstack([part.sets for part in parts], format="csr"),
        own,
    )
