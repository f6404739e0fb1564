"""Random panels with staggered treatment, for tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.frames import Panel


def staggered(
    seed: int,
    *,
    units: int = 120,
    periods: int = 6,
    groups: tuple[float, ...] = (3.0, 5.0, np.nan),
    weighted: bool = False,
    gaps: float = 0.0,
) -> pd.DataFrame:
    """A long frame: unit, time from 1, first treatment, outcome y, covariates a and b, weight."""
    random = np.random.default_rng(seed)
    covariates = np.column_stack([random.normal(size=units), random.random(units) < 0.4])
    first = random.choice(groups, units)
    early = np.isfinite(first) & (covariates[:, 0] < -1)
    first[early] = random.choice(groups, int(early.sum()))
    time = np.arange(1, periods + 1)
    trend = time * (0.3 + covariates @ [0.5, -0.4])[:, np.newaxis]
    effect = np.nan_to_num(np.clip(time - first[:, np.newaxis] + 1, 0, None)) * 0.5
    noise = random.normal(size=(units, periods)) + random.normal(size=(units, 1))
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(units), periods),
            "time": np.tile(time, units),
            "first": np.repeat(first, periods),
            "y": (trend + effect + noise).ravel(),
            "a": np.repeat(covariates[:, 0], periods),
            "b": np.repeat(covariates[:, 1], periods),
            "weight": np.repeat(
                random.uniform(0.5, 2.0, units) if weighted else np.ones(units), periods
            ),
        }
    )
    return frame[random.random(len(frame)) >= gaps].reset_index(drop=True)


def panel_of(frame: pd.DataFrame, covariates: tuple[str, ...] = (), **columns: str) -> Panel:
    """The panel of a frame of `staggered`."""
    return Panel.from_frame(
        frame,
        unit="unit",
        period="time",
        first_treated="first",
        outcome="y",
        covariates=covariates,
        weights="weight",
        **columns,
    )
