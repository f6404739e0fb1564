"""Linear combinations of estimates: pooled, cumulated, contrasted, each a matrix of coefficients.

A combination is rows of a table (what tells it apart, counts, words) and a sparse matrix with a
column per new estimate; estimates, means of arms and contributions follow from the matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.effects.table import IDENTITY, signed

Selection = Period | Mapping[str, object]
Dimension = Literal["month", "cell", "comparison", "outcome", "group", "period"]
Weights = Literal["equal", "n_treated"]

_SUMMED = ("cell", "comparison", "group")
_POOLED = {
    "cell": "moyenne des cellules",
    "comparison": "moyenne des comparaisons",
    "outcome": "moyenne des indicateurs",
}
_WEIGHTS = {"equal": "poids égaux", "n_treated": "nombres de traités"}


@dataclass(frozen=True)
class Combination:
    """New estimates as combinations of old ones.

    Attributes
    ----------
    rows : DataFrame
        One row per new estimate, without estimates and errors.
    matrix : sparse array, shape (old, new)
    """

    rows: pd.DataFrame
    matrix: sparse.csc_array


def contrast(table: pd.DataFrame, a: Selection, b: Selection) -> Combination:
    """Estimates selected by `a` less those selected by `b`, paired on all else that tells apart."""
    first, second = _select(table, a), _select(table, b)
    fixed = _named(a) | _named(b)
    keys = _others(table, fixed)
    left, right = (table.iloc[rows].assign(row=rows)[[*keys, "row"]] for rows in (first, second))
    if keys:
        paired = left.merge(right, on=keys, suffixes=("_a", "_b"))
    else:
        paired = left.merge(right, how="cross", suffixes=("_a", "_b"))
    if not len(paired) == len(left) == len(right):
        raise InputError(
            f"{a!r} selects {len(left)} estimates and {b!r} selects {len(right)}, of which "
            f"{len(paired)} pair: name more of {', '.join(_identity(table))}"
        )
    one, other = paired["row_a"].to_numpy(), paired["row_b"].to_numpy()
    rows = table.iloc[one].reset_index(drop=True)
    less = table.iloc[other].reset_index(drop=True)
    for name in [name for name in _identity(table) if name not in keys]:
        differs = ~_same(rows[name], less[name])
        if name not in fixed:
            rows[name] = rows[name].astype(object).where(~differs, None)
        elif name in _WORD:
            words = [
                f", {_WORD[name]} {signed(x)} moins {signed(y)}"
                for x, y in zip(rows[name], less[name], strict=True)
            ]
            rows["estimand"] = np.where(differs, rows["estimand"] + words, rows["estimand"])
            rows[name] = rows[name].astype(object).where(~differs, None)
        else:
            rows[name] = np.where(differs, rows[name] + " moins " + less[name], rows[name])
    for name in ("n_treated", "n_control"):
        rows[name] = np.minimum(rows[name], less[name])
    count = np.arange(len(rows))
    matrix = sparse.coo_array(
        (
            np.concatenate([np.ones(len(rows)), -np.ones(len(rows))]),
            (np.concatenate([one, other]), np.concatenate([count, count])),
        ),
        shape=(len(table), len(rows)),
    )
    return Combination(rows, matrix.tocsc())


def pool(
    table: pd.DataFrame,
    weights: Weights | Sequence[float] | np.ndarray | pd.Series,
    over: Dimension,
) -> Combination:
    """Weighted means over one dimension, for each value of the others; missing ones left out."""
    identity = _identity(table)
    known = [name for name in identity if name not in ("estimator", "estimand")]
    if over not in known:
        raise InputError(f"over='{over}' is not in the table: {nearest(over, known)}")
    weight, words = _weights(table, weights)
    weight = np.where(table["estimate"].notna(), weight, 0.0)
    keys = _others(table, {over})
    code = table.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    mass = np.bincount(code, weight)
    share = np.divide(weight, mass[code], out=np.zeros(len(weight)), where=mass[code] > 0)
    first = np.flatnonzero(~pd.Series(code).duplicated().to_numpy())
    rows = table.iloc[first].reset_index(drop=True)
    used = np.bincount(code, weight != 0).astype(int)
    seen = np.bincount(code)
    rows[over] = _POOLED.get(over)
    for name in set(identity) - {over, *keys}:
        several = (table[name].groupby(code).nunique() > 1).to_numpy()
        rows[name] = rows[name].astype(object).where(~several, None)
    rows["weights"] = [
        f"{words}, {count} estimations" + (f" ({all_ - count} manquantes)" if all_ > count else "")
        for count, all_ in zip(used, seen, strict=True)
    ]
    chosen = pd.Series(weight != 0)
    for name in ("n_treated", "n_control"):
        kept = table[name].where(chosen.to_numpy()).groupby(code)
        rows[name] = (
            (kept.sum() if over in _SUMMED else kept.min().fillna(0)).astype(int).to_numpy()
        )
    matrix = sparse.coo_array((share, (np.arange(len(table)), code)), shape=(len(table), len(rows)))
    matrix.eliminate_zeros()
    empty = mass == 0
    if empty.any():
        rows.loc[empty, ["n_treated", "n_control"]] = 0
    return Combination(rows, matrix.tocsc())


def cumulate(table: pd.DataFrame, first: int, last: int | None) -> Combination:
    """Running sums over months, from `first` on, within each path; rows without month in none."""
    months = pd.to_numeric(table["month"], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if np.isnan(months[table["month"].notna().to_numpy()]).any() or np.isnan(months).all():
        raise InputError("cumulate() adds up months counted from entry: these rows have none")
    kept = np.flatnonzero((months >= first) & (months <= (np.inf if last is None else last)))
    if len(kept) == 0:
        end = "the end" if last is None else last
        raise InputError(f"no month from {first} to {end}: check the table")
    keys = _others(table, {"month"})
    code = table.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()[kept]
    order = np.lexsort((months[kept], code))
    kept, code = kept[order], code[order]
    begins = np.flatnonzero(np.diff(code, prepend=-1))
    ends = np.append(begins[1:], len(kept)) - 1
    whole = months[kept[begins]] == first
    if last is not None:
        whole &= months[kept[ends]] == last
    if not whole.all() or (np.diff(months[kept])[np.diff(code) == 0] != 1).any():
        raise InputError("cumulate() needs every month of the span: some are not in the table")
    new = np.arange(len(kept))
    start = np.repeat(begins, np.diff([*begins, len(kept)]))
    length = new - start + 1
    column = np.repeat(new, length)
    inside = np.arange(len(column)) - np.repeat(np.cumsum(length) - length, length)
    matrix = sparse.coo_array(
        (np.ones(len(column)), (kept[start[column] + inside], column)),
        shape=(len(table), len(kept)),
    )
    rows = table.iloc[kept].reset_index(drop=True)
    rows["estimand"] += f", cumul depuis le mois {signed(first)}"
    for name in ("n_treated", "n_control"):
        rows[name] = rows.groupby(code)[name].cummin()
    return Combination(rows, matrix.tocsc())


_WORD = {"month": "mois", "group": "groupe", "period": "période"}


def _identity(table: pd.DataFrame) -> list[str]:
    return [name for name in IDENTITY if name in table]


def _others(table: pd.DataFrame, fixed: set[str]) -> list[str]:
    """What tells rows apart besides some columns; of month, group and period, two tell the third.

    Where every row has the three, the period is left out, or the month if the period is named.
    """
    free = _identity(table)
    three = ["month", "group", "period"]
    if set(three) <= set(free) and table[three].notna().all(axis=None):
        free.remove("month" if "period" in fixed else "period")
    return [name for name in free if name not in fixed]


def _same(values: pd.Series, others: pd.Series) -> np.ndarray:
    """Where two columns hold the same value, or are both missing."""
    left, right = values.astype(object), others.astype(object)
    return ((left == right) | (left.isna() & right.isna())).to_numpy(dtype=bool)


def _named(selection: Selection) -> set[str]:
    return set(selection) if isinstance(selection, Mapping) else {"month"}


def _select(table: pd.DataFrame, selection: Selection) -> np.ndarray:
    wanted = selection if isinstance(selection, Mapping) else {"month": selection}
    chosen = np.ones(len(table), dtype=bool)
    for name, value in wanted.items():
        if name not in _identity(table):
            raise InputError(
                f"'{name}' does not tell rows apart: {nearest(name, _identity(table))}"
            )
        chosen &= (table[name] == value).fillna(False).to_numpy(dtype=bool)
    if not chosen.any():
        raise InputError(f"{selection!r} names 0 estimates: see the table")
    return np.flatnonzero(chosen)


def _weights(
    table: pd.DataFrame, weights: Weights | Sequence[float] | np.ndarray | pd.Series
) -> tuple[np.ndarray, str]:
    if isinstance(weights, str):
        if weights not in _WEIGHTS:
            raise InputError(f"weights='{weights}' is unknown: {nearest(weights, list(_WEIGHTS))}")
        number = np.ones(len(table)) if weights == "equal" else table["n_treated"].to_numpy(float)
        return number, _WEIGHTS[weights]
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (len(table),):
        raise InputError(f"weights has {given.size} values for {len(table)} estimates")
    if not np.isfinite(given).all() or (given < 0).any():
        raise InputError("weights must be finite, and not negative")
    return given, "poids donnés"
