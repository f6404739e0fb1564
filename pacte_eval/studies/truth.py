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


def beside_truth(
    source: Source,
    cohort: Cohort,
    analysis: Analysis,
    design: Design,
    cell: Cell,
    findings: Findings,
) -> None:
    """Set the level estimates of employment in one cell beside the planted effect.

    The truth is the mean, over the treated whom the design supports, of entering now less not
    entering now; a source without a truth beside it adds nothing.
    """
    if not _truth_lies_beside(source):
        return
    kept = pd.Index(design.support.loc[design.support["kept"], "unit"])
    entries = cohort.units.loc[kept, ["training"]]
    truth = read_truth(source.folder)
    same = entries.merge(truth[truth["entered"]], on="training", how="left", validate="1:1")
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


def _truth_lies_beside(source: Source) -> bool:
    folder = source.folder.resolve()
    return (folder.with_name(folder.name + "-truth") / "truth.parquet").is_file()
