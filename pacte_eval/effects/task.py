"""What `estimate` was asked, made regular: the design, the outcomes, the error; and how they are
turned into rows of a table, for the whole design or a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from pacte_eval.definitions.months import Period
from pacte_eval.designs import Design
from pacte_eval.effects.block import Operator, Path
from pacte_eval.effects.inputs import Clusters
from pacte_eval.effects.matched import MatchedOperator, homoscedastic_variance
from pacte_eval.effects.matched_path import MatchedRows
from pacte_eval.effects.reference_window import is_balanced
from pacte_eval.effects.regression import Regression
from pacte_eval.effects.standard_errors import (
    Adjustment,
    StandardError,
    contribution_kind,
    contributions_of,
    counts_score,
    error_label,
    is_homoscedastic,
    is_sandwich,
)
from pacte_eval.effects.summed import (
    MatchedContributions,
    OutcomeContributions,
    SummedContributions,
)
from pacte_eval.effects.table import Wording, intervals
from pacte_eval.effects.weighted import WeightedOperator
from pacte_eval.effects.wild import WildBootstrap

_BLOCK = 4_000_000


@dataclass(frozen=True, eq=False)
class Asked:
    """An outcome: its name, values (n, t), the names of its periods, and the positions of those of
    the reference window, None for a level."""

    name: str
    values: np.ndarray
    labels: tuple[Period, ...]
    window: list[int] | None

    @cached_property
    def base(self) -> np.ndarray | None:
        """Mean of each unit over the reference window: float array, shape (n, 1)."""
        if self.window is None:
            return None
        chosen = self.values[:, self.window].astype(np.float64)
        return np.asarray(chosen.mean(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Task:
    """What is estimated, of what, and with which error.

    Attributes
    ----------
    design : Design
    outcomes : sequence of Asked
    se, adjust : str
    clusters : Clusters
    level : float
    """

    design: Design
    outcomes: Sequence[Asked]
    se: StandardError
    adjust: Adjustment
    clusters: Clusters
    level: float

    @cached_property
    def operator(self) -> Operator:
        """What makes estimates and contributions of blocks of outcomes."""
        design, source = self.design, contributions_of(self.se, self.design)
        clustered = self.clusters.codes is not None
        if design.kind not in ("neighbours", "kernel") or is_sandwich(source):
            return WeightedOperator(
                design, source, clustered=clustered, regression=self._regression
            )
        return MatchedOperator(
            design,
            linearised=source in ("linearised", "otsu-rai", "abadie-imbens-2016") or clustered,
            estimated_score=counts_score(source, design),
            regression=self._regression,
        )

    @cached_property
    def _regression(self) -> Regression | None:
        if self.adjust == "none":
            return None
        return Regression.of(self.design.comparison, augmented=self.adjust == "augmented")

    @property
    def given(self) -> tuple[list[np.ndarray], list[np.ndarray | None], Clusters]:
        """Outcomes, reference means and clusters, as contributions take them."""
        return (
            [one.values for one in self.outcomes],
            [one.base for one in self.outcomes],
            (self.clusters),
        )

    @cached_property
    def matched_rows(self) -> MatchedRows | None:
        """What compiled loops need, None where they do not make these numbers."""
        if not isinstance(self.operator, MatchedOperator) or is_homoscedastic(self.se):
            return None
        return self.operator.rows(self.clusters)

    def contributions(self) -> OutcomeContributions:
        """Contributions to every period of every outcome."""
        if self.matched_rows is not None:
            return MatchedContributions(self.matched_rows, *self.given)
        return SummedContributions(self.operator, *self.given)

    def rows(self, contributions: OutcomeContributions) -> pd.DataFrame:
        """Estimates, errors and intervals, a row for each outcome and period."""
        paths = contributions.solved()
        return pd.concat(
            [
                self.path_rows(one, path, contributions, place)
                for place, (one, path) in enumerate(zip(self.outcomes, paths, strict=True))
            ],
            ignore_index=True,
        )

    def path_rows(
        self, asked: Asked, path: Path, contributions: OutcomeContributions, place: int
    ) -> pd.DataFrame:
        """The rows of an outcome, whose path has that place among contributions."""
        error = np.sqrt(path.variance)
        if is_homoscedastic(self.se):
            error = np.sqrt(self._homoscedastic(contributions, place))
            error[np.isnan(path.variance)] = np.nan
        limits = intervals(path.estimate, error, self.level)
        if self.se in ("otsu-rai", "wild-cluster"):
            columns = contributions.columns(place)
            width = max(1, _BLOCK // contributions.number)
            for start in range(0, len(columns), width):
                part = columns[start : start + width]
                self._bootstrap(contributions(part), start, path.estimate, error, limits)
        return pd.DataFrame(
            {
                "outcome": asked.name,
                "month": list(asked.labels),
                "estimate": path.estimate,
                "se": error,
                **limits,
                "n_treated": path.n_treated.astype(int),
                "n_control": path.n_control.astype(int),
                "treated_mean": path.treated_mean,
                "control_mean": path.control_mean,
                "base_period": self._base_periods[place % len(self.outcomes)],
            }
        )

    @cached_property
    def _base_periods(self) -> list[str]:
        """What each outcome is compared with in time, in words."""
        return [
            _base_period(one.labels, one.window)
            + (
                "\u202f: équilibrée, équivalent au niveau"
                if one.base is not None and is_balanced(self.design, one.base[:, 0])
                else ""
            )
            for one in self.outcomes
        ]

    def _bootstrap(
        self,
        given: np.ndarray,
        start: int,
        estimate: np.ndarray,
        error: np.ndarray,
        limits: dict[str, np.ndarray],
    ) -> None:
        """Put the intervals drawn from some contributions in their place, from `start` on."""
        drawn = WildBootstrap.of if self.se == "otsu-rai" else WildBootstrap.studentised
        wild = drawn(given)
        for column in range(given.shape[1]):
            place = start + column
            if np.isfinite(error[place]):
                found = wild.interval(column, float(estimate[place]), self.level)
                for name, value in found.items():
                    limits[name][place] = value

    def _homoscedastic(self, contributions: OutcomeContributions, place: int) -> np.ndarray:
        columns = contributions.columns(place)
        width = max(1, _BLOCK // len(self.design.comparison))
        return np.concatenate(
            [
                homoscedastic_variance(
                    self.design,
                    contributions.values(columns[start : start + width]),
                    self._regression,
                    sample=self.se.endswith("sample"),
                )
                for start in range(0, len(columns), width)
            ]
        )

    def wording(self) -> Wording:
        """What all rows share."""
        design, comparison, asked = self.design, self.design.comparison, self.outcomes[0]
        return Wording(
            comparison=f"{comparison.treated_label} contre {comparison.control_label}",
            outcome=asked.name,
            estimator=str(design.settings["design"]) + _ADJUSTED[self.adjust],
            estimand=f"{design.estimand}, {'niveau' if asked.window is None else 'différence'}",
            se_kind=self.error_label(self.clusters.number),
            target_population=population(design),
            weights=_WEIGHTS[design.estimand],
            base_period=self._base_periods[0],
            control_group=comparison.control_label,
            contribution_kind=contribution_kind(self.se, design),
        )

    def error_label(self, clusters: int) -> str:
        """The standard error in words, for a number of clusters that are used."""
        return error_label(self.se, self.design, replace(self.clusters, number=clusters))


_ADJUSTED: dict[Adjustment, str] = {
    "none": "",
    "regression": ", ajusté par régression",
    "augmented": ", augmenté d'une régression",
}
_WEIGHTS = {
    "ATT": "traités comparables, par poids de sondage",
    "ATC": "témoins comparables, par poids de sondage",
    "ATE": "unités comparables, par poids de sondage",
    "ATO": "unités, selon leur recouvrement",
}


def _base_period(labels: tuple[Period, ...], window: list[int] | None) -> str:
    if window is None:
        return "aucune (niveau)"
    names = [
        str(label).replace("-", "−") if isinstance(label, int) else label
        for label in (labels[place] for place in window)
    ]
    together = window == list(range(window[0], window[-1] + 1))
    span = f"{names[0]} à {names[-1]}" if together and len(names) > 1 else ", ".join(names)
    return f"moyenne de {span}" if len(names) > 1 else names[0]


TARGET = {"ATT": "traités", "ATC": "témoins", "ATE": "unités"}


def population(design: Design) -> str:
    """The target population in words, with the share of it that the design keeps."""
    if design.estimand == "ATO":
        return "unités, selon leur recouvrement"
    whom = TARGET[design.estimand]
    if bool((design.weights[design.target_arm] != 0).all()):
        return f"ensemble des {whom}"
    return supported_in_french(design.supported_share, whom)


def supported_in_french(share: float, whom: str) -> str:
    """A share of some people that is kept, as ``"98,2 % des traités, comparables"``."""
    percent = min(max(100 * share, 0.1), 99.9)
    return f"{percent:.1f}\u202f% des {whom}, comparables".replace(".", ",")
