"""Each public in each territory: a design of its own, judged on its balance, then the effect.

A crossing is too small for a page: it is a row of a table, at the horizons of the study.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pacte_eval.definitions.errors import InputError
from pacte_eval.diagnostics import balance_verdict
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison
from pacte_eval.results import Profile
from pacte_eval.studies.analysis import Analysis, Estimated, at_horizons, lost
from pacte_eval.studies.cells import Cell
from pacte_eval.studies.designs import named_design, prepared


def crossed(cells: Sequence[Cell]) -> Iterator[Cell]:
    """Every public in every territory."""
    territories = [cell for cell in cells if cell.kind == "territoire"]
    for public in cells:
        if public.kind == "public":
            for territory in territories:
                yield Cell(
                    f"{public.id}×{territory.id}",
                    "croisement",
                    f"{public.label}, {territory.label}",
                    (*public.columns, *territory.columns),
                    territory.zoning,
                )


def estimate_crossing(analysis: Analysis, comparison: Comparison, cell: Cell) -> Estimated | None:
    """The effect in a crossing from a design fitted on it; None where there is none to be had.

    A crossing that holds everyone trained of its public, or of its territory, is no other
    population. The design is fixed, and its balance judged, before its outcomes are read.
    """
    inside = cell.of(comparison)
    if inside is None or int(inside.treated.sum()) < Profile().min_persons:
        return None
    trained = comparison.cells[comparison.treated]
    if any(int(trained[name].sum()) == int(inside.treated.sum()) for name in cell.columns):
        return None
    estimator = analysis.study.estimators.main
    inside = prepared(inside, estimator)
    try:
        design = named_design(estimator, inside).fit(inside)
        balance = balance_verdict(design, analysis.study.thresholds.max_smd).worst
        outcome = analysis.cohort.outcomes[analysis.study.primary.outcome]
        effects = estimate(design, outcome.at(analysis.study.horizons), cluster="person")
    except InputError:
        return None
    return Estimated(cell, at_horizons(effects, analysis.study, cell.id), balance, lost(design))
