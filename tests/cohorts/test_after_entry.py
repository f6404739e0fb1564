"""What follows entry: told on demand, in no comparison unless declared."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from pacte_eval.cohorts.after_entry import history_of, memberships
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.project import Project
from tests.cohorts.registers import source_of

D = date
ARMS: dict[str, Any] = {
    "formees": {"objective": "certification"},
    "autres": {"objective": "mobilisation"},
    "attente": {"controls": "not-yet-trained"},
    "certifiees": {"of": "formees", "certified": True, "after_entry": True},
    "non_certifiees": {"of": "formees", "certified": False, "after_entry": True},
    "abandons": {"of": "formees", "dropped_out": True, "after_entry": True},
    "suivies": {"of": "formees", "dropped_out": False, "after_entry": True},
}


def definition(*left_out: str) -> CohortDefinition:
    declared = Project(shipped_library()).cohort("entrants-2019").model_dump(by_alias=True)
    declared["arms"] = {name: arm for name, arm in ARMS.items() if name not in left_out}
    return CohortDefinition.model_validate(declared)


def units_of(*trainings: str | None, arm: str = "formees") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "person": pd.Categorical(["a"] * len(trainings)),
            "arm": [arm if training else "attente" for training in trainings],
            "training": pd.Categorical(list(trainings)),
            "time_zero": pd.to_datetime([D(2019, 3, 18)] * len(trainings)),
        },
        index=pd.RangeIndex(len(trainings), name="unit"),
    )


def members(units: pd.DataFrame, **tables: Any) -> dict[str, list[bool]]:
    found = memberships(definition(), source_of(**tables), units)
    assert found.index.equals(units.index)
    return {str(name): found[name].tolist() for name in found}


def certified(*statuses: str, training: str = "f") -> list[dict[str, Any]]:
    return [
        {"training": training, "status": status, "date": D(2019, 9, i + 1)}
        for i, status in enumerate(statuses)
    ]


@pytest.mark.parametrize(
    ("statuses", "yes", "no"),
    [
        (["obtenue"], True, False),
        (["partielle"], False, True),
        (["non_obtenue"], False, True),
        (["non_obtenue", "obtenue"], True, False),
        (["obtenue", "partielle"], True, False),
        (["partielle", "non_obtenue"], False, True),
        (["obtenue", "obtenue"], True, False),
        (["inconnue"], False, False),
        (["inconnue", "non_obtenue"], False, True),
        (["inconnue", "obtenue"], True, False),
        ([], False, False),
    ],
)
def test_certified_is_obtained_at_least_once(statuses: list[str], yes: bool, no: bool) -> None:
    rows = certified(*statuses) + certified("obtenue", training="another's")
    found = members(units_of("f", None), certifications=rows)
    assert found["certifiees"] == [yes, False]
    assert found["non_certifiees"] == [no, False]


@pytest.mark.parametrize(("left", "arm"), [(True, "abandons"), (False, "suivies"), (None, None)])
def test_dropping_out(left: bool | None, arm: str | None) -> None:
    found = members(
        units_of("f", None),
        trainings=[
            {"training": "f", "person": "a", "start": D(2019, 3, 18), "dropped_out": left},
            {"training": "g", "person": "b", "start": D(2019, 3, 18), "dropped_out": True},
        ],
        certifications=certified("obtenue"),
    )
    for name in ("abandons", "suivies"):
        assert found[name] == [name == arm, False]


def test_only_units_of_the_arm_named() -> None:
    found = members(units_of("f", arm="autres"), certifications=certified("obtenue"))
    assert found == {
        "certifiees": [False], "non_certifiees": [False], "abandons": [False], "suivies": [False]
    }  # fmt: skip


def test_a_source_without_certifications() -> None:
    units, source = units_of("f"), source_of()
    with pytest.raises(InputError, match="arm 'certifiees' needs the table of certifications"):
        memberships(definition(), source, units)
    without = definition("certifiees", "non_certifiees")
    assert list(memberships(without, source, units)) == ["abandons", "suivies"]


def test_no_arm_after_entry_needs_nothing() -> None:
    plain = definition("certifiees", "non_certifiees", "abandons", "suivies")
    assert memberships(plain, source_of(), units_of("f")).shape == (1, 0)


def events(units: pd.DataFrame, **tables: Any) -> list[tuple[int, str, str | None, Any]]:
    found = history_of(source_of(**tables), units)
    assert list(found) == ["unit", "event", "day", "value"]
    return [
        (
            int(row["unit"]),
            row["event"],
            None if pd.isna(row["day"]) else f"{row['day']:%Y-%m-%d}",
            None if pd.isna(row["value"]) else row["value"],
        )
        for row in found.to_dict("records")
    ]


def training(key: str, start: date, **facts: Any) -> dict[str, Any]:
    return {"training": key, "person": "a", "start": start, **facts}


def test_events_are_in_the_order_of_units_and_days() -> None:
    trainings = [
        training("f", D(2019, 3, 18), end=D(2019, 8, 30), dropped_out=False),
        training("later", D(2020, 1, 6), objective="mobilisation"),
        training("earlier", D(2018, 1, 8)),
        {"training": "of b", "person": "b", "start": D(2019, 4, 1)},
        {"training": "of nobody", "person": None, "start": D(2019, 4, 1)},
    ]
    decided = [
        {"training": "f", "status": "non_obtenue", "date": D(2019, 9, 15)},
        {"training": "f", "status": "obtenue", "date": D(2020, 3, 2)},
        {"training": "later", "status": "obtenue", "date": D(2020, 6, 1)},
    ]
    units = units_of("f", None)
    assert events(units, trainings=trainings, certifications=decided) == [
        (0, "fin", "2019-08-30", None),
        (0, "certification", "2019-09-15", "non_obtenue"),
        (0, "entree_ulterieure", "2020-01-06", "mobilisation"),
        (0, "certification", "2020-03-02", "obtenue"),
        # the person waited: the entry on the same day is of another unit of theirs
        (1, "entree_ulterieure", "2019-03-18", "certification"),
        (1, "entree_ulterieure", "2020-01-06", "mobilisation"),
    ]


def test_dropping_out_is_told_as_such_and_an_unknown_day_is_empty() -> None:
    left = [training("f", D(2019, 3, 18), end=D(2019, 4, 5), dropped_out=True)]
    assert events(units_of("f"), trainings=left) == [(0, "abandon", "2019-04-05", None)]
    unknown = [training("f", D(2019, 3, 18), end=None, dropped_out=None)]
    undated = [{"training": "f", "status": "obtenue", "date": None}]
    assert sorted(events(units_of("f"), trainings=unknown, certifications=undated)) == [
        (0, "certification", None, "obtenue"),
        (0, "fin", None, None),
    ]


def test_people_to_whom_nothing_happens() -> None:
    found = history_of(source_of(), units_of(None))
    assert found.empty
    assert list(found) == ["unit", "event", "day", "value"]
