"""Zones of one partition are drawn together; publics, which overlap, only tested."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pacte_eval.definitions.project import Project
from pacte_eval.diagnostics.verdicts import Verdict
from pacte_eval.effects import Effects
from pacte_eval.effects.contributions import StoredContributions
from pacte_eval.effects.table import Wording, tidy
from pacte_eval.studies.analysis import Estimated
from pacte_eval.studies.cells import Cell
from pacte_eval.studies.partitions import interactions, pooled

STUDY = Project(Path(__file__).resolve().parents[2]).study("certifiante-2019")
WORDING = Wording("a contre b", "emploi", "n", "ATT", "s", "tous", "w", "aucune", "b", "linearised")
PEOPLE = 60


def estimated(cell: Cell, effect: float, first: int, balance: Verdict = "pass") -> Estimated:
    """A cell whose people are numbered from `first`."""
    random = np.random.default_rng(first)
    rows = pd.DataFrame({"month": STUDY.horizons})
    values = random.normal(0, 0.002, (PEOPLE, len(rows)))
    rows["se"] = np.sqrt((values**2).sum(axis=0))
    table = tidy(
        rows.assign(cell=cell.id, estimate=effect, n_treated=PEOPLE, n_control=300), WORDING
    )
    people = pd.RangeIndex(first, first + PEOPLE, name="personne")
    return Estimated(cell, Effects(table, StoredContributions(values, people)), balance, 0)


def zone(name: str, effect: float, first: int, balance: Verdict = "pass") -> Estimated:
    cell = Cell(f"ze2010-{name}", "territoire", name.title(), (f"ze2010-{name}",), "ze2010")
    return estimated(cell, effect, first, balance)


WHOLE = estimated(Cell("region", "region", "Ensemble"), 0.1, 0)
ZONES = [zone("nice", 0.1, 100), zone("gap", 0.3, 200), zone("arles", 0.0, 300)]


def test_zones_of_a_partition_are_drawn_together_at_each_horizon() -> None:
    table = pooled(STUDY.horizons, [WHOLE, *ZONES])
    assert len(table) == 3 * len(STUDY.horizons)
    assert set(table["partition"]) == {"Zones d'emploi (2010)"}
    at = table[table["month"] == 24].set_index("cell")
    raw, shrunken = at["estimate"].astype(float), at["shrunken"]
    assert (np.abs(shrunken - raw.mean()) < np.abs(raw - raw.mean()) + 0.01).all()
    assert at["rank_low"].to_dict() == {"ze2010-nice": 2, "ze2010-gap": 1, "ze2010-arles": 3}


def test_a_zone_that_is_not_balanced_is_not_drawn_and_two_zones_are_too_few() -> None:
    unbalanced = zone("toulon", 0.9, 400, "fail")
    table = pooled(STUDY.horizons, [*ZONES, unbalanced])
    assert "ze2010-toulon" not in set(table["cell"])
    assert pooled(STUDY.horizons, [*ZONES[:2], unbalanced]).empty


def test_differences_between_publics_and_zones_are_questions_of_one_family() -> None:
    publics = [
        estimated(Cell(name, "public", name.title(), (name,)), 0.1, first)
        for name, first in (("seniors", 500), ("jeunes", 520))
    ]
    table = interactions(24, [WHOLE, *publics, *ZONES], [])
    assert table["question"].tolist() == [
        "Entre publics",
        "Entre territoires (zones d'emploi (2010))",
    ]
    assert (table["p_adjusted"] >= table["p"]).all()
    same, apart = table["p"]
    assert same > 0.05 > apart
    assert table["df"].tolist() == [1, 2]


def test_crossings_tell_publics_apart_at_given_territory() -> None:
    crossings = []
    for place, (public, gain) in enumerate((("seniors", 0.0), ("jeunes", 0.5), ("rsa", 0.0))):
        for rank, name in enumerate(("nice", "gap", "arles")):
            columns = (public, f"ze2010-{name}")
            cell = Cell("×".join(columns), "croisement", "", columns, "ze2010")
            crossings.append(estimated(cell, gain, 1_000 + 100 * (3 * place + rank)))
    table = interactions(24, [WHOLE], crossings)
    p = dict(zip(table["question"], table["p"], strict=True))
    assert p["Entre publics, à territoire donné (zones d'emploi (2010))"] < 1e-6
    assert p["Entre territoires (zones d'emploi (2010)), à public donné"] > 0.05
