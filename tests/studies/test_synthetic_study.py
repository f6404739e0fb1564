"""From raw tables to pages, on a small synthetic population: whole, protected, the same twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pyarrow.parquet as pq
import pytest
from lxml import html

from pacte_eval.results import ResultSet

pytestmark = pytest.mark.slow

LABEL = "Données synthétiques"
TOO_FEW = 11
Pacte = Callable[..., list[str]]


def tables(results: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_csv(path) for path in sorted(results.glob("*.csv"))}


def test_the_result_set_opens_and_answers(results: Path) -> None:
    opened = ResultSet.open(results)
    assert opened.nature == "synthetic"
    publics = {"public-infra-bac.yml", "public-sous-main-de-justice.yml"}
    assert set(opened.definitions) == {"study.yml", "cohort.yml"} | publics
    effects = opened.table("effects").frame
    primary = effects.query("cell == 'region' and outcome == 'emploi' and contrast == 'niveau'")
    assert list(primary["month"]) == list(range(-24, 37))
    assert set(effects["cell"]) == {"region", "infra-bac", "ze2010-9310"}
    assert list(opened.table("not_measured").frame["cell"]) == ["sous-main-de-justice"]
    assert "salariés du secteur privé" in primary["coverage"].iloc[0]
    assert set(effects["outcome"]) == {"emploi", "emploi_durable", "salaire", "heures"}
    assert set(opened.table("verdicts").frame["diagnostic"]) >= {"placebo"}
    matched = primary.set_index("month")["matched"]
    assert matched.loc[:-7].all()
    assert not matched.loc[-6:].any()
    trained = primary.set_index("month")["controls_trained_since"].dropna()
    assert trained[36] > trained[6] > 0
    assert trained.is_monotonic_increasing


def test_what_a_committee_asks_for_is_there(results: Path) -> None:
    opened = ResultSet.open(results)
    tests = opened.table("tests").frame
    families = {"effet principal", "horizons et résultats", "publics", "territoires"}
    assert set(tests["family"]) >= families
    told = tests.dropna(subset=["p_adjusted"])
    assert (told["p_adjusted"] >= told["p"] - 1e-9).all()
    labels = opened.table("specifications").frame["label"]
    assert labels.nunique() == 4
    assert opened.table("specifications").frame["main"].sum() == 5  # one a horizon
    simulated = opened.table("plasmode").frame
    assert set(simulated["draws"]) == {20}
    assert sorted(simulated["rank"])[0] == 1
    assert set(opened.table("costs").frame["what"]) == {"emploi", "mois de travail"}
    methods = set(opened.table("sensitivity").frame["method"])
    assert {"bornes de Rosenbaum", "bloc laissé de côté", "modèle marginal"} <= methods
    judged = opened.table("verdicts").select(cell="region").frame
    gate = {"rattachement", "équipoise", "résultats témoins", "attrition", "placebo"}
    assert set(judged["diagnostic"]) >= gate
    bounds = opened.table("given_employment").frame
    assert set(bounds["outcome"]) == {"salaire", "heures"}
    assert (bounds["low"] <= bounds["high"]).all()


def test_the_project_s_own_definitions_are_the_ones_used(results: Path) -> None:
    balance = ResultSet.open(results).table("balance").frame
    names = set(balance["covariate"].str.replace(r"\[.*", "", regex=True))
    assert "diploma" in names
    assert not names & {"rsa", "children", "nationality"}


def test_effects_are_the_difference_of_the_means_beside_them(results: Path) -> None:
    effects = tables(results)["effects"].query("contrast == 'niveau'").dropna(subset=["estimate"])
    gap = effects["treated_mean"] - effects["control_mean"]
    assert (gap - effects["estimate"]).abs().max() < 1e-6
    known = effects[effects["se"] > 0]
    assert (known["ci_low"] < known["estimate"]).all()
    assert (known["estimate"] < known["ci_high"]).all()


def test_the_truth_stands_beside_the_estimates(results: Path) -> None:
    truth = tables(results)["truth"].query("cell == 'region'").set_index("month")
    assert list(truth.index) == list(range(37))
    gaps = truth["gap_in_se"].abs()
    assert (gaps[[6, 12, 24, 36]] < 4).all()
    assert truth["truth"].nunique() > 10


def test_every_row_says_that_the_data_are_synthetic(results: Path) -> None:
    assert len(tables(results)) >= 8
    for name, table in tables(results).items():
        assert (table["donnees"] == LABEL).all(), name
        assert len(table), name


def test_every_count_is_zero_or_eleven_at_least(results: Path) -> None:
    counted = set()
    for name, table in tables(results).items():
        for column in table.columns:
            if column.startswith("n_") or column in ("excluded", "remaining"):
                counted.add(column)
                values = table[column].dropna()
                few = values[(values != 0) & (values < TOO_FEW)]
                assert few.empty, (name, column, list(few))
    assert counted >= {"n_treated", "n_control", "n_supported", "excluded", "remaining"}


def keys_of(project: Path) -> set[str]:
    found: set[str] = set()
    for name in ("registrations", "trainings", "contracts"):
        table = pq.read_table(project / "tables" / f"{name}.parquet")
        for column in ("person", "training", "contract", "establishment"):
            if column in table.column_names:
                found |= {str(key) for key in table[column].unique().to_pylist() if key}
    return found


def test_nobody_can_be_recognised(project: Path, results: Path, site: Path) -> None:
    keys = keys_of(project)
    assert len(keys) > 3000
    shortest = min(map(len, keys))
    word = re.compile(rf"[A-Za-z0-9_-]{{{shortest},}}")
    files = [
        path
        for folder in (project / "results", site, project / "pages")
        for path in folder.rglob("*")
        if path.is_file()
    ]
    assert len(files) > 15
    for path in files:
        seen = set(word.findall(path.read_text(encoding="utf-8", errors="replace")))
        assert not seen & keys, path


def test_a_second_run_gives_the_same_bytes(
    pacte: Pacte, project: Path, results: Path, tmp_path: Path
) -> None:
    (again,) = pacte(
        "run",
        "certifiante-2019",
        "--source",
        project / "tables",
        "--project",
        project,
        "--out",
        tmp_path,
    )
    names = {path.relative_to(results) for path in results.rglob("*") if path.is_file()}
    assert names == {p.relative_to(again) for p in Path(again).rglob("*") if p.is_file()}
    for name in names - {Path("run-log.json")}:
        assert (results / name).read_bytes() == (Path(again) / name).read_bytes(), name


def test_a_failed_run_leaves_the_results_of_the_last(
    pacte: Pacte, project: Path, results: Path
) -> None:
    before = {path.name: path.read_bytes() for path in results.glob("*.*")}
    study = project / "studies/certifiante-2019/study.yml"
    kept = study.read_text(encoding="utf-8")
    study.write_text(kept.replace("design: NearestNeighbour", "design: Nearest"), encoding="utf-8")
    try:
        with pytest.raises(AssertionError, match="2"):
            pacte("run", "certifiante-2019", "--source", project / "tables", "--project", project)
    finally:
        study.write_text(kept, encoding="utf-8")
    assert {path.name: path.read_bytes() for path in results.glob("*.*")} == before


def pages(site: Path) -> dict[str, html.HtmlElement]:
    return {
        path.relative_to(site).as_posix(): html.document_fromstring(
            path.read_text(encoding="utf-8")
        )
        for path in sorted(site.rglob("*.html"))
    }


def words(page: html.HtmlElement) -> str:
    for hidden in page.xpath("//style | //script | //*[local-name()='svg']"):
        hidden.drop_tree()
    return str(page.text_content())


def test_one_page_for_the_study_its_public_and_its_territory(site: Path) -> None:
    place = "pages/certifiante-2019/tables/"
    assert set(pages(site)) >= {
        "index.html",
        f"{place}index.html",
        f"{place}publics/infra-bac.html",
        f"{place}territoires/ze2010-9310.html",
    }


def test_pages_are_in_french_and_say_what_they_are(site: Path) -> None:
    for name, page in pages(site).items():
        assert page.get("lang") == "fr", name
        text = words(page)
        assert name == "pages/contrat.html" or LABEL in text, "only the contract is not data"
        assert "Traceback" not in text
        assert not re.search(r"\b(nan|NaN|None|NaT|inf)\b", text), name
        if "certifiante" in name:
            assert "Ce qu’il faut retenir" in text
            effect = re.search(r"points? (de pourcentage )?\[[+−]?\d", text)
            if "sous-main-de-justice" in name:
                assert (
                    "Non mesurable\u00a0: la source ne dit pas qui est sous main de justice" in text
                )
                assert not effect
            else:
                assert effect, name


def test_numbers_and_signs_are_written_in_french(site: Path) -> None:
    for name, page in pages(site).items():
        for cell in page.xpath("//main//td[not(.//code)] | //main//p | //main//li[not(.//p)]"):
            text = words(cell)
            assert not re.search(r"\d\.\d", text), (name, text)
            assert not re.search(r" [;:!?»%]", text), (name, text)
            assert not re.search(r"\S  +\S", text), (name, text)


def test_every_link_leads_somewhere(site: Path) -> None:
    followed = 0
    for name, page in pages(site).items():
        ids = {element.get("id") for element in page.xpath("//*[@id]")}
        for link in page.xpath("//a/@href"):
            target = urlsplit(str(link))
            if target.scheme in ("http", "https"):
                continue
            if target.path:
                path = (site / name).parent / unquote(target.path)
                assert path.is_file(), (name, link)
            elif target.fragment:
                assert unquote(target.fragment) in ids, (name, link)
            followed += 1
    assert followed > 20
