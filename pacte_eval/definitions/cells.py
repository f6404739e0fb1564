"""Publics and territories: the groups of people for which an effect is told apart."""

from __future__ import annotations

import csv
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from pacte_eval.definitions.cohort import Identifier, ordered
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.reading import Definition


class Condition(Definition):
    """What a characteristic measured on the eve of time zero must be."""

    column: str
    in_: tuple[str, ...] | None = Field(default=None, alias="in")
    is_: bool | None = Field(default=None, alias="is")
    between: Annotated[tuple[int, int], AfterValidator(ordered)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_test(cls, values: Any) -> Any:
        if isinstance(values, dict) and len({"in", "is", "between"} & set(values)) != 1:
            raise ValueError("give one of in, is, between")
        return values


class PublicDefinition(Definition):
    """A public: the people for whom every condition holds at time zero."""

    id: Identifier
    label: str
    description: str
    where: tuple[Condition, ...] = Field(min_length=1)


class Territory(Definition):
    """A territory: the key (zoning, code) and its name."""

    id: Identifier
    zoning: str
    code: str
    name: str


def read_territories() -> dict[str, Territory]:
    """The shipped territories, by identifier such as ``ze2010-9310``."""
    path = shipped_library() / "cohorts" / "territories" / "zones.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    zones = [Territory(id=f"{row['zoning']}-{row['code']}", **row) for row in rows]
    return {zone.id: zone for zone in zones}


def territory(identifier: str) -> Territory:
    """A territory by its identifier.

    Raises
    ------
    InputError
        If it is unknown; the nearest identifier is suggested.
    """
    known = read_territories()
    if identifier not in known:
        raise InputError(f"territory '{identifier}' is unknown: {nearest(identifier, known)}")
    return known[identifier]
