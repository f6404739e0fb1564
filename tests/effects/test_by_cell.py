"""Effects within cells: the same targets, weights and contributions as the whole, taken apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design, NearestNeighbour
from pacte_eval.designs.cell_gaps import largest_gaps
from pacte_eval.designs.matching.kernel import KernelMatching
from pacte_eval.designs.matching.subclassification import Subclassification
from pacte_eval.designs.parts import part_of, refitted
from pacte_eval.designs.weighting.inverse_probability import InverseProbability
from pacte_eval.effects import Effects, cells, estimate
from pacte_eval.frames import Comparison, Outcomes

FEW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
MONTHS = (-1, 0, 6)


@pytest.fixture
def everything_balances(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small samples balance nothing to a tenth: let every cell through."""
    monkeypatch.setattr(cells, "BALANCED", np.inf)


def people(
    seed: int = 1, size: int = 400, *, repeated: bool = True, missing: float = 0.0
) -> tuple[Comparison, list[Outcomes]]:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": random.normal(size=size), "z": random.normal(size=size)})
    frame["t"] = random.random(size) < 1 / (1 + np.exp(1 - 0.5 * frame["x"]))
    frame["who"] = random.integers(0, size // 2, size) if repeated else np.arange(size)
    frame["zone"] = random.choice(["04", "05", "13"], size)
    frame["neet"] = random.random(size) < 0.4
    frame["band"] = random.integers(0, 2, size)
    comparison = Comparison.from_frame(
        frame,
        treated="t",
        covariates=["x", "z"],
        strata=["band"],
        cells=["zone", "neet"],
        cluster="who",
    )
    path = random.normal(size=(size, len(MONTHS))).cumsum(axis=1) + frame[["x"]].to_numpy()
    path[random.random(path.shape) < missing] = np.nan
    return comparison, [
        Outcomes("emploi", path.astype(np.float32), MONTHS, comparison.unit),
        Outcomes("salaire", 100 * path[:, ::-1], MONTHS, comparison.unit),
    ]


def inside(comparison: Comparison, zone: str) -> np.ndarray:
    return (comparison.cells["zone"] == zone).to_numpy()


ONE = NearestNeighbour(neighbours=2, caliper=0.5)


DESIGNS: list[Any] = [
    ONE,
    NearestNeighbour(neighbours=2, estimand="ATE"),
    NearestNeighbour(replace=False),
    KernelMatching(bandwidth=0.1),
    Subclassification(4),
    InverseProbability(),
    InverseProbability("ATE"),
]


@pytest.mark.parametrize("design", DESIGNS, ids=str)
@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.usefixtures("everything_balances")
def test_a_cell_is_the_design_held_to_its_targets(design: Any, missing: float) -> None:
    comparison, outcomes = people(missing=missing)
    made: Design = design.fit(comparison)
    found = estimate(made, outcomes).by("zone")
    assert list(found.table["cell"].unique()) == ["zone 04", "zone 05", "zone 13"]
    for zone in ("04", "05", "13"):
        alone = estimate(part_of(made, inside(comparison, zone)), outcomes)
        rows = (found.table["cell"] == f"zone {zone}").to_numpy()
        for name in ("estimate", "se", "n_treated", "n_control", "treated_mean", "control_mean"):
            np.testing.assert_allclose(
                found.table.loc[rows, name].astype(float),
                alone.table[name].astype(float),
                rtol=1e-8,
                err_msg=name,
            )
        np.testing.assert_allclose(
            found.covariance(rows), alone.covariance(), rtol=1e-7, atol=1e-10
        )
        assert set(found.table.loc[rows, "cell_design"]) == {"commun"}


@pytest.mark.usefixtures("everything_balances")
def test_the_weighted_effect_in_a_cell_by_hand() -> None:
    comparison, outcomes = people(repeated=False)
    design = InverseProbability().fit(comparison)
    found: Any = estimate(design, outcomes[0]).by(["neet", "zone"]).table
    own = (comparison.cells["neet"].to_numpy(dtype=bool)) & inside(comparison, "05")
    y, weights, treated = outcomes[0].values[:, 2], design.weights, comparison.treated
    means = [np.average(y[own & arm], weights=weights[own & arm]) for arm in (treated, ~treated)]
    row = found[(found["cell"] == "neet × zone 05") & (found["month"] == 6)].iloc[0]
    assert row["estimate"] == pytest.approx(means[0] - means[1], rel=1e-6)
    assert (row["n_treated"], row["n_control"]) == ((own & treated).sum(), (own & ~treated).sum())


@st.composite
def designs(draw: st.DrawFn) -> tuple[Design, list[Outcomes]]:
    comparison, outcomes = people(
        draw(st.integers(0, 10**6)),
        draw(st.integers(60, 200)),
        repeated=draw(st.booleans()),
        missing=0.0,
    )
    score = np.round(comparison.covariates["x"].to_numpy(), draw(st.sampled_from([1, 9])))
    made = NearestNeighbour(
        score,
        neighbours=draw(st.integers(1, 3)),
        caliper=draw(st.sampled_from([None, 0.3])),
        exact=draw(st.sampled_from([[], ["band"]])),
    ).fit(comparison)
    return made, outcomes


@FEW
@given(designs())
def test_a_partition_pooled_by_its_treated_is_the_whole(sample: Any) -> None:
    design, outcomes = sample
    whole = estimate(design, outcomes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "BALANCED", np.inf)
        for names in ("zone", ["zone", "band"]):
            parts = whole.by(names)
            pooled = parts.pool("n_treated", over="cell").table
            np.testing.assert_allclose(
                pooled["estimate"], whole.table["estimate"], rtol=1e-9, atol=1e-10
            )
            assert (pooled["n_treated"] == whole.table["n_treated"]).all()


@pytest.mark.parametrize("repeated", [True, False])
@pytest.mark.usefixtures("everything_balances")
def test_contrasts_of_cells_count_the_controls_they_share(repeated: bool) -> None:
    comparison, outcomes = people(repeated=repeated)
    effects = estimate(ONE.fit(comparison), outcomes)
    parts = effects.by("zone")
    every = parts.contributions
    assert every is not None
    matrix = every(range(len(parts)))
    np.testing.assert_allclose(parts.covariance(), matrix.T @ matrix, rtol=1e-9, atol=1e-12)
    gap: Any = parts.contrast({"cell": "zone 04"}, {"cell": "zone 13"}).table
    own = np.sqrt(((matrix[:, :6] - matrix[:, 12:]) ** 2).sum(axis=0))
    np.testing.assert_allclose(gap["se"], own, rtol=1e-9)
    apart = np.sqrt((matrix[:, :6] ** 2).sum(axis=0) + (matrix[:, 12:] ** 2).sum(axis=0))
    assert (np.abs(apart / own - 1) > 1e-6).all()
    pooled: Any = parts.pool("n_treated", over="cell").table
    counts = parts.table["n_treated"].to_numpy().reshape(3, 6)
    shares = counts / counts.sum(axis=0)
    by_hand = sum(shares[one] * matrix[:, 6 * one : 6 * one + 6] for one in range(3))
    np.testing.assert_allclose(pooled["se"], np.sqrt((by_hand**2).sum(axis=0)), rtol=1e-9)


@pytest.mark.usefixtures("everything_balances")
def test_a_partition_pooled_has_about_the_error_of_the_whole() -> None:
    """What is missing is the spread of effects between cells, of which there is none here."""
    comparison, outcomes = people(size=3_000, repeated=False)
    design = NearestNeighbour(comparison.covariates["x"].to_numpy(), neighbours=2)
    effects = estimate(design.fit(comparison), outcomes)
    pooled = effects.by("zone").pool("n_treated", over="cell").table
    np.testing.assert_allclose(pooled["se"], effects.table["se"], rtol=0.03)


@pytest.mark.parametrize("exact", [["zone"], ["zone", "band"]])
@pytest.mark.usefixtures("everything_balances")
def test_exact_cells_are_estimated_as_if_alone(exact: list[str]) -> None:
    """With the score given and matching exact on the cell, its people are all that matters."""
    comparison, outcomes = people()
    score = comparison.covariates["x"].to_numpy()
    design = NearestNeighbour(score, neighbours=2, exact=exact).fit(comparison)
    parts = estimate(design, outcomes).by("zone").table
    for zone in ("04", "05", "13"):
        own = inside(comparison, zone)
        alone = estimate(
            replace(design.estimator, score=score[own]).fit(comparison.subset(own)),  # type: ignore[type-var,union-attr]
            [replace(one, values=one.values[own], units=one.units[own]) for one in outcomes],
        ).table
        mine = parts[parts["cell"] == f"zone {zone}"]
        for name in ("estimate", "se", "n_treated", "n_control"):
            np.testing.assert_allclose(
                mine[name].astype(float), alone[name].astype(float), rtol=1e-8, err_msg=name
            )


def test_balance_in_cells_is_that_of_the_balance_table() -> None:
    comparison, _ = people()
    for design in (ONE.fit(comparison), InverseProbability().fit(comparison)):
        read = cells.read_cells(comparison, "zone")
        found = largest_gaps(design, read.matrix(len(comparison)))
        whole = design.balance().set_index("covariate")["sd_treated"]
        by_zone = design.balance(by="zone")
        gap = (by_zone["mean_treated_after"] - by_zone["mean_control_after"]).abs()
        gap /= by_zone["covariate"].map(whole)
        np.testing.assert_allclose(found, gap.groupby(by_zone["cell"]).max(), rtol=1e-9)


def test_what_is_not_balanced_is_not_estimated() -> None:
    comparison, outcomes = people()
    design = ONE.fit(comparison)
    effects = estimate(design, outcomes)
    parts = effects.by(["neet", "zone"])
    table = parts.table
    wrong = table["balance"] > 0.1
    assert wrong.any()
    assert (table.loc[wrong, "cell_design"] == "non équilibré").all()
    assert (
        table.loc[wrong, ["estimate", "se", "ci_low", "p", "treated_mean"]].isna().to_numpy().all()
    )
    assert (table.loc[wrong, "n_treated"] > 0).all()
    assert parts.covariance(wrong.to_numpy()).isna().to_numpy().all()
    rademacher = parts.bands(multiplier="rademacher")
    assert rademacher["band_low"].isna().to_numpy()[wrong].all()


def test_refitting_is_fitting_by_hand() -> None:
    comparison, outcomes = people(size=1_500)
    design = NearestNeighbour(neighbours=5, exact=["band"]).fit(comparison)
    effects = estimate(design, outcomes)
    common, again = effects.by("zone"), effects.by("zone", refit=True)
    assert set(again.table["cell_design"]) <= {"commun", "refait sur la cellule", "non équilibré"}
    refit = again.table[again.table["cell_design"] == "refait sur la cellule"]
    assert len(refit) > 0
    for name in refit["cell"].unique():
        own = inside(comparison, name.removeprefix("zone "))
        by_hand = estimate(
            NearestNeighbour(neighbours=5, exact=["band"]).fit(comparison.subset(own)),
            [replace(one, values=one.values[own], units=one.units[own]) for one in outcomes],
        )
        rows = (again.table["cell"] == name).to_numpy()
        for column in ("estimate", "se", "n_treated", "n_control", "se_kind"):
            found, wanted = again.table.loc[rows, column].to_numpy(), by_hand.table[column]
            if column == "se_kind":
                assert (found == wanted.to_numpy()).all()
            else:
                np.testing.assert_allclose(found.astype(float), wanted.astype(float), rtol=1e-9)
        np.testing.assert_allclose(again.covariance(rows), by_hand.covariance(), rtol=1e-9)
    kept = (again.table["cell_design"] == "commun").to_numpy()
    pd.testing.assert_frame_equal(again.table[kept], common.table[kept])
    columns = again.contributions(range(len(again))) if again.contributions else np.empty(0)
    np.testing.assert_allclose(
        np.sqrt((columns**2).sum(axis=0)), again.table["se"], rtol=1e-9, equal_nan=True
    )


def test_a_score_that_was_given_is_kept_in_a_refit() -> None:
    comparison, _ = people(repeated=False)
    score = comparison.covariates["x"].to_numpy()
    own = inside(comparison, "13")
    made = refitted(NearestNeighbour(score).fit(comparison), own)
    assert made.score is not None
    np.testing.assert_array_equal(made.score, score[own])


@pytest.mark.usefixtures("everything_balances")
def test_cells_of_nobody_and_of_one() -> None:
    comparison, outcomes = people(size=200, repeated=False)
    zone = comparison.cells["zone"].copy()
    treated = np.flatnonzero(comparison.treated)
    zone.iloc[treated[0]] = "un seul"
    zone.iloc[np.flatnonzero(~comparison.treated)[:5]] = "témoins"
    changed = replace(comparison, cells=comparison.cells.assign(zone=zone))
    for design in (ONE, NearestNeighbour(neighbours=2), KernelMatching(bandwidth=0.3)):
        table = estimate(design.fit(changed), outcomes).by("zone").table
        nobody = table[table["cell"] == "zone témoins"]
        assert nobody["estimate"].isna().all()
        assert (nobody["n_treated"] == 0).all()
        one = table[table["cell"] == "zone un seul"]
        assert (one["n_treated"] == 1).all()
        assert one["estimate"].notna().all()
        assert one["se"].isna().all()


@pytest.mark.usefixtures("everything_balances")
def test_months_nobody_is_observed_at_in_a_cell() -> None:
    comparison, outcomes = people(repeated=False)
    values = outcomes[1].values.copy()
    values[inside(comparison, "04"), 2] = np.nan
    values[:, 0] = np.nan
    found: Any = estimate(ONE.fit(comparison), Outcomes("y", values, MONTHS, comparison.unit))
    parts = found.by("zone")
    late = parts.table[parts.table["month"] == 6].set_index("cell")
    assert late["estimate"].isna().to_dict() == {
        "zone 04": True,
        "zone 05": False,
        "zone 13": False,
    }
    assert late["n_treated"]["zone 04"] == 0
    assert parts.table.loc[parts.table["month"] == -1, "estimate"].isna().all()
    pooled = parts.pool("n_treated", over="cell").table
    assert pooled["weights"].iloc[2] == "nombres de traités, 2 estimations (1 manquantes)"


def test_too_many_cells_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    comparison, _ = people()
    monkeypatch.setattr(cells, "MOST_CELLS", 100)
    with pytest.raises(InputError, match="over 100 cells: cut numbers into classes"):
        cells.read_cells(comparison, "x")


def test_cells_are_named_for_what_they_hold() -> None:
    comparison, _ = people()
    names = cells.read_cells(comparison, [["neet", "band"], "zone"]).names
    assert names[:3] == ["neet × zone 04", "neet × zone 05", "neet × zone 13"]
    assert names[3] == "band 0 × zone 04"
    assert len(names) == 9
    read = cells.read_cells(comparison, "neet")
    assert read.names == ["neet"]
    assert (read.rows[0] == np.flatnonzero(comparison.cells["neet"])).all()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("zne", "'zne' is no cell, stratum or covariate: did you mean 'zone'"),
        (["zone", "zone"], "'zone' is named twice"),
        ([], "needs a name at least"),
    ],
)
def test_what_by_refuses(cell: Any, message: str) -> None:
    comparison, outcomes = people()
    effects: Effects = estimate(ONE.fit(comparison), outcomes)
    with pytest.raises(InputError, match=message):
        effects.by(cell)


def test_sets_cannot_be_clusters_of_other_sets() -> None:
    comparison, outcomes = people(repeated=False)
    effects = estimate(NearestNeighbour(replace=False).fit(comparison), outcomes)
    assert "grappes par paire" in effects.table["se_kind"].iloc[0]
    with pytest.raises(InputError, match="refit=True makes other sets"):
        effects.by("zone", refit=True)


@pytest.mark.usefixtures("everything_balances")
@pytest.mark.parametrize("design", [NearestNeighbour(neighbours=2), InverseProbability()])
def test_a_cell_whose_treated_are_of_one_cluster_has_no_error(design: Any) -> None:
    comparison, outcomes = people(repeated=False)
    together = comparison.treated & (comparison.cells["zone"] == "04").to_numpy()
    place = np.where(together, -1, np.arange(len(comparison)))
    effects = estimate(design.fit(comparison), outcomes, cluster=place).by("zone")
    table = effects.table
    inside = table["cell"].str.contains("04")
    assert inside.sum() == 6
    assert table.loc[inside, "se"].isna().all()
    assert table.loc[inside, "se_kind"].str.contains("une seule grappe").all()
    assert table["estimate"].notna().all()
    assert table.loc[~inside, "se"].notna().all()
    assert effects.bands()["band_low"].isna().tolist() == inside.tolist()
