"""Effects by group and period: what R's did prints, a peer on random panels, derivatives by the
weights, two-by-two panels by hand, a simulation, and panels at the edge."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import moderndid
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.differences.group_time.effects import GroupTimeEffects
from pacte_eval.effects.differences.group_time.estimator import GroupTimeATT
from pacte_eval.frames import CrossSections

from .dense_regressions import mpdta
from .staggered_panels import panel_of, staggered

REFERENCE: Any = pd.read_csv(
    Path(__file__).parents[2] / "reference" / "group_time.csv", dtype=str
).set_index("specification")
COVARIATES = {"no covariate": (), "lpop": ("lpop",)}
KINDS = ("simple", "dynamic", "group", "calendar")
RANDOM = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@cache
def of_mpdta(covariates: str) -> GroupTimeEffects:
    return GroupTimeATT().fit(mpdta(*COVARIATES[covariates]))


def of_reference(name: str) -> dict[str, Any]:
    """What we find for a row of the file."""
    what, covariates = name.rsplit(", ", 1)
    effects = of_mpdta(covariates)
    if what.startswith("pre-test"):
        test = effects.pretest()
        assert test.freedom == 5
        return {"estimate": test.p if what.endswith("p") else test.statistic}
    if what.startswith("("):
        group, period = (int(part) for part in what.strip("()").split(", "))
        table = effects.table
        return dict(table[(table["group"] == group) & (table["period"] == period)].iloc[0])
    if what.startswith("event time"):
        table = effects.aggregate("dynamic").table
        return dict(table[(table["month"] == int(what.split()[-1])).fillna(False)].iloc[0])
    if what == "dynamic balanced at 1":
        return dict(effects.aggregate("dynamic", balance=1).table.iloc[-1])
    return dict(effects.aggregate(what).table.iloc[-1])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", REFERENCE.index)
def test_what_r_prints(name: str) -> None:
    row, found = REFERENCE.loc[name], of_reference(name)
    for column in ("estimate", "se"):
        if isinstance(row[column], str):
            digit = 10.0 ** int(Decimal(row[column]).as_tuple().exponent)
            gap = abs(found[column] - float(row[column]))
            assert gap <= max(float(row["tolerance"]), digit)
    for column in ("n_treated", "n_control"):
        if isinstance(row[column], str):
            assert found[column] == int(row[column])


def test_outputs_name_weights_base_and_controls() -> None:
    effects = of_mpdta("lpop")
    before = effects.table["month"] < 0
    assert set(effects.table.loc[before, "base_period"]) == {"précédente"}
    assert set(effects.table.loc[~before, "base_period"]) == {"dernière avant le traitement"}
    assert set(effects.table["control_group"]) == {"jamais traités"}
    dynamic = effects.aggregate("dynamic").table
    assert dynamic["weights"].iloc[0] == "taille des groupes, 1 estimation"
    assert dynamic["weights"].iloc[3] == "taille des groupes, 3 estimations"
    assert dynamic["month"].isna().tolist() == [False] * 7 + [True]
    assert effects.pretest().summary() == (
        "Test des effets avant traitement\u202f: W = 6,84, 5 degrés de liberté, p = 0,233."
    )


def peer(
    frame: pd.DataFrame, covariates: Sequence[str], unit: str | None = "unit", **options: Any
) -> pd.DataFrame:
    """What moderndid finds, by group and period."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = moderndid.att_gt(
            frame.assign(first=frame["first"].fillna(0)),
            yname="y",
            tname="time",
            idname=unit,
            gname="first",
            weightsname="weight",
            xformla="~" + "+".join(covariates) if covariates else None,
            bstrap=False,
            cband=False,
            **options,
        )
    return pd.DataFrame(
        {"estimate": made.att_gt, "se": made.se_gt},
        index=pd.MultiIndex.from_arrays([made.groups, made.times], names=["group", "period"]),
    )


def sant_anna_zhao(
    y1: np.ndarray,
    y0: np.ndarray,
    d: np.ndarray,
    covariates: np.ndarray,
    i_weights: np.ndarray,
    influence_func: bool,
) -> Any:
    """Doubly robust, written out with statsmodels: the peer's weighs its regression by the odds."""
    weights, change = i_weights / i_weights.mean(), y1 - y0
    logit = sm.GLM(d, covariates, sm.families.Binomial(), freq_weights=weights)
    score = logit.fit(tol=1e-14).fittedvalues
    controls = d == 0
    fit = sm.WLS(change[controls], covariates[controls], weights=weights[controls]).fit()
    residual = change - covariates @ fit.params
    first, second = weights * d, weights * (1 - d) * score / (1 - score)
    means = [np.average(residual, weights=one) for one in (first, second)]
    ols = (weights * (1 - d) * residual)[:, np.newaxis] * covariates
    ols = ols @ np.linalg.inv((covariates * (weights * (1 - d))[:, np.newaxis]).T @ covariates)
    curve = (weights * score * (1 - score))[:, np.newaxis]
    slope = (weights * (d - score))[:, np.newaxis] * covariates
    slope = slope @ np.linalg.inv((covariates * curve).T @ covariates)
    gap = second * (residual - means[1])
    influence = first * (residual - means[0]) / first.sum() - gap / second.sum()
    influence -= ols @ (first @ covariates / first.sum() - second @ covariates / second.sum())
    influence -= slope @ (gap @ covariates) / second.sum()

    class Result:
        att = means[0] - means[1]
        att_inf_func = influence * len(d)

    return Result()


@RANDOM
@given(
    seed=st.integers(0, 10_000),
    method=st.sampled_from(["reg", "ipw", "dr"]),
    base=st.sampled_from(["varying", "universal"]),
    anticipation=st.integers(0, 1),
    covariates=st.sampled_from([(), ("a", "b")]),
)
def test_a_peer_on_random_panels(
    seed: int, method: Any, base: Any, anticipation: int, covariates: tuple[str, ...]
) -> None:
    frame = staggered(seed, units=200, weighted=True)
    effects = GroupTimeATT(method=method, base=base, anticipation=anticipation).fit(
        panel_of(frame, covariates)
    )
    other = peer(
        frame,
        covariates,
        est_method=sant_anna_zhao if method == "dr" else method,
        base_period=base,
        anticipation=anticipation,
    )
    table = effects.table.set_index(["group", "period"])
    assert len(table) == len(other)
    both = table.join(other.add_suffix("_peer"))
    np.testing.assert_allclose(both["estimate"], both["estimate_peer"], atol=1e-8)
    compared = both[both["month"] != -1 - anticipation if base == "universal" else both["se"] > 0]
    np.testing.assert_allclose(compared["se"], compared["se_peer"], atol=1e-8)


@RANDOM
@given(
    seed=st.integers(0, 10_000),
    control=st.sampled_from(["never-treated", "not-yet-treated"]),
    covariates=st.sampled_from([(), ("a", "b")]),
)
def test_a_peer_on_random_cross_sections(
    seed: int, control: Any, covariates: tuple[str, ...]
) -> None:
    """Without covariate these are the effects of the panel too, for which the peer takes only one
    of the groups not yet treated."""
    frame = staggered(seed, units=120, periods=5, groups=(3, 4, np.nan))
    made = CrossSections.from_frame(
        frame, period="time", first_treated="first", outcome="y", covariates=covariates
    )
    estimator = GroupTimeATT(control, "reg")
    other = peer(
        frame,
        covariates,
        est_method="reg",
        unit=None,
        panel=False,
        control_group=control.replace("-", ""),
    )
    table = estimator.fit(made).table.set_index(["group", "period"])
    both = table.join(other.add_suffix("_peer"))
    assert len(table) == len(other)
    np.testing.assert_allclose(both["estimate"], both["estimate_peer"], atol=1e-8)
    np.testing.assert_allclose(both["se"], both["se_peer"], atol=1e-8)
    if not covariates:
        panel = estimator.fit(panel_of(frame)).table
        np.testing.assert_allclose(panel["estimate"], table["estimate"], atol=1e-10)


def averages(effects: GroupTimeEffects) -> list[Any]:
    made: list[Any] = [effects.aggregate(kind) for kind in KINDS]  # type: ignore[arg-type]
    return [effects, *made, effects.aggregate("dynamic", balance=1)]


@pytest.mark.parametrize(
    ("control", "method", "base", "gaps"),
    [
        *product(["never-treated", "not-yet-treated"], ["dr", "ipw"], ["varying"], [0.0]),
        ("never-treated", "reg", "universal", 0.1),
        ("not-yet-treated", "dr", "varying", 0.1),
    ],
)
def test_contributions_are_derivatives_by_the_weights(
    control: Any, method: Any, base: Any, gaps: float
) -> None:
    """Of each unit, times its weight: in the average too, where the sizes of groups move."""
    frame = staggered(3, weighted=True, gaps=gaps)
    panel, estimator = panel_of(frame, ("a", "b")), GroupTimeATT(control, method, base)
    found = averages(estimator.fit(panel))
    for unit in (0, 5, 11, 40):
        step = 1e-4 * panel.weights[unit]
        moved = []
        for sign in (1, -1):
            weights = panel.weights.copy()
            weights[unit] += sign * step
            moved.append(averages(estimator.fit(replace(panel, weights=weights))))
        for one, up, down in zip(found, *moved, strict=True):
            slope = (up.table["estimate"] - down.table["estimate"]) / (2 * step)
            place = one.contributions.clusters.get_loc(panel.unit[unit])
            own = one.contributions(range(len(one)))[place]
            np.testing.assert_allclose(own, slope * panel.weights[unit], atol=1e-7)


def test_standard_errors_are_those_of_contributions() -> None:
    frame = staggered(4, units=300, gaps=0.05)
    for data in (
        panel_of(frame, ("a",)),
        panel_of(frame.assign(k=frame["unit"] % 40), cluster="k"),
    ):
        effects = GroupTimeATT("not-yet-treated", base="universal").fit(data)
        columns = effects.contributions(range(len(effects)))  # type: ignore[misc]
        np.testing.assert_allclose(effects.table["se"], np.sqrt((columns**2).sum(axis=0)))
        np.testing.assert_allclose(effects.covariance(), columns.T @ columns, atol=1e-14)
        average = effects.aggregate("dynamic")
        shares = effects.shares
        assert shares is not None
        assert average.contributions is not None
        np.testing.assert_allclose(
            average.table["se"].to_numpy(float),
            np.sqrt((average.contributions(range(len(average))) ** 2).sum(axis=0)),
        )


def test_a_cell_is_the_two_by_two_panel_of_its_units() -> None:
    """With gaps, and covariates that vary: units seen at both periods, covariates of the base."""
    frame = staggered(8, units=400, groups=(3, 5, np.nan), gaps=0.15)
    frame["moving"] = np.random.default_rng(1).normal(size=len(frame)) + frame["time"] * frame["b"]
    effects = GroupTimeATT("not-yet-treated").fit(panel_of(frame, ("a", "moving")))
    for row in effects.table.to_dict("records"):
        pair = frame[frame["time"].isin([row["base"], row["period"]])]
        pair = pair[pair.groupby("unit")["time"].transform("size") == 2]
        later = max(row["base"], row["period"])
        own = pair["first"] == row["group"]
        pair = pair[own | ~(pair["first"] <= later)]
        at_base = pair[pair["time"] == row["base"]].set_index("unit")["moving"]
        pair = pair.assign(
            first=np.where(pair["first"] == row["group"], row["period"], np.nan),
            moving=at_base.reindex(pair["unit"]).to_numpy(),
        )
        direct = GroupTimeATT().fit(panel_of(pair, ("a", "moving"))).table.iloc[0]
        for name in ("estimate", "se", "n_treated", "n_control"):
            assert row[name] == pytest.approx(direct[name], abs=1e-9)
    assert (effects.table["n_lost"] > 0).all()
    assert "observées aux deux périodes" in effects.table["target_population"].iloc[0]


def test_units_that_come_twice_are_weights_of_two() -> None:
    frame = staggered(5, units=150)
    twice = frame[frame["unit"] % 3 == 0].assign(unit=lambda part: part["unit"] + 1_000)
    doubled = pd.concat([frame, twice], ignore_index=True)
    doubled["who"] = doubled["unit"] % 1_000
    weighted = frame.assign(weight=1.0 + (frame["unit"] % 3 == 0))
    one = GroupTimeATT().fit(panel_of(doubled, ("a", "b"), cluster="who"))
    other = GroupTimeATT().fit(panel_of(weighted, ("a", "b")))
    factor = np.sqrt(150 / 149)
    for left, right in zip(averages(one), averages(other), strict=True):
        np.testing.assert_allclose(
            left.table["estimate"].astype(float), right.table["estimate"].astype(float), atol=1e-10
        )
        np.testing.assert_allclose(
            left.table["se"].astype(float), factor * right.table["se"].astype(float), rtol=1e-8
        )
    assert one.table["se_kind"].iloc[0] == "fonction d'influence, par grappe"


def test_order_scale_and_names_of_groups_do_not_matter() -> None:
    frame = staggered(6)
    plain = GroupTimeATT().fit(panel_of(frame, ("a", "b")))
    changed = frame.sample(frac=1, random_state=1).assign(a=lambda part: 1e4 + 50 * part["a"])
    changed["first"] = changed["first"].fillna(99)
    found = GroupTimeATT().fit(panel_of(changed, ("b", "a")))
    np.testing.assert_allclose(found.table["estimate"], plain.table["estimate"], atol=1e-10)
    np.testing.assert_allclose(found.table["se"], plain.table["se"], atol=1e-10)


def test_gaps_between_periods() -> None:
    frame = staggered(7)
    some = frame[frame["time"].isin([1, 2, 4, 6])]
    table = GroupTimeATT().fit(panel_of(some)).table.set_index(["group", "period"])
    everything = GroupTimeATT().fit(panel_of(frame)).table.set_index(["group", "period"])
    assert table.loc[(3, 4), "base"] == 2
    for key in ((3, 4), (3, 6)):
        assert table.loc[key, "estimate"] == pytest.approx(everything.loc[key, "estimate"])
    assert table.loc[(5, 6), "base"] == 4
    assert table.loc[(5, 6), "month"] == 1


@pytest.mark.slow
def test_staggered_effects_are_recovered_and_covered() -> None:
    """Effects that differ by group and grow; trends that differ by covariates."""
    truth = {0: 0.5, 1: 1.0, 2: 1.5, 3: 2.0}
    found = []
    for seed in range(100):
        panel = panel_of(staggered(1_000 + seed, units=250), ("a", "b"))
        table = GroupTimeATT("not-yet-treated").fit(panel).aggregate("dynamic").table.iloc[:-1]
        found.append(table.set_index("month")[["estimate", "se"]].loc[[*truth, -2]])
    estimate = np.array([one["estimate"] for one in found])
    error = np.array([one["se"] for one in found])
    away = estimate - [*truth.values(), 0.0]
    limit = 3 * estimate.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(away.mean(axis=0)) < limit).all()
    covered = (np.abs(away) < 1.96 * error).mean(axis=0)
    assert (covered > 0.89).all()


def test_one_group_and_two_periods() -> None:
    frame = staggered(9, periods=2, groups=(2, np.nan))
    effects = GroupTimeATT().fit(panel_of(frame))
    means = frame.groupby([frame["first"].isna(), "time"])["y"].mean().unstack()
    change = (means[2] - means[1]).to_numpy()
    assert effects.table["estimate"].tolist() == pytest.approx([change[0] - change[1]])
    simple = effects.aggregate("simple").table
    assert simple["se"].iloc[0] == pytest.approx(effects.table["se"].iloc[0])
    with pytest.raises(InputError, match="0 effects before treatment"):
        effects.pretest()


def test_a_group_of_one_unit_has_an_estimate_and_no_error() -> None:
    frame = staggered(10)
    middle = frame.loc[(frame["first"] == 5) & (frame["a"].abs() < 0.2), "unit"].iloc[0]
    frame.loc[frame["unit"] == middle, "first"] = 4
    effects = GroupTimeATT().fit(panel_of(frame, ("a", "b")))
    single = effects.table["group"] == 4
    assert effects.table.loc[single, "estimate"].notna().all()
    assert effects.table.loc[single, "se"].isna().all()
    assert set(effects.table.loc[single, "note"]) == {"un seul traité\u202f: pas d'erreur type"}
    assert effects.table.loc[~single, "se"].notna().all()
    assert effects.pretest().left_out == 2
    averages = effects.aggregate("group").table
    assert averages["se"].isna().tolist() == [False, True, False, False]
    assert averages["se_kind"].str.contains("sans l'aléa").tolist() == [False, False, False, True]


def test_arms_of_one_cluster_each_have_no_error() -> None:
    frame = staggered(10, groups=(3.0, np.nan))
    frame["place"] = np.where(frame["first"].isna(), "13", "84")
    effects = GroupTimeATT().fit(panel_of(frame, cluster="place"))
    assert effects.table["se"].isna().all()
    assert effects.table["note"].str.contains("une seule grappe").all()
    assert effects.aggregate("dynamic").table["se"].isna().all()
    sections = GroupTimeATT().fit(panel_of(frame, cluster="place").as_cross_sections())
    assert sections.table["se"].isna().all()


def test_without_never_treated_the_last_group_stands_in() -> None:
    frame = staggered(11, groups=(3, 5, 6))
    with pytest.raises(InputError, match="not-yet-treated"):
        GroupTimeATT().fit(panel_of(frame))
    effects = GroupTimeATT("not-yet-treated").fit(panel_of(frame))
    table = effects.table.set_index(["group", "period"])
    missing = table["estimate"].isna()
    assert set(table.index[missing]) == {(3, 6), (5, 6)}
    assert set(table.loc[missing, "note"]) == {"aucun témoin"}
    assert set(table["control_group"]) == {"pas encore traités, dont jusqu'à son tour le groupe 6"}
    assert "4 estimations (2 manquantes)" in effects.aggregate("simple").table["weights"].iloc[0]
    before = frame[frame["time"] < 6].assign(first=frame["first"].replace(6, np.nan))
    kept = GroupTimeATT("not-yet-treated").fit(panel_of(before)).table
    np.testing.assert_allclose(table.loc[~missing, "estimate"], kept["estimate"], atol=1e-12)
    np.testing.assert_allclose(table.loc[~missing, "se"], kept["se"], atol=1e-12)


def test_everyone_treated_at_once_is_refused() -> None:
    frame = staggered(12, groups=(3,))
    with pytest.raises(InputError, match="everyone is first treated at period 3"):
        GroupTimeATT("not-yet-treated").fit(panel_of(frame))
    with pytest.raises(InputError, match="nobody is first treated after period 1"):
        GroupTimeATT().fit(panel_of(staggered(12, groups=(1, np.nan))))


def test_units_treated_from_the_start_are_left_out_and_counted() -> None:
    frame = staggered(13, groups=(1, 3, 5, np.nan))
    effects = GroupTimeATT().fit(panel_of(frame, ("a",)))
    start = frame["first"] == 1
    number = frame.loc[start, "unit"].nunique()
    assert f"première période ({number})" in effects.table["target_population"].iloc[0]
    kept = GroupTimeATT().fit(panel_of(frame[~start], ("a",)))
    for one, other in zip(averages(effects), averages(kept), strict=True):
        np.testing.assert_allclose(
            one.table[["estimate", "se"]].astype(float),
            other.table[["estimate", "se"]].astype(float),
            atol=1e-12,
        )


def test_periods_without_observation_are_missing_and_said() -> None:
    frame = staggered(14)
    frame.loc[frame["time"] == 4, "y"] = np.nan
    effects = GroupTimeATT().fit(panel_of(frame))
    table = effects.table.set_index(["group", "period"])
    missing = table.index[table["estimate"].isna()]
    assert set(missing) == {(3, 4), *((5, period) for period in (4, 5, 6))}
    assert set(table.loc[missing, "note"]) == {"aucun traité observé aux deux périodes"}
    calendar = effects.aggregate("calendar").table
    assert calendar["estimate"].isna().tolist() == [False, True, False, False, False]
    bands = effects.bands()
    assert bands["band_low"].isna().equals(effects.table["estimate"].isna())


def test_a_constant_outcome_has_no_effect_and_no_error() -> None:
    effects = GroupTimeATT().fit(panel_of(staggered(15).assign(y=3.0), ("a",)))
    assert (effects.table[["estimate", "se"]] == 0).all(axis=None)
    assert effects.table["p"].isna().all()


def test_one_cluster_is_refused() -> None:
    frame = staggered(16).assign(k=1)
    with pytest.raises(InputError, match="one cluster"):
        GroupTimeATT().fit(panel_of(frame, cluster="k"))


def test_a_score_that_separates_is_said_for_its_group_alone() -> None:
    frame = staggered(17, units=200)
    frame["a"] += 100 * (frame["first"] == 5)
    table = GroupTimeATT().fit(panel_of(frame, ("a", "b"))).table
    assert table.loc[table["group"] == 5, "estimate"].isna().all()
    assert set(table.loc[table["group"] == 5, "note"]) == {"score sans recouvrement"}
    assert table.loc[table["group"] == 3, "estimate"].notna().all()
    regressed = GroupTimeATT(method="reg").fit(panel_of(frame, ("a", "b"))).table
    assert regressed["estimate"].notna().all()


def test_controls_of_a_place_without_treated_weigh_nothing() -> None:
    """The score there is zero in the limit: the effect is that of the other places."""
    frame = staggered(18, units=300)
    place = np.random.default_rng(1).choice(["nord", "sud", "est"], 300)[frame["unit"]]
    frame["place"] = np.where((place == "est") & frame["first"].notna(), "sud", place)
    effects = GroupTimeATT(method="ipw").fit(panel_of(frame, ("a", "place")))
    inside = GroupTimeATT(method="ipw").fit(
        panel_of(frame[frame["place"] != "est"], ("a", "place"))
    )
    np.testing.assert_allclose(effects.table["estimate"], inside.table["estimate"], atol=1e-6)
    np.testing.assert_allclose(effects.table["se"], inside.table["se"], atol=1e-6)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'not-yet-treated'"):
        GroupTimeATT("notyettreated")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="anticipation=-1"):
        GroupTimeATT(anticipation=-1)
    with pytest.raises(InputError, match="method='logit' is unknown"):
        GroupTimeATT(method="logit")  # type: ignore[arg-type]
