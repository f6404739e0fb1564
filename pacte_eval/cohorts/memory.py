"""The memory that a cohort will need, told before it is built.

Counted from the sizes of tables and the definition, in the bytes that the arrays of the build take;
what the engine needs besides, it spills to disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pacte_eval.cohorts.covariates import history_windows
from pacte_eval.cohorts.eligibility import observed_months
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.machine import Machine
from pacte_eval.definitions.months import first_day
from pacte_eval.tables.source import Source

PROGRAM = 450_000_000
EPISODE, PERSON, ENTRY = 150, 60, 140
CONTRACT = 26
UNIT = 260
AMOUNT = 4
_COVARIATE = 4
_HISTORIES = ("employment_history", "earnings_history")


@dataclass(frozen=True)
class Memory:
    """Bytes that a build needs at once, and what they are for.

    Attributes
    ----------
    register : int
        People, episodes and trainings.
    units : int
        Units with their covariates, at most.
    contracts : int
        Contracts of the persons of the cohort.
    calendar : int
        One outcome, person by month.
    outcome : int
        One outcome, unit by month.
    """

    register: int
    units: int
    contracts: int
    calendar: int
    outcome: int

    @property
    def total(self) -> int:
        """Bytes in all, the program's own included."""
        return self.least + self.contracts + self.calendar

    @property
    def least(self) -> int:
        """Bytes that cannot spill to disk."""
        return PROGRAM + max(self.register, self.outcome) + self.units

    def sentence(self, machine: Machine) -> str:
        """What will be needed, beside what the machine allows."""
        return (
            f"memory: about {_gb(self.total)} needed (register {_gb(self.register)}, units "
            f"{_gb(self.units)}, contracts {_gb(self.contracts)}, one outcome "
            f"{_gb(self.calendar + self.outcome)}), {_gb(machine.memory)} allowed"
            + (": contracts will spill to disk" if self.total > machine.memory else "")
        )

    def spill(self, machine: Machine) -> Path | None:
        """Where arrays go that the machine's memory does not hold; None where it holds all."""
        return machine.spill if self.total > machine.memory else None

    def refuse_beyond(self, machine: Machine) -> None:
        """Refuse what the machine does not allow.

        Raises
        ------
        InputError
            Saying which settings to change.
        """
        if self.least > machine.memory:
            raise InputError(
                f"this cohort needs at least {_gb(self.least)} of memory and {_gb(machine.memory)} "
                "are allowed: raise memory in machine.yml, or shorten the window, the period or "
                "controls.per_treated of the cohort"
            )


def memory_needed(definition: CohortDefinition, source: Source) -> Memory:
    """The memory that building a cohort from a source will need."""
    rows = source.losses.set_index("table")["rows"]
    entries = _entries(definition, source)
    per_treated = definition.controls.per_treated * len(definition.control_arms)
    persons = int(source.tables["registrations"].person.nunique().execute())
    units = int(min(entries * (1 + per_treated), rows["registrations"] * _months(definition)))
    members = min(persons, units)
    first, last = observed_months(source)
    window = definition.window.before + definition.window.after + 1
    covariates = sum(
        len(history_windows(definition.history.match, definition.history.step))
        if block in _HISTORIES
        else 1
        for block in definition.covariates
    )
    share = members / max(persons, 1)
    return Memory(
        register=int(
            EPISODE * rows["registrations"] + PERSON * persons + ENTRY * rows["trainings"]
        ),
        units=units * (UNIT + _COVARIATE * covariates),
        contracts=int(CONTRACT * rows["contracts"] * share),
        calendar=members * (last - first + 1) * AMOUNT,
        outcome=units * window * AMOUNT,
    )


def _entries(definition: CohortDefinition, source: Source) -> int:
    """Entries of the period that may be of an arm, by their objective."""
    trainings = source.tables["trainings"]
    first, last = definition.entry.period
    within = trainings.filter(
        trainings.start >= first_day(first), trainings.start < first_day(last + 1)
    )
    allowed = [arm.objectives for arm in definition.training_arms.values()]
    if all(objectives is not None for objectives in allowed):
        codes = sorted(set().union(*(objectives or set() for objectives in allowed)))
        within = within.filter(within.objective.isin(codes))
    return int(within.count().execute())


def _months(definition: CohortDefinition) -> int:
    first, last = definition.entry.period
    return last - first + 1


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
