"""A cohort gives comparisons without outcomes, and what follows entry only to who declares it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.cohorts import Cohort
from pacte_eval.cohorts.cohort import LazyOutcomes
from pacte_eval.definitions.errors import InputError
from pacte_eval.frames import Outcomes

ARMS = ["formees"] * 4 + ["autres"] * 2 + ["attente"] * 3


def cohort(**changes: Any) -> Cohort:
    units = pd.DataFrame(
        {
            "person": [f"p{i}" for i in (*range(6), 0, 7, 8)],
            "arm": ARMS,
            "weight": [1.0] * 6 + [2.0, 2.0, 3.5],
        },
        index=pd.RangeIndex(9, name="unit"),
    )
    numbers = np.arange(9.0)
    told: dict[str, Any] = {
        "label": "Essai",
        "units": units,
        "covariates": pd.DataFrame({"age": numbers}, index=units.index),
        "strata": pd.DataFrame({"entry_month": [1, 1, 2, 2, 1, 2, 1, 2, 2]}, index=units.index),
        "cells": pd.DataFrame({"qpv": numbers > 4}, index=units.index),
        "outcomes": LazyOutcomes({"emploi": lambda: outcome("emploi")}),
        "flow": pd.DataFrame(),
        "arm_labels": {name: name.capitalize() for name in (*dict.fromkeys(ARMS), "certifiees",
                                                            "non_certifiees", "personne")},
        "covariate_labels": {"age": "Âge"},
        "outcome_labels": {"emploi": "Emploi"},
        "after_entry": pd.DataFrame(
            {
                "certifiees": [True, True, *[False] * 7],
                "non_certifiees": [False, False, True, *[False] * 6],
            },
            index=units.index,
        ),
        "read_history": lambda: pd.DataFrame({"unit": [0], "event": ["fin"]}),
    }  # fmt: skip
    return Cohort(**told | changes)


def outcome(name: str) -> Outcomes:
    return Outcomes(name=name, values=np.ones((9, 1)), periods=(0,), units=pd.RangeIndex(9))


def test_two_arms_side_by_side() -> None:
    comparison = cohort().compare("formees", "attente")
    assert list(comparison.unit) == [0, 1, 2, 3, 6, 7, 8]
    assert list(comparison.treated) == [True] * 4 + [False] * 3
    assert list(comparison.weights) == [1, 1, 1, 1, 2, 2, 3.5]
    assert comparison.cluster[0] == comparison.cluster[4], "one person, in both arms"
    assert list(comparison.cells["qpv"]) == [False] * 4 + [True] * 3
    assert comparison.covariates["age"].tolist() == [0, 1, 2, 3, 6, 7, 8]
    assert comparison.treated_label == "Formees"
    assert not hasattr(comparison, "outcomes")


def test_an_arm_defined_after_entry_must_be_declared() -> None:
    held = cohort()
    for arms in (("certifiees", "attente"), ("attente", "certifiees")):
        with pytest.raises(InputError, match=r"'certifiees'.*after entry.*after_entry: true"):
            held.compare(*arms)
        comparison = held.compare(*arms, after_entry=True)
        assert sorted(comparison.unit) == [0, 1, 6, 7, 8]
    between = held.compare("certifiees", "non_certifiees", after_entry=True)
    assert list(between.treated) == [True, True, False]


def test_several_arms_side_by_side() -> None:
    arms = cohort().side_by_side(["formees", "attente"])
    assert arms.names == ("attente", "formees")
    expected, found = cohort().compare("formees", "attente"), arms.compare("formees", "attente")
    assert list(found.unit) == list(expected.unit)
    assert list(found.treated) == list(expected.treated)
    assert (found.treated_label, found.control_label) == ("Formees", "Attente")
    with pytest.raises(InputError, match="arms formees, certifiees share units"):
        cohort().side_by_side(["formees", "certifiees"], after_entry=True)
    with pytest.raises(InputError, match="after_entry: true"):
        cohort().side_by_side(["attente", "certifiees"])


def test_arms_that_share_units_are_not_compared() -> None:
    with pytest.raises(InputError, match="'certifiees' and 'formees' share units"):
        cohort().compare("certifiees", "formees", after_entry=True)
    with pytest.raises(InputError, match="'attente' and 'attente' share units"):
        cohort().compare("attente", "attente")


def test_arms_without_a_unit_or_a_name() -> None:
    with pytest.raises(InputError, match=r"no arm 'forme'.*did you mean 'formees'"):
        cohort().compare("forme", "attente")
    with pytest.raises(InputError, match="arm 'personne' is empty: see the flow chart"):
        cohort().compare("formees", "personne")
    nobody = pd.DataFrame({"certifiees": [False] * 9})
    with pytest.raises(InputError, match="arm 'certifiees' is empty"):
        cohort(after_entry=nobody).compare("certifiees", "attente", after_entry=True)


def test_the_history_must_be_declared() -> None:
    held = cohort()
    with pytest.raises(InputError, match="what follows entry: ask for it with after_entry=True"):
        held.history()
    assert held.history(after_entry=True).to_dict("records") == [{"unit": 0, "event": "fin"}]


def test_the_history_is_not_read_before_it_is_asked_for() -> None:
    def fails() -> pd.DataFrame:
        raise AssertionError("read")

    held = cohort(read_history=fails)
    held.compare("formees", "attente")
    with pytest.raises(InputError):
        held.history()
    with pytest.raises(AssertionError, match="read"):
        held.history(after_entry=True)


def test_an_outcome_is_made_when_asked_for_and_only_the_last_is_kept() -> None:
    made: list[str] = []

    def maker(name: str) -> Callable[[], Outcomes]:
        def make() -> Outcomes:
            made.append(name)
            return outcome(name)

        return make

    outcomes = LazyOutcomes({name: maker(name) for name in ("emploi", "salaire")})
    assert list(outcomes) == ["emploi", "salaire"]
    assert len(outcomes) == 2
    assert "salaire" in outcomes
    assert "heures" not in outcomes
    assert made == []
    first = outcomes["emploi"]
    assert outcomes["emploi"] is first
    assert made == ["emploi"]
    assert outcomes["salaire"].name == "salaire"
    assert outcomes["emploi"] is not first
    assert made == ["emploi", "salaire", "emploi"]
    with pytest.raises(InputError, match=r"no outcome 'emplois'.*did you mean 'emploi'"):
        outcomes["emplois"]


def test_a_cohort_shown_tells_arms_and_outcomes_and_no_person() -> None:
    shown = repr(cohort())
    assert all(arm in shown for arm in ARMS)
    assert "outcomes emploi" in shown
    assert "p0" not in shown
