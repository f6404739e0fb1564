"""What turns the effects of the main comparison into findings: tests in their families, crossings,
territories taken together, differences between populations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from pacte_eval.results.schemas import WHOLE
from pacte_eval.studies.analysis import Analysis, Designed, Estimated, Findings, dated
from pacte_eval.studies.cells import Cell
from pacte_eval.studies.conditional import given_employment
from pacte_eval.studies.costs import costs
from pacte_eval.studies.crossings import crossed, estimate_crossing
from pacte_eval.studies.families import families
from pacte_eval.studies.heterogeneity import heterogeneity
from pacte_eval.studies.partitions import interactions, pooled
from pacte_eval.studies.robustness import robustness
from pacte_eval.studies.specifications import specifications

Progress = Callable[[str], None]


def add_evidence(
    analysis: Analysis,
    whole: Designed,
    cells: Sequence[Cell],
    estimated: Sequence[Estimated],
    findings: Findings,
    progress: Progress,
) -> None:
    """Add the tables of evidence of the main comparison.

    Parameters
    ----------
    analysis : Analysis
        Of the main comparison.
    whole : Designed
        Its designs on the whole population.
    cells : sequence of Cell
        Those that have a design.
    estimated : sequence of Estimated
        Those that have effects.
    findings : Findings
        Which the tables are added to.
    """
    study = analysis.study
    crossings = _crossings(analysis, whole, cells, progress) if study.subgroups.crossed else []
    place = {"comparison": analysis.asked.id}
    tests = families(study, [*estimated, *crossings])
    _add(findings, "tests", tests, place)
    _add(findings, "pooling", pooled(study.horizons, estimated), place)
    _add(findings, "interactions", interactions(study.primary.month, estimated, crossings), place)
    _add(findings, "costs", costs(analysis, whole), place)
    _add(findings, "given_employment", given_employment(analysis, whole), place)
    progress(f"{analysis.asked.id}: other estimators")
    progress(f"{analysis.asked.id}: sensitivity to what is not observed")
    withstood = robustness(analysis, whole)
    analysis.judge(withstood.verdicts, whole.level, whole.cell, findings)
    _add(findings, "sensitivity", withstood.table, place)
    progress(f"{analysis.asked.id}: who gains more")
    _add(findings, "heterogeneity", heterogeneity(analysis, whole), place)
    main = next(one.effects for one in estimated if one.cell.id == WHOLE)
    _add(findings, "specifications", specifications(analysis, whole, main), place)


def _add(findings: Findings, table: str, rows: pd.DataFrame, place: dict[str, str]) -> None:
    if len(rows):
        findings.add(table, dated(rows.rename(columns={"month": "when"})), **place)


def _crossings(
    analysis: Analysis, whole: Designed, cells: Sequence[Cell], progress: Progress
) -> list[Estimated]:
    asked = list(crossed(cells))
    found = []
    for place, cell in enumerate(asked, 1):
        if place % 50 == 1:
            progress(f"{analysis.asked.id}: publics in territories ({place} of {len(asked)})")
        one = estimate_crossing(analysis, whole.comparison, cell)
        if one is not None:
            found.append(one)
    return found
