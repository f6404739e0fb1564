"""Specifications are ranked, compared with the main one, and told without choosing among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.diagnostics.specification_curve import SpecificationCurve, specification_curve
from pacte_eval.effects import Effects
from pacte_eval.effects.table import Wording, tidy


def effects(
    estimate: float, se: float = 0.02, who: str = "formés", month: int | str = 24
) -> Effects:
    words = Wording("c", "emploi", "e", "ATT", "k", who, "w", "b", "g", "none")
    rows = pd.DataFrame({"month": [month], "estimate": [estimate], "se": [se], "n_treated": [90]})
    return Effects(tidy(rows, words))


def curve(**estimates: float) -> SpecificationCurve:
    return specification_curve({name: effects(one) for name, one in estimates.items()}, 24, "main")


def test_estimates_are_ranked_and_the_main_one_is_kept_among_them() -> None:
    found = curve(a=0.12, main=0.09, b=-0.05, c=0.01)
    assert found.table["specification"].tolist() == ["b", "c", "main", "a"]
    assert found.table["rank"].tolist() == [1, 2, 3, 4]
    assert found.table["main"].tolist() == [False, False, True, False]
    assert found.table["significant"].tolist() == [True, False, True, True]
    assert (found.table["n_treated"] == 90).all()
    assert found.same_sign == pytest.approx(2 / 3)
    assert found.same_conclusion == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("others", "verdict"),
    [
        ([0.1, 0.11, 0.08, 0.12], "pass"),
        ([0.1, 0.02, 0.02, 0.12], "warning"),
        ([0.1, -0.02, -0.02, 0.12], "fail"),
        ([-0.1], "fail"),
        ([], "non testable"),
    ],
)
def test_the_conclusion_is_that_of_most(others: list[float], verdict: str) -> None:
    found = curve(main=0.09, **{str(place): one for place, one in enumerate(others)})
    assert found.verdicts().worst == verdict


def test_a_negative_main_effect_is_confirmed_by_negative_ones() -> None:
    assert curve(main=-0.09, a=-0.1, b=-0.2).verdicts().worst == "pass"


def test_without_a_conclusion_there_is_none_to_confirm() -> None:
    row = curve(main=0.01, a=0.02, b=0.3).verdicts().table.iloc[0]
    assert row["verdict"] == "non concluant"
    assert "rien à confirmer" in row["sentence"]


def test_the_curve_in_french() -> None:
    others = {"a": effects(0.12), "b": effects(-0.01, who="appariés"), "c": effects(np.nan)}
    found = specification_curve({"main": effects(0.09), **others}, 24, "main")
    words = found.sentence().replace("\u202f", " ").replace("\u00a0", " ")
    assert words == (
        "À 24 mois, 1 des 2 autres spécifications est de même signe que l’effet principal "
        "(+9,0 points), dont 1 avec un intervalle qui exclut zéro ; les estimations vont de "
        "−1,0 point à +12,0 points. 1 sur 2 portent sur une autre population. "
        "Sans estimation : 1."
    )
    assert "d’aucune autre manière" in curve(main=0.1).sentence()
    assert found.table["rank"].isna().sum() == 1


@pytest.mark.parametrize(("month", "words"), [(-6, "6 mois avant"), ("vague 2", "vague 2")])
def test_a_period_of_any_kind_has_a_name(month: int | str, words: str) -> None:
    both = {"a": effects(0.1, month=month), "b": effects(0.2, month=month)}
    assert words in specification_curve(both, month, "a").sentence("euros")


def test_an_estimate_without_error_confirms_nothing() -> None:
    both = {"main": effects(0.09), "a": effects(0.1, se=np.nan)}
    found = specification_curve(both, 24, "main")
    assert (found.same_sign, found.same_conclusion) == (1.0, 0.0)


def test_the_curve_is_drawn() -> None:
    figure = curve(main=0.09, a=0.1).plot()
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["main", "a"]


def test_mistakes_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'main'"):
        specification_curve({"main": effects(0.1)}, 24, "mian")
    with pytest.raises(InputError, match="0 estimates at month 12"):
        specification_curve({"main": effects(0.1)}, 12, "main")
    with pytest.raises(InputError, match="has no estimate"):
        curve(main=np.nan, a=0.1)
    with pytest.raises(InputError, match="min_share"):
        curve(main=0.1).verdicts(80)
    wider = Effects(effects(0.1).table, None, 0.9)
    with pytest.raises(InputError, match="several levels"):
        specification_curve({"main": effects(0.1), "a": wider}, 24, "main")
