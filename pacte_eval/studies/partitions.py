"""Populations set beside each other: zones drawn together, and whether effects differ at all.

Zones of one partition do not overlap, and are drawn together. Publics overlap: their effects are
tested on their joint covariance and never pooled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import NO_BREAK as FIXED
from pacte_eval.definitions.numerals import THIN, number
from pacte_eval.definitions.vocabulary import ZONINGS
from pacte_eval.effects import Effects
from pacte_eval.effects.interactions import Interaction, equal_effects, equal_effects_given
from pacte_eval.effects.multiplicity import from_p_values
from pacte_eval.effects.partial_pooling import FEWEST, partial_pooling
from pacte_eval.effects.ranks import rank_sets
from pacte_eval.studies.analysis import Estimated

_FEWEST_LEVELS = 2


def pooled(horizons: Sequence[Period], estimated: Sequence[Estimated]) -> pd.DataFrame:
    """The zones of each partition with three measurable zones or more, drawn together by month.

    Returns
    -------
    DataFrame
        ``partition``, ``cell``, ``label``, ``outcome``, ``month``, ``estimate``, ``se``,
        ``ci_low``, ``ci_high``, ``shrunken``, ``shrunken_low``, ``shrunken_high``, ``weight``,
        ``rank_low``, ``rank_high``, ``n_treated``, ``n_lost``.
    """
    parts = []
    for zoning in dict.fromkeys(one.cell.zoning for one in estimated if one.cell.zoning):
        zones = [one for one in estimated if one.cell.zoning == zoning]
        for month in horizons:
            told = [(one, _at(one, month)) for one in zones]
            kept = [(one, effect) for one, effect in told if effect is not None]
            if len(kept) >= FEWEST:
                parts.append(_drawn_together(zoning, kept))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _drawn_together(zoning: str, zones: Sequence[tuple[Estimated, Effects]]) -> pd.DataFrame:
    estimates, covariance = _joint([effect for _, effect in zones])
    rows = pd.concat([effect.table for _, effect in zones], ignore_index=True)
    table = partial_pooling(estimates, covariance).table
    ranks = rank_sets(estimates, covariance)
    kept = rows[["cell", "outcome", "month", "estimate", "se", "ci_low", "ci_high", "n_treated"]]
    return kept.assign(
        partition=ZONINGS.get(zoning, zoning),
        label=[one.cell.label for one, _ in zones],
        shrunken=table["shrunken"],
        shrunken_low=table["ci_low"],
        shrunken_high=table["ci_high"],
        weight=table["weight"],
        rank_low=ranks["rank_low"],
        rank_high=ranks["rank_high"],
        n_lost=[one.lost for one, _ in zones],
    )


def interactions(
    month: Period,
    estimated: Sequence[Estimated],
    crossings: Sequence[Estimated],
) -> pd.DataFrame:
    """Whether effects differ between publics, between zones, and either with the other fixed.

    At one month, which makes them one family.

    Returns
    -------
    DataFrame
        ``question``, ``month``, ``statistic``, ``df``, ``p``, ``p_adjusted`` (Holm, over all
        rows), ``spread``, ``sentence``, ``n_treated``, ``outcome``.
    """
    rows = []
    groups = {"Entre publics": [one for one in estimated if one.cell.kind == "public"]}
    for zoning in dict.fromkeys(one.cell.zoning for one in estimated if one.cell.zoning):
        name = ZONINGS.get(zoning, zoning)
        groups[f"Entre territoires ({_lower(name)})"] = [
            one for one in estimated if one.cell.zoning == zoning
        ]
    for question, cells in groups.items():
        kept = [effect for one in cells if (effect := _at(one, month)) is not None]
        if len(kept) >= _FEWEST_LEVELS:
            found = equal_effects(*_joint(kept))
            rows.append(_row(question, month, found, _trained(kept)))
    rows += _with_the_other_fixed(month, crossings)
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows)
    known = table["p"].notna()
    table["p_adjusted"] = np.nan
    if known.any():
        table.loc[known, "p_adjusted"] = from_p_values(table.loc[known, "p"].to_numpy(), "holm")
    return table.assign(outcome=estimated[0].effects.table["outcome"].iloc[0])


def _with_the_other_fixed(month: Period, crossings: Sequence[Estimated]) -> list[dict[str, object]]:
    """Both dimensions of the crossings, one partition of territories at a time."""
    rows = []
    for zoning in dict.fromkeys(one.cell.zoning for one in crossings):
        told = [(one, _at(one, month)) for one in crossings if one.cell.zoning == zoning]
        kept = [(one, effect) for one, effect in told if effect is not None]
        if len(kept) < FEWEST:
            continue
        joint = _joint([effect for _, effect in kept])
        levels = pd.DataFrame(
            [one.cell.columns for one, _ in kept], columns=["public", "territory"]
        )
        name = ZONINGS.get(zoning, zoning)
        for dimension, question in (
            ("public", f"Entre publics, à territoire donné ({_lower(name)})"),
            ("territory", f"Entre territoires ({_lower(name)}), à public donné"),
        ):
            try:
                found = equal_effects_given(*joint, levels, dimension)
            except InputError:
                continue
            rows.append(_row(question, month, found, _trained([effect for _, effect in kept])))
    return rows


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _row(question: str, month: Period, found: Interaction, trained: int) -> dict[str, object]:
    return {
        "question": question,
        "month": month,
        "statistic": found.statistic,
        "df": found.freedom,
        "p": found.p,
        "spread": found.spread,
        "sentence": _sentence(found),
        "n_treated": trained,
    }


def _sentence(found: Interaction) -> str:
    if not found.freedom:
        return "Les effets ne varient pas."
    if found.p < 0.05:
        return (
            "Les effets diffèrent plus que le hasard ne l'explique (avant correction)"
            f"{THIN}; écart type des effets vrais{FIXED}: {number(found.spread, 1, scale=100)} "
            "points."
        )
    return (
        "Le hasard suffit à expliquer les différences observées, ce qui ne prouve pas que les "
        "effets sont égaux."
    )


def _at(one: Estimated, month: Period) -> Effects | None:
    """The primary effect of a cell at a month, None where it has no estimate and error."""
    table = one.effects.table
    rows = (table["month"] == month) & (table["outcome"] == table["outcome"].iloc[0])
    known = rows & (table["se"] > 0)
    if one.balance == "fail" or one.effects.contributions is None or not known.any():
        return None
    return one.effects.kept(known.to_numpy())


def _joint(effects: Sequence[Effects]) -> tuple[np.ndarray, np.ndarray]:
    every = effects[0].beside(*effects[1:])
    estimates = every.table["estimate"].to_numpy(dtype=float)
    return estimates, every.covariance().to_numpy(dtype=float)


def _trained(effects: Sequence[Effects]) -> int:
    """Of the largest population, since those of several may overlap."""
    return max(int(effect.table["n_treated"].iloc[0]) for effect in effects)
