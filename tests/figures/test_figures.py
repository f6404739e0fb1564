"""Figures are legible, say what their tables say, and are the same bytes on every machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from pacte_eval.figures import (
    describe_effect_path,
    describe_flow_chart,
    describe_forest,
    describe_levels_path,
    describe_love_plot,
    describe_overlap_plot,
    effect_path,
    flow_chart,
    forest,
    levels_path,
    love_plot,
    overlap_plot,
    to_png,
    to_svg,
)
from pacte_eval.figures.style import FrenchFormatter, wrapped


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


def numbers(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=float)


def path_frame() -> pd.DataFrame:
    month = np.arange(-24, 37)
    effect = np.interp(month, [-24, 0, 3, 12, 24, 36], [0, 0, -0.12, 0, 0.1, 0.1])
    level = np.interp(month, [-24, 0, 36], [0.5, 0.12, 0.52])
    frame = pd.DataFrame(
        {
            "month": month,
            "estimate": effect,
            "ci_low": effect - 0.02,
            "ci_high": effect + 0.02,
            "matched": month < -6,
            "treated_mean": level + effect,
            "control_mean": level,
        }
    ).astype({"month": "Int64", "estimate": "Float64", "treated_mean": "Float64"})
    values = ["estimate", "ci_low", "ci_high", "treated_mean", "control_mean"]
    frame.loc[frame["month"].isin([15, 16]), values] = pd.NA
    return frame


def balance_frame(rows: int = 40) -> pd.DataFrame:
    spread = np.linspace(0.6, 0.0, rows)
    labels = [
        "Bénéficiaire de l'obligation d'emploi des travailleurs handicapés" if k % 7 == 0 else
        f"En emploi {k} mois avant l'entrée"
        for k in range(rows)
    ]  # fmt: skip
    frame = pd.DataFrame({"label": labels, "smd_before": -spread, "smd_after": spread / 10})
    frame = frame.astype({"smd_before": "Float64", "smd_after": "Float64"})
    frame.loc[rows - 1, ["smd_before", "smd_after"]] = pd.NA
    return frame


def overlap_frame() -> pd.DataFrame:
    edges = np.array([0.02, 0.06, 0.1, 0.2, 0.4, 0.8])
    return pd.DataFrame(
        {
            "bin_low": edges[:-1],
            "bin_high": edges[1:],
            "n_treated": pd.array([0, 140, 900, 80, 20], dtype="Int64"),
            "n_control": pd.array([4000, 2100, 800, 60, 0], dtype="Int64"),
        }
    )


def flow_frame(arms: tuple[str, ...] = ("certifiante", "en_attente")) -> pd.DataFrame:
    labels = [
        "Entrées en formation certifiante de janvier à décembre 2019",
        "Retrouvée dans le registre des demandeurs d'emploi",
        "Âgée de 16 à 60 ans à l'entrée",
        "Réside en Provence-Alpes-Côte d'Azur",
        "Tirée au sort parmi les personnes du même mois et de la même tranche d'ancienneté",
    ]
    excluded = pd.array([0, 250, None, None, 1200], dtype="Int64")
    remaining = pd.array([1234567, 1234317, None, 10865, 9665], dtype="Int64")
    rows = pd.DataFrame(
        {"order": range(5), "label": labels, "excluded": excluded, "remaining": remaining}
    )
    return pd.concat([rows.iloc[: 5 - k].assign(arm=arm) for k, arm in enumerate(arms)])


def forest_frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "label": [
                "Expérience",
                "Appariement au plus proche voisin, avec ajustement du biais",
                "Petit territoire",
            ],
            "estimate": pd.array([1794, -8498, None], dtype="Float64"),
            "ci_low": pd.array([553, -9600, None], dtype="Float64"),
            "ci_high": pd.array([3035, -7400, None], dtype="Float64"),
        }
    )


TRUTH = pd.DataFrame({"month": range(37), "truth": np.linspace(0, 0.1, 37)})
FIGURES: dict[str, Callable[[], Figure]] = {
    "effect": lambda: effect_path(path_frame(), truth=TRUTH),
    "effect_after_entry": lambda: effect_path(path_frame().query("month >= 0")),
    "effect_in_euros": lambda: effect_path(path_frame().fillna(0), unit="euros"),
    "levels": lambda: levels_path(path_frame()),
    "levels_meet": lambda: levels_path(path_frame().query("month <= 12")),
    "love": lambda: love_plot(balance_frame()),
    "love_few": lambda: love_plot(balance_frame(3)),
    "overlap": lambda: overlap_plot(overlap_frame()),
    "flow": lambda: flow_chart(flow_frame(), {"certifiante": "Formés", "en_attente": "En attente"}),
    "flow_one_arm": lambda: flow_chart(flow_frame(("certifiante",))),
    "forest": lambda: forest(
        forest_frame(), unit="dollars", references={"expérience\u202f: 1\u202f794\u00a0$": 1794}
    ),
}


@pytest.fixture(params=FIGURES)
def draw(request: pytest.FixtureRequest) -> Callable[[], Figure]:
    return FIGURES[request.param]


def texts(figure: Figure) -> list[Text]:
    """Every text that is drawn, ticks outside the axes' limits left out."""
    found = []
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_visible() and text.get_text().strip():
            found.append(text)
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low <= tick.get_loc() <= high or not axes.axison:
                    hidden |= {tick.label1, tick.label2}
        if not axes.axison:
            hidden |= {axes.xaxis.label, axes.yaxis.label}
    return [text for text in found if text not in hidden]


def test_no_text_overlaps_another_or_leaves_the_figure(draw: Callable[[], Figure]) -> None:
    figure = draw()
    figure.draw_without_rendering()
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    renderer = canvas.get_renderer()
    boxes = {text: text.get_window_extent(renderer) for text in texts(figure)}
    assert boxes
    for text, box in boxes.items():
        assert box.x0 >= -1, text.get_text()
        assert box.y0 >= -1, text.get_text()
        assert box.x1 <= figure.bbox.x1 + 1, text.get_text()
        assert box.y1 <= figure.bbox.y1 + 1, text.get_text()
    for (one, left), (other, right) in combinations(boxes.items(), 2):
        width = min(left.x1, right.x1) - max(left.x0, right.x0)
        height = min(left.y1, right.y1) - max(left.y0, right.y0)
        assert width <= 1 or height <= 1, (one.get_text(), other.get_text())


def test_type_is_legible_in_print(draw: Callable[[], Figure]) -> None:
    figure = draw()
    figure.draw_without_rendering()
    assert figure.get_figwidth() * 2.54 == pytest.approx(17)
    assert figure.get_figheight() * 2.54 <= 24
    assert all(8.5 <= float(text.get_fontsize()) <= 9.5 for text in texts(figure))


def test_the_machine_s_settings_change_nothing(draw: Callable[[], Figure]) -> None:
    expected = to_svg(draw())
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.hashsalt": "other"}):
        assert to_svg(draw()) == expected
        assert mpl.rcParams["font.size"] == 20


def test_pictures_are_the_same_each_time() -> None:
    first, second = (to_png(effect_path(path_frame()), dpi=50) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")


def test_pyplot_is_never_loaded() -> None:
    code = "import sys, pacte_eval.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_numbers_on_axes_are_french() -> None:
    figure = forest(forest_frame(), unit="dollars")
    figure.draw_without_rendering()
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert "\u22125\u202f000" in ticks
    figure = love_plot(balance_frame())
    figure.draw_without_rendering()
    assert "0,1" in [label.get_text() for label in figure.axes[0].get_xticklabels()]


@pytest.mark.parametrize(
    ("locs", "scale", "written"),
    [
        ([0.0, 0.1, 0.30000000000000004], 100, ["0", "10", "30"]),
        ([-0.05, 0.0, 0.025], 100, ["\u22125,0", "0,0", "2,5"]),
        ([0, 5000], 1, ["0", "5\u202f000"]),
    ],
)
def test_ticks_show_the_decimals_they_need(
    locs: list[float], scale: int, written: list[str]
) -> None:
    assert FrenchFormatter(scale).format_ticks(locs) == written


def test_lines_of_a_label_are_even() -> None:
    assert wrapped("Réside en Provence-Alpes-Côte d'Azur", 30) == (
        "Réside en\nProvence-Alpes-Côte d'Azur"
    )
    assert wrapped("Un mot", 30) == "Un mot"
    assert wrapped("", 30) == ""
    assert "12\u202f345\u00a0€" in wrapped("Une somme de 12\u202f345\u00a0€", 14)


def test_a_withheld_month_is_a_gap() -> None:
    line = effect_path(path_frame()).axes[0].lines[1]
    values = pd.Series(numbers(line.get_ydata()), index=numbers(line.get_xdata()))
    assert values[values.isna()].index.tolist() == [15, 16]
    assert values[24] == pytest.approx(0.1)


def test_a_month_alone_keeps_its_interval() -> None:
    frame = path_frame().query("month in (6, 12, 24)")
    lines = effect_path(frame).axes[0].collections[1]
    assert isinstance(lines, LineCollection)
    spans = [numbers(segment)[:, 1].tolist() for segment in lines.get_segments()]
    assert len(spans) == 3
    assert spans[-1] == pytest.approx([0.08, 0.12])
    assert "communiqué" not in describe_effect_path(frame)


def test_months_balanced_by_construction_are_hollow_and_held_out_ones_apart() -> None:
    lines = {str(line.get_label()): line for line in effect_path(path_frame()).axes[0].lines}
    hollow = lines["Équilibré par construction"]
    held_out = lines["Avant l'entrée, gardé à part"]
    assert hollow.get_markerfacecolor() == "white"
    assert numbers(hollow.get_xdata()).max() == -7
    assert numbers(held_out.get_xdata()).tolist() == [-6, -5, -4, -3, -2, -1]
    assert held_out.get_marker() != lines["Estimation"].get_marker()
    assert numbers(lines["Estimation"].get_xdata()).min() == 0


def test_effects_in_words() -> None:
    words = plain(describe_effect_path(path_frame()))
    assert "+10,0 points [8,0 ; 12,0] à 24 mois" in words
    assert "2 mois ne sont pas communiqués" in words
    assert "l'écart ne dépasse pas 0,0 point" in words
    empty = path_frame().assign(estimate=np.nan)
    assert "aucun mois" in describe_effect_path(empty)


def test_levels_in_words() -> None:
    words = plain(describe_levels_path(path_frame()))
    assert "48,7 % contre 38,7 % à 24 mois" in words


def test_balance_in_words() -> None:
    words = plain(describe_love_plot(balance_frame()))
    assert "39 caractéristiques" in words
    assert "33 avant ajustement, 0 après" in words
    assert "0,06 (Bénéficiaire de l'obligation" in words
    assert words.endswith("1 non communiquée.")
    constant = balance_frame().assign(suppressed=False)
    assert "communiquée." not in describe_love_plot(constant)


def test_the_widest_difference_is_on_top() -> None:
    axes = love_plot(balance_frame()).axes[0]
    before = axes.lines[1]
    top = numbers(before.get_ydata()).argmin()
    assert numbers(before.get_xdata())[top] == pytest.approx(0.6)
    assert axes.yaxis_inverted()


def test_bars_of_each_arm_have_the_same_area() -> None:
    patches = overlap_plot(overlap_frame()).axes[0].patches
    areas = [bar.get_width() * bar.get_height() for bar in patches if isinstance(bar, Rectangle)]
    assert (sum(areas[:5]), sum(areas[5:])) == pytest.approx((1, -1))


def test_overlap_in_words() -> None:
    words = plain(describe_overlap_plot(overlap_frame()))
    assert "1 140 (personnes formées) entre 0,06 et 0,80" in words
    assert "6 960 (comparaison) entre 0,02 et 0,40" in words


def test_a_flow_writes_what_is_withheld() -> None:
    drawn = {text.get_text() for text in texts(flow_chart(flow_frame()))}
    assert "n.c." in drawn
    assert "Âgée de 16 à 60 ans à l'entrée\nécartées\u202f: n.c." in drawn
    assert "Personnes étudiées\n9\u202f665" in drawn
    words = plain(describe_flow_chart(flow_frame(("certifiante",)), {"certifiante": "Formés"}))
    assert words.startswith("Formés : Entrées en formation certifiante")
    assert "registre des demandeurs d'emploi, écartées : 250" in words
    assert words.endswith("personnes étudiées, 9 665.")


@pytest.mark.parametrize("arms", [("certifiante",), ("certifiante", "en_attente")])
def test_the_words_of_a_flow_stay_in_their_boxes(arms: tuple[str, ...]) -> None:
    figure = flow_chart(flow_frame(arms))
    figure.draw_without_rendering()
    boxes = [patch.get_window_extent() for patch in figure.axes[0].patches]
    written = [text.get_window_extent() for text in texts(figure) if "\n" in text.get_text()]
    assert len(boxes) == len(written)
    for box, text in zip(boxes, written, strict=True):
        assert box.x0 < text.x0 < text.x1 < box.x1
        assert box.y0 < text.y0 < text.y1 < box.y1


def test_a_forest_writes_its_estimates() -> None:
    drawn = [plain(text.get_text()) for text in texts(forest(forest_frame(), unit="dollars"))]
    assert "1 794 [553 ; 3 035]" in drawn
    assert "n.c." in drawn
    words = plain(describe_forest(forest_frame(), unit="dollars"))
    assert "−8 498 [−9 600 ; −7 400] et Petit territoire, n.c." in words
