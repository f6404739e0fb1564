"""Who enters training, when and for what: functions of what a cohort's covariates hold, and a draw.

The log-odds of entering in a month are linear in traits written in the register, in age, in elapsed
unemployment (whole months, constant from 24 on) and in the months worked in three past windows that
end six months before. Frailty is not among them, except by the strength called `confounding`.
"""

from __future__ import annotations

import numpy as np

from pacte_eval.synthetic.people import People
from pacte_eval.synthetic.timeline import COVERED, MONTHS, calendar_month, position

OBJECTIVES = (
    "certification",
    "perfectionnement",
    "professionnalisation",
    "adaptation_au_poste",
    "pre_qualification",
    "creation_entreprise",
    "mobilisation",
)
CERTIFICATION = 0

_INTERCEPT = -2.72
_YEARS = (0.0, 0.1, 0.25, 0.0, 0.1, 0.0)
"""Log-odds of the years 2017 to 2022; 2023 is as 2022."""
_CALENDAR = (0.1, 0.05, 0.1, 0.0, -0.05, -0.1, -0.5, -0.9, 0.45, 0.4, 0.1, -0.35)

DURATION = -0.08 * np.arange(25.0) - 0.6 * (np.arange(25) >= 12)
"""Log-odds by elapsed months of unemployment, the last for 24 and more."""
WORKED = np.array([0.01, 0.02, 0.05])
"""Log-odds by month worked in the windows -24…-19, -18…-13 and -12…-7."""
AGE_BANDS = np.array([-0.25, 0.0, -0.5])
AGE_SLOPE = -0.004
RECENT = -1.4
"""Log-odds of those who entered a training within the last 24 months."""

# Planned length in days: mean and deviation of the logarithm, by objective.
LENGTH = np.array(
    [[5.28, 0.42], [3.9, 0.6], [4.3, 0.55], [3.9, 0.45], [4.4, 0.5], [3.6, 0.5], [3.7, 0.5]]
)
LONGEST = 540
DROPS = np.array([0.55, 0.06, 0.06, 0.04, 0.1, 0.05, 0.1])
"""Share who leave before the end; for certification, among those who would not certify."""

_CERTIFYING = np.array([0.96, -0.08, -0.16, -0.9, -0.9])
"""Log-odds of a certifying objective, by diploma."""

_DEPARTEMENTS = {"04": 0.1, "05": 0.05, "06": -0.08, "13": 0.0, "83": 0.0, "84": 0.08}


def entry_calendar() -> np.ndarray:
    """Log-odds by month, shape (months,); minus infinity before the tables begin."""
    months = np.arange(MONTHS)
    year = np.array([*_YEARS, _YEARS[-1]])[np.maximum(months - COVERED, 0) // 12]
    odds = year + np.array(_CALENDAR)[calendar_month(months)]
    odds[position("2020-03") : position("2020-06")] -= 1.0
    odds[:COVERED] = -np.inf
    return odds


def entry_odds(people: People, departement: np.ndarray, confounding: float) -> np.ndarray:
    """The part of the log-odds of entry that does not change with time, shape (people,)."""
    return (
        _INTERCEPT
        + 0.05 * people.female
        + np.array([0.33, 0.04, -0.08, -0.15, -0.35])[people.diploma]
        - 0.1 * people.disability
        + 0.1 * people.qpv
        - 0.47 * people.unqualified
        - 0.1 * people.rsa
        - 0.05 * people.lone_parent
        - 0.03 * people.children
        + np.array([_DEPARTEMENTS[code] for code in departement])
        + confounding * people.frailty
    )


def objective_shares(people: People) -> np.ndarray:
    """Probability of each objective given an entry, cumulated, shape (people, 3 ages, objectives).

    Ages are under 26, 26 to 49, 50 and over, at entry.
    """
    low, high = people.diploma < 2, people.diploma > 2
    by_age = []
    for young, senior in ((1, 0), (0, 0), (0, 1)):
        odds = [
            _CERTIFYING[people.diploma] + 0.12 * people.female - 0.25 * senior,
            -0.95 + 0.25 * high + 0.15 * senior,
            -1.2 + 0.15 * high + 0.1 * low,
            -1.08 - 0.25 * people.disability - 0.15 * people.rsa,
            -2.9 + 0.9 * young + 0.6 * (people.diploma == 0),
            -2.6 - 1.0 * young + 0.4 * high,
            -5.05 + 2.7 * people.disability + 2.6 * people.rsa + 1.3 * people.unqualified,
        ]
        weights = np.exp(np.column_stack(odds))
        by_age.append((weights / weights.sum(axis=1, keepdims=True)).cumsum(axis=1))
    return np.stack(by_age, axis=1)
