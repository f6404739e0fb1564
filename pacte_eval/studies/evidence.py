"""What turns the effects of the main comparison into findings: tests in their families, crossings,
territories taken together, differences between populations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pacte_eval.results.schemas import WHOLE
from pacte_eval.studies.analysis import Analysis, Designed, Estimated, Findings
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
    asked = analysis.asked.id
    tables = {
        "tests": families(study, [*estimated, *crossings]),
        "pooling": pooled(study.horizons, estimated),
        "interactions": interactions(study.primary.month, estimated, crossings),
        "costs": costs(analysis, whole),
        "given_employment": given_employment(analysis, whole),
    }
    progress(f"{asked}: sensitivity to what is not observed")
    withstood = robustness(analysis, whole)
    analysis.judge(withstood.verdicts, whole.level, whole.cell, findings)
    tables["sensitivity"] = withstood.table
    progress(f"{asked}: who gains more")
    tables["heterogeneity"] = heterogeneity(analysis, whole)
    progress(f"{asked}: other estimators")
    main = next(one.effects for one in estimated if one.cell.id == WHOLE)
    tables["specifications"] = specifications(analysis, whole, main)
    for table, rows in tables.items():
        findings.add_by_month(table, rows, comparison=asked)


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
