"""The generalised propensity score: the probability of each arm, by a multinomial logit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.scores.terms import model_terms
from pacte_eval.frames import Arms
from pacte_eval.frames.columns import normalise

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
    covariates = {name: normalise(arms.covariates[name], "covariate") for name in arms.covariates}
    terms = model_terms(pd.DataFrame(covariates))
    matrix = terms.times(np.eye(len(terms.names)))
    model = LogisticRegression(
        C=np.inf, solver="newton-cholesky", fit_intercept=False, tol=1e-10, max_iter=200
    )
    model.fit(matrix, arms.arm.cat.codes.to_numpy(), arms.weights)
    scores = pd.DataFrame(model.predict_proba(matrix), index=arms.unit, columns=list(arms.names))
    for arm in arms.names:
        others = scores.loc[~arms.members(arm), arm]
        if (others < _SEPARATED).all():
            raise InputError(
                f"arm '{arm}' is told apart from all others by the covariates: no unit of another "
                "arm is comparable; coarsen the covariates or leave the arm out"
            )
    return scores
