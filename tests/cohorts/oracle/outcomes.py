"""Outcomes, one month of one person at a time; None is censored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from tests.cohorts.oracle.days import days_in, first_day, last_day, month_of, observed_months
from tests.cohorts.oracle.lives import Coverage, Life, Row, Span

Value = float | None
LASTING_DAYS = 180
ACCESS_DAYS = 31
ACCESS_MONTHS = 6
MINUTES_OF_78_HOURS = 78 * 60


@dataclass(frozen=True)
class Followed:
    """Someone followed from the origin of their clock; `contracts` are those long enough."""

    life: Life
    contracts: list[Span]
    time_zero: date
    origin_day: date
    origin_month: int


def follow(name: str, followed: Followed, months: range, coverage: Coverage) -> list[Value]:
    """An outcome over months counted from the origin."""
    if name == "acces_emploi":
        observed = observed_months(coverage["contracts"])
        return [access_to_employment(followed, k, observed) for k in months]
    table = TABLE_OF.get(name, "contracts")
    observed = observed_months(coverage[table])
    measured = OUTCOMES[name]
    calendar = [followed.origin_month + k for k in months]
    return [measured(followed, month) if month in observed else None for month in calendar]


def long_enough(contracts: list[Span], min_days: int) -> list[Span]:
    """The contracts, without those that ended within so many days."""
    return [contract for contract in contracts if contract.is_open or contract.days >= min_days]


def _on_the_last_day(followed: Followed, month: int) -> list[Row]:
    return [c.row for c in followed.contracts if c.covers(last_day(month))]


def employment(followed: Followed, month: int) -> Value:
    """A contract covers the last day of the month."""
    return float(bool(_on_the_last_day(followed, month)))


def employment_any_day(followed: Followed, month: int) -> Value:
    """A contract covers a day of the month."""
    return float(any(_days_covered(contract, month) > 0 for contract in followed.contracts))


def _days_covered(contract: Span, month: int) -> int:
    first = max(contract.start, first_day(month))
    last = min(contract.end, last_day(month))
    return max((last - first).days + 1, 0)


def employment_78_hours(followed: Followed, month: int) -> Value:
    """Contracts give 78 hours in the month, each by the share of its days."""
    known, unknown = 0, False
    for contract in followed.contracts:
        days = _days_covered(contract, month)
        minutes = contract.row.get("monthly_minutes")
        if days and minutes is None:
            unknown = True
        elif minutes is not None:
            known += minutes * days // days_in(month)
    if known >= MINUTES_OF_78_HOURS:
        return 1.0
    return None if unknown else 0.0


def lasting_employment(followed: Followed, month: int) -> Value:
    """A contract of the last day is open-ended or lasts 180 days."""
    return float(
        any(
            contract.row["nature"] == "cdi" or contract.days >= LASTING_DAYS
            for contract in followed.contracts
            if contract.covers(last_day(month))
        )
    )


def full_time(followed: Followed, month: int) -> Value:
    """A full-time contract covers the last day."""
    told = [row.get("full_time") for row in _on_the_last_day(followed, month)]
    if True in told:
        return 1.0
    return None if None in told else 0.0


def _summed(column: str, unit: int) -> Callable[[Followed, int], Value]:
    def total(followed: Followed, month: int) -> Value:
        amounts = [row.get(column) for row in _on_the_last_day(followed, month)]
        known = [amount for amount in amounts if amount is not None]
        return sum(known) / unit if len(known) == len(amounts) else None

    return total


def _registered_in(categories: str) -> Callable[[Followed, int], Value]:
    def registered(followed: Followed, month: int) -> Value:
        return float(
            any(
                episode.row["category"] in categories and episode.covers(last_day(month))
                for episode in followed.life.registrations
            )
        )

    return registered


def in_training(followed: Followed, month: int) -> Value:
    """A training covers the last day; one of unknown end lasts until its month does."""
    day = last_day(month)
    return float(
        any(
            training["start"]
            <= day
            <= (training.get("end") or last_day(month_of(training["start"])))
            for training in followed.life.trainings
        )
    )


def trained_since(followed: Followed, month: int) -> Value:
    """A training began on or after time zero, by the end of the month."""
    return float(
        any(
            training["start"] >= followed.time_zero and month_of(training["start"]) <= month
            for training in followed.life.trainings
        )
    )


def access_to_employment(followed: Followed, k: int, observed: range) -> Value:
    """A job of a month or more began since the origin, within k months and six at most."""
    until = followed.origin_month + min(k, ACCESS_MONTHS)
    if k < 0 or until >= observed.stop:
        return None
    return float(
        any(
            contract.start >= followed.origin_day and month_of(contract.start) <= until
            for contract in followed.life.contracts
            if contract.row["nature"] == "cdi" or contract.is_open or contract.days >= ACCESS_DAYS
        )
    )


OUTCOMES: dict[str, Callable[[Followed, int], Value]] = {
    "emploi": employment,
    "emploi_mois": employment_any_day,
    "emploi_78h": employment_78_hours,
    "emploi_durable": lasting_employment,
    "temps_plein": full_time,
    "salaire": _summed("monthly_pay", 100),
    "heures": _summed("monthly_minutes", 60),
    "inscrit_a": _registered_in("A"),
    "inscrit_b": _registered_in("B"),
    "inscrit_c": _registered_in("C"),
    "inscrit_d": _registered_in("D"),
    "inscrit_e": _registered_in("E"),
    "inscrit_abc": _registered_in("ABC"),
    "en_formation": in_training,
    "formation_depuis": trained_since,
}
TABLE_OF = {name: "registrations" for name in OUTCOMES if name.startswith("inscrit_")} | {
    "en_formation": "trainings",
    "formation_depuis": "trainings",
}
