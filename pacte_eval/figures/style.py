"""One house style: colours told apart by the colour-blind and in grey print, French axes, no title.

Colours are a subset of Okabe and Ito's; wherever two series meet they also differ by marker, line
style or hatching. Figures are drawn for a text 17 cm wide, in type of 8.5 to 9 points, and their
captions carry the titles. Drawn and saved with fixed settings, whatever the machine's.

Public names: `house_figure(height)` (centimetres), `house_axes(figure)`,
`to_svg(figure) -> bytes`, `to_png(figure, dpi=200) -> bytes`, `FrenchFormatter(scale=1)`,
the colours `TREATED`, `CONTROL`, `HELD_OUT`, `TRUTH`, `INK`, `MUTED`, `FAINT`.
"""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter

from pacte_eval.definitions.numerals import number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import pandas as pd
    from matplotlib.axes import Axes

TREATED = "#0072B2"
CONTROL = "#D55E00"
HELD_OUT = "#009E73"
TRUTH = "#000000"
INK = "#222222"
MUTED = "#5F5F5F"
FAINT = "#D9D9D9"

TEXT_WIDTH = 17.0
SIZE = 9.0
SMALL = 8.5

_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": SIZE,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "hatch.linewidth": 0.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "path.simplify": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "pacte-eval",
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": SMALL,
}


class FrenchFormatter(Formatter):
    """Ticks with a decimal comma and a true minus, after multiplication by `scale`."""

    def __init__(self, scale: int = 1) -> None:
        self.scale = scale

    def format_ticks(self, values: Any) -> list[str]:
        """Every tick with as many decimals as they need to differ."""
        ticks = np.asarray(values, dtype=float) * self.scale
        enough = (d for d in range(5) if np.allclose(ticks, ticks.round(d), rtol=0, atol=1e-6))
        digits = next(enough, 5)
        return [number(value, digits, scale=self.scale) for value in values]

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.format_ticks([x])[0]


def settings() -> AbstractContextManager[None]:
    """A context in which matplotlib's settings are the house's and none of the machine's."""
    return style.context(_SETTINGS, after_reset=True)


def house_figure(height: float, *, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """An empty figure as wide as the text and as many centimetres high, on white."""
    size = (TEXT_WIDTH / 2.54, height / 2.54)
    figure = Figure(figsize=size, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def house_axes(figure: Figure, **options: Any) -> Axes:
    """Axes with no frame but the lower and left lines, and a faint horizontal grid."""
    axes = figure.add_subplot(**options)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL, length=3, color=MUTED, labelcolor=INK)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def wrapped(text: str, width: int) -> str:
    """The text on as few lines of so many characters as it needs, of even length."""
    lines = _wrap(text, width)
    while width > 1 and len(narrower := _wrap(text, width - 1)) == len(lines):
        if max(map(len, narrower)) >= width:
            break
        lines, width = narrower, width - 1
    return "\n".join(lines)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def to_svg(figure: Figure) -> bytes:
    """The figure as SVG, the same bytes each time: fixed identifiers, no date."""
    return _saved(figure, "svg", {"Date": None, "Creator": None})


def to_png(figure: Figure, dpi: int = 200) -> bytes:
    """The figure as PNG, the same bytes each time."""
    return _saved(figure, "png", {"Software": None}, dpi=dpi)


def _saved(figure: Figure, kind: str, metadata: dict[str, None], **options: Any) -> bytes:
    out = io.BytesIO()
    with settings():
        figure.savefig(out, format=kind, metadata=metadata, **options)
    return out.getvalue()


def withheld(frame: pd.DataFrame, column: str) -> int:
    """How many rows have no value there for the sake of secrecy (column `suppressed`, if any)."""
    empty = frame[column].isna()
    if "suppressed" in frame:
        empty &= frame["suppressed"].fillna(False).astype(bool)
    return int(empty.sum())


def listed(items: Sequence[str]) -> str:
    """``a, b et c``."""
    return " et ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
