"""The paths of a table of effects as the figure takes them: a title per path, one axis for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pacte_eval.definitions.errors import InputError

_TITLE = ["comparison", "outcome", "estimator", "estimand", "cell", "group"]
_TIMES = ("month", "period", "group")
_AXES = {"period": "Période", "group": "Groupe"}
Start = Literal["l'entrée", "le début"]


@dataclass(frozen=True, eq=False)
class DrawnPaths:
    """What `figures.effects.effect_paths` is given.

    Attributes
    ----------
    frame : DataFrame
    axis : str
    entry : str or None
    overall : dict of str to (estimate, low, high)
        By title, the effect over all periods.
    """

    frame: pd.DataFrame
    axis: str
    entry: str | None
    overall: dict[str, tuple[float, float, float]]

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        unit: str | Mapping[str, str],
        most: int,
        start: Start = "l'entrée",
    ) -> DrawnPaths:
        """The paths of a table, bands included where it has them.

        Parameters
        ----------
        table : DataFrame
            That of effects, with ``band_low`` and ``band_high`` or without.
        unit : str, or mapping of outcome to str
        most : int
            Paths that one figure holds.
        start : str
            What months are counted from: the entry of persons, or the start of a policy in zones.

        Raises
        ------
        InputError
            If no row has a period, rows are not of one clock, or there are too many paths.
        """
        times = [name for name in _TIMES if name in table]
        clock = next((name for name in times if table[name].notna().any()), None)
        if clock is None:
            raise InputError("no row has a month, a period or a group: there is no path to draw")
        over_all = table[times].isna().all(axis=1)
        rows = table[~over_all]
        if rows[clock].isna().any():
            raise InputError(
                f"{int(rows[clock].isna().sum())} rows are not counted in the column '{clock}' as "
                "the others are: choose rows of one kind with mask="
            )
        own = [name for name in _TITLE if name in table and name != clock]
        telling = [name for name in own if rows[name].nunique(dropna=False) > 1]
        titles = _titles(rows, telling)
        if titles.nunique() > most:
            raise InputError(
                f"{titles.nunique()} paths are too many for a figure: choose at most {most} with "
                "mask=, or average them first"
            )
        units = [unit if isinstance(unit, str) else unit.get(name, "") for name in rows["outcome"]]
        frame = rows.assign(panel=titles, unit=units, period=rows[clock])
        whole = bool(pd.to_numeric(rows[clock], errors="coerce").notna().all())
        counted = whole and clock == "month"
        return cls(
            frame=frame,
            axis=f"Périodes depuis {start}" if counted else _AXES.get(clock, "Période"),
            entry=start.removeprefix("l'").removeprefix("le ") if counted else None,
            overall=_overall(table[over_all], telling, set(titles)),
        )


def _titles(rows: pd.DataFrame, telling: list[str]) -> pd.Series:
    if not telling:
        return pd.Series("Effet", rows.index)
    parts = [
        "groupe " + rows[name].astype(str) if name == "group" else rows[name].astype(str)
        for name in telling
    ]
    title = parts[0]
    for part in parts[1:]:
        title = title + ", " + part
    return title


def _overall(
    rows: pd.DataFrame, telling: list[str], titles: set[str]
) -> dict[str, tuple[float, float, float]]:
    """Effects over all periods, each by the title of its path, the estimand apart."""
    named = [name for name in telling if name not in ("estimand", "group")]
    found = {}
    for title, place in zip(_titles(rows, named), rows.index, strict=True):
        row = rows.loc[place]
        if title in titles and pd.notna(row["estimate"]):
            found[title] = (row["estimate"], row["ci_low"], row["ci_high"])
    return found
