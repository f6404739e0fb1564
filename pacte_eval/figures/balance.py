"""Whether the arms resemble each other: standardised differences, and where their scores lie.

Public names: `love_plot(frame, threshold=0.1) -> Figure`,
`describe_love_plot(frame, threshold=0.1) -> str`,
`overlap_plot(frame) -> Figure`, `describe_overlap_plot(frame) -> str`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator

from pacte_eval.definitions.numerals import number
from pacte_eval.figures.style import (
    CONTROL,
    FAINT,
    INK,
    MUTED,
    SMALL,
    TREATED,
    FrenchFormatter,
    house_axes,
    house_figure,
    settings,
    withheld,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def love_plot(frame: pd.DataFrame, threshold: float = 0.1) -> Figure:
    """Absolute standardised differences, before (hollow) and after (solid), the widest on top.

    Parameters
    ----------
    frame
        One row a characteristic: ``label``, ``smd_before``, ``smd_after``. Rows withheld are left
        out; an infinite difference (nobody differs in the arm of the denominator) stands at the
        edge, and is said.
    threshold
        The largest difference held to be negligible.
    """
    rows = _differences(frame)
    measured = rows[["before", "after"]].replace(np.inf, np.nan)
    widest = np.nanmax(measured.to_numpy(), initial=threshold)
    unmeasured = measured.isna().any(axis=1)
    labels = [
        wrapped(f"{text} (écart non mesurable)" if beyond else text, 44)
        for text, beyond in zip(rows["label"], unmeasured, strict=True)
    ]
    rows = rows.assign(**measured.fillna(1.03 * widest))
    lines = sum(label.count("\n") + 1 for label in labels)
    heights = np.array([label.count("\n") + 1 for label in labels], dtype=float)
    position = np.cumsum(heights) - heights / 2
    with settings():
        figure = house_figure(2.6 + 0.46 * max(lines, 3))
        axes = house_axes(figure)
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        axes.axvspan(0, threshold, color=FAINT, alpha=0.45, linewidth=0)
        axes.axvline(threshold, color=MUTED, linewidth=1, linestyle=(0, (3, 2)))
        axes.hlines(position, rows["after"], rows["before"], color=FAINT, linewidth=1.2, zorder=1.5)
        axes.plot(
            rows["before"],
            position,
            linestyle="none",
            marker="o",
            markersize=5,
            markerfacecolor="white",
            markeredgecolor=MUTED,
            markeredgewidth=1.1,
            label="Avant ajustement",
        )
        axes.plot(
            rows["after"],
            position,
            linestyle="none",
            marker="o",
            markersize=5,
            color=TREATED,
            label="Après ajustement",
        )
        axes.yaxis.set_major_locator(FixedLocator(position.tolist()))
        axes.set_yticklabels(labels)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(heights.sum() + 0.3, -0.3)
        axes.set_xlim(-0.015 * widest, 1.06 * widest)
        axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FrenchFormatter())
        axes.set_xlabel("Écart standardisé, en valeur absolue")
        axes.annotate(
            f"seuil {number(threshold, 1)}",
            (threshold, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, 3),
            textcoords="offset points",
            fontsize=SMALL,
            color=MUTED,
        )
        figure.legend(loc="outside upper right", ncols=2, labelcolor=INK, fontsize=SMALL)
    return figure


def describe_love_plot(frame: pd.DataFrame, threshold: float = 0.1) -> str:
    """The figure in words: how many characteristics pass the threshold, before and after."""
    rows = _differences(frame)
    if rows.empty:
        return "Écarts standardisés\u202f: aucune caractéristique ne peut être communiquée."
    over = {when: int((rows[when] > threshold).sum()) for when in ("before", "after")}
    widest = rows.sort_values("after").iloc[-1]
    text = (
        f"Écarts standardisés de {len(rows)}\u00a0caractéristiques. Au-dessus du seuil de "
        f"{number(threshold, 1)}\u202f: {over['before']} avant ajustement, {over['after']} après. "
        f"Le plus grand écart après ajustement est de {number(widest['after'], 2)} "
        f"({widest['label']})."
    )
    missing = withheld(frame, "smd_after")
    if missing == 0:
        return text
    return f"{text} {missing}\u00a0non communiquée{'s' if missing > 1 else ''}."


def overlap_plot(frame: pd.DataFrame) -> Figure:
    """Binned scores of the treated, upwards, and of their controls, downwards.

    Each arm's bars have the same total area; bins may be of unequal width.

    Parameters
    ----------
    frame
        One row a bin: ``bin_low``, ``bin_high``, ``n_treated``, ``n_control``.
    """
    bins = frame.dropna(subset=["n_treated", "n_control"]).sort_values("bin_low")
    low = bins["bin_low"].to_numpy(dtype=float)
    width = bins["bin_high"].to_numpy(dtype=float) - low
    with settings():
        figure = house_figure(7.4)
        axes = house_axes(figure)
        axes.grid(visible=False)
        top = 0.0
        for column, name, colour, way, hatch in (
            ("n_treated", "Personnes formées", TREATED, 1, ""),
            ("n_control", "Personnes de comparaison", CONTROL, -1, "////"),
        ):
            counts = bins[column].to_numpy(dtype=float)
            density = counts / max(counts.sum(), 1) / width
            top = max(top, density.max(initial=0))
            axes.bar(
                low,
                way * density,
                width,
                align="edge",
                facecolor=(colour, 0.55) if way > 0 else "white",
                edgecolor=colour,
                hatch=hatch,
                linewidth=0.8,
            )
            axes.annotate(
                f"{name}\u202f: {number(counts.sum())}",
                (1, 0.97 if way > 0 else 0.03),
                xycoords="axes fraction",
                ha="right",
                va="top" if way > 0 else "bottom",
                color=colour,
            )
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_ylim(-1.12 * (top or 1), 1.12 * (top or 1))
        axes.yaxis.set_major_locator(FixedLocator([]))
        axes.spines["left"].set_visible(False)
        axes.set_ylabel("Répartition de chaque groupe")
        axes.set_xlabel("Score (probabilité d'entrer en formation)")
        axes.xaxis.set_major_formatter(FrenchFormatter())
    return figure


def describe_overlap_plot(frame: pd.DataFrame) -> str:
    """The figure in words: where each arm's scores lie."""
    bins = frame.dropna(subset=["n_treated", "n_control"])
    if bins.empty:
        return "Répartition des scores\u202f: elle ne peut pas être communiquée."
    parts = []
    for column, name in (("n_treated", "personnes formées"), ("n_control", "comparaison")):
        held = bins[bins[column] > 0]
        parts.append(
            f"{number(bins[column].sum())} ({name}) entre {number(held['bin_low'].min(), 2)} "
            f"et {number(held['bin_high'].max(), 2)}"
        )
    return f"Répartition des scores des deux groupes\u202f: {parts[0]}\u202f; {parts[1]}."


def _differences(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame[["label"]].assign(
        before=frame["smd_before"].astype(float).abs(), after=frame["smd_after"].astype(float).abs()
    )
    return rows.dropna().sort_values(["before", "after", "label"], ascending=[False, False, True])
