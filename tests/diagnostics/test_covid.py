"""The slope of effects on exposure to the crisis: its arithmetic, its errors, its words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.months import parse_month
from pacte_eval.designs import NearestNeighbour
from pacte_eval.diagnostics.covid import covid_exposure, covid_interaction
from pacte_eval.effects import Effects, estimate
from pacte_eval.effects.contributions import StoredContributions
from pacte_eval.effects.table import Wording, tidy
from pacte_eval.frames import Comparison, Outcomes

JANUARY = parse_month("2019-01")
ENTRIES = {f"entrée {place}": JANUARY + place for place in range(12)}
WORDS = Wording("c", "emploi", "e", "ATT", "k", "formés", "w", "b", "g", "linearised")
EXPOSURE = np.array([covid_exposure(entry, 24) for entry in ENTRIES.values()])


def effects(estimates: np.ndarray, root: np.ndarray, entries: dict[str, int]) -> Effects:
    """Effects whose joint covariance is ``root.T @ root``."""
    covariance = root.T @ root
    rows = pd.DataFrame(
        {
            "cell": list(entries),
            "month": 24,
            "estimate": estimates,
            "se": np.sqrt(np.diag(covariance)),
        }
    )
    return Effects(
        tidy(rows, WORDS), StoredContributions(root, pd.RangeIndex(len(root), name="person"))
    )


def shared(seed: int, size: int = 12) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 0.02 * (random.normal(size=(60, size)) + random.normal(size=(60, 1))) / np.sqrt(60)


@pytest.mark.parametrize(
    ("entry", "month", "share"),
    [
        ("2019-01", 12, 0.0),
        ("2019-01", 14, 1 / 14),
        ("2019-12", 24, 16 / 24),
        ("2020-06", 12, 1.0),
        ("2021-06", 12, 0.0),
        ("2020-02", 1, 1.0),
    ],
)
def test_exposure_is_counted_month_by_month(entry: str, month: int, share: float) -> None:
    assert covid_exposure(parse_month(entry), month) == pytest.approx(share)


def test_effects_no_more_scattered_than_chance_are_fitted_by_their_covariance() -> None:
    root = shared(1)
    found = 0.1 - 0.2 * EXPOSURE + root.T @ np.random.default_rng(2).normal(size=60) / 2
    made = covid_interaction(effects(found, root, ENTRIES), ENTRIES, 24)
    model = sm.GLS(found, sm.add_constant(EXPOSURE), sigma=root.T @ root)
    fit = model.fit(cov_type="fixed scale", use_t=True)
    assert made.between_sd == 0
    assert made.dispersion_p == pytest.approx(stats.chi2.sf(model.fit().scale * 10, 10))
    assert made.line["estimate"].to_numpy() == pytest.approx(fit.params)
    assert made.line["se"].to_numpy() == pytest.approx(fit.bse)
    assert made.line["p"].to_numpy() == pytest.approx(fit.pvalues)
    assert made.cohorts["fitted"].to_numpy() == pytest.approx(fit.fittedvalues)


def test_with_more_scatter_a_variance_between_months_is_added() -> None:
    """At that variance generalised least squares finds residuals of scale one."""
    root = shared(1)
    found = np.random.default_rng(2).normal(0.1, 0.05, 12)
    made = covid_interaction(effects(found, root, ENTRIES), ENTRIES, 24)
    sigma = root.T @ root + made.between_sd**2 * np.eye(12)
    fit = sm.GLS(found, sm.add_constant(EXPOSURE), sigma=sigma).fit()
    assert made.between_sd == pytest.approx(0.05, abs=0.02)
    assert fit.scale == pytest.approx(1)
    assert made.line["estimate"].to_numpy() == pytest.approx(fit.params)
    assert made.line["se"].to_numpy() == pytest.approx(fit.bse)


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_without_interaction_one_in_twenty_is_warned_of(spread: float) -> None:
    """Whether months of entry differ in nothing, or in things of their own."""
    root, random = shared(4), np.random.default_rng(5)
    found = []
    for _ in range(100):
        noise = root.T @ random.normal(size=60) + spread * random.normal(size=12)
        made = covid_interaction(effects(0.1 + noise, root, ENTRIES), ENTRIES, 24)
        found.append(made.line["p"].iloc[1])
    assert np.mean(np.array(found) < 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)


def test_an_effect_halved_by_the_crisis_is_told() -> None:
    found = effects(0.12 - 0.3 * EXPOSURE, shared(6), ENTRIES)
    row = covid_interaction(found, ENTRIES, 24).verdicts().table.iloc[0]
    assert row["verdict"] == "warning"
    words = row["sentence"].replace("\u202f", " ").replace("\u00a0", " ")
    assert "l’effet différerait de −30,0 points [" in words
    assert "12 mois d’entrée, de janvier 2019 à décembre 2019, exposés de 46 % à 67 %" in words
    assert "extrapolation" in words
    assert "autre chose" not in words


def test_months_that_differ_otherwise_are_said_to() -> None:
    found = effects(np.where(np.arange(12) % 2, 0.3, 0.0), shared(7), ENTRIES)
    made = covid_interaction(found, ENTRIES, 24)
    assert made.dispersion_p < 0.001
    assert "autre chose que la crise" in made.sentence()


@pytest.mark.parametrize(
    "entries",
    [
        dict(list(ENTRIES.items())[:2]),
        {f"entrée {place}": parse_month("2015-01") + place for place in range(6)},
    ],
)
def test_without_unequal_exposure_there_is_no_line(entries: dict[str, int]) -> None:
    size = len(entries)
    made = covid_interaction(
        effects(np.linspace(0, 0.1, size), shared(8, size), entries), entries, 24
    )
    assert made.line.empty
    assert made.verdicts().worst == "non testable"
    assert len(made.cohorts) == size


def test_cells_of_a_design_are_compared() -> None:
    """Entrants of the crisis gain nothing, those before it one."""
    random = np.random.default_rng(9)
    size, months = 1_200, [parse_month("2018-01"), parse_month("2018-06"), parse_month("2020-03")]
    frame = pd.DataFrame(
        {
            "x": random.normal(size=size),
            "treated": random.random(size) < 0.4,
            "entry_month": random.choice(months, size).astype(str),
        }
    )
    comparison = Comparison.from_frame(
        frame, treated="treated", covariates=["x"], strata=["entry_month"]
    )
    gain = (frame["entry_month"] != str(months[2])) & frame["treated"]
    values = gain.to_numpy() + random.normal(size=size)
    outcomes = Outcomes("emploi", values, [12], comparison.unit)
    design = NearestNeighbour(exact=["entry_month"]).fit(comparison)
    by_entry = estimate(design, outcomes, cluster="person").by("entry_month")
    names = {f"entry_month {month}": month for month in months}
    made = covid_interaction(by_entry, names, 12)
    assert made.cohorts["exposure"].tolist() == [0, 0, 1]
    assert made.line["estimate"].to_numpy() == pytest.approx([1, -1], abs=0.4)


def test_a_cell_without_error_is_left_out() -> None:
    root = shared(10)
    root[:, 0] = 0
    made = covid_interaction(effects(np.linspace(0, 0.1, 12), root, ENTRIES), ENTRIES, 24)
    assert made.cohorts["cell"].tolist() == list(ENTRIES)[1:]


def test_mistakes_are_refused() -> None:
    found = effects(np.zeros(12), shared(11), ENTRIES)
    with pytest.raises(InputError, match="must be after entry"):
        covid_interaction(found, ENTRIES, 0)
    with pytest.raises(InputError, match="no month of entry"):
        covid_interaction(found, {"ailleurs": JANUARY}, 24)
    twice = Effects(pd.concat([found.table, found.table]), None)
    with pytest.raises(InputError, match="several estimates"):
        covid_interaction(twice, ENTRIES, 24)
