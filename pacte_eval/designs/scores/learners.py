"""Learners that a user brings, with scikit-learn's interface: copies are fitted, and what they
cannot do is said in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pacte_eval.definitions.errors import InputError

Learner = Any


def check_learner(learner: Learner, role: str, *predictions: str) -> None:
    """Refuse what has no `fit`, or none of some methods.

    Raises
    ------
    InputError
    """
    able = any(hasattr(learner, name) for name in predictions)
    if isinstance(learner, type) or not hasattr(learner, "fit") or not able:
        name = learner.__name__ if isinstance(learner, type) else type(learner).__name__
        raise InputError(
            f"{role}={name} is no learner: give an estimator of scikit-learn that has fit and "
            f"{' or '.join(predictions)}, as Ridge() rather than Ridge"
        )


def fit_learner(
    learner: Learner,
    columns: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray,
    *,
    role: str,
    seed: int,
) -> Learner:
    """A copy of a learner, fitted on one thread: two, on a busy machine, wait for each other.

    Parameters
    ----------
    learner : estimator of scikit-learn
    columns : float array, shape (n, p)
    target : array, shape (n,) or (n, t)
    weights : float array, shape (n,)
        Sampling weights, given to the learner where they are not all equal.
    role : str
        The setting that the learner comes from.
    seed : int
        Given to each random state that is not set.

    Raises
    ------
    InputError
        If it cannot be fitted, or takes no weights where there are some.
    """
    from sklearn.base import clone
    from sklearn.utils.validation import has_fit_parameter

    name = type(learner).__name__
    options = {}
    if (weights != weights[0]).any():
        if not has_fit_parameter(learner, "sample_weight"):
            raise InputError(
                f"{role}={name} takes no sample_weight and sampling weights are not all equal: "
                "choose a learner whose fit takes them"
            )
        options = {"sample_weight": weights}
    try:
        model = clone(learner)
        open_seeds = {
            key: seed
            for key, value in model.get_params().items()
            if key.split("__")[-1] == "random_state" and value is None
        }
        with threadpool_limits(limits=1):
            return model.set_params(**open_seeds).fit(columns, target, **options)
    except Exception as error:
        raise InputError(f"{role}={name} cannot be fitted: {_first_line(error)}") from error


def predict(learner: Learner, method: str, columns: np.ndarray, *, role: str) -> np.ndarray:
    """What a fitted learner predicts.

    Raises
    ------
    InputError
        If it cannot predict, or values are not finite.
    """
    name = type(learner).__name__
    try:
        values = np.asarray(getattr(learner, method)(columns), dtype=np.float64)
    except Exception as error:
        raise InputError(f"{role}={name} cannot predict: {_first_line(error)}") from error
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        raise InputError(f"{role}={name} predicts {wrong:,} values missing or infinite")
    return values


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
