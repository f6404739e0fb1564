"""The findings of the quality report: what the counts of a source mean, by table and year.

Counts are those of `pacte_eval.tables.quality`, judged by `pacte_eval.tables.meanings`; they are
not yet protected.
"""

from __future__ import annotations

import pandas as pd

from pacte_eval.definitions.errors import SMALLEST_SHOWN
from pacte_eval.definitions.months import month_of
from pacte_eval.definitions.quality import (
    ALL_YEARS,
    BLOCKING,
    HOLLOW,
    MONTHS_AFTER,
    POOLED,
    RAMP_UP,
    RAMP_UP_SHARE,
    SEVERITIES,
)
from pacte_eval.tables.contract import REQUIRED_TABLES
from pacte_eval.tables.meanings import (
    COLUMN_LABELS,
    MEANINGS,
    NEEDED_FOR,
    TABLE_LABELS,
    TABLES_NEEDED_FOR,
    meaning_of,
)
from pacte_eval.tables.quality import Coverage, Quality


def findings(quality: Quality, coverage: dict[str, Coverage]) -> pd.DataFrame:
    """Every check, over all years and by year, the worst first.

    Parameters
    ----------
    quality : Quality
    coverage : dict of str to (date, date)
        First and last day that each table covers.

    Returns
    -------
    DataFrame
        ``rank`` (of the finding, 1 being the worst), ``table``, ``check``, ``column`` (French
        labels), ``year`` (`ALL_YEARS`, a year of the coverage, or `POOLED` for years outside it or
        with too few rows to be told apart), ``rows`` of the table in that year, ``concerned``,
        ``share``, ``severity``, ``consequence``. A check that finds nothing has no row by year.
    """
    counts = pd.concat([quality.counts, ramp_up_counts(quality, coverage)], ignore_index=True)
    found = []
    for table, rows in quality.rows.groupby("table", sort=False):
        years = years_told(rows, coverage.get(str(table)))
        totals = by_year(rows["rows"], rows["month"], years)
        of_table = counts[counts["table"] == table]
        for (check, column), by_month in of_table.groupby(["check", "column"], sort=False):
            if check == "missing" and column not in quality.held[str(table)]:
                continue
            concerned = by_year(by_month["concerned"], by_month["month"], years)
            concerned = concerned.reindex(totals.index, fill_value=0)
            found += _finding(str(table), str(check), str(column), totals, concerned)
    found += [_without_rows(table) for table in REQUIRED_TABLES if _is_empty(quality, table)]
    return _worst_first(pd.DataFrame(found))


def ramp_up_counts(quality: Quality, coverage: dict[str, Coverage]) -> pd.DataFrame:
    """Contracts that start in the months of the ramp-up, as `Quality.counts` has them."""
    months = months_covered(quality, coverage)
    ramp_up = months[(months["table"] == "contracts") & (months["flag"] == RAMP_UP)]
    return pd.DataFrame(
        {
            "table": "contracts",
            "check": "ramp_up",
            "column": "",
            "month": ramp_up["month"],
            "concerned": ramp_up["starting"],
        }
    )


def months_covered(quality: Quality, coverage: dict[str, Coverage]) -> pd.DataFrame:
    """Rows that start, are under way and end, for each month of each table's coverage.

    Returns
    -------
    DataFrame
        ``table``, ``month`` (integer), ``starting``, ``active`` (on a day of the month at least),
        ``ended``, ``flag``: for contracts, `RAMP_UP` for the first months whose active rows are
        under `RAMP_UP_SHARE` of the median of the 12 months after, `HOLLOW` for later ones.
    """
    frames = []
    for table in dict.fromkeys(quality.ended["table"] if len(quality.ended) else ()):
        if table not in coverage:
            continue
        first, last = map(month_of, coverage[table])
        months = pd.RangeIndex(first, last + 1)
        starts = _by_month(quality.rows, table, "rows") - _reversed_by_month(quality, table)
        ends = _by_month(quality.ended, table, "ended")
        under_way = [starts.loc[:month].sum() - ends.loc[: month - 1].sum() for month in months]
        frame = pd.DataFrame(
            {
                "table": table,
                "month": months,
                "starting": _by_month(quality.rows, table, "rows").reindex(months, fill_value=0),
                "active": under_way,
                "ended": ends.reindex(months, fill_value=0),
            }
        )
        frames.append(frame.assign(flag=_flags(frame["active"]) if table == "contracts" else ""))
    columns = ["table", "month", "starting", "active", "ended", "flag"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def unmeasurable(quality: Quality) -> pd.DataFrame:
    """What the source does not hold at all, and what cannot be measured without it.

    Returns
    -------
    DataFrame
        ``table``, ``column`` (French labels), ``lost``, ``rows`` of the table.
    """
    rows = quality.rows.groupby("table")["rows"].sum()
    tables = [
        {"table": TABLE_LABELS[table], "column": "toute la table", "lost": lost, "rows": 0}
        for table, lost in TABLES_NEEDED_FOR.items()
        if table not in quality.held
    ]
    columns = [
        {
            "table": TABLE_LABELS[table],
            "column": COLUMN_LABELS[column],
            "lost": lost,
            "rows": int(rows.get(table, 0)),
        }
        for (table, column), lost in NEEDED_FOR.items()
        if table in quality.held and column not in quality.held[table]
    ]
    return pd.DataFrame([*tables, *columns], columns=["table", "column", "lost", "rows"])


def years_told(rows: pd.DataFrame, coverage: Coverage | None) -> dict[int, str]:
    """The year under which each month is told; those of years outside, or too small, have none.

    Parameters
    ----------
    rows : DataFrame
        ``month`` and ``rows`` of one table.
    coverage : (date, date), optional
        First and last day that it covers.
    """
    if coverage is None:
        return {}
    dated = rows[rows["month"].notna()].astype({"month": int})
    year = dated["month"] // 12
    inside = dated[year.between(coverage[0].year, coverage[1].year)]
    totals = inside["rows"].groupby(inside["month"] // 12).sum().sort_values(kind="stable")
    told = totals[totals >= SMALLEST_SHOWN]
    pooled = rows["rows"].sum() - told.sum()
    while 0 < pooled < SMALLEST_SHOWN and len(told):
        pooled, told = pooled + told.iloc[0], told.iloc[1:]
    return {month: str(month // 12) for month in dated["month"] if month // 12 in told.index}


def year_of(months: pd.Series, years: dict[int, str]) -> pd.Series:
    """The year under which each month is told, `POOLED` when it has none."""
    told = [POOLED if pd.isna(month) else years.get(int(month), POOLED) for month in months]
    return pd.Series(told, months.index, dtype="str")


def by_year(counts: pd.Series, months: pd.Series, years: dict[int, str]) -> pd.Series:
    """Counts by month summed by the year under which they are told (`years_told`)."""
    return counts.astype(int).groupby(year_of(months, years)).sum()


def _by_month(frame: pd.DataFrame, table: str, count: str) -> pd.Series:
    rows = frame[(frame["table"] == table) & frame["month"].notna()]
    return rows.set_index(rows["month"].astype(int))[count].astype(int).sort_index()


def _reversed_by_month(quality: Quality, table: str) -> pd.Series:
    counts = quality.counts[quality.counts["check"] == "reversed"]
    starts = _by_month(quality.rows, table, "rows")
    return _by_month(counts, table, "concerned").reindex(starts.index, fill_value=0)


def _flags(active: pd.Series) -> list[str]:
    flags, ramping = [], True
    for place, rows in enumerate(active):
        after = active.iloc[place + 1 : place + 1 + MONTHS_AFTER]
        low = len(after) == MONTHS_AFTER and rows < RAMP_UP_SHARE * after.median()
        ramping &= low
        flags.append(RAMP_UP if ramping else HOLLOW if low else "")
    return flags


def _finding(
    table: str, check: str, column: str, totals: pd.Series, concerned: pd.Series
) -> list[dict[str, object]]:
    """The rows of one finding: all years, then each year when something was found."""
    meaning = meaning_of(table, check, column)
    told = {"table": TABLE_LABELS[table], "check": meaning.label}
    told |= {"column": COLUMN_LABELS[column] if column else ""}
    counts = {ALL_YEARS: (int(totals.sum()), int(concerned.sum()))}
    if concerned.sum() and len(totals) > 1:
        counts |= {year: (int(totals[year]), int(concerned[year])) for year in totals.index}
    return [
        {
            **told,
            "year": year,
            "rows": rows,
            "concerned": count,
            "share": count / rows if rows else None,
            "severity": meaning.severity(count, rows),
            "consequence": meaning.consequence if count else "",
        }
        for year, (rows, count) in counts.items()
    ]


def _is_empty(quality: Quality, table: str) -> bool:
    return quality.rows.loc[quality.rows["table"] == table, "rows"].sum() == 0


def _without_rows(table: str) -> dict[str, object]:
    meaning = MEANINGS["empty"]
    return {
        "table": TABLE_LABELS[table],
        "check": meaning.label,
        "column": "",
        "year": ALL_YEARS,
        "rows": 0,
        "concerned": 0,
        "share": None,
        "severity": BLOCKING,
        "consequence": meaning.consequence,
    }


def _worst_first(found: pd.DataFrame) -> pd.DataFrame:
    """Rank the findings by severity, then by their share where it may be told."""
    whole = found[found["year"] == ALL_YEARS]
    told = (whole["concerned"] >= SMALLEST_SHOWN) & (
        whole["rows"] - whole["concerned"] >= SMALLEST_SHOWN
    )
    order = pd.DataFrame(
        {
            "severity": whole["severity"].map(SEVERITIES.index),
            "share": -whole["share"].astype(float).where(told, 0.0),
        }
    )
    places = order.sort_values(["severity", "share"], kind="stable").index
    keys = ["table", "check", "column"]
    ranks = whole.loc[places, keys].assign(rank=range(1, len(places) + 1))
    return found.merge(ranks, on=keys, how="left")
