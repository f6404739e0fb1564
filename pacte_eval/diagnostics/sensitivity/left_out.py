"""What is known is hidden, block by block: an effect that moves much rests on that block, and might
move as much with a block that nobody has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import THIN, number
from pacte_eval.designs.design import Estimator
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes

NAME = "blocs de covariables laissés de côté"
EVERYTHING = "toutes les covariables"
MOST = 2.0
_LISTS = ("exact", "on", "mahalanobis_on")


def leave_block_out(
    comparison: Comparison,
    estimator: Estimator,
    outcomes: Outcomes,
    blocks: Mapping[str, Sequence[str]],
    month: Period,
) -> pd.DataFrame:
    """The effect at one month, the design being fitted anew without each block of covariates.

    Parameters
    ----------
    comparison : Comparison
    estimator : design with ``fit(comparison)``
        Lists that name what it matches on (``exact``, ``on``, ``mahalanobis_on``) lose what the
        block holds.
    outcomes : Outcomes
    blocks : mapping of str to sequence of str
        Covariates of each block, or names of such a list.
    month : int or str

    Returns
    -------
    DataFrame
        The first row is of all covariates, then one for each block: ``block``, ``estimate``,
        ``se``, ``ci_low``, ``ci_high``, ``change`` (from the first row), ``n_treated``.

    Raises
    ------
    InputError
        If a block is empty or names what is neither a covariate nor matched on, or the design
        cannot be fitted without it.
    """
    check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
    if isinstance(getattr(estimator, "score", None), np.ndarray):
        raise InputError("a score given as numbers is the same without any block: give a model")
    for block, names in blocks.items():
        _check(comparison, estimator, block, names)
    at = outcomes.at([month])
    rows = [_row(EVERYTHING, comparison, estimator, at)]
    for block, names in blocks.items():
        known = [name for name in names if name in comparison.covariates.columns]
        try:
            rows.append(
                _row(block, comparison.without(known), _without(estimator, block, names), at)
            )
        except InputError as error:
            raise InputError(f"block '{block}' cannot be left out: {error}") from None
    table = pd.DataFrame(rows)
    table.insert(5, "change", table["estimate"] - table["estimate"].iloc[0])
    return table


def left_out_verdict(table: pd.DataFrame) -> Verdicts:
    """Whether the effect of `leave_block_out` stands without any one block.

    Returns
    -------
    Verdicts
        ``value`` is the largest change in standard errors of the first row, ``threshold`` 2: pass
        where it is less and every estimate keeps its sign, fail where one does neither, else a
        warning; non testable without block, or where an estimate or its error is missing.
    """
    first, others = table.iloc[0], table.iloc[1:]
    error = float(first["se"])
    moved = (others["change"].abs() / error).to_numpy() if error > 0 else np.array([])
    if not len(moved) or not np.isfinite(moved).all():
        sentence = (
            "Aucun bloc de covariables n’a été laissé de côté, ou son estimation manque"
            f"{THIN}: la dépendance de l’effet à un bloc n’est pas testable."
        )
        return Verdicts.single(NAME, np.nan, MOST, "non testable", sentence)
    same = (np.sign(others["estimate"]) == np.sign(first["estimate"])).to_numpy()
    small = moved < MOST
    verdict: Verdict
    if (same & small).all():
        verdict, meaning = "pass", "le signe est gardé et l’écart reste sous deux erreurs types"
    elif (same | small).all():
        verdict = "warning"
        meaning = (
            "le signe change, dans la limite de deux erreurs types"
            if small.all()
            else "l’écart passe deux erreurs types, sans que le signe change"
            if same.all()
            else "selon le bloc, le signe change ou l’écart passe deux erreurs types"
        )
    else:
        verdict, meaning = "fail", "le signe change et l’écart passe deux erreurs types"
    worst = int(np.argmax(moved + np.where(same | small, 0.0, np.inf)))
    row = others.iloc[worst]
    sentence = (
        f"Quand les blocs de covariables sont laissés de côté un à un, {meaning}{THIN}; sans "
        f"«{THIN}{row['block']}{THIN}», l’effet passe de {number(first['estimate'], 3)} à "
        f"{number(row['estimate'], 3)} ({number(moved[worst], 1)} fois l’erreur type)."
    )
    return Verdicts.single(NAME, float(moved.max()), MOST, verdict, sentence)


def _check(comparison: Comparison, estimator: Estimator, block: str, names: Sequence[str]) -> None:
    if isinstance(names, str) or not len(names):
        raise InputError(f"block '{block}' must be a list of names: {{'{block}': ['sex', 'age']}}")
    matched = [str(one) for field in _LISTS for one in getattr(estimator, field, ())]
    known = [*(str(name) for name in comparison.covariates.columns), *matched]
    for name in names:
        if name not in known:
            raise InputError(
                f"'{name}' of block '{block}' is neither a covariate nor matched on: "
                f"{nearest(name, known)}"
            )


def _without(estimator: Estimator, block: str, names: Sequence[str]) -> Estimator:
    """The estimator, its lists of what it matches on shortened by a block."""
    changed: dict[str, Any] = {}
    for field in _LISTS:
        listed = list(getattr(estimator, field, ()))
        kept = [name for name in listed if name not in names]
        if listed and not kept and field != "exact":
            raise InputError(f"nothing would be left of {field}={listed}, and empty it means all")
        if kept != listed:
            changed[field] = kept
    return replace(estimator, **changed) if changed else estimator  # type: ignore[type-var]


def _row(
    block: str, comparison: Comparison, estimator: Estimator, at: Outcomes
) -> dict[str, object]:
    row = estimate(estimator.fit(comparison), at).table.iloc[0]
    return {
        "block": block,
        **{name: row[name] for name in ("estimate", "se", "ci_low", "ci_high", "n_treated")},
    }
