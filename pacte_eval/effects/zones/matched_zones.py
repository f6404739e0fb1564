"""Difference-in-differences on zones matched on what they were before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import THIN, signed
from pacte_eval.designs.settings import is_whole
from pacte_eval.effects.zones.assignments import Exchange
from pacte_eval.effects.zones.block import Gaps, ZoneBlock
from pacte_eval.effects.zones.estimator import Errors, ZoneEstimator
from pacte_eval.effects.zones.intensity import known_covariates, standardised
from pacte_eval.effects.zones.placebo import placebo_errors, placebo_sentence
from pacte_eval.frames.zones import ZonePanel


@dataclass(frozen=True)
class MatchedZones(ZoneEstimator):
    """Change in intensive zones less the change in the zones nearest to them.

    Zones are matched on their covariates and on the intensity of training in the baseline, each
    divided by its standard deviation over zones; never on the outcome, so that periods outside the
    reference window test the assumption. Conditional difference-in-differences of Heckman, Ichimura
    and Todd (1997, *Review of Economic Studies* 64, 605–654), zones being the units.

    Parameters
    ----------
    threshold : float
        Zones whose dose reaches it are treated, the others are donors.
    neighbours : int
        Donors of each intensive zone, with replacement; zones equally far share a place.
    reference : tuple of int
        First and last period, relative to the start, whose mean is the base. There is no default.
    covariates : sequence of str
    """

    neighbours: int
    reference: tuple[int, int]
    covariates: Sequence[str] = field(default=())

    label: ClassVar[str] = "différence de différences entre zones appariées"
    by_ratio: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_whole(self.neighbours, 1):
            raise InputError(f"neighbours={self.neighbours!r} must be a whole number from 1 on")
        first, last = self.reference
        if not first <= last < 0:
            raise InputError(f"reference={self.reference} must run between periods before 0")

    def _check(self, block: ZoneBlock) -> None:
        donors = len(block.donors)
        if self.neighbours > donors:
            raise InputError(
                f"neighbours={self.neighbours} but {donors} zones can be donors: ask for fewer"
            )
        if block.before + self.reference[0] < 0:
            raise InputError(
                f"reference={self.reference} begins before the panel, which has {block.before} "
                "periods before the start"
            )

    def _gaps(self, block: ZoneBlock) -> Gaps:
        weights = np.zeros(len(block.donors))
        donors = block.features[~block.treated]
        number = min(self.neighbours, len(donors))
        for own in block.features[block.treated]:
            weights += _nearest(((donors - own) ** 2).sum(axis=1), number)
        first, last = (block.before + bound for bound in self.reference)
        base = np.zeros(block.before)
        base[first : last + 1] = 1 / (last + 1 - first)
        return Gaps.of(block, weights / weights.sum(), base)

    def _errors(
        self, block: ZoneBlock, gaps: Gaps, exchange: Exchange, region: np.ndarray
    ) -> Errors:
        values, number = placebo_errors(self._gaps, block, exchange)
        return Errors(values, *placebo_sentence(number, exchange.by_region))

    def _features(self, panel: ZonePanel) -> np.ndarray:
        known = known_covariates(panel, self.covariates)
        return np.column_stack([known, standardised(panel.baseline_intensity[:, np.newaxis])])

    def _matched(self, relative: np.ndarray) -> np.ndarray:
        return np.asarray((relative >= self.reference[0]) & (relative <= self.reference[1]))

    def _fewest_before(self) -> int:
        return -self.reference[0]

    def _assumption(self) -> str:
        return (
            "Sans intensité plus forte, l’indicateur aurait évolué dans les zones concernées comme "
            "dans les zones qui leur ressemblaient."
        )

    def _words(self) -> tuple[str, str]:
        first, last = self.reference
        listed = ", ".join([*self.covariates, "intensité de référence"])
        plural = "s plus proches" if self.neighbours > 1 else " plus proche"
        window = f"{signed(first)} à {signed(last)}" if first < last else signed(first)
        return (
            f"{self.neighbours} zone{plural} de chaque zone d’intensité forte, sur{THIN}: {listed}",
            f"moyenne des trimestres {window}" if first < last else f"trimestre {window}",
        )


def _nearest(distance: np.ndarray, number: int) -> np.ndarray:
    """Shares of donors, of sum one: the nearest, those equally far sharing the last places."""
    rounded = np.round(distance, 12)
    limit = np.sort(rounded)[number - 1]
    inside, edge = rounded < limit, rounded == limit
    return (inside + edge * (number - inside.sum()) / edge.sum()) / number
