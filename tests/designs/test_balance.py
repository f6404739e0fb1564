"""Balance against cobalt and MatchIt, against its definitions, and within cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, Logit, NearestNeighbour
from pacte_eval.designs.balance import DENOMINATOR
from pacte_eval.designs.design import matched_weights, support_table
from pacte_eval.designs.matching.sets import MatchedSets
from pacte_eval.effects import estimate
from pacte_eval.frames import Comparison

REFERENCE: Any = pd.read_csv(Path(__file__).parents[1] / "reference" / "balance.csv")

# MatchIt:::qqsum(x, treat, weights, standardize = TRUE)["meandiff"], before and after.
ECDF = {
    "score": (0.377423218261, 0.038734188945),
    "age": (0.0813390663391, 0.0993362831858),
    "educ": (0.0347223189328, 0.0298090358640),
    "re74": (0.224794889041, 0.0456567953725),
    "re75": (0.134171446531, 0.0507109475987),
}


def matched(comparison: Comparison, score: np.ndarray, pairs: list[tuple[int, int]]) -> Design:
    target, source = np.array(sorted(pairs)).T
    shape = (len(target), len(comparison))
    entries = (np.ones(len(target)), (np.arange(len(target)), source))
    matches = MatchedSets(target, np.arange(len(target)), sparse.csr_matrix(entries, shape=shape))
    weights = matched_weights(comparison, matches)
    return Design(
        comparison=comparison,
        weights=weights,
        support=support_table(comparison, weights > 0, []),
        settings={"design": "Pairs"},
        kind="pairs",
        score=score,
        matches=matches,
    )


def weighted(comparison: Comparison, weights: np.ndarray, **settings: Any) -> Design:
    return Design(
        comparison=comparison,
        weights=weights,
        support=support_table(comparison, weights > 0, []),
        settings={"design": "Weights"},
        kind="weights",
        **settings,
    )


@pytest.fixture(scope="module")
def pairs(lalonde: Comparison) -> Design:
    """MatchIt's default with caliper 0.2: largest score first, without replacement."""
    score = Logit().fit(lalonde).scores
    place = np.argsort(np.argsort(score, kind="stable"))
    treated, free = np.flatnonzero(lalonde.treated), set(np.flatnonzero(~lalonde.treated))
    found = []
    for target in treated[np.argsort(-score[treated], kind="stable")]:
        near = {
            source: (
                round(abs(score[source] - score[target]), 12),
                abs(place[source] - place[target]),
            )
            for source in free
        }
        best = min(near, key=near.__getitem__)
        if near[best][0] <= 0.2 * score.std(ddof=1):
            found.append((int(target), int(best)))
            free.remove(best)
    assert len(found) == 113
    return matched(lalonde, score, found)


def test_balance_is_cobalt_s(pairs: Design) -> None:
    table: Any = pairs.balance().set_index("covariate")
    for row in REFERENCE.itertuples():
        found = table.loc[row.covariate, row.statistic]
        assert found == pytest.approx(row.value, abs=1e-6), (row.covariate, row.statistic)


def test_mean_distance_is_matchit_s(pairs: Design) -> None:
    table: Any = pairs.balance().set_index("covariate")
    for covariate, (before, after) in ECDF.items():
        assert table.loc[covariate, "ecdf_before"] == pytest.approx(before, rel=1e-10)
        assert table.loc[covariate, "ecdf_after"] == pytest.approx(after, rel=1e-10)


def frames() -> st.SearchStrategy[pd.DataFrame]:
    rows = st.tuples(
        st.booleans(),
        st.integers(-2, 2).map(float),
        st.sampled_from("abc"),
        st.floats(0.1, 3),
        st.just(0.0) | st.floats(0.01, 2),
    )
    both = st.lists(rows, min_size=3, max_size=25).filter(
        lambda some: len({row[0] for row in some if row[4] > 0}) == 2
    )
    return both.map(lambda some: pd.DataFrame(some, columns=["t", "x", "f", "s", "w"]))


@settings(max_examples=60, deadline=None)
@given(frames())
def test_each_number_is_its_definition(frame: pd.DataFrame) -> None:
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x", "f"], weights="s")
    table: Any = weighted(comparison, frame["w"].to_numpy()).balance()
    for _, row in table.iterrows():
        x = frame["x"] if row["level"] == "" else (frame["f"] == row["level"]).astype(float)
        binary = set(x) <= {0.0, 1.0}
        for moment, w in (("before", frame["s"]), ("after", frame["w"])):
            mean, variance, below = {}, {}, {}
            for arm, name in ((True, "treated"), (False, "control")):
                here, share = x[frame["t"] == arm], w[frame["t"] == arm]
                share = share / share.sum()
                mean[name] = (share * here).sum()
                square = (share * (here - mean[name]) ** 2).sum()
                freedom = 1 - (share**2).sum()
                variance[name] = (
                    square if binary else square / freedom if freedom > 1e-12 else np.nan
                )
                below[name] = np.array([share[here <= cut].sum() for cut in sorted(set(x))])
                assert row[f"mean_{name}_{moment}"] == pytest.approx(mean[name], abs=1e-12)
            gap = abs(below["treated"] - below["control"])
            assert row[f"ks_{moment}"] == pytest.approx(gap.max(), abs=1e-12)
            average = gap.max() if binary else gap.mean()
            assert row[f"ecdf_{moment}"] == pytest.approx(average, abs=1e-12)
            if moment == "before":
                deviation = np.sqrt(max(variance["treated"], 0.0))
                assert row["sd_treated"] == pytest.approx(deviation, abs=1e-9, nan_ok=True)
            if deviation > 1e-6:
                smd = (mean["treated"] - mean["control"]) / deviation
                assert row[f"smd_{moment}"] == pytest.approx(smd, abs=1e-8)
            if not binary and variance["control"] > 1e-6 and variance["treated"] > 1e-6:
                ratio = variance["treated"] / variance["control"]
                assert row[f"variance_ratio_{moment}"] == pytest.approx(ratio, rel=1e-6)


@pytest.mark.parametrize(
    ("estimand", "name"),
    [("ATT", "sd_treated"), ("ATC", "sd_control"), ("ATE", "sd_pooled"), ("ATO", "sd_pooled")],
)
def test_the_denominator_is_named_after_whose_it_is(
    lalonde: Comparison, estimand: Any, name: str
) -> None:
    table: Any = weighted(lalonde, np.ones(614), estimand=estimand).balance().set_index("covariate")
    age = lalonde.covariates["age"]
    spread = {
        "sd_treated": age[lalonde.treated].std(),
        "sd_control": age[~lalonde.treated].std(),
        "sd_pooled": np.sqrt((age[lalonde.treated].var() + age[~lalonde.treated].var()) / 2),
    }
    assert [column for column in table if column.startswith("sd_")] == [name]
    assert table.loc["age", name] == pytest.approx(spread[name])
    gap = age[lalonde.treated].mean() - age[~lalonde.treated].mean()
    assert table.loc["age", "smd_before"] == pytest.approx(gap / spread[name])


def test_errors_of_weighted_gaps_are_those_of_a_weighted_regression(lalonde: Comparison) -> None:
    weights = np.random.default_rng(3).uniform(0.2, 2, 614)
    table: Any = weighted(lalonde, weights).balance().set_index("covariate")
    exposure = sm.add_constant(lalonde.treated.astype(float))
    for name in ("age", "married", "re74"):
        fit = sm.WLS(lalonde.covariates[name].to_numpy(), exposure, weights=weights).fit()
        expected = fit.get_robustcov_results("HC0").bse[1] / table.loc[name, "sd_treated"]
        assert table.loc[name, "smd_se"] == pytest.approx(expected, rel=1e-10)


def test_rows_of_one_person_count_once(lalonde_frame: pd.DataFrame) -> None:
    weights = np.random.default_rng(3).uniform(0.2, 2, 614)
    names = ["age", "race", "re74"]
    once = Comparison.from_frame(lalonde_frame, treated="treat", covariates=names)
    twice = Comparison.from_frame(
        pd.concat([lalonde_frame, lalonde_frame], ignore_index=True).assign(
            person=lambda frame: frame["rownames"].astype(str)
        ),
        treated="treat",
        covariates=names,
        cluster="person",
    )
    errors = [
        table["smd_se"] * table["sd_treated"]
        for table in (
            weighted(once, weights).balance(),
            weighted(twice, np.tile(weights, 2)).balance(),
        )
    ]
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-10)


@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE"])
def test_errors_of_matched_gaps_are_abadie_and_imbens_s(lalonde: Comparison, estimand: Any) -> None:
    design = NearestNeighbour(neighbours=3, estimand=estimand).fit(lalonde)
    table: Any = design.balance().set_index("covariate")
    for name in ("age", "educ", "re75"):
        effects: Any = estimate(
            design,
            lalonde.covariates[name].to_numpy(),
            se="abadie-imbens-homoscedastic",
            adjust="none",
        ).table
        denominator = table.loc[name, DENOMINATOR[estimand]]
        found = table.loc[name, ["smd_after", "smd_se"]] * denominator
        expected = effects.loc[0, ["estimate", "se"]]
        np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=1e-9)


def test_balance_within_an_exact_cell_is_that_of_the_cell_alone(lalonde: Comparison) -> None:
    score = Logit().fit(lalonde).scores
    whole: Any = NearestNeighbour(score, neighbours=2, exact=["race"]).fit(lalonde).balance("race")
    for level in ("black", "hispan", "white"):
        inside = (lalonde.covariates["race"] == level).to_numpy()
        alone = NearestNeighbour(score[inside], neighbours=2).fit(lalonde.subset(inside))
        rows = whole[(whole["cell"] == level) & (whole["covariate"] != "race")]
        assert set(rows["n_treated"]) == {alone.n_treated}
        assert set(rows["n_control"]) == {alone.n_control}
        expected = alone.balance()
        expected = expected[expected["covariate"] != "race"]
        pd.testing.assert_frame_equal(
            rows[expected.columns].reset_index(drop=True),
            expected.reset_index(drop=True),
            rtol=1e-8,
            atol=1e-12,
        )


def test_after_matching_a_cell_is_compared_with_whom_its_targets_are_matched(
    lalonde: Comparison,
) -> None:
    design = NearestNeighbour().fit(lalonde)
    table: Any = design.balance("married").set_index(["cell", "covariate"])
    pairs = design.pairs()
    married = lalonde.covariates["married"] == 1
    pairs = pairs[married.loc[pairs["treated"]].to_numpy()]
    age = lalonde.covariates["age"]
    row = table.loc[("1", "age")]
    expected = np.average(age.loc[pairs["control"]], weights=pairs["weight"])
    assert row["mean_control_after"] == pytest.approx(expected)
    assert row["mean_control_before"] == pytest.approx(age[married & ~lalonde.treated].mean())
    assert row["n_control"] == pairs["control"].nunique()


def test_a_weighted_cell_is_its_units(lalonde: Comparison) -> None:
    weights = np.random.default_rng(3).uniform(0.2, 2, 614)
    whole: Any = weighted(lalonde, weights).balance("nodegree")
    inside = (lalonde.covariates["nodegree"] == 1).to_numpy()
    alone = weighted(lalonde.subset(inside), weights[inside]).balance()
    rows = whole[whole["cell"] == "1"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows[alone.columns], alone, rtol=1e-9, atol=1e-12)


def test_cells_without_an_arm_are_said(lalonde_frame: pd.DataFrame) -> None:
    treated_seniors = (lalonde_frame["age"] >= 40) & (lalonde_frame["treat"] == 1)
    frame = lalonde_frame.assign(
        seniors=(lalonde_frame["age"] >= 40) & ~treated_seniors,
        zone=np.where(lalonde_frame["treat"] == 1, "z1", "z2"),
    )
    comparison = Comparison.from_frame(
        frame, treated="treat", covariates=["age", "educ"], cells=["seniors", "zone"]
    )
    design = NearestNeighbour().fit(comparison)
    table: Any = design.balance("seniors").set_index(["cell", "covariate"])
    assert list(table.index.get_level_values("cell").unique()) == ["non", "oui"]
    assert table.loc[("oui", "age"), "n_treated"] == 0
    assert np.isnan(table.loc[("oui", "age"), ["smd_before", "smd_after", "ks_after"]]).all()
    nobody = Comparison.from_frame(
        frame.assign(seniors=False), treated="treat", covariates=["age"], cells=["seniors"]
    )
    empty: Any = weighted(nobody, np.ones(614)).balance("seniors").set_index("cell").loc["oui"]
    assert (empty["n_treated"], empty["n_control"]) == (0, 0)
    missing = ["mean_treated_before", "smd_after", "ks_before", "ecdf_after"]
    assert empty[missing].isna().all()
    zones: Any = design.balance("zone").set_index(["cell", "covariate"])
    assert np.isnan(zones.loc[("z1", "age"), "smd_before"])
    assert np.isfinite(zones.loc[("z1", "age"), ["smd_after", "smd_se", "ks_after"]]).all()


def test_cells_are_told_apart_by_all_their_figures(lalonde_frame: pd.DataFrame) -> None:
    frame = lalonde_frame.assign(town=1_320_100 + lalonde_frame["nodegree"])
    comparison = Comparison.from_frame(frame, treated="treat", covariates=["age"], cells=["town"])
    table = weighted(comparison, np.ones(614)).balance("town")
    assert list(table["cell"]) == ["1320100", "1320101"]
    assert table["n_treated"].sum() == 185


def test_cells_that_are_none(lalonde_frame: pd.DataFrame) -> None:
    frame = pd.concat([lalonde_frame] * 2, ignore_index=True).assign(
        number=lambda frame: np.arange(len(frame)),
        place=pd.Series(["a"] * 1227).reindex(range(1228)),
    )
    comparison = Comparison.from_frame(
        frame, treated="treat", covariates=["age"], cells=["number", "place"]
    )
    design = weighted(comparison, np.ones(1228))
    with pytest.raises(InputError, match="by 'publc'"):
        design.balance("publc")
    with pytest.raises(InputError, match="1,228 values"):
        design.balance("number")
    with pytest.raises(InputError, match="'place' has fewer than 11 missing"):
        design.balance("place")


def test_products_are_those_of_columns(lalonde: Comparison, lalonde_frame: pd.DataFrame) -> None:
    names = ["age", "married", "race"]
    comparison = Comparison.from_frame(
        lalonde_frame, treated="treat", covariates=names, unit="rownames"
    )
    score = Logit().fit(lalonde).scores
    table: Any = NearestNeighbour(score).fit(comparison).balance(interactions=True)
    products: Any = table[table["covariate"].str.contains(":")]
    assert len(products) == 1 + 2 * 3
    made = pd.DataFrame(
        {
            "age:married": lalonde_frame["age"] * lalonde_frame["married"],
            **{
                f"{name}:race:{level}": lalonde_frame[name] * (lalonde_frame["race"] == level)
                for name in ("age", "married")
                for level in ("black", "hispan", "white")
            },
        }
    ).assign(treat=lalonde_frame["treat"], unit=lalonde_frame["rownames"])
    columns = [str(name) for name in made if ":" in str(name)]
    direct = Comparison.from_frame(made, treated="treat", covariates=columns, unit="unit")
    expected = NearestNeighbour(score).fit(direct).balance().iloc[1:]
    names = products["covariate"] + products["level"].where(
        products["level"] == "", ":" + products["level"]
    )
    assert list(names) == list(expected["covariate"])
    numbers = expected.columns.drop(["covariate", "level"])
    np.testing.assert_allclose(products[numbers], expected[numbers], rtol=1e-9, atol=1e-12)


def test_one_treated_unit_has_no_denominator() -> None:
    frame = pd.DataFrame({"t": [1, 0, 0], "x": [0.5, 1, 2], "flag": [True, False, True]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x", "flag"])
    table: Any = NearestNeighbour(frame["x"].to_numpy()).fit(comparison).balance()
    row = table.set_index("covariate").loc["x"]
    assert np.isnan(row[["sd_treated", "smd_before", "smd_after"]].astype(float)).all()
    assert row["mean_control_after"] == 1
    assert row["ks_before"] == 1
