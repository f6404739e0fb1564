"""A study from end to end: cohort, designs, effects, verdicts, protected tables, result set.

Results appear whole or not at all: every stage is computed first, then the result set is swapped in
by rename.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.cohorts.memory import memory_needed
from pacte_eval.cohorts.persons import resolve
from pacte_eval.definitions.cells import PublicDefinition
from pacte_eval.definitions.coherence import check_on_cohort, check_on_persons
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.errors import InputError, counted
from pacte_eval.definitions.machine import read_machine
from pacte_eval.definitions.persons import PersonsDefinition
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.study import StudyDefinition
from pacte_eval.definitions.vocabulary import TABLES
from pacte_eval.diagnostics import Verdicts
from pacte_eval.results import Profile, ProtectedTable, protect, protect_flow, write_result_set
from pacte_eval.results.provenance import provenance
from pacte_eval.results.schemas import LEVEL, SCHEMAS, WHOLE
from pacte_eval.studies.analysis import Analysis, Findings
from pacte_eval.studies.cells import Cell, cells_of
from pacte_eval.studies.cohort import check_names, named_source
from pacte_eval.studies.designs import check_terms
from pacte_eval.studies.experiment import beside_experiment
from pacte_eval.studies.truth import beside_truth, planted_truth
from pacte_eval.tables.fingerprint import fingerprint_of
from pacte_eval.tables.source import Nature, Source, open_source, read_description

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Data:
    """What a study reads: its cohort, where it came from and what it is."""

    cohort: Cohort
    nature: Nature
    folder_name: str
    fingerprint: str
    definitions: dict[str, str]
    held_out: tuple[int, ...]
    seeds: dict[str, int]
    source: Source | None = None


def run_study(
    project: Project,
    identifier: str,
    source: Path | None = None,
    out: Path | None = None,
    progress: Progress = lambda _: None,
) -> Path:
    """Run a study and write its result set.

    Parameters
    ----------
    project : Project
    identifier : str
        The study's identifier.
    source : Path, optional
        Folder of the administrative tables; a study on a file of persons declares its own.
    out : Path, optional
        Where results go, ``results`` in the project by default.
    progress : callable
        Told each stage.

    Returns
    -------
    Path
        The folder of the result set, ``OUT/STUDY/SOURCE/interne``.

    Raises
    ------
    InputError
        For any mistake in what the user gave; nothing is then written.
    """
    started = time.monotonic()
    study = project.study(identifier)
    data = _read(project, study, source, progress)
    with threadpool_limits(1, user_api="blas"):
        findings = _analyse(project, study, data, progress)
    progress("protecting and writing tables")
    definitions = data.definitions | {
        "study.yml": _text(project, f"studies/{identifier}/study.yml")
    }
    folder = (out or project.root / "results") / identifier / data.folder_name / "interne"
    return write_result_set(
        folder,
        _protected(findings, data.cohort),
        definitions=definitions,
        provenance=provenance(definitions, data.fingerprint, data.seeds),
        run_log={
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - started, 1),
        },
        title=study.title,
        nature=data.nature,
    )


def _analyse(project: Project, study: StudyDefinition, data: Data, progress: Progress) -> Findings:
    """Every comparison in every cell; one BLAS thread, so that bytes do not depend on threads."""
    check_terms(study.estimators.main, list(data.cohort.covariates.columns))
    findings = Findings()
    truth = None
    if data.source is not None:
        truth = planted_truth(data.source)
        losses = data.source.losses
        findings.add("sources", losses.assign(table=losses["table"].map(TABLES)))
    for asked in study.comparisons:
        analysis = Analysis(study, data.cohort, asked, data.held_out)
        comparison = data.cohort.compare(asked.treated, asked.control)
        for cell in _cells(project, study):
            if cell.id in data.cohort.not_measurable:
                _describe_not_measured(findings, cell, data.cohort.not_measurable[cell.id])
                continue
            progress(f"{asked.id}: {cell.label}")
            restricted = cell.of(comparison)
            treated = 0 if restricted is None else int(restricted.treated.sum())
            if asked.id == study.primary.comparison:
                _describe(findings, cell, treated)
            if restricted is None or treated < Profile().min_persons:
                if cell.id == WHOLE:
                    raise InputError(
                        f"study '{study.id}': arm '{asked.treated}' has "
                        f"{counted(treated, 'person')}: too few for any result to be published"
                    )
                continue
            found = Findings()
            try:
                design = analysis.run(restricted, cell, found)
            except InputError:
                if cell.id == WHOLE:
                    raise
                progress(f"{asked.id}: {cell.label}: no design could be fitted")
                _describe_failure(findings, asked.id, cell, treated)
                continue
            if truth is not None:
                beside_truth(truth, data.cohort, analysis, design, cell, found)
            findings.take(found)
    if study.experiment is not None:
        beside_experiment(data.cohort, study, findings)
    return findings


def _read(
    project: Project, study: StudyDefinition, source: Path | None, progress: Progress
) -> Data:
    if study.cohort is not None:
        return _read_tables(project, study, study.cohort, source, progress)
    if study.persons is None:
        raise InputError(f"study '{study.id}' names neither a cohort nor persons")
    if source is not None:
        raise InputError(f"study '{study.id}' reads its own file of persons: leave --source out")
    progress("reading the file of persons")
    definition = project.persons(study.id, study.persons)
    check_on_persons(study, definition)
    _refuse_confidential(definition.nature, f"studies/{study.id}/{study.persons}")
    folder = project.folder_of(f"studies/{study.id}/{study.persons}")
    return Data(
        cohort=Cohort.from_persons(definition, folder),
        nature=definition.nature,
        folder_name=definition.id,
        fingerprint=fingerprint_of(_files(definition, folder)),
        definitions={"persons.yml": _text(project, f"studies/{study.id}/{study.persons}")},
        held_out=(),
        seeds={},
    )


def _read_tables(
    project: Project,
    study: StudyDefinition,
    cohort: str,
    source: Path | None,
    progress: Progress,
) -> Data:
    definition = project.cohort(cohort)
    check_names(project, definition)
    check_on_cohort(study, definition)
    publics = _publics(project, study, definition)
    asked = study.subgroups.territories
    territories = {name: project.territory(name) for name in asked} | project.territories()
    machine = read_machine(project.root)
    folder = named_source(project, source, f"study '{study.id}'")
    _refuse_confidential(read_description(folder).nature, str(folder / "source.yml"))
    opened = open_source(folder, progress, machine)
    needed = memory_needed(definition, opened)
    needed.refuse_beyond(machine)
    texts = {"cohort.yml": f"cohorts/{cohort}.yml"} | {
        f"public-{public.id}.yml": f"cohorts/publics/{public.id}.yml" for public in publics
    }
    return Data(
        cohort=build_cohort(
            definition,
            opened,
            publics,
            progress,
            list(territories.values()),
            needed.spill(machine),
        ),
        nature=opened.nature,
        folder_name=folder.resolve().name,
        fingerprint=opened.fingerprint,
        definitions={name: _text(project, path) for name, path in texts.items()},
        held_out=_held_out(definition),
        seeds={"controls": definition.controls.seed},
        source=opened,
    )


def _publics(
    project: Project, study: StudyDefinition, definition: CohortDefinition
) -> list[PublicDefinition]:
    """The publics that the study reports on and those that the rules of its cohort name."""
    named = dict.fromkeys((*study.subgroups.publics, *definition.publics))
    return [project.public(identifier) for identifier in named]


def _held_out(definition: CohortDefinition) -> tuple[int, ...]:
    if definition.history.hold_out is None:
        return ()
    first, last = definition.history.hold_out
    return tuple(range(first, last + 1))


def _refuse_confidential(nature: Nature, where: str) -> None:
    if nature == "confidential":
        raise InputError(
            f"{where}: confidential data wait for the protocol and its gate, which this version "
            "does not have: a study on them would read outcomes before its design is frozen"
        )


def _cells(project: Project, study: StudyDefinition) -> list[Cell]:
    publics = [project.public(identifier) for identifier in study.subgroups.publics]
    territories = [project.territory(identifier) for identifier in study.subgroups.territories]
    return cells_of(publics, territories)


def _describe(findings: Findings, cell: Cell, treated: int) -> None:
    findings.add(
        "cells",
        pd.DataFrame(
            {
                "cell": [cell.id],
                "kind": [cell.kind],
                "label": [cell.label],
                "n_treated": [treated],
                "reliable": [Profile().reliable(treated)],
            }
        ),
    )


def _describe_not_measured(findings: Findings, cell: Cell, why: str) -> None:
    """Say that the source does not tell who is of a cell, which is not the same as nobody."""
    row = {"cell": [cell.id], "kind": [cell.kind], "label": [cell.label], "sentence": [why]}
    if cell.id not in findings.values("not_measured", "cell"):
        findings.add("not_measured", pd.DataFrame(row))


def _describe_failure(findings: Findings, comparison: str, cell: Cell, treated: int) -> None:
    """Say in the verdicts that a cell has no estimate; its page then says so."""
    verdict = Verdicts.single(
        "plan de comparaison",
        float("nan"),
        float("nan"),
        "fail",
        "Trop peu de personnes semblables pour construire une comparaison dans cette population.",
    )
    findings.add(
        "verdicts",
        verdict.table,
        cell=cell.id,
        comparison=comparison,
        design=LEVEL,
        n_treated=treated,
        n_supported=0,
    )


def _protected(findings: Findings, cohort: Cohort) -> dict[str, ProtectedTable]:
    tables = {name: protect(findings.frame(name), SCHEMAS[name]) for name in findings.rows}
    flow = cohort.flow.assign(arm=cohort.flow["arm"].map(cohort.arm_labels))
    return tables | {"flow": protect_flow(flow)}


def _files(definition: PersonsDefinition, folder: Path) -> list[Path]:
    return sorted({resolve(arm.file, folder) for arm in definition.arms.values()})


def _text(project: Project, relative: str) -> str:
    path = project.path(relative)
    if path is None:
        raise InputError(f"{project.root / relative}: no such file")
    return path.read_text(encoding="utf-8")
