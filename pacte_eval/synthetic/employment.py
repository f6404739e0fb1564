"""Employment without any training: a two-state process with seasons, the Covid shock and frailty.

Each month a person without a job finds one with probability ``1 - exp(-rate * calendar)`` and a
person in a job loses it likewise. Rates depend on traits and on the latent frailty; finding gets
harder with time out of work and losing rarer with time in work.
"""

from __future__ import annotations

import numpy as np

from pacte_eval.synthetic.people import People
from pacte_eval.synthetic.timeline import MONTHS, calendar_month, position

_HIRE, _SEPARATION = -2.014, -3.14
_FRAILTY_HIRE, _FRAILTY_SEPARATION = 0.62, -0.42

OUT_OF_WORK = np.exp(-0.02 * np.minimum(np.arange(MONTHS + 1), 18))
"""Multiplies the hiring rate, by months since the last job."""

IN_WORK = np.interp(np.arange(MONTHS + 1), [0, 3, 12, 36], [1.7, 1.4, 0.9, 0.55])
"""Multiplies the separation rate, by months since the job began."""

_COVID = dict(
    zip(
        range(position("2020-03"), position("2021-06")),
        [0.6, 0.3, 0.45, 0.7, 0.9, 0.9, 0.9, 0.8, 0.65, 0.75, 0.75, 0.8, 0.85, 0.75, 0.9],
        strict=True,
    )
)
_SEASONS = {
    "hire": (
        [0.95, 1.0, 1.05, 1.1, 1.1, 1.1, 0.95, 0.8, 1.1, 1.0, 0.95, 0.9],
        [0.5, 0.7, 1.1, 2.2, 2.4, 2.2, 1.5, 0.6, 0.5, 0.4, 0.4, 0.5],
        [1.6, 0.9, 0.5, 0.4, 0.5, 1.3, 1.3, 0.5, 0.5, 0.6, 1.4, 3.0],
    ),
    "separation": (
        [1.05, 0.95, 0.95, 0.95, 0.95, 1.05, 1.05, 1.05, 1.05, 1.0, 0.95, 1.1],
        [1.2, 0.8, 0.5, 0.5, 0.5, 0.6, 0.8, 1.8, 3.2, 3.0, 1.4, 1.2],
        [0.6, 0.7, 1.8, 3.5, 1.2, 0.6, 0.6, 2.2, 2.2, 1.0, 0.6, 0.5],
    ),
}


def covid() -> np.ndarray:
    """Factor of hiring by month, shape (months,): 1 outside March 2020 to May 2021."""
    return np.array([_COVID.get(month, 1.0) for month in range(MONTHS)])


def hiring_calendar() -> np.ndarray:
    """Factor of the hiring rate, shape (3 kinds of season, months)."""
    return _by_month("hire") * covid()


def separation_calendar() -> np.ndarray:
    """Factor of the separation rate, shape (3 kinds of season, months)."""
    return _by_month("separation")


def _by_month(what: str) -> np.ndarray:
    return np.array(_SEASONS[what])[:, calendar_month(np.arange(MONTHS))]


def hiring_rate(people: People) -> np.ndarray:
    """Monthly rate of finding a job, shape (people,), at calendar factor 1."""
    return np.exp(
        _HIRE
        + _FRAILTY_HIRE * people.frailty
        - 0.24 * people.female
        - 0.27 * people.qpv
        - 0.5 * people.disability
        - 0.5 * people.unqualified
        - 0.3 * people.rsa
        - 0.08 * people.lone_parent
        - 0.08 * (people.nationality == 2)
        + np.array([-0.12, 0.0, 0.06, 0.14, 0.18])[people.diploma]
        + _by_age(people, [0.24, 0.08, -0.5])
    )


def separation_rate(people: People) -> np.ndarray:
    """Monthly rate of losing a job, shape (people,), at calendar factor 1."""
    return np.exp(
        _SEPARATION
        + _FRAILTY_SEPARATION * people.frailty
        + 0.1 * people.unqualified
        + 0.1 * people.disability
        + np.array([0.08, 0.0, -0.05, -0.12, -0.2])[people.diploma]
        + _by_age(people, [0.15, 0.0, 0.0])
    )


def _by_age(people: People, values: list[float]) -> np.ndarray:
    """Values for under 26, 26 to 49, 50 and over, by age in July 2018."""
    age = (position("2018-07") - people.birth_month) // 12
    return np.array(values)[np.digitize(age, [26, 50])]
