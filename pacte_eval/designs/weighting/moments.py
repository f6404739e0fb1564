"""The moments that weights balance: covariates, their powers and their products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pacte_eval.designs.scores.terms import Terms, model_terms
from pacte_eval.frames.columns import is_factor


def moment_terms(
    covariates: pd.DataFrame, moments: int = 1, interactions: Sequence[Sequence[str]] = ()
) -> Terms:
    """Columns whose means are to be balanced, the intercept first.

    Powers and products are those of numbers centred and divided by their standard deviation over
    the rows given: with lower powers and the intercept they span the raw moments and the central
    ones. A factor is one column a level but the first, and has no power. A power of a binary
    covariate is dropped as collinear.
    """
    if moments == 1 and not interactions:
        return model_terms(covariates)
    numbers = [name for name in covariates.columns if not is_factor(covariates[name])]
    standard = covariates.assign(**{str(name): _standardised(covariates[name]) for name in numbers})
    powers = [(str(name),) * power for power in range(2, moments + 1) for name in numbers]
    return model_terms(standard, interactions=[*powers, *interactions])


def _standardised(column: pd.Series) -> pd.Series:
    values = column.to_numpy(dtype=np.float64)
    if np.ptp(values) == 0:
        return column
    centred = values - values.mean()
    return pd.Series(centred / centred.std(), index=column.index, name=column.name)
