"""The generalised propensity score: the probability of each arm, by a multinomial logit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.frames import Arms
from pacte_eval.frames.columns import is_factor, normalise

_SEPARATED = 1e-9


def generalised_score(arms: Arms) -> pd.DataFrame:
    """Probability of each arm given the covariates, weighted by the sampling weights.

    Maximum likelihood by scikit-learn, numbers standardised, factors coded against their first
    level.

    Returns
    -------
    DataFrame
        A row per unit, a column per arm; rows sum to one.

    Raises
    ------
    InputError
        If there is no covariate, or a probability is zero to nine digits for all units of an arm
        other than its own, so that arms have nobody in common.
    """
    from sklearn.linear_model import LogisticRegression

    if arms.covariates.shape[1] == 0:
        raise InputError("a score needs at least one covariate: the arms have none")
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=200)
    model.fit(_matrix(arms.covariates), arms.arm.cat.codes.to_numpy(), arms.weights)
    scores = pd.DataFrame(
        model.predict_proba(_matrix(arms.covariates)), index=arms.unit, columns=list(arms.names)
    )
    for arm in arms.names:
        others = scores.loc[~arms.members(arm), arm]
        if (others < _SEPARATED).all():
            raise InputError(
                f"arm '{arm}' is told apart from all others by the covariates: no unit of another "
                "arm is comparable; coarsen the covariates or leave the arm out"
            )
    return scores


def _matrix(covariates: pd.DataFrame) -> np.ndarray:
    columns = []
    for name in covariates.columns:
        column = normalise(covariates[name], "covariate")
        if is_factor(column):
            codes = column.cat.codes.to_numpy()
            columns += [codes == code for code in range(1, len(column.cat.categories))]
        else:
            values = column.to_numpy(dtype=np.float64)
            spread = values.std()
            columns.append((values - values.mean()) / (spread if spread > 0 else 1.0))
    return np.column_stack(columns).astype(np.float64)
