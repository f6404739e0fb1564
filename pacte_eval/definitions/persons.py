"""A file of persons as declared: which column is what, for a survey with one row per person."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pacte_eval.definitions.cohort import Identifier
from pacte_eval.definitions.reading import Definition


class PersonArm(Definition):
    """An arm: the rows of one file that hold given values."""

    label: str
    file: str = Field(description="CSV, Parquet or Stata file; package:NAME/path inside a package")
    where: dict[str, str | int | float | bool] = Field(default_factory=dict)


class PersonCovariate(Definition):
    """A covariate: a column, or whether a column equals a value."""

    label: str
    column: str
    equals: str | int | float | bool | None = None
    period: str | None = Field(
        default=None, description="The period it measures, where it is a past value of an outcome"
    )


class MonthlyColumns(Definition):
    """Columns that hold one outcome month by month, such as emploi_-12 … emploi_36."""

    columns: str = Field(pattern=r".*\{month\}.*")
    first: int
    last: int

    @model_validator(mode="after")
    def _order(self) -> MonthlyColumns:
        if self.first > self.last:
            raise ValueError("first is after last")
        return self


class PersonOutcome(Definition):
    """An outcome: its columns, by period in their order or month by month."""

    label: str
    measure: Literal["part", "euros", "dollars", "heures"]
    periods: dict[str, str] | None = None
    monthly: MonthlyColumns | None = None
    coverage: str = ""

    @model_validator(mode="after")
    def _one_of(self) -> PersonOutcome:
        if (self.periods is None) == (self.monthly is None):
            raise ValueError("give either periods or monthly")
        return self

    @property
    def columns(self) -> dict[int | str, str]:
        """The column of each period, in order."""
        if self.monthly is None:
            return dict((self.periods or {}).items())
        months = range(self.monthly.first, self.monthly.last + 1)
        return {month: self.monthly.columns.replace("{month}", str(month)) for month in months}

    @property
    def labels(self) -> tuple[int | str, ...]:
        """The periods, in order."""
        return tuple(self.columns)


class PersonsDefinition(Definition):
    """The mapping of a person-level file to units, arms, covariates and outcomes."""

    id: Identifier
    label: str
    nature: Literal["synthetic", "public", "confidential"]
    source: str
    arms: dict[Identifier, PersonArm] = Field(min_length=2)
    person: str | None = Field(default=None, description="Column of the person key, if any")
    weights: str | None = None
    covariates: dict[str, PersonCovariate] = Field(min_length=1)
    outcomes: dict[Identifier, PersonOutcome] = Field(min_length=1)

    @model_validator(mode="after")
    def _periods_known(self) -> PersonsDefinition:
        known = {period for item in self.outcomes.values() for period in item.labels}
        for name, item in self.covariates.items():
            if item.period is not None and item.period not in known:
                raise ValueError(
                    f"covariate '{name}' measures the period '{item.period}', which no outcome has"
                )
        return self

    @property
    def columns(self) -> list[str]:
        """Every column that a file must have beside those of its own conditions."""
        named = [item.column for item in self.covariates.values()]
        named += [column for item in self.outcomes.values() for column in item.columns.values()]
        named += [column for column in (self.person, self.weights) if column is not None]
        return list(dict.fromkeys(named))
