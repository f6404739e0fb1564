"""What is drawn of effects is what their table says; the summary reads path by path."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects import Effects
from pacte_eval.effects.contributions import StoredContributions
from pacte_eval.effects.drawn_paths import DrawnPaths
from pacte_eval.effects.table import Wording, tidy
from pacte_eval.effects.zones import ZoneEffects
from pacte_eval.figures import to_svg
from pacte_eval.figures.effects import describe_effect_paths, effect_paths

WORDING = Wording("a contre b", "emploi", "e", "ATT", "s", "tous", "w", "aucune", "b", "influence")


def effects_of(rows: pd.DataFrame, *, kind: bool = True) -> Effects:
    values = np.random.default_rng(3).normal(size=(40, len(rows))) / 400
    table = tidy(rows.assign(se=np.sqrt((values**2).sum(axis=0))), WORDING)
    held = StoredContributions(values, pd.RangeIndex(40, name="personne"))
    return Effects(table, held if kind else None)


def paths(
    outcomes: tuple[str, ...] = ("emploi",), cells: tuple[str, ...] = ("ensemble",)
) -> pd.DataFrame:
    rows = pd.DataFrame(
        list(product(outcomes, cells, range(-12, 25))), columns=["outcome", "cell", "month"]
    )
    return rows.assign(estimate=rows["month"].clip(lower=0) / 300)


def texts(figure: Figure) -> str:
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    found += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return plain(" | ".join(found))


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


def markers(axes: Axes, face: str) -> np.ndarray:
    """Positions of the dots of one face."""
    drawn = [
        np.asarray(line.get_xdata())
        for line in axes.lines
        if line.get_marker() == "o" and line.get_markerfacecolor() == face
    ]
    return np.concatenate(drawn)


def test_each_outcome_and_cell_has_its_panel_and_its_unit() -> None:
    effects = effects_of(paths(("emploi", "salaire"), ("femmes", "hommes")))
    figure = effects.plot(unit={"emploi": "points", "salaire": "euros"})
    assert [axes.get_title("left") for axes in figure.axes] == [
        "emploi, femmes",
        "emploi, hommes",
        "salaire, femmes",
        "salaire, hommes",
    ]
    first, second, third, _ = figure.axes
    assert first.get_ylim() == second.get_ylim()
    assert first.get_ylabel() == "Effet (points de pourcentage)"
    assert third.get_ylabel() == "Effet (euros)"
    assert first.yaxis.get_major_formatter()(0.05) == "5"


def test_intervals_bands_zero_and_entry_are_drawn() -> None:
    effects = effects_of(paths())
    figure = effects.plot(unit="points")
    [axes] = figure.axes
    assert "Intervalle à 95 %" in texts(figure)
    assert "Bande simultanée à 95 %" in texts(figure)
    assert "entrée" in texts(figure)
    band = effects.bands()
    drawn = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
    for edge in ("band_low", "band_high"):
        assert any(len(y) == 37 and np.allclose(y, band[edge]) for y in drawn)
    assert any(np.array_equal(y, [0, 0]) for y in drawn)
    without = effects.plot(band=False)
    assert "Bande" not in texts(without)
    assert "Bande" not in texts(effects_of(paths(), kind=False).plot())


def test_months_balanced_by_construction_are_hollow_and_gaps_are_not_bridged() -> None:
    rows = paths()
    rows["matched"] = rows["month"] < -6
    rows.loc[rows["month"] == 10, "estimate"] = np.nan
    rows = rows[rows["month"] != 15]
    figure = effects_of(rows).plot()
    [axes] = figure.axes
    assert markers(axes, "white").tolist() == list(range(-12, -6))
    assert len(markers(axes, "#0072B2")) == 37 - 6
    assert "Équilibré par construction" in texts(figure)
    line = next(line for line in axes.lines if line.get_zorder() == 2.5)
    at = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))  # type: ignore[arg-type]
    assert np.isnan(at[10])
    assert np.isnan(at[15])


def test_few_periods_are_bars_and_an_overall_effect_is_written() -> None:
    rows = pd.DataFrame({"month": [-2, -1, 0, 1, None], "estimate": [0, 0, 0.1, 0.2, 0.154]})
    rows = rows.assign(group=None, period=None, estimand=["par durée"] * 4 + ["moyenne"])
    effects = effects_of(rows)
    figure = effects.plot(unit="points")
    [axes] = figure.axes
    assert axes.get_xlabel() == "Périodes depuis l'entrée"
    assert plain(axes.get_title("left")).startswith("ensemble : +15,4 points [")
    bars = [c for c in axes.collections if len(c.get_paths()) == 4]
    low = sorted(np.asarray(path.vertices)[:, 1].min() for path in bars[-1].get_paths())
    np.testing.assert_allclose(low, sorted(effects.table["ci_low"][:4]))


def test_groups_and_named_periods_have_axes_of_their_own() -> None:
    pairs = [(g, t) for g in (2004, 2006) for t in range(2003, 2008)]
    rows = pd.DataFrame(pairs, columns=["group", "period"]).assign(estimate=0.1)
    timed = effects_of(rows.assign(month=rows["period"] - rows["group"])).plot()
    assert [axes.get_title("left") for axes in timed.axes] == ["groupe 2004", "groupe 2006"]
    by_year = effects_of(rows[:5].assign(month=None, group=None)).plot()
    [axes] = by_year.axes
    assert axes.get_xlabel() == "Période"
    assert axes.xaxis.get_major_formatter()(2004.0) == "2004"
    named = effects_of(pd.DataFrame({"month": ["re75", "re78"], "estimate": [0.0, 1_200.0]})).plot()
    assert [label.get_text() for label in named.axes[0].get_xticklabels()] == ["re75", "re78"]


def test_a_planted_truth_is_drawn_beside() -> None:
    effects = effects_of(paths())
    frame = DrawnPaths.of(effects.table, "points", 12).frame
    figure = effect_paths(frame.assign(truth=frame["month"] / 500))
    assert "Vérité plantée" in texts(figure)
    [axes] = figure.axes
    drawn = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
    assert any(len(y) == 37 and np.allclose(y, np.arange(-12, 25) / 500) for y in drawn)
    assert "Vérité" not in texts(effects.plot())


def test_too_many_paths_or_none_are_refused() -> None:
    effects = effects_of(paths(cells=tuple(f"z{i}" for i in range(13))))
    with pytest.raises(InputError, match="13 paths are too many"):
        effects.plot()
    kept = effects.table["cell"].isin(["z1", "z2"]).to_numpy()
    assert len(effects.plot(mask=kept).axes) == 2
    with pytest.raises(InputError, match="there is no path to draw"):
        effects.pool("equal").plot()
    rows = pd.DataFrame({"month": [1, None], "period": [None, 4], "estimate": [0.1, 0.2]})
    with pytest.raises(InputError, match="1 rows are not counted in the column 'month'"):
        effects_of(rows).plot()


def test_a_figure_is_the_same_bytes_each_time() -> None:
    effects = effects_of(paths())
    assert to_svg(effects.plot()) == to_svg(effects.plot())


def test_the_figure_in_words() -> None:
    effects = effects_of(paths())
    told = plain(describe_effect_paths(DrawnPaths.of(effects.table, "points", 12).frame))
    assert told.startswith("Effets et intervalles à 95 %. Effet : 37 périodes, de −12 à 24 ; ")
    assert "+8,0 points [" in told
    assert told.endswith("] à la période 24.")
    raw = describe_effect_paths(DrawnPaths.of(effects.table, "", 12).frame, level=0.995)
    assert "+0,080 [" in plain(raw)
    assert "99,5 %" in plain(raw)


def test_a_summary_of_several_paths_parts_them() -> None:
    effects = effects_of(paths(("emploi", "salaire"))).adjusted("bh")
    lines = effects.summary().splitlines()
    head = next(k for k, line in enumerate(lines) if line.split()[:2] == ["outcome", "month"])
    assert "p_adjusted" in lines[head]
    assert any(
        line.startswith("adjustment:")
        and line.endswith("Benjamini–Hochberg, famille de 74 estimations")
        for line in lines[:head]
    )
    body = lines[head + 1 : -1]
    assert [k for k, line in enumerate(body) if not line] == [37]
    assert body[0].split()[:2] == ["emploi", "-12"]
    assert body[38].split()[:2] == ["salaire", "-12"]
    assert not any(line.startswith("outcome:") for line in lines)


def test_months_of_zones_are_counted_from_a_start() -> None:
    table = effects_of(paths()).table
    drawn = DrawnPaths.of(table, "", 12, "le début")
    assert (drawn.axis, drawn.entry) == ("Périodes depuis le début", "début")
    assert ZoneEffects(table).plot().axes[0].get_xlabel() == drawn.axis
    assert "entrée" in texts(Effects(table).plot())
