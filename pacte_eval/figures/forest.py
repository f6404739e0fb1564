"""Estimates side by side with their intervals, written out at the right of each line.

Public names:
`forest(frame, *, unit="points", label="Effet", references=None) -> Figure`,
`describe_forest(frame, *, unit="points") -> str`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator

from pacte_eval.definitions.numerals import interval, number, unit_of
from pacte_eval.figures.style import (
    FAINT,
    INK,
    MUTED,
    SMALL,
    TREATED,
    FrenchFormatter,
    house_axes,
    house_figure,
    listed,
    settings,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.figure import Figure


def forest(
    frame: pd.DataFrame,
    *,
    unit: str = "points",
    label: str = "Effet",
    references: Mapping[str, float] | None = None,
) -> Figure:
    """One line an estimate, in the frame's order.

    Parameters
    ----------
    frame
        ``label``, ``estimate``, ``ci_low``, ``ci_high`` in the outcome's own unit. An empty
        estimate is written ``n.c.``.
    references
        Vertical lines by name, beside the line at zero (an experimental benchmark, the region).
    """
    known = unit_of(unit)
    labels = [wrapped(text, 36) for text in frame["label"]]
    heights = np.array([label.count("\n") + 1.4 for label in labels])
    position = np.cumsum(heights) - heights / 2
    estimate, low, high = (_floats(frame, name) for name in ("estimate", "ci_low", "ci_high"))
    with settings():
        figure = house_figure(2.0 + 0.46 * heights.sum() + 0.5 * bool(references))
        axes = house_axes(figure)
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        axes.axvline(0, color=INK, linewidth=0.8, zorder=1.5)
        for name, value in (references or {}).items():
            axes.axvline(value, color=MUTED, linewidth=1, linestyle=(0, (3, 2)), zorder=1.5)
            axes.annotate(
                name,
                (value, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=SMALL,
                color=MUTED,
            )
        axes.hlines(position, low, high, color=TREATED, linewidth=1.6)
        axes.plot(estimate, position, linestyle="none", marker="o", markersize=5, color=TREATED)
        for line, place in enumerate(position):
            axes.annotate(
                _written(estimate[line], low[line], high[line], unit),
                (1, place),
                xycoords=("axes fraction", "data"),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
                annotation_clip=False,
            )
        axes.yaxis.set_major_locator(FixedLocator(position.tolist()))
        axes.set_yticklabels(labels)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(heights.sum(), 0)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_major_formatter(FrenchFormatter(known.scale))
        axes.set_xlabel(f"{label} ({known.axis})")
        axes.margins(x=0.06)
    return figure


def describe_forest(frame: pd.DataFrame, *, unit: str = "points") -> str:
    """The figure in words: every estimate with its interval."""
    columns = [_floats(frame, name) for name in ("estimate", "ci_low", "ci_high")]
    lines = [
        f"{label}, {_written(estimate, low, high, unit)}"
        for label, estimate, low, high in zip(frame["label"], *columns, strict=True)
    ]
    return (
        f"Estimations et intervalles de confiance à 95\u202f% ({unit_of(unit).axis})\u202f: "
        f"{listed(lines)}."
    )


def _floats(frame: pd.DataFrame, name: str) -> np.ndarray:
    return frame[name].to_numpy(dtype=float, na_value=np.nan)


def _written(estimate: float, low: float, high: float, unit: str) -> str:
    if math.isnan(estimate):
        return "n.c."
    known = unit_of(unit)
    text = number(estimate, known.digits, scale=known.scale)
    return text if math.isnan(low) else f"{text} {interval(low, high, unit)}"
