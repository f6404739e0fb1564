"""Paths of effects side by side, each with its intervals and the band that covers all of it.

One panel per path. Intervals are ribbons, or bars where periods are few or have names; the band is
drawn lighter, between dashed lines or thin bars. Months balanced by construction are hollow.

Public names: `effect_paths(frame, *, axis=..., entry=..., level=0.95, overall=None) -> Figure`,
`describe_effect_paths(frame, *, level=0.95) -> str`, `MOST_PANELS`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator

from pacte_eval.definitions.numerals import amount, interval, number, signed, unit_of
from pacte_eval.figures.style import (
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
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 12
_FEW = 15
_NUMBERS = ("estimate", "ci_low", "ci_high", "band_low", "band_high", "truth")
_BAND, _PLANTED = (0, (3, 2)), (0, (4, 2))


def effect_paths(
    frame: pd.DataFrame,
    *,
    axis: str = "Périodes depuis l'entrée",
    entry: str | None = "entrée",
    level: float = 0.95,
    overall: Mapping[str, tuple[float, float, float]] | None = None,
) -> Figure:
    """Paths of effects, a panel each.

    Parameters
    ----------
    frame
        One row a period of a path: ``panel`` (its title), ``outcome`` (panels of one share their
        scale), ``unit`` (`numerals.unit_of`; empty: the outcome's own), ``period`` (whole numbers,
        or names), ``estimate``, ``ci_low``, ``ci_high``, and where there are any ``band_low``,
        ``band_high``, ``matched`` (balanced by construction), ``truth`` (planted in a synthetic
        population). Empty estimates are gaps.
    axis
        What periods are, under the last panels.
    entry
        The words beside the line at 0; none where periods are not counted from it.
    level
        Of intervals and bands.
    overall
        For some panels, the effect over all periods and its interval.
    """
    titles = list(dict.fromkeys(frame["panel"]))
    columns = 1 if len(titles) == 1 else 2 if len(titles) <= 4 else 3
    lines = -(-len(titles) // columns)
    with settings():
        figure = house_figure(8.6 if lines == 1 else 1.8 + 5.4 * lines)
        grid = GridSpec(lines, columns, figure)
        shared: dict[str, Axes] = {}
        for place, title in enumerate(titles):
            rows = frame[frame["panel"] == title]
            outcome = str(rows["outcome"].iloc[0])
            unit = str(rows["unit"].iloc[0])
            known = unit_of(unit)
            axes = house_axes(figure, sharey=shared.get(outcome))
            axes.set_subplotspec(grid[place])
            shared.setdefault(outcome, axes)
            position, names, path = _regular(rows)
            _draw(axes, position, path)
            _mark_periods(axes, position, names, 12 // columns)
            if entry is not None and names is None:
                _mark_entry(axes, entry if place == 0 else "")
            axes.yaxis.set_major_formatter(FrenchFormatter(known.scale))
            axes.margins(y=0.1)
            heads = [wrapped(title, 84 // columns)] if len(titles) > 1 else []
            if overall and title in overall:
                heads.append(f"ensemble\u202f: {_written(*overall[title], unit)}")
            axes.set_title("\n".join(heads), fontsize=SMALL, loc="left")
            if place % columns == 0 or frame["outcome"].nunique() > 1:
                axes.set_ylabel(f"Effet ({known.axis})" if unit else "Effet")
            if place + columns >= len(titles):
                axes.set_xlabel(axis)
        _legend(figure, frame, level)
    return figure


def describe_effect_paths(frame: pd.DataFrame, *, level: float = 0.95) -> str:
    """The figure in words: each path's first and last effects, and its largest."""
    sentences = []
    for title, rows in frame.groupby("panel", sort=False):
        shown = rows[rows["estimate"].notna()].reset_index(drop=True)
        if shown.empty:
            sentences.append(f"{title}\u202f: aucune estimation.")
            continue
        unit = str(rows["unit"].iloc[0])
        last = shown.iloc[-1]
        largest = shown.iloc[int(np.abs(_floats(shown, "estimate")).argmax())]
        told = [last] if last["period"] == largest["period"] else [largest, last]
        written = [
            f"{_written(row['estimate'], row['ci_low'], row['ci_high'], unit)} à la période "
            f"{_name(row['period'])}"
            for row in told
        ]
        sentences.append(
            f"{title}\u202f: {len(shown)} périodes, de {_name(shown['period'].iloc[0])} à "
            f"{_name(last['period'])}\u202f; {listed(written)}."
        )
    return f"Effets et intervalles à {_percent(level)}. " + " ".join(sentences)


def _regular(rows: pd.DataFrame) -> tuple[np.ndarray, list[str] | None, pd.DataFrame]:
    """Positions, names where periods are no whole numbers, and the values, gaps being rows."""
    whole = pd.to_numeric(rows["period"], errors="coerce")
    path = pd.DataFrame({name: _floats(rows, name) for name in _NUMBERS})
    path["matched"] = (
        rows["matched"].fillna(False).to_numpy(dtype=bool) if "matched" in rows else False
    )
    if whole.isna().any() or (whole % 1 != 0).any():
        return np.arange(len(path)), [str(name) for name in rows["period"]], path
    path = path.set_index(whole.astype(int).to_numpy()).sort_index()
    path = path.reindex(range(path.index[0], path.index[-1] + 1))
    path["matched"] = path["matched"].eq(True)
    return path.index.to_numpy(), None, path


def _floats(rows: pd.DataFrame, name: str) -> np.ndarray:
    if name not in rows:
        return np.full(len(rows), np.nan)
    return rows[name].to_numpy(dtype=float, na_value=np.nan)


def _draw(axes: Axes, position: np.ndarray, path: pd.DataFrame) -> None:
    axes.axhline(0, color=INK, linewidth=0.8, zorder=1.5)
    seen = path["estimate"].notna().to_numpy()
    if seen.sum() <= _FEW:
        axes.vlines(position, path["band_low"], path["band_high"], color=TREATED, linewidth=0.9)
        axes.plot(
            np.repeat(position, 2),
            path[["band_low", "band_high"]].to_numpy().ravel(),
            linestyle="none",
            marker="_",
            markersize=6,
            color=TREATED,
        )
        axes.vlines(
            position, path["ci_low"], path["ci_high"], color=TREATED, linewidth=3.2, alpha=0.45
        )
    else:
        _ribbon(axes, position, path["ci_low"], path["ci_high"])
        axes.fill_between(
            position, path["band_low"], path["band_high"], color=TREATED, alpha=0.1, linewidth=0
        )
        for name in ("band_low", "band_high"):
            axes.plot(position, path[name], color=TREATED, linewidth=0.8, linestyle=_BAND)
        axes.plot(position, path["estimate"], color=TREATED, linewidth=1.2, zorder=2.5)
    axes.plot(position, path["truth"], color=TRUTH, linewidth=1.2, linestyle=_PLANTED, zorder=2.8)
    for chosen, face in ((path["matched"], "white"), (~path["matched"], TREATED)):
        axes.plot(
            position[chosen.to_numpy()],
            path["estimate"][chosen],
            linestyle="none",
            marker="o",
            markersize=3.4 if len(position) > _FEW else 4.6,
            markerfacecolor=face,
            markeredgecolor=TREATED,
            markeredgewidth=0.9,
            zorder=3,
        )


def _ribbon(axes: Axes, position: np.ndarray, low: pd.Series, high: pd.Series) -> None:
    """Intervals as a ribbon; a period between two gaps, through which none passes, as a bar."""
    axes.fill_between(position, low, high, color=TREATED, alpha=0.28, linewidth=0)
    there = np.pad(low.notna().to_numpy(), 1)
    alone = there[1:-1] & ~there[:-2] & ~there[2:]
    axes.vlines(position[alone], low[alone], high[alone], color=TREATED, alpha=0.4, linewidth=2.5)


def _mark_periods(axes: Axes, position: np.ndarray, names: list[str] | None, most: int) -> None:
    axes.set_xlim(position[0] - 0.8, position[-1] + 0.8)
    if names is not None:
        axes.xaxis.set_major_locator(FixedLocator(position.tolist()))
        axes.set_xticklabels(names)
        return
    first, last = int(position[0]), int(position[-1])
    step = next((step for step in (1, 2, 3, 6, 12, 24) if (last - first) / step <= most), 60)
    ticks = [period for period in range(first, last + 1) if period % step == 0]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FrenchFormatter() if first < 1_000 else _Years())


class _Years(FrenchFormatter):
    """Years as they are written, without a space for thousands."""

    def format_ticks(self, values: Any) -> list[str]:
        return [f"{value:.0f}" for value in np.asarray(values, dtype=float)]


def _mark_entry(axes: Axes, words: str) -> None:
    low, high = axes.get_xlim()
    if low > 0 or high < 0:
        return
    axes.axvline(0, color=MUTED, linewidth=1, linestyle=(0, (1, 1.5)), zorder=1.4)
    axes.annotate(
        words,
        (0, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4, -2),
        textcoords="offset points",
        ha="left",
        va="top",
        fontsize=SMALL,
        color=MUTED,
    )


def _legend(figure: Figure, frame: pd.DataFrame, level: float) -> None:
    few = frame.groupby("panel")["estimate"].count().max() <= _FEW
    dot: dict[str, Any] = {
        "linestyle": "none",
        "marker": "o",
        "markersize": 4.6,
        "markeredgecolor": TREATED,
    }
    shown: list[tuple[Artist, str]] = [
        (Line2D([], [], markerfacecolor=TREATED, **dot), "Estimation")
    ]
    if frame["ci_low"].notna().any():
        bar = Line2D([], [], color=TREATED, linewidth=3.2, alpha=0.45)
        mark = bar if few else Patch(color=TREATED, alpha=0.28, linewidth=0)
        shown.append((mark, f"Intervalle à {_percent(level)}"))
    if "band_low" in frame and frame["band_low"].notna().any():
        line = Line2D([], [], color=TREATED, linewidth=0.9, linestyle="-" if few else _BAND)
        shown.append((line, f"Bande simultanée à {_percent(level)}"))
    if "matched" in frame and frame["matched"].fillna(False).any():
        hollow = Line2D([], [], markerfacecolor="white", **dot)
        shown.append((hollow, "Équilibré par construction"))
    if "truth" in frame and frame["truth"].notna().any():
        planted = Line2D([], [], color=TRUTH, linewidth=1.2, linestyle=_PLANTED)
        shown.append((planted, "Vérité plantée"))
    figure.legend(
        *zip(*shown, strict=True),
        loc="outside upper left",
        ncols=2 if len(shown) == 4 else 3,
        handlelength=1.8,
        columnspacing=1.6,
        labelcolor=INK,
        fontsize=SMALL,
    )


def _written(estimate: float, low: float, high: float, unit: str) -> str:
    """``+9,2 points [8,6 ; 9,8]``; without unit, with the decimals that the interval deserves."""
    if unit:
        text, bounds = amount(estimate, unit, sign=True), interval(low, high, unit)
    else:
        size = max(abs(value) for value in (estimate, low, high) if not math.isnan(value))
        digits = min(max(2 - math.floor(math.log10(size)), 0), 6) if size > 0 else 0
        text = signed(estimate, digits)
        bounds = f"[{number(low, digits)}\u202f;\u00a0{number(high, digits)}]"
    return text if math.isnan(low) else f"{text} {bounds}"


def _percent(level: float) -> str:
    digits = 0 if math.isclose(100 * level, round(100 * level)) else 1
    return f"{number(level, digits, scale=100)}\u202f%"


def _name(period: object) -> str:
    return str(period).replace("-", "−")
