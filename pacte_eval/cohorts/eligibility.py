"""Eligibility: each rule of a definition as a test on candidates and a row of the flow chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from pacte_eval.cohorts.attributes import Values, numbers_in
from pacte_eval.cohorts.days import months_back
from pacte_eval.cohorts.eve import Eve
from pacte_eval.cohorts.publics import is_one_of, membership
from pacte_eval.cohorts.register import NONE
from pacte_eval.definitions.cells import PublicDefinition, Territory
from pacte_eval.definitions.cohort import (
    Age,
    AllOf,
    AnyOf,
    AtLeast,
    CohortDefinition,
    Covered,
    CumulatedUnemployment,
    ElapsedUnemployment,
    FirstTraining,
    InPublic,
    Level,
    Linked,
    LivesIn,
    NoTraining,
    Registered,
    Rule,
    flattened,
)
from pacte_eval.definitions.months import month_of
from pacte_eval.tables.source import Source

FLOW = ["arm", "order", "rule", "label", "excluded", "remaining"]


@dataclass(frozen=True)
class Test:
    """A test that candidates pass or fail: its rule, its French reading, what decides."""

    rule: str
    label: str
    passes: Callable[[Eve], np.ndarray]


@dataclass(frozen=True)
class Eligibility:
    """What the rules of a definition need to become tests.

    Attributes
    ----------
    publics, territories : mappings by identifier
        Those that the rules name.
    observed : (int, int)
        First and last month observed by the contracts.
    """

    definition: CohortDefinition
    publics: Mapping[str, PublicDefinition]
    territories: Mapping[str, Territory]
    observed: tuple[int, int]

    @property
    def columns(self) -> set[str]:
        """Attributes of the eve that the rules read."""
        read: set[str] = set()
        for rule in flattened(self.definition.population):
            match rule:
                case Age():
                    read.add("age")
                case Registered():
                    read.add("category")
                case ElapsedUnemployment():
                    read.add("unemployment_duration")
                case Level():
                    read.add("diploma")
                case InPublic():
                    read |= self.publics[rule.public].columns
                case LivesIn():
                    read |= self.territories[rule.territory].columns
        return read

    def passes(self, rule: Rule, eve: Eve) -> np.ndarray:
        """Whether candidates pass a rule: bool array; a missing value fails."""
        candidates = eve.candidates
        match rule:
            case Linked():
                return candidates.person != NONE
            case Age():
                return _between(eve["age"], rule.between)
            case Registered():
                return is_one_of(eve["category"], rule.categories)
            case ElapsedUnemployment():
                return _between(eve["unemployment_duration"], rule.between)
            case CumulatedUnemployment():
                return _between(eve.months_registered(rule.months_before), rule.between)
            case Level():
                return is_one_of(eve["diploma"], rule.in_)
            case InPublic():
                return membership(eve, self.publics[rule.public].where)
            case LivesIn():
                return membership(eve, self.territories[rule.territory].where)
            case NoTraining():
                last_start, last_end = eve.trained_before()
                limit = months_back(candidates.time_zero, rule.months_before)
                begun = (last_start != NONE) & (last_start >= limit)
                under_way = (last_end != NONE) & (last_end >= candidates.time_zero - 1)
                return ~(begun | under_way)
            case FirstTraining():
                return eve.trained_before()[0] == NONE
            case Covered():
                first, last = self.observed
                return (candidates.entry_month - rule.months_before >= first) & (
                    candidates.origin_month + rule.months_after <= last
                )
            case AllOf():
                return np.logical_and.reduce([self.passes(inner, eve) for inner in rule.of])
            case AnyOf():
                return np.logical_or.reduce([self.passes(inner, eve) for inner in rule.of])
            case AtLeast():
                return np.sum([self.passes(inner, eve) for inner in rule.of], axis=0) >= rule.count


def _between(values: Values, bounds: tuple[int, int]) -> np.ndarray:
    values = numbers_in(values)
    return (values >= bounds[0]) & (values <= bounds[1])


def observed_months(source: Source, table: str = "contracts") -> tuple[int, int]:
    """First and last month whose last day a table covers, both month integers."""
    first_day, last_day = source.coverage[table]
    return month_of(first_day), month_of(last_day + timedelta(days=1)) - 1


def apply_tests(eve: Eve, tests: Sequence[Test]) -> np.ndarray:
    """How many tests, in order, each candidate passes before it fails one: int array."""
    passed = np.zeros(len(eve.candidates), np.int64)
    left = np.arange(len(eve.candidates))
    for test in tests:
        succeeds = test.passes(eve)
        if not succeeds.all():
            left = left[succeeds]
            eve = Eve(eve.register, eve.candidates.where(succeeds))
        passed[left] += 1
    return passed


def flow_of(
    arm: str, passed: np.ndarray, tests: Sequence[Test], start: tuple[str, str]
) -> pd.DataFrame:
    """The flow chart of an arm: the start, then how many each test excluded and left.

    Returns
    -------
    DataFrame
        ``arm, order, rule, label, excluded, remaining``.
    """
    remaining = len(passed)
    rows = [(arm, 0, *start, 0, remaining)]
    excluded = np.bincount(passed, minlength=len(tests) + 1)
    for index, test in enumerate(tests):
        remaining -= int(excluded[index])
        rows.append((arm, index + 1, test.rule, test.label, int(excluded[index]), remaining))
    return pd.DataFrame(rows, columns=FLOW)
