"""The contract of the administrative tables: one pydantic model a table, everything else derived.

The type of a field is the type of the column, `| None` says that it may be empty, `Literal` gives
its codes, and a default says that the whole column may be absent, which reads as empty everywhere.
Checks (`pacte_eval.tables.checks`), published schemas and the page of documentation are generated
from these models. Money is in integer cents and hours in integer minutes, so that sums are exact in
any order.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field

from pacte_eval.definitions.cohort import ObjectiveCode

Diploma = Literal["aucun", "cap_bep", "bac", "bac_2", "bac_3_plus"]
Category = Literal["A", "B", "C", "D", "E"]

COMMUNE = r"\d[\dAB]\d{3}"
ZONE = r"\d{4}"

Person = Annotated[str, Field(description="Pseudonymous key of the person")]


class Registration(BaseModel):
    """An episode of registration as a job-seeker, in one category."""

    person: Person
    start: date = Field(description="First day of the episode")
    end: date | None = Field(description="Last day of the episode; empty while it is open")
    category: Category = Field(
        description="A no work, B up to 78 hours of work in the month, C more, "
        "D not required to search (training, illness), E in a job"
    )
    sex: Literal["F", "M"] | None = Field(description="Sex")
    birth_month: date | None = Field(description="First day of the month of birth")
    diploma: Diploma | None = Field(description="Highest diploma obtained")
    nationality: Literal["francaise", "ue", "hors_ue"] | None = Field(description="Nationality")
    marital_status: Literal["celibataire", "marie", "divorce", "veuf"] | None = Field(
        description="Marital status"
    )
    children: int | None = Field(description="Dependent children", ge=0, le=20)
    lone_parent: bool | None = Field(description="Raises children alone")
    qualification: (
        Literal[
            "manoeuvre",
            "ouvrier_specialise",
            "ouvrier_qualifie",
            "employe_non_qualifie",
            "employe_qualifie",
            "technicien",
            "cadre",
        ]
        | None
    ) = Field(description="Qualification of the job sought")
    rome: str | None = Field(description="ROME code of the job sought", pattern=r"[A-N]\d{4}")
    experience_months: int | None = Field(
        description="Experience in the job sought", ge=0, le=720, json_schema_extra={"unit": "mois"}
    )
    reason: (
        Literal[
            "fin_de_contrat",
            "fin_de_mission",
            "licenciement",
            "demission",
            "premiere_entree",
            "autre",
        ]
        | None
    ) = Field(description="Reason of the registration")
    disability: bool | None = Field(description="Holds the obligation to employ disabled workers")
    rsa: bool | None = Field(description="Receives the RSA")
    qpv: bool | None = Field(description="Lives in a priority neighbourhood (QPV)")
    zrr: bool | None = Field(description="Lives in a rural revitalisation zone (ZRR)")
    commune: str | None = Field(
        description="Insee code of the commune of residence", pattern=COMMUNE
    )
    benefit: Literal["are", "ass", "autre", "aucune"] | None = Field(
        default=None,
        description="Benefit drawn: unemployment insurance (ARE), solidarity (ASS), other, none",
    )
    digital_difficulty: bool | None = Field(
        default=None, description="Noted as being in difficulty with digital tools"
    )
    justice: bool | None = Field(default=None, description="Under judicial supervision")


class Training(BaseModel):
    """An entry into a training programme."""

    training: str = Field(description="Key of the entry")
    person: Person | None = Field(description="Person key; empty when the entry is not linked")
    start: date = Field(description="First day of training")
    end: date | None = Field(description="Last day of training")
    objective: ObjectiveCode | None = Field(description="Objective of the training")
    scheme: str | None = Field(description="Scheme")
    funder: (
        Literal["region", "etat", "pole_emploi", "opco", "agefiph", "beneficiaire", "autre"] | None
    ) = Field(description="Main funder")
    minutes: int | None = Field(
        description="Planned length", ge=0, json_schema_extra={"unit": "minutes"}
    )
    formacode: str | None = Field(description="Field of training", pattern=r"\d{5}")
    level_prepared: Diploma | None = Field(description="Level of the certification prepared")
    axis: Literal["1", "2"] | None = Field(description="Axis of the Pacte that funds the entry")
    lot: str | None = Field(default=None, description="Lot of the purchase that the entry is under")
    dropped_out: bool | None = Field(description="Left before the end")


class Contract(BaseModel):
    """An employment contract of a private employer."""

    contract: str = Field(description="Key of the contract")
    person: Person | None = Field(description="Person key; empty when the contract is not linked")
    start: date = Field(description="First day of the contract")
    end: date | None = Field(description="Last day of the contract; empty while it is open")
    nature: Literal["cdi", "cdd", "interim", "autre"] = Field(
        description="Open-ended, fixed-term, temporary agency, other"
    )
    full_time: bool | None = Field(description="Full-time contract")
    monthly_pay: int | None = Field(
        description="Gross base pay of a full month", ge=0, json_schema_extra={"unit": "centimes"}
    )
    monthly_minutes: int | None = Field(
        description="Working time of a full month", ge=0, json_schema_extra={"unit": "minutes"}
    )
    establishment: str | None = Field(description="Pseudonymous key of the establishment")
    subsidised: bool | None = Field(description="Contract of a public employment policy")


class Certification(BaseModel):
    """What a certifier or a survey says of the outcome of a training."""

    training: str = Field(description="Key of the entry into training")
    status: Literal["obtenue", "partielle", "non_obtenue", "inconnue"] = Field(
        description="Certification obtained, in part, not, or unknown"
    )
    date: Annotated[date | None, Field(description="Day of the decision")]
    origin: Literal["certificateur", "enquete"] | None = Field(
        default=None, description="Who says so: the certifier's file, or a survey"
    )


class MissionLocale(BaseModel):
    """A period of follow-up by a mission locale, in one situation."""

    person: Person
    start: date = Field(description="First day of the situation")
    end: date | None = Field(description="Last day of the situation; empty while it lasts")
    situation: Literal["sans_solution", "emploi", "formation", "scolarite", "autre"] | None = Field(
        description="Neither in employment nor in education or training, in employment, in "
        "training, at school, other"
    )


class Commune(BaseModel):
    """A commune and the zones it belongs to, as Insee's files say."""

    commune: str = Field(description="Insee code of the commune", pattern=COMMUNE)
    name: str | None = Field(description="Name")
    departement: str = Field(description="Code of the departement", pattern=r"\d[\dAB]\d?")
    ze2010: str | None = Field(description="Employment zone of the 2010 vintage", pattern=ZONE)
    ze2020: str | None = Field(
        default=None, description="Employment zone of the 2020 vintage", pattern=ZONE
    )
    zrr: bool | None = Field(default=None, description="In a rural revitalisation zone (ZRR)")
    isolated_rural: bool | None = Field(default=None, description="In an isolated rural area")


@dataclass(frozen=True)
class Column:
    """One column of the contract, as checks and published schemas need it."""

    name: str
    kind: Literal["text", "integer", "boolean", "date"]
    nullable: bool
    required: bool
    description: str
    codes: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    unit: str | None = None


TABLES: dict[str, type[BaseModel]] = {
    "registrations": Registration,
    "trainings": Training,
    "contracts": Contract,
    "certifications": Certification,
    "missions_locales": MissionLocale,
    "communes": Commune,
}
REQUIRED_TABLES = ("registrations", "trainings", "contracts")

_KINDS: dict[type, Literal["text", "integer", "boolean", "date"]] = {
    str: "text",
    int: "integer",
    bool: "boolean",
    date: "date",
}


def columns(table: str) -> dict[str, Column]:
    """The columns of a table of the contract, by name, in order."""
    return {name: _column(name, info) for name, info in TABLES[table].model_fields.items()}


def _column(name: str, info: Any) -> Column:
    annotation, nullable = info.annotation, False
    if get_origin(annotation) in (Union, types.UnionType):
        kept = [part for part in get_args(annotation) if part is not type(None)]
        nullable, annotation = True, kept[0]
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    codes = get_args(annotation) if get_origin(annotation) is Literal else ()
    limits: dict[str, Any] = {}
    for constraint in info.metadata:
        for key in ("ge", "le", "pattern"):
            if getattr(constraint, key, None) is not None:
                limits[key] = getattr(constraint, key)
    return Column(
        name=name,
        kind="text" if codes else _KINDS[annotation],
        nullable=nullable,
        required=info.is_required(),
        description=info.description or "Pseudonymous key of the person",
        codes=codes,
        pattern=limits.get("pattern"),
        minimum=limits.get("ge"),
        maximum=limits.get("le"),
        unit=(info.json_schema_extra or {}).get("unit"),
    )
