"""What the estimators of weighted zones share: fitted once, then on placebos in space and time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.definitions.numerals import THIN, number
from pacte_eval.designs.settings import is_number
from pacte_eval.effects.table import Wording, tidy
from pacte_eval.effects.zones.assignments import Exchange
from pacte_eval.effects.zones.block import Gaps, ZoneBlock
from pacte_eval.effects.zones.intensity import Intensive, confounded
from pacte_eval.effects.zones.placebo import (
    SpacePlacebos,
    estimates,
    placebos_in_space,
    placebos_in_time,
    without_each_donor,
)
from pacte_eval.effects.zones.rounding import rounding_error
from pacte_eval.effects.zones.zone_effects import ZoneEffects
from pacte_eval.frames.zones import ZonePanel

LEVEL = 0.95
BAD_FIT = 0.25


@dataclass(frozen=True, eq=False)
class Errors:
    """Standard errors of the gaps and of their mean: NaN where there is none.

    Attributes
    ----------
    values : float array, shape (t + 1,)
    kind : str
        In French, as the table prints it.
    sentence : str
        What they rest on, in French.
    """

    values: np.ndarray
    kind: str
    sentence: str


@dataclass(frozen=True)
class ZoneEstimator(ABC):
    """Intensive zones against a weighted mean of the others.

    Parameters
    ----------
    threshold : float
        Zones whose dose reaches it are treated, the others are donors.
    """

    threshold: float

    label: ClassVar[str]
    by_ratio: ClassVar[bool]

    def __post_init__(self) -> None:
        if not is_number(self.threshold):
            raise InputError(f"threshold={self.threshold!r} must be a number, that of the dose")

    def fit(self, panel: ZonePanel) -> ZoneEffects:
        """Effects period by period, and their mean from the start on.

        Parameters
        ----------
        panel : ZonePanel

        Returns
        -------
        ZoneEffects
            Without contributions: no covariance, band or contrast follows from it.

        Raises
        ------
        InputError
            If no zone reaches the threshold, or all do; and by what each estimator needs.
        """
        check_kind(panel, ZonePanel, use="ZonePanel.from_frame(…)")
        intensive = Intensive(panel, float(self.threshold))
        block = ZoneBlock(panel.values, intensive.treated, panel.before, self._features(panel))
        self._check(block)
        gaps = self._gaps(block)
        exchange = Exchange.of(block.treated, panel.region)
        names = panel.region if exchange.by_region else panel.zone.to_numpy()
        placebos = placebos_in_space(self._gaps, block, exchange, names, by_ratio=self.by_ratio)
        errors = self._errors(block, gaps, exchange, panel.region)
        policies = intensive.policies(gaps.donor_weights)
        matched = self._matched(panel.relative)
        rmspe = float(np.sqrt((gaps.path[: block.before] ** 2).mean()))
        dose = panel.dose[~block.treated]
        return ZoneEffects(
            table=self._table(intensive, block, gaps, errors, placebos, matched),
            level=LEVEL,
            donor_weights=pd.DataFrame(
                {
                    "zone": panel.zone[~block.treated],
                    "region": panel.region[~block.treated],
                    "dose": dose,
                    "weight": gaps.donor_weights,
                }
            ),
            period_weights=pd.DataFrame(
                {"month": panel.relative[: block.before], "weight": gaps.period_weights}
            ),
            placebo_space=placebos.table,
            placebo_p=placebos.p,
            smallest_p=placebos.smallest_p,
            placebo_time=placebos_in_time(self._gaps, block, panel.relative, self._fewest_before()),
            leave_one_out=without_each_donor(self._gaps, block, gaps, exchange, names),
            policies=policies,
            dose_gap=intensive.dose_gap(gaps.donor_weights),
            rmspe=rmspe,
            assumptions=(
                self._assumption(),
                *intensive.assumptions(gaps.donor_weights),
                _fit_sentence(rmspe, block),
                _rank_sentence(placebos, exchange.by_region, panel.regions > 1),
                errors.sentence,
                *confounded(policies, int(panel.relative[-1])),
            ),
        )

    def _check(self, block: ZoneBlock) -> None:  # noqa: B027
        """Refuse what the estimator cannot do."""

    @abstractmethod
    def _gaps(self, block: ZoneBlock) -> Gaps:
        """The gaps of the treated zones of a block."""

    @abstractmethod
    def _errors(
        self, block: ZoneBlock, gaps: Gaps, exchange: Exchange, region: np.ndarray
    ) -> Errors:
        """Standard errors, and what they are."""

    @abstractmethod
    def _features(self, panel: ZonePanel) -> np.ndarray:
        """What zones are also matched on: float array, shape (n, k)."""

    @abstractmethod
    def _matched(self, relative: np.ndarray) -> np.ndarray:
        """Periods whose gap is near zero by construction: bool array, shape (t,)."""

    @abstractmethod
    def _fewest_before(self) -> int:
        """Number of periods that must precede a start."""

    @abstractmethod
    def _assumption(self) -> str:
        """What the estimator identifies the effect by, in French."""

    @abstractmethod
    def _words(self) -> tuple[str, str]:
        """The weights and the base period, in French."""

    def _table(
        self,
        intensive: Intensive,
        block: ZoneBlock,
        gaps: Gaps,
        errors: Errors,
        placebos: SpacePlacebos,
        matched: np.ndarray,
    ) -> pd.DataFrame:
        panel, before = intensive.panel, block.before
        treated = np.append(block.target, block.target[before:].mean())
        found = estimates(gaps, before)
        rows = pd.DataFrame(
            {
                "month": pd.array([*panel.relative, None], dtype="Int64"),
                "matched": np.append(matched, False),
                "estimate": found,
                "se": errors.values,
                "n_treated": int(block.treated.sum()),
                "n_control": int((~block.treated).sum()),
                "treated_mean": treated,
                "control_mean": treated - found,
            }
        )
        if self.by_ratio:
            after = np.where(np.arange(len(panel.relative)) >= before, placebos.period_p, np.nan)
            rows = rows.assign(ci_low=np.nan, ci_high=np.nan, p=np.append(after, placebos.p))
        weights, base = self._words()
        wording = Wording(
            comparison="zones d’intensité forte contre zones d’intensité plus faible",
            outcome=panel.outcome,
            estimator=self.label,
            estimand=intensive.estimand,
            se_kind=errors.kind,
            target_population=intensive.target,
            weights=weights,
            base_period=base,
            control_group=intensive.controls,
            contribution_kind="none",
        )
        table = tidy(rows, wording, level=LEVEL)
        return table.assign(p=table["p"].where(~table["matched"]))


def _fit_sentence(rmspe: float, block: ZoneBlock) -> str:
    """How near the two paths are before the start, in French."""
    spread = float(block.values[:, : block.before].std(axis=0, ddof=1).mean())
    told = f"justement avant le début{THIN}: écart quadratique moyen de {number(rmspe, 3)}"
    if spread <= rounding_error(float(np.abs(block.values).max())):
        return f"A{told}, les zones ne différant pas avant le début."
    share = rmspe / spread
    told += f", soit {number(share, 2)} écart-type entre zones"
    if share > BAD_FIT:
        return f"Mauvais a{told} (seuil {number(BAD_FIT, 2)}){THIN}; à ne pas retenir seul."
    return f"A{told}."


def _rank_sentence(placebos: SpacePlacebos, by_region: bool, several: bool) -> str:
    """What the placebos in space say, in French."""
    which = "régions (une région, une grappe)" if by_region else "zones"
    if several and not by_region:
        which += ", échangées au sein de leur région"
    drawn = "" if placebos.complete else ", tirés au sort"
    told = f"Placebos dans l’espace{THIN}: {len(placebos.table)} ensembles de {which}{drawn}{THIN};"
    if np.isnan(placebos.p):
        return f"{told} non testable, aucun écart n’apparaissant nulle part."
    return (
        f"{told} p, rang de l’écart observé divisé par leur nombre, vaut {number(placebos.p, 3)}"
        f"{THIN}; sa plus petite valeur possible est {number(placebos.smallest_p, 3)}."
    )
