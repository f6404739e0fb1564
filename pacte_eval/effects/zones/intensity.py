"""Which zones are said intensive, by how much more, and how that is worded.

Training never stops anywhere: an estimate compares a larger rise of the intensity with a smaller
one. Comparisons between regions are worded as such, since each region had a programme of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import THIN, number, percent, signed
from pacte_eval.effects.zones.rounding import rounding_error
from pacte_eval.frames.columns import select
from pacte_eval.frames.zones import ZonePanel

ALL_TRAINED = (
    f"Aucune zone n’est restée sans formation{THIN}: l’écart est celui d’une intensité plus forte, "
    "non celui de l’existence d’un programme."
)
FEW = 40
OTHER_REGIONS = "écart relatif à d’autres régions elles-mêmes traitées"
BETWEEN_REGIONS = (
    f"Les autres régions ont eu leur propre pacte aux mêmes années{THIN}: c’est un {OTHER_REGIONS}."
)


@dataclass(frozen=True, eq=False)
class Intensive:
    """Zones whose dose reaches a threshold, against those whose dose does not.

    Parameters
    ----------
    panel : ZonePanel
    threshold : float
        Of the dose, in the unit of the intensity.

    Raises
    ------
    InputError
        If no zone reaches it, or all do.
    """

    panel: ZonePanel
    threshold: float

    def __post_init__(self) -> None:
        dose = self.panel.dose
        reached = int(self.treated.sum())
        if reached in (0, len(dose)):
            which = "none" if reached == 0 else "all"
            raise InputError(
                f"threshold={self.threshold} is reached by {which} of the {len(dose)} zones: their "
                f"doses go from {dose.min():.4g} to {dose.max():.4g}"
            )

    @property
    def treated(self) -> np.ndarray:
        """Whether each zone is intensive: bool array, shape (n,)."""
        rounding = rounding_error(float(np.abs(self.panel.intensity).max()))
        return np.asarray(self.panel.dose >= self.threshold - rounding)

    @property
    def across_regions(self) -> bool:
        """Whether donors lie in regions other than those of the intensive zones."""
        region = self.panel.region
        return not np.isin(region[~self.treated], region[self.treated]).all()

    @property
    def estimand(self) -> str:
        """What the estimate measures, in French."""
        rise = f"hausse d’au moins {number(self.threshold, 2)} {self.panel.measure}"
        if self.across_regions:
            return f"{OTHER_REGIONS} (intensité différentielle{THIN}: {rise} contre moins)"
        return f"intensité différentielle ({rise} contre moins)"

    @property
    def target(self) -> str:
        """The target population, in French."""
        return f"{zones(int(self.treated.sum()))} d’intensité forte"

    @property
    def controls(self) -> str:
        """The control group, in French."""
        where = ", dont d’autres régions elles-mêmes traitées" if self.across_regions else ""
        return f"{zones(int((~self.treated).sum()))} d’intensité plus faible{where}"

    def dose_gap(self, weights: np.ndarray) -> float:
        """Mean dose of the intensive zones less the weighted mean of the others."""
        dose = self.panel.dose
        return float(dose[self.treated].mean() - weights @ dose[~self.treated])

    def assumptions(self, weights: np.ndarray) -> list[str]:
        """What the comparison of intensities rests on, in French."""
        dose, treated, measure = self.panel.dose, self.treated, self.panel.measure
        relative = [bound - self.panel.start for bound in self.panel.baseline]
        told = [
            ALL_TRAINED,
            f"Dose{THIN}: hausse de l’intensité moyenne ({measure}) entre la référence (trimestres "
            f"{signed(relative[0])} à {signed(relative[1])}) et la suite. En moyenne "
            f"{signed(dose[treated].mean(), 2)} dans les zones d’intensité forte, "
            f"{signed(weights @ dose[~treated], 2)} dans celles qui leur sont comparées, soit "
            f"{signed(self.dose_gap(weights), 2)} d’écart.",
            "Les zones d’intensité forte sont tenues pour recevoir une même dose, et aucune zone "
            "pour influer sur une autre (ni mobilité, ni effet d’éviction).",
        ]
        if self.across_regions:
            told.append(BETWEEN_REGIONS)
        return told

    def policies(self, weights: np.ndarray) -> pd.DataFrame:
        """Declared concurrent policies, and whom they reach."""
        panel, treated = self.panel, self.treated
        rows = []
        for policy in panel.policies:
            reached = panel.zone.isin(list(policy.zones)) if policy.zones else np.ones(len(panel))
            rows.append(
                {
                    "policy": policy.name,
                    "first": policy.first - panel.start,
                    "last": policy.last - panel.start,
                    "treated_share": float(reached[treated].mean()),
                    "donor_share": float(weights @ reached[~treated]),
                    "direction": policy.direction,
                }
            )
        names = ["policy", "first", "last", "treated_share", "donor_share", "direction"]
        return pd.DataFrame(rows, columns=names)


def few_clusters(number_of_clusters: int) -> str:
    """``""`` from 40 clusters on, else words that a kind of standard error ends with."""
    return f", peu de grappes{THIN}: {number_of_clusters}" if number_of_clusters < FEW else ""


def zones(number_of_zones: int) -> str:
    """``"1 zone"``, ``"12 zones"``."""
    return f"{number(number_of_zones)} zone{'s' if number_of_zones > 1 else ''}"


def standardised(values: np.ndarray) -> np.ndarray:
    """Columns centred and divided by their standard deviation; one without variation is zero."""
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])
    scale = np.abs(values).max(axis=0, initial=0.0)
    varies = spread > rounding_error(1.0) * scale
    return np.where(varies, (values - values.mean(axis=0)) / np.where(varies, spread, 1.0), 0.0)


def known_covariates(panel: ZonePanel, names: Sequence[str]) -> np.ndarray:
    """Covariates of zones by name, standardised: float array, shape (n, k)."""
    return standardised(select(panel.covariates, names, "covariate").to_numpy(dtype=np.float64))


def confounded(policies: pd.DataFrame, last: int) -> list[str]:
    """A sentence for each declared policy in force from the start on.

    Parameters
    ----------
    policies : DataFrame
        As `Intensive.policies` makes it.
    last : int
        Last period, relative to the start.
    """
    told = []
    for row in policies.to_dict("records"):
        if row["last"] < 0 or row["first"] > last:
            continue
        here, there = row["treated_share"], row["donor_share"]
        even = np.isclose(here, there)
        meaning = "touche autant les deux côtés" if even else "se confond en partie avec l’écart"
        told.append(
            f"Politique concurrente déclarée, {row['policy']}{THIN}: {percent(here, 0)} des zones "
            f"d’intensité forte et {percent(there, 0)} du poids des zones comparées{THIN}; elle "
            f"{meaning}."
        )
    return told
