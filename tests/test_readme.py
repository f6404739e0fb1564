"""Every Python block of the README runs as written, in order, on a small synthetic population."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

import pacte_eval
from pacte_eval.cohorts import build_cohort
from pacte_eval.definitions.project import Project
from pacte_eval.synthetic import simulate, write
from pacte_eval.tables.source import open_source

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)


def persons(random: np.random.Generator) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"age": random.integers(18, 60, 400), "sex": random.choice(["F", "H"], 400)}
    )
    frame["diploma"] = random.choice(["bac", "cap", "aucun"], 400)
    frame["trained"] = random.random(400) < 0.3
    return frame.assign(employed=random.integers(0, 2, 400))


def quarters(random: np.random.Generator) -> pd.DataFrame:
    zone = np.repeat(np.arange(20), 32)
    frame = pd.DataFrame({"zone": zone, "quarter": np.tile(np.arange(2015 * 4, 2023 * 4), 20)})
    more = (frame["zone"] < 2) & (frame["quarter"] >= 2019 * 4)
    frame["entries"] = 4 + frame["zone"] / 20 + 2.0 * more
    return frame.assign(rate=10 + frame["zone"] / 5 + random.normal(size=len(frame)))


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the README supposes at hand, and the public names."""
    folder = tmp_path_factory.mktemp("readme") / "population"
    write(simulate(20_000, 7), folder)
    cohort = build_cohort(Project(ROOT).cohort("entrants-2019"), open_source(folder))
    random = np.random.default_rng(3)
    names = {name: getattr(pacte_eval, name) for name in dir(pacte_eval) if name[:1].isalpha()}
    return {
        **names,
        "cohort": cohort,
        "persons": persons(random),
        "quarters": quarters(random),
    }


@pytest.mark.parametrize("place", range(len(BLOCKS)))
def test_block_runs_as_written(place: int, given: dict[str, Any]) -> None:
    exec(compile(BLOCKS[place], f"README.md, Python block {place + 1}", "exec"), dict(given))
    assert not pyplot.get_fignums()
