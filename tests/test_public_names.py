"""The public names come from `pacte_eval` itself, and cost nothing until they are asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib import metadata

import pytest

import pacte_eval


def test_import_loads_no_library() -> None:
    code = (
        "import sys; import pacte_eval;"
        "print(sorted({'pandas', 'numpy', 'ibis', 'econml'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


NAMES = [
    "Arms",
    "Cohort",
    "Comparison",
    "ConcurrentPolicy",
    "CrossSections",
    "Crump",
    "Design",
    "DifferenceInDifferences",
    "DoseResponse",
    "DoublyRobust",
    "Effects",
    "EntropyBalancing",
    "EventStudy",
    "ExtendedTwoWay",
    "GroupTimeATT",
    "HonestDiD",
    "Imputation",
    "InverseProbability",
    "Logit",
    "MatchedZones",
    "NearestNeighbour",
    "Outcomes",
    "Panel",
    "ProtectedTable",
    "ResultSet",
    "SunAbraham",
    "SyntheticControl",
    "SyntheticDifference",
    "TwoWayFixedEffects",
    "Verdicts",
    "ZonePanel",
    "decompose_funders",
    "estimate",
    "estimate_spells",
    "first_spell",
    "goodman_bacon",
    "pretest_power",
    "simulate",
]


@pytest.mark.parametrize("home", ["designs", "effects", "effects.differences", "effects.zones"])
def test_every_estimator_of_a_layer_is_here(home: str) -> None:
    layer = importlib.import_module(f"pacte_eval.{home}")
    found = [name for name in layer.__all__ if hasattr(getattr(layer, name), "fit")]
    assert set(found) <= set(dir(pacte_eval))


@pytest.mark.parametrize("name", NAMES)
def test_public_name_is_what_its_layer_defines(name: str) -> None:
    value = getattr(pacte_eval, name)
    assert value.__name__ == name
    assert value.__module__.startswith("pacte_eval.")
    assert name in dir(pacte_eval)


def test_version_is_the_installed_one() -> None:
    assert pacte_eval.__version__ == metadata.version("pacte-eval")


def test_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Cohorte'"):
        _ = pacte_eval.Cohorte
