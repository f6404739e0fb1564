"""Job-seekers invented for measures: sixteen covariates of mixed type, 15 % of them trained."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

COVARIATES = [
    "age",
    "children",
    "past_months",
    "earnings",
    "unemployment",
    "spells",
    "distance",
    "experience",
    "woman",
    "disability",
    "qpv",
    "zrr",
    "rsa",
    "lone_parent",
    "occupation",
    "level",
]
_MEANT_SHARE = 0.15


def population(people: int, seed: int = 2019) -> tuple[pd.DataFrame, np.ndarray]:
    """A data frame of people with a column ``treated``, and an outcome.

    Two factors have 20 and 6 levels, six covariates are booleans, four integers, four floats.
    """
    random = np.random.default_rng(seed)

    def share(probability: float) -> np.ndarray:
        return random.random(people) < probability

    frame = pd.DataFrame(
        {
            "age": random.integers(16, 61, people),
            "children": random.poisson(0.8, people),
            "past_months": random.binomial(24, 0.4, people),
            "earnings": np.round(random.gamma(2.0, 6_000.0, people), 2) * share(0.7),
            "unemployment": random.exponential(9.0, people).astype(np.float32),
            "spells": random.poisson(1.5, people),
            "distance": random.gamma(1.5, 8.0, people),
            "experience": random.gamma(2.0, 60.0, people),
            "woman": share(0.5),
            "disability": share(0.09),
            "qpv": share(0.16),
            "zrr": share(0.08),
            "rsa": share(0.14),
            "lone_parent": share(0.1),
            "occupation": pd.Categorical.from_codes(
                random.integers(0, 20, people), [f"domaine {code}" for code in range(20)]
            ),
            "level": pd.Categorical.from_codes(
                random.choice(6, people, p=[0.1, 0.2, 0.25, 0.2, 0.15, 0.1]),
                ["aucun", "CAP", "bac", "bac+2", "licence", "master"],
            ),
            "departement": pd.Categorical.from_codes(
                random.integers(0, 6, people), ["04", "05", "06", "13", "83", "84"]
            ),
        }
    )
    index = (
        -0.02 * (frame["age"] - 38)
        + 0.03 * (frame["past_months"] - 10)
        - 0.02 * frame["unemployment"]
        + 0.2 * frame["woman"]
        + 0.3 * frame["disability"]
        - 0.2 * frame["level"].cat.codes
        + 0.03 * (frame["occupation"].cat.codes - 10)
    ).to_numpy(dtype=float)
    frame["treated"] = random.random(people) < expit(index + _intercept(index))
    outcome = 0.4 + 0.01 * frame["past_months"] + 0.05 * frame["treated"]
    return frame, outcome.to_numpy() + 0.3 * random.standard_normal(people)


def _intercept(index: np.ndarray) -> float:
    low, high = -10.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(index + middle).mean() < _MEANT_SHARE else (low, middle)
    return (low + high) / 2
