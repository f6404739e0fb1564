"""A design says who is compared with whom and with what weight; it was made without outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pacte_eval.designs.balance import balance_table
from pacte_eval.designs.logit import FittedLogit
from pacte_eval.designs.neighbours import NeighbourSets, Space
from pacte_eval.frames import Comparison


@dataclass(frozen=True, eq=False)
class Design:
    """A comparison with the matched controls of each treated unit.

    Attributes
    ----------
    comparison : Comparison
    weights : float array, shape (n,)
        A supported treated unit's sampling weight (1 by default), 0 if it was trimmed; for a
        control, the sum of its shares in the sets it belongs to.
    score : float array, shape (n,)
    support : DataFrame
        One row per treated unit: ``unit``, ``kept``, ``reason`` (in French, for reports).
    settings : mapping
        What the design was made with, in words and numbers.
    sets : NeighbourSets
        Controls matched with each supported treated unit, in equal shares.
    space : Space
        Score, exact cell and person by which neighbours are found.
    model : FittedLogit or None
        The logit behind the score, when it was estimated here.
    """

    comparison: Comparison
    weights: np.ndarray
    score: np.ndarray
    support: pd.DataFrame
    settings: Mapping[str, object]
    sets: NeighbourSets = field(repr=False)
    space: Space = field(repr=False)
    model: FittedLogit | None = field(repr=False, default=None)

    def __post_init__(self) -> None:
        self.weights.setflags(write=False)
        self.score.setflags(write=False)

    @property
    def supported_share(self) -> float:
        """Share of the treated (by sampling weight) who have a control."""
        weights = self.comparison.weights[self.comparison.treated]
        return float(weights[self.support["kept"].to_numpy()].sum() / weights.sum())

    @property
    def n_treated(self) -> int:
        """Treated units with a control."""
        return len(self.sets.target)

    @property
    def n_control(self) -> int:
        """Controls used at least once."""
        return int(np.count_nonzero(self.weights[~self.comparison.treated]))

    def effective_sample_size(self) -> float:
        """Kish's effective number of controls, (Σw)² / Σw²."""
        weights = self.weights[~self.comparison.treated]
        return float(weights.sum() ** 2 / (weights @ weights))

    def pairs(self) -> pd.DataFrame:
        """Every treated unit with each of its controls.

        Returns
        -------
        DataFrame
            ``treated`` and ``control`` (units), ``distance`` on the score, ``weight`` (the
            control's share times the treated unit's weight).
        """
        members = self.sets.each()
        size = np.diff(members.indptr)
        treated, control = np.repeat(self.sets.target, size), members.indices
        return pd.DataFrame(
            {
                "treated": self.comparison.unit[treated],
                "control": self.comparison.unit[control],
                "distance": np.abs(self.score[treated] - self.score[control]),
                "weight": self.weights[treated] / np.repeat(size, size),
            }
        )

    def balance(self) -> pd.DataFrame:
        """Balance of the score and of each covariate or level, before and after.

        Columns are those of `pacte_eval.designs.balance.balance_table`; the denominator of
        standardised differences is ``sd_treated``.
        """
        return balance_table(self.comparison, self.score, self.weights, self.sets)

    def overlap(self, bins: int = 20) -> pd.DataFrame:
        """Counts of the score by arm in bins of equal width.

        Returns
        -------
        DataFrame
            ``low``, ``high``, ``treated``, ``control``, ``supported`` (treated kept).
        """
        edges = np.histogram_bin_edges(self.score, bins=bins)
        treated = self.comparison.treated
        return pd.DataFrame(
            {
                "low": edges[:-1],
                "high": edges[1:],
                "treated": np.histogram(self.score[treated], edges)[0],
                "control": np.histogram(self.score[~treated], edges)[0],
                "supported": np.histogram(self.score[self.sets.target], edges)[0],
            }
        )

    def summary(self) -> str:
        """Settings, support and balance as text."""
        treated = self.comparison.treated
        facts = {
            "Treated": f"{int(treated.sum()):,}",
            "Treated supported": f"{self.n_treated:,} ({self.supported_share:.1%})",
            "Controls": f"{int((~treated).sum()):,}",
            "Controls used": f"{self.n_control:,}",
            "Effective controls": f"{self.effective_sample_size():,.1f}",
            **{name: str(value) for name, value in self.settings.items()},
        }
        table = self.balance()
        table["name"] = np.where(
            table["level"] == "",
            table["covariate"],
            table["covariate"] + "[" + table["level"] + "]",
        )
        shown = table[["name", "smd_before", "smd_after", "smd_se", "ks_before", "ks_after"]]
        body = shown.to_string(index=False, float_format=lambda value: f"{value:.4f}")
        width = max(len(line) for line in body.splitlines())
        title = f"{self.settings['design']} design".center(width).rstrip()
        lines = [f"{name + ':':<22}{value}" for name, value in facts.items() if name != "design"]
        notes = (
            "SMD: difference of means over the standard deviation of all treated before matching."
        )
        return "\n".join([title, "=" * width, *lines, "-" * width, body, "=" * width, notes])

    def __repr__(self) -> str:
        return (
            f"Design({self.settings['design']}: {self.n_treated:,} of "
            f"{int(self.comparison.treated.sum()):,} treated, {self.n_control:,} controls used)"
        )
