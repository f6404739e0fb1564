"""How raw extracts become the contract: which column is what, with which codes, dates and units.

A mapping is data, not a program: a column of the contract is a raw column, in a handful of stated
ways of reading it. What the contract wants that the extracts do not hold is named, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pacte_eval.definitions.cohort import CategoryCode, Identifier
from pacte_eval.definitions.reading import Definition


def _quoted(codes: Any) -> Any:
    """Refuse codes that YAML has read as numbers or as yes and no: 01 would have become 1."""
    for code in codes if isinstance(codes, dict | list) else ():
        if not isinstance(code, str):
            raise ValueError(f"a raw code is written between quotes, such as '{code}'")
    return codes


def _listed(value: Any) -> Any:
    """One value where several could stand."""
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
RawCodes = Annotated[tuple[str, ...], BeforeValidator(_quoted), BeforeValidator(_listed)]
Translation = Annotated[
    dict[str, str | bool | int | None], BeforeValidator(_quoted), Field(min_length=1)
]


class Extract(Definition):
    """A raw extract: one or several files of the folder, read in the order of their names."""

    files: Names = Field(description="Patterns of file names, whatever the case, such as mmo*")
    required: bool = True
    encoding: Literal["auto", "utf-8", "latin-1"] = Field(
        default="auto", description="auto: UTF-8 where the whole file is, else latin-1"
    )
    separator: Literal["auto", ";", ",", "|", "tab"] = "auto"
    decimal: Literal[",", "."] = ","
    missing: RawCodes = Field(default=(), description="Codes of a missing value in any column")


class UnitOfColumn(Definition):
    """A multiplier that another raw column gives, such as years or months."""

    by: str
    codes: Annotated[dict[str, float], BeforeValidator(_quoted), Field(min_length=1)]


class ColumnMapping(Definition):
    """How one column is read.

    Values are trimmed, and those of `missing` are empty. With `codes`, several raw columns are
    joined by `/` before they are looked up; without, the first that is not empty is taken.
    """

    from_: tuple[str, ...] = Field(default=(), alias="from")
    constant: str | bool | int | None = None
    missing: RawCodes = ()
    codes: Translation | None = Field(
        default=None,
        description="From raw code to value; a code that ends with * stands for all that begin so, "
        "* alone for any other; an empty value says that the code means nothing known",
    )
    formats: Names | None = Field(
        default=None,
        description="Of dates beside YYYY-MM-DD, such as DDMMYYYY, DDMONYYYY, YYYYMM, or SAS for a "
        "number of days since 1960",
    )
    month: bool = Field(default=False, description="Keep the first day of the month of a date")
    times: float | UnitOfColumn | None = Field(
        default=None, description="What a number is multiplied by, then rounded to an integer"
    )
    where: dict[str, RawCodes] = Field(
        default_factory=dict,
        description="The value counts only where other raw columns hold one of these codes",
    )
    hashed: bool = Field(default=False, description="Replace the value by its md5")
    optional: bool = Field(
        default=False, description="The raw column may be absent; the column is then empty"
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"from": [value]}
        if isinstance(value, dict) and "from" in value:
            return value | {"from": _listed(value["from"])}
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnMapping:
        if bool(self.from_) == (self.constant is not None):
            raise ValueError("give either from or constant")
        for form in self.formats or ():
            if form != "SAS" and ("YYYY" not in form or not ("MM" in form or "MON" in form)):
                raise ValueError(f"'{form}' is no date format: write it as DDMMYYYY, or SAS")
        return self

    @property
    def raw(self) -> tuple[str, ...]:
        """Every raw column that is read."""
        unit = (self.times.by,) if isinstance(self.times, UnitOfColumn) else ()
        return (*self.from_, *self.where, *unit)


class ReducedActivity(Definition):
    """Hours worked in each month, which cut a registration into episodes of one category."""

    from_: str = Field(alias="from")
    keys: Names = Field(description="Raw columns of both extracts that name the registration")
    month: ColumnMapping
    minutes: ColumnMapping
    up_to_hours: dict[CategoryCode, float] = Field(min_length=1)
    beyond: CategoryCode

    @property
    def columns(self) -> dict[str, ColumnMapping]:
        """The columns of the extract of hours."""
        return {"month": self.month, "minutes": self.minutes}

    @property
    def categories(self) -> tuple[CategoryCode, ...]:
        """Categories that hours decide between, from none to many."""
        ordered = sorted(self.up_to_hours, key=lambda category: self.up_to_hours[category])
        return (*ordered, self.beyond)


class Benefits(Definition):
    """Benefits drawn over periods: an episode takes the one it overlaps the longest."""

    from_: str = Field(alias="from")
    keys: Names = Field(description="Raw columns of both extracts that name the person")
    start: ColumnMapping
    end: ColumnMapping
    benefit: ColumnMapping
    otherwise: str = Field(description="The benefit of an episode that overlaps none")

    @property
    def columns(self) -> dict[str, ColumnMapping]:
        """The columns of the extract of benefits."""
        return {"start": self.start, "end": self.end, "benefit": self.benefit}


class EntryMatch(Definition):
    """Finds the entry into training that a row speaks of, by person and date of entry."""

    person: ColumnMapping
    start: ColumnMapping
    within_days: int = Field(ge=0, description="Days between the two dates of entry, at most")

    @property
    def columns(self) -> dict[str, ColumnMapping]:
        """The columns that tell the entry."""
        return {"person": self.person, "start": self.start}


class TableMapping(Definition):
    """Where a table of the contract comes from."""

    from_: str = Field(alias="from")
    columns: dict[str, ColumnMapping] = Field(min_length=1)
    not_held: tuple[str, ...] = Field(
        default=(), description="Columns of the contract that the extract does not hold"
    )
    latest: str | None = Field(
        default=None,
        description="Key of the contract of which only the rows of the last file are kept, for "
        "extracts where a yearly file repeats what goes on",
    )
    reduced_activity: ReducedActivity | None = None
    benefits: Benefits | None = None
    entry: EntryMatch | None = None
    otherwise: TableMapping | None = Field(
        default=None, description="Where the table comes from when this extract is not given"
    )

    def chain(self) -> Iterator[TableMapping]:
        """This mapping, then those that stand in for it."""
        yield self
        if self.otherwise is not None:
            yield from self.otherwise.chain()

    def extracts(self) -> Iterator[str]:
        """Names of the extracts that are read."""
        yield self.from_
        for part in (self.reduced_activity, self.benefits):
            if part is not None:
                yield part.from_


TableName = Literal["registrations", "trainings", "contracts", "certifications", "missions_locales"]


class MappingDefinition(Definition):
    """The mapping of a family of raw extracts to the contract."""

    id: Identifier
    label: str
    coverage: dict[TableName, tuple[date, date]] = Field(
        default_factory=dict,
        description="First and last day of each table, unless source.yml beside the extracts says",
    )
    extracts: dict[Identifier, Extract] = Field(min_length=1)
    tables: dict[TableName, TableMapping] = Field(min_length=1)

    @model_validator(mode="after")
    def _extracts_known(self) -> MappingDefinition:
        for table, mapping in self.tables.items():
            for part in mapping.chain():
                for name in part.extracts():
                    if name not in self.extracts:
                        raise ValueError(f"{table} reads the extract '{name}', which is not listed")
        return self
