"""Regressions with every effect of unit and period written out, and panels to run them on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256

import moderndid
import numpy as np
import pandas as pd
import statsmodels.api as sm

from pacte_eval.frames import Panel

from .staggered_panels import panel_of, staggered


def gapped(seed: int, *, clustered: bool, gaps: float = 0.2, never: bool = True) -> pd.DataFrame:
    """A small weighted panel with gaps, covariates x that varies and z that does not, and clusters
    across cohorts.

    Every unit is observed before treatment.
    """
    groups = (3.0, 4.0, 6.0) + ((np.nan,) if never else ())
    made = staggered(seed, units=40, groups=groups, weighted=True, gaps=gaps)
    random = np.random.default_rng([seed, 1])
    made["x"] = random.normal(size=len(made))
    made["y"] += 0.7 * made["x"]
    made["z"] = random.normal(size=40)[made["unit"]]
    made["cluster"] = made["unit"] % 9 if clustered else made["unit"]
    untreated = ~(made["time"] >= made["first"])
    return made[untreated.groupby(made["unit"]).transform("any")].reset_index(drop=True)


def panel_with(frame: pd.DataFrame, *covariates: str) -> Panel:
    """The panel of a frame of `gapped`."""
    return panel_of(frame, covariates, cluster="cluster")


MPDTA = "edad461a1becaa52"


def mpdta(*covariates: str) -> Panel:
    """The panel of minimum wages."""
    frame = moderndid.load_mpdta().to_pandas().sort_values(["countyreal", "year"])
    assert len(frame) == 2_500
    assert sha256(frame.round(6).to_csv(index=False).encode()).hexdigest().startswith(MPDTA)
    frame["first"] = frame["first.treat"].replace(0, np.nan)
    return Panel.from_frame(
        frame,
        unit="countyreal",
        period="year",
        first_treated="first",
        outcome="lemp",
        covariates=covariates,
    )


Name = tuple[object, ...]


def two_way(
    frame: pd.DataFrame, columns: Mapping[Name, np.ndarray]
) -> tuple[dict[Name, float], dict[Name, float]]:
    """Coefficients and clustered errors of columns beside all effects of units and periods."""
    units = pd.get_dummies(frame["unit"], prefix="unit", dtype=float)
    periods = pd.get_dummies(frame["time"], prefix="time", dtype=float).iloc[:, 1:]
    design = np.column_stack([*columns.values(), units, periods])
    fit = sm.WLS(frame["y"].to_numpy(), design, weights=frame["weight"]).fit(
        cov_type="cluster", cov_kwds={"groups": frame["cluster"], "use_correction": False}
    )
    number = frame["cluster"].nunique()
    factor = np.sqrt(number / (number - 1)) if number < frame["unit"].nunique() else 1.0
    return (
        dict(zip(columns, map(float, fit.params), strict=False)),
        dict(zip(columns, map(float, fit.bse * factor), strict=False)),
    )


def cells(
    frame: pd.DataFrame, chosen: Callable[[pd.DataFrame], pd.Series]
) -> dict[Name, np.ndarray]:
    """An indicator for each group and period where `chosen` is true."""
    part = frame[chosen(frame) & frame["first"].notna()]
    keys = sorted({(int(g), int(t)) for g, t in zip(part["first"], part["time"], strict=True)})
    return {
        (g, t): ((frame["first"] == g) & (frame["time"] == t)).to_numpy(dtype=float)
        for g, t in keys
    }


def by_cell(table: pd.DataFrame, column: str) -> dict[Name, float]:
    """A column of a table of group-time effects, by group and period."""
    return {
        (int(g), int(t)): float(value)
        for g, t, value in zip(table["group"], table["period"], table[column], strict=True)
    }


def drawn(random: np.random.Generator, units: int = 240, noise: float = 1.0) -> pd.DataFrame:
    """Eight periods, parallel trends, effects of 1, 2, 3… from treatment on; one unit in ten is
    never treated, so that one coefficient compares mostly with those treated already."""
    first = random.choice([3.0, 5.0, 7.0, np.nan], units, p=[0.4, 0.3, 0.2, 0.1])
    time = np.arange(1, 9)
    since = np.nan_to_num(np.clip(time - first[:, np.newaxis] + 1, 0, None))
    trait = random.normal(size=(units, 1)) + np.nan_to_num(first)[:, np.newaxis] * 0.2
    values = trait + 0.4 * time + since + noise * random.normal(size=(units, 8))
    return pd.DataFrame(
        {
            "unit": np.repeat(np.arange(units), 8),
            "time": np.tile(time, units),
            "first": np.repeat(first, 8),
            "y": values.ravel(),
            "weight": 1.0,
        }
    )
