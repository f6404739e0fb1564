"""Which error goes with which design, by what name, and the matched errors of every estimand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design
from pacte_eval.designs.matching.exact import ExactMatching
from pacte_eval.designs.matching.kernel import KernelMatching
from pacte_eval.designs.matching.nearest import NearestNeighbour
from pacte_eval.designs.matching.optimal import OptimalMatching
from pacte_eval.designs.matching.subclassification import Subclassification
from pacte_eval.designs.scores.boosting import Boosting
from pacte_eval.designs.scores.support import MinMax
from pacte_eval.designs.weighting.inverse_probability import InverseProbability
from pacte_eval.effects import estimate
from pacte_eval.effects.wild import WildBootstrap
from pacte_eval.frames import Comparison

LINEARISED = "contributions linéarisées, ajustement local sur 10 témoins"
FIXED = "HC1, pondérations tenues pour fixes"


def draw(
    size: int = 240, seed: int = 3, people: int | None = None
) -> tuple[Comparison, np.ndarray]:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(size, 2)), columns=["x", "z"])
    frame["cell"] = random.integers(0, 60, size)
    frame["t"] = random.random(size) < expit(-1 + 0.6 * frame["x"])
    frame["person"] = random.integers(0, people, size) if people else np.arange(size)
    comparison = Comparison.from_frame(
        frame, treated="t", covariates=["x", "z"], cells=["cell"], cluster="person"
    )
    return comparison, random.normal(size=size) + (frame["x"] + frame["t"]).to_numpy()


@pytest.mark.parametrize(
    ("design", "label", "kind"),
    [
        (
            NearestNeighbour(),
            "Abadie–Imbens 2006, variance conditionnelle au plus proche du même bras, "
            "score tenu pour connu",
            "linearised",
        ),
        (KernelMatching(), f"{LINEARISED}, score tenu pour connu", "linearised"),
        (
            NearestNeighbour(distance="mahalanobis"),
            "Abadie–Imbens 2006, variance conditionnelle au plus proche du même bras",
            "linearised",
        ),
        (
            NearestNeighbour(replace=False),
            f"{FIXED}, grappes par paire, conditionnelle au plan",
            "linearised",
        ),
        (
            NearestNeighbour(replace=False, caliper=0.5),
            f"{FIXED}, grappes par paire, conditionnelle au plan (caliper)",
            "linearised",
        ),
        (OptimalMatching(), f"{FIXED}, grappes par paire, conditionnelle au plan", "linearised"),
        (
            ExactMatching(on=["cell"]),
            f"{FIXED}, grappes par ensemble apparié, peu de grappes (38), conditionnelle au plan",
            "linearised",
        ),
        (Subclassification(), f"{FIXED}, conditionnelle au plan", "linearised"),
        (InverseProbability(), "M-estimation", "influence"),
    ],
)
def test_defaults(design: Any, label: str, kind: str) -> None:
    comparison, outcome = draw()
    row: Any = estimate(design.fit(comparison), outcome).table.iloc[0]
    assert row["se_kind"] == label
    assert row["contribution_kind"] == kind
    assert row["se"] > 0


@pytest.mark.parametrize("design", [NearestNeighbour(replace=False), Subclassification()])
def test_persons_who_come_back_are_the_clusters(design: Any) -> None:
    comparison, outcome = draw(people=100)
    row: Any = estimate(design.fit(comparison), outcome).table.iloc[0]
    assert "grappes par personne" in row["se_kind"]


@pytest.mark.parametrize(
    ("design", "options", "message"),
    [
        (
            NearestNeighbour(),
            {"se": "m-estimation"},
            "se='m-estimation' is not for a design of NearestNeighbour: use se='abadie-imbens'",
        ),
        (
            NearestNeighbour(replace=False),
            {"se": "abadie-imbens"},
            "is not for a design of NearestNeighbour: use se='HC1'",
        ),
        (NearestNeighbour(replace=False), {"se": "bootstrap"}, "se='bootstrap' is unknown"),
        (KernelMatching(), {"se": "abadie-imbens-2016"}, "use se='linearised'"),
        (InverseProbability(), {"se": "otsu-rai"}, "use se='m-estimation'"),
        (
            InverseProbability(),
            {"se": "influence-function"},
            "goes with adjust='augmented', not 'none'",
        ),
        (
            InverseProbability(),
            {"se": "HC1", "adjust": "augmented"},
            "adjust='augmented'.*use se='m-estimation'",
        ),
        (OptimalMatching(), {"adjust": "augmented"}, "use adjust='regression'"),
        (
            OptimalMatching(),
            {"se": "HC3", "cluster": "unit", "adjust": "regression"},
            "se='HC3' is not computed with adjust='regression': use se='HC1'",
        ),
        (OptimalMatching(), {"se": "HC3", "cluster": "set"}, "se='HC3' is meaningless with"),
        (
            NearestNeighbour(),
            {"cluster": "set"},
            "cluster='set' needs sets that share no unit, which a design of NearestNeighbour",
        ),
        (
            NearestNeighbour(distance="mahalanobis", score="logit", caliper=0.2),
            {"se": "abadie-imbens-2016"},
            "with a caliper",
        ),
        (NearestNeighbour(Boosting()), {"se": "abadie-imbens-2016"}, "with a boosted score"),
        (NearestNeighbour(), {"se": "wild-cluster"}, "needs clusters of several units"),
    ],
)
def test_refusals(design: Any, options: dict[str, Any], message: str) -> None:
    comparison, outcome = draw()
    with pytest.raises(InputError, match=message):
        estimate(design.fit(comparison), outcome, **options)


@pytest.mark.parametrize("design", [NearestNeighbour(), InverseProbability()])
def test_an_estimated_support_is_said_to_be_held_fixed(design: Any) -> None:
    comparison, outcome = draw()
    trimmed: Any = replace(design, support=MinMax()).fit(comparison)
    assert estimate(trimmed, outcome).table["se_kind"][0].endswith(", support tenu pour fixe")


def test_few_persons_are_not_counted() -> None:
    frame = pd.DataFrame({"t": [1] * 9 + [0] * 9, "x": np.r_[:9, :9], "person": np.r_[:9, :9]})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"], cluster="person")
    design = NearestNeighbour(frame["x"].to_numpy(float)).fit(comparison)
    row: Any = estimate(design, np.arange(18.0)).table.iloc[0]
    assert row["se_kind"].endswith("grappes par personne, peu de grappes (moins de 11)")


def test_a_boosted_score_is_descriptive() -> None:
    comparison, outcome = draw()
    row: Any = estimate(NearestNeighbour(Boosting()).fit(comparison), outcome).table.iloc[0]
    assert row["se_kind"].endswith("intervalle descriptif (score par boosting)")


def swapped(comparison: Comparison) -> Comparison:
    return replace(comparison, treated=~comparison.treated)


ERRORS: list[Any] = [
    "abadie-imbens",
    "abadie-imbens-2016",
    "abadie-imbens-homoscedastic",
    "abadie-imbens-homoscedastic-sample",
    "linearised",
    "HC1",
]


@pytest.mark.parametrize("se", ERRORS)
def test_the_controls_are_the_treated_of_the_arms_exchanged(se: Any) -> None:
    comparison, outcome = draw()
    design = NearestNeighbour(neighbours=2, estimand="ATC").fit(comparison)
    mirror = NearestNeighbour(neighbours=2).fit(swapped(comparison))
    found: Any = estimate(design, outcome, se=se).table.iloc[0]
    other: Any = estimate(mirror, outcome, se=se).table.iloc[0]
    assert found["estimate"] == pytest.approx(-other["estimate"])
    assert found["se"] == pytest.approx(other["se"])
    assert found["treated_mean"] == pytest.approx(other["control_mean"])
    assert (found["n_treated"], found["n_control"]) == (other["n_control"], other["n_treated"])


def test_the_effect_on_all_by_hand() -> None:
    """Abadie and Imbens (2006), theorem 7: gaps squared, and K² + 2K − K' for each unit."""
    comparison, outcome = draw(80)
    design: Any = NearestNeighbour(neighbours=2, estimand="ATE", ties="first").fit(comparison)
    treated, score = comparison.treated, np.asarray(design.score)
    sets = design.matches.each().toarray()[np.argsort(design.matches.target)] / 2
    gaps = np.where(treated, 1, -1) * (outcome - sets @ outcome)
    total = ((gaps - gaps.mean()) ** 2).sum()
    for unit, reuse in enumerate(sets.sum(axis=0)):
        peers = np.flatnonzero((treated == treated[unit]) & (np.arange(80) != unit))
        peer = peers[np.argmin(np.abs(score[peers] - score[unit]))]
        spread = (outcome[unit] - outcome[peer]) ** 2 / 2
        total += (reuse**2 + 2 * reuse - (sets[:, unit] ** 2).sum()) * spread
    effects: Any = estimate(design, outcome)
    found = effects.table.iloc[0]
    assert found["estimate"] == pytest.approx(gaps.mean())
    assert found["se"] == pytest.approx(np.sqrt(total) / 80)
    assert float(effects.covariance().iloc[0, 0]) == pytest.approx(total / 80**2)
    assert (found["n_treated"], found["n_control"]) == (treated.sum(), (~treated).sum())


@pytest.mark.parametrize("se", ["linearised", "abadie-imbens-2016"])
def test_all_units_are_the_two_arms_together(se: Any) -> None:
    """Contributions to the effect on all are those of the arms, by their shares, recentred."""
    comparison, outcome = draw()
    share = comparison.treated.mean()
    parts = {
        target: estimate(NearestNeighbour(estimand=target).fit(comparison), outcome, se=se)
        for target in ("ATT", "ATC", "ATE")
    }
    effect = {name: part.table["estimate"].iloc[0] for name, part in parts.items()}
    assert effect["ATE"] == pytest.approx(share * effect["ATT"] + (1 - share) * effect["ATC"])
    given: Any = {name: part.contributions([0])[:, 0] for name, part in parts.items()}  # type: ignore[misc]
    among = share * given["ATT"] + (1 - share) * given["ATC"]
    difference = given["ATE"] - among
    for arm in (comparison.treated, ~comparison.treated):
        np.testing.assert_allclose(difference[arm], difference[arm][0], atol=1e-12)


def test_the_wild_bootstrap_has_the_spread_of_the_contributions() -> None:
    comparison, outcome = draw(people=120)
    design: Design = NearestNeighbour(neighbours=3).fit(comparison)
    outcomes = np.column_stack([outcome, np.ones_like(outcome), np.exp(outcome)])
    wild: Any = estimate(design, outcomes, se="otsu-rai", periods=[0, 1, 2]).table
    linear: Any = estimate(design, outcomes, se="linearised", periods=[0, 1, 2]).table
    np.testing.assert_allclose(wild["se"], linear["se"])
    assert wild["ci_high"][0] - wild["ci_low"][0] == pytest.approx(
        linear["ci_high"][0] - linear["ci_low"][0], rel=0.1
    )
    assert wild["se_kind"][0].startswith("bootstrap sauvage des contributions linéarisées")
    assert (wild["ci_low"][1], wild["ci_high"][1]) == (0, 0)
    assert np.isnan(wild["p"][1])
    again: Any = estimate(design, outcomes, se="otsu-rai", periods=[0, 1, 2]).table
    pd.testing.assert_frame_equal(wild, again)
    assert 0 < wild["p"][0] < 0.01


def test_the_wild_bootstrap_follows_skewness() -> None:
    """One large contribution stretches the interval to the other side of the estimate."""
    frame = pd.DataFrame({"t": [True] * 60 + [False] * 60, "x": 0.0})
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"])
    outcome = np.r_[np.zeros(59), 60.0, np.zeros(60)]
    design = NearestNeighbour(np.zeros(120)).fit(comparison)
    row: Any = estimate(design, outcome, se="otsu-rai").table.iloc[0]
    assert row["estimate"] == 1
    assert row["estimate"] - row["ci_low"] > 1.5
    assert row["ci_high"] - row["estimate"] < 1


@pytest.mark.parametrize("kernel", ["epanechnikov", "gaussian", "local-linear"])
def test_a_kernel_does_not_compare_a_person_with_itself(kernel: Any) -> None:
    """Where only a treated unit's own other row is observed, it has nobody to be compared with."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame({"t": [1, 1] + [0] * 20, "x": random.uniform(0.4, 0.6, 22)})
    frame["person"] = [0, 1, 0, *range(2, 21)]
    comparison = Comparison.from_frame(frame, treated="t", covariates=["x"], cluster="person")
    design = KernelMatching(kernel, bandwidth=0.5, score=frame["x"].to_numpy()).fit(comparison)
    outcome = np.where(np.arange(22) < 3, 1.0, np.nan)
    row: Any = estimate(design, outcome).table.iloc[0]
    assert (row["n_treated"], row["n_control"]) == (1, 1)
    assert row["estimate"] == pytest.approx(0)


@pytest.mark.parametrize(
    ("design", "label"),
    [
        (NearestNeighbour(), LINEARISED),
        (Subclassification(), FIXED),
        (InverseProbability(), "M-estimation"),
    ],
)
def test_few_clusters_widen_the_interval(design: Any, label: str) -> None:
    """Ten zones: near the quantile of a Student's t of nine degrees, far from a Gaussian's."""
    comparison, outcome = draw()
    zone = np.arange(len(comparison)) % 10
    row: Any = estimate(
        design.fit(comparison), outcome, se="wild-cluster", cluster=zone
    ).table.iloc[0]
    width = (row["ci_high"] - row["ci_low"]) / (2 * row["se"])
    assert 2.05 < width < 2.6
    assert row["se_kind"].startswith(f"{label}, ")
    assert "bootstrap sauvage par grappe (Webb)" in row["se_kind"]
    assert "grappes par groupe, peu de grappes (10)" in row["se_kind"]
    assert 0 < row["p"] < 0.2


def test_clusters_that_contribute_nothing_change_no_spread() -> None:
    random = np.random.default_rng(4)
    contributions = random.normal(size=(12, 1))
    alone = WildBootstrap.studentised(contributions)
    among = WildBootstrap.studentised(np.vstack([contributions, np.zeros((500, 1))]))
    assert among.draws.std() == pytest.approx(alone.draws.std(), rel=0.05)


def test_coverage_with_few_clusters() -> None:
    """Means of twelve zones of unequal sizes and variances, known contributions."""
    random = np.random.default_rng(11)
    covered = np.zeros(2)
    for _ in range(300):
        size = random.integers(5, 60, 12) / 400
        zones = random.normal(size=12) * random.uniform(0.5, 1.5, 12)
        effect = (size * zones).sum() / size.sum()
        contributions = size * (zones - effect) / size.sum() * np.sqrt(12 / 11)
        wild = WildBootstrap.studentised(contributions[:, np.newaxis])
        limits = wild.interval(0, effect, 0.95)
        covered[0] += limits["ci_low"] <= 0 <= limits["ci_high"]
        covered[1] += abs(effect) <= 1.96 * wild.scale[0]
    assert covered[0] / 300 >= 0.91
    assert covered[0] > covered[1]
