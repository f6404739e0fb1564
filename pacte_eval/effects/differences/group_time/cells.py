"""Which effects by group and period there are, what each is compared with, and with whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError

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
        Positions of cohorts, increasing; the one after all groups is that of controls throughout.
    """

    group: int
    at: int
    base: int
    controls: tuple[int, ...]

    @property
    def is_base(self) -> bool:
        """Whether it is zero by construction."""
        return self.at == self.base


@dataclass(frozen=True, eq=False)
class Groups:
    """Who is first treated when, as effects by group take it.

    Attributes
    ----------
    first_treated : float array, shape (n,)
        NaN for those that are controls throughout.
    already : bool array, shape (n,)
        Treated, or within anticipation of it, at the first period.
    groups : int array, shape (k,)
        Increasing; each with a period before its treatment and its anticipation.
    stand_in : float
        The last group, which stands in for the never treated where there are none, until its
        treatment and its anticipation; infinite where there are.
    """

    first_treated: np.ndarray
    already: np.ndarray
    groups: np.ndarray
    stand_in: float

    @classmethod
    def of(
        cls, first_treated: np.ndarray, periods: np.ndarray, control: Control, anticipation: int
    ) -> Groups:
        """Read first treatments; one so late that no period feels it is as never.

        Raises
        ------
        InputError
            If nobody is treated between the first and the last period, or there is no control of
            the kind asked for.
        """
        first = first_treated.copy()
        first[first > periods[-1] + anticipation] = np.nan
        already = first <= periods[0] + anticipation
        groups = np.unique(first[np.isfinite(first) & ~already])
        if len(groups) == 0:
            raise InputError(
                f"nobody is first treated after period {periods[0]}, anticipation included: there "
                "is no effect to estimate"
            )
        stand_in = np.inf
        if not np.isnan(first).any():
            if control == "never-treated":
                raise InputError(
                    "there are no never-treated units: use control='not-yet-treated', for which "
                    "the last group stands in until its treatment"
                )
            if len(groups) == 1:
                raise InputError(
                    f"everyone is first treated at period {groups[0]:.0f}: there is no control"
                )
            stand_in = float(groups[-1])
            groups = groups[:-1]
            first[first == stand_in] = np.nan
        return cls(first, already, groups.astype(np.int64), stand_in)

    def cells(
        self, periods: np.ndarray, control: Control, base: Base, anticipation: int
    ) -> list[Cell]:
        """All effects, by group then period.

        Parameters
        ----------
        periods : int array, shape (t,)
        control, base, anticipation
            As `GroupTimeATT` takes them.

        Notes
        -----
        With a varying base, a period before treatment is compared with the one before it, others
        with the last before treatment and its anticipation. Groups not yet treated are those that
        neither of the two periods feels the treatment of.
        """
        made, groups = [], self.groups
        for place, group in enumerate(groups):
            last = int(np.searchsorted(periods, group - anticipation)) - 1
            for at, period in enumerate(periods):
                start = last if base == "universal" or period >= group else at - 1
                if start < 0:
                    continue
                felt = periods[max(at, start)] + anticipation
                controls = [len(groups)] if felt < self.stand_in else []
                if control == "not-yet-treated":
                    later = np.flatnonzero((groups > felt) & (groups != group))
                    controls = [*later.tolist(), *controls]
                made.append(Cell(place, at, start, tuple(controls)))
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

    def count(
        self, place: int, treated: int, control: int, lost: int, rank: int, no_error: str
    ) -> None:
        """Record who enters an effect that has a regression on `rank` columns, and why its arms
        have no standard error where `no_error` is not empty."""
        self.n_treated[place], self.n_control[place] = treated, control
        self.n_lost[place] = lost
        if treated == 0:
            self.note[place] = "aucun traité observé aux deux périodes"
        elif control == 0:
            self.note[place] = "aucun témoin"
        elif no_error or control <= rank:
            self.no_error[place] = True
            self.note[place] = no_error or "trop peu de témoins\u202f: pas d'erreur type"
