"""An estimator as a study declares it: a design by its name, with its constructor's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Discriminator, Field, Tag

from pacte_eval.definitions.reading import Definition

Names = tuple[str, ...]
Estimand = Literal["ATT"]


class ScoreDefinition(Definition):
    """A logit or probit with squares and interactions beside the covariates."""

    model: Literal["logit", "probit"] = "logit"
    squares: Names = ()
    interactions: tuple[Names, ...] = ()
    within: Names = Field(default=(), description="Cells in which the score is fitted apart")


class BoostingDefinition(Definition):
    """Gradient boosting, cross-fitted by person."""

    model: Literal["boosting"]
    folds: int = Field(default=5, ge=2)
    seed: int = 0


class CrumpDefinition(Definition):
    """Scores kept between a level and one minus it; null for the level of least variance."""

    crump: float | None = Field(gt=0, lt=0.5)


class QuantileDefinition(Definition):
    """Scores kept between a low and a high quantile of the other arm."""

    quantile: float = Field(gt=0, lt=0.5)


Score = Literal["logit", "probit"] | BoostingDefinition | ScoreDefinition
Support = Literal["min-max"] | CrumpDefinition | QuantileDefinition


class _Estimator(Definition):
    @property
    def cells(self) -> Names:
        """Variables on which those compared are equal."""
        return ()


E = TypeVar("E", bound=_Estimator)


class _Scored(_Estimator):
    score: Score = "logit"
    support: Support | None = None


class _InCells(_Scored):
    exact: Names = ()

    @property
    def cells(self) -> Names:
        return self.exact


class NearestNeighbourDefinition(_InCells):
    """The nearest controls of each treated unit."""

    design: Literal["NearestNeighbour"]
    neighbours: int = Field(default=1, ge=1, le=100)
    replace: bool = True
    caliper: float | None = Field(default=None, gt=0)
    distance: Literal[
        "score", "linear-score", "mahalanobis", "robust-mahalanobis", "scaled-euclidean"
    ] = "score"
    mahalanobis_on: Names = ()
    order: Literal["largest", "smallest", "closest", "seeded", "data"] | None = None
    ties: Literal["average", "first", "sorted", "seeded"] | None = None
    tie_tolerance: float = Field(default=0.0, ge=0)
    seed: int | None = None


class RadiusMatchingDefinition(_InCells):
    """All controls nearer than a multiple of the farthest nearest neighbour."""

    design: Literal["RadiusMatching"]
    radius: float = Field(default=1.5, ge=1.001)


class KernelMatchingDefinition(_InCells):
    """All controls, weighing less the farther they are."""

    design: Literal["KernelMatching"]
    kernel: Literal["epanechnikov", "gaussian", "local-linear"] = "epanechnikov"
    bandwidth: float = Field(default=0.06, gt=0)


class OptimalMatchingDefinition(_InCells):
    """Pairs, or sets, of the least total distance."""

    design: Literal["OptimalMatching"]
    kind: Literal["pairs", "full"] = "pairs"


class SubclassificationDefinition(_Scored):
    """Classes of like scores."""

    design: Literal["Subclassification"]
    subclasses: int = Field(default=6, ge=2)


class ExactMatchingDefinition(_Estimator):
    """Controls equal on everything named."""

    design: Literal["ExactMatching"]
    on: Names = ()

    @property
    def cells(self) -> Names:
        return self.on


class CoarsenedExactDefinition(_Estimator):
    """Controls equal on coarsened variables."""

    design: Literal["CoarsenedExact"]
    cutpoints: str | int | Mapping[str, str | int | tuple[float, ...]] = "sturges"
    exact: Names = ()

    @property
    def cells(self) -> Names:
        return self.exact


class InverseProbabilityDefinition(_Scored):
    """Controls weighted by the odds of their score."""

    design: Literal["InverseProbability"]


class EntropyBalancingDefinition(_Estimator):
    """Controls weighted as evenly as makes their moments those of the treated."""

    design: Literal["EntropyBalancing"]
    moments: int = Field(default=1, ge=1, le=3)
    interactions: tuple[Names, ...] = ()
    within: Names = ()

    @property
    def cells(self) -> Names:
        return self.within


class CovariateBalancingScoreDefinition(_Estimator):
    """Controls weighted by the odds of a score that balances the covariates."""

    design: Literal["CovariateBalancingScore"]


EstimatorDefinition = Annotated[
    NearestNeighbourDefinition
    | RadiusMatchingDefinition
    | KernelMatchingDefinition
    | OptimalMatchingDefinition
    | SubclassificationDefinition
    | ExactMatchingDefinition
    | CoarsenedExactDefinition
    | InverseProbabilityDefinition
    | EntropyBalancingDefinition
    | CovariateBalancingScoreDefinition,
    Field(discriminator="design"),
]


class DoublyRobustDefinition(Definition):
    """A score and a regression of outcomes, either of which may be wrong."""

    effect: Literal["DoublyRobust"]
    folds: int = Field(default=5, ge=1)
    seed: int = 0


class GroupTimeDefinition(Definition):
    """Callaway and Sant'Anna's group-time effects, on persons by calendar month."""

    effect: Literal["GroupTimeATT"]


EffectDefinition = Annotated[
    DoublyRobustDefinition | GroupTimeDefinition, Field(discriminator="effect")
]


def _what_it_names(value: Any) -> str:
    names_effect = "effect" in value if isinstance(value, dict) else hasattr(value, "effect")
    return "Effect" if names_effect else "Design"


AlternativeDefinition = Annotated[
    Annotated[EstimatorDefinition, Tag("Design")] | Annotated[EffectDefinition, Tag("Effect")],
    Discriminator(_what_it_names),
]


def unrestricted(estimator: E) -> E:
    """The same estimator without caliper nor rule of support: for all the treated it can serve."""
    restrictions = {"caliper", "support"} & set(type(estimator).model_fields)
    return estimator.model_copy(update=dict.fromkeys(restrictions))


def uses_a_score(estimator: EstimatorDefinition) -> bool:
    """Whether resemblance is on a score, rather than on the covariates themselves."""
    distance = getattr(estimator, "distance", "score")
    return hasattr(estimator, "score") and distance in ("score", "linear-score")
