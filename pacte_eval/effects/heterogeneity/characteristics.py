"""Declared characteristics as columns of a regression, none telling of fewer than 11 units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import SMALLEST_SHOWN, InputError, nearest
from pacte_eval.definitions.numerals import NO_BREAK, THIN, amount, interval, number
from pacte_eval.definitions.vocabulary import level_label
from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import is_factor, normalise

Kind = Literal["person", "place"]
_DETERMINED = 1e-9


@dataclass(frozen=True, eq=False)
class Characteristics:
    """Columns of numbers and what each stands for.

    Attributes
    ----------
    columns : float array, shape (n, p)
        A number is one column, a factor one a level but the first.
    terms : DataFrame, p rows
        ``term`` (``age``, ``diploma[bac]``), ``label`` in French, ``kind`` (person or place),
        ``step``: the difference a sentence speaks of, one standard deviation of a number of more
        than two values, else the whole of its range.
    """

    columns: np.ndarray
    terms: pd.DataFrame

    def beside(self, other: Characteristics) -> Characteristics:
        """These columns, then others."""
        return Characteristics(
            np.column_stack([self.columns, other.columns]),
            pd.concat([self.terms, other.terms], ignore_index=True),
        )


def characteristics_of(
    comparison: Comparison,
    rows: np.ndarray,
    names: Sequence[str],
    labels: Mapping[str, str],
) -> Characteristics:
    """Covariates, strata or cells of some units of a comparison.

    Parameters
    ----------
    comparison : Comparison
    rows : int array, shape (m,)
    names : sequence of str
    labels : mapping of str to str
        Names as a French reader sees them.

    Raises
    ------
    InputError
        If there is none, a name is unknown or given twice, or as `characteristics` does.
    """
    if isinstance(names, str) or not len(names):
        raise InputError("declare characteristics as a list of names, of one at least")
    frames = (comparison.strata, comparison.cells, comparison.covariates)
    known = {str(column): frame for frame in frames for column in frame.columns}
    for place, name in enumerate(names):
        if name not in known:
            hint = nearest(name, known)
            raise InputError(f"characteristic '{name}' is no covariate, stratum or cell: {hint}")
        if name in names[:place]:
            raise InputError(f"characteristic '{name}' is named twice: name it once")
    columns = {name: known[name][name].iloc[rows].reset_index(drop=True) for name in names}
    return characteristics(pd.DataFrame(columns), "person", labels)


def characteristics(frame: pd.DataFrame, kind: Kind, labels: Mapping[str, str]) -> Characteristics:
    """Columns of a data frame, one row per unit.

    Raises
    ------
    InputError
        If values are missing, a column is constant or holds a level of fewer than 11 units, or
        another column determines it.
    """
    parts, rows = [], []
    for name in frame.columns:
        column = normalise(frame[name], f"characteristic of {kind}s")
        label = labels.get(name, name)
        levels = column.value_counts()
        if len(levels) < 2:
            raise InputError(f"characteristic '{name}' is the same for all units: leave it out")
        if (is_factor(column) or len(levels) == 2) and levels.min() < SMALLEST_SHOWN:
            raise InputError(
                f"characteristic '{name}' has a level of fewer than {SMALLEST_SHOWN} units: group "
                "its levels"
            )
        if is_factor(column):
            first, *others = column.cat.categories
            for level in others:
                parts.append((column == level).to_numpy(dtype=float))
                told = label
                if (first, level) != ("non", "oui"):
                    other, reference = (level_label(str(name), one) for one in (level, first))
                    told += f"{NO_BREAK}: {other} plutôt que {reference}"
                rows.append((f"{name}[{level}]", told, kind, 1.0))
        else:
            numbers = column.to_numpy(dtype=float)
            parts.append(numbers)
            step = float(np.ptp(numbers) if len(levels) == 2 else numbers.std(ddof=1))
            rows.append((str(name), label, kind, step))
    columns = np.column_stack(parts)
    terms = pd.DataFrame(rows, columns=["term", "label", "kind", "step"])
    refuse_determined(columns, terms)
    return Characteristics(columns, terms)


def refuse_determined(columns: np.ndarray, terms: pd.DataFrame) -> None:
    """Refuse a column that an intercept and those before it determine.

    Raises
    ------
    InputError
        Naming its term.
    """
    centred = columns - columns.mean(axis=0)
    size = np.linalg.norm(centred, axis=0)
    scaled = centred / np.where(size > 0, size, 1.0)
    left = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    if len(left) < scaled.shape[1] or (left < _DETERMINED).any():
        place = int(np.argmax(left < _DETERMINED)) if (left < _DETERMINED).any() else len(left)
        raise InputError(
            f"characteristic '{terms['term'][place]}' is determined by the others: leave one out"
        )


def sentence_of(row: pd.Series, unit: str, level: float) -> str:
    """One association, as a French reader is told of it.

    Parameters
    ----------
    row : Series
        ``label``, ``step``, ``estimate``, ``ci_low``, ``ci_high``.
    unit : str
        Of the outcome, as `pacte_eval.definitions.numerals` knows them.
    level : float
    """
    low, high = row["ci_low"] * row["step"], row["ci_high"] * row["step"]
    apart = low > 0 or high < 0
    of = "" if row["step"] == 1 else f" pour {number(row['step'], 2)} de plus"
    found = "association distincte de zéro" if apart else "aucune association établie"
    return (
        f"«{THIN}{row['label']}{THIN}»{of}{THIN}: "
        f"{amount(row['estimate'] * row['step'], unit, sign=True)} d’effet "
        f"(intervalle à {number(level, scale=100)}{THIN}% {interval(low, high, unit)}), {found}."
    )
