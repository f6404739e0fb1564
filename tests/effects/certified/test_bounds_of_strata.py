"""Bounds of principal strata: closed forms, coverage of what is identified, edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, ExactMatching, InverseProbability, NearestNeighbour
from pacte_eval.effects.certified import Certification, principal_stratum_bounds
from pacte_eval.effects.certified.identified_intervals import imbens_manski, stoye
from pacte_eval.frames import Comparison, Outcomes
from tests.effects.certified.certifying import world


def compared(treated: np.ndarray, cell: np.ndarray | None = None) -> Design:
    """Everyone of a cell with everyone of the cell."""
    frame = pd.DataFrame({"treated": treated, "cell": 0 if cell is None else cell})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=[], strata=["cell"])
    return ExactMatching(["cell"]).fit(comparison)


def without(certified: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    made = certified.astype(object)
    made[unknown] = None
    return made


def counted_world(
    certified: tuple[int, int],
    other: tuple[int, int],
    controls: tuple[int, int],
    unknown: tuple[int, int] = (0, 0),
) -> tuple[Design, Outcomes, Certification]:
    """Units by state, as (how many, how many of them employed)."""
    groups = [certified, other, unknown, controls]
    y = np.concatenate([np.arange(size) < employed for size, employed in groups]).astype(float)
    state = np.repeat([1, 0, -1, 2], [size for size, _ in groups])
    design = compared(state < 2)
    outcomes = Outcomes("emploi", y, (24,), design.comparison.unit, measure="part")
    certified_ones = pd.Series(np.where(state == -1, None, state == 1))
    return design, outcomes, Certification.from_series(certified_ones, design.comparison)


PUBLISHED = counted_world((8_200, 5_256), (1_800, 740), (10_000, 5_000))


@pytest.mark.parametrize(
    ("dominance", "stratum", "low", "high"),
    [
        (False, 0, 3.1, 25.1),
        (True, 0, 3.1, 14.1),
        (False, 1, -58.9, 41.1),
        (True, 1, -8.9, 41.1),
    ],
)
def test_published_rates(dominance: bool, stratum: int, low: float, high: float) -> None:
    row = principal_stratum_bounds(*PUBLISHED, dominance=dominance).iloc[stratum]
    assert [round(100 * row["low"], 1), round(100 * row["high"], 1)] == [low, high]
    assert row["contribution_kind"] == "none"


def test_sentences_say_when_nothing_is_learnt() -> None:
    certified, other = principal_stratum_bounds(*PUBLISHED)["sentence"]
    assert certified.startswith(
        "Effet sur les formés qui obtiennent la certification, à 24 mois\u202f: entre +3,1 et "
        "+25,1\u00a0points (intervalle"
    )
    assert other.endswith("non informatif (plus de 50\u00a0points entre les bornes).")
    told = principal_stratum_bounds(*PUBLISHED, dominance=True)["informative"]
    assert told.tolist() == [True, True]


@pytest.mark.parametrize(
    "counts",
    [
        ((40, 30), (20, 5), (50, 20), (30, 12)),
        ((15, 3), (70, 60), (80, 75), (20, 19)),
        ((60, 50), (10, 2), (40, 3), (25, 1)),
        ((30, 30), (30, 0), (30, 0), (30, 30)),
    ],
)
@pytest.mark.parametrize("stratum", [0, 1])
def test_unknown_states_are_worst_cases(counts: tuple[tuple[int, int], ...], stratum: int) -> None:
    """Against every way to place those who are not known in a stratum."""
    certified, other, controls, unknown = counts
    design, outcomes, states = counted_world(certified, other, controls, unknown)
    row = principal_stratum_bounds(design, outcomes, states).iloc[stratum]
    own = (certified, other)[stratum]
    total, q = certified[0] + other[0] + unknown[0], controls[1] / controls[0]
    found = []
    for employed in range(unknown[1] + 1):
        for idle in range(unknown[0] - unknown[1] + 1):
            share = (own[0] + employed + idle) / total
            rate = (own[1] + employed) / (own[0] + employed + idle)
            found.append(rate - min(1.0, q / share))
            found.append(rate - max(0.0, (q - 1 + share) / share))
    # People are whole in the search: the bounds may lie beyond by less than one of them.
    assert row["low"] <= min(found) + 1e-12
    assert row["high"] >= max(found) - 1e-12
    assert row["low"] == pytest.approx(min(found), abs=0.02)
    assert row["high"] == pytest.approx(max(found), abs=0.02)


def test_errors_are_those_of_the_delta_method() -> None:
    certified, other, controls = (400, 250), (100, 40), (600, 330)
    row = principal_stratum_bounds(*counted_world(certified, other, controls)).iloc[0]
    share, rate, q = 0.8, 250 / 400, 0.55
    variance = rate * (1 - rate) / 400 + q * (1 - q) / 600 / share**2
    lowest = variance + (q / share**2) ** 2 * share * (1 - share) / 500
    highest = variance + ((1 - q) / share**2) ** 2 * share * (1 - share) / 500
    assert row["low_se"] == pytest.approx(np.sqrt(lowest), rel=3e-3)
    assert row["high_se"] == pytest.approx(np.sqrt(highest), rel=3e-3)


def test_earnings_of_two_values_have_the_bounds_of_shares() -> None:
    design, outcomes, states = counted_world((80, 50), (30, 12), (150, 81))
    earnings = Outcomes("salaires", outcomes.values * 2000, (24,), outcomes.units, measure="euros")
    for dominance in (False, True):
        shares = principal_stratum_bounds(design, outcomes, states, dominance=dominance)
        euros = principal_stratum_bounds(design, earnings, states, dominance=dominance)
        for name in ("low", "high", "low_se", "high_se"):
            np.testing.assert_allclose(euros[name], 2000 * shares[name], rtol=1e-9)
        assert euros["informative"].isna().all()
        assert euros["sentence"].str.contains("€").all()


def test_earnings_bounds_are_means_of_the_lowest_and_highest() -> None:
    random = np.random.default_rng(1)
    treated = np.arange(50) < 20
    certified = np.arange(50) < 12
    y = random.lognormal(7, 0.5, 50)
    design = compared(treated)
    outcomes = Outcomes("salaires", y, (24,), design.comparison.unit, measure="euros")
    states = Certification.from_series(certified, design.comparison)
    row = principal_stratum_bounds(design, outcomes, states).iloc[0]
    controls = np.sort(y[~treated])  # 18 of 30, as 12 of 20
    assert row["high"] == pytest.approx(y[certified].mean() - controls[:18].mean())
    assert row["low"] == pytest.approx(y[certified].mean() - controls[-18:].mean())


@pytest.mark.parametrize("seed", range(5))
def test_cells_never_widen(seed: int) -> None:
    random = np.random.default_rng(seed)
    size = 400
    cell = random.integers(0, 4, size)
    treated = random.random(size) < 0.5
    certified = random.random(size) < np.array([0.2, 0.5, 0.8, 0.95])[cell]
    y = (random.random(size) < np.array([0.9, 0.3, 0.6, 0.1])[cell]).astype(float)
    design = compared(treated, cell)
    outcomes = Outcomes("emploi", y, (24,), design.comparison.unit)
    for made in (certified, without(certified, random.random(size) < 0.1)):
        states = Certification.from_series(made, design.comparison)
        wide = principal_stratum_bounds(design, outcomes, states)
        cells = pd.Series(cell, index=design.comparison.unit)
        tight = principal_stratum_bounds(design, outcomes, states, cells=cells)
        assert (tight["low"] >= wide["low"] - 1e-12).all()
        assert (tight["high"] <= wide["high"] + 1e-12).all()
        assert ((tight["high"] - tight["low"]) < (wide["high"] - wide["low"]) - 0.05).any()


def test_bounds_hold_the_effect_of_each_stratum() -> None:
    data = world(20_000, 2, latent=True)
    treated = data.comparison.treated
    makers: list[Any] = [InverseProbability(), NearestNeighbour(exact=["x"])]
    for maker in makers:
        design = maker.fit(data.comparison)
        table = principal_stratum_bounds(
            design, data.outcomes, data.certification, cells=data.comparison.cells["cell"]
        )
        for stratum, inside in (("certifie si formé", data.certified),
                                ("ne certifie pas si formé", ~data.certified)):  # fmt: skip
            truth = (data.trained - data.untrained)[treated & inside].mean()
            rows = table[table["stratum"] == stratum]
            assert ((rows["low"] < truth) & (truth < rows["high"])).all()
            assert ((rows["ci_low"] < rows["low"]) & (rows["high"] < rows["ci_high"])).all()


@pytest.mark.parametrize("share", [0.8, 0.5])
def test_intervals_hold_the_ends_of_what_is_identified(share: float) -> None:
    """300 draws; with a share of 0.5, controls at 0.5 put both ends at a kink."""
    random = np.random.default_rng(20)
    rate, q, size = 0.64, 0.5, 400
    low = rate - min(1.0, q / share)
    high = rate - max(0.0, (q - 1 + share) / share)
    design = compared(np.arange(2 * size) < size)
    inside = np.zeros((2, 300, 2), dtype=bool)
    for draw in range(300):
        certified = random.random(2 * size) < share
        chance = np.where(design.comparison.treated, np.where(certified, rate, 0.4), q)
        y = (random.random(2 * size) < chance).astype(float)
        row = principal_stratum_bounds(
            design,
            Outcomes("emploi", y, (24,), design.comparison.unit),
            Certification.from_series(certified, design.comparison),
        ).iloc[0]
        for kind, ending in enumerate(("", "_stoye")):
            for end, truth in enumerate((low, high)):
                inside[kind, draw, end] = row[f"ci_low{ending}"] <= truth <= row[f"ci_high{ending}"]
    assert (inside.mean(axis=1) >= 0.94 - 2 * np.sqrt(0.06 * 0.94 / 300)).all()


def test_intervals_pass_from_one_sided_to_two_sided() -> None:
    far = imbens_manski(0.0, 10.0, 1.0, 2.0, 0.95)
    assert far == pytest.approx((-1.645 * 1, 10 + 1.645 * 2), abs=2e-2)
    assert imbens_manski(0.3, 0.3, 1.0, 1.0, 0.95) == pytest.approx((0.3 - 1.96, 0.3 + 1.96), 1e-4)
    assert stoye(0.0, 100.0, 1.0, 2.0, 0.3, 500, 0.95) == pytest.approx(
        (-1.645, 100 + 1.645 * 2), abs=1e-3
    )
    assert stoye(0.0, 0.0, 1.0, 1.0, 1.0, 500, 0.95) == pytest.approx((-1.96, 1.96), abs=1e-2)
    random = np.random.default_rng(5)
    z = random.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 400_000)
    low, high = stoye(0.0, 3.0, 1.0, 1.0, 0.5, 3, 0.95)
    for truth in (0.0, 3.0):
        inside = (z[:, 0] + low <= truth) & (truth <= z[:, 1] + high)
        assert inside.mean() == pytest.approx(0.95, abs=2e-3)


@pytest.mark.parametrize("everybody", [True, False, None])
def test_one_state_alone(everybody: bool | None) -> None:
    data = world(300, 7, latent=True)
    design = InverseProbability().fit(data.comparison)
    states = Certification.from_series(np.full(300, everybody, dtype=object), data.comparison)
    table = principal_stratum_bounds(design, data.outcomes, states)
    own = table[table["month"] == 24].reset_index(drop=True)
    if everybody is None:
        assert own["low"].tolist() == [-1, -1]
        assert own["informative"].tolist() == [False, False]
        return
    whole, nobody = (0, 1) if everybody else (1, 0)
    assert own["low"][whole] == pytest.approx(own["high"][whole])
    assert np.isnan(own["low"][nobody])
    assert "non identifiable" in own["sentence"][nobody]


def test_a_constant_outcome_and_a_month_beyond_coverage() -> None:
    data = world(300, 8, latent=True)
    design = InverseProbability().fit(data.comparison)
    values = np.column_stack([np.zeros(300), np.full(300, np.nan)])
    outcomes = Outcomes("emploi", values, (12, 24), data.comparison.unit)
    table = principal_stratum_bounds(design, outcomes, data.certification)
    assert (
        table.loc[table["month"] == 12, ["low", "high", "ci_low", "ci_high"]].eq(0).all(axis=None)
    )
    assert table.loc[table["month"] == 24, ["low", "high", "share", "ci_low"]].isna().all(axis=None)


def test_a_month_where_a_cell_loses_its_controls_has_no_bounds() -> None:
    data = world(300, 10, latent=True)
    design = InverseProbability().fit(data.comparison)
    cells = data.comparison.cells["cell"]
    values = data.outcomes.values.copy()
    values[~data.comparison.treated & (cells == "a").to_numpy(), 1] = np.nan
    outcomes = Outcomes("emploi", values, (12, 24), data.comparison.unit)
    table = principal_stratum_bounds(design, outcomes, data.certification, cells=cells)
    assert table["low"].notna().tolist() == [True, True, False, False]
    assert table["sentence"].iloc[2].endswith("non identifiable, faute de personnes observées.")
    whole = principal_stratum_bounds(design, outcomes, data.certification)
    assert whole["low"].notna().all()


def test_mistakes_are_told() -> None:
    data = world(300, 9, latent=True)
    design = InverseProbability().fit(data.comparison)
    alone = pd.Series(np.where(data.comparison.treated, "t", "c"), index=data.comparison.unit)
    with pytest.raises(InputError, match="with trainees and no control in the design"):
        principal_stratum_bounds(design, data.outcomes, data.certification, cells=alone)
    with pytest.raises(InputError, match="missing for fewer than 11 units"):
        principal_stratum_bounds(
            design, data.outcomes, data.certification, cells=alone.mask(alone.index == 3)
        )
    some = Certification.from_series(without(data.certified, np.arange(300) < 60), data.comparison)
    earnings = Outcomes("salaires", data.outcomes.values * 1500, (12, 24), data.comparison.unit)
    with pytest.raises(InputError, match="has no worst value"):
        principal_stratum_bounds(design, earnings, some)
