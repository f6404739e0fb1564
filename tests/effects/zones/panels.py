"""Panels of zones for the tests: a few zones of known intensity, with or without an effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pacte_eval.frames.zones import ZonePanel

START = 8076  # first quarter of 2019


def zone_panel(
    values: np.ndarray,
    dose: Sequence[float] | np.ndarray,
    before: int,
    **options: Any,
) -> ZonePanel:
    """A panel of outcomes (n, t) where training rises by `dose` in each zone from the start."""
    size, number = values.shape
    periods = np.arange(START - before, START - before + number)
    level = np.asarray(options.pop("level", np.linspace(4.0, 5.0, size)))
    rise = np.outer(dose, periods >= START)
    return ZonePanel(
        outcome="emploi",
        values=values,
        periods=periods,
        zone=pd.Index([f"ZE{one:02d}" for one in range(size)], name="zone"),
        region=np.asarray(options.pop("region", ["93"] * size)),
        intensity=level[:, np.newaxis] + rise,
        measure="entrées pour 100 demandeurs d’emploi",
        start=START,
        baseline=(START - before, START - 1),
        covariates=pd.DataFrame(options.pop("covariates", {}), index=range(size)),
        **options,
    )


def factors(
    random: np.random.Generator, size: int, number: int, *, loading: float = 0.0
) -> np.ndarray:
    """Outcomes with a level, a trend of its own in each zone, common shocks and noise.

    The last zone has a trend `loading` steeper than the mean of the others, within their range.
    """
    trend = random.uniform(0, 2, size)
    trend[-1] = trend[:-1].mean() + loading
    level = random.normal(50, 3, size)
    level[-1] = level[:-1].mean() + 1
    shocks = random.normal(0, 1, number).cumsum()
    time = np.arange(number) / 2
    noise = random.normal(0, 0.3, (size, number))
    return np.asarray(level[:, np.newaxis] + np.outer(trend, time) + shocks + noise)
