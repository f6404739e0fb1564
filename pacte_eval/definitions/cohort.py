"""A cohort as declared: who enters, who is compared, which months, outcomes and covariates."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from pacte_eval.definitions.months import month_code, parse_month
from pacte_eval.definitions.reading import Definition

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
ObjectiveCode = Literal[
    "certification",
    "professionnalisation",
    "pre_qualification",
    "adaptation_au_poste",
    "remise_a_niveau",
    "mobilisation",
    "perfectionnement",
    "creation_entreprise",
]
OutcomeName = Literal["emploi", "emploi_durable", "salaire", "heures"]
CovariateName = Literal[
    "age",
    "sex",
    "diploma",
    "children",
    "lone_parent",
    "nationality",
    "marital_status",
    "rome",
    "qualification",
    "experience",
    "reason",
    "category",
    "disability",
    "rsa",
    "qpv",
    "zrr",
    "unemployment_duration",
    "previous_spells",
    "employment_history",
    "earnings_history",
    "departement",
    "zone",
]


_FIRST_MONTH = 1900 * 12


def _read_month(value: Any) -> Any:
    if isinstance(value, int) and value < _FIRST_MONTH:
        raise ValueError(f"{value} is not a month: write it as 2019-03")
    return parse_month(value) if isinstance(value, str) else value


Month = Annotated[int, BeforeValidator(_read_month)]


def ordered(bounds: tuple[int, int]) -> tuple[int, int]:
    """Two bounds, refused when the first is after the last."""
    if bounds[0] > bounds[1]:
        raise ValueError(f"the first bound ({bounds[0]}) is after the last ({bounds[1]})")
    return bounds


class Entry(Definition):
    """Which rows start a follow-up: the first training entry of each person in a period."""

    table: Literal["trainings"]
    period: tuple[Month, Month]
    keep: Literal["first"]

    @field_validator("period")
    @classmethod
    def _period(cls, period: tuple[int, int]) -> tuple[int, int]:
        if period[0] > period[1]:
            raise ValueError(
                f"the period ends ({month_code(period[1])}) before it starts "
                f"({month_code(period[0])})"
            )
        return period


class NotObjectives(Definition):
    """Every objective but these."""

    not_: tuple[ObjectiveCode, ...] = Field(alias="not")


class TrainingArm(Definition):
    """People who enter a training of given objectives."""

    label: str | None = None
    objective: (
        ObjectiveCode | Annotated[tuple[ObjectiveCode, ...], Field(min_length=1)] | NotObjectives
    )

    @property
    def objectives(self) -> frozenset[str]:
        """The objectives of the arm."""
        if isinstance(self.objective, NotObjectives):
            return frozenset(get_args(ObjectiveCode)) - set(self.objective.not_)
        return frozenset([self.objective] if isinstance(self.objective, str) else self.objective)


class ControlArm(Definition):
    """People at risk on the same date who have not entered training yet."""

    label: str | None = None
    controls: Literal["not-yet-trained"]


def _arm_kind(value: Any) -> str:
    controls = value.get("controls") if isinstance(value, dict) else getattr(value, "controls", 0)
    return "ControlArm" if controls else "TrainingArm"


Arm = Annotated[
    Annotated[TrainingArm, Tag("TrainingArm")] | Annotated[ControlArm, Tag("ControlArm")],
    Discriminator(_arm_kind),
]


class Linked(Definition):
    """The row carries a person key."""

    rule: Literal["linked"]


class Age(Definition):
    """Age in full years at time zero."""

    rule: Literal["age"]
    between: tuple[int, int]

    _order = field_validator("between")(ordered)


class Registered(Definition):
    """Registered as a job-seeker in one of these categories on the eve of time zero."""

    rule: Literal["registered"]
    categories: tuple[Literal["A", "B", "C", "D", "E"], ...] = Field(min_length=1)


class LivesIn(Definition):
    """Residence on the eve of time zero, as a territory identifier such as region-93."""

    rule: Literal["lives_in"]
    territory: Identifier


class NoTraining(Definition):
    """No training started in the months before time zero, and none under way on the eve."""

    rule: Literal["no_training"]
    months_before: int = Field(ge=0, le=120)


class Covered(Definition):
    """The source covers the months before and after, by its own dates."""

    rule: Literal["covered"]
    months_before: int = Field(ge=0, le=120)
    months_after: int = Field(ge=0, le=120)


Rule = Annotated[
    Linked | Age | Registered | LivesIn | NoTraining | Covered, Field(discriminator="rule")
]


class Controls(Definition):
    """How people at risk are drawn to be compared: in the same cells, so many per entrant."""

    same: tuple[Literal["entry_month", "unemployment_band"], ...] = (
        "entry_month",
        "unemployment_band",
    )
    per_treated: int = Field(ge=1, le=100)
    seed: int = Field(default=0, ge=0)

    @field_validator("same")
    @classmethod
    def _by_month(cls, same: tuple[str, ...]) -> tuple[str, ...]:
        if "entry_month" not in same:
            raise ValueError("controls are drawn within the month of entry: add entry_month")
        return same


class Window(Definition):
    """Months followed before and after time zero."""

    before: int = Field(ge=1, le=120)
    after: int = Field(ge=1, le=120)


class History(Definition):
    """Months of past employment that may be matched on, and months held out for the placebo."""

    match: tuple[int, int]
    hold_out: tuple[int, int]

    _order = field_validator("match", "hold_out")(ordered)

    @model_validator(mode="after")
    def _apart(self) -> History:
        if self.match[1] >= self.hold_out[0] or self.hold_out[1] >= 0:
            raise ValueError("months matched on must end before those held out, and both before 0")
        return self


class CohortDefinition(Definition):
    """A cohort: see the fields; each rule of `population` is one row of the flow chart."""

    id: Identifier
    label: str
    entry: Entry
    arms: dict[Identifier, Arm]
    population: tuple[Rule, ...]
    controls: Controls
    window: Window
    outcomes: tuple[OutcomeName, ...] = Field(min_length=1)
    covariates: tuple[CovariateName, ...] = Field(min_length=1)
    history: History

    @model_validator(mode="after")
    def _coherent(self) -> CohortDefinition:
        kinds = [isinstance(arm, ControlArm) for arm in self.arms.values()]
        if kinds.count(True) != 1 or kinds.count(False) == 0:
            raise ValueError("arms need at least one training arm and exactly one control arm")
        arms = list(self.training_arms.items())
        for (one, first), (other, second) in combinations(arms, 2):
            shared = sorted(first.objectives & second.objectives)
            if shared:
                raise ValueError(f"arms '{one}' and '{other}' share the objective '{shared[0]}'")
        rules = {rule.rule for rule in self.population}
        for needed in ("linked", "registered", "no_training", "covered"):
            if needed not in rules:
                raise ValueError(f"population needs the rule '{needed}': risk sets rest on it")
        if self.history.match[0] < -self.window.before:
            raise ValueError(
                f"history starts at {self.history.match[0]}, before the window "
                f"(-{self.window.before})"
            )
        return self

    @property
    def control_arm(self) -> str:
        """The identifier of the control arm."""
        return next(name for name, arm in self.arms.items() if isinstance(arm, ControlArm))

    @property
    def training_arms(self) -> dict[str, TrainingArm]:
        """The training arms by identifier."""
        return {name: arm for name, arm in self.arms.items() if isinstance(arm, TrainingArm)}
