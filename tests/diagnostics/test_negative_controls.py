"""Each negative control is reported with its reason, by the estimates of its design."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.months import Period
from pacte_eval.designs import Design, InverseProbability
from pacte_eval.diagnostics.negative_controls import negative_control_effects
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes

REASON = "elle précède l’entrée"


def design(size: int = 400) -> Design:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"x": random.normal(size=size), "treated": np.arange(size) % 3 == 0})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["x"])
    return InverseProbability().fit(comparison)


def outcome(of: Design, measure: str = "part") -> Outcomes:
    random = np.random.default_rng(2)
    values = (random.random((len(of.comparison), 3)) < 0.5).astype(float)
    return Outcomes("emploi", values, [-36, -30, -25], of.comparison.unit, measure)


def test_each_month_is_the_estimate_of_the_design() -> None:
    made = design()
    controls: dict[str, tuple[Outcomes, Sequence[Period]]] = {
        "Emploi ancien": (outcome(made), [-36, -25]),
        "Déménagement": (outcome(made, "euros"), [-30]),
    }
    table = negative_control_effects(made, controls, dict.fromkeys(controls, REASON))
    assert table["outcome"].tolist() == ["Emploi ancien", "Emploi ancien", "Déménagement"]
    assert table["month"].tolist() == [-36, -25, -30]
    alone = estimate(made, outcome(made), cluster="person").table
    expected = alone.set_index("month").loc[[-36, -25, -30]]
    for name in ("estimate", "se", "p", "ci_low", "ci_high"):
        assert table[name].to_numpy() == pytest.approx(expected[name].to_numpy())
    assert (table["reason"] == REASON).all()
    words = table["sentence"].iloc[0].replace("\u202f", " ").replace("\u00a0", " ")
    assert words.startswith("« Emploi ancien » (mois −36) : écart de ")
    assert " point" in words
    assert "ne peut rien changer (elle précède l’entrée)." in words
    assert "€" in table["sentence"].iloc[2]


def test_an_outcome_without_variation_is_told_without_interval() -> None:
    made = design()
    constant = Outcomes("x", np.ones(len(made.comparison)), ["avant"], made.comparison.unit)
    table = negative_control_effects(
        made, {"Constant": (constant, ["avant"])}, {"Constant": REASON}
    )
    assert table["sentence"].iloc[0] == (
        "«\u202fConstant\u202f» (avant)\u202f: écart de 0,0, là où la formation ne peut rien "
        "changer (elle précède l’entrée)."
    )


def test_an_outcome_never_observed_is_told_as_such() -> None:
    made = design()
    missing = Outcomes("x", np.full(len(made.comparison), np.nan), [-1], made.comparison.unit)
    table = negative_control_effects(made, {"Absent": (missing, [-1])}, {"Absent": REASON})
    assert "n’a pu être estimé" in table["sentence"].iloc[0]


def test_no_control_gives_no_row() -> None:
    assert negative_control_effects(design(), {}, {}).empty


def test_mistakes_are_refused() -> None:
    made = design()
    one = (outcome(made), [-36])
    with pytest.raises(InputError, match="has no reason"):
        negative_control_effects(made, {"a": one}, {"a": " "})
    with pytest.raises(InputError, match="did you mean 'emploi'"):
        negative_control_effects(made, {"emploi": one}, {"emploi": REASON, "emplois": REASON})
    with pytest.raises(InputError, match="has no month"):
        negative_control_effects(made, {"a": (outcome(made), [])}, {"a": REASON})
    with pytest.raises(InputError, match="not observed at -1"):
        negative_control_effects(made, {"a": (outcome(made), [-1])}, {"a": REASON})
