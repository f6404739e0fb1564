"""What a page is about: one cell of a result set, and the protected rows that concern it.

The sources of the pages (`reports/_parts`) open a `Page` and hand it to `figures`, `tables` and
`narrative`; they hold no computation of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.persons import PersonsDefinition
from pacte_eval.definitions.prose import arm_in_french
from pacte_eval.definitions.reading import read_definition
from pacte_eval.definitions.study import StudyDefinition
from pacte_eval.results import ProtectedTable, ResultSet
from pacte_eval.results.schemas import LEVEL, WHOLE

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
        return str(self.cells.select(cell=self.cell).frame["label"].iloc[0])

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
        count = self.cells.select(cell=self.cell).frame["n_treated"].iloc[0]
        return None if pd.isna(count) else int(count)

    def verdict_rows(self) -> pd.DataFrame:
        """The verdicts on this cell that may be shown, in the order they were made."""
        frame = self.here("verdicts").frame
        return frame[frame["verdict"].notna()]

    @property
    def arms(self) -> dict[str, str]:
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

    def most_different(self) -> pd.DataFrame:
        """Balance of the characteristics that differed most before matching."""
        frame = self.here("balance", design=LEVEL).frame
        order = frame["smd_before"].abs().sort_values(ascending=False, kind="stable").index
        return frame.loc[order[:MOST_DIFFERENT]]

    def cells_in_order(self) -> list[dict[Any, Any]]:
        """The whole study, then publics, then territories, each by name."""
        frame = self.cells.frame.sort_values("label", kind="stable")
        ranked = frame.sort_values("kind", key=lambda kinds: kinds.map(KINDS.index), kind="stable")
        return ranked.to_dict("records")

    def cell_rows(self) -> pd.DataFrame:
        """Label and primary effect of every cell."""
        rows = [
            {"label": row["label"], **self.at_primary(row["cell"])} for row in self.cells_in_order()
        ]
        return pd.DataFrame(rows)

    @property
    def not_measured(self) -> list[dict[Any, Any]]:
        """Publics and territories that the source cannot tell, each with the reason."""
        if "not_measured" not in self.results.tables:
            return []
        return self.results.table("not_measured").frame.to_dict("records")

    def coverage(self) -> list[str]:
        """What the source covers of each outcome, each note once."""
        notes = self.results.table("effects").frame["coverage"].dropna()
        return [note for note in dict.fromkeys(notes) if note]

    def smallest(self, cell: str) -> float:
        """The smallest effect a cell could detect; NaN where it is withheld or absent."""
        support = self.results.table("support").select(
            cell=cell, comparison=self.study.primary.comparison, design=LEVEL
        )
        found = support.frame["minimum_detectable_effect"].dropna()
        return float(found.iloc[0]) if len(found) else float("nan")

    def at_primary(self, cell: str) -> dict[str, float]:
        """The primary effect of a cell and its interval, NaN where there is none."""
        table = self.effects(cell=cell).select(month=self.study.primary.month)
        names = ["estimate", "ci_low", "ci_high"]
        if len(table) == 0:
            return dict.fromkeys(names, float("nan"))
        row = table.frame.iloc[0]
        return {name: row[name] for name in names}

    def experiment_label(self) -> str:
        """The name of the experiment that the study declares."""
        if self.study.experiment is None:
            raise ValueError("the study declares no experiment")
        return self.study.experiment.label

    @property
    def cells(self) -> ProtectedTable:
        """Every cell of the study."""
        return self.results.table("cells")

    def here(self, table: str, **equals: str) -> ProtectedTable:
        """The rows of a table that concern this cell and the primary comparison."""
        here = {"cell": self.cell, "comparison": self.study.primary.comparison}
        return self.results.table(table).select(**here, **equals)

    def _definition(self, name: str) -> Path:
        return self.results.folder / "definitions" / name
