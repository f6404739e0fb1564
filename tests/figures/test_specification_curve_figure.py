"""The curve of specifications is legible, marks the main one, and says what it draws."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from pacte_eval.figures.specification_curve import (
    describe_specification_curve,
    specification_curve,
)
from pacte_eval.figures.style import CONTROL, to_svg


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


def frame(count: int = 12) -> pd.DataFrame:
    estimate = np.linspace(-0.021, 0.104, count)
    made = pd.DataFrame(
        {
            "label": [
                f"Appariement au plus proche voisin, variante {place} avec ajustement du biais"
                for place in range(count)
            ],
            "estimate": estimate,
            "ci_low": estimate - 0.03,
            "ci_high": estimate + 0.03,
            "main": np.arange(count) == count // 2,
        }
    )
    made.loc[count - 1, ["estimate", "ci_low", "ci_high"]] = np.nan
    return made.sample(frac=1, random_state=1)


def drawn_texts(figure: Figure) -> list[Text]:
    figure.draw_without_rendering()
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    outside = {
        tick.label1 for tick in axes.xaxis.get_major_ticks() if not low <= tick.get_loc() <= high
    }
    found = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    return [text for text in found if text.get_text().strip() and text not in outside]


@pytest.mark.parametrize("count", [3, 12, 16])
def test_no_text_overlaps_another_or_leaves_the_figure(count: int) -> None:
    figure = specification_curve(frame(count))
    texts = drawn_texts(figure)
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]
    for box in boxes:
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= figure.bbox.x1 + 1
        assert box.y1 <= figure.bbox.y1 + 1
    for left, right in combinations(boxes, 2):
        width = min(left.x1, right.x1) - max(left.x0, right.x0)
        height = min(left.y1, right.y1) - max(left.y0, right.y0)
        assert width <= 1 or height <= 1
    assert figure.get_figheight() * 2.54 <= 24
    assert all(8.5 <= float(text.get_fontsize()) <= 9.5 for text in texts)


def test_estimates_rise_from_top_to_bottom() -> None:
    axes = specification_curve(frame()).axes[0]
    points = [
        (float(x), float(y))
        for line in axes.lines
        if line.get_marker() in ("o", "D")
        for x, y in zip(
            np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float), strict=True
        )
        if np.isfinite(x)
    ]
    assert len(points) == 11
    assert sorted(points) == sorted(points, key=lambda point: point[1])
    assert axes.yaxis_inverted()


def test_the_main_estimate_differs_by_shape_and_colour_and_unsure_ones_are_hollow() -> None:
    axes = specification_curve(frame()).axes[0]
    by_marker = {str(line.get_marker()): line for line in axes.lines}
    (diamond,) = np.asarray(by_marker["D"].get_xdata(), float)
    assert by_marker["D"].get_color() == CONTROL
    assert diamond == pytest.approx(frame().query("main")["estimate"].item())
    hollow = next(line for line in axes.lines if line.get_markerfacecolor() == "white")
    values = np.asarray(hollow.get_xdata(), float)
    assert (np.abs(values[np.isfinite(values)]) <= 0.03).all()


def test_numbers_are_french() -> None:
    words = [plain(text.get_text()) for text in drawn_texts(specification_curve(frame()))]
    assert "−2,1 [−5,1 ; 0,9]" in words
    assert "n.c." in words
    assert "Effet (points de pourcentage)" in words


def test_the_curve_in_words() -> None:
    words = plain(describe_specification_curve(frame()))
    assert words.startswith("Spécification principale : Appariement au plus proche voisin")
    assert "Estimations de 11 spécifications" in words
    assert words.endswith("intervalles qui contiennent zéro : 5. Sans estimation : 1.")
    assert "Aucune" in describe_specification_curve(frame().assign(estimate=np.nan))


def test_the_order_of_rows_changes_nothing() -> None:
    assert to_svg(specification_curve(frame())) == to_svg(specification_curve(frame().sort_index()))
