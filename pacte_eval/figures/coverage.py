"""Rows of each table by month: where a source's history is whole, and where it is not.

Public names: `coverage_by_month(frame) -> Figure`, `describe_coverage_by_month(frame) -> str`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from pacte_eval.definitions.months import month_name, parse_month
from pacte_eval.definitions.numerals import number
from pacte_eval.definitions.quality import HOLLOW, RAMP_UP
from pacte_eval.figures.style import (
    CONTROL,
    FAINT,
    INK,
    MUTED,
    SIZE,
    SMALL,
    TREATED,
    FrenchFormatter,
    house_axes,
    house_figure,
    listed,
    settings,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKED = {RAMP_UP: ("#F3DFC8", "///"), HOLLOW: (FAINT, "...")}


def coverage_by_month(frame: pd.DataFrame) -> Figure:
    """One panel a table: rows under way and rows that start, by month, each from zero.

    Parameters
    ----------
    frame
        One row a table and month: ``table`` (its name in French), ``month`` (``"2017-03"``),
        ``active``, ``starting`` (rows; an empty count is a gap in the line), ``flag`` (a kind of
        month to mark, or empty).
    """
    tables = list(dict.fromkeys(frame["table"]))
    with settings():
        figure = house_figure(1.0 + 4.4 * max(len(tables), 1))
        grid = figure.add_gridspec(max(len(tables), 1), 1)
        shared: Axes | None = None
        for place, table in enumerate(tables):
            rows = frame[frame["table"] == table]
            axes = house_axes(figure, sharex=shared)
            axes.set_subplotspec(grid[place])
            shared = shared or axes
            _panel(axes, rows)
            axes.set_title(f"{table.capitalize()}", loc="left", fontsize=SIZE, color=INK)
            axes.tick_params(labelbottom=place == len(tables) - 1)
        handles = {
            name: handle
            for axes in figure.axes
            for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        if handles:
            figure.legend(
                handles.values(),
                handles.keys(),
                loc="outside upper left",
                ncols=4,
                fontsize=SMALL,
                labelcolor=INK,
            )
    return figure


def describe_coverage_by_month(frame: pd.DataFrame) -> str:
    """The figure in words: the range of rows under way, and the months marked."""
    sentences = []
    for table in dict.fromkeys(frame["table"]):
        rows = frame[frame["table"] == table].sort_values("month")
        shown = rows.dropna(subset="active")
        if shown.empty:
            sentences.append(f"{table.capitalize()}\u202f: aucun mois ne peut être communiqué.")
            continue
        low, high = shown["active"].min(), shown["active"].max()
        sentences.append(
            f"{table.capitalize()}\u202f: de {number(low)} à {number(high)} lignes en cours selon "
            f"le mois, de {_month(rows, 0)} à {_month(rows, -1)}."
        )
        sentences += [_marked(rows, flag) for flag in _MARKED if _flagged(rows, flag).any()]
        if hidden := int(rows["active"].isna().sum()):
            months = "mois n'est" if hidden == 1 else "mois ne sont"
            sentences.append(f"{hidden}\u00a0{months} pas communiqué{'s' * (hidden > 1)}.")
    return " ".join(sentences)


def _panel(axes: Axes, rows: pd.DataFrame) -> None:
    months = rows["month"].map(parse_month).to_numpy()
    for flag, (colour, hatch) in _MARKED.items():
        for position, month in enumerate(months[_flagged(rows, flag)]):
            axes.axvspan(
                month - 0.5,
                month + 0.5,
                facecolor=colour,
                edgecolor="white",
                hatch=hatch,
                linewidth=0,
                zorder=0.5,
                label=flag.capitalize() if position == 0 else None,
            )
    for column, name, colour, style in (
        ("active", "Lignes en cours", TREATED, "-"),
        ("starting", "Lignes qui commencent", CONTROL, (0, (4, 1.5))),
    ):
        values = rows[column].to_numpy(dtype=float, na_value=np.nan)
        axes.plot(months, values, color=colour, linestyle=style, linewidth=1.4, label=name)
    years = [month for month in range(months.min(), months.max() + 2) if month % 12 == 0]
    axes.xaxis.set_major_locator(FixedLocator(years))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda month, _: f"{int(month) // 12}"))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FrenchFormatter())
    axes.set_ylim(bottom=0)
    axes.tick_params(axis="x", colors=MUTED, labelcolor=INK)


def _marked(rows: pd.DataFrame, flag: str) -> str:
    names = [month_name(parse_month(month)) for month in rows["month"][_flagged(rows, flag)]]
    told = f"de {names[0]} à {names[-1]}" if len(names) > 3 else f"en {listed(names)}"
    return f"{flag.capitalize()} {told}."


def _flagged(rows: pd.DataFrame, flag: str) -> np.ndarray:
    return (rows["flag"] == flag).fillna(False).to_numpy(dtype=bool)


def _month(rows: pd.DataFrame, place: int) -> str:
    return month_name(parse_month(rows["month"].iloc[place]))
