"""What a page shows of one cell of a result set: tables and figures from protected tables only.

The sources of the pages (`reports/_parts`) call a `Page` and hold no computation of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.persons import PersonsDefinition
from pacte_eval.definitions.prose import arm_in_french
from pacte_eval.definitions.reading import read_definition
from pacte_eval.definitions.study import StudyDefinition
from pacte_eval.definitions.vocabulary import OUTCOMES
from pacte_eval.figures import (
    describe_effect_path,
    describe_levels_path,
    describe_love_plot,
    effect_path,
    flow_chart,
    forest,
    levels_path,
    love_plot,
    overlap_plot,
)
from pacte_eval.reports.french import (
    amount,
    escape_markdown,
    interval,
    markdown_table,
    number,
    percent,
    points_with_interval,
)
from pacte_eval.results import ProtectedTable, ResultSet
from pacte_eval.results.schemas import LEVEL, WHOLE

VERDICTS = {
    "pass": "● favorable",
    "warning": "◐ réserve",
    "fail": "○ défavorable",
    "non concluant": "– non concluant",
    "non testable": "– non testable",
}
KINDS = ("region", "public", "territoire")
MOST_DIFFERENT = 30


def open_page(results: str, cell: str = WHOLE) -> Page:
    """A page on one cell of a result set.

    Parameters
    ----------
    results : str
        Folder of the result set, from the project's folder.
    cell : str
        ``"region"`` for the whole study, else the identifier of a public or territory.
    """
    return Page(ResultSet.open(Path(results)), cell)


@dataclass(frozen=True)
class Page:
    """A cell of a result set, as a page shows it."""

    results: ResultSet
    cell: str

    @cached_property
    def study(self) -> StudyDefinition:
        """The study that made the results."""
        return read_definition(self._definition("study.yml"), StudyDefinition)

    @cached_property
    def cohort(self) -> CohortDefinition:
        """The cohort of a study on administrative tables."""
        return read_definition(self._definition("cohort.yml"), CohortDefinition)

    @cached_property
    def persons(self) -> PersonsDefinition:
        """The mapping of a study on a file of persons."""
        return read_definition(self._definition("persons.yml"), PersonsDefinition)

    @property
    def synthetic(self) -> bool:
        """Whether the data are synthetic."""
        return self.results.nature == "synthetic"

    @property
    def label(self) -> str:
        """The name of the cell."""
        return str(self._cells.select(cell=self.cell).frame["label"].iloc[0])

    def effects(
        self, outcome: str | None = None, contrast: str = LEVEL, cell: str | None = None
    ) -> ProtectedTable:
        """Effects of the primary comparison on an outcome, in one cell."""
        primary = self.study.primary
        return self.results.table("effects").select(
            cell=cell or self.cell,
            comparison=primary.comparison,
            outcome=outcome or primary.outcome,
            contrast=contrast,
        )

    def primary_row(self, contrast: str = LEVEL) -> dict[str, Any] | None:
        """The effect the study answers with, in this cell; None where it is withheld or absent."""
        frame = self.effects(contrast=contrast).frame
        when = "month" if isinstance(self.study.primary.month, int) else "period"
        rows = frame[(frame[when] == self.study.primary.month) & frame["estimate"].notna()]
        return dict(rows.iloc[0]) if len(rows) else None

    @property
    def n_treated(self) -> int | None:
        """People trained in this cell; None where it is withheld."""
        count = self._cells.select(cell=self.cell).frame["n_treated"].iloc[0]
        return None if pd.isna(count) else int(count)

    def verdict_rows(self) -> pd.DataFrame:
        """The verdicts on this cell, in the order they were made."""
        return self._here("verdicts").frame

    def effect_figure(self) -> Figure:
        """Effect on the primary outcome by month."""
        truth = None
        if "truth" in self.results.tables:
            truth = self._here("truth").frame
        return effect_path(self.effects().frame, label="Effet sur l'emploi", truth=truth)

    def levels_figure(self) -> Figure:
        """Employment of the treated and of their matched controls by month."""
        return levels_path(self.effects().frame)

    def flow_figure(self) -> Figure:
        """The flow chart, the treated first."""
        return flow_chart(self.results.table("flow").frame, self._arms)

    def balance_figure(self) -> Figure:
        """Standardised differences of the characteristics that differed most before matching."""
        return love_plot(self._most_different(), self.study.thresholds.max_smd)

    def overlap_figure(self) -> Figure:
        """Where the scores of both arms lie."""
        return overlap_plot(self._here("overlap", design=LEVEL).frame)

    def cells_figure(self) -> Figure:
        """The primary effect in every cell."""
        return forest(self._cell_rows())

    def benchmark_figure(self) -> Figure:
        """Estimates beside the experiment."""
        frame = self.results.table("benchmark").frame
        low, high = frame["estimate"] - 1.96 * frame["se"], frame["estimate"] + 1.96 * frame["se"]
        shown = frame.assign(label=frame["source"], ci_low=low, ci_high=high)
        corrected = shown[shown["source"] != "Écart brut, sans correction"]
        experiment = frame[frame["source"] == self._experiment_label()]["estimate"].iloc[0]
        return forest(corrected, unit="dollars", references={"Essai randomisé": experiment})

    def effect_table(self, horizons_only: bool = True) -> Markdown:
        """Effects on the primary outcome, with the levels they come from."""
        table = self.effects()
        if horizons_only:
            table = table.select(month=list(self.study.horizons))
        return self._effects_table(table)

    def difference_table(self) -> Markdown:
        """The difference contrast at the horizons, for each reference window."""
        table = self._here("windows").select(outcome=self.study.primary.outcome)
        when = "month" if isinstance(self.study.primary.month, int) else "period"
        unit = str(self.effects().frame["unit"].iloc[0])
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

    def outcomes_table(self) -> Markdown:
        """Every other outcome at the primary month, one row each."""
        lines = ["| Résultat | Formés | Semblables | Effet |", "|:---|---:|---:|---:|"]
        for outcome in OUTCOMES:
            table = self.effects(outcome).select(month=self.study.primary.month)
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

    def bounds_table(self) -> Markdown:
        """The effect on all the treated, and without caliper, at the horizons."""
        return Markdown(
            markdown_table(
                self._here("bounds"),
                ["month", "estimate", "bounds", "without_caliper"],
                titles={"month": "Mois", "estimate": "Comparables", "bounds": "Toutes, entre"},
                formats={
                    "estimate": lambda value: amount(value, "points", sign=True),
                    "without_caliper": lambda value: amount(value, "points", sign=True),
                },
                composed={"bounds": (("low", "high"), interval)},
            )
        )

    def lost_table(self) -> Markdown:
        """The characteristics in which the treated left out differ most from those kept."""
        table = self._here("lost")
        frame = table.frame
        gap = (frame["mean_lost"] - frame["mean_kept"]).abs() / frame["mean_kept"].clip(lower=0.05)
        names = frame.loc[gap.sort_values(ascending=False, kind="stable").index[:10], "covariate"]
        return Markdown(
            markdown_table(
                table.select(covariate=names.tolist()), ["label", "mean_kept", "mean_lost"]
            )
        )

    def truth_table(self) -> Markdown:
        """Estimates beside the planted truth, at the horizons."""
        table = self._here("truth").select(month=list(self.study.horizons))
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

    def sources_table(self) -> Markdown:
        """Rows read in each table, and rows lost."""
        return Markdown(
            markdown_table(
                self.results.table("sources"), ["table", "rows", "duplicates", "unlinked"]
            )
        )

    def flow_table(self) -> Markdown:
        """The flow chart as a table."""
        return Markdown(
            markdown_table(self.results.table("flow"), ["arm", "label", "excluded", "remaining"])
        )

    def balance_table(self) -> Markdown:
        """Means and standardised differences of every characteristic."""
        return Markdown(
            markdown_table(
                self._here("balance", design=LEVEL),
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

    def overlap_table(self) -> Markdown:
        """Counts of both arms by score."""
        return Markdown(
            markdown_table(
                self._here("overlap", design=LEVEL),
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

    def verdict_table(self) -> Markdown:
        """What each diagnostic says, in words."""
        return Markdown(
            markdown_table(
                self._here("verdicts"),
                ["verdict", "sentence"],
                titles={"verdict": "Verdict", "sentence": "En clair"},
                formats={"verdict": lambda value: VERDICTS[value]},
            )
        )

    def cells_table(self) -> Markdown:
        """The primary effect in every cell."""
        lines = [
            "| Population | Personnes formées | Effet | Plus petit effet décelable |",
            "|:---|---:|---:|---:|",
        ]
        for row in self._cells_in_order():
            at = self._at_primary(row["cell"])
            effect, count, smallest = "n.c.", "n.c.", "n.c."
            if pd.notna(at["estimate"]):
                effect = points_with_interval(at["estimate"], at["ci_low"], at["ci_high"])
                count = number(row["n_treated"])
                found = self._smallest(row["cell"])
                smallest = "n.c." if pd.isna(found) else amount(found, "points")
            label = escape_markdown(row["label"])
            lines.append(f"| {label} | {count} | {effect} | {smallest} |")
        return Markdown("\n".join(lines) + "\n")

    def benchmark_table(self) -> Markdown:
        """Estimates beside the experiment."""
        return Markdown(
            markdown_table(
                self.results.table("benchmark"),
                ["source", "estimate", "se", "se_kind", "n_treated", "n_control"],
                formats={
                    "estimate": lambda value: escape_markdown(amount(value, "dollars")),
                    "se": lambda value: escape_markdown(amount(value, "dollars")),
                },
            )
        )

    def provenance_table(self) -> Markdown:
        """What the numbers were made from."""
        made = self.results.provenance
        rows = [("Empreinte des données", str(made["data"]))]
        rows += [(f"Définition {name}", digest) for name, digest in made["definitions"].items()]
        rows += [(f"Version de {name}", version) for name, version in made["versions"].items()]
        rows.append(("Version de Python", str(made["python"])))
        lines = ["| Élément | Valeur |", "|:---|:---|"]
        lines += [f"| {escape_markdown(name)} | `{value[:16]}` |" for name, value in rows]
        return Markdown("\n".join(lines) + "\n")

    def reading(self, figure: str) -> Markdown:
        """What a figure shows, in words, for those who do not see it and those who doubt."""
        words = {
            "effects": lambda: describe_effect_path(self.effects().frame),
            "levels": lambda: describe_levels_path(self.effects().frame),
            "balance": lambda: describe_love_plot(self._most_different()),
        }[figure]()
        return Markdown(f"*Lecture.* {escape_markdown(words)}")

    def _effects_table(self, table: ProtectedTable) -> Markdown:
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

    @property
    def _arms(self) -> dict[str, str]:
        """The arms of the primary comparison, the treated first, as the flow chart names them."""
        frame = self.results.table("flow").frame
        asked = next(c for c in self.study.comparisons if c.id == self.study.primary.comparison)
        labels = self._arm_labels()
        order = [labels[asked.treated], labels[asked.control]]
        others = [arm for arm in frame["arm"].unique() if arm not in order]
        return {arm: arm for arm in order + others}

    def _arm_labels(self) -> dict[str, str]:
        if self.study.persons is not None:
            return {name: arm.label for name, arm in self.persons.arms.items()}
        return {name: arm_in_french(name, self.cohort) for name in self.cohort.arms}

    def _most_different(self) -> pd.DataFrame:
        frame = self._here("balance", design=LEVEL).frame
        order = frame["smd_before"].abs().sort_values(ascending=False, kind="stable").index
        return frame.loc[order[:MOST_DIFFERENT]]

    def _cells_in_order(self) -> list[dict[Any, Any]]:
        """The whole study, then publics, then territories, each by name."""
        frame = self._cells.frame.sort_values("label", kind="stable")
        ranked = frame.sort_values("kind", key=lambda kinds: kinds.map(KINDS.index), kind="stable")
        return ranked.to_dict("records")

    def _cell_rows(self) -> pd.DataFrame:
        rows = [
            {"label": row["label"], **self._at_primary(row["cell"])}
            for row in self._cells_in_order()
        ]
        return pd.DataFrame(rows)

    def _smallest(self, cell: str) -> float:
        support = self.results.table("support").select(
            cell=cell, comparison=self.study.primary.comparison, design=LEVEL
        )
        found = support.frame["minimum_detectable_effect"].dropna()
        return float(found.iloc[0]) if len(found) else float("nan")

    def _at_primary(self, cell: str) -> dict[str, float]:
        table = self.effects(cell=cell).select(month=self.study.primary.month)
        names = ["estimate", "ci_low", "ci_high"]
        if len(table) == 0:
            return dict.fromkeys(names, float("nan"))
        row = table.frame.iloc[0]
        return {name: row[name] for name in names}

    def _experiment_label(self) -> str:
        if self.study.experiment is None:
            raise ValueError("the study declares no experiment")
        return self.study.experiment.label

    @property
    def _cells(self) -> ProtectedTable:
        return self.results.table("cells")

    def _here(self, table: str, **equals: str) -> ProtectedTable:
        here = {"cell": self.cell, "comparison": self.study.primary.comparison}
        return self.results.table(table).select(**here, **equals)

    def _definition(self, name: str) -> Path:
        return self.results.folder / "definitions" / name


def written(effect: float, low: float, high: float, unit: str) -> str:
    """An effect with its interval, as Markdown."""
    return escape_markdown(amount(effect, unit, sign=True)) + " " + interval(low, high, unit)
