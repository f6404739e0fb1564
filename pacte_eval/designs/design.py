"""A design says who is compared with whom and with what weight; it was made without outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.balance import DENOMINATOR, balance_table
from pacte_eval.designs.matching.sets import LARGEST_TABLE, Matches
from pacte_eval.designs.matching.spaces import Space
from pacte_eval.designs.saved import load, save
from pacte_eval.designs.scores.scored import FittedScore
from pacte_eval.frames import Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Estimand = Literal["ATT", "ATC", "ATE", "ATO"]
Kind = Literal["neighbours", "pairs", "sets", "kernel", "weights"]

KEPT = "apparié"
WEIGHTED = "pondéré"
UNUSED = "témoin non utilisé"
UNUSED_TREATED = "traité non utilisé"
NO_CONTROL = "aucun témoin dans la cellule exacte"
NO_TREATED = "aucun traité dans la cellule exacte"
TOO_FAR = "aucun témoin à distance du caliper"
TREATED_TOO_FAR = "aucun traité à distance du caliper"

_KINDS = {
    "neighbours": "matching with replacement",
    "pairs": "matching without replacement",
    "sets": "matched sets",
    "kernel": "kernel matching",
    "weights": "weighting",
}
_DENOMINATORS = {
    "sd_treated": "the standard deviation of all treated",
    "sd_control": "the standard deviation of all controls",
    "sd_pooled": "the pooled standard deviation of both arms",
}


class WeightModel(Protocol):
    """How weights depend on what was estimated to make them."""

    def influence(self, residual: np.ndarray) -> np.ndarray:
        """Contributions of the estimated parameters to Σ residual(i) weight(i): shape (n, t).

        Parameters
        ----------
        residual : float array, shape (n, t)
            Derivative of an estimate by the weight of each unit.
        """
        ...


class Estimator(Protocol):
    """What makes a design of a comparison: `NearestNeighbour`, `InverseProbability` and others."""

    def fit(self, comparison: Comparison) -> Design: ...


@dataclass(frozen=True, eq=False)
class Design:
    """A comparison with its matched sets or weights.

    Attributes
    ----------
    comparison : Comparison
    weights : float array, shape (n,)
        What each unit weighs in the mean of its arm, 0 if it is trimmed or not used. The effect of
        the design is the difference of weighted means. A matched treated unit has its sampling
        weight (1 by default); a control, the sum of its shares in the sets it belongs to.
    support : DataFrame
        One row per unit: ``unit``, ``treated``, ``kept``, ``reason`` (categorical, in French).
    settings : mapping
        What the design was made with, in words and numbers; ``design`` is its name.
    kind : str
        ``"neighbours"`` (with replacement), ``"pairs"`` (without), ``"sets"`` (subclasses and
        cells), ``"kernel"`` or ``"weights"``: which inference applies.
    estimand : str
        ``"ATT"``, ``"ATC"``, ``"ATE"`` or ``"ATO"`` (overlap).
    score : float array, shape (n,), or None
    matches : Matches or None
        Comparison units of each target; None for weighting.
    space : Space or None
        The distance by which neighbours are found.
    model : FittedScore or None
        The score, when it was estimated here.
    weight_model : WeightModel or None
        How estimated weights depend on their parameters; None where weights are taken as given.
    estimator : Estimator or None
        What made the design, with its settings.
    """

    comparison: Comparison
    weights: np.ndarray
    support: pd.DataFrame
    settings: Mapping[str, object]
    kind: Kind
    estimand: Estimand = "ATT"
    score: np.ndarray | None = None
    matches: Matches | None = field(repr=False, default=None)
    space: Space | None = field(repr=False, default=None)
    model: FittedScore | None = field(repr=False, default=None)
    weight_model: WeightModel | None = field(repr=False, default=None)
    estimator: Estimator | None = field(repr=False, default=None)

    def __post_init__(self) -> None:
        for array in (self.weights, self.score):
            if array is not None:
                array.setflags(write=False)

    @property
    def target_arm(self) -> np.ndarray:
        """The units whose mean effect is estimated, before trimming: bool array, shape (n,)."""
        treated = self.comparison.treated
        return {"ATT": treated, "ATC": ~treated}.get(self.estimand, np.ones_like(treated))

    @property
    def supported_share(self) -> float:
        """Share of the target population (by sampling weight) that the design keeps."""
        target = self.target_arm
        weights = self.comparison.weights[target]
        return float(weights[self.weights[target] != 0].sum() / weights.sum())

    @property
    def n_treated(self) -> int:
        """Treated units that weigh something."""
        return int(np.count_nonzero(self.weights[self.comparison.treated]))

    @property
    def n_control(self) -> int:
        """Controls that weigh something."""
        return int(np.count_nonzero(self.weights[~self.comparison.treated]))

    def effective_sample_size(self) -> float:
        """Kish's effective number of controls, (Σw)² / Σw²."""
        return _effective(self.weights[~self.comparison.treated])

    def pairs(self) -> pd.DataFrame:
        """Every target with each of its comparison units.

        Returns
        -------
        DataFrame
            ``treated`` and ``control`` (units), ``distance`` (where the design has one),
            ``weight`` (the share of the comparison unit times the weight of the target).

        Raises
        ------
        InputError
            If the design weights rather than matches, or has over fifty million pairs.
        """
        if self.matches is None:
            raise InputError(f"a design of {self.settings['design']} has weights, not pairs")
        count = int(self.matches.size.sum())
        if count > LARGEST_TABLE:
            raise InputError(
                f"{count:,} pairs would not fit a table of {LARGEST_TABLE:,} rows: use weights"
            )
        members = self.matches.each()
        size = np.diff(members.indptr)
        target, source = np.repeat(self.matches.target, size), members.indices
        treated = self.comparison.treated[target]
        columns = {
            "treated": self.comparison.unit[np.where(treated, target, source)],
            "control": self.comparison.unit[np.where(treated, source, target)],
            "weight": members.data
            * np.repeat(self.comparison.weights[self.matches.target] / self.matches.mass, size),
        }
        table = pd.DataFrame(columns)
        if self.space is not None:
            table.insert(2, "distance", self.space.distance(target, source))
        return table

    def balance(self, by: str | None = None, *, interactions: bool = False) -> pd.DataFrame:
        """Balance of the score and of each covariate or level, before and after.

        Parameters
        ----------
        by : str, optional
            A cell, stratum or covariate whose every level has its own rows.
        interactions : bool
            Add the products of two covariates.

        Returns
        -------
        DataFrame
            Its columns are those of `pacte_eval.designs.balance.balance_table`: ``smd_…`` has the
            denominator ``sd_treated``, ``sd_control`` or ``sd_pooled`` that the estimand asks for.
        """
        return balance_table(self, by, interactions=interactions)

    def love_plot(self, threshold: float = 0.1) -> Figure:
        """Absolute standardised differences of each covariate or level, before and after.

        Parameters
        ----------
        threshold : float
            The largest difference held to be negligible.
        """
        from pacte_eval.figures.balance import love_plot

        table = self.balance()
        return love_plot(table.assign(label=_names(table)), threshold)

    def overlap_plot(self, bins: int = 20) -> Figure:
        """The score of the treated, upwards, and of the controls, downwards."""
        from pacte_eval.figures.balance import overlap_plot

        named = {
            "low": "bin_low",
            "high": "bin_high",
            "treated": "n_treated",
            "control": "n_control",
        }
        return overlap_plot(self.overlap(bins).rename(columns=named))

    def save(self, path: str | Path) -> None:
        """Write the design as a folder of Parquet files, whole or not at all.

        Raises
        ------
        InputError
            If `path` exists, or a value cannot be written.
        """
        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Design:
        """A design written by `save`, identical to it.

        Raises
        ------
        InputError
            If `path` holds no design.
        """
        return load(path, cls)

    def overlap(self, bins: int = 20) -> pd.DataFrame:
        """Counts of the score by arm in bins of equal width.

        Returns
        -------
        DataFrame
            ``low``, ``high``, ``treated``, ``control``, ``supported`` (treated kept).
        """
        if self.score is None:
            raise InputError(f"a design of {self.settings['design']} has no score to draw")
        edges = np.histogram_bin_edges(self.score, bins=bins)
        treated = self.comparison.treated
        return pd.DataFrame(
            {
                "low": edges[:-1],
                "high": edges[1:],
                "treated": np.histogram(self.score[treated], edges)[0],
                "control": np.histogram(self.score[~treated], edges)[0],
                "supported": np.histogram(self.score[treated & (self.weights != 0)], edges)[0],
            }
        )

    def summary(self) -> str:
        """Counts, weights, settings and balance as text."""
        table = self.balance()
        denominator = DENOMINATOR[self.estimand]
        shown = pd.DataFrame(
            {
                "": _names(table),
                "SMD before": table["smd_before"],
                "SMD after": table["smd_after"],
                "std err": table["smd_se"],
                "VR after": table["variance_ratio_after"],
                "KS before": table["ks_before"],
                "KS after": table["ks_after"],
            }
        )
        body = shown.to_string(index=False, na_rep="", float_format=_four_digits)
        left = {
            "Estimand": self.estimand,
            "Kind": _KINDS[self.kind],
            "Share supported": f"{self.supported_share:.1%}",
        }
        right = {}
        for arm, member, used in (
            ("Treated", self.comparison.treated, self.n_treated),
            ("Controls", ~self.comparison.treated, self.n_control),
        ):
            weights = self.weights[member]
            weights = weights[weights != 0]
            right[arm] = f"{int(member.sum()):,}"
            right[f"{arm} used"] = f"{used:,} ({used / member.sum():.1%})"
            right[f"Effective {arm.lower()}"] = f"{_effective(weights):,.1f}"
            left[f"Weights of {arm.lower()}"] = f"{weights.min():.4g} to {weights.max():.4g}"
        settings = {
            name: value
            for name, value in self.settings.items()
            if name not in ("design", "estimand")
        }
        facts = _two_columns(left, right)
        words = [f"{name + ':':<20} {value}" for name, value in settings.items()]
        note = (
            f"SMD: difference of means over {_DENOMINATORS[denominator]} before the design.\n"
            "VR: ratio of variances, treated over controls. KS: Kolmogorov–Smirnov distance."
        )
        width = max(len(line) for line in [*facts, *body.splitlines()])
        title = f"{self.settings['design']} design".center(width).rstrip()
        parts = [title, "=" * width, *facts, "-" * width, *words, "-" * width, body, "=" * width]
        return "\n".join([*parts, note])

    def __repr__(self) -> str:
        estimand = "" if self.estimand == "ATT" else f", {self.estimand}"
        treated = int(self.comparison.treated.sum())
        return (
            f"Design({self.settings['design']}{estimand}: {self.n_treated:,} of {treated:,} "
            f"treated, {self.n_control:,} controls used)"
        )


def _four_digits(value: float) -> str:
    return f"{round(value, 4) + 0.0:.4f}"  # + 0.0: no minus before zero


def _effective(weights: np.ndarray) -> float:
    return float(weights.sum() ** 2 / (weights @ weights))


def _names(table: pd.DataFrame) -> list[str]:
    return [
        f"{covariate}[{level}]" if level else covariate
        for covariate, level in zip(table["covariate"], table["level"], strict=True)
    ]


def _two_columns(left: Mapping[str, str], right: Mapping[str, str]) -> list[str]:
    """Lines of ``name: value`` side by side."""
    sides = []
    for side in (left, right):
        name = max(map(len, side)) + 1
        value = max(map(len, side.values()))
        sides.append([f"{key + ':':<{name}} {text:>{value}}" for key, text in side.items()])
    blank = " " * len(sides[0][0])
    return [f"{one}   {two}".rstrip() for one, two in zip_longest(*sides, fillvalue=blank)]


def matched_weights(comparison: Comparison, matches: Matches) -> np.ndarray:
    """Weight of each unit in the mean of its arm: float array, shape (n,).

    A target brings its sampling weight, a comparison unit the sum of its shares in the sets of its
    targets; under ATE a unit is both.
    """
    own = comparison.weights[matches.target]
    share = own / matches.mass
    weights = matches.spread(share[:, np.newaxis])[:, 0]
    weights[np.abs(weights) < 1e-12 * np.abs(share).min(initial=np.inf)] = 0.0
    weights[matches.target] += own
    return weights


def support_table(
    comparison: Comparison,
    kept: np.ndarray,
    reasons: Sequence[tuple[np.ndarray, str]],
    *,
    word: str = KEPT,
) -> pd.DataFrame:
    """The record of who is kept and why the others are not.

    Parameters
    ----------
    comparison : Comparison
    kept : bool array, shape (n,)
    reasons : sequence of (bool array of shape (n,), str)
        The first that holds is the reason of a unit not kept; `UNUSED_TREATED` or `UNUSED` where
        none does.
    word : str
        Reason of those kept.

    Returns
    -------
    DataFrame
        ``unit``, ``treated``, ``kept``, ``reason``.
    """
    reasons = [*reasons, (comparison.treated, UNUSED_TREATED)]
    texts = list(dict.fromkeys([word, UNUSED, *(text for _, text in reasons)]))
    code = np.full(len(kept), texts.index(UNUSED), dtype=np.int8)
    for mask, text in reversed(reasons):
        code[mask] = texts.index(text)
    code[kept] = texts.index(word)
    return pd.DataFrame(
        {
            "unit": comparison.unit,
            "treated": comparison.treated,
            "kept": kept,
            "reason": pd.Categorical.from_codes(code, pd.Index(texts)).remove_unused_categories(),
        }
    )
