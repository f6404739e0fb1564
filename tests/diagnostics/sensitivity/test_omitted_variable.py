"""What is said of a variable left out is what happens when one that is known is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import InverseProbability, NearestNeighbour
from pacte_eval.diagnostics.sensitivity.omitted_variable import robustness, robustness_verdict
from pacte_eval.frames import Comparison, Outcomes

REFERENCE = pd.read_csv(Path(__file__).parents[2] / "reference" / "sensitivity.csv")


@pytest.fixture(scope="module")
def earnings(lalonde: Comparison, lalonde_frame: pd.DataFrame) -> Outcomes:
    return Outcomes("re78", lalonde_frame["re78"].to_numpy(dtype=float), [0], lalonde.unit)


def people(seed: int = 0, units: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    past, hidden = rng.normal(size=(2, units))
    treated = rng.random(units) < 1 / (1 + np.exp(-past - hidden))
    sex = rng.choice(["F", "M"], size=units)
    y = past + hidden + 0.8 * treated + 0.5 * (sex == "M") + rng.normal(size=units)
    weight = rng.uniform(0.5, 2, size=units)
    return pd.DataFrame(
        {"past": past, "hidden": hidden, "sex": sex, "treated": treated, "y": y, "weight": weight}
    )


def compared(frame: pd.DataFrame, *covariates: str) -> tuple[Comparison, Outcomes]:
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=covariates, weights="weight"
    )
    return comparison, Outcomes("y", frame["y"].to_numpy(), [24], comparison.unit)


@pytest.mark.parametrize("name", ["rv", "rv_alpha", "partial_r2"])
def test_published_robustness(lalonde: Comparison, earnings: Outcomes, name: str) -> None:
    rows = REFERENCE[REFERENCE["method"] == "omitted_variable"].set_index("quantity")
    found = robustness(lalonde, earnings, 0)
    expected = pytest.approx(float(rows["value"][name]), abs=float(rows["tolerance"][name]))
    assert getattr(found, name) == expected
    assert found.estimate == pytest.approx(1548.243802, abs=1e-6)


def test_leaving_out_a_known_variable_is_foretold_exactly() -> None:
    frame = people()
    found = robustness(*compared(frame, "past", "sex"), 24)
    whole = robustness(*compared(frame, "past", "sex", "hidden"), 24)
    weights = frame["weight"]
    short = smf.wls("y ~ treated + past + sex", frame, weights=weights).fit()
    long = smf.wls("y ~ treated + past + sex + hidden", frame, weights=weights).fit()
    entry = frame.assign(treated=frame["treated"].astype(float))
    without = smf.wls("treated ~ past + sex", entry, weights=weights).fit().ssr
    r2_dz = 1 - smf.wls("treated ~ past + sex + hidden", entry, weights=weights).fit().ssr / without
    r2_yd = 1 - long.ssr / short.ssr
    assert found.estimate == pytest.approx(short.params["treated[T.True]"], rel=1e-10)
    assert found.se == pytest.approx(short.bse["treated[T.True]"], rel=1e-10)
    assert found.freedom == short.df_resid
    expected = long.params["treated[T.True]"]
    assert expected < found.estimate
    assert found.adjusted_estimate(r2_dz, r2_yd) == pytest.approx(expected, rel=1e-9)
    assert found.adjusted_se(r2_dz, r2_yd) == pytest.approx(long.bse["treated[T.True]"], rel=1e-9)
    assert whole.estimate == pytest.approx(expected, rel=1e-10)


def test_the_robustness_values_are_where_estimate_and_test_give_way() -> None:
    found = robustness(*compared(people(1), "past", "sex"), 24)
    assert found.adjusted_estimate(found.rv, found.rv) == pytest.approx(0, abs=1e-10)
    share = found.rv_alpha
    t = found.adjusted_estimate(share, share) / found.adjusted_se(share, share)
    assert abs(t) == pytest.approx(stats.t.isf(0.025, found.freedom - 1), rel=1e-10)
    assert found.partial_r2 == pytest.approx(found.t**2 / (found.t**2 + found.freedom))


def test_where_a_smaller_share_of_the_outcome_does_more() -> None:
    """A t so large, on so few, that the least t is not at the largest share (13 units)."""
    frame = people(2, units=13)
    frame["y"] = 5.0 * frame["treated"] + 0.3 * frame["past"] + 0.5 * frame["y"].rank() / 13
    found = robustness(*compared(frame, "past"), 24)
    critical = stats.t.isf(0.025, found.freedom - 1)
    assert abs(found.t) / np.sqrt(found.freedom) > np.sqrt(found.freedom - 1) / critical
    grid = np.linspace(0, 0.9999, 2000)
    t = np.array(
        [
            found.adjusted_estimate(found.rv_alpha, share)
            / found.adjusted_se(found.rv_alpha, share)
            for share in grid[grid <= found.rv_alpha]
        ]
    )
    assert t.min() == pytest.approx(critical, rel=1e-3)


def test_a_hidden_variable_weaker_than_its_benchmark_is_bounded_by_it() -> None:
    """Both are orthogonal to each other and to the rest; the share of entry is foretold exactly."""
    rng = np.random.default_rng(3)
    columns = np.linalg.qr(np.column_stack([np.ones(400), rng.normal(size=(400, 5))]))[0][:, 1:]
    known, hidden, other, of_entry, of_outcome = columns.T * 20
    frame = pd.DataFrame({"known": known, "hidden": hidden, "other": other, "weight": 1.0})
    frame["treated"] = 0.5 * known + 0.3 * hidden + of_entry > 0
    frame["y"] = frame["treated"] + 0.6 * known + 0.4 * hidden + of_outcome
    found = robustness(*compared(frame, "known", "other"), 24, ["known", "other"]).table
    entry = frame.assign(treated=frame["treated"].astype(float))

    def share(left: str, right: str, added: str) -> float:
        with_it, without = (
            smf.ols(f"{left} ~ {formula}", entry).fit().ssr
            for formula in (f"{right} + {added}", right)
        )
        return float(1 - with_it / without)

    of_treatment, of_result = (
        share(left, right, "hidden") / share(left, right, "known")
        for left, right in (("treated", "other"), ("y", "other + treated"))
    )
    assert of_treatment < 1
    assert of_result < 1
    r2_dz = share("treated", "other + known", "hidden")
    assert r2_dz == pytest.approx(of_treatment * found["r2_dz"][0], rel=1e-9)
    assert share("y", "other + known + treated", "hidden") < found["r2_yd"][0] < 1
    assert found["covariate"].tolist() == ["known"] * 3 + ["other"] * 3
    assert found["r2_dz"][3] < found["r2_dz"][0]


def test_benchmarks_are_measured_by_all_levels_of_a_factor(
    lalonde: Comparison, earnings: Outcomes, lalonde_frame: pd.DataFrame
) -> None:
    found = robustness(lalonde, earnings, 0, ["race", "educ"])
    others = "age + educ + married + nodegree + re74 + re75"
    entry = {race: smf.ols(f"treat ~ {others} {race}", lalonde_frame).fit().ssr for race in RACE}
    outcome = {
        race: smf.ols(f"re78 ~ treat + {others} {race}", lalonde_frame).fit().ssr for race in RACE
    }
    of_entry, of_outcome = (1 - sums[RACE[1]] / sums[RACE[0]] for sums in (entry, outcome))
    race = found.table[found.table["covariate"] == "race"]
    assert race["times"].tolist() == [1, 2, 3]
    assert race["r2_dz"].iloc[0] == pytest.approx(of_entry / (1 - of_entry), rel=1e-9)
    between = of_entry**2 / (1 - of_entry) ** 2
    expected = (1 + np.sqrt(between)) ** 2 / (1 - between) * of_outcome / (1 - of_outcome)
    assert race["r2_yd"].iloc[0] == pytest.approx(expected, rel=1e-9)
    assert race.iloc[2, 2:].isna().all()
    assert (found.table["ci_low"].dropna() < found.table["estimate"].dropna()).all()


RACE = ["", "+ C(race)"]


def test_a_design_gives_its_weights(lalonde: Comparison, earnings: Outcomes) -> None:
    design = InverseProbability().fit(lalonde)
    found = robustness(design, earnings, 0)
    frame = lalonde.covariates.assign(
        treat=lalonde.treated.astype(float), re78=earnings.values[:, 0], weight=design.weights
    )
    formula = "re78 ~ treat + age + educ + race + married + nodegree + re74 + re75"
    known = smf.wls(formula, frame, weights=frame["weight"]).fit()
    assert found.estimate == pytest.approx(known.params["treat"], rel=1e-9)
    assert found.se == pytest.approx(known.bse["treat"], rel=1e-9)
    matched = NearestNeighbour().fit(lalonde)
    used = int((matched.weights > 0).sum())
    assert robustness(matched, earnings, 0).freedom == used - 10


def test_units_not_observed_are_left_out() -> None:
    comparison, outcomes = compared(people(4), "past", "sex")
    seen = np.arange(300) % 5 > 0
    censored = Outcomes("y", np.where(seen, outcomes.values[:, 0], np.nan), [24], comparison.unit)
    found = robustness(comparison, censored, 24)
    alone = robustness(comparison.subset(seen), outcomes, 24)
    assert (found.estimate, found.se) == pytest.approx((alone.estimate, alone.se), rel=1e-12)


def test_contours_are_broadcast() -> None:
    found = robustness(*compared(people(5), "past"), 24)
    grid = np.linspace(0, 0.5, 6)
    contour = found.adjusted_estimate(grid[:, np.newaxis], grid)
    assert np.shape(contour) == (6, 6)
    assert np.asarray(contour)[0] == pytest.approx([found.estimate] * 6)
    with pytest.raises(InputError, match="r2_dz must lie from 0 to 1 excluded"):
        found.adjusted_estimate(1.0, 0.5)


def test_an_outcome_that_does_not_vary_is_not_testable() -> None:
    frame = people(6).assign(y=3.0)
    found = robustness(*compared(frame, "past"), 24, ["past"])
    assert (found.estimate, found.se) == (0, 0)
    assert np.isnan([found.t, found.rv, found.rv_alpha]).all()
    verdict = robustness_verdict(found)
    assert verdict.worst == "non testable"
    assert "ne varie pas" in verdict.table["sentence"][0]


def test_an_outcome_predicted_without_fault_yields_to_nothing() -> None:
    frame = people(7)
    frame["y"] = 2.0 * frame["treated"] - frame["past"]
    found = robustness(*compared(frame, "past"), 24)
    assert found.estimate == pytest.approx(2)
    assert (found.se, found.t, found.partial_r2, found.rv, found.rv_alpha) == (0, np.inf, 1, 1, 1)


def test_verdicts_compare_with_the_strongest_benchmark() -> None:
    frame = people(8, units=2000)
    noise = np.random.default_rng(9).normal(size=2000)
    strong = robustness(*compared(frame.assign(noise=noise), "past", "noise"), 24, ["noise"])
    verdict = robustness_verdict(strong)
    assert verdict.worst == "pass"
    assert verdict.table["value"][0] == strong.rv_alpha > verdict.table["threshold"][0]
    weak = robustness_verdict(
        robustness(*compared(frame.assign(noise=noise), "past", "noise"), 24, ["noise", "past"])
    )
    assert weak.worst == "warning"
    sentence = weak.table["sentence"][0]
    assert sentence.startswith("Sur un plan compagnon (régression pondérée)")
    assert "aussi fort que «\u202fpast\u202f»" in sentence
    alone = robustness_verdict(robustness(*compared(frame, "past"), 24))
    assert alone.worst == "non testable"
    assert "aucune covariable de référence" in alone.table["sentence"][0]
    nothing = frame.assign(y=np.random.default_rng(1).normal(size=2000))
    none = robustness_verdict(robustness(*compared(nothing, "past"), 24, ["past"]))
    assert none.worst == "non concluant"


def test_what_no_regression_tells_apart_is_refused() -> None:
    frame = people(10)
    with pytest.raises(InputError, match="benchmark 'pats' is not a covariate: did you mean"):
        robustness(*compared(frame, "past"), 24, ["pats"])
    with pytest.raises(InputError, match="covariates determine who is treated"):
        robustness(*compared(frame.assign(twin=frame["treated"]), "past", "twin"), 24)
    with pytest.raises(InputError, match="fewer than 11 units are too few"):
        robustness(*compared(people(11, units=5), "past", "hidden"), 24)
    comparison, outcomes = compared(frame, "past")
    with pytest.raises(InputError, match="not observed at 36"):
        robustness(comparison, outcomes, 36)
