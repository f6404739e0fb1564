"""Cells are crossings of named variables: two units of one cell are equal on all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import is_factor, normalise


def exact_cells(comparison: Comparison, names: Sequence[str], role: str = "exact") -> np.ndarray:
    """Code of the cell of each unit: int array, shape (n,), from 0, each code used.

    Parameters
    ----------
    comparison : Comparison
    names : sequence of str
        Strata, covariates or cells of the comparison; none makes one cell of all units.
    role : str
        What the names are for, in messages.

    Raises
    ------
    InputError
        If a name is unknown or comes twice, or `names` is not a list.
    """
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise InputError(f"{role}={names!r} must be a list of names: ['sex', 'diploma'], or []")
    codes = np.zeros(len(comparison), dtype=np.int64)
    for name in names:
        if list(names).count(name) > 1:
            raise InputError(f"{role}: '{name}' is named twice: name it once")
        level = _levels(named_column(comparison, name, role), role)
        codes = pd.factorize(codes * (int(level.max()) + 1) + level)[0].astype(np.int64)
    return codes


def named_column(comparison: Comparison, name: str, role: str) -> pd.Series:
    """A stratum, covariate or cell by its name, in that order of preference."""
    frames = (comparison.strata, comparison.covariates, comparison.cells)
    for frame in frames:
        if name in frame.columns:
            return frame[name]
    known = {str(column) for frame in frames for column in frame.columns}
    raise InputError(f"{role} '{name}' is no stratum, covariate or cell: {nearest(name, known)}")


def _levels(column: pd.Series, role: str) -> np.ndarray:
    values = normalise(column, f"{role} variable")
    if is_factor(values):
        return values.cat.codes.to_numpy().astype(np.int64)
    return pd.factorize(values.to_numpy())[0].astype(np.int64)
