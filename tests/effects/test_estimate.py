"""Effects by hand on small data: counts, censoring, differences, errors, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, NearestNeighbour
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison, Outcomes

COLUMNS = [
    *["comparison", "outcome", "month", "cell", "estimator", "estimand", "estimate", "se"],
    *["se_kind", "ci_low", "ci_high", "p", "n_treated", "n_control", "treated_mean"],
    *["control_mean", "target_population", "weights", "base_period", "control_group"],
    "contribution_kind",
]


def draw(
    units: int = 200, seed: int = 0, people: int | None = None, **options: Any
) -> tuple[Design, np.ndarray]:
    """A design on one covariate, and outcomes over periods −3…2."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": random.normal(size=units), "month": random.integers(0, 3, units)})
    frame["t"] = random.random(units) < 0.35
    frame["person"] = random.integers(0, people, units) if people else np.arange(units)
    comparison = Comparison.from_frame(
        frame, treated="t", covariates=["x"], strata=["month"], cluster="person"
    )
    outcomes = random.normal(size=(units, 6)) + frame["x"].to_numpy()[:, None]
    outcomes[:, 3:] += frame["t"].to_numpy()[:, None]
    return NearestNeighbour(frame["x"].to_numpy(), **options).fit(comparison), outcomes


PERIODS = [-3, -2, -1, 0, 1, 2]


def by_hand(design: Design, outcome: np.ndarray) -> tuple[float, int, int]:
    """The estimate from the table of pairs, one treated unit after the other."""
    value: Any = pd.Series(outcome, index=design.comparison.unit)
    gaps, used = [], set()
    pairs: Any = design.pairs()
    for unit, near in pairs.groupby("treated")["control"]:
        seen = value[near].dropna()
        if np.isfinite(value[unit]) and len(seen):
            gaps.append(value[unit] - seen.mean())
            used |= set(seen.index)
    return float(np.mean(gaps)), len(gaps), len(used)


@pytest.mark.parametrize("options", [{}, {"neighbours": 3}, {"ties": "first", "neighbours": 2}])
@pytest.mark.parametrize("people", [None, 60])
def test_censored_units_are_left_out_period_by_period(
    options: dict[str, Any], people: int | None
) -> None:
    design, outcomes = draw(people=people, **options)
    random = np.random.default_rng(3)
    outcomes[random.random(outcomes.shape) < 0.3] = np.nan
    table = estimate(design, outcomes, periods=PERIODS).table
    assert list(table) == COLUMNS
    assert table["month"].tolist() == PERIODS
    rows: Any = table.itertuples()
    for place, row in enumerate(rows):
        effect, treated, controls = by_hand(design, outcomes[:, place])
        assert row.estimate == pytest.approx(effect)
        assert (row.n_treated, row.n_control) == (treated, controls)
        assert row.treated_mean - row.control_mean == pytest.approx(effect)
        assert np.isfinite(row.se)


def test_difference_is_the_level_of_differences() -> None:
    design, outcomes = draw()
    outcomes[5, 1] = np.nan
    window = estimate(design, outcomes, periods=PERIODS, contrast="difference", reference=[-3, -1])
    gained = outcomes - outcomes[:, :3].mean(axis=1, keepdims=True)
    level = estimate(design, gained, periods=PERIODS)
    same = ["estimate", "se", "n_treated", "n_control"]
    pd.testing.assert_frame_equal(window.table[same], level.table[same])
    assert window.table["estimand"].iloc[0] == "ATT, différence"
    assert window.table["base_period"].iloc[0] == "moyenne de −3 à −1"
    assert np.isnan(gained[5]).all()


def test_abadie_imbens_2006_by_hand() -> None:
    """The textbook sum: squares of gaps, and K² − K' times the squared gap to the nearest peer."""
    design, outcomes = draw(neighbours=2, ties="first", seed=4)
    outcome = outcomes[:, 4]
    comparison, score = design.comparison, design.score
    assert score is not None
    pairs: Any = design.pairs()
    effect, number, _ = by_hand(design, outcome)
    means = pairs.assign(y=outcome[pairs["control"]]).groupby("treated")["y"].mean()
    total = np.sum((outcome[means.index] - means - effect) ** 2)
    controls = np.flatnonzero(~comparison.treated)
    for control, shares in pairs.groupby("control")["weight"]:
        distance = np.abs(score[controls] - score[control])
        distance[controls == control] = np.inf
        peer = controls[np.argmin(distance)]
        spread = (outcome[control] - outcome[peer]) ** 2 / 2
        total += (shares.sum() ** 2 - (shares**2).sum()) * spread
    found = estimate(design, outcome).table.iloc[0]
    assert found["se"] == pytest.approx(np.sqrt(total) / number)
    assert found["ci_high"] - found["ci_low"] == pytest.approx(2 * 1.959964 * found["se"])


def test_clusters_hold_every_covariance_of_a_person() -> None:
    """Copying every row under the same person and another stratum leaves error and effect."""
    design, outcomes = draw(units=300, ties="first")
    comparison = design.comparison
    copies = [comparison.covariates.assign(copy=copy) for copy in ("a", "b")]
    frame = pd.concat(copies, ignore_index=True).assign(
        t=np.tile(comparison.treated, 2), person=np.tile(np.arange(300), 2)
    )
    double = Comparison.from_frame(
        frame, treated="t", covariates=["x"], strata=["copy"], cluster="person"
    )
    twice = NearestNeighbour(frame["x"].to_numpy(), ties="first", exact=["copy"]).fit(double)
    # A cluster of its own for each unit, but two, so that the linearised errors are used.
    single = estimate(design, outcomes[:, 4], cluster=np.r_[0, np.arange(299)]).table.iloc[0]
    both = estimate(twice, np.tile(outcomes[:, 4], 2)).table.iloc[0]
    naive = estimate(twice, np.tile(outcomes[:, 4], 2), cluster="unit").table.iloc[0]
    assert both["estimate"] == pytest.approx(single["estimate"])
    assert both["se"] == pytest.approx(single["se"], rel=0.02)
    assert naive["se"] < 0.8 * both["se"]
    assert both["se_kind"].endswith("grappes par personne")


def test_few_clusters_are_said_and_one_is_refused() -> None:
    design, outcomes = draw()
    table = estimate(design, outcomes[:, 4], cluster="month").table
    assert table["se_kind"].iloc[0].endswith("grappes par month, peu de grappes (3)")
    with pytest.raises(InputError, match="one cluster"):
        estimate(design, outcomes[:, 4], cluster=np.zeros(200))
    treated = design.comparison.treated
    for arm, name in ((treated, "treated"), (~treated, "control")):
        with pytest.raises(InputError, match=f"all {name} units are in one cluster"):
            estimate(design, outcomes[:, 4], cluster=np.where(arm, -1, np.arange(200)))


def test_covariance_bands_and_contrasts_agree() -> None:
    design, outcomes = draw(people=90, neighbours=2)
    effects: Any = estimate(design, outcomes, periods=PERIODS)
    covariance: Any = effects.covariance()
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), effects.table["se"])
    gap = effects.contrast(2, 0).table.iloc[0]
    variance = covariance.loc[2, 2] + covariance.loc[0, 0] - 2 * covariance.loc[2, 0]
    assert gap["se"] == pytest.approx(np.sqrt(variance))
    direct = estimate(design, outcomes[:, 5] - outcomes[:, 3]).table.iloc[0]
    assert gap["estimate"] == pytest.approx(direct["estimate"])
    assert gap["se"] == pytest.approx(direct["se"])
    bands = effects.bands()
    assert 1.959964 < bands["critical"].iloc[0] < 2.7
    assert (bands["band_low"] < effects.table["ci_low"]).all()
    pd.testing.assert_frame_equal(bands, effects.bands())
    some = effects.covariance(np.array(PERIODS) >= 0)
    np.testing.assert_allclose(some, covariance.loc[0:, 0:])


def test_a_constant_outcome_has_no_error_and_no_band() -> None:
    design, outcomes = draw()
    outcomes[:, 0] = 1.0
    effects: Any = estimate(design, outcomes, periods=PERIODS)
    first = effects.table.iloc[0]
    assert (first["estimate"], first["se"]) == (0, 0)
    assert np.isnan(first["p"])
    assert effects.bands()["band_low"].iloc[0] == 0


def test_blocks_of_periods_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    design, outcomes = draw(people=90)
    whole = estimate(design, outcomes, periods=PERIODS)
    monkeypatch.setattr("pacte_eval.effects.summed._BLOCK", 400)
    monkeypatch.setattr("pacte_eval.effects.contributions._BUDGET", 180)
    parts = estimate(design, outcomes, periods=PERIODS)
    pd.testing.assert_frame_equal(whole.table, parts.table)
    np.testing.assert_allclose(whole.covariance(), parts.covariance(), rtol=1e-12)


def test_large_families_are_refused() -> None:
    design, _ = draw(units=20)
    effects: Any = estimate(design, np.zeros((20, 5001)), periods=range(5001))
    with pytest.raises(InputError, match="5001 estimates is refused"):
        effects.covariance()


def test_rows_follow_the_units() -> None:
    design, outcomes = draw()
    units = design.comparison.unit
    expected = estimate(design, outcomes, periods=PERIODS).table["estimate"]
    order = np.random.default_rng(1).permutation(200)
    shuffled = Outcomes("emploi", outcomes[order].astype(np.float32), PERIODS, units[order])
    found = estimate(design, shuffled).table
    np.testing.assert_allclose(found["estimate"], expected, rtol=1e-5)
    assert set(found["outcome"]) == {"emploi"}
    framed = pd.DataFrame(outcomes[order], index=units[order], columns=PERIODS)
    np.testing.assert_allclose(estimate(design, framed).table["estimate"], expected)


def test_series_follow_the_units_too() -> None:
    """Outcomes and clusters alike; an index that names only some of the units is refused."""
    design, outcomes = draw()
    zone = pd.Series(np.repeat(np.arange(50), 4), index=design.comparison.unit)
    mixed = np.random.default_rng(1).permutation(200)
    expected: Any = estimate(design, outcomes[:, 4], cluster=zone.to_numpy()).table
    found: Any = estimate(design, pd.Series(outcomes[:, 4])[mixed], cluster=zone.iloc[mixed]).table
    assert found["se"][0] == pytest.approx(expected["se"][0])
    for wrong in (np.r_[1:201], np.r_[:100, :100]):
        with pytest.raises(InputError, match="the index of outcomes names some units only"):
            estimate(design, pd.Series(outcomes[:, 4], index=wrong))
        with pytest.raises(InputError, match="the index of cluster names some units only"):
            estimate(design, outcomes[:, 4], cluster=zone.set_axis(wrong))
    renamed = pd.Series(outcomes[:, 4], index=[f"row {row}" for row in range(200)])
    assert estimate(design, renamed).table["estimate"][0] == expected["estimate"][0]
    with pytest.raises(InputError, match="must hold numbers"):
        estimate(design, pd.Series(["emploi"] * 200))


def test_single_precision_is_kept_in_store_and_widened_in_sums() -> None:
    design, outcomes = draw()
    single = (1e4 * outcomes).astype(np.float32)
    wide = estimate(design, single.astype(np.float64), periods=PERIODS).table
    for given in (single, pd.DataFrame(single, columns=PERIODS)):
        effects: Any = estimate(design, given, periods=PERIODS)
        pd.testing.assert_frame_equal(effects.table, wide)
        assert effects.contributions._outcomes[0].dtype == np.float32


@pytest.mark.parametrize(
    ("reference", "label"),
    [
        ([-3, -1], "moyenne de −3 à −1"),
        ((-1, -2, -2), "moyenne de −2 à −1"),
        ([-1, -3, -1], "moyenne de −3, −1"),
        ([-2, -2], "−2"),
    ],
)
def test_the_reference_is_named_as_it_is(reference: Any, label: str) -> None:
    design, outcomes = draw()
    found: Any = estimate(
        design, outcomes, periods=PERIODS, contrast="difference", reference=reference
    ).table
    assert found["base_period"][0] == label
    window = [PERIODS.index(month) for month in sorted(set(reference))]
    if reference == [-3, -1]:
        window = [0, 1, 2]
    gained = outcomes[:, 5] - outcomes[:, window].mean(axis=1)
    assert found["estimate"][5] == pytest.approx(estimate(design, gained).table["estimate"][0])


def test_a_calendar_reference_keeps_its_hyphens() -> None:
    design, outcomes = draw()
    months = [f"2018-0{month}" for month in range(1, 7)]
    found: Any = estimate(
        design, outcomes, periods=months, contrast="difference", reference=months[:3]
    ).table
    assert found["base_period"][0] == "moyenne de 2018-01 à 2018-03"


def test_a_population_short_of_a_few_is_not_said_whole() -> None:
    frame = pd.DataFrame({"t": np.arange(6000) < 4000, "x": 0.0, "cell": "a"})
    frame.loc[0, "cell"] = "alone"
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"], cells=["cell"])
    design = NearestNeighbour(np.zeros(6000), exact=["cell"]).fit(comparison)
    row: Any = estimate(design, np.zeros(6000)).table.iloc[0]
    assert row["target_population"] == "99,9\u202f% des traités, comparables"


def test_labels() -> None:
    design, outcomes = draw(caliper=0.001)
    row: Any = estimate(design, outcomes[:, 4]).table.iloc[0]
    assert row["comparison"] == "formés contre en attente"
    assert row["cell"] == "ensemble"
    assert row["estimator"] == "NearestNeighbour"
    assert row["se_kind"].endswith("conditionnelle au plan (caliper)")
    assert row["target_population"].endswith("\u202f% des traités, comparables")
    assert row["contribution_kind"] == "linearised"


@pytest.mark.parametrize("cluster", ["unit", "zone"])
def test_one_treated_unit_has_no_error(cluster: str) -> None:
    frame = pd.DataFrame({"t": [1, 0, 0], "x": [0.0, 0.1, 4.0], "zone": [0, 1, 1]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"], cells=["zone"])
    design = NearestNeighbour(frame["x"].to_numpy()).fit(comparison)
    outcomes = np.array([[5.0, 3.0, 1.0], [2.0, 2.0, 0.0]]).T
    effects: Any = estimate(design, outcomes, periods=[0, 1], cluster=cluster)
    row = effects.table.iloc[0]
    assert row["estimate"] == 2
    assert np.isnan(row["se"])
    assert np.isnan(row["ci_low"])
    assert effects.covariance().isna().all(axis=None)
    gap = effects.contrast(0, 1).table.iloc[0]
    assert gap["estimate"] == 2
    assert np.isnan(gap["se"])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("se", ["abadie-imbens", "linearised", "otsu-rai", "HC0", "HC1", "HC2"])
@pytest.mark.parametrize("arm", [True, False, None])
def test_a_period_nobody_of_an_arm_is_observed_at(se: Any, arm: bool | None) -> None:
    design, outcomes = draw()
    outcomes[:, 2] = np.where(design.comparison.treated == arm, outcomes[:, 2], np.nan)
    effects: Any = estimate(design, outcomes, periods=PERIODS, se=se, cluster="unit")
    row = effects.table.iloc[2]
    assert 0 in (row["n_treated"], row["n_control"])
    assert np.isnan(row["estimate"])
    assert np.isnan(row["se"])
    errors = np.sqrt(np.diag(effects.covariance()))
    np.testing.assert_allclose(errors, effects.table["se"])
    assert effects.bands()["band_low"].isna().tolist() == [place == 2 for place in range(6)]


def test_the_2016_term_is_exact_algebra(lalonde: Comparison, lalonde_frame: pd.DataFrame) -> None:
    """An outcome that is itself a covariate of the score gains nothing from sampling the score.

    The matched gap of a linear combination of the score's covariates is reduced, never raised.
    """
    design = NearestNeighbour(neighbours=4).fit(lalonde)
    outcome = lalonde_frame["re75"].to_numpy()
    errors = {
        se: estimate(design, outcome, se=se, cluster=np.r_[0, np.arange(613)]).table["se"].iloc[0]
        for se in ("abadie-imbens", "abadie-imbens-2016")
    }
    assert errors["abadie-imbens-2016"] < errors["abadie-imbens"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"se": "bootstrap"}, "fixed number of neighbours.*Abadie and Imbens 2008"),
        ({"se": "abadie-imbens-2016"}, "score= given"),
        ({"level": 95}, "level=95"),
        ({"contrast": "differences"}, "did you mean 'difference'"),
        ({"contrast": "difference"}, "needs reference="),
        ({"contrast": "difference", "reference": [-9, -1]}, "-9 is not a period"),
        ({"contrast": "difference", "reference": [-1, -3]}, "ends before it starts"),
        ({"reference": [-3, -1]}, "meaningless with contrast='level'"),
        ({"cluster": "moth"}, "did you mean 'month'"),
        ({"cluster": np.zeros(3)}, "3 values for 200 units"),
        ({"se": "abadie-imbens-homoscedastic", "cluster": "month"}, "meaningless with clusters"),
        ({"periods": [0, 1]}, "6\\) for 200 units and 2 periods"),
    ],
)
def test_mistakes_get_one_sentence(options: dict[str, Any], message: str) -> None:
    design, outcomes = draw()
    with pytest.raises(InputError, match=message):
        estimate(design, outcomes, **({"periods": PERIODS} | options))


def test_other_refusals() -> None:
    design, outcomes = draw()
    with pytest.raises(InputError, match="3 rows for 200 units"):
        estimate(design, outcomes[:3])
    with pytest.raises(InputError, match="name them with periods="):
        estimate(design, outcomes)
    named = Outcomes("y", outcomes, tuple(PERIODS), design.comparison.unit)
    with pytest.raises(InputError, match="an Outcomes has its own"):
        estimate(design, named, periods=PERIODS)
    kept = estimate(design, outcomes[:, 0], se="abadie-imbens-homoscedastic")
    assert kept.table["contribution_kind"].iloc[0] == "none"
    with pytest.raises(InputError, match="no contributions"):
        kept.covariance()


def test_2016_is_refused_with_a_caliper(lalonde: Comparison) -> None:
    design = NearestNeighbour(caliper=0.2).fit(lalonde)
    with pytest.raises(InputError, match=r"2016.*caliper"):
        estimate(design, np.zeros(len(lalonde)), se="abadie-imbens-2016")


def test_words() -> None:
    design, outcomes = draw()
    effects: Any = estimate(design, outcomes, periods=PERIODS)
    assert repr(effects).startswith("Effects(outcome: 6 estimates, Abadie–Imbens 2006")
    text = effects.summary()
    assert "ensemble des traités" in text
    assert f"{effects.table['estimate'].iloc[0]:.4f}" in text
