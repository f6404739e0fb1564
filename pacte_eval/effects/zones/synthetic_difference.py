"""Synthetic difference-in-differences: weighted donors, and weighted periods before the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import THIN
from pacte_eval.designs.settings import check_choice
from pacte_eval.effects.zones.assignments import Exchange
from pacte_eval.effects.zones.block import Gaps, ZoneBlock
from pacte_eval.effects.zones.estimator import Errors, ZoneEstimator
from pacte_eval.effects.zones.intensity import few_clusters
from pacte_eval.effects.zones.placebo import estimates, placebo_errors, placebo_sentence
from pacte_eval.effects.zones.simplex import noise_level, simplex_weights
from pacte_eval.frames.zones import ZonePanel

_TIME_PENALTY = 1e-6
_FEWEST = 4


@dataclass(frozen=True)
class SyntheticDifference(ZoneEstimator):
    """Synthetic difference-in-differences (Arkhangelsky, Athey, Hirshberg, Imbens and Wager 2021,
    *American Economic Review* 111, 4088–4118, algorithm 1).

    Weights of donors reproduce the path of the intensive zones before the start up to a constant,
    with the penalty ζ = (N₁ T₁)^¼ σ̂ of the paper; weights of periods reproduce, among donors, their
    mean after the start up to a constant. The estimate is the difference of differences that the
    two make; that of a period is its gap less the weighted gaps before the start.

    Parameters
    ----------
    threshold : float
        Zones whose dose reaches it are treated, the others are donors.
    se : ``"placebo"`` or ``"jackknife"``
        Algorithm 4 (donors taken for treated; needs as much noise in treated zones as in donors)
        or 3 (each zone, or region, left out, weights held fixed, about the mean of the estimates
        as the authors' program does; needs two treated).
    """

    se: Literal["placebo", "jackknife"] = "placebo"

    label: ClassVar[str] = "différence de différences synthétique"
    by_ratio: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("se", self.se, ["placebo", "jackknife"])

    def _gaps(self, block: ZoneBlock) -> Gaps:
        donors, before = block.donors, block.before
        earlier, later = donors[:, :before], donors[:, before:]
        noise = noise_level(earlier)
        size = int(block.treated.sum()) * later.shape[1]
        of_donors = simplex_weights(
            earlier.T,
            block.target[:before],
            penalty=size**0.25 * noise,
            noise=noise,
            intercept=True,
        )
        of_periods = simplex_weights(
            earlier,
            later.mean(axis=1),
            penalty=_TIME_PENALTY * noise,
            noise=noise,
            intercept=True,
        )
        return Gaps.of(block, of_donors, of_periods)

    def _errors(
        self, block: ZoneBlock, gaps: Gaps, exchange: Exchange, region: np.ndarray
    ) -> Errors:
        if self.se == "placebo":
            values, number = placebo_errors(self._gaps, block, exchange)
            return Errors(values, *placebo_sentence(number, exchange.by_region))
        several = len(pd.unique(region)) > 1
        unit = pd.factorize(region)[0] if several else np.arange(len(region))
        which = "région" if several else "zone"
        return Errors(
            _jackknife(block, gaps, unit, which),
            f"jackknife (chaque {which} ôtée, poids fixes){few_clusters(unit.max() + 1)}",
            f"Erreur type{THIN}: chaque {which} est ôtée tour à tour, les poids étant tenus fixes.",
        )

    def _features(self, panel: ZonePanel) -> np.ndarray:
        return np.zeros((len(panel), 0))

    def _matched(self, relative: np.ndarray) -> np.ndarray:
        return np.asarray(relative < 0)

    def _fewest_before(self) -> int:
        return _FEWEST

    def _assumption(self) -> str:
        return (
            "Sans intensité plus forte, l’écart entre les zones concernées et leurs donneuses "
            "pondérées serait resté celui des trimestres d’avant, pondérés."
        )

    def _words(self) -> tuple[str, str]:
        return (
            "zones donneuses pondérées (positives, de somme un), à une constante près",
            "moyenne des trimestres avant le début, pondérés (poids positifs, de somme un)",
        )


def _jackknife(block: ZoneBlock, gaps: Gaps, unit: np.ndarray, which: str) -> np.ndarray:
    """Standard errors from units left out in turn, weights of the donors left being scaled."""
    weight = np.zeros(len(unit))
    weight[~block.treated] = gaps.donor_weights
    found = []
    for one in np.unique(unit):
        kept = unit != one
        left = weight[kept & ~block.treated]
        if not (kept & block.treated).any() or left.sum() == 0:
            raise InputError(
                f"se='jackknife' leaves out each {which} in turn, but one holds all treated zones "
                "or all donors with a weight: use se='placebo'"
            )
        rest = block.keeping(kept)
        found.append(estimates(Gaps.of(rest, left / left.sum(), gaps.period_weights), block.before))
    number = len(found)
    return np.sqrt((number - 1) * np.var(found, axis=0))
