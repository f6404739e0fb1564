"""Averages of effects by group and period, and how they move with the sizes of groups.

An average by sizes p is θ = Σ p ATT / Σ p over some effects. It is linear in them, with weights
p / Σ p, and its derivative by the size of a group g is Σ_g (ATT − θ) / Σ p, over the effects of g
among them (Callaway and Sant'Anna 2021, *Journal of Econometrics* 225, 200–230, corollary 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.contributions import (
    Contributions,
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


_ROWS = 65_536
_MADE_LATER = ("se", "ci_low", "ci_high", "p")


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
    no_error: np.ndarray
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
        used = np.unique(self.weights.indices)
        made = base.combined(used.tolist(), self.weights.tocsr()[used].toarray())
        if shares is not None:
            groups, sizes = shares
            moved = np.zeros((len(groups), number))
            moved[np.searchsorted(groups, self.groups)] = self.derivative
            for start in range(0, len(made), _ROWS):
                made[start : start + _ROWS] += sizes[start : start + _ROWS] @ moved
        made[:, self.no_error] = np.nan
        return StoredContributions(made, base.clusters)


class _Building:
    """Averages as they are added."""

    def __init__(self, table: pd.DataFrame, sizes: np.ndarray) -> None:
        self._table, self._sizes = table, sizes
        self._estimate = table["estimate"].to_numpy(dtype=float)
        self._clear = np.isfinite(table["se"].to_numpy(dtype=float))
        self.usable = np.isfinite(self._estimate)
        self.groups, self._code = np.unique(table["group"].to_numpy(), return_inverse=True)
        self._counts = {name: table[name].to_numpy() for name in ("n_treated", "n_control")}
        self._bases = table["base_period"].to_numpy(dtype=object)
        self._rows: list[dict[str, object]] = []
        self._value: list[float] = []
        self._weights: list[np.ndarray] = []
        self._derivative: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, asked: np.ndarray, *, by_size: bool, **labels: int) -> None:
        """An average of the rows asked, by size or each the same."""
        used = asked & self.usable
        weight: np.ndarray = np.where(used, self._sizes if by_size else 1.0, 0.0)
        mass = weight.sum()
        value = np.nan
        derivative: np.ndarray = np.zeros(len(self.groups))
        if mass > 0:
            weight = weight / mass
            value = float(weight[used] @ self._estimate[used])
            if by_size:
                away = (self._estimate[used] - value) / mass
                derivative = np.bincount(self._code[used], away, len(self.groups))
        self._add(value, weight, derivative, asked, labels)

    def add_average(self, columns: Sequence[int], sizes: np.ndarray | None) -> None:
        """An average of averages, each the same or by the sizes of their groups."""
        kept = [j for j in columns if np.isfinite(self._value[j])]
        asked = np.any([self._weights[j] > 0 for j in kept], axis=0)
        values = np.array([self._value[j] for j in kept])
        size = np.ones(len(kept)) if sizes is None else sizes[kept]
        share = size / size.sum()
        value = float(share @ values)
        weight = np.array([self._weights[j] for j in kept]).T @ share
        derivative = np.array([self._derivative[j] for j in kept]).T @ share
        if sizes is not None:
            places = [int(self._code[np.argmax(self._weights[j] > 0)]) for j in kept]
            np.add.at(derivative, places, (values - value) / size.sum())
        self._add(value, weight, derivative, asked, {})

    def _add(
        self,
        value: float,
        weight: np.ndarray,
        derivative: np.ndarray,
        asked: np.ndarray,
        labels: dict[str, int],
    ) -> None:
        used = asked & self.usable
        number, missing = int(used.sum()), int((asked & ~self.usable).sum())
        unclear = int((used & ~self._clear).sum())
        least = np.zeros(len(self.groups), dtype=np.int64)
        if number:
            least[:] = np.iinfo(np.int64).max
            np.minimum.at(least, self._code[used], self._counts["n_treated"][used])
            least[np.bincount(self._code[used], minlength=len(least)) == 0] = 0
        self._rows.append(
            {
                "month": labels.get("month"),
                "group": labels.get("group"),
                "period": labels.get("period"),
                "estimate": value,
                "n_treated": int(least.sum()),
                "n_control": int(self._counts["n_control"][used].min()) if number else 0,
                "no_error": unclear == number,
                "se_kind": f", sans l'aléa de {_counted(unclear, 'estimation')} sans erreur type"
                if 0 < unclear < number
                else "",
                "weights": f", {_counted(number, 'estimation')}"
                + (f" ({_counted(missing, 'manquante')})" if missing else ""),
                "base_period": "\u202f; ".join(
                    dict.fromkeys(self._bases[used if number else asked])
                ),
            }
        )
        self._value.append(value)
        self._weights.append(weight)
        self._derivative.append(derivative)

    def made(self, kind: Aggregation) -> Averages:
        rows = pd.DataFrame(self._rows)
        over = [*([0] * (len(rows) - 1)), 1]
        rows["estimand"] = [f"ATT, {_ESTIMAND[kind][last]}" for last in over]
        rows["weights"] = [
            _WEIGHTS[kind][last] + count for last, count in zip(over, rows["weights"], strict=True)
        ]
        matrix = sparse.csc_array(np.array(self._weights).T)
        for name in ("month", "group", "period"):
            rows[name] = rows[name].astype("Int64")
            if name != "month" and rows[name].isna().all():
                rows = rows.drop(columns=name)
        for name in ("treated_mean", "control_mean"):
            values = self._table[name].to_numpy(dtype=float)
            rows[name] = matrix.T @ np.where(self.usable, values, 0.0)
            rows.loc[rows["estimate"].isna(), name] = np.nan
        first = self._table.iloc[0]
        rows["se_kind"] = first["se_kind"] + rows["se_kind"]
        shared = {name: first[name] for name in COLUMNS if name not in {*rows, *_MADE_LATER}}
        no_error = rows.pop("no_error").to_numpy(dtype=bool)
        derivative = np.array(self._derivative).T
        return Averages(rows.assign(**shared), no_error, matrix, derivative, self.groups)


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
        built.add_average(range(len(built)), None)
    return built.made(kind)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"
