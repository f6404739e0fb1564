"""Pages of a result set: their stubs, their sentences, their tables, and who renders them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library, write_project
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.vocabulary import coverage_note
from pacte_eval.reports import figures, narrative, open_page, stubs, tables
from pacte_eval.reports.page import Page
from pacte_eval.reports.pages import render_study
from pacte_eval.reports.rendering import render
from pacte_eval.results import protect, protect_flow, write_result_set
from pacte_eval.results.schemas import SCHEMAS
from pacte_eval.studies import run_study

SYNTHETIC = "Données synthétiques"
CELLS = [
    ("region", "region", "Entrants de 2019", 500),
    ("infra-bac", "public", "Niveau inférieur au bac", 300),
    ("ze2010-9310", "territoire", "Marseille – Aubagne", 8),
]


def effects() -> pd.DataFrame:
    rows = []
    for cell, _, _, treated in CELLS:
        for month in range(-24, 37):
            effect = 0.092 if month >= 12 else 0.0
            rows.append(
                {
                    "cell": cell,
                    "comparison": "contre-attente",
                    "outcome": "emploi",
                    "unit": "points",
                    "coverage": coverage_note("emploi"),
                    "estimator": "NearestNeighbour",
                    "contrast": "niveau",
                    "reference": "",
                    "estimand": "now-vs-wait",
                    "month": month,
                    "matched": month < -6,
                    "estimate": effect,
                    "se": 0.003,
                    "se_kind": "conditionnelle",
                    "ci_low": effect - 0.006,
                    "ci_high": effect + 0.006,
                    "p": 0.01,
                    "treated_mean": 0.5 + effect,
                    "control_mean": 0.5,
                    "n_treated": treated,
                    "n_lost": 0,
                    "n_control": 10 * treated,
                    "controls_trained_since": 0.3 if month >= 0 else None,
                }
            )
    return pd.DataFrame(rows)


def support() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cell": cell,
            "comparison": "contre-attente",
            "design": "niveau",
            "n_treated": treated,
            "n_supported": treated,
            "share_supported": 1.0,
            "n_control": 10 * treated,
            "n_control_used": 5 * treated,
            "effective_sample_size": 4.0 * treated,
            "minimum_detectable_effect": 0.03,
            "n_outside_caliper": 0,
            "n_without_control": 0,
        }
        for cell, _, _, treated in CELLS
    )


def verdicts(verdict: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cell": cell,
            "comparison": "contre-attente",
            "design": "niveau",
            "diagnostic": "placebo",
            "value": 0.2,
            "threshold": 0.05,
            "verdict": verdict,
            "sentence": "Les mois gardés à part disent ceci.",
            "n_treated": treated,
            "n_supported": treated,
        }
        for cell, _, _, treated in CELLS
    )


def flow() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("Formation certifiante", 0, "entries", "Entrées", 0, 900),
            ("Formation certifiante", 1, "age", "Âge", 400, 500),
            ("En attente de formation", 0, "present", "Personnes inscrites", 0, 20_000),
            ("En attente de formation", 1, "drawn", "Tirée au sort", 15_000, 5_000),
        ],
        columns=["arm", "order", "rule", "label", "excluded", "remaining"],
    )


def written(
    root: Path, source: str = "tables", nature: str = "synthetic", verdict: str = "pass"
) -> Path:
    """A result set written by hand in a project's folder."""
    cells = pd.DataFrame(
        {"cell": cell, "kind": kind, "label": label, "n_treated": n, "reliable": n >= 50}
        for cell, kind, label, n in CELLS
    )
    frames = {
        "cells": cells,
        "effects": effects(),
        "support": support(),
        "verdicts": verdicts(verdict),
    }
    library = shipped_library()
    return write_result_set(
        root / "results" / "certifiante-2019" / source / "interne",
        {name: protect(frame, SCHEMAS[name]) for name, frame in frames.items()}
        | {"flow": protect_flow(flow())},
        definitions={
            "study.yml": (library / "studies/certifiante-2019/study.yml").read_text("utf-8"),
            "cohort.yml": (library / "cohorts/entrants-2019.yml").read_text("utf-8"),
        },
        provenance={"definitions": {}, "data": "0" * 64, "versions": {}, "python": "3.11"},
        run_log={},
        title="Se former pour obtenir une certification",
        nature=nature,
    )


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., Page]:
    def opened(cell: str = "region", **options: Any) -> Page:
        return open_page(str(written(tmp_path, **options)), cell)

    return opened


def text(markdown: Any) -> str:
    return str(markdown.data).replace("\\", "")


def french(words: str) -> None:
    assert not re.search(r" [;:!?»%](?!-)", words), words
    assert not re.search(r"\d\.\d", words), words
    assert not re.search(r"\b(nan|None|NaN)\b", words), words
    assert not re.search(r"\S  \S", words), words


# Stubs


def test_one_stub_for_the_study_and_for_each_cell(tmp_path: Path) -> None:
    folder = written(tmp_path).relative_to(tmp_path)
    made = stubs.stubs_of(tmp_path, folder)
    place = Path("pages/certifiante-2019/tables")
    assert [stub.path for stub in made] == [
        place / "index.qmd",
        place / "publics/infra-bac.qmd",
        place / "territoires/ze2010-9310.qmd",
    ]
    assert made[0].title == "Se former pour obtenir une certification"
    assert made[2].title == "Marseille – Aubagne"
    assert made[2].subtitle == made[0].title
    assert all(SYNTHETIC in stub.banner for stub in made)


def test_a_stub_is_a_quarto_source(tmp_path: Path) -> None:
    folder = written(tmp_path).relative_to(tmp_path)
    stubs.write_stubs(tmp_path, stubs.stubs_of(tmp_path, folder))
    source = (tmp_path / "pages/certifiante-2019/tables/index.qmd").read_text(encoding="utf-8")
    _, header, body = source.split("---\n", 2)
    settings = yaml.safe_load(header)
    assert settings["title"] == "Se former pour obtenir une certification"
    assert SYNTHETIC in settings["banner"]
    assert 'resultats = "results/certifiante-2019/tables/interne"' in body
    assert 'cellule = "region"' in body
    parts = re.findall(r"\{\{< include (\S+) >\}\}", body)
    assert parts
    for part in parts:
        assert (shipped_library() / part.lstrip("/")).is_file(), part


def test_a_cell_without_any_estimate_gets_a_page_that_says_so(tmp_path: Path) -> None:
    folder = written(tmp_path).relative_to(tmp_path)
    parts = {stub.cell: stub.parts for stub in stubs.stubs_of(tmp_path, folder)}
    assert parts["ze2010-9310"] == ("sans-resultat",)
    assert parts["region"][0] == "etude"
    page = open_page(str(tmp_path / folder), "ze2010-9310")
    assert "**Rien ne peut être dit pour" in text(narrative.takeaways(page))


def test_public_data_have_no_banner_of_synthetic_data(tmp_path: Path) -> None:
    folder = written(tmp_path, nature="public").relative_to(tmp_path)
    assert all(SYNTHETIC not in stub.text() for stub in stubs.stubs_of(tmp_path, folder))


def test_stubs_written_anew_drop_those_of_results_that_went(tmp_path: Path) -> None:
    written(tmp_path)
    old = tmp_path / "pages/autre/index.qmd"
    old.parent.mkdir(parents=True)
    old.write_text("", encoding="utf-8")
    stubs.write_every_stub(tmp_path)
    assert len(list((tmp_path / "pages").rglob("*.qmd"))) == 3
    assert not old.exists()


def test_result_sets_are_found_by_study_and_source(tmp_path: Path) -> None:
    for source in ("a", "b"):
        written(tmp_path, source=source)
    found = [folder.parts[-2] for folder in stubs.result_folders(tmp_path)]
    assert found == ["a", "b"]
    assert len(stubs.result_folders(tmp_path, "certifiante-2019", "b")) == 1
    assert stubs.result_folders(tmp_path, "autre") == []


def test_the_home_page_lists_studies_and_their_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(stubs.list_of_pages().data) == "Aucun résultat pour l'instant."
    written(tmp_path)
    assert str(stubs.list_of_pages().data) == "Aucun résultat pour l'instant.", "no page yet"
    stubs.write_every_stub(tmp_path)
    listed = text(stubs.list_of_pages())
    assert "(pages/certifiante-2019/tables/index.qmd)" in listed
    assert "    - [Marseille – Aubagne](pages/" in listed
    assert listed.count(SYNTHETIC) == 1
    french(listed)


def test_the_contract_has_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "projet"
    write_project(root)
    monkeypatch.chdir(root)
    stubs.write_every_stub(Path())
    assert "(pages/contrat.qmd)" in text(stubs.list_of_pages())
    (made,) = render(Path("pages/contrat.qmd"), project=root, formats=["html"], out=tmp_path / "o")
    shown = made.read_text(encoding="utf-8")
    assert shown.count("<h1") == 1
    assert "Les tables attendues" in shown
    for words in ("missions_locales", "centimes", "mission d’intérim"):
        assert words in shown


# Sentences


def test_takeaways(page: Callable[..., Page]) -> None:
    told = text(narrative.takeaways(page()))
    assert told.startswith("- **Deux ans après l'entrée en formation, la part de personnes")
    assert "supérieure de 9,2\u00a0points [8,6\u202f;\u00a09,8]" in told
    assert "9 personnes de plus pour 100" in told.replace("\u00a0", " ").replace("\u202f", " ")
    assert "59,2\u202f% contre 50,0\u202f%" in told
    assert "30\u202f% des personnes semblables" in told
    french(told)


def test_nothing_is_said_of_a_cell_that_is_withheld(page: Callable[..., Page]) -> None:
    few = page("ze2010-9310")
    assert few.primary_row() is None
    told = text(narrative.takeaways(few))
    assert "Rien ne peut être dit" in told
    assert "Marseille – Aubagne" in told
    assert not re.search(r"\d", told)
    french(told)


def test_synthetic_data_and_failed_verdicts_come_first(page: Callable[..., Page]) -> None:
    assert SYNTHETIC in text(narrative.notice(page()))
    failed = text(narrative.notice(page(verdict="fail")))
    assert "Les mois gardés à part disent ceci." in failed
    assert failed.index(SYNTHETIC) < failed.index("Contrôles défavorables")
    assert "Contrôles défavorables" not in text(narrative.notice(page(verdict="pass")))
    assert text(narrative.notice(page(nature="public"))) == ""


@pytest.mark.parametrize(
    "part", ["question", "data", "method", "limits", "cohort_read_back", "takeaways", "notice"]
)
def test_every_sentence_is_in_french(page: Callable[..., Page], part: str) -> None:
    told = text(getattr(narrative, part)(page()))
    assert len(told) > 80
    french(told)
    assert "_" not in told


def test_the_method_says_what_the_study_declares(page: Callable[..., Page]) -> None:
    told = text(narrative.method(page()))
    assert "les 5 personnes les plus ressemblantes" in told
    assert "(mois −24 à −7)" in told
    assert "Les mois −6 à −1 n'ont pas servi" in told
    assert "0,2 écart type" in told
    data = text(narrative.data(page()))
    assert "24 mois avant à 36 mois après" in data
    assert "salariés du secteur privé\u202f; ni fonction publique" in data


# Tables and figures


def test_the_table_of_effects_has_the_horizons_of_the_study(page: Callable[..., Page]) -> None:
    lines = text(tables.effects(page())).strip().splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:7]] == ["6", "12", "18", "24", "36"]
    assert "9,2\u00a0points [8,6\u202f;\u00a09,8]" in lines[5]
    assert "59,2\u202f%" in lines[5]
    assert len(text(tables.effects(page(), horizons_only=False)).splitlines()) >= 61


def test_withheld_values_are_said_so_in_tables(page: Callable[..., Page]) -> None:
    rows = {line.split("|")[1].strip(): line for line in text(tables.cells(page())).splitlines()}
    assert "n.c." in rows["Marseille – Aubagne"]
    assert not re.search(r"\d", rows["Marseille – Aubagne"])
    assert "9,2" in rows["Niveau inférieur au bac"]


def test_tables_and_readings_are_in_french(page: Callable[..., Page]) -> None:
    shown = page()
    for table in (tables.flow(shown), tables.cells(shown), tables.verdicts(shown)):
        french(text(table))
    for figure in ("effects", "levels"):
        told = text(figures.reading(shown, figure))
        assert told.startswith("*Lecture.* ")
        french(told)


def test_figures_are_drawn(page: Callable[..., Page]) -> None:
    shown = page()
    for figure in (
        figures.effects(shown),
        figures.levels(shown),
        figures.flow(shown),
        figures.cells(shown),
    ):
        assert isinstance(figure, Figure)
        assert figure.axes


def test_a_table_that_the_results_lack(page: Callable[..., Page]) -> None:
    with pytest.raises(InputError, match="no table 'benchmark'"):
        tables.benchmark(page())


# Rendering


def test_a_study_that_was_not_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no results of study 'certifiante-2019'.*run it first"):
        render_study(tmp_path, "certifiante-2019", formats=["html"])
    written(tmp_path)
    with pytest.raises(InputError, match="did you mean 'certifiante-2019'"):
        render_study(tmp_path, "certifiante-2018", formats=["html"])


def test_a_study_run_on_two_sources(tmp_path: Path) -> None:
    for source in ("a", "b"):
        written(tmp_path, source=source)
    with pytest.raises(InputError, match="several sources: give --source, one of a, b"):
        render_study(tmp_path, "certifiante-2019", formats=["html"])


def test_a_page_the_study_does_not_have(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(InputError, match="no page 'infra-bacc': did you mean 'infra-bac'"):
        render_study(tmp_path, "certifiante-2019", formats=["html"], cells=["infra-bacc"])
    assert not (tmp_path / "pages").exists()


def test_results_that_were_changed_are_not_shown(tmp_path: Path) -> None:
    table = written(tmp_path) / "effects.csv"
    table.write_text(table.read_text("utf-8").replace("0.092", "0.192"), encoding="utf-8")
    with pytest.raises(InputError, match="changed after the study wrote it"):
        render_study(tmp_path, "certifiante-2019", formats=["html"])


def quarto(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A stand-in for the Quarto program, first on the path, that notes how it was called."""
    folder.mkdir()
    program, notes = folder / "quarto", folder / "notes"
    program.write_text(f'#!/bin/sh\necho "$PWD|$*|$QUARTO_PYTHON" >> "{notes}"\n{script}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return notes


def test_quarto_renders_the_same_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = quarto(tmp_path / "bin", monkeypatch, "exit 0")
    root = tmp_path / "projet"
    write_project(root)
    written(root)
    made = render_study(
        root, "certifiante-2019", formats=["html", "pdf"], cells=["infra-bac"], renderer="quarto"
    )
    calls = [line.split("|") for line in notes.read_text(encoding="utf-8").splitlines()]
    source = "pages/certifiante-2019/tables/publics/infra-bac.qmd"
    assert [call[1] for call in calls] == [
        f"render {source} --to html",
        f"render {source} --to typst",
        "render pages/contrat.qmd --to html",
        "render index.qmd --to html",
    ]
    assert all(call[0] == str(root) for call in calls)
    assert all(call[2] for call in calls), "Quarto is told which Python to use"
    assert (root / source).is_file()
    names = ["infra-bac.html", "infra-bac.pdf", "contrat.html", "index.html"]
    assert [path.name for path in made] == names


def test_quarto_s_last_word_is_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quarto(tmp_path / "bin", monkeypatch, 'echo "trace" >&2; echo "no typst" >&2; exit 1')
    root = tmp_path / "projet"
    write_project(root)
    written(root)
    with pytest.raises(InputError, match=r"index\.qmd: quarto stopped: no typst"):
        render_study(root, "certifiante-2019", formats=["html"], renderer="quarto")


def test_quarto_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="quarto is not on the PATH"):
        render_study(tmp_path, "certifiante-2019", formats=["html"], renderer="quarto")


def test_the_pages_of_real_people(tmp_path: Path) -> None:
    folder = run_study(Project(tmp_path), "nsw-lalonde")
    page = open_page(str(folder))
    assert not page.synthetic
    lines = text(tables.benchmark(page)).splitlines()
    assert any("1\u202f794\u00a0$" in line and "633\u00a0$" in line for line in lines)
    assert any("−8\u202f498\u00a0$" in line for line in lines)
    assert isinstance(figures.benchmark(page), Figure)
    for part in ("persons_takeaways", "persons_data", "persons_method", "persons_reasons"):
        french(text(getattr(narrative, part)(page)))
    french(text(tables.balance(page)))
    french(text(tables.flow(page)))
    (stub,) = stubs.stubs_of(tmp_path, folder.relative_to(tmp_path))
    assert stub.parts == ("personnes",)
    assert stub.banner == ""
