"""The study on real people: the experiment, the raw gap, and both estimates beside them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pacte_eval.reports import narrative, open_page, tables
from pacte_eval.results import ResultSet


@pytest.fixture(scope="module")
def benchmark(nsw: Path) -> pd.DataFrame:
    return ResultSet.open(nsw).table("benchmark").frame.set_index("source")


def test_the_experiment_is_the_published_one(benchmark: pd.DataFrame) -> None:
    experiment = benchmark.loc["Essai randomisé (témoins tirés au sort)"]
    assert experiment["estimate"] == pytest.approx(1794.34, abs=0.005)
    assert experiment["n_treated"] == 185
    assert experiment["n_control"] == 260
    assert 600 < experiment["se"] < 700


def test_the_raw_gap_is_the_published_one(benchmark: pd.DataFrame) -> None:
    raw = benchmark.loc["Écart brut, sans correction"]
    assert raw["estimate"] == pytest.approx(-8497.52, abs=0.005)
    assert raw["n_control"] == 15992


def test_both_estimates_correct_most_of_the_gap(benchmark: pd.DataFrame) -> None:
    for name in ("Appariement", "Appariement et différence de différences"):
        assert abs(benchmark["estimate"][name] - 1794.34) < 3000
        assert benchmark["se"][name] > 0


def test_rows_are_public_and_not_synthetic(nsw: Path) -> None:
    for path in nsw.glob("*.csv"):
        table = pd.read_csv(path)
        assert (table["donnees"] == "Données publiques").all(), path.name


def test_the_page_says_how_far_each_estimate_lands(nsw: Path, benchmark: pd.DataFrame) -> None:
    page = open_page(str(nsw))
    text = str(narrative.persons_takeaways(page).data).replace("\\", "")
    assert "**1\u202f794\u00a0$**" in text
    assert "8\u202f498" in text
    assert "L'appariement" in text
    assert "La différence de différences" in text
    assert text.count("de la référence") == 2
    for name in ("Appariement", "Appariement et différence de différences"):
        gap = abs(benchmark["estimate"][name] - 1794.34)
        assert f"{gap:,.0f}".replace(",", "\u202f") in text
    assert "synthétique" not in str(narrative.notice(page).data)


def test_the_page_says_why(nsw: Path) -> None:
    page = open_page(str(nsw))
    text = str(narrative.persons_reasons(page).data)
    assert "15\u202f992" in text
    assert "année de référence" in text
    table = str(tables.differences(page).data)
    assert "1974" in table
    assert "1975" in table
