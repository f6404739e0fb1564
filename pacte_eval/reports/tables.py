"""The tables of a page, as Markdown, from protected tables only."""

from __future__ import annotations

import pandas as pd
from IPython.display import Markdown

from pacte_eval.definitions.vocabulary import OUTCOMES
from pacte_eval.reports.french import (
    amount,
    escape_markdown,
    interval,
    markdown_table,
    number,
    percent,
    points_with_interval,
)
from pacte_eval.reports.page import Page
from pacte_eval.results.schemas import LEVEL

VERDICTS = {
    "pass": "● favorable",
    "warning": "◐ réserve",
    "fail": "○ défavorable",
    "non concluant": "– non concluant",
    "non testable": "– non testable",
}


def effects(page: Page, horizons_only: bool = True) -> Markdown:
    """Effects on the primary outcome, with the levels they come from."""
    table = page.effects()
    if horizons_only:
        table = table.select(month=list(page.study.horizons))
    return Markdown(
        markdown_table(
            table,
            ["month", "treated_mean", "control_mean", "effect", "controls_trained_since"],
            titles={
                "month": "Mois",
                "treated_mean": "Formés en emploi",
                "control_mean": "Semblables en emploi",
                "effect": "Effet",
                "controls_trained_since": "Semblables formés depuis",
            },
            formats={
                "treated_mean": percent,
                "control_mean": percent,
                "controls_trained_since": percent,
            },
            composed={
                "effect": (("estimate", "ci_low", "ci_high"), points_with_interval),
            },
        )
    )


def differences(page: Page) -> Markdown:
    """The difference contrast at the horizons, for each reference window."""
    table = page.here("windows").select(outcome=page.study.primary.outcome)
    when = "month" if isinstance(page.study.primary.month, int) else "period"
    unit = str(page.effects().frame["unit"].iloc[0])
    return Markdown(
        markdown_table(
            table,
            [when, "reference", "effect"],
            titles={"reference": "Période de référence", "effect": "Effet"},
            composed={
                "effect": (
                    ("estimate", "ci_low", "ci_high"),
                    lambda effect, low, high: written(effect, low, high, unit),
                ),
            },
        )
    )


def outcomes(page: Page) -> Markdown:
    """Every other outcome at the primary month, one row each."""
    lines = ["| Résultat | Formés | Semblables | Effet |", "|:---|---:|---:|---:|"]
    for outcome in OUTCOMES:
        table = page.effects(outcome).select(month=page.study.primary.month)
        if len(table) == 0:
            continue
        row, hidden = table.frame.iloc[0], bool(table.frame["suppressed"].iloc[0])
        cells = ["n.c."] * 3
        if not hidden:
            unit = str(row["unit"])
            write = percent if unit == "points" else lambda value, u=unit: amount(value, u)
            cells = [
                write(row["treated_mean"]),
                write(row["control_mean"]),
                written(row["estimate"], row["ci_low"], row["ci_high"], unit),
            ]
        lines.append(f"| {escape_markdown(OUTCOMES[outcome])} | {' | '.join(cells)} |")
    return Markdown("\n".join(lines) + "\n")


def bounds(page: Page) -> Markdown:
    """The effect on all the treated, and without caliper, at the horizons."""
    return Markdown(
        markdown_table(
            page.here("bounds"),
            ["month", "estimate", "bounds", "without_caliper"],
            titles={"month": "Mois", "estimate": "Comparables", "bounds": "Toutes, entre"},
            formats={
                "estimate": lambda value: amount(value, "points", sign=True),
                "without_caliper": lambda value: amount(value, "points", sign=True),
            },
            composed={"bounds": (("low", "high"), interval)},
        )
    )


def lost(page: Page) -> Markdown:
    """The characteristics in which the treated left out differ most from those kept."""
    table = page.here("lost")
    frame = table.frame
    gap = (frame["mean_lost"] - frame["mean_kept"]).abs() / frame["mean_kept"].clip(lower=0.05)
    names = frame.loc[gap.sort_values(ascending=False, kind="stable").index[:10], "covariate"]
    return Markdown(
        markdown_table(table.select(covariate=names.tolist()), ["label", "mean_kept", "mean_lost"])
    )


def truth(page: Page) -> Markdown:
    """Estimates beside the planted truth, at the horizons."""
    table = page.here("truth").select(month=list(page.study.horizons))
    return Markdown(
        markdown_table(
            table,
            ["month", "truth", "effect", "gap_in_se"],
            titles={
                "month": "Mois",
                "truth": "Vérité plantée",
                "effect": "Estimation",
                "gap_in_se": "Écart, en erreurs types",
            },
            formats={
                "truth": lambda value: amount(value, "points", sign=True),
                "gap_in_se": lambda value: number(value, 1),
            },
            composed={"effect": (("estimate",), lambda value: amount(value, "points"))},
        )
    )


def sources(page: Page) -> Markdown:
    """Rows read in each table, and rows lost."""
    return Markdown(
        markdown_table(page.results.table("sources"), ["table", "rows", "duplicates", "unlinked"])
    )


def flow(page: Page) -> Markdown:
    """The flow chart as a table."""
    return Markdown(
        markdown_table(page.results.table("flow"), ["arm", "label", "excluded", "remaining"])
    )


def balance(page: Page) -> Markdown:
    """Means and standardised differences of every characteristic."""
    return Markdown(
        markdown_table(
            page.here("balance", design=LEVEL),
            [
                "label",
                "mean_treated",
                "mean_control_before",
                "mean_control_after",
                "smd_before",
                "smd_after",
            ],
            titles={
                "mean_treated": "Formés",
                "mean_control_before": "Semblables, avant",
                "mean_control_after": "Semblables, après",
                "smd_before": "Écart, avant",
                "smd_after": "Écart, après",
            },
        )
    )


def overlap(page: Page) -> Markdown:
    """Counts of both arms by score."""
    return Markdown(
        markdown_table(
            page.here("overlap", design=LEVEL),
            ["score", "n_treated", "n_control"],
            titles={"score": "Score"},
            composed={
                "score": (
                    ("bin_low", "bin_high"),
                    lambda low, high: f"{number(low, 2)} à {number(high, 2)}",
                )
            },
        )
    )


def verdicts(page: Page) -> Markdown:
    """What each diagnostic says, in words."""
    return Markdown(
        markdown_table(
            page.here("verdicts"),
            ["verdict", "sentence"],
            titles={"verdict": "Verdict", "sentence": "En clair"},
            formats={"verdict": lambda value: VERDICTS[value]},
        )
    )


def cells(page: Page) -> Markdown:
    """The primary effect in every cell."""
    lines = [
        "| Population | Personnes formées | Effet | Plus petit effet décelable |",
        "|:---|---:|---:|---:|",
    ]
    for row in page.cells_in_order():
        at = page.at_primary(row["cell"])
        count = "n.c." if pd.isna(row["n_treated"]) else number(row["n_treated"])
        effect, smallest = "n.c.", "n.c."
        if pd.notna(at["estimate"]):
            effect = points_with_interval(at["estimate"], at["ci_low"], at["ci_high"])
            found = page.smallest(row["cell"])
            smallest = "n.c." if pd.isna(found) else amount(found, "points")
        label = escape_markdown(row["label"])
        lines.append(f"| {label} | {count} | {effect} | {smallest} |")
    lines += [
        f"| {escape_markdown(row['label'])} | non mesurable | – | – |" for row in page.not_measured
    ]
    return Markdown("\n".join(lines) + "\n")


def benchmark(page: Page) -> Markdown:
    """Estimates beside the experiment."""
    return Markdown(
        markdown_table(
            page.results.table("benchmark"),
            ["source", "estimate", "se", "se_kind", "n_treated", "n_control"],
            formats={
                "estimate": lambda value: escape_markdown(amount(value, "dollars")),
                "se": lambda value: escape_markdown(amount(value, "dollars")),
            },
        )
    )


def protocol(page: Page) -> Markdown:
    """When the study was frozen, what changed since and why, and the state of the estimates."""
    return Markdown(
        markdown_table(
            page.results.table("protocol"),
            ["date", "event", "hash", "changed", "reason"],
            titles={"date": "Date", "changed": "Déclarations"},
            formats={"hash": lambda value: f"`{value}`"},
        )
    )


def provenance(page: Page) -> Markdown:
    """What the numbers were made from."""
    made = page.results.provenance
    rows = [("Empreinte des données", str(made["data"]))]
    rows += [(f"Définition {name}", digest) for name, digest in made["definitions"].items()]
    rows += [(f"Version de {name}", version) for name, version in made["versions"].items()]
    rows.append(("Version de Python", str(made["python"])))
    lines = ["| Élément | Valeur |", "|:---|:---|"]
    lines += [f"| {escape_markdown(name)} | `{value[:16]}` |" for name, value in rows]
    return Markdown("\n".join(lines) + "\n")


def written(effect: float, low: float, high: float, unit: str) -> str:
    """An effect with its interval, as Markdown."""
    return escape_markdown(amount(effect, unit, sign=True)) + " " + interval(low, high, unit)
