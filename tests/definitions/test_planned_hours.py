"""Arms may be told apart by the hours that their trainings were planned to last."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacte_eval.definitions.cohort import CohortDefinition, TrainingArm
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.prose import cohort_in_french

PROJECT = Project(Path(__file__).resolve().parents[2])


def test_short_and_long_exclude_each_other_and_are_read_back() -> None:
    short = {"label": "Courte", "objective": "certification", "hours": [1, 399]}
    long = {"label": "Longue", "objective": "certification", "hours": [400, 2_000]}
    assert TrainingArm.model_validate(short).excludes(TrainingArm.model_validate(long))
    content = PROJECT.cohort("primo-entrants").model_dump(by_alias=True, mode="json")
    content["arms"] = {"courte": short, "longue": long, "en_attente": content["arms"]["en_attente"]}
    told = "\n".join(cohort_in_french(CohortDefinition.model_validate(content)))
    assert "durée prévue de 400 à 2\u202f000 heures" in told


def test_arms_that_share_an_hour_do_not_exclude_each_other() -> None:
    short = TrainingArm.model_validate({"hours": [1, 400]})
    assert not short.excludes(TrainingArm.model_validate({"hours": [400, 500]}))


def test_bounds_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValueError, match="after the last"):
        TrainingArm.model_validate({"hours": [400, 1]})
