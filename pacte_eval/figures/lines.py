"""One line an estimate, its interval drawn and written out at the right: what two figures share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator

from pacte_eval.definitions.numerals import interval, number, unit_of
from pacte_eval.figures.style import FAINT, INK, SMALL, FrenchFormatter, house_axes, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Lines:
    """Estimates with the place of each line, from the top down.

    Attributes
    ----------
    labels : list of str
        On as many lines of text as they need.
    position : float array, shape (n,)
    estimate, low, high : float arrays, shape (n,)
        In the outcome's own unit; missing where there is none.
    height : float
        Of all the lines.
    unit : str
    """

    labels: list[str]
    position: np.ndarray
    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    height: float
    unit: str

    @classmethod
    def of(cls, frame: pd.DataFrame, unit: str) -> Lines:
        """The rows of a frame (``label``, ``estimate``, ``ci_low``, ``ci_high``), in its order."""
        labels = [wrapped(text, 36) for text in frame["label"]]
        heights = np.array([label.count("\n") + 1.4 for label in labels])
        position = np.cumsum(heights) - heights / 2
        estimate, low, high = (floats(frame, name) for name in ("estimate", "ci_low", "ci_high"))
        return cls(labels, position, estimate, low, high, float(heights.sum()), unit)

    def axes(self, figure: Figure) -> Axes:
        """Axes with a line at zero."""
        axes = house_axes(figure)
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        axes.axvline(0, color=INK, linewidth=0.8, zorder=1.5)
        return axes

    def finish(self, axes: Axes, label: str, bold: Iterable[bool] | None = None) -> None:
        """Write labels, estimates and the title of the axis, once everything is drawn."""
        known = unit_of(self.unit)
        weights = ["bold" if one else "normal" for one in bold or [False] * len(self.labels)]
        for line, (place, weight) in enumerate(zip(self.position, weights, strict=True)):
            axes.annotate(
                written(self.estimate[line], self.low[line], self.high[line], self.unit),
                (1, place),
                xycoords=("axes fraction", "data"),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
                fontweight=weight,
                annotation_clip=False,
            )
        axes.yaxis.set_major_locator(FixedLocator(self.position.tolist()))
        for text, weight in zip(axes.set_yticklabels(self.labels), weights, strict=True):
            text.set_fontweight(weight)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(self.height, 0)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_major_formatter(FrenchFormatter(known.scale))
        axes.set_xlabel(f"{label} ({known.axis})")
        axes.margins(x=0.06)


def floats(frame: pd.DataFrame, name: str) -> np.ndarray:
    """A column as floats, missing values included: shape (n,)."""
    return frame[name].to_numpy(dtype=float, na_value=np.nan)


def figured(value: float, unit: str) -> str:
    """A value in French, without its unit."""
    known = unit_of(unit)
    return number(value, known.digits, scale=known.scale)


def written(estimate: float, low: float, high: float, unit: str) -> str:
    """An estimate with its interval, without its unit; ``n.c.`` where there is none."""
    if math.isnan(estimate):
        return "n.c."
    text = figured(estimate, unit)
    return text if math.isnan(low) else f"{text} {interval(low, high, unit)}"
