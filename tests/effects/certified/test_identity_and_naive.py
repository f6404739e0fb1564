"""States of certification, the identity of rates, and the naive contrasts that no design mends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import (
    EntropyBalancing,
    ExactMatching,
    InverseProbability,
    KernelMatching,
    NearestNeighbour,
)
from pacte_eval.effects import estimate
from pacte_eval.effects.certified import (
    Certification,
    identity,
    identity_sentence,
    naive_contrast,
)
from pacte_eval.frames import Outcomes
from tests.effects.certified.certifying import world

DESIGNS = [
    InverseProbability(),
    EntropyBalancing(),
    NearestNeighbour(neighbours=3),
    NearestNeighbour(replace=False, caliper=0.2),
    KernelMatching(),
    ExactMatching(["x"]),
]


def some_unknown(certified: np.ndarray, every: int) -> np.ndarray:
    made = certified.astype(object)
    made[::every] = None
    return made


@pytest.mark.parametrize("maker", DESIGNS, ids=lambda one: type(one).__name__)
def test_rates_recompose_with_one_sample_and_its_weights(maker: Any) -> None:
    data = world(600, 3, latent=True)
    values = data.outcomes.values.copy()
    values[::7, 1] = np.nan
    outcomes = Outcomes("emploi", values, (12, 24), data.comparison.unit)
    states = Certification.from_series(some_unknown(data.certified, 5), data.comparison)
    design = maker.fit(data.comparison)
    table = identity(design, outcomes, states)
    assert (table["gap"].abs() < 1e-12).all()
    effects = estimate(design, outcomes, adjust="none").table
    np.testing.assert_allclose(table["rate_trainees"], effects["treated_mean"], rtol=1e-12)
    shares = table[["share_certified", "share_not", "share_unknown"]]
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares > 0.1).all(axis=None)
    contrasts = naive_contrast(design, outcomes, states)
    naive = contrasts.table
    np.testing.assert_allclose(np.sqrt(np.diag(contrasts.covariance())), naive["se"])
    np.testing.assert_allclose(naive["treated_mean"][:2], table["rate_certified"], rtol=1e-9)
    np.testing.assert_allclose(naive["control_mean"][:2], effects["control_mean"], rtol=1e-9)
    assert naive["estimator"].str.startswith("contraste naïf").all()


def test_published_rates_recompose_sixty_in_a_hundred() -> None:
    row = pd.Series(
        {
            "rate_trainees": 0.82 * 0.641 + 0.18 * 0.411,
            "share_certified": 0.82,
            "rate_certified": 0.641,
            "share_not": 0.18,
            "rate_not": 0.411,
            "share_unknown": 0.0,
            "rate_unknown": np.nan,
        }
    )
    assert identity_sentence(row) == (
        "Taux des formés\u202f: 60,0\u202f% = 82,0\u202f% de certifiés × 64,1\u202f% + "
        "18,0\u202f% de non certifiés × 41,1\u202f%."
    )


def test_states_are_read_by_unit_and_shared_by_weight() -> None:
    data = world(400, 4, latent=True)
    series = pd.Series(data.certified.astype(object), index=data.comparison.unit)
    series.iloc[:40] = "inconnue"
    states = Certification.from_series(series.sample(frac=1, random_state=0), data.comparison)
    design = InverseProbability().fit(data.comparison)
    shares = states.shares(design).set_index("state")["share"]
    treated = data.comparison.treated
    known = treated & (np.arange(400) >= 40)
    assert shares["certifié"] == pytest.approx((known & data.certified).sum() / treated.sum())
    assert shares["certification inconnue"] == pytest.approx(treated[:40].sum() / treated.sum())
    assert shares.sum() == pytest.approx(1)


def test_a_naive_error_is_that_of_two_means_where_weights_are_one() -> None:
    data = world(800, 5, latent=True)
    design = ExactMatching(["treated_everywhere"]).fit(
        type(data.comparison).from_frame(
            pd.DataFrame({"treated": data.comparison.treated, "treated_everywhere": 1}),
            treated="treated",
            covariates=[],
            strata=["treated_everywhere"],
        )
    )
    outcomes = Outcomes("emploi", data.outcomes.values[:, 0], (24,), design.comparison.unit)
    states = Certification.from_series(data.certified, design.comparison)
    found = naive_contrast(design, outcomes, states).table
    treated, y = data.comparison.treated, data.outcomes.values[:, 0]
    parts = [y[treated & data.certified], y[treated & ~data.certified], y[~treated]]
    variance = [part.var(ddof=1) / len(part) for part in parts]
    for row, (one, other) in enumerate([(0, 2), (1, 2), (0, 1)]):
        assert found["estimate"][row] == pytest.approx(parts[one].mean() - parts[other].mean())
        assert found["se"][row] == pytest.approx(
            np.hypot(*np.sqrt(variance)[[one, other]]), rel=5e-3
        )


def test_naive_contrasts_take_a_trait_for_the_certificate() -> None:
    """Certification worth 0.10 shows as 0.15 and more where a trait that nobody sees drives it."""
    data = world(20_000, 6, latent=True)
    design = InverseProbability().fit(data.comparison)
    table = naive_contrast(design, data.outcomes, data.certification).table.set_index("month")
    between = table[table["comparison"].str.contains("contre non certifiés")].loc[24]
    assert between["estimate"] - 0.10 > 3 * between["se"]
    certified = data.comparison.treated & data.certified
    truth = (data.trained - data.untrained)[certified].mean()
    against = table[table["comparison"].str.startswith("formés certifiés contre en")].loc[24]
    assert against["estimate"] - truth > 3 * against["se"]


@pytest.mark.parametrize("everybody", [True, False, None])
def test_one_state_alone(everybody: bool | None) -> None:
    data = world(300, 7, latent=True)
    states = Certification.from_series(np.full(300, everybody, dtype=object), data.comparison)
    design = InverseProbability().fit(data.comparison)
    table = identity(design, data.outcomes, states)
    assert (table["gap"].abs() < 1e-12).all()
    naive = naive_contrast(design, data.outcomes, states).table
    lacking = naive["estimate"].isna().to_numpy().reshape(3, 2).all(axis=1)
    assert lacking.tolist() == [everybody is not True, everybody is not False, True]


def test_a_month_beyond_coverage_has_no_number() -> None:
    data = world(300, 8, latent=True, missing=True)
    design = InverseProbability().fit(data.comparison)
    last = identity(design, data.outcomes, data.certification).iloc[1]
    assert np.isnan(last["rate_trainees"])
    assert identity_sentence(last) == "Taux des formés\u202f: non observé à ce mois."
    naive = naive_contrast(design, data.outcomes, data.certification).table
    assert naive.loc[naive["month"] == 24, "estimate"].isna().all()


def test_mistakes_are_told() -> None:
    data = world(300, 9, latent=True)
    with pytest.raises(InputError, match="holds 'oui': give True, False"):
        Certification.from_series(np.full(300, "oui", dtype=object), data.comparison)
    with pytest.raises(InputError, match="has no row for"):
        Certification.from_series(pd.Series([True], index=[0]), data.comparison)
    with pytest.raises(InputError, match="estimand='ATT', not 'ATE'"):
        identity(InverseProbability("ATE").fit(data.comparison), data.outcomes, data.certification)
