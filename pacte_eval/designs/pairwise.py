"""Several arms: one design for each pair, all within one common support.

Lechner (2001, "Identification and estimation of causal effects of multiple treatments under the
conditional independence assumption", sections 3 and 4): the effect of one arm against another, on
those of the first, needs only their two probabilities; but effects of different pairs speak of the
same people only where every arm was possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.designs.design import Design
from pacte_eval.designs.scores.generalised import generalised_score
from pacte_eval.frames import Arms, Comparison

Pair = tuple[str, str]
OUTSIDE = "hors du support commun à tous les bras"
_SCORES = ("pairwise", "generalised")


class ScoredDesign(Protocol):
    """A design with a score and a rule of common support."""

    @property
    def score(self) -> Any: ...

    @property
    def support(self) -> Any: ...

    def fit(self, comparison: Comparison) -> Design: ...


@dataclass(frozen=True, eq=False)
class JointSupport:
    """Units whose probability of every arm is one that every arm has."""

    kept: np.ndarray
    reason: str = OUTSIDE

    def keep(self, score: np.ndarray, comparison: Comparison) -> np.ndarray:
        """Which units are kept: bool array, shape (n,)."""
        return self.kept

    def __str__(self) -> str:
        return "joint over all arms"


@dataclass(frozen=True, eq=False)
class ArmDesigns(Mapping[Pair, Design]):
    """The designs of several arms, by (treated, control).

    Attributes
    ----------
    designs : dict of (str, str) to Design
    scores : DataFrame
        Probability of each arm (columns), a row per unit.
    support : DataFrame
        ``unit``, ``arm``, ``kept``, ``reason``: who lies in the support common to all arms.
    """

    designs: dict[Pair, Design]
    scores: pd.DataFrame
    support: pd.DataFrame

    def __getitem__(self, pair: Pair) -> Design:
        if pair not in self.designs:
            known = [" / ".join(known) for known in self.designs]
            raise InputError(f"no design of {pair}: {nearest(' / '.join(pair), known)}")
        return self.designs[pair]

    def __contains__(self, pair: object) -> bool:
        return pair in self.designs

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.designs)

    def __len__(self) -> int:
        return len(self.designs)

    def summary(self) -> pd.DataFrame:
        """One row per pair: supported treated, controls used, their effective number, largest SMD.

        Returns
        -------
        DataFrame
            ``treated``, ``control``, ``n_treated``, ``supported_share``, ``n_control``,
            ``effective_controls``, ``max_smd``.
        """
        return pd.DataFrame(
            {
                "treated": treated,
                "control": control,
                "n_treated": design.n_treated,
                "supported_share": design.supported_share,
                "n_control": design.n_control,
                "effective_controls": design.effective_sample_size(),
                "max_smd": design.balance()["smd_after"].abs().max(),
            }
            for (treated, control), design in self.designs.items()
        )

    def __repr__(self) -> str:
        share = self.support["kept"].mean()
        return f"ArmDesigns({len(self)} pairs, {share:.1%} of units in the joint support)"


@dataclass(frozen=True)
class Pairwise:
    """One design for each pair of arms, with a joint common support.

    Parameters
    ----------
    design : a design with ``score`` and ``support``
        What each pair is fitted with, ``NearestNeighbour(…)`` for instance. Its own ``support``
        is refused: the joint one takes its place.
    score : ``"pairwise"`` or ``"generalised"``
        The score of the design, fitted on the two arms of each pair; or the generalised score of
        Imbens (2000, *Biometrika* 87, 706–710), a multinomial logit on all arms, from which the
        score of a pair is p(a) / (p(a) + p(b)).

    Notes
    -----
    A unit is in the joint support if its probability of each arm lies between the largest of the
    arms' smallest and the smallest of the arms' largest values of that probability. The
    probabilities are those of the multinomial logit in both cases.
    """

    design: ScoredDesign
    score: Literal["pairwise", "generalised"] = "pairwise"

    def fit(self, arms: Arms, pairs: Sequence[Pair] | None = None) -> ArmDesigns:
        """Fit a design for each pair (treated, control), all ordered pairs by default.

        Raises
        ------
        InputError
            If a setting is unknown, a design has no score or has a support of its own, an arm is
            unknown or has nobody in the joint support, or a design cannot be fitted.
        """
        if self.score not in _SCORES:
            raise InputError(f"score='{self.score}' is unknown: {nearest(self.score, _SCORES)}")
        for pair in pairs or ():
            if isinstance(pair, str) or len(pair) != 2:
                raise InputError(
                    f"pairs= holds {pair!r}: give a list of (treated, control), two arms each"
                )
        if not (hasattr(self.design, "score") and hasattr(self.design, "support")):
            raise InputError(
                f"{type(self.design).__name__} has no score= and support=: several arms need a "
                "design that has, for their joint common support"
            )
        if self.design.support is not None:
            raise InputError(
                f"support={self.design.support} of the design is meaningless with several arms: "
                "their joint common support takes its place"
            )
        if self.score == "generalised" and not isinstance(self.design.score, str):
            raise InputError(
                "score= of the design is meaningless with score='generalised': leave it out, or "
                "give score='pairwise'"
            )
        scores = generalised_score(arms)
        kept = _joint(scores, arms)
        for arm in arms.names:
            if not kept[arms.members(arm)].any():
                raise InputError(f"arm '{arm}' has no unit in the support common to all arms")
        return ArmDesigns(
            designs={
                (treated, control): self._fit(arms, treated, control, scores, kept)
                for treated, control in pairs or permutations(arms.names, 2)
            },
            scores=scores,
            support=pd.DataFrame(
                {
                    "unit": arms.unit,
                    "arm": arms.arm.to_numpy(),
                    "kept": kept,
                    "reason": np.where(kept, "", OUTSIDE),
                }
            ),
        )

    def _fit(
        self, arms: Arms, treated: str, control: str, scores: pd.DataFrame, kept: np.ndarray
    ) -> Design:
        comparison = arms.compare(treated, control)
        rows = arms.members(treated, control)
        changes: dict[str, Any] = {"support": JointSupport(kept[rows])}
        if self.score == "generalised":
            first, second = (scores[arm].to_numpy()[rows] for arm in (treated, control))
            changes["score"] = first / (first + second)
        design: Design = replace(self.design, **changes).fit(comparison)  # type: ignore[type-var]
        return design


def _joint(scores: pd.DataFrame, arms: Arms) -> np.ndarray:
    """Whether each unit's probability of every arm is one that units of every arm have."""
    by_arm = scores.groupby(arms.arm.to_numpy(), observed=True)
    low, high = by_arm.min().max(), by_arm.max().min()
    return ((scores >= low) & (scores <= high)).all(axis=1).to_numpy()
