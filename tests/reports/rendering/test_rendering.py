"""What the renderer refuses, what it leaves behind, and that it says the same thing twice."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import html
from pypdf import PdfReader

from pacte_eval.definitions.errors import InputError
from pacte_eval.reports.rendering import render, render_project

RenderText = Callable[..., str]

CELL = "```{python}\n%s\n```"

REFUSED = {
    "unknown shortcode": ("Texte\n\n{{< video a.mp4 >}}", r"essai\.qmd line 7: shortcode 'video'"),
    "include in a line": ("a {{< include b.qmd >}}", r"line 5: an include stands alone"),
    "missing part": (
        "{{< include /absent.qmd >}}",
        r"line 5: included part: /absent\.qmd does not exist",
    ),
    "part outside": ("{{< include ../../x.qmd >}}", r"line 5: included part"),
    "itself": ("{{< include /essai.qmd >}}", r"includes itself"),
    "meta": ("{{< meta subtitle >}}", r"line 5: the header has no key 'subtitle'"),
    "other engine": ("```{r}\n1\n```", r"line 5: cell ```\{r\} is not supported"),
    "options in braces": ("```{python echo=true}\n1\n```", r"line 5: cell ```\{python echo=true\}"),
    "unclosed": ("```{python}\n1", r"line 5: the block opened by ``` is never closed"),
    "cell option": (CELL % "#| fig-capt: x\n1", r"line 6: cell option 'fig-capt'.*'fig-cap'"),
    "option value": (CELL % "#| echo: fenced\n1", r"line 6: cell option 'echo' must be true or"),
    "option syntax": (CELL % "#| label: 'a\n1", r"line 6: not valid YAML"),
    "raw HTML": ("a <b>c</b>", r"line 5: raw html is not supported: <b>"),
    "raw block": ("```{=html}\n<hr>\n```", r"raw html is not supported: <hr>"),
    "raw LaTeX": ("\\newpage\n", r"line 5: raw tex is not supported"),
    "margin": ("::: {.column-margin}\na\n:::", r"line 5: class 'column-margin'"),
    "callout": ("::: {.callout-danger}\na\n:::", r"line 5: class 'callout-danger'"),
    "callout attribute": ('::: {.callout-note icon="false"}\na\n:::', r"attribute 'icon'"),
    "script attribute": ('[a]{onclick="b()"}', r"line 5: attribute 'onclick'"),
    "script link": ("[a](javascript:b)", r"line 5: link javascript:b"),
    "missing page": ("[a](absent.qmd)", r"line 5: linked page: absent\.qmd does not exist"),
    "image file": ("![a](b.png)", r"line 5: image file b\.png"),
    "tabset": ("::: {.panel-tabset}\na\n:::", r"line 5: a tabset begins with a heading"),
    "condition": ('::: {.content-visible when-format="latex"}\na\n:::', r"when-format=latex"),
    "reference": ("Voir @fig-absente.", r"line 5: @fig-absente is not the label of anything"),
    "section reference": ("## A {#sec-a}\n\n@sec-a", r"line 7: @sec-a needs number-sections"),
    "reference and bracket": (
        "$$a$$ {#eq-a}\n\n@eq-a [@pole2021]",
        r"line 7: put a word between the reference @eq-a",
    ),
    "label twice": ("$$a$$ {#eq-a}\n\n$$b$$ {#eq-a}", r"label eq-a is given twice"),
    "no formula": ("Texte {#eq-a}", r"line 5: \{#eq-a\} follows no formula"),
    "citation": ("D'après @inconnu2020.", r"inconnu2020"),
    "figure without alternative": (
        CELL % "import matplotlib.pyplot as plt\nplt.plot([1, 2])",
        r"line 6: a figure needs its text alternative, option fig-alt",
    ),
    "label of no figure": (
        CELL % "#| label: fig-a\n1",
        r"cell fig-a\): the cell shows 0 figure, not one",
    ),
    "HTML value": (
        CELL % "import pandas\npandas.DataFrame({'a': [1]})",
        r"essai\.qmd line 6: a DataFrame shows as HTML",
    ),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_outside_the_subset_is_refused_by_name(
    render_text: RenderText, body: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        render_text(body)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "titel: A",
            r"essai\.qmd line 2: header key 'titel' is not supported; did you mean 'title'",
        ),
        ("title: A\nformat: {pdf: default}", r"line 3: header key format: 'pdf' is not supported"),
        ("title: A\ntoc: 3", r"line 3: header key 'toc' must be true or false, not '3'"),
        ("title: A\njupyter: julia", r"line 3: header key 'jupyter' must be python3"),
        ("title: A\nbibliography: absente.bib", r"essai\.qmd: absente\.bib does not exist"),
        ("title: [A", r"essai\.qmd line \d+: not valid YAML"),
    ],
)
def test_headers_are_checked(render_text: RenderText, header: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        render_text("Texte", header)


def test_failing_cell_names_page_cell_line_and_error(render_text: RenderText) -> None:
    body = "```{python}\n#| label: calcul\na = 1\n\na / 0\n```"
    expected = r"^essai\.qmd line 9 \(cell calcul\): ZeroDivisionError: division by zero$"
    with pytest.raises(InputError, match=expected):
        render_text(body)


def test_failing_inline_code_and_syntax_error(render_text: RenderText) -> None:
    with pytest.raises(InputError, match=r"line 6: NameError: name 'absente' is not defined"):
        render_text("Texte\n`{python} absente`.")
    with pytest.raises(InputError, match=r"essai\.qmd line 7: SyntaxError"):
        render_text(CELL % "a = 1\na = = 2")


def test_cell_of_an_included_part_is_located_in_the_part(
    project: Path, render_text: RenderText
) -> None:
    (project / "partie.qmd").write_text("Texte\n\n```{python}\n1 / 0\n```\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"^essai\.qmd: partie\.qmd line 4: ZeroDiv"):
        render_text("{{< include partie.qmd >}}")


def test_failure_leaves_nothing_new(project: Path, tmp_path: Path) -> None:
    (project / "pages").mkdir()
    (project / "pages" / "z.qmd").write_text("---\ntitle: Z\n---\n\n@fig-absente\n")
    out = tmp_path / "out"
    out.mkdir()
    (out / "index.html").write_text("ancien")
    with pytest.raises(InputError, match="fig-absente"):
        render_project(project, out=out)
    assert [path.name for path in out.iterdir()] == ["index.html"]
    assert (out / "index.html").read_text() == "ancien"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "project"]


def test_same_inputs_same_bytes(sample: Path, tmp_path: Path) -> None:
    digests = []
    for run in ("un", "deux"):
        made = render_project(sample, formats=("html", "docx", "pdf"), out=tmp_path / run)
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in made])
    assert digests[0] == digests[1]


def test_cells_run_once_for_three_formats(project: Path, tmp_path: Path) -> None:
    code = "with open('passages', 'a') as journal:\n    journal.write('x')\nprint('fait')"
    (project / "essai.qmd").write_text(f"---\ntitle: E\n---\n\n{CELL % code}\n")
    seen: list[str] = []
    made = render(
        Path("essai.qmd"),
        project=project,
        formats=["html", "docx", "pdf"],
        out=tmp_path / "out",
        progress=seen.append,
    )
    assert [path.name for path in made] == ["essai.html", "essai.docx", "essai.pdf"]
    assert (project / "passages").read_text() == "x"
    assert seen == ["essai.qmd"]


def test_each_page_has_a_namespace_of_its_own(project: Path, tmp_path: Path) -> None:
    first, second = project / "a.qmd", project / "b.qmd"
    first.write_text(f"---\ntitle: A\n---\n\n{CELL % 'secret = 1'}\n")
    second.write_text(f"---\ntitle: B\n---\n\n{CELL % 'secret'}\n")
    with pytest.raises(InputError, match=r"b\.qmd.*NameError: name 'secret'"):
        render_project(project, pages=[first, second], out=tmp_path / "out")


def test_rendering_leaves_the_process_as_it_was(render_text: RenderText) -> None:
    import matplotlib.pyplot as plt

    before = (Path.cwd(), list(sys.path), plt.show, plt.rcParams["font.size"])
    render_text(CELL % "import matplotlib.pyplot as plt\nplt.rcParams['font.size'] = 3")
    assert (Path.cwd(), sys.path, plt.show, plt.rcParams["font.size"]) == before


def test_cell_options(render_text: RenderText) -> None:
    body = "\n\n".join(
        CELL % code
        for code in (
            "#| include: false\nx = 'calcul caché'\nprint(x)",
            "#| eval: false\n#| echo: true\n1 / 0",
            "#| output: false\nprint('sortie tue')",
            "#| output: asis\nprint('**gras** <b>')",
            "x",
            "x;",
        )
    )
    main = html.fromstring(render_text(body)).xpath("//main")[0]
    assert [str(one.text_content()).strip() for one in main.xpath(".//pre")] == [
        "1 / 0",
        "'calcul caché'",
    ]
    assert main.xpath(".//strong/text()") == ["gras"]
    assert "sortie tue" not in main.text_content()
    assert "<b>" in main.text_content()


def test_figures_shown_printed_and_returned_keep_their_order(render_text: RenderText) -> None:
    code = (
        '#| fig-alt: "Deux points"\nimport matplotlib.pyplot as plt\n'
        "print('avant')\nfigure, axes = plt.subplots()\nplt.show()\nprint('après')\naxes"
    )
    main = html.fromstring(render_text(CELL % code)).xpath("//main")[0]
    kinds = [one.tag for one in main.iter("pre", "img")]
    assert kinds == ["pre", "img", "pre"]
    returned = CELL % (
        '#| fig-alt: "Une figure"\nfrom matplotlib.figure import Figure\n'
        "figure = Figure()\nfigure.subplots().plot([1, 2])\nfigure"
    )
    assert html.fromstring(render_text(returned)).xpath("//main//img/@alt") == ["Une figure"]


@pytest.mark.parametrize(
    "label",
    [
        "<script>alert(1)</script>",
        '<div class="x">y</div>',
        "<span>y</span>",
        "<!-- y -->",
        "`<b>`{=html}",
        "\n```{=html}\n<b>y</b>\n```\n",
        "::: pas une boîte",
        "pacte-next-output",
    ],
)
def test_markdown_from_cells_gives_no_element_of_its_own(
    render_text: RenderText, label: str
) -> None:
    code = f"from IPython.display import Markdown\nMarkdown({'Avant ' + label!r})"
    text = render_text(f"{CELL % code}\n\nSuite.\n\n{CELL % code}")
    main = html.fromstring(text).xpath("//main")[0]
    assert main.xpath(".//script | .//b | .//div | .//span | .//comment()") == []
    assert "Suite." in main.text_content()


def test_links_to_pages_and_in_documents(project: Path, render_text: RenderText) -> None:
    text = render_text("[Accueil](/index.qmd#haut) et [État](https://exemple.fr/a)")
    links = html.fromstring(text).xpath("//main//a/@href")
    assert links == ["index.html#haut", "https://exemple.fr/a"]
    pdf = PdfReader(render_text("[Accueil](/index.qmd)", output="pdf"))
    assert "Accueil" in pdf.pages[0].extract_text()
    assert "/Annots" not in pdf.pages[0]


def test_folded_callout_and_heading_as_title(render_text: RenderText) -> None:
    body = (
        '::: {.callout-tip collapse="true"}\n## Pour aller plus loin\nSuite.\n:::\n\n'
        "## Partie\n\nTexte [vu ici]{.content-visible when-format='docx'}."
    )
    main = html.fromstring(render_text(body)).xpath("//main")[0]
    [summary] = main.xpath("details[contains(@class, 'callout-tip')]/summary")
    assert summary.text_content().strip() == "Pour aller plus loin"
    assert main.xpath(".//h2/text()") == ["Partie"]
    assert "vu ici" not in main.text_content()


def test_headings_inside_a_tab_stay_in_it(render_text: RenderText) -> None:
    body = "::: {.panel-tabset}\n## A\n### A bis\nun\n\n## B\ndeux\n:::"
    panes = html.fromstring(render_text(body)).xpath("//*[contains(@class, 'tab-pane')]")
    assert [one.xpath("h2/text() | h3/text()") for one in panes] == [["A", "A bis"], ["B"]]


def test_rows_of_a_long_table_repeat_their_header_in_pdf(render_text: RenderText) -> None:
    rows = "\n".join(f"| {n} | {n * n} |" for n in range(120))
    pdf = PdfReader(render_text(f"| Mois | Carré |\n|--:|--:|\n{rows}", output="pdf"))
    assert len(pdf.pages) > 1
    assert all("Carré" in page.extract_text() for page in pdf.pages)


def test_failing_pre_render_step_is_named(project: Path, tmp_path: Path) -> None:
    (project / "tools" / "write_pages.py").write_text("raise SystemExit('plus de place')")
    with pytest.raises(InputError, match=r"pre-render .*write_pages.*code 1: plus de place"):
        render_project(project, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("search: false", "search: true", r"_quarto\.yml line \d+: key website: 'search'"),
        ("type: website", "type: book", r"key project: 'type' must be website or default"),
        ("lang: fr", "lang: fr\nfilters: [a]", r"key 'filters' is not supported"),
        ("text: Accueil", "icon: house", r"navbar\.left has href and text"),
    ],
)
def test_project_file_is_checked(
    project: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    file = project / "_quarto.yml"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        render_project(project, out=tmp_path / "out")


def test_paths_are_checked(project: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no _quarto\.yml"):
        render_project(tmp_path, out=tmp_path / "out")
    with pytest.raises(InputError, match=r"absente\.qmd: no such page"):
        render(Path("absente.qmd"), project=project, formats=["html"], out=tmp_path / "out")
