"""Panels of zones: doses from a declared baseline, gaps refused with their number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.frames.zones import ConcurrentPolicy, ZonePanel


def long_frame() -> pd.DataFrame:
    rows = [
        {
            "ze": zone,
            "quarter": quarter,
            "jobs": 10.0 * place + quarter,
            "entries": 4.0 + (1 + place if quarter >= 104 else 0) + (quarter == 100),
            "region": "93" if place < 2 else "84",
            "cadres": 0.1 * place,
            "chomage": 8.0 + (quarter - 100) + 50 * (quarter >= 104),
        }
        for place, zone in enumerate(["Arles", "Gap", "Lyon"])
        for quarter in range(100, 108)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=1)


def read(frame: pd.DataFrame, **options: object) -> ZonePanel:
    given = {
        "zone": "ze",
        "period": "quarter",
        "outcome": "jobs",
        "intensity": "entries",
        "measure": "entrées",
        "start": 104,
        "baseline": (101, 103),
    }
    return ZonePanel.from_frame(frame, **(given | options))  # type: ignore[arg-type]


def test_doses_are_counted_from_the_baseline() -> None:
    panel = read(long_frame(), region="region", covariates=["cadres", "chomage"])
    zones = panel.zone.tolist()
    order = [zones.index(name) for name in ("Arles", "Gap", "Lyon")]
    np.testing.assert_allclose(panel.dose[order], [1, 2, 3])
    np.testing.assert_allclose(read(long_frame(), baseline=(100, 103)).dose.sum(), 6 - 0.75)
    assert panel.before == 4
    assert panel.relative.tolist() == [-4, -3, -2, -1, 0, 1, 2, 3]
    assert panel.values[order[1]].tolist() == [10.0 + quarter for quarter in range(100, 108)]
    np.testing.assert_allclose(panel.covariates["chomage"], 9.5)
    np.testing.assert_allclose(panel.covariates["cadres"].to_numpy()[order], [0, 0.1, 0.2])
    assert panel.regions == 2
    assert read(long_frame()).regions == 1
    assert "3 zones × 8 periods" in repr(panel)


def test_missing_quarters_are_refused_with_their_number() -> None:
    frame = long_frame().sort_values(["ze", "quarter"])
    with pytest.raises(InputError, match="'jobs' is missing for 2 zones × periods, as Arles"):
        read(frame.iloc[[*range(1, 9), *range(10, 24)]])
    with pytest.raises(InputError, match="'jobs' is missing for 3 zones × periods"):
        read(frame.assign(jobs=frame["jobs"].where(frame["quarter"] != 102)))
    with pytest.raises(InputError, match="'intensity' is missing for 1 zones × periods"):
        read(frame.assign(entries=frame["entries"].where(frame.index != frame.index[5])))


def test_dates_and_zones_that_cannot_be_are_refused() -> None:
    frame = long_frame()
    with pytest.raises(InputError, match="leaves 1 periods before it"):
        read(frame, start=101, baseline=(100, 100))
    with pytest.raises(InputError, match="leaves 8 periods before it and 0 from it on"):
        read(frame, start=108)
    with pytest.raises(InputError, match="must hold periods of the panel before start=104"):
        read(frame, baseline=(102, 104))
    with pytest.raises(InputError, match="must hold periods of the panel"):
        read(frame, baseline=(90, 95))
    with pytest.raises(InputError, match="names 1 zones that the panel does not have, as 'Nice'"):
        read(frame, policies=[ConcurrentPolicy("Plan", 104, 106, ("Nice",))])
    with pytest.raises(InputError, match="policy 'Plan' ends before it starts"):
        ConcurrentPolicy("Plan", 106, 104)
    with pytest.raises(InputError, match="is text: code it as numbers"):
        read(frame, covariates=["region"])
    with pytest.raises(InputError, match="repeat a 'ze' and 'quarter'"):
        read(pd.concat([frame, frame.iloc[:1]]))
