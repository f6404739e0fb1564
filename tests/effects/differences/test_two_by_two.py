"""Two periods and two groups: what R's DRDID prints, peers on random data, derivatives by the
weights, a simulation, and samples at the edge."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import moderndid
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.differences.cross_section_scores import att_of_levels
from pacte_eval.effects.differences.group_time.estimator import GroupTimeATT
from pacte_eval.effects.differences.nuisances import LeastSquares, logit_odds, tilted_odds
from pacte_eval.effects.differences.two_by_two import DifferenceInDifferences, Method
from pacte_eval.frames import CrossSections, Panel

METHODS: tuple[Method, ...] = get_args(Method)
ADJUSTED = METHODS[1:]
COLUMNS = ["age", "educ", "black", "married", "nodegree", "hisp", "re74"]
ROWS: dict[str, Method] = {
    "outcome regression": "reg",
    "inverse probability": "ipw-ht",
    "inverse probability, normalised": "ipw",
    "doubly robust": "dr",
    "doubly robust, improved": "dr-improved",
}
PEERS: Any = importlib.import_module("moderndid.drdid")
REFERENCE = pd.read_csv(
    Path(__file__).parents[2] / "reference" / "difference_in_differences.csv", dtype=str
).set_index("specification")


@pytest.fixture(scope="module")
def nsw() -> Panel:
    frame = moderndid.load_nsw().to_pandas()
    assert len(frame) == 32_834
    assert frame["re"].sum() == pytest.approx(459_181_035.361, abs=0.01)
    frame["first"] = np.where(frame["experimental"] == 1, 1978.0, np.nan)
    return Panel.from_frame(
        frame, unit="id", period="year", first_treated="first", outcome="re", covariates=COLUMNS
    )


@pytest.mark.parametrize("name", ROWS)
def test_what_r_prints(name: str, nsw: Panel) -> None:
    row, found = REFERENCE.loc[name], fit(nsw, ROWS[name])
    for column in ("estimate", "se"):
        printed = Decimal(str(row[column]))
        digit = 10.0 ** int(printed.as_tuple().exponent)
        assert abs(found[column] - float(printed)) <= max(float(str(row["tolerance"])), digit)
    assert [found["n_treated"], found["n_control"]] == [
        int(str(row["n_treated"])),
        int(str(row["n_control"])),
    ]
    assert found["base_period"] == "1975"
    assert found["control_group"] == "unités jamais traitées"


def test_every_row_of_r_is_tested() -> None:
    assert set(REFERENCE.index) == set(ROWS)


def fit(sample: Panel | CrossSections, method: Method) -> Any:
    return DifferenceInDifferences(method).fit(sample).table.iloc[0]


def sample(seed: int, units: int = 150, weighted: bool = False) -> dict[str, np.ndarray]:
    """A panel whose treated differ in covariates that change trends."""
    random = np.random.default_rng(seed)
    x = np.column_stack([random.normal(size=units), random.random(units) < 0.4]).astype(float)
    treated = random.random(units) < 1 / (1 + np.exp(0.4 - x @ [0.6, -0.5]))
    before = x @ [1.0, 2.0] + random.normal(size=units)
    after = before + 1 + x @ [0.5, -1.0] + 2 * treated + random.normal(size=units)
    return {
        "x": x,
        "treated": treated,
        "before": before,
        "after": after,
        "post": random.random(units) < 0.5,
        "weights": random.uniform(0.5, 2.0, units) if weighted else np.ones(units),
    }


def panel_of(data: dict[str, np.ndarray], **changed: Any) -> Panel:
    units = len(data["treated"])
    given: dict[str, Any] = {
        "outcome": "y",
        "values": np.column_stack([data["before"], data["after"]]),
        "periods": np.array([1, 2]),
        "unit": pd.RangeIndex(units),
        "first_treated": np.where(data["treated"], 2.0, np.nan),
        "covariates": pd.DataFrame(data["x"], columns=["a", "b"]),
        "cluster": np.arange(units),
        "weights": data["weights"],
    }
    return Panel(**given | changed)


def sections_of(data: dict[str, np.ndarray], **changed: Any) -> CrossSections:
    units = len(data["treated"])
    given: dict[str, Any] = {
        "outcome": "y",
        "values": np.where(data["post"], data["after"], data["before"]),
        "period": np.where(data["post"], 2, 1),
        "first_treated": np.where(data["treated"], 2.0, np.nan),
        "covariates": pd.DataFrame(data["x"], columns=["a", "b"]),
        "cluster": np.arange(units),
        "weights": data["weights"],
    }
    return CrossSections(**given | changed)


ONE_SAMPLE = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("method", ADJUSTED)
@ONE_SAMPLE
@given(seed=st.integers(0, 10**6), weighted=st.booleans())
@pytest.mark.filterwarnings("ignore")
def test_panels_agree_with_a_peer(method: Method, seed: int, weighted: bool) -> None:
    data = sample(seed, weighted=weighted)
    found = fit(panel_of(data), method)
    columns, treated = sm.add_constant(data["x"]), data["treated"].astype(float)
    if method == "dr":
        # The peer weighs its regression by the odds: equation 3.1 by hand instead.
        expected, error = doubly_robust_by_hand(data), None
    else:
        peer = {
            "reg": PEERS.reg_did_panel,
            "ipw": PEERS.std_ipw_did_panel,
            "ipw-ht": PEERS.ipw_did_panel,
            "dr-improved": PEERS.drdid_imp_panel,
        }[method]
        made = peer(data["after"], data["before"], treated, columns, data["weights"].copy())
        expected, error = made.att, made.se
    assert found["estimate"] == pytest.approx(expected, abs=1e-8)
    if error is not None:
        assert found["se"] == pytest.approx(error, rel=1e-4 if method == "dr-improved" else 1e-8)


def doubly_robust_by_hand(data: dict[str, np.ndarray]) -> float:
    columns, treated, weights = sm.add_constant(data["x"]), data["treated"], data["weights"]
    score = sm.GLM(
        treated.astype(float), columns, family=sm.families.Binomial(), freq_weights=weights
    ).fit(tol=1e-14)
    change = data["after"] - data["before"]
    slopes = sm.WLS(change[~treated], columns[~treated], weights=weights[~treated]).fit().params
    gap = change - columns @ slopes
    odds = score.fittedvalues / (1 - score.fittedvalues)
    return float(
        np.average(gap[treated], weights=weights[treated])
        - np.average(gap[~treated], weights=(weights * odds)[~treated])
    )


@pytest.mark.parametrize("method", ADJUSTED)
@ONE_SAMPLE
@given(seed=st.integers(0, 10**6), weighted=st.booleans())
@pytest.mark.filterwarnings("ignore")
def test_cross_sections_agree_with_a_peer(method: Method, seed: int, weighted: bool) -> None:
    data = sample(seed, units=240, weighted=weighted)
    sections = sections_of(data)
    peer = {
        "reg": PEERS.reg_did_rc,
        "ipw": PEERS.std_ipw_did_rc,
        "ipw-ht": PEERS.ipw_did_rc,
        "dr": PEERS.drdid_rc,
        "dr-improved": PEERS.drdid_imp_local_rc,
    }[method]
    made = peer(
        sections.values,
        data["post"].astype(float),
        data["treated"].astype(float),
        sm.add_constant(data["x"]),
        data["weights"].copy(),
    )
    found = fit(sections, method)
    assert found["estimate"] == pytest.approx(made.att, abs=1e-8)
    if method in ("reg", "ipw"):
        assert found["se"] == pytest.approx(made.se, rel=1e-8)
    elif method == "dr-improved":
        assert found["se"] == pytest.approx(made.se, rel=1e-4)


# The influence of the improved estimator in cross-sections is that of the limit: a peer checks it.
@pytest.mark.parametrize(
    ("make", "method"),
    [
        *((panel_of, method) for method in METHODS),
        *((sections_of, method) for method in METHODS if method != "dr-improved"),
    ],
)
def test_contributions_are_derivatives_by_the_weights(
    make: Callable[..., Any], method: Method
) -> None:
    """The influence of a unit is what the estimate gains from a little more of its weight."""
    data, step = sample(3, units=60, weighted=True), 1e-5
    effects = DifferenceInDifferences(method).fit(make(data))
    contributions = effects.contributions([0])[:, 0]  # type: ignore[misc]
    for unit in range(0, 60, 7):
        estimates = []
        for sign in (1, -1):
            weights = data["weights"].copy()
            weights[unit] *= 1 + sign * step
            estimates.append(fit(make(data, weights=weights), method)["estimate"])
        moved = (estimates[0] - estimates[1]) / (2 * step)
        # Tilting stops when seven digits agree.
        precision = 1e-5 if method == "dr-improved" else 1e-7
        assert contributions[unit] == pytest.approx(moved, abs=precision)
    assert effects.table["se"].iloc[0] == pytest.approx(np.linalg.norm(contributions))


def test_tilting_gives_controls_the_means_of_the_treated() -> None:
    data = sample(5, weighted=True)
    columns, treated, weights = sm.add_constant(data["x"]), data["treated"], data["weights"]
    odds = tilted_odds(treated, columns, weights)
    weighted = np.where(treated, weights, -weights * odds.values)
    np.testing.assert_allclose(columns.T @ weighted / weights.sum(), 0, atol=1e-6)


def test_all_methods_are_the_difference_of_means_without_covariates() -> None:
    data = sample(8, weighted=True)
    none = pd.DataFrame(index=range(150))
    for make in (panel_of, sections_of):
        bare = {name: fit(make(data, covariates=none), name) for name in METHODS}
        by_hand = fit(make(data), "means")
        for name, found in bare.items():
            if name == "ipw-ht" and make is sections_of:
                continue  # its sums are divided by shares of the whole
            assert found["estimate"] == pytest.approx(by_hand["estimate"], abs=1e-10), name
            assert found["se"] == pytest.approx(by_hand["se"], rel=1e-6), name
    moved = data["after"] - data["before"]
    side, weights = data["treated"], data["weights"]
    means = [np.average(moved[arm], weights=weights[arm]) for arm in (side, ~side)]
    found = fit(panel_of(data), "means")
    assert found["estimate"] == pytest.approx(means[0] - means[1])
    assert [found["treated_mean"], found["control_mean"]] == pytest.approx(means)
    assert "selon" not in found["estimator"]


@pytest.mark.slow
@pytest.mark.parametrize(("wrong", "biased"), [("regression", "reg"), ("score", "ipw")])
def test_one_wrong_model_of_two_does_no_harm(wrong: str, biased: Method) -> None:
    """The square of the covariate is in trends, or in the score, and no model has it."""
    random = np.random.default_rng(11)
    names: tuple[Method, ...] = ("dr", "dr-improved", biased, "means")
    found: dict[str, list[float]] = {name: [] for name in names}
    covered = dict.fromkeys(names, 0)
    runs, units = 40, 600
    for _ in range(runs):
        x = random.normal(size=units)
        bump = x**2 * (wrong == "score")
        treated = random.random(units) < 1 / (1 + np.exp(1 - 0.7 * x - 0.5 * bump))
        trend = 1 + x + x**2 * (wrong == "regression")
        change = trend + 0.5 * treated + random.normal(size=units)
        data = {
            "x": np.column_stack([x, np.zeros(units)]),
            "treated": treated,
            "before": np.zeros(units),
            "after": change,
            "weights": np.ones(units),
        }
        for name in names:
            row = fit(panel_of(data), name)
            found[name].append(row["estimate"])
            covered[name] += row["ci_low"] <= 0.5 <= row["ci_high"]
    noise = {name: np.std(values) / np.sqrt(runs) for name, values in found.items()}
    bias = {name: np.mean(values) - 0.5 for name, values in found.items()}
    for name in ("dr", "dr-improved"):
        assert abs(bias[name]) < 3 * noise[name]
        assert covered[name] / runs > 0.86
    assert abs(bias[biased]) > 6 * noise[biased]
    assert abs(bias["means"]) > 15 * noise["means"]


def test_cross_sections_recover_a_planted_effect() -> None:
    random, estimates, covered, runs = np.random.default_rng(2), [], 0, 60
    for seed in random.integers(0, 10**6, runs):
        row = fit(sections_of(sample(int(seed), units=600)), "dr")
        estimates.append(row["estimate"])
        covered += row["ci_low"] <= 2 <= row["ci_high"]
    assert abs(np.mean(estimates) - 2) < 3 * np.std(estimates) / np.sqrt(runs)
    assert covered / runs > 0.89


def test_clusters_are_summed_and_named() -> None:
    data = sample(4)
    groups = np.arange(150) // 3
    panel = panel_of(data, cluster=groups)
    alone, summed = fit(panel_of(data), "dr"), DifferenceInDifferences("dr").fit(panel)
    assert summed.table["se_kind"].iloc[0] == "fonction d'influence, par grappe (50)"
    contributions = DifferenceInDifferences("dr").fit(panel_of(data)).contributions
    assert contributions is not None
    sums = pd.Series(contributions([0])[:, 0]).groupby(groups).sum()
    error = np.sqrt((sums**2).sum() * 50 / 49)
    assert summed.table["se"].iloc[0] == pytest.approx(error)
    assert summed.table["estimate"].iloc[0] == alone["estimate"]
    few = fit(panel_of(data, cluster=np.arange(150) % 5), "dr")
    assert few["se_kind"].endswith("(5, peu de grappes)")
    with pytest.raises(InputError, match="all units are in one cluster"):
        fit(panel_of(data, cluster=np.zeros(150)), "dr")


def test_a_long_frame_gives_the_same_panel_twice_over() -> None:
    """Observations of a panel as cross-sections, clustered by unit, are the same difference."""
    data = sample(6)
    panel = panel_of(data)
    sections = DifferenceInDifferences("means").fit(panel.as_cross_sections())
    found = fit(panel, "means")
    assert sections.table["estimate"].iloc[0] == pytest.approx(found["estimate"])
    error = found["se"] * np.sqrt(150 / 149)
    assert sections.table["se"].iloc[0] == pytest.approx(error)
    assert sections.table["n_treated"].iloc[0] == found["n_treated"]


def test_units_not_observed_twice_are_counted() -> None:
    data = sample(7)
    values = np.column_stack([data["before"], data["after"]])
    treated, controls = np.flatnonzero(data["treated"]), np.flatnonzero(~data["treated"])
    values[treated[:12], 0] = np.nan
    values[controls[:3], 1] = np.nan
    found = fit(panel_of(data, values=values), "dr")
    kept = np.isfinite(values).all(axis=1)
    alone = fit(panel_of(data).subset(kept), "dr")
    assert found["estimate"] == pytest.approx(alone["estimate"], rel=1e-12)
    assert found["n_treated"] == len(treated) - 12
    assert found["target_population"] == (
        "traités observés aux deux périodes (12 traités et moins de 11 témoins ne le sont pas)"
    )
    values[:, 1] = np.nan
    with pytest.raises(InputError, match="no treated unit is observed at both periods"):
        fit(panel_of(data, values=values), "dr")


def test_a_group_treated_later_serves_as_controls() -> None:
    data = sample(9)
    first = np.where(data["treated"], 2.0, 7.0)
    found = fit(panel_of(data, first_treated=first), "dr")
    assert found["control_group"] == "unités traitées après 2"
    assert found["estimate"] == fit(panel_of(data), "dr")["estimate"]
    first[np.flatnonzero(~data["treated"])[:5]] = np.nan
    both = fit(panel_of(data, first_treated=first), "dr")
    assert both["control_group"] == "unités jamais traitées ou traitées après 2"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [panel_of, sections_of])
def test_one_treated_unit_has_an_estimate_without_error(
    method: Method, make: Callable[..., Any]
) -> None:
    data = sample(10, units=60)
    data["x"][:] = np.random.default_rng(1).normal(size=(60, 2))
    central = np.argsort((data["x"] ** 2).sum(axis=1))[:2]
    data["treated"][:] = False
    data["treated"][central[: 2 if make is sections_of else 1]] = True
    data["post"][central] = [True, False]
    if method in ("dr", "dr-improved") and make is sections_of:
        with pytest.raises(InputError, match="a regression is not determined by its 1 units"):
            fit(make(data), method)
        return
    found = fit(make(data), method)
    assert np.isfinite(found["estimate"])
    assert np.isnan(found["se"])
    assert np.isnan(found["p"])


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_outcome_has_no_effect_and_no_error(method: Method) -> None:
    data = sample(12)
    data["before"][:] = data["after"][:] = 3.3
    found = fit(panel_of(data), method)
    assert [found["estimate"], found["se"]] == [0, 0]
    data["after"] += 0.7
    if method != "ipw-ht":
        found = fit(panel_of(data), method)
        assert found["estimate"] == pytest.approx(0, abs=1e-6)
        assert np.isnan(found["p"])


def test_constant_and_collinear_covariates_are_left_out_and_named() -> None:
    data = sample(13)
    covariates = pd.DataFrame(data["x"], columns=["a", "b"]).assign(
        one=1.0, twice=2 * data["x"][:, 0]
    )
    found = fit(panel_of(data, covariates=covariates), "dr")
    assert found["estimate"] == pytest.approx(fit(panel_of(data), "dr")["estimate"], rel=1e-10)
    assert found["estimator"].endswith(
        ", selon a, b (écartées, constantes ou colinéaires\u202f: one, twice)"
    )


@pytest.mark.parametrize("method", ["ipw", "ipw-ht", "dr", "dr-improved"])
def test_separation_is_refused_by_the_name_of_the_covariate(method: Method) -> None:
    data = sample(14)
    data["x"][:, 1] = data["treated"]
    with pytest.raises(InputError, match="covariate 'b'"):
        fit(panel_of(data), method)
    with pytest.raises(InputError, match="covariate 'b'"):
        fit(sections_of(data), method)


def test_too_few_controls_for_a_regression_are_refused() -> None:
    data = sample(15, units=60)
    data["treated"][:] = True
    data["treated"][:2] = False
    with pytest.raises(InputError, match=r"not determined by its 2 units, covariate '[ab]'"):
        fit(panel_of(data), "reg")


@pytest.mark.parametrize("make", [panel_of, sections_of])
@pytest.mark.parametrize("method", ["ipw", "ipw-ht", "dr", "dr-improved"])
def test_controls_of_extreme_score_weigh_nothing_and_are_counted(
    method: Method, make: Callable[..., Any]
) -> None:
    """Where 600 treated have 2 controls, these would weigh 300 each."""
    data = two_cells(600, 2)
    found = fit(make(data), method)
    assert found["n_control"] == (300 if make is panel_of else 150)
    assert found["control_group"] == (
        "unités jamais traitées, hors moins de 11 de score\u202f≥\u202f0,995"
    )
    if method == "ipw":
        kept = np.concatenate([np.arange(600), np.arange(602, 1002)])
        alone = {name: values[kept] for name, values in data.items()}
        expected = fit(make(alone), "means")["estimate"]
        assert found["estimate"] == pytest.approx(expected, rel=1e-9)
    if method != "dr-improved":
        with pytest.raises(InputError, match=r"a score of 0\.999 or more.*covariate 'a'"):
            fit(make(two_cells(1200, 1)), method)


def two_cells(treated: int, controls: int) -> dict[str, np.ndarray]:
    """Some treated and controls in a cell, 100 and 300 in another."""
    sizes = [treated, controls, 100, 300]
    side = np.repeat([True, False, True, False], sizes)
    place = np.arange(len(side))
    return {
        "x": np.column_stack([np.repeat([1.0, 1.0, 0.0, 0.0], sizes), np.zeros(len(side))]),
        "treated": side,
        "before": np.sin(place),
        "after": np.sin(place) + np.cos(place) + 2 * side,
        "post": place % 2 == 0,
        "weights": np.ones(len(side)),
    }


def test_what_is_not_two_by_two_is_refused_with_a_way_out() -> None:
    data = sample(16)
    three = panel_of(data, values=np.zeros((150, 3)), periods=np.array([1, 2, 3]))
    with pytest.raises(InputError, match="there are 3: keep two, or use GroupTimeATT"):
        fit(three, "dr")
    early = np.where(data["treated"], 1.0, np.nan)
    with pytest.raises(InputError, match=r"rows first treated by period 1 .*groups 1"):
        fit(panel_of(data, first_treated=early), "dr")
    two = panel_of(data, periods=np.array([1, 4]))
    first = two.first_treated.copy()
    first[np.flatnonzero(data["treated"])[:5]] = 3.0
    with pytest.raises(InputError, match="the groups 2, 3 are first treated after period 1"):
        fit(replace(two, first_treated=first), "dr")
    with pytest.raises(InputError, match="no group is first treated"):
        fit(panel_of(data, first_treated=np.full(150, np.nan)), "dr")
    with pytest.raises(InputError, match="no control is there"):
        fit(panel_of(data, first_treated=np.full(150, 2.0)), "dr")
    with pytest.raises(InputError, match="did you mean 'dr'"):
        DifferenceInDifferences("drr").fit(panel_of(data))  # type: ignore[arg-type]
    one_side = sections_of(data)
    post = one_side.period == 2
    with pytest.raises(InputError, match="no treated row is seen before"):
        fit(replace(one_side, first_treated=np.where(data["treated"] & post, 2.0, np.nan)), "reg")


def test_nuisances_scale_with_their_columns() -> None:
    data = sample(17)
    columns, treated = sm.add_constant(data["x"]), data["treated"]
    large = columns * [1, 1e6, 1e-6]
    direction = np.random.default_rng(0).normal(size=150)
    for odds in (logit_odds, tilted_odds):
        one, other = (odds(treated, made, data["weights"]) for made in (columns, large))
        np.testing.assert_allclose(one.values, other.values, rtol=1e-8)
        np.testing.assert_allclose(one.influence(direction), other.influence(direction), atol=1e-8)
    fits = [LeastSquares.fit(made, data["after"], data["weights"]) for made in (columns, large)]
    np.testing.assert_allclose(fits[0].fitted, fits[1].fitted, rtol=1e-9)


@pytest.mark.parametrize("method", ["reg", "ipw", "dr"])
@pytest.mark.parametrize("make", [panel_of, sections_of])
def test_group_time_effects_of_two_periods_are_the_same(
    method: Any, make: Callable[..., Any]
) -> None:
    data = sample(21, weighted=True)
    made = make(data, cluster=np.arange(150) % 60)
    one, other = DifferenceInDifferences(method).fit(made), GroupTimeATT(method=method).fit(made)
    (found,) = other.table.query("month == 0").index
    for column in ("estimate", "se", "n_treated", "n_control"):
        assert one.table[column].iloc[0] == pytest.approx(other.table[column][found], rel=1e-9)
    joint = one.beside(other).covariance().to_numpy()
    assert joint[0, 0] == pytest.approx(joint[0, 1 + found], rel=1e-9)


def test_scores_of_cross_sections_are_those_of_the_estimator() -> None:
    data = sample(18, weighted=True)
    sections = sections_of(data)
    made = att_of_levels(
        sections.values,
        data["post"],
        data["treated"],
        sm.add_constant(data["x"]),
        data["weights"],
        "dr",
    )
    found = fit(sections, "dr")
    assert found["estimate"] == pytest.approx(made.estimate, rel=1e-10)
    assert found["se"] == pytest.approx(np.linalg.norm(made.contributions), rel=1e-8)
