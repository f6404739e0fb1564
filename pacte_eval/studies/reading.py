"""What a study reads: its cohort, from administrative tables or from a file of persons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.cohorts.memory import memory_needed
from pacte_eval.cohorts.persons import resolve
from pacte_eval.definitions.cells import PublicDefinition
from pacte_eval.definitions.coherence import check_on_cohort, check_on_persons
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.machine import read_machine
from pacte_eval.definitions.persons import PersonsDefinition
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.study import StudyDefinition
from pacte_eval.definitions.subgroups import publics_asked, territories_asked
from pacte_eval.diagnostics import Verdicts
from pacte_eval.diagnostics.graph import check_graph
from pacte_eval.studies.cohort import check_names, named_source
from pacte_eval.studies.protocol import check_unchanged
from pacte_eval.tables.fingerprint import fingerprint_of
from pacte_eval.tables.source import Nature, Source, open_source, read_description

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Data:
    """What a study reads: its cohort, where it came from and what it is, what its graph says."""

    cohort: Cohort
    nature: Nature
    folder_name: str
    fingerprint: str
    held_out: tuple[int, ...]
    seeds: dict[str, int]
    source: Source | None = None
    graph: Verdicts | None = None


def read_data(
    project: Project, study: StudyDefinition, source: Path | None, progress: Progress
) -> Data:
    """Build the cohort of a study; confidential data are not opened without its protocol.

    Raises
    ------
    InputError
        For any mistake in what the user gave, or if the data are confidential and the study has
        no protocol or one that its declarations no longer follow.
    """
    if study.cohort is not None:
        return _read_tables(project, study, study.cohort, source, progress)
    if study.persons is None:
        raise InputError(f"study '{study.id}' names neither a cohort nor persons")
    if source is not None:
        raise InputError(f"study '{study.id}' reads its own file of persons: leave --source out")
    progress("reading the file of persons")
    definition = project.persons(study.id, study.persons)
    check_on_persons(study, definition)
    graph = _check_graph(study, list(definition.covariates))
    _check_protocol(project, study, definition.nature, f"studies/{study.id}/{study.persons}")
    folder = project.folder_of(f"studies/{study.id}/{study.persons}")
    return Data(
        cohort=Cohort.from_persons(definition, folder),
        nature=definition.nature,
        folder_name=definition.id,
        fingerprint=fingerprint_of(_files(definition, folder)),
        held_out=(),
        seeds={},
        graph=graph,
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
    graph = _check_graph(study, definition.covariates)
    publics = _publics(project, study, definition)
    asked = {territory.id: territory for territory in territories_asked(project, study)}
    territories = asked | project.territories()
    machine = read_machine(project.root)
    folder = named_source(project, source, f"study '{study.id}'")
    nature = read_description(folder).nature
    _check_protocol(project, study, nature, str(folder / "source.yml"))
    opened = open_source(folder, progress, machine)
    needed = memory_needed(definition, opened)
    needed.refuse_beyond(machine)
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
        held_out=_held_out(definition),
        seeds={"controls": definition.controls.seed},
        source=opened,
        graph=graph,
    )


def _publics(
    project: Project, study: StudyDefinition, definition: CohortDefinition
) -> list[PublicDefinition]:
    """The publics that the study reports on and those that the rules of its cohort name."""
    asked = [public.id for public in publics_asked(project, study)]
    return [project.public(name) for name in dict.fromkeys((*asked, *definition.publics))]


def _held_out(definition: CohortDefinition) -> tuple[int, ...]:
    if definition.history.hold_out is None:
        return ()
    first, last = definition.history.hold_out
    return tuple(range(first, last + 1))


def _check_graph(study: StudyDefinition, covariates: Sequence[str]) -> Verdicts | None:
    """What the study's graph says of its covariates; one that it rules out is refused by name."""
    if study.graph is None:
        return None
    try:
        return check_graph(study.graph, covariates)
    except InputError as error:
        raise InputError(f"study '{study.id}': graph: {error}") from None


def _check_protocol(project: Project, study: StudyDefinition, nature: Nature, where: str) -> None:
    if nature == "confidential":
        check_unchanged(project, study.id, where)


def _files(definition: PersonsDefinition, folder: Path) -> list[Path]:
    return sorted({resolve(arm.file, folder) for arm in definition.arms.values()})
