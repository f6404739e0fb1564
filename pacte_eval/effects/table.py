"""The tidy table of effects: its columns, and how rows are made of estimates and errors."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats

from pacte_eval.definitions.errors import InputError

# What tells one row from another; `group` and `period` are those of group-time effects.
PATH = ["comparison", "outcome", "estimator", "estimand", "cell"]
IDENTITY = [*PATH, "month", "group", "period"]
COLUMNS = [
    "comparison",
    "outcome",
    "month",
    "cell",
    "estimator",
    "estimand",
    "estimate",
    "se",
    "se_kind",
    "ci_low",
    "ci_high",
    "p",
    "n_treated",
    "n_control",
    "treated_mean",
    "control_mean",
    "target_population",
    "weights",
    "base_period",
    "control_group",
    "contribution_kind",
]


@dataclass(frozen=True)
class Wording:
    """What all rows of one estimation share: columns of the table, in French.

    Attributes
    ----------
    weights : str
        What estimates are averaged by.
    base_period : str
        What each outcome is compared with in time; ``"aucune (niveau)"`` for a level.
    control_group : str
    contribution_kind : str
        ``"influence"``, ``"linearised"`` or ``"none"``.
    """

    comparison: str
    outcome: str
    estimator: str
    estimand: str
    se_kind: str
    target_population: str
    weights: str
    base_period: str
    control_group: str
    contribution_kind: str
    cell: str = "ensemble"


def tidy(
    rows: pd.DataFrame,
    wording: Wording | None = None,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """A table of effects from its varying columns.

    Parameters
    ----------
    rows : DataFrame
        ``month, estimate, se`` at least; ``n_treated, n_control, treated_mean, control_mean``,
        and what else tells rows apart. Intervals are added where there are none.
    wording : Wording, optional
        Columns that all rows share.
    level : float
        Of the intervals.
    """
    table = rows.copy()
    if wording is not None:
        for name, text in asdict(wording).items():
            if name not in table:
                table[name] = text
    for name in ("n_treated", "n_control"):
        table[name] = table.get(name, 0)
    for name in ("treated_mean", "control_mean"):
        table[name] = table.get(name, np.nan)
    if "ci_low" not in table:
        table = table.assign(**intervals(table["estimate"], table["se"], level))
    table["month"] = _months(table["month"])
    own = [name for name in table if name not in COLUMNS]
    place = COLUMNS.index("month") + 1
    return table[[*COLUMNS[:place], *own, *COLUMNS[place:]]].reset_index(drop=True)


def intervals(
    estimate: np.ndarray | pd.Series, error: np.ndarray | pd.Series, level: float
) -> dict[str, np.ndarray]:
    """Gaussian intervals and two-sided p-values; missing where the error is, or is zero for p."""
    estimate, error = np.asarray(estimate, dtype=float), np.asarray(error, dtype=float)
    half = stats.norm.ppf(0.5 + level / 2) * error
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.where(error > 0, 2 * stats.norm.sf(np.abs(estimate) / error), np.nan)
    return {"ci_low": estimate - half, "ci_high": estimate + half, "p": p}


def check_level(level: float) -> None:
    """Refuse a level that is no probability, as 95."""
    if not 0 < level < 1:
        raise InputError(f"level={level} must lie between 0 and 1, as 0.95")


def paths(table: pd.DataFrame) -> np.ndarray:
    """Number of the path (comparison, outcome, estimator and cell) of each row, from 0."""
    return table.groupby(PATH, sort=False, dropna=False).ngroup().to_numpy()


def _months(months: pd.Series) -> pd.Series:
    """Whole numbers where they are, with missing values allowed; text as it is."""
    if months.isna().any() and pd.to_numeric(months, errors="coerce").notna().any():
        return months.astype("Int64")
    return months.infer_objects()


def signed(period: object) -> str:
    """A relative period as French writes it, with a minus sign."""
    return str(period).replace("-", "−")
