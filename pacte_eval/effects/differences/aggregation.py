"""Averages of effects by group and period, and how they move with the sizes of groups.

An average by sizes p is θ = Σ p ATT / Σ p over some effects. It is linear in them, with weights
p / Σ p, and its derivative by the size of a group g is Σ_g (ATT − θ) / Σ p, over the effects of g
among them (Callaway and Sant'Anna 2021, *Journal of Econometrics* 225, 200–230, corollary 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.contributions import (
    Contributions,
    LinearContributions,
    StoredContributions,
)
from pacte_eval.effects.table import COLUMNS

Aggregation = Literal["simple", "dynamic", "group", "calendar"]
KINDS: tuple[Aggregation, ...] = ("simple", "dynamic", "group", "calendar")

_ESTIMAND = {
    "simple": ("", "moyenne des groupes et des périodes traités"),
    "dynamic": ("par durée depuis le traitement", "moyenne des durées depuis le traitement"),
    "group": ("par groupe", "moyenne des groupes"),
    "calendar": ("par période", "moyenne des périodes"),
}
_WEIGHTS = {
    "simple": ("", "taille des groupes"),
    "dynamic": ("taille des groupes", "poids égaux des durées, groupes selon leur taille"),
    "group": ("poids égaux des périodes", "taille des groupes, poids égaux de leurs périodes"),
    "calendar": ("taille des groupes", "poids égaux des périodes, groupes selon leur taille"),
}


@runtime_checkable
class Combining(Protocol):
    """Contributions that know a shorter way to those of combinations."""

    def combined(self, columns: Sequence[int], coefficients: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Averages:
    """Averages of the rows of a table.

    Attributes
    ----------
    rows : DataFrame
        One row per average, with all but its error.
    weights : sparse array, shape (old, new)
    derivative : float array, shape (k, new)
        By the size of each group.
    groups : array, shape (k,)
    """

    rows: pd.DataFrame
    weights: sparse.csc_array
    derivative: np.ndarray
    groups: np.ndarray

    def contributions(
        self, base: Contributions, shares: tuple[np.ndarray, sparse.csr_array] | None
    ) -> StoredContributions:
        """Contributions to the averages.

        Parameters
        ----------
        base : Contributions
            To the rows of the table.
        shares : (int array, sparse array), optional
            Groups, and contributions to their sizes: shape (clusters, groups).
        """
        number = len(self.rows)
        made: np.ndarray
        if isinstance(base, Combining):
            used = np.unique(self.weights.indices)
            made = base.combined(used.tolist(), self.weights.tocsr()[used].toarray())
        else:
            made = LinearContributions(base, self.weights)(range(number))
        if shares is not None:
            groups, sizes = shares
            moved = np.zeros((len(groups), number))
            moved[np.searchsorted(groups, self.groups)] = self.derivative
            made += sizes @ moved
        made[:, self.rows["estimate"].isna().to_numpy()] = np.nan
        return StoredContributions(made, base.clusters)


@dataclass
class _Building:
    """Averages as they are added."""

    table: pd.DataFrame
    sizes: np.ndarray
    estimate: np.ndarray = field(init=False)
    rows: list[pd.Series] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    derivative: list[np.ndarray] = field(default_factory=list)
    value: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.estimate = self.table["estimate"].to_numpy(dtype=float)
        self.usable = np.isfinite(self.estimate)
        self.groups, self.code = np.unique(self.table["group"].to_numpy(), return_inverse=True)

    def add(self, asked: np.ndarray, *, by_size: bool, **labels: object) -> None:
        """An average of the rows asked, by size or each the same."""
        used = asked & self.usable
        weight: np.ndarray = np.where(used, self.sizes if by_size else 1.0, 0.0)
        mass = weight.sum()
        derivative: np.ndarray = np.zeros(len(self.groups))
        if mass > 0:
            weight = weight / mass
            value = float(weight[used] @ self.estimate[used])
            if by_size:
                away = (self.estimate[used] - value) / mass
                derivative = np.bincount(self.code[used], away, len(self.groups))
        else:
            value = np.nan
        self._add(value, weight, derivative, asked, labels)

    def add_average(self, columns: Sequence[int], sizes: np.ndarray | None) -> None:
        """An average of averages, each the same or by the sizes of their groups."""
        kept = [j for j in columns if np.isfinite(self.value[j])]
        asked = np.any([self.weights[j] > 0 for j in kept], axis=0)
        values = np.array([self.value[j] for j in kept])
        size = np.ones(len(kept)) if sizes is None else sizes[kept]
        share = size / size.sum()
        value = float(share @ values)
        weight = np.array([self.weights[j] for j in kept]).T @ share
        derivative = np.array([self.derivative[j] for j in kept]).T @ share
        if sizes is not None:
            places = [int(self.code[np.argmax(self.weights[j] > 0)]) for j in kept]
            np.add.at(derivative, places, (values - value) / size.sum())
        self._add(value, weight, derivative, asked, {})

    def _add(
        self,
        value: float,
        weight: np.ndarray,
        derivative: np.ndarray,
        asked: np.ndarray,
        labels: dict[str, object],
    ) -> None:
        row = self.table.iloc[int(np.argmax(asked))].copy()
        for name in ("month", "group", "period"):
            row[name] = labels.get(name)
        used = asked & self.usable
        number, missing = int(used.sum()), int((asked & ~self.usable).sum())
        row["weights"] = f", {_counted(number, 'estimation')}"
        if missing:
            row["weights"] += f" ({_counted(missing, 'manquante')})"
        row["estimate"] = value
        if number:
            part = self.table[used]
            row["base_period"] = "\u202f; ".join(pd.unique(part["base_period"]))
            row["n_treated"] = int(part.groupby("group")["n_treated"].min().sum())
            row["n_control"] = int(part["n_control"].min())
        self.rows.append(row)
        self.value.append(value)
        self.weights.append(weight)
        self.derivative.append(derivative)

    def made(self, kind: Aggregation) -> Averages:
        rows = pd.DataFrame(self.rows).reset_index(drop=True)
        rows = rows[[name for name in rows if name in {*COLUMNS, "group", "period"}]]
        last = np.arange(len(rows)) == len(rows) - 1
        rows["estimand"] = [f"ATT, {_ESTIMAND[kind][int(over)]}" for over in last]
        rows["weights"] = [
            _WEIGHTS[kind][int(over)] + count
            for over, count in zip(last, rows["weights"], strict=True)
        ]
        matrix = sparse.csc_array(np.array(self.weights).T)
        for name in ("month", "group", "period"):
            rows[name] = rows[name].astype("Int64")
            if name != "month" and rows[name].isna().all():
                rows = rows.drop(columns=name)
        for name in ("treated_mean", "control_mean"):
            values = self.table[name].to_numpy(dtype=float)
            rows[name] = matrix.T @ np.where(self.usable, values, 0.0)
        return Averages(rows, matrix, np.array(self.derivative).T, self.groups)


def averages(
    table: pd.DataFrame,
    sizes: np.ndarray,
    kind: Aggregation,
    balance: int | None,
    last_period: int,
) -> Averages:
    """The averages of one kind, and last the one over all of them.

    Parameters
    ----------
    table : DataFrame
        Of `GroupTimeEffects`.
    sizes : float array, one per row
    kind : str
    balance : int, optional
    last_period : int

    Raises
    ------
    InputError
        If there is no effect after treatment to average.
    """
    group = table["group"].to_numpy(dtype=np.int64)
    period = table["period"].to_numpy(dtype=np.int64)
    month, after = period - group, period >= group
    built = _Building(table, sizes)
    if not (after & built.usable).any():
        raise InputError("no effect after treatment could be estimated: nothing to average")
    if kind == "simple":
        built.add(after, by_size=True)
    elif kind == "dynamic":
        chosen = np.ones(len(table), dtype=bool)
        if balance is not None:
            chosen = (last_period - group >= balance) & (month <= balance)
            if not (chosen & after & built.usable).any():
                raise InputError(f"balance={balance}: no group is followed for that long: lower it")
        lengths = np.unique(month[chosen])
        for length in lengths:
            built.add(chosen & (month == length), by_size=True, month=length)
        built.add_average(np.flatnonzero(lengths >= 0).tolist(), None)
    elif kind == "group":
        for one in built.groups:
            built.add((group == one) & after, by_size=False, group=one)
        size = np.array([sizes[group == one].mean() for one in built.groups])
        built.add_average(range(len(built.groups)), size)
    else:
        for when in np.unique(period[after]):
            built.add(after & (period == when), by_size=True, period=when)
        built.add_average(range(len(built.rows)), None)
    return built.made(kind)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"
