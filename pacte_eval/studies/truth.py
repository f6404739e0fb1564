"""Estimates beside the truth that a synthetic population plants, for the same supported treated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.cohorts import Cohort
from pacte_eval.designs import Design
from pacte_eval.results.schemas import LEVEL
from pacte_eval.studies.analysis import Analysis, Findings, lost
from pacte_eval.studies.cells import Cell
from pacte_eval.synthetic import att, read_truth
from pacte_eval.tables.source import Source

OUTCOME = "emploi"


def planted_truth(source: Source) -> pd.DataFrame | None:
    """The truth of the entries of a synthetic source; None where no truth lies beside it."""
    folder = source.folder.resolve()
    beside = folder.with_name(folder.name + "-truth")
    if source.nature != "synthetic" or not (beside / "truth.parquet").is_file():
        return None
    truth = read_truth(beside)
    return truth[truth["entered"]]


def beside_truth(
    truth: pd.DataFrame,
    cohort: Cohort,
    analysis: Analysis,
    design: Design,
    cell: Cell,
    findings: Findings,
) -> None:
    """Set the level estimates of employment in one cell beside the planted effect.

    The truth is the mean, over the treated whom the design supports, of entering now less not
    entering now.
    """
    kept = pd.Index(design.support.loc[design.support["treated"] & design.support["kept"], "unit"])
    entries = cohort.units.loc[kept, ["training"]]
    same = entries.merge(truth, on="training", how="left", validate="1:1")
    planted = att(same, "y_wait")
    effects = findings.frame("effects")
    rows = effects[
        (effects["cell"] == cell.id)
        & (effects["comparison"] == analysis.asked.id)
        & (effects["outcome"] == OUTCOME)
        & (effects["contrast"] == LEVEL)
        & (effects["month"] >= 0)
    ][["month", "estimate", "se", "n_treated"]].copy()
    rows["truth"] = rows["month"].map(planted).astype(float)
    gap = rows["estimate"] - rows["truth"]
    rows["gap_in_se"] = gap.where(rows["se"] > 0, np.nan) / rows["se"]
    findings.add(
        "truth",
        rows,
        cell=cell.id,
        comparison=analysis.asked.id,
        outcome=OUTCOME,
        n_lost=lost(design),
    )
