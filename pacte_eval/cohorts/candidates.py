"""Candidates: who could be a unit, treated or at risk, with the time zero of each.

A treated candidate is a row of the training table, its time zero the first day of training. A
control candidate is a person on the register during a month in which somebody was treated; it takes
one of the entry dates of that month as time zero, dealt in the order of a hash, so that both arms
share the calendar and the eve on which they are looked at.
"""

from __future__ import annotations

import ibis
from ibis.expr.types import BooleanValue, DateValue, IntegerValue, StringValue, Table

from pacte_eval.cohorts.hashing import draw_key
from pacte_eval.definitions.cohort import CohortDefinition, NotObjectives, TrainingArm
from pacte_eval.tables.source import Source


def month_of(day: DateValue) -> IntegerValue:
    """The month integer of a date expression."""
    return (day.year() * 12 + day.month() - 1).cast("int32")


def treated_candidates(source: Source, definition: CohortDefinition) -> Table:
    """Every training row of the period whose objective is one of an arm's.

    Returns
    -------
    ibis.Table
        ``arm, person, training, time_zero, entry_month, first_entry``; one row per training.
        ``first_entry`` is whether the person has no earlier training row in the period, of any
        objective (always true where there is no person key).
    """
    trainings = source.tables["trainings"]
    entries = trainings.mutate(entry_month=month_of(trainings.start))
    in_period = entries.filter(entries.entry_month.between(*definition.entry.period))
    arm = ibis.cases(
        *(
            (_is_in_arm(in_period.objective, training_arm), ibis.literal(name))
            for name, training_arm in definition.training_arms.items()
        ),
        else_=ibis.null("string"),
    )
    order = ibis.row_number().over(
        group_by=in_period.person, order_by=[in_period.start, in_period.training]
    )
    ranked = in_period.select(
        "person",
        "training",
        "entry_month",
        arm=arm,
        time_zero=in_period.start,
        first_entry=in_period.person.isnull() | (order == 0),
    )
    return ranked.filter(ranked.arm.notnull())


def _is_in_arm(objective: StringValue, arm: TrainingArm) -> BooleanValue:
    if isinstance(arm.objective, NotObjectives):
        return objective.notin(arm.objective.not_)
    return objective.isin((arm.objective,) if isinstance(arm.objective, str) else arm.objective)


def control_candidates(source: Source, treated: Table, definition: CohortDefinition) -> Table:
    """Every person on the register in a month of entry, with an entry date of that month.

    Parameters
    ----------
    treated : ibis.Table
        The treated units kept (``entry_month``, ``time_zero``).

    Returns
    -------
    ibis.Table
        ``arm, person, time_zero, entry_month``; one row per person and month.
    """
    registrations = source.tables["registrations"]
    last_day = registrations.end.fill_null(source.coverage["registrations"][1])
    episodes = registrations.select(
        "person", first=month_of(registrations.start), last=month_of(last_day)
    )
    months = treated.select("entry_month").distinct()
    present = (
        episodes.join(
            months, [episodes.first <= months.entry_month, episodes.last >= months.entry_month]
        )
        .select("person", "entry_month")
        .distinct()
    )
    key = draw_key(definition.controls.seed, present.entry_month.cast("string"), present.person)
    dealt = present.mutate(place=ibis.row_number().over(group_by=present.entry_month, order_by=key))
    dates = treated.select(
        month=treated.entry_month,
        time_zero=treated.time_zero,
        rank=ibis.row_number().over(group_by=treated.entry_month, order_by=treated.time_zero),
        entries=treated.count().over(group_by=treated.entry_month),
    )
    matched = dealt.join(
        dates, [dealt.entry_month == dates.month, dealt.place % dates.entries == dates.rank]
    )
    return matched.select(
        "person", "time_zero", "entry_month", arm=ibis.literal(definition.control_arm)
    )
