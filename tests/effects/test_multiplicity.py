"""Adjusted p-values: known answers, the order among methods, the error rate they promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects import Effects, multiplicity
from pacte_eval.effects.contributions import StoredContributions
from pacte_eval.effects.multiplicity import DRAWS
from pacte_eval.effects.table import Wording, tidy

# Four standard errors of a share of the draws, at its widest.
MONTE_CARLO = 4 * 0.5 / np.sqrt(DRAWS)


def effects_of(
    statistics: Sequence[float] | np.ndarray,
    contributions: np.ndarray | None = None,
    kind: str = "influence",
) -> Effects:
    """Estimates with given t statistics; independent by default, and of error 1."""
    size = len(statistics)
    values = np.eye(size) if contributions is None else contributions
    error = np.sqrt((values**2).sum(axis=0))
    rows = pd.DataFrame(
        {"month": range(size), "estimate": np.asarray(statistics) * error, "se": error}
    )
    wording = Wording("a contre b", "emploi", "e", "ATT", "s", "tous", "w", "aucune", "b", kind)
    held = StoredContributions(values, pd.RangeIndex(len(values), name="unité"))
    return Effects(tidy(rows, wording), None if kind == "none" else held)


def t_of(p: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.asarray(stats.norm.isf(np.asarray(p) / 2))


def adjusted(effects: Effects, method: str) -> np.ndarray:
    return effects.adjusted(method).table["p_adjusted"].to_numpy()  # type: ignore[arg-type]


def related(correlation: float, size: int, clusters: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    common = random.normal(size=(clusters, 1)) * np.sqrt(correlation)
    return common + random.normal(size=(clusters, size)) * np.sqrt(1 - correlation)


def test_four_p_values_adjusted_by_hand() -> None:
    effects = effects_of(t_of([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(adjusted(effects, "holm"), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(adjusted(effects, "bh"), [0.02, 0.04, 0.04, 0.02])
    by = np.array([0.02, 0.04, 0.04, 0.02]) * (1 + 1 / 2 + 1 / 3 + 1 / 4)
    np.testing.assert_allclose(adjusted(effects, "by"), by)


def test_romano_wolf_of_independent_estimates_is_sidak_stepping_down() -> None:
    p = np.array([0.004, 0.02, 0.2, 0.6])
    expected = np.maximum.accumulate(1 - (1 - p) ** np.array([4, 3, 2, 1]))
    effects = effects_of(t_of(p[[2, 0, 3, 1]]) * [1, -1, 1, -1])
    found = adjusted(effects, "romano-wolf")
    np.testing.assert_allclose(found, expected[[2, 0, 3, 1]], atol=MONTE_CARLO)
    assert found[1] == pytest.approx(expected[0], abs=0.004)


def test_estimates_that_are_one_cost_nothing() -> None:
    values = np.tile(related(0.0, 1, 50, 3), (1, 5))
    effects = effects_of(t_of([0.03] * 5), values)
    np.testing.assert_allclose(adjusted(effects, "romano-wolf"), 0.03, atol=0.007)
    np.testing.assert_allclose(adjusted(effects, "holm"), 0.15)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(-4, 4), min_size=2, max_size=8),
    st.floats(0, 0.99),
    st.integers(0, 1_000),
)
def test_romano_wolf_lies_between_each_alone_and_holm_or_one_step(
    statistics: list[float], correlation: float, seed: int
) -> None:
    values = related(correlation, len(statistics), 60, seed)
    effects = effects_of(statistics, values)
    found = adjusted(effects, "romano-wolf")
    alone = effects.table["p"].fillna(1.0).to_numpy()
    assert (found >= alone - MONTE_CARLO).all()
    assert (found <= adjusted(effects, "holm") + MONTE_CARLO).all()
    drawn = np.random.default_rng(seed).normal(size=(DRAWS, 60)) @ values
    largest = np.abs(drawn / np.sqrt((values**2).sum(axis=0))).max(axis=1)
    one_step = (largest[:, np.newaxis] >= np.abs(statistics)).mean(axis=0)
    assert (found <= one_step + 2 * MONTE_CARLO).all()
    larger = np.argsort(-np.abs(statistics), kind="stable")
    assert (np.diff(found[larger]) >= 0).all()


def test_signs_and_gaussian_draws_agree() -> None:
    effects = effects_of([2.6, 2.1, 1.0, 0.2], related(0.6, 4, 3_000, 5))
    drawn = effects.adjusted("romano-wolf", multiplier="rademacher").table
    assert drawn["adjustment"].iloc[0] == (
        "Romano–Wolf, 9\u202f999 tirages de signes, famille de 4 estimations"
    )
    np.testing.assert_allclose(
        drawn["p_adjusted"], adjusted(effects, "romano-wolf"), atol=2 * MONTE_CARLO
    )


def test_false_discoveries_are_as_rare_as_promised_under_dependence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(multiplicity, "DRAWS", 999)
    random, size, people, runs = np.random.default_rng(20), 10, 150, 250
    shift = np.where(np.arange(size) < 4, 4.0, 0.0)
    false = dict.fromkeys(("holm", "romano-wolf"), 0)
    found = dict.fromkeys(false, 0)
    for _ in range(runs):
        values = random.normal(size=(people, 1)) * 2 + random.normal(size=(people, size))
        values /= np.sqrt(5 * people)
        noise = values.sum(axis=0)
        centred = values - values.mean(axis=0)
        error = np.sqrt((centred**2).sum(axis=0))
        effects = effects_of((noise + shift * 0.7) / error, centred)
        p = np.sort(effects.table["p"].to_numpy())
        steps = np.flatnonzero(p > 0.05 / np.arange(size, 0, -1))
        limit = p[steps[0]] if len(steps) else np.inf
        for method, rejected in (
            ("holm", effects.table["p"].to_numpy() < limit),
            ("romano-wolf", adjusted(effects, "romano-wolf") <= 0.05),
        ):
            false[method] += bool(rejected[4:].any())
            found[method] += int(rejected[:4].sum())
    three = 3 * np.sqrt(0.05 * 0.95 / runs)
    assert false["romano-wolf"] / runs <= 0.05 + three
    assert false["holm"] <= false["romano-wolf"]
    assert found["romano-wolf"] > 1.1 * found["holm"]


def test_rows_without_p_are_in_no_family_and_are_counted() -> None:
    values = np.eye(5)
    values[3, 3], values[4, 4] = 0.0, np.nan
    effects = effects_of(t_of([0.01, 0.02, 0.5, 0.9, 0.9]), values)
    for method in ("holm", "romano-wolf"):
        table = effects.adjusted(method).table
        assert table["p_adjusted"].isna().tolist() == [False] * 3 + [True] * 2
        assert (
            table["adjustment"]
            .iloc[0]
            .endswith("famille de 3 estimations (2 sans p, hors famille)")
        )
    assert adjusted(effects, "holm")[0] == pytest.approx(0.03)


def test_a_table_may_hold_several_families() -> None:
    effects = effects_of(t_of([0.01, 0.02, 0.03, 0.5]))
    first = np.array([True, True, False, False])
    once = effects.adjusted("holm", first)
    assert once.table["adjustment"].tolist()[2:] == ["aucun", "aucun"]
    twice = once.adjusted("bh", np.array([False, False, True, False])).table
    np.testing.assert_allclose(twice["p_adjusted"], [0.02, 0.02, 0.03, np.nan])
    assert twice["adjustment"].tolist() == [
        "Holm, famille de 2 estimations",
        "Holm, famille de 2 estimations",
        "Benjamini–Hochberg, famille de 1 estimation",
        "aucun",
    ]
    assert "p_adjusted" not in effects.table
    assert "p_adjusted" not in once.pool("equal").table


def test_the_kind_of_effects_is_kept() -> None:
    @dataclass(frozen=True, eq=False)
    class Particular(Effects):
        note: str = ""

    plain = effects_of([1.0, 2.0])
    particular = Particular(plain.table, plain.contributions, note="kept")
    assert particular.adjusted().note == "kept"


def test_what_cannot_be_adjusted_is_refused_by_name() -> None:
    effects = effects_of([1.0, 2.0])
    with pytest.raises(InputError, match="method='holms' is unknown: did you mean 'holm'"):
        effects.adjusted("holms")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="multiplier='gaussian' is meaningless with method='bh'"):
        effects.adjusted("bh", multiplier="gaussian")
    with pytest.raises(InputError, match="have no contributions"):
        effects_of([1.0], kind="none").adjusted("romano-wolf")
    assert effects_of([1.0], kind="none").adjusted("holm").table["p_adjusted"].notna().all()
    with pytest.raises(InputError, match="none of the 2 rows"):
        effects_of([0.0, 0.0], np.zeros((2, 2))).adjusted()
    with pytest.raises(InputError, match="a mask needs 2 booleans"):
        effects.adjusted("holm", [True])
