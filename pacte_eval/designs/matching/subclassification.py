"""Subclassification: the score is cut at its quantiles, and the arms are compared in each slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pacte_eval.definitions.errors import InputError, check_kind, counted
from pacte_eval.designs.design import Design, Estimand
from pacte_eval.designs.matching.spaces import ScoreSpace
from pacte_eval.designs.matching.subclasses import check_estimand, subclass_design
from pacte_eval.designs.scores.scored import Score, Support, read_score
from pacte_eval.designs.settings import is_whole
from pacte_eval.frames import Comparison


@dataclass(frozen=True)
class Subclassification:
    """Subclasses of the score (Rosenbaum and Rubin 1984, *JASA* 79, 516–524).

    Parameters
    ----------
    subclasses : int
        Number of slices. Quantiles are those of the target: the treated (ATT), the controls
        (ATC) or all units (ATE), each unit counting once whatever its sampling weight.
    score : name, model or float array of shape (n,)
    support : MinMax, Crump or Quantile, optional
    estimand : ``"ATT"``, ``"ATC"`` or ``"ATE"``

    Notes
    -----
    Where scores tie over several quantiles there are fewer subclasses than asked. One that lacks
    an arm takes the nearest unit of that arm from the side that can best spare it, as in R's
    MatchIt. Units of one person (`Comparison.cluster`) are never compared with each other.
    """

    subclasses: int = 6
    score: Score = "logit"
    support: Support | None = None
    estimand: Estimand = "ATT"

    def fit(self, comparison: Comparison) -> Design:
        """Cut the score and compare the arms in each subclass.

        Raises
        ------
        InputError
            If a setting is out of range, the score cannot be fitted, or an arm has fewer units
            than there are subclasses.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        check_estimand(self.estimand)
        if not is_whole(self.subclasses, 2):
            raise InputError(f"subclasses={self.subclasses!r} must be a whole number from 2")
        scored = read_score(self.score, self.support, comparison)
        kept = np.flatnonzero(scored.kept)
        score, treated = scored.values[kept], comparison.treated[kept]
        for arm, label in ((treated, "treated unit"), (~treated, "control")):
            if arm.sum() < self.subclasses:
                raise InputError(
                    f"{counted(int(arm.sum()), label)} cannot fill subclasses={self.subclasses}: "
                    "ask for fewer"
                )
        target = {"ATT": treated, "ATC": ~treated}.get(self.estimand, np.ones_like(treated))
        cuts = np.quantile(score[target], np.linspace(0, 1, self.subclasses + 1))
        found = np.searchsorted(cuts[1:-1], score, side="right")
        levels, subclass = np.unique(found, return_inverse=True)
        code = np.full(len(comparison), -1, dtype=np.int64)
        code[kept] = _filled(subclass, score, treated, len(levels))
        return subclass_design(
            comparison,
            code,
            estimand=self.estimand,
            settings={
                "design": "Subclassification",
                **scored.settings,
                "estimand": self.estimand,
                "subclasses": len(levels)
                if len(levels) == self.subclasses
                else f"{len(levels)} of {self.subclasses} asked, as scores tie",
            },
            space=ScoreSpace.of(
                scored.values, np.zeros(len(comparison), dtype=np.int64), comparison.person
            ),
            scored=scored,
            estimator=self,
        )


def _filled(
    subclass: np.ndarray, score: np.ndarray, treated: np.ndarray, number: int
) -> np.ndarray:
    """Subclasses in which both arms have a unit, units being moved one subclass after another."""
    subclass = subclass.copy()
    for arm in (treated, ~treated):
        members = np.flatnonzero(arm)
        while True:
            count = np.bincount(subclass[members], minlength=number)
            if count.all():
                break
            empty = int(np.argmin(count))
            place = np.arange(number)
            spare = np.maximum(count - 1, 0) / np.maximum(np.abs(place - empty), 1)
            from_left = spare[:empty].sum() >= spare[empty:].sum()
            side = np.flatnonzero((count > 0) & ((place < empty) == from_left))
            donors = members[subclass[members] == side[-1 if from_left else 0]]
            extreme = np.argmax if from_left else np.argmin
            subclass[donors[extreme(score[donors])]] = empty
    return subclass
