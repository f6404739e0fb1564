"""Which benefit a person draws while registered: a function of past employment, and a draw.

Assumed, not calibrated. Six months of work in the two years before a spell of registration, three
from the age of 50, give as many months of insurance (ARE) as were worked then: to nine in ten of
those entitled, to a third of those who receive the RSA. When insurance is over, some draw the
solidarity benefit (ASS), more often below the baccalauréat. Three in a hundred of the others draw
another benefit. The benefit of an episode is that of its first day; one draw serves a whole spell.
"""

from __future__ import annotations

import numpy as np

from pacte_eval.synthetic import draws
from pacte_eval.synthetic.people import CODES, People
from pacte_eval.synthetic.timeline import FIRST_DAYS, MONTHS
from pacte_eval.synthetic.worlds import Episodes

ARE, ASS, OTHER, NONE = map(CODES["benefit"].index, ("are", "ass", "autre", "aucune"))
ENTITLING_MONTHS = 6
REFERENCE_MONTHS, REFERENCE_MONTHS_FROM_50 = 24, 36
_SAME_SPELL_DAYS = 31


def draw_benefits(people: People, employed: np.ndarray, episodes: Episodes) -> np.ndarray:
    """Benefit of each episode, as a position in its codes.

    Parameters
    ----------
    people : People
    employed : ndarray of int8, shape (people, months)
        Employment on the last day of each month.
    episodes : Episodes
        In order of person and start.

    Returns
    -------
    ndarray of int, shape (episodes,)
    """
    who = episodes.person
    month = _month(episodes.start)
    spell = month[_first_of_spell(episodes)]
    senior = (spell - people.birth_month[who]) // 12 >= 50
    reference = np.where(senior, REFERENCE_MONTHS_FROM_50, REFERENCE_MONTHS)
    worked = _months_worked(people, employed, who, spell - reference, spell)
    rights = np.where(worked >= ENTITLING_MONTHS, worked, 0)
    luck = draws.uniforms(people.key[who], spell, draws.BENEFIT)
    insured = month - spell < rights
    rsa = people.rsa[who]
    drawn = np.where(luck > 0.97, OTHER, NONE)
    solidarity = ~insured & (rights > 0) & ~rsa
    drawn[solidarity & (luck < np.where(people.diploma[who] < 2, 0.4, 0.2))] = ASS
    drawn[insured & (luck < np.where(rsa, 0.35, 0.9))] = ARE
    return drawn


def _month(days: np.ndarray) -> np.ndarray:
    return np.searchsorted(FIRST_DAYS, days, side="right") - 1


def _first_of_spell(episodes: Episodes) -> np.ndarray:
    """For each episode, the position of the first one of its spell."""
    opens = np.ones(len(episodes.person), bool)
    opens[1:] = (episodes.person[1:] != episodes.person[:-1]) | (
        episodes.start[1:] - episodes.end[:-1] > _SAME_SPELL_DAYS
    )
    return np.maximum.accumulate(np.where(opens, np.arange(len(opens)), 0))


def _months_worked(
    people: People, employed: np.ndarray, who: np.ndarray, first: np.ndarray, until: np.ndarray
) -> np.ndarray:
    """Months in a job from `first` to before `until`; `worked_before` tells those not simulated."""
    total = np.zeros((len(people), MONTHS + 1), np.int16)
    np.cumsum(employed, axis=1, out=total[:, 1:])
    unseen = np.maximum(-first, 0) * people.worked_before[who]
    return total[who, until] - total[who, np.maximum(first, 0)] + unseen
