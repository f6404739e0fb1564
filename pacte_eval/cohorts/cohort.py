"""A cohort: units of several arms, their covariates of the eve, their outcomes month by month.

The comparison of two arms is taken from it without outcomes, so that designs never see any; an
outcome is computed when it is asked for by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pacte_eval.cohorts.persons import (
    person_covariates,
    person_outcomes,
    person_weights,
    read_arms,
)
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.persons import PersonsDefinition
from pacte_eval.frames import Comparison, Outcomes


class LazyOutcomes(Mapping[str, Outcomes]):
    """Outcomes by name, each computed at its first reading and kept.

    Parameters
    ----------
    makers : mapping of str to callable
        What computes each outcome.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Outcomes]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Outcomes] = {}

    def __getitem__(self, name: str) -> Outcomes:
        if name not in self._makers:
            raise InputError(f"no outcome '{name}' in this cohort: {nearest(name, self._makers)}")
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


@dataclass(frozen=True, eq=False)
class Cohort:
    """Units, covariates, outcomes and flow chart.

    Attributes
    ----------
    label : str
        Name for a French reader.
    units : DataFrame
        Index ``unit``; ``person``, ``arm``, ``weight`` and, for a cohort of entries, ``training``,
        ``time_zero`` and ``entry_month``.
    covariates, strata, cells : DataFrame
        One row per unit: covariates of the eve, sampling cells, publics (booleans) and territories
        (text).
    outcomes : mapping of str to Outcomes
    flow : DataFrame
        ``arm, order, rule, label, excluded, remaining``.
    arm_labels, covariate_labels, outcome_labels : dict of str to str
        French labels.
    history : dict of str to (period, period)
        For covariates that summarise past outcomes, the periods they cover.
    """

    label: str
    units: pd.DataFrame
    covariates: pd.DataFrame
    strata: pd.DataFrame
    cells: pd.DataFrame
    outcomes: LazyOutcomes
    flow: pd.DataFrame
    arm_labels: dict[str, str]
    covariate_labels: dict[str, str]
    outcome_labels: dict[str, str]
    history: dict[str, tuple[int | str, int | str]] = field(default_factory=dict)

    @classmethod
    def from_persons(cls, definition: PersonsDefinition, folder: Path) -> Cohort:
        """A cohort from files with one row per person, such as a survey.

        Parameters
        ----------
        definition : PersonsDefinition
            Which file, column and value is what.
        folder : Path
            The folder that relative file names start from.

        Raises
        ------
        InputError
            If a file or a column is missing, an arm is empty, an outcome is not a number, or a
            person key is empty or comes twice in an arm.
        """
        rows, flow = read_arms(definition, folder)
        covariates = person_covariates(rows, definition)
        weights = person_weights(rows, definition)
        return cls(
            label=definition.label,
            units=pd.DataFrame(
                {"person": rows["person_key"], "arm": rows["arm"], "weight": weights}
            ),
            covariates=pd.DataFrame(covariates.columns, index=rows.index),
            strata=pd.DataFrame(index=rows.index),
            cells=pd.DataFrame(index=rows.index),
            outcomes=LazyOutcomes(person_outcomes(rows, definition)),
            flow=flow,
            arm_labels={name: arm.label for name, arm in definition.arms.items()},
            covariate_labels=covariates.labels,
            outcome_labels={name: item.label for name, item in definition.outcomes.items()},
            history=dict(covariates.history),
        )

    def compare(self, treated: str, control: str) -> Comparison:
        """The units of two arms side by side, without outcomes.

        Raises
        ------
        InputError
            If an arm is unknown, or has no unit.
        """
        for arm in (treated, control):
            if arm not in self.arm_labels:
                raise InputError(f"no arm '{arm}' in this cohort: {nearest(arm, self.arm_labels)}")
            if not (self.units["arm"] == arm).any():
                raise InputError(
                    f"arm '{arm}' is empty: see the flow chart for the rule that excludes everyone"
                )
        kept = self.units["arm"].isin([treated, control])
        units = self.units[kept]
        return Comparison(
            unit=units.index,
            covariates=self.covariates[kept],
            treated=(units["arm"] == treated).to_numpy(),
            strata=self.strata[kept],
            cells=self.cells[kept],
            cluster=units["person"].to_numpy(),
            weights=units["weight"].to_numpy(),
            treated_label=self.arm_labels[treated],
            control_label=self.arm_labels[control],
        )

    def __repr__(self) -> str:
        arms = ", ".join(
            f"{count:,} {arm}" for arm, count in self.units["arm"].value_counts().items()
        )
        return f"Cohort('{self.label}': {arms}; outcomes {', '.join(self.outcomes)})"
