"""Synthetic control: the weighted donors whose path before the start is nearest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pacte_eval.definitions.numerals import THIN
from pacte_eval.effects.zones.assignments import Exchange
from pacte_eval.effects.zones.block import Gaps, ZoneBlock
from pacte_eval.effects.zones.estimator import Errors, ZoneEstimator
from pacte_eval.effects.zones.intensity import known_covariates
from pacte_eval.effects.zones.simplex import noise_level, simplex_weights
from pacte_eval.frames.zones import ZonePanel

_PENALTY = 1e-6
_FEWEST = 4


@dataclass(frozen=True)
class SyntheticControl(ZoneEstimator):
    """Intensive zones less the donors that best reproduce them before the start.

    Weights are not negative and sum to one (Abadie, Diamond and Hainmueller 2010, *JASA* 105,
    493–505); they minimise the squared gap over all periods before the start, plus a millionth of
    the noise level as a penalty, as Arkhangelsky and others (2021) do to compare with. Several
    intensive zones are taken by their mean. There is no standard error: the p-value is the rank of
    the ratio of root mean squared gaps, after over before, among placebos in space.

    Parameters
    ----------
    threshold : float
        Zones whose dose reaches it are treated, the others are donors.
    covariates : sequence of str
        Also reproduced: each counts as one more period, scaled to the spread of the outcome.
    """

    covariates: Sequence[str] = field(default=())

    label: ClassVar[str] = "contrôle synthétique"
    by_ratio: ClassVar[bool] = True

    def _gaps(self, block: ZoneBlock) -> Gaps:
        earlier = block.values[:, : block.before]
        spread = earlier.std(axis=0, ddof=1).mean()
        stacked = np.column_stack([earlier, block.features * spread])
        noise = noise_level(block.donors[:, : block.before])
        weights = simplex_weights(
            stacked[~block.treated].T,
            stacked[block.treated].mean(axis=0),
            penalty=_PENALTY * noise,
            noise=noise,
            intercept=False,
        )
        return Gaps.of(block, weights, np.zeros(block.before))

    def _errors(
        self, block: ZoneBlock, gaps: Gaps, exchange: Exchange, region: np.ndarray
    ) -> Errors:
        return Errors(
            np.full(block.values.shape[1] + 1, np.nan),
            "aucune (rang parmi les placebos dans l’espace)",
            f"Ni erreur type ni intervalle{THIN}: seul le rang parmi les placebos est donné.",
        )

    def _features(self, panel: ZonePanel) -> np.ndarray:
        return known_covariates(panel, self.covariates)

    def _matched(self, relative: np.ndarray) -> np.ndarray:
        return np.asarray(relative < 0)

    def _fewest_before(self) -> int:
        return _FEWEST

    def _assumption(self) -> str:
        return (
            "Sans intensité plus forte, les zones concernées auraient suivi la moyenne pondérée "
            "des zones donneuses, qui les reproduit avant le début."
        )

    def _words(self) -> tuple[str, str]:
        listed = ", ".join(self.covariates)
        also = f" et {listed}" if listed else ""
        return (
            f"zones donneuses pondérées (positives, de somme un) sur l’indicateur avant{also}",
            "aucune (niveau)",
        )
