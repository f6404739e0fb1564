"""Attacks on protected tables: what a reader can add or subtract never isolates a few persons."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pacte_eval
from pacte_eval.results import Profile, ProtectedTable, protect, protect_flow
from pacte_eval.results.schemas import BALANCE, EFFECTS, OVERLAP, SCHEMAS, SUPPORT, VERDICTS

SMALL = range(1, 11)


def effects(**changes: object) -> pd.DataFrame:
    row = {
        "cell": "region",
        "comparison": "contre-attente",
        "outcome": "emploi",
        "unit": "points",
        "estimator": "principal",
        "contrast": "niveau",
        "reference": pd.NA,
        "estimand": "now-vs-wait",
        "month": 24,
        "estimate": 0.1,
        "se": 0.02,
        "ci_low": 0.06,
        "ci_high": 0.14,
        "p": 0.001,
        "treated_mean": 0.6,
        "control_mean": 0.5,
        "n_treated": 500,
        "n_lost": 0,
        "n_control": 2000,
        "controls_trained_since": 0.2,
    }
    return pd.DataFrame([row | changes])


def test_a_protected_table_cannot_be_built_directly() -> None:
    with pytest.raises(TypeError, match="protect"):
        ProtectedTable(effects(), EFFECTS)


def test_large_counts_leave_a_row_as_it_is() -> None:
    table = protect(effects(), EFFECTS)
    row = table.frame.iloc[0]
    assert row["estimate"] == 0.1
    assert not row["suppressed"]
    assert not table.withheld.to_numpy().any()


@pytest.mark.parametrize("name", ["n_treated", "n_control"])
@pytest.mark.parametrize("persons", [1, 10])
def test_a_small_count_takes_every_value_with_it(name: str, persons: int) -> None:
    row = protect(effects(**{name: persons}), EFFECTS).frame.iloc[0]
    assert row[list(EFFECTS.published.hideable)].isna().all()
    assert row["suppressed"]
    assert row["cell"] == "region"


@pytest.mark.parametrize("persons", [0, 11])
def test_nobody_and_the_threshold_itself_are_shown(persons: int) -> None:
    frame = effects(n_control=persons).drop(columns=["control_mean", "controls_trained_since"])
    assert protect(frame, EFFECTS).frame["n_control"].tolist() == [persons]


@pytest.mark.parametrize(
    ("share", "hidden"), [(0.01, True), (0.99, True), (0.0, False), (1, False)]
)
def test_a_rate_hides_its_few_persons_and_their_complement(share: float, hidden: bool) -> None:
    table = protect(effects(treated_mean=share), EFFECTS)
    assert bool(table.frame["estimate"].isna().iloc[0]) is hidden


def test_a_difference_is_no_share_and_an_unknown_contrast_is_no_excuse() -> None:
    changes = {"treated_mean": 0.01, "controls_trained_since": 0.2}
    difference = protect(effects(contrast="différence", **changes), EFFECTS)
    assert difference.frame["estimate"].notna().all()
    other = protect(effects(contrast="level", **changes), EFFECTS)
    assert other.frame["estimate"].isna().all()


def test_the_same_month_by_another_estimator_goes_too() -> None:
    frame = pd.concat(
        [
            effects(treated_mean=0.01),
            effects(contrast="différence", reference="[-24, -13]", treated_mean=-0.3),
            effects(month=25),
        ]
    )
    table = protect(frame, EFFECTS).frame
    assert table.loc[table["month"] == 24, "estimate"].isna().all()
    assert table.loc[table["month"] == 25, "estimate"].notna().all()


def test_the_share_trained_since_goes_alone() -> None:
    table = protect(effects(controls_trained_since=0.002, p=np.nan), EFFECTS)
    assert table.frame["estimate"].notna().all()
    assert table.frame["controls_trained_since"].isna().all()
    assert table.frame["suppressed"].all()
    assert table.withheld["controls_trained_since"].all()
    assert not table.withheld["p"].any(), "p does not apply: it was not withheld"


def test_no_value_shows_in_the_representation_or_the_errors() -> None:
    assert "0.1" not in repr(protect(effects(), EFFECTS))
    with pytest.raises(ValueError, match="n_treated") as caught:
        protect(effects().astype({"n_treated": object}).assign(n_treated="secret"), EFFECTS)
    assert "secret" not in str(caught.value)


def test_a_table_without_rows_is_protected_too() -> None:
    assert len(protect(effects()[:0], EFFECTS)) == 0


def test_only_protection_and_the_reader_may_vouch_for_a_table() -> None:
    package = Path(pacte_eval.__file__).parent
    vouching = {path.name for path in package.rglob("*.py") if "sealed(" in path.read_text("utf-8")}
    assert vouching == {"table.py", "protection.py", "result_set.py"}


def test_the_frame_is_a_copy() -> None:
    table = protect(effects(n_treated=5), EFFECTS)
    frame = table.frame
    frame["estimate"] = 0.7
    assert table.frame["estimate"].isna().all()


def test_select_keeps_the_rows_asked_for() -> None:
    frame = pd.concat([effects(month=month) for month in (6, 12, 24)])
    table = protect(frame, EFFECTS)
    assert len(table.select(month=12, cell="region")) == 1
    assert table.select(month=[6, 24]).frame["month"].tolist() == [6, 24]
    assert len(table.select(cell="qpv")) == 0
    assert len(table.select(reference=None)) == 3
    assert len(table.select(reference=None, month=[None, 6])) == 1
    with pytest.raises(KeyError):
        table.select(mont=12)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (effects().assign(id_force="x"), "id_force"),
        (effects().drop(columns="n_treated"), "n_treated"),
        (effects(n_treated=np.nan, n_control=np.nan), "count no persons"),
        (pd.concat([effects(), effects()]), "several rows"),
        (effects(month="mai"), "month"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        protect(frame, EFFECTS)


def test_the_lost_cannot_be_had_by_difference() -> None:
    frame = pd.DataFrame(
        [
            {
                "cell": "region",
                "comparison": "c",
                "design": "d",
                "n_treated": 500,
                "n_supported": 497,
                "share_supported": 0.994,
                "n_control": 2000,
                "n_control_used": 1200,
                "effective_sample_size": 800.0,
                "n_outside_caliper": 2,
                "n_without_control": 1,
            }
        ]
    )
    row = protect(frame, SUPPORT).frame.iloc[0]
    gone = ["n_supported", "share_supported", "n_outside_caliper", "n_without_control"]
    assert row[gone].isna().all()
    assert row["n_treated"] == 500
    assert row["effective_sample_size"] == 800.0


def test_the_number_supported_is_hidden_everywhere_when_few_are_lost() -> None:
    row = protect(effects(n_lost=3), EFFECTS).frame.iloc[0]
    assert row[["n_treated", "target_population"]].isna().all()
    assert row["estimate"] == 0.1
    assert "n_lost" not in row.index
    many = protect(effects(n_lost=11), EFFECTS).frame.iloc[0]
    assert many["n_treated"] == 500


def test_a_verdict_on_few_persons_goes_with_its_sentence() -> None:
    frame = pd.DataFrame(
        {
            "cell": ["qpv"],
            "comparison": ["c"],
            "design": ["d"],
            "diagnostic": ["balance"],
            "value": [0.4],
            "verdict": ["fail"],
            "sentence": ["Écart de 0,4 sur 7 personnes."],
            "n_treated": [7],
            "n_supported": [0],
        }
    )
    gone = ["value", "verdict", "sentence"]
    assert protect(frame, VERDICTS).frame[gone].isna().all(axis=None)
    supported = protect(frame.assign(n_treated=40, n_supported=7), VERDICTS).frame
    assert supported[gone].isna().all(axis=None)
    assert supported["n_treated"].tolist() == [40]


def test_another_profile_moves_the_threshold() -> None:
    assert protect(effects(n_treated=15), EFFECTS, Profile(20)).frame["estimate"].isna().all()


def test_every_schema_is_coherent() -> None:
    for name, schema in SCHEMAS.items():
        assert name == schema.name
        assert len(set(schema.names)) == len(schema.names)
        used = set(schema.key) | set(schema.shown) | set(schema.group) | set(schema.partition)
        for rule in schema.persons:
            used |= {rule.count, rule.share, rule.minus, *rule.unless[:1], *rule.hides} - {""}
            assert schema.column(rule.count).kind == "integer"
        assert used <= set(schema.names)
        if name not in {"not_measured", "protocol"}:
            assert schema.persons, "a table that counts nobody would go unprotected"
        assert all(column.title for column in schema.columns)


def flow(start: int, exclusions: list[int], arm: str = "certifiante") -> pd.DataFrame:
    excluded = np.array([0, *exclusions])
    return pd.DataFrame(
        {
            "arm": arm,
            "order": range(len(excluded)),
            "rule": [f"r{k}" for k in range(len(excluded))],
            "label": [f"Étape {k}" for k in range(len(excluded))],
            "excluded": excluded,
            "remaining": start - excluded.cumsum(),
        }
    )


COUNTS = st.one_of(st.integers(0, 14), st.integers(0, 400))


def known_together(table: pd.DataFrame) -> list[set[int]]:
    """Stages whose differences a reader can compute; −1 stands for zero, which everyone knows."""
    groups = [{stage} for stage in range(-1, len(table))]
    links = [(-1, int(k)) for k in np.flatnonzero(table["remaining"].notna())]
    links += [(int(k) - 1, int(k)) for k in np.flatnonzero(table["excluded"].notna()) if k > 0]
    for one, other in links:
        joined = [group for group in groups if one in group or other in group]
        groups = [group for group in groups if group not in joined] + [set.union(*joined)]
    return groups


@settings(deadline=None)
@given(st.lists(COUNTS, max_size=8), COUNTS)
def test_nothing_small_can_be_derived_from_a_flow(exclusions: list[int], end: int) -> None:
    original = flow(end + sum(exclusions), exclusions)
    number = {-1: 0} | dict(enumerate(original["remaining"]))
    for group in known_together(protect_flow(original).frame):
        derived = {abs(number[one] - number[other]) for one, other in combinations(group, 2)}
        assert not derived & set(SMALL)


@settings(deadline=None)
@given(st.lists(COUNTS, max_size=8), COUNTS)
def test_a_flow_adds_up_where_it_is_shown(exclusions: list[int], end: int) -> None:
    original = flow(end + sum(exclusions), exclusions)
    shown = protect_flow(original).frame
    for name in ("excluded", "remaining"):
        kept = shown[name].notna()
        assert (shown.loc[kept, name] == original.loc[kept.to_numpy(), name].to_numpy()).all()
    if end == 0 or end >= 11:
        assert shown["remaining"].notna().iloc[-1]
        lost = sum(exclusions)
        assert shown["remaining"].notna().iloc[0] == (lost == 0 or lost >= 11)


def test_a_flow_of_large_exclusions_is_whole() -> None:
    table = protect_flow(pd.concat([flow(1000, [100, 0, 11]), flow(90, [40], "en_attente")]))
    assert not table.frame["suppressed"].any()


def test_only_the_neighbours_of_a_small_exclusion_go() -> None:
    table = protect_flow(flow(1000, [100, 4, 50, 200])).frame
    assert table["remaining"].isna().tolist() == [False, True, False, False, False]
    assert table["excluded"].isna().tolist() == [False, True, True, False, False]


def test_a_first_row_may_itself_exclude() -> None:
    frame = flow(1000, [30])[1:].assign(order=0)
    assert protect_flow(frame).frame["excluded"].tolist() == [30]
    assert protect_flow(flow(1000, [3])[1:].assign(order=0)).frame["excluded"].isna().all()


def test_a_flow_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(ValueError, match="add up"):
        protect_flow(flow(1000, [100]).assign(remaining=[1000, 800]))


@settings(deadline=None)
@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=30))
def test_bins_hold_nobody_or_enough(bins: list[tuple[int, int]]) -> None:
    treated, control = (np.array(side) for side in zip(*bins, strict=True))
    edges = np.linspace(0, 1, len(bins) + 1)
    frame = pd.DataFrame(
        {
            "cell": "region",
            "comparison": "c",
            "design": "d",
            "bin_low": edges[:-1],
            "bin_high": edges[1:],
            "n_treated": treated,
            "n_control": control,
        }
    )
    table = protect(frame, OVERLAP).frame
    for name, total in (("n_treated", treated.sum()), ("n_control", control.sum())):
        shown = table[name].dropna()
        assert not set(shown) & set(SMALL)
        assert not set(total - shown) & set(SMALL)
        if not table["suppressed"].any():
            assert shown.sum() == total
    assert table["bin_low"].iloc[0] == 0
    if not table["suppressed"].any():
        assert table["bin_high"].iloc[-1] == 1
        assert (table["bin_low"].to_numpy()[1:] == table["bin_high"].to_numpy()[:-1]).all()
    else:
        assert len(table) == 1


def balance(treated: list[int], control: list[int], n_treated: int, n_control: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cell": "region",
            "comparison": "c",
            "design": "d",
            "covariate": [f"diploma={k}" for k in range(len(treated))],
            "label": [f"Niveau {k}" for k in range(len(treated))],
            "variable": "diploma",
            "mean_treated": np.array(treated) / n_treated,
            "mean_control_before": np.array(control) / n_control,
            "mean_control_after": np.array(control) / n_control,
            "smd_before": 0.3,
            "smd_after": 0.01,
            "variance_ratio_after": 1.0,
            "ks_after": 0.1,
            "n_treated": n_treated,
            "n_lost": 0,
            "n_control": n_control,
        }
    )


@settings(deadline=None)
@given(
    st.lists(st.tuples(COUNTS, COUNTS), min_size=2, max_size=6),
    st.booleans(),
)
def test_a_hidden_level_is_not_the_remainder_of_the_others(
    levels: list[tuple[int, int]], reference_left_out: bool
) -> None:
    treated, control = (list(side) for side in zip(*levels, strict=True))
    totals = sum(treated), sum(control)
    if min(totals) < 11:
        return
    kept = slice(1, None) if reference_left_out else slice(None)
    frame = balance(treated[kept], control[kept], *totals)
    table = protect(frame, BALANCE).frame
    for mean, n in (("mean_treated", totals[0]), ("mean_control_before", totals[1])):
        shown = [round(share * n) for share in table[mean].dropna()]
        assert not set(shown) & set(SMALL)
        assert n - sum(shown) not in SMALL
    hidden = table["suppressed"].sum() + reference_left_out
    assert hidden != 1 or (reference_left_out and not table["suppressed"].any())


def test_a_hidden_level_loses_every_statistic() -> None:
    table = protect(balance([5, 60, 135], [50, 350, 600], 200, 1000), BALANCE).frame
    row = table[table["covariate"] == "diploma=0"].iloc[0]
    values = ["mean_treated", "smd_before", "smd_after", "variance_ratio_after", "ks_after"]
    assert row[values].isna().all()
    assert row["label"] == "Niveau 0"


def test_a_mean_that_is_no_share_stays() -> None:
    frame = balance([5, 195], [500, 500], 200, 1000)
    age = balance([200], [1000], 200, 1000).assign(
        covariate="age", variable=None, mean_treated=34.2, mean_control_before=37.9
    )
    table = protect(pd.concat([frame, age]), BALANCE).frame
    assert table.loc[table["covariate"] == "age", "smd_after"].notna().all()
