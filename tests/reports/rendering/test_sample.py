"""The sample project, rendered once in three formats and read again as a reader's program would."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import docx
import pytest
from docx.document import Document
from docx.oxml.ns import qn
from lxml import etree, html
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, PdfObject

from pacte_eval.reports.rendering import render_project

PAGE = "pages/publics/seniors"
TRAP = "<script>alert('nom')</script> & <b>gras</b>"
BANNER = "Données synthétiques : aucun chiffre <réel> & aucune personne"
REPLACED = str.maketrans({"\u202f": " ", "\xa0": " ", "’": "'", "‘": "'"})


def flat(text: str) -> str:
    """Text with plain spaces and apostrophes, so that typography does not hide a difference."""
    return " ".join(text.translate(REPLACED).split())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    out = tmp_path_factory.mktemp("sample") / "site"
    render_project(sample, formats=("html", "docx", "pdf"), out=out)
    return out


@pytest.fixture(scope="module")
def page(site: Path) -> html.HtmlElement:
    return html.fromstring((site / f"{PAGE}.html").read_bytes())


@pytest.fixture(scope="module")
def word(site: Path) -> Document:
    return docx.Document(str(site / f"{PAGE}.docx"))


@pytest.fixture(scope="module")
def pdf(site: Path) -> PdfReader:
    return PdfReader(site / f"{PAGE}.pdf")


def alternatives(element: PdfObject) -> list[str]:
    """Every text alternative in the structure tree of a PDF."""
    node = element.get_object()
    if isinstance(node, ArrayObject):
        return [found for child in node for found in alternatives(child)]
    if not isinstance(node, DictionaryObject):
        return []
    own = [str(node["/Alt"])] if "/Alt" in node else []
    return own + (alternatives(node["/K"]) if "/K" in node else [])


def text_of(found: list[html.HtmlElement]) -> str:
    [element] = found
    return flat(str(element.text_content()))


def test_outputs_mirror_the_sources(site: Path) -> None:
    made = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    pages = ("index", "pages/publics/jeunes", "pages/publics/seniors")
    assert made == {f"{page}.{kind}" for page in pages for kind in ("html", "docx", "pdf")}
    assert list(site.parent.iterdir()) == [site]


class TestHtml:
    def test_language_landmarks_and_title(self, page: html.HtmlElement) -> None:
        assert page.get("lang") == "fr"
        assert text_of(page.xpath("//title")) == "Public : seniors – Évaluation régionale"
        assert text_of(page.xpath("//h1")) == "Public : seniors"
        assert page.xpath("count(//main)") == 1
        assert page.xpath("//a[@class='skip-link']/@href") == ["#contenu"]
        assert page.xpath("//main/@id") == ["contenu"]

    def test_banner_is_text(self, page: html.HtmlElement) -> None:
        assert text_of(page.xpath("//*[@class='banner']")) == BANNER

    def test_navigation_is_relative_and_marks_the_page(self, page: html.HtmlElement) -> None:
        links = page.xpath("//header//nav//a")
        assert [link.get("href") for link in links] == ["../../index.html", "seniors.html"]
        assert [link.get("aria-current") for link in links] == [None, "page"]
        assert page.xpath("//*[@class='formats']/a/@href") == ["seniors.docx", "seniors.pdf"]

    def test_nothing_is_fetched(self, site: Path) -> None:
        for file in site.rglob("*.html"):
            tree = html.fromstring(file.read_bytes())
            assert tree.xpath("//link | //script[@src] | //iframe") == []
            assert all(src.startswith("data:") for src in tree.xpath("//@src"))
            assert not re.search(r"url\(|@import", file.read_text(encoding="utf-8"))

    def test_index_lists_the_written_pages(self, site: Path) -> None:
        index = html.fromstring((site / "index.html").read_bytes())
        assert index.xpath("//main//li/a/@href") == [
            "pages/publics/jeunes.html",
            "pages/publics/seniors.html",
        ]

    def test_parameters_inline_code_and_meta(self, page: html.HtmlElement) -> None:
        text = flat(page.xpath("//main")[0].text_content())
        assert "Pour les seniors du territoire region-93, l'effet à 24 mois est de 9,2" in text
        assert page.xpath("//main//p/strong[text()='9,2']")
        assert page.xpath("//main//p[contains(., 'Retour')]/em/text()")[-1] == "seniors"

    def test_sections_are_numbered_and_listed(self, page: html.HtmlElement) -> None:
        headings = [flat(one.text_content()) for one in page.xpath("//main//h2 | //main//h3")]
        assert headings == [
            "1 Ce qu'il faut retenir",
            "Lecture",
            "Définitions",
            "2 Méthode",
            "2.1 Estimateur",
            "Références",
        ]
        contents = [flat(one.text_content()) for one in page.xpath("//nav[@id='TOC']//a")]
        assert contents == [one for one in headings if one not in ("Lecture", "Définitions")]

    def test_cross_references(self, page: html.HtmlElement) -> None:
        found = {
            one.get("href"): flat(one.text_content())
            for one in page.xpath("//a[contains(@class, 'quarto-xref')]")
        }
        assert found == {
            "#fig-effets": "figure 1",
            "#tbl-effets": "tableau 1",
            "#sec-methode": "section 2",
            "#eq-att": "équation 1",
        }
        assert all(page.xpath("//*[@id=$name]", name=href[1:]) for href in found)

    def test_figure_has_number_caption_and_text_alternative(self, page: html.HtmlElement) -> None:
        figure = page.get_element_by_id("fig-effets")
        caption = text_of(figure.xpath("figcaption"))
        assert caption == "Figure 1 : Effet sur l'emploi, mois par mois"
        assert "Figure\xa01\u202f:" in figure.xpath("string(figcaption)")
        assert figure.xpath("figcaption/em/text()") == ["mois par mois"]
        [image] = figure.xpath(".//img")
        assert image.get("alt").startswith("Courbe de l'effet sur l'emploi, négatif")
        drawing = etree.fromstring(base64.b64decode(image.get("src").partition(",")[2]))
        assert etree.QName(drawing).localname == "svg"

    def test_tables_have_captions_scopes_and_a_region(self, page: html.HtmlElement) -> None:
        table = page.get_element_by_id("tbl-effets")
        assert text_of(table.xpath("caption")) == "Tableau 1 : Effets estimés"
        assert table.xpath("thead//th/@scope") == ["col", "col"]
        assert table.xpath("tbody//th/@scope") == ["row"] * 3
        region = table.getparent()
        assert (region.get("role"), region.get("tabindex")) == ("region", "0")
        assert page.xpath("//*[@id=$name]", name=region.get("aria-labelledby"))
        assert len(page.xpath("//table")) == 2

    def test_callouts(self, page: html.HtmlElement) -> None:
        note, warning = page.xpath("//div[contains(@class, 'callout ')]")
        assert flat(note.text_content()).startswith("Fiabilité Ces données sont synthétiques :")
        assert len(note.xpath(".//li")) == 2
        assert "callout-warning" in warning.get("class")
        assert flat(warning.text_content()).startswith("À lire avec prudence Un ")
        assert [one.get("aria-label") for one in (note, warning)] == [
            "Fiabilité",
            "À lire avec prudence",
        ]

    def test_tabset_equation_and_folded_code(self, page: html.HtmlElement) -> None:
        [tabs] = page.xpath("//*[@class='panel-tabset']")
        assert [one.text for one in tabs.xpath("*/h3")] == ["Lecture", "Définitions"]
        assert "que pour le papier" not in page.text_content()
        [math] = page.xpath("//*[@id='eq-att']//*[local-name()='math']")
        assert math.xpath("count(.//*[local-name()='mfrac'])") == 1
        [code] = page.xpath("//details[@class='code-fold']")
        assert text_of(code.xpath("summary")) == "Code"
        assert code.xpath("string(pre)").startswith("fig, ax = plt.subplots")
        assert "fig-cap" not in code.text_content()

    def test_citations(self, page: html.HtmlElement) -> None:
        assert "d'après Martin et Benali (2021)" in flat(page.text_content())
        assert "la littérature (Martin et Benali 2021)" in flat(page.text_content())
        assert "Observatoire régional" in page.get_element_by_id("refs").text_content()

    def test_markup_in_data_stays_text(self, page: html.HtmlElement) -> None:
        text = flat(page.xpath("//main")[0].text_content())
        assert text.count(TRAP) == 2  # once in a paragraph, once in a table cell
        assert page.xpath("//main//script | //main//b") == []


class TestWord:
    def test_language_and_page(self, word: Document) -> None:
        languages = word.styles.element.xpath("//w:lang/@w:val")
        assert languages == ["fr-FR"] or languages == ["fr"]
        section = word.sections[0]
        assert section.page_width is not None
        assert section.page_width.mm == pytest.approx(210, abs=0.5)

    def test_headings_are_real(self, word: Document) -> None:
        headings = [
            (paragraph.style.name, flat(paragraph.text))
            for paragraph in word.paragraphs
            if paragraph.style is not None and str(paragraph.style.name).startswith("Heading")
        ]
        assert headings == [
            ("Heading 1", "1 Ce qu'il faut retenir"),
            ("Heading 1", "2 Méthode"),
            ("Heading 2", "2.1 Estimateur"),
            ("Heading 1", "Références"),
        ]

    def test_styles_of_captions_callouts_and_banner(self, word: Document) -> None:
        styled = [(str(one.style and one.style.name), flat(one.text)) for one in word.paragraphs]
        assert ("Image Caption", "Figure 1 : Effet sur l'emploi, mois par mois") in styled
        assert ("Table Caption", "Tableau 1 : Effets estimés") in styled
        assert ("Callout note title", "Fiabilité") in styled
        assert ("Callout warning", "Un avertissement.") in styled
        assert ("Banner", BANNER) in styled
        assert {name for name, _ in styled} <= {str(one.name) for one in word.styles}

    def test_figure_has_its_text_alternative(self, word: Document) -> None:
        [described] = word.element.xpath("//wp:docPr/@descr")
        assert described.startswith("Courbe de l'effet sur l'emploi")

    def test_tables_have_header_rows(self, word: Document) -> None:
        assert len(word.tables) == 2
        for table in word.tables:
            assert table.rows[0]._tr.find(f".//{qn('w:tblHeader')}") is not None
        assert [cell.text for cell in word.tables[0].rows[0].cells] == ["mois", "effet"]
        assert flat(word.tables[1].rows[1].cells[0].text) == TRAP

    def test_columns_share_the_page_by_what_they_hold(self, word: Document) -> None:
        shares = [int(one) for one in word.tables[1]._tbl.xpath(".//w:gridCol/@w:w")]
        assert len(shares) == 13
        assert shares[0] == max(shares)
        assert shares[0] > 1.3 * shares[1]

    def test_text_for_paper_only(self, word: Document) -> None:
        text = flat("\n".join(paragraph.text for paragraph in word.paragraphs))
        assert "que pour le papier" in text
        assert "que pour l'écran" not in text
        assert "(figure 1 et tableau 1)" in text


class TestPdf:
    def test_text(self, pdf: PdfReader) -> None:
        text = flat(" ".join(page.extract_text() for page in pdf.pages))
        for expected in (
            "Public : seniors",
            "Équipe d'évaluation · 3 novembre 2026",
            BANNER,
            "1 Ce qu'il faut retenir",
            "(figure 1 et tableau 1)",
            "Figure 1 : Effet sur l'emploi, mois par mois",
            "Tableau 1 : Effets estimés",
            "section 2",
            "(Martin et Benali 2021)",
            "que pour le papier",
            f"1 / {len(pdf.pages)}",
        ):
            assert expected in text
        assert "que pour l'écran" not in text

    def test_tagged_french_and_described(self, pdf: PdfReader) -> None:
        catalog = pdf.root_object
        assert str(catalog["/Lang"]).startswith("fr")
        assert "/StructTreeRoot" in catalog
        assert pdf.metadata is not None
        assert flat(str(pdf.metadata.title)) == "Public : seniors"
        described = alternatives(catalog["/StructTreeRoot"])
        assert any(flat(one).startswith("Courbe de l'effet sur l'emploi") for one in described)

    def test_a4_and_nothing_outside_the_page(self, pdf: PdfReader) -> None:
        for page in pdf.pages:
            width, height = float(page.mediabox.width), float(page.mediabox.height)
            assert (round(width), round(height)) == (595, 842)
            places: list[float] = []

            def note(
                text: str, cm: list[float], tm: list[float], *_: object, at: list[float] = places
            ) -> None:
                if text.strip():
                    at.append(tm[4] * cm[0] + cm[4])

            page.extract_text(visitor_text=note)
            assert all(0 < place < width for place in places)
