"""A user's mistake is one sentence on the error stream, exit code 2, and nothing written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pacte_eval.cli import main
from pacte_eval.definitions.library import shipped_library

KEY = "cle-de-personne-plantee"
VALUE = "ZPLANTEE"
Rows = list[dict[str, Any]]
Definition = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code and both streams."""

    code: int
    out: str
    err: str

    def refused(self, *words: str) -> None:
        """One sentence with these words, and no row of the data in it."""
        assert self.code == 2, self
        assert self.out == ""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("pacte: ")
        for word in words:
            assert word in lines[0], (word, lines[0])
        assert KEY not in self.err
        assert VALUE not in self.err


Pacte = Callable[..., Ran]


@pytest.fixture
def pacte(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Pacte:
    """The command, run in an empty project."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")

    def command(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["pacte", *map(str, arguments)])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code or 0
        written = capsys.readouterr()
        return Ran(code, written.out, written.err)

    return command


def rows() -> dict[str, Rows]:
    """One entrant, planted, and people who wait; too few for a study, enough to open."""
    entrant = {"person": KEY, "start": date(2018, 10, 15), "end": None}
    waiting = [
        {"person": f"{KEY}-{i}", "start": date(2018, 10, 1), "end": date(2019, 12, 31)}
        for i in range(20)
    ]
    return {
        "registrations": [entrant, *waiting],
        "trainings": [
            {
                "training": f"formation-{KEY}",
                "person": KEY,
                "start": date(2019, 3, 18),
                "end": date(2019, 6, 1),
            }
        ],
        "contracts": [
            {"contract": f"contrat-{i}", "person": KEY, "start": date(2017, 2, 1), "end": None}
            for i in range(15)
        ],
    }


def plant(table: str, column: str, value: Any, count: int) -> Callable[[dict[str, Rows]], None]:
    """Put a wrong value in the first rows of a table."""

    def change(tables: dict[str, Rows]) -> None:
        for row in tables[table][:count]:
            row[column] = value

    return change


WRONG_ROWS = {
    "unknown code": (
        plant("registrations", "category", VALUE, 13),
        ["registrations.parquet", "'category'", " 13 rows ", "A, B, C, D, E"],
    ),
    "unknown code where the column may be empty": (
        plant("trainings", "objective", VALUE, 1),
        ["trainings.parquet", "'objective'", "fewer than 11 rows", "certification"],
    ),
    "end before start": (
        plant("contracts", "end", date(2016, 1, 1), 11),
        ["contracts.parquet", "'end'", " 11 rows ", "before the start"],
    ),
    "pattern": (
        plant("registrations", "commune", VALUE, 10),
        ["registrations.parquet", "'commune'", "fewer than 11 rows", "pattern"],
    ),
    "over the maximum": (
        plant("registrations", "children", 21, 1),
        ["registrations.parquet", "'children'", "fewer than 11 rows", "over 20"],
    ),
    "under the minimum": (
        plant("contracts", "monthly_pay", -1, 12),
        ["contracts.parquet", "'monthly_pay'", " 12 rows ", "under 0"],
    ),
    "empty key": (
        plant("registrations", "person", None, 14),
        ["registrations.parquet", "'person'", " 14 rows ", "requires"],
    ),
    "empty table": (
        lambda tables: tables.update(contracts=[]),
        ["contracts.parquet", "no row"],
    ),
}


@pytest.mark.parametrize("mistake", list(WRONG_ROWS))
def test_rows_that_break_the_contract(pacte: Pacte, write_source: Any, mistake: str) -> None:
    change, words = WRONG_ROWS[mistake]
    tables = rows()
    change(tables)
    pacte("run", "certifiante-2019", "-q", "--source", write_source(**tables)).refused(*words)
    assert not Path("results").exists()


def rewrite(folder: Path, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    path = folder / f"{table}.parquet"
    pq.write_table(change(pq.read_table(path)), path)


WRONG_COLUMNS = {
    "missing": (
        lambda table: table.rename_columns(
            ["sexe" if name == "sex" else name for name in table.column_names]
        ),
        ["registrations.parquet", "'sex' is missing", "did you mean 'sexe'?"],
    ),
    "text for a date": (
        lambda table: table.set_column(
            table.column_names.index("start"), "start", table["start"].cast(pa.string())
        ),
        ["registrations.parquet", "'start'", "string", "wants date"],
    ),
    "text for an integer": (
        lambda table: table.set_column(
            table.column_names.index("children"), "children", table["children"].cast(pa.string())
        ),
        ["registrations.parquet", "'children'", "string", "wants integer"],
    ),
    "integer for a boolean": (
        lambda table: table.set_column(
            table.column_names.index("qpv"), "qpv", table["qpv"].cast(pa.int8())
        ),
        ["registrations.parquet", "'qpv'", "int8", "wants boolean"],
    ),
}


@pytest.mark.parametrize("mistake", list(WRONG_COLUMNS))
def test_columns_that_break_the_contract(pacte: Pacte, write_source: Any, mistake: str) -> None:
    change, words = WRONG_COLUMNS[mistake]
    source = write_source(**rows())
    rewrite(source, "registrations", change)
    pacte("run", "certifiante-2019", "-q", "--source", source).refused(*words)
    assert not Path("results").exists()


def test_a_file_that_is_not_parquet(pacte: Pacte, write_source: Any) -> None:
    source = write_source(**rows())
    (source / "contracts.parquet").write_text(f"{KEY};{VALUE}\n", encoding="utf-8")
    ran = pacte("run", "certifiante-2019", "-q", "--source", source)
    ran.refused("contracts.parquet", "Parquet")


def test_a_table_that_is_not_there(pacte: Pacte, write_source: Any) -> None:
    source = write_source(**rows())
    (source / "trainings.parquet").unlink()
    ran = pacte("run", "certifiante-2019", "-q", "--source", source)
    ran.refused("trainings.parquet", "no such file")


def test_a_source_that_does_not_exist(pacte: Pacte, tmp_path: Path) -> None:
    ran = pacte("run", "certifiante-2019", "-q", "--source", tmp_path / "ailleurs")
    ran.refused("ailleurs", "no such folder", "--source")
    assert list(Path().iterdir()) == []


def test_tables_or_none_as_the_study_wants(pacte: Pacte, write_source: Any) -> None:
    pacte("run", "certifiante-2019", "-q").refused("certifiante-2019", "--source")
    source = write_source(**rows())
    ran = pacte("run", "nsw-lalonde", "-q", "--source", source)
    ran.refused("nsw-lalonde", "leave --source out")
    assert list(Path().iterdir()) == []


def test_confidential_tables_are_refused(pacte: Pacte, write_source: Any) -> None:
    source = write_source(**rows())
    edit(source / "source.yml", lambda described: described.update(nature="confidential"))
    ran = pacte("run", "certifiante-2019", "-q", "--source", source)
    ran.refused("source.yml", "confidential", "protocol")
    assert list(Path().iterdir()) == []


def test_a_confidential_file_of_persons_is_refused(pacte: Pacte) -> None:
    copied("studies/nsw-lalonde/persons.yml", lambda d: d.update(nature="confidential"))
    pacte("run", "nsw-lalonde", "-q").refused("persons.yml", "confidential", "protocol")
    assert not Path("results").exists()


EMPTY_COHORTS = {
    "objective": (
        plant("trainings", "objective", "mobilisation", 1),
        ["entrants-2019", "empty", "objectives"],
    ),
    "not linked": (plant("trainings", "person", None, 1), ["certifiante", "'linked'"]),
    "too old": (plant("registrations", "birth_month", date(1950, 1, 1), 1), ["'age'"]),
    "not registered": (plant("registrations", "category", "E", 1), ["'registered'"]),
    "elsewhere": (plant("registrations", "commune", "75101", 1), ["'lives_in'"]),
    "nobody waits": (
        lambda tables: tables.update(registrations=tables["registrations"][:1]),
        ["en_attente", "'no_training'", "entrants-2019"],
    ),
}


@pytest.mark.parametrize("why", list(EMPTY_COHORTS))
def test_an_empty_cohort_says_which_rule_emptied_it(
    pacte: Pacte, write_source: Any, why: str
) -> None:
    change, words = EMPTY_COHORTS[why]
    tables = rows()
    change(tables)
    source = write_source(**tables)
    if why == "nobody waits":
        words = [word.replace("no_training", "not_entering") for word in words]
    pacte("run", "certifiante-2019", "-q", "--source", source).refused(*words)
    assert not Path("results").exists()


def test_a_study_of_too_few_people_is_refused(pacte: Pacte, write_source: Any) -> None:
    ran = pacte("run", "certifiante-2019", "-q", "--source", write_source(**rows()))
    ran.refused("'certifiante'", "fewer than 11 persons", "too few")
    assert not Path("results").exists()


def edit(path: Path, change: Callable[[Definition], Any]) -> Path:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def copied(relative: str, change: Callable[[Definition], Any], name: str = "") -> Path:
    """A shipped definition changed in the project's own folder."""
    path = Path(name or relative)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((shipped_library() / relative).read_bytes())
    return edit(path, change)


STUDY = "studies/certifiante-2019/study.yml"
COHORT = "cohorts/entrants-2019.yml"
PUBLIC = "cohorts/publics/infra-bac.yml"
PERSONS = "studies/nsw-lalonde/persons.yml"
WRONG_KEYS = [
    (STUDY, lambda d: d["primary"].update(months=3), ["'primary.months'", "'month'"]),
    (COHORT, lambda d: d["population"][1].update(betwen=1), ["betwen'", "'between'"]),
    (COHORT, lambda d: d.update(covariate=[]), ["'covariate'", "'covariates'"]),
    (PUBLIC, lambda d: d["where"][0].update(colum="sex"), ["colum'", "'column'"]),
    (PERSONS, lambda d: d["covariates"]["age"].update(colunm="a"), ["age.colunm'", "'column'"]),
]


@pytest.mark.parametrize(("file", "change", "words"), WRONG_KEYS)
def test_an_unknown_key_suggests_the_nearest(
    pacte: Pacte, write_source: Any, file: str, change: Callable[[Definition], Any], words: Any
) -> None:
    copied(file, change)
    if file == PERSONS:
        ran = pacte("run", "nsw-lalonde", "-q")
    else:
        ran = pacte("run", "certifiante-2019", "-q", "--source", write_source(**rows()))
    ran.refused(file, "unknown key", "did you mean", *words)
    assert not Path("results").exists()


def test_an_unknown_key_of_the_source(pacte: Pacte, write_source: Any) -> None:
    source = write_source(**rows())
    edit(source / "source.yml", lambda described: described.update(lable="x"))
    ran = pacte("run", "certifiante-2019", "-q", "--source", source)
    ran.refused("source.yml", "'lable'", "did you mean 'label'?")


def test_a_file_that_is_not_yaml(pacte: Pacte) -> None:
    path = Path(STUDY)
    path.parent.mkdir(parents=True)
    path.write_text("id: certifiante-2019\ntitle: [une, deux\n", encoding="utf-8")
    pacte("run", "certifiante-2019", "-q").refused(STUDY, "line", "not valid YAML")


def test_a_study_on_a_cohort_and_on_persons(pacte: Pacte) -> None:
    copied(STUDY, lambda study: study.update(persons="persons.yml"))
    pacte("run", "certifiante-2019", "-q").refused(STUDY, "either cohort or persons")


UNKNOWN = [
    (lambda d: d.update(cohort="entrant-2019"), ["cohorts", "'entrants-2019'"]),
    (lambda d: d["subgroups"].update(publics=["infra-bacc"]), ["publics", "'infra-bac'"]),
]


@pytest.mark.parametrize(("change", "words"), UNKNOWN)
def test_an_unknown_definition_suggests_the_nearest(
    pacte: Pacte, write_source: Any, change: Callable[[Definition], Any], words: list[str]
) -> None:
    copied(STUDY, change)
    source = write_source(**rows())
    pacte("run", "certifiante-2019", "-q", "--source", source).refused("did you mean", *words)


def test_an_unknown_study_suggests_the_nearest(pacte: Pacte) -> None:
    ran = pacte("run", "certifiante-2018", "-q")
    ran.refused("studies", "'certifiante-2018'", "did you mean 'certifiante-2019'?")


def test_an_unknown_territory_suggests_the_nearest(pacte: Pacte) -> None:
    copied(
        "studies/certifiante-2019/study.yml",
        lambda study: study.update(subgroups={"territories": ["regoin-93"]}),
    )
    ran = pacte("run", "certifiante-2019", "-q", "--source", "tables")
    ran.refused("'regoin-93'", "neither a territory nor a zoning", "did you mean 'region-93'?")
    assert not Path("results").exists()


def test_an_unknown_arm_suggests_the_nearest(pacte: Pacte) -> None:
    copied(
        "studies/nsw-lalonde/study.yml",
        lambda study: study["comparisons"][0].update(treated="participant"),
    )
    pacte("run", "nsw-lalonde", "-q").refused("arm 'participant'", "'participants'")
    assert not Path("results").exists()


def test_results_under_a_file(pacte: Pacte) -> None:
    Path("fichier").write_text("", encoding="utf-8")
    ran = pacte("run", "nsw-lalonde", "-q", "--out", "fichier/resultats")
    ran.refused("fichier/resultats", "cannot be written")
    assert [path.name for path in Path().iterdir()] == ["fichier"]


def test_a_project_is_made_only_in_an_empty_folder(pacte: Pacte) -> None:
    Path("plein").mkdir()
    Path("plein/note.txt").write_text("à garder", encoding="utf-8")
    pacte("init", "plein").refused("plein", "not empty", "new folder")
    assert [path.name for path in Path("plein").iterdir()] == ["note.txt"]
    Path("fichier").write_text("", encoding="utf-8")
    pacte("init", "fichier/projet").refused("fichier/projet", "cannot be written")
    pacte("init", "fichier").refused("fichier")
    assert sorted(path.name for path in Path().iterdir()) == ["fichier", "plein"]


def test_a_project_that_works_as_made(pacte: Pacte) -> None:
    ran = pacte("init", "etude")
    assert (ran.code, ran.out) == (0, "etude\n")
    made = {path.name for path in Path("etude").iterdir()}
    assert made == {"cohorts", "studies", "reports", "_quarto.yml", "index.qmd"}
    assert [path.name for path in Path().iterdir()] == ["etude"], "no scratch folder left"
    pacte("run", "certifiante-2019", "-q", "--project", "etude").refused("--source")


def test_a_population_is_not_written_over_other_files(pacte: Pacte) -> None:
    Path("tables").mkdir()
    Path("tables/source.yml").write_text("nature: confidential\n", encoding="utf-8")
    ran = pacte("simulate", "-q", "--people", "1000", "--out", "tables")
    ran.refused("tables", "not written by 'pacte simulate'")
    assert [path.name for path in Path("tables").iterdir()] == ["source.yml"]
    assert [path.name for path in Path().iterdir()] == ["tables"]


def test_a_population_is_refused_before_it_is_drawn(
    pacte: Pacte, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the population was drawn before its folder was checked")

    monkeypatch.setattr("pacte_eval.synthetic.simulate", drawn)
    Path("tables").mkdir()
    pacte("simulate", "-q", "--out", "tables").refused("tables", "another folder")


def test_a_report_of_a_study_that_was_not_run(pacte: Pacte) -> None:
    pacte("report", "certifiante-2019", "-q").refused("certifiante-2019", "run it first")
    assert list(Path().iterdir()) == []


@pytest.fixture
def ran_nsw(pacte: Pacte) -> Path:
    """A result set in the project of `pacte`."""
    ran = pacte("run", "nsw-lalonde", "-q")
    assert ran.code == 0
    assert ran.err == ""
    return Path(ran.out.strip())


def test_reports_that_cannot_be_made(pacte: Pacte, ran_nsw: Path) -> None:
    pacte("report", "nsw-lalond", "-q").refused("did you mean 'nsw-lalonde'?", "run it first")
    ran = pacte("report", "nsw-lalonde", "-q", "--public", "infra-bac")
    ran.refused("nsw-lalonde", "no page 'infra-bac'")
    pacte("report", "nsw-lalonde", "-q", "--source", "autre").refused("nsw-lalonde")
    twin = ran_nsw.parents[1] / "autre"
    ran_nsw.parent.rename(ran_nsw.parents[1] / "garde")
    for name in ("garde", "autre"):
        (ran_nsw.parents[1] / name / "interne").mkdir(parents=True, exist_ok=True)
    for file in (ran_nsw.parents[1] / "garde" / "interne").iterdir():
        if file.is_file():
            (twin / "interne" / file.name).write_bytes(file.read_bytes())
    ran = pacte("report", "nsw-lalonde", "-q")
    ran.refused("several sources", "--source", "autre, garde")
    assert sorted(path.name for path in Path().iterdir()) == ["results"]


def test_an_option_that_does_not_exist_is_not_ours_to_word(pacte: Pacte) -> None:
    ran = pacte("run", "certifiante-2019", "--sources", "x")
    assert ran.code == 2
    assert "--source" in ran.err
    assert "Traceback" not in ran.err
