"""What the quality report counts in a source, whatever is wrong with it, and how it judges it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.months import month_code, month_of
from pacte_eval.definitions.quality import ALL_YEARS, HOLLOW, POOLED, RAMP_UP, SEVERITIES
from pacte_eval.tables.contract import columns
from pacte_eval.tables.findings import findings, months_covered, unmeasurable
from pacte_eval.tables.meanings import COLUMN_LABELS, MEANINGS, NEEDED_FOR, meaning_of
from pacte_eval.tables.quality import Quality, assess

COVERAGE = {
    name: (date(2017, 1, 1), date(2019, 12, 31))
    for name in ("registrations", "trainings", "contracts", "certifications")
}
DAY = date(2018, 3, 1)


def registered(person: str, start: date = DAY, end: date | None = None, **other: Any) -> dict:
    return {"person": person, "start": start, "end": end, **other}


def trained(key: str, person: str | None, start: date = DAY, **other: Any) -> dict:
    return {
        "training": key,
        "person": person,
        "start": start,
        "end": DAY.replace(year=2019),
    } | other


def hired(key: str, person: str | None, start: date = DAY, **other: Any) -> dict:
    return {"contract": key, "person": person, "start": start, "end": None, **other}


@pytest.fixture
def quality(write_source: Callable[..., Path]) -> Callable[..., Quality]:
    """The quality of a source made of those rows, one plain row standing in for an absent table."""

    def assessed(communes: Sequence[str] = ("13201",), **rows: list[dict[str, Any]]) -> Quality:
        plain = {
            "registrations": [registered("A")],
            "trainings": [trained("T", "A")],
            "contracts": [hired("C", "A")],
        }
        folder = write_source(**(plain | rows))
        return assess(read(folder), COVERAGE, communes)

    return assessed


def read(folder: Path) -> dict[str, ibis.Table]:
    connection = ibis.duckdb.connect()
    return {
        path.stem: connection.read_parquet(str(path)) for path in sorted(folder.glob("*.parquet"))
    }


def concerned(quality: Quality, table: str, check: str, column: str = "") -> int:
    counts = quality.counts
    rows = counts[
        (counts["table"] == table) & (counts["check"] == check) & (counts["column"] == column)
    ]
    assert len(rows), f"nothing was asked about {check} in {table}"
    return int(rows["concerned"].sum())


# Checks that one row answers alone


@pytest.mark.parametrize(
    ("check", "column", "wrong"),
    [
        ("code", "category", {"category": "Z"}),
        ("code", "diploma", {"diploma": "doctorat"}),
        ("pattern", "commune", {"commune": "1320"}),
        ("pattern", "rome", {"rome": "K130"}),
        ("bounds", "children", {"children": 21}),
        ("bounds", "experience_months", {"experience_months": -1}),
        ("required", "category", {"category": None}),
        ("required", "person", {"person": ""}),
        ("missing", "diploma", {"diploma": None}),
        ("reversed", "", {"end": DAY - timedelta(days=1)}),
        ("before", "", {"start": date(2016, 12, 31)}),
        ("after", "", {"start": date(2020, 1, 1)}),
        ("birth", "", {"birth_month": date(2018, 4, 1)}),
        ("age", "", {"birth_month": date(2004, 4, 1)}),
        ("age", "", {"birth_month": date(1942, 3, 1)}),
        ("place", "", {"commune": "75056"}),
    ],
)
def test_a_wrong_row_among_two(
    quality: Callable[..., Quality], check: str, column: str, wrong: dict[str, Any]
) -> None:
    rows = [registered("A", end=date(2018, 6, 1)), registered("B", end=date(2018, 6, 1))]
    assert concerned(quality(registrations=rows), "registrations", check, column) == 0
    rows[1] |= wrong
    assert concerned(quality(registrations=rows), "registrations", check, column) == 1


def test_the_bounds_of_age_and_coverage_are_not_wrong(quality: Callable[..., Quality]) -> None:
    rows = [
        registered("A", date(2017, 1, 1), birth_month=date(1960, 1, 1)),
        registered("B", date(2019, 12, 31), birth_month=date(1960, 1, 1)),
        registered("C", DAY, birth_month=date(2004, 3, 1)),
        registered("D", DAY, birth_month=date(1942, 4, 1)),
    ]
    found = quality(registrations=rows)
    for check in ("before", "after", "age", "birth"):
        assert concerned(found, "registrations", check) == 0


def test_links_between_tables(quality: Callable[..., Quality]) -> None:
    found = quality(
        registrations=[registered("A")],
        trainings=[trained("T1", "A"), trained("T2", None), trained("T3", "B")],
        contracts=[hired("C1", "A"), hired("C2", "B"), hired("C3", None), hired("C4", "D")],
        certifications=[
            {"training": "T1", "status": "obtenue", "date": DAY},
            {"training": "T9", "status": "obtenue", "date": DAY},
        ],
    )
    assert concerned(found, "trainings", "unlinked") == 1
    assert concerned(found, "trainings", "orphan") == 1
    assert concerned(found, "contracts", "unlinked") == 1
    assert concerned(found, "contracts", "orphan") == 2
    assert concerned(found, "certifications", "orphan") == 1


def test_lengths_and_open_rows(quality: Callable[..., Quality]) -> None:
    found = quality(
        trainings=[
            trained("T1", "A", end=DAY.replace(year=2021)),
            trained("T2", "A", end=date(2021, 4, 1)),
            trained("T3", "A", end=None),
        ],
        contracts=[
            hired("C1", "A", end=DAY.replace(year=2028)),
            hired("C2", "A", end=date(2028, 4, 1)),
            hired("C3", "A"),
        ],
    )
    for table in ("trainings", "contracts"):
        assert concerned(found, table, "long") == 1
        assert concerned(found, table, "open") == 1


def test_duplicates_and_shared_keys_are_told_apart(quality: Callable[..., Quality]) -> None:
    found = quality(
        trainings=[
            trained("T1", "A"),
            trained("T1", "A"),
            trained("T1", "A"),
            trained("T2", "A", date(2019, 5, 1)),
            trained("T2", "B", date(2018, 5, 1)),
            trained("T3", "A"),
        ]
    )
    assert concerned(found, "trainings", "duplicate") == 2
    assert concerned(found, "trainings", "key") == 2


@pytest.mark.parametrize(
    ("second", "overlapping"),
    [(date(2018, 6, 1), 1), (date(2018, 6, 2), 0), (date(2018, 3, 1), 1)],
)
def test_two_registrations_overlap_from_a_shared_day(
    quality: Callable[..., Quality], second: date, overlapping: int
) -> None:
    rows = [
        registered("A", DAY, date(2018, 6, 1)),
        registered("A", second, date(2018, 9, 1), category="B"),
        registered("B", DAY, date(2018, 9, 1)),
        registered("B", DAY, date(2018, 9, 1)),
    ]
    assert concerned(quality(registrations=rows), "registrations", "overlap") == overlapping


def test_contracts_overlap_within_an_establishment(quality: Callable[..., Quality]) -> None:
    rows = [
        hired("C1", "A", establishment="E1"),
        hired("C2", "A", date(2018, 5, 1), establishment="E1"),
        hired("C3", "A", date(2018, 5, 1), establishment="E2"),
        hired("C4", "B", date(2018, 5, 1), establishment="E1"),
    ]
    assert concerned(quality(contracts=rows), "contracts", "overlap") == 1


# Against a count made in plain Python

DAYS = st.dates(date(2017, 1, 1), date(2018, 12, 31))
SPANS = st.builds(
    lambda person, start, length: registered(
        person, start, None if length is None else start + timedelta(days=length)
    ),
    st.sampled_from("AB"),
    DAYS,
    st.none() | st.integers(0, 200),
)


def frame_of(name: str, rows: list[dict[str, Any]]) -> ibis.Table:
    types = {"text": pa.string(), "integer": pa.int32(), "boolean": pa.bool_(), "date": pa.date32()}
    arrays = {
        column.name: pa.array([row.get(column.name) for row in rows], types[column.kind])
        for column in columns(name).values()
    }
    return ibis.memtable(pa.table(arrays))


@settings(max_examples=25, deadline=None)
@given(st.lists(SPANS, min_size=1, max_size=12))
def test_overlaps_months_and_duplicates_of_any_rows(rows: list[dict[str, Any]]) -> None:
    found = assess({"registrations": frame_of("registrations", rows)}, COVERAGE)
    once = [dict(row) for row in {tuple(row.items()) for row in rows}]
    assert concerned(found, "registrations", "duplicate") == len(rows) - len(once)
    ordered = sorted(once, key=lambda row: row["start"])
    overlapping = sum(
        any(
            before["person"] == row["person"] and (before["end"] or date.max) >= row["start"]
            for before in ordered[:place]
        )
        for place, row in enumerate(ordered)
    )
    assert concerned(found, "registrations", "overlap") == overlapping
    for month in months_covered(found, COVERAGE).to_dict("records"):
        first = date(month["month"] // 12, month["month"] % 12 + 1, 1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        active = sum(row["start"] <= last and (row["end"] or date.max) >= first for row in rows)
        assert month["active"] == active, month_code(month["month"])
        assert month["starting"] == sum(first <= row["start"] <= last for row in rows)


# Sources that are not in the contract's shape


def test_columns_that_are_absent_or_of_another_type(write_source: Callable[..., Path]) -> None:
    folder = write_source(
        registrations=[registered("A"), registered("B")],
        trainings=[trained("T", "A")],
        contracts=[hired("C", "A")],
    )
    path = folder / "registrations.parquet"
    table = pq.read_table(path).drop_columns(["sex", "benefit"])
    place = table.column_names.index("start")
    pq.write_table(table.set_column(place, "start", pa.array(["2018-03-01", "hier"])), path)
    found = assess(read(folder), COVERAGE)
    assert concerned(found, "registrations", "absent", "sex") == 2
    assert concerned(found, "registrations", "type", "start") == 2
    assert not ((found.counts["check"] == "absent") & (found.counts["column"] == "benefit")).any()
    lost = unmeasurable(found)
    assert {"résultats par sexe, femmes isolées"} <= set(lost["lost"])
    assert COLUMN_LABELS["benefit"] in set(lost["column"])
    judged = findings(found, COVERAGE)
    assert judged.loc[judged["rank"] == 1, "severity"].tolist() == ["bloquant"]


def test_texts_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "contracts.csv"
    path.write_text(
        "contract,person,start,end,nature,full_time,monthly_pay,monthly_minutes,establishment,"
        "subsidised\n"
        "C1,A,2018-03-01,,cdi,true,180000,9100,E1,false\n"
        "C2,A,2018-3-1,,cdi,oui,1800.50,9100,E1,false\n"
    )
    table = ibis.duckdb.connect().read_csv(str(path), all_varchar=True, header=True)
    found = assess({"contracts": table}, COVERAGE, texts=["contracts"])
    for column in ("start", "full_time", "monthly_pay"):
        assert concerned(found, "contracts", "misread", column) == 1
    assert concerned(found, "contracts", "misread", "monthly_minutes") == 0


def test_a_table_without_rows_blocks(quality: Callable[..., Quality]) -> None:
    judged = findings(quality(trainings=[]), COVERAGE)
    worst = judged[judged["rank"] == 1].iloc[0]
    assert (worst["table"], worst["severity"]) == ("formations", "bloquant")


# Months


def monthly(active: Sequence[int], table: str = "contracts") -> Quality:
    """Contracts that all last a month, so many each month of the coverage."""
    first = month_of(COVERAGE[table][0])
    months = [first + place for place in range(len(active))]
    rows = pd.DataFrame({"table": table, "month": months, "rows": active})
    reversed_ = pd.DataFrame(
        {"table": table, "check": "reversed", "column": "", "month": months, "concerned": 0}
    )
    return Quality(
        rows=rows,
        counts=reversed_,
        ended=rows.rename(columns={"rows": "ended"}),
        persons=pd.DataFrame(),
        held={table: frozenset()},
    )


def test_the_ramp_up_of_declarations_is_marked() -> None:
    active = [200, 400, 600, 800, 920] + [1000] * 31
    months = months_covered(monthly(active), COVERAGE)
    assert months["active"].tolist() == active
    assert months["flag"].tolist() == [RAMP_UP] * 4 + [""] * 32
    judged = findings(monthly(active), COVERAGE)
    (row,) = judged[
        (judged["check"] == MEANINGS["ramp_up"].label) & (judged["year"] == ALL_YEARS)
    ].to_dict("records")
    assert row["concerned"] == 200 + 400 + 600 + 800
    assert row["severity"] == "à surveiller"


def test_a_later_hollow_is_not_a_ramp_up() -> None:
    active = [1000] * 10 + [500] * 2 + [1000] * 24
    months = months_covered(monthly(active), COVERAGE)
    assert months["flag"].tolist() == [""] * 10 + [HOLLOW] * 2 + [""] * 24
    training = months_covered(monthly(active, "trainings"), COVERAGE)
    assert set(training["flag"]) == {""}


def test_the_last_year_cannot_be_judged_by_the_months_after_it() -> None:
    months = months_covered(monthly([1000] * 35 + [10]), COVERAGE)
    assert set(months["flag"]) == {""}


# Judgement


def test_every_check_is_told_and_every_column_named(quality: Callable[..., Quality]) -> None:
    found = quality(
        certifications=[{"training": "T", "status": "obtenue", "date": DAY}],
        missions_locales=[{"person": "A", "start": DAY, "end": None, "situation": "emploi"}],
        communes=[{"commune": "13201", "departement": "13", "ze2010": "9310"}],
    )
    for table, check, column in set(
        found.counts[["table", "check", "column"]].itertuples(index=False, name=None)
    ):
        meaning = meaning_of(table, check, column)
        assert meaning.label[0].isupper()
        assert meaning.consequence.endswith(".")
        assert not column or COLUMN_LABELS[column]
    for table, column in NEEDED_FOR:
        assert column in columns(table)


@given(st.sampled_from(sorted(MEANINGS)), st.integers(1, 10), st.integers(1, 10))
def test_a_severity_never_tells_how_small_a_count_is(check: str, one: int, other: int) -> None:
    meaning = MEANINGS[check]
    assert meaning.severity(one, 1000) == meaning.severity(other, 20)


@given(st.integers(11, 1000), st.integers(0, 1000))
def test_severity_grows_with_the_share(rows: int, more: int) -> None:
    for meaning in MEANINGS.values():
        few = meaning.severity(rows, 10_000)
        many = meaning.severity(min(rows + more, 10_000), 10_000)
        assert SEVERITIES.index(many) <= SEVERITIES.index(few)


def test_findings_are_ranked_and_told_by_year(quality: Callable[..., Quality]) -> None:
    rows = [
        trained(f"T{year}-{n}", None if n < share else "A", date(year, 2, 1))
        for year, share in ((2017, 15), (2018, 30), (2019, 0))
        for n in range(100)
    ]
    rows += [trained(f"T{n}", "A", date(2012, 1, 1)) for n in range(20)]
    rows += [trained("Z", "A", date(2025, 1, 1))]
    judged = findings(quality(trainings=rows), COVERAGE)
    whole = judged[judged["year"] == ALL_YEARS].sort_values("rank")
    order = [SEVERITIES.index(severity) for severity in whole["severity"]]
    assert order == sorted(order)
    unlinked = judged[judged["check"] == "Sans clé de personne"]
    unlinked = unlinked[unlinked["table"] == "formations"].set_index("year")
    assert unlinked["concerned"].to_dict() == {
        ALL_YEARS: 45,
        "2017": 15,
        "2018": 30,
        "2019": 0,
        POOLED: 0,
    }
    assert unlinked.loc[POOLED, "rows"] == 21
    assert unlinked.loc["2018", "share"] == pytest.approx(0.30)
    assert unlinked.loc[ALL_YEARS, "severity"] == "bloquant"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=4, max_size=4))
def test_no_year_is_told_apart_with_few_rows(sizes: list[int]) -> None:
    years = [2017, 2018, 2019, 2030]
    rows = pd.DataFrame(
        {"table": "contracts", "month": [12 * year for year in years], "rows": sizes}
    )
    counts = pd.DataFrame(
        {
            "table": "contracts",
            "check": "unlinked",
            "column": "",
            "month": rows["month"],
            "concerned": sizes,
        }
    )
    quality = Quality(rows, counts, pd.DataFrame(), pd.DataFrame(), {"contracts": frozenset()})
    judged = findings(quality, COVERAGE)
    told = judged[(judged["table"] == "contrats") & (judged["year"] != ALL_YEARS)]
    assert not ((told["rows"] > 0) & (told["rows"] < 11)).any()
    if len(told):
        assert told["rows"].sum() == sum(sizes)
