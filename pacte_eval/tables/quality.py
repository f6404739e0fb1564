"""What a source holds and what is wrong with it: counts over whole tables, made by the engine.

Each table is scanned once for all that a row tells alone, by the month in which the row starts;
duplicates, overlaps, places and links between tables take a pass each. Nothing is refused and
nothing is judged here (`pacte_eval.tables.findings` judges).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import pandas as pd
from ibis.expr.types import BooleanColumn, IntegerScalar, Table

from pacte_eval.tables.contract import columns
from pacte_eval.tables.linkage import linked_persons
from pacte_eval.tables.row_checks import (
    DAY,
    contract_shaped,
    month_number,
    row_checks,
    unusable_columns,
)

KEYS = {
    "registrations": ("person", "start"),
    "trainings": ("training",),
    "contracts": ("contract",),
    "certifications": ("training",),
    "missions_locales": ("person", "start"),
    "communes": ("commune",),
}
IDENTIFIED = ("trainings", "contracts", "certifications", "communes")
ONE_AT_A_TIME = {
    "registrations": ("person",),
    "trainings": ("person",),
    "contracts": ("person", "establishment"),
}
FOLLOWED = ("registrations", "trainings", "contracts")
NEVER_ENDS = date(9999, 12, 31)

Coverage = tuple[date, date]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Quality:
    """Counts of a source's rows and persons, not yet protected.

    Attributes
    ----------
    rows : DataFrame
        ``table``, ``month`` (integer, empty where a row has no date), ``rows``.
    counts : DataFrame
        ``table``, ``check``, ``column`` (empty for a check of the whole row), ``month``,
        ``concerned``: the rows that a check concerns.
    ended : DataFrame
        ``table``, ``month``, ``ended``: rows that end in a month, their start not being later.
    persons : DataFrame
        As `linked_persons` returns it; empty when a table it needs is absent.
    held : dict of str to frozenset of str
        For each table read, the columns that hold at least one value.
    """

    rows: pd.DataFrame
    counts: pd.DataFrame
    ended: pd.DataFrame
    persons: pd.DataFrame
    held: dict[str, frozenset[str]]


def assess(
    raw: Mapping[str, Table],
    coverage: Mapping[str, Coverage],
    communes: Collection[str] = (),
    texts: Collection[str] = (),
    progress: Progress = lambda _: None,
) -> Quality:
    """Count what is wrong with the tables of a source, as read, breaches of the contract included.

    Parameters
    ----------
    raw : dict of str to ibis Table
        By name of the contract, duplicates included; columns may be missing or of another type.
    coverage : dict of str to (date, date)
        First and last day that each table covers.
    communes : collection of str
        Insee codes of the communes known, where the source has no table of communes.
    texts : collection of str
        Tables of which every column was read as text, as CSV files are.
    progress : callable
        Told the table being read.
    """
    tables = {name: contract_shaped(table, name, name in texts) for name, table in raw.items()}
    rows, counts, ended, held = [], [], [], {}
    for name, table in tables.items():
        progress(f"counting {name}")
        unusable = unusable_columns(raw[name], name, name in texts)
        found = _Scan.of(name, table, unusable, tables, coverage.get(name))
        rows.append(found.rows)
        held[name] = found.held
        repeated = _repeated_keys(name, table)
        counts += [*found.counts, *_duplicates(name, table, repeated)]
        if name in ONE_AT_A_TIME:
            counts.append(_overlaps(name, table, repeated))
        if name in FOLLOWED:
            ended.append(_ended(name, table))
    progress("linking persons")
    if "registrations" in tables:
        counts.append(_unplaced(tables, communes))
    return Quality(
        rows=pd.concat(rows, ignore_index=True),
        counts=pd.concat(counts, ignore_index=True),
        ended=pd.concat(ended, ignore_index=True) if ended else pd.DataFrame(),
        persons=linked_persons(tables) if set(FOLLOWED) <= set(tables) else pd.DataFrame(),
        held=held,
    )


@dataclass(frozen=True)
class _Scan:
    """What one pass over a table gives."""

    rows: pd.DataFrame
    counts: list[pd.DataFrame]
    held: frozenset[str]

    @classmethod
    def of(
        cls,
        name: str,
        table: Table,
        unusable: Mapping[str, str],
        tables: Mapping[str, Table],
        coverage: Coverage | None,
    ) -> _Scan:
        linked, orphan = _with_parent(name, table, tables)
        checks = row_checks(linked, name, frozenset(unusable), coverage)
        asked = {f"check_{i}": check.test.sum().fill_null(0) for i, check in enumerate(checks)}
        if orphan is not None:
            asked["orphan"] = orphan.sum().fill_null(0)
        values = {f"held_{column}": linked[column].count() for column in columns(name)}
        found = _by_month(linked, name, rows=linked.count(), **asked, **values)
        counts = [
            _counted(name, check.name, found, f"check_{i}", check.column)
            for i, check in enumerate(checks)
        ]
        if orphan is not None:
            counts.append(_counted(name, "orphan", found, "orphan"))
        counts += [_counted(name, wrong, found, "rows", c) for c, wrong in unusable.items()]
        return cls(
            rows=found[["month", "rows"]].assign(table=name),
            counts=counts,
            held=frozenset(c for c in columns(name) if found[f"held_{c}"].sum() > 0),
        )


def _counted(
    table: str, check: str, found: pd.DataFrame, count: str, column: str = ""
) -> pd.DataFrame:
    """One of the counts by month, under the name of its check; one zero where it has no month."""
    rows = found[["month", count]].set_axis(["month", "concerned"], axis=1)
    if rows.empty:
        rows = pd.DataFrame({"month": [pd.NA], "concerned": [0]}, dtype="Int64")
    return rows.assign(table=table, check=check, column=column)


def _by_month(table: Table, name: str, **sums: IntegerScalar) -> pd.DataFrame:
    day = DAY.get(name)
    month = month_number(table[day]) if day else ibis.null("int32")
    return table.group_by(month=month).aggregate(**sums).execute().astype("Int64")


def _with_parent(
    name: str, table: Table, tables: Mapping[str, Table]
) -> tuple[Table, BooleanColumn | None]:
    """The table, and whether a row's key is in none of the rows of the table that it refers to.

    A person should be registered, a certification should be of an entry into training.
    """
    parent, key = (
        ("trainings", "training") if name == "certifications" else ("registrations", "person")
    )
    if name == parent or key not in table.columns or parent not in tables:
        return table, None
    known = tables[parent].select(known_key=key).distinct()
    linked = table.left_join(known, table[key] == known.known_key)
    return linked, linked[key].notnull() & linked.known_key.isnull()


def _repeated_keys(name: str, table: Table) -> Table:
    """The keys that several rows share, kept since few do."""
    groups = table.group_by(list(KEYS[name])).aggregate(key_rows=table.count())
    return groups.filter(groups.key_rows > 1).select(*KEYS[name]).cache()


def _duplicates(name: str, table: Table, repeated: Table) -> list[pd.DataFrame]:
    """Rows repeated to the letter, and rows that differ but share a key."""
    key = list(KEYS[name])
    shared = table.semi_join(repeated, key)
    versions = shared.group_by(shared.columns).aggregate(copies=shared.count())
    versions = versions.mutate(versions=versions.count().over(group_by=key))
    found = _by_month(
        versions,
        name,
        duplicate=(versions.copies - 1).sum().fill_null(0),
        key=(versions.versions > 1).sum().fill_null(0),
    )
    checks = ("duplicate", "key") if name in IDENTIFIED else ("duplicate",)
    return [_counted(name, check, found, check) for check in checks]


def _overlaps(name: str, table: Table, repeated: Table) -> pd.DataFrame:
    """Rows that start before an earlier one is over, duplicates being read once."""
    key, together = list(KEYS[name]), list(ONE_AT_A_TIME[name])
    once = table.anti_join(repeated, key).union(table.semi_join(repeated, key).distinct())
    spans = once.filter(
        *(once[column].notnull() for column in together),
        once.start.notnull(),
        once.end.isnull() | (once.end >= once.start),
    ).select(*together, "start", end=once.end.coalesce(ibis.literal(NEVER_ENDS)))
    earlier = ibis.window(group_by=together, order_by="start", rows=(None, -1))
    spans = spans.mutate(over=spans.end.max().over(earlier))
    found = _by_month(spans, name, overlap=(spans.start <= spans.over).sum().fill_null(0))
    return _counted(name, "overlap", found, "overlap")


def _ended(name: str, table: Table) -> pd.DataFrame:
    whole = table.filter(table.end >= table.start)
    ended = whole.group_by(month=month_number(whole.end)).aggregate(ended=whole.count())
    return ended.execute().astype("Int64").assign(table=name)


def _unplaced(tables: Mapping[str, Table], communes: Collection[str]) -> pd.DataFrame:
    """Registrations whose commune is in no table of communes."""
    located = tables["registrations"].filter(ibis._.commune.notnull())
    found = (
        located.group_by("commune", month=month_number(located.start))
        .aggregate(rows=located.count())
        .execute()
    )
    if "communes" in tables:
        communes = tables["communes"].select("commune").distinct().execute()["commune"].tolist()
    found["concerned"] = found["rows"].where(~found["commune"].isin(list(communes)), 0)
    by_month = found.groupby("month", dropna=False, as_index=False)["concerned"].sum()
    return _counted("registrations", "place", by_month.astype("Int64"), "concerned")
