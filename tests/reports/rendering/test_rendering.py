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
    "raw HTML": ("a <b>c</b>", r"line 5: raw html '<b>' is not supported"),
    "raw block": ("```{=html}\n<hr>\n```", r"raw html '<hr>' is not supported"),
    "raw LaTeX": ("\\newpage\n", r"line 5: raw tex '.newpage' is not supported"),
    "margin": ("::: {.column-margin}\na\n:::", r"line 5: class 'column-margin'"),
    "callout": ("::: {.callout-danger}\na\n:::", r"line 5: class 'callout-danger'"),
    "callout attribute": (
        '::: {.callout-note icon="false"}\na\n:::',
        r"attribute, title; here: icon",
    ),
    "callout without title": ("::: {.callout-tip}\na\n:::", r"attribute, title; here: none"),
    "folded callout": (
        '::: {.callout-tip title="A" collapse="true"}\na\n:::',
        r"line 5: a callout has one attribute, title; here: collapse and title",
    ),
    "script attribute": ('[a]{onclick="b()"}', r"line 5: attribute 'onclick'"),
    "script link": ("[a](javascript:b)", r"line 5: link 'javascript:b'"),
    "missing page": ("[a](absent.qmd)", r"line 5: linked page: absent\.qmd does not exist"),
    "image file": ("![a](b.png)", r"line 5: image file 'b\.png'"),
    "tabset": ("::: {.panel-tabset}\na\n:::", r"line 5: a tabset begins with a heading"),
    "condition": ('::: {.content-visible when-format="latex"}\na\n:::', r"when-format=latex"),
    "contrary condition": (
        '::: {.content-visible unless-format="html"}\na\n:::',
        r"line 5: condition 'unless-format=html' is not supported",
    ),
    "hidden": ('::: {.content-hidden when-format="html"}\na\n:::', r"class 'content-hidden'"),
    "title level": (
        "# A",
        r"line 5: heading of the level of the page's title '# A' is not supported",
    ),
    "comment": ("<!-- a -->", r"line 5: raw html '<!-- a -->' is not supported"),
    "indented cell": ("- a\n\n  ```{python}\n  1\n  ```", r"line 7: cell ```\{python\} is not"),
    "reference": ("Voir @fig-absente.", r"line 5: @fig-absente is not the label of anything"),
    "section reference": (
        "## A {#sec-a}\n\n@sec-a",
        r"line 7: @sec-a is not the label of anything numbered",
    ),
    "reference and bracket": (
        "$$a$$ {#eq-a}\n\n@eq-a [@pole2021]",
        r"line 7: put a word between the reference @eq-a",
    ),
    "label twice": ("$$a$$ {#eq-a}\n\n$$b$$ {#eq-a}", r"label eq-a is given twice"),
    "references in a bracket": (
        "$$a$$ {#eq-a}\n\n[@eq-a; @pole2021]",
        r"line 7: put a word between the reference @eq-a",
    ),
    "formula in a text": ("Soit $$a$$ {#eq-a} ici", r"line 5: \{#eq-a\} follows no formula alone"),
    "no formula": ("Texte {#eq-a}", r"line 5: \{#eq-a\} follows no formula"),
    "citation": ("D'après @inconnu2020.", r"inconnu2020"),
    "figure without alternative": (
        CELL % "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        r"line 6: a figure needs its text alternative, option fig-alt",
    ),
    "label of no figure": (
        CELL % "#| label: fig-a\n#| fig-cap: A\nNone",
        r"cell fig-a\): .* and one figure go together; the cell shows 0",
    ),
    "caption without label": (
        CELL % "#| tbl-cap: A\nNone",
        r"line 7: a label tbl-, a tbl-cap and one table go together",
    ),
    "HTML value": (
        CELL % "import pandas\npandas.DataFrame({'a': [1]})",
        r"essai\.qmd line 6: it shows a DataFrame: a cell shows a Markdown",
    ),
    "printed line": (CELL % "print('a')", r"essai\.qmd line 6: it prints: a cell shows a Markdown"),
    "other value": (CELL % "1", r"essai\.qmd line 6: it shows a int: a cell shows a Markdown"),
    "unrun cell": (CELL % "#| eval: false\n1", r"line 6: cell option 'eval' is not supported"),
    "hidden cell": (CELL % "#| include: false\n1", r"cell option 'include' is not supported"),
    "output": (CELL % "#| output: asis\n1", r"line 6: cell option 'output' is not supported"),
    "heading shown by a cell": (
        CELL % "from IPython.display import Markdown\nMarkdown('# A')",
        r"essai\.qmd line 6: heading of the level",
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
        ("title: A\nnumber-sections: 3", r"line 3: .* must be true or false, not '3'"),
        ("title: A\ntoc: true", r"line 3: header key 'toc' is not supported"),
        ("title: A\njupyter: julia", r"line 3: header key 'jupyter' must be python3"),
        ("title: A\nauthor: [B, C]", r"line 3: header key 'author' must be text"),
        ("title: [A", r"essai\.qmd line \d+: not valid YAML"),
    ],
)
def test_headers_are_checked(render_text: RenderText, header: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        render_text("Texte", header)


def test_failing_cell_names_page_cell_line_and_error(render_text: RenderText) -> None:
    body = "```{python}\n#| label: calcul\na = 1\n\na / 0\n```"
    expected = r"^essai\.qmd line 7 \(cell calcul\): ZeroDivisionError: division by zero$"
    with pytest.raises(InputError, match=expected):
        render_text(body)


def test_failing_inline_code_and_syntax_error(render_text: RenderText) -> None:
    with pytest.raises(InputError, match=r"line 6: NameError: name 'absente' is not defined"):
        render_text("Texte\n`{python} absente`.")
    with pytest.raises(InputError, match=r"essai\.qmd line 6: SyntaxError"):
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


def test_same_inputs_same_bytes_wherever_the_project_is(
    sample: Path, project: Path, tmp_path: Path
) -> None:
    digests = []
    for folder in (sample, project):
        out = tmp_path / folder.parent.name
        made = render_project(folder, formats=("html", "docx", "pdf"), out=out)
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in made])
    assert digests[0] == digests[1]


def test_cells_run_once_for_three_formats(project: Path, tmp_path: Path) -> None:
    code = "with open('passages', 'a') as journal:\n    journal.write('x');"
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


def test_what_a_cell_shows(render_text: RenderText) -> None:
    markdown = "from IPython.display import Markdown\nMarkdown('**gras** <b>')"
    cells = (f"#| echo: true\n{markdown}", f"{markdown};", "x = 1")
    main = html.fromstring(render_text("\n\n".join(CELL % code for code in cells))).xpath("//main")
    assert main[0].xpath(".//strong/text()") == ["gras"]
    assert main[0].xpath("string(.//details/pre)").strip() == markdown
    assert main[0].xpath("count(.//pre)") == 1
    assert "<b>" in main[0].text_content()


def test_tables_of_the_source_and_spaces_of_captions(render_text: RenderText) -> None:
    source = "| a | b |\n|--|--|\n| 1 | 2 |\n\n: Effet\u202f: *net* {#tbl-a}\n\nVoir @tbl-a."
    cell = (
        '#| label: tbl-b\n#| tbl-cap: "Part\u202f: *nette*"\nfrom IPython.display import Markdown\n'
    )
    body = f"{source}\n\n{CELL % (cell + 'Markdown(chr(10).join(lignes))')}"
    lines = CELL % "lignes = ['| a |', '|--|', '| 1 |']"
    main = html.fromstring(render_text(f"{lines}\n\n{body}")).xpath("//main")[0]
    assert [str(one.text_content()) for one in main.xpath(".//caption")] == [
        "Tableau\xa01\u202f: Effet\u202f: net",
        "Tableau\xa02\u202f: Part\u202f: nette",
    ]
    assert main.xpath(".//a[@href='#tbl-a']/text()") == ["tableau\xa01"]


def test_figures_are_shown_once_and_in_order(render_text: RenderText) -> None:
    def images(code: str) -> list[str]:
        main = html.fromstring(render_text(CELL % f'#| fig-alt: "Une figure"\n{code}'))
        return [str(one) for one in main.xpath("//main//img/@src")]

    draw = "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots({})\n"
    small, large = (images(draw.format(f"figsize=({n}, {n})")) for n in (1, 2))
    two = draw.format("figsize=(1, 1)") + "plt.show()\n" + draw.format("figsize=(2, 2)")
    assert images(two) == small + large
    assert images(draw.format("figsize=(1, 1)") + "figure") == small
    unmanaged = "from matplotlib.figure import Figure\nFigure()"
    assert len(images(unmanaged)) == 1


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
        ("type: website", "type: book", r"key project: 'type' must be website"),
        ("lang: fr", "lang: fr\nfilters: [a]", r"key 'filters' is not supported"),
        ("search: false", "page-footer: A", r"key website: 'page-footer' is not supported"),
        ("refs.bib", "absente.bib", r"_quarto\.yml: absente\.bib does not exist"),
        ("refs.bib", "refs.bib\ncsl: a.csl", r"key 'csl' is not supported"),
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
