"""Who was left out, criterion by criterion, from the starting population to the persons studied.

Public names: `flow_chart(frame, arm_labels=None) -> Figure`,
`describe_flow_chart(frame, arm_labels=None) -> str`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.patches import FancyBboxPatch

from pacte_eval.definitions.numerals import number
from pacte_eval.figures.style import (
    CONTROL,
    INK,
    MUTED,
    SMALL,
    TEXT_WIDTH,
    TREATED,
    house_figure,
    settings,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE = 0.42
_PAD = 0.18
_GAP = 0.4
_CHARACTER = 0.168
_WIDEST = 13.0
_STUDIED = "Personnes étudiées"


def flow_chart(frame: pd.DataFrame, arm_labels: Mapping[str, str] | None = None) -> Figure:
    """One column an arm: the numbers remaining down a spine, each criterion at its side.

    Parameters
    ----------
    frame
        ``arm``, ``order``, ``label``, ``excluded``, ``remaining``, one or two arms. The first row
        of an arm is where it starts. Empty numbers are written ``n.c.`` (non communiqué).
    arm_labels
        Names of the arms, in the order of the columns.
    """
    arms = _arms(frame, arm_labels)
    share = TEXT_WIDTH / len(arms)
    width = min(share - 0.4, _WIDEST)
    across, beside = int(0.97 * width / _CHARACTER), int(0.65 * width / _CHARACTER)
    starts = [wrapped(str(rows["label"].iloc[0]), across) for _, rows in arms]
    sides = [
        [
            f"{wrapped(str(row.label), beside)}\n{_left_out(row.excluded)}"
            for row in rows[1:].itertuples()
        ]
        for _, rows in arms
    ]
    start = _height(1 + max(_lines(text) for text in starts))
    steps = [
        _height(max(_lines(texts[k]) for texts in sides if k < len(texts)))
        for k in range(max(len(texts) for texts in sides))
    ]
    end = _height(2)
    height = 0.8 + start + _GAP + sum(step + _GAP for step in steps) + end + 0.1
    with settings():
        figure = house_figure(height, layout=None)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, TEXT_WIDTH)
        axes.set_ylim(0, height)
        axes.set_axis_off()
        for column, (name, rows) in enumerate(arms):
            colour = (TREATED, CONTROL)[column % 2]
            left = column * share + (share - width) / 2
            spine, beside_left = left + 0.15 * width, left + 0.32 * width
            remaining = [_count(value) for value in rows["remaining"]]
            axes.text(left, height - 0.4, name, weight="bold", color=colour, va="center")
            top = height - 0.8
            _box(axes, left, top, width, start, f"{starts[column]}\n{remaining[0]}", colour)
            top -= start
            for place, text in enumerate(sides[column]):
                step = steps[place]
                middle = top - _GAP - step / 2
                _arrow(axes, (spine, middle), (beside_left, middle), MUTED)
                _box(axes, beside_left, middle + step / 2, 0.68 * width, step, text, MUTED)
                top -= _GAP + step
                if place < len(sides[column]) - 1:
                    axes.text(
                        spine,
                        top - _GAP / 2,
                        remaining[place + 1],
                        ha="center",
                        va="center",
                        fontsize=SMALL,
                        color=INK,
                        bbox={"boxstyle": "round,pad=0.25", "fc": "white", "ec": colour, "lw": 0.9},
                        zorder=4,
                    )
            _arrow(axes, (spine, height - 0.8 - start), (spine, top - _GAP), colour)
            _box(
                axes,
                left,
                top - _GAP,
                width,
                end,
                f"{_STUDIED}\n{remaining[-1]}",
                colour,
                bold=True,
            )
    return figure


def describe_flow_chart(frame: pd.DataFrame, arm_labels: Mapping[str, str] | None = None) -> str:
    """The figure in words: for each arm, where it starts, what goes, what is left."""
    sentences = []
    for name, rows in _arms(frame, arm_labels):
        steps = "\u202f; ".join(
            f"{row.label}, {_left_out(row.excluded)}" for row in rows[1:].itertuples()
        )
        first, last = rows.iloc[0], rows.iloc[-1]
        sentences.append(
            f"{name}\u202f: {first['label']}, {_count(first['remaining'])}"
            + (f"\u202f; {steps}" if steps else "")
            + f"\u202f; {_STUDIED.lower()}, {_count(last['remaining'])}."
        )
    return " ".join(sentences)


def _arms(
    frame: pd.DataFrame, arm_labels: Mapping[str, str] | None
) -> list[tuple[str, pd.DataFrame]]:
    labels = arm_labels or {name: name for name in frame["arm"].unique()}
    return [
        (label, frame[frame["arm"] == arm].sort_values("order")) for arm, label in labels.items()
    ]


def _count(value: Any) -> str:
    return "n.c." if pd.isna(value) else number(value)


def _left_out(value: Any) -> str:
    if pd.isna(value):
        return "écartées\u202f: n.c."
    return f"écartées\u202f: {number(value)}"


def _lines(text: str) -> int:
    return text.count("\n") + 1


def _height(lines: int) -> float:
    return lines * _LINE + 2 * _PAD


def _box(
    axes: Axes,
    left: float,
    top: float,
    width: float,
    height: float,
    text: str,
    colour: str,
    *,
    bold: bool = False,
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (left, top - height),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor="white",
            edgecolor=colour,
            linewidth=1.6 if bold else 0.9,
            zorder=3,
        )
    )
    axes.text(
        left + width / 2,
        top - height / 2,
        text,
        ha="center",
        va="center",
        fontsize=SMALL,
        weight="bold" if bold else "normal",
        linespacing=1.2,
        color=INK,
        zorder=4,
    )


def _arrow(axes: Axes, start: tuple[float, float], stop: tuple[float, float], colour: str) -> None:
    axes.annotate(
        "",
        stop,
        start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "lw": 0.9,
            "shrinkA": 0,
            "shrinkB": 0,
            "mutation_scale": 8,
        },
        zorder=2,
    )
