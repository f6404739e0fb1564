"""The `pacte` command: arguments in, one call to the toolkit, one clear sentence for a mistake.

Nothing heavier than the argument parser is imported until a command runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pacte_eval.definitions.errors import InputError

app = typer.Typer(
    name="pacte",
    help="Measure what training did for the people it trained: from administrative tables to "
    "reports in French.",
    epilog="Start with: pacte init my-study, then pacte simulate, pacte run, pacte report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """Formats of a report."""

    html = "html"
    docx = "docx"
    pdf = "pdf"


class Renderer(StrEnum):
    """Programs that render a report."""

    quarto = "quarto"
    embedded = "embedded"


class Shape(StrEnum):
    """Shapes of the synthetic tables."""

    contract = "contract"
    force = "force"


class Variant(StrEnum):
    """Variants of the synthetic population."""

    standard = "standard"
    multiplicity = "multiplicity"


ProjectOption = Annotated[
    Path, typer.Option("--project", help="Project folder, with cohorts/, studies/ and reports/.")
]
SourceOption = Annotated[
    Path | None,
    typer.Option(
        "--source",
        help="Folder of source.yml, which holds the tables or says where they lie "
        "(default: source in machine.yml).",
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]


@app.command()
def doctor(project: ProjectOption = Path()) -> None:
    """Show what this machine has, and what is missing for which command."""
    from pacte_eval.doctor import print_report

    print_report(project)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it must be empty or absent.")],
    quiet: QuietOption = False,
) -> None:
    """Make a working project: cohorts, studies and report sources to adapt."""
    from pacte_eval.definitions.library import write_project

    write_project(folder)
    _say(quiet)(f"next: cd {folder}, then pacte simulate --out data/synthetique")
    print(folder)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder of the tables; the truth goes to OUT-truth.")],
    people: Annotated[int, typer.Option(help="Number of people.", min=1)] = 50_000,
    seed: Annotated[int, typer.Option(help="Seed: the same one gives the same bytes.")] = 2019,
    confounding: Annotated[
        float, typer.Option(help="Unmeasured confounding: log-odds of entry per SD of frailty.")
    ] = 0.0,
    variant: Annotated[
        Variant, typer.Option(help="multiplicity: effects exactly null in a third of the zones.")
    ] = Variant.standard,
    shape: Annotated[
        Shape,
        typer.Option(help="force: raw extracts as ForCE delivers them, for pacte adapt; no truth."),
    ] = Shape.contract,
    quiet: QuietOption = False,
) -> None:
    """Write a synthetic population in the shape of the tables, with its planted truth beside it."""
    from pacte_eval.synthetic import simulate as draw
    from pacte_eval.synthetic import write
    from pacte_eval.synthetic.force import write_force
    from pacte_eval.synthetic.writing import check_target

    check_target(out)
    say = _say(quiet)
    say(f"drawing {people:,} people")
    population = draw(
        people, seed, confounding=confounding, variant=variant.value, progress=_share(say, "drawn")
    )
    writer = write_force if shape is Shape.force else write
    writer(population, out, progress=_share(say, "written"))
    print(out)


@app.command()
def adapt(
    raw: Annotated[Path, typer.Argument(help="Folder of the raw extracts (CSV, Parquet, SAS).")],
    out: Annotated[Path, typer.Option(help="Folder of the tables to write; it must be new.")],
    mapping: Annotated[
        str, typer.Option(help="Mapping of the extracts: cohorts/mappings/MAPPING.yml.")
    ] = "force",
    project: ProjectOption = Path(),
    quiet: QuietOption = False,
) -> None:
    """Turn raw extracts into the tables that cohorts are built from.

    Another vintage, with other names or codes, is a copy of the mapping, edited.
    """
    from pacte_eval.definitions.machine import read_machine
    from pacte_eval.definitions.project import Project
    from pacte_eval.tables.adapt import adapt as adapted

    chosen = Project(project).mapping(mapping)
    print(adapted(raw, chosen, out, _say(quiet), read_machine(project)))


@app.command()
def check(
    source: SourceOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder of results (default: results).")] = None,
    project: ProjectOption = Path(),
    quiet: QuietOption = False,
) -> None:
    """Report on the quality of the tables: what is wrong, where, and what it costs a study."""
    from pacte_eval.definitions.machine import read_machine
    from pacte_eval.definitions.project import Project
    from pacte_eval.reports.pages import render_study
    from pacte_eval.studies.check import QUALITY, check_source
    from pacte_eval.studies.cohort import named_source

    say = _say(quiet)
    opened = Project(project)
    folder = named_source(opened, source, "the check")
    print(check_source(opened, folder, out, say, read_machine(project)))
    if out is None:
        name = folder.resolve().name
        for path in render_study(project, QUALITY, source=name, formats=["html"], progress=say):
            print(path)


@app.command()
def cohort(
    cohort: Annotated[str, typer.Argument(help="Identifier of the cohort: cohorts/COHORT.yml.")],
    source: SourceOption = None,
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="PERSON",
            help="Key of a person: write, to a secret file, the rule that excluded each of the "
            "person's entries and months at risk.",
        ),
    ] = None,
    project: ProjectOption = Path(),
    quiet: QuietOption = False,
) -> None:
    """Build a cohort; show what it needs, its definition in French and its flow chart."""
    from pacte_eval.definitions.project import Project
    from pacte_eval.studies.cohort import explain_person, show_cohort

    say = _say(quiet)
    if explain is None:
        print(show_cohort(Project(project), cohort, source, say))
    else:
        print(explain_person(Project(project), cohort, explain, source, progress=say))


@app.command()
def protocol(
    study: Annotated[str, typer.Argument(help="Identifier of the study: studies/STUDY/study.yml.")],
    amend: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            help="Record, with its reason, a change made since the protocol was frozen.",
        ),
    ] = None,
    project: ProjectOption = Path(),
) -> None:
    """Freeze a study before its outcomes are read, and write its pre-analysis plan in French.

    On confidential data, pacte run works only with a protocol that the declarations still follow.
    """
    from pacte_eval.definitions.project import Project
    from pacte_eval.studies.protocol import freeze

    print(freeze(Project(project), study, amend=amend))


@app.command()
def run(
    study: Annotated[str, typer.Argument(help="Identifier of the study: studies/STUDY/study.yml.")],
    source: SourceOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder of results (default: results).")] = None,
    override: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            help="Confidential data only: estimate although the verdicts on the design are not "
            "all favourable. The reason is recorded in the protocol and printed in the report.",
        ),
    ] = None,
    project: ProjectOption = Path(),
    quiet: QuietOption = False,
) -> None:
    """Run a study: cohort, designs and their verdicts, effects, protected result tables.

    On confidential data, effects stay sealed until the verdicts on the design are favourable.
    """
    from pacte_eval.definitions.project import Project
    from pacte_eval.studies import run_study

    say = _say(quiet)
    print(run_study(Project(project), study, source, out, say, override))


@app.command()
def verify(
    study: Annotated[str, typer.Argument(help="Identifier of a study that has been run.")],
    source: SourceOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder of results (default: results).")] = None,
    project: ProjectOption = Path(),
    quiet: QuietOption = False,
) -> None:
    """Run a study again, aside, and say whether every table is that of its result set.

    Exit code 0 when all are identical, or equal at 1e-9; 1 when one differs.
    """
    from pacte_eval.definitions.project import Project
    from pacte_eval.studies.verify import print_verification, verify_study

    verification = verify_study(Project(project), study, source, out, _say(quiet))
    print_verification(verification)
    if not verification.same:
        raise typer.Exit(1)


@app.command()
def export(
    study: Annotated[str, typer.Argument(help="Identifier of a study that has been run.")],
    source: Annotated[
        str, typer.Option(help="Name of the source, where the study was run on several.")
    ] = "*",
    out: Annotated[
        Path | None, typer.Option(help="The archive (default: STUDY-SOURCE.zip in the project).")
    ] = None,
    project: ProjectOption = Path(),
) -> None:
    """Pack the results of a study that may leave this machine, for pacte report --from elsewhere.

    Results on confidential data stay where they are.
    """
    from pacte_eval.definitions.project import Project
    from pacte_eval.studies.export import export_study

    print(export_study(Project(project), study, source, out))


@app.command()
def report(
    study: Annotated[str, typer.Argument(help="Identifier of a study that has been run.")],
    source: Annotated[
        str, typer.Option(help="Name of the source, where the study was run on several.")
    ] = "*",
    formats: Annotated[
        list[Format] | None,
        typer.Option("--format", help="Repeat for several (default: html, docx and pdf)."),
    ] = None,
    public: Annotated[
        list[str] | None, typer.Option(help="Only this public's page; repeat for several.")
    ] = None,
    territory: Annotated[
        list[str] | None, typer.Option(help="Only this territory's page; repeat for several.")
    ] = None,
    renderer: Annotated[
        Renderer | None,
        typer.Option(help="(default: quarto where the program is installed, else embedded)"),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option("--from", help="Archive of pacte export, first put in place in results."),
    ] = None,
    project: ProjectOption = Path(),
    quiet: QuietOption = False,
) -> None:
    """Render the pages of a study, its publics and its territories."""
    from pacte_eval.reports.pages import render_study

    say = _say(quiet)
    if archive is not None:
        from pacte_eval.definitions.project import Project
        from pacte_eval.studies.unpack import unpack

        source = unpack(Project(project), study, archive, source).parent.name
    written = render_study(
        project,
        study,
        source=source,
        formats=[item.value for item in formats or list(Format)],
        cells=[*(public or []), *(territory or [])],
        renderer=renderer.value if renderer else None,
        progress=say,
    )
    for path in written:
        print(path)


def _say(quiet: bool) -> Callable[[str], None]:
    """Progress, on the error stream: what a command made is its output."""
    if quiet:
        return lambda _: None
    return lambda text: print(text, file=sys.stderr, flush=True)


def _share(say: Callable[[str], None], done: str) -> Callable[[float], None]:
    """Progress told by quarters."""
    told = [0]

    def tell(share: float) -> None:
        quarter = int(4 * share)
        if quarter > told[0]:
            told[0] = quarter
            say(f"{25 * quarter} % {done}")

    return tell


def main() -> None:
    """Run the command; a user's mistake is one sentence and exit code 2."""
    try:
        app()
    except InputError as error:
        print(f"pacte: {error}", file=sys.stderr)
        sys.exit(2)
