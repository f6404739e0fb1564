"""A study as it is declared: the question, the comparisons, the estimator, what is reported."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pacte_eval.definitions.causal_graph import GraphDefinition
from pacte_eval.definitions.cohort import CovariateName, Identifier
from pacte_eval.definitions.estimators import AlternativeDefinition, EstimatorDefinition
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.reading import Definition


def _before_entry(window: tuple[Period, ...]) -> tuple[Period, ...]:
    if not window:
        raise ValueError("the window is empty")
    first, last = window[0], window[-1]
    if isinstance(first, int) and isinstance(last, int) and not first <= last < 0:
        raise ValueError("the window runs from a month to a later one, before 0")
    return window


Window = Annotated[
    tuple[int, int] | tuple[str, ...],
    AfterValidator(_before_entry),
    Field(description="First and last relative month, or the labels of periods"),
]


class ComparisonDefinition(Definition):
    """Who is compared with whom, and what the difference stands for."""

    id: Identifier
    label: str
    treated: Identifier
    control: Identifier
    estimand: Literal["now-vs-wait", "participation"]
    after_entry: bool = Field(
        default=False, description="Whether an arm is defined by what is observed after entry"
    )


class Estimators(Definition):
    """The estimator whose results are the study's, and those set beside it."""

    main: EstimatorDefinition
    alternatives: tuple[AlternativeDefinition, ...] = ()


class Primary(Definition):
    """The one effect the study answers with."""

    comparison: Identifier
    outcome: Identifier
    month: Period


class Difference(Definition):
    """The window that outcomes are compared with in the difference contrast."""

    reference: Window
    sensitivity: tuple[Window | Literal["symmetric"], ...] = ()


class Subgroups(Definition):
    """Publics and territories for which the effect is estimated again."""

    publics: Literal["all"] | tuple[Identifier, ...] = Field(
        default=(), description="Identifiers, or all of those declared"
    )
    territories: tuple[Identifier, ...] = Field(
        default=(), description="Identifiers, or zonings for all of their territories"
    )
    crossed: bool = Field(default=False, description="Each public in each territory as well")


class Thresholds(Definition):
    """What the diagnostics are judged against."""

    max_smd: float = Field(default=0.1, gt=0)
    min_support: float = Field(default=0.8, gt=0, le=1)
    min_effective_size: int = Field(default=100, ge=1)
    max_detectable_effect: float = Field(
        default=0.1, gt=0, le=1, description="For a rate, as a share, at 80 % power"
    )
    min_linked: float = Field(
        default=0.95, gt=0, le=1, description="Share of the entries of each arm with a person key"
    )
    min_equipoise: float = Field(
        default=0.5, gt=0, le=1, description="Share of each arm with a preference of 0.3 to 0.7"
    )
    max_attrition_gap: float = Field(
        default=0.05, gt=0, le=1, description="Between the shares of both arms still observed"
    )
    min_gamma: float = Field(default=1.2, ge=1, description="Rosenbaum's Γ to withstand")
    min_e_value: float = Field(default=1.5, ge=1, description="Of the interval's limit")
    min_lambda: float = Field(default=1.2, ge=1, description="Tan's Λ to withstand")


class NegativeControl(Definition):
    """An outcome that training cannot move, months before entry, and why it cannot."""

    outcome: Identifier
    months: Annotated[tuple[int, int], AfterValidator(_before_entry)]
    because: str


class Plasmode(Definition):
    """Outcomes simulated on the study's own people, to choose an estimator before the protocol."""

    effects: tuple[float, ...] = Field(default=(0.0, 0.1), min_length=1)
    draws: int = Field(default=200, ge=2)
    seed: int = 0


class Cost(Definition):
    """What one training costs on average, and where the number is from."""

    unit: float = Field(gt=0, description="Euros per pathway of the axis")
    later: float = Field(ge=0, description="Euros per later training of the people compared with")
    source: str


class Heterogeneity(Definition):
    """Which characteristics may go with a larger effect: declared, never searched for."""

    persons: tuple[CovariateName, ...] = Field(min_length=1)
    places: tuple[Identifier, ...] = ()
    within: Identifier = Field(default="ze2010", description="The zoning effects vary over")


class Experiment(Definition):
    """Randomised controls of the same programme: the benchmark the estimates are set beside."""

    label: str
    source: str
    treated: Identifier
    control: Identifier


class StudyDefinition(Definition):
    """A study: on a cohort built from administrative tables, or on a file of persons."""

    id: Identifier
    title: str
    question: str
    cohort: Identifier | None = None
    persons: str | None = None
    comparisons: tuple[ComparisonDefinition, ...] = Field(min_length=1)
    primary: Primary
    horizons: tuple[Period, ...] = Field(min_length=1)
    estimators: Estimators
    difference: Difference
    subgroups: Subgroups = Subgroups()
    thresholds: Thresholds = Thresholds()
    negative_controls: tuple[NegativeControl, ...] = ()
    blocks: dict[str, tuple[Identifier, ...]] = Field(
        default={}, description="Covariates that are left out together, by name in French"
    )
    plasmode: Plasmode | None = None
    cost: Cost | None = None
    heterogeneity: Heterogeneity | None = None
    graph: GraphDefinition | None = None
    experiment: Experiment | None = None

    @model_validator(mode="after")
    def _coherent(self) -> StudyDefinition:
        if (self.cohort is None) == (self.persons is None):
            raise ValueError("give either cohort or persons")
        known = [comparison.id for comparison in self.comparisons]
        if self.primary.comparison not in known:
            raise ValueError(
                f"primary.comparison '{self.primary.comparison}' is none of {', '.join(known)}"
            )
        if self.primary.month not in self.horizons:
            raise ValueError(f"primary.month {self.primary.month} is not one of the horizons")
        return self
