"""Nearest-neighbour matching with replacement: each treated unit is compared with the controls of
its exact cell whose score is nearest, as often as they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, counted, nearest
from pacte_eval.designs.design import Design
from pacte_eval.designs.logit import FittedLogit, Logit
from pacte_eval.designs.neighbours import (
    NeighbourSets,
    Space,
    nearest_exactly,
    nearest_with_ties,
    seeded_rank,
)
from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import normalise

Ties = Literal["average", "first", "sorted", "seeded"]
_TIES: tuple[Ties, ...] = ("average", "first", "sorted", "seeded")

KEPT = "apparié"
NO_CONTROL = "aucun témoin dans la cellule exacte"
TOO_FAR = "aucun témoin à distance du caliper"


@dataclass(frozen=True)
class NearestNeighbour:
    """Nearest-neighbour matching on a score, with replacement.

    Parameters
    ----------
    score : ``"logit"``, Logit, or float array of shape (n,)
        ``"logit"`` is a logit on all covariates.
    neighbours : int
        Controls per treated unit.
    caliper : float, optional
        Largest distance, in standard deviations (ddof 1) of the score over all units, taken
        before exact cells.
    exact : sequence of str
        Strata, covariates or cells within which matching is exact.
    ties : ``"average"``, ``"first"``, ``"sorted"`` or ``"seeded"``
        Among controls equally near (scores are compared at 12 significant digits): all of them
        in equal shares; the first in the order of the data; MatchIt's, by position in the stable
        ascending sort of all units by score then row; by a draw from the seed and the unit's
        identifier.
    tie_tolerance : float
        With ``ties="average"``, squared distances in standard deviations of the score that
        differ by no more than this count as equal.
    seed : int, optional
        With ``ties="seeded"``.

    Notes
    -----
    Units of one person (`Comparison.cluster`) are never matched with each other. A treated unit
    with fewer controls than `neighbours` in its cell and caliper keeps those it has, in equal
    shares; with none it is trimmed, and stays in ``design.support`` with the reason.
    """

    score: str | Logit | np.ndarray | pd.Series = "logit"
    neighbours: int = 1
    caliper: float | None = None
    exact: Sequence[str] = ()
    ties: Ties = "average"
    tie_tolerance: float = 0.0
    seed: int | None = None

    def fit(self, comparison: Comparison) -> Design:
        """Match the treated units of a comparison.

        Raises
        ------
        InputError
            If a setting is out of range, unknown, or made meaningless by another; if sampling
            weights vary inside an exact cell; if the score cannot be fitted; if no treated unit
            has a control.
        """
        self._check()
        cell = _cells(comparison, self.exact)
        _check_weights(comparison, cell, self.exact)
        model = self._model(comparison)
        score = model.scores if model else _given(self.score, comparison)
        space = Space.of(score, cell, comparison.cluster)
        deviation = float(np.std(space.score, ddof=1))
        found = self._search(comparison, space, deviation)

        kept = found.size > 0
        if not kept.any():
            raise InputError(
                f"none of {len(kept)} treated units has a control: widen the caliper or name fewer "
                "exact variables"
            )
        sets = found.take(kept)
        weights = np.zeros(len(comparison))
        shares = comparison.weights[sets.target] / sets.size
        weights += sets.sets.T @ np.bincount(sets.of, shares)
        if sets.own is not None:
            weights -= sets.own.T @ shares
            weights[np.abs(weights) < 1e-12 * shares.min()] = 0.0
        weights[sets.target] = comparison.weights[sets.target]
        return Design(
            comparison=comparison,
            weights=weights,
            score=score.copy(),
            support=_support(comparison, space, found.target, kept, self.caliper is not None),
            settings=self._settings(deviation, model),
            sets=sets,
            space=space,
            model=model,
        )

    def _check(self) -> None:
        if self.ties not in _TIES:
            raise InputError(f"ties='{self.ties}' is unknown: {nearest(self.ties, _TIES)}")
        if int(self.neighbours) != self.neighbours or self.neighbours < 1:
            raise InputError(f"neighbours={self.neighbours} must be a whole number from 1")
        if self.caliper is not None and not 0 < self.caliper < np.inf:
            raise InputError(f"caliper={self.caliper} must be a positive number, or None")
        if not 0 <= self.tie_tolerance < np.inf:
            raise InputError(f"tie_tolerance={self.tie_tolerance} must not be negative")
        if self.tie_tolerance > 0 and self.ties != "average":
            raise InputError(
                f"tie_tolerance={self.tie_tolerance} is meaningless with ties='{self.ties}': it "
                "says which controls ties='average' shares between"
            )
        if self.ties == "seeded" and self.seed is None:
            raise InputError("ties='seeded' needs a seed: give seed=")
        if self.ties != "seeded" and self.seed is not None:
            raise InputError(f"seed={self.seed} is meaningless with ties='{self.ties}'")
        if isinstance(self.exact, str):
            raise InputError(f"exact='{self.exact}' must be a list of names: ['{self.exact}']")

    def _model(self, comparison: Comparison) -> FittedLogit | None:
        if isinstance(self.score, Logit):
            return self.score.fit(comparison)
        if isinstance(self.score, str):
            if self.score != "logit":
                raise InputError(
                    f"score='{self.score}' is unknown: {nearest(self.score, ['logit'])}"
                )
            return Logit().fit(comparison)
        return None

    def _search(self, comparison: Comparison, space: Space, deviation: float) -> NeighbourSets:
        targets = np.flatnonzero(comparison.treated)
        sources = np.flatnonzero(~comparison.treated)
        caliper = np.inf if self.caliper is None else self.caliper * deviation
        if self.ties == "average":
            return nearest_with_ties(
                space,
                targets,
                sources,
                self.neighbours,
                caliper=caliper,
                tolerance=self.tie_tolerance * deviation**2,
            )
        rank = {
            "first": lambda: np.arange(len(comparison), dtype=np.float64),
            "seeded": lambda: seeded_rank(comparison.unit, int(self.seed or 0)),
            "sorted": lambda: None,
        }[self.ties]()
        return nearest_exactly(space, targets, sources, self.neighbours, caliper=caliper, rank=rank)

    def _settings(self, deviation: float, model: FittedLogit | None) -> dict[str, object]:
        settings: dict[str, object] = {
            "design": "NearestNeighbour",
            "score": "given" if model is None else f"logit, {len(model.coefficients)} coefficients",
            "neighbours": self.neighbours,
            "replacement": True,
            "caliper": "none"
            if self.caliper is None
            else f"{self.caliper} SD of the score over all units = {self.caliper * deviation:.6g}",
            "exact": ", ".join(self.exact) or "none",
            "ties": self.ties,
        }
        if self.tie_tolerance:
            settings["tie_tolerance"] = self.tie_tolerance
        if self.seed is not None:
            settings["seed"] = self.seed
        if model is not None and model.dropped:
            settings["dropped"] = "; ".join(
                f"{name} ({why})" for name, why in model.dropped.items()
            )
        return settings


def _given(score: object, comparison: Comparison) -> np.ndarray:
    if isinstance(score, pd.Series) and score.index.sort_values().equals(
        comparison.unit.sort_values()
    ):
        score = score.reindex(comparison.unit)
    values = np.asarray(score, dtype=np.float64)
    if values.shape != (len(comparison),):
        raise InputError(f"score has shape {values.shape}: it needs {len(comparison)} values")
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        raise InputError(f"score has {counted(wrong, 'value')} missing or infinite")
    return values


def _cells(comparison: Comparison, names: Sequence[str]) -> np.ndarray:
    """Codes of the crossing of exact variables, from 0."""
    codes = np.zeros(len(comparison), dtype=np.int64)
    for name in names:
        for frame in (comparison.strata, comparison.covariates, comparison.cells):
            if name in frame.columns:
                values = normalise(frame[name], "exact variable")
                break
        else:
            known = {
                str(column)
                for frame in (comparison.strata, comparison.covariates, comparison.cells)
                for column in frame.columns
            }
            raise InputError(
                f"exact '{name}' is no stratum, covariate or cell: {nearest(name, known)}"
            )
        level = pd.factorize(values)[0]
        codes = pd.factorize(codes * (level.max() + 1) + level)[0].astype(np.int64)
    return codes


def _check_weights(comparison: Comparison, cell: np.ndarray, exact: Sequence[str]) -> None:
    weights = pd.Series(comparison.weights).groupby([cell, comparison.treated])
    spread = weights.max() / weights.min() - 1
    wrong = int((spread > 1e-9).sum())
    if wrong:
        missing = [str(name) for name in comparison.strata.columns if name not in exact]
        advice = f"add the strata to exact ({', '.join(missing)})" if missing else "split the cells"
        raise InputError(
            f"sampling weights vary inside {wrong} cells of an arm, where matching ignores them: "
            f"{advice}"
        )


def _support(
    comparison: Comparison,
    space: Space,
    target: np.ndarray,
    kept: np.ndarray,
    has_caliper: bool,
) -> pd.DataFrame:
    cell, control = space.cell, ~comparison.treated
    served = np.zeros(cell.max() + 1, dtype=bool)
    served[cell[control]] = True
    too_far = served[cell[target]] & has_caliper
    reason = np.where(kept, KEPT, np.where(too_far, TOO_FAR, NO_CONTROL))
    return pd.DataFrame({"unit": comparison.unit[target], "kept": kept, "reason": reason})
