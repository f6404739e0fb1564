"""Publics and territories: the groups of people for which an effect is told apart.

Both are conditions on attributes of the eve of time zero, and are tested by the same code.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from pacte_eval.definitions.cohort import Identifier, ordered
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.reading import Definition, read_definition

Kind = Literal["text", "flag", "number"]

ATTRIBUTES: dict[str, Kind] = {
    "category": "text",
    "sex": "text",
    "diploma": "text",
    "nationality": "text",
    "marital_status": "text",
    "children": "number",
    "lone_parent": "flag",
    "qualification": "text",
    "rome": "text",
    "experience_months": "number",
    "reason": "text",
    "disability": "flag",
    "rsa": "flag",
    "qpv": "flag",
    "zrr": "flag",
    "commune": "text",
    "benefit": "text",
    "digital_difficulty": "flag",
    "justice": "flag",
    "age": "number",
    "unemployment_duration": "number",
    "unemployment_band": "text",
    "departement": "text",
    "ze2010": "text",
    "ze2020": "text",
    "isolated_rural": "flag",
    "neet": "flag",
}
"""What conditions may be on; ages are in full years, durations in months."""

_TESTS: dict[Kind, tuple[str, ...]] = {
    "text": ("in",),
    "flag": ("is",),
    "number": ("between", "at_least", "at_most"),
}
_EVERY_TEST = tuple(test for tests in _TESTS.values() for test in tests)


class Condition(Definition):
    """What an attribute of the eve of time zero must be; a missing value does not meet it."""

    column: str
    in_: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(default=None, alias="in")
    is_: bool | None = Field(default=None, alias="is")
    between: Annotated[tuple[int, int], AfterValidator(ordered)] | None = None
    at_least: int | None = None
    at_most: int | None = None

    @field_validator("column")
    @classmethod
    def _known(cls, column: str) -> str:
        if column not in ATTRIBUTES:
            raise ValueError(f"'{column}' is unknown: {nearest(column, ATTRIBUTES)}")
        return column

    @model_validator(mode="after")
    def _one_fitting_test(self) -> Condition:
        given = self.model_dump(by_alias=True, exclude_none=True).keys() - {"column"}
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(_EVERY_TEST)}")
        fitting = _TESTS[ATTRIBUTES[self.column]]
        if not given <= set(fitting):
            raise ValueError(f"'{self.column}' takes {' or '.join(fitting)}, not {given.pop()}")
        return self


class AnyOf(Definition):
    """Conditions of which one at least must hold."""

    any_: tuple[Condition, ...] = Field(alias="any")

    @field_validator("any_")
    @classmethod
    def _a_choice(cls, conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
        if len(conditions) < 2:
            raise ValueError("give two conditions or more")
        return conditions


def _kind(value: Any) -> str:
    if isinstance(value, Definition):
        return type(value).__name__
    return "AnyOf" if isinstance(value, dict) and "any" in value else "Condition"


Requirement = Annotated[
    Annotated[Condition, Tag("Condition")] | Annotated[AnyOf, Tag("AnyOf")],
    Discriminator(_kind),
]


class Group(Definition):
    """People for whom every requirement holds at time zero."""

    id: Identifier
    where: tuple[Requirement, ...] = Field(min_length=1)

    @property
    def columns(self) -> frozenset[str]:
        """The attributes of the eve that tell who belongs."""
        conditions = (
            condition
            for requirement in self.where
            for condition in (requirement.any_ if isinstance(requirement, AnyOf) else [requirement])
        )
        return frozenset(condition.column for condition in conditions)


class PublicDefinition(Group):
    """A public."""

    label: str
    description: str


class Territory(Group):
    """A territory: the key (zoning, code), its name, and where one lives to be of it."""

    zoning: str
    code: str
    name: str

    @model_validator(mode="after")
    def _key(self) -> Territory:
        if self.id != f"{self.zoning}-{self.code}":
            raise ValueError(
                f"the id of zoning '{self.zoning}' and code '{self.code}' is "
                f"'{self.zoning}-{self.code}', not '{self.id}'"
            )
        return self


TERRITORIES = "cohorts/territories"
_ZONES_HEADER = ["zoning", "code", "name", "departements"]


def read_territories(root: Path | None = None) -> dict[str, Territory]:
    """The territories of a project folder, by identifier such as ``ze2010-9310``.

    Zones of one code are rows of ``zones.csv``: the zoning is an attribute of the eve that the code
    is looked for in, and `departements`, when given, are those that one must live in besides (the
    region's part of a zone that crosses its border). Any other territory is a file of its own.

    Parameters
    ----------
    root : Path, optional
        The shipped library by default; a folder that has no territories gives none.

    Raises
    ------
    InputError
        If a file is not in that shape, or an identifier is given twice.
    """
    folder = (root or shipped_library()) / TERRITORIES
    zones = folder / "zones.csv"
    found = {zone.id: zone for zone in _rows(zones)} if zones.is_file() else {}
    for path in sorted(folder.glob("*.yml")):
        zone = read_definition(path, Territory)
        if zone.id != path.stem:
            raise InputError(f"{path}: its id is not '{path.stem}', the name of the file")
        if zone.id in found:
            raise InputError(f"{path}: '{zone.id}' is in {zones.name} too: keep one of them")
        found[zone.id] = zone
    return found


def _rows(path: Path) -> list[Territory]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        if rows.fieldnames != _ZONES_HEADER:
            raise InputError(f"{path}: its first line must be {','.join(_ZONES_HEADER)}")
        zones: dict[str, Territory] = {}
        for row in rows:
            zone = _zone(row, f"{path}, line {rows.line_num}")
            if zone.id in zones:
                raise InputError(f"{path}, line {rows.line_num}: '{zone.id}' is given twice")
            zones[zone.id] = zone
    return list(zones.values())


def _zone(row: dict[str, str], where: str) -> Territory:
    zoning, code = row["zoning"], row["code"]
    conditions: list[dict[str, Any]] = []
    if ATTRIBUTES.get(zoning) == "text":
        conditions.append({"column": zoning, "in": [code]})
    if row["departements"]:
        conditions.append({"column": "departement", "in": row["departements"].split()})
    if not conditions:
        known = [name for name, kind in ATTRIBUTES.items() if kind == "text"]
        raise InputError(
            f"{where}: nothing tells who lives in '{code}': give its departements, or a zoning "
            f"that is an attribute of the eve: {nearest(zoning, known)}"
        )
    try:
        return Territory.model_validate(
            {
                "id": f"{zoning}-{code}",
                "zoning": zoning,
                "code": code,
                "name": row["name"],
                "where": conditions,
            }
        )
    except ValidationError as error:
        raise InputError(f"{where}: {error.errors()[0]['msg'].lower()}") from None


def territory(identifier: str) -> Territory:
    """A shipped territory by its identifier.

    Raises
    ------
    InputError
        If it is unknown; the nearest identifier is suggested.
    """
    return chosen(identifier, read_territories())


def chosen(identifier: str, known: dict[str, Territory]) -> Territory:
    """One of the territories known.

    Raises
    ------
    InputError
        If it is not there; the nearest identifier is suggested.
    """
    if identifier not in known:
        raise InputError(f"territory '{identifier}' is unknown: {nearest(identifier, known)}")
    return known[identifier]
