"""E-values are those published, and what they say of a confounder is true of one planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.diagnostics.sensitivity.e_value import e_value, e_value_verdict

REFERENCE = pd.read_csv(Path(__file__).parents[2] / "reference" / "sensitivity.csv")


def test_published_values() -> None:
    """A risk ratio of 3.9, whose lower limit is 1.8."""
    rows = REFERENCE[REFERENCE["method"] == "e_value"].set_index("quantity")
    found = e_value(0.39, 0.10, 0.08, 0.60)
    assert (found.ratio, found.ratio_low) == pytest.approx(rows["argument"].tolist())
    for name in ("estimate", "limit"):
        expected = pytest.approx(float(rows["value"][name]), abs=float(rows["tolerance"][name]))
        assert getattr(found, name) == expected
    assert found.limit == pytest.approx(3.0, rel=1e-12)


def test_no_weaker_confounder_explains_the_ratio() -> None:
    """A cause with ratios B with entry and G with outcome biases by B G / (B + G − 1) at most."""
    found = e_value(0.6, 0.4, 0.1, 0.3)
    grid = np.linspace(1, found.estimate, 200)
    by_entry, by_outcome = np.meshgrid(grid, grid)
    bias = by_entry * by_outcome / (by_entry + by_outcome - 1)
    assert bias.max() == pytest.approx(found.ratio, rel=1e-12)
    assert bias.argmax() == bias.size - 1


def test_a_harm_is_inverted() -> None:
    """Swapped rates have the inverse ratio, and the limit nearest to 1 is the upper one."""
    gain, harm = e_value(0.4, 0.2, 0.1, 0.3), e_value(0.2, 0.4, -0.3, -0.1)
    assert harm.estimate == pytest.approx(gain.estimate, rel=1e-12)
    assert harm.ratio_high == pytest.approx(0.75)
    assert harm.limit == pytest.approx(4 / 3 + np.sqrt(4 / 3 * 1 / 3), rel=1e-12)


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.3), (0.0, 0.2), (-0.2, 0.4)])
def test_an_interval_that_holds_no_effect_needs_no_confounder(low: float, high: float) -> None:
    found = e_value(0.5, 0.4, low, high)
    assert found.limit == 1
    assert found.estimate > 1
    verdict = e_value_verdict(found).table.iloc[0]
    assert verdict["verdict"] == "non concluant"
    assert verdict["sentence"].startswith("Sur un plan compagnon")


def test_no_effect() -> None:
    found = e_value(0.5, 0.5, -0.1, 0.1)
    assert (found.ratio, found.estimate, found.limit) == (1, 1, 1)


def test_a_rate_of_nothing() -> None:
    assert e_value(0.0, 0.2, -0.3, -0.1).estimate == np.inf
    assert e_value(0.1, 0.2, -0.3, -0.05).ratio_low == 0
    with pytest.raises(InputError, match="no risk ratio"):
        e_value(0.2, 0.0, 0.1, 0.3)


def test_verdicts_hold_the_limit_to_the_threshold() -> None:
    strong = e_value_verdict(e_value(0.6, 0.4, 0.15, 0.25))
    assert strong.worst == "pass"
    assert "par 2,37 à la fois" in strong.table["sentence"][0]
    weak = e_value_verdict(e_value(0.6, 0.4, 0.01, 0.39))
    assert weak.worst == "warning"
    assert weak.table["value"][0] == pytest.approx(1.025 + np.sqrt(1.025 * 0.025))
    assert e_value_verdict(e_value(0.6, 0.4, 0.15, 0.25), min_limit=3).worst == "warning"


def test_what_is_no_rate_or_no_interval_is_refused() -> None:
    for rates in ((1.2, 0.4), (0.5, -0.1), (np.nan, 0.4)):
        with pytest.raises(InputError, match="must lie between 0 and 1"):
            e_value(*rates, 0.0, 1.0)
    for interval in ((0.3, 0.4), (np.nan, 0.3), (0.3, 0.1)):
        with pytest.raises(InputError, match="does not hold the difference"):
            e_value(0.6, 0.4, *interval)
    with pytest.raises(InputError, match="min_limit=1"):
        e_value_verdict(e_value(0.6, 0.4, 0.1, 0.3), min_limit=1)
