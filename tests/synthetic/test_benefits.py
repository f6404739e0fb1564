"""The benefit of an episode is told by what came before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pacte_eval.synthetic.benefits import ARE, ASS, NONE, draw_benefits
from pacte_eval.synthetic.people import People, draw_people
from pacte_eval.synthetic.timeline import FIRST_DAYS, MONTHS
from pacte_eval.synthetic.worlds import Episodes

if TYPE_CHECKING:
    from pacte_eval.synthetic import Population

PEOPLE = 4_000
SPELL = 40


@pytest.fixture(scope="module")
def people() -> People:
    return draw_people(7, 0, PEOPLE)


def episodes(*starts: int) -> Episodes:
    """For everyone, episodes of one spell that begin on the first day of these months."""
    days = [FIRST_DAYS[month] for month in starts]
    ends = [day - 1 for day in days[1:]] + [-1]
    return Episodes(
        person=np.repeat(np.arange(PEOPLE), len(days)),
        start=np.tile(days, PEOPLE),
        end=np.tile(ends, PEOPLE),
        category=np.zeros(PEOPLE * len(days), np.int64),
    )


def employed(first: int, last: int) -> np.ndarray:
    path = np.zeros((PEOPLE, MONTHS), np.int8)
    path[:, first : last + 1] = 1
    return path


def test_insurance_is_for_those_who_worked(people: People) -> None:
    spell = episodes(SPELL)
    assert not np.isin(draw_benefits(people, employed(0, -1), spell), [ARE, ASS]).any()
    short = draw_benefits(people, employed(SPELL - 5, SPELL - 1), spell)
    assert not np.isin(short, [ARE, ASS]).any()
    entitled = draw_benefits(people, employed(SPELL - 6, SPELL - 1), spell)
    assert (entitled[~people.rsa] == ARE).mean() == pytest.approx(0.9, abs=0.02)
    assert (entitled[people.rsa] == ARE).mean() == pytest.approx(0.35, abs=0.06)


def test_insurance_ends_and_some_draw_the_solidarity_benefit(people: People) -> None:
    worked = employed(SPELL - 8, SPELL - 1)
    drawn = draw_benefits(people, worked, episodes(SPELL, SPELL + 7, SPELL + 8)).reshape(-1, 3)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert not (drawn[:, :2] == ASS).any()
    assert not (drawn[:, 2] == ARE).any()
    below_bac = people.diploma < 2
    shares = [(drawn[~people.rsa & group, 2] == ASS).mean() for group in (below_bac, ~below_bac)]
    assert shares == pytest.approx([0.4, 0.2], abs=0.04)
    assert not (drawn[people.rsa, 2] == ASS).any()


def test_seniors_are_insured_for_longer(people: People) -> None:
    drawn = draw_benefits(people, employed(0, SPELL - 1), episodes(SPELL, SPELL + 30))
    later = drawn.reshape(-1, 2)[:, 1] == ARE
    senior = (SPELL - people.birth_month) // 12 >= 50
    assert later[senior].mean() > 0.5
    assert not later[~senior].any()


def test_nothing_that_follows_changes_it(population: Population, people: People) -> None:
    spell = episodes(SPELL)
    path = population.employed[:PEOPLE].copy()
    before = draw_benefits(people, path, spell)
    path[:, SPELL:] = 1 - path[:, SPELL:]
    np.testing.assert_array_equal(draw_benefits(people, path, spell), before)
    path[:, :SPELL] = 1 - path[:, :SPELL]
    assert (draw_benefits(people, path, spell) != before).mean() > 0.3
    assert (before == NONE).any()
