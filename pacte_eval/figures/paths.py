"""Month by month: the effect with its interval, and the levels of both arms it comes from.

Months balanced by construction are drawn hollow, since their gap is nil by design; months before
entry that were held out of the design are drawn apart, since they test it. A month whose values
are withheld is a gap in the line.

Public names: `effect_path(frame, *, unit="points", label=..., truth=None) -> Figure`,
`describe_effect_path(frame, *, unit="points") -> str`,
`levels_path(frame, *, unit="points", treated_label=..., control_label=...) -> Figure`,
`describe_levels_path(frame, *, unit="points") -> str`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator

from pacte_eval.definitions.numerals import amount, interval, number, unit_of
from pacte_eval.figures.style import (
    CONTROL,
    HELD_OUT,
    INK,
    MUTED,
    SMALL,
    TREATED,
    TRUTH,
    FrenchFormatter,
    house_axes,
    house_figure,
    listed,
    settings,
    withheld,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED_MONTHS = (6, 12, 24, 36)


def effect_path(
    frame: pd.DataFrame,
    *,
    unit: str = "points",
    label: str = "Effet",
    truth: pd.DataFrame | None = None,
) -> Figure:
    """Effects by month with their pointwise intervals.

    Parameters
    ----------
    frame
        One row a month: ``month`` (from entry), ``estimate``, ``ci_low``, ``ci_high`` in the
        outcome's own unit, ``matched`` (balanced by construction). Empty estimates are gaps.
    unit
        How values are written (`numerals.unit_of`).
    truth
        ``month`` and ``truth``: the planted effect of a synthetic population.
    """
    months = _monthly(frame)
    known = unit_of(unit)
    position = months.index.to_numpy()
    with settings():
        figure = house_figure(8.6)
        axes = house_axes(figure)
        _time_axis(axes, position)
        axes.axhline(0, color=INK, linewidth=0.8, zorder=1.5)
        axes.fill_between(
            position,
            months["ci_low"],
            months["ci_high"],
            color=TREATED,
            alpha=0.18,
            linewidth=0,
            label="Intervalle à 95\u202f%",
        )
        alone = _without_neighbours(months["estimate"])
        axes.vlines(
            position[alone],
            months["ci_low"][alone],
            months["ci_high"][alone],
            color=TREATED,
            alpha=0.35,
            linewidth=2.5,
        )
        axes.plot(position, months["estimate"], color=TREATED, linewidth=1.2, zorder=2.5)
        kinds = (
            (months["matched"], "o", "white", TREATED, "Équilibré par construction"),
            (months["held_out"], "s", HELD_OUT, HELD_OUT, "Avant l'entrée, gardé à part"),
            (months["after"], "o", TREATED, TREATED, "Estimation"),
        )
        for chosen, marker, face, edge, name in kinds:
            if not (chosen & months["estimate"].notna()).any():
                continue
            axes.plot(
                position[chosen],
                months["estimate"][chosen],
                linestyle="none",
                marker=marker,
                markersize=3.8,
                markerfacecolor=face,
                markeredgecolor=edge,
                markeredgewidth=0.9,
                zorder=3,
                label=name,
            )
        if truth is not None:
            planted = truth.sort_values("month")
            axes.plot(
                planted["month"].to_numpy(dtype=float),
                _floats(planted["truth"]),
                color=TRUTH,
                linewidth=1.2,
                linestyle=(0, (4, 2)),
                zorder=2.8,
                label="Vérité plantée (synthétique)",
            )
        axes.set_ylabel(f"{label} ({known.axis})")
        axes.yaxis.set_major_formatter(FrenchFormatter(known.scale))
        axes.margins(y=0.08)
        _mark_entry(axes)
        _legend_above(figure, axes)
    return figure


def describe_effect_path(frame: pd.DataFrame, *, unit: str = "points") -> str:
    """The figure in words: effects at the horizons shown, and how many months are withheld."""
    months = _monthly(frame)
    shown = months.dropna(subset=["estimate"])
    if shown.empty:
        return "Effet par mois\u202f: aucun mois ne peut être communiqué."
    horizons = [month for month in _NAMED_MONTHS if month in shown.index] or [int(shown.index[-1])]
    at = [
        f"{amount(shown['estimate'][month], unit, sign=True)} "
        f"{interval(shown['ci_low'][month], shown['ci_high'][month], unit)} à {month}\u00a0mois"
        for month in horizons
    ]
    before = shown[shown["held_out"]]
    sentences = [
        f"Courbe de l'effet mois par mois, du mois {number(shown.index[0])} au mois "
        f"{number(shown.index[-1])} autour de l'entrée en formation\u202f: {listed(at)}."
    ]
    if len(before):
        widest = before["estimate"].abs().max()
        sentences.append(
            "Avant l'entrée, sur les mois qui n'ont pas servi à la comparaison, l'écart ne dépasse "
            f"pas {amount(widest, unit)} en valeur absolue."
        )
    return " ".join([*sentences, *_withheld_months(frame, "estimate")])


def levels_path(
    frame: pd.DataFrame,
    *,
    unit: str = "points",
    treated_label: str = "Personnes formées",
    control_label: str = "Personnes semblables",
    label: str = "Part en emploi",
) -> Figure:
    """Means of the treated and of their matched controls by month, named at the lines' ends.

    Parameters
    ----------
    frame
        One row a month: ``month``, ``treated_mean``, ``control_mean`` in the outcome's own unit.
    """
    months = _monthly(frame)
    known = unit_of(unit)
    position = months.index.to_numpy()
    with settings():
        figure = house_figure(8.6)
        axes = house_axes(figure)
        _time_axis(axes, position)
        ends = []
        for column, name, colour, style, marker in (
            ("treated_mean", treated_label, TREATED, "-", "o"),
            ("control_mean", control_label, CONTROL, (0, (5, 1.5)), "s"),
        ):
            values = months[column]
            axes.plot(position, values, color=colour, linestyle=style, linewidth=1.6)
            present = np.flatnonzero(values.notna())
            if len(present):
                last, value = float(position[present[-1]]), float(values.to_numpy()[present[-1]])
                axes.plot(last, value, color=colour, marker=marker, markersize=5)
                ends.append((value, last, name, colour))
        ends.sort(key=lambda end: end[0])
        for rank, (value, last, name, colour) in enumerate(ends):
            above = rank == len(ends) - 1
            axes.annotate(
                f"{_wrapped_label(name)}\n{_level(value, unit)}",
                (last, value),
                xytext=(7, 1 if above else -1),
                textcoords="offset points",
                ha="left",
                va="bottom" if above else "top",
                color=colour,
                fontsize=SMALL,
                annotation_clip=False,
            )
        name = "%" if known.scale == 100 else known.axis
        axes.set_ylabel(f"{label} ({name})")
        axes.yaxis.set_major_formatter(FrenchFormatter(known.scale))
        axes.set_ylim(bottom=0)
        axes.margins(y=0.12)
        _mark_entry(axes)
    return figure


def describe_levels_path(frame: pd.DataFrame, *, unit: str = "points") -> str:
    """The figure in words: both levels at the horizons shown."""
    months = _monthly(frame)
    shown = months.dropna(subset=["treated_mean", "control_mean"])
    if shown.empty:
        return "Niveaux par mois\u202f: aucun mois ne peut être communiqué."
    horizons = [month for month in _NAMED_MONTHS if month in shown.index] or [int(shown.index[-1])]
    at = [
        f"{_level(shown['treated_mean'][month], unit)} contre "
        f"{_level(shown['control_mean'][month], unit)} à {month}\u00a0mois"
        for month in horizons
    ]
    return " ".join(
        [
            "Deux courbes mois par mois, personnes formées et personnes semblables\u202f: "
            f"{listed(at)}.",
            *_withheld_months(frame, "treated_mean"),
        ]
    )


def _monthly(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers by month, every month between the first and the last being there."""
    rows = frame.assign(month=frame["month"].astype(int)).set_index("month").sort_index()
    numbers = [
        name
        for name in ("estimate", "ci_low", "ci_high", "treated_mean", "control_mean")
        if name in rows
    ]
    months = pd.DataFrame({name: _floats(rows[name]) for name in numbers}, index=rows.index)
    matched = rows["matched"].fillna(False).astype(bool) if "matched" in rows else False
    months["matched"] = matched
    months = months.reindex(range(int(months.index.min()), int(months.index.max()) + 1))
    months["matched"] = months["matched"].eq(True)
    before = pd.Series(months.index < 0, months.index)
    months["held_out"] = before & ~months["matched"]
    months["after"] = ~before & ~months["matched"]
    return months


def _floats(values: pd.Series) -> np.ndarray:
    return values.to_numpy(dtype=float, na_value=np.nan)


def _level(value: float, unit: str) -> str:
    if unit_of(unit).scale == 100:
        return f"{number(value, 1, scale=100)}\u202f%"
    return amount(value, unit)


def _without_neighbours(values: pd.Series) -> np.ndarray:
    """Months shown between two that are not: no band can be drawn through them."""
    shown = np.pad(values.notna().to_numpy(), 1)
    return shown[1:-1] & ~shown[:-2] & ~shown[2:]


def _withheld_months(frame: pd.DataFrame, column: str) -> list[str]:
    count = withheld(frame, column)
    if count == 0:
        return []
    months = "mois n'est pas communiqué" if count == 1 else "mois ne sont pas communiqués"
    return [f"{count}\u00a0{months}."]


def _wrapped_label(name: str) -> str:
    return name.replace(", ", ",\n")


def _time_axis(axes: Axes, position: Sequence[int] | np.ndarray) -> None:
    first, last = int(position[0]), int(position[-1])
    step = 6 if last - first > 12 else 3 if last - first > 6 else 1
    ticks = [month for month in range(first, last + 1) if month % step == 0]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FrenchFormatter())
    axes.set_xlim(first - 1, last + 1)
    axes.set_xlabel("Mois depuis l'entrée en formation")


def _mark_entry(axes: Axes) -> None:
    if axes.get_xlim()[0] > 0:
        return
    axes.axvline(0, color=MUTED, linewidth=1, linestyle=(0, (1, 1.5)), zorder=1.4)
    axes.annotate(
        "entrée en formation",
        (0, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4, -2),
        textcoords="offset points",
        ha="left",
        va="top",
        fontsize=SMALL,
        color=MUTED,
    )


def _legend_above(figure: Figure, axes: Axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    order = sorted(range(len(names)), key=lambda k: names[k] != "Estimation")
    figure.legend(
        [handles[k] for k in order],
        [names[k] for k in order],
        loc="outside upper left",
        ncols=3,
        handlelength=1.6,
        columnspacing=1.6,
        labelcolor=INK,
        fontsize=SMALL,
    )
