"""The quality of a source from its tables to its page: protected, in French, the worst first."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import frictionless
import pandas as pd
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import write_project
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.quality import ALL_YEARS, NOTHING, POOLED, SEVERITIES
from pacte_eval.reports import open_page, quality, stubs
from pacte_eval.reports.page import Page
from pacte_eval.reports.pages import render_study
from pacte_eval.results import ProtectedTable, ResultSet
from pacte_eval.results.schemas import FINDINGS
from pacte_eval.studies.check import check_source, protected_tables
from pacte_eval.tables.quality import Quality

SYNTHETIC = "Données synthétiques"
YEARS = (2017, 2018, 2019, 2020)
COVERAGE = {"trainings": (date(2017, 1, 1), date(2020, 12, 31))}


def source(write_source: Callable[..., Path], few: int = 3) -> Path:
    """120 persons a year, some rows wrong: unlinked, without a diploma, ending too soon."""
    registrations, trainings, contracts = [], [], []
    for place, (year, n) in enumerate(itertools.product((2017, 2018, 2019), range(120))):
        start = date(year, 1 + n % 12, 1)
        person = f"P{place:03d}"
        registrations.append(
            {
                "person": person,
                "start": start,
                "end": start + timedelta(days=90),
                "diploma": None if n % 2 else "bac",
                "sex": "F" if n % 3 else "M",
            }
        )
        trainings.append(
            {
                "training": f"T{place:03d}",
                "person": person if n >= 8 else None,
                "start": start,
                "end": start - timedelta(days=1) if place < few else start + timedelta(days=30),
            }
        )
        contracts.append({"contract": f"C{place:03d}", "person": person, "start": start})
    return write_source(registrations=registrations, trainings=trainings, contracts=contracts)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project(tmp_path / "projet")
    return tmp_path / "projet"


@pytest.fixture
def page(write_source: Callable[..., Path], project: Path) -> Page:
    return open_page(str(check_source(Project(project), source(write_source))))


def text(markdown: Any) -> str:
    return str(markdown.data)


def french(words: str) -> None:
    assert not re.search(r" [;:!?»%](?!-)", words), words
    assert not re.search(r"\d\.\d", words), words
    assert not re.search(r"\b(nan|None|NaN|<NA>)\b", words), words


# The result set


def test_a_source_that_a_study_refuses_is_described(
    write_source: Callable[..., Path], project: Path
) -> None:
    folder = source(write_source)
    said: list[str] = []
    made = check_source(Project(project), folder, progress=said.append)
    assert made == project / "results" / "qualite" / folder.name / "interne"
    assert said
    assert frictionless.validate(str(made / "datapackage.json")).valid
    results = ResultSet.open(made)
    assert results.nature == "synthetic"
    worst = results.table("findings").select(year=ALL_YEARS).frame.iloc[0]
    assert (worst["table"], worst["severity"]) == ("formations", "bloquant")
    assert worst["check"] == "Fin antérieure au début"
    assert pd.isna(worst["concerned"]), "three rows are too few to be told"
    rank = worst["rank"]
    assert results.table("findings").select(rank=rank).frame["concerned"].dropna().eq(0).all()


def test_the_same_source_gives_the_same_bytes(
    write_source: Callable[..., Path], project: Path
) -> None:
    folder = source(write_source)
    first, second = (check_source(Project(project), folder, project / name) for name in ("a", "b"))
    described = [first / "datapackage.json", first / "provenance.json"]
    for path in [*sorted(first.glob("*.csv")), *described]:
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_where_the_tables_lie_is_not_told(
    write_source: Callable[..., Path], project: Path, tmp_path: Path
) -> None:
    folder = source(write_source)
    described = yaml.safe_load((folder / "source.yml").read_text("utf-8"))
    pointing = tmp_path / "ailleurs"
    pointing.mkdir()
    (pointing / "source.yml").write_text(yaml.safe_dump(described | {"at": "duckdb:no.duckdb"}))
    with pytest.raises(InputError, match="no such DuckDB file"):
        check_source(Project(project), pointing)
    assert not (project / "results").exists()


def test_a_folder_without_tables(write_source: Callable[..., Path], project: Path) -> None:
    folder = source(write_source)
    for path in folder.glob("*.parquet"):
        path.unlink()
    with pytest.raises(InputError, match="none of the tables"):
        check_source(Project(project), folder)
    with pytest.raises(InputError, match="no such folder"):
        check_source(Project(project), folder / "rien")


# Protection


def assert_no_small_count(table: ProtectedTable, *names: str) -> None:
    for name in names:
        values = table.frame[name].dropna()
        assert not ((values > 0) & (values < 11)).any(), name


def counted(concerned: list[int], rows: list[int]) -> Quality:
    """Trainings of so many rows a year, so many of them unlinked."""
    months = [12 * year for year in YEARS]
    counts = pd.DataFrame({"month": months, "concerned": concerned}).assign(
        table="trainings", check="unlinked", column=""
    )
    return Quality(
        rows=pd.DataFrame({"table": "trainings", "month": months, "rows": rows}),
        counts=counts,
        ended=pd.DataFrame(columns=["table", "month", "ended"]),
        persons=pd.DataFrame(),
        held={"trainings": frozenset({"person"})},
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), min_size=4, max_size=4))
def test_no_small_number_is_left_by_the_years_of_a_finding(pairs: list[tuple[int, int]]) -> None:
    rows = [one + other for one, other in pairs]
    if sum(rows) == 0:
        return
    table = protected_tables(counted([one for one, _ in pairs], rows), COVERAGE)["findings"]
    frame = table.select(check="Sans clé de personne").frame
    assert_no_small_count(table, "rows", "concerned")
    rest = (frame["rows"] - frame["concerned"]).dropna()
    assert not ((rest > 0) & (rest < 11)).any()
    whole, years = frame[frame["year"] == ALL_YEARS].iloc[0], frame[frame["year"] != ALL_YEARS]
    if pd.isna(whole["concerned"]) or years.empty:
        return
    for total, shown in (
        (whole["concerned"], years["concerned"]),
        (whole["rows"] - whole["concerned"], years["rows"] - years["concerned"]),
    ):
        left = total - shown.sum()
        assert left == 0 or left >= 11, frame
        assert left == 0 or shown.isna().sum() >= 2


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=24, max_size=24),
    st.integers(0, 30),
    st.integers(0, 30),
)
@example([0] * 7 + [1] + [11] * 6 + [0] * 10, 0, 0)
def test_no_small_number_is_left_by_the_months(sizes: list[int], early: int, late: int) -> None:
    """Coverage from July 2017 to June 2019; the findings tell the rows of every year."""
    coverage = {"contracts": (date(2017, 7, 1), date(2019, 6, 30))}
    first = 12 * 2017 + 6
    months = [first - 1, *range(first, first + 24), first + 24]
    rows = [early, *sizes, late]
    frame = pd.DataFrame({"table": "contracts", "month": months, "rows": rows})
    quality = Quality(
        rows=frame,
        counts=frame.rename(columns={"rows": "concerned"}).assign(check="open", column=""),
        ended=frame.rename(columns={"rows": "ended"}),
        persons=pd.DataFrame(),
        held={"contracts": frozenset()},
    )
    if sum(rows) == 0:
        return
    tables = protected_tables(quality, coverage)
    assert_no_small_count(tables["coverage"], "starting", "active")
    rows_told = tables["findings"].select(table="contrats").frame.drop_duplicates("year")
    told = rows_told.set_index("year")["rows"].dropna()
    shown = dict.fromkeys([*told.index, POOLED], 0)
    for month, starting in tables["coverage"].frame[["month", "starting"]].dropna().to_numpy():
        shown[month[:4] if month[:4] in told.index else POOLED] += starting
        shown[ALL_YEARS] = shown.get(ALL_YEARS, 0) + starting
    for year, number in told.items():
        left = number - shown[str(year)]
        assert left == 0 or left >= 11, year


def test_nothing_small_is_written(page: Page) -> None:
    results = page.results
    assert_no_small_count(results.table("findings"), "rows", "concerned")
    assert_no_small_count(results.table("coverage"), "starting", "active")
    linkage = results.table("linkage")
    assert_no_small_count(linkage, "persons")
    frame = linkage.frame.dropna(subset="share")
    for known in (frame["share"] * frame["persons"], (1 - frame["share"]) * frame["persons"]):
        assert not ((known > 0.5) & (known < 10.5)).any()
    assert set(results.table("findings").frame.columns) >= set(FINDINGS.published.names)
    assert not set(FINDINGS.secret) & set(results.table("findings").frame.columns)


# The page


def test_the_summary_tells_the_worst_first_with_its_consequence(page: Page) -> None:
    lines = text(quality.summary(page)).splitlines()
    assert lines[0].startswith("**Un constat bloquant**")
    assert "fin antérieure au début" in lines[2]
    assert "nombre de lignes non communiqué" in lines[2]
    assert "refuse cette source" in lines[2]
    unlinked = next(line for line in lines if "sans clé de personne" in line)
    assert "24\u00a0lignes, 6,7\u202f%" in unlinked
    assert "l'effet estimé ne vaut pas pour elles" in unlinked.replace("’", "'")
    french(text(quality.summary(page)))


def test_tables_are_in_french_and_in_order(page: Page) -> None:
    told = text(quality.findings(page)).splitlines()[2:]
    severities = [line.split("|")[1].strip()[2:] for line in told]
    assert [SEVERITIES.index(name) for name in severities] == sorted(
        SEVERITIES.index(name) for name in severities
    )
    assert NOTHING not in severities
    for part in (
        "findings",
        "missing",
        "unmeasurable",
        "linkage",
        "by_year",
        "nothing_found",
        "coverage_reading",
        "coverage_months",
        "notice",
    ):
        words = text(getattr(quality, part)(page))
        assert len(words) > 80, part
        french(words)


def test_publics_that_cannot_be_measured_are_named(page: Page) -> None:
    told = text(quality.unmeasurable(page))
    assert "personnes sous main de justice" in told
    assert "NEET" in told
    assert "seniors" not in told


def test_the_home_page_lists_the_quality_of_a_source(
    page: Page, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    stubs.write_every_stub(Path())
    listed = text(stubs.list_of_pages())
    assert "(pages/qualite/source/index.qmd)" in listed
    assert SYNTHETIC in listed


def test_the_page_is_rendered(page: Page, project: Path) -> None:
    (written, *_) = render_study(project, "qualite", formats=["html"], renderer="embedded")
    html = written.read_text("utf-8")
    assert written == project / "_site/pages/qualite/source/index.html"
    assert html.count(SYNTHETIC) >= 2
    assert html.index("Un constat bloquant") < html.index('<h2 id="sec-constats"')
    assert 'id="tbl-constats"' in html
    assert "data:image/svg+xml" in html
