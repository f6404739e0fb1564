"""Effects of cells as a table, with its words, and what averages over cohorts need."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.effects.differences.cell_effects import CellEffects
from pacte_eval.effects.differences.group_time_effects import GroupShares, GroupTimeEffects
from pacte_eval.effects.differences.staggered import StaggeredPanel
from pacte_eval.effects.table import Wording, tidy


def cell_table(
    cells: CellEffects, data: StaggeredPanel, wording: Wording, level: float
) -> pd.DataFrame:
    """One row per cell; the mean of controls is that of the treated less the effect."""
    error = np.sqrt(cells.contributions.variances(range(len(cells.cohort))))
    group, period = data.groups[cells.cohort], data.periods[cells.period]
    rows = pd.DataFrame(
        {
            "group": group,
            "period": period,
            "month": period - group,
            "estimate": cells.estimate,
            "se": np.where(cells.varies, error, np.nan),
            "n_treated": cells.n_treated,
            "n_control": cells.n_control,
            "treated_mean": cells.treated_mean,
            "control_mean": cells.treated_mean - cells.estimate,
        }
    )
    return tidy(rows, wording, level=level)


def group_time_effects(
    cells: CellEffects,
    data: StaggeredPanel,
    wording: Wording,
    *,
    level: float,
    anticipation: int,
) -> GroupTimeEffects:
    """Effects by group and period, averaged by the shares of groups, which are estimated too."""
    shares = GroupShares.of(data.groups, data.first_treated, data.weights, data.cluster)
    return GroupTimeEffects(
        table=cell_table(cells, data, wording, level),
        contributions=cells.contributions,
        level=level,
        sizes=shares.shares[cells.cohort],
        shares=shares,
        last_period=int(data.periods[-1]),
        anticipation=anticipation,
    )


def clustered(data: StaggeredPanel, error: str) -> str:
    """A standard error in words, with its clusters."""
    if data.nature == "unité":
        return f"{error}, grappes par unité"
    return f"{error}, {len(pd.unique(data.cluster))} grappes"


def treated_population(data: StaggeredPanel) -> str:
    """Whom the effects are of, and the units left out."""
    lost = [f"{number} {reason}" for reason, number in data.lost.items()]
    return "unités traitées pendant le panel" + (
        f"\u202f; unités écartées\u202f: {', '.join(lost)}" if lost else ""
    )
