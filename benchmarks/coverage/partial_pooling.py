"""Do intervals of zones drawn together hold 95 % of the zones, and are estimates nearer the truth?

Run from the root of the repository::

    python benchmarks/coverage/partial_pooling.py [REPLICATIONS] [--only TEXT]

prints a table and writes it in ``partial_pooling.csv`` beside this file, 2,000 replications by
default, on two processes; with ``--only``, the rows of these cases take the place of theirs.

Eighteen zones whose errors go from 0.02 to 0.12. In each replication true effects are
normal or skewed (exponential) around 0.08 with a standard deviation of 0.04, errors independent or
of correlation one half. ``coverage`` is the mean share of zones whose interval holds their true
effect, ``mc_error`` its Monte Carlo error, ``rmse`` the root of the mean squared error of the
estimates and ``half_width`` the mean half-length of the intervals, in the unit of the outcome.
``raw`` are the estimates as they are; ``robust`` those drawn together with robust empirical Bayes
intervals; ``naive`` the same estimates with the intervals of a normal posterior of known moments.
Robust intervals are to hold 94 % of the zones or more (``rule`` one-sided); the others are
reported.
"""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd
from cases import run_cases
from scipy.stats import norm

from pacte_eval.effects.partial_pooling import partial_pooling

SEED = 2022
ZONES, MEAN, SPREAD = 18, 0.08, 0.04
ERRORS = np.geomspace(0.02, 0.12, ZONES)
QUANTILE = float(norm.ppf(0.975))
CASES = {
    f"{shape} effects, {errors} errors": (shape, correlation)
    for shape in ("normal", "skewed")
    for errors, correlation in (("independent", 0.0), ("correlated", 0.5))
}
RULES = {"raw": "reported", "robust": "one-sided", "naive": "reported"}


def measures(
    random: np.random.Generator, shape: str, covariance: np.ndarray
) -> dict[str, tuple[float, float, float]]:
    """Share of zones held, mean squared error and mean half-length, by kind of interval."""
    drawn = random.normal(size=ZONES) if shape == "normal" else random.exponential(size=ZONES) - 1
    truth = MEAN + SPREAD * drawn
    raw = random.multivariate_normal(truth, covariance)
    found = partial_pooling(raw, covariance)
    table, second = found.table, found.spread**2
    posterior = second * np.linalg.solve(second * np.eye(ZONES) + covariance, covariance)
    shrunken = table["shrunken"].to_numpy()
    intervals = {
        "raw": (raw, QUANTILE * ERRORS),
        "robust": (shrunken, (table["ci_high"] - table["shrunken"]).to_numpy()),
        "naive": (shrunken, QUANTILE * np.sqrt(np.diag(posterior))),
    }
    return {
        kind: (
            float((np.abs(centre - truth) <= half).mean()),
            float(((centre - truth) ** 2).mean()),
            float(half.mean()),
        )
        for kind, (centre, half) in intervals.items()
    }


def run(name: str, replications: int) -> pd.DataFrame:
    """The rows of one case, one for each kind of interval."""
    shape, correlation = CASES[name]
    covariance = np.outer(ERRORS, ERRORS) * (correlation + (1 - correlation) * np.eye(ZONES))
    random = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    every = [measures(random, shape, covariance) for _ in range(replications)]
    rows = []
    for kind, rule in RULES.items():
        held, squared, half = np.array([one[kind] for one in every]).T
        rows.append(
            {
                "case": name,
                "interval": kind,
                "rule": rule,
                "replications": replications,
                "coverage": held.mean(),
                "mc_error": held.std() / np.sqrt(replications),
                "rmse": np.sqrt(squared.mean()),
                "half_width": half.mean(),
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    run_cases(__file__, __doc__ or "", list(CASES), run)
