"""A cohort looked at on its own: what it needs, what it is in French, who is left at each rule.

Counts are protected before anything is printed; what concerns one person goes to a secret file.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pacte_eval.cohorts import Cohort, build_cohort, trace
from pacte_eval.cohorts.memory import memory_needed
from pacte_eval.definitions.cohort import CohortDefinition, LivesIn, flattened
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.machine import read_machine
from pacte_eval.definitions.numerals import number, percent
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.prose import cohort_in_french
from pacte_eval.results import protect_flow
from pacte_eval.tables.source import Source, open_source

Progress = Callable[[str], None]
SECRET = "secret"
HIDDEN = "<"
LABEL_WIDTH = 84


def show_cohort(
    project: Project, identifier: str, source: Path | None = None, progress: Progress = print
) -> str:
    """Build a cohort and describe it.

    Parameters
    ----------
    source : Path, optional
        Folder of the tables; the one of ``machine.yml`` by default.

    Returns
    -------
    str
        The definition in plain French, then the flow chart with protected counts and shares.

    Raises
    ------
    InputError
        For any mistake in the definition or the tables, or if the machine has too little memory.
    """
    definition, opened, spill = _opened(project, identifier, source, progress)
    publics, territories = project.publics(), project.territories()
    cohort = build_cohort(
        definition,
        opened,
        list(publics.values()),
        progress,
        list(territories.values()),
        spill,
    )
    read_back = cohort_in_french(definition, publics, territories)
    lines = [definition.label, *(["Données synthétiques"] * (opened.nature == "synthetic")), ""]
    lines += [*(f"- {line}" for line in read_back), ""]
    lines += _flow_chart(cohort)
    lines += _groups(cohort)
    return "\n".join(lines)


def explain_person(
    project: Project,
    identifier: str,
    person: str,
    source: Path | None = None,
    out: Path | None = None,
    progress: Progress = print,
) -> Path:
    """Write what became of a person, entry by entry and month by month, to a secret file.

    Returns
    -------
    Path
        ``OUT/cohortes/COHORT/SOURCE/secret/personne.csv``; the person's key is not in it.

    Raises
    ------
    InputError
        As `show_cohort` does, or if the person is in no table.
    """
    definition, opened, _ = _opened(project, identifier, source, progress)
    publics, territories = project.publics(), project.territories()
    traced = trace(
        definition,
        opened,
        person,
        list(publics.values()),
        progress,
        list(territories.values()),
    )
    found = pd.DataFrame(
        {
            "groupe": traced["arm"],
            "date": traced["time_zero"],
            "écartée par": traced["excluded_by"].replace("", "retenue dans la cohorte"),
        }
    )
    folder = (out or project.root / "results") / "cohortes" / identifier
    target = folder / opened.folder.resolve().name / SECRET / "personne.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.parent.chmod(0o700)
    scratch = target.with_suffix(".tmp")
    found.to_csv(scratch, index=False, sep=";", encoding="utf-8-sig")
    scratch.chmod(0o600)
    return scratch.replace(target)


def named_source(project: Project, source: Path | None, reader: str) -> Path:
    """The folder of the tables: the one given, else the one that ``machine.yml`` names.

    Parameters
    ----------
    reader : str
        Who asks, for the message.

    Raises
    ------
    InputError
        If neither says.
    """
    chosen = source or read_machine(project.root).source
    if chosen is None:
        raise InputError(
            f"{reader} needs tables: give their folder with --source, or name it as source in "
            "machine.yml"
        )
    return chosen


def _opened(
    project: Project, identifier: str, source: Path | None, progress: Progress
) -> tuple[CohortDefinition, Source, Path | None]:
    definition = project.cohort(identifier)
    check_names(project, definition)
    machine = read_machine(project.root)
    opened = open_source(named_source(project, source, f"cohort '{identifier}'"), progress, machine)
    needed = memory_needed(definition, opened)
    progress(needed.sentence(machine))
    needed.refuse_beyond(machine)
    return definition, opened, needed.spill(machine)


def check_names(project: Project, definition: CohortDefinition) -> None:
    """Refuse a cohort whose rules name a public or a territory that the project does not have."""
    for name in definition.publics:
        project.public(name)
    for rule in flattened(definition.population):
        if isinstance(rule, LivesIn):
            project.territory(rule.territory)


def _flow_chart(cohort: Cohort) -> list[str]:
    """The flow chart as text: for each arm, who is left after each criterion and what share."""
    flow = protect_flow(cohort.flow.assign(arm=cohort.flow["arm"].map(cohort.arm_labels))).frame
    width = min(max(flow["label"].str.len()), LABEL_WIDTH)
    lines = []
    for arm in cohort.flow["arm"].map(cohort.arm_labels).unique():
        rows = flow[flow["arm"] == arm]
        first = rows["remaining"].iloc[0]
        lines += [str(arm), f"  {'':<{width}}  {'écartées':>10}  {'restantes':>10}  {'part':>6}"]
        for row in rows.to_dict("records"):
            *above, label = textwrap.wrap(row["label"], width)
            lines += [f"  {line}" for line in above]
            lines.append(
                f"  {label:<{width}}  {_count(row['excluded']):>10}  "
                f"{_count(row['remaining']):>10}  {_share(row['remaining'], first):>6}"
            )
        lines.append("")
    return lines


def _groups(cohort: Cohort) -> list[str]:
    """Publics and territories that the source cannot tell."""
    return [f"{name}\u00a0: {why}" for name, why in sorted(cohort.not_measurable.items())]


def _count(count: float) -> str:
    return HIDDEN if pd.isna(count) else number(count)


def _share(count: float, whole: float) -> str:
    known = not pd.isna(count) and not pd.isna(whole) and whole > 0
    return percent(count / whole, 0) if known else HIDDEN
