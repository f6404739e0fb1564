"""Estimates side by side with their intervals, written out at the right of each line.

Public names:
`forest(frame, *, unit="points", label="Effet", references=None) -> Figure`,
`describe_forest(frame, *, unit="points") -> str`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacte_eval.definitions.numerals import unit_of
from pacte_eval.figures.lines import Lines, floats, written
from pacte_eval.figures.style import MUTED, SMALL, TREATED, house_figure, listed, settings

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
    lines = Lines.of(frame, unit)
    with settings():
        figure = house_figure(2.0 + 0.46 * lines.height + 0.5 * bool(references))
        axes = lines.axes(figure)
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
        axes.hlines(lines.position, lines.low, lines.high, color=TREATED, linewidth=1.6)
        axes.plot(
            lines.estimate,
            lines.position,
            linestyle="none",
            marker="o",
            markersize=5,
            color=TREATED,
        )
        lines.finish(axes, label)
    return figure


def describe_forest(frame: pd.DataFrame, *, unit: str = "points") -> str:
    """The figure in words: every estimate with its interval."""
    columns = [floats(frame, name) for name in ("estimate", "ci_low", "ci_high")]
    lines = [
        f"{label}, {written(estimate, low, high, unit)}"
        for label, estimate, low, high in zip(frame["label"], *columns, strict=True)
    ]
    return (
        f"Estimations et intervalles de confiance à 95\u202f% ({unit_of(unit).axis})\u202f: "
        f"{listed(lines)}."
    )
