"""A population of its own for group-time effects, which satisfies what they assume.

Pay of person i in month t is that of the person and of the month, what the month adds to persons of
their traits, noise that fades over months, and the effect of training once entered:

    y = person + month + slope(traits) × t + effect(group, t − group) × response(person) + noise.

Entrants are paid less than others before they enter (the person's term), so that comparing levels
is wrong; their untrained pay moves as that of others does (of the same traits, where trends are
conditional). Effects lock in, then gain, and differ by group: the earliest entrants gain most, so
that one coefficient of two-way fixed effects, which compares late entrants with early ones, is
wrong too. Nothing here resembles the region's data but in shape, and nothing is a finding.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.frames import Panel

Trends = Literal["parallel", "conditional"]
START = 2018 * 12
MONTHS = 36
GROUPS = tuple(range(START + 9, START + 33, 3))
"""First month of training of each group of entrants: every quarter, from the tenth month."""

_PATH = {0: -60.0, 3: -200.0, 6: -60.0, 12: 140.0, 26: 340.0}
"""Effect in euros by months since entry, for a group of response 1."""
_RESPONSES = np.linspace(1.7, 0.5, len(GROUPS))
_NEVER = 0.5
_PERSISTENCE, _NOISE = 0.7, 130.0


def staggered(people: int, seed: int, *, trends: Trends = "parallel") -> tuple[Panel, pd.DataFrame]:
    """Draw a panel of staggered entries with the effects planted in it.

    Parameters
    ----------
    people : int
    seed : int
        The same people, seed and trends give the same panel.
    trends : ``"parallel"`` or ``"conditional"``
        Whether untrained pay moves in parallel for everyone, or for persons of the same traits
        only (linearly in them), those who enter early not having the traits of the others.

    Returns
    -------
    panel : Panel
        Outcome ``salaire`` (euros), 36 months; covariates ``age`` (years) and ``diplome``
        (``oui`` or ``non``); ``first_treated`` is missing for those who never enter.
    truth : DataFrame
        ``group, period, month, n_treated, effect``: the mean effect over the persons of each group,
        from its first month on.

    Raises
    ------
    InputError
        If the trends are unknown.
    """
    known = ("parallel", "conditional")
    if trends not in known:
        raise InputError(f"trends='{trends}' is unknown: {nearest(trends, known)}")
    random = np.random.default_rng(seed)
    age = random.integers(18, 60, people).astype(float)
    diploma = random.random(people) < 0.45
    young = (40 - age) / 12
    group = _groups(random, young, diploma)
    entered = group >= 0
    person = random.normal(1_200, 280, people) - 180 * entered + 120 * diploma
    month = 60 * np.sin(2 * np.pi * np.arange(MONTHS) / 12) + 4.0 * np.arange(MONTHS)
    untrained = person[:, np.newaxis] + month + _noise(random, people)
    if trends == "conditional":
        slope = 5.0 * young + 8.0 * diploma
        untrained += slope[:, np.newaxis] * np.arange(MONTHS)
    gain = _effects(random, group)
    panel = Panel(
        outcome="salaire",
        values=untrained + gain,
        periods=START + np.arange(MONTHS),
        unit=pd.Index([f"P{number:07d}" for number in range(people)], name="unit"),
        first_treated=np.where(entered, np.take(GROUPS, np.maximum(group, 0)), np.nan),
        covariates=pd.DataFrame(
            {"age": age, "diplome": pd.Categorical(np.where(diploma, "oui", "non"))}
        ),
        cluster=np.arange(people),
        weights=np.ones(people),
    )
    return panel, _truth(group, gain)


def _groups(random: np.random.Generator, young: np.ndarray, diploma: np.ndarray) -> np.ndarray:
    """Position of each person's group, −1 for those who never enter: a logit in their traits."""
    place = np.arange(len(GROUPS)) - (len(GROUPS) - 1) / 2
    lean = 0.45 * young + 0.5 * diploma
    score = np.exp(lean[:, np.newaxis] * (1.0 - 0.12 * place))
    never = len(GROUPS) * _NEVER / (1 - _NEVER)
    edges = score.cumsum(axis=1) / (score.sum(axis=1, keepdims=True) + never)
    drawn = (random.random(len(young))[:, np.newaxis] > edges).sum(axis=1)
    return np.where(drawn == len(GROUPS), -1, drawn)


def _noise(random: np.random.Generator, people: int) -> np.ndarray:
    """Noise of the same variance at every month, part of which lasts from one to the next."""
    noise = random.normal(size=(people, MONTHS)) * _NOISE
    fresh = np.sqrt(1 - _PERSISTENCE**2)
    for month in range(1, MONTHS):
        noise[:, month] = _PERSISTENCE * noise[:, month - 1] + fresh * noise[:, month]
    return noise


def _effects(random: np.random.Generator, group: np.ndarray) -> np.ndarray:
    """What training adds to each person's pay: float array, shape (people, months)."""
    since = START + np.arange(MONTHS) - np.take(GROUPS, np.maximum(group, 0))[:, np.newaxis]
    path = PchipInterpolator(list(_PATH), list(_PATH.values()))(np.arange(MONTHS).clip(max=26))
    own = _RESPONSES[np.maximum(group, 0)] * random.gamma(4.0, 0.25, len(group))
    gain = own[:, np.newaxis] * path[np.maximum(since, 0)]
    return np.where((group >= 0)[:, np.newaxis] & (since >= 0), gain, 0.0)


def _truth(group: np.ndarray, gain: np.ndarray) -> pd.DataFrame:
    rows = []
    for place, first in enumerate(GROUPS):
        members = group == place
        for period in range(first, START + MONTHS):
            effect = gain[members, period - START].mean() if members.any() else np.nan
            rows.append((first, period, period - first, int(members.sum()), effect))
    return pd.DataFrame(rows, columns=["group", "period", "month", "n_treated", "effect"])
