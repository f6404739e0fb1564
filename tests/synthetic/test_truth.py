"""The truth is what was planted: paths, levels, latent certification, the certificate itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.synthetic import Population, att, effects, read_truth, simulate, truth

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = truth.BEFORE
CERTIFYING = effects.PATHS["certification"]


@pytest.fixture(scope="module")
def units(source: Path) -> pd.DataFrame:
    return read_truth(source)


@pytest.fixture(scope="module")
def certifying(units: pd.DataFrame) -> pd.DataFrame:
    """The first entries into certifying training, on which effects are planted."""
    return units[(units["rank"] == 0) & (units["arm"] == "certification")]


def assert_planted(difference: np.ndarray, points: float) -> None:
    """The mean difference is within three standard errors of the planted effect."""
    seen = 100 * difference[~np.isnan(difference)]
    error = max(seen.std(ddof=1), 1.0) / np.sqrt(len(seen))
    assert abs(seen.mean() - points) < 3 * error, (seen.mean(), points, error)


def gain(units: pd.DataFrame, month: int, against: str = "y_never") -> np.ndarray:
    both = truth.paths(units, "y_now") - truth.paths(units, against)
    return np.asarray(both[:, ENTRY + month])


@pytest.mark.parametrize("month", [3, 6, 12, 18, 24, 36])
def test_the_certifying_path_is_on_target(certifying: pd.DataFrame, month: int) -> None:
    assert_planted(gain(certifying, month), CERTIFYING[month])


@pytest.mark.parametrize("arm", ["perfectionnement", "professionnalisation", "adaptation_au_poste"])
@pytest.mark.parametrize("month", [3, 24])
def test_other_arms_have_their_own_path(units: pd.DataFrame, arm: str, month: int) -> None:
    first = units[(units["rank"] == 0) & (units["arm"] == arm)]
    assert_planted(gain(first, month), effects.path(arm)[month])


def test_effects_by_level_of_diploma(certifying: pd.DataFrame) -> None:
    level = certifying["diploma"].replace({"bac_2": "superieur", "bac_3_plus": "superieur"})
    for name, points in zip(effects.DIPLOMA_LEVELS, effects.BY_DIPLOMA, strict=True):
        assert_planted(gain(certifying[level == name], 24), points)


def test_effects_by_sex_and_age(certifying: pd.DataFrame) -> None:
    for sex, points in zip("MF", effects.BY_SEX, strict=True):
        assert_planted(gain(certifying[certifying["sex"] == sex], 24), points)
    for low, high in ((16, 26), (26, 50), (50, 63)):
        band = certifying[certifying["age"].between(low, high - 1)]
        assert_planted(gain(band, 24), 10.0)


def test_the_latent_certification_splits_rates_as_published(certifying: pd.DataFrame) -> None:
    seen = certifying[truth.paths(certifying, "y_never")[:, ENTRY + 24] >= 0]
    assert_planted(seen["certifies"].to_numpy(float), 82.0)
    for certifies, untrained, effect in zip(
        (False, True), effects.UNTRAINED_RATES, effects.BY_CERTIFIES, strict=True
    ):
        stratum = seen[seen["certifies"] == certifies]
        assert_planted(truth.paths(stratum, "y_never")[:, ENTRY + 24], untrained)
        assert_planted(gain(stratum, 24), effect)
        assert_planted(truth.paths(stratum, "y_now")[:, ENTRY + 24], untrained + effect)
    assert_planted(truth.paths(seen, "y_never")[:, ENTRY + 24], 50.0)


def test_the_certificate_itself_is_planted_apart(certifying: pd.DataFrame) -> None:
    would = certifying[certifying["certifies"]]
    assert_planted(gain(would, 24, "y_withheld"), effects.CERTIFICATE)
    assert np.nanmax(np.abs(gain(certifying[~certifying["certifies"]], 24, "y_withheld"))) == 0


def test_who_is_seen_certified_would_certify(units: pd.DataFrame) -> None:
    known = units[units["certified"].notna()]
    assert (known["certified"].astype(bool) == known["certifies"]).all()
    certifying = units[(units["arm"] == "certification") & units["entered"]]
    assert certifying["certified"].isna().mean() == pytest.approx(0.05, abs=0.015)


def test_worlds_are_one_until_the_month_of_entry(units: pd.DataFrame) -> None:
    entered = units[units["entered"]]
    now = truth.paths(entered, "y_now")[:, : ENTRY + 1]
    for world in ("y_wait", "y_never"):
        np.testing.assert_array_equal(now, truth.paths(entered, world)[:, : ENTRY + 1])


def test_the_world_of_those_who_enter_is_the_factual_one(
    units: pd.DataFrame, population: Population
) -> None:
    frame = units[units["entered"]].head(2_000)
    person = frame["person"].astype(str).str[1:].astype(int).to_numpy()
    now = truth.paths(frame, "y_now")
    from_month = frame["entry_month"].to_numpy() - truth.START
    for relative in (-12, 0, 12):
        seen = ~np.isnan(now[:, ENTRY + relative])
        months = from_month[seen] + relative
        np.testing.assert_array_equal(
            now[seen, ENTRY + relative], population.employed[person[seen], months]
        )


def test_those_who_never_enter_wait_as_they_never_train(units: pd.DataFrame) -> None:
    others = units[~units["entered"]]
    assert others["training"].isna().all()
    np.testing.assert_array_equal(truth.paths(others, "y_wait"), truth.paths(others, "y_never"))
    assert np.nanmean(np.abs(gain(others, 3))) > 0.02


def test_natural_course_lies_between_now_and_never(certifying: pd.DataFrame) -> None:
    changed = truth.paths(certifying, "y_wait") != truth.paths(certifying, "y_never")
    assert 0.02 < changed[:, ENTRY + 24].mean() < 0.3


def test_att_averages_over_covered_units(units: pd.DataFrame) -> None:
    late = units[units["entered"] & (units["entry_month"] >= truth.START + truth.MONTHS - 7)]
    both = pd.concat([units[units["entered"]].head(50), late])
    expected = np.nanmean(gain(both, 24, "y_wait"))
    assert att(both, months=[24]).loc[24] == pytest.approx(expected)


def test_null_cells_of_the_multiplicity_variant_are_exactly_null() -> None:
    units = simulate(3_000, 5, variant="multiplicity").truth.to_pandas()
    null = units["zone"].isin(effects.NULL_ZONES)
    assert len(effects.NULL_ZONES) / 18 >= 0.3
    difference = truth.paths(units, "y_now") != truth.paths(units, "y_never")
    covered = ~np.isnan(truth.paths(units, "y_now"))
    assert null.sum() > 100
    assert not (difference & covered)[null].any()
    assert (difference & covered)[~null].any()


def test_no_truth_beside_other_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="truth"):
        read_truth(tmp_path)
