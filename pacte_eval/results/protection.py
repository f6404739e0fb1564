"""Disclosure control: no number of persons from one to the threshold may be read or derived.

One rule serves every table: each number of persons a row gives away is declared in its schema
(`Persons`); where one is small, the row's values go. Three structures need more, because their
rows add up: nested counts of a flow chart (stages are left out until every difference of the
stages shown is zero or large), bins of a distribution (neighbours are merged) and the levels of
a categorical covariate (others are hidden until the hidden ones cannot be had by difference).

Public names: `protect(frame, schema, profile=Profile()) -> ProtectedTable`,
`protect_flow(frame, profile=Profile()) -> ProtectedTable`, `Profile`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pacte_eval.results.schemas import FLOW
from pacte_eval.results.table import Persons, Profile, ProtectedTable, Schema, sealed, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOBODY = 1e-6


def protect(frame: pd.DataFrame, schema: Schema, profile: Profile | None = None) -> ProtectedTable:
    """Apply the profile's rules to a table.

    Parameters
    ----------
    frame
        Rows of the schema. Columns outside the key and not counting persons may be absent.
    profile
        The thresholds; by default 11 persons.

    Returns
    -------
    ProtectedTable
        Every number of persons that one row gives away (counts, nested differences, shares times
        counts and their complements) is zero or at least ``profile.min_persons``; so are the
        differences along a chain, the merged bins, and the total of the hidden levels of a
        partition. Differences *between* cells are not examined.

    Raises
    ------
    ValueError
        If the frame does not fit its schema, or a row counts no persons.
    """
    profile = profile or Profile()
    _check_counts(frame, schema)
    rows = typed(frame, schema)
    if schema.merge == "bins":
        rows = _merge_bins(rows, schema, profile.min_persons)
    hidden = pd.DataFrame(False, index=rows.index, columns=list(schema.names))
    if schema.merge == "chain":
        _hide_stages(rows, hidden, schema, profile.min_persons)
    else:
        _hide_rows(rows, hidden, schema, profile.min_persons)
    if schema.partition:
        _hide_remainders(rows, hidden, schema, profile.min_persons)
    hidden = hidden.drop(columns=list(schema.secret))
    for name in schema.published.hideable:
        rows[name] = rows[name].mask(hidden[name])
    rows["suppressed"] = hidden.any(axis=1).astype("boolean")
    rows["withheld"] = pd.array(
        [" ".join(hidden.columns[row]) or None for row in hidden.to_numpy()], dtype="string"
    )
    return sealed(rows.drop(columns=list(schema.secret)), schema.published, profile)


def protect_flow(frame: pd.DataFrame, profile: Profile | None = None) -> ProtectedTable:
    """Protect a flow chart: rows (arm, order, rule, label, excluded, remaining).

    The numbers remaining that are shown differ from one another by zero or by at least the
    threshold, so that no exclusion, shown or added up, can be smaller. The last stage is kept,
    unless it is itself small, then the first one, then as many between as fit.
    """
    return protect(frame, FLOW, profile)


def _check_counts(frame: pd.DataFrame, schema: Schema) -> None:
    counts = sorted({rule.count for rule in schema.persons})
    absent = [name for name in counts if name not in frame]
    if absent:
        raise ValueError(f"table '{schema.name}' needs the count {', '.join(absent)}")
    shown = [name for name in counts if name not in schema.secret]
    if shown and frame[shown].isna().all(axis=1).any():
        raise ValueError(f"table '{schema.name}' has rows that count no persons")


def _small(numbers: np.ndarray, threshold: int) -> np.ndarray:
    return (numbers > _NOBODY) & (numbers < threshold - 0.5)


def _floats(values: pd.Series) -> np.ndarray:
    return values.to_numpy(dtype=float, na_value=np.nan)


def _gives_away(rows: pd.DataFrame, rule: Persons, threshold: int) -> np.ndarray:
    count = _floats(rows[rule.count])
    if rule.minus:
        small = _small(count - _floats(rows[rule.minus]), threshold)
    elif rule.share:
        share = _floats(rows[rule.share])
        is_share = (share > 0) & (share < 1)
        numerator, complement = share * count, (1 - share) * count
        small = is_share & (_small(numerator, threshold) | _small(complement, threshold))
    else:
        small = _small(count, threshold)
    if rule.unless:
        name, value = rule.unless
        small &= ~(rows[name] == value).fillna(False).to_numpy(dtype=bool)
    return small


def _hide_rows(rows: pd.DataFrame, hidden: pd.DataFrame, schema: Schema, threshold: int) -> None:
    together = list(schema.group or schema.key)
    group = rows.groupby(together, dropna=False).ngroup().to_numpy()
    for rule in schema.persons:
        small = np.bincount(group, weights=_gives_away(rows, rule, threshold)) > 0
        hidden.loc[small[group], list(rule.hides or schema.hideable)] = True


def _hide_remainders(
    rows: pd.DataFrame, hidden: pd.DataFrame, schema: Schema, threshold: int
) -> None:
    """Hide further levels until the hidden ones of each variable are two and add up to enough.

    What the levels listed leave of their arm is a hidden level too: the one left out as a
    reference.
    """
    shares = [rule for rule in schema.persons if rule.share]
    values = list(schema.hideable)
    levels = rows[rows[schema.partition[-1]].notna()]
    for _, group in levels.groupby(list(schema.partition), dropna=False, sort=True):
        arms = np.column_stack([_floats(group[r.share]) * _floats(group[r.count]) for r in shares])
        totals = np.array([np.nanmax(_floats(group[rule.count])) for rule in shares])
        arms = np.nan_to_num(arms)
        rest = np.maximum(totals - arms.sum(axis=0), 0.0)
        rest[rest < 0.5] = 0.0
        gone = hidden.loc[group.index, values].all(axis=1).to_numpy(copy=True)
        for position in np.argsort(arms.min(axis=1), kind="stable"):
            unseen = rest + arms[gone].sum(axis=0)
            alone = gone.sum() == 1 and not rest.any()
            if not alone and not _small(unseen, threshold).any():
                break
            gone[position] = True
        hidden.loc[group.index[gone], values] = True


def _hide_stages(rows: pd.DataFrame, hidden: pd.DataFrame, schema: Schema, threshold: int) -> None:
    for arm, chain in rows.groupby("arm", sort=False, dropna=False):
        if chain["remaining"].isna().any():
            raise ValueError(f"the flow of arm '{arm}' has stages without a number remaining")
        remaining = chain["remaining"].to_numpy(dtype=int)
        excluded = chain["excluded"].fillna(0).to_numpy(dtype=int)
        stages = np.concatenate([[remaining[0] + excluded[0]], remaining])
        if not np.array_equal(-np.diff(stages), excluded):
            raise ValueError(f"the flow of arm '{arm}' does not add up")
        shown = shown_stages(stages.tolist(), threshold)
        hidden.loc[chain.index, "remaining"] = [not after for after in shown[1:]]
        hidden.loc[chain.index, "excluded"] = [
            not (before and after) for before, after in pairwise(shown)
        ]


def shown_stages(stages: Sequence[int], threshold: int) -> list[bool]:
    """Which of a chain's decreasing numbers may be shown.

    Numbers are taken from the last upwards, each when it differs by zero or enough from the one
    taken before; then the first, taking back those it is too near to. Consecutive differences
    being zero or at least the threshold, so are all differences, which are their sums.
    """
    kept: list[int] = []
    for number in reversed(stages[1:]):
        gap = number - kept[-1] if kept else number
        if gap == 0 or gap >= threshold:
            kept.append(number)
    first = stages[0]
    while len(kept) > 1 and 0 < first - kept[-1] < threshold:
        kept.pop()
    if first - (kept[-1] if kept else 0) >= threshold:
        kept.append(first)
    return [number in kept for number in stages]


def _merge_bins(rows: pd.DataFrame, schema: Schema, threshold: int) -> pd.DataFrame:
    """Merge neighbouring bins until each arm has nobody or enough persons in each of them."""
    counts = [rule.count for rule in schema.persons]
    merged = []
    for _, bins in rows.groupby(list(schema.group), sort=False, dropna=False):
        numbers = bins[counts].fillna(0).to_numpy(dtype=int)
        starts = [0]
        total = np.zeros(len(counts), dtype=int)
        for position, bin_counts in enumerate(numbers):
            if position and not _small(total, threshold).any():
                starts.append(position)
                total = np.zeros(len(counts), dtype=int)
            total = total + bin_counts
        while len(starts) > 1 and _small(numbers[starts[-1] :].sum(axis=0), threshold).any():
            starts.pop()
        stops = [*starts[1:], len(bins)]
        block = bins.iloc[starts].copy()
        block["bin_high"] = bins["bin_high"].iloc[[stop - 1 for stop in stops]].to_numpy()
        for column, name in enumerate(counts):
            sums = [
                numbers[start:stop, column].sum() for start, stop in zip(starts, stops, strict=True)
            ]
            block[name] = pd.array(sums, dtype="Int64")
        merged.append(block)
    return pd.concat(merged, ignore_index=True) if merged else rows
