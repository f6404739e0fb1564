"""A study from end to end: cohort, designs, seal, effects, protected tables, result set.

Designs are fixed and judged in every cell before the first effect is estimated in any. Results
appear whole or not at all: every stage is computed first, then the result set is swapped in by
rename.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from pacte_eval.cohorts import Cohort
from pacte_eval.definitions.coherence import beside_waiting
from pacte_eval.definitions.errors import InputError, counted
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.protocol import Protocol
from pacte_eval.definitions.study import StudyDefinition
from pacte_eval.definitions.subgroups import publics_asked, territories_asked
from pacte_eval.definitions.vocabulary import TABLES
from pacte_eval.diagnostics import Verdicts
from pacte_eval.results import Profile, ProtectedTable, protect, protect_flow, write_result_set
from pacte_eval.results.provenance import provenance
from pacte_eval.results.schemas import LEVEL, SCHEMAS, WHOLE
from pacte_eval.studies.analysis import Analysis, Designed, Estimated, Findings
from pacte_eval.studies.cells import Cell, cells_of
from pacte_eval.studies.certified import certified_or_not
from pacte_eval.studies.declared import declared_texts
from pacte_eval.studies.designs import check_terms
from pacte_eval.studies.evidence import add_evidence
from pacte_eval.studies.experiment import beside_experiment
from pacte_eval.studies.journal import record_attempt
from pacte_eval.studies.plasmode import simulated
from pacte_eval.studies.protocol import PROTOCOL, read_protocol, record_override
from pacte_eval.studies.reading import Data, read_data
from pacte_eval.studies.seal import Seal, history_of, seal_of
from pacte_eval.studies.truth import beside_truth, planted_truth

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Fixed:
    """One comparison in one cell, designed and not yet estimated."""

    analysis: Analysis
    cell: Cell
    designed: Designed
    findings: Findings


def run_study(
    project: Project,
    identifier: str,
    source: Path | None = None,
    out: Path | None = None,
    progress: Progress = lambda _: None,
    override: str | None = None,
    record: Callable[[Path, Protocol, str, Verdicts, Seal], int] = record_attempt,
) -> Path:
    """Run a study and write its result set.

    On confidential data the study needs its frozen protocol, and nothing after entry is computed
    unless the verdicts on its design are favourable, or an override is recorded.

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
    override : str, optional
        The reason to estimate in spite of unfavourable verdicts; recorded in the protocol.
    record : callable
        What counts a judged design on confidential data: the journal of the study by default.

    Returns
    -------
    Path
        The folder of the result set, ``OUT/STUDY/SOURCE/interne``.

    Raises
    ------
    InputError
        For any mistake in what the user gave; no result is then written.
    """
    started = time.monotonic()
    study = project.study(identifier)
    data = read_data(project, study, source, progress)
    protocol = read_protocol(project, identifier)
    if override is not None:
        if data.nature != "confidential":
            raise InputError(
                f"study '{identifier}': its data are not confidential, nothing is sealed: leave "
                "--override out"
            )
        protocol = record_override(project, identifier, override)
    log: dict[str, object] = {}
    with threadpool_limits(1, user_api="blas"):
        findings, fixed = _design(project, study, data, progress)
        judged = _main_verdicts(study, fixed)
        seal = seal_of(data.nature, judged, protocol)
        if protocol is not None and data.nature == "confidential":
            folder = project.root / "studies" / identifier
            attempts = record(folder, protocol, data.fingerprint, judged, seal)
            log["design_attempts"] = attempts
        progress(seal.sentence)
        estimated = _estimate(study, data, fixed, seal, findings, progress)
        if not seal.closed:
            main = [one for one in fixed if one.analysis.asked.id == study.primary.comparison]
            cells = [one.cell for one in main]
            whole = main[0]
            if data.graph is not None:
                whole.analysis.judge(data.graph, whole.designed.level, whole.cell, findings)
            add_evidence(whole.analysis, whole.designed, cells, estimated, findings, progress)
            _add_certified(project, study, fixed, findings, progress)
    if protocol is not None:
        findings.add("protocol", history_of(protocol, seal))
    progress("protecting and writing tables")
    texts = declared_texts(project, study)
    return write_result_set(
        (out or project.root / "results") / identifier / data.folder_name / "interne",
        _protected(findings, data.cohort),
        definitions=_definitions(project, identifier, texts, protocol),
        provenance=provenance(texts, data.fingerprint, data.seeds),
        run_log=log
        | {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - started, 1),
        },
        title=study.title,
        nature=data.nature,
    )


def _definitions(
    project: Project, identifier: str, texts: dict[str, str], protocol: Protocol | None
) -> dict[str, str]:
    """The definitions that go with the results, and the protocol they were made under."""
    kept = {name: text for name, text in texts.items() if name.endswith(".yml")}
    path = project.path(f"studies/{identifier}/{PROTOCOL}")
    if protocol is not None and path is not None:
        kept[PROTOCOL] = path.read_text(encoding="utf-8")
    return kept


def _design(
    project: Project, study: StudyDefinition, data: Data, progress: Progress
) -> tuple[Findings, list[Fixed]]:
    """Fix the designs of every comparison in every cell.

    One BLAS thread, so that bytes do not depend on the number of threads.
    """
    check_terms(study.estimators.main, list(data.cohort.covariates.columns))
    findings = Findings()
    if data.source is not None:
        losses = data.source.losses
        findings.add("sources", losses.assign(table=losses["table"].map(TABLES)))
    fixed = []
    for asked in study.comparisons:
        if asked.after_entry:
            continue
        analysis = Analysis(study, data.cohort, asked, data.held_out)
        comparison = data.cohort.compare(asked.treated, asked.control)
        for cell in _measurable(project, study, data.cohort, findings):
            progress(f"{asked.id}: {cell.label}: who is compared with whom")
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
                designed = analysis.design(restricted, cell, found)
            except InputError:
                if cell.id == WHOLE:
                    raise
                progress(f"{asked.id}: {cell.label}: no design could be fitted")
                _describe_failure(findings, asked.id, cell, treated)
                continue
            if cell.id == WHOLE and study.plasmode is not None:
                progress(f"{asked.id}: simulated outcomes")
                table = simulated(analysis, designed)
                if len(table):
                    found.add("plasmode", table, comparison=asked.id)
            fixed.append(Fixed(analysis, cell, designed, found))
    return findings, fixed


def _estimate(
    study: StudyDefinition,
    data: Data,
    fixed: list[Fixed],
    seal: Seal,
    findings: Findings,
    progress: Progress,
) -> list[Estimated]:
    """Estimate what was designed, unless it is sealed; what is kept of the main comparison."""
    truth = None if data.source is None else planted_truth(data.source)
    estimated = []
    for one in fixed:
        asked, cell = one.analysis.asked, one.cell
        if not seal.closed:
            progress(f"{asked.id}: {cell.label}: effects")
            try:
                kept = one.analysis.effects(one.designed, one.findings)
                if asked.id == study.primary.comparison:
                    estimated.append(kept)
                if truth is not None:
                    beside_truth(
                        truth, data.cohort, one.analysis, one.designed.level, cell, one.findings
                    )
            except InputError:
                if cell.id == WHOLE:
                    raise
                progress(f"{asked.id}: {cell.label}: no effect could be estimated")
                treated = int(one.designed.comparison.treated.sum())
                _describe_failure(findings, asked.id, cell, treated)
                continue
        findings.take(one.findings)
    if study.experiment is not None and not seal.closed:
        beside_experiment(data.cohort, study, findings)
    return estimated


def _add_certified(
    project: Project,
    study: StudyDefinition,
    fixed: list[Fixed],
    findings: Findings,
    progress: Progress,
) -> None:
    """What is observed after entry, on the design of the arm that it tells apart."""
    for asked in study.comparisons:
        if not asked.after_entry or study.cohort is None:
            continue
        progress(f"{asked.id}: certified or not")
        cohort = project.cohort(study.cohort)
        all_trainees = beside_waiting(study, cohort, cohort.after_entry_arms[asked.treated].of)
        base = next(
            one for one in fixed if one.cell.id == WHOLE and one.analysis.asked == all_trainees
        )
        rows = certified_or_not(base.analysis, base.designed, asked)
        findings.add_by_month("certified", rows, comparison=asked.id)


def _main_verdicts(study: StudyDefinition, fixed: list[Fixed]) -> Verdicts:
    """The verdicts of the main comparison on its whole population."""
    return next(
        one.designed.verdicts
        for one in fixed
        if one.cell.id == WHOLE and one.analysis.asked.id == study.primary.comparison
    )


def _measurable(
    project: Project, study: StudyDefinition, cohort: Cohort, findings: Findings
) -> Iterator[Cell]:
    """The cells whose members the source tells; the others are described as not measured."""
    for cell in _cells(project, study):
        if cell.id in cohort.not_measurable:
            _describe_not_measured(findings, cell, cohort.not_measurable[cell.id])
        else:
            yield cell


def _cells(project: Project, study: StudyDefinition) -> list[Cell]:
    return cells_of(publics_asked(project, study), territories_asked(project, study))


def _describe(findings: Findings, cell: Cell, treated: int) -> None:
    findings.add(
        "cells",
        pd.DataFrame(
            {
                "cell": [cell.id],
                "kind": [cell.kind],
                "label": [cell.label],
                "zoning": [cell.zoning],
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
