"""What became of each trainee: certified, not certified, or not known; never known before entry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind, counted
from pacte_eval.designs import Design
from pacte_eval.frames import Comparison

CERTIFIED, NOT_CERTIFIED, UNKNOWN = 1, 0, -1
WORDS = {CERTIFIED: "certifié", NOT_CERTIFIED: "non certifié", UNKNOWN: "certification inconnue"}
_READ = {True: CERTIFIED, False: NOT_CERTIFIED, "inconnue": UNKNOWN}


@dataclass(frozen=True, eq=False)
class Certification:
    """The state of each treated unit.

    Parameters
    ----------
    unit : pandas.Index
        Identifiers of the m treated units, unique.
    state : int array, shape (m,)
        1 certified, 0 not certified, −1 not known.

    Raises
    ------
    InputError
        If shapes disagree, a unit comes twice, or a state is none of the three.
    """

    unit: pd.Index
    state: np.ndarray

    def __post_init__(self) -> None:
        state = np.array(self.state, dtype=np.int8)
        if state.shape != (len(self.unit),):
            raise InputError(f"{len(state)} states of certification for {len(self.unit)} units")
        if self.unit.has_duplicates:
            raise InputError("certification: a unit comes twice: give one state per unit")
        if not np.isin(state, list(WORDS)).all():
            raise InputError("certification: states are 1 (certified), 0 (not) and -1 (not known)")
        state.setflags(write=False)
        object.__setattr__(self, "state", state)

    @classmethod
    def from_series(
        cls, certified: pd.Series | np.ndarray, comparison: Comparison
    ) -> Certification:
        """The states of the treated units of a comparison.

        Parameters
        ----------
        certified : Series indexed by unit, or array of n or of as many values as treated units
            True or 1, False or 0; missing, or ``"inconnue"``, where it is not known. Values of
            controls are not read: nobody certifies untrained.
        comparison : Comparison

        Raises
        ------
        InputError
            If a treated unit has no row, or a value is none of these.
        """
        unit = comparison.unit[comparison.treated]
        if isinstance(certified, pd.Series):
            position = certified.index.get_indexer_for(unit)
            if len(position) != len(unit):
                raise InputError("certified: a unit comes twice: give one value per unit")
            absent = int(np.count_nonzero(position < 0))
            if absent:
                raise InputError(f"certified has no row for {counted(absent, 'treated unit')}")
            values = certified.astype(object).to_numpy()[position]
        else:
            values = np.asarray(certified, dtype=object)
            if len(values) == len(comparison):
                values = values[comparison.treated]
            elif len(values) != len(unit):
                raise InputError(
                    f"certified has {len(values)} values for {len(comparison)} units, of which "
                    f"{len(unit)} treated"
                )
        state = np.full(len(unit), UNKNOWN, dtype=np.int8)
        known = ~pd.isna(values)
        for place in np.flatnonzero(known):
            found = _READ.get(values[place])
            if found is None:
                raise InputError(
                    f"certified holds {values[place]!r}: give True, False, or a missing value or "
                    "'inconnue' where it is not known"
                )
            state[place] = found
        return cls(unit, state)

    def aligned(self, comparison: Comparison) -> np.ndarray:
        """The state of each treated unit, in the order of the comparison: int array, shape (m,).

        Raises
        ------
        InputError
            If a treated unit has no state.
        """
        unit = comparison.unit[comparison.treated]
        if self.unit.equals(unit):
            return self.state
        position = self.unit.get_indexer(unit)
        absent = int(np.count_nonzero(position < 0))
        if absent:
            raise InputError(f"certification has no state for {counted(absent, 'treated unit')}")
        return self.state[position]

    def shares(self, design: Design) -> pd.DataFrame:
        """Share of each state among the treated that a design keeps, by its weights.

        Returns
        -------
        DataFrame
            ``state`` (in French), ``share``, ``n``: three rows.
        """
        state = self.aligned(design.comparison)
        weight = design.weights[design.comparison.treated]
        return pd.DataFrame(
            {
                "state": list(WORDS.values()),
                "share": [weight[state == one].sum() / weight.sum() for one in WORDS],
                "n": [int(np.count_nonzero(weight[state == one])) for one in WORDS],
            }
        )


def check_inputs(design: Design, certification: Certification) -> None:
    """Refuse what is no design for the treated, or no certification.

    Raises
    ------
    InputError
    """
    check_design(design)
    check_kind(certification, Certification, use="Certification.from_series()")


def check_design(design: Design) -> None:
    """Refuse what is no design for the treated.

    Raises
    ------
    InputError
    """
    check_kind(design, Design, use="the fit() of a design on a comparison")
    if design.estimand != "ATT":
        raise InputError(
            f"these numbers are of the treated: estimand='ATT', not '{design.estimand}'"
        )
