"""Tests are corrected within the family that the protocol put them in, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from pacte_eval.definitions.project import Project
from pacte_eval.diagnostics.verdicts import Verdict
from pacte_eval.effects import Effects
from pacte_eval.effects.contributions import StoredContributions
from pacte_eval.effects.table import Wording, tidy
from pacte_eval.studies.analysis import Estimated
from pacte_eval.studies.cells import Cell
from pacte_eval.studies.crossings import crossed
from pacte_eval.studies.families import families

STUDY = Project(Path(__file__).resolve().parents[2]).study("certifiante-2019")
WORDING = Wording("a contre b", "emploi", "n", "ATT", "s", "tous", "w", "aucune", "b", "linearised")
WHOLE = Cell("region", "region", "Ensemble")
PUBLICS = [Cell(name, "public", name.title(), (name,)) for name in ("seniors", "jeunes", "rsa")]
ZONES = [Cell(name, "territoire", name.title(), (name,), "ze2010") for name in ("nice", "gap")]


def estimated(
    cell: Cell, seed: int, balance: Verdict = "pass", outcomes: tuple[str, ...] = ("emploi",)
) -> Estimated:
    random = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [(name, month) for name in outcomes for month in STUDY.horizons],
        columns=["outcome", "month"],
    )
    rows["estimate"] = random.normal(0.2, 0.1, len(rows))
    values = random.normal(0, 0.01, (80, len(rows)))
    rows["se"] = np.sqrt((values**2).sum(axis=0))
    rows["n_treated"], rows["n_control"] = 80, 400
    table = tidy(rows.assign(cell=cell.id), WORDING)
    contributions = StoredContributions(values, pd.RangeIndex(80, name="personne"))
    return Estimated(cell, Effects(table, contributions), balance, 0)


@pytest.fixture
def tests() -> pd.DataFrame:
    whole = estimated(WHOLE, 0, outcomes=("emploi", "salaire"))
    publics = [estimated(cell, place) for place, cell in enumerate(PUBLICS, 1)]
    zones = [estimated(ZONES[0], 5), estimated(ZONES[1], 6, "fail")]
    return families(STUDY, [whole, *publics, *zones])


def test_the_primary_effect_is_one_test_and_keeps_its_p_value(tests: pd.DataFrame) -> None:
    (row,) = tests[tests["family"] == "effet principal"].to_dict("records")
    assert (row["outcome"], row["month"]) == ("emploi", 24)
    assert row["p_adjusted"] == row["p"]
    assert row["mde"] == pytest.approx((1.959964 + 0.841621) * row["se"], rel=1e-5)


def test_horizons_and_outcomes_are_held_together(tests: pd.DataFrame) -> None:
    joint = tests[tests["family"] == "horizons et résultats"]
    assert len(joint) == 2 * len(STUDY.horizons)
    assert set(joint["method"]) == {"Romano–Wolf"}
    assert (joint["p_adjusted"] >= joint["p"]).all()
    assert joint["p_adjusted"].max() > joint["p"].max()


def test_publics_are_one_family_and_territories_another(tests: pd.DataFrame) -> None:
    publics = tests[tests["family"] == "publics"]
    assert set(publics["cell"]) == {"seniors", "jeunes", "rsa"}
    for column, method in (("p_adjusted", "fdr_bh"), ("p_by", "fdr_by")):
        known = multipletests(publics["p"], method=method)[1]
        np.testing.assert_allclose(publics[column].astype(float), known)
    shown = publics["p_adjusted"] <= 0.05
    assert (publics["fcr_low"].notna() == shown).all()
    assert (publics.loc[shown, "fcr_low"] <= publics.loc[shown, "ci_low"]).all()


def test_a_cell_that_is_not_balanced_has_counts_and_no_estimate(tests: pd.DataFrame) -> None:
    zones = tests[tests["family"] == "territoires"]
    gap, nice = (zones[zones["cell"] == name] for name in ("gap", "nice"))
    hidden = ["estimate", "se", "ci_low", "p", "p_adjusted", "fcr_low", "mde"]
    assert gap[hidden].isna().all().all()
    assert (gap["n_treated"] == 80).all()
    known = multipletests(nice["p"], method="fdr_bh")[1]
    np.testing.assert_allclose(nice["p_adjusted"].astype(float), known)


def test_every_public_is_crossed_with_every_territory_and_nothing_else() -> None:
    found = list(crossed([WHOLE, *PUBLICS, *ZONES]))
    assert len(found) == len(PUBLICS) * len(ZONES)
    assert found[0].columns == ("seniors", "nice")
    assert {cell.kind for cell in found} == {"croisement"}
