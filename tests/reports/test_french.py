"""French as pages write it: numbers, units, effects in words, and tables whose text stays text."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pandas as pd
import pypandoc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacte_eval.reports.french import (
    amount,
    dollars,
    escape_markdown,
    euros,
    interval,
    interval_in_words,
    markdown_table,
    number,
    per_hundred,
    percent,
    points,
    points_with_interval,
    reliability,
    signed,
)
from pacte_eval.results import ProtectedTable, protect
from pacte_eval.results.schemas import CELLS, EFFECTS


def plain(text: str) -> str:
    """The text with ordinary spaces."""
    return text.replace("\u202f", " ").replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (9.23, 1, "9,2"),
        (12345, 0, "12\u202f345"),
        (1234567.891, 2, "1\u202f234\u202f567,89"),
        (-3.4, 1, "\u22123,4"),
        (0.25, 1, "0,3"),
        (-0.25, 1, "\u22120,3"),
        (2.5, 0, "3"),
        (1.005, 2, "1,01"),
        (-0.04, 1, "0,0"),
        (1e-9, 1, "0,0"),
        (1e21, 0, "1" + 7 * "\u202f000"),
        (float("nan"), 1, "–"),
        (float("-inf"), 1, "\u2212∞"),
    ],
)
def test_number(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), st.integers(0, 4))
def test_a_number_reads_back_within_half_a_unit(value: float, digits: int) -> None:
    text = number(value, digits)
    back = Decimal(text.replace("\u202f", "").replace(",", ".").replace("\u2212", "-"))
    assert abs(back - Decimal(repr(value))) <= Decimal("0.5").scaleb(-digits)
    assert number(-value, digits).lstrip("\u2212") == text.lstrip("\u2212")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.3, "+0,3"), (-0.3, "\u22120,3"), (0.01, "0,0"), (-0.01, "0,0"), (float("nan"), "–")],
)
def test_signed(value: float, text: str) -> None:
    assert signed(value, 1) == text


def test_units() -> None:
    assert points(0.092) == "+9,2\u00a0points"
    assert points(-0.019) == "\u22121,9\u00a0point"
    assert plain(points(0.0199)) == "+2,0 points"
    assert percent(0.563) == "56,3\u202f%"
    assert plain(euros(12345.5)) == "12 346 €"
    assert plain(dollars(-1794)) == "−1 794 $"
    assert plain(amount(0.092, "points de pourcentage")) == "9,2 points de pourcentage"
    assert plain(amount(35, "heures", sign=True)) == "+35 heures"
    assert amount(float("nan"), "points") == "–"


def test_the_scale_is_exact_before_rounding() -> None:
    assert plain(points(0.0925)) == "+9,3 points"
    assert plain(percent(0.2875)) == "28,8 %"


def test_interval() -> None:
    assert interval(0.086, 0.098) == "[8,6\u202f;\u00a09,8]"
    assert plain(interval(-500, 1794, "dollars")) == "[−500 ; 1 794]"
    assert plain(points_with_interval(0.092, 0.086, 0.098)) == "9,2 points [8,6 ; 9,8]"


@pytest.mark.parametrize(
    ("effect", "text"),
    [
        (0.092, "9 personnes de plus pour 100 formées"),
        (0.012, "1 personne de plus pour 100 formées"),
        (-0.03, "3 personnes de moins pour 100 formées"),
        (-0.01, "1 personne de moins pour 100 formées"),
        (0.002, "moins d'une personne de plus pour 100 formées"),
        (0, "aucune personne de plus pour 100 formées"),
    ],
)
def test_per_hundred(effect: float, text: str) -> None:
    assert plain(per_hundred(effect)) == text


def test_per_hundred_says_when_there_may_be_no_effect() -> None:
    assert plain(per_hundred(0.02, -0.03, 0.07)) == (
        "entre 3 personnes de moins et 7 personnes de plus pour 100 formées, "
        "sans que l'on puisse exclure une absence d'effet"
    )
    assert per_hundred(0.09, 0.08, 0.1) == per_hundred(0.09)


def test_interval_in_words() -> None:
    assert plain(interval_in_words(0.086, 0.098)) == (
        "l'effet réel se situe vraisemblablement entre 8,6 et 9,8 points"
    )
    assert plain(interval_in_words(-0.012, 0.034)) == (
        "l'effet réel se situe vraisemblablement entre −1,2 et 3,4 points : "
        "les données n'excluent pas une absence d'effet"
    )
    assert plain(interval_in_words(551, 3037, "dollars")).endswith("entre 551 et 3 037 $")
    assert "borner" in interval_in_words(float("-inf"), 0.1)


@pytest.mark.parametrize(
    ("verdicts", "n", "label"),
    [
        (["pass", "pass"], 500, "solide"),
        (["pass", "warning"], 500, "à lire avec prudence"),
        (["pass", "non testable"], 500, "à lire avec prudence"),
        (["pass", "non concluant"], 60, "à lire avec prudence"),
        ([], 500, "à lire avec prudence"),
        (["pass"], 59, "fragile"),
        (["fail", "pass"], 5000, "fragile"),
        (["pass"], None, "non communiqué"),
    ],
)
def test_reliability(verdicts: list[str], n: int | None, label: str) -> None:
    found = reliability(verdicts, n)
    assert found.label == label
    assert str(found) == f"{found.icon} {label}"
    assert found.words.endswith(".")


def cells(labels: list[str], persons: list[int]) -> ProtectedTable:
    frame = pd.DataFrame(
        {
            "cell": [f"c{k}" for k in range(len(labels))],
            "kind": "public",
            "label": labels,
            "n_treated": persons,
            "reliable": [n >= 60 for n in persons],
        }
    )
    return protect(frame, CELLS)


def test_a_bare_frame_is_never_printed() -> None:
    bare: Any = cells(["a"], [100]).frame
    with pytest.raises(TypeError, match="not a DataFrame"):
        markdown_table(bare, ["label"])


def test_a_table_prints_titles_alignment_and_numbers() -> None:
    assert markdown_table(cells(["QPV"], [12345]), ["cell", "n_treated", "reliable"]) == (
        "| Population | Personnes formées | Effectif suffisant |\n"
        "| :--- | ---: | :--- |\n"
        "| c0 | 12\u202f345 | oui |\n"
    )


def test_withheld_and_not_applicable_read_differently() -> None:
    frame = pd.DataFrame(
        {
            "cell": ["a", "b"],
            "comparison": "c",
            "outcome": "emploi",
            "month": 24,
            "estimate": [0.09, 0.1],
            "ci_low": [0.086, 0.05],
            "ci_high": [0.098, 0.15],
            "n_treated": [300, 4],
        }
    ).assign(n_control=500, n_lost=0)
    text = markdown_table(
        protect(frame, EFFECTS),
        ["cell", "effet", "p", "n_treated"],
        titles={"effet": "Effet"},
        formats={"n_treated": lambda n: f"{number(n)} pers."},
        composed={"effet": (("estimate", "ci_low", "ci_high"), points_with_interval)},
    )
    first, second = plain(text).splitlines()[2:]
    assert first == "| a | 9,0 points [8,6 ; 9,8] | – | 300 pers. |"
    assert second == "| b | n.c. | n.c. | n.c. |"


NASTY = [
    "a | b",
    "*gras* _italique_ `code`",
    "<b>gras</b> <!-- x --> &amp;",
    "[lien](http://x.fr) ![image](y)",
    "1. un", "2) deux", "- tiret", "+ plus", "# titre", "> citation", ": définition",
    "$x^2$ ~~barré~~ H~2~O ^[note] [^1]",
    "@cle2019 [@cle; @autre]",
    "2019--2021 --- fin",
    "{{< include x >}} `x`{=html} [x]{.y}",
    "c:\\chemin\\",
    "::: {.note}",
    "\\| déjà",
    "A**", "|---|", "=", "!", "a  b",
]  # fmt: skip


def read_by_pandoc(markdown: str) -> list[str]:
    document = json.loads(
        pypandoc.convert_text(markdown, "json", "markdown", extra_args=["--wrap=none"])
    )
    (table,) = document["blocks"]
    rows = table["c"][4][0][3]
    return ["".join(flat(row[1][1][4])) for row in rows]


def flat(blocks: list[dict[str, Any]]) -> list[str]:
    texts = []
    for block in blocks:
        for inline in block["c"]:
            assert inline["t"] in {"Str", "Space", "Quoted"}, inline
            if inline["t"] == "Quoted":
                texts += ["'", *flat([{"c": inline["c"][1]}]), "'"]
            else:
                texts.append(inline.get("c", " "))
    return texts


def test_text_of_the_data_stays_text() -> None:
    table = cells(NASTY, [100] * len(NASTY))
    found = read_by_pandoc(markdown_table(table, ["cell", "label"]))
    assert found == [" ".join(text.split()) for text in table.frame["label"]]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.text(st.sampled_from("ab1 \\`*_{}[]()<>#+-.!|~^$@&:=%/,;?é«»"), min_size=1, max_size=12)
        .map(lambda text: " ".join(text.split()))
        .filter(lambda text: bool(text) and "..." not in text),
        min_size=60,
        max_size=60,
    )
)
def test_any_text_of_the_data_stays_text(texts: list[str]) -> None:
    table = cells(texts, [100] * len(texts))
    found = read_by_pandoc(markdown_table(table, ["cell", "label"]))
    assert found == table.frame["label"].tolist()


def test_escaped_text_can_open_a_paragraph() -> None:
    for text in NASTY:
        back = pypandoc.convert_text(
            escape_markdown(text), "plain", "markdown-smart", extra_args=["--wrap=none"]
        )
        assert back.strip() == " ".join(text.split())
