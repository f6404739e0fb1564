"""Stubs: one short source per page, written before rendering, that names a result set and a cell.

Run by both renderers before the list of pages is read: ``python -m pacte_eval.reports.stubs``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from IPython.display import Markdown

from pacte_eval.reports.french import escape_markdown
from pacte_eval.results import ResultSet
from pacte_eval.results.schemas import WHOLE

RESULTS, PAGES = "results", "pages"
CONTRACT, CONTRACT_PAGE = Path("cohorts/contract/README.md"), Path(PAGES) / "contrat.qmd"
LEVEL_OF_PROTECTION = "interne"
FOLDERS = {"public": "publics", "territoire": "territoires"}
EVIDENCE = {
    "certified": "certification",
    "given_employment": "en-emploi",
    "pooling": "decoupages",
    "interactions": "differences",
    "heterogeneity": "heterogeneite",
    "specifications": "estimateurs",
    "sensitivity": "sensibilite",
    "costs": "cout",
    "plasmode": "simulations",
}
BANNERS = {
    "synthetic": "Données synthétiques\u00a0: aucun chiffre de cette page n'est un résultat du "
    "Pacte.",
}
AUTHOR = "Équipe d'évaluation"


@dataclass(frozen=True)
class Stub:
    """A page to be: where its source goes, its titles, and what it is about."""

    path: Path
    title: str
    subtitle: str
    banner: str
    results: Path
    cell: str
    parts: tuple[str, ...]

    def text(self) -> str:
        """The Quarto source."""
        header = {
            "title": self.title,
            "subtitle": self.subtitle,
            "author": AUTHOR,
            "banner": self.banner,
        }
        lines = [
            f"{key}: {json.dumps(value, ensure_ascii=False)}"
            for key, value in header.items()
            if value
        ]
        return "\n".join(
            [
                "---",
                *lines,
                "jupyter: python3",
                "number-sections: true",
                "format:",
                "  html: default",
                "  docx: default",
                "  typst: default",
                "---",
                "",
                "```{python}",
                "#| tags: [parameters]",
                f"resultats = {json.dumps(self.results.as_posix(), ensure_ascii=False)}",
                f"cellule = {json.dumps(self.cell, ensure_ascii=False)}",
                "```",
                "",
                *(f"{{{{< include /reports/_parts/{part}.qmd >}}}}\n" for part in self.parts),
            ]
        )


def result_folders(project: Path, study: str = "*", source: str = "*") -> list[Path]:
    """Result sets of the project, as paths from its folder."""
    found = (project / RESULTS).glob(f"{study}/{source}/{LEVEL_OF_PROTECTION}/datapackage.json")
    return sorted(path.parent.relative_to(project) for path in found)


def stubs_of(project: Path, folder: Path) -> list[Stub]:
    """The pages of a result set: its study, then each public and territory, or its quality."""
    results = ResultSet.open(project / folder)
    study, source = folder.parts[-3], folder.parts[-2]
    place = Path(PAGES) / study / source
    if "findings" in results.tables:
        return [_quality_stub(results, folder, place)]
    stubs = []
    for row in results.table("cells").frame.to_dict("records"):
        whole = row["cell"] == WHOLE
        path = place / ("index.qmd" if whole else f"{FOLDERS[row['kind']]}/{row['cell']}.qmd")
        stubs.append(
            Stub(
                path=path,
                title=results.title if whole else str(row["label"]),
                subtitle="Rapport d'étude" if whole else results.title,
                banner=BANNERS.get(results.nature, ""),
                results=folder,
                cell=str(row["cell"]),
                parts=_parts(results, str(row["cell"])),
            )
        )
    stubs += _stubs_not_measured(results, folder, place)
    return sorted(stubs, key=lambda stub: (stub.cell != WHOLE, stub.path))


def _stubs_not_measured(results: ResultSet, folder: Path, place: Path) -> list[Stub]:
    """Pages that say why nothing can be said of a public or a territory."""
    if "not_measured" not in results.tables:
        return []
    return [
        Stub(
            path=place / f"{FOLDERS[row['kind']]}/{row['cell']}.qmd",
            title=str(row["label"]),
            subtitle=results.title,
            banner=BANNERS.get(results.nature, ""),
            results=folder,
            cell=str(row["cell"]),
            parts=("non-mesurable",),
        )
        for row in results.table("not_measured").frame.to_dict("records")
    ]


def _quality_stub(results: ResultSet, folder: Path, place: Path) -> Stub:
    return Stub(
        path=place / "index.qmd",
        title=results.title,
        subtitle="Rapport de qualité",
        banner=BANNERS.get(results.nature, ""),
        results=folder,
        cell=WHOLE,
        parts=("qualite",),
    )


def _parts(results: ResultSet, cell: str) -> tuple[str, ...]:
    """The parts of a page: some are there only where the cell has rows for them."""
    protocol = ("protocole",) if "protocol" in results.tables and cell == WHOLE else ()
    if "effects" not in results.tables:
        return ("scelle", *protocol, "provenance")
    if results.table("effects").select(cell=cell).frame["estimate"].notna().sum() == 0:
        return ("sans-resultat",)
    if "persons.yml" in results.definitions:
        return ("personnes", *protocol)
    optional = {"bounds": "hors-support", "truth": "verite"}
    present = [
        part
        for table, part in optional.items()
        if table in results.tables and len(results.table(table).select(cell=cell))
    ]
    if cell != WHOLE:
        return ("cellule", *present, "annexes")
    return ("etude", *_evidence(results), *present, *protocol, "annexes")


def _evidence(results: ResultSet) -> list[str]:
    """The parts of the study's page that only some studies have rows for."""
    present = []
    if "tests" in results.tables:
        families = set(results.table("tests").frame["family"])
        present.append("familles")
        if families & {"publics", "territoires"}:
            present.append("familles-cellules")
        if "croisements" in families:
            present.append("croisements")
    return present + [part for table, part in EVIDENCE.items() if table in results.tables]


def write_stubs(project: Path, stubs: Sequence[Stub]) -> None:
    """Write stubs in the project's folder."""
    for stub in stubs:
        target = project / stub.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(stub.text(), encoding="utf-8")


def write_contract_page(project: Path) -> list[Path]:
    """Write the page of the tables that a source holds, where the project has its text."""
    if not (project / CONTRACT).is_file():
        return []
    heading, _, text = (project / CONTRACT).read_text(encoding="utf-8").partition("\n")
    title = json.dumps(heading.removeprefix("# "), ensure_ascii=False)
    target = project / CONTRACT_PAGE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"---\ntitle: {title}\n---\n{text}", encoding="utf-8")
    return [CONTRACT_PAGE]


def write_every_stub(project: Path) -> None:
    """Write the sources of all pages anew, as Quarto needs before it lists them."""
    shutil.rmtree(project / PAGES, ignore_errors=True)
    write_contract_page(project)
    for folder in result_folders(project):
        write_stubs(project, stubs_of(project, folder))


def list_of_pages() -> Markdown:
    """The home page's list: every study with a page, its publics and territories below."""
    lines = []
    for folder in result_folders(Path()):
        for stub in stubs_of(Path(), folder):
            if not stub.path.is_file():
                continue
            indent = "" if stub.cell == WHOLE else "    "
            lines.append(f"{indent}- [{escape_markdown(stub.title)}]({stub.path.as_posix()})")
            if stub.cell == WHOLE:
                lines[-1] += f" – {stub.banner}" if stub.banner else ""
    lines = lines or ["Aucun résultat pour l'instant."]
    if CONTRACT_PAGE.is_file():
        lines += ["", f"[Les tables attendues d'une source]({CONTRACT_PAGE.as_posix()})"]
    return Markdown("\n".join(lines))


if __name__ == "__main__":
    write_every_stub(Path())
