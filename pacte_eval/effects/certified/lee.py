"""Earnings or hours of those who work with or without training, between bounds.

Earnings are seen among the employed, whom training selects. If it moves nobody out of work (or
nobody into it), those who work either way are all the employed of one arm, and a share of those of
the other: trimming its highest, or lowest, earnings bounds the effect on them (Lee 2009, *Review of
Economic Studies* 76, 1071–1102). The arm with the higher rate of employment is the one trimmed.

Errors count that the trimmed share is estimated, as Lee's proposition 3 does, through the
contributions of the design's own weights: with p and q the rates of the trimmed arm and the other,
the lowest earnings of mass q have mean (E min(DY − DQ, 0) + qQ) / q, whose derivatives hold the
quantile Q fixed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design
from pacte_eval.effects.certified.forms import Form, form
from pacte_eval.effects.certified.identified_intervals import imbens_manski
from pacte_eval.effects.certified.masked import masked_means
from pacte_eval.effects.certified.sentences import lee_sentence
from pacte_eval.effects.certified.states import check_design
from pacte_eval.effects.certified.trimmed import tails
from pacte_eval.effects.shares import outcome_weights
from pacte_eval.effects.table import check_level
from pacte_eval.frames import Outcomes


def lee_bounds(
    design: Design, employed: Outcomes, earnings: Outcomes, *, level: float = 0.95
) -> pd.DataFrame:
    """Bounds of the effect on earnings of those employed with or without training, by period.

    Parameters
    ----------
    design : Design
        Of trainees against people who wait, for the effect on the treated.
    employed : Outcomes
        1 where employed, 0 where not, missing where not observed.
    earnings : Outcomes
        Of the employed, at the same periods; not read elsewhere. Missing for an employed unit, it
        makes the unit unobserved.
    level : float

    Returns
    -------
    DataFrame
        One row per period: ``month``, ``low``, ``high``, ``low_se``, ``high_se``, ``ci_low``,
        ``ci_high`` (Imbens–Manski 2004), ``employed_treated``, ``employed_control`` (rates),
        ``trimmed`` (``"formés"``, ``"témoins"``, or ``"personne"`` where rates are equal),
        ``trimmed_share`` (of the employed of that arm), ``naive`` (difference of the means of the
        employed), ``contribution_kind`` (``"none"``), ``sentence``. Missing where an arm has
        nobody employed.

    Raises
    ------
    InputError
        If periods differ, `employed` holds other values than 0 and 1, or the design is not for the
        treated.

    Notes
    -----
    Which arm is trimmed is read from the data: where rates of employment are nearly equal, it is
    left to chance, bounds are nearly the naive difference, and their errors, of the far ends of
    the distribution of earnings, are rough.
    """
    check_design(design)
    check_level(level)
    if tuple(employed.periods) != tuple(earnings.periods):
        raise InputError(f"'{employed.name}' and '{earnings.name}' must have the same periods")
    unit = design.comparison.unit
    working = employed.aligned(unit).astype(np.float64)
    if not np.isin(working[np.isfinite(working)], (0.0, 1.0)).all():
        raise InputError(f"'{employed.name}' must hold zeros and ones")
    paid = earnings.aligned(unit).astype(np.float64)
    rows = []
    for place, month in enumerate(employed.periods):
        row = _row(design, working[:, place], paid[:, place], level)
        sentence = lee_sentence(row, month, earnings.measure)
        rows.append({"month": month, **row, "contribution_kind": "none", "sentence": sentence})
    return pd.DataFrame(rows)


def _row(
    design: Design, working: np.ndarray, paid: np.ndarray, level: float
) -> dict[str, float | str]:
    """Bounds at a period."""
    treated = design.comparison.treated
    observed = np.isfinite(working) & ((working == 0) | np.isfinite(paid))
    at_work = observed & (working == 1)
    outcome = np.where(at_work, paid, 0.0)
    weights = outcome_weights(design, observed[:, np.newaxis])[:, 0]
    rates = []
    for arm in (treated, ~treated):
        total = weights[arm].sum()
        rates.append(float(weights[arm & at_work].sum() / total) if total > 0 else np.nan)
    row: dict[str, float | str] = dict.fromkeys(
        ["low", "high", "low_se", "high_se", "ci_low", "ci_high"], np.nan
    )
    row |= {"employed_treated": rates[0], "employed_control": rates[1], "trimmed": "personne"}
    row |= {"trimmed_share": np.nan, "naive": np.nan}
    if not min(rates) > 0:
        return row
    side = treated if rates[0] >= rates[1] else ~treated
    kept = min(rates) / max(rates)
    used = side & at_work & (weights > 0)
    lowest, highest = np.zeros(len(outcome)), np.zeros(len(outcome))
    lower, lowest[used], upper, highest[used] = tails(outcome[used], weights[used], kept)
    trimmed = np.column_stack([at_work, lowest, highest, outcome])[side]
    whole = np.column_stack([at_work, outcome])[~side]
    means = masked_means(
        design, observed, *((trimmed, whole) if side is treated else (whole, trimmed))
    )
    one = [form(means.value, place) for place in range(6)]
    if side is not treated:
        one = [*one[2:], *one[:2]]
    rate_trimmed, low_tail, high_tail, total_trimmed, rate, total = one
    untrimmed = total.over(rate)
    means_kept = [
        tail.over(rate) + Form(quantile, np.zeros(6))
        for tail, quantile in ((low_tail, lower), (high_tail, upper))
    ]
    ends = [mean - untrimmed for mean in means_kept]
    naive = total_trimmed.over(rate_trimmed).value - untrimmed.value
    if side is not treated:
        ends = [end.scaled(-1.0) for end in reversed(ends)]
        naive = -naive
    error = [float(np.sqrt(((means.contributions @ end.gradient) ** 2).sum())) for end in ends]
    row |= {"low": ends[0].value, "high": ends[1].value, "naive": naive}
    row |= {"low_se": error[0], "high_se": error[1], "trimmed_share": 1 - kept}
    if kept < 1:
        row["trimmed"] = "formés" if side is treated else "témoins"
    row["ci_low"], row["ci_high"] = imbens_manski(
        ends[0].value, ends[1].value, error[0], error[1], level
    )
    return row
