"""When units are first treated, and how long before they may feel it."""

from __future__ import annotations

import numpy as np

from pacte_eval.definitions.errors import InputError, counted
from pacte_eval.designs.settings import is_whole
from pacte_eval.frames import Panel


def check_anticipation(periods: int) -> None:
    """Refuse what is no number of periods before treatment."""
    if not is_whole(periods, 0):
        raise InputError(f"anticipation={periods} must be a number of periods, from 0")


def cohort_codes(panel: Panel, periods: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Cohorts over some periods of a panel, the never treated last.

    Parameters
    ----------
    panel : Panel
    periods : int array
        Those at which somebody is observed.

    Returns
    -------
    starts : float array
        First treatments, increasing; NaN last where some are not treated by the last period.
    codes : int array, shape (n,)
    late : int
        Units first treated after the last period, counted with the never treated.

    Raises
    ------
    InputError
        If units are treated by the first period, or none within the periods.
    """
    first = panel.first_treated
    always = int(np.count_nonzero(first <= periods[0]))
    if always:
        raise InputError(
            f"{counted(always, 'unit')} first treated by period {periods[0]}, the first of the "
            "panel, have no period before: leave them out with panel.subset()"
        )
    late = first > periods[-1]
    starts, codes = np.unique(np.where(late, np.nan, first), return_inverse=True)
    if not np.isfinite(starts).any():
        raise InputError("no unit is first treated within the periods of the panel")
    return starts, codes, int(late.sum())
