"""The page of a source's quality: what to remember, then its findings, the worst first.

Each function takes a `Page` on the result set of a source, and returns Markdown or a figure.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from pacte_eval.definitions.numerals import ABSENT
from pacte_eval.definitions.quality import (
    ALL_YEARS,
    BLOCKING,
    INFORMATION,
    MISSING,
    NOTHING,
    POOLED,
    WATCHED,
)
from pacte_eval.figures import coverage_by_month, describe_coverage_by_month
from pacte_eval.reports.french import WITHHELD, escape_markdown, markdown_table, number, percent
from pacte_eval.reports.narrative import FIXED, THIN, synthetic_notice
from pacte_eval.reports.page import Page
from pacte_eval.results import ProtectedTable

ICONS = {BLOCKING: "○", WATCHED: "◐", INFORMATION: "–"}
AT_MOST = 8


def notice(page: Page) -> Markdown:
    """The label of synthetic data, above everything."""
    return Markdown(synthetic_notice() if page.synthetic else "")


def summary(page: Page) -> Markdown:
    """How many findings stop a study or are to be watched, and the worst of them."""
    whole = _findings(page, [BLOCKING, WATCHED]).frame
    blocking = whole[whole["severity"] == BLOCKING]
    watched = whole[whole["severity"] == WATCHED]
    lines = [_verdict(len(blocking), len(watched))]
    lines += [f"- {_told(row)}" for row in whole.head(AT_MOST).to_dict("records")]
    if len(whole) > AT_MOST:
        lines.append(f"- Les autres sont dans le tableau qui suit ({len(whole)} en tout).")
    lost = len(page.results.table("unmeasurable"))
    if lost:
        words = "un public ou une mesure" if lost == 1 else f"{lost} publics ou mesures"
        lines.append(f"- **Non mesurable**{FIXED}: {words}, faute de données (@sec-absent).")
    return Markdown("\n".join([lines[0], "", *lines[1:]]))


def findings(page: Page) -> Markdown:
    """Findings, the worst first, with their consequence; missing values only where they matter."""
    frame = _findings(page, [BLOCKING, WATCHED, INFORMATION]).frame
    told = frame[(frame["check"] != MISSING) | (frame["severity"] != INFORMATION)]
    if told.empty:
        return Markdown("Aucun constat.")
    lines = [
        "| Gravité | Constat | Lignes | Conséquence pour une étude |",
        "|:------|:------------|------:|:--------------------|",
    ]
    for row in told.to_dict("records"):
        severity = row["severity"]
        cells = [f"{ICONS[severity]} {severity}", _name(row), _size(row), _consequence(row)]
        lines.append(f"| {' | '.join(cells)} |")
    return Markdown("\n".join(lines) + "\n")


def missing(page: Page) -> Markdown:
    """Missing values of every column that has some, the most missing first."""
    frame = _findings(page, [BLOCKING, WATCHED, INFORMATION]).select(check=MISSING).frame
    if frame.empty:
        return Markdown("Aucune valeur ne manque dans les colonnes que la source remplit.")
    lines = [
        "| Colonne | Lignes | Conséquence pour une étude |",
        "|:--------------|------:|:--------------------|",
    ]
    for row in frame.to_dict("records"):
        name = escape_markdown(f"{row['table'].capitalize()}{FIXED}: {row['column']}")
        lines.append(f"| {' | '.join([name, _size(row), _consequence(row)])} |")
    return Markdown("\n".join(lines) + "\n")


def unmeasurable(page: Page) -> Markdown:
    """What the source does not hold at all."""
    table = page.results.table("unmeasurable")
    if len(table) == 0:
        return Markdown("La source remplit toutes les colonnes et toutes les tables du contrat.")
    return Markdown(markdown_table(table, ["lost", "table", "column"]))


def coverage(page: Page) -> Figure:
    """Rows by month of each table."""
    return coverage_by_month(page.results.table("coverage").frame)


def coverage_reading(page: Page) -> Markdown:
    """The figure in words."""
    words = describe_coverage_by_month(page.results.table("coverage").frame)
    return Markdown(f"*Lecture.* {escape_markdown(words)}")


def coverage_months(page: Page) -> Markdown:
    """The figure's numbers."""
    return Markdown(
        markdown_table(
            page.results.table("coverage"), ["month", "table", "starting", "active", "flag"]
        )
    )


def linkage(page: Page) -> Markdown:
    """Registered persons known by contracts and by trainings, by group."""
    table = page.results.table("linkage")
    lines = [
        "| Personnes inscrites | Nombre | Avec un contrat | Avec une formation |",
        "|:---|---:|---:|---:|",
    ]
    groups = [rows for _, rows in table.frame.groupby("rank", sort=True)]
    for rows in groups:
        of = dict(zip(rows["table"], rows["share"], strict=True))
        variable, label = rows["variable"].iloc[0], rows["label"].iloc[0]
        name = f"{variable}{FIXED}: {label}" if pd.notna(variable) else f"{label}"
        persons = rows["persons"].dropna()
        cells = [
            escape_markdown(name),
            number(persons.iloc[0]) if len(persons) else WITHHELD,
            *(_share(of.get(table)) for table in ("contrats", "formations")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return Markdown("\n".join(lines) + "\n")


def by_year(page: Page) -> Markdown:
    """Shares of every finding, one column a year."""
    table = page.results.table("findings")
    found = _findings(page, [BLOCKING, WATCHED, INFORMATION]).frame
    rows = table.select(rank=found["rank"].tolist()).frame
    rows = rows[rows["year"] != ALL_YEARS]
    years = sorted(set(rows["year"]) - {POOLED}) + [POOLED] * (POOLED in set(rows["year"]))
    lines = [
        f"| Constat | {' | '.join(year.capitalize() for year in years)} |",
        f"|:---|{'---:|' * len(years)}",
    ]
    for _, group in rows.groupby("rank", sort=True):
        shares = group.set_index("year")["share"]
        cells = [_share(shares[year]) if year in shares else ABSENT for year in years]
        lines.append(f"| {_name(group.iloc[0].to_dict())} | {' | '.join(cells)} |")
    return Markdown("\n".join(lines) + "\n" if years else "Aucun constat.")


def nothing_found(page: Page) -> Markdown:
    """The checks that found nothing, by table."""
    frame = _findings(page, [NOTHING]).frame
    lines = []
    for table, rows in frame.groupby("table", sort=True):
        checks = [
            f"{_lower(check)}{_columns(of['column'])}"
            for check, of in rows.groupby("check", sort=True)
        ]
        named = escape_markdown(f"{str(table).capitalize()}")
        lines.append(f"- **{named}**{FIXED}: {escape_markdown(f'{THIN}; '.join(checks))}.")
    return Markdown("\n".join(lines) or "Chaque contrôle trouve quelque chose.")


def _findings(page: Page, severities: list[str]) -> ProtectedTable:
    return page.results.table("findings").select(year=ALL_YEARS, severity=severities)


def _verdict(blocking: int, watched: int) -> str:
    if blocking:
        count = "Un constat bloquant" if blocking == 1 else f"{blocking} constats bloquants"
        return (
            f"**{count}**{THIN}: la source est à corriger avant toute étude. "
            f"{_watched(watched)} à surveiller."
        )
    return f"**Aucun constat ne bloque une étude.** {_watched(watched)} à surveiller."


def _watched(count: int) -> str:
    if count == 0:
        return "Aucun constat n'est"
    return "Un constat est" if count == 1 else f"{count} constats sont"


def _told(row: dict[Any, Any]) -> str:
    """A finding and its consequence, in a line."""
    size = _lines(row)
    told = f" ({size})" if row["rows"] else ""
    return f"{ICONS[row['severity']]} **{_name(row)}**{told}. {_consequence(row)}"


def _lines(row: dict[Any, Any]) -> str:
    if pd.isna(row["concerned"]):
        return "nombre de lignes non communiqué"
    return f"{number(row['concerned'])}{FIXED}lignes, {_share(row['share'])}"


def _size(row: dict[Any, Any]) -> str:
    """Rows concerned and their share, as written."""
    if pd.isna(row["concerned"]):
        return WITHHELD
    share = f" ({_share(row['share'])})" if row["rows"] else ""
    return f"{number(row['concerned'])}{share}"


def _consequence(row: dict[Any, Any]) -> str:
    return escape_markdown(row["consequence"])


def _name(row: dict[Any, Any]) -> str:
    column = "" if pd.isna(row["column"]) else f" («{THIN}{row['column']}{THIN}»)"
    return escape_markdown(f"{row['table'].capitalize()}{FIXED}: {_lower(row['check'])}{column}")


def _lower(check: Any) -> str:
    return f"{str(check)[:1].lower()}{str(check)[1:]}"


def _columns(columns: pd.Series) -> str:
    names = columns.dropna().tolist()
    return f" ({', '.join(names)})" if names else ""


def _share(value: Any) -> str:
    return WITHHELD if pd.isna(value) else _percent(value)


def _percent(share: float) -> str:
    """A share in percent; one too small to be told from zero says so."""
    return escape_markdown(f"<{FIXED}{percent(0.001)}") if 0 < share < 0.0005 else percent(share)
