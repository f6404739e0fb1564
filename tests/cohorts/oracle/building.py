"""The cohort: treated, then controls, each rule in turn, then what happens to those kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tests.cohorts.oracle.candidates import (
    Candidate,
    arm_of,
    cell_of,
    controls_of_month,
    entries,
    is_kept_entry,
    md5,
    origin_of,
)
from tests.cohorts.oracle.days import month_of, observed_months
from tests.cohorts.oracle.lives import (
    Coverage,
    Life,
    Row,
    attributes_of_the_eve,
    lives,
    without_duplicates,
)
from tests.cohorts.oracle.outcomes import Followed, Value, follow, long_enough
from tests.cohorts.oracle.rules import Rule, Situation, belongs, holds

Test = Callable[[Candidate], bool]
HISTORIES = {"employment_history": "emploi", "earnings_history": "salaire"}
Publics = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class FlowRow:
    """One row of the flow chart of an arm."""

    rule: str
    excluded: int
    remaining: int


@dataclass(frozen=True)
class ExpectedUnit:
    """A unit of the cohort; outcomes are by month from the first of the window."""

    person: str
    arm: str
    training: str | None
    time_zero: date
    entry_month: int
    origin_month: int
    weight: float
    attributes: dict[str, Any]
    publics: dict[str, bool]
    history: dict[str, Value]
    outcomes: dict[str, list[Value]]
    after_entry: frozenset[str]


@dataclass(frozen=True)
class Expected:
    """A cohort: its units, and the flow chart of each arm."""

    units: list[ExpectedUnit]
    flow: dict[str, list[FlowRow]]


@dataclass(frozen=True)
class World:
    """The definition and the tables that a cohort is made from."""

    definition: Mapping[str, Any]
    tables: Mapping[str, Sequence[Row]]
    coverage: Coverage
    publics: Publics
    lives: Mapping[str, Life]

    @property
    def clock(self) -> str:
        """Which day months count from."""
        return str(self.definition["entry"].get("clock", "entry"))

    def situation(self, candidate: Candidate) -> Situation:
        """What the rules look at."""
        life = self.lives.get(candidate.person or "", Life())
        return Situation(
            person=candidate.person,
            time_zero=candidate.time_zero,
            origin_month=origin_of(candidate, self.clock)[1],
            life=life,
            attributes=attributes_of_the_eve(candidate.time_zero, life),
            observed=observed_months(self.coverage["contracts"]),
            publics=self.publics,
        )


def build(
    definition: Mapping[str, Any],
    tables: Mapping[str, Sequence[Row]],
    coverage: Coverage,
    publics: Publics | None = None,
) -> Expected:
    """The cohort that a definition makes of tables.

    Parameters
    ----------
    definition : mapping
        As its YAML says.
    tables : mapping of str to rows
        Each row a dict; an absent column is empty.
    coverage : mapping of str to (date, date)
        First and last day of each table.
    publics : mapping of str to list, optional
        The conditions of each public.
    """
    world = World(definition, tables, coverage, publics or {}, lives(tables, coverage))
    flow: dict[str, list[FlowRow]] = {}
    treated: list[Candidate] = []
    for arm in training_arms(definition):
        kept, flow[arm] = treated_of(arm, world)
        treated += kept
    units = [unit(one, 1.0, world) for one in treated]
    for arm, declared in definition["arms"].items():
        if "controls" in declared:
            drawn, flow[arm] = controls_of(arm, treated, world)
            units += [unit(one, weight, world) for one, weight in drawn]
    return Expected(units, flow)


def training_arms(definition: Mapping[str, Any]) -> list[str]:
    """The arms that entries into training make."""
    return [
        name
        for name, arm in definition["arms"].items()
        if "controls" not in arm and "of" not in arm
    ]


def sift(
    start: str, candidates: list[Candidate], steps: Sequence[tuple[str, Test]]
) -> tuple[list[Candidate], list[FlowRow]]:
    """Those who pass every step, and how many each step leaves out."""
    flow = [FlowRow(start, 0, len(candidates))]
    for name, test in steps:
        kept = [candidate for candidate in candidates if test(candidate)]
        flow.append(FlowRow(name, len(candidates) - len(kept), len(kept)))
        candidates = kept
    return candidates, flow


def treated_of(arm: str, world: World) -> tuple[list[Candidate], list[FlowRow]]:
    """The entries of an arm that pass every rule."""
    entry = world.definition["entry"]
    among = entries(without_duplicates(world.tables["trainings"]), entry)
    candidates = [
        Candidate(row.get("person"), arm, row["start"], row, row.get("end"))
        for row in among
        if arm_of(row, world.definition["arms"]) == arm
    ]
    after_linked: list[tuple[str, Test]] = []
    if entry["keep"] != "every":
        after_linked.append(
            (entry["keep"], lambda c: is_kept_entry(c.training or {}, among, entry["keep"]))
        )
    if world.clock == "end":
        after_linked.append(("dated", lambda c: c.end is not None))
    steps: list[tuple[str, Test]] = []
    for rule in world.definition["population"]:
        steps.append((rule["rule"], _test(rule, world)))
        if rule["rule"] == "linked":
            steps += after_linked
    return sift("entries", candidates, steps)


def _test(rule: Rule, world: World) -> Test:
    return lambda candidate: holds(rule, world.situation(candidate))


def controls_of(
    arm: str, treated: Sequence[Candidate], world: World
) -> tuple[list[tuple[Candidate, float]], list[FlowRow]]:
    """The people at risk who are drawn, each with a weight."""
    controls = _controls(world)
    candidates = [
        candidate
        for month in sorted({one.entry_month for one in treated})
        for candidate in controls_of_month(arm, month, treated, world.lives, controls, world.clock)
    ]
    steps = [
        (rule["rule"], _test(rule, world))
        for rule in world.definition["population"]
        if rule["rule"] != "linked"
    ]
    steps.append(("not_entering", lambda c: not _starts(c, world, lambda start, day: start == day)))
    if world.definition["arms"][arm]["controls"] == "never-trained":
        never = ("never_trained", lambda c: not _starts(c, world, lambda start, day: start >= day))
        steps.append(never)
    at_risk, flow = sift("present", candidates, steps)
    drawn = draw(at_risk, treated, world)
    flow.append(FlowRow("drawn", len(at_risk) - len(drawn), len(drawn)))
    return drawn, flow


def _controls(world: World) -> dict[str, Any]:
    return {"same": ["entry_month", "unemployment_band"]} | dict(world.definition["controls"])


def _starts(candidate: Candidate, world: World, when: Callable[[date, date], bool]) -> bool:
    life = world.lives[str(candidate.person)]
    return any(when(training["start"], candidate.time_zero) for training in life.trainings)


def draw(
    at_risk: Sequence[Candidate], treated: Sequence[Candidate], world: World
) -> list[tuple[Candidate, float]]:
    """In each cell, so many people at risk per person treated, in the order of their hash."""
    controls = _controls(world)
    seed, per_treated = controls.get("seed", 0), controls["per_treated"]

    def cell(candidate: Candidate) -> tuple[Any, ...]:
        life = world.lives[str(candidate.person)]
        return cell_of(candidate.time_zero, life, controls["same"])

    drawn: list[tuple[Candidate, float]] = []
    for wanted_cell in dict.fromkeys(cell(one) for one in treated):
        risk_set = "-".join(str(part) for part in wanted_cell)
        wanted = per_treated * sum(cell(one) == wanted_cell for one in treated)
        alike = sorted(
            (one for one in at_risk if cell(one) == wanted_cell),
            key=lambda one: md5(f"{seed}:{risk_set}:{one.person}"),
        )
        drawn += [(one, max(1.0, len(alike) / wanted)) for one in alike[:wanted]]
    return drawn


def unit(candidate: Candidate, weight: float, world: World) -> ExpectedUnit:
    """A unit with what is known on its eve and what follows."""
    life = world.lives[str(candidate.person)]
    origin_day, origin_month = origin_of(candidate, world.clock)
    assert origin_day is not None
    assert origin_month is not None
    attributes = attributes_of_the_eve(candidate.time_zero, life)
    min_days = world.definition.get("contracts", {}).get("min_days", 0)
    contracts = long_enough(life.contracts, min_days)
    followed = Followed(life, contracts, candidate.time_zero, origin_day, origin_month)
    window = world.definition["window"]
    months = range(-window["before"], window["after"] + 1)
    return ExpectedUnit(
        person=str(candidate.person),
        arm=candidate.arm,
        training=None if candidate.training is None else candidate.training["training"],
        time_zero=candidate.time_zero,
        entry_month=candidate.entry_month,
        origin_month=origin_month,
        weight=weight,
        attributes=attributes,
        history=history(followed, world),
        publics={name: belongs(attributes, where) for name, where in world.publics.items()},
        outcomes={
            name: follow(name, followed, months, world.coverage)
            for name in (*world.definition["outcomes"], "formation_depuis")
        },
        after_entry=frozenset(
            name
            for name, arm in world.definition["arms"].items()
            if "of" in arm and is_told_after_entry(candidate, arm, world)
        ),
    )


def history(followed: Followed, world: World) -> dict[str, Value]:
    """Months employed and pay before entry, month by month or summed over windows.

    They are counted from the month of entry, whatever the clock: what follows entry is not history.
    A window with a month that is not known is not known.
    """
    entry = replace(followed, origin_month=month_of(followed.time_zero))
    declared = world.definition["history"]
    first, last = declared["match"]
    step = declared.get("step", 1)
    found: dict[str, Value] = {}
    for covariate, outcome in HISTORIES.items():
        if covariate in world.definition["covariates"]:
            for start in range(first, last + 1, step):
                end = start + step - 1
                months = follow(outcome, entry, range(start, end + 1), world.coverage)
                known = [value for value in months if value is not None]
                name = f"{outcome}_{-start}" + (f"_{-end}" if step > 1 else "")
                found[name] = sum(known) if len(known) == step else None
    return found


def is_told_after_entry(candidate: Candidate, arm: Mapping[str, Any], world: World) -> bool:
    """Whether what follows entry puts someone treated in an arm; the unknown is in none."""
    if candidate.training is None or candidate.arm != arm["of"]:
        return False
    if "dropped_out" in arm:
        return candidate.training.get("dropped_out") is arm["dropped_out"]
    return certified(candidate.training, world) is arm["certified"]


def certified(training: Row, world: World) -> bool | None:
    """Whether a certification was obtained, where it is known."""
    said = {
        row["status"]
        for row in world.tables.get("certifications", ())
        if row["training"] == training["training"]
    }
    if "obtenue" in said:
        return True
    return False if said & {"partielle", "non_obtenue"} else None
