"""Estimates of one effect in increasing order, the main one marked.

Public names: `specification_curve(frame, *, unit="points", label="Effet") -> Figure`,
`describe_specification_curve(frame, *, unit="points") -> str`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from pacte_eval.definitions.numerals import unit_of
from pacte_eval.figures.lines import Lines, figured, floats, written
from pacte_eval.figures.style import CONTROL, TREATED, house_figure, settings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_MAIN = "Spécification principale"
_FIRM = "L’intervalle exclut zéro"
_UNSURE = "L’intervalle contient zéro"


def specification_curve(
    frame: pd.DataFrame, *, unit: str = "points", label: str = "Effet"
) -> Figure:
    """One line a specification, from the least estimate to the largest.

    The main estimate is a diamond with a dashed line through all the others; a disc is hollow
    where its interval holds zero.

    Parameters
    ----------
    frame
        ``label``, ``estimate``, ``ci_low``, ``ci_high``, ``main`` (boolean), in any order and in
        the outcome's own unit. Empty estimates come last, and are written ``n.c.``.
    """
    rows = frame.sort_values("estimate", kind="stable", na_position="last")
    lines = Lines.of(rows, unit)
    estimate, low, high, position = lines.estimate, lines.low, lines.high, lines.position
    main = rows["main"].to_numpy(dtype=bool)
    firm = (low > 0) | (high < 0)
    with settings():
        figure = house_figure(2.8 + 0.46 * lines.height)
        axes = lines.axes(figure)
        for value in estimate[main & np.isfinite(estimate)]:
            axes.axvline(value, color=CONTROL, linewidth=1, linestyle=(0, (4, 3)), zorder=1.5)
        axes.hlines(position[~main], low[~main], high[~main], color=TREATED, linewidth=1.6)
        axes.hlines(position[main], low[main], high[main], color=CONTROL, linewidth=2.4)
        for mask, style in (
            (~main & firm, _style(TREATED, hollow=False)),
            (~main & ~firm, _style(TREATED, hollow=True)),
            (main, _style(CONTROL, hollow=False, marker="D")),
        ):
            axes.plot(estimate[mask], position[mask], zorder=3, **style)
        lines.finish(axes, label, main.tolist())
        figure.legend(
            handles=[
                Line2D([], [], label=_MAIN, **_style(CONTROL, hollow=False, marker="D")),
                Line2D([], [], label=_FIRM, **_style(TREATED, hollow=False)),
                Line2D([], [], label=_UNSURE, **_style(TREATED, hollow=True)),
            ],
            loc="outside upper left",
            ncols=3,
            handletextpad=0.2,
            columnspacing=1.4,
        )
    return figure


def describe_specification_curve(frame: pd.DataFrame, *, unit: str = "points") -> str:
    """The figure in words: the main estimate, the least and the largest, how many hold zero."""
    drawn = frame[frame["estimate"].notna()]
    if drawn.empty:
        return "Aucune spécification n’a d’estimation."
    known = unit_of(unit)
    estimate, low, high = (floats(drawn, name) for name in ("estimate", "ci_low", "ci_high"))
    least, largest = int(estimate.argmin()), int(estimate.argmax())
    unsure = int(np.count_nonzero((low <= 0) & (high >= 0)))
    labels = drawn["label"].tolist()
    told = [
        f"{labels[place]}, {written(estimate[place], low[place], high[place], unit)}"
        for place in np.flatnonzero(drawn["main"].to_numpy(dtype=bool))
    ]
    main = f"Spécification principale\u202f: {told[0]}. " if told else ""
    absent = len(frame) - len(drawn)
    gone = f" Sans estimation\u202f: {absent}." if absent else ""
    return (
        f"{main}Estimations de {len(drawn)} spécification{'s' if len(drawn) > 1 else ''} "
        f"({known.axis}), de {figured(estimate[least], unit)} ({labels[least]}) à "
        f"{figured(estimate[largest], unit)} ({labels[largest]})\u202f; intervalles qui "
        f"contiennent zéro\u202f: {unsure}.{gone}"
    )


def _style(colour: str, *, hollow: bool, marker: str = "o") -> dict[str, Any]:
    return {
        "linestyle": "none",
        "marker": marker,
        "markersize": 7 if marker == "D" else 5.5,
        "color": colour,
        "markerfacecolor": "white" if hollow else colour,
        "markeredgewidth": 1.3,
    }
