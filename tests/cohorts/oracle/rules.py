"""The rules of eligibility, one small function each; a missing value fails every rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tests.cohorts.oracle.days import ONE_DAY, month_of, months_before
from tests.cohorts.oracle.lives import Life, cumulated_unemployment

Rule = Mapping[str, Any]
REGION_93 = ("04", "05", "06", "13", "83", "84")


@dataclass(frozen=True)
class Situation:
    """What the rules look at: a person (or none), a day, and what is known on its eve.

    `origin_month` is the month that follow-up counts from, none when it is not known.
    """

    person: str | None
    time_zero: date
    origin_month: int | None
    life: Life
    attributes: Mapping[str, Any]
    observed: range
    publics: Mapping[str, Sequence[Mapping[str, Any]]]


def holds(rule: Rule, situation: Situation) -> bool:
    """Whether a rule holds."""
    return RULES[rule["rule"]](rule, situation)


def _between(value: int | None, rule: Rule) -> bool:
    low, high = rule["between"]
    return value is not None and low <= value <= high


def linked(rule: Rule, situation: Situation) -> bool:
    """The row has a person key."""
    return situation.person is not None


def age(rule: Rule, situation: Situation) -> bool:
    """Age in full years."""
    return _between(situation.attributes["age"], rule)


def registered(rule: Rule, situation: Situation) -> bool:
    """Registered on the eve, in one of the categories."""
    return situation.attributes.get("category") in rule["categories"]


def elapsed_unemployment(rule: Rule, situation: Situation) -> bool:
    """Months since the spell of the eve began."""
    return _between(situation.attributes["unemployment_duration"], rule)


def cumulated(rule: Rule, situation: Situation) -> bool:
    """Months registered, among those before."""
    months = cumulated_unemployment(situation.time_zero, rule["months_before"], situation.life)
    return _between(months, rule)


def lives_in(rule: Rule, situation: Situation) -> bool:
    """Residence on the eve, in the region or one of its departements."""
    zoning, code = rule["territory"].split("-")
    places = REGION_93 if (zoning, code) == ("region", "93") else (code,)
    return situation.attributes["departement"] in places


def level(rule: Rule, situation: Situation) -> bool:
    """Highest diploma on the eve."""
    return situation.attributes.get("diploma") in rule["in"]


def public(rule: Rule, situation: Situation) -> bool:
    """Member of a public on the eve."""
    return belongs(situation.attributes, situation.publics[rule["public"]])


def no_training(rule: Rule, situation: Situation) -> bool:
    """No training begun in the months before, none under way on the eve."""
    time_zero = situation.time_zero
    since = months_before(time_zero, rule["months_before"])
    for training in situation.life.trainings:
        recent = since <= training["start"] < time_zero
        end = training.get("end")
        under_way = training["start"] < time_zero and end is not None and end >= time_zero - ONE_DAY
        if recent or under_way:
            return False
    return True


def first_training(rule: Rule, situation: Situation) -> bool:
    """No training begun before, ever."""
    return all(training["start"] >= situation.time_zero for training in situation.life.trainings)


def covered(rule: Rule, situation: Situation) -> bool:
    """The source covers the months before entry and after the origin."""
    if situation.origin_month is None:
        return False
    first = month_of(situation.time_zero) - rule["months_before"]
    last = situation.origin_month + rule["months_after"]
    return first >= situation.observed.start and last < situation.observed.stop


def all_of(rule: Rule, situation: Situation) -> bool:
    """Every one of the rules."""
    return all(holds(one, situation) for one in rule["of"])


def any_of(rule: Rule, situation: Situation) -> bool:
    """One of the rules at least."""
    return any(holds(one, situation) for one in rule["of"])


def at_least(rule: Rule, situation: Situation) -> bool:
    """So many of the rules at least."""
    return sum(holds(one, situation) for one in rule["of"]) >= rule["count"]


RULES: dict[str, Callable[[Rule, Situation], bool]] = {
    "linked": linked,
    "age": age,
    "registered": registered,
    "elapsed_unemployment": elapsed_unemployment,
    "cumulated_unemployment": cumulated,
    "lives_in": lives_in,
    "level": level,
    "public": public,
    "no_training": no_training,
    "first_training": first_training,
    "covered": covered,
    "all": all_of,
    "any": any_of,
    "at_least": at_least,
}


def belongs(attributes: Mapping[str, Any], where: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every requirement of a public is met."""
    return all(_met(requirement, attributes) for requirement in where)


def _met(requirement: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
    if "any" in requirement:
        return any(_met(one, attributes) for one in requirement["any"])
    value = attributes.get(requirement["column"])
    if value is None:
        return False
    if "in" in requirement:
        return value in requirement["in"]
    if "is" in requirement:
        return bool(value == requirement["is"])
    if "between" in requirement:
        return _between(value, requirement)
    if "at_least" in requirement:
        return bool(value >= requirement["at_least"])
    return bool(value <= requirement["at_most"])
