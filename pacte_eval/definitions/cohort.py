"""A cohort as declared: who enters, who is compared, which months, outcomes and covariates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import combinations
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from pacte_eval.definitions.errors import nearest
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
DiplomaCode = Literal["aucun", "cap_bep", "bac", "bac_2", "bac_3_plus"]
FunderCode = Literal["region", "etat", "pole_emploi", "opco", "agefiph", "beneficiaire", "autre"]
AxisCode = Literal["1", "2"]
CategoryCode = Literal["A", "B", "C", "D", "E"]
OutcomeName = Literal[
    "emploi",
    "emploi_mois",
    "emploi_78h",
    "emploi_durable",
    "temps_plein",
    "salaire",
    "heures",
    "inscrit_a",
    "inscrit_b",
    "inscrit_c",
    "inscrit_d",
    "inscrit_e",
    "inscrit_abc",
    "en_formation",
    "acces_emploi",
]
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
    "benefit",
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


class NotObjectives(Definition):
    """Every objective but these."""

    not_: tuple[ObjectiveCode, ...] = Field(alias="not")


Chosen = Annotated[tuple[str, ...], Field(min_length=1)]


class TrainingFilter(Definition):
    """Which entries into training: those that meet every condition given."""

    objective: (
        ObjectiveCode
        | Annotated[tuple[ObjectiveCode, ...], Field(min_length=1)]
        | NotObjectives
        | None
    ) = None
    scheme: Chosen | None = None
    funder: Annotated[tuple[FunderCode, ...], Field(min_length=1)] | None = None
    level: Annotated[tuple[DiplomaCode, ...], Field(min_length=1)] | None = Field(
        default=None, description="Level of the certification prepared"
    )
    formacode: (
        Annotated[tuple[Annotated[str, Field(pattern=r"^\d{1,5}$")], ...], Field(min_length=1)]
        | None
    ) = Field(default=None, description="First digits of the field of training")
    axis: Annotated[tuple[AxisCode, ...], Field(min_length=1)] | None = None
    lot: Chosen | None = None
    hours: Annotated[tuple[int, int], AfterValidator(ordered)] | None = Field(
        default=None, description="Planned duration, from so many hours to so many"
    )

    @property
    def objectives(self) -> frozenset[str] | None:
        """The objectives allowed, or None for any."""
        if self.objective is None:
            return None
        if isinstance(self.objective, NotObjectives):
            return frozenset(get_args(ObjectiveCode)) - set(self.objective.not_)
        return frozenset([self.objective] if isinstance(self.objective, str) else self.objective)

    def excludes(self, other: TrainingFilter) -> bool:
        """Whether no entry can meet both filters."""
        if _apart(self.objectives, other.objectives):
            return True
        if any(
            _apart(getattr(self, name), getattr(other, name))
            for name in ("scheme", "funder", "level", "axis", "lot")
        ):
            return True
        if (
            self.hours
            and other.hours
            and max(self.hours[0], other.hours[0]) > min(self.hours[1], other.hours[1])
        ):
            return True
        return bool(self.formacode and other.formacode) and not any(
            one.startswith(two) or two.startswith(one)
            for one in self.formacode or ()
            for two in other.formacode or ()
        )


def _apart(one: Collection[str] | None, other: Collection[str] | None) -> bool:
    return one is not None and other is not None and not set(one) & set(other)


class Entry(Definition):
    """Which rows start a follow-up, and from which day months are counted."""

    table: Literal["trainings"]
    period: tuple[Month, Month]
    keep: Literal["first", "last", "every"]
    clock: Literal["entry", "end"] = "entry"
    where: TrainingFilter = TrainingFilter()

    @field_validator("period")
    @classmethod
    def _period(cls, period: tuple[int, int]) -> tuple[int, int]:
        if period[0] > period[1]:
            raise ValueError(
                f"the period ends ({month_code(period[1])}) before it starts "
                f"({month_code(period[0])})"
            )
        return period


class TrainingArm(TrainingFilter):
    """People who enter a training that meets these conditions."""

    label: str | None = None

    @model_validator(mode="after")
    def _says_which(self) -> TrainingArm:
        if all(getattr(self, name) is None for name in TrainingFilter.model_fields):
            raise ValueError("say which trainings the arm holds: objective, scheme, funder…")
        return self


class ControlArm(Definition):
    """People at risk on the same date, who wait or who never enter training."""

    label: str | None = None
    controls: Literal["not-yet-trained", "never-trained"]


class AfterEntryArm(Definition):
    """Units of a training arm told apart by what is observed after their entry."""

    label: str | None = None
    of: Identifier
    certified: bool | None = None
    dropped_out: bool | None = None
    after_entry: Literal[True]

    @model_validator(mode="after")
    def _one_fact(self) -> AfterEntryArm:
        if (self.certified is None) == (self.dropped_out is None):
            raise ValueError("give one of certified, dropped_out")
        return self


def _arm_kind(value: Any) -> str:
    if isinstance(value, Definition):
        return type(value).__name__
    keys = set(value) if isinstance(value, dict) else set()
    if "controls" in keys:
        return "ControlArm"
    return "AfterEntryArm" if "of" in keys else "TrainingArm"


Arm = Annotated[
    Annotated[TrainingArm, Tag("TrainingArm")]
    | Annotated[ControlArm, Tag("ControlArm")]
    | Annotated[AfterEntryArm, Tag("AfterEntryArm")],
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
    categories: tuple[CategoryCode, ...] = Field(min_length=1)


class ElapsedUnemployment(Definition):
    """Months since the current spell of registration began."""

    rule: Literal["elapsed_unemployment"]
    between: tuple[int, int]

    _order = field_validator("between")(ordered)


class CumulatedUnemployment(Definition):
    """Months, among those before entry, whose last day the person was registered on."""

    rule: Literal["cumulated_unemployment"]
    between: tuple[int, int]
    months_before: int = Field(ge=1, le=120)

    _order = field_validator("between")(ordered)


class Level(Definition):
    """Highest diploma on the eve of time zero."""

    rule: Literal["level"]
    in_: tuple[DiplomaCode, ...] = Field(alias="in", min_length=1)


class InPublic(Definition):
    """Member of a public on the eve of time zero."""

    rule: Literal["public"]
    public: Identifier


class LivesIn(Definition):
    """Residence on the eve of time zero, as a territory identifier such as region-93."""

    rule: Literal["lives_in"]
    territory: Identifier


class NoTraining(Definition):
    """No training started in the months before time zero, and none under way on the eve."""

    rule: Literal["no_training"]
    months_before: int = Field(ge=0, le=120)


class FirstTraining(Definition):
    """No training at all started before time zero, as far back as the source goes."""

    rule: Literal["first_training"]


class Covered(Definition):
    """The source covers the months before and after, by its own dates."""

    rule: Literal["covered"]
    months_before: int = Field(ge=0, le=120)
    months_after: int = Field(ge=0, le=120)


class AllOf(Definition):
    """Every one of these rules."""

    rule: Literal["all"]
    label: str | None = Field(default=None, description="Row of the flow chart, in French")
    of: tuple[Rule, ...] = Field(min_length=1)


class AnyOf(Definition):
    """At least one of these rules."""

    rule: Literal["any"]
    label: str | None = Field(default=None, description="Row of the flow chart, in French")
    of: tuple[Rule, ...] = Field(min_length=1)


class AtLeast(Definition):
    """So many of these rules, or more."""

    rule: Literal["at_least"]
    label: str | None = Field(default=None, description="Row of the flow chart, in French")
    count: int = Field(ge=1)
    of: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _enough(self) -> AtLeast:
        if self.count > len(self.of):
            raise ValueError(f"at least {self.count} of {len(self.of)} rules cannot hold")
        return self


Rule = Annotated[
    Linked
    | Age
    | Registered
    | ElapsedUnemployment
    | CumulatedUnemployment
    | LivesIn
    | Level
    | InPublic
    | NoTraining
    | FirstTraining
    | Covered
    | AllOf
    | AnyOf
    | AtLeast,
    Field(discriminator="rule"),
]
for _composed in (AllOf, AnyOf, AtLeast):
    _composed.model_rebuild()


def flattened(rules: Iterable[Rule]) -> Iterator[Rule]:
    """Rules and the rules they are composed of."""
    for rule in rules:
        yield rule
        if isinstance(rule, (AllOf, AnyOf, AtLeast)):
            yield from flattened(rule.of)


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


class Contracts(Definition):
    """Which contracts count as employment."""

    min_days: int = Field(default=0, ge=0, le=366)


class Window(Definition):
    """Months followed before and after time zero."""

    before: int = Field(ge=1, le=120)
    after: int = Field(ge=1, le=120)


class History(Definition):
    """Months of past employment that may be matched on, and months held out for the placebo."""

    match: tuple[int, int]
    hold_out: tuple[int, int] | None = None
    step: int = Field(default=1, ge=1, le=60, description="Months summed in one covariate")

    _order = field_validator("match")(ordered)

    @model_validator(mode="after")
    def _apart(self) -> History:
        if self.match[1] >= 0:
            raise ValueError("months matched on must end before 0, the month of entry")
        if self.hold_out is not None:
            ordered(self.hold_out)
            if self.match[1] >= self.hold_out[0] or self.hold_out[1] >= 0:
                raise ValueError(
                    "months matched on must end before those held out, and both before 0"
                )
        return self


class CohortDefinition(Definition):
    """A cohort: see the fields; each rule of `population` is one row of the flow chart."""

    id: Identifier
    label: str
    entry: Entry
    arms: dict[Identifier, Arm]
    population: tuple[Rule, ...]
    controls: Controls
    contracts: Contracts = Contracts()
    window: Window
    outcomes: tuple[OutcomeName, ...] = Field(min_length=1)
    covariates: tuple[CovariateName, ...] = Field(min_length=1)
    history: History

    @model_validator(mode="after")
    def _coherent(self) -> CohortDefinition:
        if not self.training_arms or not self.control_arms:
            raise ValueError("arms need at least one training arm and one control arm")
        for (one, first), (other, second) in combinations(self.training_arms.items(), 2):
            if not first.excludes(second):
                shared = sorted((first.objectives or set()) & (second.objectives or set()))
                what = f"share the objective '{shared[0]}'" if shared else "may share entries"
                raise ValueError(f"arms '{one}' and '{other}' {what}: an entry is in one arm")
        kinds = [arm.controls for arm in self.control_arms.values()]
        if len(set(kinds)) < len(kinds):
            raise ValueError("two control arms are of the same kind")
        for name, arm in self.after_entry_arms.items():
            if arm.of not in self.training_arms:
                known = nearest(arm.of, self.training_arms)
                raise ValueError(f"arm '{name}' is of '{arm.of}', no training arm: {known}")
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
    def control_arms(self) -> dict[str, ControlArm]:
        """The control arms by identifier."""
        return {name: arm for name, arm in self.arms.items() if isinstance(arm, ControlArm)}

    @property
    def training_arms(self) -> dict[str, TrainingArm]:
        """The training arms by identifier."""
        return {name: arm for name, arm in self.arms.items() if isinstance(arm, TrainingArm)}

    @property
    def after_entry_arms(self) -> dict[str, AfterEntryArm]:
        """The arms told apart after entry, by identifier."""
        return {name: arm for name, arm in self.arms.items() if isinstance(arm, AfterEntryArm)}

    @property
    def publics(self) -> tuple[str, ...]:
        """The publics that the rules name."""
        named = [rule.public for rule in flattened(self.population) if isinstance(rule, InPublic)]
        return tuple(dict.fromkeys(named))
