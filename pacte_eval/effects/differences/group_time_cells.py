"""Which effects by group and period there are, what each is compared with, and with whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

Control = Literal["never-treated", "not-yet-treated"]
Base = Literal["varying", "universal"]


@dataclass(frozen=True)
class Cell:
    """An effect of one group at one period.

    Attributes
    ----------
    group : int
        Position of the group.
    at, base : int
        Positions of the period, and of the one it is compared with.
    controls : tuple of int
        Positions of cohorts, increasing; as many as there are groups is the never treated.
    """

    group: int
    at: int
    base: int
    controls: tuple[int, ...]

    @property
    def is_base(self) -> bool:
        """Whether it is zero by construction."""
        return self.at == self.base


def cells(
    groups: np.ndarray, periods: np.ndarray, control: Control, base: Base, anticipation: int
) -> list[Cell]:
    """All effects, by group then period.

    Parameters
    ----------
    groups : int array, shape (k,)
        Each with a period before its treatment and its anticipation.
    periods : int array, shape (t,)
    control, base, anticipation
        As `GroupTimeATT` takes them.

    Notes
    -----
    With a varying base, a period before treatment is compared with the one before it, others with
    the last before treatment and its anticipation. Groups not yet treated are those that no period
    of the two feels the treatment of.
    """
    never = len(groups)
    made = []
    for place, group in enumerate(groups):
        last = int(np.searchsorted(periods, group - anticipation)) - 1
        for at, period in enumerate(periods):
            start = last if base == "universal" or period >= group else at - 1
            if start < 0:
                continue
            controls: tuple[int, ...] = (never,)
            if control == "not-yet-treated":
                felt = periods[max(at, start)] + anticipation
                later = np.flatnonzero((groups > felt) & (groups != group))
                controls = (*later.tolist(), never)
            made.append(Cell(place, at, start, controls))
    return made


class Results:
    """What is found of each effect, missing until it is.

    Attributes
    ----------
    estimate, treated_mean : float arrays
    n_treated, n_control : int arrays
        Units that enter.
    n_lost : int array
        Units of the group that do not, for want of an observation.
    note : list of str
        Why an effect, or its error, is missing; empty where neither is.
    no_error : bool array
        Effects whose standard error cannot be computed.
    """

    def __init__(self, size: int) -> None:
        self.estimate = np.full(size, np.nan)
        self.treated_mean = np.full(size, np.nan)
        self.n_treated = np.zeros(size, dtype=np.int64)
        self.n_control = np.zeros(size, dtype=np.int64)
        self.n_lost = np.zeros(size, dtype=np.int64)
        self.note = [""] * size
        self.no_error = np.zeros(size, dtype=bool)

    def frame(self) -> pd.DataFrame:
        """One row per effect."""
        return pd.DataFrame(
            {
                "estimate": self.estimate,
                "n_treated": self.n_treated,
                "n_control": self.n_control,
                "n_lost": self.n_lost,
                "treated_mean": self.treated_mean,
                "control_mean": self.treated_mean - self.estimate,
                "note": self.note,
            }
        )

    def count(self, place: int, treated: int, control: int, lost: int, rank: int) -> None:
        """Record who enters an effect that has a regression on `rank` columns."""
        self.n_treated[place], self.n_control[place] = treated, control
        self.n_lost[place] = lost
        if treated == 0:
            self.note[place] = "aucun traité observé aux deux périodes"
        elif control == 0:
            self.note[place] = "aucun témoin"
        elif treated == 1 or control <= rank:
            self.no_error[place] = True
            few = "un seul traité" if treated == 1 else "trop peu de témoins"
            self.note[place] = f"{few}\u202f: pas d'erreur type"
