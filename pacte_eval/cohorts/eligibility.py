"""Eligibility: each rule of a definition as a test on candidates and a row of the flow chart."""

from __future__ import annotations

from datetime import timedelta

import ibis
import pandas as pd
from ibis.expr.types import BooleanValue, Table

from pacte_eval.cohorts.candidates import month_of
from pacte_eval.definitions.cells import territory
from pacte_eval.definitions.cohort import (
    Age,
    CohortDefinition,
    Covered,
    Linked,
    LivesIn,
    NoTraining,
    Registered,
    Rule,
)
from pacte_eval.definitions.months import month_of as month_of_day
from pacte_eval.definitions.prose import rule_in_french
from pacte_eval.tables.source import Source

REGION_DEPARTEMENTS = ("04", "05", "06", "13", "83", "84")


def months_before_training(definition: CohortDefinition) -> int:
    """Months over which the definition wants no earlier training."""
    return max(rule.months_before for rule in definition.population if isinstance(rule, NoTraining))


def tests_of(
    described: Table, definition: CohortDefinition, source: Source, treated: bool
) -> list[tuple[str, str, BooleanValue]]:
    """The tests that a candidate must pass, in order.

    Returns
    -------
    list of (rule, label, test)
        The rule's name, its French reading, and a Boolean expression (missing counts as failed).
    """
    tests: list[tuple[str, str, BooleanValue]] = []
    for rule in definition.population:
        if isinstance(rule, Linked) and not treated:
            continue
        tests.append((rule.rule, rule_in_french(rule), _test(described, rule, source)))
        if isinstance(rule, Linked):
            tests.append(
                ("first", "Première entrée de la personne dans la période", described.first_entry)
            )
    if not treated:
        entering = source.tables["trainings"].select("person", "start").distinct()
        now = described.semi_join(
            entering, [described.person == entering.person, described.time_zero == entering.start]
        ).select("candidate")
        tests.append(
            (
                "not_entering",
                "N'entre pas en formation ce jour-là",
                described.candidate.notin(now.candidate),
            )
        )
    return tests


def _test(described: Table, rule: Rule, source: Source) -> BooleanValue:
    match rule:
        case Linked():
            return described.person.notnull()
        case Age():
            return age(described).between(*rule.between)
        case Registered():
            return described.category.isin(rule.categories)
        case LivesIn():
            return _lives_in(described, rule.territory)
        case NoTraining():
            return described.trained_before.fill_null(0) == 0
        case Covered():
            first, last = observed_months(source)
            return (described.entry_month - rule.months_before >= first) & (
                described.entry_month + rule.months_after <= last
            )


def age(described: Table) -> ibis.expr.types.IntegerValue:
    """Age in full years in the month of time zero."""
    months = described.entry_month - month_of(described.birth_month)
    return months // 12


def _lives_in(described: Table, identifier: str) -> BooleanValue:
    place = territory(identifier)
    if place.zoning == "region":
        return described.departement.isin(REGION_DEPARTEMENTS)
    if place.zoning == "departement":
        return described.departement == place.code
    return described.zone == place.code


def observed_months(source: Source) -> tuple[int, int]:
    """First and last month whose last day contracts cover, both month integers."""
    first_day, last_day = source.coverage["contracts"]
    first = month_of_day(first_day)
    last = month_of_day(last_day + timedelta(days=1)) - 1
    return first, last


def apply_tests(
    described: Table, tests: list[tuple[str, str, BooleanValue]], start: tuple[str, str]
) -> tuple[Table, pd.DataFrame]:
    """Candidates that pass every test, and how many each test excluded.

    Returns
    -------
    ibis.Table
        The candidates kept.
    DataFrame
        ``arm, order, rule, label, excluded, remaining``, the first row being the start.
    """
    passed = ibis.literal(True)
    columns = {}
    for index, (_, _, test) in enumerate(tests):
        passed = passed & test.fill_null(False)
        columns[f"passed_{index}"] = passed
    evaluated = described.mutate(**columns).cache()
    counts = (
        evaluated.group_by("arm")
        .aggregate(
            candidates=evaluated.count(),
            **{name: evaluated[name].sum() for name in columns},
        )
        .order_by("arm")
        .execute()
    )
    rows = []
    for row in counts.to_dict("records"):
        remaining = int(row["candidates"])
        rows.append((row["arm"], 0, *start, 0, remaining))
        for index, (rule, label, _) in enumerate(tests):
            left = int(row[f"passed_{index}"])
            rows.append((row["arm"], index + 1, rule, label, remaining - left, left))
            remaining = left
    flow = pd.DataFrame(rows, columns=["arm", "order", "rule", "label", "excluded", "remaining"])
    kept = evaluated.filter(evaluated[f"passed_{len(tests) - 1}"]).drop(*columns)
    return kept, flow
