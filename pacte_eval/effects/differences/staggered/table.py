"""Effects of cells as a table, with its words, and what averages over cohorts need."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import SMALLEST_SHOWN, InputError
from pacte_eval.effects.differences.group_time.effects import GroupShares, GroupTimeEffects
from pacte_eval.effects.differences.staggered.cell_effects import CellEffects
from pacte_eval.effects.differences.staggered.panel import StaggeredPanel
from pacte_eval.effects.table import Wording, tidy
from pacte_eval.frames import Panel


def cell_table(
    cells: CellEffects, data: StaggeredPanel, wording: Wording, level: float
) -> pd.DataFrame:
    """One row per cell, with why an effect or its error is missing.

    The mean of controls is that of the treated less the effect. Residuals of one cluster alone are
    zero, and say nothing of the error.

    Raises
    ------
    InputError
        If no effect is known.
    """
    known = np.isfinite(cells.estimate)
    if not known.any():
        raise InputError(
            f"none of {len(known)} effects can be estimated: check that some units are untreated "
            "at the periods of treatment, and observed before it"
        )
    unclear = "\u202f: pas d'erreur type"
    note = np.select(
        [
            cells.n_treated == 0,
            cells.n_control == 0,
            ~known,
            cells.treated_clusters < 2,
            cells.control_clusters < 2,
        ],
        [
            "aucun traité observé",
            "aucun témoin",
            "aucun témoin comparable",
            f"traités d'une seule grappe{unclear}",
            f"témoins d'une seule grappe{unclear}",
        ],
        "",
    )
    several = (cells.treated_clusters > 1) & (cells.control_clusters > 1)
    error = np.sqrt(cells.contributions.variances(range(len(cells.cohort))))
    group, period = data.groups[cells.cohort], data.periods[cells.period]
    rows = pd.DataFrame(
        {
            "group": group,
            "period": period,
            "month": period - group,
            "estimate": cells.estimate,
            "se": np.where(several, error, np.nan),
            "n_treated": cells.n_treated,
            "n_control": cells.n_control,
            "treated_mean": cells.treated_mean,
            "control_mean": cells.treated_mean - cells.estimate,
            "note": note,
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
        return f"{error}, par unité"
    return f"{error}, par grappe ({len(pd.unique(data.cluster))})"


def covariates_of(panel: Panel) -> str:
    """What the name of an estimator says of covariates."""
    names = [*map(str, panel.covariates), *panel.varying]
    return f", covariables {', '.join(names)}" if names else ""


def treated_population(data: StaggeredPanel) -> str:
    """Whom the effects are of, and the units left out."""
    lost = [f"{reason} ({shown(number)})" for reason, number in data.lost.items()]
    return "unités traitées pendant le panel" + "".join(f", sans les unités {one}" for one in lost)


def shown(number: int) -> str:
    """A count of persons, not told where it is small."""
    return f"moins de {SMALLEST_SHOWN}" if 0 < number < SMALLEST_SHOWN else str(number)
