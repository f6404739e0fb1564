"""A cohort: units of several arms, their covariates of the eve, their outcomes month by month.

The comparison of two arms is taken from it without outcomes, so that designs never see any; an
outcome is computed when it is asked for by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from pacte_eval.cohorts.calendar_panel import CalendarPanels, CalendarPeriod
from pacte_eval.cohorts.covariates import Measured
from pacte_eval.cohorts.persons import (
    person_covariates,
    person_outcomes,
    person_weights,
    read_arms,
)
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.persons import PersonsDefinition
from pacte_eval.frames import Arms, Comparison, Outcomes, Panel


class LazyOutcomes(Mapping[str, Outcomes]):
    """Outcomes by name, each computed when it is read; only the last one is kept.

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
            self._made.clear()
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
        ``time_zero``, ``entry_month`` and ``origin_month``, the month that months count from.
    covariates, strata, cells : DataFrame
        One row per unit: covariates of the eve, sampling cells, publics and territories
        (booleans, by identifier).
    outcomes : mapping of str to Outcomes
    flow : DataFrame
        ``arm, order, rule, label, excluded, remaining``.
    arm_labels, covariate_labels, outcome_labels : dict of str to str
        French labels.
    covariate_months : dict of str to (period, period)
        For covariates that summarise past outcomes, the periods they cover.
    measured : dict of str to Measured
        For each covariate of a cohort of entries, the table it was measured on and until when.
    after_entry : DataFrame of bool
        One row per unit: the arms that what follows entry tells apart.
    not_measurable : dict of str to str
        Publics and territories whose variables the source does not hold, and why in French.
    warnings : tuple of str
        What a reader must be told of the definition, in French.
    read_history : callable
        What `history` gives.
    panels : CalendarPanels or None
        What `panel` gives; None for a cohort from a file of persons.
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
    covariate_months: dict[str, tuple[Period, Period]] = field(default_factory=dict)
    measured: dict[str, Measured] = field(default_factory=dict)
    after_entry: pd.DataFrame = field(default_factory=pd.DataFrame)
    not_measurable: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    read_history: Callable[[], pd.DataFrame] = field(default=pd.DataFrame, repr=False)
    panels: CalendarPanels | None = field(default=None, repr=False)

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
            covariate_months=covariates.months,
        )

    def compare(self, treated: str, control: str, after_entry: bool = False) -> Comparison:
        """The units of two arms side by side, without outcomes.

        Parameters
        ----------
        after_entry : bool
            Declares that an arm may be defined by what is observed after entry.

        Raises
        ------
        InputError
            If an arm is unknown or empty, if both share units, or if one is defined after entry
            and this is not declared.
        """
        masks = [self._members(arm, after_entry) for arm in (treated, control)]
        if (masks[0] & masks[1]).any():
            raise InputError(f"arms '{treated}' and '{control}' share units: compare others")
        kept = masks[0] | masks[1]
        units = self.units[kept]
        return Comparison(
            unit=units.index,
            covariates=self.covariates[kept],
            treated=masks[0][kept],
            strata=self.strata[kept],
            cells=self.cells[kept],
            cluster=units["person"].to_numpy(),
            weights=units["weight"].to_numpy(),
            treated_label=self.arm_labels[treated],
            control_label=self.arm_labels[control],
        )

    def side_by_side(self, arms: Sequence[str], after_entry: bool = False) -> Arms:
        """The units of several arms, from which pairs are compared, without outcomes.

        Raises
        ------
        InputError
            As `compare` does.
        """
        masks = [self._members(arm, after_entry) for arm in arms]
        if np.sum(masks, axis=0).max() > 1:
            raise InputError(f"arms {', '.join(arms)} share units: compare others")
        kept = np.any(masks, axis=0)
        units = self.units[kept]
        return Arms(
            unit=units.index,
            arm=pd.Series(np.array(arms)[np.argmax(masks, axis=0)[kept]], index=units.index),
            covariates=self.covariates[kept],
            strata=self.strata[kept],
            cells=self.cells[kept],
            cluster=units["person"].to_numpy(),
            weights=units["weight"].to_numpy(),
            labels={arm: self.arm_labels[arm] for arm in arms},
        )

    def history(self, after_entry: bool = False) -> pd.DataFrame:
        """What happened to units after time zero, each event with its day.

        Parameters
        ----------
        after_entry : bool
            Declares that the reader knows that this must not define a comparison.

        Returns
        -------
        DataFrame
            ``unit, event, day, value``: end of the training or drop-out, certification, later
            entries.

        Raises
        ------
        InputError
            If it is not declared.
        """
        if not after_entry:
            raise InputError(
                "the history of a cohort is what follows entry: ask for it with after_entry=True, "
                "in an analysis declared so"
            )
        return self.read_history()

    def panel(
        self, outcome: str, period: CalendarPeriod = "month", arm: str | None = None
    ) -> Panel:
        """Persons by calendar period, each once, with the period of their first entry.

        Difference-in-differences on it has another estimand than a comparison of this cohort:
        untrained outcomes of later entrants, of entrants and of those who never enter must move in
        parallel, and the counterfactual is never to be trained. It holds who is trained later,
        which is known after time zero: it is for `GroupTimeATT` and its like, not for designs.

        Parameters
        ----------
        outcome : str
            One that has a value by calendar month: not ``acces_emploi`` nor ``formation_depuis``.
        period : ``"month"`` or ``"quarter"``
            A quarter (``year * 4 + quarter − 1``) is the mean of its three months, missing where
            one is; quarters that the source does not cover whole are left out.
        arm : str, optional
            The arm whose trainings treat, where several are trained.

        Returns
        -------
        Panel
            The persons with a unit in this arm, or at risk. ``first_treated`` is the period of the
            first entry into its trainings from the person's first time zero on, whatever the period
            of entries of the cohort; missing where there is none in the months observed. Trainings
            of other kinds do not treat. Covariates are those of the person's first unit; the weight
            is that of their entry, or of their first unit where they have none.

        Raises
        ------
        InputError
            If the cohort comes from a file of persons, the outcome has no calendar month, or an arm
            must be named.
        """
        if self.panels is None:
            raise InputError(
                "a cohort from a file of persons has no calendar: make the panel from a table with "
                "one row per person and period, by Panel.from_frame"
            )
        return self.panels.panel(outcome, period, arm)

    def _members(self, arm: str, after_entry: bool) -> np.ndarray:
        if arm not in self.arm_labels:
            raise InputError(f"no arm '{arm}' in this cohort: {nearest(arm, self.arm_labels)}")
        if arm in self.after_entry and not after_entry:
            raise InputError(
                f"arm '{arm}' is defined by what is observed after entry: a comparison with it "
                "must declare after_entry: true"
            )
        inside = self.after_entry[arm] if arm in self.after_entry else self.units["arm"] == arm
        if not inside.any():
            raise InputError(
                f"arm '{arm}' is empty: see the flow chart for the rule that excludes everyone"
            )
        return inside.to_numpy(dtype=bool)

    def __repr__(self) -> str:
        arms = ", ".join(
            f"{count:,} {arm}" for arm, count in self.units["arm"].value_counts().items()
        )
        return f"Cohort('{self.label}': {arms}; outcomes {', '.join(self.outcomes)})"
