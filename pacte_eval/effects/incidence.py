"""Kaplan–Meier, Aalen–Johansen and restricted means weighted by a design.

In each arm the hazard of a cause at a month is the weighted share of those still followed who meet
it; survival is the product of what is left (Kaplan and Meier 1958, *JASA* 53), and the incidence of
a cause sums its hazards times the survival before (Aalen and Johansen 1978, *Scandinavian Journal
of Statistics* 5). Months being discrete, all events of one month are tied, and who is censored at
a month is followed through it. Censoring is taken to be independent of the events, in each arm.

What a unit contributes is the derivative of the difference by its own weight, times that weight:
the empirical influence function, weights held fixed. With equal weights the squares of those of
survival sum to Greenwood's variance. It depends on the arm, the month and the event only, so that a
small table and a sparse count of units by cluster give every covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.definitions.errors import SMALLEST_SHOWN, InputError, check_kind
from pacte_eval.designs import Design
from pacte_eval.designs.settings import check_choice, is_whole
from pacte_eval.effects.contributions import Contributions
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.inputs import Clusters, read_clusters
from pacte_eval.effects.shares import outcome_weights
from pacte_eval.effects.spells import Spells
from pacte_eval.effects.table import Wording, check_level, tidy
from pacte_eval.effects.task import population

Measure = Literal["incidence", "survival", "restricted-mean"]

_ESTIMATOR = {
    "incidence": "Aalen–Johansen pondéré",
    "survival": "Kaplan–Meier pondéré",
    "restricted-mean": "aire sous Kaplan–Meier pondéré",
}
_ESTIMAND = {
    "incidence": "incidence cumulée",
    "survival": "part sans événement",
    "restricted-mean": "mois sans événement, jusqu'au mois indiqué",
}
_FEW_CLUSTERS = 40


@dataclass(frozen=True, eq=False)
class SpellEffects(Effects):
    """Effects on the time to a first event.

    Attributes
    ----------
    curves : DataFrame
        Each arm by itself: ``arm, outcome, month, estimate, se, at_risk``, the last being the
        number of units still followed at the month.
    not_followed : int
        Units with a weight in the design that are not followed at all.
    """

    curves: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)
    not_followed: int = 0


def estimate_spells(
    design: Design,
    spells: Spells,
    *,
    measure: Measure = "incidence",
    horizon: int | None = None,
    cluster: str | np.ndarray | pd.Series | None = None,
    level: float = 0.95,
) -> SpellEffects:
    """Difference between the arms of a design in the time to a first event, month by month.

    Parameters
    ----------
    design : Design
    spells : Spells
        With a row for every unit of the comparison.
    measure : ``"incidence"``, ``"survival"`` or ``"restricted-mean"``
        The share that has met each cause by each month, the others being in the way; the share
        that has met none; or the mean number of months before any, up to each month.
    horizon : int, optional
        Last month; by default the last at which some of both arms are followed.
    cluster : str or array of shape (n,), optional
        As for `estimate`.
    level : float
        Of the intervals.

    Returns
    -------
    SpellEffects
        Its rows beyond what an arm is followed to are missing.

    Raises
    ------
    InputError
        If a unit has no spell, or nobody of an arm is followed.

    Notes
    -----
    A unit that is not followed leaves its set, whose other members share it. The error is missing
    where fewer than two units of an arm are followed.
    """
    check_kind(design, Design, use="the fit() of a design on a comparison")
    check_kind(spells, Spells, use="first_spell(…)")
    check_level(level)
    check_choice("measure", measure, get_args(Measure))
    if horizon is not None and not is_whole(horizon, 1):
        raise InputError(f"horizon={horizon!r} must be a number of months, from 1")
    comparison = design.comparison
    months, events = spells.aligned(comparison.unit)
    weights = outcome_weights(design, (months > 0)[:, np.newaxis])[:, 0]
    clusters = read_clusters(cluster, design, by_set=design.kind in ("pairs", "sets"))
    names = {True: comparison.treated_label, False: comparison.control_label}
    members = [(weights != 0) & (comparison.treated == side) for side in (True, False)]
    for side, member in zip((True, False), members, strict=True):
        if not member.any():
            raise InputError(
                f"no unit of arm '{names[side]}' is followed: spells all end at month 0, or match "
                "none that is"
            )
    if horizon is None:
        horizon = min(int(months[member].max()) for member in members)
    kinds = _Kinds(horizon, len(spells.causes))
    kind = kinds.of(months, events)
    arms = [_Arm.of(kinds, kind[member], weights[member]) for member in members]
    paths = [arm.paths(measure) for arm in arms]
    outcomes = (
        list(spells.causes) if measure == "incidence" else ["sans " + " ni ".join(spells.causes)]
    )
    rows = pd.DataFrame(
        {
            "outcome": np.repeat(outcomes, horizon),
            "month": np.tile(np.arange(1, horizon + 1), len(outcomes)),
            "at_risk_treated": np.tile(arms[0].at_risk, len(outcomes)),
            "at_risk_control": np.tile(arms[1].at_risk, len(outcomes)),
            "treated_mean": paths[0].values,
            "control_mean": paths[1].values,
            "estimate": paths[0].values - paths[1].values,
            "n_treated": int(members[0].sum()),
            "n_control": int(members[1].sum()),
        }
    )
    derivatives = np.vstack([paths[0].derivatives, -paths[1].derivatives])
    enough = [member.sum() > 1 for member in members]
    derivatives[:, rows["estimate"].isna() | (not all(enough))] = np.nan
    contributions = _KindContributions(
        _counts(kinds, kind, weights, comparison.treated, clusters), derivatives, clusters
    )
    rows["se"] = np.sqrt(contributions.variances_of(derivatives))
    curves = []
    for place, (side, arm, path) in enumerate(zip((True, False), arms, paths, strict=True)):
        alone = np.zeros(derivatives.shape)
        alone[place * kinds.number :][: kinds.number] = path.derivatives
        error = np.sqrt(contributions.variances_of(alone))
        curves.append(
            rows[["outcome", "month"]].assign(
                arm=names[side],
                estimate=path.values,
                se=np.where(np.isnan(path.values) | (not enough[place]), np.nan, error),
                at_risk=np.tile(arm.at_risk, len(outcomes)),
            )
        )
    wording = Wording(
        comparison=f"{names[True]} contre {names[False]}",
        outcome=outcomes[0],
        estimator=f"{_ESTIMATOR[measure]} ({design.settings['design']})",
        estimand=f"{design.estimand}, {_ESTIMAND[measure]}",
        se_kind="fonction d'influence, pondérations tenues pour fixes" + _clustered(clusters),
        target_population=population(design),
        weights="pondérations du plan, tenues pour fixes",
        base_period="aucune (niveau)",
        control_group=names[False],
        contribution_kind="influence" if design.kind == "weights" else "linearised",
    )
    return SpellEffects(
        table=tidy(rows, wording, level=level),
        contributions=contributions,
        level=level,
        curves=pd.concat(curves, ignore_index=True)[
            ["arm", "outcome", "month", "estimate", "se", "at_risk"]
        ],
        not_followed=int(np.count_nonzero((design.weights != 0) & (months == 0))),
    )


@dataclass(frozen=True)
class _Kinds:
    """Units of one arm with one month and one event are alike: one number for each."""

    horizon: int
    causes: int

    @property
    def number(self) -> int:
        return (self.horizon + 1) * (self.causes + 1)

    @property
    def month(self) -> np.ndarray:
        return np.arange(self.number) // (self.causes + 1)

    @property
    def event(self) -> np.ndarray:
        return np.arange(self.number) % (self.causes + 1)

    def of(self, months: np.ndarray, events: np.ndarray) -> np.ndarray:
        """Kind of each unit: beyond the horizon, followed to it without event."""
        inside = months <= self.horizon
        month = np.minimum(months, self.horizon)
        return month * (self.causes + 1) + np.where(inside, events, 0)


@dataclass(frozen=True, eq=False)
class _Path:
    """Values of a measure in an arm, and their derivatives by the weight of a unit of each kind."""

    values: np.ndarray
    derivatives: np.ndarray


@dataclass(frozen=True, eq=False)
class _Arm:
    """Survival (months 0 to h) and incidence (months 0 to h, causes) of an arm.

    Derivatives have a first axis of kinds. Values are missing after the last month at which
    somebody is followed, unless everybody has met an event by then.
    """

    survival: np.ndarray
    incidence: np.ndarray
    survival_by: np.ndarray
    incidence_by: np.ndarray
    at_risk: np.ndarray

    @classmethod
    def of(cls, kinds: _Kinds, kind: np.ndarray, weights: np.ndarray) -> _Arm:
        size, causes = kinds.horizon + 1, kinds.causes
        shape = (size, causes + 1)
        mass = np.bincount(kind, weights, minlength=kinds.number).reshape(shape)
        count = np.bincount(kind, minlength=kinds.number).reshape(shape)
        followed, number = (part.sum(axis=1)[::-1].cumsum()[::-1] for part in (mass, count))
        survival, incidence = np.ones(size), np.zeros((size, causes))
        survival_by = np.zeros((kinds.number, size))
        incidence_by = np.zeros((kinds.number, size, causes))
        for now in range(1, size):
            before, before_by = survival[now - 1], survival_by[:, now - 1]
            if number[now] == 0:
                gone = before == 0
                survival[now] = 0.0 if gone else np.nan
                incidence[now] = incidence[now - 1] if gone else np.nan
                incidence_by[:, now] = incidence_by[:, now - 1]
                continue
            hazard = mass[now, 1:] / followed[now]
            met = np.eye(causes + 1)[kinds.event][:, 1:] * (kinds.month == now)[:, np.newaxis]
            there = (kinds.month >= now)[:, np.newaxis]
            hazard_by = (met - there * hazard) / followed[now]
            left = 0.0 if count[now, 1:].sum() == number[now] else 1 - hazard.sum()
            survival[now] = before * left
            incidence[now] = incidence[now - 1] + before * hazard
            survival_by[:, now] = before_by * left - before * hazard_by.sum(axis=1)
            incidence_by[:, now] = (
                incidence_by[:, now - 1] + before * hazard_by + before_by[:, np.newaxis] * hazard
            )
        return cls(survival, incidence, survival_by, incidence_by, number[1:])

    def paths(self, measure: Measure) -> _Path:
        """A measure at months 1 to h; causes follow each other."""
        if measure == "incidence":
            by = self.incidence_by[:, 1:].transpose(0, 2, 1)
            return _Path(self.incidence[1:].T.ravel(), by.reshape(len(by), -1))
        if measure == "survival":
            return _Path(self.survival[1:], self.survival_by[:, 1:])
        return _Path(self.survival[:-1].cumsum(), self.survival_by[:, :-1].cumsum(axis=1))


def _counts(
    kinds: _Kinds, kind: np.ndarray, weights: np.ndarray, treated: np.ndarray, clusters: Clusters
) -> sparse.csr_array:
    """Weights of units by cluster, and by arm and kind: shape (clusters, 2 × kinds)."""
    codes, factor = np.arange(len(kind)), 1.0
    used = weights != 0
    if clusters.codes is not None:
        codes = clusters.codes
        used &= codes >= 0
        factor = np.sqrt(clusters.number / (clusters.number - 1))
    column = np.where(treated, kind, kind + kinds.number)
    return sparse.coo_array(
        (factor * weights[used], (codes[used], column[used])),
        shape=(int(codes.max()) + 1, 2 * kinds.number),
    ).tocsr()


class _KindContributions(Contributions):
    """Weights by cluster and kind, times the derivatives of each kind."""

    def __init__(
        self, counts: sparse.csr_array, derivatives: np.ndarray, clusters: Clusters
    ) -> None:
        self._counts = counts
        self._derivatives = derivatives
        self._clusters = clusters
        self._squares = (counts.T @ counts).toarray()

    @property
    def number(self) -> int:
        return int(self._counts.shape[0])

    @property
    def clusters(self) -> pd.Index:
        return self._clusters.identities()

    def __call__(self, columns: Sequence[int]) -> np.ndarray:
        return np.asarray(self._counts @ self._derivatives[:, list(columns)])

    def gram(self, columns: Sequence[int]) -> np.ndarray:
        part = self._derivatives[:, list(columns)]
        return np.asarray(part.T @ self._squares @ part)

    def variances(self, columns: Sequence[int]) -> np.ndarray:
        return self.variances_of(self._derivatives[:, list(columns)])

    def variances_of(self, derivatives: np.ndarray) -> np.ndarray:
        """Variances of combinations of kinds, shape (2 × kinds, k): float array, shape (k,)."""
        return np.maximum(np.sum(derivatives * (self._squares @ derivatives), axis=0), 0.0)


def _clustered(clusters: Clusters) -> str:
    if clusters.codes is None:
        return ""
    few = ""
    if clusters.number < _FEW_CLUSTERS:
        secret = clusters.number < SMALLEST_SHOWN
        shown = f"moins de {SMALLEST_SHOWN}" if secret else str(clusters.number)
        few = f", peu de grappes ({shown})"
    return f", grappes par {clusters.label}{few}"
