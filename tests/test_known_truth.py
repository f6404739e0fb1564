"""The whole chain against a known truth: five synthetic populations, their seeds fixed beforehand.

Estimates are judged against the planted effect on the same supported treated, within three standard
errors, and months before entry that the design did not use must show nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.definitions.project import Project
from pacte_eval.designs import Design
from pacte_eval.diagnostics import placebo_verdict
from pacte_eval.effects import Effects, estimate
from pacte_eval.studies.designs import named_design, pool_rare_levels
from pacte_eval.synthetic import att, read_truth, simulate, write
from pacte_eval.tables.source import open_source

SEEDS = (1, 2, 3, 4, 5)
PEOPLE = 30_000
HORIZONS = (6, 12, 24, 36)
HELD_OUT = range(-6, 0)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module", params=SEEDS)
def analysed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int, Path, Cohort, Design, Effects]:
    seed = request.param
    folder = tmp_path_factory.mktemp("population") / f"seed-{seed}"
    write(simulate(PEOPLE, seed), folder)
    project = Project(ROOT)
    study = project.study("certifiante-2019")
    cohort = build_cohort(project.cohort("entrants-2019"), open_source(folder))
    estimator = study.estimators.main
    comparison = pool_rare_levels(cohort.compare("certifiante", "en_attente"), estimator.cells)
    design = named_design(estimator, comparison).fit(comparison)
    effects = estimate(design, cohort.outcomes["emploi"], cluster="person")
    return seed, folder, cohort, design, effects


@pytest.mark.slow
def test_estimates_are_within_three_errors_of_the_truth(
    analysed: tuple[int, Path, Cohort, Design, Effects], capsys: pytest.CaptureFixture[str]
) -> None:
    seed, folder, cohort, design, effects = analysed
    kept = pd.Index(design.support.loc[design.support["treated"] & design.support["kept"], "unit"])
    entries = cohort.units.loc[kept, ["training"]]
    truth = read_truth(folder)
    same = entries.merge(truth[truth["entered"]], on="training", validate="1:1")
    assert len(same) == design.n_treated
    table = effects.table.set_index("month").loc[list(HORIZONS), ["estimate", "se"]]
    table["truth"] = att(same, "y_wait").reindex(HORIZONS)
    table["gap"] = (table["estimate"] - table["truth"]) / table["se"]
    with capsys.disabled():
        print(f"\nseed {seed}, {design.n_treated} treated\n{table.round(4)}")
    assert design.supported_share > 0.8
    assert (table["gap"].abs() <= 3).all()


@pytest.mark.slow
def test_months_held_out_are_flat(
    analysed: tuple[int, Path, Cohort, Design, Effects], capsys: pytest.CaptureFixture[str]
) -> None:
    seed, _, _, _, effects = analysed
    table = effects.table.set_index("month").loc[list(HELD_OUT)]
    p = float(placebo_verdict(effects, list(HELD_OUT)).table["value"].iloc[0])
    with capsys.disabled():
        print(f"\nseed {seed}, months held out: joint p = {p:.3f}")
        print(table[["estimate", "se"]].round(4))
    assert (np.abs(table["estimate"]) <= 3 * table["se"]).all()
    assert p > 0.001
