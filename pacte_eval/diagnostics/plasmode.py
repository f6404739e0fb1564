"""Which estimator for these people? Outcomes simulated onto their own covariates, effect known.

Franklin et al. (2014, *Computational Statistics & Data Analysis* 72, 219–226). The chances of an
outcome that precedes entry are fitted on the covariates; outcomes are drawn from them, plus a known
effect for the treated; every estimator is applied to all the draws, its design being fixed once.
It serves to choose, never to certify: in the simulated world nothing unobserved confounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design
from pacte_eval.effects import Effects, estimate
from pacte_eval.frames import Comparison, Outcomes

ENOUGH = 1_000
_BLOCK = 50

Applied = Callable[[Outcomes], Effects]


def plasmode(
    comparison: Comparison,
    estimators: Mapping[str, Design | Applied],
    baseline: Outcomes,
    effects: Sequence[float] = (0.0, 0.1),
    *,
    draws: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """Bias, root mean square error and, with enough draws, coverage and power of estimators.

    Parameters
    ----------
    comparison : Comparison
        The n units that designs were fitted on.
    estimators : mapping of str to Design, or to a callable
        A callable is given outcomes and returns effects on all the treated.
    baseline : Outcomes, one period, of zeros and ones
        Observed before entry, whose chances given the covariates are those of the simulation.
    effects : sequence of float
        What is added to the chances of each treated unit, between −1 and 1, as far as they stay
        between 0 and 1.
    draws, seed : int

    Returns
    -------
    DataFrame
        One row per effect and estimator: ``effect``, ``label``, ``truth`` (of those the estimator
        keeps), ``bias``, ``bias_mc_error``, ``rmse``, ``rmse_mc_error``, ``coverage`` and
        ``power`` (missing under 1,000 draws), ``draws``, ``rank`` (by the mean of squares of rmse
        over effects), ``n_treated``.

    Raises
    ------
    InputError
        If the baseline is not of one period, of zeros and ones, or does not vary, a design is of
        other units, an effect is out of range, or there are fewer than two draws.
    """
    if not estimators:
        raise InputError("there is no estimator to compare")
    if draws < 2:
        raise InputError(f"draws={draws} must be at least 2")
    if any(not -1 <= effect <= 1 for effect in effects):
        raise InputError("a planted effect lies between -1 and 1")
    for label, estimator in estimators.items():
        if isinstance(estimator, Design) and not estimator.comparison.unit.equals(comparison.unit):
            raise InputError(f"design '{label}' was fitted on other units than the comparison's")
    chances = _chances(comparison, baseline)
    rows = []
    for effect in effects:
        treated = np.where(comparison.treated, np.clip(chances + effect, 0.0, 1.0), chances)
        simulated = _drawn(comparison, treated, draws, seed)
        gains = treated - chances
        for label, estimator in estimators.items():
            rows.append(
                {"effect": effect, "label": label, "draws": draws}
                | _measured(comparison, estimator, simulated, gains)
            )
    table = pd.DataFrame(rows)
    error = table.groupby("label")["rmse"].agg(lambda values: float((values**2).mean()))
    return table.assign(rank=table["label"].map(error.rank(method="min")).astype(int))


def _chances(comparison: Comparison, baseline: Outcomes) -> np.ndarray:
    """Chances of the baseline outcome given the covariates: float array, shape (n,)."""
    values = baseline.aligned(comparison.unit)
    if values.shape[1] != 1:
        raise InputError(f"the baseline has {values.shape[1]} periods: give one, before entry")
    values = values[:, 0]
    seen = np.isfinite(values)
    if not np.isin(values[seen], (0, 1)).all():
        raise InputError(f"baseline outcome '{baseline.name}' is not of zeros and ones")
    if len(np.unique(values[seen])) < 2:
        raise InputError(f"baseline outcome '{baseline.name}' does not vary: nothing to simulate")
    columns = pd.get_dummies(comparison.covariates, drop_first=True).to_numpy(dtype=float)
    if columns.shape[1] == 0:
        return np.full(len(values), values[seen].mean())
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(columns[seen], values[seen])
    return np.asarray(model.predict_proba(columns)[:, 1])


def _drawn(comparison: Comparison, chances: np.ndarray, draws: int, seed: int) -> Outcomes:
    """Outcomes of every draw side by side; the units of a person share their luck."""
    random = np.random.default_rng(seed)
    people = int(comparison.person.max()) + 1
    values = np.empty((len(comparison), draws), dtype=np.float32)
    for start in range(0, draws, _BLOCK):
        stop = min(start + _BLOCK, draws)
        luck = random.random((people, stop - start), dtype=np.float32)
        values[:, start:stop] = luck[comparison.person] < chances[:, np.newaxis]
    return Outcomes("simulé", values, range(draws), comparison.unit)


def _measured(
    comparison: Comparison, estimator: Design | Applied, simulated: Outcomes, gains: np.ndarray
) -> dict[str, float]:
    treated = comparison.treated
    draws = len(simulated.periods)
    if isinstance(estimator, Design):
        own = estimator.weights[treated]
        truth = float(own @ gains[treated] / own.sum())
        kept = estimator.n_treated
        table = None
        if draws >= ENOUGH:
            table = estimate(estimator, simulated, cluster="person").table
            estimates = table["estimate"].to_numpy(dtype=float)
        else:
            estimates = _means(estimator, simulated)
    else:
        own = comparison.weights[treated]
        truth = float(own @ gains[treated] / own.sum())
        table = estimator(simulated).table
        estimates = table["estimate"].to_numpy(dtype=float)
        kept = int(treated.sum())
    error = estimates - truth
    square = error**2
    rmse = float(np.sqrt(square.mean()))
    coverage = power = np.nan
    if table is not None and draws >= ENOUGH:
        low, high = table["ci_low"], table["ci_high"]
        coverage = float(((low <= truth) & (truth <= high)).mean())
        power = float(((low > 0) | (high < 0)).mean())
    return {
        "truth": truth,
        "bias": float(error.mean()),
        "bias_mc_error": float(error.std(ddof=1) / np.sqrt(draws)),
        "rmse": rmse,
        "rmse_mc_error": float(square.std(ddof=1) / np.sqrt(draws) / (2 * rmse)) if rmse else 0.0,
        "coverage": coverage,
        "power": power,
        "n_treated": kept,
    }


def _means(design: Design, simulated: Outcomes) -> np.ndarray:
    """Differences of weighted means of every draw: shape (draws,)."""
    comparison = design.comparison
    weights = design.weights / np.where(
        comparison.treated,
        design.weights[comparison.treated].sum(),
        -design.weights[~comparison.treated].sum(),
    )
    used = weights != 0
    values = simulated.aligned(comparison.unit)[used]
    return np.asarray(weights[used] @ values.astype(np.float64))
